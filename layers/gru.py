"""The gated recurrent unit: one gate resets the state, another chooses between it and a new one."""

from __future__ import annotations

import numpy as np

from .base import Array
from .recurrent import Cell, Recurrent, State, Unrolled, blocks
from .sigmoid import sigmoid


class _Step(Recurrent):
    """h' = (1 - z) n + z h,   n = tanh(x_n + r h_n)"""

    bias_start = (0.0, 0.0, 0.0)  # r, z, n

    def step(self, a_x: Array, state: State) -> tuple[State, State]:
        (h,) = state
        a_x, a_h = blocks(a_x, 3), blocks(self.from_state(h), 3)  # (N, 3 H) -> (3, N, H)
        r, z = sigmoid(a_x[:2] + a_h[:2])
        h_n = a_h[2]
        n = np.tanh(a_x[2] + r * h_n)
        return ((1 - z) * n + z * h,), (h, h_n, r, z, n)

    def pull(self, kept: State, dstate: State) -> tuple[Array, Array, State]:
        h, h_n, r, z, n = kept
        (dh,) = dstate
        da_n = dh * (1 - z) * (1 - n * n)
        da_z = dh * (h - n) * z * (1 - z)
        da_r = da_n * h_n * r * (1 - r)
        da_x = np.concatenate([da_r, da_z, da_n], axis=1)  # three (N, H) -> (N, 3 H)
        da_h = np.concatenate([da_r, da_z, da_n * r], axis=1)
        return da_x, da_h, (dh * z + da_h @ self.params["W_h"],)  # (N, 3 H)(3 H, H) -> (N, H)


class GRUCell(_Step, Cell):
    """h' = (1 - z) n + z h, one step

    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z),   n = tanh(x_n + r h_n),
    where (x_r, x_z, x_n) = x W_xᵀ + b_x and (h_r, h_z, h_n) = h W_hᵀ + b_h are the gates' blocks, in this
    order. The reset gate r multiplies h_n, bias and all, as in PyTorch and cuDNN.

    Behind the gates: da_z = dh' (h - n) z (1 - z), da_n = dh' (1 - z) (1 - n²), da_r = da_n h_n r (1 - r).
    The n block of the adjoint of h W_hᵀ + b_h is r da_n; h also reaches h' directly, through z.

    Shapes: takes (x, h): x (N, D), h and h' (N, H); W_x (3 H, D), W_h (3 H, H), b_x and b_h (3 H,).
    Each block of W_x and W_h starts orthogonal, b_x and b_h at zero.
    Source: Cho et al. 2014, eq. 5-8, where r multiplies h before W_h does
    """


class GRU(_Step, Unrolled):
    """h_t = GRUCell(x_t, h_t-1), for t = 1 to T

    Takes x, (x, h0), (x, mask) or (x, h0, mask); h0 is zero where it is not given. The mask is boolean, True
    where a row has a step: np.arange(T) < lengths[:, None]. Elsewhere h is carried on unchanged, y is 0, and
    x is not read. The step and its pullback are GRUCell's.

    Shapes: x (N, T, D), h0 (N, H), mask (N, T), y = h_1 to h_T (N, T, H); W_x (3 H, D), W_h (3 H, H), b_x and
    b_h (3 H,).
    Each block of W_x and W_h starts orthogonal, b_x and b_h at zero.
    Raises: ValueError for T = 0.
    Source: Cho et al. 2014, eq. 5-8, where r multiplies h before W_h does
    """
