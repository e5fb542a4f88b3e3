"""The mean absolute error."""

from __future__ import annotations

import numpy as np

from .base import Array, Loss


class L1(Loss):
    """L = |d|,   dL = sign(d),   d = prediction - target

    Shapes: prediction and target alike, any; the mean is over all elements. The slope at d = 0 is 0.
    """

    def terms(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        d = prediction - target
        sign = np.sign(d.real)
        return d * sign, sign
