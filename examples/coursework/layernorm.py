"""Task 6: layer normalisation."""

import numpy as np

from layers import Layer


class LayerNorm(Layer):
    """y = gamma * x_hat + beta,   x_hat = (x - mean) / sqrt(var + eps), over the features of each position

    mean and var = mean((x - mean)²) are taken over the last axis, so that no example knows of another, and
    training and evaluation are the same. gamma and beta are shared by all positions.

    Shapes: x, y and upstream (N, T, D); gamma and beta (D,).
    """

    example_shape = (2, 4, 5)

    def __init__(self, features, *, eps=1e-5):
        self.eps = eps
        self.params = {"gamma": np.ones(features), "beta": np.zeros(features)}

    def forward(self, x):
        """Return y, and keep in self.cache what backward needs."""
        # --- solution
        mean = x.mean(axis=-1, keepdims=True)
        var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
        std = np.sqrt(var + self.eps)
        x_hat = (x - mean) / std
        self.cache = x_hat, std
        return self.params["gamma"] * x_hat + self.params["beta"]
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {"gamma": dgamma, "beta": dbeta})."""
        # --- solution
        x_hat, std = self.cache
        g = upstream * self.params["gamma"]
        mean_path = g.mean(axis=-1, keepdims=True)
        var_path = x_hat * (g * x_hat).mean(axis=-1, keepdims=True)
        dx = (g - mean_path - var_path) / std
        dgamma = (upstream * x_hat).sum(axis=(0, 1))  # (N, T, D) -> (D,)
        dbeta = upstream.sum(axis=(0, 1))
        return dx, {"gamma": dgamma, "beta": dbeta}
        # --- end of solution
