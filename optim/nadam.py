"""NAdam: Adam that looks ahead along its momentum, as Nesterov's does."""

from __future__ import annotations

import math

import numpy as np

from .adam import moments
from .base import Array, Groups, Optimizer, Rate


class NAdam(Optimizer):
    """m, v <- as in Adam                                       g includes weight_decay p
    mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2)              t the update from 1
    n = (1 - mu_t) / (1 - mu_1 ... mu_t) g + mu_t+1 / (1 - mu_1 ... mu_t+1) m
    p <- p - lr n / (sqrt(v̂) + eps)                             v̂ = v / (1 - beta2^t)

    Adam's m̂ is the momentum that led here; n already has the weights of the next step. They rise: mu goes
    from beta1 / 2 to beta1.

    Raises: ValueError for a hyperparameter out of range.
    Source: Dozat 2016, with the mu and the default momentum_decay of PyTorch.
    """

    elementwise = True
    slots = ("m", "v")

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate = 2e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(
            params, lr, groups, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay
        )
        self._products: dict[tuple[float, float], tuple[int, float]] = {}

    def update(
        self,
        p: Array,
        g: Array,
        slots: dict[str, Array],
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        momentum_decay: float,
    ) -> None:
        if weight_decay:
            g = g + weight_decay * p
        beta1, beta2 = betas
        mu, ahead = (_mu(t, beta1, momentum_decay) for t in (self.steps, self.steps + 1))
        product = self._product(beta1, momentum_decay)
        scratch = moments(g, slots, betas)
        step = slots["m"] * (lr * ahead / (1 - product * ahead))
        step += np.multiply(g, lr * (1 - mu) / (1 - product), out=scratch)
        root = np.sqrt(slots["v"], out=scratch)
        root /= math.sqrt(1 - beta2**self.steps)
        root += eps
        step /= root
        p -= step

    def _product(self, beta1: float, decay: float) -> float:
        """mu_1 ... mu_t, from where it was left, or from the start where load_state went back."""
        t, product = self._products.get((beta1, decay), (0, 1.0))
        if t > self.steps:
            t, product = 0, 1.0
        for later in range(t + 1, self.steps + 1):
            product *= _mu(later, beta1, decay)
        self._products[beta1, decay] = self.steps, product
        return product


def _mu(t: int, beta1: float, decay: float) -> float:
    return beta1 * (1 - 0.5 * math.pow(0.96, t * decay))
