"""The same numbers in another shape, or in another order of axes."""

from __future__ import annotations

import math

import numpy as np

from .base import Array, Grads, Layer
from .sizes import index


class Reshape(Layer):
    """y = x, each example laid out in `shape`,   dx = upstream laid out as x was

    One size may be -1: what the others leave.

    Shapes: x (N, ...), y (N, *shape), the same number of values an example.
    Raises: ValueError for another number of values.
    """

    def __init__(self, *shape: int) -> None:
        self.shape = _integers("Reshape", "sizes", shape)
        if self.shape.count(-1) > 1 or any(size < 1 and size != -1 for size in self.shape):
            raise ValueError(f"Reshape: expected sizes >= 1, at most one of them -1, got {self.shape}")

    def forward(self, x: Array) -> Array:
        self.expect("x", x, "N", ...)
        values, known = math.prod(x.shape[1:]), math.prod(size for size in self.shape if size != -1)
        free = -1 in self.shape
        if values % known if free else values != known:
            raise ValueError(
                f"{self.label}: expected x with {'a multiple of ' if free else ''}{known} values an example, "
                f"got {values} in shape {x.shape}; the batch axis is left out of the sizes"
            )
        # -1 by hand: NumPy cannot tell it for an empty batch
        y = x.reshape(len(x), *(values // known if size == -1 else size for size in self.shape))
        self.cache = x.shape, y.shape
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x_shape, y_shape = self.cache
        self.expect("upstream", upstream, *y_shape)
        return upstream.reshape(x_shape), {}

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))})"


class Permute(Layer):
    """y = x with its axes in another order: axis i of y is axis axes[i] of x;   dx = upstream, put back

    Shapes: x of any shape with len(axes) axes, y of shape x.shape[axes[0]], x.shape[axes[1]], ...
    Raises: ValueError for axes that are no permutation, and for an x with more or fewer axes.
    """

    def __init__(self, *axes: int) -> None:
        self.axes = _integers("Permute", "axes", axes)
        if not axes or sorted(self.axes) != list(range(len(axes))):
            raise ValueError(
                f"Permute: expected every axis from 0, the batch axis, once, got {self.axes}; "
                "Permute(0, 2, 1) swaps the last two of three"
            )

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        if x.ndim != len(self.axes):
            raise ValueError(
                f"{self.label}: expected x with {len(self.axes)} axes, got shape {x.shape}; "
                "name all its axes, the batch axis 0 too"
            )
        y = x.transpose(self.axes)
        self.cache = y.shape
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        shape = self.cache
        self.expect("upstream", upstream, *shape)
        return upstream.transpose(np.argsort(self.axes)), {}  # argsort inverts a permutation

    def __repr__(self) -> str:
        return f"Permute({', '.join(map(str, self.axes))})"


def _integers(who: str, what: str, values: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return tuple(map(index, values))
    except TypeError:
        raise TypeError(
            f"{who}: expected {what} to be integers, got {values}; write {who}(2, 1), without a tuple"
        ) from None
