"""One check from beginning to end: the contract, the numbers, and the numbers at a second point."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from .arrays import fresh
from .beside import judge_beside
from .cause import explain, misshapen, result_of
from .contract import (
    Gradients,
    check_default,
    check_dtype,
    check_linear,
    own_dtype,
    read_gradients,
    read_output,
)
from .given import Rngs, read_upstream
from .judge import Judge, Judged
from .loss import LossAsLayer
from .purity import check_deterministic, check_fresh_cache, check_repeatable, check_untouched
from .report import INFORMATION, Finding, Report, Result
from .subject import Subject

# findings about one array that say why its numbers are wrong
EXPLAINS = ("repeat-backward", "no-upstream", "extra-term", "upstream-nonlinear", "non-finite")


def run(layer: Any, inputs: list[Array], several: bool, upstream: Any, level: str, rngs: Rngs) -> Report:
    """Check a layer at x; check_layer says what that means."""
    subject = Subject(layer, inputs, several)
    title = f"{subject.label}.backward"
    y = subject.forward(subject.start(), subject.x)
    outputs, problem = read_output(subject, y)
    problems = [problem] if problem else check_deterministic(subject, outputs)
    if problems:
        return Report(title, problems, [Result(name, "unchecked") for name in subject.arrays])
    if upstream is None and isinstance(layer, LossAsLayer) and not outputs[0].ndim:
        upstream = np.ones(())  # dL/dL, so that the report shows the numbers that backward() gives
    upstream = read_upstream(upstream, outputs, isinstance(y, tuple), rngs[0])
    other = read_upstream(None, outputs, isinstance(y, tuple), rngs[1])
    contract = Contract(subject, upstream)
    contract.check(layer, inputs, other)
    results, findings = _numbers(contract, level, rngs)
    # a dtype is the lesser evil, and a kink none
    findings = sorted(contract.findings + findings, key=lambda f: (f.kind in INFORMATION, f.kind == "dtype"))
    return Report(title, findings, results, ", ".join(contract.kept), contract.notes, subject.tally[0])


class Contract:
    """The promises about the way backward answers: `findings` where broken, those `kept`, and `notes`."""

    def __init__(self, subject: Subject, upstream: Any) -> None:
        self.subject, self.upstream = subject, upstream
        layer = subject.start()
        subject.forward(layer, subject.x)
        returned = subject.backward(layer, fresh(upstream))
        self.gradients, self.findings, self.notes = read_gradients(subject, returned)
        self.kept = [] if self.findings else ["names and kinds"]

    def check(self, layer: Any, inputs: list[Array], other: Any) -> None:
        subject, upstream, gradients = self.subject, self.upstream, self.gradients
        written = check_untouched(subject, upstream)
        self._promise("arguments untouched", written)
        if not written:
            self._promise("repeats", check_repeatable(subject, upstream))
            try:
                self._promise("fresh cache", check_fresh_cache(subject, upstream, gradients, self._wrong))
            except Exception as error:  # x in another order may be no x for this layer
                self.notes.append(f"no look for a stale cache: {type(error).__name__}: {error}")
        self._promise("linear in upstream", check_linear(subject, upstream, other, gradients))
        if isinstance(layer, LossAsLayer) and not np.ndim(upstream):
            self._promise("backward() is backward(1.0)", check_default(subject, gradients))
        own = own_dtype(layer, inputs)
        if own and not self.findings:
            cast = [x.astype(own) if x.dtype.kind == "f" else x for x in inputs]
            whole = layer.in_dtype(own) if isinstance(layer, LossAsLayer) else layer
            narrow = Subject(whole, cast, subject.several, dtype=None)
            self._promise(f"{own} stays", check_dtype(narrow, upstream, own))

    def _promise(self, words: str, broken: list[Finding]) -> None:
        self.findings += broken
        if not broken:
            self.kept.append(words)

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
    for name, array in arrays.items():
        if name not in gradients:
            missing = any(finding.array in (name, "") for finding in contract.findings)
            results[name] = Result(name, "missing" if missing else "unchecked")
        elif not np.isfinite(gradients[name]).all():
            results[name] = Result(name, "WRONG", "not finite")
        elif gradients[name].shape != array.shape:
            results[name] = Result(name, "WRONG", f"shape {gradients[name].shape}, expected {array.shape}")
            findings.append(misshapen(judge, name, gradients[name], array.shape))
        else:
            judged[name] = judge.judge(name, gradients[name], level)
    beside: dict[str, Judged] = {}
    if not any(one.wrong for one in judged.values()):
        beside, notes = judge_beside(subject, contract.upstream, judged, rngs[3])
        contract.notes += notes
    explained = {finding.array for finding in contract.findings if finding.kind in EXPLAINS}
    shapes = dict(zip(subject.input_names, (x.shape for x in subject.inputs), strict=True))
    # the gradient nearest the output comes first: what is wrong there spoils what lies below
    for name in reversed(judged):
        here, there = judged[name], beside.get(name)
        results[name] = result_of(here, there)
        if here.vanishes:
            contract.notes.append(f"{name} is 0 to rounding throughout; another x may say more")
        if name not in explained:
            findings += explain(there if there and there.wrong else here, shapes)
    return [results[name] for name in arrays], findings
