"""Derivatives of any function by finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import differ, kind_of
from .line import EPS, Line, unit_of


def numeric_gradient(f: Callable[[Array], Any], x: Any) -> Array:
    """df/dx of a function of one array that returns one number, by central differences in float64.

    Every entry takes the step that suits it: about ten digits are right where f is smooth and exact.
    At a kink it is the mean of the one-sided slopes, and NaN where f has no slope, as at the edge of its
    domain. f is given a fresh float64 copy of x each time.

    Shapes: x any, the gradient alike.
    Raises: TypeError for an x that is not real; ValueError where f returns more than one number, one that is
    not finite, or another one the second time.
    """
    return _differentiate("numeric_gradient", f, x, scalar=True)


def numeric_jacobian(f: Callable[[Array], Any], x: Any) -> Array:
    """dy/dx of a function y = f(x) of one array that returns one array; otherwise as numeric_gradient.

    f runs six times or more for every entry of x; every entry of the Jacobian takes the step that suits it.

    Shapes: x and y any, the Jacobian y.shape + x.shape.
    Raises: TypeError for an x that is not real; ValueError where f returns anything but one real array, one
    that is not finite, or another one the second time.
    """
    return _differentiate("numeric_jacobian", f, x)


def slopes(f: Callable[[float], Array], here: Array, unit: float, noise: float) -> Array:
    """dy/dt at t = 0 of an array y = f(t), `here` at 0, each entry with the step that suits it."""
    seen: dict[float, Array] = {}

    def at(t: float) -> Array:
        if t not in seen:
            seen[t] = f(t)
        return seen[t]

    def slope(place: tuple[int, ...]) -> float:
        y = np.asarray(here[place])
        return Line(lambda t: np.asarray(at(t)[place]), y, 2 * EPS * abs(y), unit, noise).best().value

    result = np.zeros(here.shape)
    for place in np.ndindex(here.shape):
        result[place] = slope(place)
    return result


def noise_of(f: Callable[[float], Array], here: Array, unit: float) -> float:
    """How many roundings an entry of y = f(t) carries, as a Line hears it."""
    line = Line(f, here, 2 * EPS * np.abs(here), unit)
    line.hear()
    return line.noise


def _differentiate(who: str, f: Callable[[Array], Any], x: Any, scalar: bool = False) -> Array:
    if not callable(f):
        raise TypeError(f"{who}: expected f to be a function of x, got {kind_of(f)}; pass lambda x: ...")
    x = np.asarray(x)
    if x.dtype.kind not in "fiu":
        raise TypeError(f"{who}: expected x in real numbers, got {x.dtype}; convert with .astype(float)")
    x = x.astype(np.float64)
    if not np.isfinite(x).all():
        index = np.argwhere(~np.isfinite(x))[0].tolist()
        raise ValueError(f"{who}: expected a finite x, got {x[tuple(index)]} at {index}; clean it first")

    def value(at: Array) -> Array:
        y = f(at)
        if isinstance(y, tuple) or np.asarray(y).dtype.kind not in "fiu" or (scalar and np.shape(y)):
            got = kind_of(y) if isinstance(y, tuple) else f"{np.asarray(y).dtype} of shape {np.shape(y)}"
            raise ValueError(
                f"{who}: expected f to return one real {'number' if scalar else 'array'}, got {got}; "
                + ("return a sum, such as (upstream * y).sum()" if scalar else "return one array of floats")
            )
        return np.array(y, np.float64)

    here, unit = value(x.copy()), unit_of(x)
    if not np.isfinite(here).all():
        bad = here[~np.isfinite(here)][0]
        raise ValueError(f"{who}: expected f to be finite at x, got {bad}; move x into its domain")
    if differ(here, value(x.copy())):
        raise ValueError(
            f"{who}: expected f to return one value for one x, got two in a row that differ; "
            "let it draw the same random numbers in every call"
        )

    def moving(vector: Array) -> Callable[[float], Array]:
        def at(t: float) -> Array:
            y = value(np.asarray(x + t * vector))
            if y.shape != here.shape:
                raise ValueError(
                    f"{who}: expected f to return one shape, got {here.shape} and {y.shape} near x; "
                    "do not select by value"
                )
            return y

        return at

    rng = np.random.default_rng(0)
    vectors = [np.asarray(rng.standard_normal(x.shape)) for _ in range(3 if x.size and here.size else 0)]
    noise = max((noise_of(moving(vector), here, unit) for vector in vectors), default=1.0)
    result = np.zeros(here.shape + x.shape)
    for index in np.ndindex(x.shape):
        basis = np.zeros(x.shape)
        basis[index] = 1
        result[(..., *index)] = slopes(moving(basis), here, unit, noise)
    return result
