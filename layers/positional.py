"""Where in the sequence a step stands, which attention by itself cannot see."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .sizes import size


class PositionalEncoding(Layer):
    """y = x + P[:T],   P[t, 2i] = sin(t / 10000^(2i / dim)),   P[t, 2i + 1] = cos(the same)

    learned=True: P is a parameter W instead, started by `init`; dW[t] is the upstream at step t summed over
    the batch, and 0 for the steps after T. The table of sines is a constant of the layer, no part of its
    state().

    Shapes: x (N, T, dim) with T from 1 to max_len, P and W (max_len, dim), y like x.
    Raises: ValueError for more than max_len steps.
    Source: Vaswani et al. 2017, section 3.5
    """

    def __init__(
        self,
        max_len: int,
        dim: int,
        *,
        learned: bool = False,
        init: Init = "normal",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        max_len, dim = size("PositionalEncoding", "max_len", max_len), size("PositionalEncoding", "dim", dim)
        self.learned = bool(learned)
        if learned:
            self.params = {"W": start(init, (max_len, dim), rng, dtype)}
        else:
            self.table = sinusoids(max_len, dim).astype(dtype)

    def forward(self, x: Array) -> Array:
        P = self._P
        self.expect("x", x, "N", "T", P.shape[1])
        steps = x.shape[1]
        if not 1 <= steps <= len(P):
            raise ValueError(
                f"{self.label}: expected x of 1 to {len(P)} time steps, got {steps}; "
                "shorten the sequences, or build it with a larger max_len"
            )
        self.cache = x.shape
        return x + P[:steps]  # (N, T, dim) + (T, dim)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        shape = self.cache
        self.expect("upstream", upstream, *shape)
        if not self.learned:
            return upstream, {}
        dW = np.zeros(self.params["W"].shape, upstream.dtype)
        dW[: shape[1]] = upstream.sum(axis=0)  # (N, T, dim) -> (T, dim); the steps after T had no part in y
        return upstream, self.grads(W=dW)

    def astype(self, dtype: Any) -> Self:
        super().astype(dtype)
        if not self.learned:
            self.table = sinusoids(*self.table.shape).astype(dtype)  # anew: exact in the new dtype
        return self

    @property
    def _P(self) -> Array:
        return self.params["W"] if self.learned else self.table

    def __repr__(self) -> str:
        max_len, dim = self._P.shape
        return f"PositionalEncoding({max_len}, {dim}{', learned=True' * self.learned})"


def sinusoids(max_len: int, dim: int) -> Array:
    """P (max_len, dim) in float64: each pair of columns is a wave, the first of period 2 pi."""
    i = np.arange(dim)
    angles = np.arange(max_len)[:, None] / 10000.0 ** (i // 2 * 2 / dim)  # (max_len, 1) / (dim,)
    return np.where(i % 2 == 0, np.sin(angles), np.cos(angles))
