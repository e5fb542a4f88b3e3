"""The cross entropy of a softmax over class scores."""

from __future__ import annotations

import numpy as np

from .base import Array
from .class_targets import ClassLoss, ClassTarget


class SoftmaxCrossEntropy(ClassLoss):
    """L_i = -Σ_c q_ic log p_ic,   dL_i = p_i Σ_c q_ic - q_i,   p = softmax(scores)

    q is the target, smoothed and weighted (see ClassLoss); a plain label y gives -log p_y and p - one-hot.
    Shapes: scores (..., C), target (...) of integers or (..., C) of probabilities, values (...).
    """

    def terms(self, prediction: Array, target: ClassTarget) -> tuple[Array, Array]:
        scores, q = prediction, target.q
        # softmax ignores a shift, and the shifted exp cannot overflow
        shifted = scores - scores.real.max(axis=-1, keepdims=True)
        exp = np.exp(shifted)
        total = exp.sum(axis=-1, keepdims=True)
        minus_log_p = np.log(total) - shifted
        return (q * minus_log_p).sum(axis=-1), exp / total * q.sum(axis=-1, keepdims=True) - q
