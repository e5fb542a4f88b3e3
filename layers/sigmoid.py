"""The logistic function and its kin."""

from __future__ import annotations

from math import inf

import numpy as np

from .base import Array, Grads, Layer


def sigmoid(x: Array) -> Array:
    """1 / (1 + e^-x), from e^-|x| alone, which cannot overflow."""
    e = np.exp(np.minimum(x, -x))
    y: Array = np.maximum(e, x > 0) / (1 + e)  # 1 / (1 + e) where x > 0, else e / (1 + e)
    return y


class Sigmoid(Layer):
    """y = 1 / (1 + e^-x),   dy/dx = y (1 - y)

    Shapes: x and y alike, any.
    """

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        self.cache = y = sigmoid(x)
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        y = self.cache
        self.expect("upstream", upstream, *y.shape)
        return upstream * (y * (1 - y)), {}


class Tanh(Layer):
    """y = tanh(x),   dy/dx = 1 - y^2

    Shapes: x and y alike, any.
    """

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        self.cache = y = np.tanh(x)
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        y = self.cache
        self.expect("upstream", upstream, *y.shape)
        return upstream * (1 - y * y), {}


class Softplus(Layer):
    """y = log(1 + e^x),   dy/dx = sigmoid(x)

    Shapes: x and y alike, any.
    """

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        self.cache = x
        y: Array = x.clip(0, inf) + np.log1p(np.exp(np.minimum(x, -x)))  # e^-|x| cannot overflow
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x = self.cache
        self.expect("upstream", upstream, *x.shape)
        return upstream * sigmoid(x), {}


class SiLU(Layer):
    """y = x s,   dy/dx = s + x s (1 - s),   where s = sigmoid(x)

    Shapes: x and y alike, any.
    Source: Elfwing, Uchibe & Doya 2018, eq. 9; also known as Swish
    """

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        s = sigmoid(x)
        self.cache = x, s
        return x * s

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x, s = self.cache
        self.expect("upstream", upstream, *x.shape)
        return upstream * (s + x * s * (1 - s)), {}
