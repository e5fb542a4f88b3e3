"""Several attentions side by side, each in a subspace of its own."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from .attention import ScaledDotProductAttention, expect_mask, expect_numbers
from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .parallel import product
from .sizes import size


class MultiHeadAttention(Layer):
    """y = [y_1, ..., y_heads] W_oᵀ + b_o,   y_h = softmax(Q_h K_hᵀ / sqrt(dim / heads)) V_h

    Q = q W_qᵀ + b_q, K = k W_kᵀ + b_k and V = v W_vᵀ + b_v; Q_h, K_h and V_h are their h-th pieces of
    dim / heads features. Takes x, which is q, k and v at once, so that its dx is the sum of theirs, or
    (x, mask), (q, k, v), (q, k, v, mask); the mask is True where attending is allowed. causal=True lets
    query t attend to the keys 0 ... t alone, on top of the mask.

    Shapes: x (N, T, dim); q (N, Tq, dim), k and v (N, Tk, dim); y like x or q; W_q, W_k, W_v, W_o (dim, dim),
    b_q, b_k, b_v, b_o (dim,); mask bool, (Tq, Tk), (N, Tq, Tk) or (N, heads, Tq, Tk), with 1 for any size,
    so that (N, 1, Tk) says which keys are no padding; two axes are always (Tq, Tk).
    Raises: ValueError for heads that do not divide dim, or a query that may attend nowhere; TypeError for a
    mask that is not bool.
    Source: Vaswani et al. 2017, section 3.2.2
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        causal: bool = False,
        bias: bool = True,
        init: Init = "xavier_uniform",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        dim, heads = size("MultiHeadAttention", "dim", dim), size("MultiHeadAttention", "heads", heads)
        if dim % heads:
            raise ValueError(
                f"MultiHeadAttention: expected heads to divide dim, got dim {dim} and heads {heads}; "
                "each head takes dim / heads features"
            )
        self.dim, self.heads = dim, heads
        self.attention = ScaledDotProductAttention(causal=causal)
        rng = np.random.default_rng(rng)
        self.params = {f"W_{name}": start(init, (dim, dim), rng, dtype) for name in "qkvo"}
        if bias:
            self.params |= {f"b_{name}": np.zeros(dim, dtype) for name in "qkvo"}

    def forward(self, x: Array | tuple[Array, ...]) -> Array:
        inputs, mask = self._read(x)
        q, k, v = (self._split(self._affine(name, part)) for name, part in zip("qkv", inputs, strict=True))
        try:
            y = self.attention.forward((q, k, v) if mask is None else (q, k, v, mask))
        except ValueError as error:  # a row (n, head, query) that may attend nowhere
            error.add_note(f"in {self.label}")
            raise
        y = self._join(y)
        self.cache = inputs, y, len(x) if isinstance(x, tuple) else 1
        return self._affine("o", y)

    def backward(self, upstream: Array) -> tuple[Array | tuple[Array | None, ...] | None, Grads]:
        inputs, y, given = self.cache
        self.expect("upstream", upstream, *y.shape)
        dy, grads = self._pull("o", y, upstream)
        dheads, _ = self.attention.backward(self._split(dy))
        dx: list[Any] = []
        for name, part, dhead in zip("qkv", inputs, dheads[:3], strict=True):
            dpart, new = self._pull(name, part, self._join(dhead), self.input_grad)
            dx.append(dpart)
            grads |= new
        grads = self.grads(**{name: grads[name] for name in self.params})
        if not self.input_grad:
            return None, grads
        if given == 1:
            return reduce(add, dx), grads
        if given == 2:
            return (reduce(add, dx), None), grads
        return (*dx, None)[:given], grads

    def _affine(self, name: str, x: Array) -> Array:
        W, b = self.params[f"W_{name}"], self.params.get(f"b_{name}")
        y = product(x.reshape(-1, self.dim), W.T).reshape(x.shape)  # (N T, dim)(dim, dim): one product, not N
        return y if b is None else np.add(y, b, out=y if y.dtype == b.dtype else None)

    def _pull(self, name: str, x: Array, upstream: Array, input_grad: bool = True) -> tuple[Any, Grads]:
        W = self.params[f"W_{name}"]
        shape, x, upstream = x.shape, x.reshape(-1, self.dim), upstream.reshape(-1, self.dim)  # time is batch
        dx = product(upstream, W).reshape(shape) if input_grad else None  # (N T, dim)(dim, dim) -> (N T, dim)
        grads = {f"W_{name}": product(upstream.T, x)}  # (dim, N T)(N T, dim) -> (dim, dim)
        if f"b_{name}" in self.params:
            grads[f"b_{name}"] = upstream.sum(axis=0)  # (N T, dim) -> (dim,)
        return dx, grads

    def _split(self, x: Array) -> Array:
        """(N, T, dim) -> (N, heads, T, dim / heads)"""
        return x.reshape(*x.shape[:2], self.heads, self.dim // self.heads).swapaxes(1, 2)

    def _join(self, x: Any) -> Array:
        """(N, heads, T, dim / heads) -> (N, T, dim)"""
        steps: Array = x.swapaxes(1, 2)
        return steps.reshape(*steps.shape[:2], self.dim)

    def _read(self, x: Any) -> tuple[tuple[Array, Array, Array], Array | None]:
        """((q, k, v), mask) of any form that x may have, the mask (Tq, Tk) or with N and heads before."""
        given = x if isinstance(x, tuple) else (x,)
        if isinstance(x, tuple) and len(x) not in (2, 3, 4):
            raise ValueError(
                f"{self.label}: expected x, (x, mask), (q, k, v) or (q, k, v, mask), got a tuple of {len(x)}"
            )
        if len(given) < 3:
            q = k = v = given[0]
            self.expect("x", q, "N", "T", self.dim)
            expect_numbers(self, x=q)
        else:
            q, k, v = given[:3]
            self.expect("q", q, "N", "Tq", self.dim)
            self.expect("k", k, len(q), "Tk", self.dim)
            self.expect("v", v, *k.shape)
            expect_numbers(self, q=q, k=k, v=v)
        if 0 in (q.shape[1], k.shape[1]):
            raise ValueError(
                f"{self.label}: expected at least one time step, got {q.shape[1]} queries, {k.shape[1]} keys"
            )
        return (q, k, v), self._with_heads(given[-1], q, k) if len(given) in (2, 4) else None

    def _with_heads(self, mask: Array, q: Array, k: Array) -> Array:
        """The mask as it broadcasts to the scores (N, heads, Tq, Tk)."""
        self.expect("mask", mask, ...)
        N, Tq, Tk = len(q), q.shape[1], k.shape[1]
        shape = {2: (Tq, Tk), 3: (N, Tq, Tk)}.get(mask.ndim, (N, self.heads, Tq, Tk))
        expect_mask(self, mask, shape, "write a padding mask (N, Tk) as mask[:, None, :]")
        return mask[:, None] if mask.ndim == 3 else mask

    def __repr__(self) -> str:
        causal = ", causal=True" * self.attention.causal
        bias = ", bias=False" * ("b_q" not in self.params)
        return f"MultiHeadAttention({self.dim}, heads={self.heads}{causal}{bias})"
