"""The affine layer: weighted sums of the inputs, plus a bias."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .parallel import product
from .sizes import size


class Affine(Layer):
    """y = x Wᵀ + b

    Shapes: x (N, in) or (N, ..., in), W (out, in), b (out,), y (N, out) or (N, ..., out).
    W starts with the variance 2 / in that keeps ReLU networks from fading, b at zero.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias: bool = True,
        init: Init = "he_normal",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        in_features = size("Affine", "in_features", in_features)
        out_features = size("Affine", "out_features", out_features)
        self.params = {"W": start(init, (out_features, in_features), rng, dtype)}
        if bias:
            self.params["b"] = np.zeros(out_features, dtype)

    def forward(self, x: Array) -> Array:
        W, b = self.params["W"], self.params.get("b")
        self.expect("x", x, "N", ..., W.shape[1])
        self.cache = x
        y = _times(x, W.T)  # (N, in)(in, out) -> (N, out)
        return y if b is None else np.add(y, b, out=y if y.dtype == b.dtype else None)

    def backward(self, upstream: Array) -> tuple[Array | None, Grads]:
        x, W = self.cache, self.params["W"]
        self.expect("upstream", upstream, *x.shape[:-1], len(W))
        dx = _times(upstream, W) if self.input_grad else None  # (N, out)(out, in) -> (N, in)
        if x.ndim == 2:
            dW = upstream.T.dot(x)  # (out, N)(N, in) -> (out, in)
        else:
            x, upstream = _rows(x), _rows(upstream)
            dW = product(upstream.T, x)
        if "b" not in self.params:
            return dx, self.grads(W=dW)
        db = upstream.sum(axis=0)  # (N, out) -> (out,)
        return dx, self.grads(W=dW, b=db)

    def __repr__(self) -> str:
        out_features, in_features = self.params["W"].shape
        return f"Affine({in_features} -> {out_features}{'' if 'b' in self.params else ', bias=False'})"


def _times(x: Array, A: Array) -> Array:
    """x A over x's last axis, all axes before it as one batch; in parts where time is among them, beside
    layers that share their work out."""
    y: Array = x.dot(A) if x.ndim == 2 else product(_rows(x), A).reshape(*x.shape[:-1], A.shape[1])
    return y


def _rows(x: Array) -> Array:
    """x as a matrix, a row for each index of the axes before the last."""
    return x.reshape(-1, x.shape[-1])
