"""Means, sums, norms and other small functions of a student's own, where the gradient goes along an axis."""

import numpy as np

from layers import Layer

from .case import Mutant


class Small(Layer):
    """y = f(x); a subclass pulls u back."""

    def forward(self, x):
        self.x = x
        self.y = self.f(x)
        return self.y

    def backward(self, upstream):
        return self.pull(upstream, self.x, self.y), {}


class MeanOfRows(Small):
    def f(self, x):
        return x.mean(axis=0)

    def pull(self, u, x, y):
        return np.tile(u, (len(x), 1))


class MeanOtherLength(MeanOfRows):
    def pull(self, u, x, y):
        return np.ones_like(x) * u / x.shape[1]


class MeanFirstRow(MeanOfRows):
    def pull(self, u, x, y):
        dx = np.zeros_like(x)
        dx[0] = u / len(x)
        return dx


class MeanNoUpstream(MeanOfRows):
    def pull(self, u, x, y):
        return np.full(x.shape, 1 / len(x))


class SumOfColumns(Small):
    def f(self, x):
        return x.sum(axis=1)

    def pull(self, u, x, y):
        return np.zeros_like(x) + u  # for u[:, None]; N = D hides it


class SumTimesInput(SumOfColumns):
    def pull(self, u, x, y):
        return u[:, None] * x


class SumOfAll(Small):
    def f(self, x):
        return x.sum()

    def pull(self, u, x, y):
        return np.full(x.shape, u / x.size)


class MeanOverMapAxes(Small):
    """(N, C, H, W) -> (N, C)"""

    def f(self, x):
        return x.mean(axis=(2, 3))

    def pull(self, u, x, y):
        return np.broadcast_to(u[:, :, None, None] / x.shape[2], x.shape).copy()


class SumOverOuterAxes(Small):
    """(A, B, C, D) -> (B, D), with A = B and C = D"""

    def f(self, x):
        return x.sum(axis=(0, 2))

    def pull(self, u, x, y):
        return np.broadcast_to(u[:, None, :, None], x.shape).copy()  # for u[None, :, None, :]


class CumulativeSum(Small):
    def f(self, x):
        return np.cumsum(x, axis=1)

    def pull(self, u, x, y):
        return np.cumsum(u, axis=1)


class CumulativeSumExclusive(CumulativeSum):
    def pull(self, u, x, y):
        after = np.cumsum(u[:, ::-1], axis=1)[:, ::-1]
        return after - u


class CumulativeSumLeftFlipped(CumulativeSum):
    def pull(self, u, x, y):
        return np.cumsum(u[:, ::-1], axis=1)


class CumulativeSumIdentity(CumulativeSum):
    def pull(self, u, x, y):
        return u.copy()


class CumulativeSumRows(CumulativeSum):
    def pull(self, u, x, y):
        return np.flip(np.cumsum(np.flip(u, 0), axis=0), 0)


class Differences(Small):
    """y_i = x_(i+1) - x_i"""

    def f(self, x):
        return np.diff(x, axis=1)

    def pull(self, u, x, y):
        dx = np.zeros_like(x)
        dx[:, 1:] = u
        dx[:, :-1] = -u  # for -=
        return dx


class DifferencesOneEnd(Differences):
    def pull(self, u, x, y):
        dx = np.zeros_like(x)
        dx[:, 1:] += u
        return dx


class ProductOfRow(Small):
    def f(self, x):
        return x.prod(axis=1)

    def pull(self, u, x, y):
        return (u * y)[:, None] * np.ones_like(x)


class LargestOfRow(Small):
    def f(self, x):
        return x.max(axis=1)

    def pull(self, u, x, y):
        return np.repeat(u[:, None], x.shape[1], axis=1)


class LargestMinimum(LargestOfRow):
    def pull(self, u, x, y):
        dx = np.zeros_like(x)
        dx[np.arange(len(x)), x.argmin(axis=1)] = u
        return dx


class LengthOfRow(Small):
    def f(self, x):
        return np.sqrt((x**2).sum(axis=1, keepdims=True))

    def pull(self, u, x, y):
        return u * x


class LengthTwo(LengthOfRow):
    def pull(self, u, x, y):
        return 2 * u * x / y


class VarianceOfRow(Small):
    def f(self, x):
        return x.var(axis=1)

    def pull(self, u, x, y):
        return u[:, None] * 2 * x / x.shape[1]  # the mean forgotten


class VarianceOther(VarianceOfRow):
    def pull(self, u, x, y):
        centred = x - x.mean(axis=1, keepdims=True)
        return u[:, None] * 2 * centred / (x.shape[1] - 1)


class UnitLength(Small):
    """y = x / |x|, row by row; the right dx is (u - y sum(u y)) / |x|."""

    def f(self, x):
        self.n = np.linalg.norm(x, axis=1, keepdims=True)
        return x / self.n

    def pull(self, u, x, y):
        return u / self.n


class UnitLengthSquare(UnitLength):
    def pull(self, u, x, y):
        return u / self.n - x * (u * x).sum(axis=1, keepdims=True) / self.n**2


class UnitLengthPlus(UnitLength):
    def pull(self, u, x, y):
        return (u + y * (u * y).sum(axis=1, keepdims=True)) / self.n


class UnitLengthColumns(UnitLength):
    def pull(self, u, x, y):
        return (u - y * (u * y).sum(axis=0, keepdims=True)) / self.n


class UnitLengthNotDivided(UnitLength):
    def pull(self, u, x, y):
        return u - y * np.sum(u * y, axis=1, keepdims=True)


class Share(Small):
    """y = x / sum(x), row by row"""

    def f(self, x):
        return x / x.sum(axis=1, keepdims=True)

    def pull(self, u, x, y):
        return u / x.sum(axis=1, keepdims=True)


class Centre(Small):
    """y = x - mean of the column"""

    def f(self, x):
        return x - x.mean(axis=0)

    def pull(self, u, x, y):
        return u.copy()


class CentrePlus(Centre):
    def pull(self, u, x, y):
        return u + u.mean(axis=0)


class CentreSum(Centre):
    def pull(self, u, x, y):
        return u - u.sum(axis=0)


class CentreRows(Centre):
    def pull(self, u, x, y):
        return u - u.mean(axis=1, keepdims=True)


class Standardise(Small):
    """y = (x - mean) / std, column by column, without gamma and beta"""

    def f(self, x):
        self.std = np.sqrt(x.var(axis=0) + 1e-5)
        return (x - x.mean(axis=0)) / self.std

    def pull(self, u, x, y):
        return (u - u.mean(axis=0)) / self.std


class StandardiseMean(Standardise):
    def pull(self, u, x, y):
        return (u - y * (u * y).mean(axis=0)) / self.std


class LogSumExp(Small):
    def f(self, x):
        top = x.max(axis=1, keepdims=True)
        return np.squeeze(top, 1) + np.log(np.exp(x - top).sum(axis=1))

    def pull(self, u, x, y):
        return np.ones_like(x) * u[:, None]


class LogSumExpNotDivided(LogSumExp):
    def pull(self, u, x, y):
        return np.exp(x) * u[:, None]


class LogSumExpColumns(LogSumExp):
    def pull(self, u, x, y):
        return np.exp(x) / np.exp(x).sum(axis=0) * u[:, None]


class Turn(Small):
    """A cycle of three axes, of one length, whose inverse is the other cycle."""

    def f(self, x):
        return x.transpose(2, 0, 1).copy()

    def pull(self, u, x, y):
        return u.transpose(2, 0, 1).copy()


class SwapReshaped(Small):
    """(N, T, D) -> (N, D, T)"""

    def f(self, x):
        return x.swapaxes(1, 2).copy()

    def pull(self, u, x, y):
        return u.reshape(x.shape).copy()


class Mirror(Small):
    def f(self, x):
        return x[:, ::-1].copy()

    def pull(self, u, x, y):
        return u.copy()


class Delay(Small):
    def f(self, x):
        return np.roll(x, 2, axis=1)

    def pull(self, u, x, y):
        return np.roll(u, 2, axis=1)


class Pick(Small):
    """Columns by number, one of them twice."""

    columns = (3, 0, 3, 1)

    def f(self, x):
        return x[:, list(self.columns)]

    def pull(self, u, x, y):
        dx = np.zeros_like(x)
        dx[:, list(self.columns)] += u
        return dx


class Stretch(Small):
    """Every column twice: (N, D) -> (N, 2 D)"""

    def f(self, x):
        return np.repeat(x, 2, axis=1)

    def pull(self, u, x, y):
        return u[:, : x.shape[1]] + u[:, x.shape[1] :]  # np.tile's pullback


class StretchAveraged(Stretch):
    def pull(self, u, x, y):
        return u.reshape(len(x), -1, 2).mean(axis=2)


class StretchFirst(Stretch):
    def pull(self, u, x, y):
        return u[:, ::2].copy()


class Windows(Small):
    """Sums of three neighbours: (N, D) -> (N, D - 2)"""

    def f(self, x):
        return x[:, :-2] + x[:, 1:-1] + x[:, 2:]

    def pull(self, u, x, y):
        dx = np.zeros_like(x)
        for i in range(u.shape[1]):
            dx[:, i : i + 3] = u[:, i : i + 1]
        return dx


class WindowsLast(Windows):
    def pull(self, u, x, y):
        dx = np.zeros_like(x)
        for i in range(u.shape[1] - 1):
            dx[:, i : i + 3] += u[:, [i]]
        return dx


class WindowsShifted(Windows):
    def pull(self, u, x, y):
        dx = np.zeros_like(x)
        for i in range(u.shape[1]):
            dx[:, i + 1 : i + 4] += u[:, i, None]
        return dx


class Sorted(Small):
    def f(self, x):
        self.order = x.argsort(axis=1)
        return np.take_along_axis(x, self.order, axis=1)

    def pull(self, u, x, y):
        return np.take_along_axis(u, self.order, axis=1)  # the inverse was meant


class ChannelBias(Layer):
    """Images (N, C, H, W) plus one b a channel."""

    def __init__(self):
        self.params = {"b": np.random.default_rng(1).normal(size=(1, 3, 1, 1))}

    def forward(self, x):
        return x + self.params["b"]

    def backward(self, upstream):
        return upstream.copy(), {"b": self.db(upstream)}

    def db(self, u):
        return u.sum(axis=0, keepdims=True)


class ChannelBiasAll(ChannelBias):
    def db(self, u):
        return np.sum(u) * np.ones((1, 3, 1, 1))


class ChannelBiasMean(ChannelBias):
    def db(self, u):
        return u.mean(axis=(0, 2, 3), keepdims=True)


class ChannelBiasOneAxis(ChannelBias):
    """N = C hides that the sum runs over the channels."""

    def db(self, u):
        return u.sum(axis=(1, 2, 3)).reshape(1, 3, 1, 1)


class ChannelBiasCorner(ChannelBias):
    def db(self, u):
        return u[:, :, :1, :1].sum(axis=0, keepdims=True)


class Polynomial(Layer):
    """y = a0 + a1 x + a2 x^2 + a3 x^3, a one array of four"""

    def __init__(self):
        self.params = {"a": np.array([0.5, -1.2, 0.8, 0.3])}

    def forward(self, x):
        self.x = x
        return sum(a * x**k for k, a in enumerate(self.params["a"]))

    def backward(self, upstream):
        _, a1, a2, a3 = self.params["a"]
        slope = a1 + 2 * a2 * self.x + 3 * a3 * self.x**2
        da = np.array([(upstream * self.x**k).sum() for k in range(4)])
        return self.answer(upstream, slope, da)

    def answer(self, u, slope, da):
        return u * slope, {"a": da[::-1].copy()}


class PolynomialShifted(Polynomial):
    def answer(self, u, slope, da):
        return u * slope, {"a": np.array([(u * self.x ** (k + 1)).sum() for k in range(4)])}


class PolynomialForgetsPowers(Polynomial):
    def answer(self, u, slope, da):
        _, a1, a2, a3 = self.params["a"]
        return u * (a1 + a2 * self.x + a3 * self.x**2), {"a": da}


class PolynomialNoConstant(Polynomial):
    def answer(self, u, slope, da):
        da[0] = 0
        return u * slope, {"a": da}


class PolynomialLine(Polynomial):
    def answer(self, u, slope, da):
        return u * self.params["a"][1], {"a": da}


class Quadratic(Layer):
    """y = p x^2 + q x, p and q one number each"""

    def __init__(self):
        self.params = {"p": np.array([0.7]), "q": np.array([-1.1])}

    def forward(self, x):
        self.x = x
        return self.params["p"] * x**2 + self.params["q"] * x

    def backward(self, upstream):
        p, q = self.params["p"], self.params["q"]
        dx = upstream * (2 * p * self.x + q)
        return dx, {"p": np.array([(upstream * self.x).sum()]), "q": np.array([(upstream * self.x**2).sum()])}


class QuadraticEntries(Quadratic):
    def backward(self, upstream):
        p, q = self.params["p"], self.params["q"]
        return upstream * (2 * p * self.x + q), {"p": upstream * self.x**2, "q": upstream * self.x}


class Bells(Layer):
    """y_nk = exp(-|x_n - c_k|^2): distances to K centres"""

    def __init__(self):
        self.params = {"c": 0.5 * np.random.default_rng(2).normal(size=(4, 3))}

    def forward(self, x):
        d = x[:, None, :] - self.params["c"]
        y = np.exp(-np.square(d).sum(axis=2))
        self.cache = d, y
        return y

    def backward(self, upstream):
        d, y = self.cache
        g = -2 * (upstream * y)[:, :, None] * d
        return self.answer(g, upstream, d)

    def answer(self, g, u, d):
        return g.sum(axis=1), {"c": g.sum(axis=0)}


class BellsNoExponential(Bells):
    def answer(self, g, u, d):
        g = -2 * u[:, :, None] * d
        return g.sum(axis=1), {"c": -g.sum(axis=0)}


class BellsLastCentre(Bells):
    def answer(self, g, u, d):
        return g[:, -1], {"c": -g.sum(axis=0)}


class WeightedMean(Layer):
    """y_n = sum_i w_i x_ni / sum_i w_i"""

    def __init__(self):
        self.params = {"w": np.random.default_rng(3).uniform(0.5, 2, 5)}

    def forward(self, x):
        self.x = x
        return x @ self.params["w"] / self.params["w"].sum()

    def backward(self, upstream):
        w = self.params["w"]
        return np.outer(upstream, w / w.sum()), {"w": upstream @ self.x / w.sum()}


X, DX = (6, 5), ("dx",)
ABOVE_0 = np.random.default_rng(12).uniform(0.4, 2.5, (6, 5))
IMAGES = (4, 3, 2, 5)
MUTANTS: list[Mutant] = [
    Mutant("mean: N missing", MeanOfRows, X, ("scale",), DX),
    Mutant("mean: divided by the other length", MeanOtherLength, X, ("scale",), DX),
    Mutant("mean: all to the first row", MeanFirstRow, X, ("only-some",), DX),
    Mutant("mean: upstream missing", MeanNoUpstream, X, ("no-upstream",), DX),
    Mutant("mean: over two axes, divided by one", MeanOverMapAxes, IMAGES, ("scale",), DX),
    Mutant(
        "sum: upstream along the wrong axis, N = D", SumOfColumns, (5, 5), ("wrong-axis", "transposed"), DX
    ),
    Mutant("sum: times x", SumTimesInput, X, ("extra-factor",), DX),
    Mutant("sum: divided by the size", SumOfAll, X, ("scale",), DX),
    Mutant(
        "sum: axes put back in the wrong places",
        SumOverOuterAxes,
        (3, 3, 4, 4),
        ("wrong-axis", "permuted"),
        DX,
    ),
    Mutant("cumsum: not reversed", CumulativeSum, X, ("flipped", "wrong-formula"), DX),
    Mutant("cumsum: own entry left out", CumulativeSumExclusive, X, ("shifted", "missing-path"), DX),
    Mutant("cumsum: not reversed back", CumulativeSumLeftFlipped, X, ("flipped",), DX),
    Mutant("cumsum: dx = u", CumulativeSumIdentity, X, ("missing-path", "no-local-derivative"), DX),
    Mutant("cumsum: over rows", CumulativeSumRows, X, ("wrong-axis",), DX),
    Mutant(
        "diff: second use overwrites the first", Differences, X, ("overlap-not-added", "missing-path"), DX
    ),
    Mutant("diff: left neighbour gets nothing", DifferencesOneEnd, X, ("missing-path",), DX),
    Mutant("product: own entry not left out", ProductOfRow, X, ("extra-factor", "missing-factor"), DX),
    Mutant("row max: everyone gets upstream", LargestOfRow, X, ("wrong-region", "no-local-derivative"), DX),
    Mutant("row max: smallest gets upstream", LargestMinimum, X, ("wrong-region", "permuted"), DX),
    Mutant("length: 1 / |x| missing", LengthOfRow, X, ("missing-factor",), DX),
    Mutant("length: 2 too many", LengthTwo, X, ("scale",), DX),
    Mutant("variance: mean not subtracted", VarianceOfRow, X, ("mean-path", "missing-path"), DX),
    Mutant("variance: N - 1 for N", VarianceOther, X, ("scale", "approximation"), DX),
    Mutant("unit length: path through the length missing", UnitLength, X, ("missing-path",), DX),
    Mutant("unit length: |x|^2 for |x|^3", UnitLengthSquare, X, ("wrong-formula", "missing-factor"), DX),
    Mutant("unit length: plus", UnitLengthPlus, X, ("sign", "wrong-formula"), DX),
    Mutant("unit length: sum over rows", UnitLengthColumns, X, ("wrong-axis",), DX),
    Mutant("unit length: 1 / |x| missing", UnitLengthNotDivided, X, ("missing-factor",), DX),
    Mutant("share: path through the sum missing", Share, ABOVE_0, ("missing-path",), DX),
    Mutant("centre: mean path missing", Centre, X, ("mean-path", "missing-path"), DX),
    Mutant("centre: mean added", CentrePlus, X, ("sign", "mean-path"), DX),
    Mutant("centre: sum for mean", CentreSum, X, ("mean-path", "wrong-formula"), DX),
    Mutant("centre: over the other axis", CentreRows, X, ("wrong-axis",), DX),
    Mutant("standardise: variance path missing", Standardise, X, ("variance-path",), DX),
    Mutant("standardise: mean path missing", StandardiseMean, X, ("mean-path",), DX),
    Mutant("log-sum-exp: dx = u", LogSumExp, X, ("no-local-derivative", "missing-factor"), DX),
    Mutant("log-sum-exp: not divided by the sum", LogSumExpNotDivided, X, ("missing-factor",), DX),
    Mutant("log-sum-exp: softmax over rows", LogSumExpColumns, X, ("wrong-axis",), DX),
    Mutant("permute: same cycle back", Turn, (4, 4, 4), ("permuted",), DX),
    Mutant("permute: reshape for transpose", SwapReshaped, (6, 3, 5), ("reshaped",), DX),
    Mutant("mirror: not mirrored back", Mirror, X, ("flipped",), DX),
    Mutant("delay: delayed again", Delay, X, ("shifted",), DX),
    Mutant("pick: column picked twice", Pick, X, ("repeated-index-not-added",), DX),
    Mutant("repeat: as if it were tile", Stretch, X, ("permuted", "wrong-formula"), DX),
    Mutant("repeat: mean for sum", StretchAveraged, X, ("scale",), DX),
    Mutant("repeat: only the first copy", StretchFirst, X, ("only-some", "missing-path"), DX),
    Mutant("windows: = for +=", Windows, (6, 7), ("overlap-not-added",), DX),
    Mutant("windows: last one left out", WindowsLast, (6, 7), ("only-some",), DX),
    Mutant("windows: one to the right", WindowsShifted, (6, 7), ("shifted",), DX),
    Mutant("sort: order for its inverse", Sorted, X, ("permuted",), DX),
    Mutant("channel bias: summed over the batch only", ChannelBias, IMAGES, ("not-summed", "shape"), ("db",)),
    Mutant("channel bias: one number for all", ChannelBiasAll, IMAGES, ("over-summed",), ("db",)),
    Mutant("channel bias: mean for sum", ChannelBiasMean, IMAGES, ("scale",), ("db",)),
    Mutant(
        "channel bias: summed over the channels, N = C",
        ChannelBiasOneAxis,
        (3, 3, 2, 5),
        ("wrong-axis",),
        ("db",),
    ),
    Mutant("channel bias: first pixel only", ChannelBiasCorner, IMAGES, ("only-some",), ("db",)),
    Mutant("polynomial: coefficients reversed", Polynomial, X, ("flipped", "permuted"), ("da",)),
    Mutant("polynomial: powers one too high", PolynomialShifted, X, ("extra-factor", "shifted"), ("da",)),
    Mutant(
        "polynomial: powers not brought down",
        PolynomialForgetsPowers,
        X,
        ("wrong-formula", "missing-factor"),
        DX,
    ),
    Mutant(
        "polynomial: no gradient for the constant", PolynomialNoConstant, X, ("only-some", "zero"), ("da",)
    ),
    Mutant("polynomial: slope of the line alone", PolynomialLine, X, ("missing-path", "wrong-formula"), DX),
    Mutant("quadratic: dp and dq swapped", Quadratic, X, ("swapped",), ("dp", "dq")),
    Mutant("quadratic: dp and dq not summed", QuadraticEntries, X, ("not-summed", "shape"), ("dp", "dq")),
    Mutant("bells: sign of the centres", Bells, (6, 3), ("sign",), ("dc",)),
    Mutant("bells: exponential missing", BellsNoExponential, (6, 3), ("missing-factor",), ("dx", "dc")),
    Mutant("bells: dx of the last centre", BellsLastCentre, (6, 3), ("only-some",), DX),
    Mutant("weighted mean: path through the sum missing", WeightedMean, X, ("missing-path",), ("dw",)),
]
