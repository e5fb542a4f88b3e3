"""The negative log-likelihood of counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Loss


class Poisson(Loss):
    """L = exp(x) - t x,   dL = exp(x) - t

    x is the prediction, the log of the rate; t is the target, a count. log t! is left out: it has no slope.
    Shapes: prediction and target alike, any; the mean is over all elements.
    Raises: ValueError for a negative target, and for a log rate so large that its exp overflows.
    """

    def read_target(self, prediction: Array, target: Any) -> Array:
        t: Array = super().read_target(prediction, target)
        self.refuse(t < 0, "a target that counts, none negative", t, "the target is a count, not its log")
        return t

    def terms(self, prediction: Array, target: Array) -> tuple[Array, Array]:
        x, t = prediction, target
        with np.errstate(over="ignore", invalid="ignore"):  # the next lines tell
            rate = np.exp(x)
            values = rate - t * x
        self.refuse(
            ~np.isfinite(values),
            f"a log rate x whose exp(x) - t x does not overflow {x.real.dtype}",
            x,
            "the prediction is the log of the rate; lower the learning rate if training diverged",
        )
        return values, rate - t
