"""Two or three layers that a student wrote as one, with one mistake inside."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array, Layer

from .case import Mutant
from .student import Pull, collector, draw

MUTANTS: list[Mutant] = []
wrong = collector(MUTANTS)


def relu(a: Array) -> Array:
    return a * (a > 0)


class TwoLayers(Layer):
    """y = relu(x W1 + b1) W2 + b2."""

    def __init__(self, D: int = 3, H: int = 5, C: int = 2) -> None:
        self.params = {"W1": draw(1, D, H), "b1": draw(2, H), "W2": draw(3, H, C), "b2": draw(4, C)}

    def forward(self, X: Array) -> Any:
        p = self.params
        z1 = X.dot(p["W1"]) + p["b1"]
        a1 = relu(z1)
        self.cache = X, z1, a1
        return a1.dot(p["W2"]) + p["b2"]

    def dz1(self, da1: Array) -> Any:
        return da1 * (self.cache[1] > 0)

    def back2(self, dz2: Array) -> Any:
        return dz2.dot(self.params["W2"].T)

    def backward(self, dz2: Array) -> Pull:
        X, _, a1 = self.cache
        dz1 = self.dz1(self.back2(dz2))
        grads = {"W1": X.T.dot(dz1), "b1": dz1.sum(0), "W2": a1.T.dot(dz2), "b2": dz2.sum(0)}
        return dz1.dot(self.params["W1"].T), grads


FIRST = "dx dW1 db1"


@wrong("two layers: relu passed over", (4, 3), "no-local-derivative", FIRST)
class NoRelu(TwoLayers):
    def dz1(self, da1: Array) -> Array:
        return da1


@wrong("two layers: relu's mask from its gradient", (4, 3), "upstream-nonlinear", FIRST)
class MaskFromGradient(TwoLayers):
    def dz1(self, da1: Array) -> Array:
        return da1 * (da1 > 0)


@wrong("two layers: relu's mask the wrong way round", (4, 3), "wrong-region", FIRST)
class MaskInverted(TwoLayers):
    def dz1(self, da1: Array) -> Any:
        return da1 * (self.cache[1] <= 0)


@wrong("two layers: relu's mask from a1 >= 0", (4, 3), "wrong-region no-local-derivative", FIRST)
class MaskAlways(TwoLayers):
    def dz1(self, da1: Array) -> Array:
        return np.where(self.cache[2] >= 0, da1, 0)


@wrong("two layers: relu's output for its mask", (4, 3), "wrong-formula wrong-operand", FIRST)
class OutputForMask(TwoLayers):
    def dz1(self, da1: Array) -> Any:
        return da1 * self.cache[2]


@wrong("two layers: W2 not transposed", (4, 3), "transposed", FIRST, H=4, C=4)
class W2NotTransposed(TwoLayers):
    def back2(self, dz2: Array) -> Any:
        return dz2.dot(self.params["W2"])


@wrong("two layers: W2 passed over", (6, 3), "missing-factor no-local-derivative", FIRST, H=4, C=4)
class W2Missing(TwoLayers):
    def back2(self, dz2: Array) -> Array:
        return dz2


@wrong("two layers: dW2 from x", (4, 3), "wrong-operand", "dW2", H=3)
class Dw2FromX(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        return dx, grads | {"W2": self.cache[0].T.dot(dz2)}


@wrong("two layers: dW2 from z1", (4, 3), "wrong-operand", "dW2")
class Dw2FromZ1(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        return dx, grads | {"W2": self.cache[1].T @ dz2}


@wrong("two layers: dW1 from the second's upstream", (4, 3), "wrong-operand missing-factor", "dW1", H=5, C=5)
class Dw1FromDz2(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        return dx, grads | {"W1": self.cache[0].T @ dz2}


@wrong("two layers: db1 summed over the units", (5, 3), "wrong-axis", "db1")
class Db1Axis(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        return dx, grads | {"b1": self.dz1(self.back2(dz2)).sum(axis=1)}


@wrong("two layers: dW2 twice, planted", (4, 3), "scale", "dW2")
class Dw2Twice(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        return dx, grads | {"W2": 2 * grads["W2"]}


@wrong("two layers: db1 one number for all units", (4, 3), "over-summed", "db1")
class Db1Mean(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        return dx, grads | {"b1": np.full(5, grads["b1"].sum())}


@wrong("two layers: db1 and db2 exchanged", (4, 3), "swapped", "db1 db2", H=4, C=4)
class BiasesSwapped(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        return dx, grads | {"b1": grads["b2"], "b2": grads["b1"]}


@wrong("two layers: weight decay of the second layer inside", (4, 3), "extra-term", "dW2")
class DecayInside(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        return dx, grads | {"W2": grads["W2"] + 0.01 * self.params["W2"]}


@wrong("two layers: a step of descent inside backward", (4, 3), "mutates-params", "")
class StepInside(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        dx, grads = super().backward(dz2)
        for name, grad in grads.items():
            self.params[name] -= 0.1 * grad
        return dx, grads


@wrong("two layers: relu written into the caller's upstream", (4, 5), "mutates-upstream", "", D=5)
class IntoUpstream(TwoLayers):
    def forward(self, X: Array) -> Array:
        self.z2 = super().forward(X)
        return relu(self.z2)

    def backward(self, dy: Array) -> Pull:
        dy[self.z2 <= 0] = 0
        return super().backward(dy)


@wrong("two layers: dx stops at the hidden units", (4, 3), "shape", "dx")
class StopsEarly(TwoLayers):
    def backward(self, dz2: Array) -> Pull:
        _, grads = super().backward(dz2)
        return self.dz1(self.back2(dz2)), grads


class Sigmoids(Layer):
    """y = s(W2 s(W1 x)), rows of x."""

    def __init__(self, D: int = 3, H: int = 4, C: int = 2) -> None:
        self.params = {"W1": draw(5, H, D), "W2": draw(6, C, H)}

    def forward(self, x: Array) -> Any:
        h = 1 / (1 + np.exp(-x @ self.params["W1"].T))
        y = 1 / (1 + np.exp(-h @ self.params["W2"].T))
        self.cache = x, h, y
        return y

    def d2(self, y: Array) -> Any:
        return y * (1 - y)

    def d1(self, h: Array) -> Any:
        return h * (1 - h)

    def backward(self, u: Array) -> Pull:
        x, h, y = self.cache
        delta2 = u * self.d2(y)
        delta1 = delta2 @ self.params["W2"] * self.d1(h)
        return delta1 @ self.params["W1"], {"W1": delta1.T @ x, "W2": delta2.T @ h}


@wrong("sigmoid net: the output's derivative missing", (5, 3), "no-local-derivative", "dx dW1 dW2")
class OutputLinear(Sigmoids):
    def d2(self, y: Array) -> Any:
        return 1


@wrong("sigmoid net: derivative taken at the output", (5, 3), "post-activation", "dx dW1")
class DerivativeAtH(Sigmoids):
    def d1(self, h: Array) -> Any:
        s = 1 / (1 + np.exp(-h))
        return s * (1 - s)


@wrong("sigmoid net: tanh's derivative inside", (5, 3), "wrong-formula", "dx dW1")
class TanhInside(Sigmoids):
    def d1(self, h: Array) -> Any:
        return 1 - h**2


@wrong("sigmoid net: factor 1 - h missing", (5, 3), "missing-factor wrong-formula", "dx dW1")
class NoOneMinusH(Sigmoids):
    def d1(self, h: Array) -> Any:
        return h


@wrong("sigmoid net: output's derivative squared", (5, 3), "extra-factor", "dx dW1 dW2")
class DerivativeTwice(Sigmoids):
    def d2(self, y: Array) -> Any:
        return (y * (1 - y)) ** 2


@wrong("sigmoid net: y - upstream, as in a derivation", (5, 3), "extra-term wrong-formula", "dx dW1 dW2")
class Shortcut(Sigmoids):
    def backward(self, u: Array) -> Pull:
        x, h, y = self.cache
        delta2 = y - u
        delta1 = delta2 @ self.params["W2"] * h * (1 - h)
        return delta1 @ self.params["W1"], {"W1": delta1.T @ x, "W2": delta2.T @ h}


@wrong("softmax layer: elementwise derivative", (4, 3), "missing-path wrong-formula", "dx dW")
class SoftmaxLayer(Layer):
    def __init__(self) -> None:
        self.params = {"W": draw(7, 3, 5)}

    def forward(self, x: Array) -> Any:
        e = np.exp(x @ self.params["W"])
        self.cache = x, e / e.sum(axis=1, keepdims=True)
        return self.cache[1]

    def backward(self, u: Array) -> Pull:
        x, y = self.cache
        ds = u * y * (1 - y)
        return ds @ self.params["W"].T, {"W": x.T @ ds}


class Tied(Layer):
    """An autoencoder with one matrix: y = tanh(x W) Wᵀ."""

    def __init__(self) -> None:
        self.params = {"W": draw(8, 5, 3)}

    def forward(self, x: Array) -> Any:
        self.cache = x, np.tanh(x @ self.params["W"])
        return self.cache[1] @ self.params["W"].T

    def paths(self, u: Array) -> tuple[Array, Array, Array]:
        """(dx, dW of the encoder, dW of the decoder)."""
        (x, h), W = self.cache, self.params["W"]
        da = u @ W * (1 - h * h)
        return da @ W.T, x.T @ da, u.T @ h


@wrong("tied autoencoder: decoder's use of W only", (4, 5), "missing-path", "dW")
class DecoderOnly(Tied):
    def backward(self, u: Array) -> Pull:
        dx, _, decoder = self.paths(u)
        return dx, {"W": decoder}


@wrong("tied autoencoder: encoder's use of W only", (4, 5), "missing-path", "dW")
class EncoderOnly(Tied):
    def backward(self, u: Array) -> Pull:
        dx, encoder, _ = self.paths(u)
        return dx, {"W": encoder}


@wrong("tied autoencoder: the two uses averaged", (4, 5), "scale", "dW")
class UsesAveraged(Tied):
    def backward(self, u: Array) -> Pull:
        dx, encoder, decoder = self.paths(u)
        return dx, {"W": (encoder + decoder) / 2}


class Classifier(Layer):
    """Mean of word vectors, then an affine layer."""

    def __init__(self) -> None:
        self.params = {"E": draw(9, 6, 3), "W": draw(10, 3, 2), "b": draw(11, 2)}

    def forward(self, ids: Array) -> Any:
        mean = self.params["E"][ids].mean(axis=1)
        self.cache = ids, mean
        return mean @ self.params["W"] + self.params["b"]

    def backward(self, u: Array) -> Pull:
        ids, mean = self.cache
        dE = np.zeros_like(self.params["E"])
        self.add(dE, ids, u @ self.params["W"].T)
        return None, {"E": dE, "W": mean.T @ u, "b": u.sum(axis=0)}

    def add(self, dE: Array, ids: Array, dmean: Array) -> None:
        np.add.at(dE, ids, dmean[:, None] / ids.shape[1])


WORDS = np.array([[0, 2, 2, 5], [1, 2, 0, 3], [4, 4, 1, 0]])


@wrong("word classifier: 1/T forgotten", WORDS, "scale", "dE")
class NoT(Classifier):
    def add(self, dE: Array, ids: Array, dmean: Array) -> None:
        np.add.at(dE, ids, dmean[:, None])


@wrong("word classifier: repeated words counted once", WORDS, "repeated-index-not-added", "dE")
class WordsOnce(Classifier):
    def add(self, dE: Array, ids: Array, dmean: Array) -> None:
        for row, d in zip(ids, dmean, strict=True):
            dE[row] += d / ids.shape[1]


@wrong("word classifier: only the last text", WORDS, "only-some", "dE")
class LastText(Classifier):
    def add(self, dE: Array, ids: Array, dmean: Array) -> None:
        np.add.at(dE, ids[-1], dmean[-1] / ids.shape[1])


class ConvNet(Layer):
    """A 1-D convolution, relu, and the mean over time, into an affine layer."""

    def __init__(self) -> None:
        self.params = {"K": draw(12, 3, 2, 2), "W": draw(13, 4, 3)}

    def forward(self, x: Array) -> Any:
        windows = np.lib.stride_tricks.sliding_window_view(x, 2, axis=2)
        a = np.einsum("nctk,ock->not", windows, self.params["K"])
        h = relu(a)
        pooled = h.mean(axis=2)
        self.cache = windows, a, pooled
        return pooled @ self.params["W"].T

    def da(self, dpooled: Array, a: Array) -> Any:
        return dpooled[:, :, None] * (a > 0) / a.shape[2]

    def backward(self, u: Array) -> Pull:
        windows, a, pooled = self.cache
        da = self.da(u @ self.params["W"], a)
        dwindows = np.einsum("not,ock->nctk", da, self.params["K"])
        dx = np.zeros((*windows.shape[:2], windows.shape[2] + 1))
        dx[:, :, :-1] += dwindows[..., 0]
        dx[:, :, 1:] += dwindows[..., 1]
        return dx, {"K": np.einsum("not,nctk->ock", da, windows), "W": u.T @ pooled}


@wrong("conv net: relu passed over", (2, 2, 6), "no-local-derivative", "dx dK")
class ConvNoRelu(ConvNet):
    def da(self, dpooled: Array, a: Array) -> Any:
        return np.repeat(dpooled[:, :, None], a.shape[2], axis=2) / a.shape[2]


@wrong("conv net: mean's 1/T forgotten", (2, 2, 6), "scale", "dx dK")
class ConvNoT(ConvNet):
    def da(self, dpooled: Array, a: Array) -> Array:
        return dpooled[:, :, None] * (a > 0)


@wrong("conv net: only the first step is given a gradient", (2, 2, 6), "only-some", "dx dK")
class ConvFirstStep(ConvNet):
    def da(self, dpooled: Array, a: Array) -> Array:
        da = np.zeros(a.shape)
        da[:, :, 0] = dpooled * (a[:, :, 0] > 0) / a.shape[2]
        return da


@wrong("conv net: mask of the pooled values", (2, 2, 6), "wrong-region", "dx dK")
class ConvPooledMask(ConvNet):
    def da(self, dpooled: Array, a: Array) -> Any:
        return ((a.mean(axis=2) > 0) * dpooled / a.shape[2])[:, :, None] * np.ones(a.shape)


@wrong("flatten and affine: put back column by column", (2, 2, 3, 4), "reshaped permuted", "dx")
class FlattenAffine(Layer):
    def __init__(self) -> None:
        self.params = {"W": draw(14, 24, 2)}

    def forward(self, x: Array) -> Array:
        self.cache = x
        return x.reshape(len(x), -1) @ self.params["W"]

    def backward(self, u: Array) -> Pull:
        N, C, H, W = self.cache.shape
        dx = (u @ self.params["W"].T).reshape(N, H, W, C).transpose(0, 3, 1, 2)
        return dx, {"W": self.cache.reshape(N, -1).T @ u}


class AffineNorm(Layer):
    """y = relu(batchnorm(x Wᵀ)), without gamma and beta."""

    def __init__(self) -> None:
        self.params = {"W": draw(15, 4, 3)}

    def forward(self, x: Array) -> Array:
        a = x @ self.params["W"].T
        std = np.sqrt(((a - a.mean(0)) ** 2).mean(0) + 1e-5)
        self.cache = x, std, (a - a.mean(0)) / std
        return relu(self.cache[2])

    def da(self, g: Array) -> Any:
        _, std, xhat = self.cache
        return (g - g.mean(0) - xhat * (g * xhat).mean(0)) / std

    def backward(self, u: Array) -> Pull:
        x, _, xhat = self.cache
        da = self.da(u * (xhat > 0))
        return da @ self.params["W"], {"W": da.T @ x}


@wrong("affine and batchnorm: mean path missing", (6, 3), "mean-path", "dx dW")
class AffineNoMean(AffineNorm):
    def da(self, g: Array) -> Any:
        _, std, xhat = self.cache
        return (g - xhat * (g * xhat).mean(0)) / std


@wrong("affine and batchnorm: variance path missing", (6, 3), "variance-path", "dx dW")
class AffineNoVariance(AffineNorm):
    def da(self, g: Array) -> Any:
        return (g - g.mean(0)) / self.cache[1]


@wrong("affine and batchnorm: 1/std missing", (6, 3), "missing-factor", "dx dW")
class AffineNoStd(AffineNorm):
    def da(self, g: Array) -> Any:
        xhat = self.cache[2]
        return g - g.mean(0) - xhat * (g * xhat).mean(0)


class Highway(Layer):
    """y = t h + (1 - t) x,   h = tanh(x W_h),   t = sigmoid(x W_t)."""

    def __init__(self) -> None:
        self.params = {"W_h": draw(16, 3, 3), "W_t": draw(17, 3, 3)}

    def forward(self, x: Array) -> Any:
        h, t = np.tanh(x @ self.params["W_h"]), 1 / (1 + np.exp(-x @ self.params["W_t"]))
        self.cache = x, h, t
        return t * h + (1 - t) * x

    def dt(self, u: Array, h: Array, x: Array) -> Any:
        return u * (h - x)

    def direct(self, u: Array, t: Array) -> Any:
        return u * (1 - t)

    def backward(self, u: Array) -> Pull:
        x, h, t = self.cache
        da_h, da_t = u * t * (1 - h**2), self.dt(u, h, x) * t * (1 - t)
        dx = da_h @ self.params["W_h"].T + da_t @ self.params["W_t"].T + self.direct(u, t)
        return dx, {"W_h": x.T @ da_h, "W_t": x.T @ da_t}


@wrong("highway: carried x forgotten at the gate", (4, 3), "missing-path", "dx dW_t")
class GateNoX(Highway):
    def dt(self, u: Array, h: Array, x: Array) -> Array:
        return u * h


@wrong("highway: gate's difference the other way round", (4, 3), "sign", "dx dW_t")
class GateSign(Highway):
    def dt(self, u: Array, h: Array, x: Array) -> Any:
        return u * (x - h)


@wrong("highway: carried path missing", (4, 3), "missing-path", "dx")
class NoCarry(Highway):
    def direct(self, u: Array, t: Array) -> Any:
        return 0


@wrong("highway: t for 1 - t on the carried path", (4, 3), "wrong-operand wrong-formula", "dx")
class CarryByT(Highway):
    def direct(self, u: Array, t: Array) -> Any:
        return u * t


@wrong("squeeze and excite: path through the gate missing", (2, 3, 2, 4), "missing-path", "dx")
class Excite(Layer):
    """y = x * sigmoid(mean(x) W), the mean over the places of each channel."""

    def __init__(self) -> None:
        self.params = {"W": draw(18, 3, 3)}

    def forward(self, x: Array) -> Any:
        mean = x.mean(axis=(2, 3))
        gate = 1 / (1 + np.exp(-mean @ self.params["W"]))
        self.cache = x, mean, gate
        return x * gate[:, :, None, None]

    def backward(self, u: Array) -> Pull:
        x, mean, gate = self.cache
        da = (u * x).sum(axis=(2, 3)) * gate * (1 - gate)
        return u * gate[:, :, None, None], {"W": mean.T @ da}


class GLU(Layer):
    """y = (x A) * sigmoid(x B)."""

    def __init__(self) -> None:
        self.params = {"A": draw(19, 4, 3), "B": draw(20, 4, 3)}

    def forward(self, x: Array) -> Any:
        self.cache = x, x @ self.params["A"], 1 / (1 + np.exp(-x @ self.params["B"]))
        return self.cache[1] * self.cache[2]

    def backward(self, u: Array) -> Pull:
        x, a, s = self.cache
        da, db = self.factors(u, a, s)
        return self.dx(da, db), {"A": x.T @ da, "B": x.T @ db}

    def factors(self, u: Array, a: Array, s: Array) -> tuple[Array, Array]:
        return u * s, u * a * s * (1 - s)

    def dx(self, da: Array, db: Array) -> Any:
        return da @ self.params["A"].T + db @ self.params["B"].T


@wrong("glu: dx = where += belongs", (2, 4), "missing-path", "dx")
class GluOverwritten(GLU):
    def dx(self, da: Array, db: Array) -> Array:
        return db @ self.params["B"].T


@wrong("glu: own operand at the product", (2, 4), "wrong-operand", "dx dA dB")
class GluOwn(GLU):
    def factors(self, u: Array, a: Array, s: Array) -> tuple[Array, Array]:
        return u * a, u * s * s * (1 - s)


@wrong("glu: sigmoid' of the gate missing", (2, 4), "no-local-derivative missing-factor", "dx dB")
class GluNoDerivative(GLU):
    def factors(self, u: Array, a: Array, s: Array) -> tuple[Array, Array]:
        return u * s, u * a


@wrong("glu: dA and dB exchanged", (2, 4), "swapped", "dA dB")
class GluSwapped(GLU):
    def backward(self, u: Array) -> Pull:
        dx, grads = super().backward(u)
        return dx, {"A": grads["B"], "B": grads["A"]}


class Towers(Layer):
    """y = tanh(a W) · tanh(b W), two inputs and one matrix."""

    def __init__(self) -> None:
        self.params = {"W": draw(21, 4, 3)}

    def forward(self, ab: tuple[Array, Array]) -> Any:
        a, b = ab
        self.cache = a, b, np.tanh(a @ self.params["W"]), np.tanh(b @ self.params["W"])
        return np.einsum("nd,nd->n", *self.cache[2:])

    def adjoints(self, u: Array) -> tuple[Array, Array]:
        _, _, f, g = self.cache
        return u[:, None] * g * (1 - f**2), u[:, None] * f * (1 - g**2)


@wrong("two towers: W's use in the first only", ((3, 4), (3, 4)), "missing-path", "dW")
class FirstTower(Towers):
    def backward(self, u: Array) -> Pull:
        (a, _, _, _), (da, db) = self.cache, self.adjoints(u)
        return (da @ self.params["W"].T, db @ self.params["W"].T), {"W": a.T @ da}


@wrong("two towers: each with its own output", ((3, 4), (3, 4)), "wrong-operand", "dx[0] dx[1] dW")
class OwnOutput(Towers):
    def adjoints(self, u: Array) -> tuple[Array, Array]:
        _, _, f, g = self.cache
        return u[:, None] * f * (1 - f**2), u[:, None] * g * (1 - g**2)

    def backward(self, u: Array) -> Pull:
        (a, b, _, _), (da, db) = self.cache, self.adjoints(u)
        return (da @ self.params["W"].T, db @ self.params["W"].T), {"W": a.T @ da + b.T @ db}


@wrong("two towers: inputs' gradients exchanged", ((3, 4), (3, 4)), "swapped", "dx[0] dx[1]")
class TowersSwapped(Towers):
    def backward(self, u: Array) -> Pull:
        (a, b, _, _), (da, db) = self.cache, self.adjoints(u)
        return (db @ self.params["W"].T, da @ self.params["W"].T), {"W": a.T @ da + b.T @ db}


@wrong("twin difference: minus of the second forgotten", ((3, 4), (3, 4)), "sign", "dx[1] dW")
class Twins(Layer):
    """y = tanh(a W) - tanh(b W)."""

    def __init__(self) -> None:
        self.params = {"W": draw(22, 4, 2)}

    def forward(self, ab: tuple[Array, Array]) -> Any:
        a, b = ab
        self.cache = a, b, np.tanh(a @ self.params["W"]), np.tanh(b @ self.params["W"])
        return self.cache[2] - self.cache[3]

    def backward(self, u: Array) -> Pull:
        a, b, f, g = self.cache
        da, db, W = u * (1 - f * f), u * (1 - g * g), self.params["W"]
        return (da @ W.T, db @ W.T), {"W": a.T @ da + b.T @ db}


@wrong("bilinear form: dW transposed", ((5, 3), (5, 3)), "transposed", "dW")
class Bilinear(Layer):
    """y = aᵀ W b."""

    def __init__(self) -> None:
        self.params = {"W": draw(23, 3, 3)}

    def forward(self, ab: tuple[Array, Array]) -> Any:
        self.cache = ab
        return np.einsum("ni,ij,nj->n", ab[0], self.params["W"], ab[1])

    def backward(self, u: Array) -> Pull:
        (a, b), W = self.cache, self.params["W"]
        u = u[:, None]
        return (u * (b @ W.T), u * (a @ W)), {"W": (u * b).T @ a}


@wrong("quadratic form: half of the product rule", (5, 3), "missing-path", "dx")
class Quadratic(Layer):
    """y = xᵀ W x."""

    def __init__(self) -> None:
        self.params = {"W": draw(24, 3, 3)}

    def forward(self, x: Array) -> Any:
        self.cache = x
        return ((x @ self.params["W"]) * x).sum(axis=1)

    def backward(self, u: Array) -> Pull:
        x, u = self.cache, u[:, None]
        return u * (x @ self.params["W"]), {"W": (u * x).T @ x}


class WeightNorm(Layer):
    """y = x Wᵀ,   W = g v / |v|, row by row."""

    def __init__(self) -> None:
        self.params = {"v": draw(25, 2, 4), "g": 1 + draw(26, 2)}

    def forward(self, x: Array) -> Any:
        n = np.sqrt((self.params["v"] ** 2).sum(axis=1, keepdims=True))
        self.cache = x, self.params["v"] / n, n
        return x @ (self.params["g"][:, None] * self.cache[1]).T

    def backward(self, u: Array) -> Pull:
        x, unit, _ = self.cache
        dW, g = u.T @ x, self.params["g"][:, None]
        return u @ (g * unit), {"v": self.dv(dW, g), "g": (dW * unit).sum(axis=1)}

    def dv(self, dW: Array, g: Array) -> Any:
        unit, n = self.cache[1:]
        return g * (dW - unit * (dW * unit).sum(axis=1, keepdims=True)) / n


@wrong("weight norm: the length taken for a constant", (3, 4), "missing-path variance-path", "dv")
class LengthConstant(WeightNorm):
    def dv(self, dW: Array, g: Array) -> Any:
        return g * dW / self.cache[2]


@wrong("weight norm: g missing in dv", (3, 4), "missing-factor", "dv")
class NoG(WeightNorm):
    def dv(self, dW: Array, g: Array) -> Any:
        unit, n = self.cache[1:]
        return (dW - unit * (dW * unit).sum(axis=1, keepdims=True)) / n


class Dense(Layer):
    """A dense block: y = [x, tanh(x W1), tanh([x, h1] W2)]."""

    def __init__(self) -> None:
        self.params = {"W1": draw(27, 3, 2), "W2": draw(28, 5, 2)}

    def forward(self, x: Array) -> Array:
        h1 = np.tanh(x @ self.params["W1"])
        z = np.concatenate([x, h1], axis=1)
        h2 = np.tanh(z @ self.params["W2"])
        self.cache = x, h1, z, h2
        return np.concatenate([z, h2], axis=1)

    def parts(self, u: Array) -> tuple[Array, Array, Array]:
        return u[:, :3], u[:, 3:5], u[:, 5:]

    def paths(self) -> tuple[float, float]:
        """What of x's and h1's further uses counts."""
        return 1, 1

    def backward(self, u: Array) -> Pull:
        x, h1, z, h2 = self.cache
        (dx, dh1, dh2), (to_x, to_h1) = self.parts(u), self.paths()
        da2 = dh2 * (1 - h2**2)
        dz = da2 @ self.params["W2"].T
        da1 = (dh1 + to_h1 * dz[:, 3:]) * (1 - h1**2)
        dx = dx + to_x * dz[:, :3] + da1 @ self.params["W1"].T
        return dx, {"W1": x.T @ da1, "W2": z.T @ da2}


@wrong("dense block: h1's use in the second layer forgotten", (4, 3), "missing-path", "dx dW1")
class DenseH1(Dense):
    def paths(self) -> tuple[float, float]:
        return 1, 0


@wrong("dense block: x's use in the second layer forgotten", (4, 3), "missing-path", "dx")
class DenseX(Dense):
    def paths(self) -> tuple[float, float]:
        return 0, 1


@wrong("dense block: h1's and h2's parts of upstream exchanged", (4, 3), "swapped", "dx dW1 dW2")
class DenseSwapped(Dense):
    def parts(self, u: Array) -> tuple[Array, Array, Array]:
        return u[:, :3], u[:, 5:], u[:, 3:5]


@wrong("dense block: slices of upstream off by one", (4, 3), "shifted", "dx dW1 dW2")
class DenseShifted(Dense):
    def parts(self, u: Array) -> tuple[Array, Array, Array]:
        return u[:, 1:4], u[:, 4:6], u[:, [6, 0]]


@wrong("deep net: every layer's gradient from the last activation", (4, 3), "wrong-operand", "dW0 dW1")
class Deep(Layer):
    """Three tanh layers of equal width in a loop."""

    def __init__(self) -> None:
        self.params = {f"W{i}": draw(29 + i, 3, 3) for i in range(3)}

    def forward(self, x: Array) -> Array:
        self.cache = [x]
        for W in self.params.values():
            self.cache.append(np.tanh(self.cache[-1] @ W))
        out: Array = self.cache[-1]
        return out

    def backward(self, u: Array) -> Pull:
        grads = {}
        for i in (2, 1, 0):
            u = u * (1 - self.cache[i + 1] ** 2)
            grads[f"W{i}"] = self.cache[2].T @ u
            u = u @ self.params[f"W{i}"].T
        return u, grads


@wrong("dropout net: mask of the input on the hidden units", (4, 5), "wrong-operand", "dx dW1")
class DropoutNet(Layer):
    """Dropout before both of two square layers."""

    def __init__(self) -> None:
        self.params = {"W1": draw(32, 5, 5), "W2": draw(33, 5, 2)}
        self.rng = np.random.default_rng(34)

    def forward(self, x: Array) -> Array:
        m1, m2 = (self.rng.random(x.shape) < 0.6 for _ in range(2))
        x = x * m1 / 0.6
        h = (x @ self.params["W1"]) * m2 / 0.6
        self.cache = x, h, m1
        return h @ self.params["W2"]

    def backward(self, u: Array) -> Pull:
        x, h, m1 = self.cache
        da = u @ self.params["W2"].T * m1 / 0.6
        return da @ self.params["W1"].T * m1 / 0.6, {"W1": x.T @ da, "W2": h.T @ u}
