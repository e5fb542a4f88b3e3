"""A layer at a point, of which only copies ever run."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import parts_of


class Subject:
    """What is checked: a layer, its input x, and the state that every forward starts from.

    The layer is a deep copy whose floating params and buffers have become `dtype`, wherever it holds them;
    x likewise; None leaves both as they are. It is never run itself: every forward starts from its state,
    with a fresh copy of x. `arrays` holds what has a gradient, by the gradient's name ("dx", "dx[1]", "dW"):
    to change one is to move the point.
    """

    def __init__(self, layer: Any, inputs: list[Array], several: bool, dtype: Any = np.float64) -> None:
        self.label = label_of(layer)
        self.layer = self._copy(layer, dtype)
        self.inputs = [x.astype(dtype or x.dtype if x.dtype.kind == "f" else x.dtype) for x in inputs]
        self.several = several
        self.tally = [0]  # forwards so far, shared with the points moved to
        self.memoryless = False  # whether an earlier forward is known to change nothing in a later one
        self._bench: Any = None
        self._globals = global_state()  # a layer may draw from there, unwisely
        self._draws_globally = False

    @property
    def arrays(self) -> dict[str, Array]:
        named = zip(self.input_names, self.inputs, strict=True)
        return {
            f"d{name}": array for name, array in (*named, *self.params.items()) if array.dtype.kind == "f"
        }

    @property
    def input_names(self) -> list[str]:
        return [f"x[{i}]" for i in range(len(self.inputs))] if self.several else ["x"]

    @property
    def params(self) -> dict[str, Array]:
        return params_of(self.layer)

    @property
    def x(self) -> Any:
        """A fresh copy of the input, as forward takes it."""
        return tuple(x.copy() for x in self.inputs) if self.several else self.inputs[0].copy()

    def start(self) -> Any:
        """A fresh copy of the layer, with the global random states as they were when the check began."""
        if self._draws_globally:
            set_global_state(self._globals)
        return copy.deepcopy(self.layer)

    def forward(self, layer: Any, x: Any) -> Any:
        """layer.forward(x); an error says who called."""
        self.tally[0] += 1
        try:
            y = layer.forward(x)
        except Exception as error:
            self._note(error, "forward", "x", x)
            raise
        if self.tally[0] == 1:  # restoring costs more than a small layer's forward: only where it matters
            self._draws_globally = global_state() != self._globals
        return y

    def output(self) -> Any:
        """y at this point: from a fresh copy, or from one for many forwards if those leave nothing behind."""
        if not self.memoryless or self._draws_globally:
            return self.forward(self.start(), self.x)
        if self._bench is None:  # it shares the params, to be where the point is
            self._bench = copy.deepcopy(self.layer, {id(array): array for array in self.params.values()})
        return self.forward(self._bench, self.x)

    def backward(self, layer: Any, upstream: Any) -> Any:
        """layer.backward(upstream); an error says who called."""
        try:
            return layer.backward(upstream)
        except Exception as error:
            self._note(error, "backward", "upstream", upstream)
            raise

    def moved(self, move: Callable[[Array], Array]) -> Subject:
        """The same layer at another point: every array that has a gradient becomes move(array)."""
        other = copy.copy(self)
        other.layer, other.inputs = copy.deepcopy(self.layer), [x.copy() for x in self.inputs]
        other._bench = None
        for array in other.arrays.values():
            array[...] = move(array)
        return other

    def after_forward(self, x: Any) -> Subject:
        """The same point, with a layer that has seen a forward(x) before."""
        other = copy.copy(self)
        other.layer, other.memoryless = self.start(), False
        other.forward(other.layer, x)
        return other

    def _copy(self, layer: Any, dtype: Any) -> Any:
        floats = [
            array for array in (*params_of(layer).values(), *buffers_of(layer)) if array.dtype.kind == "f"
        ]
        # deepcopy takes what the memo holds for copies it has made: every reference finds the new array
        memo = {id(array): array.astype(dtype) for array in floats} if dtype else {}
        try:
            return copy.deepcopy(layer, memo)
        except Exception as error:
            error.add_note(f"gradcheck: in a deep copy of {self.label}, which keeps the original untouched")
            raise

    def _note(self, error: Exception, method: str, what: str, given: Any) -> None:
        shapes = ", ".join(f"{np.shape(part)} {np.asarray(part).dtype}" for part in parts_of(given))
        error.add_note(f"gradcheck: in {self.label}.{method} with {what} of shape {shapes}")


def global_state() -> tuple[Any, ...]:
    """The states of Python's and NumPy's global random generators, comparable."""
    state: Any = np.random.get_state(legacy=True)  # noqa: NPY002  # to put it back, not to draw
    return random.getstate(), state[0], state[1].tobytes(), *state[2:]


def set_global_state(state: tuple[Any, ...]) -> None:
    random.setstate(state[0])
    name, key, *rest = state[1:]
    np.random.set_state((name, np.frombuffer(key, np.uint32), *rest))  # noqa: NPY002


def params_of(layer: Any) -> dict[str, Array]:
    """The layer's params.   Raises: TypeError for anything but a dict of floating arrays."""
    params = getattr(layer, "params", {})
    if not isinstance(params, Mapping):
        raise TypeError(
            f"{label_of(layer)}: expected params to be a dict of arrays, got {type(params).__name__}; "
            'write self.params = {"W": W}'
        )
    for name, array in params.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(
                f"{label_of(layer)}: expected params[{name!r}] to be a floating-point array, got {got}; "
                "convert it with np.asarray(value, dtype=float)"
            )
    return dict(params)


def buffers_of(layer: Any) -> list[Array]:
    buffers = getattr(layer, "buffers", {})
    return [b for b in buffers.values() if isinstance(b, np.ndarray)] if isinstance(buffers, Mapping) else []


def label_of(layer: Any) -> str:
    """How messages name the layer, on one line."""
    kind: Any = type(layer)
    if kind.__repr__ is object.__repr__:
        return f"{kind.__name__}()"
    text = str(getattr(layer, "label", repr(layer)))
    return kind.__name__ if "\n" in text else text
