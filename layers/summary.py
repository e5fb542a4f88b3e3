"""What a network is made of, for the eye: shapes, parameters, and what the forward pass keeps."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np

from .base import Array, Layer
from .container import Container, walk


def summary(layer: Layer, x_shape: Any) -> str:
    """A line for each layer: its name, output shape, number of parameters and the megabytes it caches.

    A copy of the layer takes one forward pass, in the layer's mode, on ones of shape `x_shape`, on ids of 0
    where it takes integers. Several inputs have a tuple of shapes; arrays may stand in place of shapes.
    An array that several layers cache is counted once, with the first of them. The total counts parameters
    that are shared once, and those that are frozen too.
    """
    model = copy.deepcopy(layer)
    members = [("", model), *(walk(model.children) if isinstance(model, Container) else ())]
    shapes: dict[int, str] = {}
    for _, member in members:
        _watch(member, shapes)
    # what is there before the forward is no cache; held, so that ids stay theirs
    counted = {id(root): root for root in _roots(model, set())}
    leaves = [member for _, member in members if not isinstance(member, Container)]
    params = {id(array): array for leaf in leaves for array in leaf.params.values()}
    _run(model, x_shape, next((array.dtype for array in params.values()), np.dtype(np.float32)))
    children = {id(member) for _, member in members}
    cached: dict[int, int] = {}
    for _, member in sorted(members, key=lambda pair: isinstance(pair[1], Container)):  # stable: leaves first
        kept = {id(root): root for root in _roots(member, children - {id(member)}) if id(root) not in counted}
        counted |= kept
        cached[id(member)] = sum(root.nbytes for root in kept.values())

    rows = [("layer", "output shape", "parameters", "cached MB")]
    for name, member in members:
        size = "" if isinstance(member, Container) else f"{_count(member.params):,}"
        depth = "  " * name.count(".")
        row = f"{depth}{name} {member.label}" if name else member.label
        rows.append((row, shapes.get(id(member), "not run"), size, _megabytes(cached[id(member)])))
    rows.append(("total", "", f"{_count(params):,}", _megabytes(sum(cached.values()))))
    if frozen := _count(params) - _count(model.params):
        rows.append(("frozen", "", f"{frozen:,}", ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        f"{row:{widths[0]}}  {shape:{widths[1]}}  {params:>{widths[2]}}  {megabytes:>{widths[3]}}".rstrip()
        for row, shape, params, megabytes in rows
    )


def _watch(layer: Layer, shapes: dict[int, str]) -> None:
    """Have the layer's forward note the shape of what it returns."""
    forward = layer.forward

    def watched(x: Any) -> Any:
        y = forward(x)
        shapes[id(layer)] = ", ".join(str(np.shape(part)) for part in (y if isinstance(y, tuple) else (y,)))
        return y

    layer.__dict__["forward"] = watched


def _run(model: Layer, x_shape: Any, dtype: Any) -> None:
    ones, ids = _input(x_shape, np.ones, dtype), _input(x_shape, np.zeros, np.dtype(np.intp))
    try:
        model.forward(ones)
    except (TypeError, ValueError) as error:
        try:
            model.forward(ids)
        except (TypeError, ValueError):
            error.add_note("in summary, on ones; an array may stand in place of a shape, such as a mask")
            raise error from None


def _input(x_shape: Any, fill: Any, dtype: Any) -> Any:
    if isinstance(x_shape, np.ndarray):
        return x_shape
    if not isinstance(x_shape, tuple | list):
        raise TypeError(
            f"summary: expected x_shape to be a shape, batch included, or a tuple of them, got {x_shape!r}; "
            "write (32, 1, 28, 28)"
        )
    if all(isinstance(size, int | np.integer) for size in x_shape):
        return fill(x_shape, dtype)
    return tuple(_input(part, fill, dtype) for part in x_shape)


def _roots(value: Any, seen: set[int]) -> Iterator[Array]:
    """The arrays that own the memory of all arrays within, also in attributes of layers but those `seen`."""
    if isinstance(value, np.ndarray):
        owner = value
        while (base := getattr(value, "base", None)) is not None:
            value = base
            owner = value if isinstance(value, np.ndarray) else owner
        yield owner
    elif isinstance(value, Layer | dict | tuple | list) and id(value) not in seen:
        seen.add(id(value))
        held = vars(value) if isinstance(value, Layer) else value
        for part in held.values() if isinstance(held, dict) else held:
            yield from _roots(part, seen)


def _count(arrays: dict[Any, Array]) -> int:
    return sum(array.size for array in arrays.values())


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.3f}"
