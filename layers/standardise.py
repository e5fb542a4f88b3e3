"""The two steps of every normalisation of rows: centre, then rescale; and the ways back."""

from __future__ import annotations

import numpy as np

from .base import Array, Layer
from .sizes import Sizes, per_axis, real

# What is normalised together is a row of a matrix (R, n). A row is centred, then rescaled to length sqrt(n);
# pulled back through both, in reverse, with mean(x_hat) = 0 the three paths of x to x_hat sum to
#     dx = (g - mean(g) - x_hat mean(g x_hat)) / std,   g = dL/dx_hat


def centre(x: Array) -> Array:
    """c = x - mean(x), row by row: the symmetric matrix I - 1/n, and so its own pullback.

    A mean far from 0 is rounded; centring twice takes away what that left.
    """
    centred: Array = x - x.mean(axis=-1, keepdims=True)
    return centred


def rescale(layer: Layer, c: Array, eps: float) -> tuple[Array, Array]:
    """x_hat = c / s,   s = sqrt(mean(c^2) + eps), row by row; and 1 / s (R, 1).

    Raises: ValueError where s = 0, and c / s would be 0 / 0.
    """
    inverse = inverse_root(layer, (c * c).mean(axis=-1, keepdims=True), eps)
    x_hat: Array = c * inverse
    return x_hat, inverse


def inverse_root(layer: Layer, square: Array, eps: float) -> Array:
    """1 / sqrt(square + eps), of a variance or a mean square.   Raises: ValueError where that is 1 / 0."""
    total = square + eps
    if not total.all():
        raise ValueError(
            f"{layer.label}: expected something to divide by, got a mean square of 0 and eps={eps}; "
            "use eps=1e-5"
        )
    inverse: Array = 1 / np.sqrt(total)
    return inverse


def rescale_back(g: Array, x_hat: Array, inverse: Array) -> Array:
    """dc from g = dL/dx_hat, directly and through s:   ds/dc_j = c_j / (n s) = x_hat_j / n

    dc_j = g_j / s - sum_i g_i c_i / s^2 * x_hat_j / n = (g_j - x_hat_j mean(g x_hat)) / s
    """
    dc: Array = (g - x_hat * (g * x_hat).mean(axis=-1, keepdims=True)) * inverse
    return dc


def trailing(who: str, features: int | tuple[int, ...]) -> Sizes:
    """The sizes of the last axes: one, or several.   Raises: TypeError, ValueError below 1."""
    axes = len(features) if isinstance(features, tuple | list) else 1
    return per_axis(who, "features", features, axes or 1)


def plain(features: Sizes) -> int | Sizes:
    """How repr shows the sizes of the last axes: 3, or (3, 5)."""
    return features[0] if len(features) == 1 else features


def epsilon(who: str, eps: float) -> float:
    """`eps` as a float.   Raises: TypeError; ValueError below 0, for a root of a negative number."""
    eps = real(who, "eps", eps)
    if not 0 <= eps < np.inf:
        raise ValueError(f"{who}: expected eps >= 0 and finite, got {eps}; use a small number like 1e-5")
    return eps
