"""Windows that slide over the spatial axes of x, and their pullback."""

from __future__ import annotations

import numpy as np

from .base import Array, Layer
from .sizes import Sizes


def expect_image(layer: Layer, x: Array, channels: int | str, axes: int) -> None:
    """Refuse what is not (N, channels, *sizes), or has no entries along a spatial axis."""
    layer.expect("x", x, "N", channels, *("L" if axes == 1 else "HW"))
    if 0 in x.shape[2:]:
        raise ValueError(
            f"{layer.label}: expected x with entries along every spatial axis, got {x.shape}; leave it out"
        )


def outputs(
    layer: Layer, sizes: Sizes, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes
) -> Sizes:
    """How many windows fit along each axis: (size + 2 padding - dilation (kernel - 1) - 1) // stride + 1.

    Raises: ValueError where a kernel is larger than the padded input.
    """
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padded = [n + 2 * p for n, p in zip(sizes, padding, strict=True)]
    if any(n < span for n, span in zip(padded, spans, strict=True)):
        raise ValueError(
            f"{layer.label}: expected a padded input of at least {tuple(spans)}, the kernel's span, "
            f"got {tuple(padded)} from x with {tuple(sizes)}; use more padding or a smaller kernel"
        )
    return tuple((n - span) // s + 1 for n, span, s in zip(padded, spans, stride, strict=True))


def batch_last(x: Array) -> Array:
    """x (N, C, *sizes) as (C, *sizes, N), contiguous: the same memory where `batch_first` made x.

    Layers of images keep it so under the shape (N, C, *sizes), and elementwise layers follow. A tap of a
    kernel meets long runs of neighbours then, however few the channels, and one matrix product has the batch.
    """
    last = x.transpose(*range(1, x.ndim), 0)
    if last.flags.c_contiguous:
        return last
    y = np.empty(last.shape, x.dtype)
    step = 8 if x.strides[0] % 4096 == 0 else len(x) or 1  # images so far apart share few places in a cache
    for n in range(0, len(x), step):
        y[..., n : n + step] = last[..., n : n + step]
    return y


def batch_first(x: Array) -> Array:
    """The view (N, C, *sizes) of x (C, *sizes, N)."""
    return x.transpose(-1, *range(x.ndim - 1))


def pad(x: Array, padding: Sizes, value: float = 0.0) -> Array:
    """x (C, *sizes, N) with `padding` entries of `value` before and after each spatial axis."""
    return pad_rows(x, padding, 0, x.shape[1] + 2 * padding[0], value)


def pad_rows(x: Array, padding: Sizes, start: int, stop: int, value: float = 0.0) -> Array:
    """The rows start to stop of the padded x: its first spatial axis."""
    before = padding[0] - start
    inside = x[:, max(-before, 0) : max(stop - padding[0], 0)]
    if not any(padding):
        return inside
    sizes = [n + 2 * p for n, p in zip(x.shape[2:-1], padding[1:], strict=True)]
    padded = np.full((len(x), stop - start, *sizes, x.shape[-1]), value, x.dtype)
    at = max(before, 0)
    crop(padded[:, at : at + inside.shape[1]], (0, *padding[1:]))[...] = inside
    return padded


def crop(x: Array, padding: Sizes) -> Array:
    """The inside of a padded array, as a view: the pullback of `pad`."""
    return x[:, *(slice(p, n - p) for n, p in zip(x.shape[1:], padding, strict=False))]


def windows(x: Array, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    """A view of x (C, *sizes, N) of shape (C, *kernel, *outputs, N): entry [c, *k, *o, n] is
    x[c, *(o * stride + k * dilation), n].
    """
    sizes, along = x.shape[1:-1], x.strides[1:-1]
    count = [
        (n - d * (k - 1) - 1) // s + 1 for n, k, s, d in zip(sizes, kernel, stride, dilation, strict=True)
    ]
    of_taps, of_windows = ([s * a for s, a in zip(each, along, strict=True)] for each in (dilation, stride))
    shape = len(x), *kernel, *count, x.shape[-1]
    strides = x.strides[0], *of_taps, *of_windows, x.strides[-1]
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


def tap(x: Array, place: Sizes, count: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    """windows(x)[:, *place] of `count` windows: what one tap meets in each. A view that may be written."""
    starts = [k * d for k, d in zip(place, dilation, strict=True)]
    return x[:, *(slice(a, a + s * (n - 1) + 1, s) for a, s, n in zip(starts, stride, count, strict=True))]


def overlap_add(w: Array, total: Array, stride: Sizes, dilation: Sizes) -> None:
    """The pullback of `windows`: every entry of w (C, *kernel, *outputs, N) added where it was read from.

    Shapes: w as above; total (C, *sizes, N), which is written to.
    """
    axes = len(stride)
    kernel, count = w.shape[1 : 1 + axes], w.shape[1 + axes : -1]
    for place in np.ndindex(kernel):  # all windows at once for each tap, whose entries do not overlap
        met = tap(total, place, count, stride, dilation)
        met += w[:, *place]
