"""What a check found, and how it reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "keys", "shape", "dtype", "order", "missing", "nondeterministic", "repeat-backward", "stale-cache",
    "mutates-input", "mutates-upstream", "mutates-params",
    "zero", "sign", "scale", "precision", "non-finite",
    "transposed", "no-upstream", "upstream-nonlinear", "extra-term",
    "kink", "unknown",
]  # fmt: skip

INFORMATION = frozenset({"kink"})  # kinds that are worth knowing, and no mistake


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
    `kinks` entries were left out. `checked` says what was compared.
    """

    array: str
    verdict: str
    checked: str = ""
    error: float = float("nan")
    index: tuple[int, ...] | None = None
    analytic: float = float("nan")
    numeric: float = float("nan")
    kinks: int = 0

    def __str__(self) -> str:
        text = f"{self.array} {self.verdict}"
        if self.verdict == "WRONG" and self.error == self.error:
            place = "" if self.index is None else f" at {list(self.index)}"
            text += f"  max rel {self.error:.2g}{place}  {pair(self.analytic, self.numeric)}"
        elif self.verdict in ("ok", "unclear"):
            text += f"  {self.error:.0e}"
        kinks = f", {plural(self.kinks, 'kink')} left out" if self.kinks else ""
        return f"{text}  ({self.checked}{kinks})" if self.checked else text


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

    @property
    def passed(self) -> bool:
        return all(finding.kind in INFORMATION for finding in self.findings)

    def __bool__(self) -> bool:
        return self.passed

    def __str__(self) -> str:
        right = sum(result.verdict in ("ok", "kink") for result in self.results)
        lines = [
            f"{self.title}  {'ok' if self.passed else 'FAIL'}  "
            f"({right} of {plural(len(self.results), 'gradient')} right)  "
            f"{plural(self.forwards, 'forward')}, central differences in float64"
        ]
        lines += [f"  {result}" for result in self.results]
        lines += [f"  {finding.kind}: {finding.message}" for finding in self.findings]
        lines += [f"  note: {note}" for note in self.notes]
        if self.contract:
            lines.append(f"  contract: {self.contract}")
        return "\n".join(lines)


def pair(analytic: float, numeric: float) -> str:
    """Both numbers with as many digits as it takes to see that they differ."""
    for digits in range(3, 17):
        yours, correct = f"{analytic:.{digits}g}", f"{numeric:.{digits}g}"
        if yours != correct:
            break
    return f"yours {analytic:.{digits}g}  numeric {numeric:.{digits}g}"


def plural(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"
