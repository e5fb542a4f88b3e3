"""What a cell of text says: a number, nothing, a date, or a word."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from layers.base import Array

from ..text import quoted

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "None", "?")

# Narrower than float(), which also takes 1_000 and the digits of every script.
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
INTEGER = re.compile(r"[+-]?[0-9]+")
_LETTERS = b"0123456789+-.eE \t"  # with these alone, float() takes exactly what NUMBER does
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)

# Numbers as people and other programs write them: 1,5  1,234.50  1 234  1_000  −1  $12  12%  0x10  １２
_ALMOST = re.compile(
    r"0[xX][0-9a-fA-F]+"
    r"|[-+−]?\s?[$€£¥]?\s?(?:\d[\d_]*|\d{1,3}(?:[ ,.'\u00a0\u202f]\d{3})+)"
    r"(?:[.,]\d*)?(?:[eE][-+−]?\d+)?\s?[%$€£¥]?"
)
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:\s?[ap]\.?m\.?)?(?:\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = (
    r"\d{4}(?P<a>[-/.])\d{1,2}(?P=a)\d{1,2}|\d{1,2}(?P<b>[-/.])\d{1,2}(?P=b)(?:\d{4}|\d{2})|\d{4}-\d{2}"
    rf"|\d{{1,2}}[- ]{_MONTH}[- ]\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}|{_MONTH} \d{{4}}"
)
_DATE = re.compile(rf"(?:{_DAY})(?:[T ]\s?{_CLOCK})?|{_CLOCK}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Reading:
    """A column read as numbers.

    Shapes: values (n,) float64, nan where there is no number; missing (n,) bool; words (m,), the rows of
    cells that are neither a number nor missing.
    """

    values: Array
    missing: Array
    words: Array

    @property
    def present(self) -> int:
        """How many cells are not missing."""
        return len(self.missing) - int(np.count_nonzero(self.missing))

    @property
    def first_bad(self) -> int | None:
        """The first row of a word or of an infinite number, None where there is none."""
        bad = np.isinf(self.values)
        bad[self.words] = True
        return int(bad.argmax()) if bad.any() else None

    def take(self, rows: Array) -> Reading:
        """The given rows, in the given order."""
        values, missing = self.values[rows], self.missing[rows]
        return Reading(values, missing, np.flatnonzero(np.isnan(values) & ~missing))

    @property
    def numbers(self) -> Array:
        """The numbers alone."""
        numbers: Array = self.values[~np.isnan(self.values)]
        return numbers

    def numbers_in(self, rows: Array) -> Array:
        """The numbers alone, of some rows."""
        values = self.values[rows]
        return values[~np.isnan(values)]


def read_numbers(cells: Sequence[str], tokens: Collection[str] = ()) -> Reading:
    """The cells as numbers; those that equal one of the tokens are missing, infinite ones stay infinite."""
    n = len(cells)
    values = None if any(NUMBER.fullmatch(token) for token in tokens) else _all_numbers(cells)
    if values is not None:
        return Reading(values, np.zeros(n, bool), np.zeros(0, np.intp))
    cells = [cell.strip() for cell in cells]
    missing = np.fromiter(map(frozenset(tokens).__contains__, cells), bool, n)
    present = list(compress(cells, ~missing))
    found = _all_numbers(present)
    if found is None:
        found = np.array([_number(cell) for cell in present])
    values = np.full(n, np.nan)
    values[~missing] = found
    return Reading(values, missing, np.flatnonzero(np.isnan(values) & ~missing))


def _all_numbers(cells: Sequence[str]) -> Array | None:
    """The whole column at once, or None when a cell of it is no number."""
    try:
        if "".join(cells).encode("ascii").translate(None, _LETTERS):
            return None
        return np.fromiter(map(float, cells), np.float64, len(cells))
    except ValueError:  # a letter beyond ASCII, or a cell like "1-2"
        return None


def _number(cell: str) -> float:
    return float(cell) if NUMBER.fullmatch(cell) or _INFINITE.fullmatch(cell) else np.nan


def meant_as_number(cell: str) -> bool:
    """Whether a word is a number in a notation that is not read, such as 1,5 or 12%."""
    return _ALMOST.fullmatch(cell.strip()) is not None


def is_date(cell: str) -> bool:
    """Whether the cell is a date, a time of day, or both."""
    return _DATE.fullmatch(cell.strip()) is not None


def why_no_number(cell: str) -> str:
    """What keeps the cell from being a number: "'13o' is not a number"."""
    cell = cell.strip()
    said = f"{quoted(cell)} is not a number"
    if _INFINITE.fullmatch(cell) or NUMBER.fullmatch(cell):
        return f"{quoted(cell)} is not a finite number"
    if not meant_as_number(cell):
        return said
    if re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?", cell):
        return f"{said}: it has a comma between thousands (or a decimal comma); numbers look like 1234.5"
    if "," in cell:
        return f"{said}: it has a decimal comma; numbers look like 1234.5"
    odd = next((letter for letter in cell if letter not in "0123456789+-.eE"), cell[0])
    named = repr(odd) if odd.isascii() else f"{odd!r} (U+{ord(odd):04X})"
    return f"{said}: it has {named}; numbers look like 1234.5"
