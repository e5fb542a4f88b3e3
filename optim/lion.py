"""Lion: all coordinates step equally far, each by the sign of its momentum."""

from __future__ import annotations

import numpy as np

from .base import Array, Groups, Optimizer, Rate


class Lion(Optimizer):
    """p <- (1 - lr weight_decay) p - lr sign(beta1 m + (1 - beta1) g)
    m <- beta2 m + (1 - beta2) g

    The decay is beside g, as in AdamW. Every step has length lr in every coordinate, so lr wants to be three
    to ten times smaller than Adam's, and weight_decay as much larger. `betas` is (beta1, beta2).

    Raises: ValueError for a hyperparameter out of range.
    Source: Chen et al. 2023, algorithm 2.
    """

    elementwise = True
    slots = ("m",)

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(params, lr, groups, betas=betas, weight_decay=weight_decay)

    def update(
        self,
        p: Array,
        g: Array,
        slots: dict[str, Array],
        lr: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        m = slots["m"]
        beta1, beta2 = betas
        scratch = (1 - beta1) * g
        step = beta1 * m
        step += scratch
        np.sign(step, out=step)
        step *= lr
        if weight_decay:
            p *= 1 - lr * weight_decay
        p -= step
        m *= beta2
        m += np.multiply(g, 1 - beta2, out=scratch)
