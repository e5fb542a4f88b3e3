"""One forward and one backward, and everything that neither may write to."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import SMALL, fresh
from .copies import Ties, generators_of, rewinder
from .loss import LossAsLayer
from .subject import Subject, params_of

GIVEN = ("x", "y", "target", "params", "upstream")
Write = tuple[str, str, str]  # the method, a verb, and which array of several


class Round:
    """A fresh copy of the layer, with an x and an upstream of its own."""

    def __init__(self, subject: Subject, upstream: Any = None) -> None:
        self.subject, self.layer, self.x = subject, subject.start(), subject.x
        self.upstream = None if upstream is None else fresh(upstream)
        self.y = self.returned = None
        self.params = params_of(self.layer)
        self.generators = generators_of(self.layer) if subject.ties.generators else []
        self._rewinders = [rewinder(one) for one in self.generators]

    def forward(self) -> None:
        self.y = self.subject.forward(self.layer, self.x)

    def backward(self) -> None:
        self.returned = self.subject.backward(self.layer, self.upstream)

    def arrays(self, what: str) -> dict[str, Array]:
        """The arrays of x, y, target, params or upstream by name; of params, those of the start."""
        if what == "params":
            return self.params
        if what == "target":
            return _arrays(self.layer.target) if isinstance(self.layer, LossAsLayer) else {}
        return _arrays(getattr(self, what))

    def prints(self, what: str) -> dict[str, Any]:
        """What a write changes: shape, dtype and bytes of every array."""
        return {name: (a.shape, a.dtype, _bytes(a)) for name, a in self.arrays(what).items()}

    def swapped(self) -> dict[str, str]:
        """The params that are no longer the arrays of the start, with a verb."""
        now = params_of(self.layer)
        verbs = {name: "replaces" if name in now else "drops" for name in self.params}
        verbs |= {name: "adds" for name in now if name not in verbs}
        return {
            name: verb
            for name, verb in verbs.items()
            if verb != "replaces" or not _in_place(now[name], self.params[name])
        }

    def run_locked(self, locked: Iterable[str], name: str | None = None) -> tuple[Exception | None, str]:
        """Forward and backward on read-only arrays, or one of each: what they raise, and which of the two."""
        method = "forward"
        try:
            self._lock(locked, name)
            self.forward()
            method = "backward"
            self._lock(locked, name)  # y is there now
            self.backward()
        except Exception as error:
            return error, method
        return None, ""

    def rewind(self) -> None:
        """Put all random generators back to where they stood at the start."""
        for back in self._rewinders:
            back()
        self.subject.replay()

    def stir(self) -> None:
        """Put all random generators elsewhere."""
        for one in self.generators:
            (getattr(one, "random", None) or one.random_raw)()
        if self.subject.draws_globally:
            random.random()
            np.random.random()  # noqa: NPY002

    def _lock(self, locked: Iterable[str], name: str | None) -> None:
        for what in locked:
            arrays = [array for key, array in self.arrays(what).items() if name in (None, key)]
            if what == "params" and self.subject.ties.families:  # views made before do not follow
                arrays += [view for family in Ties(self.layer, arrays).families for view in family]
            for array in arrays:
                array.flags.writeable = False


class Watched(Round):
    """A round that keeps a record of what is written to: `written`, by the name of what was given."""

    def __init__(self, subject: Subject, upstream: Any = None) -> None:
        super().__init__(subject, upstream)
        subject.expect_apart(self.layer, subject.layer)
        self.before = {what: self.prints(what) for what in GIVEN}
        self.written: dict[str, Write] = {}

    def forward(self) -> None:
        super().forward()
        self.before["y"] = self.prints("y")
        self.look("forward")

    def backward(self) -> None:
        super().backward()
        self.look("backward")

    def take(self, upstream: Any) -> None:
        """Give this round another upstream."""
        self.upstream = fresh(upstream)
        self.before["upstream"] = self.prints("upstream")

    def look(self, method: str) -> None:
        for what, before in self.before.items():
            now = self.prints(what)
            for name in before:
                if now.get(name) != before[name]:
                    self.written.setdefault(what, (method, "writes to", name))
        for name, verb in self.swapped().items():
            self.written.setdefault("params", (method, verb, name))


def _bytes(array: Array) -> Any:
    """The bytes of an array; of a large one a number that tells them apart."""
    if array.size < SMALL or array.dtype.hasobject:
        return array.tobytes()
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data)


def _in_place(a: Array, b: Array) -> bool:
    """Whether two arrays lie at one place; params may be views that are made anew whenever asked for."""
    return a is b or _place(a) == _place(b)


def _place(array: Array) -> tuple[Any, ...]:
    return array.__array_interface__["data"][0], array.shape, array.strides


def _arrays(value: Any) -> dict[str, Array]:
    """The arrays of an argument by name; nested tuples, lists and dicts are walked."""
    if isinstance(value, np.ndarray):
        return {"": value}
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        inside = [_arrays(part) for part in value]
        return {f"{i}.{name}": array for i, arrays in enumerate(inside) for name, array in arrays.items()}
    return {}
