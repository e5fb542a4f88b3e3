"""Noise that switches units off while training."""

from __future__ import annotations

import numpy as np

from .base import Array, Grads, Layer
from .init import Rng
from .sizes import real


class Dropout(Layer):
    """y = keep * x / (1 - p), each keep 0 with chance p, else 1;   y = x in evaluation mode

    The layer's p may be changed between steps.

    Shapes: x and y alike, any.
    Raises: TypeError for p that is no number, ValueError for p outside [0, 1].
    Source: Srivastava et al. 2014, section 10 (scaled while training)
    """

    def __init__(self, p: float = 0.5, *, rng: Rng = None) -> None:
        self.p = real(type(self).__name__, "p", p)
        if not 0 <= self.p <= 1:
            raise ValueError(f"{type(self).__name__}: expected p, the chance of zeroing, in [0, 1], got {p}")
        self.rng = np.random.default_rng(rng)

    def forward(self, x: Array) -> Array:
        shape = self._keep_shape(x)
        if not self.training:
            self.cache = x.shape, None, 1.0
            return x
        keep = self.rng.random(shape, dtype=np.float32) >= self.p
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        self.cache = x.shape, keep, scale
        return keep * x * scale

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        shape, keep, scale = self.cache
        self.expect("upstream", upstream, *shape)
        return (upstream if keep is None else keep * upstream * scale), {}

    def _keep_shape(self, x: Array) -> tuple[int, ...]:
        """One keep for each unit."""
        self.expect("x", x, ...)
        shape: tuple[int, ...] = x.shape
        return shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p})"


class Dropout2D(Dropout):
    """y = keep * x / (1 - p), one keep for each channel of each example;   y = x in evaluation mode

    Neighbouring pixels say nearly the same, so that dropping them one by one would take little away.

    Shapes: x and y alike, (N, C, H, W), or (N, C, L), or with more spatial axes.
    Raises: TypeError for p that is no number, ValueError for p outside [0, 1].
    Source: Tompson et al. 2015, section 3.2 (SpatialDropout)
    """

    def _keep_shape(self, x: Array) -> tuple[int, ...]:
        self.expect("x", x, "N", "C", "L", ...)
        return (*x.shape[:2], *[1] * (x.ndim - 2))
