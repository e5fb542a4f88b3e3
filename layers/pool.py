"""Pooling: one number for each window of each channel."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any, ClassVar

import numpy as np

from .base import Array, Grads, Layer
from .parallel import blocks, in_parts
from .sizes import PerAxis, Sizes, brief, per_axis, shown
from .windows import batch_first, batch_last, crop, expect_image, outputs, pad, windows


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

    def entries(self, padded: Array, writeable: bool = False) -> list[Array]:
        """Views of the padded x, one for each entry of the kernel: that entry of every window."""
        w = windows(padded, self.kernel, self.stride, self.no_dilation, writeable)
        return [w[:, *entry] for entry in np.ndindex(self.kernel)]  # (C, *outputs, N)

    def dx(self, shape: Sizes, dtype: Any, gradient: Callable[[slice, int], Array]) -> Array:
        """The gradients of the entries of some channels, added up where windows overlap, as dx."""
        N, C, *sizes = shape
        padded = [n + 2 * p for n, p in zip(sizes, self.padding, strict=True)]
        dx = np.zeros((C, *padded, N), dtype)

        def some(part: slice) -> None:
            for channels in blocks(part, N * math.prod(padded)):
                for i, entry in enumerate(self.entries(dx[channels], writeable=True)):
                    entry += gradient(channels, i)

        in_parts(some, C, dx.size)
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
        count = self.expect_windows(x)
        x_last = batch_last(x)
        y = np.empty((x.shape[1], *count, len(x)), x.dtype)
        winner = np.empty(y.shape, np.min_scalar_type(math.prod(self.kernel) - 1))
        first_inside = self._first_inside(count)[..., None]

        def some(part: slice) -> None:
            for channels in blocks(part, x[:, 0].size):
                best, won = y[channels], winner[channels]
                first, *others = self.entries(pad(x_last[channels], self.padding, -math.inf))
                best[...], won[...] = first, first_inside
                for i, entry in enumerate(others, start=1):
                    larger = entry > best
                    np.maximum(won, larger * won.dtype.type(i), out=won)  # i only grows: the last to win
                    np.maximum(best, entry, out=best)
                if (best != best).any():  # NaN wins, and stays: nothing is larger
                    for i, entry in enumerate([first, *others]):
                        won[entry != entry] = i

        in_parts(some, len(y), x.size)
        self.cache = winner, x.shape
        return batch_first(y)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        winner, shape = self.cache
        self.expect("upstream", upstream, *batch_first(winner).shape)
        u = batch_last(upstream)
        return self.dx(shape, u.dtype, lambda channels, i: u[channels] * (winner[channels] == i)), {}

    def _first_inside(self, count: Sizes) -> Array:
        """The first entry of each window that is not padding: the winner where all x is -inf, as padding."""
        starts = [
            np.maximum(p - s * np.arange(n), 0)
            for p, s, n in zip(self.padding, self.stride, count, strict=True)
        ]
        return np.ravel_multi_index(np.ix_(*starts), self.kernel)


class _AvgPool(_Pool):
    def forward(self, x: Array) -> Array:
        self.expect_windows(x)
        entries = self.entries(pad(batch_last(x), self.padding))
        y: Array = reduce(add, entries) / len(entries)
        self.cache = y.shape, x.shape
        return batch_first(y)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        y_shape, shape = self.cache
        self.expect("upstream", upstream, y_shape[-1], *y_shape[:-1])
        share = batch_last(upstream) / math.prod(self.kernel)
        return self.dx(shape, share.dtype, lambda channels, i: share[channels]), {}


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
