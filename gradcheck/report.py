"""What a check found, and how it reads."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

Kind = Literal[
    "keys", "shape", "dtype", "order", "missing", "aliasing", "nondeterministic", "repeat-backward",
    "stale-cache", "mutates-input", "mutates-upstream", "mutates-params",
    "zero", "sign", "scale", "precision", "non-finite",
    "transposed", "reshaped", "flipped", "shifted", "swapped", "permuted",
    "not-summed", "over-summed", "wrong-axis", "overlap-not-added", "repeated-index-not-added", "only-some",
    "no-upstream", "no-local-derivative", "upstream-nonlinear", "extra-term", "missing-factor",
    "extra-factor", "wrong-operand", "missing-path", "mean-path", "variance-path",
    "wrong-region", "post-activation", "wrong-formula", "approximation",
    "kink", "unknown",
]  # fmt: skip

INFORMATION = frozenset({"kink", "aliasing"})  # kinds that are worth knowing, and no mistake
CONTRACT = Kind.__args__[:12]  # type: ignore[attr-defined]  # kinds whose messages end in what to do
# a last sentence that begins so says what to do, any other one where to look
VERBS: tuple[str, ...] = ("add ", "cache ", "check ", "compute ", "count ", "crop ", "derive ", "divide ")
VERBS += ("follow ", "keep ", "move ", "multiply ", "put ", "reshape ", "return ", "subtract ", "sum ")
VERBS += ("swap ", "take ", "use ")
WIDTH = 100  # of a line


@dataclass(frozen=True)
class Finding:
    """One mistake: its kind, the array that shows it, and what, why and where to look in words.

    `array` is "dx", "dx[1]" for the second of several inputs, "dW" for the parameter W, "" for the layer as
    a whole.
    """

    kind: Kind
    array: str
    message: str


@dataclass(frozen=True)
class Result:
    """How one gradient compares with the numeric one.

    `verdict` is "ok", "WRONG", "missing", "unclear" (the numeric gradient is too coarse to tell), "kink"
    (nothing but kinks) or "unchecked". `error` is the largest difference in units of the largest numeric
    entry; `analytic` and `numeric` are the two numbers at `index`, or along a direction where index is None.
    `kinks` entries were left out. `checked` says what was compared, `method` where the numeric gradient is
    from: "complex step", which is exact, or "finite differences", good to `precision` in the same units, and
    `doubt` why not the former.
    """

    array: str
    verdict: str
    checked: str = ""
    error: float = float("nan")
    index: tuple[int, ...] | None = None
    analytic: float = float("nan")
    numeric: float = float("nan")
    kinks: int = 0
    method: str = ""
    precision: float = float("nan")
    doubt: str = ""

    def __str__(self) -> str:
        kinks = f", {plural(self.kinks, 'kink')} left out" if self.kinks else ""
        return f"{self.brief}  ({self.checked}{kinks})" if self.checked else self.brief

    @property
    def brief(self) -> str:
        """The same without what was compared."""
        text = f"{self.array} {self.verdict}"
        if self.verdict == "WRONG" and self.error == self.error:
            place = "" if self.index is None else f" at {list(self.index)}"
            text += f"  max rel {self.error:.2g}{place}  {pair(self.analytic, self.numeric)}"
        elif self.verdict in ("ok", "unclear"):
            text += f" {self.error:.0e}" if self.error else " 0"
        return text


@dataclass(frozen=True)
class Report:
    """What a check found: true where it passed. findings[0] is the root cause; str() is for the terminal.

    `contract` names the promises kept, `notes` what was left out, `forwards` counts the calls.
    """

    title: str
    findings: list[Finding]
    results: list[Result]
    contract: str = ""
    notes: list[str] = field(default_factory=list)
    forwards: int = 0
    seconds: float = field(default=0.0, compare=False)

    @property
    def passed(self) -> bool:
        return all(finding.kind in INFORMATION for finding in self.findings)

    def __bool__(self) -> bool:
        return self.passed

    @property
    def method(self) -> str:
        """ "complex step; dW by finite differences: ..., precision 3e-11" """
        coarse = [result for result in self.results if result.doubt]
        exact = any(result.method and not result.doubt for result in self.results)
        texts = ["complex step"] if exact else []
        for doubt in dict.fromkeys(result.doubt for result in coarse):
            alike = [result for result in coarse if result.doubt == doubt]
            known = [result.precision for result in alike if result.precision == result.precision]
            precision = f", precision {max(known):.0e}" if known else ""
            names = (
                f"{', '.join(result.array for result in alike)} by " if len(alike) < len(self.results) else ""
            )
            texts.append(f"{names}finite differences: {doubt}{precision}")
        return "; ".join(texts)

    def __str__(self) -> str:
        right = sum(result.verdict in ("ok", "kink") for result in self.results)
        share = f"{right} of {plural(len(self.results), 'gradient')} right"
        if not self.passed and right == len(self.results):
            share += ", but not all promises kept"
        head = (
            f"{self.title}  {'ok' if self.passed else 'FAIL'}  ({share})  "
            f"{1000 * self.seconds:.1f} ms, {plural(self.forwards, 'forward')}"
        )
        lines = wrapped(f"{head}, {self.method}" if self.method else head, "", "  ")
        for together, alike in groupby(self.results, _joins):
            results = list(alike)
            for text in [_joined(results)] if together else map(str, results):
                lines += wrapped(text, "  ", "    ")
        first = True
        for finding in self.findings:
            if finding.kind in INFORMATION:
                lines += _line("note", f"{finding.kind}: {finding.message}")
                continue
            lines += [line for label, text in told(finding, first) for line in _line(label, text)]
            first = False
        for note in self.notes:
            lines += _line("note", note)
        if self.contract:
            kinks = plural(sum(result.kinks for result in self.results), "kink")
            lines += wrapped(f"contract: {self.contract}, {kinks}", "  ", "    ")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """How a notebook shows the report."""
        from .notebook import html_of  # here, as it knows this file

        return html_of(self)


def told(finding: Finding, first: bool = True) -> Iterator[tuple[str, str]]:
    """A message as labelled lines: "what: evidence; where to look"."""
    rest, _, mend = finding.message.rpartition("; ")
    cause, _, evidence = (rest or mend).partition(": ")
    where = f" in {finding.array}" if finding.array and finding.array not in cause else ""
    yield "cause" if first else "also", f"{finding.kind}{where}: {cause}"
    if evidence:
        yield "because", evidence
    if rest:
        where = mend.removeprefix("look at ").removeprefix("look for ")
        does = finding.kind in CONTRACT or mend.startswith(VERBS)
        label = "because" if finding.kind == "unknown" else "mend" if does else "look at"
        yield label if where == mend else "look at", where


def wrapped(text: str, indent: str = "", hanging: str = "") -> list[str]:
    """Lines of at most 100 columns, broken between words."""
    lines = textwrap.wrap(
        " ".join(text.split("\n")), WIDTH, initial_indent=indent, subsequent_indent=hanging,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace("\xa0", " ") for line in lines]


def _line(label: str, text: str) -> list[str]:
    return wrapped(text, f"  {label:8}", " " * 10)


def _joins(result: Result) -> tuple[str, ...]:
    """What results on one line have in common: all is right there. () for a line of its own."""
    return ("ok", result.checked) if result.verdict == "ok" and not result.kinks else ()


def _joined(results: list[Result]) -> str:
    """ "dx ok 2e-16   dW ok 3e-16   (2 directions)", each gradient unbroken."""
    kept = [result.brief.replace(" ", "\xa0") for result in results]
    return "   ".join([*kept, *([f"({results[0].checked})"] if results[0].checked else [])])


def pair(analytic: float, numeric: float) -> str:
    """Both numbers with as many digits as it takes to see that they differ."""
    for digits in range(3, 17):
        yours, correct = f"{analytic:.{digits}g}", f"{numeric:.{digits}g}"
        if yours != correct:
            break
    return f"yours {analytic:.{digits}g}  numeric {numeric:.{digits}g}"


def plural(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"
