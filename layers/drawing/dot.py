"""A circuit as text for Graphviz."""

from __future__ import annotations

from . import words
from .circuit import Circuit, Node, Wire
from .picture import GREEN, INK, PALE, RED
from .size import shows_name
from .svg import clean

HEAD = f"""digraph {{
  rankdir=LR
  node [shape=box, style=rounded, fontname="Helvetica", fontsize=11, color="{INK}", fontcolor="{INK}"]
  edge [fontname="Helvetica", fontsize=9, color="{INK}", arrowsize=0.6]
"""
SHAPES = {"input": "plaintext", "output": "plaintext", "loss": "box", "layer": "box"}


def dot_of(circuit: Circuit) -> str:
    """`dot -Tsvg` draws it: a node for each node, and one more where a wire forks."""
    ids = {id(node): f"n{i}" for i, node in enumerate(circuit.nodes)}
    lines = [_node(ids[id(node)], node) for node in circuit.nodes]
    for i, wire in enumerate(circuit.wires):
        start, label = ids[id(wire.source)], _label(wire, words.of_value(wire.value), wire.adjoint)
        if wire.parts:
            lines.append(f'w{i} [shape=point, width=0.05, label=""]')
            lines.append(f"{start} -> w{i} [arrowhead=none{label and ', '}{label}]")
            start = f"w{i}"
        for user, _, sent in wire.uses:
            label = _label(wire, [], sent) if wire.parts else label
            lines.append(f"{start} -> {ids[id(user)]}{label and f' [{label}]'}")
    return HEAD + "".join(f"  {line}\n" for line in lines) + "}\n"


def _node(name: str, node: Node) -> str:
    """A node with its name over it and the gradients of its parameters under it."""
    parts = [_font(PALE, node.name)] if shows_name(node) else []
    parts += [clean(line) for line in node.lines]
    parts += [_font(RED, note) for note in node.notes]
    if not parts:
        return f'{name} [shape=point, width=0.01, label=""]'
    shape = SHAPES.get(node.kind, "circle" if len(node.lines[0]) <= 3 else "ellipse")
    return f"{name} [shape={shape}, label=<{'<br/>'.join(parts)}>]"


def _label(wire: Wire, over: list[str], adjoint: object) -> str:
    parts = [_font(GREEN, line) for line in over]
    parts += [_font(RED, line) for line in words.of_adjoint(adjoint, wire.value)]
    return f"label=<{'<br/>'.join(parts)}>" if parts else ""


def _font(color: str, text: str) -> str:
    return f'<font color="{color}">{clean(text)}</font>'
