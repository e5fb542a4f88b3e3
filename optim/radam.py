"""RAdam: Adam that waits to divide by sqrt(v) until v is worth it."""

from __future__ import annotations

import math

import numpy as np

from .adam import Adam, moments
from .base import Array


class RAdam(Adam):
    """m, v <- as in Adam                                  g includes weight_decay p
    rho = limit - 2 t beta2^t / (1 - beta2^t)              limit = 2 / (1 - beta2) - 1, t the update from 1
    p <- p - lr m̂                                          while rho <= 5
    p <- p - lr r m̂ sqrt(1 - beta2^t) / (sqrt(v) + eps)    after

    with r² = (rho - 4) (rho - 2) limit / ((limit - 4) (limit - 2) rho)

    rho says over how many gradients v is a mean, so how far it can be trusted; r grows to 1 with it: a
    warm-up that needs no setting. With beta2 <= 2/3, rho never comes to 5.

    Raises: ValueError for a hyperparameter out of range.
    Source: Liu et al. 2020, algorithm 2; the 5, where it has 4, and eps as in PyTorch.
    """

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
        beta1, beta2 = betas
        scratch = moments(g, slots, betas)
        rate = lr / (1 - beta1**self.steps)
        left = beta2**self.steps
        limit = 2 / (1 - beta2) - 1
        rho = limit - 2 * self.steps * left / (1 - left)
        if rho <= 5:
            p -= np.multiply(slots["m"], rate, out=scratch)
            return
        r = math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        root = np.sqrt(slots["v"], out=scratch)
        root += eps
        step = np.divide(slots["m"], root, out=scratch)
        step *= rate * r * math.sqrt(1 - left)
        p -= step
