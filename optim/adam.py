"""Adam, and AdamW that decays weights beside it."""

from __future__ import annotations

import math

import numpy as np

from .base import Array, Groups, Optimizer, Rate


class Adam(Optimizer):
    """m <- beta1 m + (1 - beta1) g        g includes weight_decay p
    v <- beta2 v + (1 - beta2) g²
    p <- p - lr m̂ / (sqrt(v̂) + eps)       m̂ = m / (1 - beta1^t), v̂ = v / (1 - beta2^t), t the update from 1

    m̂ and v̂ undo that m and v start at zero. `betas` is (beta1, beta2).

    Raises: ValueError for a hyperparameter out of range.
    Source: Kingma & Ba 2015, algorithm 1, computed in the order that the end of section 2 proposes.
    """

    elementwise = True
    slots = ("m", "v")

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate = 1e-3,
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
        adam_step(p, g, slots, self.steps, lr, betas, eps)


class AdamW(Adam):
    """Adam on the plain g, after p <- (1 - lr weight_decay) p: a decay that v does not divide.

    Raises: ValueError for a hyperparameter out of range.
    Source: Loshchilov & Hutter 2019, algorithm 2, with the decay scaled by lr as in PyTorch.
    """

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(params, lr, betas=betas, eps=eps, weight_decay=weight_decay, groups=groups)

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
            p *= 1 - lr * weight_decay
        super().update(p, g, slots, lr, betas, eps, weight_decay=0.0)


def adam_step(
    p: Array,
    g: Array,
    slots: dict[str, Array],
    t: int,
    lr: float,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """The t-th update of Adam without decay, in place."""
    beta1, beta2 = betas
    scratch = moments(g, slots, betas)
    scale = math.sqrt(1 - beta2**t)  # sqrt(v̂) = sqrt(v) / scale
    root = np.sqrt(slots["v"], out=scratch)
    root += eps * scale
    step = np.divide(slots["m"], root, out=scratch)
    step *= lr * scale / (1 - beta1**t)
    p -= step


def moments(g: Array, slots: dict[str, Array], betas: tuple[float, float]) -> Array:
    """Let m follow g and v follow g², in place; return one array to compute the rest of the step in."""
    m, v = slots["m"], slots["v"]
    beta1, beta2 = betas
    scratch = (1 - beta1) * g
    m *= beta1
    m += scratch
    np.square(g, out=scratch)
    scratch *= 1 - beta2
    v *= beta2
    v += scratch
    return scratch
