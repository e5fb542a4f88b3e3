"""Right layers, each as a student may write it, and arrays for them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from layers.base import Layer


class Scale(Layer):
    def __init__(self, features):
        self.params = {"gamma": np.ones(features)}

    def forward(self, x):
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream):
        x = self.cache
        return upstream * self.params["gamma"], {"gamma": (upstream * x).sum(axis=0)}


class Affine(Layer):
    def __init__(self, n_in, n_out, dtype=np.float32):
        rng = np.random.default_rng(7)
        self.params = {"W": rng.standard_normal((n_out, n_in)).astype(dtype), "b": np.zeros(n_out, dtype)}

    def forward(self, x):
        self.cache = x
        return x @ self.params["W"].T + self.params["b"]

    def backward(self, upstream):
        return upstream @ self.params["W"], {"W": upstream.T @ self.cache, "b": upstream.sum(axis=0)}

    def __repr__(self):
        n_out, n_in = self.params["W"].shape
        return f"Affine({n_in} -> {n_out})"


class ReLU(Layer):
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, upstream):
        return upstream * self.mask, {}


class Sigmoid(Layer):
    def forward(self, x):
        e = np.exp(-np.abs(x))
        self.y = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
        return self.y

    def backward(self, upstream):
        return upstream * self.y * (1 - self.y), {}


class Tanh(Layer):
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, upstream):
        return upstream * (1 - self.y**2), {}


class Softmax(Layer):
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.y = e / e.sum(axis=-1, keepdims=True)
        return self.y

    def backward(self, upstream):
        return self.y * (upstream - (upstream * self.y).sum(axis=-1, keepdims=True)), {}


class BatchNorm(Layer):
    eps = 1e-5

    def __init__(self, features, dtype=np.float32):
        self.params = {"gamma": np.ones(features, dtype), "beta": np.zeros(features, dtype)}
        self.buffers = {"mean": np.zeros(features, dtype)}

    def forward(self, x):
        mean, self.var = x.mean(axis=0), x.var(axis=0)
        self.buffers["mean"] += 0.1 * (mean - self.buffers["mean"])
        self.x_hat = (x - mean) / np.sqrt(self.var + self.eps)
        return self.params["gamma"] * self.x_hat + self.params["beta"]

    def backward(self, upstream):
        g = upstream * self.params["gamma"]
        dx = (g - g.mean(axis=0) - self.x_hat * (g * self.x_hat).mean(axis=0)) / np.sqrt(self.var + self.eps)
        return dx, {"gamma": (upstream * self.x_hat).sum(axis=0), "beta": upstream.sum(axis=0)}


class MaxPool(Layer):
    """The larger of each pair of neighbours, the first of a tie."""

    def forward(self, x):
        pairs = x.reshape(*x.shape[:-1], -1, 2)
        self.first = pairs[..., 0] >= pairs[..., 1]
        return pairs.max(axis=-1)

    def backward(self, upstream):
        dx = np.stack([upstream * self.first, upstream * ~self.first], axis=-1)
        return dx.reshape(*upstream.shape[:-1], -1), {}


class Dropout(Layer):
    def __init__(self, p=0.4):
        self.p, self.rng = p, np.random.default_rng(3)

    def forward(self, x):
        if not self.training:
            self.keep = np.ones(x.shape, x.dtype)
        else:
            self.keep = (self.rng.random(x.shape) >= self.p).astype(x.dtype) / (1 - self.p)
        return x * self.keep

    def backward(self, upstream):
        return upstream * self.keep, {}


class Mul(Layer):
    def forward(self, x):
        self.cache = x
        return x[0] * x[1]

    def backward(self, upstream):
        a, b = self.cache
        return (upstream * b, upstream * a), {}


class Embedding(Layer):
    def __init__(self, num, dim):
        self.params = {"W": np.random.default_rng(5).standard_normal((num, dim)).astype(np.float32)}

    def forward(self, x):
        self.cache = x
        return self.params["W"][x]

    def backward(self, upstream):
        dW = np.zeros_like(self.params["W"])
        np.add.at(dW, self.cache, upstream)
        return None, {"W": dW}


class Norm(Layer):
    """A layer that puts out one number."""

    def forward(self, x):
        self.cache = x
        return (x * x).sum()

    def backward(self, upstream):
        return 2 * upstream * self.cache, {}


class SinCos(Layer):
    """A layer with two outputs."""

    def forward(self, x):
        self.cache = x
        return np.sin(x), np.cos(x)

    def backward(self, upstream):
        s, c = upstream
        return s * np.cos(self.cache) - c * np.sin(self.cache), {}


class Power:
    """No Layer at all, but an object with the three names that count; without params it has two."""

    def __init__(self):
        self.params = {"a": np.array(1.5)}

    def forward(self, x):
        self.x = x
        return self.params["a"] * x**3

    def backward(self, upstream):
        return 3 * upstream * self.params["a"] * self.x**2, {"a": np.asarray((upstream * self.x**3).sum())}


class Centre(Layer):
    def __init__(self):
        self.params = {"b": np.zeros(3)}

    def forward(self, x):
        z = x + self.params["b"]
        return z - z.mean(axis=0)

    def backward(self, upstream):
        g = upstream - upstream.mean(axis=0)
        return g, {"b": g.sum(axis=0)}


X = (4, 3)
IDS = np.array([[1, 2, 2], [0, 2, 3]])
RIGHT = [
    pytest.param(lambda: Scale(2), (3, 2), id="Scale"),
    pytest.param(lambda: Affine(3, 2), (2, 3), id="Affine"),
    pytest.param(ReLU, (3, 2), id="ReLU"),
    pytest.param(Sigmoid, (3, 2), id="Sigmoid"),
    pytest.param(Tanh, (3, 2), id="Tanh"),
    pytest.param(Softmax, (2, 3), id="Softmax"),
    pytest.param(lambda: BatchNorm(2), (4, 2), id="BatchNorm"),
    pytest.param(MaxPool, (2, 1, 4), id="MaxPool"),
    pytest.param(Dropout, (3, 2), id="Dropout"),
    pytest.param(lambda: Dropout().eval(), (3, 2), id="Dropout in evaluation mode"),
    pytest.param(Mul, [(2, 2), (2, 2)], id="Mul"),
    pytest.param(lambda: Embedding(4, 2), IDS, id="Embedding"),
    pytest.param(Norm, (2, 3), id="Norm"),
    pytest.param(SinCos, (2, 2), id="SinCos"),
    pytest.param(Power, (3, 2), id="Power"),
    pytest.param(Power, (), id="Power of one number"),
]
each_right_layer = pytest.mark.parametrize(("build", "x"), RIGHT)


def draw(x, rng, factor=1.0):
    """Arrays for shapes; arrays as they are."""
    if isinstance(x, list):
        return tuple(draw(part, rng, factor) for part in x)
    return factor * np.asarray(rng.standard_normal(x)) if isinstance(x, tuple) else x


def drawn_upstream(layer, x, rng, factor=1.0):
    y = copy.deepcopy(layer).forward(x)
    parts = [
        factor * np.asarray(rng.standard_normal(np.shape(part))) for part in (y if type(y) is tuple else (y,))
    ]
    return tuple(parts) if isinstance(y, tuple) else parts[0]
