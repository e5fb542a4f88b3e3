"""Layers wired as a declared directed acyclic graph."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent
from typing import Any, Self

import numpy as np

from .base import Grads, Layer
from .combine import add_adjoints
from .container import Container
from .names import nearest


class Graph(Container):
    """y = the value called `output`, of nodes declared one by one: a name, a layer and its sources.

        f = Graph(inputs=("x", "y"), output="f")         # f = (x + y) * max(y, 0)
        f.add("q", Add(), "x", "y")
        f.add("p", ReLU(), "y")
        f.add("f", Mul(), "q", "p")

    A node is declared after its sources, so the reverse of the order of declaration is a reverse topological
    order: when backward comes to a node, its adjoint is complete. A value that several nodes use gets the sum
    of their adjoints. After the two passes `values` and `adjoints` hold the forward value and dL/dvalue of
    every input and node by name.

    Shapes: x one value, a tuple for several inputs; a node of several sources takes their values as a tuple.
    Raises: ValueError for an unknown source, a name taken, a value that nothing uses, one layer object twice;
    tie the parameters of two layers instead.
    """

    def __init__(self, inputs: str | Sequence[str], output: str) -> None:
        for what, names in (("inputs", inputs), ("output", output)):
            if not isinstance(names, str if what == "output" else str | tuple | list):
                raise TypeError(
                    f"Graph: expected {what} by name, got {type(names).__name__}; "
                    'write Graph(inputs=("x", "y"), output="f")'
                )
        self.inputs = (inputs,) if isinstance(inputs, str) else tuple(inputs)
        self.output = output
        self.sources: dict[str, tuple[str, ...]] = {}  # of every node, in the order of declaration
        self.values: dict[str, Any] = {}
        self.adjoints: dict[str, Any] = {}
        self.pulled: dict[str, Any] = {}  # dx of every node: the parts of an adjoint that is a sum
        self.tied: dict[str, str] = {}
        self._children: dict[str, Layer] = {}
        if not self.inputs:
            raise ValueError('Graph: expected at least one input, got none; write inputs=("x",)')
        for i, name in enumerate(self.inputs):
            self._expect_free(name, self.inputs[:i])

    @property
    def children(self) -> dict[str, Layer]:
        return self._children

    def add(self, name: str, layer: Layer, *sources: str) -> None:
        """Declare a node: the layer, applied to the values of its sources.   Raises: see the class."""
        names = (*self.inputs, *self.sources)
        self._expect_free(name, names)
        self.expect_layer(repr(name), layer, "write add(name, layer, *sources)")
        if not sources:
            raise ValueError(f"Graph: expected a source for {name!r}, got none; name an input or a node")
        for source in sources:
            if not isinstance(source, str):
                raise TypeError(
                    f"Graph: expected the sources of {name!r} by name, got {type(source).__name__}; "
                    f'write add({name!r}, layer, "x", "y")'
                )
            if source not in names:
                raise ValueError(
                    f"Graph: expected the sources of {name!r} to be declared before it, got {source!r}; "
                    f"{nearest(source, names)}"
                )
        self.refuse_repeats({**self._children, name: layer})
        self._children[name], self.sources[name] = layer, sources
        layer.training = self.training
        vars(self).pop("cache", None)  # backward speaks of a forward through all nodes
        if not self.input_grad:
            self.input_grad = False

    def forward(self, x: Any) -> Any:
        self._expect_used()
        if self.tied:
            self._share()  # a child may have been converted alone
        several = len(self.inputs) > 1
        if several:
            self.expect_tuple("x", x, len(self.inputs))
        values = dict(zip(self.inputs, x if several else (x,), strict=True))
        for name, sources in self.sources.items():
            taken = tuple(values[source] for source in sources)
            values[name] = self.forward_child(name, taken if len(taken) > 1 else taken[0])
        self.cache = self.values = values
        self.adjoints, self.pulled = {}, {}
        return values[self.output]

    def backward(self, upstream: Any) -> tuple[Any, Grads]:
        values = self.cache
        adjoints, pulled, parts = {self.output: upstream}, dict[str, Any](), []
        for name, sources in reversed(self.sources.items()):
            dx, grads = self._pull(name, adjoints[name])
            pulled[name] = dx
            parts.append(grads)
            if dx is not None and len(sources) > 1:
                self.expect_tuple(f"dx of {name!r}", dx, len(sources))
            sent = (dx,) * len(sources) if dx is None or len(sources) == 1 else dx
            for source, adjoint in zip(sources, sent, strict=True):
                if adjoint is not None and isinstance(values[source], np.ndarray):
                    self.expect(f"dx of {name!r} for {source!r}", adjoint, *values[source].shape)
                if source in adjoints:  # the copy gate, backwards, adds
                    adjoint = add_adjoints(adjoints[source], adjoint)
                adjoints[source] = adjoint
        self.adjoints = {name: adjoints[name] for name in values}  # each is there, as every value is used
        self.pulled = pulled
        dx = tuple(adjoints[name] for name in self.inputs)
        grads = {name: grad for part in reversed(parts) for name, grad in part.items()}
        return (dx if len(dx) > 1 else dx[0]), self._sum_tied(grads)

    def tie(self, name: str, owner: str) -> None:
        """Make two parameters one array: params["owner"], whose gradient is the sum of both.

            graph.tie("head.W", "embedding.W")

        From then on `name` is no key of params and grads of its own.
        Raises: ValueError for names that are not in params, or shapes that differ.
        """
        params = self.params
        for known in (name, owner):
            if known not in params:
                mend = "unfreeze it, and freeze the owner after the tie"
                if known not in self.frozen:
                    mend = nearest(known, params) if params else "there are none"
                raise ValueError(f"Graph: expected a name in params, got {known!r}; {mend}")
        if name == owner or params[name].shape != params[owner].shape:
            raise ValueError(
                f"Graph: expected two parameters of one shape to tie, "
                f"got {name!r} {params[name].shape} and {owner!r} {params[owner].shape}"
            )
        self.tied |= {one: owner for one, its_owner in self.tied.items() if its_owner == name} | {name: owner}
        self._share()
        _ = self.params  # an optimizer that holds it finds out

    def astype(self, dtype: Any) -> Self:
        super().astype(dtype)
        self._share()
        return self

    def _share(self) -> None:
        """Put the owner's array where each parameter tied to it was."""
        params = self._collect("params") if self.tied else {}
        for name, owner in self.tied.items():
            if name not in params:
                raise ValueError(
                    f"Graph: expected {name!r}, tied to {owner!r}, to be told by its owner alone, "
                    f"got it tied or frozen inside {name.partition('.')[0]!r} too; undo that there"
                )
            (one, child, key), (other, owning, owner_key) = self._holder(name), self._holder(owner)
            one.children[child].params[key] = other.children[owning].params[owner_key]
        super()._share()

    def trains(self, name: str) -> bool:
        return name not in self.tied and super().trains(name)

    def first_children(self) -> list[Layer]:
        """The nodes that take nothing but inputs of the graph."""
        return [
            self._children[name] for name, sources in self.sources.items() if {*sources} <= {*self.inputs}
        ]

    def __repr__(self) -> str:
        nodes = (
            f"{name} = {layer!r}({', '.join(self.sources[name])})" for name, layer in self.children.items()
        )
        lines = indent("".join(f"\n{node}" for node in nodes), "  ")
        return f"Graph({', '.join(self.inputs)} -> {self.output}{lines}{lines and chr(10)})"

    def _pull(self, name: str, upstream: Any) -> tuple[Any, Grads]:
        """The pullback of one node; nothing where nobody below needs a dx."""
        if upstream is not None or name == self.output:
            return self.backward_child(name, upstream)
        if self._learns(name):
            raise ValueError(
                f"Graph: expected an adjoint for {name!r}, which has parameters, got None where it is used; "
                "set input_grad = True there"
            )
        return None, {}

    def _expect_free(self, name: str, names: Sequence[str]) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(
                f"Graph: expected a name without a dot, got {name!r}; dots separate nodes and params"
            )
        if name in names:
            raise ValueError(f"Graph: expected a new name, got {name!r}, which is taken; choose another")

    def _expect_used(self) -> None:
        """Every value leads to the output."""
        names = (*self.inputs, *self.sources)
        if self.output not in names:
            raise ValueError(
                f"Graph: expected a node for the output {self.output!r}, got {', '.join(names)}; "
                f"{nearest(self.output, names)}"
            )
        used = {self.output, *(source for sources in self.sources.values() for source in sources)}
        unused = [name for name in names if name not in used]
        if unused:
            raise ValueError(
                f"Graph: expected every value to be used, got {', '.join(map(repr, unused))} unused; "
                "make it a source of a node, or leave it out"
            )

    def _sum_tied(self, grads: Grads) -> Grads:
        for name, owner in self.tied.items():
            tied = grads.pop(name, None)
            if tied is not None and owner in grads:
                grads[owner] = grads[owner] + tied
        return grads
