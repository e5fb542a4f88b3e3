"""Sizes as layers are given them: read, checked, and shown."""

from __future__ import annotations

import operator
from typing import Any

Sizes = tuple[int, ...]
PerAxis = int | tuple[int, ...]  # one number for all spatial axes, or one for each


def per_axis(who: str, what: str, value: PerAxis, axes: int, low: int = 1) -> Sizes:
    """`value` for each spatial axis: a pair for images.   Raises: TypeError, ValueError."""
    wanted = "an integer" if axes == 1 else f"an integer or {axes} of them"
    try:
        sizes = tuple(map(operator.index, value if isinstance(value, tuple | list) else (value,) * axes))
    except TypeError:
        raise TypeError(f"{who}: expected {what} to be {wanted}, got {value!r}") from None
    if len(sizes) != axes:
        raise ValueError(f"{who}: expected {what} to be {wanted}, got {value!r}")
    if min(sizes) < low:
        raise ValueError(f"{who}: expected {what} >= {low}, got {value!r}")
    return sizes


def brief(sizes: Sizes) -> int | Sizes:
    """One number where all axes have the same."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def shown(**options: Any) -> str:
    """How repr shows options that are not the usual ones: ", stride=2, padding=1"."""
    return "".join(f", {name}={value}" for name, value in options.items())
