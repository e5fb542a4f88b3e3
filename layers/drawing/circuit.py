"""A network as nodes and the values on the wires between them, for any kind of picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..base import Grads, Layer
from . import words
from .words import UNKNOWN


@dataclass(eq=False)
class Node:
    """A place where values meet: `lines` stand inside, `notes` (gradients of parameters) below."""

    name: str
    kind: Literal["input", "gate", "layer", "loss", "output"]
    lines: list[str]
    notes: list[str] = field(default_factory=list)
    late: bool = False  # stands right before what takes it, and not at the start
    wires: list[Wire] = field(default_factory=list)  # the values that it puts out
    takes: list[Wire] = field(default_factory=list)  # one for each of its inputs


@dataclass(eq=False)
class Wire:
    """One value, its adjoint, and who takes it: (node, which of its inputs, what that one sends back)."""

    source: Node
    value: Any = UNKNOWN
    adjoint: Any = UNKNOWN
    uses: list[tuple[Node, int, Any]] = field(default_factory=list)

    @property
    def parts(self) -> bool:
        """Whether the adjoint is a sum of what several send back."""
        return len(self.uses) > 1


Wires = Any  # a Wire, or a tuple of Wires for a value that is a tuple


@dataclass
class Record:
    """What a layer took and gave in one forward and one backward."""

    x: Any = UNKNOWN
    y: Any = UNKNOWN
    upstream: Any = UNKNOWN
    dx: Any = UNKNOWN
    grads: Grads = field(default_factory=dict)


class Circuit:
    """The nodes of a layer, each after its sources, and those of the layers inside it where `deep`.

    `records` says what is known of a layer, by its id.
    """

    def __init__(self, records: dict[int, Record] | None = None, deep: bool = True) -> None:
        self.nodes: list[Node] = []
        self.records, self.deep = records or {}, deep
        self.top = "L"  # what the adjoints are derivatives of

    @property
    def wires(self) -> Iterator[Wire]:
        return (wire for node in self.nodes for wire in node.wires)

    @property
    def ran(self) -> bool:
        """Whether any value is known."""
        return any(wire.value is not UNKNOWN for wire in self.wires)

    @property
    def pulled(self) -> bool:
        """Whether any adjoint is known."""
        return any(wire.adjoint is not UNKNOWN for wire in self.wires)

    def spell(self, plain: Callable[[str], str]) -> Circuit:
        """Replace the letters that a kind of picture has no room for."""
        self.top = plain(self.top)
        for node in self.nodes:
            node.name, node.lines = plain(node.name), [plain(line) for line in node.lines]
            node.notes = [plain(note) for note in node.notes]
        return self

    def record(self, layer: Layer) -> Record:
        return self.records.get(id(layer), Record())

    def node(self, node: Node, x: Wires = (), dx: Any = UNKNOWN) -> Node:
        """Add a node that takes x, and sends dx back."""
        self.nodes.append(node)
        for i, (wire, adjoint) in enumerate(beside(x, dx)):
            wire.uses.append((node, i, adjoint))
            node.takes.append(wire)
        return node

    def put(self, node: Node, value: Any, adjoint: Any) -> Wires:
        """The wires of what a node puts out."""
        if isinstance(value, tuple):
            return tuple(
                self.put(node, part, adjoint[i] if isinstance(adjoint, tuple) else adjoint)
                for i, part in enumerate(value)
            )
        node.wires.append(Wire(node, value, adjoint))
        return node.wires[-1]

    def input(self, name: str, value: Any = UNKNOWN, adjoint: Any = UNKNOWN, late: bool = False) -> Wires:
        node = self.node(Node(name, "input", [words.cut(name)], late=late))
        node.wires.append(Wire(node, value, adjoint))
        return node.wires[0]

    def add(self, name: str, x: Wires, fx: Wires, value: Any, adjoint: Any) -> Wires:
        """An adder that is part of a layer: it sends its own adjoint back to both."""
        node = self.node(Node(name, "gate", ["+"]), (x, fx), (adjoint, adjoint))
        return self.put(node, value, adjoint)


def beside(x: Wires, dx: Any) -> Iterator[tuple[Wire, Any]]:
    """Every wire, and its part of dx: None where dx is, UNKNOWN where dx is no such tuple."""
    if isinstance(x, Wire):
        yield x, dx
        return
    if not isinstance(dx, tuple) or len(dx) != len(x):
        dx = (dx if dx is None or len(x) == 1 else UNKNOWN,) * len(x)
    for part, adjoint in zip(x, dx, strict=True):
        yield from beside(part, adjoint)
