"""Noise that switches units off while training."""

from __future__ import annotations

import numpy as np

from .base import Array, Grads, Layer
from .init import Rng


class Dropout(Layer):
    """y = keep * x / (1 - p), each keep 0 with chance p, else 1;   y = x in evaluation mode

    Shapes: x and y alike, any.
    Raises: ValueError for p outside [0, 1].
    Source: Srivastava et al. 2014, section 10 (scaled while training)
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"Dropout: expected p, the chance of zeroing, in [0, 1], got {p}")
        self.p = float(p)
        self.scale = 1 / (1 - self.p) if p < 1 else 0.0
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        if not self.training:
            self.cache = x.shape, None
            return x
        keep = self.rng.random(x.shape, dtype=np.float32) >= self.p
        self.cache = x.shape, keep
        return keep * x * self.scale

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        shape, keep = self.cache
        self.expect("upstream", upstream, *shape)
        return (upstream if keep is None else keep * upstream * self.scale), {}

    def __repr__(self) -> str:
        return f"Dropout({self.p})"
