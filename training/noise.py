"""Noise for some rows of a batch: the numbers that these rows get where one process draws for all rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layers import Layer
from layers.base import Array

from .inside import inside


class RowNoise(np.random.Generator):
    """A generator that draws for the rows `start` to `stop` of a batch of `of` rows, and stands afterwards
    where one that drew for all of them stands.

    A size whose first axis has those rows (or as many for each: N T of N) is taken for a share of a batch,
    and so is a single number, where it is that of the rows; what is drawn in another size is the same on all
    ranks.   It shares its state with the generator it is of.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng.bit_generator)
        self.start, self.stop, self.of = 0, 1, 1

    def random(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        times, row = self._rows(size) if out is None else (0, ())
        if not times:
            return super().random(size, dtype, out)
        entries = times * math.prod(row)
        self._skip(self.start * entries, dtype)
        drawn = super().random(size, dtype)
        self._skip((self.of - self.stop) * entries, dtype)
        return drawn

    def standard_normal(self, size: Any = None, dtype: Any = np.float64, out: Any = None) -> Any:
        times, row = self._rows(size) if out is None else (0, ())
        if not times:
            return super().standard_normal(size, dtype, out)
        return self._own(super().standard_normal((times * self.of, *row), dtype), times)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None) -> Any:
        times, row = self._rows(size)
        if not times:
            return super().normal(loc, scale, size)
        return self._own(super().normal(loc, scale, (times * self.of, *row)), times)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
        times, row = self._rows(size)
        if not times:
            return super().uniform(low, high, size)
        return self._own(super().uniform(low, high, (times * self.of, *row)), times)

    def binomial(self, n: Any, p: Any, size: Any = None) -> Any:
        times, row = self._rows(size)
        if not times:
            return super().binomial(n, p, size)
        return self._own(super().binomial(n, p, (times * self.of, *row)), times)

    def _rows(self, size: Any) -> tuple[int, tuple[int, ...]]:
        """How many entries of the first axis a row has, 0 where it holds no rows; the shape of an entry."""
        rows = self.stop - self.start
        if isinstance(size, int | np.integer):
            return int(size == rows), ()
        if not isinstance(size, tuple) or not size or size[0] % rows:
            return 0, ()
        return int(size[0] // rows), size[1:]

    def _own(self, drawn: Array, times: int) -> Array:
        return drawn[times * self.start : times * self.stop]

    def _skip(self, count: int, dtype: Any) -> None:
        """Stand where `count` numbers more have been drawn: float32 takes half of a draw of 64 bits."""
        bits = self.bit_generator
        if np.dtype(dtype) != np.float32 or not str(bits.state["bit_generator"]).startswith("PCG64"):
            super().random(count, dtype)
            return
        if count and bits.state["has_uint32"]:  # the other half of the draw before
            super().random(1, dtype)
            count -= 1
        if count > 1:
            bits.advance(count // 2)  # type: ignore[attr-defined]  # PCG64 has it
        if count % 2:
            super().random(1, dtype)


def noisy(model: Layer) -> list[tuple[Layer, str, RowNoise]]:
    """Where the layers of a model hold a generator, and what draws in its place for a share of a batch."""
    found, made = [], dict[int, RowNoise]()
    for layer in inside(model):
        for name, value in vars(layer).items():
            if type(value) is np.random.Generator:
                found.append((layer, name, made.setdefault(id(value), RowNoise(value))))
    return found
