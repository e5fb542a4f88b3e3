"""Adagrad: each coordinate's step is measured against all its gradients so far."""

from __future__ import annotations

import numpy as np

from .base import Array, Groups, Optimizer, Rate


class Adagrad(Optimizer):
    """v <- v + g²                          g includes weight_decay p
    p <- p - lr g / (sqrt(v) + eps)

    v only grows, so steps shrink like 1 / sqrt(steps) without a schedule.

    Raises: ValueError for a hyperparameter out of range.
    Source: Duchi, Hazan & Singer 2011, the diagonal form; eps as in PyTorch.
    """

    elementwise = True
    slots = ("v",)

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate,
        *,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(params, lr, groups, eps=eps, weight_decay=weight_decay)

    def update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, eps: float, weight_decay: float
    ) -> None:
        if weight_decay:
            g = g + weight_decay * p
        v = slots["v"]
        v += np.square(g)
        root = np.sqrt(v)
        root += eps
        step = g / root
        step *= lr
        p -= step
