"""The divergence of log-probabilities from a distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Loss
from .class_targets import class_count, expect_distributions


class KLDivergence(Loss):
    """L_i = Σ_c t_ic (log t_ic - log p_ic),   dL_i = -t_i,   the prediction being log p

    t is the target, a distribution; 0 log 0 is 0. L_i is 0 where p is t, and positive elsewhere.
    Shapes: log-probabilities and target (..., C), values (...). The mean is over all examples, the product of
    the leading axes: for (N, C) what PyTorch calls batchmean.
    Raises: ValueError for target rows that are no distribution.
    Source: Kullback and Leibler, On information and sufficiency, 1951.
    """

    def read_target(self, prediction: Array, target: Any) -> Array:
        class_count(self, prediction)
        t: Array = super().read_target(prediction, target)
        expect_distributions(self, t, "a target of log-probabilities needs np.exp")
        return t

    def terms(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        log_p, t = prediction, target
        log_t = np.log(np.where(t > 0, t, 1))  # beside a factor t of 0 any finite number will do
        return (t * (log_t - log_p)).sum(axis=-1), 0 - t
