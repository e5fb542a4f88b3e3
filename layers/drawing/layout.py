"""A circuit as a picture: its own simple layout, from left to right, in bands where it is long."""

from __future__ import annotations

from .circuit import Circuit, Node
from .grid import Band, Link, band_of, columns_of, cuts
from .level import arrange
from .picture import GREEN, INK, PALE, PAPER, RED, Box, Head, Line, Picture, Word, text_width
from .size import GAP, LEADING, SMALL, TEXT, Size, above, around, below, high, part, shows_name, size_of

MARGIN = 14.0
LIMIT = 860.0  # points: what a slide is wide
BETWEEN = 30.0  # two bands
ARROW = 12.0  # of wire before a node
LEAST, MOST = 14.0, 44.0  # room for a bend


def lay_out(circuit: Circuit) -> Picture:
    """Boxes, wires and words, none of which touches another's place."""
    sizes = {id(node): size_of(node) for node in circuit.nodes}
    column = columns_of(circuit)
    zones = _zones(circuit, column, sizes)
    if sum(map(sum, zones)) > LIMIT:  # inputs that wait at the start would keep it from being broken
        column = columns_of(circuit, late=True)
        zones = _zones(circuit, column, sizes)
    ends = cuts(circuit, column, [sum(zone) + (LEAST + MOST) / 2 for zone in zones], LIMIT)
    zones = _zones(circuit, column, sizes)
    picture, top = Picture(), MARGIN
    leaves: tuple[float, float] | None = None
    for first, last in zip([0, *(end + 1 for end in ends)], ends, strict=False):
        band = band_of(circuit, column, sizes, first, last)
        arrange(band)
        entered, leaving, bottom = _Band(picture, band, sizes, zones[first : last + 1], top).draw()
        if leaves is not None:
            _connect(picture, leaves, entered, top - BETWEEN / 2)
        leaves, top = leaving, bottom + BETWEEN
    picture.height = top - BETWEEN + MARGIN
    _legend(picture, circuit)
    return picture


def _zones(circuit: Circuit, column: dict[int, int], sizes: dict[int, Size]) -> list[list[float]]:
    """The room in every column before, beside and after its nodes."""
    zones = [[0.0, 0.0, 0.0] for _ in range(max(column.values()) + 1)]
    for node in circuit.nodes:
        size, zone = sizes[id(node)], zones[column[id(node)]]
        arrow, gap = ARROW * bool(node.takes), 8.0 * bool(node.wires)
        zone[:] = map(max, zone, (size.before + arrow, around(node, size), size.after + gap))
    return zones


class _Band:
    """One band on its way into a picture."""

    def __init__(
        self, picture: Picture, band: Band, sizes: dict[int, Size], zones: list[list[float]], top: float
    ) -> None:
        self.picture, self.band, self.sizes = picture, band, sizes
        items = [item for column in band.columns for item in column]
        self.shift = top - min(item.y - item.up for item in items)
        self.bottom = self.shift + max(item.y + item.down for item in items)
        # x of every column: where it begins, the middle of its nodes, where it ends
        zones = [[0.0, 0.0, 0.0], *zones, [0.0, 0.0, 0.0]]
        x, self.places = MARGIN, []
        for at, (before, beside, after) in enumerate(zones):
            self.places.append((x, x + before + beside / 2, x + before + beside + after))
            bends = [
                abs(link.start.y + link.start_offset - link.end.y - link.end_offset)
                for link in band.links
                if link.start.column == at
            ]
            if at == 0 and not band.columns[0]:
                continue
            bend = min(max(0.7 * max(bends, default=0.0), LEAST), MOST)
            x += before + beside + after + (bend if band.columns[min(at + 1, len(zones) - 1)] else 0.0)
        picture.width = max(picture.width, x + MARGIN)

    def draw(self) -> tuple[tuple[float, float], tuple[float, float], float]:
        """Where a wire enters and where one leaves, and how far down the band goes."""
        for column in self.band.columns:
            for item in column:
                if item.passing:
                    start, _, end = self.places[item.column]
                    y = item.y + self.shift
                    self.picture.shapes.append(Line([("M", [(start, y)]), ("L", [(end, y)])]))
        forks: dict[tuple[int, float], int] = {}
        for link in self.band.links:
            self._link(link)
            key = id(link.start), link.start_offset
            forks[key] = forks.get(key, 0) + 1
            if forks[key] == 2:
                x, y = self.places[link.start.column][2], link.start.y + link.start_offset + self.shift
                self.picture.shapes.append(Head(x, y, dot=True))
        for column in self.band.columns:
            for item in column:
                if item.node is not None:
                    self._node(item.node, self.places[item.column], item.y + self.shift)
        ends = [
            (self.places[at][where], column[0].y + self.shift if column else 0.0)
            for at, where, column in ((0, 0, self.band.columns[0]), (-1, 2, self.band.columns[-1]))
        ]
        return ends[0], ends[1], self.bottom

    def _link(self, link: Link) -> None:
        """The bend between two columns."""
        a = self.places[link.start.column][2], link.start.y + link.start_offset + self.shift
        b = self.places[link.end.column][0], link.end.y + link.end_offset + self.shift
        middle = (a[0] + b[0]) / 2
        self.picture.shapes.append(Line([("M", [a]), ("C", [(middle, a[1]), (middle, b[1]), b])]))

    def _node(self, node: Node, place: tuple[float, float, float], y: float) -> None:
        start, x, end = place
        size, shapes = self.sizes[id(node)], self.picture.shapes
        side = around(node, size) / 2
        corner = 4.0 if node.kind != "gate" else min(size.width, size.height) / 2
        for i, port in enumerate(size.ins):
            edge = x - _reach(size, corner, port)
            shapes.append(Line([("M", [(start, y + port)]), ("L", [(edge, y + port)])]))
            shapes.append(Head(edge - 1, y + port))
            lines = part(node, i)
            middle = (start + x - side - ARROW / 2) / 2
            self._words(lines, middle, y + port + GAP, RED)
        for out, wire in zip(size.outs, node.wires, strict=True):
            edge = x + _reach(size, corner, out)
            shapes.append(Line([("M", [(edge, y + out)]), ("L", [(end, y + out)])]))
            over = above(wire)
            middle = (x + side + end) / 2
            self._words(over, middle, y + out - GAP - high(over), GREEN)
            self._words(below(wire, wire.adjoint), middle, y + out + GAP, RED)
        if node.kind in ("gate", "layer", "loss"):
            fill = "#fff6e5" if node.kind == "loss" else PAPER
            shapes.append(Box(x, y, size.width, size.height, corner, fill))
        if node.lines:
            tall = TEXT * LEADING + high(node.lines[1:])
            shapes.append(Word(x, y - tall / 2 + TEXT * LEADING / 2, node.lines[0], TEXT, INK, bold=True))
            self._words(node.lines[1:], x, y - tall / 2 + TEXT * LEADING, INK)
        if shows_name(node):
            shapes.append(Word(x, y - size.height / 2 - 2 - SMALL * LEADING / 2, node.name, SMALL, PALE))
        self._words(node.notes, x, y + size.height / 2 + 2, RED)

    def _words(self, lines: list[str], x: float, top: float, color: str) -> None:
        for i, line in enumerate(lines):
            self.picture.shapes.append(Word(x, top + (i + 0.5) * SMALL * LEADING, line, SMALL, color))


def _reach(size: Size, corner: float, port: float) -> float:
    """How far the outline is from the middle at a port's height."""
    into = max(abs(port) - (size.height / 2 - corner), 0.0)  # of the round part
    return size.width / 2 - corner + float(max(corner * corner - into * into, 0.0) ** 0.5)


def _connect(picture: Picture, a: tuple[float, float], b: tuple[float, float], y: float) -> None:
    """From the end of one band to the start of the next: down, back, and down again."""
    r = 6.0
    (x0, y0), (x1, y1) = (a[0] + r, a[1]), (b[0] - 2, b[1])
    picture.shapes.append(
        Line(
            [
                ("M", [(a[0], y0)]),
                ("L", [(x0 - r, y0)]),
                ("C", [(x0, y0), (x0, y0), (x0, y0 + r)]),
                ("L", [(x0, y - r)]),
                ("C", [(x0, y), (x0, y), (x0 - r, y)]),
                ("L", [(x1 + r, y)]),
                ("C", [(x1, y), (x1, y), (x1, y + r)]),
                ("L", [(x1, y1 - r)]),
                ("C", [(x1, y1), (x1, y1), (x1 + r, y1)]),
            ]
        )
    )


def _legend(picture: Picture, circuit: Circuit) -> None:
    """What the two colours stand for."""
    texts = [("value", GREEN)] if circuit.ran else []
    if circuit.pulled:
        texts.append((f"adjoint, d{circuit.top}/dvalue", RED))
    x, y = MARGIN, picture.height + SMALL / 2
    for text, color in texts:
        picture.shapes.append(Word(x, y, text, SMALL, color, anchor="start"))
        x += text_width(text, SMALL) + 10
    if texts:
        picture.height += SMALL + MARGIN
        picture.width = max(picture.width, x + MARGIN)
