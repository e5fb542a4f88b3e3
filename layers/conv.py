"""Convolutions: the same weighted sum at every place of an image or a sequence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .parallel import PASS, blocks, in_parts
from .sizes import PerAxis, Sizes, size
from .slide import Slide, described
from .windows import batch_first, batch_last, crop, expect_image, outputs, overlap_add, pad_rows, windows

# A convolution is linear in x and linear in W. For each group g it is one product of matrices: of the kernels
# W_g (o, cK) with the windows X_g (cK, PN), where a group has c channels of x and o of y, a kernel has K taps
# and stops at P places. So its two pullbacks are products too: U_g X_gᵀ for W, W_gᵀ U_g for the windows.
# X is about K times as large as x, and so it is made for some rows of places at a time, which stay in a
# core's cache, and not kept. All arrays have the batch last: rows of X are rows of x, neighbours in memory.
ENTRIES = 2**19  # of X at a time


def convolve(x: Array, W: Array, places: Sizes, slide: Slide, *bias: Array) -> Array:
    """y[o, *p, n] = b[o] + sum of W[o, c, *k] x[c, *(p * stride + k * dilation - padding), n] over c and k

    Shapes: x (in, *sizes, N), W (out, in/groups, *kernel), b (out,), y (out, *places, N).
    """
    y = np.empty((len(W), *places, x.shape[-1]), np.result_type(x, W, *bias))
    Y, W, *columns = (_matrices(array, slide) for array in (y, W, *bias))

    def some(part: slice) -> None:
        for here, X in _windows(x, part, places, slide):
            np.matmul(W, X, out=Y[:, :, here])  # (G, o, cK)(G, cK, PN) -> (G, o, PN)
            for b in columns:
                Y[:, :, here] += b  # (G, o, 1), now that they are in the cache

    in_parts(some, places[0], W.shape[-1] * y.size / PASS)
    return y


def convolve_dx(upstream: Array, W: Array, sizes: Sizes, slide: Slide) -> Array:
    """The pullback of convolve to x: every window is added to the entries of x that it was read from.
    At stride 1 that is a convolution of upstream too.

    Shapes: upstream (out, *places, N), W (out, in/groups, *kernel), dx (in, *sizes, N).
    """
    out, places, N, c = len(W), upstream.shape[1:-1], upstream.shape[-1], W.shape[1]
    if turned := _gathers(W, places, sizes, slide):
        return convolve(upstream, _flipped(W, slide.groups), sizes, turned)
    padded = [n + 2 * p for n, p in zip(sizes, slide.padding, strict=True)]
    dx = np.zeros((slide.groups * c, *padded, N), np.result_type(upstream, W))
    U, row = _matrices(upstream, slide), math.prod(places[1:]) * N
    taps = _matrices(W, slide).swapaxes(1, 2).reshape(len(dx), -1, out // slide.groups)  # (in, K, o)
    unit = 1 if slide.groups == 1 else c  # threads share the channels, or the groups

    def some(part: slice) -> None:
        first, last = part.start * unit, part.stop * unit
        groups = slice(first // c, -(-last // c))
        W_here = taps[first:last].reshape(groups.stop - groups.start, -1, taps.shape[-1])
        for rows in blocks(slice(0, places[0]), W_here[..., 0].size * row, ENTRIES):
            dX = W_here @ U[groups, :, rows.start * row : rows.stop * row]  # (G, cK, o)(G, o, PN)
            dX = dX.reshape(last - first, *slide.kernel, rows.stop - rows.start, *places[1:], N)
            overlap_add(dX, dx[first:last, rows.start * slide.stride[0] :], slide.stride, slide.dilation)

    in_parts(some, len(dx) // unit, W.size * math.prod(places) * N / PASS)
    return crop(dx, slide.padding)


def convolve_dW(upstream: Array, x: Array, slide: Slide) -> Array:
    """The pullback of convolve to W: a tap sums over all that it was multiplied with.

    Shapes: upstream (out, *places, N), x (in, *sizes, N), dW (out, in/groups, *kernel).
    """
    places, U = upstream.shape[1:-1], _matrices(upstream, slide)
    shape = len(upstream), len(x) // slide.groups, *slide.kernel

    def some(part: slice) -> Array:
        dW = np.zeros((len(U), math.prod(shape[1:]), U.shape[1]), np.result_type(upstream, x))
        for here, X in _windows(x, part, places, slide):
            dW += X @ U[:, :, here].swapaxes(1, 2)  # (G, cK, PN)(G, PN, o) -> (G, cK, o)
        return dW

    dW = reduce(np.add, in_parts(some, places[0], math.prod(shape[1:]) * upstream.size / PASS))
    return dW.swapaxes(1, 2).reshape(shape)


def _matrices(y: Array, slide: Slide) -> Array:
    """y (out, ...) -> (G, o, ...), all that follows in a row"""
    return y.reshape(slide.groups, len(y) // slide.groups, math.prod(y.shape[1:]))


def convolve_back(upstream: Array, x: Array, W: Array, slide: Slide) -> tuple[Array, Array]:
    """dx and dW. Where dx is a convolution of upstream, so is dW, and both come from its windows U: dx is
    the flipped W U, and dW, flipped, is U xᵀ.

    Shapes: upstream (out, *places, N), x (in, *sizes, N), W (out, in/groups, *kernel).
    """
    sizes, G = x.shape[1:-1], slide.groups
    turned = _gathers(W, upstream.shape[1:-1], sizes, slide)
    if turned is None:
        return convolve_dx(upstream, W, sizes, slide), convolve_dW(upstream, x, slide)
    dx, W = np.empty(x.shape, np.result_type(upstream, W)), _flipped(W, G)
    D, X, F = (_matrices(array, slide) for array in (dx, x, W))

    def some(part: slice) -> Array:
        dF = np.zeros((G, F.shape[2], F.shape[1]), np.result_type(upstream, x))
        for here, U in _windows(upstream, part, sizes, turned):
            np.matmul(F, U, out=D[:, :, here])  # (G, c, oK)(G, oK, PN) -> (G, c, PN)
            dF += U @ X[:, :, here].swapaxes(1, 2)  # (G, oK, PN)(G, PN, c) -> (G, oK, c)
        return dF

    dF = reduce(np.add, in_parts(some, sizes[0], 2 * F.shape[2] * dx.size / PASS))
    return dx, _flipped(dF.swapaxes(1, 2).reshape(W.shape), G)


def _gathers(W: Array, places: Sizes, sizes: Sizes, slide: Slide) -> Slide | None:
    """How the kernel slides over upstream, where dx is a convolution of it and that moves less."""
    moved = len(W) // slide.groups * math.prod(sizes)  # windows of upstream are written, those of x added up
    return slide.turned(places, sizes) if moved <= 2 * W.shape[1] * math.prod(places) else None


def _flipped(W: Array, groups: int) -> Array:
    """W (out, in/groups, *kernel) -> (in, out/groups, *kernel), every kernel from its end"""
    parts = W.reshape(groups, len(W) // groups, *W.shape[1:]).swapaxes(1, 2)
    return np.flip(parts.reshape(-1, *parts.shape[2:]), tuple(range(2, W.ndim)))


def _windows(x: Array, part: slice, places: Sizes, slide: Slide) -> Iterator[tuple[slice, Array]]:
    """The windows X (G, cK, PN) of x (in, *sizes, N) at a part of the rows of places: some rows at a time,
    which the next ones overwrite, and before each which of all PN places they are.
    """
    start, last = part.start * slide.stride[0], (part.stop - 1) * slide.stride[0]
    padded = pad_rows(x, slide.padding, start, last + slide.dilation[0] * (slide.kernel[0] - 1) + 1)
    taps = [slice(None)] * (1 + len(places))  # in, *kernel
    view = windows(padded, slide.kernel, slide.stride, slide.dilation)[*taps, *map(slice, places)]
    terms, PN = (
        math.prod(view.shape[: len(taps)]),
        math.prod(places[1:]) * x.shape[-1],
    )  # of a row
    buffer = np.empty(0, x.dtype)
    for rows in blocks(part, terms * PN, ENTRIES):
        seen = view[*taps, rows.start - part.start : rows.stop - part.start]
        buffer = buffer if buffer.size else np.empty(seen.size, x.dtype)  # the first are the most
        X = buffer[: seen.size].reshape(seen.shape)
        X[...] = seen
        here = slice(rows.start * PN, rows.stop * PN)
        yield here, X.reshape(slide.groups, terms // slide.groups, here.stop - here.start)


class _Conv(Layer):
    """y = x * W + b over as many spatial axes as `axes` says."""

    axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        *,
        stride: PerAxis = 1,
        padding: PerAxis = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        bias: bool = True,
        init: Init = "he_normal",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        who = type(self).__name__
        in_channels = size(who, "in_channels", in_channels)
        out_channels = size(who, "out_channels", out_channels)
        channels = in_channels, out_channels
        self.slide = Slide.of(self, self.axes, channels, kernel_size, stride, padding, dilation, groups)
        shape = out_channels, in_channels // self.slide.groups, *self.slide.kernel
        self.params = {"W": start(init, shape, rng, dtype)}
        if bias:
            self.params["b"] = np.zeros(out_channels, dtype)

    def forward(self, x: Array) -> Array:
        W = self.params["W"]
        expect_image(self, x, W.shape[1] * self.slide.groups, self.axes)
        places = outputs(self, x.shape[2:], *self.slide[:4])
        self.cache = x, places
        return batch_first(convolve(batch_last(x), W, places, self.slide, *bias(self)))

    def backward(self, upstream: Array) -> tuple[Array | None, Grads]:
        (x, places), W = self.cache, self.params["W"]
        self.expect("upstream", upstream, len(x), len(W), *places)
        upstream = batch_last(upstream)
        if not self.input_grad:
            return None, with_db(self, upstream, convolve_dW(upstream, batch_last(x), self.slide))
        dx, dW = convolve_back(upstream, batch_last(x), W, self.slide)
        return batch_first(dx), with_db(self, upstream, dW)

    def __repr__(self) -> str:
        W = self.params["W"]
        return described(self, W.shape[1] * self.slide.groups, len(W), self.slide)


class Conv1D(_Conv):
    """y[n, o, t] = b[o] + sum of W[o, c, k] x[n, c, t * stride + k * dilation - padding] over c and k

    x counts as 0 outside its ends. With groups, the channels of x and of y fall into as many equal parts, and
    a part of y sums over its own part of x alone; groups = in is the depthwise convolution.

    Shapes: x (N, in, L), W (out, in/groups, K), b (out,), y (N, out, P),
    P = (L + 2 padding - dilation (K - 1) - 1) // stride + 1.
    Raises: ValueError for a kernel larger than the padded x, or groups that do not divide the channels.
    Source: Waibel et al. 1989 (time-delay networks)
    """

    axes = 1


class Conv2D(_Conv):
    """y[n, o, i, j] = b[o] + sum of W[o, c, k, l] x[n, c, i', j'] over c, k and l,
    i' = i * stride + k * dilation - padding, and j' likewise from j and l

    x counts as 0 outside its edges. stride, padding and dilation are one number or a pair (h, w). With
    groups, the channels of x and of y fall into as many equal parts, and a part of y sums over its own part
    of x alone; groups = in is the depthwise convolution.

    Shapes: x (N, in, H, W), W (out, in/groups, kh, kw), b (out,), y (N, out, P, Q),
    P = (H + 2 padding - dilation (kh - 1) - 1) // stride + 1, and Q likewise.
    Raises: ValueError for a kernel larger than the padded x, or groups that do not divide the channels.
    Source: LeCun et al. 1998, section II.A
    """

    axes = 2


# --- what the transposed convolutions do alike


def bias(layer: Layer) -> list[Array]:
    """b beside (out, ...), where there is one."""
    return [layer.params["b"][:, None]] if "b" in layer.params else []


def with_db(layer: Layer, upstream: Array, dW: Array) -> Grads:
    """The gradients by name: dW, and db where there is a b."""
    if "b" not in layer.params:
        return layer.grads(W=dW)
    return layer.grads(W=dW, b=upstream.reshape(len(upstream), -1).sum(axis=1))  # (out, ...) -> (out,)
