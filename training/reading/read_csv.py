"""Reading a CSV file: bytes -> text -> records -> columns. Each complaint names the file and the line."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Sequence
from itertools import chain, islice

from ..errors import DataError, UsageError
from ..text import listing, printable, quoted
from .cells import NUMBER
from .files import kind, read_bytes
from .table import Table

SEPARATORS = {"\t": "tab", ";": "semicolon", "|": "bar", ",": "comma"}


def read_csv(
    path: str | os.PathLike[str], *, sep: str | None = None, header: bool = True, encoding: str = "utf-8"
) -> Table:
    """The table in a .csv, .tsv or .txt file, gzipped or not, as columns of text without blanks around them.

    The separator is found among , ; tab | unless `sep` says it. Quotes follow RFC 4180; blank lines are
    skipped. Without a header the columns are called col1, col2, ...

    Raises: DataError that names the file and the line; UsageError for an impossible sep or encoding.
    """
    who = printable(path)
    raw = read_bytes(path)
    text, encoding = decode(raw, who, encoding)
    if not text or text.isspace():
        raise DataError(f"{who}: is empty ({len(raw)} bytes, all of them blank); check how it was saved")
    sep = find_separator(text) if sep is None else check_separator(sep)
    rows, lines = records(text, sep, who)
    names = [name.strip() for name in rows[0]] if header else [""] * len(rows[0])
    if header:
        check_header(names, f"{who}:{lines[0]}")
        rows, lines = rows[1:], lines[1:]
        if not rows:
            raise DataError(f"{who}: has a header and 0 rows; rows are needed")
    names += extra_names(names, rows)
    check_widths(len(names), rows, lines, sep, who, "the header" if header else "the first row")

    cells = list(chain.from_iterable(rows))
    columns = [list(map(str.strip, cells[i :: len(names)])) for i in range(len(names))]
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


def decode(raw: bytes, who: str, encoding: str) -> tuple[str, str]:
    """The text of a file and its encoding; a byte-order mark outweighs the encoding that was asked for."""
    if what := kind(raw):
        raise DataError(f"{who}: {what}")
    if raw.startswith(codecs.BOM_UTF8):
        start, encoding = len(codecs.BOM_UTF8), "utf-8"
    elif raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        start, encoding = 0, "utf-32"
    elif raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        start, encoding = 0, "utf-16"
    else:
        start = 0
    try:
        text = str(memoryview(raw)[start:], encoding)
    except UnicodeDecodeError as error:
        at = min(start + error.start, len(raw) - 1)
        line = len((raw[:at] + b".").splitlines())
        other = "latin-1" if encoding.lower() in ("utf-8", "utf8", "ascii") else "utf-8"
        raise DataError(
            f"{who}:{line}: byte 0x{raw[at]:02x} at offset {at} is not {encoding.upper()}; "
            f"try --encoding {other}"
        ) from None
    except UnicodeError as error:
        raise DataError(f"{who}: is not {encoding} ({printable(error)}); try --encoding latin-1") from None
    except (LookupError, ValueError):
        raise UsageError(
            f"--encoding: expected the name of a text encoding, got {quoted(encoding)}; try utf-8 or latin-1"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{who}:{line}: has a NUL byte: binary data, or UTF-16 (try --encoding utf-16)")
    return text, encoding


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


def records(text: str, sep: str, who: str) -> tuple[list[list[str]], list[int]]:
    """The records that are not blank, and the line on which each begins."""
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
        raise DataError(f"{who}:{line}: {complaint(str(error))}") from None
    if max(map(len, rows)) > 1:  # a line of blanks reads as one blank cell
        kept = [i for i, row in enumerate(rows) if len(row) > 1 or row[0].strip()]
        if len(kept) < len(rows):
            rows, lines = [rows[i] for i in kept], [lines[i] for i in kept]
    return rows, lines


def complaint(error: str) -> str:
    """What the csv module objects to, said so that it can be mended."""
    if "unexpected end" in error:
        return "has a quote that is never closed; close it, or double a quote inside a cell"
    if "field larger" in error:
        return f"has a cell of more than {csv.field_size_limit()} characters; is a quote left open here?"
    if "expected after" in error:
        return "has text after a closing quote; double the quotes inside a cell, or close the quote before it"
    return f"cannot be read ({printable(error)}); mend the line"


def check_header(names: Sequence[str], place: str) -> None:
    if all(map(NUMBER.fullmatch, names)):
        raise DataError(
            f"{place}: the header is all numbers ({listing(names, 4)}), so it looks like data; "
            "add --no-header, or a line with the names of the columns"
        )


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


def check_widths(width: int, rows: list[list[str]], lines: list[int], sep: str, who: str, top: str) -> None:
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
