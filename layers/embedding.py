"""A learned vector for each id."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, normal, start
from .sizes import size

UNIT = partial(normal, std=1.0)


class Embedding(Layer):
    """y = W[x], the row of W that each id names;   dW[i] = the sum of upstream wherever x is i

    This is one_hot(x) W without the product. Ids have no gradient: dx is None.

    Shapes: x (...) of integers 0 to num - 1, W (num, dim), y (..., dim).
    W starts from N(0, 1), as PyTorch's.
    Raises: TypeError for x of another kind than integers, ValueError for an id that W has no row for.
    """

    def __init__(
        self, num: int, dim: int, *, init: Init = UNIT, rng: Rng = None, dtype: Any = np.float32
    ) -> None:
        sizes = size("Embedding", "num", num), size("Embedding", "dim", dim)
        self.params = {"W": start(init, sizes, rng, dtype)}

    def forward(self, x: Array) -> Array:
        W = self.params["W"]
        self.expect("x", x, ...)
        if x.dtype.kind not in "iu":
            mend = "pass ids, not a mask" if x.dtype.kind == "b" else "convert them with .astype(int)"
            raise TypeError(f"{self.label}: expected x to hold integer ids, got {x.dtype}; {mend}")
        bad = (x < 0) | (x >= len(W))
        if bad.any():
            at = tuple(map(int, np.unravel_index(bad.argmax(), bad.shape)))
            raise ValueError(
                f"{self.label}: expected ids from 0 to {len(W) - 1}, got {x[at]} "
                f"at x[{', '.join(map(str, at))}]; make num larger, or map unknown ids to one of their own"
            )
        ids = x.astype(np.intp, copy=False)
        self.cache = ids
        return W.take(ids, axis=0)  # take copies, also for a single id

    def backward(self, upstream: Array) -> tuple[None, Grads]:
        ids, W = self.cache, self.params["W"]
        num, dim = W.shape
        self.expect("upstream", upstream, *ids.shape, dim)
        dW = np.zeros(num * dim, upstream.dtype)
        places = ids[..., None] * dim + np.arange(dim)  # W[i, j] is entry i dim + j of W.ravel()
        np.add.at(dW, places.ravel(), upstream.ravel())  # one axis: NumPy is several times slower on rows
        return None, self.grads(W=dW.reshape(num, dim))

    def __repr__(self) -> str:
        num, dim = self.params["W"].shape
        return f"Embedding({num} -> {dim})"
