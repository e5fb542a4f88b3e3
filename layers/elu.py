"""Exponential units: the identity for positive numbers, a bounded exponential for the others."""

from __future__ import annotations

from math import inf

import numpy as np

from .base import Array, Grads, Layer


class ELU(Layer):
    """y = x where x > 0, else alpha (e^x - 1);   dy/dx = 1, or y + alpha

    Shapes: x and y alike, any.
    Source: Clevert, Unterthiner & Hochreiter 2016, eq. 15
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = float(alpha)

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        t = np.tanh(x.clip(-inf, 0) / 2)
        below = 2 * t / (1 - t)  # e^x - 1, 0 where x > 0; in float32 np.expm1 takes twice as long
        self.cache = x, below
        y: Array = x.clip(0, inf) + self.alpha * below
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x, below = self.cache
        self.expect("upstream", upstream, *x.shape)
        slope = self.alpha * (below + 1)
        slope *= x <= 0  # masks, as np.where is slow where signs are mixed
        slope += x > 0
        return upstream * slope, {}

    def __repr__(self) -> str:
        return f"ELU({self.alpha})"


class SELU(ELU):
    """y = scale * ELU(x), with the scale and alpha for which N(0, 1) in stays near N(0, 1) out

    Shapes: x and y alike, any.
    Source: Klambauer et al. 2017, eq. 2 and 14
    """

    scale = 1.0507009873554804934193349852946

    def __init__(self) -> None:
        super().__init__(alpha=1.6732632423543772848170429916717)

    def forward(self, x: Array) -> Array:
        y: Array = self.scale * super().forward(x)
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        dx, grads = super().backward(upstream)
        return self.scale * dx, grads

    def __repr__(self) -> str:
        return "SELU()"
