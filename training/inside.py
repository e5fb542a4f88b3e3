"""What a model holds: its children, and what layers have in attributes, lists and dicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from layers import Container, Layer


def inside(model: Layer) -> Iterator[Layer]:
    """The model and all layers in it, each once, also those that a user's layer holds."""
    return (layer for _, layer in held(model, Layer))


def held(model: Layer, kind: Any) -> Iterator[tuple[str, Any]]:
    """All that is of this kind by its dotted name, each once."""
    seen: set[int] = set()

    def within(value: Any, place: str) -> Iterator[tuple[str, Any]]:
        if not isinstance(value, kind | Layer | list | tuple | dict) or id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, kind):
            yield place, value
        inner: dict[Any, Any] = {}
        if isinstance(value, Container):
            inner = {**value.children, **{k: v for k, v in vars(value).items() if k != "children"}}
        elif isinstance(value, Layer):
            inner = vars(value)
        elif isinstance(value, dict):
            inner = value
        elif isinstance(value, list | tuple):
            inner = dict(enumerate(value))
        for name, one in inner.items():
            yield from within(one, f"{place}.{name}".lstrip("."))

    return within(model, "")
