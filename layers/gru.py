"""The gated recurrent unit: one gate resets the state, another chooses between it and a new one."""

from __future__ import annotations

import numpy as np

from .base import Array
from .recurrent import Cell, Recurrent, State, Unrolled, blocks, open_gates


class _Step(Recurrent):
    """h' = (1 - z) n + z h,   n = tanh(x_n + r h_n)"""

    bias_start = (0.0, 0.0, 0.0)  # r, z, n
    one_sum = False  # r stands between a_x and a_h

    def step(self, a_x: Array, state: State) -> tuple[State, State]:
        (h,) = state
        a_h, rz = self.from_state(h), slice(2 * h.shape[1])
        a_x[:, rz] += a_h[:, rz]
        open_gates(a_x[:, rz])
        (r, z, n), h_n = blocks(a_x, 3), blocks(a_h, 3)[2]  # (N, 3 H) -> three (N, H), in the place of a_x
        n += r * h_n
        np.tanh(n, out=n)
        return (n + z * (h - n),), (h, h_n, a_x)

    def pull(self, kept: State, dstate: State, da_x: Array, da_h: Array) -> State:
        (h, h_n, gates), (dh,) = kept, dstate
        (r, z, n), (da_r, da_z, da_n) = blocks(gates, 3), blocks(da_x, 3)
        through_z = dh * z
        np.multiply(dh - through_z, 1 - n * n, out=da_n)
        np.multiply(through_z * (1 - z), h - n, out=da_z)
        np.multiply(da_n * h_n, r * (1 - r), out=da_r)
        da_h[...] = da_x
        blocks(da_h, 3)[2][...] *= r  # r stands before h_n
        return (through_z + da_h @ self.params["W_h"],)  # (N, 3 H)(3 H, H) -> (N, H)


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
