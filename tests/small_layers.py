"""Layers of one line, into which a test puts one thing that goes wrong."""

from __future__ import annotations

import numpy as np

from layers.base import Layer

X = (4, 3)
POSITIVE = np.random.default_rng(0).uniform(0.5, 2.0, X)


class Double(Layer):
    """y = 2 x, and the place where one thing goes wrong: `on_forward` and `on_backward` see the array."""

    def __init__(self, on_forward=None, on_backward=None):
        self.on_forward, self.on_backward = on_forward, on_backward

    def forward(self, x):
        self.x = x
        if self.on_forward:
            self.on_forward(x)
        return 2 * x

    def backward(self, upstream):
        if self.on_backward:
            self.on_backward(upstream)
        return 2 * upstream, {}


class Scale(Layer):
    """y = W x + b, one number each feature."""

    def __init__(self, features=3, dtype=np.float32):
        self.params = {"W": np.linspace(0.5, 1.5, features).astype(dtype), "b": np.full(features, 0.3, dtype)}

    def forward(self, x):
        self.x = x
        return self.params["W"] * x + self.params["b"]

    def backward(self, upstream):
        grads = {"W": (upstream * self.x).sum(axis=0), "b": upstream.sum(axis=0)}
        return upstream * self.params["W"], grads


def layer_of(f):
    """A layer without backward."""
    layer = Layer()
    layer.forward = f
    return layer
