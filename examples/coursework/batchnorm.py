"""Task 5: batch normalisation."""

import numpy as np

from layers import Layer


class BatchNorm(Layer):
    """y = gamma * x_hat + beta,   x_hat = (x - mean) / sqrt(var + eps), for every feature

    While training, mean and var are those of the batch, over axis 0, with var = mean((x - mean)²). Then x
    reaches x_hat in three ways: directly, through mean, and through var; dx is the sum of the three.
    forward also lets the running statistics follow, in place:

        running_mean <- (1 - momentum) running_mean + momentum mean
        running_var  <- (1 - momentum) running_var  + momentum var N / (N - 1)

    In evaluation mode (self.training is False) mean and var are the running ones: constants, which forward
    leaves as they are.

    Shapes: x, y and upstream (N, D); gamma, beta, running_mean and running_var (D,).
    """

    def __init__(self, features, *, momentum=0.1, eps=1e-5):
        self.momentum, self.eps = momentum, eps
        self.params = {"gamma": np.ones(features), "beta": np.zeros(features)}
        self.buffers = {"running_mean": np.zeros(features), "running_var": np.ones(features)}

    def forward(self, x):
        """Return y, and keep in self.cache what backward needs."""
        # --- solution
        if self.training:
            mean = x.mean(axis=0)
            var = ((x - mean) ** 2).mean(axis=0)
            self.follow("running_mean", mean)
            self.follow("running_var", var * len(x) / (len(x) - 1))
        else:
            mean, var = self.buffers["running_mean"], self.buffers["running_var"]
        std = np.sqrt(var + self.eps)
        x_hat = (x - mean) / std
        self.cache = x_hat, std, self.training
        return self.params["gamma"] * x_hat + self.params["beta"]
        # --- end of solution

    def follow(self, name, new):
        """Let a running statistic follow the batch's, in place."""
        # --- solution
        running = self.buffers[name]
        running[...] = (1 - self.momentum) * running + self.momentum * new
        # --- end of solution

    def backward(self, upstream):
        """Return (dx, {"gamma": dgamma, "beta": dbeta})."""
        # --- solution
        x_hat, std, training = self.cache
        g = upstream * self.params["gamma"]  # dL/dx_hat
        if training:
            g = g - g.mean(axis=0) - x_hat * (g * x_hat).mean(axis=0)
        dgamma = (upstream * x_hat).sum(axis=0)
        dbeta = upstream.sum(axis=0)
        return g / std, {"gamma": dgamma, "beta": dbeta}
        # --- end of solution
