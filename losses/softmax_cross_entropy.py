"""The cross entropy of a softmax over class scores."""

from __future__ import annotations

import numpy as np

from .base import Array
from .class_targets import ClassLoss, ClassTarget

FEW = 32  # classes; up to that many, long rows for each class are quicker than short ones for each example


class SoftmaxCrossEntropy(ClassLoss):
    """L_i = -Σ_c q_ic log p_ic,   dL_i = p_i Σ_c q_ic - q_i,   p = softmax(scores)

    q is the target, smoothed and weighted (see ClassLoss); a plain label y gives -log p_y and p - one-hot.
    Shapes: scores (..., C), target (...) of integers or (..., C) of probabilities, values (...).
    """

    def terms(self, prediction: Array, target: ClassTarget) -> tuple[Array, Array]:
        C = prediction.shape[-1]
        scores = prediction.reshape(-1, C).T  # (..., C) -> (C, N)
        if C <= FEW:
            scores = scores.copy()
        # softmax ignores a shift, and the shifted exp cannot overflow
        shifted = scores - np.maximum.reduce(scores.real, axis=0)
        p = np.exp(shifted)
        total = np.add.reduce(p, axis=0)  # (C, N) -> (N,)
        p /= total
        if target.plain:
            labels = target.q.reshape(-1)
            right = labels, np.arange(len(labels))
            values = np.log(total) - shifted[right]
            p[right] -= 1
            derivative = p
        else:
            q = target.q.reshape(-1, C).T
            values = (q * (np.log(total) - shifted)).sum(axis=0)
            derivative = p * q.sum(axis=0) - q
        return values.reshape(prediction.shape[:-1]), derivative.T.reshape(prediction.shape)
