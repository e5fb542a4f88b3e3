"""Layers and losses that are right, written as people write NumPy: what a checker must not complain of.

They use what makes numeric differentiation hard: abs, var, norm and sign, buffers of floats, branches, ties,
kinks, saturation, odd scales, zero gradients, random numbers, running statistics. A row of HONEST is
(id, build, x), and (id, build, prediction, target) for a loss; x is as check_layer takes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from layers import Layer
from losses import Loss

HONEST: list[tuple[Any, ...]] = []

Point = np.ndarray | tuple[Any, ...]


def right(*rows: tuple[str, Point] | tuple[str, Point, Any]) -> Callable[[Any], Any]:
    """Put a class into HONEST, once for each (id, x) or (id, prediction, target)."""

    def keep(build: Any) -> Any:
        HONEST.extend((row[0], build, *row[1:]) for row in rows)
        return build

    return keep


def randoms(*shapes: tuple[int, ...], seed: int = 3) -> list[Any]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


def normal(*shape: int, seed: int = 4) -> Any:
    return np.random.default_rng(seed).standard_normal(shape)


def positive(*shape: int) -> Any:
    return np.random.default_rng(11).uniform(0.3, 2.5, shape)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    """Two branches, neither of which overflows."""
    y = np.zeros(x.shape)
    left = x < 0
    y[~left] = 1 / (1 + np.exp(-x[~left]))
    e = np.exp(x[left])
    y[left] = e / (1 + e)
    return y


TIED = np.round(normal(5, 4))

# ---------------------------------------------------------------------------------------------- dense layers


@right(("affine-by-loops", (4, 3)))
class AffineLoops(Layer):
    def __init__(self):
        W, b = randoms((2, 3), (2,))
        self.params = {"W": W, "b": b}

    def forward(self, x):
        self.x = x
        y = np.zeros((x.shape[0], 2))
        for n in range(x.shape[0]):
            for i in range(2):
                y[n, i] = np.sum(x[n] * self.params["W"][i]) + self.params["b"][i]
        return y

    def backward(self, u):
        dx, dW, db = np.zeros(self.x.shape), np.zeros((2, 3)), np.zeros(2)
        for n in range(u.shape[0]):
            for i in range(2):
                dx[n] += u[n, i] * self.params["W"][i]
                dW[i] += u[n, i] * self.x[n]
                db[i] += u[n, i]
        return dx, {"W": dW, "b": db}


@right(
    ("affine", (5, 3)),
    ("affine-one-example", (1, 3)),
    ("affine-tiny-x", normal(5, 3) * 1e-6),
    ("affine-huge-x", normal(5, 3) * 1e6),
    ("affine-zero-x", np.zeros((5, 3))),
    ("affine-over-time", (2, 5, 3)),
)
class Affine(Layer):
    def __init__(self):
        W, b = randoms((3, 4), (4,))
        self.params = {"weight": W, "bias": b}

    def forward(self, x):
        self.x = x
        return np.einsum("...i,ij->...j", x, self.params["weight"]) + self.params["bias"]

    def backward(self, u):
        rows, ups = self.x.reshape(-1, 3), u.reshape(-1, 4)
        return u @ self.params["weight"].T, {"weight": rows.T @ ups, "bias": ups.sum(axis=0)}


@right(("affine-single-parameters", (5, 3)))
class AffineSingle(Layer):
    """Parameters in float32, arithmetic in whatever x is."""

    def __init__(self):
        W, b = randoms((3, 4), (4,))
        self.params = {"W": W.astype(np.float32), "b": b.astype(np.float32)}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, u):
        W = self.params["W"]
        dW, db = self.x.T @ u, u.sum(axis=0)
        return u @ W.T, {"W": dW.astype(W.dtype), "b": db.astype(W.dtype)}


@right(("affine-tiny-weights", (5, 3)))
class AffineScales(Layer):
    """Two parameters, nine orders of magnitude apart."""

    def __init__(self):
        W, b = randoms((3, 4), (4,))
        self.params = {"W": W * 1e-6, "b": b * 1e3}

    def forward(self, x):
        self.x = x
        return np.dot(x, self.params["W"]) + self.params["b"]

    def backward(self, u):
        return np.dot(u, self.params["W"].T), {"W": np.dot(self.x.T, u), "b": u.sum(0)}


@right(("twelve-layers-deep", (4, 3)))
class Deep(Layer):
    """tanh(x W) twelve times over, each with a state of its own in a list of dicts."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.params = {f"layer{i}.W": rng.standard_normal((3, 3)) for i in range(12)}
        self.state = {"layers": [{"index": i, "cache": {}} for i in range(12)]}

    def forward(self, x):
        for layer in self.state["layers"]:
            layer["cache"]["x"] = x
            x = np.tanh(x @ self.params[f"layer{layer['index']}.W"])
            layer["cache"]["y"] = x
        return x

    def backward(self, u):
        grads = {}
        for layer in reversed(self.state["layers"]):
            name, cache = f"layer{layer['index']}.W", layer["cache"]
            da = u * (1 - np.square(cache["y"]))
            grads[name] = cache["x"].T @ da
            u = da @ self.params[name].T
        return u, grads


@right(("hidden-layer-of-objects", (5, 4)))
class Boxed(Layer):
    """Keeps its two halves as layers, and recomputes forward in backward."""

    def __init__(self):
        self.first, self.second = Affine(), Affine()
        W, b = randoms((4, 3), (3,), seed=9)
        self.first.params = {"weight": W, "bias": b}
        self.params = {f"{i}.{k}": v for i, part in enumerate(self.parts()) for k, v in part.params.items()}

    def parts(self):
        return self.first, self.second

    def run(self, x):
        for i, part in enumerate(self.parts()):
            for name in part.params:
                part.params[name] = self.params[f"{i}.{name}"]
        a = x @ self.first.params["weight"] + self.first.params["bias"]
        return a, np.maximum(a, 0)

    def forward(self, x):
        self.x = x
        _, h = self.run(x)
        return self.second.forward(h)

    def backward(self, u):
        a, h = self.run(self.x)
        self.second.x = h
        dh, second = self.second.backward(u)
        da = dh * np.heaviside(a, 0)
        grads = {"0.weight": self.x.T @ da, "0.bias": da.sum(axis=0)}
        grads.update({f"1.{name}": grad for name, grad in second.items()})
        return da @ self.first.params["weight"].T, grads


@right(("bilinear", ((5, 3), (5, 2))))
class Bilinear(Layer):
    def __init__(self):
        self.params = {"W": randoms((4, 3, 2))[0]}

    def forward(self, inputs):
        self.x, self.z = inputs
        return np.einsum("ni,kij,nj->nk", self.x, self.params["W"], self.z, optimize=True)

    def backward(self, u):
        W = self.params["W"]
        dx, dz = np.einsum("nk,kij,nj->ni", u, W, self.z), np.einsum("nk,kij,ni->nj", u, W, self.x)
        return (dx, dz), {"W": np.einsum("nk,ni,nj->kij", u, self.x, self.z)}


# ----------------------------------------------------------------------------------------------- elementwise


@right(
    ("relu", (5, 4)),
    ("relu-ties", TIED),
    ("relu-all-negative", -positive(5, 4)),
    ("relu-one-number", np.array([[0.7]])),
    ("relu-vector", (6,)),
)
class ReLU(Layer):
    def forward(self, x):
        self.y = np.maximum(x, 0)
        return self.y

    def backward(self, u):
        dx = u.copy()
        dx[self.y <= 0] = 0
        return dx, {}


@right(("relu-by-sign", (5, 4)), ("relu-by-sign-ties", TIED))
class ReLUSign(Layer):
    """(x + |x|) / 2, so that the derivative at 0 is a half."""

    def forward(self, x):
        self.sign = np.sign(x)
        return (x + np.abs(x)) / 2

    def backward(self, u):
        return u * (1 + self.sign) / 2, {}


@right(("leaky-ties", TIED))
class Leaky(Layer):
    """The derivative at 0 is that of the right side."""

    def forward(self, x):
        self.slope = np.where(x >= 0, 1, 0.01)
        return x * self.slope

    def backward(self, u):
        return u * self.slope, {}


@right(("prelu", (6, 3)))
class PReLU(Layer):
    def __init__(self):
        self.params = {"a": np.full(3, 0.25)}

    def forward(self, x):
        self.x = x
        return np.maximum(x, 0) + self.params["a"] * np.minimum(x, 0)

    def backward(self, u):
        low = np.minimum(self.x, 0)
        dx = u * (self.x > 0) + u * self.params["a"] * (self.x <= 0)
        return dx, {"a": (u * low).sum(axis=0)}


@right(("elu", (5, 4)), ("elu-saturated", normal(5, 4) * 50))
class ELU(Layer):
    def forward(self, x):
        self.x = x
        self.y = np.where(x > 0, x, 0.9 * np.expm1(np.minimum(x, 0)))
        return self.y

    def backward(self, u):
        return np.where(self.x > 0, u, u * (self.y + 0.9)), {}


@right(("sigmoid-two-branches", (5, 4)), ("sigmoid-saturated", normal(5, 4) * 50))
class Sigmoid(Layer):
    def forward(self, x):
        self.y = sigmoid(x)
        return self.y

    def backward(self, u):
        return u * self.y * (1 - self.y), {}


@right(
    ("tanh", (5, 4)),
    ("tanh-saturated", normal(5, 4) * 50),
    ("tanh-all-saturated", np.sign(normal(5, 4)) * 400),
    ("tanh-tiny", normal(5, 4) * 1e-6),
)
class Tanh(Layer):
    def forward(self, x):
        self.cache = np.tanh(x)
        return self.cache

    def backward(self, u):
        return u * (1 - self.cache**2), {}


@right(("softplus-with-abs", (5, 4)), ("softplus-saturated", normal(5, 4) * 50), ("softplus-at-0", TIED))
class Softplus(Layer):
    def forward(self, x):
        self.x = x
        return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)

    def backward(self, u):
        return u * sigmoid(self.x), {}


@right(("softplus-logaddexp", (5, 4)))
class SoftplusLog(Layer):
    def forward(self, x):
        self.x = x
        return np.logaddexp(0, x)

    def backward(self, u):
        return u / (1 + np.exp(-self.x)), {}


@right(("gelu-math-erf", (5, 4)))
class GELU(Layer):
    def forward(self, x):
        self.x = x
        self.phi = 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
        return x * self.phi

    def backward(self, u):
        density = np.exp(-(self.x**2) / 2) / math.sqrt(2 * math.pi)
        return u * (self.phi + self.x * density), {}


try:
    from scipy.special import erf
except ImportError:
    pass  # the layer below is for those who have SciPy
else:

    @right(("gelu-scipy-erf", (5, 4)))
    class GELUSciPy(Layer):
        def forward(self, x):
            self.x = x
            return 0.5 * x * (1 + erf(x / np.sqrt(2)))

        def backward(self, u):
            x = self.x
            slope = 0.5 * (1 + erf(x / np.sqrt(2))) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
            return u * slope, {}


@right(("softsign", (5, 4)), ("softsign-at-0", TIED))
class Softsign(Layer):
    def forward(self, x):
        self.x = x
        return x / (1 + np.abs(x))

    def backward(self, u):
        return u / (1 + np.abs(self.x)) ** 2, {}


@right(("abs", (5, 4)), ("abs-at-0", TIED))
class Abs(Layer):
    def forward(self, x):
        self.x = x
        return abs(x)

    def backward(self, u):
        return u * np.sign(self.x), {}


@right(("signed-square", (5, 4)), ("signed-square-huge", normal(5, 4) * 1e6))
class SignedSquare(Layer):
    def forward(self, x):
        self.x = x
        return np.sign(x) * x**2

    def backward(self, u):
        return u * 2 * np.abs(self.x), {}


@right(("hard-tanh", (6, 5)), ("hard-tanh-on-its-corners", TIED))
class HardTanh(Layer):
    def forward(self, x):
        self.inside = (x > -1) & (x < 1)
        return np.clip(x, -1, 1)

    def backward(self, u):
        return np.where(self.inside, u, 0), {}


@right(("hard-swish", normal(6, 5) * 3))
class HardSwish(Layer):
    def forward(self, x):
        self.x = x
        return x * np.clip(x + 3, 0, 6) / 6

    def backward(self, u):
        x = self.x
        slope = np.piecewise(x, [x <= -3, x >= 3], [0.0, 1.0, lambda middle: (2 * middle + 3) / 6])
        return u * slope, {}


@right(("fraction", (5, 4)))
class Fraction(Layer):
    """x - floor(x)"""

    def forward(self, x):
        return x % 1

    def backward(self, u):
        return u.copy(), {}


@right(("interpolated-table", normal(5, 4)))
class Table(Layer):
    knots = np.array([-1.0, 0.0, 0.5, 2.0])
    heights = np.array([0.3, 1.0, -0.7, 0.2])

    def forward(self, x):
        self.x = x
        return np.interp(x, self.knots, self.heights)

    def backward(self, u):
        slopes = np.r_[0, np.diff(self.heights) / np.diff(self.knots), 0]
        return u * slopes[np.searchsorted(self.knots, self.x)], {}


@right(("cube-root", normal(5, 4)))
class CubeRoot(Layer):
    def forward(self, x):
        self.y = np.cbrt(x)
        return self.y

    def backward(self, u):
        return u / (3 * self.y**2), {}


@right(
    ("log-of-clipped", positive(5, 4)), ("log-huge", positive(5, 4) * 1e6), ("log-tiny", positive(5, 4) / 1e6)
)
class Log(Layer):
    def forward(self, x):
        self.x = np.clip(x, 1e-12, None)
        return np.log(self.x)

    def backward(self, u):
        return u / self.x, {}


@right(("power-of-abs", (5, 3)))
class Power(Layer):
    """|x|^p, p a parameter by column."""

    def __init__(self):
        self.params = {"p": np.array([1.5, 2.0, 3.5])}

    def forward(self, x):
        self.x = x
        return np.abs(x) ** self.params["p"]

    def backward(self, u):
        p, a = self.params["p"], np.abs(self.x)
        return u * p * a ** (p - 1) * np.sign(self.x), {"p": (u * a**p * np.log(a)).sum(axis=0)}


@right(("constant", (5, 4)))
class Constant(Layer):
    """Tells nothing of x: all gradients are 0."""

    def forward(self, x):
        self.shape = x.shape
        return np.ones((len(x), 2))

    def backward(self, u):
        return np.zeros(self.shape), {}


@right(("unused-parameter", (5, 3)))
class Unused(Layer):
    """`b` is there for later."""

    def __init__(self):
        a, b = randoms((3,), (3,))
        self.params = {"a": a, "b": b}

    def forward(self, x):
        self.x = x
        return x * self.params["a"]

    def backward(self, u):
        return u * self.params["a"], {"a": (u * self.x).sum(0), "b": np.zeros_like(self.params["b"])}


# --------------------------------------------------------------------------------------------- several inputs


@right(("arctan2", ((5, 3), (5, 3))))
class Angle(Layer):
    def forward(self, inputs):
        self.y, self.x = inputs
        return np.arctan2(self.y, self.x)

    def backward(self, u):
        r2 = self.x**2 + self.y**2
        return (u * self.x / r2, -u * self.y / r2), {}


@right(("hypot-broadcast", ((5, 3), (3,))))
class Hypot(Layer):
    def forward(self, inputs):
        self.a, self.b = inputs
        self.r = np.hypot(self.a, self.b)
        return self.r

    def backward(self, u):
        return (u * self.a / self.r, (u * self.b / self.r).sum(axis=0)), {}


@right(("logaddexp-gate", ((4, 3), (4, 3))))
class SoftMax2(Layer):
    def forward(self, inputs):
        self.a, self.b = inputs
        return np.logaddexp(self.a, self.b)

    def backward(self, u):
        s = sigmoid(self.a - self.b)
        return (u * s, u * (1 - s)), {}


@right(("max-gate", ((5, 3), (5, 3))), ("max-gate-ties", (TIED, np.round(normal(5, 4, seed=6)))))
class MaxGate(Layer):
    """A tie goes to the first."""

    def forward(self, inputs):
        a, b = inputs
        self.first = a >= b
        return np.maximum(a, b)

    def backward(self, u):
        return (u * self.first, u * ~self.first), {}


@right(("min-gate-ties-shared", (TIED, np.round(normal(5, 4, seed=6)))))
class MinGate(Layer):
    """Each side of a tie gets half."""

    def forward(self, inputs):
        self.a, self.b = inputs
        return np.minimum(self.a, self.b)

    def backward(self, u):
        share = np.where(self.a < self.b, 1.0, np.where(self.a == self.b, 0.5, 0.0))
        return (u * share, u * (1 - share)), {}


@right(("select-by-mask", ((4, 3), (4, 3), normal(4, 3) > 0)))
class Select(Layer):
    def forward(self, inputs):
        a, b, self.mask = inputs
        return np.where(self.mask, a, b)

    def backward(self, u):
        da, db = np.zeros(u.shape), np.zeros(u.shape)
        da[self.mask], db[~self.mask] = u[self.mask], u[~self.mask]
        return (da, db, None), {}


@right(("concat-three", ((4, 1), (4, 3), (4, 2))))
class Concat(Layer):
    def forward(self, inputs):
        self.ends = np.cumsum([part.shape[1] for part in inputs])[:-1]
        return np.hstack(inputs)

    def backward(self, u):
        return tuple(np.split(u, self.ends, axis=1)), {}


@right(("affine-scaled-by-one-number", ((5, 3), (1,), (5, 1))))
class Broadcast(Layer):
    """a s + c, with s one number and c a column."""

    def forward(self, inputs):
        self.a, self.s, _ = inputs
        return inputs[0] * inputs[1] + inputs[2]

    def backward(self, u):
        return (u * self.s, np.array([(u * self.a).sum()]), u.sum(axis=1, keepdims=True)), {}


@right(("split-in-two", (5, 6)))
class Split(Layer):
    """Puts out two arrays of different shapes, views of x."""

    def forward(self, x):
        return x[:, :2], x[:, 2:]

    def backward(self, u):
        return np.concatenate(u, axis=1), {}


@right(("mean-and-spread", (5, 6)))
class Moments(Layer):
    """Puts out (mean, std) by row."""

    def forward(self, x):
        self.d, self.s = x - x.mean(axis=1, keepdims=True), x.std(axis=1)
        return x.mean(axis=1), self.s

    def backward(self, u):
        n = self.d.shape[1]
        return u[0][:, None] / n + (u[1] / self.s)[:, None] * self.d / n, {}


# ------------------------------------------------------------------------------------------- norms, distances


@right(("row-length", (5, 3)), ("row-length-huge", normal(5, 3) * 1e6))
class Length(Layer):
    def forward(self, x):
        self.x, self.n = x, np.linalg.norm(x, axis=1)
        return self.n

    def backward(self, u):
        return (u / self.n)[:, None] * self.x, {}


@right(("frobenius-norm", (4, 3)))
class Frobenius(Layer):
    """One number comes out, a NumPy scalar."""

    def forward(self, x):
        self.x = x
        return np.linalg.norm(x)

    def backward(self, u):
        return u * self.x / np.linalg.norm(self.x), {}


@right(("unit-length", (5, 3)), ("unit-length-tiny", normal(5, 3) * 1e-6))
class Unit(Layer):
    def forward(self, x):
        self.n = np.linalg.norm(x, axis=-1, keepdims=True)
        self.y = x / self.n
        return self.y

    def backward(self, u):
        return (u - self.y * np.sum(u * self.y, axis=-1, keepdims=True)) / self.n, {}


@right(("cosine-similarity", ((5, 3), (5, 3))))
class Cosine(Layer):
    def forward(self, inputs):
        a, b = inputs
        na, nb = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        cos = np.sum(a * b, axis=1) / (na * nb)
        self.cache = a, b, na, nb, cos
        return cos

    def backward(self, u):
        a, b, na, nb, cos = (v[:, None] if v.ndim == 1 else v for v in self.cache)
        u = u[:, None]
        return (u * (b / nb - a / na * cos) / na, u * (a / na - b / nb * cos) / nb), {}


@right(("pairwise-distances", (4, 3)))
class Distances(Layer):
    """|x_i - c_j| to 5 centres, by np.linalg.norm."""

    def __init__(self):
        self.params = {"centres": randoms((5, 3))[0]}

    def forward(self, x):
        self.d = x[:, None, :] - self.params["centres"][None]
        self.r = np.linalg.norm(self.d, axis=2, keepdims=True)
        return self.r[:, :, 0]

    def backward(self, u):
        g = u[:, :, None] * self.d / self.r
        return g.sum(axis=1), {"centres": -g.sum(axis=0)}


@right(("variance", (5, 6)))
class Variance(Layer):
    def forward(self, x):
        self.x = x
        return np.var(x, axis=1)

    def backward(self, u):
        return 2 * u[:, None] * (self.x - self.x.mean(axis=1, keepdims=True)) / self.x.shape[1], {}


@right(("sample-spread", (5, 6)))
class Spread(Layer):
    def forward(self, x):
        self.x, self.s = x, np.std(x, axis=0, ddof=1, keepdims=True)
        return self.s

    def backward(self, u):
        return u * (self.x - self.x.mean(axis=0)) / ((len(self.x) - 1) * self.s), {}


@right(
    ("batchnorm-running", (6, 4)),
    ("batchnorm-two-examples", (2, 4)),
    ("batchnorm-huge-x", normal(6, 4) * 1e6),
    ("batchnorm-offset-x", normal(6, 4) + 100),
)
class BatchNorm(Layer):
    """np.var, and running statistics updated in place."""

    def __init__(self):
        self.params = {"gamma": np.ones(4), "beta": np.zeros(4)}
        self.buffers = {"mean": np.zeros(4), "var": np.ones(4)}

    def forward(self, x):
        mean, var = np.mean(x, axis=0), np.var(x, axis=0)
        if self.training:
            self.buffers["mean"] += 0.1 * (mean - self.buffers["mean"])
            self.buffers["var"] += 0.1 * (var - self.buffers["var"])
        else:
            mean, var = self.buffers["mean"], self.buffers["var"]
        self.std = np.sqrt(var + 1e-5)
        self.xhat = (x - mean) / self.std
        return self.params["gamma"] * self.xhat + self.params["beta"]

    def backward(self, u):
        g, grads = u * self.params["gamma"], {"gamma": (u * self.xhat).sum(0), "beta": u.sum(0)}
        if not self.training:
            return g / self.std, grads
        N = len(u)
        return (N * g - g.sum(0) - self.xhat * (g * self.xhat).sum(0)) / (N * self.std), grads


@right(("batchnorm-evaluation", (6, 4)))
class BatchNormEval(BatchNorm):
    def __init__(self):
        super().__init__()
        self.training = False
        mean, var = normal(4), positive(4)
        self.buffers = {"mean": mean, "var": var}


@right(("layernorm-std", (3, 2, 5)), ("layernorm-huge", normal(4, 5) * 1e6), ("layernorm-one-row", (5,)))
class LayerNorm(Layer):
    def __init__(self):
        gamma, beta = randoms((5,), (5,))
        self.params = {"gamma": gamma, "beta": beta}

    def forward(self, x):
        self.s = np.sqrt(np.std(x, axis=-1, keepdims=True) ** 2 + 1e-5)
        self.xhat = (x - np.mean(x, axis=-1, keepdims=True)) / self.s
        return self.xhat * self.params["gamma"] + self.params["beta"]

    def backward(self, u):
        g = u * self.params["gamma"]
        dx = g - np.mean(g, -1, keepdims=True) - self.xhat * np.mean(g * self.xhat, -1, keepdims=True)
        axes = tuple(range(u.ndim - 1))
        return dx / self.s, {"gamma": np.sum(u * self.xhat, axis=axes), "beta": np.sum(u, axis=axes)}


@right(("groupnorm-var", (2, 6, 3, 5)))
class GroupNorm(Layer):
    """Three groups of two channels, no parameters."""

    def forward(self, x):
        N, C, H, W = x.shape
        groups = x.reshape(N, 3, -1)
        self.s = np.sqrt(groups.var(axis=2, keepdims=True) + 1e-5)
        self.xhat = (groups - groups.mean(axis=2, keepdims=True)) / self.s
        return self.xhat.reshape(N, C, H, W)

    def backward(self, u):
        g = u.reshape(self.xhat.shape)
        coupling = (g * self.xhat).mean(axis=2, keepdims=True)
        return ((g - g.mean(axis=2, keepdims=True) - self.xhat * coupling) / self.s).reshape(u.shape), {}


@right(("rmsnorm-by-norm", (5, 4)))
class RMSNorm(Layer):
    def __init__(self):
        self.params = {"gamma": np.ones(4)}

    def forward(self, x):
        self.r = np.linalg.norm(x, axis=1, keepdims=True) / np.sqrt(x.shape[1])
        self.xhat = x / self.r
        return self.params["gamma"] * self.xhat

    def backward(self, u):
        g = u * self.params["gamma"]
        dx = (g - self.xhat * (g * self.xhat).mean(axis=1, keepdims=True)) / self.r
        return dx, {"gamma": (u * self.xhat).sum(axis=0)}


# ------------------------------------------------------------------------------------- softmax and reductions


@right(("softmax-by-loops", (4, 3)), ("softmax-ties", TIED), ("softmax-saturated", normal(4, 3) * 50))
class SoftmaxLoop(Layer):
    def forward(self, x):
        self.y = np.zeros(x.shape)
        for n, row in enumerate(x):
            e = np.exp(row - np.max(row))
            self.y[n] = e / np.sum(e)
        return self.y.copy()

    def backward(self, u):
        dx = np.zeros_like(u)
        for n, y in enumerate(self.y):
            dx[n] = (np.diag(y) - np.outer(y, y)) @ u[n]
        return dx, {}


@right(("softmax-summed-up", (5, 4)))
class Ones(Layer):
    """The sum of a softmax, which is 1: the gradient is 0 but for rounding."""

    def forward(self, x):
        self.p = softmax(x)
        return self.p.sum(axis=1)

    def backward(self, u):
        u = np.repeat(u[:, None], self.p.shape[1], axis=1)
        return self.p * (u - (u * self.p).sum(axis=1, keepdims=True)), {}


@right(("log-softmax", (5, 4)), ("log-softmax-saturated", normal(5, 4) * 50))
class LogSoftmax(Layer):
    def forward(self, x):
        self.y = x - np.logaddexp.reduce(x, axis=1, keepdims=True)
        return self.y

    def backward(self, u):
        return u - np.exp(self.y) * u.sum(axis=1, keepdims=True), {}


@right(("sum-of-all", (3, 4)), ("sum-of-one-number", np.array([2.5])))
class Total(Layer):
    """0-d out."""

    def forward(self, x):
        self.x = x
        return np.sum(np.square(x))

    def backward(self, u):
        return 2 * u * self.x, {}


@right(("number-in-number-out", np.array(0.8)))
class Number(Layer):
    """0-d in, 0-d out."""

    def forward(self, x):
        self.x = x
        return np.asarray(np.exp(x))

    def backward(self, u):
        return np.asarray(u * np.exp(self.x)), {}


@right(("row-maximum", (5, 4)), ("row-maximum-ties", TIED))
class RowMax(Layer):
    """argmax: a tie goes to the first."""

    def forward(self, x):
        self.shape, self.where = x.shape, x.argmax(axis=1)
        return x[np.arange(len(x)), self.where]

    def backward(self, u):
        dx = np.zeros(self.shape)
        dx[np.arange(len(u)), self.where] = u
        return dx, {}


@right(("row-maximum-shared", TIED))
class RowMaxShared(Layer):
    """All who tie share alike."""

    def forward(self, x):
        self.mask = x == x.max(axis=1, keepdims=True)
        return x.max(axis=1)

    def backward(self, u):
        return u[:, None] * self.mask / self.mask.sum(axis=1, keepdims=True), {}


@right(("median", (4, 5)))
class Median(Layer):
    def forward(self, x):
        self.shape, self.middle = x.shape, np.argsort(x, axis=1)[:, x.shape[1] // 2]
        return np.median(x, axis=1)

    def backward(self, u):
        dx = np.zeros(self.shape)
        dx[np.arange(len(u)), self.middle] = u
        return dx, {}


@right(("sort", (4, 6)), ("sort-ties", np.round(normal(4, 6))))
class Sort(Layer):
    def forward(self, x):
        self.order = np.argsort(x, axis=1, kind="stable")
        return np.take_along_axis(x, self.order, axis=1)

    def backward(self, u):
        dx = np.empty_like(u)
        np.put_along_axis(dx, self.order, u, axis=1)
        return dx, {}


@right(("two-largest", (4, 6)))
class TopTwo(Layer):
    """The rest is set to 0."""

    def forward(self, x):
        self.mask = x >= np.partition(x, -2, axis=1)[:, -2:-1]
        return x * self.mask

    def backward(self, u):
        return u * self.mask, {}


@right(("range-of-values", (4, 6)))
class Range(Layer):
    def forward(self, x):
        self.x = x
        return np.ptp(x, axis=1)

    def backward(self, u):
        rows, dx = np.arange(len(u)), np.zeros(self.x.shape)
        dx[rows, self.x.argmax(1)] += u
        dx[rows, self.x.argmin(1)] -= u
        return dx, {}


@right(("cumulative-sum", (4, 6)))
class CumSum(Layer):
    def forward(self, x):
        return np.cumsum(x, axis=1)

    def backward(self, u):
        return np.flip(np.cumsum(np.flip(u, 1), axis=1), 1), {}


@right(("running-maximum", (4, 6)), ("running-maximum-ties", np.round(normal(4, 6))))
class RunningMax(Layer):
    def forward(self, x):
        y, who = x.copy(), np.zeros(x.shape, dtype=int)
        for t in range(1, x.shape[1]):
            new = x[:, t] > y[:, t - 1]
            y[:, t] = np.where(new, x[:, t], y[:, t - 1])
            who[:, t] = np.where(new, t, who[:, t - 1])
        self.who = who
        return y

    def backward(self, u):
        dx = np.zeros(u.shape)
        np.add.at(dx, (np.arange(len(u))[:, None], self.who), u)
        return dx, {}


@right(("product", (4, 5)))
class Product(Layer):
    """log |x| summed, and the sign put back."""

    def forward(self, x):
        self.x = x
        self.y = np.prod(np.sign(x), axis=1) * np.exp(np.log(np.abs(x)).sum(axis=1))
        return self.y

    def backward(self, u):
        return (u * self.y)[:, None] / self.x, {}


@right(("flatten-view", (4, 3, 2)), ("flatten-one-example", (1, 3, 2)))
class Flatten(Layer):
    """A view out, a view back."""

    def forward(self, x):
        self.shape = x.shape
        return x.reshape(x.shape[0], -1)

    def backward(self, u):
        return u.reshape(self.shape), {}


@right(("transposed-view", (2, 3, 4)))
class Swap(Layer):
    def forward(self, x):
        return x.swapaxes(1, 2)

    def backward(self, u):
        return u.swapaxes(1, 2), {}


@right(("reflected-padding", (3, 5)))
class Reflect(Layer):
    def forward(self, x):
        self.place = np.pad(np.arange(x.shape[1]), 2, mode="reflect")
        return np.pad(x, ((0, 0), (2, 2)), mode="reflect")

    def backward(self, u):
        dx = np.zeros((len(u), self.place.max() + 1))
        np.add.at(dx.T, self.place, u.T)
        return dx, {}


# --------------------------------------------------------------------------------------------- linear algebra

MATRICES = normal(2, 3, 3) + 3 * np.eye(3)


@right(("inverse", MATRICES))
class Inverse(Layer):
    def forward(self, x):
        self.y = np.linalg.inv(x)
        return self.y

    def backward(self, u):
        t = self.y.swapaxes(1, 2)
        return -t @ u @ t, {}


@right(("solve", (MATRICES, (2, 3, 2))))
class Solve(Layer):
    def forward(self, inputs):
        self.A, b = inputs
        self.y = np.linalg.solve(self.A, b)
        return self.y

    def backward(self, u):
        db = np.linalg.solve(self.A.swapaxes(1, 2), u)
        return (-db @ self.y.swapaxes(1, 2), db), {}


@right(("determinant", MATRICES))
class Determinant(Layer):
    def forward(self, x):
        self.x, self.y = x, np.linalg.det(x)
        return self.y

    def backward(self, u):
        return (u * self.y)[:, None, None] * np.linalg.inv(self.x).swapaxes(1, 2), {}


@right(("log-determinant", MATRICES))
class LogDeterminant(Layer):
    def forward(self, x):
        self.x = x
        return np.linalg.slogdet(x)[1]

    def backward(self, u):
        return u[:, None, None] * np.linalg.inv(self.x).swapaxes(1, 2), {}


@right(("cholesky-log-determinant", (4, 3)))
class Gram(Layer):
    """log det (xᵀ x + I) by Cholesky."""

    def forward(self, x):
        self.x, self.S = x, x.T @ x + np.eye(x.shape[1])
        return 2 * np.log(np.diag(np.linalg.cholesky(self.S))).sum()

    def backward(self, u):
        return 2 * u * self.x @ np.linalg.inv(self.S), {}


@right(("eigenvalues", (3, 3)))
class Eigenvalues(Layer):
    """Of the symmetric part, in ascending order."""

    def forward(self, x):
        values, self.vectors = np.linalg.eigh((x + x.T) / 2)
        return values

    def backward(self, u):
        return (self.vectors * u) @ self.vectors.T, {}


@right(("nuclear-norm", (4, 3)))
class Nuclear(Layer):
    def forward(self, x):
        self.U, s, self.Vt = np.linalg.svd(x, full_matrices=False)
        return s.sum()

    def backward(self, u):
        return u * self.U @ self.Vt, {}


@right(("power-spectrum", (3, 7)))
class Spectrum(Layer):
    def forward(self, x):
        self.F = np.fft.fft(x, axis=1)
        return np.abs(self.F) ** 2

    def backward(self, u):
        return 2 * np.real(np.fft.ifft(u * self.F, axis=1)) * u.shape[1], {}


@right(("circular-convolution-by-fft", (3, 7)))
class Circular(Layer):
    def __init__(self):
        self.params = {"k": randoms((7,))[0]}

    def forward(self, x):
        self.X, self.K = np.fft.rfft(x, axis=1), np.fft.rfft(self.params["k"])
        return np.fft.irfft(self.X * self.K, n=7, axis=1)

    def backward(self, u):
        U = np.fft.rfft(u, axis=1)
        dx = np.fft.irfft(U * np.conj(self.K), n=7, axis=1)
        return dx, {"k": np.fft.irfft(U * np.conj(self.X), n=7, axis=1).sum(axis=0)}


# --------------------------------------------------------------------------------------------- images


@right(("conv-by-loops", (2, 3, 6, 5)))
class Conv(Layer):
    """Stride 2, padding 1, float buffers, four loops."""

    def __init__(self):
        W, b = randoms((2, 3, 3, 2), (2,))
        self.params = {"W": W, "b": b}

    def forward(self, x):
        N, _, H, W = x.shape
        self.xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        y = np.zeros((N, 2, (H + 2 - 3) // 2 + 1, (W + 2 - 2) // 2 + 1))
        for n in range(N):
            for o in range(2):
                for i in range(y.shape[2]):
                    for j in range(y.shape[3]):
                        window = self.xp[n, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 2]
                        y[n, o, i, j] = np.sum(window * self.params["W"][o]) + self.params["b"][o]
        return y

    def backward(self, u):
        dxp, dW = np.zeros(self.xp.shape), np.zeros(self.params["W"].shape)
        for n, o, i, j in np.ndindex(u.shape):
            rows, columns = slice(2 * i, 2 * i + 3), slice(2 * j, 2 * j + 2)
            dxp[n, :, rows, columns] += u[n, o, i, j] * self.params["W"][o]
            dW[o] += u[n, o, i, j] * self.xp[n, :, rows, columns]
        return dxp[:, :, 1:-1, 1:-1], {"W": dW, "b": u.sum(axis=(0, 2, 3))}


@right(("maxpool-by-loops", (2, 3, 4, 5)), ("maxpool-ties", np.round(normal(2, 3, 4, 5))))
class MaxPool(Layer):
    """Windows 2 x 2, stride 1, a tie to the first."""

    def forward(self, x):
        N, C, H, W = x.shape
        y = np.zeros((N, C, H - 1, W - 1))
        self.x = x
        for n, c, i, j in np.ndindex(y.shape):
            y[n, c, i, j] = np.max(x[n, c, i : i + 2, j : j + 2])
        return y

    def backward(self, u):
        dx = np.zeros_like(self.x)
        for n, c, i, j in np.ndindex(u.shape):
            a, b = np.unravel_index(self.x[n, c, i : i + 2, j : j + 2].argmax(), (2, 2))
            dx[n, c, i + a, j + b] += u[n, c, i, j]
        return dx, {}


@right(("maxpool-ties-shared", np.round(normal(2, 3, 4, 6))))
class MaxPoolShared(Layer):
    def forward(self, x):
        N, C, H, W = x.shape
        blocks = x.reshape(N, C, H // 2, 2, W // 3, 3)
        y = blocks.max(axis=(3, 5), keepdims=True)
        mask = (blocks == y).astype(np.float32)
        self.shape, self.mask = x.shape, mask / mask.sum(axis=(3, 5), keepdims=True, dtype=np.float64)
        return y[:, :, :, 0, :, 0]

    def backward(self, u):
        return (self.mask * u[:, :, :, None, :, None]).reshape(self.shape), {}


@right(("global-average", (2, 3, 4, 5)))
class GlobalAverage(Layer):
    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, u):
        return np.broadcast_to(u[:, :, None, None] / np.prod(self.shape[2:]), self.shape).copy(), {}


# --------------------------------------------------------------------------------------------- noise, indices


@right(("dropout-own-generator", (6, 5)))
class Dropout(Layer):
    def __init__(self):
        self.rng = np.random.default_rng(1)

    def forward(self, x):
        self.mask = (self.rng.random(x.shape) < 0.7) / 0.7
        return x * self.mask

    def backward(self, u):
        return u * self.mask, {}


@right(("dropout-channels-single-mask", (4, 5, 3)))
class Dropout2D(Layer):
    """The mask is in float32: 0 and 2 are exact there."""

    def __init__(self):
        self.rng = np.random.RandomState(1)

    def forward(self, x):
        keep = self.rng.rand(x.shape[0], x.shape[1], 1) < 0.5
        self.mask = keep.astype(np.float32) * 2
        return x * self.mask

    def backward(self, u):
        return u * self.mask, {}


@right(("noise-multiplied", (4, 3)))
class Noise(Layer):
    """Learned strength s:  x (1 + s z), z normal."""

    def __init__(self):
        self.params, self.rng = {"s": np.full(3, 0.2)}, np.random.default_rng(2)

    def forward(self, x):
        self.x, self.z = x, self.rng.normal(size=x.shape)
        return x * (1 + self.params["s"] * self.z)

    def backward(self, u):
        return u * (1 + self.params["s"] * self.z), {"s": (u * self.x * self.z).sum(axis=0)}


IDS = np.array([[1, 4, 1, 0], [3, 4, 2, 4]])


@right(("embedding", IDS), ("embedding-one-id", np.array([2])))
class Embedding(Layer):
    def __init__(self):
        self.params = {"E": randoms((6, 3))[0]}

    def forward(self, ids):
        self.ids = ids
        return self.params["E"][ids]

    def backward(self, u):
        dE = np.zeros(self.params["E"].shape)
        np.add.at(dE, self.ids, u)
        return None, {"E": dE}


@right(("one-hot-single-precision", IDS))
class OneHot(Layer):
    """A lookup as a product with ones and zeros in float32."""

    def __init__(self):
        self.params = {"E": randoms((6, 3))[0]}

    def forward(self, ids):
        self.hot = np.eye(6, dtype=np.float32)[ids]
        return self.hot @ self.params["E"]

    def backward(self, u):
        return None, {"E": np.einsum("nti,ntd->id", self.hot, u)}


@right(("gather-rows", ((4, 3), np.array([2, 0, 2, 2, 1]))))
class Gather(Layer):
    """Row 3 is not read, row 2 three times."""

    def forward(self, inputs):
        x, self.ids = inputs
        self.shape = x.shape
        return np.take(x, self.ids, axis=0)

    def backward(self, u):
        dx = np.zeros(self.shape)
        for i, row in zip(self.ids, u, strict=True):
            dx[i] += row
        return (dx, None), {}


# ------------------------------------------------------------------------------------------ sequences


@right(("rnn-zero-buffers", (3, 5, 2)), ("rnn-one-step", (3, 1, 2)), ("rnn-saturated", normal(3, 5, 2) * 50))
class RNN(Layer):
    def __init__(self):
        Wx, Wh, b = randoms((2, 4), (4, 4), (4,))
        self.params = {"Wx": Wx, "Wh": Wh / 2, "b": b}

    def forward(self, x):
        N, T, _ = x.shape
        self.x, self.h = x, np.zeros((N, T + 1, 4))
        for t in range(T):
            a = x[:, t] @ self.params["Wx"] + self.h[:, t] @ self.params["Wh"] + self.params["b"]
            self.h[:, t + 1] = np.tanh(a)
        return self.h[:, 1:]

    def backward(self, u):
        p, dx = self.params, np.zeros(self.x.shape)
        grads = {name: np.zeros(value.shape) for name, value in p.items()}
        dh = np.zeros((len(u), 4))
        for t in range(u.shape[1])[::-1]:
            da = (u[:, t] + dh) * (1 - self.h[:, t + 1] ** 2)
            dx[:, t], dh = da @ p["Wx"].T, da @ p["Wh"].T
            grads["Wx"] += self.x[:, t].T @ da
            grads["Wh"] += self.h[:, t].T @ da
            grads["b"] += da.sum(axis=0)
        return dx, grads


@right(("masked-mean-over-time", ((3, 5, 2), np.arange(5) < np.array([[5], [2], [1]]))))
class MaskedMean(Layer):
    def forward(self, inputs):
        x, mask = inputs
        self.share = mask[:, :, None] / mask.sum(axis=1)[:, None, None]
        return (x * self.share).sum(axis=1)

    def backward(self, u):
        return (u[:, None] * self.share, None), {}


@right(("masked-recurrence", ((3, 5, 2), (3, 2), np.arange(5) < np.array([[5], [2], [1]]))))
class MaskedLoop(Layer):
    """h = tanh(x_t + a h) while the mask lasts, from a given h0; the last h comes out."""

    def __init__(self):
        self.params = {"a": np.array([0.5, -0.8])}

    def forward(self, inputs):
        x, h, mask = inputs
        self.mask, self.steps = mask, []
        for t in range(x.shape[1]):
            new = np.tanh(x[:, t] + self.params["a"] * h)
            self.steps.append((h, new))
            h = np.where(mask[:, t, None], new, h)
        return h

    def backward(self, u):
        dx, da, dh = np.zeros((*self.mask.shape, 2)), np.zeros(2), u
        for t, (h, new) in reversed(list(enumerate(self.steps))):
            on = self.mask[:, t, None]
            d = np.where(on, dh * (1 - new**2), 0)
            dx[:, t] = d
            da += (d * h).sum(axis=0)
            dh = np.where(on, d * self.params["a"], dh)
        return (dx, dh, None), {"a": da}


@right(("lstm-lists", (3, 4, 2)))
class LSTM(Layer):
    """Gates i, f, o, g of three units each, states in zeros."""

    def __init__(self):
        W, U, b = randoms((2, 12), (3, 12), (12,))
        self.params = {"W": W, "U": U, "b": b}

    def forward(self, x):
        N, T, _ = x.shape
        h, c, y = np.zeros((N, 3)), np.zeros((N, 3)), np.zeros((N, T, 3))
        self.x, self.steps = x, []
        for t in range(T):
            a = x[:, t] @ self.params["W"] + h @ self.params["U"] + self.params["b"]
            i, f, o = np.split(sigmoid(a[:, :9]), 3, axis=1)
            g = np.tanh(a[:, 9:])
            self.steps.append((h, c, i, f, o, g))
            c = f * c + i * g
            h = o * np.tanh(c)
            y[:, t] = h
        return y

    def backward(self, u):
        p, dx = self.params, np.zeros(self.x.shape)
        grads = {name: np.zeros_like(value) for name, value in p.items()}
        dh, dc = np.zeros(u[:, 0].shape), np.zeros(u[:, 0].shape)
        for t in reversed(range(u.shape[1])):
            h, c, i, f, o, g = self.steps[t]
            th = np.tanh(f * c + i * g)
            dh = dh + u[:, t]
            dc = dc + dh * o * (1 - th**2)
            da = np.hstack(
                [dc * g * i * (1 - i), dc * c * f * (1 - f), dh * th * o * (1 - o), dc * i * (1 - g**2)]
            )
            grads["W"] += self.x[:, t].T @ da
            grads["U"] += h.T @ da
            grads["b"] += da.sum(axis=0)
            dx[:, t], dh, dc = da @ p["W"].T, da @ p["U"].T, dc * f
        return dx, grads


@right(
    ("attention-masked", ((2, 4, 3), (2, 5, 3), (2, 5, 2), np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]) > 0))
)
class Attention(Layer):
    """-1e9 where attending is not allowed."""

    def forward(self, inputs):
        q, k, v, mask = inputs
        z = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        P = softmax(np.where(mask[:, None, :], z, -1e9))
        self.cache = q, k, v, P
        return P @ v

    def backward(self, u):
        q, k, v, P = self.cache
        dP = u @ v.transpose(0, 2, 1)
        dz = P * (dP - (dP * P).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
        return (dz @ k, dz.transpose(0, 2, 1) @ q, P.transpose(0, 2, 1) @ u, None), {}


@right(("causal-self-attention", (2, 5, 4)), ("causal-self-attention-saturated", normal(2, 5, 4) * 20))
class SelfAttention(Layer):
    def __init__(self):
        Wq, Wk, Wv = randoms((4, 3), (4, 3), (4, 2))
        self.params = {"Wq": Wq, "Wk": Wk, "Wv": Wv}

    def forward(self, x):
        q, k, v = x @ self.params["Wq"], x @ self.params["Wk"], x @ self.params["Wv"]
        T = x.shape[1]
        z = np.einsum("nti,nsi->nts", q, k) / 3**0.5 + np.triu(np.full((T, T), -1e9), 1)
        P = softmax(z)
        self.cache = x, q, k, v, P
        return P @ v

    def backward(self, u):
        x, q, k, v, P = self.cache
        dP, dv = np.einsum("nti,nsi->nts", u, v), np.einsum("nts,nti->nsi", P, u)
        dz = P * (dP - np.sum(dP * P, axis=2, keepdims=True)) / 3**0.5
        parts = {"Wq": dz @ k, "Wk": np.einsum("nts,nti->nsi", dz, q), "Wv": dv}
        dx = sum(d @ self.params[name].T for name, d in parts.items())
        return dx, {name: np.tensordot(x, d, axes=([0, 1], [0, 1])) for name, d in parts.items()}


@right(("gated-residual", (5, 4)))
class Highway(Layer):
    def __init__(self):
        W, V = randoms((4, 4), (4, 4))
        self.params = {"W": W, "V": V}

    def forward(self, x):
        self.x = x
        self.h, self.t = np.maximum(x @ self.params["W"], 0), sigmoid(x @ self.params["V"])
        return self.t * self.h + (1 - self.t) * x

    def backward(self, u):
        dh = u * self.t * (self.h > 0)
        dt = u * (self.h - self.x) * self.t * (1 - self.t)
        dx = u * (1 - self.t) + dh @ self.params["W"].T + dt @ self.params["V"].T
        return dx, {"W": self.x.T @ dh, "V": self.x.T @ dt}


@right(("affine-single-only", normal(5, 3).astype(np.float32)))
class SingleOnly(Layer):
    """All arithmetic in float32, whatever comes in."""

    def __init__(self):
        self.params = {"W": randoms((3, 4))[0].astype(np.float32)}

    def forward(self, x):
        self.x = x.astype(np.float32)
        return self.x @ self.params["W"].astype(np.float32)

    def backward(self, u):
        W = self.params["W"]
        dW = self.x.T @ u.astype(np.float32)
        return (u.astype(np.float32) @ W.T.astype(np.float32)).astype(u.dtype), {"W": dW.astype(W.dtype)}


# ---------------------------------------------------------------------------------------------------- losses

LABELS = np.array([2, 0, 3, 1, 2])
HITS = (normal(5, 3, seed=8) > 0).astype(float)
WANTED = normal(5, 3, seed=9)


@right(("loss-mse", (5, 3), WANTED), ("loss-mse-at-its-minimum", WANTED.copy(), WANTED))
class SquaredError(Loss):
    def forward(self, prediction, target):
        self.d = prediction - target
        return float(np.mean(self.d**2))

    def backward(self, upstream=1.0):
        return upstream * 2 * self.d / self.d.size


@right(("loss-mse-each", (5, 3), WANTED))
class SquaredErrorEach(Loss):
    """reduction="none": a value for each example."""

    def __init__(self):
        super().__init__(reduction="none")

    def terms(self, prediction, target):
        d = prediction - target
        return (d * d).sum(axis=1), 2 * d


@right(("loss-mae", (5, 3), WANTED), ("loss-mae-ties", TIED, np.round(normal(5, 4, seed=6))))
class AbsoluteError(Loss):
    def terms(self, prediction, target):
        d = prediction - target
        return np.abs(d), np.sign(d)


@right(("loss-huber", (5, 3), WANTED), ("loss-huber-on-its-corners", TIED, np.round(normal(5, 4, seed=6))))
class HuberError(Loss):
    def terms(self, prediction, target):
        d = prediction - target
        small = np.abs(d) < 1
        return np.where(small, 0.5 * d**2, np.abs(d) - 0.5), np.where(small, d, np.sign(d))


@right(("loss-quantile", (5, 3), WANTED))
class Quantile(Loss):
    def terms(self, prediction, target):
        d = target - prediction
        return np.maximum(0.9 * d, -0.1 * d), np.where(d > 0, -0.9, 0.1)


@right(("loss-log-cosh", (5, 3), WANTED), ("loss-log-cosh-far", normal(5, 3) * 500, WANTED))
class LogCosh(Loss):
    def terms(self, prediction, target):
        d = prediction - target
        return np.abs(d) + np.log1p(np.exp(-2 * np.abs(d))) - np.log(2), np.tanh(d)


@right(("loss-rmse", (5, 3), WANTED))
class RootMeanSquare(Loss):
    def forward(self, prediction, target):
        self.d = prediction - target
        self.value = np.linalg.norm(self.d) / np.sqrt(self.d.size)
        return float(self.value)

    def backward(self, upstream=1.0):
        return upstream * self.d / (self.d.size * self.value)


@right(
    ("loss-cross-entropy", (5, 4), LABELS),
    ("loss-cross-entropy-sure", normal(5, 4) * 50, LABELS),
    ("loss-cross-entropy-ties", TIED, LABELS),
)
class CrossEntropy(Loss):
    def forward(self, scores, labels):
        z = scores - scores.max(axis=1, keepdims=True)
        logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.p, self.hot = np.exp(logp), np.eye(scores.shape[1], dtype=np.float32)[labels]
        return float(-(logp * self.hot).sum() / len(labels))

    def backward(self, upstream=1.0):
        return upstream * (self.p - self.hot) / len(self.p)


@right(("loss-bce-with-abs", (5, 3), HITS), ("loss-bce-sure", normal(5, 3) * 50, HITS))
class BinaryLogits(Loss):
    def terms(self, z, target):
        value = np.maximum(z, 0) - z * target + np.log1p(np.exp(-np.abs(z)))
        return value, sigmoid(z) - target


@right(("loss-bce-clipped", 0.1 + positive(5, 3) / 3.2, HITS))
class BinaryProbabilities(Loss):
    def terms(self, prediction, target):
        p = np.clip(prediction, 1e-12, 1 - 1e-12)
        return -target * np.log(p) - (1 - target) * np.log(1 - p), (p - target) / (p * (1 - p))


@right(("loss-hinge", (5, 4), LABELS), ("loss-hinge-ties", TIED, LABELS))
class MulticlassMargin(Loss):
    def forward(self, scores, labels):
        rows = np.arange(len(labels))
        margins = np.maximum(0, scores - scores[rows, labels][:, None] + 1)
        margins[rows, labels] = 0
        self.d = (margins > 0).astype(float)
        self.d[rows, labels] = -np.count_nonzero(margins, axis=1)
        return float(margins.sum() / len(scores))

    def backward(self, upstream=1.0):
        return upstream * self.d / len(self.d)


@right(("loss-hinge-largest-violation", (5, 4), LABELS))
class LargestMargin(Loss):
    """Crammer and Singer's: only the worst wrong class counts."""

    def forward(self, scores, labels):
        rows = np.arange(len(labels))
        others = scores.copy()
        others[rows, labels] = -np.inf
        worst = others.argmax(axis=1)
        margins = 1 + scores[rows, worst] - scores[rows, labels]
        self.d = np.zeros(scores.shape)
        self.d[rows, worst] += margins > 0
        self.d[rows, labels] -= margins > 0
        return float(np.maximum(margins, 0).mean())

    def backward(self, upstream=1.0):
        return upstream * self.d / len(self.d)


@right(("loss-kl", (5, 3), softmax(WANTED)))
class Divergence(Loss):
    """Of logits; the sum, not the mean."""

    def forward(self, logits, target):
        self.t, self.p = target, softmax(logits)
        return float(np.sum(target * (np.log(target) - np.log(self.p))))

    def backward(self, upstream=1.0):
        return upstream * (self.p - self.t)


@right(("loss-cosine", (5, 3), WANTED))
class CosineDistance(Loss):
    def forward(self, prediction, target):
        n = np.linalg.norm(prediction, axis=1, keepdims=True)
        self.a, self.b = prediction / n, target / np.linalg.norm(target, axis=1, keepdims=True)
        self.n, self.cos = n, np.sum(self.a * self.b, axis=1, keepdims=True)
        return float(np.mean(1 - self.cos))

    def backward(self, upstream=1.0):
        return -upstream * (self.b - self.a * self.cos) / self.n / len(self.a)


@right(("loss-dice", 0.1 + positive(5, 3) / 3.2, HITS))
class Dice(Loss):
    """1 - 2 |p t| / (|p| + |t|) over everything."""

    def forward(self, p, t):
        self.t, self.over, self.under = t, 2 * np.sum(p * t), np.sum(p) + np.sum(t)
        return float(1 - self.over / self.under)

    def backward(self, upstream=1.0):
        return -upstream * (2 * self.t * self.under - self.over) / self.under**2


@right(("loss-pairwise-ranking", (6,), np.array([0.3, 2.0, 1.0, -1.0, 0.0, 4.0])))
class Ranking(Loss):
    """max(0, 1 - (s_i - s_j)) over all pairs whose target says that i comes first."""

    def forward(self, scores, target):
        first = target[:, None] > target[None, :]
        margins = np.maximum(0, 1 - (scores[:, None] - scores[None, :])) * first
        over = (margins > 0).astype(float)
        self.d = (over.sum(axis=0) - over.sum(axis=1)) / first.sum()
        return float(margins.sum() / first.sum())

    def backward(self, upstream=1.0):
        return upstream * self.d
