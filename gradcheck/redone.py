"""Functions of NumPy that ask for the real part, written anew in others that do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .admitted import refusal


def _var(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    centre = np.mean(x, axis, keepdims=True)
    return np.sum(np.square(x - centre), axis, keepdims=keepdims) / (np.size(x) / np.size(centre) - ddof)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    vector = isinstance(axis, int) or np.ndim(x) == 1
    if ord in (None, "fro") or (ord == 2 and vector):
        return np.sqrt(np.sum(np.square(x), axis, keepdims=keepdims))
    if vector and ord in (1, np.inf):
        return (np.sum if ord == 1 else np.max)(abs(x), axis, keepdims=keepdims)
    raise refusal(np.linalg.norm, f" of ord={ord}")


def _quantile(x: Any, q: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    x, q = np.sort(x, axis), np.asarray(q)
    ordered = np.moveaxis(x, axis or 0, 0)  # np.sort with axis None is flat
    place = q * (len(ordered) - 1)
    low = np.floor(place).astype(int)
    high = np.minimum(low + 1, len(ordered) - 1)
    share = (place - low).reshape(q.shape + (1,) * (ordered.ndim - 1))
    if keepdims:
        raise refusal(np.quantile, " with keepdims")
    return ordered[low] * (1 - share) + ordered[high] * share


def _round(x: Any, decimals: int = 0) -> Any:
    return np.rint(x * 10.0**decimals) / 10.0**decimals


IN_OTHERS: dict[Any, Callable[..., Any]] = {
    np.var: _var,
    np.std: lambda *args, **options: np.sqrt(_var(*args, **options)),
    np.linalg.norm: _norm,
    np.quantile: _quantile,
    np.percentile: lambda x, q, *args, **options: _quantile(x, np.asarray(q) / 100, *args, **options),
    np.round: _round,
    np.around: _round,
    np.fix: lambda x: np.trunc(x),
    np.real: lambda x: x,
    np.imag: lambda x: np.zeros(np.shape(x)),
    np.real_if_close: lambda x, tol=100: x,
    np.isreal: lambda x: np.ones(np.shape(x), bool),
    np.iscomplexobj: lambda x: False,
    np.isrealobj: lambda x: True,
}
