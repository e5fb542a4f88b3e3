"""What forward did, operation by operation: in this graph a mistake of the chain rule is one wrong edge."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from layers.base import Array

BUFFERS = ("zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like")
CASTS = ("array", "asarray", "ascontiguousarray", "asanyarray")


@dataclass
class Node:
    """One value of the forward pass: f of the values of `parents`, made by the statement at `place`."""

    value: Array
    parents: tuple[int, ...] = ()
    f: Callable[..., Any] | None = None  # of the parents' values
    what: str = ""
    place: str = ""
    instruction: tuple[str, int] = ("", 0)
    callers: tuple[
        tuple[str, int], ...
    ] = ()  # the instructions that led there: apart for each call of a function
    args: tuple[Any, ...] = ()  # as f was called, the parents left out
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class Tape:
    nodes: list[Node] = field(default_factory=list)
    constants: dict[int, tuple[Any, Recorded]] = field(default_factory=dict)  # by id, and kept alive

    def add(self, node: Node) -> Recorded:
        self.nodes.append(node)
        out = np.array(node.value, dtype=np.float64).view(Recorded)
        out.tape, out.node = self, len(self.nodes) - 1
        return out

    def leaf(self, value: Array) -> Recorded:
        return self.add(Node(np.array(value, dtype=np.float64), what="leaf"))

    def current(self, value: Recorded) -> int:
        """The node of an array; a new one if something unseen wrote to it, as random generators do."""
        if not np.array_equal(
            np.ndarray.view(value, np.ndarray), self.nodes[value.node].value, equal_nan=True
        ):
            value.node = self.leaf(np.ndarray.view(value, np.ndarray)).node
        return value.node

    def constant(self, value: Any) -> Any:
        """An array that depends on nothing, such as a mask, as a value that can be told from others."""
        if type(value) is not np.ndarray or not value.ndim or value.dtype.kind not in "fb":
            return value
        if id(value) not in self.constants:
            self.constants[id(value)] = value, self.leaf(value)
        return self.constants[id(value)][1]

    def apply(self, what: str, f: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        """f(*args, **kwargs) on bare arrays; a node if the result is of floats."""
        slots: list[int] = []
        template = _template((args, kwargs), slots)

        def again(*values: Any) -> Any:
            filled_args, filled = _fill(template, values)
            return f(*filled_args, **filled)

        values = [np.ndarray.view(self.nodes[i].value, np.ndarray) for i in slots]
        return self._wrap(what, again, slots, again(*values), template)

    def _wrap(self, what: str, again: Callable[..., Any], slots: list[int], result: Any, called: Any) -> Any:
        if isinstance(result, tuple | list):
            return type(result)(
                self._wrap(f"{what}[{i}]", lambda *v, i=i: again(*v)[i], slots, part, called)
                for i, part in enumerate(result)
            )
        args, options = called
        if not isinstance(result, np.ndarray | np.generic) or np.asarray(result).dtype.kind != "f":
            return result
        place, instruction, callers = _place()
        return self.add(
            Node(np.asarray(result), tuple(slots), again, what, place, instruction, callers, args, options)
        )


class Recorded(np.ndarray):
    """A float64 array whose operations are put on a tape."""

    tape: Tape
    node: int

    def __array_finalize__(self, other: Any) -> None:
        if isinstance(other, Recorded) and hasattr(other, "tape"):
            self.tape, self.node = other.tape, getattr(other, "node", -1)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        tape = next(x.tape for x in (*inputs, *(out or ())) if isinstance(x, Recorded))
        f = getattr(ufunc, method)
        if ufunc in (np.multiply, np.divide, np.matmul) and method == "__call__":
            inputs = tuple(map(tape.constant, inputs))
        result = tape.apply(
            ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}", f, inputs, options
        )
        if out is None:
            return result
        target = out[0]
        np.ndarray.view(target, np.ndarray)[...] = np.asarray(result)
        if isinstance(target, Recorded) and isinstance(result, Recorded):
            target.node = result.node
        return target

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.tape.apply(func.__name__, func, args, kwargs)

    def __getitem__(self, index: Any) -> Any:
        bare = _bare(index)
        return self.tape.apply("getitem", lambda a: a[bare], (self,), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        index = _bare(index)

        def put(a: Array, v: Any) -> Array:
            b = np.array(a, dtype=np.result_type(a, np.asarray(v)))
            b[index] = v
            return b

        result = self.tape.apply("setitem", put, (self, value), {})
        np.ndarray.view(self, np.ndarray)[...] = np.asarray(result)
        self.node = result.node

    @property
    def T(self) -> Any:
        return self.transpose()

    def reshape(self, *shape: Any, **options: Any) -> Any:
        return self.tape.apply("reshape", lambda a: a.reshape(*shape, **options), (self,), {})

    def transpose(self, *axes: Any) -> Any:
        return self.tape.apply("transpose", lambda a: a.transpose(*axes), (self,), {})

    def swapaxes(self, *axes: Any) -> Any:
        return self.tape.apply("transpose", lambda a: a.swapaxes(*axes), (self,), {})

    def ravel(self, *options: Any) -> Any:
        return self.tape.apply("reshape", lambda a: a.ravel(*options), (self,), {})

    def flatten(self, *options: Any) -> Any:
        return self.ravel()

    def repeat(self, *args: Any, **options: Any) -> Any:
        return self.tape.apply("repeat", lambda a: a.repeat(*args, **options), (self,), {})

    def take(self, *args: Any, **options: Any) -> Any:
        return self.tape.apply("getitem", lambda a: a.take(*args, **options), (self,), {})

    def dot(self, other: Any, out: Any = None) -> Any:
        return np.dot(self, other)

    def copy(self, *options: Any) -> Any:
        return self.tape.apply("copy", lambda a: a.copy(), (self,), {})

    def astype(self, *args: Any, **options: Any) -> Any:
        return (
            self.copy()
            if np.dtype(args[0]).kind == "f"
            else np.ndarray.view(self, np.ndarray).astype(*args, **options)
        )


def _bare(value: Any) -> Any:
    if isinstance(value, Recorded):
        return np.ndarray.view(value, np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(map(_bare, value))
    return value


@dataclass(frozen=True)
class _Slot:
    i: int


def _template(value: Any, slots: list[int]) -> Any:
    if isinstance(value, Recorded):
        slots.append(value.tape.current(value))
        return _Slot(len(slots) - 1)
    if isinstance(value, tuple | list):
        return type(value)(_template(part, slots) for part in value)
    if isinstance(value, dict):
        return {key: _template(part, slots) for key, part in value.items()}
    return value


def _fill(template: Any, values: tuple[Any, ...]) -> Any:
    if isinstance(template, _Slot):
        return values[template.i]
    if isinstance(template, tuple | list):
        return type(template)(_fill(part, values) for part in template)
    if isinstance(template, dict):
        return {key: _fill(part, values) for key, part in template.items()}
    return template


@contextmanager
def recording(tape: Tape) -> Iterator[None]:
    """What makes new arrays of floats is on the tape as well: what is written into them is not lost."""
    kept = {name: getattr(np, name) for name in (*BUFFERS, *CASTS)}
    call = np.vectorize.__call__

    def buffer(f: Any) -> Any:
        def make(*args: Any, **options: Any) -> Any:
            made = f(*_bare(args), **{key: _bare(part) for key, part in options.items()})
            return tape.leaf(made) if made.dtype == np.float64 else made

        return make

    def cast(f: Any) -> Any:
        def make(value: Any, *args: Any, **options: Any) -> Any:
            if isinstance(value, Recorded):
                return value.copy() if f is kept["array"] else value
            if isinstance(value, list | tuple) and any(_holds(part) for part in value):
                return tape.apply("array", np.stack, (list(map(np.array, value)),), {})
            return f(value, *args, **options)

        return make

    def vectorized(self: Any, *args: Any, **options: Any) -> Any:
        if any(isinstance(part, Recorded) for part in args):
            return tape.apply("vectorize", lambda *v: call(self, *v), args, options)
        return call(self, *args, **options)

    try:
        for name, f in kept.items():
            setattr(np, name, (cast if name in CASTS else buffer)(f))
        np.vectorize.__call__ = vectorized  # type: ignore[method-assign]
        yield
    finally:
        for name, f in kept.items():
            setattr(np, name, f)
        np.vectorize.__call__ = call  # type: ignore[method-assign]


def _holds(value: Any) -> bool:
    return isinstance(value, Recorded) or (isinstance(value, list | tuple) and any(map(_holds, value)))


def _place() -> tuple[str, tuple[str, int], tuple[tuple[str, int], ...]]:
    """FILE:LINE of the statement, its instruction, and those of its callers within forward."""
    frame = sys._getframe(1)
    own, numpy = os.path.dirname(__file__), os.path.dirname(np.__file__)
    while frame.f_back is not None and frame.f_code.co_filename.startswith((own, numpy)):
        frame = frame.f_back
    name = f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"
    callers, caller = [], frame.f_back
    while caller is not None and not caller.f_code.co_filename.startswith(own):
        callers.append((f"{os.path.basename(caller.f_code.co_filename)}:{caller.f_lineno}", caller.f_lasti))
        caller = caller.f_back
    return name, (name, frame.f_lasti), tuple(callers)
