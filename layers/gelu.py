"""The Gaussian error linear unit, and the normal distribution it needs."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from .base import Array, Grads, Layer

# Chebyshev coefficients of erfc(z) e^(z^2) / t in 2 t - 1, where t = 3.5 / (3.5 + z), z >= 0.
# 22 terms leave an error of 1e-15 in float64; 10 terms, 2e-8, serve float32.
_ERFC = (
    0.4361965058494363,
    0.37810219450774746,
    0.1347927221328442,
    0.0395696150029248,
    0.009399416788484034,
    0.0017222400304875304,
    0.00021287910323981746,
    8.025416626212796e-06,
    -3.0124601262533712e-06,
    -6.020358886715489e-07,
    -8.133756936070909e-10,
    1.548287645037211e-08,
    1.3963619243854519e-09,
    -3.481347643677601e-10,
    -6.381449316985222e-11,
    8.18838887886868e-12,
    2.4316238610329333e-12,
    -2.291168392569388e-13,
    -9.119785514873774e-14,
    8.437260262737605e-15,
    3.4916518461269863e-15,
    -3.688865890267429e-16,
)


def normal(x: Array) -> tuple[Array, Array]:
    """(Phi(x), phi(x)): the standard normal distribution and its density.

    Phi(x) = erfc(-x / sqrt 2) / 2, phi(x) = e^(-x^2 / 2) / sqrt(2 pi). NumPy has no erfc, hence the series.
    """
    z = np.minimum(
        np.maximum(x, -x) / math.sqrt(2), 30
    )  # |x| / sqrt 2; e^-900 is 0, and z^2 must not overflow
    bell = np.exp(-z * z)
    t = 3.5 / (3.5 + z)
    u = 4 * t - 2
    terms = _ERFC[:10] if np.finfo(t.dtype).bits == 32 else _ERFC
    b = c = 0 * u  # Clenshaw's recurrence, from the last term down
    for coefficient in terms[:0:-1]:
        b, c = u * b - c + coefficient, b
    tail = t * bell * (u / 2 * b - c + terms[0]) / 2  # erfc(z) / 2
    return np.where(x > 0, 1 - tail, tail), bell / math.sqrt(2 * math.pi)


class GELU(Layer):
    """y = x Phi(x),   dy/dx = Phi(x) + x phi(x)

    approximate="tanh": y = x (1 + tanh v) / 2, v = sqrt(2 / pi) (x + 0.044715 x^3).

    Shapes: x and y alike, any.
    Raises: ValueError for another `approximate`.
    Source: Hendrycks & Gimpel 2016, section 2
    """

    def __init__(self, *, approximate: Literal["none", "tanh"] = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: expected approximate 'none' or 'tanh', got {approximate!r}; choose one")
        self.approximate = approximate

    def forward(self, x: Array) -> Array:
        self.expect("x", x, ...)
        cdf, density = normal(x) if self.approximate == "none" else _tanh_normal(x)
        self.cache = x, cdf, density
        return x * cdf

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x, cdf, density = self.cache
        self.expect("upstream", upstream, *x.shape)
        return upstream * (cdf + x * density), {}

    def __repr__(self) -> str:
        return "GELU()" if self.approximate == "none" else "GELU(approximate='tanh')"


def _tanh_normal(x: Array) -> tuple[Array, Array]:
    """Phi(x) taken as (1 + tanh v) / 2, and that function's derivative (1 - tanh^2 v) v' / 2."""
    x = np.clip(x, -30, 30)  # tanh is long at +-1 there; x^3 must not overflow
    a = math.sqrt(2 / math.pi)
    y = np.tanh(a * (x + 0.044715 * x * x * x))
    return (1 + y) / 2, (1 - y * y) * (a * (1 + 3 * 0.044715 * x * x)) / 2
