"""What is inside a layer, as a circuit: chains, forks, sums, and one box for what has a wiring of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..base import Layer
from ..combine import Branch, Parallel, Residual
from ..container import Container
from ..elementwise import Elementwise
from ..gates import Add, Copy, Max, Mul
from ..graph import Graph
from ..sequential import Sequential
from ..transformer import TransformerBlock
from . import words
from .circuit import Circuit, Node, Record, Wires, beside
from .words import UNKNOWN


def place(circuit: Circuit, layer: Layer, name: str, x: Wires) -> Wires:
    """Add the nodes of a layer that takes x; what it puts out."""
    for kind, inside in _INSIDE.items():
        if type(layer).forward is kind.forward and getattr(layer, "children", None):
            return inside(circuit, layer, name, x) if circuit.deep else _box(circuit, layer, name, x)
    return _box(circuit, layer, name, x)


def _box(circuit: Circuit, layer: Layer, name: str, x: Wires) -> Wires:
    record = circuit.record(layer)
    symbol = _symbol(layer, name)
    lines = [symbol] if symbol else words.of_layer(layer)
    if isinstance(layer, Container):
        lines = [lines[0], *words.of_inside(layer.children)]
    named = "" if lines == [name] else name
    node = Node(named, "gate" if symbol else "layer", lines, words.of_grads(record.grads))
    y = record.y
    if y is UNKNOWN and isinstance(layer, Copy):
        y = (UNKNOWN,) * layer.n
    return circuit.put(circuit.node(node, x, record.dx), y, record.upstream)


def of(layer: Layer) -> Circuit:
    """The structure of a layer; of a graph its nodes alone, with the values and adjoints it holds."""
    if isinstance(layer, Graph):
        return _of_graph(layer)
    circuit = Circuit()
    _end(circuit, place(circuit, layer, "", circuit.input("x")), "y")
    return circuit


def _of_graph(graph: Graph) -> Circuit:
    values, adjoints, pulled = graph.values, graph.adjoints, vars(graph).get("pulled", {})
    records = {
        id(layer): Record(
            y=values.get(name, UNKNOWN), upstream=adjoints.get(name, UNKNOWN), dx=pulled.get(name, UNKNOWN)
        )
        for name, layer in graph.children.items()
    }
    circuit = Circuit(records, deep=False)
    circuit.top = graph.output
    x = tuple(
        circuit.input(name, values.get(name, UNKNOWN), adjoints.get(name, UNKNOWN)) for name in graph.inputs
    )
    _end(circuit, _graph(circuit, graph, "", x), "" if graph.output in graph.sources else graph.output)
    return circuit


def _end(circuit: Circuit, y: Wires, name: str) -> None:
    """Where what nobody takes leaves the picture."""
    for wire, _ in beside(y, UNKNOWN):
        circuit.node(Node(name, "output", [words.cut(name)] if name else []), wire)


def _dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _sequential(circuit: Circuit, layer: Any, name: str, x: Wires) -> Wires:
    for child, inner in layer.children.items():
        x = place(circuit, inner, _dotted(name, child), x)
    return x


def _residual(circuit: Circuit, layer: Any, name: str, x: Wires) -> Wires:
    record = circuit.record(layer)
    return circuit.add(
        name, x, place(circuit, layer.main, _dotted(name, "main"), x), record.y, record.upstream
    )


def _branch(circuit: Circuit, layer: Any, name: str, x: Wires) -> Wires:
    return tuple(place(circuit, inner, _dotted(name, child), x) for child, inner in layer.children.items())


def _parallel(circuit: Circuit, layer: Any, name: str, x: Wires) -> Wires:
    parts = x if isinstance(x, tuple) and len(x) == len(layer.layers) else (x,) * len(layer.layers)
    return tuple(
        place(circuit, inner, _dotted(name, child), part)
        for (child, inner), part in zip(layer.children.items(), parts, strict=True)
    )


def _graph(circuit: Circuit, graph: Any, name: str, x: Wires) -> Wires:
    whole = len(graph.inputs) == 1 or not isinstance(x, tuple) or len(x) != len(graph.inputs)
    if whole and isinstance(x, tuple) and len(graph.inputs) == len(x) == 1:
        x = x[0]
    known = dict.fromkeys(graph.inputs, x) if whole else dict(zip(graph.inputs, x, strict=True))
    for node, sources in graph.sources.items():
        taken = tuple(known[source] for source in sources)
        known[node] = place(
            circuit, graph.children[node], _dotted(name, node), taken if len(taken) > 1 else taken[0]
        )
    return known.get(graph.output, ())  # none where it is still to be declared


def _transformer(circuit: Circuit, block: Any, name: str, x: Wires) -> Wires:
    x, *mask = x if isinstance(x, tuple) else (x,)
    record = circuit.record(block)

    def child(key: str, z: Wires) -> Wires:
        return place(circuit, block.children[key], _dotted(name, key), z)

    z = child("norm1", x)
    attended = child("attention", (z, *mask) if mask else z)
    h = circuit.add(
        _dotted(name, "h"),
        x,
        attended,
        circuit.record(block.norm2).x,
        circuit.record(block.attention).upstream,
    )
    return circuit.add(name, h, child("mlp", child("norm2", h)), record.y, record.upstream)


_INSIDE: dict[type[Layer], Callable[[Circuit, Any, str, Wires], Wires]] = {
    Sequential: _sequential,
    Residual: _residual,
    Branch: _branch,
    Parallel: _parallel,
    Graph: _graph,
    TransformerBlock: _transformer,
}


def _symbol(layer: Layer, name: str) -> str:
    """What a gate has inside instead of a class and its arguments, "" for what is none."""
    if isinstance(layer, Elementwise):
        own = getattr(layer.f, "__name__", "f")
        return words.cut(name or "f" if own == "<lambda>" else own)
    return {Add: "+", Mul: "×", Max: "max", Copy: "copy"}.get(type(layer), "")
