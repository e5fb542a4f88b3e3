"""Layers whose outputs along an axis share a denominator."""

from __future__ import annotations

import numpy as np

from .base import Array, Grads, Layer


class Softmax(Layer):
    """y_i = e^x_i / sum_j e^x_j along an axis,   dx = y * (upstream - sum_j upstream_j y_j)

    Shapes: x and y alike, any.
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        e = np.exp(x - x.max(axis=self.axis, keepdims=True))  # the shift cancels; e^x cannot overflow
        y: Array = e / e.sum(axis=self.axis, keepdims=True)
        self.cache = y
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        y = self.cache
        self.expect("upstream", upstream, *y.shape)
        return y * (upstream - (upstream * y).sum(axis=self.axis, keepdims=True)), {}

    def __repr__(self) -> str:
        return f"Softmax(axis={self.axis})"


class LogSoftmax(Layer):
    """y_i = x_i - log sum_j e^x_j along an axis,   dx = upstream - e^y * sum_j upstream_j

    Shapes: x and y alike, any.
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        shifted = x - x.max(axis=self.axis, keepdims=True)
        y: Array = shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True))
        self.cache = y
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        y = self.cache
        self.expect("upstream", upstream, *y.shape)
        return upstream - np.exp(y) * upstream.sum(axis=self.axis, keepdims=True), {}

    def __repr__(self) -> str:
        return f"LogSoftmax(axis={self.axis})"
