"""Normalisations and noise as students write them, each with one mistake in its backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers import Dropout2D, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from layers.base import Array, Layer

from .case import Mutant
from .student import Pull, collector, draw

MUTANTS: list[Mutant] = []
wrong = collector(MUTANTS)


class Batch(Layer):
    """Batch normalisation of (N, D)."""

    eps = 1e-5

    def __init__(self, features: int = 3) -> None:
        self.params = {"gamma": 1 + draw(1, features), "beta": draw(2, features)}

    def forward(self, x: Array) -> Any:
        mu = x.mean(axis=0)
        var = ((x - mu) ** 2).mean(axis=0)
        iv = 1 / np.sqrt(var + self.eps)
        xhat = (x - mu) * iv
        self.cache = x, mu, var, iv, xhat
        return self.params["gamma"] * xhat + self.params["beta"]

    def dx(self, dout: Array) -> Any:
        _, _, _, iv, xhat = self.cache
        g = dout * self.params["gamma"]
        return iv * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0))

    def backward(self, dout: Array) -> Pull:
        xhat = self.cache[-1]
        return self.dx(dout), {"gamma": np.sum(dout * xhat, axis=0), "beta": np.sum(dout, axis=0)}


@wrong("batchnorm: mean path missing", (5, 3), "mean-path", "dx")
class BatchNoMean(Batch):
    def dx(self, dout: Array) -> Any:
        _, _, _, iv, xhat = self.cache
        g = dout * self.params["gamma"]
        return iv * (g - xhat * (g * xhat).mean(axis=0))


@wrong("batchnorm: variance path missing", (5, 3), "variance-path", "dx")
class BatchNoVariance(Batch):
    def dx(self, dout: Array) -> Any:
        g = dout * self.params["gamma"]
        return self.cache[3] * (g - g.mean(axis=0))


@wrong("batchnorm: statistics taken for constants", (5, 3), "missing-path variance-path", "dx")
class BatchConstants(Batch):
    def dx(self, dout: Array) -> Any:
        return dout * self.params["gamma"] * self.cache[3]


@wrong("batchnorm: gamma missing in dx", (5, 3), "missing-factor", "dx")
class BatchNoGamma(Batch):
    def dx(self, dout: Array) -> Any:
        _, _, _, iv, xhat = self.cache
        return iv * (dout - dout.mean(axis=0) - xhat * (dout * xhat).mean(axis=0))


@wrong("batchnorm: 1/std missing", (5, 3), "missing-factor", "dx")
class BatchNoStd(Batch):
    def dx(self, dout: Array) -> Any:
        return super().dx(dout) / self.cache[3]


@wrong("batchnorm: 1/var for 1/std", (5, 3), "extra-factor", "dx")
class BatchVar(Batch):
    def dx(self, dout: Array) -> Any:
        return super().dx(dout) * self.cache[3]


@wrong("batchnorm: eps left out in backward", (5, 3), "approximation", "dx")
class BatchNoEps(Batch):
    def dx(self, dout: Array) -> Any:
        x, mu, var, _, _ = self.cache
        iv = 1 / np.sqrt(var)
        xhat, g = (x - mu) * iv, dout * self.params["gamma"]
        return iv * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0))


@wrong("batchnorm: N - 1 in the variance path", (8, 3), "approximation variance-path", "dx")
class BatchUnbiased(Batch):
    def dx(self, dout: Array) -> Any:
        _, _, _, iv, xhat = self.cache
        g = dout * self.params["gamma"]
        return iv * (g - g.mean(axis=0) - xhat * (g * xhat).sum(axis=0) / (len(g) - 1))


@wrong("batchnorm: sums for means", (5, 3), "variance-path mean-path", "dx")
class BatchSums(Batch):
    def dx(self, dout: Array) -> Any:
        _, _, _, iv, xhat = self.cache
        g = dout * self.params["gamma"]
        return iv * (g - g.sum(axis=0) - xhat * (g * xhat).sum(axis=0))


@wrong("batchnorm: variance path added", (5, 3), "variance-path sign", "dx")
class BatchPlus(Batch):
    def dx(self, dout: Array) -> Any:
        _, _, _, iv, xhat = self.cache
        g = dout * self.params["gamma"]
        return iv * (g - g.mean(axis=0) + xhat * (g * xhat).mean(axis=0))


@wrong("batchnorm: x for x_hat in the variance path", (5, 3), "wrong-operand variance-path", "dx")
class BatchXInPath(Batch):
    def dx(self, dout: Array) -> Any:
        x, _, _, iv, xhat = self.cache
        g = dout * self.params["gamma"]
        return iv * (g - g.mean(axis=0) - x * (g * xhat).mean(axis=0))


@wrong("batchnorm: dgamma with x", (5, 3), "wrong-operand", "dgamma")
class BatchDgammaX(Batch):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"gamma": (dout * self.cache[0]).sum(axis=0)}


@wrong("batchnorm: dgamma and dbeta exchanged", (5, 3), "swapped", "dgamma dbeta")
class BatchSwapped(Batch):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, {"gamma": grads["beta"], "beta": grads["gamma"]}


@wrong("batchnorm: dgamma not summed", (5, 3), "not-summed", "dgamma")
class BatchNotSummed(Batch):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"gamma": dout * self.cache[-1]}


@wrong("batchnorm: dgamma keeps the factor gamma", (5, 3), "extra-factor", "dgamma")
class BatchDgammaGamma(Batch):
    def backward(self, dout: Array) -> Pull:
        xhat, g = self.cache[-1], dout * self.params["gamma"]
        return self.dx(dout), {"gamma": (g * xhat).sum(axis=0), "beta": dout.sum(axis=0)}


@wrong("batchnorm: dbeta averaged", (5, 3), "scale", "dbeta")
class BatchDbetaMean(Batch):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"beta": dout.mean(axis=0)}


class Staged(Layer):
    """Batch normalisation one step of the graph at a time."""

    def __init__(self, features: int = 4) -> None:
        self.params = {"gamma": 1 + draw(3, features), "beta": draw(4, features)}

    def forward(self, x: Array) -> Any:
        self.xmu = x - np.mean(x, axis=0)
        self.var = np.mean(self.xmu**2, axis=0)
        self.std = np.sqrt(self.var + 1e-5)
        self.xhat = self.xmu / self.std
        return self.params["gamma"] * self.xhat + self.params["beta"]

    def dsq(self, dvar: Array, N: int) -> Any:
        return np.ones((N, 1)) * dvar / N

    def backward(self, dout: Array) -> Pull:
        N = len(dout)
        dxhat = dout * self.params["gamma"]
        dstd = np.sum(dxhat * self.xmu, axis=0) * -1 / self.std**2
        dvar = 0.5 * dstd / self.std
        dxmu = dxhat / self.std + 2 * self.xmu * self.dsq(dvar, N)
        dx = dxmu - dxmu.sum(axis=0) / N
        return dx, {"gamma": (dout * self.xhat).sum(axis=0), "beta": dout.sum(axis=0)}


@wrong("batchnorm by steps: the mean's branch dropped", (6, 4), "mean-path", "dx")
class StagedNoMean(Staged):
    def backward(self, dout: Array) -> Pull:
        N = len(dout)
        dxhat = dout * self.params["gamma"]
        dvar = np.sum(dxhat * self.xmu, axis=0) * -0.5 * self.std**-3
        dxmu = dxhat / self.std + 2 * self.xmu * self.dsq(dvar, N)
        return dxmu, {"gamma": (dout * self.xhat).sum(axis=0), "beta": dout.sum(axis=0)}


@wrong("batchnorm by steps: 1/N of the variance forgotten", (6, 4), "variance-path", "dx")
class StagedNoN(Staged):
    def dsq(self, dvar: Array, N: int) -> Any:
        return dvar


@wrong("batchnorm by steps: half of the square root forgotten", (6, 4), "variance-path", "dx")
class StagedNoHalf(Staged):
    def dsq(self, dvar: Array, N: int) -> Any:
        return 2 * dvar / N


@wrong("batchnorm by steps: the branch of std not added", (6, 4), "variance-path", "dx")
class StagedNoStd(Staged):
    def dsq(self, dvar: Array, N: int) -> Any:
        return 0


class Batch4D(Layer):
    """Batch normalisation of images."""

    def __init__(self, channels: int = 2) -> None:
        self.params = {"gamma": 1 + draw(5, channels), "beta": draw(6, channels)}

    def forward(self, x: Array) -> Any:
        mean = x.mean(axis=(0, 2, 3), keepdims=True)
        self.std = np.sqrt(x.var(axis=(0, 2, 3), keepdims=True) + 1e-5)
        self.xhat = (x - mean) / self.std
        self.n = x.size // x.shape[1]
        return self.params["gamma"][:, None, None] * self.xhat + self.params["beta"][:, None, None]

    def backward(self, dout: Array) -> Pull:
        axes, gamma = (0, 2, 3), self.params["gamma"].reshape(1, -1, 1, 1)
        dbeta = dout.sum(axis=axes, keepdims=True)
        dgamma = (dout * self.xhat).sum(axis=axes, keepdims=True)
        dx = gamma / (self.n * self.std) * (self.n * dout - dbeta - self.xhat * dgamma)
        return dx, {"gamma": dgamma.ravel(), "beta": dbeta.ravel()}


@wrong("batchnorm 4-D: dgamma and dbeta over the batch only", (3, 2, 4, 5), "not-summed", "dgamma dbeta")
class OverBatch4D(Batch4D):
    def backward(self, dout: Array) -> Pull:
        dx, _ = super().backward(dout)
        return dx, {"gamma": (dout * self.xhat).sum(axis=0), "beta": dout.sum(axis=0)}


@wrong("batchnorm 4-D: n is the batch alone", (3, 2, 4, 5), "variance-path mean-path", "dx")
class BatchN4D(Batch4D):
    def backward(self, dout: Array) -> Pull:
        self.n = len(dout)
        return super().backward(dout)


@wrong(
    "batchnorm 4-D: variance path over the batch axis only", (3, 2, 4, 5), "wrong-axis variance-path", "dx"
)
class WrongAxis4D(Batch4D):
    def backward(self, dout: Array) -> Pull:
        _, grads = super().backward(dout)
        g, xhat = dout * self.params["gamma"].reshape(1, -1, 1, 1), self.xhat
        mean = g.mean(axis=(0, 2, 3), keepdims=True)
        return (g - mean - xhat * (g * xhat).mean(axis=0)) / self.std, grads


@wrong("batchnorm 4-D: upstream made rows without moving the channels", (3, 2, 4, 5), "reshaped wrong-axis",
       "dgamma dbeta")  # fmt: skip
class Rows4D(Batch4D):
    def backward(self, dout: Array) -> Pull:
        dx, _ = super().backward(dout)
        rows, xhat = dout.reshape(-1, 2), self.xhat.reshape(-1, 2)
        return dx, {"gamma": (rows * xhat).sum(axis=0), "beta": rows.sum(axis=0)}


@wrong("batchnorm 4-D: dgamma one number", (3, 2, 4, 5), "over-summed", "dgamma")
class OneDgamma(Batch4D):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"gamma": np.full(2, np.sum(dout * self.xhat))}


@wrong(
    "batchnorm in evaluation: backward of the batch's statistics", (5, 3), "extra-term variance-path", "dx"
)
class Evaluating(Layer):
    def __init__(self) -> None:
        self.params = {"gamma": 1 + draw(7, 3), "beta": draw(8, 3)}
        self.buffers = {"mean": draw(9, 3), "var": 0.5 + draw(10, 3) ** 2}

    def forward(self, x: Array) -> Any:
        self.std = np.sqrt(self.buffers["var"] + 1e-5)
        self.cache = (x - self.buffers["mean"]) / self.std
        return self.params["gamma"] * self.cache + self.params["beta"]

    def backward(self, dout: Array) -> Pull:
        xhat, g = self.cache, dout * self.params["gamma"]
        dx = (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0)) / self.std
        return dx, {"gamma": (dout * xhat).sum(axis=0), "beta": dout.sum(axis=0)}


class LayerRows(Layer):
    """Layer normalisation over the last axis of anything."""

    def __init__(self, features: int = 4) -> None:
        self.params = {"gamma": 1 + draw(11, features), "beta": draw(12, features)}

    def forward(self, x: Array) -> Any:
        mean, var = x.mean(-1, keepdims=True), np.var(x, -1, keepdims=True)
        self.rstd = (var + 1e-5) ** -0.5
        self.norm, self.x = (x - mean) * self.rstd, x
        return self.norm * self.params["gamma"] + self.params["beta"]

    def dx(self, g: Array) -> Any:
        n = self.norm
        return self.rstd * (g - g.mean(-1, keepdims=True) - n * (g * n).mean(-1, keepdims=True))

    def backward(self, dout: Array) -> Pull:
        axes = tuple(range(dout.ndim - 1))
        grads = {"gamma": (dout * self.norm).sum(axes), "beta": dout.sum(axes)}
        return self.dx(dout * self.params["gamma"]), grads


@wrong("layernorm: means over the batch", (5, 4), "wrong-axis", "dx")
class LayerAxis0(LayerRows):
    def dx(self, g: Array) -> Any:
        n = self.norm
        return self.rstd * (g - g.mean(0) - n * (g * n).mean(0))


@wrong("layernorm: mean path missing", (2, 3, 4), "mean-path", "dx")
class LayerNoMean(LayerRows):
    def dx(self, g: Array) -> Any:
        return self.rstd * (g - self.norm * (g * self.norm).mean(-1, keepdims=True))


@wrong("layernorm: variance path missing", (2, 3, 4), "variance-path", "dx")
class LayerNoVariance(LayerRows):
    def dx(self, g: Array) -> Any:
        return self.rstd * (g - g.mean(-1, keepdims=True))


@wrong("layernorm: statistics taken for constants", (5, 4), "missing-path variance-path", "dx")
class LayerConstants(LayerRows):
    def dx(self, g: Array) -> Any:
        return self.rstd * g


@wrong("layernorm: gamma multiplied after the means", (5, 4), "wrong-formula missing-factor", "dx")
class GammaAfter(LayerRows):
    def backward(self, dout: Array) -> Pull:
        _, grads = super().backward(dout)
        return self.params["gamma"] * self.dx(dout), grads


@wrong("layernorm: gamma missing in dx", (5, 4), "missing-factor", "dx")
class LayerNoGamma(LayerRows):
    def backward(self, dout: Array) -> Pull:
        _, grads = super().backward(dout)
        return self.dx(dout), grads


@wrong("layernorm: std of n - 1 in backward", (5, 4), "approximation scale", "dx")
class LayerDdof(LayerRows):
    def dx(self, g: Array) -> Any:
        self.rstd = (self.x.var(-1, ddof=1, keepdims=True) + 1e-5) ** -0.5
        return super().dx(g)


@wrong("layernorm: eps left out in backward", (5, 4), "approximation", "dx")
class LayerNoEps(LayerRows):
    def dx(self, g: Array) -> Any:
        self.rstd = self.x.var(-1, keepdims=True) ** -0.5
        return super().dx(g)


@wrong("layernorm 3-D: dgamma and dbeta over the batch only", (2, 3, 4), "not-summed", "dgamma dbeta")
class LayerOverBatch(LayerRows):
    def backward(self, dout: Array) -> Pull:
        dx, _ = super().backward(dout)
        return dx, {"gamma": (dout * self.norm).sum(0), "beta": dout.sum(0)}


@wrong("layernorm: dbeta keeps the factor gamma", (5, 4), "extra-factor", "dbeta")
class LayerDbeta(LayerRows):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"beta": (dout * self.params["gamma"]).sum(0)}


@wrong("layernorm: dgamma with x", (2, 3, 4), "wrong-operand", "dgamma")
class LayerDgammaX(LayerRows):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"gamma": np.einsum("ntd,ntd->d", dout, self.x)}


@wrong("layernorm: dgamma summed over the features", (4, 4), "wrong-axis", "dgamma")
class LayerDgammaAxis(LayerRows):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"gamma": (dout * self.norm).sum(1)}


@wrong("LayerNorm: minus sign", (3, 5), "sign", "dx", 5)
class LayerMinus(LayerNorm):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return -dx, grads


class Groups(Layer):
    """Group normalisation with the groups as an axis of their own."""

    def __init__(self, groups: int = 2, channels: int = 6) -> None:
        self.G = groups
        self.params = {"gamma": 1 + draw(13, channels), "beta": draw(14, channels)}

    def forward(self, x: Array) -> Any:
        N, C, H, W = x.shape
        xg = x.reshape(N, self.G, C // self.G, H, W)
        centred = xg - xg.mean(axis=(2, 3, 4), keepdims=True)
        iv = 1 / np.sqrt((centred * centred).mean(axis=(2, 3, 4), keepdims=True) + 1e-5)
        xhat = (centred * iv).reshape(x.shape)
        self.cache = xhat, iv
        return self.params["gamma"].reshape(1, C, 1, 1) * xhat + self.params["beta"].reshape(1, C, 1, 1)

    def dx(self, g: Array) -> Any:
        (xhat, iv), (N, C, H, W) = self.cache, g.shape
        five = N, self.G, C // self.G, H, W
        g, xhat = g.reshape(five), xhat.reshape(five)
        mean, along = g.mean(axis=(2, 3, 4), keepdims=True), (g * xhat).mean(axis=(2, 3, 4), keepdims=True)
        return (iv * (g - mean - xhat * along)).reshape(N, C, H, W)

    def backward(self, dout: Array) -> Pull:
        xhat = self.cache[0]
        grads = {"gamma": (dout * xhat).sum(axis=(0, 2, 3)), "beta": dout.sum(axis=(0, 2, 3))}
        return self.dx(dout * self.params["gamma"][:, None, None]), grads


@wrong("groupnorm: means over the whole example", (2, 6, 2, 3), "wrong-axis over-summed", "dx")
class GroupsAll(Groups):
    def dx(self, g: Array) -> Any:
        xhat, iv = self.cache
        axes = (1, 2, 3)
        dx = g - g.mean(axis=axes, keepdims=True) - xhat * (g * xhat).mean(axis=axes, keepdims=True)
        return dx * iv.reshape(len(g), -1, 1, 1).repeat(3, axis=1)


@wrong("groupnorm: means of each channel", (2, 6, 2, 3), "wrong-axis missing-path", "dx")
class GroupsChannel(Groups):
    def dx(self, g: Array) -> Any:
        xhat, iv = self.cache
        axes = (2, 3)
        dx = g - g.mean(axis=axes, keepdims=True) - xhat * (g * xhat).mean(axis=axes, keepdims=True)
        return dx * iv.reshape(len(g), -1, 1, 1).repeat(3, axis=1)


@wrong("groupnorm: channels dealt out to the groups in turn", (2, 6, 2, 3), "reshaped wrong-axis", "dx")
class GroupsDealt(Groups):
    def dx(self, g: Array) -> Any:
        (xhat, iv), (N, C, H, W) = self.cache, g.shape
        five = N, C // self.G, self.G, H, W
        g, xhat, iv = g.reshape(five), xhat.reshape(five), iv.swapaxes(1, 2)
        mean, along = g.mean(axis=(1, 3, 4), keepdims=True), (g * xhat).mean(axis=(1, 3, 4), keepdims=True)
        return (iv * (g - mean - xhat * along)).reshape(N, C, H, W)


@wrong("GroupNorm: dgamma summed over each group", (2, 6, 2, 3), "over-summed", "dgamma", 2, 6)
class GroupsDgamma(GroupNorm):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, grads | {"gamma": grads["gamma"].reshape(2, 3).sum(axis=1).repeat(3)}


@wrong("instance norm: means over the batch too", (3, 2, 3, 4), "wrong-axis", "dx")
class InstanceBatch(Layer):
    def forward(self, x: Array) -> Any:
        xc = x - x.mean(axis=(2, 3), keepdims=True)
        self.std = np.sqrt(np.mean(xc**2, axis=(2, 3), keepdims=True) + 1e-5)
        self.cache = xc / self.std
        return self.cache

    def backward(self, dout: Array) -> Pull:
        xhat, axes = self.cache, (0, 2, 3)
        dx = dout - dout.mean(axis=axes, keepdims=True) - xhat * (dout * xhat).mean(axis=axes, keepdims=True)
        return dx / self.std, {}


@wrong("InstanceNorm: statistics taken for constants", (2, 3, 5), "missing-path variance-path", "dx", 3)
class InstanceConstants(InstanceNorm):
    def backward(self, upstream: Array) -> Pull:
        _, inverse, shape = self.cache
        return upstream * inverse.reshape(shape[0], shape[1], 1), {}


@wrong("RMSNorm: the path through the length missing", (3, 5), "missing-path variance-path", "dx", 5)
class RmsConstant(RMSNorm):
    def backward(self, upstream: Array) -> Pull:
        _, grads = super().backward(upstream)
        return upstream * self.params["gamma"] * self.cache[1], grads


class RMS(Layer):
    """y = gamma x / r."""

    def __init__(self) -> None:
        self.params = {"gamma": 1 + draw(15, 4)}

    def forward(self, x: Array) -> Any:
        r = np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-6)
        self.cache = x, r
        return self.params["gamma"] * x / r


@wrong("rmsnorm: centred as layernorm is", (2, 3, 4), "extra-term mean-path", "dx")
class RmsCentred(RMS):
    def backward(self, dout: Array) -> Pull:
        x, r = self.cache
        g, xhat = dout * self.params["gamma"], x / r
        dx = (g - g.mean(-1, keepdims=True) - xhat * (g * xhat).mean(-1, keepdims=True)) / r
        return dx, {"gamma": (dout * xhat).sum(axis=(0, 1))}


@wrong("rmsnorm: r for r cubed", (3, 4), "missing-factor variance-path", "dx")
class RmsCube(RMS):
    def backward(self, dout: Array) -> Pull:
        x, r = self.cache
        g = dout * self.params["gamma"]
        dx = g / r - x * np.mean(g * x, axis=-1, keepdims=True) / r
        return dx, {"gamma": np.sum(dout * x / r, axis=0)}


@wrong("rmsnorm: sum for mean", (3, 4), "variance-path", "dx")
class RmsSum(RMS):
    def backward(self, dout: Array) -> Pull:
        x, r = self.cache
        g = dout * self.params["gamma"]
        dx = g / r - x * np.sum(g * x, axis=-1, keepdims=True) / r**3
        return dx, {"gamma": np.sum(dout * x / r, axis=0)}


class Unit(Layer):
    """y = x / |x|."""

    def forward(self, x: Array) -> Any:
        self.cache = x, np.sqrt((x * x).sum(axis=1, keepdims=True))
        return x / self.cache[1]


@wrong("unit length: square for cube", (4, 3), "wrong-formula missing-factor", "dx")
class UnitSquare(Unit):
    def backward(self, dout: Array) -> Pull:
        x, n = self.cache
        return dout / n - x * (x * dout).sum(axis=1, keepdims=True) / n**2, {}


@wrong("unit length: the norm taken for a constant", (4, 3), "missing-path variance-path", "dx")
class UnitConstant(Unit):
    def backward(self, dout: Array) -> Pull:
        return dout / self.cache[1], {}


@wrong("unit length: diagonal of the Jacobian only", (4, 3), "missing-path wrong-formula", "dx")
class UnitDiagonal(Unit):
    def backward(self, dout: Array) -> Pull:
        x, n = self.cache
        return dout * (n**2 - x**2) / n**3, {}


class Drop(Layer):
    """Inverted dropout."""

    keep = 0.7

    def __init__(self) -> None:
        self.rng = np.random.default_rng(16)

    def forward(self, x: Array) -> Array:
        self.mask = self.rng.random(x.shape) < self.keep
        return x * self.mask / self.keep


@wrong("dropout: mask not applied", (5, 6), "no-local-derivative missing-factor", "dx")
class DropIdentity(Drop):
    def backward(self, dout: Array) -> Pull:
        return dout.copy(), {}


@wrong("dropout: not divided by keep", (5, 6), "scale", "dx")
class DropUnscaled(Drop):
    def backward(self, dout: Array) -> Pull:
        return dout * self.mask, {}


@wrong("dropout: divided by keep twice", (5, 6), "scale", "dx")
class DropTwice(Drop):
    def backward(self, dout: Array) -> Pull:
        return dout * self.mask / self.keep**2, {}


@wrong("dropout: divided by p", (5, 6), "scale", "dx")
class DropByP(Drop):
    def backward(self, dout: Array) -> Pull:
        return dout * self.mask / (1 - self.keep), {}


@wrong("dropout: mask inverted", (5, 6), "wrong-region", "dx")
class DropInverted(Drop):
    def backward(self, dout: Array) -> Pull:
        return dout * ~self.mask / self.keep, {}


@wrong("dropout: a new mask in backward", (5, 6), "repeat-backward nondeterministic", "dx")
class DropNewMask(Drop):
    def backward(self, dout: Array) -> Pull:
        return dout * (self.rng.random(dout.shape) < self.keep) / self.keep, {}


@wrong("dropout: a generator of its own in each forward", (5, 6), "nondeterministic", "")
class DropFresh(Drop):
    def forward(self, x: Array) -> Array:
        self.mask = np.random.default_rng().random(x.shape) < self.keep
        return x * self.mask / self.keep

    def backward(self, dout: Array) -> Pull:
        return dout * self.mask / self.keep, {}


@wrong("Dropout2D: the first image's channels for all", (6, 5, 2, 2), "wrong-operand only-some", "dx", 0.5,
       rng=17)  # fmt: skip
class DropFirstImage(Dropout2D):
    def backward(self, upstream: Array) -> Pull:
        one, _ = super().backward(np.ones_like(upstream))
        return upstream * one[:1], {}


@wrong(
    "gaussian noise on the scale: noise left out of dx", (4, 5), "missing-factor no-local-derivative", "dx"
)
class Noise(Layer):
    def __init__(self) -> None:
        self.rng = np.random.default_rng(18)

    def forward(self, x: Array) -> Array:
        return x * (1 + 0.3 * self.rng.standard_normal(x.shape))

    def backward(self, dout: Array) -> Pull:
        return dout * 1.0, {}
