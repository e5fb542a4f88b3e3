"""A gradient checker's report, shared out among the parts of a task: each mistake costs one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gradcheck import Finding, Report
from gradcheck.report import INFORMATION, told

PROMISES = frozenset({
    "mutates-input", "mutates-upstream", "mutates-params", "repeat-backward", "stale-cache",
    "nondeterministic", "dtype", "order", "keys",
})  # fmt: skip


def wrong_arrays(report: Report, *, parameters: bool | None = None) -> list[str]:
    """The gradients that are wrong: all of them, or those of the parameters, or that of the input.

    Wrong is one whose numbers are, or that is not there, or right by chance (no upstream, where that is 1).
    """
    found = {finding.array for finding in _mistakes(report) if finding.kind not in PROMISES}
    right = ("ok", "kink", "unclear")
    wrong = [one.array for one in report.results if one.verdict not in right or one.array in found]
    return [array for array in wrong if parameters is None or _is_parameter(array) == parameters]


def said_of(report: Report, arrays: Iterable[str]) -> str:
    """What the checker has to say of these gradients: of each its own cause, else the root of them all."""
    lines: list[str] = []
    for result in report.results:
        if result.array in arrays:
            causes = sorted(_mistakes(report), key=lambda finding: finding.array != result.array)
            lines += [result.brief, *(line for finding in causes[:1] for line in _lines(finding))]
    return "\n".join(dict.fromkeys(lines))


def broken_promises(report: Report) -> str:
    """What forward or backward does that no layer may; "" where nothing. Wrong numbers are another part's.

    Where there was nothing to compare, no promise could be looked at, and none counts as kept.
    """
    wrong, mistakes = wrong_arrays(report), _mistakes(report)
    if any(result.verdict in ("ok", "WRONG", "unclear", "kink") for result in report.results):
        mistakes = [finding for finding in mistakes if finding.array not in wrong]
    return "\n".join(line for finding in mistakes for line in _lines(finding))


def _is_parameter(array: str) -> bool:
    return not (array == "dx" or array.startswith("dx["))


def _mistakes(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.kind not in INFORMATION]


def _lines(finding: Finding) -> Iterator[str]:
    for label, text in told(finding):
        yield f"  {label:8}{text}"
