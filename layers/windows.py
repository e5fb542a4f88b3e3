"""Windows that slide over the spatial axes of x (N, C, *sizes), and their pullback."""

from __future__ import annotations

from itertools import product

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


def pad(x: Array, padding: Sizes, value: float = 0.0) -> Array:
    """x (N, C, *sizes) with `padding` entries of `value` before and after each spatial axis."""
    if not any(padding):
        return x
    shape = (*x.shape[:2], *(n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)))
    padded = np.full(shape, value, x.dtype)
    crop(padded, padding)[...] = x
    return padded


def crop(x: Array, padding: Sizes) -> Array:
    """The inside of a padded array, as a view: the pullback of `pad`."""
    return x[:, :, *(slice(p, n - p) for n, p in zip(x.shape[2:], padding, strict=True))]


def windows(x: Array, kernel: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    """A view of x (N, C, *sizes) of shape (N, C, *outputs, *kernel): entry [n, c, *o, *k] is
    x[n, c, *(o * stride + k * dilation)].
    """
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    view = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, x.ndim)))
    steps = [slice(None, None, s) for s in (*stride, *dilation)]
    return view[:, :, *steps]


def overlap_add(w: Array, sizes: Sizes, stride: Sizes, dilation: Sizes) -> Array:
    """The pullback of `windows`: every entry of w (N, C, *outputs, *kernel) added where it was read from.

    Shapes: w as above; the sum (N, C, *sizes).
    """
    axes = len(sizes)
    count, kernel = w.shape[2 : 2 + axes], w.shape[2 + axes :]
    taps = np.moveaxis(w, range(2 + axes, w.ndim), range(axes))  # (*kernel, N, C, *outputs)
    total = np.zeros((*w.shape[:2], *sizes), w.dtype)
    for tap in product(*map(range, kernel)):  # a loop over the kernel: all windows at once for each tap
        starts = [k * d for k, d in zip(tap, dilation, strict=True)]
        reached = [
            slice(start, start + s * (n - 1) + 1, s)
            for start, s, n in zip(starts, stride, count, strict=True)
        ]
        total[:, :, *reached] += taps[tap]
    return total
