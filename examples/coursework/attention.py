"""Task 10: self-attention."""

import math

import numpy as np

from layers import Layer


class Attention(Layer):
    """y = A v,   A = softmax(q kᵀ / sqrt(H)),   q = x W_qᵀ, k = x W_kᵀ, v = x W_vᵀ

    For every example: position t asks with q_t, is met by the keys k_s, and takes the mean of the values v_s
    weighted by A_ts. The softmax is over s, the last axis, so that every row of A sums to 1; subtract the
    largest score of each row before exp. x has three ways to y: through q, k and v.
    math.sqrt(H) keeps float32 arrays float32; np.sqrt(H), a NumPy number, does not.

    Shapes: x (N, T, D), W_q, W_k and W_v (H, D), y and upstream (N, T, H), A (N, T, T).
    """

    example_shape = (2, 4, 5)

    def __init__(self, features, size, *, rng=None):
        rng = np.random.default_rng(rng)
        self.params = {
            name: rng.normal(0, features**-0.5, (size, features)) for name in ("W_q", "W_k", "W_v")
        }

    def forward(self, x):
        """Return y, and keep in self.cache what backward needs."""
        # --- solution
        W_q, W_k, W_v = self.params["W_q"], self.params["W_k"], self.params["W_v"]
        q, k, v = x @ W_q.T, x @ W_k.T, x @ W_v.T  # (N, T, D)(D, H) -> (N, T, H)
        scores = q @ k.swapaxes(1, 2) / math.sqrt(len(W_q))  # (N, T, H)(N, H, T) -> (N, T, T)
        A = np.exp(scores - scores.max(axis=2, keepdims=True))
        A = A / A.sum(axis=2, keepdims=True)
        self.cache = x, q, k, v, A
        return A @ v
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {"W_q": dW_q, "W_k": dW_k, "W_v": dW_v})."""
        # --- solution
        W_q, W_k, W_v = self.params["W_q"], self.params["W_k"], self.params["W_v"]
        x, q, k, v, A = self.cache
        dv = A.swapaxes(1, 2) @ upstream
        dA = upstream @ v.swapaxes(1, 2)
        dscores = A * (dA - (dA * A).sum(axis=2, keepdims=True)) / math.sqrt(len(W_q))
        dq = dscores @ k
        dk = dscores.swapaxes(1, 2) @ q
        dx = dq @ W_q + dk @ W_k + dv @ W_v
        dW_q = np.einsum("nth,ntd->hd", dq, x)
        dW_k = np.einsum("nth,ntd->hd", dk, x)
        dW_v = np.einsum("nth,ntd->hd", dv, x)
        return dx, {"W_q": dW_q, "W_k": dW_k, "W_v": dW_v}
        # --- end of solution
