"""Backwards as students get them wrong, written without a look at the checker that is to name the mistake.

Each class has one mistake, told in its name or its docstring; above it stand the kinds of finding that a
tutor would accept, the best first, and the gradients that really are wrong. What a family of layers shares
stands in a class with a correct forward, from which only the backward is taken anew.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np

from layers import Layer
from losses import Loss

from .case import Mutant

MUTANTS: list[Mutant] = []


def wrong(name: str, x: Any, kinds: str, arrays: str, target: Any = None) -> Callable[[Any], Any]:
    """Put a class into MUTANTS; kinds and arrays are words in one string, "" for the layer as a whole."""

    def keep(build: Any) -> Any:
        MUTANTS.append(Mutant(name, build, x, tuple(kinds.split()), tuple(arrays.split(" ")), target))
        return build

    return keep


def randoms(*shapes: tuple[int, ...], seed: int = 3) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def positive(*shape: int) -> Any:
    return np.random.default_rng(11).uniform(0.3, 2.5, shape)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# ---------------------------------------------------------------------------------------------- dense layers


class Dense(Layer):
    """y = x W + b.   Shapes: x (N, 3), W (3, 4), b (4,)."""

    def __init__(self):
        W, b = randoms((3, 4), (4,))
        self.params = {"W": W, "b": b}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def dx(self, u):
        return u @ self.params["W"].T


@wrong("dense-dW-transposed", (5, 3), "transposed", "dW")
class DenseTransposed(Dense):
    """dW has the shape (out, in)."""

    def backward(self, u):
        return self.dx(u), {"W": u.T @ self.x, "b": u.sum(axis=0)}


@wrong("dense-dW-reshaped", (5, 3), "reshaped transposed", "dW")
class DenseReshaped(Dense):
    """The shape was mended by reshape."""

    def backward(self, u):
        dW = np.dot(u.T, self.x).reshape(self.params["W"].shape)
        return self.dx(u), {"W": dW, "b": u.sum(axis=0)}


@wrong("dense-square-W-not-transposed", (5, 4), "transposed wrong-operand", "dx")
class DenseSquare(Dense):
    """W is square, so that nothing complains of the missing transpose."""

    def __init__(self):
        W, b = randoms((4, 4), (4,))
        self.params = {"W": W, "b": b}

    def backward(self, u):
        return u @ self.params["W"], {"W": self.x.T @ u, "b": u.sum(axis=0)}


@wrong("dense-db-not-summed", (5, 3), "not-summed shape", "db")
class DenseBiasRows(Dense):
    """db is upstream itself."""

    def backward(self, u):
        return self.dx(u), {"W": self.x.T @ u, "b": u}


@wrong("dense-db-axis-1", (5, 3), "wrong-axis", "db")
class DenseBiasAxis(Dense):
    """db is summed over the features."""

    def backward(self, u):
        return self.dx(u), {"W": self.x.T @ u, "b": np.sum(u, axis=1)}


@wrong("dense-db-one-number", (5, 3), "over-summed", "db")
class DenseBiasTotal(Dense):
    """db is one number for all units."""

    def backward(self, u):
        db = np.zeros_like(self.params["b"])
        db += u.sum()
        return self.dx(u), {"W": self.x.T @ u, "b": db}


@wrong("dense-db-keepdims", (5, 3), "reshaped shape", "db")
class DenseBiasKeepdims(Dense):
    """db is (1, 4)."""

    def backward(self, u):
        return self.dx(u), {"W": self.x.T @ u, "b": np.sum(u, axis=0, keepdims=True)}


@wrong("dense-grads-averaged", (5, 3), "scale", "dW db")
class DenseAveraged(Dense):
    """Divided by the batch size, as in the lecture where the loss was a sum."""

    def backward(self, u):
        m = self.x.shape[0]
        return self.dx(u), {"W": self.x.T @ u / m, "b": np.sum(u, axis=0) / m}


@wrong("dense-dW-without-upstream", (5, 3), "no-upstream", "dW")
class DenseNoUpstream(Dense):
    """dy/dW alone."""

    def backward(self, u):
        dW = np.repeat(self.x.sum(axis=0)[:, None], u.shape[1], axis=1)
        return self.dx(u), {"W": dW, "b": u.sum(axis=0)}


@wrong("dense-threshold-sign", (5, 3), "sign", "db")
class DenseThreshold(Dense):
    """y = x W - b, and db keeps the sign of a bias."""

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] - self.params["b"]

    def backward(self, u):
        return self.dx(u), {"W": self.x.T @ u, "b": u.sum(axis=0)}


@wrong("dense-dW-last-sample", (5, 3), "only-some", "dW")
class DenseLastSample(Dense):
    """= for += in the loop over examples."""

    def backward(self, u):
        for i in range(len(u)):
            dW = np.outer(self.x[i], u[i])
        return self.dx(u), {"W": dW, "b": u.sum(axis=0)}


@wrong("dense-dW-first-sample-left-out", (5, 3), "only-some", "dW")
class DenseFromOne(Dense):
    """The loop begins at 1."""

    def backward(self, u):
        dW = np.zeros_like(self.params["W"])
        for i in range(1, len(u)):
            dW += np.outer(self.x[i], u[i])
        return self.dx(u), {"W": dW, "b": u.sum(axis=0)}


@wrong("dense-weight-decay-inside", (5, 3), "extra-term", "dW")
class DenseDecay(Dense):
    """The regulariser's gradient, though forward has no regulariser."""

    def backward(self, u):
        return self.dx(u), {"W": self.x.T @ u + 0.01 * self.params["W"], "b": u.sum(axis=0)}


@wrong("dense-db-zero", (5, 3), "zero", "db")
class DenseZero(Dense):
    """The buffer is never filled."""

    def backward(self, u):
        dW, db = np.zeros_like(self.params["W"]), np.zeros_like(self.params["b"])
        dW += self.x.T @ u
        return self.dx(u), {"W": dW, "b": db}


@wrong("dense-keys-dW-db", (5, 3), "keys", "")
class DenseKeys(Dense):
    def backward(self, u):
        return self.dx(u), {"dW": self.x.T @ u, "db": u.sum(axis=0)}


@wrong("dense-grads-first", (5, 3), "order", "")
class DenseOrder(Dense):
    def backward(self, u):
        return {"W": self.x.T @ u, "b": u.sum(axis=0)}, self.dx(u)


@wrong("dense-b-forgotten", (5, 3), "missing keys", "db")
class DenseForgets(Dense):
    def backward(self, u):
        return self.dx(u), {"W": self.x.T @ u}


@wrong("dense-dx-none", (5, 3), "missing", "dx")
class DenseNone(Dense):
    """The first layer needs no dx, said the author."""

    def backward(self, u):
        return None, {"W": self.x.T @ u, "b": u.sum(axis=0)}


@wrong("dense-accumulates", (5, 3), "repeat-backward", "")
class DenseAccumulates(Dense):
    """The gradient buffers live as long as the layer."""

    def __init__(self):
        super().__init__()
        self.dW, self.db = np.zeros((3, 4)), np.zeros(4)

    def backward(self, u):
        self.dW += self.x.T @ u
        self.db += u.sum(axis=0)
        return self.dx(u), {"W": self.dW.copy(), "b": self.db.copy()}


@wrong("dense-learns-in-backward", (5, 3), "mutates-params", "")
class DenseLearns(Dense):
    def backward(self, u):
        dW, db, dx = self.x.T @ u, u.sum(axis=0), self.dx(u)
        self.params["W"] -= 0.1 * dW
        self.params["b"] -= 0.1 * db
        return dx, {"W": dW, "b": db}


@wrong("dense-scales-input-in-place", (5, 3), "mutates-input", "")
class DenseNormalises(Dense):
    """x -= x.mean() for numerical comfort; the gradient is that of the centred x."""

    def forward(self, x):
        x -= x.mean()
        return super().forward(x)

    def backward(self, u):
        dx = self.dx(u)
        return dx - dx.mean(), {"W": self.x.T @ u, "b": u.sum(axis=0)}


@wrong("dense-caches-half-precision", (5, 3), "precision", "dW")
class DenseHalf(Dense):
    """Saves memory: x is kept in single precision."""

    def forward(self, x):
        y = super().forward(x)
        self.x = x.astype(np.float32)
        return y

    def backward(self, u):
        return self.dx(u), {"W": self.x.T @ u, "b": u.sum(axis=0)}


@wrong("dense-dW-single-buffer", (5, 3), "dtype precision", "dW")
class DenseBuffer(Dense):
    """dW is filled in float32, W is float64."""

    def backward(self, u):
        dW = np.zeros(self.params["W"].shape, dtype=np.float32)
        for i in range(len(u)):
            dW += np.outer(self.x[i], u[i])
        return self.dx(u), {"W": dW, "b": u.sum(axis=0)}


@wrong("dense-clips-upstream", (5, 3), "upstream-nonlinear", "dx dW db")
class DenseClips(Dense):
    """Against exploding gradients."""

    def backward(self, u):
        u = np.clip(u, -0.5, 0.5)
        return self.dx(u), {"W": self.x.T @ u, "b": u.sum(axis=0)}


@wrong("dense-tanh-db-before-tanh", (5, 3), "no-local-derivative missing-factor", "db")
class DenseTanh(Dense):
    """y = tanh(x W + b), and db forgets the tanh."""

    def forward(self, x):
        self.y = np.tanh(super().forward(x))
        return self.y

    def backward(self, u):
        da = u * (1 - self.y**2)
        return self.dx(da), {"W": self.x.T @ da, "b": u.sum(axis=0)}


@wrong("dense-relu-dx-before-relu", (5, 3), "no-local-derivative missing-factor", "dx")
class DenseReLU(Dense):
    """y = relu(x W + b), and dx forgets the mask."""

    def forward(self, x):
        self.a = super().forward(x)
        return np.maximum(self.a, 0)

    def backward(self, u):
        da = u * (self.a > 0)
        return u @ self.params["W"].T, {"W": self.x.T @ da, "b": da.sum(axis=0)}


class TwoLayers(Layer):
    """y = relu(x W1 + b1) W2 + b2.   Shapes: x (N, 3), W1 (3, 7), W2 (7, 2)."""

    def __init__(self):
        W1, b1, W2, b2 = randoms((3, 7), (7,), (7, 2), (2,))
        self.params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

    def forward(self, x):
        p = self.params
        h = np.maximum(0, x @ p["W1"] + p["b1"])
        self.cache = x, h
        return h @ p["W2"] + p["b2"]


@wrong("mlp-no-relu-mask", (5, 3), "no-local-derivative missing-factor", "dx dW1 db1")
class NoMask(TwoLayers):
    """dh[h < 0] = 0, where h is never negative."""

    def backward(self, u):
        x, h = self.cache
        dh = u @ self.params["W2"].T
        dh[h < 0] = 0
        grads = {"W1": x.T @ dh, "b1": dh.sum(0), "W2": h.T @ u, "b2": u.sum(0)}
        return dh @ self.params["W1"].T, grads


@wrong("mlp-dW2-doubled", (5, 3), "scale", "dW2")
class Doubled(TwoLayers):
    def backward(self, u):
        x, h = self.cache
        dh = u @ self.params["W2"].T * (h > 0)
        grads = {"W1": x.T @ dh, "b1": dh.sum(0), "W2": 2 * h.T @ u, "b2": u.sum(0)}
        return dh @ self.params["W1"].T, grads


class Tied(Layer):
    """An autoencoder with one W: y = tanh(x W) Wᵀ.   Shapes: x (N, 4), W (4, 3)."""

    def __init__(self):
        self.params = {"W": randoms((4, 3))[0]}

    def forward(self, x):
        h = np.tanh(x @ self.params["W"])
        self.cache = x, h
        return h @ self.params["W"].T


@wrong("tied-one-use-only", (5, 4), "missing-path", "dW")
class TiedOnce(Tied):
    """W counts as encoder alone."""

    def backward(self, u):
        x, h = self.cache
        da = u @ self.params["W"] * (1 - h * h)
        return da @ self.params["W"].T, {"W": x.T @ da}


@wrong("bilinear-second-input-no-upstream", ((5, 3), (5, 2)), "no-upstream", "dx[1]")
class Bilinear(Layer):
    """y = sum of x_i W_ij z_j.   Shapes: x (N, 3), z (N, 2), W (3, 2), y (N,)."""

    def __init__(self):
        self.params = {"W": randoms((3, 2))[0]}

    def forward(self, inputs):
        x, z = self.cache = inputs
        return np.einsum("ni,ij,nj->n", x, self.params["W"], z)

    def backward(self, u):
        x, z = self.cache
        W = self.params["W"]
        dx, dz = u[:, None] * (z @ W.T), x @ W
        return (dx, dz), {"W": np.einsum("n,ni,nj->ij", u, x, z)}


# ----------------------------------------------------------------------------------------------- elementwise


class ReLU(Layer):
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0)


@wrong("relu-mask-by-upstream", (5, 3), "upstream-nonlinear", "dx")
class ReLUOfUpstream(ReLU):
    """relu'(u) in place of relu'(x)."""

    def backward(self, u):
        return u * (u > 0), {}


@wrong("relu-mask-alone", (5, 3), "no-upstream", "dx")
class ReLUMask(ReLU):
    def backward(self, u):
        return np.where(self.x > 0, 1.0, 0.0), {}


@wrong("relu-identity", (5, 3), "no-local-derivative", "dx")
class ReLUIdentity(ReLU):
    """The output is never negative."""

    def forward(self, x):
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, u):
        return u * (self.y >= 0), {}


@wrong("relu-other-way-round", (5, 3), "wrong-region", "dx")
class ReLUInverted(ReLU):
    def backward(self, u):
        dx = u.copy()
        dx[self.x > 0] = 0
        return dx, {}


@wrong("relu-writes-upstream", (5, 3), "mutates-upstream", "")
class ReLUInPlace(ReLU):
    def backward(self, u):
        dx = u
        dx[self.x <= 0] = 0
        return dx, {}


@wrong("relu-writes-x", (5, 3), "mutates-input", "")
class ReLUOverwrites(Layer):
    def forward(self, x):
        x[x < 0] = 0
        self.mask = x > 0
        return x.copy()

    def backward(self, u):
        return u * self.mask, {}


@wrong("relu-mask-of-the-first-batch", (5, 3), "stale-cache", " dx")
class ReLUStale(Layer):
    """The mask is made once, to save time."""

    def __init__(self):
        self.mask = None

    def forward(self, x):
        if self.mask is None or self.mask.shape != x.shape:
            self.mask = x > 0
        return np.where(x > 0, x, 0)

    def backward(self, u):
        return u * self.mask, {}


@wrong("relu6-lower-side-only", np.linspace(-9, 13, 20).reshape(4, 5), "wrong-region", "dx")
class ReLU6(Layer):
    """min(max(x, 0), 6), and the upper bound is forgotten."""

    def forward(self, x):
        self.x = x
        return np.minimum(np.maximum(x, 0), 6)

    def backward(self, u):
        return u * (self.x > 0), {}


@wrong("leaky-zero-on-the-left", (5, 3), "wrong-region wrong-formula", "dx")
class Leaky(Layer):
    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.1 * x)

    def backward(self, u):
        return np.where(self.x > 0, u, 0), {}


@wrong("leaky-alpha-without-upstream", (5, 3), "no-upstream wrong-region", "dx")
class LeakyLoop(Layer):
    """The negative side is set to alpha, not multiplied."""

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, 0.1 * x)

    def backward(self, u):
        dx = u.copy()
        dx[self.x <= 0] = 0.1
        return dx, {}


@wrong("elu-y-for-y-plus-alpha", (5, 3), "wrong-region wrong-formula", "dx")
class ELU(Layer):
    def forward(self, x):
        self.x, self.y = x, np.where(x > 0, x, 0.7 * (np.exp(np.minimum(x, 0)) - 1))
        return self.y

    def backward(self, u):
        return u * np.where(self.x > 0, 1, self.y), {}


class Sigmoid(Layer):
    def forward(self, x):
        self.x, self.y = x, sigmoid(x)
        return self.y


@wrong("sigmoid-x-times-one-minus-x", (5, 3), "post-activation", "dx")
class SigmoidOfInput(Sigmoid):
    def backward(self, u):
        return u * self.x * (1 - self.x), {}


@wrong("sigmoid-of-its-output", (5, 3), "post-activation", "dx")
class SigmoidTwice(Sigmoid):
    def backward(self, u):
        s = sigmoid(self.y)
        return u * s * (1 - s), {}


@wrong("sigmoid-half-the-formula", (5, 3), "missing-factor", "dx")
class SigmoidHalf(Sigmoid):
    def backward(self, u):
        return u * (1 - self.y), {}


@wrong("sigmoid-derivative-squared", (5, 3), "extra-factor", "dx")
class SigmoidSquared(Sigmoid):
    def backward(self, u):
        d = u * self.y * (1 - self.y)
        return d * self.y * (1 - self.y), {}


@wrong("sigmoid-without-upstream", (5, 3), "no-upstream", "dx")
class SigmoidAlone(Sigmoid):
    def backward(self, u):
        return self.y * (1 - self.y), {}


class Tanh(Layer):
    def forward(self, x):
        self.cache = np.tanh(x)
        return self.cache


@wrong("tanh-without-square", (5, 3), "wrong-formula", "dx")
class TanhLinear(Tanh):
    def backward(self, u):
        return u * (1 - self.cache), {}


@wrong("tanh-of-sigmoid", (5, 3), "wrong-formula", "dx")
class TanhSigmoid(Tanh):
    def backward(self, u):
        return u * self.cache * (1 - self.cache), {}


@wrong("tanh-added", (5, 3), "extra-term wrong-formula", "dx")
class TanhAdded(Tanh):
    def backward(self, u):
        return u + (1 - self.cache**2), {}


@wrong("tanh-recomputed-on-y", (5, 3), "post-activation", "dx")
class TanhAgain(Tanh):
    def backward(self, u):
        return u * (1 - np.tanh(self.cache) ** 2), {}


@wrong("softplus-other-sigmoid", (5, 3), "wrong-formula", "dx")
class Softplus(Layer):
    """sigmoid(-x) where sigmoid(x) belongs."""

    def forward(self, x):
        self.x = x
        return np.log1p(np.exp(x))

    def backward(self, u):
        return u / (1 + np.exp(self.x)), {}


@wrong("softplus-overflows", np.array([[-2.0, 0.5, 800.0], [1.0, -0.3, 3.0]]), "non-finite", "dx")
class SoftplusOverflow(Layer):
    """eˣ / (1 + eˣ) is inf / inf far on the right, where forward is careful."""

    def forward(self, x):
        self.x = x
        return np.logaddexp(0, x)

    def backward(self, u):
        with np.errstate(over="ignore", invalid="ignore"):
            e = np.exp(self.x)
            return u * (e / (1 + e)), {}


@wrong("sinc-at-0", np.array([[-2.0, 0.0, 1.5], [0.7, 3.0, -0.4]]), "non-finite", "dx")
class Sinc(Layer):
    """sin(x) / x, which forward sets to 1 at 0; backward divides by 0."""

    def forward(self, x):
        self.x = x
        return np.where(x == 0, 1, np.sin(x) / np.where(x == 0, 1, x))

    def backward(self, u):
        x = self.x
        with np.errstate(divide="ignore", invalid="ignore"):
            return u * (x * np.cos(x) - np.sin(x)) / x**2, {}


@wrong("gelu-product-rule", (5, 3), "missing-path wrong-formula", "dx")
class GELU(Layer):
    """x Φ(x) with the tanh formula for Φ; the derivative of Φ is dropped."""

    def forward(self, x):
        self.t = np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))
        return 0.5 * x * (1 + self.t)

    def backward(self, u):
        return u * 0.5 * (1 + self.t), {}


@wrong("gelu-derivative-of-the-other", (5, 3), "approximation", "dx")
class GELUSigmoid(Layer):
    """Forward uses the tanh formula, backward the derivative with its cubic term cut off."""

    def forward(self, x):
        self.x = x
        self.t = np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))
        return 0.5 * x * (1 + self.t)

    def backward(self, u):
        x = self.x
        density = np.exp(-x * x / 2) / sqrt(2 * np.pi)
        return u * (0.5 * (1 + self.t) + x * density), {}


@wrong("silu-sigmoid-only", (5, 3), "missing-path wrong-formula", "dx")
class SiLU(Layer):
    def forward(self, x):
        self.s = sigmoid(x)
        return x * self.s

    def backward(self, u):
        return u * self.s, {}


@wrong("prelu-slope-not-summed", (5, 3), "not-summed shape", "da")
class PReLU(Layer):
    def __init__(self):
        self.params = {"a": np.array([0.25, 0.1, 0.4])}

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.params["a"] * x)

    def backward(self, u):
        left = self.x <= 0
        return np.where(left, self.params["a"] * u, u), {"a": u * self.x * left}


@wrong("prelu-slope-over-both-sides", (5, 3), "wrong-region missing-factor", "da")
class PReLUBoth(PReLU):
    """The slope's gradient also counts the positive entries."""

    def backward(self, u):
        dx = np.where(self.x > 0, u, self.params["a"] * u)
        return dx, {"a": (u * self.x).sum(axis=0)}


@wrong("exp-as-a-power", (5, 3), "extra-factor wrong-formula", "dx")
class Exp(Layer):
    """d eˣ = x eˣ, by the power rule."""

    def forward(self, x):
        self.x, self.y = x, np.exp(x)
        return self.y

    def backward(self, u):
        return u * self.x * self.y, {}


@wrong("log-square-inner-derivative", (5, 3), "missing-factor", "dx")
class LogSquare(Layer):
    """log(1 + x²) without the inner 2x."""

    def forward(self, x):
        self.x = x
        return np.log(1 + x**2)

    def backward(self, u):
        return u / (1 + self.x**2), {}


@wrong("square-two-missing", (5, 3), "scale", "dx")
class Square(Layer):
    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, u):
        return u * self.x, {}


@wrong("sqrt-times-for-over", positive(5, 3), "wrong-formula extra-factor", "dx")
class Sqrt(Layer):
    def forward(self, x):
        self.y = np.sqrt(x)
        return self.y

    def backward(self, u):
        return 0.5 * u * self.y, {}


@wrong("sin-at-the-output", (5, 3), "post-activation", "dx")
class Sin(Layer):
    def forward(self, x):
        self.y = np.sin(x)
        return self.y

    def backward(self, u):
        return u * np.cos(self.y), {}


@wrong("cos-sign", (5, 3), "sign", "dx")
class Cos(Layer):
    def forward(self, x):
        self.x = x
        return np.cos(x)

    def backward(self, u):
        return u * np.sin(self.x), {}


@wrong("abs-left-side-zero", (5, 3), "wrong-region", "dx")
class Abs(Layer):
    def forward(self, x):
        self.x = x
        return np.abs(x)

    def backward(self, u):
        return u * (self.x > 0), {}


@wrong("hard-sigmoid-slope", (6, 5), "scale", "dx")
class HardSigmoid(Layer):
    def forward(self, x):
        self.y = np.clip(0.2 * x + 0.5, 0, 1)
        return self.y

    def backward(self, u):
        return u * ((self.y > 0) & (self.y < 1)), {}


@wrong("clip-passes-everything", (6, 5), "no-local-derivative", "dx")
class Clip(Layer):
    def forward(self, x):
        return np.clip(x, -1, 1)

    def backward(self, u):
        return u, {}


@wrong("power-log-of-output", positive(5, 3), "wrong-operand extra-factor", "dp")
class Power(Layer):
    """y = x^p; dp needs log x."""

    def __init__(self):
        self.params = {"p": np.array([1.5, -0.5, 2.5])}

    def forward(self, x):
        self.x, self.y = x, x ** self.params["p"]
        return self.y

    def backward(self, u):
        p = self.params["p"]
        return u * p * self.x ** (p - 1), {"p": (u * self.y * np.log(self.y)).sum(axis=0)}


@wrong("scale-dgamma-with-y", (5, 3), "extra-factor wrong-operand", "dgamma")
class Scale(Layer):
    def __init__(self):
        self.params = {"gamma": np.ones(3)}

    def forward(self, x):
        self.y = x * self.params["gamma"]
        return self.y

    def backward(self, u):
        return u * self.params["gamma"], {"gamma": (u * self.y).sum(axis=0)}


@wrong("maxout-every-piece", (5, 6), "wrong-region no-local-derivative", "dx")
class Maxout(Layer):
    """The larger of two halves; both get upstream."""

    def forward(self, x):
        a, b = np.split(x, 2, axis=1)
        return np.maximum(a, b)

    def backward(self, u):
        return np.concatenate([u, u], axis=1), {}


# --------------------------------------------------------------------------------------------------- softmax


class Softmax(Layer):
    def forward(self, x):
        self.y = softmax(x)
        return self.y


@wrong("softmax-diagonal", (5, 4), "missing-path", "dx")
class SoftmaxDiagonal(Softmax):
    """As if it were a sigmoid."""

    def backward(self, u):
        return u * self.y * (1 - self.y), {}


@wrong("softmax-sum-over-batch", (5, 4), "wrong-axis", "dx")
class SoftmaxBatch(Softmax):
    def backward(self, u):
        return self.y * (u - (u * self.y).sum(axis=0)), {}


@wrong("softmax-y-missing", (5, 4), "missing-factor", "dx")
class SoftmaxFactor(Softmax):
    def backward(self, u):
        return u - (u * self.y).sum(axis=1, keepdims=True), {}


@wrong("softmax-cross-entropy-shortcut", (5, 4), "wrong-formula extra-term", "dx")
class SoftmaxShortcut(Softmax):
    def backward(self, u):
        return self.y - u, {}


@wrong("softmax-returns-in-loop", (5, 4), "only-some", "dx")
class SoftmaxLoop(Softmax):
    def backward(self, u):  # noqa: RET503
        dx = np.zeros_like(u)
        for i, y in enumerate(self.y):
            dx[i] = (np.diag(y) - np.outer(y, y)) @ u[i]
            return dx, {}


@wrong("softmax-cached-in-single", (5, 4), "precision", "dx")
class SoftmaxSingle(Softmax):
    def forward(self, x):
        y = super().forward(x)
        self.y = y.astype("float32")
        return y

    def backward(self, u):
        return self.y * (u - (u * self.y).sum(axis=1, keepdims=True)), {}


@wrong("softmax-temperature", (5, 4), "scale", "dx")
class Temperature(Layer):
    def forward(self, x):
        self.y = softmax(x / 2.5)
        return self.y

    def backward(self, u):
        return self.y * (u - (u * self.y).sum(axis=1, keepdims=True)), {}


@wrong("softmax-mean-of-the-coupling", (5, 4), "wrong-formula missing-path", "dx")
class SoftmaxMean(Softmax):
    """mean for sum in the term that all outputs share."""

    def backward(self, u):
        return self.y * (u - (u * self.y).mean(axis=1, keepdims=True)), {}


class LogSoftmax(Layer):
    def forward(self, x):
        x = x - x.max(axis=1, keepdims=True)
        self.y = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
        return self.y


@wrong("log-softmax-normaliser", (5, 4), "missing-path no-local-derivative", "dx")
class LogSoftmaxIdentity(LogSoftmax):
    def backward(self, u):
        return u, {}


@wrong("log-softmax-y-for-p", (5, 4), "wrong-operand", "dx")
class LogSoftmaxOperand(LogSoftmax):
    """The log-probabilities where the probabilities belong."""

    def backward(self, u):
        return u - self.y * u.sum(axis=1, keepdims=True), {}


# ---------------------------------------------------------------------------------------------------- losses

LABELS = np.array([2, 0, 3, 1, 2])
HITS = (randoms((5, 3), seed=8)[0] > 0).astype(float)
WANTED = randoms((5, 3), seed=9)[0]


class CrossEntropy(Loss):
    """Mean over the examples of -log softmax(scores)[label]."""

    def forward(self, scores, labels):
        self.p, self.t = softmax(scores), labels
        self.rows = np.arange(len(labels))
        return float(-np.log(self.p[self.rows, labels]).mean())


@wrong("ce-no-upstream", (5, 4), "no-upstream", "dx", LABELS)
class CrossEntropyFixed(CrossEntropy):
    def backward(self, upstream=1.0):
        d = self.p.copy()
        d[self.rows, self.t] -= 1
        return d / len(d)


@wrong("ce-labels-not-subtracted", (5, 4), "missing-path wrong-region", "dx", LABELS)
class CrossEntropyUnsubtracted(CrossEntropy):
    def backward(self, upstream=1.0):
        return upstream * self.p / len(self.p)


@wrong("ce-label-column-only", (5, 4), "only-some wrong-region", "dx", LABELS)
class CrossEntropyColumn(CrossEntropy):
    def backward(self, upstream=1.0):
        d = np.zeros_like(self.p)
        d[self.rows, self.t] = self.p[self.rows, self.t] - 1
        return upstream * d / len(d)


@wrong("ce-writes-its-cache", (5, 4), "repeat-backward", "", LABELS)
class CrossEntropyCache(CrossEntropy):
    def backward(self, upstream=1.0):
        d = self.p
        d[self.rows, self.t] -= 1
        return upstream * d / len(d)


@wrong("ce-over-all-entries", (5, 4), "scale", "dx", LABELS)
class CrossEntropyEntries(CrossEntropy):
    def backward(self, upstream=1.0):
        d = self.p.copy()
        d[self.rows, self.t] -= 1
        return upstream * d / d.size


@wrong("ce-all-labels-on-all-rows", (5, 4), "wrong-region extra-term", "dx", LABELS)
class CrossEntropyIndex(CrossEntropy):
    """d[:, labels] takes columns, not one entry a row."""

    def backward(self, upstream=1.0):
        d = self.p.copy()
        d[:, self.t] -= 1
        return upstream * d / len(d)


class SquaredError(Loss):
    def forward(self, prediction, target):
        self.d = prediction - target
        return float((self.d**2).mean())


@wrong("mse-two", (5, 3), "scale", "dx", WANTED)
class SquaredErrorTwo(SquaredError):
    def backward(self, upstream=1.0):
        return upstream * self.d / self.d.size


@wrong("mse-per-example", (5, 3), "scale", "dx", WANTED)
class SquaredErrorRows(SquaredError):
    def backward(self, upstream=1.0):
        return upstream * 2 * self.d / len(self.d)


@wrong("mse-target-minus-prediction", (5, 3), "sign", "dx", WANTED)
class SquaredErrorSign(SquaredError):
    def forward(self, prediction, target):
        self.d = target - prediction
        return float((self.d**2).mean())

    def backward(self, upstream=1.0):
        return upstream * 2 * self.d / self.d.size


@wrong("mse-derivative-of-the-value", (5, 3), "wrong-operand extra-factor", "dx", WANTED)
class SquaredErrorSquared(Loss):
    """The terms are squared once more."""

    def terms(self, prediction, target):
        d = (prediction - target) ** 2
        return d, 2 * d


@wrong("rmse-root-forgotten", (5, 3), "missing-factor scale", "dx", WANTED)
class RootMeanSquare(Loss):
    """sqrt(mean d²), derived as mean d² / 2."""

    def forward(self, prediction, target):
        self.d = prediction - target
        return float(np.sqrt((self.d**2).mean()))

    def backward(self, upstream=1.0):
        return upstream * self.d / self.d.size


@wrong("weighted-mse-weights", (5, 3), "missing-factor", "dx", WANTED)
class WeightedError(Loss):
    """Columns weigh 1, 2 and 5; backward weighs them alike."""

    def terms(self, prediction, target):
        d = prediction - target
        return np.array([1.0, 2.0, 5.0]) * d * d, 2 * d


@wrong("l1-distance-for-sign", (5, 3), "wrong-formula extra-factor", "dx", WANTED)
class AbsoluteError(Loss):
    def terms(self, prediction, target):
        d = prediction - target
        return np.abs(d), d


@wrong("huber-no-clipping", (6, 4), "wrong-region", "dx", randoms((6, 4), seed=12)[0])
class HuberError(Loss):
    def terms(self, prediction, target):
        d = prediction - target
        small = np.abs(d) <= 0.8
        return np.where(small, 0.5 * d * d, 0.8 * (np.abs(d) - 0.4)), d


class MarginLoss(Loss):
    """Sum over the wrong classes of max(0, 1 + s_j - s_label), mean over the examples."""

    def forward(self, scores, labels):
        self.rows, self.t = np.arange(len(labels)), labels
        margins = np.maximum(0, scores - scores[self.rows, labels][:, None] + 1)
        margins[self.rows, labels] = 0
        self.over = margins > 0
        return float(margins.sum() / len(scores))


@wrong("hinge-label-minus-one", (5, 4), "wrong-region wrong-formula", "dx", LABELS)
class MarginOne(MarginLoss):
    def backward(self, upstream=1.0):
        d = self.over.astype(float)
        d[self.rows, self.t] = -1
        return upstream * d / len(d)


@wrong("hinge-label-left-out", (5, 4), "missing-path wrong-region", "dx", LABELS)
class MarginNone(MarginLoss):
    def backward(self, upstream=1.0):
        return upstream * self.over / len(self.over)


@wrong("bce-logits-sigmoid-twice", (5, 3), "extra-factor", "dx", HITS)
class BinaryLogits(Loss):
    def forward(self, logits, target):
        self.p, self.t = sigmoid(logits), target
        return float(-(target * np.log(self.p) + (1 - target) * np.log(1 - self.p)).mean())

    def backward(self, upstream=1.0):
        d = (self.p - self.t) * self.p * (1 - self.p)
        return upstream * d / d.size


@wrong("bce-positives-only", 0.1 + positive(5, 3) / 3.2, "missing-path wrong-region", "dx", HITS)
class BinaryProbabilities(Loss):
    """The term of the negatives has no derivative here."""

    def forward(self, p, target):
        self.p, self.t = p, target
        return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean())

    def backward(self, upstream=1.0):
        return upstream * -(self.t / self.p) / self.p.size


@wrong("poisson-target-dropped", (5, 3), "missing-path wrong-formula", "dx", positive(5, 3))
class PoissonError(Loss):
    def terms(self, prediction, target):
        rate = np.exp(prediction)
        return rate - target * prediction, rate


@wrong("kl-log-ratio", (5, 3), "wrong-formula wrong-operand", "dx", softmax(WANTED))
class Divergence(Loss):
    """t (log t - q): the derivative by q is -t, not -(log t - q)."""

    def terms(self, prediction, target):
        ratio = np.log(target) - prediction
        return target * ratio, -ratio


@wrong("focal-modulator-constant", (5, 3), "missing-path wrong-formula", "dx", HITS)
class Focal(Loss):
    """-(1 - q)² log q, q the probability of what is true; (1 - q)² counts as a constant."""

    def terms(self, prediction, target):
        side = np.where(target > 0.5, 1.0, -1.0)
        q = sigmoid(side * prediction)
        return -((1 - q) ** 2) * np.log(q), -side * (1 - q) ** 3


@wrong("cosine-own-length", (5, 3), "missing-path", "dx", WANTED)
class Cosine(Loss):
    """1 - cos(prediction, target) by row; the prediction's length counts as a constant."""

    def forward(self, prediction, target):
        lengths = np.sqrt((prediction**2).sum(1, keepdims=True) * (target**2).sum(1, keepdims=True))
        self.cos = target / lengths
        return float(1 - (prediction * self.cos).sum() / len(prediction))

    def backward(self, upstream=1.0):
        return -upstream * self.cos / len(self.cos)


# ---------------------------------------------------------------------------------------------- convolutions


class Conv2D(Layer):
    """Cross-correlation by loops.   Shapes: x (N, C, H, W), W (O, C, kh, kw), b (O,)."""

    stride, padding = 1, 0
    sizes = (2, 3, 3, 2)

    def __init__(self):
        W, b = randoms(self.sizes, self.sizes[:1])
        self.params = {"W": W, "b": b}

    def forward(self, x):
        W, s, p = self.params["W"], self.stride, self.padding
        kh, kw = W.shape[2:]
        xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        oh, ow = (xp.shape[2] - kh) // s + 1, (xp.shape[3] - kw) // s + 1
        y = np.empty((len(x), len(W), oh, ow), dtype=x.dtype)
        for i in range(oh):
            for j in range(ow):
                window = xp[:, :, i * s : i * s + kh, j * s : j * s + kw]
                y[:, :, i, j] = np.einsum("nchw,ochw->no", window, W) + self.params["b"]
        self.cache = x, xp
        return y

    def pull(self, u):
        """The gradients, done right: the padded dx, and dW."""
        _, xp = self.cache
        W, s = self.params["W"], self.stride
        kh, kw = W.shape[2:]
        dxp, dW = np.zeros_like(xp), np.zeros_like(W)
        for i in range(u.shape[2]):
            for j in range(u.shape[3]):
                a, b = i * s, j * s
                dxp[:, :, a : a + kh, b : b + kw] += np.einsum("no,ochw->nchw", u[:, :, i, j], W)
                dW += np.einsum("no,nchw->ochw", u[:, :, i, j], xp[:, :, a : a + kh, b : b + kw])
        return dxp, dW


@wrong("conv-dW-flipped", (4, 3, 6, 5), "flipped", "dW")
class ConvFlipped(Conv2D):
    def backward(self, u):
        dx, dW = self.pull(u)
        return dx, {"W": dW[:, :, ::-1, ::-1], "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-dx-kernel-flipped", (4, 3, 6, 5), "flipped wrong-operand", "dx")
class ConvFlippedInput(Conv2D):
    """The rotated kernel belongs to the other way of writing dx."""

    def backward(self, u):
        _, dW = self.pull(u)
        x, _ = self.cache
        turned = self.params["W"][:, :, ::-1, ::-1]
        dx = np.zeros_like(x)
        for i in range(u.shape[2]):
            for j in range(u.shape[3]):
                dx[:, :, i : i + 3, j : j + 2] += np.einsum("no,ochw->nchw", u[:, :, i, j], turned)
        return dx, {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-padding-cropped-at-zero", (4, 3, 6, 5), "shifted", "dx")
class ConvCrop(Conv2D):
    padding = 1

    def backward(self, u):
        dxp, dW = self.pull(u)
        return dxp[:, :, :6, :5], {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-padding-kept", (4, 3, 6, 5), "shape", "dx")
class ConvPadded(Conv2D):
    padding = 1

    def backward(self, u):
        dxp, dW = self.pull(u)
        return dxp, {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-stride-ignored", (4, 3, 7, 8), "shifted permuted", "dx")
class ConvStride(Conv2D):
    """Window i begins at 2i in forward, at i in backward."""

    stride = 2

    def backward(self, u):
        _, dW = self.pull(u)
        x, _ = self.cache
        dx = np.zeros_like(x)
        for i in range(u.shape[2]):
            for j in range(u.shape[3]):
                contribution = np.einsum("no,ochw->nchw", u[:, :, i, j], self.params["W"])
                dx[:, :, i : i + 3, j : j + 2] += contribution
        return dx, {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-overlap-assigned", (4, 3, 6, 5), "overlap-not-added", "dx")
class ConvOverlap(Conv2D):
    def backward(self, u):
        _, dW = self.pull(u)
        dx = np.zeros_like(self.cache[0])
        for i in range(u.shape[2]):
            for j in range(u.shape[3]):
                contribution = np.einsum("no,ochw->nchw", u[:, :, i, j], self.params["W"])
                dx[:, :, i : i + 3, j : j + 2] = contribution
        return dx, {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-db-each-example", (4, 3, 6, 5), "not-summed shape", "db")
class ConvBiasRows(Conv2D):
    def backward(self, u):
        dx, dW = self.pull(u)
        return dx, {"W": dW, "b": u.sum(axis=(2, 3))}


@wrong("conv-db-space-averaged", (4, 3, 6, 5), "scale", "db")
class ConvBiasMean(Conv2D):
    def backward(self, u):
        dx, dW = self.pull(u)
        return dx, {"W": dW, "b": u.mean(axis=(2, 3)).sum(axis=0)}


@wrong("conv-dW-channels-first", (4, 3, 6, 5), "permuted transposed", "dW")
class ConvAxes(Conv2D):
    """dW comes out (C, O, kh, kw)."""

    def backward(self, u):
        dx, dW = self.pull(u)
        return dx, {"W": dW.swapaxes(0, 1), "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-square-kernel-transposed", (4, 3, 6, 5), "transposed permuted", "dW")
class ConvTurned(Conv2D):
    """Rows and columns of a square kernel are mixed up."""

    sizes = (2, 3, 3, 3)

    def backward(self, u):
        x, _ = self.cache
        dx, dW = self.pull(u)
        dW = np.zeros_like(dW)
        for i in range(3):
            for j in range(3):
                window = x[:, :, i : i + u.shape[2], j : j + u.shape[3]]
                dW[:, :, j, i] = np.einsum("nohw,nchw->oc", u, window)
        return dx, {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-dW-last-example", (4, 3, 6, 5), "only-some", "dW")
class ConvLast(Conv2D):
    """The buffer of dW is made anew for each example."""

    def backward(self, u):
        x, _ = self.cache
        dx, _ = self.pull(u)
        for n in range(len(x)):
            dW = np.zeros_like(self.params["W"])
            for i in range(u.shape[2]):
                for j in range(u.shape[3]):
                    dW += np.multiply.outer(u[n, :, i, j], x[n, :, i : i + 3, j : j + 2])
        return dx, {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-im2col-upstream-reshaped", (4, 3, 6, 5), "reshaped permuted", "dW")
class ConvColumns(Conv2D):
    """(N, O, h, w) is reshaped to (O, N h w) without bringing O to the front."""

    def backward(self, u):
        x, _ = self.cache
        dx, _ = self.pull(u)
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(2, 3))
        columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, 18)  # (N h w, C kh kw)
        dW = (u.reshape(2, -1) @ columns).reshape(self.params["W"].shape)
        return dx, {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@wrong("conv-last-column-left-out", (4, 3, 6, 5), "only-some", "dx dW")
class ConvBorder(Conv2D):
    """The loop over columns stops one too early."""

    def backward(self, u):
        x, _ = self.cache
        W = self.params["W"]
        dx, dW = np.zeros_like(x), np.zeros_like(W)
        for i in range(u.shape[2]):
            for j in range(u.shape[3] - 1):
                dx[:, :, i : i + 3, j : j + 2] += np.einsum("no,ochw->nchw", u[:, :, i, j], W)
                dW += np.einsum("no,nchw->ochw", u[:, :, i, j], x[:, :, i : i + 3, j : j + 2])
        return dx, {"W": dW, "b": u.sum(axis=(0, 2, 3))}


class CausalConv(Layer):
    """y_t = a x_{t-2} + b x_{t-1} + c x_t by channel.   Shapes: x (N, T, 3), k (3, 3) of (lag, channel)."""

    def __init__(self):
        self.params = {"k": randoms((3, 3))[0]}

    def forward(self, x):
        self.xp = np.pad(x, ((0, 0), (2, 0), (0, 0)))
        T = x.shape[1]
        return sum(self.xp[:, i : i + T] * self.params["k"][i] for i in range(3))

    def dk(self, u):
        return np.stack([(u * self.xp[:, i : i + u.shape[1]]).sum(axis=(0, 1)) for i in range(3)])


@wrong("causal-conv-dx-not-back-in-time", (4, 7, 3), "flipped transposed", "dx")
class CausalForward(CausalConv):
    """dx runs the same causal filter over upstream, where time has to turn round."""

    def backward(self, u):
        up = np.pad(u, ((0, 0), (2, 0), (0, 0)))
        dx = sum(up[:, i : i + u.shape[1]] * self.params["k"][i] for i in range(3))
        return dx, {"k": self.dk(u)}


@wrong("causal-conv-dk-lag-off-by-one", (4, 7, 3), "shifted", "dk")
class CausalLag(CausalConv):
    def backward(self, u):
        T = u.shape[1]
        dxp = np.zeros_like(self.xp)
        dk = np.zeros_like(self.params["k"])
        for i in range(3):
            dxp[:, i : i + T] += u * self.params["k"][i]
        for i in range(1, 3):
            dk[i] = (u * self.xp[:, i - 1 : i - 1 + T]).sum(axis=(0, 1))
        return dxp[:, 2:], {"k": dk}


@wrong("pointwise-conv-first-channel", (4, 3, 5, 2), "only-some", "dx")
class Pointwise(Layer):
    """A 1 x 1 convolution; only the first output channel sends a gradient back."""

    def __init__(self):
        self.params = {"W": randoms((6, 3))[0]}

    def forward(self, x):
        self.x = x
        return np.einsum("nchw,oc->nohw", x, self.params["W"])

    def backward(self, u):
        dx = u[:, :1] * self.params["W"][0][:, None, None]
        return dx, {"W": np.einsum("nohw,nchw->oc", u, self.x)}


# ----------------------------------------------------------------------------------------------------- pools


class MaxPool(Layer):
    """The largest of each 2 x 3 block.   Shapes: x (N, C, H, W) -> (N, C, H/2, W/3)."""

    def forward(self, x):
        N, C, H, W = x.shape
        blocks = x.reshape(N, C, H // 2, 2, W // 3, 3)
        y = blocks.max(axis=(3, 5))
        self.mask = blocks == y[:, :, :, None, :, None]
        self.x = x
        return y


@wrong("maxpool-spread-evenly", (2, 3, 4, 9), "wrong-region wrong-formula", "dx")
class MaxPoolSpread(MaxPool):
    def backward(self, u):
        return u.repeat(2, axis=2).repeat(3, axis=3) / 6, {}


@wrong("maxpool-times-value", (2, 3, 4, 9), "extra-factor", "dx")
class MaxPoolValue(MaxPool):
    def backward(self, u):
        winners = self.x * self.mask.reshape(self.x.shape)
        return winners * u.repeat(2, axis=2).repeat(3, axis=3), {}


@wrong("maxpool-mask-without-upstream", (2, 3, 4, 9), "no-upstream", "dx")
class MaxPoolMask(MaxPool):
    def backward(self, u):
        return self.mask.reshape(self.x.shape).astype(float), {}


@wrong("maxpool-blocks-not-put-back", (2, 3, 4, 9), "reshaped permuted", "dx")
class MaxPoolBlocks(MaxPool):
    """The blocks were brought together before the mask was multiplied, and never taken apart."""

    def backward(self, u):
        blocks = (self.mask * u[:, :, :, None, :, None]).transpose(0, 1, 2, 4, 3, 5)
        return blocks.reshape(self.x.shape), {}


class MaxPool1D(Layer):
    """The largest of three neighbours, every two steps.   Shapes: x (N, T) -> (N, (T - 1) / 2)."""

    def forward(self, x):
        windows = np.stack([x[:, t : t + 3] for t in range(0, x.shape[1] - 2, 2)], axis=1)
        self.cache = x, windows.argmax(axis=2)
        return windows.max(axis=2)


@wrong(
    "maxpool1d-overlap-assigned",
    np.array(
        [[0.1, -1, 2, 1, -0.3, 0.9, 0.2], [1, 0.4, 3, 0.3, 0.8, -0.6, 0.5], [0, 1.2, -0.5, 0.6, 4, 1.1, 2]]
    ),
    "overlap-not-added",
    "dx",
)
class MaxPool1DAssigned(MaxPool1D):
    def backward(self, u):
        x, winners = self.cache
        dx = np.zeros_like(x)
        for t in range(u.shape[1]):
            dx[np.arange(len(x)), 2 * t + winners[:, t]] = u[:, t]
        return dx, {}


@wrong("maxpool1d-window-start-forgotten", (5, 9), "shifted wrong-region", "dx")
class MaxPool1DStart(MaxPool1D):
    """The index within the window is taken for the index within x."""

    def backward(self, u):
        x, winners = self.cache
        dx = np.zeros_like(x)
        for t in range(u.shape[1]):
            dx[np.arange(len(x)), winners[:, t]] += u[:, t]
        return dx, {}


@wrong("maxpool1d-returns-in-loop", (5, 9), "only-some", "dx")
class MaxPool1DLoop(MaxPool1D):
    def backward(self, u):  # noqa: RET503
        x, winners = self.cache
        dx = np.zeros_like(x)
        for n in range(len(x)):
            for t in range(u.shape[1]):
                dx[n, 2 * t + winners[n, t]] += u[n, t]
            return dx, {}


@wrong("avgpool-area", (2, 3, 4, 9), "scale", "dx")
class AvgPool(Layer):
    def forward(self, x):
        N, C, H, W = x.shape
        return x.reshape(N, C, H // 2, 2, W // 3, 3).mean(axis=(3, 5))

    def backward(self, u):
        return np.kron(u, np.ones((1, 1, 2, 3))), {}


@wrong("avgpool-tiled", (2, 3, 4, 9), "permuted", "dx")
class AvgPoolTiled(AvgPool):
    def backward(self, u):
        return np.tile(u, (1, 1, 2, 3)) / 6, {}


@wrong("upsample-averages", (2, 3, 4, 5), "scale", "dx")
class Upsample(Layer):
    def forward(self, x):
        return x.repeat(2, axis=2).repeat(2, axis=3)

    def backward(self, u):
        N, C, H, W = u.shape
        return u.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5)), {}


@wrong("upsample-picks-a-corner", (2, 3, 4, 5), "only-some", "dx")
class UpsampleCorner(Upsample):
    def backward(self, u):
        return u[:, :, ::2, ::2], {}


@wrong("global-max-of-the-whole-batch", (4, 3, 5), "only-some wrong-axis", "dx")
class GlobalMax(Layer):
    """x == x.max(), where each row has its own largest."""

    def forward(self, x):
        self.x = x
        return x.max(axis=2)

    def backward(self, u):
        return u[:, :, None] * (self.x == self.x.max()), {}


# ---------------------------------------------------------------------------------------------------- norms


class BatchNorm(Layer):
    """gamma x̂ + beta, x̂ = (x - mean) / std over the batch.   Shapes: x (N, 4)."""

    eps = 1e-3

    def __init__(self):
        self.params = {"gamma": np.ones(4), "beta": np.zeros(4)}

    def forward(self, x):
        self.centred = x - x.mean(axis=0)
        self.var = (self.centred**2).mean(axis=0)
        self.inv = 1 / np.sqrt(self.var + self.eps)
        self.xhat = self.centred * self.inv
        self.x = x
        return self.params["gamma"] * self.xhat + self.params["beta"]

    def right(self, u):
        return {"gamma": (u * self.xhat).sum(axis=0), "beta": u.sum(axis=0)}

    def dx(self, u):
        g = u * self.params["gamma"]
        return self.inv * (g - g.mean(axis=0) - self.xhat * (g * self.xhat).mean(axis=0))


@wrong("bn-statistics-constant", (6, 4), "missing-path variance-path", "dx")
class BatchNormConstant(BatchNorm):
    def backward(self, u):
        return u * self.params["gamma"] * self.inv, self.right(u)


@wrong("bn-mean-path", (6, 4), "mean-path", "dx")
class BatchNormMean(BatchNorm):
    def backward(self, u):
        g = u * self.params["gamma"]
        return self.inv * (g - self.xhat * (g * self.xhat).mean(axis=0)), self.right(u)


@wrong("bn-variance-path", (6, 4), "variance-path", "dx")
class BatchNormVariance(BatchNorm):
    def backward(self, u):
        g = u * self.params["gamma"]
        return self.inv * (g - g.mean(axis=0)), self.right(u)


@wrong("bn-gamma-missing", (6, 4), "missing-factor", "dx")
class BatchNormGamma(BatchNorm):
    def backward(self, u):
        N = len(u)
        dx = self.inv / N * (N * u - u.sum(axis=0) - self.xhat * (u * self.xhat).sum(axis=0))
        return dx, self.right(u)


@wrong("bn-sums-for-means", (6, 4), "mean-path variance-path", "dx")
class BatchNormSums(BatchNorm):
    def backward(self, u):
        g = u * self.params["gamma"]
        return self.inv * (g - g.sum(axis=0) - self.xhat * (g * self.xhat).sum(axis=0)), self.right(u)


@wrong("bn-divided-by-variance", (6, 4), "extra-factor", "dx")
class BatchNormVar(BatchNorm):
    def backward(self, u):
        return self.dx(u) * self.inv, self.right(u)


@wrong("bn-std-forgotten", (6, 4), "missing-factor", "dx")
class BatchNormStd(BatchNorm):
    def backward(self, u):
        return self.dx(u) / self.inv, self.right(u)


@wrong("bn-eps-left-out", (6, 4), "approximation", "dx")
class BatchNormEps(BatchNorm):
    """Backward computes the standard deviation anew, without eps."""

    def backward(self, u):
        g = u * self.params["gamma"]
        inv = 1 / np.sqrt(self.var)
        xhat = self.centred * inv
        return inv * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0)), self.right(u)


@wrong("bn-n-minus-one", (6, 4), "approximation variance-path", "dx")
class BatchNormUnbiased(BatchNorm):
    def backward(self, u):
        g = u * self.params["gamma"]
        coupling = (g * self.xhat).sum(axis=0) / (len(u) - 1)
        return self.inv * (g - g.mean(axis=0) - self.xhat * coupling), self.right(u)


@wrong("bn-variance-path-half", (6, 4), "variance-path", "dx")
class BatchNormHalf(BatchNorm):
    """Step by step from the lecture notes, with the 2 of the square lost."""

    def backward(self, u):
        N = len(u)
        dxhat = u * self.params["gamma"]
        dvar = (dxhat * self.centred * -0.5 * self.inv**3).sum(axis=0)
        dmean = -(dxhat * self.inv).sum(axis=0)
        return dxhat * self.inv + dvar * self.centred / N + dmean / N, self.right(u)


@wrong("bn-dgamma-with-x", (6, 4), "wrong-operand", "dgamma")
class BatchNormOperand(BatchNorm):
    def backward(self, u):
        return self.dx(u), {"gamma": np.sum(u * self.x, axis=0), "beta": np.sum(u, axis=0)}


@wrong("bn-gradients-exchanged", (6, 4), "swapped", "dgamma dbeta")
class BatchNormSwapped(BatchNorm):
    def backward(self, u):
        dbeta, dgamma = np.sum(u * self.xhat, axis=0), np.sum(u, axis=0)
        return self.dx(u), {"gamma": dgamma, "beta": dbeta}


@wrong("bn-dbeta-total", (6, 4), "over-summed", "dbeta")
class BatchNormTotal(BatchNorm):
    """The axis is missing in one of two sums."""

    def backward(self, u):
        grads = self.right(u)
        grads["beta"] = np.full_like(grads["beta"], u.sum())
        return self.dx(u), grads


class LayerNorm(Layer):
    """gamma x̂ + beta over the last axis.   Shapes: x (N, T, 4)."""

    def __init__(self):
        gamma, beta = randoms((4,), (4,))
        self.params = {"gamma": gamma, "beta": beta}

    def forward(self, x):
        mean = x.mean(axis=-1, keepdims=True)
        self.inv = 1 / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + 1e-5)
        self.xhat = (x - mean) * self.inv
        return self.params["gamma"] * self.xhat + self.params["beta"]

    def pull(self, u, axis=-1):
        g = u * self.params["gamma"]
        mean, coupling = g.mean(axis=axis, keepdims=True), (g * self.xhat).mean(axis=axis, keepdims=True)
        return self.inv * (g - mean - self.xhat * coupling)


@wrong("ln-backward-over-the-batch", (5, 3, 4), "wrong-axis", "dx")
class LayerNormBatch(LayerNorm):
    def backward(self, u):
        return self.pull(u, axis=0), {"gamma": (u * self.xhat).sum((0, 1)), "beta": u.sum((0, 1))}


@wrong("ln-dgamma-over-one-axis", (5, 3, 4), "not-summed shape", "dgamma dbeta")
class LayerNormOneAxis(LayerNorm):
    def backward(self, u):
        return self.pull(u), {"gamma": (u * self.xhat).sum(axis=0), "beta": u.sum(axis=0)}


@wrong("ln-gamma-after-the-means", (5, 3, 4), "wrong-operand missing-factor", "dx")
class LayerNormGamma(LayerNorm):
    """gamma multiplies what comes out, where it belongs on upstream before the means."""

    def backward(self, u):
        coupling = (u * self.xhat).mean(axis=-1, keepdims=True)
        dx = self.params["gamma"] * self.inv * (u - u.mean(axis=-1, keepdims=True) - self.xhat * coupling)
        return dx, {"gamma": (u * self.xhat).sum((0, 1)), "beta": u.sum((0, 1))}


@wrong("rmsnorm-scale-constant", (5, 4), "variance-path missing-path", "dx")
class RMSNorm(Layer):
    def __init__(self):
        self.params = {"gamma": randoms((4,))[0]}

    def forward(self, x):
        self.inv = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6)
        self.xhat = x * self.inv
        return self.params["gamma"] * self.xhat

    def backward(self, u):
        return u * self.params["gamma"] * self.inv, {"gamma": (u * self.xhat).sum(axis=0)}


@wrong("unit-length-cube", (5, 4), "missing-factor wrong-formula", "dx")
class UnitLength(Layer):
    """x / |x|: the second term has |x|² for |x|³."""

    def forward(self, x):
        self.x, self.n = x, np.sqrt((x**2).sum(axis=1, keepdims=True))
        return x / self.n

    def backward(self, u):
        along = (u * self.x).sum(axis=1, keepdims=True)
        return u / self.n - self.x * along / self.n**2, {}


@wrong("centre-mean-path", (5, 4), "mean-path missing-path", "dx")
class Centre(Layer):
    def forward(self, x):
        return x - x.mean(axis=0)

    def backward(self, u):
        return u.copy(), {}


@wrong("instance-norm-over-the-batch-too", (4, 3, 5, 2), "wrong-axis", "dx")
class InstanceNorm(Layer):
    """Backward is a batch normalisation's."""

    def forward(self, x):
        centred = x - x.mean(axis=(2, 3), keepdims=True)
        self.inv = 1 / np.sqrt((centred**2).mean(axis=(2, 3), keepdims=True) + 1e-5)
        self.xhat = centred * self.inv
        return self.xhat

    def backward(self, u):
        axes = (0, 2, 3)
        coupling = (u * self.xhat).mean(axis=axes, keepdims=True)
        return self.inv * (u - u.mean(axis=axes, keepdims=True) - self.xhat * coupling), {}


@wrong("weight-norm-direction-only", (5, 4), "missing-path", "dv")
class WeightNorm(Layer):
    """W = g v / |v| by column; dv forgets that |v| depends on v."""

    def __init__(self):
        v, g = randoms((4, 3), (3,))
        self.params = {"v": v, "g": g}

    def forward(self, x):
        v, g = self.params["v"], self.params["g"]
        self.n = np.sqrt((v * v).sum(axis=0))
        self.W, self.x = g * v / self.n, x
        return x @ self.W

    def backward(self, u):
        dW = self.x.T @ u
        dg = (dW * self.params["v"]).sum(axis=0) / self.n
        return u @ self.W.T, {"v": dW * self.params["g"] / self.n, "g": dg}


# --------------------------------------------------------------------------------------------------- dropout


class Dropout(Layer):
    def __init__(self):
        self.rng = np.random.default_rng(5)
        self.keep = 0.6

    def forward(self, x):
        self.mask = self.rng.random(x.shape) < self.keep
        return x * self.mask / self.keep


@wrong("dropout-lets-all-through", (6, 5), "missing-factor wrong-region", "dx")
class DropoutOpen(Dropout):
    """The mask is not applied."""

    def backward(self, u):
        return u / self.keep, {}


@wrong("dropout-scale-forgotten", (6, 5), "scale", "dx")
class DropoutScale(Dropout):
    def backward(self, u):
        return u * self.mask, {}


@wrong("dropout-dropped-for-kept", (6, 5), "wrong-region", "dx")
class DropoutInverse(Dropout):
    def backward(self, u):
        return np.where(self.mask, 0, u) / self.keep, {}


@wrong("dropout-draws-again", (6, 5), "repeat-backward nondeterministic", " dx")
class DropoutAgain(Dropout):
    def backward(self, u):
        mask = self.rng.random(u.shape) < self.keep
        return u * mask / self.keep, {}


@wrong("dropout-unseeded", (6, 5), "nondeterministic", "")
class DropoutUnseeded(Dropout):
    def forward(self, x):
        self.mask = np.random.default_rng().random(x.shape) < self.keep
        return x * self.mask / self.keep

    def backward(self, u):
        return u * self.mask / self.keep, {}


# ------------------------------------------------------------------------------------------------- embedding

IDS = np.array([[1, 4, 1, 0], [3, 4, 2, 4]])


class Embedding(Layer):
    def __init__(self):
        self.params = {"E": randoms((6, 3))[0]}

    def forward(self, ids):
        self.ids = ids
        return self.params["E"][ids]


@wrong("embedding-repeated-ids", IDS, "repeated-index-not-added", "dE")
class EmbeddingRepeats(Embedding):
    def backward(self, u):
        dE = np.zeros_like(self.params["E"])
        dE[self.ids] += u
        return None, {"E": dE}


@wrong("embedding-divided-by-all-ids", IDS, "scale", "dE")
class EmbeddingDivided(Embedding):
    """Divided by the number of ids in all."""

    def backward(self, u):
        dE = np.zeros_like(self.params["E"])
        np.add.at(dE, self.ids, u)
        return None, {"E": dE / self.ids.size}


@wrong("embedding-first-step-only", IDS, "only-some", "dE")
class EmbeddingFirst(Embedding):
    def backward(self, u):
        dE = np.zeros_like(self.params["E"])
        np.add.at(dE, self.ids[:, 0], u[:, 0])
        return None, {"E": dE}


@wrong("gather-assigned", ((4, 3), np.array([2, 0, 2, 2, 1])), "repeated-index-not-added", "dx[0]")
class Gather(Layer):
    """Rows of x by number, some of them more than once."""

    def forward(self, inputs):
        x, self.rows = inputs
        self.shape = x.shape
        return x[self.rows]

    def backward(self, u):
        dx = np.zeros(self.shape)
        dx[self.rows] = u
        return (dx, None), {}


@wrong("positions-not-summed", (5, 4, 3), "not-summed shape", "dP")
class Positions(Layer):
    def __init__(self):
        self.params = {"P": np.zeros((7, 3))}

    def forward(self, x):
        return x + self.params["P"][: x.shape[1]]

    def backward(self, u):
        dP = np.zeros((len(u), 7, 3))
        dP[:, : u.shape[1]] = u
        return u.copy(), {"P": dP}


@wrong("bag-of-words-count-forgotten", IDS, "scale", "dE")
class Bag(Layer):
    """The mean of the words' vectors; backward treats it as their sum."""

    def __init__(self):
        self.params = {"E": randoms((6, 3))[0]}

    def forward(self, ids):
        self.ids = ids
        return self.params["E"][ids].mean(axis=1)

    def backward(self, u):
        dE = np.zeros_like(self.params["E"])
        for n, row in enumerate(self.ids):
            for i in row:
                dE[i] += u[n]
        return None, {"E": dE}


# ------------------------------------------------------------------------------------------------- recurrent


class RNN(Layer):
    """h_t = tanh(x_t Wx + h_{t-1} Wh + b), h before the first is 0.   Shapes: x (N, T, 3), h (N, T, 4)."""

    def __init__(self):
        Wx, Wh, b = randoms((3, 4), (4, 4), (4,))
        self.params = {"Wx": Wx * 0.5, "Wh": Wh * 0.5, "b": b}

    def forward(self, x):
        p, N, T = self.params, x.shape[0], x.shape[1]
        hs = [np.zeros((N, 4))]
        for t in range(T):
            hs.append(np.tanh(x[:, t] @ p["Wx"] + hs[-1] @ p["Wh"] + p["b"]))
        self.x, self.hs = x, hs
        return np.stack(hs[1:], axis=1)

    def zeros(self):
        return np.zeros_like(self.x), {name: np.zeros_like(p) for name, p in self.params.items()}

    def count(self, grads, t, da):
        grads["Wx"] += self.x[:, t].T @ da
        grads["Wh"] += self.hs[t].T @ da
        grads["b"] += da.sum(axis=0)


@wrong("rnn-next-step-forgotten", (4, 5, 3), "missing-path", "dx dWx dWh db")
class RNNCut(RNN):
    """The gradient from the step after is computed and not added."""

    def backward(self, u):
        dx, grads = self.zeros()
        for t in reversed(range(u.shape[1])):
            dh = u[:, t]
            da = dh * (1 - self.hs[t + 1] ** 2)
            dx[:, t] = da @ self.params["Wx"].T
            self.count(grads, t, da)
            dh = da @ self.params["Wh"].T
        return dx, grads


@wrong("rnn-adds-into-upstream", (4, 5, 3), "mutates-upstream", "")
class RNNInPlace(RNN):
    def backward(self, u):
        dx, grads = self.zeros()
        for t in reversed(range(u.shape[1])):
            da = u[:, t] * (1 - self.hs[t + 1] ** 2)
            dx[:, t] = da @ self.params["Wx"].T
            self.count(grads, t, da)
            if t > 0:
                u[:, t - 1] += da @ self.params["Wh"].T
        return dx, grads


class RNNThroughTime(RNN):
    """The loop, right but for what a mutant replaces."""

    def slope(self, t):
        return 1 - self.hs[t + 1] ** 2

    def back(self, da):
        return da @ self.params["Wh"].T

    def backward(self, u):
        dx, grads = self.zeros()
        dnext = 0
        for t in reversed(range(u.shape[1])):
            da = (u[:, t] + dnext) * self.slope(t)
            dx[:, t] = da @ self.params["Wx"].T
            self.count(grads, t, da)
            dnext = self.back(da)
        return dx, grads


@wrong("rnn-dWh-with-the-new-state", (4, 5, 3), "shifted wrong-operand", "dWh")
class RNNShifted(RNNThroughTime):
    def count(self, grads, t, da):
        grads["Wx"] += self.x[:, t].T @ da
        grads["Wh"] += self.hs[t + 1].T @ da
        grads["b"] += da.sum(axis=0)


@wrong("rnn-Wh-not-transposed", (4, 5, 3), "transposed wrong-operand", "dx dWx dWh db")
class RNNTransposed(RNNThroughTime):
    def back(self, da):
        return da @ self.params["Wh"]


@wrong("rnn-dWx-of-one-step", (4, 5, 3), "only-some", "dWx")
class RNNOneStep(RNNThroughTime):
    def count(self, grads, t, da):
        grads["Wx"] = self.x[:, t].T @ da
        grads["Wh"] += self.hs[t].T @ da
        grads["b"] += da.sum(axis=0)


@wrong("rnn-slope-at-the-old-state", (4, 5, 3), "shifted wrong-operand", "dx dWx dWh db")
class RNNSlope(RNNThroughTime):
    """1 - h_{t-1}² in place of 1 - h_t²."""

    def slope(self, t):
        return 1 - self.hs[t] ** 2


@wrong("rnn-tanh-not-derived", (4, 5, 3), "no-local-derivative missing-factor", "dx dWx dWh db")
class RNNNoSlope(RNNThroughTime):
    def slope(self, t):
        return 1.0


@wrong("rnn-dx-in-the-order-of-the-loop", (4, 5, 3), "flipped", "dx")
class RNNReversed(RNNThroughTime):
    """The steps are appended while time runs backwards."""

    def backward(self, u):
        dx, grads = super().backward(u)
        steps = [dx[:, t] for t in reversed(range(u.shape[1]))]
        return np.stack(steps, axis=1), grads


@wrong("rnn-db-of-the-batch-mean", (4, 5, 3), "scale", "db")
class RNNMean(RNNThroughTime):
    def count(self, grads, t, da):
        grads["Wx"] += self.x[:, t].T @ da
        grads["Wh"] += self.hs[t].T @ da
        grads["b"] += da.mean(axis=0)


@wrong("moving-average-decay-forgotten", (3, 6, 2), "missing-factor", "dx")
class MovingAverage(Layer):
    """m_t = 0.7 m_{t-1} + 0.3 x_t; backward carries m's gradient back undamped."""

    def forward(self, x):
        m, ms = np.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            m = 0.7 * m + 0.3 * x[:, t]
            ms.append(m)
        return np.stack(ms, axis=1)

    def backward(self, u):
        dx, dm = np.zeros_like(u), 0
        for t in reversed(range(u.shape[1])):
            dm = dm + u[:, t]
            dx[:, t] = 0.3 * dm
        return dx, {}


@wrong("rnn-first-state-gets-nothing", ((4, 5, 2), (4, 2)), "zero", "dx[1]")
class StartState(Layer):
    """h_t = tanh(x_t + a h_{t-1}) from a given h_0, whose gradient is left at zeros."""

    def __init__(self):
        self.params = {"a": np.array([0.5, -0.8])}

    def forward(self, inputs):
        x, h0 = inputs
        self.hs = [h0]
        for t in range(x.shape[1]):
            self.hs.append(np.tanh(x[:, t] + self.params["a"] * self.hs[-1]))
        return np.stack(self.hs[1:], axis=1)

    def backward(self, u):
        dx, dh0, da, dh = np.zeros_like(u), np.zeros_like(self.hs[0]), np.zeros(2), 0
        for t in reversed(range(u.shape[1])):
            dx[:, t] = (u[:, t] + dh) * (1 - self.hs[t + 1] ** 2)
            da += (dx[:, t] * self.hs[t]).sum(axis=0)
            dh = dx[:, t] * self.params["a"]
        return (dx, dh0), {"a": da}


class LSTM(Layer):
    """One block W (3 + 2, 4 * 2) for the gates i, f, g, o.   Shapes: x (N, T, 3), h (N, T, 2)."""

    def __init__(self):
        W, b = randoms((5, 8), (8,))
        self.params = {"W": W * 0.7, "b": b}

    def forward(self, x):
        N, T = x.shape[:2]
        h, c = np.zeros((N, 2)), np.zeros((N, 2))
        self.steps, out = [], []
        for t in range(T):
            xh = np.concatenate([x[:, t], h], axis=1)
            a = xh @ self.params["W"] + self.params["b"]
            i, f, o = sigmoid(a[:, :2]), sigmoid(a[:, 2:4]), sigmoid(a[:, 6:])
            g, before = np.tanh(a[:, 4:6]), c
            c = f * before + i * g
            h = o * np.tanh(c)
            self.steps.append((xh, i, f, g, o, before, c))
            out.append(h)
        return np.stack(out, axis=1)

    def cell(self, dh, dc, step):
        """dc by the output, then the gates' gradients in their order, and what goes to the step before."""
        _, i, f, g, o, before, c = step
        t = np.tanh(c)
        dc = dc + dh * o * (1 - t * t)
        di, df = dc * g * i * (1 - i), dc * before * f * (1 - f)
        dg, do = dc * i * (1 - g * g), dh * t * o * (1 - o)
        return np.concatenate([di, df, dg, do], axis=1), dc * f

    def backward(self, u):
        W = self.params["W"]
        dx = np.zeros((*u.shape[:2], 3))
        dW, db, dh, dc = np.zeros_like(W), np.zeros(8), 0, 0
        for t in reversed(range(u.shape[1])):
            da, dc = self.cell(u[:, t] + dh, dc, self.steps[t])
            dxh = da @ W.T
            dx[:, t], dh = dxh[:, :3], dxh[:, 3:]
            dW += self.steps[t][0].T @ da
            db += da.sum(axis=0)
        return dx, {"W": dW, "b": db}


@wrong("lstm-cell-gradient-lost", (3, 5, 3), "missing-path", "dx dW db")
class LSTMLost(LSTM):
    """dc = for dc +=: the cell of the next step is forgotten."""

    def cell(self, dh, dc, step):
        return super().cell(dh, 0, step)


@wrong("lstm-forget-gate-not-derived", (3, 5, 3), "missing-factor no-local-derivative", "dx dW db")
class LSTMForget(LSTM):
    """The sigmoid of the forget gate has no derivative."""

    def cell(self, dh, dc, step):
        da, dc = super().cell(dh, dc, step)
        f = step[2]
        da[:, 2:4] /= f * (1 - f)
        return da, dc


@wrong("lstm-gates-in-another-order", (3, 5, 3), "swapped permuted", "dx dW db")
class LSTMOrder(LSTM):
    """i, f, o, g are put together where forward has i, f, g, o."""

    def cell(self, dh, dc, step):
        da, dc = super().cell(dh, dc, step)
        return np.concatenate([da[:, :4], da[:, 6:], da[:, 4:6]], axis=1), dc


@wrong("lstm-input-gate-carries-the-cell", (3, 5, 3), "wrong-operand", "dx dW db")
class LSTMCarry(LSTM):
    """dc * i goes to the step before, where dc * f belongs."""

    def cell(self, dh, dc, step):
        da, dc = super().cell(dh, dc, step)
        _, i, f, *_ = step
        return da, dc / f * i


@wrong("lstm-output-gate-without-tanh", (3, 5, 3), "wrong-operand missing-factor", "dx dW db")
class LSTMOutput(LSTM):
    """The output gate is multiplied by c, not tanh(c)."""

    def cell(self, dh, dc, step):
        da, dc = super().cell(dh, dc, step)
        c, o = step[-1], step[4]
        da[:, 6:] = dh * c * o * (1 - o)
        return da, dc


class GatedUnit(Layer):
    """One step h' = (1 - z) h + z tanh(x W), z = sigmoid(x V).   Shapes: x (N, 3), h (N, 2)."""

    def __init__(self):
        W, V = randoms((3, 2), (3, 2))
        self.params = {"W": W, "V": V}

    def forward(self, inputs):
        x, h = inputs
        z, n = sigmoid(x @ self.params["V"]), np.tanh(x @ self.params["W"])
        self.cache = x, h, z, n
        return (1 - z) * h + z * n


@wrong("gru-update-gate-wrong-way", ((5, 3), (5, 2)), "sign", "dV dx[0]")
class GatedSign(GatedUnit):
    """h - n in place of n - h for the update gate."""

    def backward(self, u):
        x, h, z, n = self.cache
        dn, dz = u * z * (1 - n * n), u * (h - n) * z * (1 - z)
        dx = dn @ self.params["W"].T + dz @ self.params["V"].T
        return (dx, u * (1 - z)), {"W": x.T @ dn, "V": x.T @ dz}


@wrong("gru-state-takes-z", ((5, 3), (5, 2)), "wrong-operand wrong-formula", "dx[1]")
class GatedState(GatedUnit):
    def backward(self, u):
        x, h, z, n = self.cache
        dn, dz = u * z * (1 - n * n), u * (n - h) * z * (1 - z)
        dx = dn @ self.params["W"].T + dz @ self.params["V"].T
        return (dx, u * z), {"W": x.T @ dn, "V": x.T @ dz}


@wrong("gru-candidate-path-left-out-of-dx", ((5, 3), (5, 2)), "missing-path", "dx[0]")
class GatedPath(GatedUnit):
    def backward(self, u):
        x, h, z, n = self.cache
        dn, dz = u * z * (1 - n * n), u * (n - h) * z * (1 - z)
        return (dz @ self.params["V"].T, u * (1 - z)), {"W": x.T @ dn, "V": x.T @ dz}


# ------------------------------------------------------------------------------------------------- attention


class Attention(Layer):
    """softmax(q kᵀ / sqrt(d)) v.   Shapes: q (N, T, d), k (N, S, d), v (N, S, e)."""

    def forward(self, inputs):
        q, k, v = inputs
        P = softmax(q @ k.swapaxes(1, 2) / sqrt(q.shape[-1]))
        self.cache = q, k, v, P
        return P @ v

    def scores(self, u):
        *_, v, P = self.cache
        dP = u @ v.swapaxes(1, 2)
        return P * (dP - (dP * P).sum(axis=-1, keepdims=True))


TRIPLE = ((2, 4, 3), (2, 5, 3), (2, 5, 6))
SQUARE = ((2, 4, 3), (2, 4, 3), (2, 4, 6))


@wrong("attention-dv-with-P", SQUARE, "transposed", "dx[2]")
class AttentionValues(Attention):
    def backward(self, u):
        q, k, _, P = self.cache
        dz = self.scores(u) / sqrt(3)
        return (dz @ k, dz.swapaxes(1, 2) @ q, P @ u), {}


@wrong("attention-scale-left-out", TRIPLE, "scale", "dx[0] dx[1]")
class AttentionScale(Attention):
    def backward(self, u):
        q, k, _, P = self.cache
        dz = self.scores(u)
        return (dz @ k, dz.swapaxes(1, 2) @ q, P.swapaxes(1, 2) @ u), {}


@wrong("attention-dq-dk-exchanged", SQUARE, "swapped", "dx[0] dx[1]")
class AttentionSwapped(Attention):
    def backward(self, u):
        q, k, _, P = self.cache
        dz = self.scores(u) / sqrt(3)
        dq, dk = dz.swapaxes(1, 2) @ q, dz @ k
        return (dq, dk, P.swapaxes(1, 2) @ u), {}


@wrong("attention-softmax-skipped", TRIPLE, "missing-path", "dx[0] dx[1]")
class AttentionDiagonal(Attention):
    """P (1 - P) for the whole Jacobian of the softmax."""

    def backward(self, u):
        q, k, v, P = self.cache
        dz = u @ v.swapaxes(1, 2) * P * (1 - P) / sqrt(3)
        return (dz @ k, dz.swapaxes(1, 2) @ q, P.swapaxes(1, 2) @ u), {}


@wrong("attention-softmax-over-queries", TRIPLE, "wrong-axis", "dx[0] dx[1]")
class AttentionAxis(Attention):
    def backward(self, u):
        q, k, v, P = self.cache
        dP = u @ v.swapaxes(1, 2)
        dz = P * (dP - (dP * P).sum(axis=1, keepdims=True)) / sqrt(3)
        return (dz @ k, dz.swapaxes(1, 2) @ q, P.swapaxes(1, 2) @ u), {}


class SelfAttention(Layer):
    """Causal attention of x to itself.   Shapes: x (N, T, 4), Wq, Wk, Wv (4, 3)."""

    def __init__(self):
        Wq, Wk, Wv = randoms((4, 3), (4, 3), (4, 3))
        self.params = {"Wq": Wq, "Wk": Wk, "Wv": Wv}

    def forward(self, x):
        q, k, v = (x @ self.params[name] for name in ("Wq", "Wk", "Wv"))
        future = np.triu(np.ones((x.shape[1], x.shape[1]), dtype=bool), 1)
        P = softmax(np.where(future, -1e9, q @ k.transpose(0, 2, 1) / sqrt(3)))
        self.cache = x, q, k, v, P
        return P @ v

    def parts(self, u):
        _, q, k, v, P = self.cache
        dP = u @ v.transpose(0, 2, 1)
        dz = P * (dP - (dP * P).sum(axis=-1, keepdims=True)) / sqrt(3)
        return dz @ k, dz.transpose(0, 2, 1) @ q, P.transpose(0, 2, 1) @ u

    def weights(self, *parts):
        x = self.cache[0]
        names = ("Wq", "Wk", "Wv")
        return {name: np.einsum("nti,ntj->ij", x, d) for name, d in zip(names, parts, strict=True)}


@wrong("self-attention-dx-without-keys", (2, 5, 4), "missing-path", "dx")
class SelfAttentionPath(SelfAttention):
    def backward(self, u):
        dq, dk, dv = self.parts(u)
        dx = dq @ self.params["Wq"].T + dv @ self.params["Wv"].T
        return dx, self.weights(dq, dk, dv)


@wrong("self-attention-dWv-first-example", (2, 5, 4), "only-some", "dWv")
class SelfAttentionStep(SelfAttention):
    """dWv is taken from the first example alone, as the batched product would not add up."""

    def backward(self, u):
        dq, dk, dv = self.parts(u)
        p = self.params
        grads = self.weights(dq, dk, dv)
        grads["Wv"] = self.cache[0][0].T @ dv[0]
        return dq @ p["Wq"].T + dk @ p["Wk"].T + dv @ p["Wv"].T, grads


@wrong("heads-merged-by-reshape", (2, 3, 8), "reshaped permuted", "dx")
class Heads(Layer):
    """(N, T, D) -> (N, 4 heads, T, D / 4); backward reshapes without moving the axes back."""

    def forward(self, x):
        N, T, D = x.shape
        return x.reshape(N, T, 4, D // 4).transpose(0, 2, 1, 3)

    def backward(self, u):
        N, heads, T, d = u.shape
        return u.reshape(N, T, heads * d), {}


# -------------------------------------------------------------------------------------- gates and containers


@wrong("add-row-not-summed", ((5, 3), (3,)), "not-summed shape", "dx[1]")
class AddRow(Layer):
    def forward(self, inputs):
        a, b = inputs
        return a + b

    def backward(self, u):
        return (u.copy(), u.copy()), {}


@wrong("mul-column-summed-over-rows", ((4, 3), (4, 1)), "wrong-axis shape", "dx[1]")
class MulColumn(Layer):
    """The column was spread over axis 1; its gradient is summed over axis 0."""

    def forward(self, inputs):
        self.cache = inputs
        return inputs[0] * inputs[1]

    def backward(self, u):
        a, b = self.cache
        return (u * b, (u * a).sum(axis=0, keepdims=True)), {}


@wrong("mul-own-operand", ((5, 3), (5, 3)), "wrong-operand swapped", "dx[0] dx[1]")
class Mul(Layer):
    def forward(self, inputs):
        self.a, self.b = inputs
        return self.a * self.b

    def backward(self, u):
        return (u * self.a, u * self.b), {}


@wrong(
    "div-denominator-not-squared",
    (randoms((5, 3))[0], positive(5, 3)),
    "missing-factor wrong-formula",
    "dx[1]",
)
class Div(Layer):
    def forward(self, inputs):
        self.a, self.b = inputs
        return self.a / self.b

    def backward(self, u):
        return (u / self.b, -u * self.a / self.b), {}


@wrong("sub-both-plus", ((5, 3), (5, 3)), "sign", "dx[1]")
class Sub(Layer):
    def forward(self, inputs):
        return inputs[0] - inputs[1]

    def backward(self, u):
        return (u.copy(), u.copy()), {}


@wrong("max-gate-both-sides", ((5, 3), (5, 3)), "wrong-region no-local-derivative", "dx[0] dx[1]")
class MaxGate(Layer):
    def forward(self, inputs):
        return np.maximum(*inputs)

    def backward(self, u):
        return (u.copy(), u.copy()), {}


@wrong("concat-slices-exchanged", ((5, 3), (5, 3)), "swapped", "dx[0] dx[1]")
class Concat(Layer):
    def forward(self, inputs):
        return np.concatenate(inputs, axis=1)

    def backward(self, u):
        return (u[:, 3:].copy(), u[:, :3].copy()), {}


@wrong("residual-skip-forgotten", (5, 4), "missing-path", "dx")
class Residual(Layer):
    """x + tanh(x W)"""

    def __init__(self):
        self.params = {"W": randoms((4, 4))[0]}

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.params["W"])
        return x + self.h

    def backward(self, u):
        da = u * (1 - self.h**2)
        return da @ self.params["W"].T, {"W": self.x.T @ da}


@wrong("residual-skip-twice", (5, 4), "extra-term", "dx")
class ResidualTwice(Residual):
    def backward(self, u):
        da = u * (1 - self.h**2)
        dx = da @ self.params["W"].T + u
        return dx + u, {"W": self.x.T @ da}


@wrong("fan-out-assigned", (5, 3), "missing-path", "dx")
class FanOut(Layer):
    """sin(x) * x², the two factors derived one after the other into one variable."""

    def forward(self, x):
        self.x = x
        return np.sin(x) * x**2

    def backward(self, u):
        dx = u * np.cos(self.x) * self.x**2
        dx = u * np.sin(self.x) * 2 * self.x
        return dx, {}


@wrong("branch-second-output-ignored", (5, 3), "missing-path only-some", "dx")
class Branch(Layer):
    """Puts out (x², tanh x); only the first branch sends a gradient back."""

    def forward(self, x):
        self.x = x
        return x**2, np.tanh(x)

    def backward(self, u):
        return 2 * self.x * u[0], {}


@wrong("glu-gate-not-derived", (5, 6), "no-local-derivative missing-factor", "dx")
class GLU(Layer):
    """a sigmoid(b) of the two halves; the gate's sigmoid is not derived."""

    def forward(self, x):
        self.a, b = np.split(x, 2, axis=1)
        self.s = sigmoid(b)
        return self.a * self.s

    def backward(self, u):
        return np.concatenate([u * self.s, u * self.a], axis=1), {}


@wrong("highway-gate-is-a-constant", (5, 4), "missing-path", "dx")
class Highway(Layer):
    """t h + (1 - t) x, h = tanh(x W), t = sigmoid(x V); dx forgets that t depends on x."""

    def __init__(self):
        W, V = randoms((4, 4), (4, 4))
        self.params = {"W": W, "V": V}

    def forward(self, x):
        self.x = x
        self.h, self.t = np.tanh(x @ self.params["W"]), sigmoid(x @ self.params["V"])
        return self.t * self.h + (1 - self.t) * x

    def backward(self, u):
        dh = u * self.t * (1 - self.h**2)
        dt = u * (self.h - self.x) * self.t * (1 - self.t)
        dx = dh @ self.params["W"].T + u * (1 - self.t)
        return dx, {"W": self.x.T @ dh, "V": self.x.T @ dt}


class Chain(Layer):
    """Affine, tanh, affine as a container whose children are student layers."""

    def __init__(self):
        A, B = randoms((3, 6), (6, 2))
        self.params = {"0.W": A, "2.W": B}

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.params["0.W"])
        return self.h @ self.params["2.W"]


@wrong("chain-upstream-not-passed-on", (5, 3), "no-upstream", "dx d0.W")
class ChainStart(Chain):
    """The first layer gets ones in place of what the last one sent."""

    def backward(self, u):
        dh = np.ones_like(u) @ self.params["2.W"].T
        da = dh * (1 - self.h**2)
        return da @ self.params["0.W"].T, {"0.W": self.x.T @ da, "2.W": self.h.T @ u}


@wrong("chain-middle-skipped", (5, 3), "no-local-derivative missing-factor", "dx d0.W")
class ChainSkip(Chain):
    def backward(self, u):
        da = u @ self.params["2.W"].T
        return da @ self.params["0.W"].T, {"0.W": self.x.T @ da, "2.W": self.h.T @ u}


# ------------------------------------------------------------------------------ reductions and rearrangements


@wrong("mean-count-forgotten", (5, 3), "scale", "dx")
class Mean(Layer):
    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=1)

    def backward(self, u):
        return np.ones(self.shape) * u[:, None], {}


@wrong("square-sum-spread-over-the-wrong-axis", (4, 4), "transposed wrong-axis", "dx")
class Sum(Layer):
    """x is square, so that u spreads along either axis."""

    def forward(self, x):
        self.shape = x.shape
        return x.sum(axis=1)

    def backward(self, u):
        return np.broadcast_to(u, self.shape).copy(), {}


@wrong("total-of-squares-no-upstream", (5, 3), "no-upstream", "dx")
class Energy(Layer):
    """One number comes out."""

    def forward(self, x):
        self.x = x
        return np.sum(x**2)

    def backward(self, u):
        return 2 * self.x, {}


@wrong("variance-mean-squared-forgotten", (5, 6), "mean-path missing-path", "dx")
class Variance(Layer):
    """E[x²] - E[x]² by row; the second term is not derived."""

    def forward(self, x):
        self.x = x
        return (x**2).mean(axis=1) - x.mean(axis=1) ** 2

    def backward(self, u):
        return 2 * self.x / self.x.shape[1] * u[:, None], {}


@wrong("prod-own-factor-kept", positive(5, 3), "extra-factor", "dx")
class Prod(Layer):
    """The product itself, not divided by the factor derived."""

    def forward(self, x):
        self.x, self.y = x, x.prod(axis=1)
        return self.y

    def backward(self, u):
        return np.repeat((u * self.y)[:, None], self.x.shape[1], axis=1), {}


@wrong("logsumexp-softmax-over-the-batch", (5, 3), "wrong-axis", "dx")
class LogSumExp(Layer):
    def forward(self, x):
        self.x = x
        return np.log(np.exp(x).sum(axis=1))

    def backward(self, u):
        e = np.exp(self.x)
        return u[:, None] * e / e.sum(axis=0), {}


@wrong("euclid-not-divided", (5, 3), "missing-factor", "dx")
class Euclid(Layer):
    """sqrt(sum x²) by row; x, without the length below it."""

    def forward(self, x):
        self.x = x
        return np.sqrt((x**2).sum(axis=1))

    def backward(self, u):
        return u[:, None] * self.x, {}


@wrong("cumsum-not-reversed", (4, 6), "flipped transposed", "dx")
class CumSum(Layer):
    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, u):
        return np.cumsum(u, axis=1), {}


@wrong("diff-one-side-only", (4, 6), "missing-path", "dx")
class Diff(Layer):
    """x_{t+1} - x_t; only x_{t+1} gets its share."""

    def forward(self, x):
        return x[:, 1:] - x[:, :-1]

    def backward(self, u):
        dx = np.zeros((u.shape[0], u.shape[1] + 1))
        dx[:, 1:] += u
        return dx, {}


@wrong("roll-the-same-way", (4, 6), "shifted transposed", "dx")
class Roll(Layer):
    def forward(self, x):
        return np.roll(x, 2, axis=1)

    def backward(self, u):
        return np.roll(u, 2, axis=1), {}


@wrong("reverse-not-undone", (4, 6), "flipped no-local-derivative", "dx")
class Reverse(Layer):
    def forward(self, x):
        return x[:, ::-1].copy()

    def backward(self, u):
        return u.copy(), {}


@wrong("permute-by-the-same-axes", (4, 4, 4), "permuted transposed", "dx")
class Permute(Layer):
    """(2, 0, 1) undone by (2, 0, 1); all axes are of one length."""

    def forward(self, x):
        return x.transpose(2, 0, 1)

    def backward(self, u):
        return u.transpose(2, 0, 1).copy(), {}


@wrong("flatten-left-flat", (4, 3, 2), "reshaped shape", "dx")
class Flatten(Layer):
    def forward(self, x):
        return x.reshape(len(x), -1).copy()

    def backward(self, u):
        return u.copy(), {}


@wrong("flatten-column-order", (4, 3, 2), "permuted reshaped", "dx")
class FlattenFortran(Layer):
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1).copy()

    def backward(self, u):
        return u.reshape(self.shape, order="F").copy(), {}


@wrong("sort-not-put-back", (4, 6), "permuted no-local-derivative", "dx")
class Sort(Layer):
    def forward(self, x):
        return np.sort(x, axis=1)

    def backward(self, u):
        return u.copy(), {}


@wrong("crop-put-at-the-corner", (3, 7, 6), "shifted", "dx")
class Crop(Layer):
    def forward(self, x):
        self.shape = x.shape
        return x[:, 2:6, 1:5].copy()

    def backward(self, u):
        dx = np.zeros(self.shape)
        dx[:, :4, :4] = u
        return dx, {}


@wrong("last-step-gradient-to-all", (4, 5, 3), "wrong-region extra-term", "dx")
class LastStep(Layer):
    """Only the last step comes out, and every step gets its gradient."""

    def forward(self, x):
        self.shape = x.shape
        return x[:, -1].copy()

    def backward(self, u):
        return np.repeat(u[:, None], self.shape[1], axis=1), {}


@wrong("distance-centres-sign", (5, 3), "sign", "dcentres")
class Distances(Layer):
    """Squared distances to 4 centres.   Shapes: x (N, 3), centres (4, 3), y (N, 4)."""

    def __init__(self):
        self.params = {"centres": randoms((4, 3))[0]}

    def forward(self, x):
        self.d = x[:, None] - self.params["centres"]
        return (self.d**2).sum(axis=2)

    def backward(self, u):
        g = 2 * u[:, :, None] * self.d
        return g.sum(axis=1), {"centres": g.sum(axis=0)}


@wrong("one-temperature-kept-per-column", (5, 3), "not-summed shape", "dtau")
class OneTemperature(Layer):
    """y = x / tau with one number tau; dtau is left a row."""

    def __init__(self):
        self.params = {"tau": np.array([1.7])}

    def forward(self, x):
        self.x = x
        return x / self.params["tau"]

    def backward(self, u):
        tau = self.params["tau"]
        return u / tau, {"tau": (-u * self.x / tau**2).sum(axis=0)}
