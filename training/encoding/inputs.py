"""From features to the float32 array a network takes; fitted on the training rows, kept with the model."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from layers.base import Array

from ..errors import DataError, UsageError
from ..reading.cells import MISSING, Reading, why_no_number
from ..reading.table import Table
from ..stored import made_of, of_type
from ..text import did_you_mean, listing
from .arrays import ArrayInputs
from .columns import CategoryColumn, NumberColumn
from .kinds import MANY, as_option, column_kind
from .leaks import leaks
from .scaling import constant

__all__ = ["ArrayInputs", "TableInputs", "inputs_from_dict", "leaks"]


@dataclass
class TableInputs:
    """The columns of a table as one array: numbers standardised, categories as one 1 among zeros.

    notes     one-line warnings of the fit
    dropped   column -> why it is not used
    missing   column -> (how many cells are missing, what stands for them)
    unknown   column -> how many cells of the latest transform hold a category that the training rows did not
    """

    columns: tuple[NumberColumn | CategoryColumn, ...] = ()
    tokens: frozenset[str] = frozenset(MISSING)
    notes: tuple[str, ...] = ()
    dropped: dict[str, str] = field(default_factory=dict)
    missing: dict[str, tuple[int, float | str]] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        table: Table,
        rows: Array,
        *,
        categorical: Collection[str] = (),
        numeric: Collection[str] = (),
        missing: Iterable[str] = MISSING,
    ) -> Self:
        """Decide from all rows what each column is; take medians, scales and levels from the training `rows`.

        Blank cells are always missing, beside the tokens in `missing`.
        Raises: DataError for a cell that spoils a column of numbers, and where nothing is left to learn from;
        UsageError for a name in `categorical` or `numeric` that the table does not have.
        """
        asked = _asked(table, categorical, numeric)
        inputs = cls(tokens=frozenset(token.strip() for token in missing) | {""})
        frozen: list[str] = []
        for name in table.names:
            reading = table.numbers(name, inputs.tokens)
            column, why = inputs._fit_column(table, name, reading, rows, asked.get(name))
            if column is None:
                inputs.dropped[name] = why
                continue
            inputs.columns += (column,)
            if absent := int(np.count_nonzero(reading.missing)):
                inputs.missing[name] = (absent, column.fill)
            if column.kind == "number" and constant(reading.numbers_in(rows)[:, None])[0]:
                frozen.append(name)
        if not inputs.columns:
            found = listing(f"{name} ({why})" for name, why in inputs.dropped.items())
            raise DataError(f"{table.path}: no feature columns left" + (found and f"; not used: {found}"))
        inputs.notes = (*_unused(inputs.dropped), *_frozen(frozen), *_wide(len(inputs.names), len(rows)))
        return inputs

    def _fit_column(
        self, table: Table, name: str, reading: Reading, rows: Array, asked: str | None
    ) -> tuple[NumberColumn | CategoryColumn | None, str]:
        """The column, or None and why it is not used."""
        kind, why = column_kind(table, name, reading, asked)
        if kind == "category":
            return CategoryColumn.fit(name, table.column(name), self.tokens, rows), ""
        if kind == "number":
            return NumberColumn.fit(name, reading, rows), "no values in the training rows"
        return None, why

    @property
    def names(self) -> tuple[str, ...]:
        """The features, one a column of what transform returns: "mpg", "origin=usa", "origin=(other)"."""
        return tuple(name for column in self.columns for name in column.names)

    @property
    def shape(self) -> tuple[int]:
        return (len(self.names),)

    @property
    def numbers(self) -> int:
        """How many columns are numbers."""
        return sum(isinstance(column, NumberColumn) for column in self.columns)

    @property
    def categories(self) -> dict[str, tuple[str, ...]]:
        """The levels of each column of categories."""
        return {column.name: column.levels for column in self.columns if isinstance(column, CategoryColumn)}

    def transform(self, table: Table) -> Array:
        """The table as an array, each row for itself; columns are found by name, others ignored.

        Shapes: (n, D) float32.   Raises: DataError for absent columns, or cells that are no finite number.
        """
        absent = [column.name for column in self.columns if column.name not in table.names]
        if absent:
            raise DataError(
                f"{table.path}: expected the columns of the training, lacks {listing(absent)}; add them"
            )
        x = np.empty((len(table), *self.shape), np.float32)
        self.unknown, at = {}, 0
        for column in self.columns:
            part = slice(at, at + len(column.names))
            if isinstance(column, NumberColumn):
                x[:, part] = self._numbers(table, column)
            else:
                x[:, part] = column.encode(table.column(column.name), self.tokens)
                if count := int(np.count_nonzero(x[:, part.stop - 1])):
                    self.unknown[column.name] = count
            at = part.stop
        return x

    def _numbers(self, table: Table, column: NumberColumn) -> Array:
        cells, reading = table.column(column.name), table.numbers(column.name, self.tokens)
        bad = reading.first_bad
        if bad is not None:
            raise DataError(
                f"{table.place(bad, column.name)}: {why_no_number(cells[bad])}; "
                f"fix it, or leave it blank for the median of the training rows"
            )
        encoded = column.encode(reading)
        if not np.isfinite(encoded).all():
            bad = int(np.argmin(np.isfinite(encoded[:, 0])))
            raise DataError(
                f"{table.place(bad, column.name)}: {cells[bad].strip()} is too far from "
                f"the training rows (mean {column.mean:g}, deviation {column.std:g}); check it"
            )
        return encoded

    def to_dict(self) -> dict[str, Any]:
        """All that transform needs, and what the fit said, in the types of JSON."""
        return {
            "kind": "table",
            "columns": [column.to_dict() for column in self.columns],
            "missing_values": sorted(self.tokens),
            "notes": list(self.notes),
            "dropped": self.dropped,
            "missing": {name: list(fact) for name, fact in self.missing.items()},
        }

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Self:
        columns = tuple(_column(c) for c in of_type(list[Mapping[str, Any]], d["columns"], "columns"))
        missing = {name: (count, fill) for name, (count, fill) in d["missing"].items()}
        tokens, notes = (of_type(list[str], d[name], name) for name in ("missing_values", "notes"))
        return cls(columns, frozenset(tokens), tuple(notes), dict(d["dropped"]), missing)


def inputs_from_dict(d: Mapping[str, Any]) -> TableInputs | ArrayInputs:
    """The inputs that to_dict described."""
    return TableInputs.from_dict(d) if d["kind"] == "table" else ArrayInputs.from_dict(d)


def _column(d: Mapping[str, Any]) -> NumberColumn | CategoryColumn:
    rest = {name: value for name, value in d.items() if name not in ("kind", "levels")}
    if d["kind"] == "number":
        return made_of(NumberColumn, rest)
    return made_of(CategoryColumn, rest, levels=tuple(of_type(list[str], d["levels"], "levels")))


def _asked(table: Table, categorical: Collection[str], numeric: Collection[str]) -> dict[str, str]:
    asked: dict[str, str] = {}
    for option, names, kind in (("categorical", categorical, "category"), ("numeric", numeric, "number")):
        for name in names:
            if name not in table.names:
                mend = did_you_mean(name, table.names) or f"; it has {listing(table.names)}"
                raise UsageError(f"--{option}: expected a feature of {table.path}, got {name!r}{mend}")
            if asked.setdefault(name, kind) != kind:
                raise UsageError(
                    f"--numeric: expected other columns than --categorical, got {name!r} in both; choose"
                )
    return asked


def _unused(dropped: Mapping[str, str]) -> list[str]:
    """A note a column, or one for many that are left out for one reason."""
    reasons: dict[str, list[str]] = {}
    for name, why in dropped.items():
        reasons.setdefault(re.split(r"[,(]", why)[0].strip(), []).append(name)
    notes = []
    for reason, names in reasons.items():
        if len(names) > MANY:
            notes.append(f"{len(names)} columns are not used: {reason} ({listing(names, 5)})")
            continue
        use = {"looks like an id": "--numeric", "text": "--categorical", "dates or times": "--categorical"}
        for name in names:
            mend = f"{use[reason]} {as_option(name)} to use it, " if reason in use else ""
            mend += f"--drop {as_option(name)} to silence this"
            notes.append(f"column {name!r} is not used: {dropped[name]}; {mend}")
    return notes


def _frozen(names: list[str]) -> list[str]:
    if len(names) > MANY:
        listed = listing(names, 5)
        return [f"{len(names)} columns are constant in the training rows; scaled by 1 ({listed})"]
    return [f"column {name!r} is constant in the training rows; scaled by 1" for name in names]


def _wide(features: int, rows: int) -> list[str]:
    return [f"{features} features for {rows} training rows: it may learn them by heart"] * (features > rows)
