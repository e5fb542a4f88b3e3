"""Gates on tuples: how a gradient splits and joins. Add distributes, Mul swaps, Max routes, Copy adds."""

from __future__ import annotations

from functools import reduce
from operator import add, mul

import numpy as np

from .base import Array, Grads, Layer


class Add(Layer):
    """y = x_1 + x_2 + ...,   dx_i = upstream

    Shapes: every x_i and y alike; nothing is broadcast.
    """

    def forward(self, x: tuple[Array, ...]) -> Array:
        _expect_alike(self, x)
        self.cache = x[0].shape, len(x)
        return reduce(add, x)

    def backward(self, upstream: Array) -> tuple[tuple[Array, ...], Grads]:
        shape, inputs = self.cache
        self.expect("upstream", upstream, *shape)
        return (upstream,) * inputs, {}


class Mul(Layer):
    """y = x_1 * x_2 * ...,   dx_i = upstream * the product of the others

    Shapes: every x_i and y alike; nothing is broadcast.
    """

    def forward(self, x: tuple[Array, ...]) -> Array:
        _expect_alike(self, x)
        self.cache = x
        return reduce(mul, x)

    def backward(self, upstream: Array) -> tuple[tuple[Array, ...], Grads]:
        x = self.cache
        self.expect("upstream", upstream, *x[0].shape)
        # y / x_i would be 0 / 0 where an input is 0
        return tuple(reduce(mul, x[:i] + x[i + 1 :], upstream) for i in range(len(x))), {}


class Max(Layer):
    """y = max(x_1, x_2, ...),   dx_i = upstream where x_i is the largest, else 0

    Shapes: every x_i and y alike; nothing is broadcast. A tie goes to the first.
    """

    def forward(self, x: tuple[Array, ...]) -> Array:
        _expect_alike(self, x)
        y, winner = x[0], np.zeros(x[0].shape, np.intp)
        for i, other in enumerate(x[1:], start=1):
            larger = other > y
            y, winner = np.where(larger, other, y), np.where(larger, i, winner)
        self.cache = winner, len(x)
        return y

    def backward(self, upstream: Array) -> tuple[tuple[Array, ...], Grads]:
        winner, inputs = self.cache
        self.expect("upstream", upstream, *winner.shape)
        return tuple(upstream * (winner == i) for i in range(inputs)), {}


class Copy(Layer):
    """y = (x, x, ...), n times,   dx = the sum of the upstreams

    Shapes: x and every y_i alike.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise ValueError(f"Copy: expected n of at least 1, got {n}")
        self.n = n

    def forward(self, x: Array) -> tuple[Array, ...]:
        self.expect("x", x, ...)
        self.cache = x.shape
        return (x,) * self.n

    def backward(self, upstream: tuple[Array, ...]) -> tuple[Array, Grads]:
        shape = self.cache
        self.expect_tuple("upstream", upstream, self.n)
        for i, part in enumerate(upstream):
            self.expect(f"upstream[{i}]", part, *shape)
        return reduce(add, upstream), {}

    def __repr__(self) -> str:
        return f"Copy({self.n})"


class Concat(Layer):
    """y = x_1, x_2, ... joined along an axis,   dx_i = its piece of upstream

    Shapes: the x_i alike but for the axis; y's axis is as long as theirs together.
    """

    def __init__(self, axis: int = 1) -> None:
        self.axis = axis

    def forward(self, x: tuple[Array, ...]) -> Array:
        self.expect_tuple("x", x)
        if not -x[0].ndim <= self.axis < x[0].ndim:
            raise ValueError(f"{self.label}: expected x[0] with an axis {self.axis}, got shape {x[0].shape}")
        for i, part in enumerate(x):
            alike = list(x[0].shape)
            alike[self.axis] = "any"
            self.expect(f"x[{i}]", part, *alike)
        y = np.concatenate(x, axis=self.axis)
        self.cache = y.shape, np.cumsum([part.shape[self.axis] for part in x])[:-1]
        return y

    def backward(self, upstream: Array) -> tuple[tuple[Array, ...], Grads]:
        shape, cuts = self.cache
        self.expect("upstream", upstream, *shape)
        return tuple(np.split(upstream, cuts, axis=self.axis)), {}

    def __repr__(self) -> str:
        return f"Concat(axis={self.axis})"


def _expect_alike(layer: Layer, x: tuple[Array, ...]) -> None:
    layer.expect_tuple("x", x)
    layer.expect("x[0]", x[0], ...)
    for i, part in enumerate(x[1:], start=1):
        layer.expect(f"x[{i}]", part, *x[0].shape)
