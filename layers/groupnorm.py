"""Normalisation of each example by itself, a group of channels at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .sizes import size
from .standardise import centre, epsilon, rescale, rescale_back


class GroupNorm(Layer):
    """y = gamma * x_hat + beta,   x_hat = (x - mean) / sqrt(var + eps), over each group of each example

    A group is channels / groups channels that follow each other, at all their places; gamma and beta belong
    to channels. groups = 1 normalises an example as LayerNorm does. Nothing is shared between examples, so
    training and evaluation are the same.

    Shapes: x (N, C) or (N, C, ...), gamma and beta (C,), none where affine=False; y like x.
    Raises: ValueError for groups that do not divide channels; where eps = 0 and a group is constant.
    A group of one value gives beta and dx = 0; PyTorch refuses that for N = 1 and takes it otherwise.
    Source: Wu & He 2018, section 3.1
    """

    def __init__(
        self,
        groups: int,
        channels: int,
        *,
        affine: bool = True,
        eps: float = 1e-5,
        init: Init = "ones",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        who = type(self).__name__
        self.groups, self.channels = size(who, "groups", groups), size(who, "channels", channels)
        if self.channels % self.groups:
            raise ValueError(
                f"{who}: expected groups that divide the {channels} channels, got {groups}; "
                f"use {math.gcd(self.groups, self.channels)}"
            )
        self.eps = epsilon(who, eps)
        if affine:
            self.params = {"gamma": start(init, (self.channels,), rng, dtype)}
            self.params["beta"] = np.zeros(self.channels, dtype)

    def forward(self, x: Array) -> Array:
        self.expect("x", x, "N", self.channels, ...)
        n = math.prod(x.shape[1:]) // self.groups  # values a group
        if n == 0:
            raise ValueError(f"{self.label}: expected a value in every group, got x of shape {x.shape}")
        x = np.ascontiguousarray(x)  # NumPy adds up neighbours pairwise: precise in float32, and fast
        rows = x.reshape(-1, n)  # (N, C, ...) -> (N groups, n)
        x_hat, inverse = rescale(self, centre(centre(rows)), self.eps)
        self.cache = x_hat, inverse, x.shape
        y = x_hat.reshape(x.shape)
        return self._beside("gamma", x.ndim) * y + self._beside("beta", x.ndim) if self.params else y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x_hat, inverse, shape = self.cache
        self.expect("upstream", upstream, *shape)
        g = upstream * self._beside("gamma", len(shape)) if self.params else upstream
        dx = centre(rescale_back(g.reshape(x_hat.shape), x_hat, inverse)).reshape(shape)
        if not self.params:
            return dx, {}
        axes = (0, *range(2, len(shape)))
        dgamma = (upstream * x_hat.reshape(shape)).sum(axis=axes)  # (N, C, ...) -> (C,)
        dbeta = upstream.sum(axis=axes)
        return dx, self.grads(gamma=dgamma, beta=dbeta)

    def _beside(self, name: str, ndim: int) -> Array:
        """gamma or beta with its channels on x's channel axis: (C,) -> (C, 1, ...)."""
        return self.params[name].reshape(-1, *[1] * (ndim - 2))

    def __repr__(self) -> str:
        return f"GroupNorm({self.groups}, {self.channels}{'' if self.params else ', affine=False'})"


class InstanceNorm(GroupNorm):
    """y = (x - mean) / sqrt(var + eps), over each channel of each example

    GroupNorm with one channel a group; with affine=True, y = gamma * x_hat + beta as there. Training and
    evaluation are the same: there are no running statistics.

    Shapes: x (N, C, L) or (N, C, H, W); gamma and beta (C,) where affine; y like x.
    Raises: ValueError for a single value a channel, whose variance says nothing (in both modes, as PyTorch).
    Source: Ulyanov, Vedaldi & Lempitsky 2016, eq. 4
    """

    def __init__(
        self,
        channels: int,
        *,
        affine: bool = False,
        eps: float = 1e-5,
        init: Init = "ones",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        channels = size("InstanceNorm", "channels", channels)
        super().__init__(channels, channels, affine=affine, eps=eps, init=init, rng=rng, dtype=dtype)

    def forward(self, x: Array) -> Array:
        self.expect("x", x, "N", self.channels, ...)
        if math.prod(x.shape[2:]) < 2:
            raise ValueError(
                f"{self.label}: expected more than one value a channel of each example, got x of shape "
                f"{x.shape}; use larger images, or GroupNorm"
            )
        return super().forward(x)

    def __repr__(self) -> str:
        return f"InstanceNorm({self.channels}{', affine=True' if self.params else ''})"
