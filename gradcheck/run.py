"""One check from beginning to end: the contract, the numbers, and the numbers at a second point."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from layers.base import Array

from .aliasing import check_aliasing
from .answers import Gradients, read_gradients, read_output
from .beside import judge_beside
from .cause import explain, misshapen, result_of
from .contract import check_default, check_dtype, own_dtype
from .diagnose import diagnose, known_of
from .given import Rngs, read_upstream
from .judge import LARGE, Judge, Judged
from .linear import check_linear
from .loss import LossAsLayer
from .purity import check_deterministic, check_fresh_cache, check_repeatable, check_untouched
from .report import INFORMATION, Finding, Report, Result
from .round import Watched
from .subject import GlobalState, Subject
from .walk import Walk

# findings about one array that say why its numbers are wrong
EXPLAINS = ("repeat-backward", "no-upstream", "extra-term", "upstream-nonlinear", "non-finite")


def run(
    layer: Any,
    inputs: list[Array],
    several: bool,
    upstream: Any,
    level: str,
    rngs: Rngs,
    state: GlobalState | None = None,
) -> Report:
    """Check a layer at x; check_layer says what that means."""
    started = time.perf_counter()
    subject = Subject(layer, inputs, several, state=state)
    title = f"{subject.label}.backward"
    at = Watched(subject)
    at.forward()
    outputs, problem = read_output(subject, at.y)

    def unchecked(problems: list[Finding]) -> Report:
        results = [Result(name, "unchecked") for name in subject.arrays]
        spent = time.perf_counter() - started
        return Report(title, problems, results, forwards=subject.tally[0], seconds=spent)

    if problem:
        return unchecked([problem])
    if upstream is None and isinstance(layer, LossAsLayer) and not outputs[0].ndim:
        upstream = np.ones(())  # dL/dL, so that the report shows the numbers that backward() gives
    upstream = read_upstream(upstream, outputs, isinstance(at.y, tuple), rngs[0])
    other = read_upstream(None, outputs, isinstance(at.y, tuple), rngs[1])
    contract = Contract(at, outputs, upstream, other)
    if not contract.clean and (problems := check_deterministic(subject, outputs)):
        return unchecked(problems)
    contract.check(layer, inputs)
    results, findings = _numbers(contract, level, rngs)
    # a dtype is the lesser evil, and a kink none
    findings = sorted(contract.findings + findings, key=lambda f: (f.kind in INFORMATION, f.kind == "dtype"))
    kept, spent = ", ".join(contract.kept), time.perf_counter() - started
    return Report(title, findings, results, kept, contract.notes, subject.tally[0], spent)


class Contract:
    """The promises about the way backward answers: `findings` where broken, those `kept`, and `notes`."""

    def __init__(self, at: Watched, outputs: list[Array], upstream: Any, other: Any) -> None:
        """`at` has gone forward, and gave these outputs."""
        self.subject, self.outputs, self.upstream, self.other = at.subject, outputs, upstream, other
        at.take(upstream)
        at.backward()
        self.gradients, self.findings, self.notes = read_gradients(at.subject, at.returned)
        self.kept = [] if self.findings else ["names and kinds"]
        walk = Walk(at, outputs, upstream, other)
        self.clean = not self.findings and walk.is_clean(self.gradients)

    def check(self, layer: Any, inputs: list[Array]) -> None:
        """Look at every promise by itself, if not all is clean anyway."""
        subject, upstream, gradients = self.subject, self.upstream, self.gradients
        written = self._promise("arguments untouched", check_untouched, subject, upstream)
        if not written:
            self._promise("repeats", check_repeatable, subject, upstream)
            try:
                self._promise("fresh cache", check_fresh_cache, subject, upstream, gradients, self._wrong)
            except Exception as error:  # x in another order may be no x for this layer
                self.notes.append(f"no look for a stale cache: {type(error).__name__}: {error}")
        linear = subject, self.outputs, upstream, self.other, gradients
        self._promise("linear in upstream", check_linear, *linear)
        if not written:
            self._promise("nothing shared", check_aliasing, subject, upstream)
        self.clean = False  # of what follows, the walk knows nothing
        if isinstance(layer, LossAsLayer) and not np.ndim(upstream):
            self._promise("backward() is backward(1.0)", check_default, subject, gradients)
        own = own_dtype(layer, inputs)
        if own and not any(finding.kind != "aliasing" for finding in self.findings):
            cast = [x.astype(own) if x.dtype.kind == "f" else x for x in inputs]
            whole = layer.in_dtype(own) if isinstance(layer, LossAsLayer) else layer
            narrow = Subject(whole, cast, subject.several, None, subject.globals)
            self._promise(f"{own} stays", check_dtype, narrow, upstream, own)

    def _promise(self, words: str, check: Callable[..., list[Finding]], *about: Any) -> list[Finding]:
        broken = [] if self.clean else check(*about)
        self.findings += broken
        if not broken:
            self.kept.append(words)
        return broken

    def _wrong(self, subject: Subject, gradients: Gradients) -> list[str]:
        judge, arrays = Judge(subject, self.upstream, np.random.default_rng(0)), subject.arrays
        fitting = [name for name in gradients if gradients[name].shape == arrays[name].shape]
        return [name for name in fitting if judge.judge(name, gradients[name], "quick").wrong]


def _numbers(contract: Contract, level: str, rngs: Rngs) -> tuple[list[Result], list[Finding]]:
    """A result for every array, and a finding for every wrong one that the contract does not explain."""
    subject, gradients = contract.subject, contract.gradients
    judge, arrays = Judge(subject, contract.upstream, rngs[2]), subject.arrays
    judged: dict[str, Judged] = {}
    results: dict[str, Result] = {}
    findings: list[Finding] = []
    large = [name for name in gradients if level == "full" and arrays[name].size > LARGE]
    if large:
        contract.notes.append(f"not every entry of {', '.join(large)} tried, as full does up to {LARGE}")
    for name, array in arrays.items():
        if name not in gradients:
            missing = any(finding.array in (name, "") for finding in contract.findings)
            results[name] = Result(name, "missing" if missing else "unchecked")
        elif not np.isfinite(gradients[name]).all():
            results[name] = Result(name, "WRONG", "not finite")
        elif gradients[name].shape != array.shape:
            results[name] = Result(name, "WRONG", f"shape {gradients[name].shape}, expected {array.shape}")
            findings.append(misshapen(judge, name, gradients[name], array.shape, known_of(subject)))
        else:
            judged[name] = judge.judge(name, gradients[name], "auto" if name in large else level)
    beside: dict[str, Judged] = {}
    if not any(one.wrong for one in judged.values()):
        beside, notes = judge_beside(subject, contract.upstream, judged, rngs[3])
        contract.notes += notes
    wrong = [
        name for name in reversed(judged) if judged[name].wrong or (name in beside and beside[name].wrong)
    ]
    causes: dict[str, Finding] = {}
    try:
        causes = {f.array: f for f in diagnose(subject, judge.step, wrong, rngs[3])} if wrong else {}
    except Exception as error:  # out of the layer, at an x that it does not take, say
        contract.notes.append(f"no cause is looked for: {type(error).__name__}: {error}")
    explained = {finding.array for finding in contract.findings if finding.kind in EXPLAINS}
    shapes = dict(zip(subject.input_names, (x.shape for x in subject.inputs), strict=True))
    # the gradient nearest the output comes first: what is wrong there spoils what lies below
    for name in reversed(judged):
        there = beside.get(name)
        here = judged[name].settled_by(there)
        if judged[name].of("unclear") and not here.of("unclear"):
            contract.notes.append(f"{name}: forward is too coarse here, and {name} judged at a second point")
        doubt = judge.step.doubt(name, rngs[2]) if here.analytic.size else ""
        results[name] = result_of(here, there, doubt)
        if here.vanishes:
            contract.notes.append(f"{name} is 0 to rounding throughout; another x may say more")
        if name in causes or name not in explained:
            unclear = explain(there if there and there.wrong else here, shapes)
            findings += [causes[name]] if name in causes else unclear
    if causes:  # the root first; what has no cause of its own follows from it, as far as one can tell
        findings = [*causes.values(), *(f for f in findings if f.array not in causes and f.kind != "unknown")]
    return [results[name] for name in arrays], findings
