"""What a network is made of, for the eye: shapes, parameters, and what the forward pass keeps."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from .base import Array, Layer
from .container import Container


def summary(layer: Layer, x_shape: Any) -> str:
    """A line for each layer: its name, output shape, number of parameters and the megabytes it caches.

    A copy of the layer takes one forward pass, in the layer's mode, on ones of shape `x_shape`, on ids of 0
    where it takes integers. Several inputs have a tuple of shapes; arrays may stand in place of shapes.
    An array that several layers cache is counted once, with the first of them.
    """
    model = copy.deepcopy(layer)
    members = list(_walk(model))
    shapes: dict[int, str] = {}
    for _, member in members:
        _watch(member, shapes)
    counted = {
        id(root): root for root in _roots(model, set())
    }  # params and the like; held, so ids stay theirs
    _run(model, x_shape)
    children = {id(member) for _, member in members}
    cached: dict[int, int] = {}
    for _, member in sorted(members, key=lambda pair: isinstance(pair[1], Container)):  # stable: leaves first
        kept = {id(root): root for root in _roots(member, children - {id(member)}) if id(root) not in counted}
        counted |= kept
        cached[id(member)] = sum(root.nbytes for root in kept.values())

    rows = [("layer", "output shape", "parameters", "cached MB")]
    for name, member in members:
        params = "" if isinstance(member, Container) else f"{_count(member.params):,}"
        depth = "  " * name.count(".")
        row = f"{depth}{name} {member.label}" if name else member.label
        rows.append((row, shapes.get(id(member), "not run"), params, _megabytes(cached[id(member)])))
    frozen = {name: model.buffers[name] for name in getattr(model, "frozen", ())}
    params = f"{_count(model.params) + _count(frozen):,}"
    rows.append(("total", "", params, _megabytes(sum(cached.values()))))
    if frozen:
        rows.append(("frozen", "", f"{_count(frozen):,}", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row:{widths[0]}}  {shape:{widths[1]}}  {params:>{widths[2]}}  {megabytes:>{widths[3]}}".rstrip()
        for row, shape, params, megabytes in rows
    )


def _walk(layer: Layer, name: str = "") -> Iterator[tuple[str, Layer]]:
    """The layer and those inside it, by dotted name."""
    yield name, layer
    if isinstance(layer, Container):
        for key, child in layer.children.items():
            yield from _walk(child, f"{name}.{key}" if name else key)


def _watch(layer: Layer, shapes: dict[int, str]) -> None:
    """Have the layer's forward note the shape of what it returns."""
    forward = layer.forward

    def watched(x: Any) -> Any:
        y = forward(x)
        shapes[id(layer)] = ", ".join(str(np.shape(part)) for part in (y if isinstance(y, tuple) else (y,)))
        return y

    layer.__dict__["forward"] = watched


def _run(model: Layer, x_shape: Any) -> None:
    dtype = next((p.dtype for p in model.params.values()), np.dtype(np.float32))
    try:
        model.forward(_input(x_shape, np.ones, dtype))
    except (TypeError, ValueError) as error:
        try:
            model.forward(_input(x_shape, np.zeros, np.dtype(np.intp)))
        except (TypeError, ValueError):
            raise error from None


def _input(x_shape: Any, fill: Any, dtype: Any) -> Any:
    if isinstance(x_shape, np.ndarray):
        return x_shape
    if all(isinstance(size, int | np.integer) for size in x_shape):
        return fill(x_shape, dtype)
    return tuple(_input(part, fill, dtype) for part in x_shape)


def _roots(value: Any, skip: set[int]) -> Iterator[Array]:
    """The arrays that own the memory of all arrays within, also in attributes of layers not in `skip`."""
    if isinstance(value, np.ndarray):
        owner = value
        while (base := getattr(value, "base", None)) is not None:
            value = base
            owner = value if isinstance(value, np.ndarray) else owner
        yield owner
    elif isinstance(value, Layer) and id(value) not in skip:
        yield from _roots(list(value.__dict__.values()), skip)
    elif isinstance(value, dict):
        yield from _roots(list(value.values()), skip)
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _roots(part, skip)


def _count(arrays: dict[str, Array]) -> int:
    return sum(array.size for array in arrays.values())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3f}"
