"""How notebooks show a layer: HTML, with every text escaped."""

from __future__ import annotations

from ..base import Layer
from ..container import Container, walk
from ..graph import Graph
from .layout import lay_out
from .svg import clean, printable, svg_of
from .wiring import of

CELL = "text-align: left; padding: 2px 12px 2px"  # a fourth length is how far a name is indented
NUMBER = "text-align: right; padding: 2px 12px"


def html_of(layer: Layer) -> str:
    """A table with a row for each layer: name, layer, number of parameters. A graph is drawn."""
    if isinstance(layer, Graph) and layer.sources:
        return svg_of(lay_out(of(layer).spell(printable)))
    members = [("", layer), *(walk(layer.children) if isinstance(layer, Container) else ())]
    rows = [_row(name, member) for name, member in members]
    total = sum(array.size for array in layer.params.values())
    if len(members) > 1:
        rows.append(_total("total", total))
    if isinstance(layer, Container) and layer.frozen:
        frozen = sum(array.size for name, array in layer.buffers.items() if name in layer.frozen)
        rows.append(_total("frozen", frozen))
    head = "".join(
        f'<th style="{style}">{text}</th>'
        for text, style in (("name", CELL), ("layer", CELL), ("parameters", NUMBER))
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _row(name: str, layer: Layer) -> str:
    inside = isinstance(layer, Container)
    size = "" if inside else f"{sum(array.size for array in layer.params.values()):,}"
    indent = 12 + 16 * (name.count(".") + bool(name))
    text = clean(layer.label)
    return (
        f'<tr><td style="{CELL}"><code>{clean(name)}</code></td>'
        f'<td style="{CELL} {indent}px">{f"<b>{text}</b>" if inside else text}</td>'
        f'<td style="{NUMBER}">{size}</td></tr>'
    )


def _total(what: str, size: int) -> str:
    return f'<tr><td></td><td style="{CELL}"><i>{what}</i></td><td style="{NUMBER}"><i>{size:,}</i></td></tr>'
