"""What is known of each layer of a network: what it did in the network, and what its checks came to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from .anatomy import label_of, params_of
from .arrays import parts_of
from .check import check_layer
from .recording import Call, Recording
from .report import INFORMATION, Finding, Report, Result, plural, told, wrapped

# forwards that a check of one array takes, about
AUTO, QUICK = 400, 130


@dataclass(frozen=True)
class NetworkReport(Report):
    """A report with a line for every layer of a network; a result's `array` is "2  Affine(4 -> 2)"."""

    def __str__(self) -> str:
        right = sum(result.verdict in ("ok", "kink") for result in self.results)
        width = max(len(result.array) for result in self.results)
        lines = [
            f"{self.title}  {'ok' if self.passed else 'FAIL'}  "
            f"({right} of {plural(len(self.results), 'part')} right)  {plural(self.forwards, 'forward')}"
        ]
        lines += [
            f"  {result.array:{width}} {str(result).removeprefix(result.array)}" for result in self.results
        ]
        labelled = list[tuple[str, str]]()
        for i, finding in enumerate(self.findings):
            place, _, message = finding.message.partition(": ")
            labelled += told(Finding(finding.kind, place, message), first=not i)
        labelled += [("note", note) for note in self.notes]
        for label, text in labelled:
            lines += wrapped(text, f"  {label:8}", " " * 10)
        return "\n".join(lines)


class Ledger:
    """Findings, notes and a row for every layer, and the time that is left for more."""

    layers: dict[str, Any]
    run: Recording

    def __init__(self, model: Any, loss: Any, seed: int, deadline: float) -> None:
        self.user = model, loss
        self.title = f"{label_of(model)} with {label_of(loss)}"
        self.seed, self.deadline = seed, deadline
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.left_out: list[str] = []
        self.rows: dict[str, Result] = {}
        self.wrong: set[str] = set()
        self.forwards = 0
        self.reserve = 0.0  # seconds kept for the whole
        self.top_name = "loss"

    def check(
        self, name: str, layer: Any, x: Any, seconds: float, upstream: Any = None, level: str = "auto"
    ) -> Report | None:
        """check_layer if there is time for it, a quick one if that will do; None if not."""
        if not all(isinstance(part, np.ndarray) and np.isfinite(part).all() for part in parts_of(x)):
            return None
        arrays = len(params_of(layer)) + sum(part.dtype.kind == "f" for part in parts_of(x))
        if upstream is not None or not self.affords(seconds, arrays, AUTO):
            level = "quick"
        if level == "quick" and not self.affords(seconds, arrays, QUICK):
            if upstream is None:
                self.left_out.append(self.place(name))
            return None
        return self.look(name, layer, x, upstream, level)

    def look(self, name: str, layer: Any, x: Any, upstream: Any, level: str) -> Report:
        try:
            report = check_layer(layer, x, upstream=upstream, level=level, rng=self.seed)
        except Exception as error:
            error.add_note(f"gradcheck: in a check of {self.place(name)} by itself")
            raise
        self.forwards += report.forwards
        return report

    def affords(self, seconds: float, arrays: int, forwards: int) -> bool:
        return time.perf_counter() + seconds * arrays * forwards < self.deadline - self.reserve

    def tell(self, name: str, reports: list[Report], before: str = "", checked: str = "") -> None:
        """A row for the layer; its findings, by its name."""
        found = [finding for report in reports for finding in report.findings]
        mistakes = [finding for finding in found if finding.kind not in INFORMATION]
        if reports and name in self.run.inside and not self.run.inside[name]:
            kinks = [finding.message for finding in reports[0].findings if finding.kind in INFORMATION]
            self.notes += [f"{self.place(name)}: {note}" for note in (*kinks, *reports[0].notes)]
        for finding in mistakes:
            array = dotted(name, finding.array)
            if array not in [known.array for known in self.findings]:
                message = f"{self.place(name)}: {before}{finding.message}"
                self.findings.append(Finding(finding.kind, array, message))
        if mistakes:
            self.wrong.add(name)
        self.rows[name] = row(self.title_of(name), reports, mistakes, checked)

    def upstream_of(self, name: str, i: int, calls: list[Call]) -> Any:
        """What came down to the i-th forward, the last one first; None if that shows no gradient."""
        backs = self.run.backwards(name)
        if len(backs) != len(calls):
            return None
        own, y = parts_of(backs[-1 - i].given), parts_of(calls[i].returned)
        if len(own) != len(y) or any(np.shape(u) != np.shape(part) for u, part in zip(own, y, strict=True)):
            return None
        if not all(isinstance(u, np.ndarray) and np.isfinite(u).all() for u in own):
            return None
        return backs[-1 - i].given if any(np.any(u) for u in own) else None

    def within(self, name: str) -> set[str]:
        inner = set(self.run.inside[name])
        return inner.union(*(self.within(child) for child in inner))

    def depth(self, name: str) -> int:
        """How many layers a layer stands in; the network itself in none."""
        outer = [self.depth(other) + 1 for other, inner in self.run.inside.items() if name in inner]
        return max(outer, default=0)

    def place(self, name: str) -> str:
        if name == self.top_name:
            return f"the loss, {label_of(self.user[1])}"
        label = label_of(self.layers[name])
        return f"layer {name}, {label}" if name else f"the network, {label}"

    def title_of(self, name: str) -> str:
        label = label_of(self.user[1]) if name == self.top_name else label_of(self.layers[name])
        return f"{name or 'network'}  {label}"

    def lines(self) -> list[Result]:
        """A row for every layer in the order of the network, the loss, and the whole."""
        names = [*filter(None, self.layers), self.top_name, ""]
        return [
            self.rows.get(name, Result(self.title_of(name), "unchecked"))
            for name in names
            if name in (self.top_name, "") or name in self.rows or self.run.forwards(name)
        ]


def row(title: str, reports: list[Report], mistakes: list[Finding], checked: str) -> Result:
    """All results for one layer in one: the worst."""
    results = [result for report in reports for result in report.results]
    if mistakes:
        wrong = [result for result in results if result.verdict == "WRONG" and result.error == result.error]
        if not wrong:
            return Result(title, "WRONG", mistakes[0].kind)
        worst = max(wrong, key=lambda result: result.error)
        return Result(
            title, "WRONG", worst.array, worst.error, worst.index, worst.analytic, worst.numeric, worst.kinks
        )
    verdicts = [result.verdict for result in results]
    if not reports or "missing" in verdicts:
        return Result(title, "unchecked")
    errors = [result.error for result in results if result.error == result.error]
    verdict = "unclear" if "unclear" in verdicts else "ok"
    return Result(title, verdict, checked, max(errors, default=0.0), kinks=sum(r.kinks for r in results))


def dotted(name: str, array: str) -> str:
    """ "dW" of layer 2 is "2.W" """
    return ".".join(part for part in (name, array.removeprefix("d")) if part)
