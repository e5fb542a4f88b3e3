"""Adamax: Adam with the largest gradient of late where Adam has the root of the mean square."""

from __future__ import annotations

import numpy as np

from .base import Array, Groups, Optimizer, Rate


class Adamax(Optimizer):
    """m <- beta1 m + (1 - beta1) g              g includes weight_decay p
    u <- max(beta2 u, |g| + eps)
    p <- p - lr m̂ / u                            m̂ = m / (1 - beta1^t), t the update from 1

    u needs no correction for its start at zero: the first gradient replaces it. `betas` is (beta1, beta2).

    Raises: ValueError for a hyperparameter out of range.
    Source: Kingma & Ba 2015, algorithm 2; eps, which keeps u from zero, as in PyTorch.
    """

    elementwise = True
    slots = ("m", "u")

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(params, lr, groups, betas=betas, eps=eps, weight_decay=weight_decay)

    def update(
        self,
        p: Array,
        g: Array,
        slots: dict[str, Array],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
    ) -> None:
        if weight_decay:
            g = g + weight_decay * p
        m, u = slots["m"], slots["u"]
        beta1, beta2 = betas
        scratch = (1 - beta1) * g
        m *= beta1
        m += scratch
        np.abs(g, out=scratch)
        scratch += eps
        u *= beta2
        np.maximum(u, scratch, out=u)
        step = np.divide(m, u, out=scratch)
        step *= lr / (1 - beta1**self.steps)
        p -= step
