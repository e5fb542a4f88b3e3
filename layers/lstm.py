"""Long short-term memory: gates decide what a cell forgets, takes in and shows."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .base import Array
from .recurrent import Cell, Recurrent, State, Unrolled, blocks


class _Step(Recurrent):
    """c' = f c + i g,   h' = o tanh(c')"""

    bias_start = (0.0, 1.0, 0.0, 0.0)  # i, f, g, o: a gate that is open at first forgets little
    states = ("h", "c")

    def step(self, a_x: Array, state: State) -> tuple[State, State]:
        h, c = state
        a = a_x
        a += self.from_state(h)
        _, half, shift = _gates(h.shape[1], a.dtype)
        a *= half  # sigmoid(a) = (1 + tanh(a / 2)) / 2: one tanh for all gates, in the place of a
        np.tanh(a, out=a)
        a *= half
        a += shift
        i, f, g, o = blocks(a, 4)  # (N, 4 H) -> four (N, H)
        c_next = f * c
        c_next += i * g
        tanh_c = np.tanh(c_next)
        return (o * tanh_c, c_next), (c, a, tanh_c)

    def pull(self, kept: State, dstate: State, da_x: Array, da_h: Array) -> State:
        (c, gates, tanh_c), (dh, dc) = kept, dstate
        i, f, g, o = blocks(gates, 4)
        dc = dc + dh * o * (1 - tanh_c * tanh_c)  # c' reaches the next step, and h' through tanh
        di, df, dg, do = blocks(da_x, 4)
        np.multiply(dc, g, out=di)
        np.multiply(dc, c, out=df)
        np.multiply(dc, i, out=dg)
        np.multiply(dh, tanh_c, out=do)
        one, _, _ = _gates(c.shape[1], gates.dtype)
        slope = one + gates
        slope *= 1 - gates  # y (1 - y) for the sigmoids, (1 + y) (1 - y) for g
        da_x *= slope
        return da_x @ self.params["W_h"], dc * f  # (N, 4 H)(4 H, H) -> (N, H)


@lru_cache(maxsize=16)
def _gates(H: int, dtype: Any) -> tuple[Array, Array, Array]:
    """Rows (4 H,) that tell g from the other gates: (0, 0, 1, 0), halves (1/2, 1/2, 1, 1/2), 1 - halves."""
    g = np.repeat([0.0, 0.0, 1.0, 0.0], H).astype(dtype)
    return g, (1 + g) / 2, (1 - g) / 2


class LSTMCell(_Step, Cell):
    """c' = f c + i g,   h' = o tanh(c'), one step

    i, f, o = sigmoid(a_i), sigmoid(a_f), sigmoid(a_o),   g = tanh(a_g),
    where (a_i, a_f, a_g, a_o) = x W_xᵀ + b_x + h W_hᵀ + b_h are the gates' blocks, in this order.

    The adjoint of c' has two parts, dc' of the next step and dh' o (1 - tanh(c')²); from there
    dc = dc' f, di = dc' g, df = dc' c, dg = dc' i, do = dh' tanh(c').

    Shapes: takes (x, h, c), returns (h', c'): x (N, D), the others (N, H); W_x (4 H, D), W_h (4 H, H), b_x
    and b_h (4 H,).
    Each block of W_x and W_h starts orthogonal, b_x at zero but for the forget gate's 1, b_h at zero.
    Source: Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000 (the forget gate and its bias)
    """


class LSTM(_Step, Unrolled):
    """h_t, c_t = LSTMCell(x_t, h_t-1, c_t-1), for t = 1 to T

    Takes x, (x, h0, c0), (x, mask) or (x, h0, c0, mask); h0 and c0 are zero where they are not given. The
    mask is boolean, True where a row has a step: np.arange(T) < lengths[:, None]. Elsewhere h and c are
    carried on unchanged, y is 0, and x is not read. The step and its pullback are LSTMCell's.

    Shapes: x (N, T, D), h0 and c0 (N, H), mask (N, T), y = h_1 to h_T (N, T, H); W_x (4 H, D), W_h (4 H, H),
    b_x and b_h (4 H,).
    Each block of W_x and W_h starts orthogonal, b_x at zero but for the forget gate's 1, b_h at zero.
    Raises: ValueError for T = 0.
    Source: Hochreiter & Schmidhuber 1997; Gers, Schmidhuber & Cummins 2000 (the forget gate and its bias)
    """
