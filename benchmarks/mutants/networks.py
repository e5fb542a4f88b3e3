"""Two-layer networks that a student writes as one layer, with the mistakes made between the layers."""

import numpy as np

from layers import Layer

from .case import Mutant


class TwoLayers(Layer):
    """y = act(x W1 + b1) W2 + b2"""

    def __init__(self, n_in=5, hidden=4, n_out=3):
        rng = np.random.default_rng(1)
        self.params = {
            "W1": rng.normal(size=(n_in, hidden)),
            "b1": rng.normal(size=hidden),
            "W2": rng.normal(size=(hidden, n_out)),
            "b2": rng.normal(size=n_out),
        }

    def forward(self, x):
        p = self.params
        z = x @ p["W1"] + p["b1"]
        h = self.act(z)
        self.cache = x, z, h
        return h @ p["W2"] + p["b2"]

    def act(self, z):
        return np.maximum(z, 0)

    def slope(self, z, h):
        return z > 0

    def backward(self, upstream):
        x, z, h = self.cache
        dz = self.dh(upstream) * self.slope(z, h)
        grads = {"W2": h.T @ upstream, "b2": upstream.sum(0), "W1": x.T @ dz, "b1": dz.sum(0)}
        return dz @ self.params["W1"].T, grads

    def dh(self, upstream):
        return upstream @ self.params["W2"].T


class NoMask(TwoLayers):
    def slope(self, z, h):
        return 1


class MaskFromGradient(TwoLayers):
    def backward(self, upstream):
        x, _, h = self.cache
        dz = upstream @ self.params["W2"].T
        dz = np.where(dz > 0, dz, 0)
        grads = {"W2": h.T @ upstream, "b2": upstream.sum(0), "W1": x.T @ dz, "b1": dz.sum(0)}
        return dz @ self.params["W1"].T, grads


class W2NotTransposed(TwoLayers):
    def __init__(self):
        super().__init__(5, 4, 4)

    def dh(self, upstream):
        return upstream @ self.params["W2"]


class PreActivationInW2(TwoLayers):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        return dx, grads | {"W2": self.cache[1].T @ upstream}


class InputInW2(TwoLayers):
    def __init__(self):
        super().__init__(4, 4, 3)

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        return dx, grads | {"W2": self.cache[0].T.dot(upstream)}


class HiddenInW1(InputInW2):
    def backward(self, upstream):
        _, z, h = self.cache
        dz = upstream @ self.params["W2"].T * (z > 0)
        grads = {"W2": h.T @ upstream, "b2": upstream.sum(0), "W1": h.T @ dz, "b1": dz.sum(0)}
        return dz @ self.params["W1"].T, grads


class Planted(TwoLayers):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        return dx, grads | {"W2": grads["W2"] * 2}


class PlantedBias(TwoLayers):
    def backward(self, upstream):
        x, z, h = self.cache
        dz = upstream @ self.params["W2"].T * (z > 0)
        grads = {"W1": x.T @ dz, "W2": h.T @ upstream}
        grads["b1"], grads["b2"] = 4.0 / len(x) * dz.sum(0), upstream.sum(0)
        return dz @ self.params["W1"].T, grads


class BiasesSwapped(TwoLayers):
    def __init__(self):
        super().__init__(5, 4, 4)

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        grads["b1"], grads["b2"] = grads["b2"], grads["b1"]
        return dx, grads


class UpstreamForHiddenBias(BiasesSwapped):
    def backward(self, upstream):
        dx, grads = TwoLayers.backward(self, upstream)
        return dx, grads | {"b1": np.sum(upstream, axis=0)}


class SigmoidNet(TwoLayers):
    def act(self, z):
        return 1 / (1 + np.exp(-z))

    def slope(self, z, h):
        return z * (1 - z)


class SigmoidTwice(SigmoidNet):
    def slope(self, z, h):
        s = self.act(h)
        return s * (1 - s)


class TanhNet(TwoLayers):
    def act(self, z):
        return np.tanh(z)

    def slope(self, z, h):
        return 1 - h


class TanhOnOutput(TanhNet):
    """The slope of tanh once more, on an output that has none."""

    def slope(self, z, h):
        return 1 - h * h

    def backward(self, upstream):
        h = self.cache[-1]
        y = h @ self.params["W2"] + self.params["b2"]
        return super().backward(upstream * (1 - y * y))


class FirstLayerFromUpstream(TanhNet):
    """Only dx is taken through the slope; the weights' line uses the gradient before it."""

    def backward(self, upstream):
        x, _, h = self.cache
        dh = upstream @ self.params["W2"].T
        dz = dh * (1 - h**2)
        grads = {"W2": h.T @ upstream, "b2": upstream.sum(0), "W1": x.T @ dh, "b1": dz.sum(0)}
        return dz @ self.params["W1"].T, grads


X = (6, 5)
FIRST = ("dx", "dW1", "db1")
MUTANTS: list[Mutant] = [
    Mutant("two layers: relu' missing", NoMask, X, ("no-local-derivative",), FIRST),
    Mutant("two layers: relu mask from the gradient", MaskFromGradient, X, ("upstream-nonlinear",), FIRST),
    Mutant(
        "two layers: W2 not transposed, square", W2NotTransposed, X, ("transposed", "wrong-operand"), FIRST
    ),
    Mutant("two layers: dW2 from z", PreActivationInW2, X, ("wrong-operand", "post-activation"), ("dW2",)),
    Mutant("two layers: dW2 from x", InputInW2, (6, 4), ("wrong-operand",), ("dW2",)),
    Mutant("two layers: dW1 from h", HiddenInW1, (6, 4), ("wrong-operand",), ("dW1",)),
    Mutant("two layers: dW2 times 2", Planted, X, ("scale",), ("dW2",)),
    Mutant("two layers: db1 times 4/N", PlantedBias, X, ("scale",), ("db1",)),
    Mutant("two layers: db1 and db2 swapped", BiasesSwapped, X, ("swapped",), ("db1", "db2")),
    Mutant(
        "two layers: db1 from upstream", UpstreamForHiddenBias, X, ("wrong-operand", "missing-path"), ("db1",)
    ),
    Mutant("two layers: sigmoid' as z (1 - z)", SigmoidNet, X, ("post-activation",), FIRST),
    Mutant("two layers: sigmoid' at h", SigmoidTwice, X, ("post-activation",), FIRST),
    Mutant("two layers: tanh' without the square", TanhNet, X, ("wrong-formula", "missing-factor"), FIRST),
    Mutant("two layers: tanh' on the output too", TanhOnOutput, X, ("extra-factor",), (*FIRST, "dW2", "db2")),
    Mutant(
        "two layers: tanh' missing in dW1",
        FirstLayerFromUpstream,
        X,
        ("no-local-derivative", "missing-factor"),
        ("dW1",),
    ),
]
