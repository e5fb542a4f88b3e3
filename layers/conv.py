"""Convolutions: the same weighted sum at every place of an image or a sequence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .sizes import PerAxis, Sizes, brief, per_axis, shown, size
from .windows import crop, expect_image, outputs, overlap_add, pad, windows


class Slide(NamedTuple):
    """How a kernel slides: at place p its tap k lies on x[p * stride + k * dilation - padding].

    The channels fall into `groups`, each of which is convolved on its own.
    """

    kernel: Sizes
    stride: Sizes
    padding: Sizes
    dilation: Sizes
    groups: int

    @classmethod
    def of(
        cls, layer: Layer, axes: int, channels: Sizes, kernel: PerAxis, stride: PerAxis, padding: PerAxis,
        dilation: PerAxis, groups: int,
    ) -> Self:  # fmt: skip
        """The arguments of a layer, one number for each axis.   Raises: TypeError, ValueError."""
        who = type(layer).__name__
        groups = size(who, "groups", groups)
        common = math.gcd(*channels)
        if common % groups:
            raise ValueError(
                f"{who}: expected groups to divide in_channels and out_channels, got groups={groups} for "
                f"{channels[0]} -> {channels[1]}; choose a divisor of {common}"
            )
        return cls(
            per_axis(who, "kernel_size", kernel, axes),
            per_axis(who, "stride", stride, axes),
            per_axis(who, "padding", padding, axes, low=0),
            per_axis(who, "dilation", dilation, axes),
            groups,
        )


# A convolution is linear in x and linear in W. For each group g it is one product of matrices: of the kernels
# W_g (o, cK) with the windows X_g (cK, NP), where a group has c channels of x and o of y, a kernel has K taps
# and stops at P places. So its two pullbacks are products too: U_g X_gᵀ for W, W_gᵀ U_g for the windows.
# X is about K times as large as x, and so it is made for some images of the batch at a time, and not kept.

ENTRIES = 2**22  # of X at a time


def convolve(x: Array, W: Array, places: Sizes, slide: Slide) -> Array:
    """y[n, o, *p] = sum of W[o, c, *k] x[n, c, *(p * stride + k * dilation - padding)] over c and k

    Shapes: x (N, in, *sizes), W (out, in/groups, *kernel), y (N, out, *places).
    """
    y = np.empty((len(x), len(W), *places), np.result_type(x, W))
    for some in _blocks(x, places, slide):
        Y = _kernels(W, slide) @ _columns(x[some], places, slide)  # (G, o, cK)(G, cK, NP) -> (G, o, NP)
        y[some] = Y.reshape(len(W), -1, *places).swapaxes(0, 1)
    return y


def convolve_dx(upstream: Array, W: Array, sizes: Sizes, slide: Slide) -> Array:
    """The pullback of convolve to x: an entry of x gathers from every window that it lies in.

    Shapes: upstream (N, out, *places), W (out, in/groups, *kernel), dx (N, in, *sizes).
    """
    places, axes = upstream.shape[2:], len(sizes)
    padded = tuple(n + 2 * p for n, p in zip(sizes, slide.padding, strict=True))
    dx = np.empty((len(upstream), W.shape[1] * slide.groups, *sizes), np.result_type(upstream, W))
    for some in _blocks(dx, places, slide):
        U = _rows(upstream[some], slide)
        dX = _kernels(W, slide).swapaxes(1, 2) @ U  # (G, cK, o)(G, o, NP) -> (G, cK, NP)
        dX = dX.reshape(dx.shape[1], *slide.kernel, -1, *places)
        dX = np.moveaxis(dX, range(1, 1 + axes), range(-axes, 0)).swapaxes(0, 1)  # (N, in, *places, *kernel)
        dx[some] = crop(overlap_add(dX, padded, slide.stride, slide.dilation), slide.padding)
    return dx


def convolve_dW(upstream: Array, x: Array, slide: Slide) -> Array:
    """The pullback of convolve to W: a tap sums over all that it was multiplied with.

    Shapes: upstream (N, out, *places), x (N, in, *sizes), dW (out, in/groups, *kernel).
    """
    out, places = upstream.shape[1], upstream.shape[2:]
    dW = np.zeros((out, x.shape[1] // slide.groups, *slide.kernel), np.result_type(upstream, x))
    for some in _blocks(x, places, slide):
        X = _columns(x[some], places, slide)
        U = _rows(upstream[some], slide)
        dW += (U @ X.swapaxes(1, 2)).reshape(dW.shape)  # (G, o, NP)(G, NP, cK) -> (G, o, cK)
    return dW


def _blocks(x: Array, places: Sizes, slide: Slide) -> Iterator[slice]:
    """The batch of x in slices whose windows are at most ENTRIES, or one image's."""
    images = max(1, ENTRIES // (x.shape[1] * math.prod(slide.kernel) * math.prod(places)))
    return (slice(n, n + images) for n in range(0, len(x), images))


def _kernels(W: Array, slide: Slide) -> Array:
    """W (out, c, *kernel) -> (G, o, cK)"""
    return W.reshape(slide.groups, len(W) // slide.groups, -1)


def _rows(y: Array, slide: Slide) -> Array:
    """y (N, out, *places) -> (G, o, NP)"""
    return y.swapaxes(0, 1).reshape(slide.groups, y.shape[1] // slide.groups, -1)


def _columns(x: Array, places: Sizes, slide: Slide) -> Array:
    """The windows of x (N, in, *sizes) at the first `places` of each axis -> (G, cK, NP)"""
    axes, rows = len(places), x.shape[1] // slide.groups * math.prod(slide.kernel)
    X = windows(pad(x, slide.padding), slide.kernel, slide.stride, slide.dilation)
    X = X[:, :, *map(slice, places)].swapaxes(0, 1)  # (in, N, *places, *kernel)
    return np.moveaxis(X, range(-axes, 0), range(1, 1 + axes)).reshape(slide.groups, rows, -1)


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
        y = convolve(x, W, places, self.slide)
        self.cache = x, places
        return plus_bias(self, y)

    def backward(self, upstream: Array) -> tuple[Array | None, Grads]:
        (x, places), W = self.cache, self.params["W"]
        self.expect("upstream", upstream, len(x), len(W), *places)
        dx = convolve_dx(upstream, W, x.shape[2:], self.slide) if self.input_grad else None
        return dx, with_db(self, upstream, convolve_dW(upstream, x, self.slide))

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


def plus_bias(layer: Layer, y: Array) -> Array:
    """y + b on the channel axis; y is the layer's own, and may be written to."""
    if "b" not in layer.params:
        return y
    b = layer.params["b"].reshape(-1, *[1] * (y.ndim - 2))  # (out,) -> (out, 1, 1)
    return np.add(y, b, out=y if y.dtype == b.dtype else None)


def with_db(layer: Layer, upstream: Array, dW: Array) -> Grads:
    """The gradients by name: dW, and db where there is a b."""
    if "b" not in layer.params:
        return layer.grads(W=dW)
    return layer.grads(W=dW, b=upstream.sum(axis=(0, *range(2, upstream.ndim))))  # (N, out, ...) -> (out,)


def described(layer: Layer, in_channels: int, out_channels: int, slide: Slide, extra: Sizes = (0,)) -> str:
    """The repr: Conv2D(3 -> 8, kernel_size=(3, 5), stride=2), with the options that are not the usual."""
    usual = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1, "bias": True}
    sizes = {
        "stride": slide.stride,
        "padding": slide.padding,
        "output_padding": extra,
        "dilation": slide.dilation,
    }
    options = {name: brief(value) for name, value in sizes.items()}
    options |= {"groups": slide.groups, "bias": "b" in layer.params}
    unusual = {name: value for name, value in options.items() if value != usual[name]}
    channels = f"{in_channels} -> {out_channels}"
    return f"{type(layer).__name__}({channels}{shown(kernel_size=brief(slide.kernel), **unusual)})"
