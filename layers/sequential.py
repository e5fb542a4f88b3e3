"""Layers one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .base import Grads, Layer
from .container import Container
from .numbered import Numbered


class Sequential(Numbered):
    """y = f_n(...f_2(f_1(x)))

    backward composes the pullbacks in reverse order. `ready`, where one is set, is called with each layer's
    gradients as soon as they are there, under their dotted names.

    Shapes: x as the first layer takes it, y as the last gives it.
    Raises: ValueError where a layer gives no dx and one below it needs it.
    """

    ready: Callable[[Grads], None] | None = None

    def forward(self, x: Any) -> Any:
        for name, layer in self.children.items():
            try:
                x = layer.forward(x)
            except Exception as error:
                error.add_note(f"in layer {name}, {layer.label}")
                raise
        return x

    def backward(self, upstream: Any) -> tuple[Any, Grads]:
        below, ready = list(self.children.items()), self.ready
        parts: list[Grads] = []
        while below:
            name, layer = below.pop()
            upstream, grads = self._pull_back(name, layer, upstream)
            if grads:
                parts.append(grads)
                if ready is not None:
                    ready(grads)
            if upstream is None:
                self._expect_no_params(below, layer)
                break
        return upstream, {name: grad for grads in reversed(parts) for name, grad in grads.items()}

    def _expect_no_params(self, below: list[tuple[str, Layer]], above: Layer) -> None:
        """A layer gave no dx: that is fine where nothing below it learns."""
        for name, layer in below:
            if self._learns(name):
                raise ValueError(
                    f"{above.label}: expected dx, got None; layer {name}, {layer.label}, "
                    "below it has parameters and needs it: set input_grad = True above"
                )

    def first_children(self) -> list[Layer]:
        """Up to the first layer with params, frozen or not: those before it have nothing to learn from dx."""
        first: list[Layer] = []
        for layer in self.layers:
            first.append(layer)
            if layer.params or (isinstance(layer, Container) and layer.frozen):
                break
        return first
