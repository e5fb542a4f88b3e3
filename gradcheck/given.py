"""What the user gives a check: shapes or arrays, an upstream, a seed."""

from __future__ import annotations

import copy
import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from layers.base import Array

from .subject import global_state, set_global_state

Rngs = list[np.random.Generator]


def streams_of(who: str, rng: Any) -> Rngs:
    """Generators for x, two upstreams, directions and a second point, which share nothing.

    An upstream that follows x (one seed for both) would pass a mask taken from the wrong one.
    """
    try:
        source = copy.deepcopy(np.random.default_rng(rng))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{who}: expected rng to be a seed or a Generator, got {rng!r}; pass a number"
        ) from error
    return [np.random.default_rng(int(seed)) for seed in source.integers(2**63, size=5)]


def read_level(who: str, level: str) -> str:
    if level not in ("auto", "quick", "full"):
        raise ValueError(f"{who}: expected level to be 'auto', 'quick' or 'full', got {level!r}; use 'auto'")
    return level


def read_x(who: str, x: Any, rng: np.random.Generator) -> tuple[list[Array], bool]:
    """The inputs as arrays, and whether there are several (a tuple).   Raises: TypeError, ValueError."""
    if isinstance(x, tuple | list) and not _is_shape(x):
        return [_read_array(who, f"x[{i}]", part, rng) for i, part in enumerate(x)], True
    return [_read_array(who, "x", x, rng)], False


def read_upstream(upstream: Any, outputs: list[Array], several: bool, rng: np.random.Generator) -> Any:
    """An upstream of y's structure in float64, drawn from N(0, 1) where it is None.   Raises: ValueError."""
    if upstream is None:
        parts = [np.asarray(rng.standard_normal(y.shape)) for y in outputs]
    else:
        given = upstream if isinstance(upstream, tuple) else (upstream,)
        parts = [np.array(part, dtype=np.float64) for part in given]
        wanted, got = [y.shape for y in outputs], [part.shape for part in parts]
        if wanted != got or several != isinstance(upstream, tuple):
            raise ValueError(
                f"check_layer: expected upstream of y's shape {_shapes(wanted, several)}, "
                f"got {_shapes(got, isinstance(upstream, tuple))}; leave it out to have one drawn"
            )
        if not all(np.isfinite(part).all() for part in parts) or not any(part.any() for part in parts):
            raise ValueError(
                "check_layer: expected upstream finite and not all zeros, got one that shows no gradient; "
                "leave it out to have one drawn"
            )
    return tuple(parts) if several else parts[0]


@contextmanager
def quietly() -> Iterator[None]:
    """Leave the global random states as they were, and floating-point warnings to the verdict."""
    state = global_state()
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        set_global_state(state)


def _is_shape(x: Any) -> bool:
    return isinstance(x, tuple | list) and all(isinstance(n, numbers.Integral) for n in x)


def _read_array(who: str, what: str, x: Any, rng: np.random.Generator) -> Array:
    if _is_shape(x):
        return np.asarray(rng.standard_normal(tuple(x)))
    if not isinstance(x, np.ndarray | np.generic):
        raise TypeError(
            f"{who}: expected {what} to be a NumPy array or a shape, got {type(x).__name__}; "
            "convert it with np.asarray"
        )
    if x.dtype.kind not in "fiub":
        raise TypeError(
            f"{who}: expected {what} in real numbers, got {x.dtype}; convert it with .astype(float)"
        )
    array: Array = np.asarray(x)
    if not np.isfinite(array).all():
        index = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(
            f"{who}: expected a finite {what}, got {array[tuple(index)]} at {index}; clean it first"
        )
    return array


def _shapes(shapes: list[tuple[int, ...]], several: bool) -> str:
    return f"({', '.join(map(str, shapes))})" if several else str(shapes[0])
