"""Images made larger: a border of zeros, or every pixel repeated."""

from __future__ import annotations

import numpy as np

from .base import Array, Grads, Layer
from .sizes import PerAxis, brief, per_axis


class ZeroPad2D(Layer):
    """y = x inside a border of zeros,   dx = the inside of upstream

    p: the width of the border, an int or (left, right, top, bottom).

    Shapes: x (N, C, H, W), y (N, C, top + H + bottom, left + W + right).
    Raises: ValueError for a negative width.
    """

    def __init__(self, p: PerAxis) -> None:
        self.p = per_axis("ZeroPad2D", "p", p, 4, low=0)

    def forward(self, x: Array) -> Array:
        self.expect("x", x, "N", "C", "H", "W")
        (N, C, H, W), (left, right, top, bottom) = x.shape, self.p
        y = np.zeros((N, C, top + H + bottom, left + W + right), x.dtype)
        inside = (..., slice(top, top + H), slice(left, left + W))
        y[inside] = x
        self.cache = y.shape, inside
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        shape, inside = self.cache
        self.expect("upstream", upstream, *shape)
        return upstream[inside], {}

    def __repr__(self) -> str:
        return f"ZeroPad2D({brief(self.p)})"


class Upsample2D(Layer):
    """y[..., i, j] = x[..., i // h, j // w],   dx = the sum of upstream over the h by w copies of each pixel

    scale: an int or a pair (h, w).

    Shapes: x (N, C, H, W), y (N, C, H h, W w).
    Raises: ValueError for a scale below 1.
    """

    def __init__(self, scale: PerAxis) -> None:
        self.scale = per_axis("Upsample2D", "scale", scale, 2)

    def forward(self, x: Array) -> Array:
        self.expect("x", x, "N", "C", "H", "W")
        self.cache = x.shape
        h, w = self.scale
        return x.repeat(h, axis=2).repeat(w, axis=3)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        (N, C, H, W), (h, w) = self.cache, self.scale
        self.expect("upstream", upstream, N, C, H * h, W * w)
        dx: Array = upstream.reshape(N, C, H, h, W, w).sum(axis=(3, 5))
        return dx, {}

    def __repr__(self) -> str:
        return f"Upsample2D({brief(self.scale)})"
