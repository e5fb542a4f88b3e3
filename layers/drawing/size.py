"""How much room a node takes: its box, the words around it, and where its wires are."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from . import words
from .circuit import Node, Wire
from .picture import text_width
from .words import UNKNOWN

TEXT, SMALL = 9.0, 7.5  # sizes of letters, in points
LEADING = 1.2  # from one line to the next, in sizes
PITCH = 13.0  # between two inputs of a node
GAP = 2.5  # between a wire and its words


@dataclass
class Size:
    """`up` and `down` reach from the middle to the outermost words, `ins` and `outs` to where wires are.

    `before` and `after` are the widths of the words on the wires at either side.
    """

    width: float
    height: float
    up: float
    down: float
    round: bool
    ins: list[float] = field(default_factory=list)
    outs: list[float] = field(default_factory=list)
    before: float = 0.0
    after: float = 0.0


def above(wire: Wire) -> list[str]:
    """The green words of a wire."""
    return [text.replace("-", "−") for text in words.of_value(wire.value)]


def below(wire: Wire, adjoint: Any) -> list[str]:
    """The red words of a wire's adjoint, or of a part of it."""
    return [text.replace("-", "−") for text in words.of_adjoint(adjoint, wire.value)]


def part(node: Node, port: int) -> list[str]:
    """What a node sends back to one of its inputs, where that is one part of a sum."""
    wire = node.takes[port]
    sent = next(sent for user, i, sent in wire.uses if user is node and i == port)
    return below(wire, sent) if wire.parts and sent is not UNKNOWN else []


def high(lines: list[str], size: float = SMALL) -> float:
    return len(lines) * size * LEADING


def wide(lines: list[str], size: float = SMALL) -> float:
    return max((text_width(line, size) for line in lines), default=0.0)


def size_of(node: Node) -> Size:
    """The room that a node takes."""
    parts = [part(node, i) for i in range(len(node.takes))]
    pitch = PITCH + (max(map(high, parts)) - 4 if any(parts) else 0)
    ins = spread(len(node.takes), pitch)
    labels = [(above(wire), below(wire, wire.adjoint)) for wire in node.wires]
    reach = [(GAP + high(over), GAP + high(under)) for over, under in labels]
    outs = [0.0]
    for (_, under), (over, _) in pairwise(reach):
        outs.append(outs[-1] + under + over + 4)
    outs = [out - outs[-1] / 2 for out in outs][: len(reach)]

    head = max(text_width(node.lines[0], TEXT, bold=True) if node.lines else 0.0, wide(node.lines[1:]))
    ports = max([0.0, *map(abs, ins), *map(abs, outs)])
    round_ = node.kind == "gate" and head <= 24 and ports < 15
    if node.kind in ("input", "output"):
        width, height = (head + 6, TEXT * LEADING) if node.lines else (0.0, 0.0)
    elif round_:
        width = height = max(26.0, head + 7, 2.5 * ports)
    else:
        width = max(head + 14, 26.0)
        height = max(TEXT * LEADING + high(node.lines[1:]) + 9, 2 * ports + 10)
    named = SMALL * LEADING + 2 if shows_name(node) else 0.0
    up = max([height / 2 + named, *(over - out for out, (over, _) in zip(outs, reach, strict=True))])
    down = max(
        [
            height / 2 + (high(node.notes) + 2 if node.notes else 0),
            *(under + out for out, (_, under) in zip(outs, reach, strict=True)),
            *(port + GAP + high(lines) for port, lines in zip(ins, parts, strict=True)),
        ]
    )
    return Size(
        width=width,
        height=height,
        up=up + 2,
        down=down + 2,
        round=round_,
        ins=ins,
        outs=outs,
        before=max(map(wide, parts), default=0.0),
        after=max((max(wide(over), wide(under)) for over, under in labels), default=0.0),
    )


def shows_name(node: Node) -> bool:
    """Whether a node's name stands over it."""
    return bool(node.name) and node.kind in ("gate", "layer")


def around(node: Node, size: Size) -> float:
    """The width of a node with the words over and under it."""
    return max(size.width, wide(node.notes), text_width(node.name, SMALL) if shows_name(node) else 0.0)


def spread(n: int, pitch: float) -> list[float]:
    """n places around 0."""
    return [(i - (n - 1) / 2) * pitch for i in range(n)]
