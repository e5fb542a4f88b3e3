"""What a column of a table is: numbers, categories, or nothing to learn from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote

import numpy as np

from ..errors import DataError
from ..reading.cells import INTEGER, Reading, is_date, meant_as_number, why_no_number
from ..reading.table import Table
from ..text import printable, quoted
from .scaling import constant

FEW_LEVELS, MANY_LEVELS = 50, 1000
MANY = 2  # columns that have a note each, rather than one for all
_ID = re.compile(r"(?:.*[\W_])?(?:id|ids|uuid|guid)|.*[a-z0-9](?:Id|ID)|ID|Id")
_INDEX = re.compile(
    r"|#|n|index|idx|rows?|row.?(?:number|num|no|index)|no\.?|nr\.?|number|unnamed.*|col1", re.I
)


def column_kind(table: Table, name: str, reading: Reading, asked: str | None) -> tuple[str, str]:
    """("number" or "category" or "dropped", and why dropped). `asked` is what the user says it is, or None.

    Judged on all rows, so that a bad cell is refused wherever it stands.
    Raises: DataError for a cell that spoils a column of numbers, or for too many categories.
    """
    if reading.present == 0:
        return "dropped", "no values"
    if asked == "category":
        return _asked_category(table, name, reading)
    if asked == "number" or almost_all_numbers(table.column(name), reading):
        return _number(table, name, reading, forced=asked == "number")
    return _text(table, name, reading)


def almost_all_numbers(cells: Sequence[str], reading: Reading) -> bool:
    """Whether the column is meant as numbers, though some cells (the words) are none.

    So it is when there are more distinct numbers than categories would have, and the words are few (one, or
    less than 5 %), or are one token in less than half of the cells. So it is, too, when the words are
    numbers in another notation.
    """
    words, present = [cells[row] for row in reading.words], reading.present
    if not words:
        return True
    if any(map(meant_as_number, words[:20])):
        return 20 * sum(not meant_as_number(word) for word in words) < present
    few = len(words) == 1 or 20 * len(words) < present or (2 * len(words) < present and len(set(words)) == 1)
    return few and len(np.unique(reading.numbers)) > min(10, present // 2)


def _number(table: Table, name: str, reading: Reading, forced: bool) -> tuple[str, str]:
    cells, row, numbers = table.column(name), reading.first_bad, reading.numbers
    if row is not None:
        cell = cells[row].strip()
        ways = [f"--missing-values {as_option(cell)}"] * (len(cell) <= 20 and cell.isprintable())
        ways += [f"--categorical {as_option(name)}"] * (not forced)
        mend = ", or ".join(["fix it", *ways])
        raise DataError(f"{table.place(row, name)}: {why_no_number(cell)}; {mend}")
    if not forced and _is_id(cells, name, reading):
        return "dropped", "looks like an id"
    if constant(numbers[:, None])[0]:
        return "dropped", f"constant ({numbers[0]:.10g})"
    return "number", ""


def _is_id(cells: Sequence[str], name: str, reading: Reading) -> bool:
    """Integers that only name their row: beyond 2**53, or distinct and called so, or counting the rows."""
    numbers, gone = reading.numbers, reading.missing
    if np.abs(numbers).max() > 2**53:  # float64 rounds integers from here on
        return all(INTEGER.fullmatch(cell.strip()) for cell, no in zip(cells, gone, strict=True) if not no)
    called_id, called_index = _ID.fullmatch(name), _INDEX.fullmatch(name.strip())
    if not (called_id or called_index or name.lower().endswith("id")) or gone.any():
        return False
    if np.any(numbers != np.floor(numbers)) or len(np.unique(numbers)) < len(numbers):
        return False
    steps = np.diff(numbers)
    if called_index:
        return numbers[0] in (0, 1) and bool(np.all(steps == 1))
    return called_id is not None or bool(np.all(steps > 0))  # "paid" is no id, "userid" in order is


def _asked_category(table: Table, name: str, reading: Reading) -> tuple[str, str]:
    levels = _levels(table.column(name), reading)
    if len(levels) > MANY_LEVELS:
        raise DataError(
            f"{table.path}, column {name!r}: expected at most {MANY_LEVELS} categories, got {len(levels)}; "
            f"leave it out with --drop {as_option(name)}"
        )
    return ("dropped", f"constant ({quoted(min(levels))})") if _one(levels, reading) else ("category", "")


def _text(table: Table, name: str, reading: Reading) -> tuple[str, str]:
    """A category where levels repeat: at most 50, or up to 1000 in less than half as many as rows."""
    distinct, present = _levels(table.column(name), reading), reading.present
    levels = len(distinct)
    if 20 * sum(map(is_date, distinct)) > 19 * levels:
        return "dropped", "dates or times"
    if _one(distinct, reading):
        return "dropped", f"constant ({quoted(min(distinct))})"
    all_distinct = levels > 10 and 10 * levels > 9 * present
    if not all_distinct and (levels <= FEW_LEVELS or (2 * levels < present and levels <= MANY_LEVELS)):
        return "category", ""
    why = f"text, {levels} distinct"
    if 2 * len(reading.words) < present:  # mostly numbers: say what made it text
        row = int(reading.words[0])
        why += f", such as {quoted(table.column(name)[row])} in line {table.lines[row]}"
    return "dropped", why


def _levels(cells: Sequence[str], reading: Reading) -> set[str]:
    return {cell.strip() for cell, gone in zip(cells, reading.missing, strict=True) if not gone}


def _one(levels: set[str], reading: Reading) -> bool:
    return len(levels) == 1 and not reading.missing.any()  # missing beside one level would make two


def as_option(name: str) -> str:
    """The name as one types it behind an option that takes several, with commas between them."""
    return printable(quote(f'"{name}"' if "," in name else name))
