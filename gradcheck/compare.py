"""One analytic number against what finite differences make of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from layers.base import Array

from .line import EPS, Line, Slope

Verdict = Literal["right", "wrong", "kink", "unclear"]
Index = tuple[int, ...]
FINE = 1e-13  # of the size of a number: rounding goes beyond only where large numbers cancel


def place_of(i: int, shape: tuple[int, ...]) -> Index:
    """The index of the i-th entry."""
    return tuple(int(k) for k in np.unravel_index(int(i), shape))


def unit_vector(place: Index, shape: tuple[int, ...]) -> Array:
    vector = np.zeros(shape)
    vector[place] = 1
    return vector


@dataclass(frozen=True)
class Claim:
    """A number that backward gives: an entry of a gradient, or its slope along a direction (index None).

    Rounding in backward is worth `rounding`; `largest` is the largest numeric number among its kin, and
    `natural` a size to expect where those are all zero.
    """

    analytic: float
    rounding: float
    largest: float
    natural: float
    index: Index | None = None


@dataclass(frozen=True)
class Comparison:
    """The verdict on a claim, beside the numeric number and what the two may differ by."""

    verdict: Verdict
    analytic: float
    numeric: float
    tolerance: float
    index: Index | None
    error: float = 0.0  # a bound on that of the numeric number
    size: float = 0.0  # of the numbers that it is the sum of, or of its kin

    @property
    def gap(self) -> float:
        return abs(self.analytic - self.numeric)

    @property
    def doubtful(self) -> bool:
        """Right by a tolerance that might hide a mistake."""
        return self.verdict in ("right", "unclear") and not self.gap <= FINE * self.size


def compare(claim: Claim, line: Line, step: float) -> Comparison:
    """Judge a claim about the slope of a line, by one step if that decides, else by all.

    Right: it agrees with a slope that is as good as any. Wrong: it disagrees with a slope whose error and
    jump cannot explain that. Kink: the one-sided slopes differ however small the step.
    """
    largest = claim.largest

    def tolerance(slope: Slope) -> float:
        return claim.rounding + line.error(slope)

    def gap(slope: Slope) -> float:
        return abs(claim.analytic - slope.value)

    def disagrees(slope: Slope) -> bool:
        return gap(slope) > max(tolerance(slope), 10 * (line.error(slope) + slope.jump))

    def verdict(word: Verdict, slope: Slope) -> Comparison:
        error = line.error(slope)
        return Comparison(word, claim.analytic, slope.value, tolerance(slope), claim.index, error, largest)

    first = line.slope(step)
    if line.error(first) <= 1e-7 * largest:
        if gap(first) <= tolerance(first):
            return verdict("right", first)
        if gap(first) > 100 * tolerance(first) and disagrees(first):
            return verdict("wrong", first)
    slopes = line.credible()
    if not slopes:
        return Comparison("unclear", claim.analytic, math.nan, math.inf, claim.index)
    least = line.error(slopes[0])
    zero = max(1e-7, 1e4 * EPS * min(line.noise, 1e10)) * claim.natural  # no slope is told from 0 below this
    for slope in slopes:
        if line.error(slope) <= max(10 * least, 1e-9 * largest) and gap(slope) <= tolerance(slope):
            # known to 10 %, or as well as a zero can be; or closer than by chance
            close = claim.analytic != 0 and gap(slope) <= 1e-6 * largest
            if close or least <= max(0.1 * largest, zero):
                return verdict("right", slope)
            return verdict("kink" if _at_kink(line) else "unclear", slope)
    for slope in slopes:
        if disagrees(slope):
            return verdict("wrong", slope)
    if _at_kink(line):
        return verdict("kink", slopes[0])
    return verdict("right" if max(gap(slopes[0]), abs(claim.analytic)) <= zero else "unclear", slopes[0])


def _at_kink(line: Line) -> bool:
    """Whether the jump between the one-sided slopes stays as the step shrinks; a curvature's would not.

    Where forward itself jumps, as x % 1 does at whole numbers, it grows as the step shrinks.
    """
    slopes = line.slopes()
    seen = [i for i, slope in enumerate(slopes) if slope.jump > 10 * line.blur(slope)]
    if not seen:
        return False
    smallest, jump = seen[0], slopes[seen[0]].jump
    if any(10 * line.blur(slope) <= jump / 2 for slope in slopes[:smallest]):
        return False  # a smaller step would have seen it too: the kink lies beside the point
    if smallest + 1 == len(slopes):
        return smallest == 0
    h, larger = slopes[smallest].h, slopes[smallest + 1]
    stays = jump / 2 <= larger.jump <= 2 * jump
    grows = jump * h / 2 <= larger.jump * larger.h <= 2 * jump * h
    return stays or grows or smallest == 0
