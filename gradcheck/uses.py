"""Where forward uses an array, and the derivative through each use alone: the paths of the chain rule."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from layers.base import Array

H = 1e-30
MOVES = {  # what only moves entries is no use yet
    np.reshape, np.transpose, np.swapaxes, np.moveaxis, np.ravel, np.squeeze, np.expand_dims, np.broadcast_to,
    np.flip, np.atleast_1d, np.atleast_2d,
}  # fmt: skip


@dataclass
class Uses:
    """Counts the uses of one array in a forward pass, and lets the perturbation through in one of them."""

    chosen: int = -1
    count: int = 0
    places: list[str] = field(default_factory=list)
    instructions: list[tuple[str, int]] = field(default_factory=list)  # the same in each turn of a loop

    def take(self, array: Array) -> Array:
        """The array for one use: perturbed in the chosen one, plain in the others."""
        bare = np.ndarray.view(array, np.ndarray)
        self.count += 1
        place, instruction = _place()
        self.places.append(place)
        self.instructions.append(instruction)
        return bare if self.count - 1 == self.chosen else bare.real + 0j


class Tracked(np.ndarray):
    """x + iH v that tells `uses` of every operation it enters; what comes out is plain and complex."""

    uses: Uses

    def __array_finalize__(self, other: Any) -> None:
        self.uses = getattr(other, "uses", Uses())

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        taken = [x.uses.take(x) if isinstance(x, Tracked) else x for x in inputs]
        if out is not None:
            options["out"] = tuple(
                np.ndarray.view(o, np.ndarray) if isinstance(o, Tracked) else o for o in out
            )
        return getattr(ufunc, method)(*taken, **options)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if func in MOVES:
            moved = func(np.ndarray.view(args[0], np.ndarray), *args[1:], **kwargs)
            return follow(moved, self.uses)
        return func(*_taken(args), **_taken(kwargs))

    def dot(self, other: Any, out: Any = None) -> Any:
        return np.dot(self, other)


def follow(array: Array, uses: Uses) -> Tracked:
    tracked = np.ndarray.view(array, Tracked)
    tracked.uses = uses
    return tracked


def track(array: Array, vector: Array, uses: Uses) -> Tracked:
    z = np.empty(array.shape, np.complex128)
    z.real, z.imag = array, H * vector
    return follow(z, uses)


def _taken(value: Any) -> Any:
    if isinstance(value, Tracked):
        return value.uses.take(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_taken, value))
    if isinstance(value, dict):
        return {key: _taken(part) for key, part in value.items()}
    return value


def _place() -> tuple[str, tuple[str, int]]:
    """FILE:LINE of the statement that uses the array."""
    frame = sys._getframe(2)
    own, numpy = os.path.dirname(__file__), os.path.dirname(np.__file__)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((own, numpy)):
        frame = frame.f_back
    name = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    return name, (name, frame.f_lasti)
