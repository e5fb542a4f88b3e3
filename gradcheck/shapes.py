"""Shapes that a layer may take: those its class names, and the usual ones with its parameters' sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from .load import UsageError


def own_shapes(layer: Any) -> tuple[list[tuple[int, ...]], str]:
    """The class attribute example_shape, or shape: a tuple of sizes, or a list of those; and its name."""
    for name in ("example_shape", "shape"):
        value = getattr(type(layer), name, None)
        for shapes in ([value], value):
            if isinstance(shapes, list | tuple) and shapes and all(map(is_shape, shapes)):
                return [tuple(shape) for shape in shapes], f", the class's {name}"
        if value is not None and name == "example_shape":
            raise UsageError(
                f"{type(layer).__name__}.example_shape: expected sizes such as (4, 5), "
                f"or a list of such for several inputs, got {value!r}"
            )
    return [], ""


def is_shape(value: Any) -> bool:
    sizes = isinstance(value, tuple | list) and bool(value)
    return sizes and all(type(size) is int and size > 0 for size in value)


def usual_shapes(layer: Any) -> list[tuple[int, ...]]:
    """Shapes of two, three and four axes; the batch is none of the layer's sizes."""
    sizes = [size for size in sizes_of(layer) if size > 1]
    shapes = [array.shape for array in _params(layer)]
    kernels = [shape[1] * groups for groups in (1, 2) for shape in shapes if len(shape) in (3, 4)]
    n = next(n for n in (4, 7, *range(9, 99)) if n not in (*sizes, *kernels))
    t = next(t for t in (3, 2, 7, *range(8, 99)) if t not in (n, *sizes))
    return list(
        dict.fromkeys(
            [
                *[(n, size) for size in sizes],
                (n, 5),
                *[(n, t, size) for size in sizes],
                *[(n, size, 8) for size in (*sizes, *kernels)],
                *[(n, *shape) for shape in shapes if len(shape) == 2],
                (n, t, 5),
                (n, t, 6),
                *[(n, *shape) for shape in shapes if len(shape) == 3],
                *[(n, channels, 6, 5) for channels in (*kernels, *sizes, 3)],
                *[(n, channels, 4, 6) for channels in (*kernels, *sizes, 3)],
            ]
        )
    )


def _params(layer: Any) -> list[Array]:
    """Its parameters, or what arrays it keeps by itself where it lists none."""
    params = getattr(layer, "params", None)
    values = (params if isinstance(params, dict) and params else getattr(layer, "__dict__", {})).values()
    return [array for array in values if isinstance(array, np.ndarray)]


def sizes_of(layer: Any) -> list[int]:
    """The parameters' sizes, each once, inputs before outputs: W is (out, in)."""
    return list(dict.fromkeys(size for array in _params(layer) for size in reversed(array.shape)))
