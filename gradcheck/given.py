"""What the user gives a check: shapes or arrays, an upstream, a seed."""

from __future__ import annotations

import copy
import numbers
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import parts_of
from .subject import GlobalState, global_state, set_global_state

Rngs = list[np.random.Generator]


def streams_of(who: str, rng: Any) -> Rngs:
    """Generators for x, two upstreams, directions and a second point, which share nothing.

    An upstream that follows x (one seed for both) would pass a mask taken from the wrong one.
    """
    try:
        source = np.random.default_rng(rng if isinstance(rng, int | None) else copy.deepcopy(rng))
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
    several = isinstance(x, tuple | list) and not _is_shape(x)
    named = [(f"x[{i}]", part) for i, part in enumerate(x)] if several else [("x", x)]
    inputs = [_read_array(who, name, part, rng) for name, part in named]
    if not any(array.size for array in inputs):
        got = _shapes([array.shape for array in inputs], several)
        raise ValueError(f"{who}: expected an x with entries, got the shape {got}; a batch of 2 shows most")
    return inputs, several


def read_upstream(upstream: Any, outputs: list[Array], several: bool, rng: np.random.Generator) -> Any:
    """An upstream of y's structure in float64, drawn from N(0, 1) where it is None.   Raises: ValueError."""
    if upstream is None:
        parts = [np.asarray(rng.standard_normal(y.shape)) for y in outputs]
    else:
        parts = [_read_part(part) for part in parts_of(upstream)]
        wanted, got = [y.shape for y in outputs], [part.shape for part in parts]
        if wanted != got or several != isinstance(upstream, tuple):
            raise ValueError(
                f"check_layer: expected upstream of y's shape {_shapes(wanted, several)}, "
                f"got {_shapes(got, isinstance(upstream, tuple))}; leave it out to have one drawn"
            )
        if not all(np.isfinite(part).all() for part in parts) or not any(map(np.any, parts)):
            raise ValueError(
                "check_layer: expected upstream finite and not all zeros, got one that shows no gradient; "
                "leave it out to have one drawn"
            )
    return tuple(parts) if several else parts[0]


@contextmanager
def quietly() -> Iterator[GlobalState]:
    """Leave the global random states as they were, and NumPy's warnings about numbers to the verdict."""
    state = global_state()
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            yield state
    finally:
        set_global_state(state)


def _read_part(part: Any) -> Array:
    try:
        array = np.asarray(part)
    except ValueError:  # rows of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "fiub":
        got = array.dtype if isinstance(part, np.ndarray) else type(part).__name__
        raise TypeError(
            f"check_layer: expected upstream in real numbers, got {got}; leave it out to have one drawn"
        )
    return array.astype(np.float64)


def _is_shape(x: Any) -> bool:
    return isinstance(x, tuple | list) and all(isinstance(n, numbers.Integral) for n in x)


def _read_array(who: str, what: str, x: Any, rng: np.random.Generator) -> Array:
    if _is_shape(x):
        try:
            return np.asarray(rng.standard_normal(tuple(int(n) for n in x)))
        except (ValueError, OverflowError, MemoryError) as error:
            raise ValueError(
                f"{who}: expected {what} to be an array or a shape of sizes, got {tuple(x)}: {error}; "
                "pass one such as (4, 3)"
            ) from None
    if not isinstance(x, np.ndarray | np.generic):
        raise TypeError(
            f"{who}: expected {what} to be a NumPy array or a shape, got {type(x).__name__}; "
            "convert it with np.asarray"
        )
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{who}: expected {what} without a mask, got a masked array; fill it with x.filled(0)"
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
