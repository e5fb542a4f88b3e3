"""The Huber loss: squared near the target, absolute far from it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Array, Loss


class Huber(Loss):
    """L = d² / 2 where |d| <= delta, else delta (|d| - delta / 2),   d = prediction - target

    With c = d clipped to [-delta, delta], both are L = c (d - c / 2), and dL = c: no pull exceeds delta.
    Shapes: prediction and target alike, any; the mean is over all elements. delta is in the target's unit.
    Raises: ValueError unless delta is positive and finite.
    Source: Huber, Robust estimation of a location parameter, 1964.
    """

    def __init__(self, delta: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.delta = self.expect_number("delta", delta)
        if not 0 < self.delta < math.inf:
            raise ValueError(f"Huber: expected delta positive and finite, got {delta}; 1.0 is usual")

    def terms(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        d = prediction - target
        c = np.where(d.real > self.delta, self.delta, np.where(d.real < -self.delta, -self.delta, d))
        return c * (d - c / 2), c  # far from the target d is never squared

    def options(self) -> dict[str, Any]:
        return {"delta": self.delta}
