"""JSON values that a file of ours should hold, made sure of before they are used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


def of_type(kind: Any, value: Any, what: str) -> Any:
    """The value, if it is of that type: int, float (finite), str, bool, list, Mapping, unions of them, Any.

    Raises: TypeError that names it.
    """
    if not _fits(kind, value):
        name = kind.__name__ if isinstance(kind, type) else str(kind)
        raise TypeError(f"{what}: expected {name.replace('typing.', '')}, got {type(value).__name__}")
    return value


def made_of(kind: type[T], values: Any, /, **others: Any) -> T:
    """A dataclass from JSON values and from others, which are of its types already.

    Raises: TypeError for a field that is missing, unknown, or of another type.
    """
    hints = get_type_hints(kind)
    of_type(Mapping[str, Any], values, kind.__name__.lower())
    wanted = {field.name for field in fields(kind)} - others.keys()  # type: ignore[arg-type]
    if values.keys() != wanted:
        names = ", ".join(sorted(values.keys() ^ wanted))
        raise TypeError(f"{kind.__name__.lower()}: expected its fields, got others or not all: {names}")
    return kind(**{name: of_type(hints[name], value, name) for name, value in values.items()}, **others)


def _fits(kind: Any, value: Any) -> bool:
    arguments = get_args(kind)
    if kind is Any:
        return True
    if isinstance(kind, UnionType):
        return any(_fits(one, value) for one in arguments)
    origin = get_origin(kind) or kind
    if origin is float:
        return _fits(int, value) or (isinstance(value, float) and math.isfinite(value))
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin is list:
        return isinstance(value, list) and all(_fits(arguments[0], one) for one in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(_fits(arguments[1], one) for one in value.values())
    return isinstance(value, origin)
