"""Rectifiers: the identity for positive numbers, less than that for the others."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from .base import Array, Grads, Layer


class ReLU(Layer):
    """y = max(x, 0),   dx = upstream where x > 0, else 0

    Shapes: x and y alike, any. The slope at 0 is 0.
    """

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        y: Array = x.clip(0, inf)  # np.maximum takes twice as long beside a number
        self.cache = y  # y > 0 where x > 0, and the next layer keeps y anyway
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        y = self.cache
        self.expect("upstream", upstream, *y.shape)
        return upstream * (y > 0), {}


class LeakyReLU(Layer):
    """y = x where x > 0, else slope * x

    Shapes: x and y alike, any.
    Source: Maas, Hannun & Ng 2013, section 2.1
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = float(slope)

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        self.cache = x
        y: Array = x.clip(0, inf) + self.slope * x.clip(-inf, 0)
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x = self.cache
        self.expect("upstream", upstream, *x.shape)
        return _bent(upstream, x, self.slope), {}

    def __repr__(self) -> str:
        return f"LeakyReLU({self.slope})"


class PReLU(Layer):
    """y = x where x > 0, else a * x, with a learned a for each channel, or one for all

    Shapes: x (N, features, ...), any for features = 1; a (features,); y like x.
    Source: He et al. 2015, section 2.1
    """

    def __init__(self, features: int = 1, *, slope: float = 0.25, dtype: Any = np.float32) -> None:
        self.params = {"a": np.full(features, slope, dtype)}

    def forward(self, x: Array) -> Array:
        a = self.params["a"]
        self.expect("x", x, *(("N", len(a), ...) if len(a) > 1 else (...,)))
        self.cache = x
        y: Array = x.clip(0, inf) + self._beside(x) * x.clip(-inf, 0)
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x, a = self.cache, self.params["a"]
        self.expect("upstream", upstream, *x.shape)
        dx = _bent(upstream, x, self._beside(x))
        share = upstream * x.clip(-inf, 0)  # each entry's say in its channel's a
        da = share.sum(axis=(0, *range(2, x.ndim))) if len(a) > 1 else share.sum(keepdims=True).reshape(1)
        return dx, self.grads(a=da)

    def _beside(self, x: Array) -> Array:
        """a with its channels on x's channel axis: (features,) -> (features, 1, ...)."""
        a = self.params["a"]
        return a.reshape(-1, *[1] * (x.ndim - 2)) if len(a) > 1 else a

    def __repr__(self) -> str:
        return f"PReLU({len(self.params['a'])})"


def _bent(upstream: Array, x: Array, slope: float | Array) -> Array:
    """upstream where x > 0, else slope * upstream: by masks, as np.where is slow where signs are mixed."""
    dx: Array = slope * upstream
    dx *= x <= 0
    dx += upstream * (x > 0)
    return dx
