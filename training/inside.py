"""The layers of a model, also those that a user's layer holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from layers import Container, Layer


def inside(model: Layer) -> Iterator[Layer]:
    """The model and all layers in it, each once: children, and what layers hold, in lists and dicts too."""
    seen: set[int] = set()

    def within(value: Any) -> Iterator[Layer]:
        if not isinstance(value, Layer | list | tuple | dict) or id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, Layer):
            yield value
            children = value.children.values() if isinstance(value, Container) else ()
            value = [*children, *vars(value).values()]
        for one in value.values() if isinstance(value, dict) else value:
            yield from within(one)

    yield from within(model)
