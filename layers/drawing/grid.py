"""Where the nodes of a circuit go: columns by the longest path, and bands of columns as lines of a text."""

from __future__ import annotations

from dataclasses import dataclass, field

from .circuit import Circuit, Node, Wire
from .size import Size

LOOSE = 0.02  # the weight of a link that may bend


@dataclass(eq=False)
class Item:
    """What takes a place in a column: a node, or a wire that passes, enters or leaves. `y` is its middle."""

    column: int
    node: Node | None = None
    passing: bool = False
    up: float = 5.0
    down: float = 5.0
    y: float = 0.0


@dataclass(eq=False)
class Link:
    """A piece of a wire from one column to the next; offsets are from the middles of its two items."""

    wire: Wire
    start: Item
    end: Item
    start_offset: float
    end_offset: float
    weight: float  # how much it wants to be level


@dataclass(eq=False)
class Band:
    """Some columns of a circuit side by side; the first and the last have a wire from and to other bands."""

    columns: list[list[Item]]
    links: list[Link] = field(default_factory=list)


def columns_of(circuit: Circuit, late: bool = False) -> dict[int, int]:
    """The column of every node, by its id: that of its last source, and one more.

    Inputs stand at the start; where they are late, right before the first node that takes them.
    """
    column: dict[int, int] = {}
    for node in circuit.nodes:
        column[id(node)] = 1 + max((column[id(wire.source)] for wire in node.takes), default=-1)
    for node in circuit.nodes:
        users = [column[id(user)] for wire in node.wires for user, _, _ in wire.uses]
        if users and (node.late or (late and not node.takes)):
            column[id(node)] = max(min(users) - 1, 0)
    return column


def end_of(wire: Wire, column: dict[int, int]) -> int:
    """Where a wire ends: the last column of those who take it."""
    return max((column[id(user)] for user, _, _ in wire.uses), default=column[id(wire.source)])


def cuts(circuit: Circuit, column: dict[int, int], widths: list[float], limit: float) -> list[int]:
    """The last column of every band: bands of about one width, cut where a single wire passes.

    Inputs in a column before a cut move behind it, where a column is put in for them: `column` changes.
    """
    passing = [0] * len(widths)
    for wire in circuit.wires:
        start = column[id(wire.source)]
        for at in range(start + (not wire.source.takes), end_of(wire, column)):
            passing[at] += 1
    last = len(widths) - 1
    room = [at for at in range(1, last - 1) if passing[at] == 1]
    reach = [sum(widths[: at + 1]) for at in range(len(widths))]
    bands = int(-(-reach[-1] // limit))
    found = {
        min(room, key=lambda at: abs(reach[at] - k * reach[-1] / bands)) for k in range(1, bands) if room
    }
    ends = [*sorted(found), last]
    for i in range(len(ends) - 1):
        end = ends[i]
        inputs = {id(node) for node in circuit.nodes if not node.takes and column[id(node)] == end}
        if inputs:
            for key, at in column.items():
                column[key] = at + (at > end or key in inputs)
            ends[i + 1 :] = [at + 1 for at in ends[i + 1 :]]
    return ends


def band_of(circuit: Circuit, column: dict[int, int], sizes: dict[int, Size], first: int, last: int) -> Band:
    """The columns first ... last, with one more at each side for a wire that enters or leaves."""
    band = Band([[] for _ in range(first - 1, last + 2)])

    def new(at: int, node: Node | None = None, passing: bool = False) -> Item:
        item = Item(at - first + 1, node, passing)
        if node is not None:
            item.up, item.down = sizes[id(node)].up, sizes[id(node)].down
        band.columns[item.column].append(item)
        return item

    items = {
        id(node): new(column[id(node)], node) for node in circuit.nodes if first <= column[id(node)] <= last
    }
    for wire in circuit.wires:
        start, end = column[id(wire.source)], end_of(wire, column)
        if start > last or end < first or start == end:
            continue
        inside = start >= first
        here = items[id(wire.source)] if inside else new(first - 1)
        offset = sizes[id(wire.source)].outs[wire.source.wires.index(wire)] if inside else 0.0
        aside = end > min(column[id(user)] for user, _, _ in wire.uses)  # it goes on beside who takes it
        for at in range(max(start, first - 1) + 1, min(end, last + 1) + 1):
            for user, port, _ in wire.uses:
                if column[id(user)] == at and at <= last:
                    weight = LOOSE if here.passing else 1.0
                    there = items[id(user)]
                    band.links.append(Link(wire, here, there, offset, sizes[id(user)].ins[port], weight))
            if end > at or at > last:
                there = new(at, passing=at <= last)
                weight = 4.0 if here.passing else LOOSE if aside and at <= last else 2.0
                band.links.append(Link(wire, here, there, offset, 0.0, weight))
                here, offset = there, 0.0
    return band
