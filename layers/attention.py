"""Attention: every query takes a weighted mean of the values, the weights by how well it meets their keys."""

from __future__ import annotations

import math
from functools import reduce
from operator import and_

import numpy as np

from .base import Array, Grads, Layer


class ScaledDotProductAttention(Layer):
    """y = A v,   A = softmax(q kᵀ / sqrt(D)) over the keys

    Takes (q, k, v) or (q, k, v, mask), the mask True where attending is allowed. causal=True lets query t
    attend to the keys 0 ... t alone, on top of the mask. A masked weight is exactly 0.

    Backwards, y = A v is a matrix product, so dv = Aᵀ u and dA = u vᵀ for the upstream u. Each row of A is a
    softmax of its row of S = q kᵀ / sqrt(D): dS = A * (dA - sum_j dA_j A_j), which is 0 where A is. S again
    is a product: dq = dS k / sqrt(D) and dk = dSᵀ q / sqrt(D). The mask's dx is None.

    Shapes: q (..., Tq, D), k (..., Tk, D), v (..., Tk, Dv), y (..., Tq, Dv), the leading axes alike;
    mask bool, (..., Tq, Tk) or what broadcasts to it.
    Raises: ValueError for a query that may attend nowhere; TypeError for a mask that is not bool.
    Source: Vaswani et al. 2017, section 3.2.1
    """

    def __init__(self, *, causal: bool = False) -> None:
        self.causal = bool(causal)

    def forward(self, x: tuple[Array, ...]) -> Array:
        self.expect_tuple("x", x)
        if len(x) not in (3, 4):
            raise ValueError(
                f"{self.label}: expected x to be (q, k, v) or (q, k, v, mask), got {len(x)} of them"
            )
        q, k, v = self._read(*x[:3])
        q = q * (1 / math.sqrt(q.shape[-1]))
        scores = q @ k.swapaxes(-1, -2)  # (..., Tq, D)(..., D, Tk) -> (..., Tq, Tk)
        allowed = self._allowed(x[3:], scores.shape)
        if allowed is not None:
            scores = np.where(allowed, scores, -math.inf)  # e^-inf is 0, however large the score was
        scores -= scores.max(axis=-1, keepdims=True)  # the shift cancels; e^x cannot overflow
        A = np.exp(scores, out=scores)
        A /= A.sum(axis=-1, keepdims=True)
        y: Array = A @ v  # (..., Tq, Tk)(..., Tk, Dv) -> (..., Tq, Dv)
        self.cache = q, k, v, A, len(x)
        return y

    def backward(self, upstream: Array) -> tuple[tuple[Array | None, ...], Grads]:
        q, k, v, A, inputs = self.cache  # q / sqrt(D), as forward left it
        self.expect("upstream", upstream, *A.shape[:-1], v.shape[-1])
        dv = A.swapaxes(-1, -2) @ upstream  # (..., Tk, Tq)(..., Tq, Dv) -> (..., Tk, Dv)
        dA = upstream @ v.swapaxes(-1, -2)  # (..., Tq, Dv)(..., Dv, Tk) -> (..., Tq, Tk)
        dA -= (dA * A).sum(axis=-1, keepdims=True)  # exactly 0 where A is 1
        dS = np.multiply(dA, A, out=dA if dA.dtype == A.dtype else None)
        dq = dS @ k * (1 / math.sqrt(q.shape[-1]))  # (..., Tq, Tk)(..., Tk, D) -> (..., Tq, D)
        dk = dS.swapaxes(-1, -2) @ q  # (..., Tk, Tq)(..., Tq, D) -> (..., Tk, D)
        return (dq, dk, dv, None)[:inputs], {}

    def _read(self, q: Array, k: Array, v: Array) -> tuple[Array, Array, Array]:
        self.expect("q", q, ..., "Tq", "D")
        self.expect("k", k, *q.shape[:-2], "Tk", q.shape[-1])
        self.expect("v", v, *k.shape[:-1], "Dv")
        expect_numbers(self, q=q, k=k, v=v)
        if 0 in (*q.shape[-2:], k.shape[-2]):
            raise ValueError(
                f"{self.label}: expected at least one query, one key and one feature, "
                f"got q {q.shape} and k {k.shape}"
            )
        return q, k, v

    def _allowed(self, masks: tuple[Array, ...], shape: tuple[int, ...]) -> Array | None:
        """Where the scores count, in a shape that broadcasts to theirs; None where all do."""
        for mask in masks:
            self.expect("mask", mask, ...)
            expect_mask(self, mask, shape[-mask.ndim :])  # leading axes may be left out
        if self.causal:
            masks = (*masks, np.tri(*shape[-2:], dtype=np.bool_))  # query t sees the keys up to t
        if not masks:
            return None
        mask = reduce(and_, masks)
        if not mask.any(axis=-1).all():
            row = np.argwhere(~np.broadcast_to(mask, shape).any(axis=-1))[0].tolist()
            raise ValueError(
                f"{self.label}: expected every query to be allowed a key, got none in row {row} of the "
                f"scores {shape}; allow it one, and leave its y out of the loss"
            )
        return mask

    def __repr__(self) -> str:
        return f"ScaledDotProductAttention({'causal=True' * self.causal})"


def expect_numbers(layer: Layer, **inputs: Array) -> None:
    """Refuse a mask that stands where numbers belong.   Raises: TypeError."""
    for what, array in inputs.items():
        if array.dtype == bool:
            raise TypeError(
                f"{layer.label}: expected {what} of numbers, got bool; the mask comes last: (q, k, v, mask)"
            )


def expect_mask(layer: Layer, mask: Array, shape: tuple[int, ...], mend: str = "reshape it") -> None:
    """Refuse a mask that is not bool, or of another shape but for 1s.   Raises: TypeError, ValueError."""
    if mask.dtype != bool:
        raise TypeError(
            f"{layer.label}: expected mask of bool, True where attending is allowed, got {mask.dtype}; "
            "convert it with mask.astype(bool)"
        )
    if mask.ndim != len(shape) or any(m not in (1, n) for m, n in zip(mask.shape, shape, strict=True)):
        raise ValueError(
            f"{layer.label}: expected mask of shape {shape}, with 1 for any size, got {mask.shape}; {mend}"
        )
