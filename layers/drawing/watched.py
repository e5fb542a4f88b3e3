"""One forward and one backward of a copy, with what every layer in it took and gave."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

import numpy as np

from ..base import Array, Layer
from ..container import Container, walk
from ..graph import Graph
from . import words
from .circuit import Circuit, Node, Record
from .wiring import place


class HalfSquares:
    """½ Σ (y - target)², whose adjoint is y - target."""

    lines: ClassVar = ["½ Σ (y − target)²"]

    def forward(self, y: Array, target: Array) -> float:
        self.d: Array = y - target.astype(y.dtype)
        return 0.5 * words.norm(self.d) ** 2

    def backward(self) -> Array:
        return self.d


class CrossEntropy:
    """The mean of -log softmax(y)[label], whose adjoint is (p - onehot) / N."""

    lines: ClassVar = ["softmax", "cross-entropy"]

    def forward(self, y: Array, target: Array) -> float:
        C = y.shape[-1]
        labels, scores = target.reshape(-1), y.reshape(-1, C).astype(np.float64)
        shifted = scores - scores.max(axis=1, keepdims=True)
        p = np.exp(shifted)
        total = p.sum(axis=1, keepdims=True)
        rows = np.arange(len(labels))
        values = np.log(total[:, 0]) - shifted[rows, labels]
        p /= total
        p[rows, labels] -= 1
        self.dy: Array = (p / len(labels)).reshape(y.shape).astype(y.dtype)
        return float(values.mean())

    def backward(self) -> Array:
        return self.dy


class Watched:
    """What a copy of the layer does in one forward and one backward: the layer itself stays as it was.

    The copy runs in the layer's own mode, and draws from copies of its generators. Without a loss the target
    says which: floating and of y's shape, ½ Σ (y - target)²; integer labels of shape y.shape[:-1], the mean
    of the softmax cross-entropy.

    Raises: TypeError for what is no loss, and a layer that cannot be copied; ValueError for a target that
    names no loss; what the layer raises.
    """

    def __init__(self, layer: Layer, x: Any, target: Any, loss: Any = None) -> None:
        loss = None if loss is None else copy.deepcopy(_expect_loss(loss))
        try:
            self.layer = copy.deepcopy(layer)
        except Exception as error:
            raise TypeError(
                f"{layer.label}: expected a layer that copy.deepcopy can copy, got {type(error).__name__}: "
                f"{error}; open files, locks and iterators belong outside the layer"
            ) from error
        children = self.layer.children if isinstance(self.layer, Container) else {}
        self.members = [("", self.layer), *walk(children)]
        self.order: list[tuple[str, Layer]] = []  # as they ran, of those whose y is not a layer's inside
        self.records = {id(member): Record() for _, member in self.members}
        for name, member in self.members:
            self._watch(name, member)
        self.x, self.target = x, target
        y = self.layer.forward(x)
        self.loss = default(layer, y, target) if loss is None else loss
        if loss is None:
            self.target = np.asarray(target)
        self.value = self.loss.forward(y, self.target)
        self.layer.backward(self.loss.backward())

    def _watch(self, name: str, layer: Layer) -> None:
        record = self.records[id(layer)]
        forward, backward = layer.forward, layer.backward

        def watched_forward(x: Any) -> Any:
            record.x, record.y = x, forward(x)
            if all(member is not layer for _, member in self.order) and not self._hands_on(layer):
                self.order.append((name, layer))
            return record.y

        def watched_backward(upstream: Any) -> Any:
            record.upstream = upstream
            returned = backward(upstream)
            if not (isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], dict)):
                raise TypeError(
                    f"{layer.label}: expected backward to return (dx, grads), got {type(returned).__name__}; "
                    "grads is a dict, {} where there are no params"
                )
            record.dx, record.grads = returned
            return returned

        layer.__dict__.update(forward=watched_forward, backward=watched_backward)

    def _hands_on(self, layer: Layer) -> bool:
        """Whether all that a layer puts out is put out by layers inside it."""
        inside = layer.children.values() if isinstance(layer, Container) else ()
        made = {id(part) for child in inside for part in _parts(self.records[id(child)].y)}
        return all(id(part) in made for part in _parts(self.records[id(layer)].y))

    def circuit(self) -> Circuit:
        """The circuit from x through the layer and the loss to L."""
        circuit, record = Circuit(self.records), self.records[id(self.layer)]
        several = isinstance(self.x, tuple)
        xs, dxs = (self.x, record.dx) if several else ((self.x,), (record.dx,))
        names = [f"x{i}" for i in range(len(xs))] if several else ["x"]
        if isinstance(self.layer, Graph) and len(self.layer.inputs) == len(xs):
            names = list(self.layer.inputs)
        parts = tuple(
            circuit.input(name, part, dx)
            for name, part, dx in zip(names, xs, dxs if dxs is not None else (None,) * len(xs), strict=True)
        )
        y = place(circuit, self.layer, "", parts if several else parts[0])
        target = circuit.input("target", self.target, late=True)
        lines = getattr(self.loss, "lines", None) or words.of_layer(self.loss)
        loss = circuit.node(Node("loss", "loss", lines), (y, target))
        L = circuit.put(loss, self.value, 1.0)
        circuit.node(Node("L", "output", ["L"]), L)
        return circuit


def _parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _expect_loss(loss: Any) -> Any:
    if isinstance(loss, type):
        raise TypeError(f"draw: expected a loss, got the class {loss.__name__}; call it")
    if not all(callable(getattr(loss, name, None)) for name in ("forward", "backward")):
        raise TypeError(
            f"draw: expected a loss with forward and backward, got {type(loss).__name__}; "
            "write loss=MSE(), or leave it out"
        )
    return loss


def default(layer: Layer, y: Any, target: Any) -> Any:
    """The loss that a target asks for.   Raises: ValueError."""
    mend = "pass loss=, any object with forward and backward"
    if isinstance(y, tuple) or np.asarray(y).dtype.kind != "f":
        kind = f"a tuple of {len(y)}" if isinstance(y, tuple) else np.asarray(y).dtype
        raise ValueError(f"{layer.label}: expected one array of real numbers as y, got {kind}; {mend}")
    try:
        target = np.asarray(target)
    except ValueError:  # rows of different lengths
        target = np.asarray(None)
    if target.dtype.kind == "f" and target.shape == y.shape:
        return HalfSquares()
    if target.dtype.kind in "iu" and y.ndim and target.shape == y.shape[:-1] and target.size:
        if target.min() >= 0 and target.max() < y.shape[-1]:
            return CrossEntropy()
        found = f"labels {target.min()} ... {target.max()}"
        raise ValueError(
            f"{layer.label}: expected labels 0 ... {y.shape[-1] - 1} for y {y.shape}, got {found}; "
            "count classes from 0, and give the last layer an output for each"
        )
    if target.dtype.kind in "iu" and target.shape == y.shape:
        mend = "write target.astype(float)"
    elif target.dtype.kind == "f" and target.size == y.size:
        mend = f"write target.reshape{y.shape}"
    got = f"{target.dtype} {target.shape}" if target.dtype.kind in "biufc" else "no array of numbers"
    raise ValueError(
        f"{layer.label}: expected target floating of shape {y.shape}, or integer labels of shape "
        f"{y.shape[:-1]}, got {got}; {mend}"
    )
