"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .base import Array, Groups, Optimizer, Rate


class SGD(Optimizer):
    """p <- p - lr g, or with momentum, a heavy ball that rolls on:

        m <- momentum m + g                 g includes weight_decay p
        p <- p - lr m                       nesterov: p - lr (g + momentum m)

    lr multiplies the velocity as it is now, so a change of lr acts at once (as in PyTorch).

    Raises: ValueError for a hyperparameter out of range, or nesterov without momentum.
    Source: Polyak 1964 (momentum); Sutskever et al. 2013, section 2 (nesterov).
    """

    elementwise = True

    def __init__(
        self,
        params: dict[str, Array],
        lr: Rate,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        groups: Groups | None = None,
    ) -> None:
        super().__init__(params, lr, groups, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)

    def init(self, p: Array, hyper: Mapping[str, Any]) -> dict[str, Array]:
        if hyper["nesterov"] and not hyper["momentum"]:
            raise ValueError("SGD: expected momentum > 0 for nesterov, got momentum 0; pass momentum=0.9")
        return {"m": np.zeros_like(p)} if hyper["momentum"] else {}

    def update(
        self,
        p: Array,
        g: Array,
        slots: dict[str, Array],
        lr: float,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
    ) -> None:
        if weight_decay:
            g = g + weight_decay * p
        if momentum:
            m = slots["m"]
            m *= momentum
            m += g
            g = g + momentum * m if nesterov else m
        p -= lr * g
