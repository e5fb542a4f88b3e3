"""Where parameters start: functions (shape, rng) -> array, chosen by name or passed as they are.

Shapes: (out, in), or (out, in, *kernel) for a convolution; fan_in = in * kernel, fan_out = out * kernel.
Options are keywords; bind them with functools.partial: `Affine(3, 2, init=partial(he_normal, gain=1.0))`.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from .base import Array

Rng: TypeAlias = "np.random.Generator | int | None"  # a string: NumPy loads np.random at its first use
Init = str | Callable[..., Array]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out): how many inputs an output sums over, and the other way round."""
    if len(shape) < 2:
        raise ValueError(
            f"init: expected a shape (out, in, ...), got {shape}; start vectors with zeros or ones"
        )
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def zeros(shape: tuple[int, ...], rng: Rng = None) -> Array:
    """0"""
    return np.zeros(shape)


def ones(shape: tuple[int, ...], rng: Rng = None) -> Array:
    """1"""
    return np.ones(shape)


def constant(shape: tuple[int, ...], rng: Rng = None, *, value: float = 0.0) -> Array:
    """value"""
    return np.full(shape, float(value))


def normal(shape: tuple[int, ...], rng: Rng = None, *, mean: float = 0.0, std: float = 0.01) -> Array:
    """N(mean, std^2)"""
    return np.random.default_rng(rng).normal(mean, std, shape)


def uniform(shape: tuple[int, ...], rng: Rng = None, *, low: float = -0.05, high: float = 0.05) -> Array:
    """U(low, high)"""
    return np.random.default_rng(rng).uniform(low, high, shape)


def truncated_normal(shape: tuple[int, ...], rng: Rng = None, *, std: float = 0.01) -> Array:
    """N(0, std^2), drawn again where it falls more than 2 std from 0."""
    rng = np.random.default_rng(rng)
    z = rng.standard_normal(shape)
    while (far := np.abs(z) > 2).any():
        z[far] = rng.standard_normal(np.count_nonzero(far))
    return std * z


def xavier_uniform(shape: tuple[int, ...], rng: Rng = None, *, gain: float = 1.0) -> Array:
    """U(-a, a), a = gain sqrt(6 / (fan_in + fan_out)).   Source: Glorot & Bengio 2010, eq. 16"""
    return _uniform(shape, rng, gain / math.sqrt(sum(fans(shape)) / 2))


def xavier_normal(shape: tuple[int, ...], rng: Rng = None, *, gain: float = 1.0) -> Array:
    """N(0, s^2), s = gain sqrt(2 / (fan_in + fan_out)).   Source: Glorot & Bengio 2010, eq. 12"""
    return normal(shape, rng, std=gain / math.sqrt(sum(fans(shape)) / 2))


def he_uniform(shape: tuple[int, ...], rng: Rng = None, *, gain: float = math.sqrt(2)) -> Array:
    """U(-a, a), a = gain sqrt(3 / fan_in); gain sqrt(2) suits ReLU.   Source: He et al. 2015, section 2.2"""
    return _uniform(shape, rng, gain / math.sqrt(fans(shape)[0]))


def he_normal(shape: tuple[int, ...], rng: Rng = None, *, gain: float = math.sqrt(2)) -> Array:
    """N(0, s^2), s = gain / sqrt(fan_in); gain sqrt(2) suits ReLU.   Source: He et al. 2015, section 2.2"""
    return normal(shape, rng, std=gain / math.sqrt(fans(shape)[0]))


def lecun_uniform(shape: tuple[int, ...], rng: Rng = None, *, gain: float = 1.0) -> Array:
    """U(-a, a), a = gain sqrt(3 / fan_in); suits SELU.   Source: LeCun et al. 1998, section 4.6"""
    return he_uniform(shape, rng, gain=gain)


def lecun_normal(shape: tuple[int, ...], rng: Rng = None, *, gain: float = 1.0) -> Array:
    """N(0, s^2), s = gain / sqrt(fan_in); suits SELU.   Source: LeCun et al. 1998, section 4.6"""
    return he_normal(shape, rng, gain=gain)


def orthogonal(shape: tuple[int, ...], rng: Rng = None, *, gain: float = 1.0) -> Array:
    """gain * Q, with orthonormal rows, or columns if there are more rows.   Source: Saxe et al. 2014"""
    fans(shape)  # refuses a vector
    rows, columns = shape[0], math.prod(shape[1:])
    a = np.random.default_rng(rng).standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(a)
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)  # the signs that make Q uniform over the orthogonal matrices
    return gain * (q if rows >= columns else q.T).reshape(shape)


def pytorch(shape: tuple[int, ...], rng: Rng = None) -> Array:
    """U(-a, a), a = 1 / sqrt(fan_in): what PyTorch's Linear and Conv layers start with."""
    return _uniform(shape, rng, 1 / math.sqrt(3 * fans(shape)[0]))


def _uniform(shape: tuple[int, ...], rng: Rng, std: float) -> Array:
    return uniform(shape, rng, low=-math.sqrt(3) * std, high=math.sqrt(3) * std)


NAMED: dict[str, Callable[..., Array]] = {
    f.__name__: f
    for f in (zeros, ones, constant, normal, uniform, truncated_normal, xavier_uniform, xavier_normal,
              he_uniform, he_normal, lecun_uniform, lecun_normal, orthogonal, pytorch)
}  # fmt: skip
NAMED |= {
    "glorot_uniform": xavier_uniform,
    "glorot_normal": xavier_normal,
    "kaiming_uniform": he_uniform,
    "kaiming_normal": he_normal,
}


def start(init: Init, shape: tuple[int, ...], rng: Rng, dtype: Any) -> Array:
    """An array of this shape and dtype from an initialiser's name, or a callable (shape, rng) -> array.

    Raises: ValueError for an unknown name, a callable that returns another shape, another dtype than floats.
    """
    if np.dtype(dtype).kind != "f":
        raise ValueError(f"init: expected a floating dtype, got {np.dtype(dtype)}; try np.float32")
    if isinstance(init, str) and init not in NAMED:
        near = difflib.get_close_matches(init, NAMED, 1)
        raise ValueError(
            f"init: expected one of {', '.join(NAMED)}, got {init!r}"
            + (f"; did you mean {near[0]!r}?" if near else "; or pass a callable (shape, rng) -> array")
        )
    array = np.asarray((NAMED[init] if isinstance(init, str) else init)(shape, np.random.default_rng(rng)))
    if array.shape != shape:
        raise ValueError(f"init: expected an array of shape {shape} from {init!r}, got {array.shape}")
    return array.astype(dtype)
