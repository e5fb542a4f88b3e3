"""Containers whose layers have a number for a name."""

from __future__ import annotations

from .base import Layer
from .container import Container


class Numbered(Container):
    """A container of layers in a row, named "0", "1", ... in `children`.

    Raises: TypeError for what is no layer.
    """

    def __init__(self, *layers: Layer) -> None:
        for i, layer in enumerate(layers):
            self.expect_layer(str(i), layer, f"write {self.label}(layer, layer, ...)")
        self._children = {str(i): layer for i, layer in enumerate(layers)}
        self.refuse_repeats(self._children)

    @property
    def children(self) -> dict[str, Layer]:
        return self._children

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The children in a row."""
        return tuple(self._children.values())
