"""Convolutions as students write them, each with one mistake in its backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers import Conv1D, Conv2D
from layers.base import Array, Layer

from .case import Mutant
from .student import Pull, collector, draw

MUTANTS: list[Mutant] = []
wrong = collector(MUTANTS)


class Looped(Layer):
    """One window at a time."""

    def __init__(
        self, o: int = 3, c: int = 2, kh: int = 2, kw: int = 3, stride: int = 1, pad: int = 0
    ) -> None:
        self.params = {"W": draw(1, o, c, kh, kw), "b": draw(2, o)}
        self.stride, self.pad = stride, pad

    def at(self, n: int, i: int, j: int) -> tuple[Any, ...]:
        _, _, kh, kw = self.params["W"].shape
        i, j = i * self.stride, j * self.stride
        return n, slice(None), slice(i, i + kh), slice(j, j + kw)

    def crop(self, dxp: Array) -> Array:
        p = self.pad
        return dxp[:, :, p : dxp.shape[2] - p, p : dxp.shape[3] - p]

    def forward(self, x: Array) -> Array:
        W, b, p = self.params["W"], self.params["b"], self.pad
        xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        P = (xp.shape[2] - W.shape[2]) // self.stride + 1
        Q = (xp.shape[3] - W.shape[3]) // self.stride + 1
        y = np.zeros((len(x), len(W), P, Q))
        for n, i, j in np.ndindex(len(x), P, Q):
            y[n, :, i, j] = (xp[self.at(n, i, j)] * W).sum(axis=(1, 2, 3)) + b
        self.cache = xp
        return y

    def backward(self, upstream: Array) -> Pull:
        xp, W = self.cache, self.params["W"]
        dxp, dW = np.zeros_like(xp), np.zeros_like(W)
        for n, o, i, j in np.ndindex(upstream.shape):
            at = self.at(n, i, j)
            dW[o] += upstream[n, o, i, j] * xp[at]
            dxp[at] += upstream[n, o, i, j] * W[o]
        return self.crop(dxp), {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: dW flipped", (2, 2, 5, 4), "flipped", "dW")
class FlippedDW(Looped):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {"W": grads["W"][:, :, ::-1, ::-1], "b": grads["b"]}


@wrong("conv2d: dx with the flipped kernel", (2, 2, 5, 4), "flipped wrong-operand", "dx", pad=1)
class FlippedDx(Looped):
    def backward(self, upstream: Array) -> Pull:
        xp, W = self.cache, self.params["W"]
        dxp, dW = np.zeros_like(xp), np.zeros_like(W)
        for n, o, i, j in np.ndindex(upstream.shape):
            at = self.at(n, i, j)
            dW[o] += upstream[n, o, i, j] * xp[at]
            dxp[at] += upstream[n, o, i, j] * np.rot90(W[o], 2, axes=(1, 2))
        return self.crop(dxp), {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: padding kept in dx", (2, 2, 4, 3), "shape", "dx", pad=1)
class PaddedDx(Looped):
    def crop(self, dxp: Array) -> Array:
        return dxp


@wrong("conv2d: cropped from the corner", (2, 2, 4, 3), "shifted", "dx", pad=1)
class CornerDx(Looped):
    def crop(self, dxp: Array) -> Array:
        return dxp[:, :, : -2 * self.pad, : -2 * self.pad]


@wrong("conv2d: stride forgotten in dx", (2, 2, 5, 7), "shifted wrong-formula", "dx", stride=2)
class StrideForgotten(Looped):
    def backward(self, upstream: Array) -> Pull:
        xp, W = self.cache, self.params["W"]
        dx, dW = np.zeros_like(xp), np.zeros_like(W)
        for n, o, i, j in np.ndindex(upstream.shape):
            dW[o] += upstream[n, o, i, j] * xp[self.at(n, i, j)]
            dx[n, :, i : i + W.shape[2], j : j + W.shape[3]] += upstream[n, o, i, j] * W[o]
        return dx, {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: stride forgotten in dW", (2, 2, 5, 7), "shifted wrong-operand", "dW", stride=2)
class StrideForgottenDW(Looped):
    def backward(self, upstream: Array) -> Pull:
        xp, W = self.cache, self.params["W"]
        dx, dW = np.zeros_like(xp), np.zeros_like(W)
        for n, o, i, j in np.ndindex(upstream.shape):
            dW[o] += upstream[n, o, i, j] * xp[n, :, i : i + W.shape[2], j : j + W.shape[3]]
            dx[self.at(n, i, j)] += upstream[n, o, i, j] * W[o]
        return dx, {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: windows written with =", (2, 2, 5, 4), "overlap-not-added", "dx")
class Overwritten(Looped):
    def backward(self, upstream: Array) -> Pull:
        x, W = self.cache, self.params["W"]
        dx, dW = np.zeros_like(x), np.zeros_like(W)
        N, _, P, Q = upstream.shape
        for n, i, j in np.ndindex(N, P, Q):
            u = upstream[n, :, i, j]
            dW += u[:, None, None, None] * x[self.at(n, i, j)]
            dx[self.at(n, i, j)] = np.tensordot(u, W, axes=1)
        return dx, {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: db over the places only", (2, 2, 5, 4), "not-summed", "db")
class DbOverPlaces(Looped):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {"W": grads["W"], "b": upstream.sum(axis=(2, 3))}


@wrong("conv2d: db over the batch only", (2, 2, 5, 4), "not-summed", "db")
class DbOverBatch(Looped):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {"W": grads["W"], "b": upstream.sum(axis=0)}


@wrong("conv2d: db averaged over the places", (2, 2, 5, 4), "scale", "db")
class DbMean(Looped):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {"W": grads["W"], "b": upstream.mean(axis=(2, 3)).sum(axis=0)}


@wrong("conv2d: dW starts again with each image", (3, 2, 4, 3), "only-some", "dW")
class LastImage(Looped):
    def backward(self, upstream: Array) -> Pull:
        x, W = self.cache, self.params["W"]
        dx = np.zeros_like(x)
        for n in range(len(x)):
            dW = np.zeros_like(W)
            for o, i, j in np.ndindex(upstream.shape[1:]):
                at = self.at(n, i, j)
                dW[o] += upstream[n, o, i, j] * x[at]
                dx[at] += upstream[n, o, i, j] * W[o]
        return dx, {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: return inside the loop over the batch", (3, 2, 4, 3), "only-some", "dx dW db")
class EarlyReturn(Looped):
    def backward(self, upstream: Array) -> Pull:
        x, W = self.cache, self.params["W"]
        dx, dW, db = np.zeros_like(x), np.zeros_like(W), np.zeros(len(W))
        for n in range(len(x)):
            for o, i, j in np.ndindex(upstream.shape[1:]):
                at = self.at(n, i, j)
                dW[o] += upstream[n, o, i, j] * x[at]
                dx[at] += upstream[n, o, i, j] * W[o]
                db[o] += upstream[n, o, i, j]
            return dx, {"W": dW, "b": db}
        return dx, {"W": dW, "b": db}


@wrong("conv2d: dx does not look at upstream", (2, 2, 4, 3), "no-upstream", "dx", kw=2)
class NoUpstream(Looped):
    def backward(self, upstream: Array) -> Pull:
        x, W = self.cache, self.params["W"]
        dx, dW = np.zeros_like(x), np.zeros_like(W)
        for n, o, i, j in np.ndindex(upstream.shape):
            dW[o] += upstream[n, o, i, j] * x[self.at(n, i, j)]
            dx[self.at(n, i, j)] += W[o]
        return dx, {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: channels of dx in reverse", (2, 3, 4, 3), "flipped permuted", "dx", c=3, o=2)
class ChannelsReversed(Looped):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx[:, ::-1], grads


@wrong("conv2d: square kernel transposed in dx", (2, 2, 5, 4), "transposed wrong-operand", "dx", kh=3, kw=3)
class KernelTransposed(Looped):
    def backward(self, upstream: Array) -> Pull:
        xp, W = self.cache, self.params["W"]
        dxp, dW = np.zeros_like(xp), np.zeros_like(W)
        for n, o, i, j in np.ndindex(upstream.shape):
            at = self.at(n, i, j)
            dW[o] += upstream[n, o, i, j] * xp[at]
            dxp[at] += upstream[n, o, i, j] * W[o].transpose(0, 2, 1)
        return dxp, {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: the last row of places is left out", (2, 2, 5, 4), "only-some", "dx dW")
class LastRow(Looped):
    def backward(self, upstream: Array) -> Pull:
        x, W = self.cache, self.params["W"]
        dx, dW = np.zeros_like(x), np.zeros_like(W)
        N, out, P, Q = upstream.shape
        for n, o, i, j in np.ndindex(N, out, P - 1, Q):
            dW[o] += upstream[n, o, i, j] * x[self.at(n, i, j)]
            dx[self.at(n, i, j)] += upstream[n, o, i, j] * W[o]
        return dx, {"W": dW, "b": upstream.sum(axis=(0, 2, 3))}


@wrong("conv2d: dW kept between calls", (2, 2, 4, 3), "repeat-backward", "dW")
class KeptDW(Looped):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        self.dW = getattr(self, "dW", 0) + grads["W"]
        return dx, {"W": self.dW, "b": grads["b"]}


class Windowed(Layer):
    """All windows at once, as a view; padding is a pair."""

    def __init__(
        self, pad: tuple[int, int] = (1, 2), o: int = 2, c: int = 3, kh: int = 3, kw: int = 2
    ) -> None:
        self.params = {"W": draw(3, o, c, kh, kw), "b": draw(4, o)}
        self.pad = pad

    def padded(self, x: Array) -> Array:
        ph, pw = self.pad
        return np.pad(x, [(0, 0), (0, 0), (ph, ph), (pw, pw)])

    def forward(self, x: Array) -> Any:
        W, b = self.params["W"], self.params["b"]
        windows = np.lib.stride_tricks.sliding_window_view(self.padded(x), W.shape[2:], axis=(2, 3))
        self.cache = x
        return np.einsum("ncijkl,ockl->noij", windows, W) + b[:, None, None]

    def dW(self, xp: Array, dout: Array) -> Any:
        windows = np.lib.stride_tricks.sliding_window_view(xp, self.params["W"].shape[2:], axis=(2, 3))
        return np.einsum("ncijkl,noij->ockl", windows, dout)

    def dxp(self, xp: Array, dout: Array) -> Array:
        W = self.params["W"]
        dxp, (P, Q) = np.zeros(xp.shape), dout.shape[2:]
        for r, s in np.ndindex(W.shape[2:]):
            dxp[:, :, r : r + P, s : s + Q] += np.einsum("noij,oc->ncij", dout, W[:, :, r, s])
        return dxp

    def backward(self, dout: Array) -> Pull:
        x, (ph, pw) = self.cache, self.pad
        xp = self.padded(x)
        dx = self.dxp(xp, dout)[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]]
        return dx, {"W": self.dW(xp, dout), "b": np.einsum("noij->o", dout)}


@wrong("conv2d windows: height and width of the padding mixed", (2, 3, 4, 3), "shifted", "dx")
class PaddingMixed(Windowed):
    def backward(self, dout: Array) -> Pull:
        x, (ph, pw) = self.cache, self.pad
        xp = self.padded(x)
        dx = self.dxp(xp, dout)[:, :, pw : pw + x.shape[2], ph : ph + x.shape[3]]
        return dx, {"W": self.dW(xp, dout), "b": np.einsum("noij->o", dout)}


@wrong("conv2d windows: dW from an x padded on one side", (2, 3, 4, 3), "shifted wrong-operand", "dW")
class PaddedOneSide(Windowed):
    def backward(self, dout: Array) -> Pull:
        (x, (ph, pw)), (dx, grads) = (self.cache, self.pad), super().backward(dout)
        xp = np.pad(x, [(0, 0), (0, 0), (0, 2 * ph), (0, 2 * pw)])
        return dx, grads | {"W": self.dW(xp, dout)}


@wrong("conv2d windows: overlaps written with =", (2, 3, 4, 3), "overlap-not-added", "dx", pad=(0, 1))
class TapsOverwritten(Windowed):
    def dxp(self, xp: Array, dout: Array) -> Array:
        W = self.params["W"]
        dxp, (P, Q) = np.zeros(xp.shape), dout.shape[2:]
        for r, s in np.ndindex(W.shape[2:]):
            dxp[:, :, r : r + P, s : s + Q] = np.einsum("noij,oc->ncij", dout, W[:, :, r, s])
        return dxp


@wrong("conv2d windows: db one number for all channels", (2, 3, 4, 3), "over-summed", "db", pad=(0, 0))
class OneDb(Windowed):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"b": np.full(len(grads["b"]), dout.sum())}


@wrong("conv2d windows: last column of taps left out of dx", (2, 3, 4, 3), "only-some", "dx", pad=(0, 0))
class TapMissing(Windowed):
    def dxp(self, xp: Array, dout: Array) -> Array:
        W = self.params["W"]
        dxp, (P, Q) = np.zeros(xp.shape), dout.shape[2:]
        for r in range(W.shape[2]):
            for s in range(W.shape[3] - 1):
                dxp[:, :, r : r + P, s : s + Q] += np.einsum("noij,oc->ncij", dout, W[:, :, r, s])
        return dxp


class Im2Col(Layer):
    """The convolution as one product of matrices."""

    def __init__(self, o: int = 4, c: int = 2, kh: int = 2, kw: int = 3) -> None:
        self.params = {"W": draw(5, o, c, kh, kw), "b": draw(6, o)}

    def forward(self, x: Array) -> Any:
        W, b = self.params["W"], self.params["b"]
        windows = np.lib.stride_tricks.sliding_window_view(x, W.shape[2:], axis=(2, 3))
        N, _, P, Q = windows.shape[:4]
        cols = windows.transpose(0, 2, 3, 1, 4, 5).reshape(N * P * Q, -1)
        self.cache = cols, x.shape
        return (cols.dot(W.reshape(len(W), -1).T) + b).reshape(N, P, Q, -1).transpose(0, 3, 1, 2)

    def fold(self, dcols: Array, P: int, Q: int) -> Array:
        (N, C, _, _), (kh, kw) = self.cache[1], self.params["W"].shape[2:]
        dx = np.zeros(self.cache[1], dcols.dtype)
        dcols = dcols.reshape(N, P, Q, C, kh, kw)
        for i, j in np.ndindex(P, Q):
            dx[:, :, i : i + kh, j : j + kw] += dcols[:, i, j]
        return dx

    def backward(self, dout: Array) -> Pull:
        W, (cols, _) = self.params["W"], self.cache
        U = dout.transpose(0, 2, 3, 1).reshape(-1, len(W))
        dx = self.fold(U.dot(W.reshape(len(W), -1)), *dout.shape[2:])
        return dx, {"W": U.T.dot(cols).reshape(W.shape), "b": U.sum(axis=0)}


@wrong("im2col: dW reshaped without transposing", (2, 2, 4, 5), "reshaped transposed", "dW")
class NotTransposed(Im2Col):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        W, (cols, _) = self.params["W"], self.cache
        U = dout.transpose(0, 2, 3, 1).reshape(-1, len(W))
        return dx, grads | {"W": cols.T.dot(U).reshape(W.shape)}


@wrong("im2col: upstream reshaped with its channels in place", (2, 2, 4, 5), "reshaped permuted", "dx dW db")
class ChannelsInPlace(Im2Col):
    def backward(self, dout: Array) -> Pull:
        W, (cols, _) = self.params["W"], self.cache
        U = dout.reshape(-1, len(W))
        dx = self.fold(U.dot(W.reshape(len(W), -1)), *dout.shape[2:])
        return dx, {"W": U.T.dot(cols).reshape(W.shape), "b": U.sum(axis=0)}


@wrong("im2col: dW averaged over rows of cols", (2, 2, 4, 5), "scale", "dW")
class MeanDW(Im2Col):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"W": grads["W"] / len(self.cache[0])}


@wrong("im2col: folded with rows and columns exchanged", (2, 2, 5, 5), "transposed reshaped", "dx", kw=2)
class FoldTransposed(Im2Col):
    def fold(self, dcols: Array, P: int, Q: int) -> Array:
        return super().fold(dcols, P, Q).transpose(0, 1, 3, 2)


class Taps1D(Layer):
    """A sequence convolution, one tap at a time, with stride and dilation."""

    def __init__(self, stride: int = 1, dilation: int = 1, o: int = 4, c: int = 3, k: int = 3) -> None:
        self.params = {"W": draw(7, o, c, k), "b": draw(8, o)}
        self.stride, self.dilation = stride, dilation

    def tap(self, k: int, places: int) -> slice:
        return slice(k * self.dilation, k * self.dilation + self.stride * (places - 1) + 1, self.stride)

    def forward(self, x: Array) -> Array:
        W, b = self.params["W"], self.params["b"]
        P = (x.shape[2] - self.dilation * (W.shape[2] - 1) - 1) // self.stride + 1
        self.cache = x, P
        y = b[:, None]
        for k in range(W.shape[2]):
            y = y + np.einsum("oc,nct->not", W[:, :, k], x[:, :, self.tap(k, P)])
        return y

    def backward(self, dy: Array) -> Pull:
        (x, P), W = self.cache, self.params["W"]
        dx, dW = np.zeros(x.shape, dy.dtype), np.zeros(W.shape, dy.dtype)
        for k in range(W.shape[2]):
            at = self.tap(k, P)
            dW[:, :, k] = np.einsum("not,nct->oc", dy, x[:, :, at])
            dx[:, :, at] += np.einsum("oc,not->nct", W[:, :, k], dy)
        return dx, {"W": dW, "b": dy.sum(axis=(0, 2))}


@wrong("conv1d: dilation ignored in dx", (2, 3, 9), "shifted wrong-formula", "dx", dilation=2)
class NoDilation(Taps1D):
    def backward(self, dy: Array) -> Pull:
        _, grads = super().backward(dy)
        (x, P), W = self.cache, self.params["W"]
        dx = np.zeros_like(x)
        for k in range(W.shape[2]):
            dx[:, :, k : k + P] += np.einsum("oc,not->nct", W[:, :, k], dy)
        return dx, grads


@wrong("conv1d: dx runs backwards in time", (2, 3, 7), "flipped", "dx")
class BackwardsDx(Taps1D):
    def backward(self, dy: Array) -> Pull:
        dx, grads = super().backward(dy)
        return dx[..., ::-1], grads


@wrong("conv1d: dW of the last tap missing", (2, 3, 7), "only-some", "dW", stride=2)
class LastTap(Taps1D):
    def backward(self, dy: Array) -> Pull:
        dx, grads = super().backward(dy)
        (x, P), dW = self.cache, np.zeros_like(self.params["W"])
        for k in range(dW.shape[2] - 1):
            dW[:, :, k] = np.einsum("not,nct->oc", dy, x[:, :, self.tap(k, P)])
        return dx, grads | {"W": dW}


@wrong("conv1d: minus from scipy's convention", (2, 3, 7), "sign", "dx")
class Minus(Taps1D):
    def backward(self, dy: Array) -> Pull:
        dx, grads = super().backward(dy)
        return -dx, grads


@wrong("conv1d: dW summed over the output channels", (2, 3, 7), "over-summed", "dW", dilation=2)
class OverChannels(Taps1D):
    def backward(self, dy: Array) -> Pull:
        dx, grads = super().backward(dy)
        (x, P), dW = self.cache, np.zeros_like(self.params["W"])
        for k in range(dW.shape[2]):
            dW[:, :, k] = np.einsum("not,nct->c", dy, x[:, :, self.tap(k, P)])
        return dx, grads | {"W": dW}


@wrong("conv1d: db takes part in the chain with W", (2, 3, 7), "extra-factor", "db")
class DbTimesB(Taps1D):
    def backward(self, dy: Array) -> Pull:
        dx, grads = super().backward(dy)
        return dx, grads | {"b": self.params["b"] * dy.sum(axis=(0, 2))}


@wrong("causal conv1d: dx cropped at the wrong end", (2, 3, 6), "shifted", "dx")
class CausalCrop(Taps1D):
    def forward(self, x: Array) -> Array:
        return super().forward(np.pad(x, ((0, 0), (0, 0), (2, 0))))

    def backward(self, dy: Array) -> Pull:
        dx, grads = super().backward(dy)
        return dx[:, :, :-2], grads


class Grouped(Layer):
    """Two groups of channels, each convolved by itself (1 x k kernels along time)."""

    def __init__(self, groups: int = 2, o: int = 4, c: int = 6, k: int = 3) -> None:
        self.groups = groups
        self.params = {"W": draw(9, o, c // groups, k), "b": draw(10, o)}

    def parts(self, g: int) -> tuple[slice, slice]:
        o, c, _ = self.params["W"].shape
        each = o // self.groups
        return slice(g * c, (g + 1) * c), slice(g * each, (g + 1) * each)

    def forward(self, x: Array) -> Array:
        W, b = self.params["W"], self.params["b"]
        self.cache = np.lib.stride_tricks.sliding_window_view(x, W.shape[2], axis=2)
        y = []
        for g in range(self.groups):
            c, o = self.parts(g)
            y.append(np.einsum("nctk,ock->not", self.cache[:, c], W[o]))
        return np.concatenate(y, axis=1) + b[:, None]

    def fold(self, dwindows: Array) -> Array:
        N, C, T, K = dwindows.shape
        dx = np.zeros((N, C, T + K - 1))
        for t in range(T):
            dx[:, :, t : t + K] += dwindows[:, :, t]
        return dx

    def backward(self, dy: Array) -> Pull:
        X, W = self.cache, self.params["W"]
        dX, dW = np.zeros(X.shape), np.zeros(W.shape)
        for g in range(self.groups):
            c, o = self.parts(g)
            dX[:, c] = np.einsum("not,ock->nctk", dy[:, o], W[o])
            dW[o] = np.einsum("not,nctk->ock", dy[:, o], X[:, c])
        return self.fold(dX), {"W": dW, "b": dy.sum(axis=(0, 2))}


@wrong("grouped conv: the first group's kernels for every group in dx", (2, 6, 5), "wrong-operand", "dx")
class FirstGroupsKernels(Grouped):
    def backward(self, dy: Array) -> Pull:
        _, grads = super().backward(dy)
        dX, W = np.zeros(self.cache.shape), self.params["W"]
        for g in range(self.groups):
            c, o = self.parts(g)
            dX[:, c] = np.einsum("not,ock->nctk", dy[:, o], W[: o.stop - o.start])
        return self.fold(dX), grads


@wrong("grouped conv: dW only of the last group", (2, 6, 5), "only-some", "dW")
class LastGroup(Grouped):
    def backward(self, dy: Array) -> Pull:
        dx, grads = super().backward(dy)
        for g in range(self.groups):
            c, o = self.parts(g)
            dW = np.zeros(self.params["W"].shape)
            dW[o] = np.einsum("not,nctk->ock", dy[:, o], self.cache[:, c])
        return dx, grads | {"W": dW}


@wrong("depthwise conv: dW summed over the channels", (2, 4, 5), "over-summed", "dW", groups=4, o=4, c=4)
class DepthwiseSummed(Grouped):
    def backward(self, dy: Array) -> Pull:
        dx, grads = super().backward(dy)
        dW = np.einsum("nct,nctk->k", dy, self.cache)
        return dx, grads | {"W": np.broadcast_to(dW, self.params["W"].shape).copy()}


@wrong("depthwise conv: groups of x in reverse", (2, 4, 5), "flipped permuted", "dx", groups=4, o=4, c=4, k=2)
class GroupsReversed(Grouped):
    def backward(self, dy: Array) -> Pull:
        _, grads = super().backward(dy)
        dX = np.einsum("nct,cok->nctk", dy, self.params["W"])
        return self.fold(dX[:, ::-1]), grads


class Transposed(Layer):
    """Every x stamps its kernel into y; W is (in, out, kh, kw)."""

    def __init__(self, c: int = 3, o: int = 2, stride: int = 2, kh: int = 3, kw: int = 2) -> None:
        self.params = {"W": draw(11, c, o, kh, kw), "b": draw(12, o)}
        self.stride = stride

    def at(self, i: int, j: int) -> tuple[Any, ...]:
        i, j, (kh, kw) = i * self.stride, j * self.stride, self.params["W"].shape[2:]
        return slice(None), slice(None), slice(i, i + kh), slice(j, j + kw)

    def forward(self, x: Array) -> Array:
        W, s = self.params["W"], self.stride
        N, _, H, V = x.shape
        y = np.zeros((N, W.shape[1], (H - 1) * s + W.shape[2], (V - 1) * s + W.shape[3]), x.dtype)
        for i, j in np.ndindex(H, V):
            y[self.at(i, j)] += np.tensordot(x[:, :, i, j], W, axes=1)
        self.cache = x
        return y + self.params["b"][:, None, None]

    def backward(self, dout: Array) -> Pull:
        x, W = self.cache, self.params["W"]
        dx, dW = np.empty_like(dout, shape=x.shape), np.zeros_like(W)
        for i, j in np.ndindex(x.shape[2:]):
            u = dout[self.at(i, j)]
            dx[:, :, i, j] = np.einsum("nokl,cokl->nc", u, W)
            dW += np.einsum("nokl,nc->cokl", u, x[:, :, i, j])
        return dx, {"W": dW, "b": dout.sum(axis=(0, 2, 3))}


@wrong("transposed conv: stride forgotten in dx", (2, 3, 2, 3), "shifted wrong-operand", "dx")
class TransposedNoStride(Transposed):
    def backward(self, dout: Array) -> Pull:
        _, grads = super().backward(dout)
        x, W = self.cache, self.params["W"]
        dx = np.empty_like(x)
        for i, j in np.ndindex(x.shape[2:]):
            dx[:, :, i, j] = np.einsum("nokl,cokl->nc", dout[:, :, i : i + 3, j : j + 2], W)
        return dx, grads


@wrong("transposed conv: dW with in and out exchanged", (2, 2, 3, 4), "transposed", "dW", c=2, stride=1)
class TransposedInOut(Transposed):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"W": grads["W"].swapaxes(0, 1)}


@wrong("transposed conv: db divided by the batch", (3, 3, 2, 4), "scale", "db", stride=1)
class TransposedDbMean(Transposed):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"b": dout.sum(axis=(2, 3)).mean(axis=0)}


@wrong(
    "transposed conv: dx takes only the kernel's first entry", (2, 3, 2, 3), "only-some missing-path", "dx"
)
class TransposedOneTap(Transposed):
    def backward(self, dout: Array) -> Pull:
        _, grads = super().backward(dout)
        x, W, s = self.cache, self.params["W"], self.stride
        H, V = x.shape[2:]
        dx = np.einsum("noij,co->ncij", dout[:, :, : H * s : s, : V * s : s], W[:, :, 0, 0])
        return dx, grads


@wrong("Conv2D: dW and db divided by the batch", (3, 2, 3, 4), "scale", "dW db", 2, 3, (2, 3), rng=1)
class DividedByBatch(Conv2D):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {name: grad / len(upstream) for name, grad in grads.items()}


@wrong("Conv2D: db never filled", (2, 2, 4, 5), "zero", "db", 2, 3, (3, 2), stride=(2, 1), padding=1, rng=1)
class ZeroDb(Conv2D):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {"W": grads["W"], "b": np.zeros_like(grads["b"])}


@wrong("Conv1D: gradients under the names dW, db", (2, 3, 6), "keys", "dW db", 3, 4, 2, rng=1)
class WrongKeys(Conv1D):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {f"d{name}": grad for name, grad in grads.items()}


@wrong(
    "Conv1D: dW of the two groups exchanged", (2, 4, 6), "permuted shifted", "dW", 4, 6, 3, groups=2, rng=1
)
class GroupsExchanged(Conv1D):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, grads | {"W": np.roll(grads["W"], 3, axis=0)}
