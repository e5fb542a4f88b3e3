"""One column of a table as a network takes it: fitted on the training rows, the same for every row after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np

from layers.base import Array

from ..reading.cells import NUMBER, Reading
from .scaling import mean_std, standardise

OTHER, ABSENT = "(other)", "(missing)"


@dataclass(frozen=True)
class NumberColumn:
    """(x - mean) / std, a missing x being the median `fill` of the training rows."""

    name: str
    fill: float
    mean: float
    std: float
    kind: ClassVar[str] = "number"

    @classmethod
    def fit(cls, name: str, reading: Reading, rows: Array) -> NumberColumn | None:
        """None where the training rows hold no number; std 1 where they are constant."""
        numbers = reading.numbers_in(rows)
        if len(numbers) == 0:
            return None
        fill = float(np.median(numbers))
        mean, std = mean_std(np.where(reading.missing, fill, reading.values)[rows, None])
        return cls(name, fill, float(mean[0]), float(std[0]) or 1.0)

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    def encode(self, reading: Reading) -> Array:
        """Shapes: (n, 1) float32."""
        values = np.where(reading.missing, self.fill, reading.values)[:, None]
        return standardise(values, self.mean, self.std)

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, **vars(self)}


@dataclass(frozen=True)
class CategoryColumn:
    """One 1 among zeros: a place for each level of the training rows, and a last one for any other."""

    name: str
    levels: tuple[str, ...]
    kind: ClassVar[str] = "category"

    @classmethod
    def fit(cls, name: str, cells: Sequence[str], tokens: frozenset[str], rows: Array) -> CategoryColumn:
        """The levels in order; missing cells are a level of their own where the training rows have some."""
        levels = {_level(cells[row], tokens) for row in rows.tolist()}
        return cls(name, in_order(levels))

    @property
    def fill(self) -> str:
        """What stands for a missing cell."""
        return ABSENT if ABSENT in self.levels else OTHER

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.name}={level}" for level in (*self.levels, OTHER))

    def encode(self, cells: Sequence[str], tokens: frozenset[str]) -> Array:
        """Shapes: (n, levels + 1) float32."""
        place, other = {level: i for i, level in enumerate(self.levels)}, len(self.levels)
        codes = np.fromiter((place.get(_level(cell, tokens), other) for cell in cells), np.intp, len(cells))
        encoded = np.zeros((len(cells), other + 1), np.float32)
        encoded[np.arange(len(cells)), codes] = 1.0
        return encoded

    def to_dict(self) -> dict[str, Any]:
        return {"kind": self.kind, "name": self.name, "levels": list(self.levels)}


def _level(cell: str, tokens: frozenset[str]) -> str:
    cell = cell.strip()
    return ABSENT if cell in tokens else cell


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Distinct names sorted as numbers where all are numbers (exactly, however long), as text otherwise."""
    distinct = set(names)
    if all(map(NUMBER.fullmatch, distinct)):
        return tuple(sorted(distinct, key=lambda name: (Decimal(name), name)))
    return tuple(sorted(distinct))
