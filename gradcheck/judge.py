"""Analytic against numeric gradients, along directions and entry by entry."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import flat, parts_of
from .compare import Claim, Comparison, Index, Verdict, compare
from .numeric import EPS, Line, unit_of
from .subject import Subject

RTOL = 1e-9  # of the largest numeric entry: more than an honest backward rounds
CANCELS = 1e-10  # of the size to expect of a gradient: what may be left of a sum that should be 0
BUDGET = 100  # the entries of which "auto" tries every one
SAMPLE = 20  # and how many it tries of a larger array
LOCATE = 400  # the entries that are all tried once a direction is wrong


@dataclass(frozen=True)
class Judged:
    """All comparisons made for one gradient, here or at a second point `beside`."""

    name: str
    analytic: Array
    directions: list[Comparison]
    entries: list[Comparison]
    natural: float  # a size to expect of the gradient
    beside: bool = False

    def of(self, *verdicts: Verdict) -> list[Comparison]:
        return [one for one in (*self.entries, *self.directions) if one.verdict in verdicts]

    @property
    def wrong(self) -> list[Comparison]:
        """The wrong entries; the wrong directions where no entry is known."""
        wrong = self.of("wrong")
        return [one for one in wrong if one.index is not None] or wrong

    @property
    def kinks(self) -> int:
        return sum(entry.verdict == "kink" for entry in self.entries)

    @property
    def vanishes(self) -> bool:
        """Whether all is right, and nothing but zeros."""
        right = self.of("right")
        return bool(right) and not self.wrong and all(abs(one.numeric) <= one.tolerance for one in right)


class Judge:
    """Compares gradients of sum(upstream * y) with numeric ones, at the point where the subject stands."""

    def __init__(self, subject: Subject, upstream: Any, rng: np.random.Generator) -> None:
        self.subject, self.rng = subject, rng
        outputs = subject.output()
        y, self.weights = flat(outputs), flat(upstream)
        self.here = self.weights * y
        self.roundings = EPS * np.abs(self.weights) * (np.abs(y) + np.abs(y / max(y.size, 1)).sum())
        self.noise = max(float(np.finfo(np.asarray(part).dtype).eps) / EPS for part in parts_of(outputs))

    def judge(self, name: str, analytic: Array, level: str, *, beside: bool = False) -> Judged:
        """Compare one gradient, of the shape of its array.

        "full": every entry. "quick": two random directions. "auto": every entry of a small array, else
        directions and a sample. Where a direction is not right, entries are tried until the place is known.
        """
        theta = self.subject.arrays[name]
        if not theta.size:
            return Judged(name, analytic, [], [], 0.0, beside)
        # what upstream alone suggests, or upstream * y over the size of theta
        natural = float(
            max(np.abs(self.weights).max(initial=0), np.abs(self.here).max(initial=0) / unit_of(theta))
        )
        probe = Probe(self, theta, analytic, natural)
        if level == "full" or (level == "auto" and theta.size <= BUDGET):
            return Judged(name, analytic, [], probe.entries(np.ndindex(theta.shape)), natural, beside)
        directions = [probe.first(), probe.direction()]
        verdicts = {direction.verdict for direction in directions}
        places: Iterable[Index] = []
        if level == "auto" or verdicts != {"right"}:
            chosen = self.rng.choice(theta.size, min(SAMPLE, theta.size), replace=False)
            places = [place_of(i, theta.shape) for i in chosen]
        if verdicts & {"wrong", "unclear"}:
            places = np.ndindex(theta.shape) if theta.size <= LOCATE else [*places, probe.locate()]
        return Judged(name, analytic, directions, probe.entries(places), natural, beside)

    def line(self, theta: Array, vector: Array, noise: float) -> Line:
        """The terms upstream * y as theta moves along a vector."""
        base = theta.copy()

        def terms(t: float) -> Array:
            theta[...] = base + t * vector
            try:
                y = flat(self.subject.output())
            except Exception:  # outside the layer's domain, where a smaller step stays inside
                return np.full(self.here.shape, np.nan)
            finally:
                theta[...] = base
            return self.weights * y

        return Line(terms, self.here, self.roundings, unit_of(base), noise)


class Probe:
    """One array and its gradient, with the noise of this array's slopes and the step that suits it."""

    def __init__(self, judge: Judge, theta: Array, analytic: Array, natural: float) -> None:
        self.judge, self.theta, self.analytic, self.natural = judge, theta, analytic, natural
        self.vector: Array = np.asarray(judge.rng.standard_normal(theta.shape))
        self.line = judge.line(theta, self.vector, judge.noise)
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
        return self._along(vector, self.judge.line(self.theta, vector, self.line.noise))

    def entries(self, places: Iterable[Index]) -> list[Comparison]:
        noise, shape = self.line.noise, self.theta.shape
        lines = {place: self.judge.line(self.theta, _one(place, shape), noise) for place in places}
        slopes = [(line, line.slope(self.step)) for line in lines.values()]
        clear = [abs(slope.value) for line, slope in slopes if line.error(slope) <= 0.1 * abs(slope.value)]
        largest = max(filter(math.isfinite, clear), default=0.0)
        return [
            self._compare(line, float(self.analytic[place]), largest, self.natural, place)
            for place, line in lines.items()
        ]

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
        rounding = (RTOL + 16 * EPS * line.noise) * largest + CANCELS * natural
        return compare(Claim(analytic, rounding, largest, natural, place), line, self.step)


def place_of(i: Any, shape: tuple[int, ...]) -> Index:
    return tuple(int(k) for k in np.unravel_index(int(i), shape))


def _one(place: Index, shape: tuple[int, ...]) -> Array:
    vector = np.zeros(shape)
    vector[place] = 1
    return vector
