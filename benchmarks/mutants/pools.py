"""Pools and rearrangements as students write them, each with one mistake in its backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers import AvgPool2D, Flatten, GlobalAvgPool, MaxPool2D, Upsample2D
from layers.base import Array, Layer

from .case import Mutant
from .student import Pull, collector

MUTANTS: list[Mutant] = []
wrong = collector(MUTANTS)


class Pool(Layer):
    """One window at a time."""

    def __init__(self, kh: int = 2, kw: int = 3, sh: int = 2, sw: int = 3) -> None:
        self.kernel, self.stride = (kh, kw), (sh, sw)

    def at(self, n: int, c: int, i: int, j: int) -> tuple[Any, ...]:
        (kh, kw), (sh, sw) = self.kernel, self.stride
        return n, c, slice(i * sh, i * sh + kh), slice(j * sw, j * sw + kw)

    def empty(self, x: Array) -> Array:
        (kh, kw), (sh, sw) = self.kernel, self.stride
        return np.empty((*x.shape[:2], (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1), x.dtype)


class MaxLoops(Pool):
    def forward(self, x: Array) -> Array:
        y = self.empty(x)
        for place in np.ndindex(y.shape):
            y[place] = x[self.at(*place)].max()
        self.cache = x
        return y

    def window(self, w: Array, u: Any) -> Any:
        return (w == w.max()) * u

    def backward(self, upstream: Array) -> Pull:
        x = self.cache
        dx = np.zeros_like(x)
        for place in np.ndindex(upstream.shape):
            at = self.at(*place)
            dx[at] += self.window(x[at], upstream[place])
        return dx, {}


@wrong("maxpool: spread over the window", (2, 2, 4, 6), "wrong-formula wrong-region", "dx")
class SpreadMax(MaxLoops):
    def window(self, w: Array, u: Any) -> Array:
        return np.full(w.shape, u / w.size)


TIES = np.array([[3.0, 3, 1, 0, 2, 2], [1, 3, 0, 2, 1, 0], [5, 4, 4, 1, 1, 1], [5, 0, 2, 0, 1, 3]])


@wrong("maxpool: every tied winner gets it all", TIES[None, None], "wrong-region wrong-formula", "dx")
class TiedMax(MaxLoops):
    pass


@wrong("maxpool: times the winning value", (2, 2, 4, 6), "extra-factor", "dx")
class TimesMax(MaxLoops):
    def window(self, w: Array, u: Any) -> Any:
        return (w == w.max()) * w * u


@wrong("maxpool: the smallest gets it", (2, 2, 4, 6), "wrong-region wrong-formula", "dx")
class MinWins(MaxLoops):
    def window(self, w: Array, u: Any) -> Any:
        return (w == w.min()) * u


@wrong("maxpool: mask without upstream", (2, 2, 4, 6), "no-upstream", "dx")
class MaskOnly(MaxLoops):
    def window(self, w: Array, u: Any) -> Any:
        return (w == w.max()) * 1.0


@wrong("maxpool: every positive x gets it", (2, 2, 4, 6), "wrong-region wrong-formula", "dx")
class Positive(MaxLoops):
    def window(self, w: Array, u: Any) -> Any:
        return (w > 0) * u


@wrong("maxpool: return inside the loop over the batch", (3, 2, 4, 6), "only-some", "dx")
class FirstSample(MaxLoops):
    def backward(self, upstream: Array) -> Pull:
        x = self.cache
        dx = np.zeros_like(x)
        for n in range(len(x)):
            for place in np.ndindex(upstream.shape[1:]):
                at = self.at(n, *place)
                dx[at] += self.window(x[at], upstream[(n, *place)])
            return dx, {}
        return dx, {}


@wrong("maxpool: overlapping windows with =", (2, 2, 5, 7), "overlap-not-added", "dx", sh=1, sw=2)
class MaxOverwritten(MaxLoops):
    def backward(self, upstream: Array) -> Pull:
        x = self.cache
        dx = np.zeros_like(x)
        for place in np.ndindex(upstream.shape):
            at = self.at(*place)
            dx[at] = self.window(x[at], upstream[place])
        return dx, {}


@wrong("maxpool: winner unravelled with height and width mixed", (2, 2, 5, 7), "permuted shifted", "dx")
class MixedUnravel(MaxLoops):
    def backward(self, upstream: Array) -> Pull:
        x, (kh, kw), (sh, sw) = self.cache, self.kernel, self.stride
        dx = np.zeros_like(x)
        for n, c, i, j in np.ndindex(upstream.shape):
            r, s = np.unravel_index(x[self.at(n, c, i, j)].argmax(), (kw, kh))
            dx[n, c, i * sh + r, j * sw + s] += upstream[n, c, i, j]
        return dx, {}


@wrong("maxpool: stride taken for 1 in backward", (2, 2, 5, 7), "shifted wrong-formula", "dx", sw=2)
class StrideOne(MaxLoops):
    def backward(self, upstream: Array) -> Pull:
        x, (kh, kw) = self.cache, self.kernel
        dx = np.zeros_like(x)
        for n, c, i, j in np.ndindex(upstream.shape):
            w = x[self.at(n, c, i, j)]
            dx[n, c, i : i + kh, j : j + kw] += (w == w.max()) * upstream[n, c, i, j]
        return dx, {}


@wrong("maxpool: last column of windows left out", (2, 2, 4, 9), "only-some", "dx")
class LastColumn(MaxLoops):
    def backward(self, upstream: Array) -> Pull:
        x = self.cache
        dx = np.zeros_like(x)
        N, C, P, Q = upstream.shape
        for place in np.ndindex(N, C, P, Q - 1):
            at = self.at(*place)
            dx[at] += self.window(x[at], upstream[place])
        return dx, {}


@wrong("maxpool: winners of the first forward for ever", (2, 2, 4, 6), "stale-cache", "dx")
class FirstWinners(MaxLoops):
    def forward(self, x: Array) -> Array:
        y = super().forward(x)
        if not hasattr(self, "first"):
            self.first = x.copy()
        self.cache = self.first
        return y


@wrong("maxpool: losers set to zero in the caller's x", (2, 2, 4, 6), "mutates-input", "dx")
class LosersZero(MaxLoops):
    def backward(self, upstream: Array) -> Pull:
        x = self.cache
        dx = np.zeros_like(x)
        for place in np.ndindex(upstream.shape):
            w = x[self.at(*place)]
            w[w < w.max()] = 0
            dx[self.at(*place)] = (w != 0) * upstream[place]
        return dx, {}


class MaxReshape1D(Layer):
    """Pieces of k along the last axis."""

    k = 3

    def forward(self, x: Array) -> Any:
        N, C, T = x.shape
        pieces = x[:, :, : T // self.k * self.k].reshape(N, C, -1, self.k)
        self.cache = pieces.argmax(axis=3), x.shape
        return pieces.max(axis=3)


@wrong("maxpool1d: the rest put in front", (2, 3, 8), "shifted", "dx")
class RestInFront(MaxReshape1D):
    def backward(self, dy: Array) -> Pull:
        winner, (N, C, T) = self.cache
        dx = np.eye(self.k)[winner] * dy[..., None]
        dx = dx.reshape(N, C, -1)
        return np.concatenate([np.zeros((N, C, T - dx.shape[2])), dx], axis=2), {}


@wrong("maxpool1d: the rest forgotten", (2, 3, 8), "shape", "dx")
class RestForgotten(MaxReshape1D):
    def backward(self, dy: Array) -> Pull:
        winner, (N, C, _) = self.cache
        return (np.eye(self.k)[winner] * dy[..., None]).reshape(N, C, -1), {}


@wrong("maxpool1d: upstream reshaped to the wrong pieces", (2, 3, 9), "reshaped permuted", "dx")
class WrongPieces(MaxReshape1D):
    def backward(self, dy: Array) -> Pull:
        winner, shape = self.cache
        dx = np.eye(self.k)[winner] * dy[..., None]  # (N, C, P, k)
        return dx.swapaxes(2, 3).reshape(shape), {}


class AvgLoops(Pool):
    def forward(self, x: Array) -> Array:
        y = self.empty(x)
        for place in np.ndindex(y.shape):
            y[place] = x[self.at(*place)].mean()
        self.cache = x.shape
        return y


@wrong("avgpool: not divided", (2, 2, 4, 6), "scale", "dx")
class NotDivided(AvgLoops):
    def backward(self, upstream: Array) -> Pull:
        dx = np.zeros(self.cache)
        for place in np.ndindex(upstream.shape):
            dx[self.at(*place)] += upstream[place]
        return dx, {}


@wrong("avgpool: divided by the height only", (2, 2, 4, 6), "scale", "dx")
class DividedByHeight(AvgLoops):
    def backward(self, upstream: Array) -> Pull:
        dx = np.zeros(self.cache)
        for place in np.ndindex(upstream.shape):
            dx[self.at(*place)] += upstream[place] / self.kernel[0]
        return dx, {}


@wrong("avgpool: overlapping windows with =", (2, 2, 4, 5), "overlap-not-added", "dx", sh=1, sw=1)
class AvgOverwritten(AvgLoops):
    def backward(self, upstream: Array) -> Pull:
        dx = np.zeros(self.cache)
        for place in np.ndindex(upstream.shape):
            dx[self.at(*place)] = upstream[place] / np.prod(self.kernel)
        return dx, {}


@wrong("avgpool: tiled, not repeated", (2, 2, 4, 6), "permuted reshaped", "dx")
class Tiled(AvgLoops):
    def backward(self, upstream: Array) -> Pull:
        return np.tile(upstream, (1, 1, *self.kernel)) / np.prod(self.kernel), {}


@wrong("avgpool: only the first entry of a window", (2, 2, 4, 6), "only-some missing-path", "dx")
class FirstEntry(AvgLoops):
    def backward(self, upstream: Array) -> Pull:
        dx = np.zeros(self.cache)
        dx[:, :, ::2, ::3] = upstream / np.prod(self.kernel)
        return dx, {}


@wrong("AvgPool2D: the padding not counted in backward", (2, 2, 3, 4), "wrong-formula extra-factor", "dx", 2,
       padding=1)  # fmt: skip
class PaddingNotCounted(AvgPool2D):
    def backward(self, upstream: Array) -> Pull:
        shape = self.cache[1]
        inside = np.ones((1, 1, shape[2], shape[3]))
        inside = np.pad(inside, ((0, 0), (0, 0), (1, 1), (1, 1)))
        P, Q = upstream.shape[2:]
        count = sum(inside[:, :, r : r + 2 * P : 2, s : s + 2 * Q : 2] for r in (0, 1) for s in (0, 1))
        return super().backward(4 * upstream / count)


@wrong("MaxPool2D: upstream times its own size", (2, 2, 5, 7), "upstream-nonlinear", "dx", (2, 3), stride=2)
class SquaredUpstream(MaxPool2D):
    def backward(self, upstream: Array) -> Pull:
        return super().backward(upstream * np.abs(upstream))


@wrong("GlobalAvgPool: not divided", (2, 3, 4, 5), "scale", "dx")
class GlobalSum(GlobalAvgPool):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx * np.prod(self.cache[2:]), grads


@wrong("GlobalAvgPool: divided by the batch as well", (3, 2, 4, 5), "scale", "dx")
class GlobalOverBatch(GlobalAvgPool):
    def backward(self, upstream: Array) -> Pull:
        N, _, H, W = self.cache
        return np.broadcast_to(upstream[..., None, None], self.cache) / (N * H * W), {}


@wrong("GlobalAvgPool: dx of one value a channel", (2, 3, 4, 5), "shape", "dx")
class GlobalSmall(GlobalAvgPool):
    def backward(self, upstream: Array) -> Pull:
        return upstream[..., None, None] / np.prod(self.cache[2:]), {}


@wrong("global max pool: all places get it", (2, 3, 4, 5), "wrong-region wrong-formula", "dx")
class GlobalMax(Layer):
    def forward(self, x: Array) -> Any:
        self.cache = x.shape
        return x.max(axis=(2, 3))

    def backward(self, upstream: Array) -> Pull:
        return np.ones(self.cache) * upstream[:, :, None, None], {}


@wrong("global max pool: winner of the first channel for all", (2, 3, 4, 5), "wrong-region permuted", "dx")
class GlobalMaxOneChannel(Layer):
    def forward(self, x: Array) -> Any:
        N, C, H, W = x.shape
        rows = x.reshape(N, C, H * W)
        self.cache = rows.argmax(axis=2), x.shape
        return rows.max(axis=2)

    def backward(self, upstream: Array) -> Pull:
        winner, (N, C, H, W) = self.cache
        dx = np.zeros((N, C, H * W))
        for n in range(N):
            dx[n, np.arange(C), winner[n, 0]] = upstream[n]
        return dx.reshape(N, C, H, W), {}


@wrong("norm pool: not divided by the norm", (2, 3, 2, 4), "missing-factor", "dx")
class NormPool(Layer):
    """y = the length of each channel."""

    def forward(self, x: Array) -> Any:
        self.cache = x
        return np.sqrt((x**2).sum(axis=(2, 3)))

    def backward(self, upstream: Array) -> Pull:
        return self.cache * upstream[:, :, None, None], {}


@wrong("Upsample2D: one copy of each pixel", (2, 2, 2, 3), "only-some", "dx", (2, 3))
class OneCopy(Upsample2D):
    def backward(self, upstream: Array) -> Pull:
        h, w = self.scale
        return upstream[:, :, ::h, ::w], {}


@wrong("Upsample2D: averaged over the copies", (2, 2, 2, 3), "scale", "dx", (2, 3))
class MeanOfCopies(Upsample2D):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx / np.prod(self.scale), grads


@wrong("Upsample2D: copies taken for blocks", (2, 2, 2, 3), "reshaped wrong-axis", "dx", (3, 2))
class Blocks(Upsample2D):
    def backward(self, upstream: Array) -> Pull:
        (N, C, H, W), (h, w) = self.cache, self.scale
        return upstream.reshape(N, C, h, H, w, W).sum(axis=(2, 4)), {}


@wrong("Upsample2D: summed over the rows only", (2, 2, 3, 2), "only-some not-summed", "dx", 2)
class RowsOnly(Upsample2D):
    def backward(self, upstream: Array) -> Pull:
        return (upstream[:, :, ::2] + upstream[:, :, 1::2])[..., ::2], {}


class Padded(Layer):
    """A border of zeros: 1 left, 3 right, 2 above, 2 below."""

    def forward(self, x: Array) -> Array:
        self.cache = x.shape
        return np.pad(x, ((0, 0), (0, 0), (2, 2), (1, 3)))


@wrong("zero pad: left and top exchanged", (2, 1, 2, 3), "shifted", "dx")
class LeftIsTop(Padded):
    def backward(self, upstream: Array) -> Pull:
        _, _, H, W = self.cache
        return upstream[:, :, 1 : 1 + H, 2 : 2 + W], {}


@wrong("zero pad: nothing cropped", (2, 1, 2, 3), "shape", "dx")
class Uncropped(Padded):
    def backward(self, upstream: Array) -> Pull:
        return upstream, {}


@wrong("reflection pad: the border's share dropped", (2, 3, 6), "missing-path only-some", "dx")
class Reflected(Layer):
    def forward(self, x: Array) -> Array:
        return np.pad(x, ((0, 0), (0, 0), (2, 2)), mode="reflect")

    def backward(self, upstream: Array) -> Pull:
        return upstream[:, :, 2:-2], {}


@wrong("Flatten: restored column by column", (2, 3, 2, 4), "reshaped permuted", "dx")
class ColumnByColumn(Flatten):
    def backward(self, upstream: Array) -> Pull:
        return upstream.reshape(self.cache, order="F"), {}


@wrong("Flatten: dx left flat", (2, 3, 2, 4), "reshaped shape", "dx")
class LeftFlat(Flatten):
    def backward(self, upstream: Array) -> Pull:
        return upstream, {}


@wrong("flatten: transposed forward, reshaped back", (2, 3, 4), "reshaped permuted", "dx")
class TimeFirst(Layer):
    def forward(self, x: Array) -> Array:
        self.cache = x.shape
        return x.transpose(0, 2, 1).reshape(len(x), -1)

    def backward(self, upstream: Array) -> Pull:
        return upstream.reshape(self.cache), {}


@wrong("permute: the same order again", (2, 3, 4, 5), "permuted shape", "dx")
class SameAgain(Layer):
    order = (0, 2, 3, 1)

    def forward(self, x: Array) -> Array:
        return x.transpose(self.order)

    def backward(self, upstream: Array) -> Pull:
        return upstream.transpose(self.order), {}


@wrong("permute: the same order again, all sizes equal", (2, 3, 3, 3), "permuted transposed", "dx")
class SameAgainCube(SameAgain):
    pass


@wrong("swap axes: reshaped back", (2, 3, 5), "reshaped", "dx")
class SwapReshape(Layer):
    def forward(self, x: Array) -> Array:
        self.cache = x.shape
        return np.swapaxes(x, 1, 2)

    def backward(self, upstream: Array) -> Pull:
        return np.reshape(upstream, self.cache), {}


@wrong("space to depth: blocks put back in another order", (2, 2, 4, 6), "permuted reshaped", "dx")
class SpaceToDepth(Layer):
    def forward(self, x: Array) -> Array:
        N, C, H, W = x.shape
        self.cache = x.shape
        return x.reshape(N, C, H // 2, 2, W // 2, 2).transpose(0, 1, 3, 5, 2, 4).reshape(N, 4 * C, H // 2, -1)

    def backward(self, upstream: Array) -> Pull:
        N, C, H, W = self.cache
        blocks = upstream.reshape(N, C, 2, 2, H // 2, W // 2)
        return blocks.transpose(0, 1, 4, 3, 5, 2).reshape(self.cache), {}


@wrong("roll: rolled the same way again", (2, 3, 7), "shifted", "dx")
class Rolled(Layer):
    def forward(self, x: Array) -> Array:
        return np.roll(x, 2, axis=2)

    def backward(self, upstream: Array) -> Pull:
        return np.roll(upstream, 2, axis=2), {}
