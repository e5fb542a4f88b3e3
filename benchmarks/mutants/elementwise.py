"""Activations of a student's own, with the mistakes made in their derivative."""

import math

import numpy as np

from layers import Layer

from .case import Mutant


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Relu(Layer):
    def forward(self, x):
        self.cache = x
        return np.maximum(0, x)


class ReluNoUpstream(Relu):
    def backward(self, upstream):
        return (self.cache > 0).astype(float), {}


class ReluMasksUpstream(Relu):
    def backward(self, upstream):
        return upstream * (upstream > 0), {}


class ReluIdentity(Relu):
    def backward(self, upstream):
        return upstream * 1.0, {}


class ReluInverted(Relu):
    def backward(self, upstream):
        dx = upstream.copy()
        dx[self.cache > 0] = 0
        return dx, {}


class ReluAlwaysTrue(Layer):
    def forward(self, x):
        self.y = x * (x > 0)
        return self.y

    def backward(self, upstream):
        return np.where(self.y >= 0, upstream, 0), {}


class ReluTimesInput(Relu):
    def backward(self, upstream):
        return upstream * np.maximum(0, self.cache), {}


class Relu6(Relu):
    def forward(self, x):
        self.cache = x
        return np.minimum(np.maximum(x, 0), 6)

    def backward(self, upstream):
        return upstream * (self.cache > 0), {}


class Leaky(Layer):
    alpha = 0.2

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, upstream):
        return upstream * np.where(self.x > 0, 1, 0), {}


class LeakyInverse(Leaky):
    def backward(self, upstream):
        return upstream * np.where(self.x > 0, 1.0, 1 / self.alpha), {}


class LeakySwapped(Leaky):
    def backward(self, upstream):
        return upstream * np.where(self.x > 0, self.alpha, 1.0), {}


class LeakyEverywhere(Leaky):
    def backward(self, upstream):
        return self.alpha * upstream, {}


class LeakyTwice(Leaky):
    def backward(self, upstream):
        dx = upstream.copy()
        dx[self.x <= 0] *= self.alpha
        dx[self.x <= 0] *= self.alpha
        return dx, {}


class Elu(Layer):
    def forward(self, x):
        self.x = x
        self.y = np.where(x > 0, x, 0.7 * (np.exp(x) - 1))
        return self.y

    def backward(self, upstream):
        return upstream * np.where(self.x > 0, 1, self.y), {}


class EluNoAlpha(Elu):
    def backward(self, upstream):
        return upstream * np.where(self.x > 0, 1, np.exp(self.x)), {}


class Logistic(Layer):
    """y = sigmoid(x); both kept."""

    def forward(self, x):
        y = 1.0 / (1.0 + np.exp(-x))
        self.cache = (x, y)
        return y

    def backward(self, upstream):
        x, y = self.cache
        return upstream * self.slope(x, y), {}


class LogisticAtInput(Logistic):
    def slope(self, x, y):
        return x * (1 - x)


class LogisticAtOutput(Logistic):
    def slope(self, x, y):
        return sigmoid(y) * (1 - sigmoid(y))


class LogisticHalf(Logistic):
    def slope(self, x, y):
        return y


class LogisticSquared(Logistic):
    def slope(self, x, y):
        return (y * (1 - y)) ** 2


class LogisticClipped(Logistic):
    def slope(self, x, y):
        y = np.clip(y, 0.05, 0.95)
        return y * (1 - y)


class LogisticNegative(Logistic):
    def slope(self, x, y):
        return y * (y - 1)


class LogisticAsTanh(Logistic):
    def slope(self, x, y):
        return 1 - y**2


class LogisticIdentity(Logistic):
    def slope(self, x, y):
        return 1.0


class LogisticNoUpstream(Logistic):
    def backward(self, upstream):
        _, y = self.cache
        return y * (1 - y), {}


class Tanh(Layer):
    def forward(self, x):
        self.x, self.y = x, np.tanh(x)
        return self.y

    def backward(self, upstream):
        return upstream * (1 - self.y), {}


class TanhAsSigmoid(Tanh):
    def backward(self, upstream):
        return upstream * self.y * (1 - self.y), {}


class TanhAdds(Tanh):
    def backward(self, upstream):
        return upstream + (1 - np.power(self.y, 2)), {}


class TanhDivides(Tanh):
    def backward(self, upstream):
        return upstream / (1 - self.y**2), {}


class TanhAtInput(Tanh):
    def backward(self, upstream):
        return upstream * (1 - self.x**2), {}


class TanhTwice(Tanh):
    def backward(self, upstream):
        return upstream * (1 - np.tanh(self.y) ** 2), {}


class TanhPlus(Tanh):
    def backward(self, upstream):
        return upstream * (1 + self.y**2), {}


class GeluTanh(Layer):
    """y = x (1 + tanh v) / 2, v = sqrt(2/pi) (x + 0.044715 x^3)."""

    def forward(self, x):
        t = np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        self.cache = x, t
        return 0.5 * x * (1 + t)

    def backward(self, upstream):
        _, t = self.cache
        return upstream * 0.5 * (1 + t), {}


class GeluNoInner(GeluTanh):
    def backward(self, upstream):
        x, t = self.cache
        dv = math.sqrt(2 / math.pi)  # the derivative of the cube is missing
        return upstream * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * dv), {}


class GeluQuick(GeluTanh):
    def backward(self, upstream):
        x, _ = self.cache
        s = sigmoid(1.702 * x)
        return upstream * (s + 1.702 * x * s * (1 - s)), {}


class GeluExactBack(GeluTanh):
    def backward(self, upstream):
        x, _ = self.cache
        cdf = 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
        return upstream * (cdf + x * np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)), {}


class Silu(Layer):
    def forward(self, x):
        self.x, self.s = x, sigmoid(x)
        return x * self.s

    def backward(self, upstream):
        return upstream * self.s, {}


class SiluSecondTerm(Silu):
    def backward(self, upstream):
        return upstream * self.x * self.s * (1 - self.s), {}


class SiluProductOfSlopes(Silu):
    def backward(self, upstream):
        return upstream * self.s * (1 - self.s), {}


class Swish(Layer):
    """y = x sigmoid(beta x) with one learned beta."""

    def __init__(self):
        self.params = {"beta": np.array([1.3])}

    def forward(self, x):
        s = sigmoid(self.params["beta"] * x)
        self.cache = x, s
        return x * s

    def backward(self, upstream):
        x, s = self.cache
        dx = upstream * (s + self.params["beta"] * x * s * (1 - s))
        return dx, {"beta": np.array([(upstream * x * s * (1 - s)).sum()])}  # x * x


class SwishForgetsBeta(Swish):
    def backward(self, upstream):
        x, s = self.cache
        dx = upstream * (s + x * s * (1 - s))
        return dx, {"beta": np.array([(upstream * x**2 * s * (1 - s)).sum()])}


class Softplus(Layer):
    """y = log(1 + e^(beta x)) / beta"""

    def forward(self, x):
        self.x = x
        self.y = np.log(1 + np.exp(2.5 * x)) / 2.5
        return self.y

    def backward(self, upstream):
        return upstream * 2.5 * sigmoid(2.5 * self.x), {}


class SoftplusForgetsBeta(Softplus):
    def backward(self, upstream):
        return upstream * sigmoid(self.x), {}


class SoftplusAtOutput(Softplus):
    def backward(self, upstream):
        return upstream * sigmoid(2.5 * self.y), {}


class Prelu(Layer):
    """One learned slope for all."""

    def __init__(self):
        self.params = {"a": np.array([0.3])}

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.params["a"] * x)

    def backward(self, upstream):
        negative = self.x <= 0
        dx = upstream * np.where(negative, self.params["a"], 1)
        return dx, {"a": self.da(upstream, negative)}

    def da(self, u, negative):
        return u * self.x * negative


class PreluWrongSide(Prelu):
    def da(self, u, negative):
        return np.array([np.sum(u[~negative] * self.x[~negative])])


class PreluAllOfX(Prelu):
    def da(self, u, negative):
        return np.array([np.sum(u * self.x)])


class PreluNoUpstream(Prelu):
    def da(self, u, negative):
        return np.array([self.x[negative].sum()])


class PreluForgetsX(Prelu):
    def da(self, u, negative):
        return np.array([u[negative].sum()])


class PreluChannels(Layer):
    """One learned slope a channel, for images (N, C, H, W)."""

    def __init__(self):
        self.params = {"a": np.random.default_rng(1).uniform(0.1, 0.5, (3, 1, 1))}

    def forward(self, x):
        self.x = x
        return np.maximum(x, 0) + self.params["a"] * np.minimum(x, 0)

    def backward(self, upstream):
        dx = np.where(self.x > 0, upstream, self.params["a"] * upstream)
        return dx, {"a": (upstream * np.minimum(self.x, 0)).sum(axis=0)}


class Function(Layer):
    """y = f(x) and dx = upstream * slope(x, y), from two functions that the student gives."""

    def __init__(self, f, slope):
        self.f, self.slope = f, slope

    def forward(self, x):
        self.x = x
        self.y = self.f(x)
        return self.y

    def backward(self, upstream):
        return np.multiply(upstream, self.slope(self.x, self.y)), {}


def function(f, slope):
    return lambda: Function(f, slope)


X = (6, 5)
WIDE = 3 * np.random.default_rng(11).normal(size=(6, 5))
ABOVE_0 = np.random.default_rng(12).uniform(0.4, 2.5, (6, 5))
DX = ("dx",)
MUTANTS: list[Mutant] = [
    Mutant("relu: dx is the mask", ReluNoUpstream, X, ("no-upstream",), DX),
    Mutant("relu: mask from upstream", ReluMasksUpstream, X, ("upstream-nonlinear", "wrong-operand"), DX),
    Mutant("relu: mask missing", ReluIdentity, X, ("no-local-derivative",), DX),
    Mutant("relu: mask inverted", ReluInverted, X, ("wrong-region",), DX),
    Mutant("relu: mask y >= 0", ReluAlwaysTrue, X, ("no-local-derivative", "wrong-region"), DX),
    Mutant("relu: times the value", ReluTimesInput, X, ("extra-factor", "wrong-formula"), DX),
    Mutant("relu6: upper bound forgotten", Relu6, 3 * WIDE, ("wrong-region",), DX),
    Mutant("leaky: 0 below 0", Leaky, X, ("wrong-region",), DX),
    Mutant("leaky: 1/alpha below 0", LeakyInverse, X, ("wrong-region", "wrong-formula"), DX),
    Mutant("leaky: sides swapped", LeakySwapped, X, ("wrong-region",), DX),
    Mutant("leaky: alpha on both sides", LeakyEverywhere, X, ("wrong-region",), DX),
    Mutant("leaky: alpha twice", LeakyTwice, X, ("wrong-region", "extra-factor"), DX),
    Mutant("elu: y for y + alpha", Elu, X, ("wrong-formula", "wrong-region"), DX),
    Mutant("elu: alpha missing", EluNoAlpha, X, ("wrong-region", "missing-factor"), DX),
    Mutant("sigmoid: x (1 - x)", LogisticAtInput, X, ("post-activation",), DX),
    Mutant("sigmoid: slope at the output", LogisticAtOutput, X, ("post-activation",), DX),
    Mutant("sigmoid: 1 - y missing", LogisticHalf, X, ("missing-factor",), DX),
    Mutant("sigmoid: slope squared", LogisticSquared, X, ("extra-factor",), DX),
    Mutant("sigmoid: clipped in backward", LogisticClipped, WIDE, ("wrong-region", "approximation"), DX),
    Mutant("sigmoid: y (y - 1)", LogisticNegative, X, ("sign",), DX),
    Mutant("sigmoid: slope of tanh", LogisticAsTanh, X, ("wrong-formula",), DX),
    Mutant("sigmoid: slope missing", LogisticIdentity, X, ("no-local-derivative",), DX),
    Mutant("sigmoid: upstream missing", LogisticNoUpstream, X, ("no-upstream",), DX),
    Mutant("tanh: 1 - y", Tanh, X, ("wrong-formula", "missing-factor"), DX),
    Mutant("tanh: slope of sigmoid", TanhAsSigmoid, X, ("wrong-formula",), DX),
    Mutant("tanh: slope added", TanhAdds, X, ("extra-term", "no-local-derivative"), DX),
    Mutant("tanh: divided by the slope", TanhDivides, X, ("wrong-formula", "extra-factor"), DX),
    Mutant("tanh: 1 - x^2", TanhAtInput, X, ("post-activation",), DX),
    Mutant("tanh: slope at the output", TanhTwice, X, ("post-activation",), DX),
    Mutant("tanh: 1 + y^2", TanhPlus, X, ("wrong-formula", "sign"), DX),
    Mutant("gelu: second term of the product missing", GeluTanh, X, ("missing-path", "wrong-formula"), DX),
    Mutant("gelu: derivative of the cube missing", GeluNoInner, X, ("wrong-formula", "missing-factor"), DX),
    Mutant(
        "gelu: tanh forward, x sigmoid(1.702 x) backward",
        GeluQuick,
        X,
        ("approximation", "wrong-formula"),
        DX,
    ),
    Mutant("gelu: tanh forward, erf backward", GeluExactBack, X, ("approximation",), DX),
    Mutant("silu: only s", Silu, X, ("missing-path", "wrong-formula"), DX),
    Mutant("silu: only x s'", SiluSecondTerm, X, ("missing-path", "wrong-formula"), DX),
    Mutant("silu: slope of sigmoid", SiluProductOfSlopes, X, ("wrong-formula",), DX),
    Mutant("swish: dbeta without the second x", Swish, X, ("missing-factor",), ("dbeta",)),
    Mutant("swish: beta missing in dx", SwishForgetsBeta, X, ("wrong-formula", "missing-factor"), DX),
    Mutant("softplus: beta not cancelled", Softplus, X, ("scale", "extra-factor"), DX),
    Mutant("softplus: beta forgotten", SoftplusForgetsBeta, X, ("wrong-formula", "missing-factor"), DX),
    Mutant("softplus: slope at the output", SoftplusAtOutput, X, ("post-activation",), DX),
    Mutant("prelu: da not summed", Prelu, X, ("not-summed", "shape"), ("da",)),
    Mutant("prelu: da from the other side", PreluWrongSide, X, ("wrong-region",), ("da",)),
    Mutant("prelu: da from both sides", PreluAllOfX, X, ("wrong-region",), ("da",)),
    Mutant("prelu: da ignores upstream", PreluNoUpstream, X, ("no-upstream",), ("da",)),
    Mutant("prelu: da without x", PreluForgetsX, X, ("missing-factor",), ("da",)),
    Mutant(
        "prelu: da summed over the batch only", PreluChannels, (5, 3, 2, 4), ("not-summed", "shape"), ("da",)
    ),
    Mutant("square: 2 missing", function(np.square, lambda x, y: x), X, ("scale",), DX),
    Mutant("cube: 3 x", function(lambda x: x**3, lambda x, y: 3 * x), X, ("missing-factor",), DX),
    Mutant("exp: slope missing", function(np.exp, lambda x, y: 1.0), X, ("no-local-derivative",), DX),
    Mutant("exp: x e^(x - 1)", function(np.exp, lambda x, y: x * np.exp(x - 1)), X, ("wrong-formula",), DX),
    Mutant("log: 1 / y", function(np.log, lambda x, y: 1 / y), ABOVE_0, ("post-activation",), DX),
    Mutant("log: times x", function(np.log, lambda x, y: x), ABOVE_0, ("wrong-formula",), DX),
    Mutant(
        "log: eps forgotten",
        function(lambda x: np.log(x + 1e-5), lambda x, y: 1 / x),
        ABOVE_0,
        ("approximation",),
        DX,
    ),
    Mutant("sqrt: y / 2", function(np.sqrt, lambda x, y: 0.5 * y), ABOVE_0, ("wrong-formula",), DX),
    Mutant("sqrt: 1 / y", function(np.sqrt, lambda x, y: 1 / y), ABOVE_0, ("scale",), DX),
    Mutant("reciprocal: sign", function(np.reciprocal, lambda x, y: y**2), ABOVE_0, ("sign",), DX),
    Mutant(
        "reciprocal: -1 / x", function(np.reciprocal, lambda x, y: -1 / x), ABOVE_0, ("missing-factor",), DX
    ),
    Mutant(
        "abs: slope 1",
        function(np.abs, lambda x, y: np.sign(y)),
        X,
        ("wrong-region", "no-local-derivative"),
        DX,
    ),
    Mutant("cos: sin", function(np.cos, lambda x, y: np.sin(x)), X, ("sign",), DX),
    Mutant(
        "sin: inner factor 3 missing",
        function(lambda x: np.sin(3 * x), lambda x, y: np.cos(3 * x)),
        X,
        ("scale", "missing-factor"),
        DX,
    ),
    Mutant(
        "hard tanh: mask 0 < x < 1",
        function(lambda x: np.clip(x, -1, 1), lambda x, y: (x > 0) & (x < 1)),
        X,
        ("wrong-region",),
        DX,
    ),
    Mutant(
        "hard sigmoid: slope 0.2 missing",
        function(lambda x: np.clip(0.2 * x + 0.5, 0, 1), lambda x, y: (y > 0) * (y < 1)),
        WIDE,
        ("scale", "missing-factor"),
        DX,
    ),
    Mutant(
        "softsign: square missing",
        function(lambda x: x / (1 + np.abs(x)), lambda x, y: 1 / (1 + np.abs(x))),
        X,
        ("missing-factor", "wrong-formula"),
        DX,
    ),
    Mutant(
        "arctan: slope at the output",
        function(np.arctan, lambda x, y: 1 / (1 + y**2)),
        X,
        ("post-activation",),
        DX,
    ),
    Mutant(
        "mish: second term of the product missing",
        function(lambda x: x * np.tanh(np.log1p(np.exp(x))), lambda x, y: np.tanh(np.log1p(np.exp(x)))),
        X,
        ("missing-path", "wrong-formula"),
        DX,
    ),
]
