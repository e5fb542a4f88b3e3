"""Reading a CSV file: bytes -> text -> records -> columns. Each complaint names the file and the line."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from ..errors import DataError
from ..text import listing, quoted
from .cells import NUMBER
from .decode import decode
from .records import SEPARATORS, check_separator, find_separator, plain_columns, records
from .table import Table

CELL, QUOTED = 90, 150  # bytes that a cell takes while it is read, without and with quotes in the file


def parse_csv(
    raw: bytes, who: str, *, sep: str | None = None, header: bool = True, encoding: str = "utf-8"
) -> Table:
    """The table in the bytes of a file that messages call `who`, as columns of text without blanks around.

    The separator is found among , ; tab | unless `sep` says it. Quotes follow RFC 4180; blank lines are
    skipped. Without a header the columns are called col1, col2, ...

    Raises: DataError that names the file and the line; UsageError for an impossible sep or encoding.
    """
    text, encoding = decode(raw, who, encoding)
    sep = find_separator(text) if sep is None else check_separator(sep)
    columns, lines = plain_columns(text, sep) or quoted_columns(text, sep, who, header)
    del text
    names = [""] * len(columns)
    if header:
        names = [column.pop(0) for column in columns]
        check_header(names, lines, who)
        lines = lines[1:]
    notes = []
    while len(names) > 1 and not names[-1] and not any(columns[-1]):
        notes.append(
            f"{who}: the empty column {len(names)} at the end is dropped; each line ends in a separator"
        )
        del names[-1], columns[-1]
    if header:
        notes += header_notes(names, who)
    names = [name or f"col{i}" for i, name in enumerate(names, 1)]
    check_distinct(names, who)
    form = f"{SEPARATORS.get(sep, quoted(sep))}-separated, {encoding}"
    return Table(who, tuple(names), tuple(columns), lines, tuple(notes), form)


def table_cost(head: bytes, size: int) -> int:
    """The bytes of memory that a file of this size takes as a table, judged by how it begins."""
    if not head:
        return 0
    cells = max(head.count(sep) for sep in (b",", b";", b"\t", b"|")) + head.count(b"\n")
    return size * (2 * len(head) + (QUOTED if b'"' in head else CELL) * cells) // len(head)


def quoted_columns(text: str, sep: str, who: str, header: bool) -> tuple[list[list[str]], Sequence[int]]:
    """The columns of any text, and the lines on which their cells begin; complaints about uneven lines."""
    rows, lines = records(text, sep, who)
    if header:
        rows[0] = [name.strip() for name in rows[0]]
        check_header(rows[0], lines, who)
        rows[0] += extra_names(rows[0], rows[1:])
    check_widths(rows, lines, sep, who, "the header" if header else "the first row")
    width, cells = len(rows[0]), list(map(str.strip, chain.from_iterable(rows)))
    return [cells[i::width] for i in range(width)], lines


def check_header(names: Sequence[str], lines: Sequence[int], who: str) -> None:
    if all(map(NUMBER.fullmatch, names)):
        raise DataError(
            f"{who}:{lines[0]}: the header is all numbers ({listing(names, 4)}), so it looks like data; "
            "add --no-header, or a line with the names of the columns"
        )
    if len(lines) == 1:
        raise DataError(f"{who}: has a header and 0 rows; rows are needed")


def header_notes(names: Sequence[str], who: str) -> list[str]:
    """Warnings about names: absent ones, and so many numbers that the first row may be data."""
    notes = [
        f"{who}: column {i} has no name, it is called col{i}" for i, name in enumerate(names, 1) if not name
    ]
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    if 2 * len(numbers) >= len(names):
        notes.append(
            f"{who}: {len(numbers)} of {len(names)} column names are numbers; "
            "if the first row is data, add --no-header"
        )
    return notes


def extra_names(names: Sequence[str], rows: list[list[str]]) -> list[str]:
    """Empty names for empty cells at the end of every row which the header does not have."""
    width, extra = len(names), len(rows[0]) - len(names)
    trailing = extra > 0 and all(len(row) == width + extra and not any(row[width:]) for row in rows)
    return [""] * extra if trailing else []


def check_widths(rows: list[list[str]], lines: list[int], sep: str, who: str, top: str) -> None:
    width = len(rows[0])
    if set(map(len, rows)) == {width}:
        return
    row, line = next((row, line) for row, line in zip(rows, lines, strict=True) if len(row) != width)
    name = SEPARATORS.get(sep, quoted(sep))
    mend = f"put a cell that holds a {name} in double quotes" if len(row) > width else "add what is missing"
    cells = f"{len(row)} cell{'s' * (len(row) > 1)}"
    raise DataError(f"{who}:{line}: has {cells}, expected {width} as in {top}; {mend}")


def check_distinct(names: Sequence[str], who: str) -> None:
    seen: dict[str, int] = {}
    for i, name in enumerate(names, 1):
        if name in seen:
            mend = ", or add --no-header if the first row is data" if NUMBER.fullmatch(name) else ""
            raise DataError(
                f"{who}: columns {seen[name]} and {i} are both named {quoted(name)}; rename one{mend}"
            )
        seen[name] = i
