"""Normalisation of each example by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .standardise import centre, epsilon, plain, rescale, rescale_back, trailing


class LayerNorm(Layer):
    """y = gamma * x_hat + beta,   x_hat = (x - mean) / sqrt(var + eps), over the last axes of each example

    `features` is the size of the last axis, or the sizes of several. Nothing is shared between examples, so
    training and evaluation are the same.

    Shapes: x (N, ..., *features), gamma and beta (*features,), y like x.
    Raises: ValueError where eps = 0 and an example is constant.
    Source: Ba, Kiros & Hinton 2016, section 3
    """

    def __init__(
        self,
        features: int | tuple[int, ...],
        *,
        eps: float = 1e-5,
        init: Init = "ones",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        shape = trailing("LayerNorm", features)
        self.eps = epsilon("LayerNorm", eps)
        self.params = {"gamma": start(init, shape, rng, dtype), "beta": np.zeros(shape, dtype)}

    def forward(self, x: Array) -> Array:
        gamma, beta = self.params["gamma"], self.params["beta"]
        self.expect("x", x, "N", ..., *gamma.shape)
        rows = x.reshape(-1, gamma.size)  # (N, ..., *features) -> (R, n)
        x_hat, inverse = rescale(self, centre(centre(rows)), self.eps)
        self.cache = x_hat, inverse, x.shape
        y: Array = gamma.ravel() * x_hat + beta.ravel()
        return y.reshape(x.shape)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x_hat, inverse, shape = self.cache
        self.expect("upstream", upstream, *shape)
        gamma, rows = self.params["gamma"], upstream.reshape(x_hat.shape)
        dx = centre(rescale_back(rows * gamma.ravel(), x_hat, inverse)).reshape(shape)
        dgamma = (rows * x_hat).sum(axis=0).reshape(gamma.shape)  # (R, n) -> (*features,)
        dbeta = rows.sum(axis=0).reshape(gamma.shape)
        return dx, self.grads(gamma=dgamma, beta=dbeta)

    def __repr__(self) -> str:
        return f"LayerNorm({plain(self.params['gamma'].shape)})"
