"""Pooling: one number for each window of each channel."""

from __future__ import annotations

import math
from functools import reduce
from operator import add
from typing import Any, ClassVar

import numpy as np

from .base import Array, Grads, Layer
from .sizes import PerAxis, Sizes, brief, per_axis, shown
from .windows import crop, expect_image, outputs, overlap_add, pad, windows


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

    def entries(self, x: Array, padding_value: float) -> list[Array]:
        """Views of x, one for each entry of the kernel: that entry of every window, (N, C, *outputs)."""
        expect_image(self, x, "C", self.axes)
        if x.dtype.kind not in "fc":  # -inf and averages are no integers
            raise TypeError(
                f"{self.label}: expected x of a floating dtype, got {x.dtype}; use x.astype(np.float32)"
            )
        outputs(self, x.shape[2:], self.kernel, self.stride, self.padding, self.no_dilation)
        padded = pad(x, self.padding, padding_value)
        w = windows(padded, self.kernel, self.stride, self.no_dilation)
        return [w[(..., *entry)] for entry in np.ndindex(self.kernel)]

    def dx(self, w: Array, shape: Sizes) -> Array:
        """The gradients w (N, C, *outputs, *kernel) of all windows, added where they overlap, as dx."""
        padded = tuple(n + 2 * p for n, p in zip(shape[2:], self.padding, strict=True))
        return crop(overlap_add(w, padded, self.stride, self.no_dilation), self.padding)

    def __repr__(self) -> str:
        options: dict[str, Any] = {}
        if self.stride != self.kernel:
            options["stride"] = brief(self.stride)
        if any(self.padding):
            options["padding"] = brief(self.padding)
        return f"{type(self).__name__}({brief(self.kernel)}{shown(**options)})"


class _MaxPool(_Pool):
    def forward(self, x: Array) -> Array:
        first, *others = self.entries(x, -math.inf)
        y = first.copy("K")
        winner = self._first_inside(y.shape)
        for i, entry in enumerate(others, start=1):
            larger = (entry > y) | (entry != entry)  # NaN wins, and stays: nothing is larger
            winner = np.maximum(winner, larger * winner.dtype.type(i))  # i only grows: the last to win
            np.maximum(y, entry, out=y)
        self.cache = winner, x.shape
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        winner, shape = self.cache
        self.expect("upstream", upstream, *winner.shape)
        kernel = np.arange(math.prod(self.kernel), dtype=winner.dtype)
        won = winner == kernel.reshape(-1, *[1] * winner.ndim)  # (kernel, N, C, *outputs)
        w = (upstream * won).reshape(*self.kernel, *winner.shape)
        return self.dx(np.moveaxis(w, range(len(self.kernel)), range(-len(self.kernel), 0)), shape), {}

    def _first_inside(self, shape: Sizes) -> Array:
        """The first entry of each window that is not padding: the winner where all x is -inf, as padding."""
        starts = [
            np.maximum(p - s * np.arange(n), 0)
            for p, s, n in zip(self.padding, self.stride, shape[2:], strict=True)
        ]
        entry = np.ravel_multi_index(np.ix_(*starts), self.kernel)
        smallest = np.min_scalar_type(math.prod(self.kernel) - 1)
        return np.broadcast_to(entry.astype(smallest), shape)


class _AvgPool(_Pool):
    def forward(self, x: Array) -> Array:
        entries = self.entries(x, 0.0)
        y: Array = reduce(add, entries) / len(entries)
        self.cache = y.shape, x.shape
        return y

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        y_shape, shape = self.cache
        self.expect("upstream", upstream, *y_shape)
        share = (upstream / math.prod(self.kernel)).reshape(*y_shape, *[1] * len(self.kernel))
        return self.dx(np.broadcast_to(share, (*y_shape, *self.kernel)), shape), {}


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
        shape = self.cache
        self.expect("upstream", upstream, *shape[:2])
        share = (upstream / math.prod(shape[2:])).reshape(*shape[:2], *[1] * len(shape[2:]))
        return np.broadcast_to(share, shape).copy(), {}
