"""The mean squared error."""

from __future__ import annotations

from .base import Array, Loss


class MSE(Loss):
    """L = d²,   dL = 2 d,   d = prediction - target

    Shapes: prediction and target alike, any; the mean is over all elements.
    """

    def terms(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        d = prediction - target
        return d * d, 2 * d
