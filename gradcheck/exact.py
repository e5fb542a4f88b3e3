"""Analytic against numeric gradients where the complex step gives the latter, exact but for rounding."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from layers.base import Array

from .compare import Comparison, Index, Verdict, place_of, unit_vector
from .complex_step import ComplexStep
from .line import EPS, unit_of

RTOL = 1e-9  # of the size of a gradient's terms: more than an honest backward rounds
CANCELS = 1e-12  # of the size to expect: what may be left of a sum that should be 0
ZERO = 64 * EPS  # of upstream: what is no larger may be all rounding
NEAR = 1e-10  # of the size of an array: how far away a tie is none any more
TRIES = 400  # points nearby, for all entries together: of five that tie, one in five settles it


class ExactProbe:
    """One array and its gradient, compared along directions and entry by entry."""

    def __init__(
        self,
        step: ComplexStep,
        name: str,
        analytic: Array,
        weights: Array,
        y: Array,
        rng: np.random.Generator,
    ) -> None:
        self.step, self.name, self.analytic, self.weights, self.rng = step, name, analytic, weights, rng
        theta = step.subject.arrays[name]
        self.shape = theta.shape
        largest = float(np.abs(weights).max(initial=0)) * float(np.abs(y).max(initial=0))
        self.natural = largest / unit_of(theta)
        self.zero = ZERO * float(np.abs(weights).max(initial=0))
        self._along: tuple[Array, Array] | None = None  # the latest direction, and the terms' slopes there

    def direction(self, among: Array | None = None) -> Comparison:
        """Compare along a random direction that moves all entries, or those `among` (flat indices)."""
        if among is None:
            return self._compare_along(*self.step.along(self.name, self.rng))
        vector = np.asarray(self.rng.standard_normal(self.shape))
        vector = np.where(np.isin(np.arange(vector.size), among).reshape(vector.shape), vector, 0)
        return self._compare_along(vector, self.step.push(self.name, vector))

    def along_ties(self) -> list[Comparison]:
        """Compare along a direction that parts no two entries of one value, unless it meets a kink itself.

        Whoever gets the gradient of a tie, all who share it must get as much as there is, and no more.
        """
        values, which = np.unique(self.step.subject.arrays[self.name], return_inverse=True)
        moves = np.where(values == 0, 0.0, self.rng.standard_normal(values.shape))
        vector = moves[which].reshape(self.shape)
        along = self._compare_along(vector, self.step.push(self.name, vector))
        return [] if self.kinked() else [along]

    def _compare_along(self, vector: Array, dy: Array) -> Comparison:
        terms = self.weights * dy
        self._along = vector, terms
        own = self.analytic * vector
        return self._compare(own.sum(), terms.sum(), size_of(terms), size_of(own), vector.size)

    def kinked(self) -> bool:
        """Whether some slope along the latest direction is another one the other way."""
        if self._along is None:
            return False
        vector, right = self._along
        gap = np.abs(right + self.weights * self.step.push(self.name, -vector))
        return bool((gap > 1e-6 * np.abs(right).max(initial=0.0) + CANCELS * self.natural).any())

    def entries(self, places: Iterable[Index]) -> list[Comparison]:
        """Compare these entries; where the slopes to both sides differ it is a kink, and either will do.

        So will one found nearby where slopes differ from here: of three that tie, the median moves with none.
        """
        columns = {place: self._slope(place) for place in places}
        largest = max((abs(terms.sum()) for terms in columns.values()), default=0.0)
        compared = [
            self._compare(
                self.analytic[place], terms.sum(), max(largest, 1e-3 * size_of(terms)), 0.0, 1, place
            )
            for place, terms in columns.items()
        ]
        compared = [self.at_kink(one) if one.verdict == "wrong" else one for one in compared]
        wrong = [one for one in compared if one.verdict == "wrong"]
        if not wrong or self._smooth():
            return compared
        tries = max(1, TRIES // len(wrong))
        return [self._near_kink(one, tries, largest) if one.verdict == "wrong" else one for one in compared]

    def locate(self) -> Index:
        """A wrong entry, by halving the set of entries that a direction moves."""
        entries = np.arange(self.analytic.size)
        while len(entries) > 1:
            halves = np.array_split(entries, 2)
            excess = [
                half.gap / half.tolerance if half.tolerance else half.gap
                for half in map(self.direction, halves)
            ]
            entries = halves[0] if excess[0] >= excess[1] else halves[1]
        return place_of(entries[0], self.shape)

    def at_kink(self, one: Comparison) -> Comparison:
        """The comparison, but for an entry whose slopes to both sides differ."""
        assert one.index is not None
        left = -self._slope(one.index, -1.0).sum()
        return one if abs(left - one.numeric) <= one.tolerance else replace(one, verdict="kink")

    def _near_kink(self, one: Comparison, tries: int, largest: float) -> Comparison:
        """The comparison, but for an entry whose slope somewhere nearby is the one that backward gives."""
        assert one.index is not None
        vector = unit_vector(one.index, self.shape)
        for _ in range(tries):
            nearby = (self.weights * self._push_nearby(vector)).sum()
            if abs(nearby - one.analytic) <= 1e-6 * max(largest, abs(nearby)):
                return replace(one, verdict="kink")
        return one

    def _smooth(self) -> bool:
        """Whether the slopes at points nearby are those here."""
        vector = np.asarray(self.rng.standard_normal(self.shape))
        here = self.step.push(self.name, vector)
        there = [self._push_nearby(vector) for _ in range(3)]
        return all(np.abs(dy - here).max() <= 1e-4 * np.abs(here).max() for dy in there)

    def _push_nearby(self, vector: Array) -> Array:
        theta = self.step.subject.arrays[self.name]
        nearby = theta + NEAR * unit_of(theta) * self.rng.standard_normal(self.shape)
        return self.step.push_from(nearby, self.name, vector)

    def _slope(self, place: Index, sign: float = 1.0) -> Array:
        return self.weights * self.step.push(self.name, sign * unit_vector(place, self.shape))

    def _compare(
        self, analytic: float, numeric: float, size: float, own: float, moved: int, place: Index | None = None
    ) -> Comparison:
        size, root = max(size, own), math.sqrt(moved)
        rounding = self.zero * root if size <= self.zero * root else RTOL * size
        return exactly(analytic, numeric, rounding + CANCELS * self.natural * root, size, place)


def exactly(
    analytic: float, numeric: float, tolerance: float, size: float, place: Index | None = None
) -> Comparison:
    """Right where the two are as near as that."""
    verdict: Verdict = "right" if abs(analytic - numeric) <= tolerance else "wrong"
    return Comparison(verdict, float(analytic), float(numeric), float(tolerance), place, size=float(size))


def together(
    step: ComplexStep, gradients: dict[str, Array], weights: Array, rng: np.random.Generator
) -> Comparison:
    """Compare along a random direction in all arrays at once.

    Each moves so far that its share is that of any other: the smallest hides no less.
    """
    zero = ZERO * float(np.abs(weights).max(initial=0.0))
    vectors, own = {}, []
    for name, gradient in gradients.items():
        vector = np.asarray(rng.standard_normal(gradient.shape))
        share = size_of(gradient * vector)
        none = share <= zero * math.sqrt(gradient.size)
        vectors[name] = vector * (unit_of(step.subject.arrays[name]) if none else 1 / share)
        own.append(float((gradient * vectors[name]).sum()))
    terms = weights * step.push_all(vectors)
    size = max(size_of(terms), math.sqrt(len(own)))
    return exactly(sum(own), float(terms.sum()), RTOL * size, size)


def size_of(terms: Array) -> float:
    """The root of the sum of squares: what a sum of such terms, of random signs, comes to."""
    row = terms.ravel()
    square = float(row @ row)
    if 1e-280 < square < math.inf:
        return math.sqrt(square)
    largest = float(np.abs(row).max(initial=0.0))
    return largest * float(np.linalg.norm(row / largest)) if 0 < largest < math.inf else largest
