"""Muon: matrices step along their momentum with its singular values made equal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .adam import adam_step
from .base import Array, Groups, Optimizer, Rate

A, B, C = 3.4445, -4.7750, 2.0315  # of the quintic A s + B s³ + C s⁵, steep at 0
ROUNDS = 5
TINY = 1e-7  # what is shorter than this is not brought to length 1


class Muon(Optimizer):
    """M <- momentum M + (1 - momentum) G                       for a matrix P
    N = momentum M + (1 - momentum) G                           nesterov False: N = M
    P <- (1 - lr weight_decay) P - lr sqrt(max(1, rows / cols)) O(N)

    For N = U S Vᵀ, O(N) is about U Vᵀ: the step that is as long in every direction. `orthogonal` finds it
    without the SVD. A kernel (out, in, kh, kw) counts as the matrix (out, in kh kw), and so on.
    Vectors and scalars have no directions to make equal: they are updated as in AdamW, with `betas`, `eps`
    and the same lr and weight_decay, or with others by groups={"*.b": {"lr": 3e-4, "weight_decay": 0.0}}.

    Raises: ValueError for a hyperparameter out of range.
    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks". The mean in M, the
    decay and the defaults are those of PyTorch, which takes matrices alone and rounds O(N) to bfloat16.
    """

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate = 1e-3,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        weight_decay: float = 0.1,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(
            params, lr, groups, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay,
            betas=betas, eps=eps,
        )  # fmt: skip

    def init(self, p: Array, hyper: Mapping[str, Any]) -> dict[str, Array]:
        return {slot: np.zeros_like(p) for slot in (("m",) if _is_matrix(p) else ("m", "v"))}

    def update(
        self,
        p: Array,
        g: Array,
        slots: dict[str, Array],
        lr: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        betas: tuple[float, float],
        eps: float,
    ) -> None:
        if weight_decay:
            p *= 1 - lr * weight_decay
        if not _is_matrix(p):
            adam_step(p, g, slots, self.steps, lr, betas, eps)
            return
        m = slots["m"]
        scratch = (1 - momentum) * g
        m *= momentum
        m += scratch
        if nesterov:
            scratch += momentum * m
        step = orthogonal(scratch if nesterov else m)
        rows, cols = p.shape[0], p.size // p.shape[0]
        step *= lr * math.sqrt(max(1.0, rows / cols))
        p -= step


def orthogonal(n: Array) -> Array:
    """U S' Vᵀ of n = U S Vᵀ, with all of S' about 1: as much of each direction, in n's shape.

    X <- A X + B (X Xᵀ) X + C (X Xᵀ)² X, five times from n / |n|, leaves U and V and takes each singular value
    s through the quintic, again and again: from 0.002 and above to between 0.68 and 1.21.
    """
    x = n.reshape(n.shape[0], -1)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T  # r <= c from here: X Xᵀ is the smaller of the two products
    x = x / max(float(np.linalg.norm(x)), TINY)
    for _ in range(ROUNDS):
        gram = x @ x.T  # (r, c)(c, r) -> (r, r)
        factor = gram @ gram
        factor *= C
        gram *= B
        factor += gram
        pulled = factor @ x  # (r, r)(r, c) -> (r, c)
        x *= A
        x += pulled
    return (x.T if tall else x).reshape(n.shape)


def _is_matrix(p: Array) -> bool:
    return p.ndim > 1 and p.size > 0
