"""The slope of a function of one number by finite differences that know how good they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from layers.base import Array

EPS = float(np.finfo(np.float64).eps)
# The first balances truncation against rounding; smaller ones step between kinks, larger ones over noise.
STEPS = tuple(2.0**-k for k in (10, 14, 18, 22, 26, 32, 6, 3))
QUIET = STEPS[2:6]


@dataclass(frozen=True)
class Slope:
    """The derivative at t = 0 of a function of one number, as the step h sees it.

    `value` extrapolates the central differences over h, h/2 and h/4 to h = 0, which leaves an error O(h⁶);
    `truncation` is what the last extrapolation changed, and more where h² does not rule. `jump` is the
    slope to the right less the slope to the left, extrapolated likewise, the terms' sizes summed: 0 but at
    a kink.

    Source: Richardson 1911 (the deferred approach to the limit)
    """

    h: float
    value: float
    truncation: float
    jump: float
    moved: int  # how many terms the step moved
    central: tuple[float, ...]


class Line:
    """A function of one number t as a sum of terms, near t = 0.

    Terms are subtracted one by one before they are summed, so those that t does not move add no rounding.
    `roundings` are the terms' absolute roundings; `unit` is the size of t that counts as large; `noise` says
    how many roundings a term carries, 1 where the function computes it as well as can be. `beside_one` is
    what a term rounds by beside a 1: so much may be lost where small steps move nothing, and larger ones do.
    A line `like` another one has its noise, and its grain.
    """

    def __init__(
        self,
        terms: Callable[[float], Array],
        here: Array,
        roundings: Array,
        unit: float,
        noise: float = 1.0,
        beside_one: float = 0.0,
        like: Line | None = None,
    ) -> None:
        self.terms, self.here, self.roundings = terms, here, roundings
        self.unit, self.beside_one = unit, beside_one
        self.noise: float = like.noise if like else noise
        self.like = like
        self._slopes: dict[float, Slope] = {}
        self._moves = np.zeros(here.shape, bool)  # which terms any step has moved

    def slope(self, step: float) -> Slope:
        """The slope seen with h = step * unit; not finite where the function is not."""
        if step not in self._slopes:
            with np.errstate(all="ignore"):  # a step out of the domain is not finite, and left out
                self._slopes[step] = self._slope(step * self.unit)
        return self._slopes[step]

    def slopes(self) -> list[Slope]:
        """What every step sees, the smallest first, where the function is finite."""
        return [slope for slope in map(self.slope, sorted(STEPS)) if math.isfinite(self.error(slope))]

    def credible(self) -> list[Slope]:
        """The slopes that no smaller step contradicts, the best first.

        A step too large for the function may look good: a sine, seen from afar, is flat.
        """
        kept: list[Slope] = []
        for slope in self.slopes():
            if all(abs(slope.value - k.value) <= 5 * (self.error(slope) + self.error(k)) for k in kept):
                kept.append(slope)
        return sorted(kept, key=self.error)

    def best(self) -> Slope:
        """The first slope that is good to ten digits, else the most credible one."""
        for step in STEPS:
            slope = self.slope(step)
            if self.error(slope) <= 1e-10 * abs(slope.value):
                return slope
        return next(iter(self.credible()), self.slope(STEPS[0]))

    def error(self, slope: Slope) -> float:
        """A bound on the error of a slope's value."""
        return 2 * slope.truncation + self.blur(slope)

    def blur(self, slope: Slope) -> float:
        """The part of the error that rounding makes."""
        rounding = self.noise * float(self.roundings[self._moves].sum())
        if (self.like and self.like.grainy) or (rounding and self.grainy):
            rounding = max(rounding, self.beside_one)
        return 4 * rounding / (slope.h / 4)

    @property
    def grainy(self) -> bool:
        """Whether small steps move nothing."""
        return not all(one.moved for one in self._slopes.values())

    def hear(self) -> None:
        """Read `noise` off the scatter of central differences at small steps, where truncation is nothing.

        A function that cancels large numbers, or computes in float32 inside, shows here. Two steps are heard,
        as one may be quiet by luck where a single number moves by coarse leaps. A function that jumps at 0
        tells nothing: its differences are the jump, the same at every step.
        """
        heard: list[float] = []
        for step in sorted(QUIET):
            slope = self.slope(step)
            scatter = max(
                abs(central - slope.value) * 2 * slope.h / 2**k for k, central in enumerate(slope.central)
            )
            once = float(self.roundings[self._moves].sum())
            # a step that leaves most terms where they are is below what the function resolves
            if once and 0 < scatter < math.inf and 3 * slope.moved >= 2 * self._moves.sum():
                heard.append(scatter / once)
            if len(heard) == 2:
                break
        loudest = max(heard, default=0.0)
        if loudest < 8 or not self._jumps():
            self.noise = max(self.noise, loudest)

    def _jumps(self) -> bool:
        """Whether the function itself jumps at t = 0, by more than the last digits of a 1."""
        rises = [2 * slope.h * slope.central[0] for slope in map(self.slope, QUIET)]
        alike = all(abs(rise - rises[0]) <= 1e-2 * abs(rises[0]) for rise in rises)
        return alike and abs(rises[0]) > 64 * self.beside_one

    def _slope(self, h: float) -> Slope:
        central, bends, moves = [], [], np.zeros(self.here.shape, bool)
        for t in (h, h / 2, h / 4):
            plus, minus = self.terms(t), self.terms(-t)
            moves |= plus != minus
            central.append(float((plus - minus).sum()) / (2 * t))
            bends.append(((plus - self.here) + (minus - self.here)) / t)
        first, second = (4 * central[1] - central[0]) / 3, (4 * central[2] - central[1]) / 3  # O(h⁴) each
        value = (16 * second - first) / 15
        truncation = abs(second - first)
        if not 2 * abs(central[2] - central[1]) <= abs(central[1] - central[0]):
            truncation += max(central) - min(central)  # no sign of h²: rounding, or a kink within h
        jump = float(np.abs(4 * bends[2] - bends[0]).sum()) / 3  # the curvature's share, as h, cancels
        self._moves |= moves
        return Slope(h, value, truncation, jump, int(moves.sum()), tuple(central))


def unit_of(array: Array) -> float:
    """A power of two near the size of the array's entries, 1 for zeros."""
    row = np.ravel(array)
    size = math.sqrt(float(row @ row) / row.size) if row.size else 0.0
    return 2.0 ** round(math.log2(size)) if 0 < size < math.inf else 1.0
