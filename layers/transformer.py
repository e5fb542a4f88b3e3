"""The block that transformers are stacks of."""

from __future__ import annotations

from typing import Any

import numpy as np

from .affine import Affine
from .base import Array, Grads, Layer
from .container import Container
from .gelu import GELU
from .init import Rng
from .layernorm import LayerNorm
from .multihead import MultiHeadAttention
from .sequential import Sequential
from .sizes import size


class TransformerBlock(Container):
    """h = x + attention(norm1(x)),   y = h + mlp(norm2(h)),   mlp = Affine, GELU, Affine

    The normalisation comes before each step, so the sums carry x and the upstream through unchanged.
    Takes x or (x, mask), the mask as MultiHeadAttention takes it.

    Shapes: x and y (N, T, dim), inside mlp (N, T, hidden); mask bool, (T, T), (N, T, T) or
    (N, heads, T, T), with 1 for any size: a padding mask is (N, 1, T).
    Raises: ValueError for heads that do not divide dim, or a step that may attend nowhere.
    Source: Vaswani et al. 2017, section 3.1; the normalisation's place: Xiong et al. 2020, figure 1 (b)
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        hidden: int,
        *,
        causal: bool = False,
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        sizes = ("dim", dim), ("heads", heads), ("hidden", hidden)
        dim, heads, hidden = (size("TransformerBlock", what, value) for what, value in sizes)
        rng = np.random.default_rng(rng)
        self.dim = dim
        self.norm1 = LayerNorm(dim, dtype=dtype)
        self.attention = MultiHeadAttention(dim, heads, causal=causal, rng=rng, dtype=dtype)
        self.norm2 = LayerNorm(dim, dtype=dtype)
        self.mlp = Sequential(
            Affine(dim, hidden, rng=rng, dtype=dtype), GELU(), Affine(hidden, dim, rng=rng, dtype=dtype)
        )

    def forward(self, x: Array | tuple[Array, Array]) -> Array:
        if isinstance(x, tuple) and len(x) != 2:
            raise ValueError(f"{self.label}: expected x or (x, mask), got a tuple of {len(x)}")
        x, *mask = x if isinstance(x, tuple) else (x,)
        self.expect("x", x, "N", "T", self.dim)
        z = self.forward_child("norm1", x)
        h = x + self.forward_child("attention", (z, *mask) if mask else z)
        y: Array = h + self.forward_child("mlp", self.forward_child("norm2", h))
        self.cache = x.shape, bool(mask)
        return y

    def backward(self, upstream: Array) -> tuple[Array | tuple[Array | None, None] | None, Grads]:
        shape, masked = self.cache
        self.expect("upstream", upstream, *shape)
        dz, mlp = self.backward_child("mlp", upstream)
        dz, norm2 = self.backward_child("norm2", dz)
        dh = upstream + dz  # h reaches y by two paths
        dz, attention = self.backward_child("attention", dh)
        dz, norm1 = self.backward_child("norm1", dz[0] if masked else dz)
        grads = norm1 | attention | norm2 | mlp
        if dz is None:
            return None, grads
        dx = dh + dz  # and x reaches h by two
        return ((dx, None) if masked else dx), grads

    def first_children(self) -> list[Layer]:
        return [self.norm1]
