"""The graph of one forward pass, and reverse mode over it for many alterations at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from layers.base import Array

from ..answers import pull
from ..arrays import parts_of
from ..loss import LossAsLayer
from ..report import Kind
from ..subject import Subject
from ..tape import Node, Recorded, Tape, recording
from .local import Operator, operator

MOST = 1500  # nodes
Edge = tuple[int, int]  # node, which parent
Adjoint = Callable[[int], Array]  # of a node
AtEdge = Callable[[Array, Array, Adjoint], Array]  # the node's adjoint, the right contribution -> another
AtNode = Callable[[Array, Adjoint], Array]  # the right adjoint -> another


@dataclass
class Change:
    """One mistake: what it makes of the contributions of some edges, and of the adjoints of some nodes."""

    kind: Kind | Callable[[], Kind]  # the latter where it takes a comparison to know
    words: str
    place: str
    edges: dict[Edge, AtEdge] = field(default_factory=dict)
    nodes: dict[int, AtNode] = field(default_factory=dict)
    mend: str = ""
    touched: tuple[int, ...] | None = (
        None  # the values whose gradients it alters, if not those that edges and nodes say
    )

    @property
    def known_kind(self) -> Kind:
        return self.kind if isinstance(self.kind, str) else self.kind()


class Graph:
    """The tape of one forward pass, and the local derivatives of its edges."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.tape = subject, Tape()
        self.leaves = {name: self.tape.leaf(array) for name, array in subject.arrays.items()}
        instead = {id(p): self.leaves[f"d{key}"] for key, p in subject.params.items()}
        named = zip(subject.input_names, subject.inputs, strict=True)
        x = [self.leaves.get(f"d{key}", array) for key, array in named]
        self.names = {name: leaf.node for name, leaf in self.leaves.items()}
        layer = subject.start(instead)
        with recording(self.tape):
            given = tuple(x) if subject.several else x[0]
            # past the bridge to a loss, which makes a number of its value
            of_loss = isinstance(layer, LossAsLayer)
            y = layer.loss.forward(given, layer.target) if of_loss else layer.forward(given)
        self.nodes = self.tape.nodes
        self.outputs = [part.node for part in parts_of(y) if isinstance(part, Recorded)]
        if not self.outputs and np.ndim(y) == 0:  # a Python number: the last node that has its value
            same = [
                i
                for i, n in enumerate(self.nodes)
                if n.value.size == 1 and float(n.value.ravel()[0]) == float(y)
            ]
            self.outputs = same[-1:]
        if len(self.outputs) != len(parts_of(y)) or len(self.nodes) > MOST:
            raise ValueError("the tape was lost")
        self.outputs = [self._output(i) for i in self.outputs]
        self.m = sum(self.nodes[i].value.size for i in self.outputs)
        self.labels = {node: name[1:] for name, node in self.names.items()}
        for key, value in vars(layer.loss if of_loss else layer).items():
            if key not in ("params", "buffers"):
                for text, i in _held("cache" if key == "_cache" else key, value):
                    self.labels.setdefault(i, text)
            for _, (array, leaf) in self.tape.constants.items():
                if value is array:
                    self.labels[leaf.node] = key
        self.labels |= dict.fromkeys(self.outputs, "y")
        self._operators: dict[Edge, Operator] = {}
        self.alive = self._alive()  # in reverse order
        self.live = set(self.alive)
        self.children: dict[int, list[Edge]] = {}
        for i in reversed(self.alive):
            for k, p in enumerate(self.nodes[i].parents):
                if p in self.live:
                    self.children.setdefault(p, []).append((i, k))
        self.reach = self._reach()

    def _output(self, i: int) -> int:
        """A node for what forward returns, apart from the uses of that value within forward."""
        node = self.nodes[i]
        self.nodes.append(Node(node.value, (i,), np.copy, "copy", node.place, node.instruction, node.callers))
        return len(self.nodes) - 1

    def _alive(self) -> list[int]:
        """The nodes that lead from a leaf to an output."""
        from_leaf = set(self.names.values())
        for i, node in enumerate(self.nodes):
            if any(p in from_leaf for p in node.parents):
                from_leaf.add(i)
        wanted, alive = set(self.outputs), []
        for i in range(len(self.nodes) - 1, -1, -1):
            if i in wanted and i in from_leaf:
                alive.append(i)
                wanted.update(p for p in self.nodes[i].parents if p in from_leaf)
        return alive

    def _reach(self) -> dict[int, frozenset[str]]:
        """The arrays whose gradients a node's adjoint goes into."""
        reach: dict[int, frozenset[str]] = {}
        own = {i: frozenset([name]) for name, i in self.names.items()}
        for i in reversed(self.alive):
            parents = (reach.get(p, frozenset()) for p in self.nodes[i].parents)
            reach[i] = own.get(i, frozenset()).union(*parents)
        return reach

    def operator(self, edge: Edge) -> Operator:
        if edge not in self._operators:
            self._operators[edge] = operator(self.tape, self.nodes[edge[0]], edge[1])
        return self._operators[edge]

    def gradients_of(self, upstream: Array) -> dict[str, Array]:
        """Those of backward."""
        parts, at = [], 0
        for i in self.outputs:
            shape, size = self.nodes[i].value.shape, self.nodes[i].value.size
            parts.append(upstream[at : at + size].reshape(shape))
            at += size
        return dict(pull(self.subject, tuple(parts) if len(parts) > 1 else parts[0]))

    def reverse(self, upstream: Array, changes: Sequence[Change]) -> dict[str, Array]:
        """The gradients of all arrays under each of the changes: (K, P)."""
        K = len(changes)
        adjoints: dict[int, Array] = {}
        at = 0
        for i in self.outputs:
            size = self.nodes[i].value.size
            part = np.broadcast_to(upstream[at : at + size], (K, size))
            adjoints[i] = adjoints[i] + part if i in adjoints else part
            at += size
        at_edges: dict[Edge, list[tuple[int, AtEdge]]] = {}
        at_nodes: dict[int, list[tuple[int, AtNode]]] = {}
        for row, change in enumerate(changes):
            for edge, of_edge in change.edges.items():
                at_edges.setdefault(edge, []).append((row, of_edge))
            for i, of_node in change.nodes.items():
                at_nodes.setdefault(i, []).append((row, of_node))
        broken = np.zeros(K, bool)
        for i in self.alive:
            U = adjoints.get(i)
            if U is None:
                continue
            if i in at_nodes:
                U = adjoints[i] = np.array(U)
                for row, of_node in at_nodes[i]:
                    try:
                        U[row] = of_node(U[row], _of_row(adjoints, row))
                    except Exception:
                        broken[row] = True
            for k, p in enumerate(self.nodes[i].parents):
                if p not in self.live:
                    continue
                C = self.operator((i, k)).pull(U)
                for row, of_edge in at_edges.get((i, k), ()):
                    try:
                        C[row] = of_edge(U[row], C[row], _of_row(adjoints, row))
                    except Exception:
                        broken[row] = True
                adjoints[p] = adjoints[p] + C if p in adjoints else C
        gradients = {}
        for name, i in self.names.items():
            G = np.array(adjoints.get(i, np.zeros((K, self.nodes[i].value.size))))
            G[broken] = np.nan
            gradients[name] = G
        return gradients

    def groups(self) -> Iterator[list[Edge]]:
        """The edges of an instruction in all turns of a loop: of one call of a function, or of all."""
        apart: dict[Any, list[Edge]] = {}
        together: dict[Any, list[Edge]] = {}
        for i in reversed(self.alive):
            node = self.nodes[i]
            for k, p in enumerate(node.parents):
                if p in self.live:
                    which = node.parents.index(p) if node.what == "multiply" else k  # a square has one path
                    apart.setdefault((node.instruction, node.callers, node.what, which), []).append((i, k))
                    together.setdefault((node.instruction, node.what, which), []).append((i, k))
        groups = list(apart.values())
        yield from groups
        yield from (edges for edges in together.values() if edges not in groups)

    def place(self, i: int) -> str:
        """Where forward makes a node, and where the function that does so is called."""
        node = self.nodes[i]
        caller = node.callers[0][0] if node.callers else node.place
        return node.place if caller == node.place else f"{node.place} (called at {caller})"

    def label(self, i: int) -> str:
        """What a student would call a node's value."""
        for _ in range(4):
            if i in self.labels:
                return self.labels[i]
            node = self.nodes[i]
            if node.what not in ("getitem", "reshape", "transpose", "copy") or not node.parents:
                break
            i = node.parents[0]
        return f"the value made at {self.nodes[i].place}" if self.nodes[i].place else "a buffer"


def _of_row(adjoints: dict[int, Array], row: int) -> Adjoint:
    return lambda i: np.asarray(adjoints[i][row])


def _held(label: str, value: Any, depth: int = 0) -> list[tuple[str, int]]:
    """The recorded arrays that a layer keeps."""
    if isinstance(value, Recorded):
        return [(label, value.node)]
    if depth < 3 and isinstance(value, tuple | list):
        return [found for i, part in enumerate(value) for found in _held(f"{label}[{i}]", part, depth + 1)]
    if depth < 3 and isinstance(value, dict):
        return [found for key, part in value.items() for found in _held(f"{label}[{key!r}]", part, depth + 1)]
    return []


def operation(node: Node) -> str:
    """The operation in words."""
    return {
        "add.reduce": "sum",
        "true_divide": "divide",
        "maximum.reduce": "max",
        "matmul": "product",
        "dot": "product",
    }.get(node.what, node.what)
