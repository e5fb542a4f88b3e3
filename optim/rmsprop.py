"""RMSProp: each coordinate's step is measured against its gradients of late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .base import Array, Groups, Optimizer, Rate


class RMSProp(Optimizer):
    """v <- alpha v + (1 - alpha) g²       g includes weight_decay p
    p <- p - lr g / (sqrt(v) + eps)

    With momentum, m <- momentum m + g / (sqrt(v) + eps) and p <- p - lr m.

    Raises: ValueError for a hyperparameter out of range.
    Source: Tieleman & Hinton 2012, lecture 6.5 of Neural Networks for Machine Learning. As in PyTorch, eps
    stands outside the root and v, which starts at zero, is not corrected for that.
    """

    elementwise = True

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(
            params, lr, groups, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum
        )

    def init(self, p: Array, hyper: Mapping[str, Any]) -> dict[str, Array]:
        return {slot: np.zeros_like(p) for slot in (("v", "m") if hyper["momentum"] else ("v",))}

    def update(
        self,
        p: Array,
        g: Array,
        slots: dict[str, Array],
        lr: float,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
    ) -> None:
        if weight_decay:
            g = g + weight_decay * p
        v = slots["v"]
        v *= alpha
        v += (1 - alpha) * np.square(g)
        root = np.sqrt(v)
        root += eps
        step = g / root
        if momentum:
            m = slots["m"]
            m *= momentum
            m += step
            step = m
        p -= lr * step
