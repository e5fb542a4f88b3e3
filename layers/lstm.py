"""Long short-term memory: gates decide what a cell forgets, takes in and shows."""

from __future__ import annotations

import numpy as np

from .base import Array
from .recurrent import Cell, Recurrent, State, Unrolled, blocks
from .sigmoid import sigmoid


class _Step(Recurrent):
    """c' = f c + i g,   h' = o tanh(c')"""

    bias_start = (0.0, 1.0, 0.0, 0.0)  # i, f, g, o: a gate that is open at first forgets little
    states = ("h", "c")

    def step(self, a_x: Array, state: State) -> tuple[State, State]:
        h, c = state
        a = blocks(a_x + self.from_state(h), 4)  # (N, 4 H) -> (4, N, H): a_i, a_f, a_g, a_o
        i, f, o = sigmoid(a[[0, 1, 3]])
        g = np.tanh(a[2])
        c_next = f * c + i * g
        tanh_c = np.tanh(c_next)
        return (o * tanh_c, c_next), (c, i, f, g, o, tanh_c)

    def pull(self, kept: State, dstate: State) -> tuple[Array, Array, State]:
        c, i, f, g, o, tanh_c = kept
        dh, dc = dstate
        do = dh * tanh_c
        dc = dc + dh * o * (1 - tanh_c * tanh_c)  # c' reaches the next step, and h' through tanh
        di, df, dg = dc * g, dc * c, dc * i
        da = np.concatenate(
            [di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)], axis=1
        )  # four (N, H) -> (N, 4 H)
        return da, da, (da @ self.params["W_h"], dc * f)  # (N, 4 H)(4 H, H) -> (N, H)


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
