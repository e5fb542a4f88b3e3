"""Sizes and numbers as layers are given them: read, checked, and shown."""

from __future__ import annotations

import operator
from numbers import Real
from typing import Any

Sizes = tuple[int, ...]
PerAxis = int | tuple[int, ...]  # one number for all spatial axes, or one for each


def per_axis(who: str, what: str, value: PerAxis, axes: int, low: int = 1) -> Sizes:
    """`value` for each spatial axis: a pair for images.   Raises: TypeError, ValueError."""
    wanted = "an integer" if axes == 1 else f"an integer or {axes} of them"
    try:
        sizes = tuple(map(index, value if isinstance(value, tuple | list) else (value,) * axes))
    except TypeError:
        raise TypeError(f"{who}: expected {what} to be {wanted}, got {value!r}") from None
    if len(sizes) != axes:
        raise ValueError(f"{who}: expected {what} to be {wanted}, got {value!r}")
    if min(sizes) < low:
        raise ValueError(f"{who}: expected {what} >= {low}, got {value!r}")
    return sizes


def size(who: str, what: str, value: int) -> int:
    """One size, by itself.   Raises: TypeError, ValueError below 1."""
    if isinstance(value, tuple | list):
        raise TypeError(f"{who}: expected {what} to be an integer, got {value!r}")
    return per_axis(who, what, value, 1)[0]


def index(value: Any) -> int:
    """`value` as Python's int, which does not overflow.   Raises: TypeError, also for True and False."""
    if isinstance(value, bool):
        raise TypeError(f"{value} is no size")
    return operator.index(value)


def real(who: str, what: str, value: float) -> float:
    """`value` as a float, which leaves float32 arrays float32.   Raises: TypeError."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{who}: expected {what} to be a number, got {value!r}")
    return float(value)


def brief(sizes: Sizes) -> int | Sizes:
    """One number where all axes have the same."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def shown(**options: Any) -> str:
    """How repr shows options that are not the usual ones: ", stride=2, padding=1"."""
    return "".join(f", {name}={value}" for name, value in options.items())
