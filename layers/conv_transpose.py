"""Transposed convolutions: the pullback of a convolution to x, taken as a forward pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .conv import bias, convolve, convolve_dW, convolve_dx, with_db
from .init import Init, Rng, start
from .sizes import PerAxis, Sizes, per_axis, size
from .slide import Slide, described
from .windows import batch_first, batch_last, expect_image


class _ConvTranspose(Layer):
    """y = W^T x + b, where W x is the convolution from y's shape to x's."""

    axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        *,
        stride: PerAxis = 1,
        padding: PerAxis = 0,
        output_padding: PerAxis = 0,
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
        self.output_padding = per_axis(who, "output_padding", output_padding, self.axes, low=0)
        limits = tuple(map(max, self.slide.stride, self.slide.dilation))
        if any(extra >= limit for extra, limit in zip(self.output_padding, limits, strict=True)):
            raise ValueError(
                f"{who}: expected output_padding below the larger of stride and dilation, {limits}, "
                f"got {self.output_padding}; choose at most {tuple(limit - 1 for limit in limits)}"
            )
        shape = in_channels, out_channels // self.slide.groups, *self.slide.kernel
        self.params = {"W": start(init, shape, rng, dtype)}
        if bias:
            self.params["b"] = np.zeros(out_channels, dtype)

    def forward(self, x: Array) -> Array:
        W = self.params["W"]
        expect_image(self, x, len(W), self.axes)
        sizes = self._sizes(x)
        self.cache = x, sizes
        y = convolve_dx(batch_last(x), W, sizes, self.slide)
        for b in bias(self):
            y = np.add(y, b.reshape(-1, *[1] * (y.ndim - 1)), out=y if y.dtype == b.dtype else None)
        return batch_first(y)

    def backward(self, upstream: Array) -> tuple[Array | None, Grads]:
        (x, sizes), W = self.cache, self.params["W"]
        self.expect("upstream", upstream, len(x), W.shape[1] * self.slide.groups, *sizes)
        upstream = batch_last(upstream)
        dW = convolve_dW(batch_last(x), upstream, self.slide)  # x is the upstream of W x here
        grads = with_db(self, upstream, dW)
        if not self.input_grad:
            return None, grads
        return batch_first(convolve(upstream, W, x.shape[2:], self.slide)), grads

    def _sizes(self, x: Array) -> Sizes:
        """The sizes of y: (size - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1."""
        sizes = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + extra + 1
            for n, k, s, p, d, extra in zip(x.shape[2:], *self.slide[:4], self.output_padding, strict=True)
        )
        if min(sizes) < 1:
            raise ValueError(
                f"{self.label}: expected an output of at least 1 along every axis, got {sizes} "
                f"from x of shape {x.shape}; use less padding"
            )
        return sizes

    def __repr__(self) -> str:
        W = self.params["W"]
        return described(self, len(W), W.shape[1] * self.slide.groups, self.slide, self.output_padding)


class ConvTranspose1D(_ConvTranspose):
    """y[n, o, t * stride + k * dilation - padding] gathers W[c, o, k] x[n, c, t] over c, t and k; then + b[o]

    It is the pullback to its input of the Conv1D with the same W, from out to in channels: forward is that
    layer's dx, and its own dx is that layer's forward. A stride s makes x about s times longer;
    output_padding entries more at the end choose among the lengths that the Conv1D would map to that of x.

    Shapes: x (N, in, L), W (in, out/groups, K), b (out,), y (N, out, P),
    P = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1.
    W starts with fan_in = out/groups * K, the terms of an entry of dx (as PyTorch counts it).
    Raises: ValueError for output_padding >= stride and >= dilation, groups that do not divide the channels,
    or padding that leaves no output.
    Source: Dumoulin & Visin 2016, chapter 4
    """

    axes = 1


class ConvTranspose2D(_ConvTranspose):
    """y[n, o, i', j'] gathers W[c, o, k, l] x[n, c, i, j] over c, i, j, k and l; then + b[o],
    i' = i * stride + k * dilation - padding, and j' likewise from j and l

    It is the pullback to its input of the Conv2D with the same W, from out to in channels: forward is that
    layer's dx, and its own dx is that layer's forward. A stride s makes x about s times larger;
    output_padding entries more at the end choose among the sizes that the Conv2D would map to that of x.

    Shapes: x (N, in, H, W), W (in, out/groups, kh, kw), b (out,), y (N, out, P, Q),
    P = (H - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1, and Q likewise.
    W starts with fan_in = out/groups * kh * kw, the terms of an entry of dx (as PyTorch counts it).
    Raises: ValueError for output_padding >= stride and >= dilation, groups that do not divide the channels,
    or padding that leaves no output.
    Source: Dumoulin & Visin 2016, chapter 4
    """

    axes = 2
