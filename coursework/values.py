"""Is what forward returns right, and if not, which mistake would give it?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcheck.report import pair
from layers.base import Array

NEAR = 1e-6  # of the largest entry: looser than float64 rounding, tighter than an eps left out
Hints = Mapping[str, Callable[[], Any]]  # a mistake in words, and the values it leads to


def unlike(what: str, yours: Any, right: Array, hints: Hints | None = None) -> str:
    """ "" where `yours` is right, else how it differs, and the mistake if it is a known one."""
    if not isinstance(yours, np.ndarray | np.generic | float | int):
        mend = f"; return {what}" if yours is None else ""
        return f"{what} is {'None' if yours is None else type(yours).__name__}: expected an array{mend}"
    yours = np.asarray(yours)
    if yours.dtype.kind not in "fiub":
        return f"{what} is of dtype {yours.dtype}: expected real numbers"
    if same(yours, right):
        return ""
    cause = next((words for words, wrong in (hints or {}).items() if same(yours, np.asarray(wrong()))), "")
    if yours.shape != right.shape:
        first = f"{what} has shape {yours.shape}, expected {right.shape}"
        return f"{first}\n{cause or _arranged(yours, right)}".rstrip()
    return f"{_worst(what, yours, right)}\n{cause or _factor(what, yours, right)}".rstrip()


def same(yours: Array, right: Array) -> bool:
    """Whether two arrays are alike in shape and values; nan is like nan."""
    if yours.shape != right.shape:
        return False
    size = np.abs(right[np.isfinite(right)]).max(initial=0.0)
    return bool(np.allclose(yours, right, rtol=0, atol=NEAR * (size or 1.0), equal_nan=True))


def _worst(what: str, yours: Array, right: Array) -> str:
    broken = ~np.isfinite(yours) & np.isfinite(right)
    if broken.any():
        place = np.argwhere(broken)[0].tolist()
        return f"{what} has {yours[tuple(place)]} at {place}: mind a log, a root, a division by 0 or an exp"
    apart = np.abs(yours - right)
    place = np.unravel_index(apart.argmax(), apart.shape)
    where = f" at {[int(i) for i in place]}" if place else ""
    told = pair(float(yours[place]), float(right[place])).replace("numeric", "right")
    return f"{what} is wrong{where}: {told}"


def _arranged(yours: Array, right: Array) -> str:
    if yours.ndim == right.ndim > 1 and same(yours.T, right):
        return "the numbers are right, and transposed"
    if yours.size == right.size and same(yours.reshape(right.shape), right):
        return "the numbers are right; reshape them"
    return ""


def _factor(what: str, yours: Array, right: Array) -> str:
    """A constant factor, or that it is nearly right."""
    if not np.isfinite(yours).all():
        return ""
    if not yours.any():
        return "it is 0 throughout"
    factor = float((yours * right).sum() / (right * right).sum()) if right.any() else 0.0
    if factor and same(yours, factor * right):
        return (
            "the sign is wrong everywhere" if factor == -1 else f"it is {factor:.6g} times what it should be"
        )
    if np.abs(yours - right).max() <= 1e-2 * np.abs(right).max():
        return f"{what} is nearly right: look at eps, at N against N - 1, at a rounding or a float32 cast"
    return ""
