"""Normalisation over the batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .sizes import real, size
from .standardise import epsilon, inverse_root


class BatchNorm(Layer):
    """y = gamma * x_hat + beta,   x_hat = (x - mean) / sqrt(var + eps), for each channel over all other axes

    In training mode mean and var are the batch's, and the running ones become
    (1 - momentum) * running + momentum * batch, with the unbiased variance; in evaluation mode they are
    the running ones, constants to the gradient.

    With n values a channel, x reaches x_hat directly, through mean and through var; the three paths sum to
    dx = (g - mean(g) - x_hat * mean(g * x_hat)) / sqrt(var + eps),   g = upstream * gamma.

    Shapes: x (N, C), (N, C, L) or (N, C, H, W); gamma, beta, running_mean, running_var (C,); y like x.
    Raises: ValueError in training mode for a single value a channel, whose variance says nothing.
    Source: Ioffe & Szegedy 2015, algorithm 1
    """

    def __init__(
        self,
        features: int,
        *,
        momentum: float = 0.1,
        eps: float = 1e-5,
        init: Init = "ones",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        features = size("BatchNorm", "features", features)
        self.momentum, self.eps = real("BatchNorm", "momentum", momentum), epsilon("BatchNorm", eps)
        if not 0 <= self.momentum <= 1:
            raise ValueError(f"BatchNorm: expected momentum in [0, 1], got {momentum}; 0.1 is usual")
        self.params = {"gamma": start(init, (features,), rng, dtype), "beta": np.zeros(features, dtype)}
        self.buffers = {"running_mean": np.zeros(features, dtype), "running_var": np.ones(features, dtype)}

    def forward(self, x: Array) -> Array:
        gamma, beta = self.params["gamma"], self.params["beta"]
        self.expect("x", x, "N", len(gamma), ...)
        x = np.ascontiguousarray(x)  # NumPy adds up neighbours pairwise: precise in float32, and fast
        axes = (0, *range(2, x.ndim))
        channel = (-1, *[1] * (x.ndim - 2))  # (C,) -> (C, 1, 1), to stand beside (N, C, H, W)
        n = x.size // len(gamma)  # values a channel
        if self.training:
            if n < 2:
                raise ValueError(
                    f"{self.label}: expected more than one value a channel in training mode, got x of shape "
                    f"{x.shape}; use a larger batch, or eval()"
                )
            mean = x.mean(axis=axes)
            centred = x - mean.reshape(channel)
            rest = centred.mean(axis=axes)  # what rounding left of a mean far from 0
            mean, centred = mean + rest, centred - rest.reshape(channel)
            var = (centred * centred).mean(axis=axes)
        else:
            mean, var = self.buffers["running_mean"], self.buffers["running_var"]
            centred = x - mean.reshape(channel)
        inverse_std = inverse_root(self, var, self.eps).reshape(channel)
        if self.training:
            self._remember(mean, var * (n / (n - 1)))
        x_hat = centred * inverse_std
        self.cache = x_hat, inverse_std, axes, self.training
        y: Array = gamma.reshape(channel) * x_hat + beta.reshape(channel)
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x_hat, inverse_std, axes, batch_statistics = self.cache
        self.expect("upstream", upstream, *x_hat.shape)
        dgamma = (upstream * x_hat).sum(axis=axes)  # (N, C, ...) -> (C,)
        dbeta = upstream.sum(axis=axes)
        dx = upstream
        if batch_statistics:  # mean(g) and mean(g x_hat) without their factor gamma
            n, channel = x_hat.size // len(dbeta), inverse_std.shape
            dx = upstream - (dbeta.reshape(channel) + x_hat * dgamma.reshape(channel)) / n
        dx = dx * (self.params["gamma"].reshape(inverse_std.shape) * inverse_std)
        return dx, self.grads(gamma=dgamma, beta=dbeta)

    def _remember(self, mean: Array, var: Array) -> None:
        for name, new in (("running_mean", mean), ("running_var", var)):
            running = self.buffers[name]
            running += self.momentum * (new.real - running)

    def __repr__(self) -> str:
        return f"BatchNorm({len(self.params['gamma'])})"
