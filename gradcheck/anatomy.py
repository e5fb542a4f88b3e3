"""What a layer shows of itself: its methods, params, buffers and name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from layers.base import Array


def expect_layer(layer: Any) -> None:
    """Refuse what has no forward(x) and backward(upstream).   Raises: TypeError."""
    mend = "for several inputs take a tuple: def forward(self, x): a, b = x"
    expect_method(layer, "a layer with forward(x)", "forward", 1, mend)
    mend = "write def backward(self, upstream), and keep the rest in self.cache"
    expect_method(layer, "a layer with backward(upstream)", "backward", 1, mend)


def expect_method(thing: Any, what: str, name: str, n: int, mend: str) -> None:
    """Refuse what has no such method, or one that cannot take n arguments.   Raises: TypeError."""
    method = getattr(thing, name, None)
    if not callable(method):
        raise TypeError(
            f"{label_of(thing)}: expected {what}, got {type(thing).__name__} without {name}; define it"
        )
    code = getattr(getattr(method, "__func__", None), "__code__", None)
    if code and code.co_argcount == n + 1 and not code.co_kwonlyargcount:
        return  # the common case, without the long way round
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):
        return  # written in C: nobody knows
    try:
        signature.bind(*[None] * n)
    except TypeError:
        raise TypeError(f"{label_of(thing)}: expected {what}, got {name}{signature}; {mend}") from None


def params_of(layer: Any) -> dict[str, Array]:
    """The layer's params.   Raises: TypeError for anything but a dict of floating arrays."""
    params = getattr(layer, "params", {})
    if not isinstance(params, Mapping):
        raise TypeError(
            f"{label_of(layer)}: expected params to be a dict of arrays, got {type(params).__name__}; "
            'write self.params = {"W": W}'
        )
    for name, array in params.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            got = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(
                f"{label_of(layer)}: expected params[{name!r}] to be a floating-point array, got {got}; "
                "convert it with np.asarray(value, dtype=float)"
            )
    return dict(params)


def buffers_of(layer: Any) -> list[Array]:
    buffers = getattr(layer, "buffers", {})
    return [b for b in buffers.values() if isinstance(b, np.ndarray)] if isinstance(buffers, Mapping) else []


def label_of(layer: Any) -> str:
    """How messages name the layer, on one line."""
    kind: Any = type(layer)
    if kind.__repr__ is object.__repr__:
        return f"{kind.__name__}()"
    try:
        text = str(getattr(layer, "label", repr(layer)))
    except Exception:  # a repr may be wrong as well, and is not what is checked
        return f"{kind.__name__}()"
    return kind.__name__ if "\n" in text or len(text) > 200 else text
