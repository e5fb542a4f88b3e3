"""What is asked for when a layer is drawn, and the drawing of it."""

from __future__ import annotations

import os
from typing import Any

from ..base import Layer
from .canvas import expect_path, figure_of, plain, save
from .circuit import Circuit
from .dot import dot_of
from .layout import lay_out
from .svg import printable, svg_of
from .watched import Watched
from .wiring import of


def draw(layer: Layer, x: Any, target: Any, path: Any, loss: Any) -> None:
    """See Layer.draw."""
    if target is None and path is None and isinstance(x, str | os.PathLike):
        x, path = None, x
    path = expect_path(path)
    circuit = circuit_of(layer, x, target, loss)
    if path.suffix.lower() == ".svg":
        text = f'<?xml version="1.0" encoding="utf-8"?>\n{svg_of(lay_out(circuit.spell(printable)))}\n'
        path.write_bytes(text.encode())
    else:
        save(figure_of(lay_out(circuit.spell(plain))), path)


def to_dot(layer: Layer, x: Any, target: Any, loss: Any) -> str:
    """See Layer.to_dot."""
    return dot_of(circuit_of(layer, x, target, loss))


def circuit_of(layer: Layer, x: Any, target: Any, loss: Any) -> Circuit:
    """The circuit of the passes that x and target ask for, or of the layer as it is.   Raises: ValueError."""
    if x is None and target is None and loss is None:
        return of(layer)
    if x is None or (target is None and loss is None):
        raise ValueError(
            f"{layer.label}: expected both x and target, got no {'x' if x is None else 'target'}; "
            "leave out both, and loss, to draw the layer as it is"
        )
    return Watched(layer, x, target, loss).circuit()
