"""Normalisation by size alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .standardise import epsilon, plain, rescale, rescale_back, trailing


class RMSNorm(Layer):
    """y = gamma * x_hat,   x_hat = x / sqrt(mean(x^2) + eps), over the last axes of each example

    LayerNorm that keeps the mean:   dx = (g - x_hat mean(g x_hat)) / rms,   g = upstream * gamma
    `features` is the size of the last axis, or the sizes of several.

    Shapes: x (N, ..., *features), gamma (*features,), y like x.
    Raises: ValueError where eps = 0 and an example is all zeros.
    Source: Zhang & Sennrich 2019, section 4
    """

    def __init__(
        self,
        features: int | tuple[int, ...],
        *,
        eps: float = 1e-6,
        init: Init = "ones",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        shape = trailing("RMSNorm", features)
        self.eps = epsilon("RMSNorm", eps)
        self.params = {"gamma": start(init, shape, rng, dtype)}

    def forward(self, x: Array) -> Array:
        gamma = self.params["gamma"]
        self.expect("x", x, "N", ..., *gamma.shape)
        rows = x.reshape(-1, gamma.size)  # (N, ..., *features) -> (R, n)
        rows = rows.astype(np.result_type(x, gamma), copy=False)  # the square of an integer may overflow
        x_hat, inverse = rescale(self, rows, self.eps)
        self.cache = x_hat, inverse, x.shape
        y: Array = gamma.ravel() * x_hat
        return y.reshape(x.shape)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x_hat, inverse, shape = self.cache
        self.expect("upstream", upstream, *shape)
        gamma, rows = self.params["gamma"], upstream.reshape(x_hat.shape)
        dx = rescale_back(rows * gamma.ravel(), x_hat, inverse).reshape(shape)
        dgamma = (rows * x_hat).sum(axis=0).reshape(gamma.shape)  # (R, n) -> (*features,)
        return dx, self.grads(gamma=dgamma)

    def __repr__(self) -> str:
        return f"RMSNorm({plain(self.params['gamma'].shape)})"
