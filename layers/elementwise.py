"""Layers that act on each number alone: the Jacobian is diagonal, the pullback a product entry by entry."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .base import Array, Grads, Layer


class Elementwise(Layer):
    """y = f(x),   dx = upstream * df(x)

    Shapes: x, y and df(x) alike, any; a constant slope may be one number.
    Raises: ValueError where f or df changes the shape.
    """

    def __init__(self, f: Callable[[Array], Array], df: Callable[[Array], Array]) -> None:
        self.f, self.df = f, df

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        y = self.f(x)
        self.expect("f(x)", y, *x.shape)
        self.cache = x
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x = self.cache
        self.expect("upstream", upstream, *x.shape)
        slope = self.df(x)
        if np.ndim(slope):
            self.expect("df(x)", slope, *x.shape)
        return upstream * slope, {}

    def __repr__(self) -> str:
        names = (getattr(function, "__name__", repr(function)) for function in (self.f, self.df))
        return f"Elementwise({', '.join(names)})"


class Identity(Layer):
    """y = x,   dx = upstream

    Shapes: x and y alike, any.
    """

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        self.cache = x.shape
        return x

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        self.expect("upstream", upstream, *self.cache)
        return upstream, {}
