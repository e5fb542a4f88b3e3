"""From images to rows."""

from __future__ import annotations

import math

from .base import Array, Grads, Layer


class Flatten(Layer):
    """y = x with all axes but the first laid in a row

    Shapes: x (N, ...), y (N, D), D the product of the other axes.
    """

    def forward(self, x: Array) -> Array:
        self.expect("x", x, "N", ...)
        self.cache = x.shape
        return x.reshape(len(x), math.prod(x.shape[1:]))

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        shape = self.cache
        self.expect("upstream", upstream, shape[0], math.prod(shape[1:]))
        return upstream.reshape(shape), {}
