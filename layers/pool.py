"""Pooling: one number for each window of each channel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from itertools import repeat
from operator import add
from typing import Any, ClassVar

import numpy as np

from .base import Array, Grads, Layer
from .parallel import blocks, in_parts
from .sizes import PerAxis, Sizes, brief, per_axis, shown
from .windows import batch_first, batch_last, crop, expect_image, outputs, pad, tap

PASSES = 4  # over x, a call


class _Pool(Layer):
    """What the pools share: the windows of x, entry by entry, and the way back to dx."""

    axes: ClassVar[int]  # spatial ones

    def __init__(self, kernel_size: PerAxis, *, stride: PerAxis | None = None, padding: PerAxis = 0) -> None:
        who, axes = type(self).__name__, self.axes
        self.kernel = per_axis(who, "kernel_size", kernel_size, axes)
        self.stride = self.kernel if stride is None else per_axis(who, "stride", stride, axes)
        self.padding = per_axis(who, "padding", padding, axes, low=0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(
                f"{who}: expected padding of at most half the kernel, {brief(self.kernel)}, "
                f"got {brief(self.padding)}; use less padding or a larger kernel"
            )
        self.no_dilation = (1,) * axes

    def expect_windows(self, x: Array) -> Sizes:
        """How many windows fit along each axis.   Raises: TypeError, ValueError."""
        expect_image(self, x, "C", self.axes)
        if x.dtype.kind not in "fc":  # -inf and averages are no integers
            raise TypeError(
                f"{self.label}: expected x of a floating dtype, got {x.dtype}; use x.astype(np.float32)"
            )
        return outputs(self, x.shape[2:], self.kernel, self.stride, self.padding, self.no_dilation)

    def entries(self, padded: Array, count: Sizes) -> list[Array]:
        """Views of the padded x, one for each entry of the kernel: that entry of every window."""
        places = np.ndindex(self.kernel)
        return [tap(padded, place, count, self.stride, self.no_dilation) for place in places]

    def dx(
        self, shape: Sizes, count: Sizes, dtype: Any, gradients: Callable[[slice], Iterable[Array]]
    ) -> Array:
        """The gradients of the entries of some channels, added up where windows overlap, as dx."""
        N, C, *sizes = shape
        padded = [n + 2 * p for n, p in zip(sizes, self.padding, strict=True)]
        dx = np.zeros((C, *padded, N), dtype)
        overlap = any(k > s for k, s in zip(self.kernel, self.stride, strict=True))

        def some(part: slice) -> None:
            for channels in blocks(part, N * math.prod(padded)):
                for entry, gradient in zip(
                    self.entries(dx[channels], count), gradients(channels), strict=True
                ):
                    if overlap:
                        entry += gradient
                    else:
                        entry[...] = gradient

        in_parts(some, C, PASSES * dx.size)
        return batch_first(crop(dx, self.padding))

    def __repr__(self) -> str:
        options: dict[str, Any] = {}
        if self.stride != self.kernel:
            options["stride"] = brief(self.stride)
        if any(self.padding):
            options["padding"] = brief(self.padding)
        return f"{type(self).__name__}({brief(self.kernel)}{shown(**options)})"


class _MaxPool(_Pool):
    def forward(self, x: Array) -> Array:
        count, x_last = self.expect_windows(x), batch_last(x)
        y = np.empty((x.shape[1], *count, len(x)), x.dtype)

        def some(part: slice) -> None:
            for channels in blocks(part, x[:, 0].size):
                best = y[channels]
                first, *others = self.entries(pad(x_last[channels], self.padding, -math.inf), count)
                best[...] = first
                for entry in others:
                    np.maximum(best, entry, out=best)  # NaN stays

        in_parts(some, len(y), PASSES * x.size)
        self.cache = x, y
        return batch_first(y)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        x, y = self.cache
        self.expect("upstream", upstream, *batch_first(y).shape)
        u, shape, count = batch_last(upstream), x.shape, y.shape[1:-1]
        x = batch_last(x)

        def gradients(channels: slice) -> Iterator[Array]:
            best, upstream, free = y[channels], u[channels], np.ones(y[channels].shape, np.bool_)
            entries = self.entries(pad(x[channels], self.padding, math.nan), count)  # equal to nothing
            nans = self._last_nans(x[channels], count) if (best != best).any() else repeat(None)
            for entry, nan in zip(entries, nans, strict=False):
                won = entry == best
                won &= free  # the first of equals
                free ^= won
                if nan is not None:
                    won |= nan
                yield upstream * won

        return self.dx(shape, count, u.dtype, gradients), {}

    def _last_nans(self, x: Array, count: Sizes) -> list[Array]:
        """For each entry of the kernel, in which windows it is the last NaN, which won."""
        last, later = [], np.zeros((), np.bool_)
        for nan in reversed(self.entries(pad(x != x, self.padding, False), count)):
            last.append(nan & ~later)
            later = later | nan
        return last[::-1]


class _AvgPool(_Pool):
    def forward(self, x: Array) -> Array:
        count = self.expect_windows(x)
        entries = self.entries(pad(batch_last(x), self.padding), count)
        y: Array = reduce(add, entries) / len(entries)
        self.cache = y.shape, x.shape
        return batch_first(y)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        y_shape, shape = self.cache
        self.expect("upstream", upstream, y_shape[-1], *y_shape[:-1])
        size = math.prod(self.kernel)
        share = batch_last(upstream) / size
        return self.dx(shape, y_shape[1:-1], share.dtype, lambda channels: [share[channels]] * size), {}


class MaxPool1D(_MaxPool):
    """y = the largest x in each window,   dx = upstream at the winners, added up where windows overlap

    The stride is the kernel by default. Padding is -inf and never wins; a tie goes to the first; NaN wins.

    Shapes: x (N, C, L), y (N, C, L'), L' = (L + 2 padding - kernel) // stride + 1.
    Raises: ValueError for a kernel larger than the padded x, and for padding above half the kernel.
    """

    axes = 1


class MaxPool2D(_MaxPool):
    """y = the largest x in each window,   dx = upstream at the winners, added up where windows overlap

    The stride is the kernel by default. Padding is -inf and never wins; a tie goes to the first, row by row;
    NaN wins. Kernel (h, w), stride and padding: an int or a pair.

    Shapes: x (N, C, H, W), y (N, C, H', W'), H' = (H + 2 padding - kernel) // stride + 1.
    Raises: ValueError for a kernel larger than the padded x, and for padding above half the kernel.
    """

    axes = 2


class AvgPool1D(_AvgPool):
    """y = the mean of each window,   dx = upstream / kernel to each entry, added up where windows overlap

    The stride is the kernel by default. Padding is 0 and counts in the mean.

    Shapes: x (N, C, L), y (N, C, L'), L' = (L + 2 padding - kernel) // stride + 1.
    Raises: ValueError for a kernel larger than the padded x, and for padding above half the kernel.
    """

    axes = 1


class AvgPool2D(_AvgPool):
    """y = the mean of each window,   dx = upstream / (h w) to each entry, added up where windows overlap

    The stride is the kernel by default. Padding is 0 and counts in the mean.
    Kernel (h, w), stride and padding: an int or a pair.

    Shapes: x (N, C, H, W), y (N, C, H', W'), H' = (H + 2 padding - kernel) // stride + 1.
    Raises: ValueError for a kernel larger than the padded x, and for padding above half the kernel.
    """

    axes = 2


class GlobalAvgPool(Layer):
    """y = the mean of each channel,   dx = upstream / n to each of its n values

    Shapes: x (N, C, L), (N, C, H, W) or with more spatial axes, y (N, C).
    Raises: ValueError for a channel without values.
    Source: Lin et al. 2014, section 3.2
    """

    def forward(self, x: Array) -> Array:
        self.expect("x", x, "N", "C", "L", ...)
        if 0 in x.shape[2:]:
            raise ValueError(
                f"{self.label}: expected at least one value a channel, got x of shape {x.shape}; "
                "give it larger images"
            )
        self.cache = x.shape
        y: Array = x.mean(axis=tuple(range(2, x.ndim)))
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        N, C, *sizes = self.cache
        self.expect("upstream", upstream, N, C)
        share = upstream.T.reshape(C, *[1] * len(sizes), N) / math.prod(sizes)
        return batch_first(np.broadcast_to(share, (C, *sizes, N)).copy()), {}
