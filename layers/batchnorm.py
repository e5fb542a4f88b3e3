"""Normalisation over the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .parallel import blocks, in_parts
from .sizes import Sizes, real, size
from .standardise import epsilon, inverse_root
from .windows import batch_first, batch_last

PASSES = 4  # over x, a call


class BatchNorm(Layer):
    """y = gamma * x_hat + beta,   x_hat = (x - mean) / sqrt(var + eps), for each channel over all other axes

    In training mode mean and var are the batch's, and the running ones become
    (1 - momentum) * running + momentum * batch, with the unbiased variance; in evaluation mode they are
    the running ones, constants to the gradient.

    With n values a channel, x reaches x_hat directly, through mean and through var; the three paths sum to
    dx = (g - mean(g) - x_hat * mean(g * x_hat)) / sqrt(var + eps),   g = upstream * gamma.

    Where several processes each have some rows of a batch, `total` adds an array up over all of them, and the
    statistics are the whole batch's, forward and backward; dgamma and dbeta are those of the rows here.

    Shapes: x (N, C), (N, C, L) or (N, C, H, W); gamma, beta, running_mean, running_var (C,); y like x.
    Raises: ValueError in training mode for a single value a channel, whose variance says nothing.
    Source: Ioffe & Szegedy 2015, algorithm 1
    """

    total: Callable[[Array], Array] | None = None

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
        rows, n = _rows(x), x.size // len(gamma)  # values a channel
        if self.training and n < 2:
            raise ValueError(
                f"{self.label}: expected more than one value a channel in training mode, got x of shape "
                f"{x.shape}; use a larger batch, or eval()"
            )
        alone = self.training and self.total is None
        if alone:
            mean, rest, var = (np.empty(len(gamma), x.dtype) for _ in range(3))
        elif self.training:
            mean, rest, var, n = self._of_all(rows, n)
        else:
            mean, var = self.buffers["running_mean"].copy(), self.buffers["running_var"]
            rest = np.zeros_like(mean)
        y = np.empty_like(rows, dtype=np.result_type(x, mean, gamma, beta))

        def some(part: slice) -> None:
            for c in blocks(part, rows.shape[1]):  # few channels, which stay in the cache for all passes
                if alone:
                    mean[c] = rows[c].mean(axis=1)
                centred = rows[c] - mean[c, None]
                if alone:
                    rest[c] = centred.mean(axis=1)  # of rounding, far from 0
                centred -= rest[c, None]
                if alone:
                    var[c] = np.multiply(centred, centred, out=y[c]).mean(axis=1)
                scale = gamma[c] * inverse_root(self, var[c], self.eps)
                np.multiply(centred, scale[:, None], out=y[c])
                y[c] += beta[c, None]

        in_parts(some, len(gamma), PASSES * x.size)
        inverse_std = inverse_root(self, var, self.eps)
        if self.training:
            self._remember(mean + rest, var * (n / (n - 1)))
        self.cache = x, mean, rest, inverse_std, n if self.training else 0
        return _shaped(y, x.shape)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x, mean, rest, inverse_std, n = self.cache  # n is 0 in evaluation mode
        self.expect("upstream", upstream, *x.shape)
        rows, u = _rows(x), _rows(upstream)
        scale = self.params["gamma"] * inverse_std
        dgamma, dbeta = np.empty_like(mean, np.result_type(u, rows, mean)), np.empty_like(mean, u.dtype)
        dx = np.empty_like(u, dtype=np.result_type(u, rows, scale))
        shared = self._pulled_of_all(rows, u) if n and self.total is not None else None
        sums = (dgamma, dbeta) if shared is None else shared  # over the whole batch

        def some(part: slice) -> None:
            for c in blocks(part, rows.shape[1]):
                x_hat = _centred(rows[c], mean[c], rest[c])
                x_hat *= inverse_std[c, None]
                dgamma[c] = np.multiply(u[c], x_hat, out=dx[c]).sum(axis=1)
                dbeta[c] = u[c].sum(axis=1)
                g = u[c]
                if n:  # less mean(g) and x_hat mean(g x_hat), as yet without their factor gamma
                    np.multiply(x_hat, sums[0][c, None] / n, out=dx[c])
                    dx[c] += sums[1][c, None] / n
                    g = np.subtract(g, dx[c], out=dx[c])
                np.multiply(g, scale[c, None], out=dx[c])

        in_parts(some, len(mean), PASSES * x.size)
        return _shaped(dx, x.shape), self.grads(gamma=dgamma, beta=dbeta)

    def _of_all(self, rows: Array, n: int) -> tuple[Array, Array, Array, int]:
        """The mean, what rounding left of it, the variance and the values a channel, of the whole batch."""
        assert self.total is not None
        *sums, count = self.total(np.append(rows.sum(axis=1, dtype=np.float64), n))
        mean = (np.array(sums) / count).astype(rows.dtype)
        centred = rows - mean[:, None]
        both = [centred.sum(axis=1, dtype=np.float64), (centred * centred).sum(axis=1, dtype=np.float64)]
        rest, square = self.total(np.stack(both)) / count
        return mean, rest.astype(rows.dtype), (square - rest * rest).astype(rows.dtype), int(count)

    def _pulled_of_all(self, rows: Array, u: Array) -> tuple[Array, Array]:
        """dgamma and dbeta of the whole batch."""
        assert self.total is not None
        _, mean, rest, inverse_std, _ = self.cache
        x_hat = _centred(rows, mean, rest) * inverse_std[:, None]
        both = [(u * x_hat).sum(axis=1, dtype=np.float64), u.sum(axis=1, dtype=np.float64)]
        dgamma, dbeta = self.total(np.stack(both)).astype(u.dtype)
        return dgamma, dbeta

    def _remember(self, mean: Array, var: Array) -> None:
        for name, new in (("running_mean", mean), ("running_var", var)):
            running = self.buffers[name]
            running += self.momentum * (new.real - running)

    def __repr__(self) -> str:
        return f"BatchNorm({len(self.params['gamma'])})"


def _rows(x: Array) -> Array:
    """x (N, C, ...) as (C, n), a row for each channel."""
    return x.T if x.ndim == 2 else batch_last(x).reshape(x.shape[1], x.size // x.shape[1])


def _shaped(rows: Array, shape: Sizes) -> Array:
    """(C, n) as (N, C, ...): the way back."""
    N, C, *sizes = shape
    return rows.T if not sizes else batch_first(rows.reshape(C, *sizes, N))


def _centred(rows: Array, mean: Array, rest: Array) -> Array:
    centred: Array = rows - mean[:, None]
    centred -= rest[:, None]
    return centred
