"""What layers hand around: an array or a tuple of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from layers.base import Array

SMALL = 10_000  # entries


def parts_of(value: Any) -> tuple[Any, ...]:
    """A tuple as it is, anything else as a tuple of one."""
    return value if isinstance(value, tuple) else (value,)


def combine(f: Callable[..., Any], *values: Any) -> Any:
    """f over the parts of values of one structure; a part stays an array, of shape () too."""
    if isinstance(values[0], tuple):
        return tuple(np.asarray(f(*parts)) for parts in zip(*values, strict=True))
    return np.asarray(f(*values))


def fresh(value: Any) -> Any:
    """A copy that shares nothing."""
    return combine(np.array, value)


def flat(value: Any) -> Array:
    """All entries of all parts in a row, in float64."""
    return np.concatenate([np.ravel(part) for part in parts_of(value)], dtype=np.float64, casting="unsafe")


def same(a: Any, b: Any) -> bool:
    """Whether two arrays agree to the last bit; NaN is the same as NaN."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    # the quickest for small arrays, and for large ones
    if a.size < SMALL and a.dtype == b.dtype and a.tobytes() == b.tobytes():
        return True
    return bool((a == b).all()) or bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))


def differ(a: Any, b: Any) -> bool:
    """Whether two arrays differ by more than another order of summation explains."""
    if np.shape(a) != np.shape(b):
        return True
    if same(a, b):
        return False
    largest = max(float(np.abs(a).max()), float(np.abs(b).max()))
    return not float(np.abs(a - b).max()) <= 1e-11 * largest


def kind_of(value: Any) -> str:
    """What came, for a message: "float64 array (4, 3)", "(dict, NoneType)"."""
    if isinstance(value, tuple):
        return f"({', '.join(map(kind_of, value))})"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array {value.shape}"
    return type(value).__name__
