"""Where the time of a training step goes: milliseconds of every layer, forward and backward."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from layers import Layer
from layers.base import Array
from layers.container import Container, walk
from losses import Loss

from .screen import short

BETWEEN = "containers"  # what calls the layers, and adds what they return


@dataclass(frozen=True)
class Row:
    """One layer's part of a training step."""

    name: str  # "0", "2.main.1", "loss"
    what: str  # "Affine(64 -> 10)"
    forward: float  # milliseconds, a median
    backward: float
    share: float  # of all rows together


def profile(model: Layer, loss: Loss, x: Array, target: Array, *, repeats: int = 20) -> list[Row]:
    """The time of every layer in a step on these rows, and of the loss: medians over `repeats` steps.

    Containers are opened into the layers that work; what the containers themselves do is one row.
    A copy of the model takes the steps, without an update: the model stays as it is.
    """
    if repeats < 1:
        raise ValueError(f"profile: expected repeats >= 1, got {repeats}; 20 is usual")
    model, loss = copy.deepcopy((model, loss))
    members = [("", model), *(walk(model.children) if isinstance(model, Container) else ())]
    leaves = [(name, layer) for name, layer in members if not isinstance(layer, Container)]
    inside = [layer for _, layer in members if isinstance(layer, Container)]
    named: list[tuple[str, str, Sequence[Any]]] = [(name, layer.label, [layer]) for name, layer in leaves]
    named += [("", BETWEEN, inside)] * bool(inside) + [("", repr(loss), [loss])]
    clock = _Clock([part for _, _, parts in named for part in parts])
    model.train()
    model.input_grad = False
    steps = []
    with np.errstate(all="ignore"):
        for _ in range(repeats + 1):
            clock.spent.clear()
            loss.forward(model.forward(x), target)
            model.backward(loss.backward())
            steps.append(dict(clock.spent))

    def milliseconds(parts: Sequence[Any], way: str) -> float:
        spent = (
            sum(step.get((id(part), way), 0.0) for part in parts) for step in steps[1:]
        )  # after a warm-up
        return 1000 * median(spent)

    times = [(milliseconds(parts, "forward"), milliseconds(parts, "backward")) for _, _, parts in named]
    total = sum(map(sum, times)) or 1.0
    return [
        Row(name, what, forward, backward, (forward + backward) / total)
        for (name, what, _), (forward, backward) in zip(named, times, strict=True)
    ]


class _Clock:
    """Seconds that each object spends in its forward and backward, without those of objects inside it."""

    def __init__(self, timed: Sequence[Any]) -> None:
        self.spent: dict[tuple[int, str], float] = {}
        self._inner = [0.0]  # for each call under way, what calls inside it have spent
        for one in timed:
            for way in ("forward", "backward"):
                one.__dict__[way] = self._watched(getattr(one, way), (id(one), way))

    def _watched(self, call: Callable[..., Any], key: tuple[int, str]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            self._inner.append(0.0)
            start = time.perf_counter()
            returned = call(*arguments)
            took = time.perf_counter() - start
            self.spent[key] = self.spent.get(key, 0.0) + took - self._inner.pop()
            self._inner[-1] += took
            return returned

        return watched


def table(rows: Sequence[Row], batch: int) -> list[str]:
    """The rows as lines, and the step of a `batch` that they add up to."""
    names = [short(f"{row.name} {row.what}".strip(), 48) for row in rows]
    width = max(map(len, [*names, "layer"]))
    lines = [f"{'layer':{width}}  {'forward ms':>10}  {'backward ms':>11}  share"]
    lines += [
        f"{name:{width}}  {row.forward:>10.3f}  {row.backward:>11.3f}  {row.share:>5.1%}"
        for name, row in zip(names, rows, strict=True)
    ]
    forward, backward = sum(row.forward for row in rows), sum(row.backward for row in rows)
    rate = f", {1000 * batch / (forward + backward):,.0f} rows/s" if forward + backward else ""
    lines.append(f"{'sum':{width}}  {forward:>10.3f}  {backward:>11.3f}  on {batch} rows{rate}")
    return lines
