"""How notebooks show a report: HTML, with every text escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Report, Result

GREEN, RED, PALE = "#1a7f37", "#c62828", "#8a8a8a"
COLORS = {"ok": GREEN, "kink": GREEN, "WRONG": RED, "missing": RED}  # of verdicts; others are not sure
CELL = "text-align: left; padding: 2px 12px; vertical-align: top"


def html_of(report: Report) -> str:
    """The verdict, a row for each gradient, and a row for each thing that was found."""
    from .report import INFORMATION, told  # here, as the report knows this file

    verdict, color = ("ok", GREEN) if report.passed else ("FAIL", RED)
    parts = [f"<p><code>{_text(report.title)}</code> <b style='color: {color}'>{verdict}</b></p>"]
    if report.results:
        parts.append(_table([_row(result) for result in report.results]))
    rows, first = [], True
    for finding in report.findings:
        if finding.kind in INFORMATION:
            rows.append(_line("note", f"{finding.kind}: {finding.message}", PALE))
            continue
        for label, text in told(finding, first):
            rows.append(_line(label, text, RED if label in ("cause", "also") else ""))
        first = False
    rows += [_line("note", note, PALE) for note in report.notes]
    if report.method:
        rows.append(_line("method", report.method, PALE))
    if report.contract:
        rows.append(_line("contract", report.contract, PALE))
    return "<div>" + "".join(parts) + (_table(rows) if rows else "") + "</div>"


def _row(result: Result) -> str:
    rest = str(result).removeprefix(f"{result.array} {result.verdict}").strip()
    name, color = f"<code>{_text(result.array)}</code>", COLORS.get(result.verdict, PALE)
    return f"<tr>{_cell(name)}{_cell(f'<b>{_text(result.verdict)}</b>', color)}{_cell(_text(rest))}</tr>"


def _line(label: str, text: str, color: str = "") -> str:
    return f"<tr>{_cell(f'<b>{_text(label)}</b>', color)}{_cell(_text(text))}</tr>"


def _cell(content: str, color: str = "") -> str:
    return f'<td style="{CELL}{f"; color: {color}" if color else ""}">{content}</td>'


def _table(rows: list[str]) -> str:
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _text(text: str) -> str:
    """Letters that XML has no room for are escaped as Python has them, line ends are kept."""
    shown = (c if c.isprintable() or c in "\n\xa0" else c.encode("unicode_escape").decode() for c in text)
    return escape("".join(shown)).replace("\n", "<br>")
