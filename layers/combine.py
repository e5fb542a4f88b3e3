"""Containers that are no chain: a sum, a fan-out, side by side."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .container import Container
from .numbered import Numbered
from .sequential import Sequential


class Residual(Container):
    """y = x + f(x), where f is the layers in a row; they are named "main.0", "main.1", ...

    x reaches y by two paths, so its gradient is the sum over both: dx = upstream + f's pullback of upstream.

    Shapes: x, f(x) and y alike.
    """

    def __init__(self, *layers: Layer) -> None:
        self.main = Sequential(*layers)

    def forward(self, x: Array) -> Array:
        y: Array = self.forward_child("main", x)
        self.expect("f(x)", y, *x.shape)
        return x + y

    def backward(self, upstream: Array) -> tuple[Array | None, Grads]:
        dx, grads = self.backward_child("main", upstream)
        return add_adjoints(upstream, dx), grads


class Branch(Numbered):
    """y = (f_1(x), f_2(x), ...): one x to every layer, a tuple out.

    dx is the sum of the layers' dx: the copy gate, backwards, adds.

    Shapes: x as every layer takes it, y a tuple of what they give.
    """

    def forward(self, x: Any) -> tuple[Any, ...]:
        return tuple(self.forward_child(name, x) for name in self.children)

    def backward(self, upstream: tuple[Any, ...]) -> tuple[Any, Grads]:
        self.expect_tuple("upstream", upstream, len(self.layers))
        pulled = [self.backward_child(*pair) for pair in zip(self.children, upstream, strict=True)]
        dx = reduce(add_adjoints, (dx for dx, _ in pulled))
        return dx, {name: grad for _, grads in pulled for name, grad in grads.items()}


class Parallel(Numbered):
    """y = (f_1(x_1), f_2(x_2), ...): the i-th input to the i-th layer.

    Shapes: x a tuple of what the layers take, y a tuple of what they give.
    Raises: ValueError for another number of inputs than of layers.
    """

    def forward(self, x: tuple[Any, ...]) -> tuple[Any, ...]:
        self.expect_tuple("x", x, len(self.layers))
        return tuple(self.forward_child(name, part) for name, part in zip(self.children, x, strict=True))

    def backward(self, upstream: tuple[Any, ...]) -> tuple[tuple[Any, ...], Grads]:
        self.expect_tuple("upstream", upstream, len(self.layers))
        pulled = [self.backward_child(*pair) for pair in zip(self.children, upstream, strict=True)]
        dx = tuple(dx for dx, _ in pulled)
        return dx, {name: grad for _, grads in pulled for name, grad in grads.items()}


def add_adjoints(a: Any, b: Any) -> Any:
    """The sum of two adjoints of one value, unknown (None) where either is.   Raises: ValueError."""
    if a is None or b is None:
        return None
    if isinstance(a, tuple):
        return tuple(add_adjoints(p, q) for p, q in zip(a, b, strict=True))
    if np.shape(a) != np.shape(b):
        raise ValueError(
            f"expected the adjoints of one value to have one shape, got {np.shape(a)} and {np.shape(b)}; "
            "one of the backwards returns a dx of another shape than x"
        )
    return a + b
