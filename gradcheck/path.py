"""y as x moves along a line, and its slope there: by the complex step where that is sound."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from layers.base import Array

from .anatomy import buffers_of
from .arrays import combine, flat, parts_of
from .guarded import derivative, guard
from .keeping import exact
from .line import EPS, Line, unit_of
from .numeric import noise_of, slopes
from .subject import Subject

AGREE = 1e-6  # how closely differences must bear out a complex step
TRIES = 3


class Path:
    """y(x + t v), with fresh copies of the layer in the state it started from."""

    def __init__(self, subject: Subject, v: list[Array | None]) -> None:
        self.subject, self.v = subject, v
        pairs = [(x, d) for x, d in zip(subject.inputs, v, strict=True) if d is not None and d.any()]
        # the t that counts as large for the input which moves most; a power of two rounds nothing
        sizes = [unit_of(x) / _power(float(np.abs(d).max())) for x, d in pairs]
        self.unit = min(sizes, default=1.0)

    def at(self, t: float) -> Any:
        pairs = zip(self.subject.inputs, self.v, strict=True)
        return self._forward([x.copy() if d is None else np.asarray(x + t * d) for x, d in pairs])

    def exact_slope(self) -> Any:
        """dy/dt by the complex step, None where forward holds something that it cannot go through."""
        pairs = zip(self.subject.inputs, self.v, strict=True)
        x = [guard(x, 0.0 if d is None else self.unit * d) if x.dtype.kind == "f" else x for x, d in pairs]
        # running statistics take in what follows x
        held = {id(b): guard(b, 0.0) for b in buffers_of(self.subject.layer) if b.dtype.kind == "f"}
        try:
            with exact():
                return combine(lambda part: derivative(part) / self.unit, self._forward(x, held))
        except Exception:
            return None

    def slope(self, y: Any) -> Any:
        """dy/dt by differences, each entry with the step that suits it."""
        here = flat(y)
        noise = noise_of(lambda t: self._row(t, here.shape), here, self.unit)
        row = slopes(lambda t: self._row(t, here.shape), here, self.unit, noise)
        ends = np.cumsum([part.size for part in parts_of(y)])
        parts = iter(np.split(row, ends[:-1]))
        return combine(lambda part: next(parts).reshape(part.shape), y)

    def _forward(self, x: list[Any], held: dict[int, Any] | None = None) -> Any:
        subject = self.subject
        return subject.forward(subject.start(held), tuple(x) if subject.several else x[0])

    def is_analytic(self, y: Any) -> bool:
        """Whether the complex step and differences agree at a point nearby, where no entry is at a kink.

        A guard knows NumPy's functions, but not which constant or buffer a layer computes from x by itself.
        """
        rng, size = np.random.default_rng(0), flat(y).size
        return any(self._beside(rng)._agrees(rng.standard_normal(size)) for _ in range(TRIES))

    def _row(self, t: float, shape: tuple[int, ...]) -> Array:
        """All entries of y(x + t v), NaN outside the layer's domain, where a smaller step stays inside."""
        try:
            return flat(self.at(t))
        except Exception:
            return np.full(shape, np.nan)

    def _beside(self, rng: np.random.Generator) -> Path:
        """The same at a point nearby; what was never negative stays so, for a log or a root."""
        beside = [
            np.asarray(np.where(x == 0, 0.01 * unit_of(x), x) * (1 + 0.01 * rng.standard_normal(x.shape)))
            if x.dtype.kind == "f"
            else x
            for x in self.subject.inputs
        ]
        return Path(self.subject.with_inputs(beside), self.v)

    def _agrees(self, weights: Array) -> bool:
        """Whether both see one slope of a weighted sum of the outputs."""
        slopes_here, here = self.exact_slope(), weights * self._row(0.0, weights.shape)
        if slopes_here is None or not np.isfinite(here).all():
            return False
        terms = weights * flat(slopes_here)
        line = Line(lambda t: weights * self._row(t, weights.shape), here, 2 * EPS * np.abs(here), self.unit)
        line.hear()
        slope = line.best()
        error, size = line.error(slope), float(np.abs(terms).sum())
        known = error <= 1e-3 * max(size, float(np.abs(here).max(initial=0)) / self.unit)
        return known and abs(slope.value - float(terms.sum())) <= AGREE * size + 5 * error


def _power(size: float) -> float:
    """The power of two next to a size."""
    return 2.0 ** max(round(math.log2(size)), -900)
