"""The negative log-likelihood of log-probabilities."""

from __future__ import annotations

import numpy as np

from .base import Array
from .class_targets import ClassLoss, ClassTarget


class NLL(ClassLoss):
    """L_i = -Σ_c q_ic log p_ic,   dL_i = -q_i,   the prediction being log p

    q is the target, smoothed and weighted (see ClassLoss); for a plain label y this is -log p_y.
    After LogSoftmax it equals SoftmaxCrossEntropy on the scores.
    Shapes: log-probabilities (..., C), target (...) of integers or (..., C) of probabilities, values (...).
    """

    def terms(self, prediction: Array, target: ClassTarget) -> tuple[Array, Array]:
        log_p, q = prediction, target.q
        if target.plain:
            right = np.arange(q.size), q.reshape(-1)
            derivative = np.zeros((q.size, log_p.shape[-1]), log_p.real.dtype)
            derivative[right] = -1
            values = 0 - log_p.reshape(derivative.shape)[right]
            return values.reshape(q.shape), derivative.reshape(log_p.shape)
        return 0 - (q * log_p).sum(axis=-1), 0 - q  # 0 - x where -x would show -0.0
