"""In ONNX: convolutions, pools, what changes an image's size, and normalisations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import layers as L

from .drawing import Drawing, Value, converts


@converts(L.Conv1D, L.Conv2D)
def conv(layer: L.Conv2D, g: Drawing, x: Value) -> str:
    return g.op("Conv", x.name, *_kernels(layer, g), **_slide(layer))


@converts(L.ConvTranspose1D, L.ConvTranspose2D)
def conv_transpose(layer: L.ConvTranspose2D, g: Drawing, x: Value) -> str:
    """output_padding cuts less from the ends, and puts zeros there where nothing is left to cut."""
    ends = [p - extra for p, extra in zip(layer.slide.padding, layer.output_padding, strict=True)]
    how = _slide(layer) | {"pads": [*layer.slide.padding, *(max(end, 0) for end in ends)]}
    W, *b = _kernels(layer, g)
    if min(ends) >= 0:
        return g.op("ConvTranspose", x.name, W, *b, **how)
    y = g.op("ConvTranspose", x.name, W, **how)
    beyond = [0] * (x.ndim + 2) + [max(-end, 0) for end in ends]
    y = g.op("Pad", y, g.weight("output_padding", np.array(beyond)))
    return g.op("Add", y, g.op("Unsqueeze", b[0], g.weight("axes", np.arange(1, x.ndim - 1)))) if b else y


def _kernels(layer: L.Layer, g: Drawing) -> list[str]:
    return [g.weight(name, array) for name, array in layer.params.items()]  # W and b, in this order


def _slide(layer: Any) -> dict[str, Any]:
    slide = layer.slide
    return {
        "kernel_shape": slide.kernel,
        "strides": slide.stride,
        "pads": slide.padding * 2,  # at the start of each axis, then at the ends
        "dilations": slide.dilation,
        "group": slide.groups,
    }


@converts(L.MaxPool1D, L.MaxPool2D)
def max_pool(layer: L.MaxPool2D, g: Drawing, x: Value) -> str:
    return g.op("MaxPool", x.name, kernel_shape=layer.kernel, strides=layer.stride, pads=layer.padding * 2)


@converts(L.AvgPool1D, L.AvgPool2D)
def avg_pool(layer: L.AvgPool2D, g: Drawing, x: Value) -> str:
    how: dict[str, Any] = {"kernel_shape": layer.kernel, "strides": layer.stride, "pads": layer.padding * 2}
    return g.op("AveragePool", x.name, count_include_pad=1, **how)


@converts(L.GlobalAvgPool)
def global_avg_pool(layer: L.GlobalAvgPool, g: Drawing, x: Value) -> str:
    return g.op("ReduceMean", x.name, axes=list(range(2, x.ndim)), keepdims=0)


@converts(L.ZeroPad2D)
def zero_pad(layer: L.ZeroPad2D, g: Drawing, x: Value) -> str:
    left, right, top, bottom = layer.p
    return g.op("Pad", x.name, g.weight("p", np.array([0, 0, top, left, 0, 0, bottom, right])))


@converts(L.Upsample2D)
def upsample(layer: L.Upsample2D, g: Drawing, x: Value) -> str:
    scales = g.weight("scale", np.array([1.0, 1.0, *layer.scale]))
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return g.op("Resize", x.name, "", scales, mode="nearest", **how)


@converts(L.BatchNorm)
def batchnorm(layer: L.BatchNorm, g: Drawing, x: Value) -> str:
    arrays = {**layer.params, **layer.buffers}
    names = ("gamma", "beta", "running_mean", "running_var")
    weights = [g.weight(name, arrays[name]) for name in names]
    return g.op("BatchNormalization", x.name, *weights, epsilon=layer.eps)


@converts(L.LayerNorm)
def layernorm(layer: L.LayerNorm, g: Drawing, x: Value) -> str:
    gamma = layer.params["gamma"]
    weights = [g.weight(name, array) for name, array in layer.params.items()]
    return g.op("LayerNormalization", x.name, *weights, axis=-gamma.ndim, epsilon=layer.eps)


@converts(L.GroupNorm, L.InstanceNorm)
def groupnorm(layer: L.GroupNorm, g: Drawing, x: Value) -> str:
    n = math.prod(x.shape[1:]) // layer.groups  # values a group
    rows = g.shaped(x.name, 0, layer.groups, n)
    x_hat = g.op("LayerNormalization", rows, g.weight("ones", np.ones(n)), axis=-1, epsilon=layer.eps)
    y = g.shaped(x_hat, 0, *x.shape[1:])
    if not layer.params:
        return y
    channel = (-1, *[1] * (x.ndim - 2))
    gamma, beta = (g.weight(name, array.reshape(channel)) for name, array in layer.params.items())
    return g.op("Add", g.op("Mul", y, gamma), beta)


@converts(L.RMSNorm)
def rmsnorm(layer: L.RMSNorm, g: Drawing, x: Value) -> str:
    gamma = layer.params["gamma"]
    axes = list(range(-gamma.ndim, 0))
    square = g.op("ReduceMean", g.op("Mul", x.name, x.name), axes=axes, keepdims=1)
    rms = g.op("Sqrt", g.op("Add", square, g.weight("eps", layer.eps)))
    return g.op("Mul", g.op("Div", x.name, rms), g.weight("gamma", gamma))
