"""How the kernel of a convolution slides over its input."""

from __future__ import annotations

import math
from typing import NamedTuple, Self

from .base import Layer
from .sizes import PerAxis, Sizes, brief, per_axis, shown, size


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

    def turned(self, places: Sizes, sizes: Sizes) -> Self | None:
        """How the kernel, turned round, slides over upstream at `places` to give dx of `sizes`: at stride 1
        dx[i] = sum of W[k] upstream[i + padding - k * dilation] over k. None where that is no convolution.
        """
        spans = tuple(d * (k - 1) for d, k in zip(self.dilation, self.kernel, strict=True))
        padding = tuple(span - p for span, p in zip(spans, self.padding, strict=True))
        given = tuple(n + 2 * p - span for n, p, span in zip(places, padding, spans, strict=True))
        fits = set(self.stride) == {1} and min(padding) >= 0 and given == sizes
        return self._replace(padding=padding) if fits else None


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
