"""Analytic against numeric gradients where finite differences give the latter."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from layers.base import Array

from .compare import Claim, Comparison, Index, compare, place_of, unit_vector
from .exact import ZERO
from .line import EPS, Line, unit_of

if TYPE_CHECKING:
    from .judge import Judge

RTOL = 1e-9  # of the largest numeric entry: more than an honest backward rounds
NEAR = 2.0**-16  # of the size of an array: how far away a tie is none any more
TRIES = 200  # points nearby, for all entries together: of five that tie, one in five settles it


class Coarse:
    """One array and its gradient, with the noise of this array's slopes and the step that suits it."""

    def __init__(self, judge: Judge, theta: Array, analytic: Array, natural: float) -> None:
        self.judge, self.theta, self.analytic, self.natural = judge, theta, analytic, natural
        self.vector: Array = np.asarray(judge.rng.standard_normal(theta.shape))
        self.zero = ZERO * float(np.abs(judge.weights).max(initial=0.0))
        self.line = judge.line(theta, self.vector)
        self.line.hear()
        self.step = self.line.best().h / self.line.unit

    def first(self) -> Comparison:
        """Compare along the random direction that the noise was read from."""
        return self._along(self.vector, self.line)

    def direction(self, among: Array | None = None) -> Comparison:
        """Compare along a random direction that moves all entries, or those `among` (flat indices)."""
        vector: Array = np.asarray(self.judge.rng.standard_normal(self.theta.shape))
        if among is not None:
            vector = np.where(np.isin(np.arange(vector.size), among).reshape(vector.shape), vector, 0)
        return self._along(vector, self.judge.line(self.theta, vector, self.line))

    def entries(self, places: Iterable[Index]) -> list[Comparison]:
        shape, like = self.theta.shape, self.line
        lines = {place: self.judge.line(self.theta, unit_vector(place, shape), like) for place in places}
        slopes = [(line, line.slope(self.step)) for line in lines.values()]
        clear = [abs(slope.value) for line, slope in slopes if line.error(slope) <= 0.1 * abs(slope.value)]
        largest = max(filter(math.isfinite, clear), default=0.0)
        compared = [
            self._compare(line, float(self.analytic[place]), largest, self.natural, place)
            for place, line in lines.items()
        ]
        wrong = sum(one.verdict == "wrong" and one.gap > 1e-2 * largest for one in compared)
        if not wrong or self._smooth():
            return compared
        return [self._near_kink(one, max(1, TRIES // wrong), largest) for one in compared]

    def _near_kink(self, one: Comparison, tries: int, largest: float) -> Comparison:
        """The comparison, but for a wrong entry whose slope somewhere nearby is what backward gives."""
        if one.verdict != "wrong" or one.index is None or one.gap <= 1e-2 * largest:
            return one
        vector = unit_vector(one.index, self.theta.shape)
        nearby = (self._slope(vector, NEAR) for _ in range(tries))
        found = any(abs(slope - one.analytic) <= 1e-4 * max(largest, abs(slope)) for slope in nearby)
        return replace(one, verdict="kink") if found else one

    def _smooth(self) -> bool:
        """Whether the slope along a direction is the same at points nearby."""
        here = self._slope(self.vector, 0.0)
        return all(abs(self._slope(self.vector, NEAR) - here) <= 1e-3 * abs(here) for _ in range(3))

    def _slope(self, vector: Array, away: float) -> float:
        """A central difference at a random point so far away."""
        theta, unit = self.theta, unit_of(self.theta)
        kept, t = theta.copy(), NEAR / 64 * unit
        theta[...] = kept + away * unit * self.judge.rng.standard_normal(theta.shape)
        try:
            terms = self.judge.line(theta, vector).terms
            return float((terms(t) - terms(-t)).sum()) / (2 * t)
        finally:
            theta[...] = kept

    def locate(self) -> Index:
        """A wrong entry, by halving the set of entries that a direction moves."""
        entries = np.arange(self.theta.size)
        while len(entries) > 1:
            halves = np.array_split(entries, 2)
            excess = [half.gap / half.tolerance for half in map(self.direction, halves)]
            entries = halves[0] if excess[0] >= excess[1] else halves[1]
        return place_of(entries[0], self.theta.shape)

    def _along(self, vector: Array, line: Line) -> Comparison:
        slope = float((self.analytic * vector).sum())
        natural = self.natural * float(np.linalg.norm(vector))
        return self._compare(line, slope, abs(line.best().value), natural)

    def _compare(
        self, line: Line, analytic: float, largest: float, natural: float, place: Index | None = None
    ) -> Comparison:
        # a noisy forward has a noisy backward, and a sum that cancels keeps the rounding of its terms
        rounding = (RTOL + 16 * EPS * line.noise) * largest + ZERO * natural
        one = compare(Claim(analytic, rounding, largest, natural, place), line, self.step)
        zero = self.zero * (1.0 if place else math.sqrt(self.theta.size))
        return one if max(abs(one.analytic), abs(one.numeric)) > zero else replace(one, verdict="right")
