"""Adadelta: each coordinate's step is as long as its steps of late, so that lr has no unit."""

from __future__ import annotations

import numpy as np

from .base import Array, Groups, Optimizer, Rate


class Adadelta(Optimizer):
    """v <- rho v + (1 - rho) g²                  g includes weight_decay p
    d = g sqrt(u + eps) / sqrt(v + eps)           u from the steps before
    u <- rho u + (1 - rho) d²
    p <- p - lr d

    d has the unit of p, whatever that of the loss. It starts near sqrt(eps) and grows with u.

    Raises: ValueError for a hyperparameter out of range.
    Source: Zeiler 2012, algorithm 1, with the lr of PyTorch.
    """

    elementwise = True
    slots = ("v", "u")

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(params, lr, groups, rho=rho, eps=eps, weight_decay=weight_decay)

    def update(
        self,
        p: Array,
        g: Array,
        slots: dict[str, Array],
        lr: float,
        rho: float,
        eps: float,
        weight_decay: float,
    ) -> None:
        if weight_decay:
            g = g + weight_decay * p
        v, u = slots["v"], slots["u"]
        scratch = np.square(g)
        scratch *= 1 - rho
        v *= rho
        v += scratch
        step = u + eps
        step /= np.add(v, eps, out=scratch)
        np.sqrt(step, out=step)
        step *= g
        np.square(step, out=scratch)
        scratch *= 1 - rho
        u *= rho
        u += scratch
        step *= lr
        p -= step
