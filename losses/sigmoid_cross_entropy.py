"""The binary cross entropy on logits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Loss


class SigmoidCrossEntropy(Loss):
    """L = -t log σ(x) - (1 - t) log σ(-x),   dL = (1 - t) σ(x) - t σ(-x) = σ(x) - t

    x is the prediction, a logit; t is the target, 0, 1 or a probability between.
    Shapes: prediction and target alike, any; the mean is over all elements.
    Raises: ValueError for a target outside [0, 1].
    """

    def read_target(self, prediction: Array, target: Any) -> Array:
        t: Array = super().read_target(prediction, target)
        self.refuse((t < 0) | (t > 1), "a target in [0, 1]", t, "give labels 0 and 1, or probabilities")
        return t

    def terms(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        x, t = prediction, target
        positive = x.real > 0
        e = np.exp(np.where(positive, -x, x))  # exp(-|x|) cannot overflow
        values = np.where(positive, x, 0) - x * t + np.log1p(e)
        derivative = ((1 - t) * np.where(positive, 1, e) - t * np.where(positive, e, 1)) / (1 + e)
        return values, derivative
