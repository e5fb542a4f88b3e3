"""The Gaussian error linear unit, and the normal distribution it needs."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from .base import Array, Grads, Layer
from .parallel import blocks, in_parts

# erfc(z) e^(z^2) / t as a polynomial in u = 2 t - 1, from the constant up, where t = 3.5 / (3.5 + z), z >= 0:
# its first Chebyshev terms, in powers of u. 10 leave an error of 2e-8, for float32; 22 leave 1e-15.
_ERFC_10 = (
    0.31058730894171005,
    0.2679429534120291,
    0.198318332540173,
    0.1243553270396571,
    0.0644951437321605,
    0.02639691432175854,
    0.00758332109599502,
    0.0008603993359524308,
    -0.0003855948961604315,
    -0.0001541211874999165,
)
_ERFC_22 = (
    0.3105873112177885,
    0.2679427784477474,
    0.19831818475278917,
    0.1243588647761741,
    0.06449674904080428,
    0.0263767733271753,
    0.007576748557907914,
    0.0009077286473651531,
    -0.0003729586452892468,
    -0.00020415176430602338,
    -1.2017007909357079e-05,
    2.136428122010819e-05,
    5.325601274208169e-06,
    -2.068155621657908e-06,
    -9.65226552265608e-07,
    2.247396350185671e-07,
    1.529205905015374e-07,
    -3.0090484093747696e-08,
    -2.110664108556648e-08,
    4.242506680185441e-09,
    1.8306311631022254e-09,
    -3.8680562397530596e-10,
)

_K = 3.5 * math.sqrt(2)  # what |x| is added to, where 3.5 is added to z

PIECE = 2**17  # entries: the steps below stay in the processor's cache, piece by piece
PASSES = 40  # over x, a call


def normal(x: Array) -> tuple[Array, Array]:
    """The standard normal distribution and its density: Phi(x) = erfc(-x / sqrt 2) / 2 and
    phi(x) = e^(-x^2 / 2) / sqrt(2 pi). NumPy has no erfc: a polynomial.
    """
    a = x.clip(-42, 42)  # e^-882 is 0, and a^2 must not overflow
    bell = a * a
    bell *= -0.5
    np.exp(bell, out=bell)  # e^(-z^2), z = |x| / sqrt 2
    a = np.maximum(a, -a, out=a)
    a += _K
    t = np.divide(_K, a, out=a)  # 3.5 / (3.5 + z)
    u = t * 2
    u -= 1
    *terms, last = _ERFC_10 if np.finfo(x.dtype).bits <= 32 else _ERFC_22
    tail = last * u
    for term in terms[:0:-1]:  # Horner's scheme, in place
        tail += term
        tail *= u
    tail += terms[0]
    t *= bell
    t *= 0.5
    tail *= t  # erfc(z) / 2: from 1/2 down to 0
    bell *= 1 / math.sqrt(2 * math.pi)
    return np.maximum(tail, (x > 0) - tail), bell  # tail, and where x > 0 1 - tail


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
        phi = normal if self.approximate == "none" else _tanh_normal
        y = np.empty_like(x, dtype=np.result_type(x, 0.0))
        slope = np.empty_like(y)
        xs, ys, slopes = (a.ravel("K") for a in (_like(y, x), y, slope))  # views: as they lie in memory

        def some(part: slice) -> None:
            for piece in blocks(part, 1, PIECE):
                cdf, density = phi(xs[piece])
                np.multiply(xs[piece], cdf, out=ys[piece])
                density *= xs[piece]
                np.add(cdf, density, out=slopes[piece])

        in_parts(some, x.size, PASSES * x.size)
        self.cache = slope
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        slope = self.cache
        self.expect("upstream", upstream, *slope.shape)
        return upstream * slope, {}

    def __repr__(self) -> str:
        return "GELU()" if self.approximate == "none" else "GELU(approximate='tanh')"


def _tanh_normal(x: Array) -> tuple[Array, Array]:
    """Phi(x) taken as (1 + tanh v) / 2, and that function's derivative (1 - tanh^2 v) v' / 2."""
    x = np.clip(x, -30, 30)  # tanh is long at +-1 there; x^3 must not overflow
    a = math.sqrt(2 / math.pi)
    y = np.tanh(a * (x + 0.044715 * x * x * x))
    return (1 + y) / 2, (1 - y * y) * (a * (1 + 3 * 0.044715 * x * x)) / 2


def _like(y: Array, x: Array) -> Array:
    """x in y's dtype and layout, itself if it has them."""
    if x.dtype == y.dtype and x.strides == y.strides:
        return x
    copy = np.empty_like(y)
    copy[...] = x
    return copy
