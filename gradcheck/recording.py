"""One run of a network there and back, with all that passed through every layer of it."""

from __future__ import annotations

import copy
import os
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from layers.base import Array

from .anatomy import buffers_of, label_of, params_of
from .arrays import parts_of
from .loss import LossAsLayer


@dataclass(eq=False)
class Call:
    """A forward or a backward of one layer: copies of what it was given and returned, or its error."""

    name: str
    method: str
    given: Any
    layer: Any  # a copy of the layer from before a forward; None for a container
    returned: Any = None
    error: Exception | None = None
    seconds: float = 0.0


class Recording:
    """loss(model(x), target) and its backward, run once; `calls` in the order in which they began.

    It runs the very model and loss it is given: hand in copies. `inside` says which layers each layer called.
    A backward that raises ends the run and leaves its `error`; a forward that raises is let through.
    With the name of a layer to `lock`, nothing may write to what that layer has taken, kept and returned
    until its own backward; `writer` is then the place that tried ("net.py:7").
    """

    def __init__(self, model: Any, loss: Any, x: Any, target: Any, rng: Any = 0, lock: str = "") -> None:
        self.layers = layers_in(model)
        self.calls: list[Call] = []
        self.inside: dict[str, list[str]] = {name: [] for name in self.layers}
        self.error: Exception | None = None
        self.writer = ""
        self._lock, self._locked = lock, list[Array]()
        self._open: list[str] = []
        self._idle = 0.0  # seconds spent on recording
        for name, layer in self.layers.items():
            self._tap(name, layer)
        try:
            self._run(model, LossAsLayer(loss, target), x, rng)
        except Exception as error:
            if notes := getattr(error, "__notes__", []):
                notes[:] = dict.fromkeys(notes)  # a Container says which layer it was, too
            self.error = error
            self.writer = _place_of(error)
            if not lock and not self._going_back:
                raise

    def forwards(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name and call.method == "forward"]

    def backwards(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name and call.method == "backward"]

    def _run(self, model: Any, loss: LossAsLayer, x: Any, rng: Any) -> None:
        self._going_back = False
        y = model.forward(x)
        self.prediction = copy.deepcopy(y)
        started = time.perf_counter()
        self.value = np.asarray(loss.forward(y))
        self.loss_seconds = time.perf_counter() - started
        self.seconds = self.loss_seconds + self.forwards("")[0].seconds
        one = np.asarray(np.random.default_rng(rng).standard_normal(self.value.shape))
        self.upstream, _ = loss.backward(np.ones(()) if not self.value.ndim else one)
        self._going_back = True
        model.backward(self.upstream)

    def _tap(self, name: str, layer: Any) -> None:
        for method in ("forward", "backward"):
            vars(layer)[method] = self._tapped(name, layer, method, getattr(layer, method))

    def _tapped(self, name: str, layer: Any, method: str, run: Callable[..., Any]) -> Callable[..., Any]:
        def tapped(*args: Any, **options: Any) -> Any:
            if len(args) != 1 or options:  # none of the contract's calls: not for us to judge
                return run(*args, **options)
            entered = time.perf_counter()
            call = Call(name, method, copy.deepcopy(args[0]), None)
            if method == "forward" and not children_of(layer):
                call.layer = copy.deepcopy(layer)
                for tap in ("forward", "backward"):
                    del vars(call.layer)[tap]
            if self._open and name not in (*self._open, *self.inside[self._open[-1]]):
                self.inside[self._open[-1]].append(name)
            self.calls.append(call)
            self._open.append(name)
            if name == self._lock and method == "backward":
                self._unlock()
            started = time.perf_counter()
            self._idle += started - entered
            idle = self._idle
            try:
                returned = run(args[0])
            except Exception as error:
                call.error = error
                if not getattr(error, "__notes__", []) and name:
                    error.add_note(f"in layer {name}, {label_of(layer)}")
                raise
            finally:
                self._open.pop()
            ended = time.perf_counter()
            call.seconds = ended - started - (self._idle - idle)
            call.returned = copy.deepcopy(returned)
            if name == self._lock and method == "forward":
                self._lock_arrays([args[0], returned, *vars(layer).values()], params_of(layer))
            self._idle += time.perf_counter() - ended
            return returned

        return tapped

    def _lock_arrays(self, held: Any, params: Mapping[str, Array]) -> None:
        if isinstance(held, np.ndarray):
            if held.flags.writeable and not any(held is array for array in params.values()):
                held.flags.writeable = False
                self._locked.append(held)
        elif isinstance(held, tuple | list):
            for part in held:
                self._lock_arrays(part, params)
        elif isinstance(held, dict):
            self._lock_arrays(list(held.values()), params)

    def _unlock(self) -> None:
        for array in 2 * self._locked:  # a view after its base
            with suppress(ValueError):
                array.flags.writeable = True
        self._locked = []


def layers_in(model: Any) -> dict[str, Any]:
    """The model itself, named "", and every layer inside by dotted name; an object in two places once."""
    found, seen = {"": model}, {id(model)}

    def collect(layer: Any, prefix: str) -> None:
        for name, child in children_of(layer).items():
            if id(child) not in seen:
                seen.add(id(child))
                found[prefix + name] = child
                collect(child, f"{prefix}{name}.")

    collect(model, "")
    return found


def children_of(layer: Any) -> dict[str, Any]:
    """The layers right inside: its `children`, and any attribute that is a layer, or holds some."""
    held: dict[str, Any] = {}
    own = getattr(layer, "children", None)
    for name, value in {"": own, **getattr(layer, "__dict__", {})}.items():
        parts = dict(enumerate(value)) if isinstance(value, list | tuple) else value
        if isinstance(parts, Mapping):
            prefix = f"{name}." if name else ""
            held |= {f"{prefix}{key}": part for key, part in parts.items() if is_layer(part)}
        elif is_layer(value):
            held[name] = value
    first = {id(child): name for name, child in reversed(held.items())}
    return {name: child for name, child in held.items() if first[id(child)] == name}


def is_layer(value: Any) -> bool:
    """Whether it has a forward and a backward, and room for a tap."""
    methods = (getattr(value, "forward", None), getattr(value, "backward", None))
    return not isinstance(value, type) and all(map(callable, methods)) and hasattr(value, "__dict__")


def in_float64(model: Any) -> Any:
    """A deep copy whose floating params and buffers are float64, wherever they are held."""
    memo: dict[int, Any] = {}
    for layer in layers_in(model).values():
        for array in (*params_of(layer).values(), *buffers_of(layer)):
            if array.dtype.kind == "f" and id(array) not in memo:
                memo[id(array)] = array.astype(np.float64)
    try:
        return copy.deepcopy(model, memo)
    except Exception as error:
        error.add_note(f"gradcheck: in a deep copy of {label_of(model)}, which keeps the original untouched")
        raise


def differing(ours: Any, theirs: Any, close: Callable[[Any, Any], bool]) -> str:
    """The first of dx and the gradients in which two answers of one backward differ; "" for none."""
    (dx, grads), (other_dx, other) = ours, theirs
    if len(parts_of(dx)) != len(parts_of(other_dx)):
        return "dx"
    for i, (a, b) in enumerate(zip(parts_of(dx), parts_of(other_dx), strict=True)):
        if (a is None) != (b is None) or (a is not None and not close(a, b)):
            return f"dx[{i}]" if isinstance(dx, tuple) else "dx"
    wrong = [key for key in grads if key not in other or not close(grads[key], other[key])]
    return f"d{wrong[0]}" if wrong else ""


def _place_of(error: Exception) -> str:
    """The innermost line of the error that is neither NumPy's nor ours: "net.py:7"."""
    if "read-only" not in str(error):
        return ""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not os.path.dirname(frame.filename).startswith(
            (os.path.dirname(np.__file__), os.path.dirname(__file__))
        ):
            return f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return ""
