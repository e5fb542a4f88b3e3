"""Layers that are right by themselves and wrong in a network, where something happens to their cache."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import differ
from .ledger import Ledger, dotted
from .recording import Call, Recording, differing
from .report import Finding, Result


class InPlace(Ledger):
    """The part of the search that compares a layer's answers in the network with those it gives alone."""

    model: Any

    def record(
        self, model: Any, *, lock: str = "", inputs: list[Array] | None = None, dtype: Any = None
    ) -> Recording:
        raise NotImplementedError

    def check_in_place(self, name: str) -> None:
        """What the layer answered in the network is what it answers alone, after one of its forwards."""
        for back in self.run.backwards(name):
            earlier = self.run.calls[: self.run.calls.index(back)]
            before = [call for call in reversed(earlier) if call.name == name and call.layer is not None]
            answers = (self.alone(call, back.given) for call in before)
            if back.error is not None:
                if any(answer is not None for answer in answers):
                    self.tell_in_place(name, back, "", len(before))
                    return
                continue
            wrong = [""]
            for answer in answers:
                array = "" if answer is None else differing(answer, back.returned, close)
                if answer is not None and not array:
                    break
                wrong.append(array)
            else:
                if any(wrong):
                    self.tell_in_place(name, back, next(filter(None, wrong)), len(before))
                    return

    def tell_in_place(self, name: str, back: Call, array: str, forwards: int) -> None:
        what = f"its {array} there is not what it gives alone"
        if back.error is not None:
            what = f"its backward raises {type(back.error).__name__} there: {back.error}"
        writer = self.record(self.model, lock=name).writer
        shared = [
            key
            for kind in type(self.layers[name]).__mro__
            for key, value in vars(kind).items()
            if isinstance(value, dict | list | np.ndarray) and not key.startswith("__")
        ]
        if forwards > 1 and back.error is not None:
            why = f"it ran forward {forwards} times, and its one cache speaks of the last: build two layers"
        elif writer:
            why = f"{writer} writes to what it has taken, kept or returned; work on a copy there"
        elif shared:
            why = f"{type(self.layers[name]).__name__}.{shared[0]} is one for all its objects; use self"
        else:
            why = "something it keeps changes between its forward and its backward; look at who else has it"
        message = f"{self.place(name)}: right by itself, wrong in this network: {what}; {why}"
        self.findings.append(Finding("stale-cache", dotted(name, array), message))
        self.wrong.add(name)
        self.rows[name] = Result(self.title_of(name), "WRONG", "right alone, wrong in place")

    def alone(self, call: Call, upstream: Any) -> Any:
        """backward(upstream) of a fresh copy after this forward; None where that raises or is no answer."""
        layer = copy.deepcopy(call.layer)
        try:
            layer.forward(copy.deepcopy(call.given))
            returned = layer.backward(copy.deepcopy(upstream))
        except Exception:
            return None
        self.forwards += 1
        pair = isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], dict)
        return returned if pair else None

    def only_the_last(self, name: str) -> bool:
        """Whether every backward of the layer speaks of its last forward, and of no other."""
        *others, last = self.run.forwards(name)
        for back in self.run.backwards(name):
            if back.error is not None or self.alone(last, back.given) is None:
                return False
            answers = [self.alone(call, back.given) for call in others]
            if not all(answer is None or differing(answer, back.returned, close) for answer in answers):
                return False
        return True


def close(a: Any, b: Any) -> bool:
    return not differ(np.asarray(a), np.asarray(b))
