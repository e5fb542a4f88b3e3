"""The hinge loss over classes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Array, Loss
from .class_targets import read_labels


class MulticlassHinge(Loss):
    """L_i = Σ_{c ≠ y} max(0, s_c - s_y + margin)

    Each wrong class in violation has slope 1, the right one minus their number; at the corner the slope is 0.
    Summed over the wrong classes, not divided by C; the mean is over examples.
    Shapes: scores s (..., C), integer labels y (...), values (...).
    Raises: ValueError for float labels, a label outside 0..C-1, and a margin below 0.
    Source: Weston and Watkins, Support vector machines for multi-class pattern recognition, 1999.
    """

    def __init__(self, margin: float = 1.0, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.margin = self.expect_number("margin", margin)
        if not 0 <= self.margin < math.inf:
            raise ValueError(f"MulticlassHinge: expected margin >= 0 and finite, got {margin}; 1 is usual")

    def read_target(self, prediction: Array, target: Any) -> Array:
        labels, _ = read_labels(self, prediction, target)
        return labels[..., None]

    def terms(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        scores, y = prediction, target  # (..., C), (..., 1)
        wrong = np.arange(scores.shape[-1]) != y
        gap = scores - np.take_along_axis(scores, y, axis=-1) + self.margin
        violated = wrong & (gap.real > 0)
        derivative = np.where(wrong, violated, -violated.sum(axis=-1, keepdims=True))
        return (violated * gap).sum(axis=-1), derivative

    def options(self) -> dict[str, Any]:
        return {"margin": self.margin}
