"""How conv.py and maxpool.py are judged."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

import layers
from layers.base import Array

from .task import Part, Task
from .trial import Formula, Trial, by_library, class_of, contract, dx, forward, parameters


def _conv(turned: Callable[[Array], Array] = np.asarray, **given: Any) -> Formula:
    """The library's, with W turned, and with the student's options but for those that are given."""

    def y(layer: Any, x: Array) -> Array:
        W, options = turned(layer.params["W"]), {"stride": layer.stride, "padding": layer.padding} | given
        ours = layers.Conv2D(W.shape[1], len(W), W.shape[2], dtype=np.float64, **options)
        return by_library(ours, {"W": W, "b": layer.params["b"]}, x)

    return y


_CONV: dict[str, Formula] = {
    "the bias is not added": lambda layer, x: _conv()(layer, x) - layer.params["b"][:, None, None],
    "the kernel is flipped; a correlation takes it as it is": _conv(lambda W: W[:, :, ::-1, ::-1]),
    "the kernel is transposed: h goes with i, w with j": _conv(lambda W: W.swapaxes(2, 3)),
    "the channels are in reverse order": _conv(lambda W: W[:, ::-1]),
    "the stride is ignored": _conv(stride=1),
    "the padding is ignored": _conv(padding=0),
}
PLAIN = Trial("Conv", (3, 5, 2), (2, 3, 4, 6), right=_conv(), wrong=_CONV)
STRIDED = Trial(  # (5 + 2 - 3) / 2 is whole, (8 + 2 - 3) / 2 is not
    "Conv", (2, 4, 3), (2, 2, 5, 8), right=_conv(), wrong=_CONV, options={"stride": 2, "padding": 1}
)


def _pool(pool: Any = layers.MaxPool2D, sign: int = 1, **given: Any) -> Formula:
    """The library's, of x or -x, with the student's stride if none is given."""

    def y(layer: Any, x: Array) -> Array:
        ours = pool(layer.kernel_size, **{"stride": layer.stride} | given)
        return np.asarray(sign * ours.forward(sign * x))

    return y


_POOL: dict[str, Formula] = {
    "that is the mean of each window": _pool(layers.AvgPool2D),
    "that is the smallest of each window": _pool(sign=-1),
    "the stride is ignored, and is the kernel": _pool(stride=None),
    "the stride is ignored, and is 1": _pool(stride=1),
}
POOL = Trial("MaxPool", (2,), (2, 3, 4, 7), right=_pool(), wrong=_POOL)
OVERLAPPING = Trial("MaxPool", (3,), (2, 2, 5, 8), right=_pool(), wrong=_POOL, options={"stride": 2})


def _ties(module: ModuleType) -> str:
    """Each window hands on its upstream once, however many entries share the maximum."""
    layer = class_of(module, "MaxPool")(2)
    x = np.random.default_rng(23).integers(0, 3, (2, 3, 4, 6)) + 0.0
    u = np.random.default_rng(24).standard_normal(layer.forward(x).shape)
    gradient = np.asarray(layer.backward(u)[0])
    if gradient.shape != x.shape:
        return f"dx has shape {gradient.shape}, x {x.shape}"
    given = gradient.reshape(2, 3, 2, 2, 3, 2).sum(axis=(3, 5))
    if np.allclose(given, u):
        return ""
    place = np.argwhere(~np.isclose(given, u))[0].tolist()
    there = f"{u[tuple(place)]:.3g} in window {place}, and dx sums to {given[tuple(place)]:.3g}"
    return (
        f"where entries of a window tie, its gradients must sum to its upstream: {there}; x == max marks all "
        "that tie, take one (argmax does)"
    )


TASKS = (
    Task(
        "conv",
        "Convolution",
        "conv.py",
        (
            forward(3, PLAIN, STRIDED),
            dx(3, PLAIN, STRIDED),
            parameters(3, PLAIN, STRIDED),
            contract(1, STRIDED),
        ),
    ),
    Task(
        "maxpool",
        "Max-pooling",
        "maxpool.py",
        (
            forward(3, POOL, OVERLAPPING),
            dx(4, POOL, OVERLAPPING),
            Part("ties", 2, _ties),
            contract(1, OVERLAPPING),
        ),
    ),
)
