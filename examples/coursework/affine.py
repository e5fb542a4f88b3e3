"""Task 1: the affine layer, y = x Wᵀ + b."""

import numpy as np

from layers import Layer


class Affine(Layer):
    """y = x Wᵀ + b: every output is a weighted sum of the inputs, plus a bias.

    One row of x is one example: y_nm = sum_d W_md x_nd + b_m, with the same W and b for every n.
    The gradients of the parameters are sums over the batch, without a mean: that is in the loss.

    Shapes: x (N, D), W (M, D), b (M,), y and upstream (N, M).
    """

    def __init__(self, in_features, out_features, *, rng=None):
        rng = np.random.default_rng(rng)
        self.params = {
            "W": rng.normal(0, in_features**-0.5, (out_features, in_features)),
            "b": np.zeros(out_features),
        }

    def forward(self, x):
        """Return y, and keep in self.cache what backward needs."""
        # --- solution
        self.cache = x
        return x @ self.params["W"].T + self.params["b"]
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {"W": dW, "b": db}), where upstream is dL/dy."""
        # --- solution
        x = self.cache
        dx = upstream @ self.params["W"]  # (N, M)(M, D) -> (N, D)
        dW = upstream.T @ x  # (M, N)(N, D) -> (M, D)
        db = upstream.sum(axis=0)  # every row of y has the same b
        return dx, {"W": dW, "b": db}
        # --- end of solution
