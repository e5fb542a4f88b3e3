"""A product with upstream that takes one array where another belongs."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from layers.base import Array

from ..report import Finding
from .evidence import Evidence, axis_sets


def wrong_operand(e: Evidence) -> Finding | None:
    """A product with upstream that takes one array where another belongs."""
    rng = np.random.default_rng(0)
    upstreams = [rng.standard_normal(e.y_shape) for _ in range(2)]
    yours = [(u.ravel() @ e.yours).reshape(e.shape) for u in upstreams]
    right = [(u.ravel() @ e.numeric).reshape(e.shape) for u in upstreams]
    used = _operand(e, upstreams, yours)
    due = _operand(e, upstreams, right, products=True) if used is not None else None
    if used is None or due is None or used == due:
        return None
    message = f"{e.name} is the product of upstream with {used}, where {due} belongs"
    return Finding("wrong-operand", e.name, f"{message}; look at what backward takes from the cache")


def _operand(
    e: Evidence, upstreams: list[Array], gradients: list[Array], *, products: bool = False
) -> str | None:
    """The known array, or product of two, whose product with upstream, summed or not, is the gradient."""
    plain = {
        label: array.astype(np.float64) for label, array in e.known.items() if array.dtype.kind in "fiub"
    }
    if products:
        pairs = combinations(plain.items(), 2)
        plain |= {f"{a} * {b}": c * d for (a, c), (b, d) in pairs if c.shape == d.shape and c.ndim > 1}
    for label, c in plain.items():
        for product in (_elementwise, _matrix, _matrix_turned, _through, _through_turned):
            try:
                made = [product(u, c, e.shape) for u in upstreams]
            except ValueError:
                continue
            if all(m is not None and _close(m, g) for m, g in zip(made, gradients, strict=True)):
                return label
    return None


def _elementwise(u: Array, c: Array, shape: tuple[int, ...]) -> Array | None:
    product = u * c
    if product.shape == shape:
        return product
    for axes in axis_sets(product.ndim):
        if product.sum(axis=axes).shape == shape:
            return np.asarray(product.sum(axis=axes))
    return None


def _matrix(u: Array, c: Array, shape: tuple[int, ...]) -> Array | None:
    if u.ndim < 2 or c.ndim < 2:
        return None
    made = u.reshape(-1, u.shape[-1]).T @ c.reshape(-1, c.shape[-1])
    return made if made.shape == shape else None


def _through(u: Array, c: Array, shape: tuple[int, ...]) -> Array | None:
    if c.ndim != 2 or u.ndim < 2 or u.shape[-1] != c.shape[0]:
        return None
    made = u @ c
    return made if made.shape == shape else None


def _through_turned(u: Array, c: Array, shape: tuple[int, ...]) -> Array | None:
    return _through(u, c.T, shape)


def _matrix_turned(u: Array, c: Array, shape: tuple[int, ...]) -> Array | None:
    made = _matrix(u, c, shape[::-1])
    return None if made is None else made.T


def _close(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(
        np.abs(a - b).max(initial=0) <= 1e-7 * max(np.abs(b).max(initial=0), 1e-300)
    )
