"""What is wrong with a network before its first step: its loss, units that say nothing, gradients of 0."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from layers import Layer, Sigmoid, Tanh
from layers.base import Array
from layers.container import Container, walk
from losses import Loss

from .overfit import without_noise
from .problem import Classification, Problem
from .screen import short
from .text import listing

SAMPLE = 256  # rows
FAR = {"classification": 8.0, "regression": 16.0}  # times the loss of a network that says nothing
MANY = 0.5  # of a layer's units, or outputs


def preflight(model: Layer, loss: Loss, kind: Problem, x: Array, target: Array) -> list[str]:
    """Warnings, a line each; the model stays as it is.

    A sample of the rows passes a copy of the model in training mode, without dropout, there and back.
    Shapes: x and target are training rows, as the loss takes them.
    """
    every = -(-len(x) // SAMPLE)
    x, target = x[::every], target[::every]
    model, loss = copy.deepcopy((model, loss))
    seen: dict[str, tuple[Layer, Any, Any]] = {}
    for name, layer in walk(model.children) if isinstance(model, Container) else ():
        if not isinstance(layer, Container):
            _watch(name, layer, seen)
    with without_noise(model), np.errstate(all="ignore"):
        outputs = model.forward(x)
        if not np.isfinite(outputs).all():
            return ["the untrained network's outputs are no numbers; make its first weights smaller"]
        notes = [*_of_loss(loss, kind, outputs, target), *_of_units(seen)]
        _, grads = model.backward(loss.backward())
    return [*notes, *_of_gradients(grads)]


def _watch(name: str, layer: Layer, seen: dict[str, tuple[Layer, Any, Any]]) -> None:
    """Have the layer's forward note what it took and what it returned."""
    forward = layer.forward

    def watched(x: Any) -> Any:
        y = forward(x)
        seen[f"{name} {layer.label}"] = layer, x, y
        return y

    layer.__dict__["forward"] = watched


def _of_loss(loss: Loss, kind: Problem, outputs: Array, target: Array) -> Iterator[str]:
    """The first loss beside that of outputs 0: ln C for classes, the variance 1 for numbers."""
    indifferent, first = loss.forward(np.zeros_like(outputs), target), loss.forward(outputs, target)
    if first > FAR[kind.task] * indifferent:
        why = "all classes alike" if isinstance(kind, Classification) else "always the mean"
        yield (
            f"the untrained network's loss is {first:.4g}, and {indifferent:.4g} would be that of {why}; "
            "make the first weights smaller, the last layer's above all"
        )


def _of_units(seen: dict[str, tuple[Layer, Any, Any]]) -> Iterator[str]:
    """Layers without parameters half of whose units are 0 whatever the row, or at the ends of their range."""
    for name, (layer, x, y) in seen.items():
        if layer.params or np.ndim(y) < 2 or not isinstance(x, np.ndarray) or x.shape != np.shape(y):
            continue
        who = f"layer {short(name, 40)}"
        rows = (0, *range(2, y.ndim))  # a unit is a place on axis 1: a feature, or a channel
        dead = ~y.any(axis=rows) & (np.ptp(x, axis=rows) > 0)
        if dead.mean() > MANY:
            yield (
                f"{who}: {dead.sum()} of {dead.size} units are 0 for all {len(y)} rows of a "
                "sample; try another --activation (leakyrelu, silu), or smaller first weights"
            )
        low = {Sigmoid: 0.0, Tanh: -1.0}.get(type(layer))
        if low is not None and (ends := float(((y - low < 0.01) | (y > 0.99)).mean())) > MANY:
            yield (
                f"{who}: {ends:.0%} of its outputs are at the ends of their range, where "
                "the slope is near 0; use smaller first weights, or --batchnorm"
            )


def _of_gradients(grads: dict[str, Array]) -> Iterator[str]:
    """Parameters that the first step would not move, or spoil."""
    zero = [name for name, grad in grads.items() if not grad.any()]
    odd = [name for name, grad in grads.items() if not np.isfinite(grad).all()]
    if zero:
        yield (
            f"the first gradient of {listing(zero, 4)} is 0: such parameters do not learn; check that "
            "forward uses them, and each layer's backward with gradcheck.check_layer"
        )
    if odd:
        yield f"the first gradient of {listing(odd, 4)} is no number; make the first weights smaller"
