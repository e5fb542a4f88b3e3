"""Both ways through a sequence, and its end."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .combine import add_adjoints
from .container import Container
from .recurrent import expect_steps


class Bidirectional(Container):
    """y = (f(x), flip(g(flip(x)))) side by side; flip turns the time around, so y_t sees both sides of x_t

    Takes x or (x, mask), and hands the mask on to both layers; of (x, mask) dx is (dx, None). The layers are
    named "ahead" (f) and "back" (g).

    Shapes: x (N, T, D), mask (N, T), f's output (N, T, H), g's (N, T, K), y (N, T, H + K).
    Source: Schuster & Paliwal 1997
    """

    def __init__(self, ahead: Layer, back: Layer) -> None:
        for name, layer in (("ahead", ahead), ("back", back)):
            self.expect_layer(name, layer, "write Bidirectional(layer, layer)")
        self.ahead = ahead
        self.back = back

    def forward(self, x: Array | tuple[Array, Array]) -> Array:
        (N, T, _), mask = _read(self, x)
        ahead, back = self.forward_child("ahead", x), self.forward_child("back", _flip(x))
        self.expect("f(x)", ahead, N, T, "H")
        self.expect("g(flip(x))", back, N, T, "K")
        y = np.concatenate([ahead, _flip(back)], axis=2)
        self.cache = y.shape, ahead.shape[2], mask is not None
        return y

    def backward(self, upstream: Array) -> tuple[Any, Grads]:
        shape, H, masked = self.cache
        self.expect("upstream", upstream, *shape)
        dx_ahead, grads_ahead = self.backward_child("ahead", upstream[..., :H])
        dx_back, grads_back = self.backward_child("back", _flip(upstream[..., H:]))
        ahead, back = (dx[0] if masked and dx is not None else dx for dx in (dx_ahead, dx_back))
        dx = add_adjoints(ahead, None if back is None else _flip(back))
        return (dx, None) if masked else dx, {**grads_ahead, **grads_back}


class LastStep(Layer):
    """y = the last step of x; with a mask, in each row the last step where it is True

    Takes x or (x, mask); of (x, mask) dx is (dx, None). Behind a Bidirectional, the last step of g's half has
    seen that step only.

    Shapes: x (N, T, D), mask (N, T), y (N, D).
    Raises: ValueError for T = 0, and for a row of the mask without a step.
    """

    def forward(self, x: Array | tuple[Array, Array]) -> Array:
        (N, T, D), mask = _read(self, x)
        if T == 0:
            raise ValueError(f"{self.label}: expected x of at least one step, got shape {(N, T, D)}")
        last = np.full(N, T - 1)
        if mask is not None:
            empty = np.flatnonzero(~mask.any(axis=1))
            if len(empty):
                raise ValueError(
                    f"{self.label}: expected a step in every row of the mask, got none in row {empty[0]}; "
                    "leave such rows out"
                )
            last -= mask[:, ::-1].argmax(axis=1)  # the first True from the end
        self.cache = (N, T, D), last, mask is not None
        y: Array = (x[0] if isinstance(x, tuple) else x)[np.arange(N), last]
        return y

    def backward(self, upstream: Array) -> tuple[Any, Grads]:
        (N, T, D), last, masked = self.cache
        self.expect("upstream", upstream, N, D)
        dx = np.zeros((N, T, D), upstream.dtype)
        dx[np.arange(N), last] = upstream
        return (dx, None) if masked else dx, {}


def _read(layer: Layer, x: Any) -> tuple[tuple[int, ...], Array | None]:
    """(the shape of x, the mask or None) of x or (x, mask).   Raises: TypeError, ValueError."""
    if not isinstance(x, tuple):
        layer.expect("x", x, "N", "T", "D")
        return x.shape, None
    if len(x) != 2:
        raise ValueError(f"{layer.label}: expected x or (x, mask), got a tuple of {len(x)}")
    x, mask = x
    layer.expect("x", x, "N", "T", "D")
    shape: tuple[int, ...] = x.shape
    expect_steps(layer, mask, *shape[:2])
    return shape, mask


def _flip(x: Any) -> Any:
    """x, or each of (x, mask), with its time turned around."""
    return tuple(part[:, ::-1] for part in x) if isinstance(x, tuple) else x[:, ::-1]
