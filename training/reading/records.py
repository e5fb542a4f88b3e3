"""The records of a text: cells between separators, with quotes as RFC 4180 has them, or plainly split."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from itertools import islice, repeat

from ..errors import DataError, UsageError
from ..text import printable, quoted

SEPARATORS = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma"}
_BLANKS = " \t\v\f\x1c\x1d\x1e\x1f"  # what strip() takes away of ASCII, beside the ends of lines


def check_separator(sep: str) -> str:
    """One character, or the word for a tab."""
    sep = {"\\t": "\t", "tab": "\t"}.get(sep, sep)
    if len(sep) != 1 or sep in '"\r\n\0':
        raise UsageError(f"--sep: expected one character, got {quoted(sep)}; try --sep ';' or --sep tab")
    return sep


def find_separator(text: str) -> str:
    """The separator by which most of the first records are as wide as the first; a comma where there is none.

    Of equals the comma comes last: where ; separates as well, commas are decimal.
    """
    sample = text[: 1 << 16]

    def agreement(sep: str) -> int:
        lines = io.StringIO(sample, newline="")
        try:
            widths = [
                len(row) for row in islice(csv.reader(lines, delimiter=sep, skipinitialspace=True), 20) if row
            ]
        except csv.Error:
            return 0
        return widths.count(widths[0]) if widths and widths[0] > 1 else 0

    best = max(SEPARATORS, key=agreement)
    return best if agreement(best) else ","


def plain_columns(text: str, sep: str) -> tuple[list[list[str]], Sequence[int]] | None:
    """The columns of a text without quotes whose lines are equally wide, and the numbers of these lines.

    None where `records` has to look. Of such a text it would read the same, in three times the time.
    """
    if '"' in text:
        return None
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    numbers: Sequence[int] = range(1, len(lines) + 1)
    if not lines[-1]:
        del lines[-1]
    if "" in lines:
        numbers = [number for number, line in enumerate(lines, 1) if line]
        lines = [line for line in lines if line]
    widths, limit = set(map(str.count, lines, repeat(sep))), csv.field_size_limit()
    if len(widths) > 1 or max(map(len, lines)) > limit:
        return None
    clean, rows = _no_blanks(text, sep), len(lines)
    text = sep.join(lines)
    del lines
    cells = text.split(sep)
    if not clean:
        cells = list(map(str.strip, cells))
    width = widths.pop() + 1
    cells[:width] = map(str.strip, cells[:width])
    return [cells[i::width] for i in range(width)], numbers[:rows]


def _no_blanks(text: str, sep: str) -> bool:
    """Whether strip() would change no cell below the first line."""
    start = text.find("\n")
    return text.isascii() and all(text.find(blank, start) < 0 for blank in _BLANKS if blank != sep)


def records(text: str, sep: str, who: str) -> tuple[list[list[str]], list[int]]:
    """The records that are not blank, and the line on which each begins.

    Raises: DataError for quotes that do not close, and what else the csv module refuses.
    """
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=sep, strict=True, skipinitialspace=sep != " "
    )
    rows, lines, line = [], [], 1
    try:
        for row in reader:
            if row:
                rows.append(row)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{who}:{line}: {_complaint(str(error))}") from None
    if max(map(len, rows)) > 1:  # a line of blanks reads as one blank cell
        kept = [i for i, row in enumerate(rows) if len(row) > 1 or row[0].strip()]
        if len(kept) < len(rows):
            rows, lines = [rows[i] for i in kept], [lines[i] for i in kept]
    return rows, lines


def _complaint(error: str) -> str:
    """What the csv module objects to, said so that it can be mended."""
    if "unexpected end" in error:
        return "has a quote that is never closed; close it, or double a quote inside a cell"
    if "field larger" in error:
        return f"has a cell of more than {csv.field_size_limit()} characters; is a quote left open here?"
    if "expected after" in error:
        return "has text after a closing quote; double the quotes inside a cell, or close the quote before it"
    return f"cannot be read ({printable(error)}); mend the line"
