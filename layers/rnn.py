"""The plain recurrent layer: the next state is a squashed sum of the input and the state."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array
from .init import Init, Rng
from .recurrent import Cell, Recurrent, State, Unrolled


class _Step(Recurrent):
    """h' = f(a),   a = x W_xᵀ + b_x + h W_hᵀ + b_h"""

    bias_start = (0.0,)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        nonlinearity: str = "tanh",
        bias: bool = True,
        init: Init = "orthogonal",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"{type(self).__name__}: expected nonlinearity to be 'tanh' or 'relu', got {nonlinearity!r}"
            )
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias=bias, init=init, rng=rng, dtype=dtype)

    def step(self, a_x: Array, state: State) -> tuple[State, State]:
        (h,) = state
        a = self.from_state(h)
        a += a_x
        h = np.tanh(a, out=a) if self.nonlinearity == "tanh" else np.maximum(a, 0, out=a)
        return (h,), (h,)

    def pull(self, kept: State, dstate: State, da_x: Array, da_h: Array) -> State:
        (h,), (dh,) = kept, dstate
        np.multiply(dh, 1 - h * h if self.nonlinearity == "tanh" else h > 0, out=da_x)
        return (da_x @ self.params["W_h"],)  # (N, H)(H, H) -> (N, H)

    def __repr__(self) -> str:
        text = super().__repr__()
        return text if self.nonlinearity == "tanh" else f"{text[:-1]}, nonlinearity='relu')"


class RNNCell(_Step, Cell):
    """h' = tanh(x W_xᵀ + b_x + h W_hᵀ + b_h), one step;   `nonlinearity="relu"`: max(0, .)

    With a the argument of tanh: da = dh' * (1 - h'²), dx = da W_x, dh = da W_h.

    Shapes: x (N, D), h and h' (N, H); W_x (H, D), W_h (H, H), b_x and b_h (H,).
    W_x and W_h start orthogonal, b_x and b_h at zero.
    Source: Elman 1990
    """


class RNN(_Step, Unrolled):
    """h_t = tanh(x_t W_xᵀ + b_x + h_t-1 W_hᵀ + b_h), for t = 1 to T;   `nonlinearity="relu"`: max(0, .)

    Takes x, (x, h0), (x, mask) or (x, h0, mask); h0 is zero where it is not given. The mask is boolean, True
    where a row has a step: np.arange(T) < lengths[:, None]. Elsewhere h is carried on unchanged, y is 0, and
    x is not read. The step and its pullback are RNNCell's.

    Shapes: x (N, T, D), h0 (N, H), mask (N, T), y = h_1 to h_T (N, T, H); W_x (H, D), W_h (H, H), b_x and
    b_h (H,).
    W_x and W_h start orthogonal, b_x and b_h at zero.
    Raises: ValueError for T = 0.
    Source: Elman 1990
    """
