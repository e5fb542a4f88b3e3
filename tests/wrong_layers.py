"""Wrong layers: a right one whose gradients are changed, or one that breaks a promise."""

from __future__ import annotations

import numpy as np
from right_layers import Affine, Dropout, ReLU, Sigmoid, Softmax, Tanh

from layers.base import Layer

# ---- gradients changed -------------------------------------------------------------------------------------


def wrong(cls, change):
    """cls with change(layer, upstream, dx, grads) for what backward returns."""

    class Wrong(cls):
        def backward(self, upstream):
            return change(self, upstream, *super().backward(upstream))

    return Wrong


def times(factor, name=None):
    """Multiply dx, or the gradient of one parameter."""

    def change(layer, upstream, dx, grads):
        if name is None:
            return dx * factor, grads
        return dx, {**grads, name: grads[name] * factor}

    return change


def one_entry(layer, upstream, dx, grads):
    dW = grads["W"].copy()
    dW[1, 2] *= 1.001
    return dx, {**grads, "W": dW}


def returns(cls, change):
    """cls whose backward returns change(dx, grads)."""
    return wrong(cls, lambda layer, upstream, dx, grads: change(dx, grads))


# ---- promises broken ---------------------------------------------------------------------------------------


class WritesX(ReLU):
    def forward(self, x):
        self.mask = x > 0
        x[~self.mask] = 0  # the line
        return x.copy()


class WritesXInBackward(Tanh):
    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, upstream):
        self.x[...] = 1 - np.tanh(self.x) ** 2  # the line
        return upstream * self.x, {}


class WritesUpstream(ReLU):
    def backward(self, upstream):
        upstream[~self.mask] = 0  # the line
        return upstream, {}


class WritesParams(Affine):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        self.params["W"] -= 0.1 * grads["W"]  # the line
        return dx, grads


class WritesY(Sigmoid):
    def backward(self, upstream):
        y = self.y.copy()
        np.multiply(self.y, 1 - self.y, out=self.y)  # the line
        return upstream * y * (1 - y), {}


class Accumulates(Affine):
    def forward(self, x):
        self.dW = np.zeros_like(self.params["W"])
        return super().forward(x)

    def backward(self, upstream):
        self.dW += upstream.T @ self.cache
        return upstream @ self.params["W"], {"W": self.dW, "b": upstream.sum(axis=0)}


class WritesCache(Softmax):
    def forward(self, x):
        return super().forward(x).copy()

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        self.y -= 0.1
        return dx, grads


class DropsCache(Tanh):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        del self.y
        return dx, grads


class FreshMask(Dropout):
    def backward(self, upstream):
        return upstream * (self.rng.random(upstream.shape) >= self.p) / (1 - self.p), {}


class StaleCache(Tanh):
    def forward(self, x):
        y = np.tanh(x)
        if not hasattr(self, "y"):
            self.y = y
        return y


class StaleDropout(Dropout):
    def forward(self, x):
        y = super().forward(x)
        if not hasattr(self, "kept"):
            self.kept = self.keep
        return y

    def backward(self, upstream):
        return upstream * self.kept, {}


class FreshGenerator(Dropout):
    def forward(self, x):
        self.keep = (np.random.default_rng().random(x.shape) >= self.p) / (1 - self.p)
        return x * self.keep


class MaskOfUpstream(ReLU):
    def backward(self, upstream):
        return upstream * (upstream > 0), {}


class Promotes(Affine):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        return dx * np.float64(1), grads


class Forward(Layer):
    """A layer whose forward returns what it is told to."""

    def __init__(self, value):
        self.value = value

    def forward(self, x):
        return self.value(x)
