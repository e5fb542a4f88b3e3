"""Attention: every query takes a weighted mean of the values, the weights by how well it meets their keys."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import and_
from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .parallel import blocks, in_parts

AT_ONCE = 2**18  # scores
PASSES = 16  # over the scores, a call


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
        shape = *q.shape[:-1], k.shape[-2]
        q = q * (1 / math.sqrt(q.shape[-1]))
        A = np.empty(shape, np.result_type(q, k))
        limit = self._limit(x[3:], A)
        y = np.empty_like(q, dtype=np.result_type(A, v), shape=(*q.shape[:-1], v.shape[-1]))  # in q's layout

        def some(n: Any) -> None:
            np.matmul(q[n], k[n].swapaxes(-1, -2), out=A[n])  # (..., Tq, D)(..., D, Tk) -> (..., Tq, Tk)
            scores = A[n]
            if limit is not None:
                np.fmin(scores, limit[n], out=scores)  # e^-inf is 0, whatever the score was
            scores -= scores.max(axis=-1, keepdims=True)  # the shift cancels; e^x cannot overflow
            np.exp(scores, out=scores)
            scores /= scores.sum(axis=-1, keepdims=True)
            np.matmul(scores, v[n], out=y[n])  # (..., Tq, Tk)(..., Tk, Dv) -> (..., Tq, Dv)

        _some_at_a_time(some, A)
        self.cache = q, k, v, A, len(x)
        return y

    def backward(self, upstream: Array) -> tuple[tuple[Array | None, ...], Grads]:
        q, k, v, A, inputs = self.cache  # q / sqrt(D), as forward left it
        self.expect("upstream", upstream, *A.shape[:-1], v.shape[-1])
        dtype = np.result_type(upstream, A, v)
        dq = np.empty_like(q, dtype=np.result_type(dtype, k))
        dk = np.empty_like(k, dtype=np.result_type(dtype, q))
        dv = np.empty_like(v, dtype=np.result_type(upstream, A))

        def some(n: Any) -> None:
            np.matmul(A[n].swapaxes(-1, -2), upstream[n], out=dv[n])  # (..., Tk, Tq)(..., Tq, Dv)
            dA = upstream[n] @ v[n].swapaxes(-1, -2)  # (..., Tq, Dv)(..., Dv, Tk) -> (..., Tq, Tk)
            dA -= np.einsum("...j,...j", dA, A[n])[..., None]  # exactly 0 where A is 1
            dS = np.multiply(dA, A[n], out=dA if dA.dtype == A.dtype else None)
            np.matmul(dS, k[n], out=dq[n])  # (..., Tq, Tk)(..., Tk, D) -> (..., Tq, D)
            np.matmul(dS.swapaxes(-1, -2), q[n], out=dk[n])  # (..., Tk, Tq)(..., Tq, D) -> (..., Tk, D)

        _some_at_a_time(some, A)
        dq *= 1 / math.sqrt(q.shape[-1])
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

    def _limit(self, masks: tuple[Array, ...], A: Array) -> Array | None:
        """How large a score may be: inf where attending is allowed, -inf where not; None if it always is."""
        shape = A.shape
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
        return np.broadcast_to(np.where(mask, math.inf, -math.inf).astype(A.real.dtype), shape)

    def __repr__(self) -> str:
        return f"ScaledDotProductAttention({'causal=True' * self.causal})"


def _some_at_a_time(some: Callable[[Any], None], A: Array) -> None:
    """some(n) for all the examples n of A, few enough at a time to stay in the cache from pass to pass."""

    def part_by_part(part: slice) -> None:
        for n in blocks(part, A[:1].size, AT_ONCE):
            some(n)

    if A.ndim == 2:
        some(...)
    else:
        in_parts(part_by_part, len(A), PASSES * A.size)


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
