"""What a picture says of an array, a layer and a parameter's gradient."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..base import Grads, Layer

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "UNKNOWN"})()  # of passes that did not run

TINY = 3  # numbers that are shown one by one
WIDTH = 22  # letters of a line in a box
LINES = 5  # of a box, below its name


def number(value: Any) -> str:
    """Three digits, or all of them up to 99999.

    >>> number(-0.19661), number(1234.5), number(2e-9)
    ('-0.197', '1234', '2e-09')
    """
    return f"{value:.0f}" if 1000 <= abs(value) < 1e5 else f"{value + 0.0:.3g}"  # no -0


def norm(value: Any) -> float:
    """The square root of the sum of squares, in float64 and without overflow; nan for what is no number."""
    array = np.abs(np.asarray(value)).astype(np.float64)
    largest = float(array.max(initial=0))
    if not np.isfinite(largest) or largest == 0:
        return largest
    return largest * math.sqrt(np.square(array / largest).sum())


def numeric(value: Any) -> bool:
    """Whether a value has a norm: real or complex numbers, neither ids nor masks."""
    return value is not None and value is not UNKNOWN and np.asarray(value).dtype.kind in "fc"


def of_value(value: Any) -> list[str]:
    """Lines for a forward value: itself where it is tiny, else its shape and norm."""
    if value is UNKNOWN:
        return []
    if isinstance(value, tuple | list):
        return [line for part in value for line in of_value(part)[:1]] if len(value) <= TINY else ["..."]
    array = np.asarray(value)
    if _tiny(array):
        return [_digits(array)]
    if numeric(array):
        return [_shape(array), f"norm {number(norm(array))}"]
    kinds = {"b": "bool", "i": "integers", "u": "integers"}
    return [_shape(array), kinds.get(array.dtype.kind, array.dtype.name)]


def of_adjoint(adjoint: Any, value: Any = UNKNOWN) -> list[str]:
    """Lines for an adjoint: itself where tiny, else its norm; its shape too where that is not the value's."""
    if adjoint is UNKNOWN:
        return []
    if adjoint is None:
        return ["none"]
    if isinstance(adjoint, tuple | list):
        return [line for part in adjoint for line in of_adjoint(part)] if len(adjoint) <= TINY else ["..."]
    array = np.asarray(adjoint)
    if _tiny(array):
        return [_digits(array)]
    alike = value is UNKNOWN or isinstance(value, tuple | list) or np.shape(value) == array.shape
    return [f"norm {number(norm(array))}"] if alike else [_shape(array), f"norm {number(norm(array))}"]


def _shape(array: Any) -> str:
    return f"({', '.join(map(str, array.shape))}{',' * (array.ndim == 1)})"


def _tiny(array: Any) -> bool:
    return 0 < array.size <= TINY and array.dtype.kind in "biufc" and (array.size == 1 or array.ndim == 1)


def _digits(array: Any) -> str:
    shown = [str(entry) if array.dtype.kind == "b" else number(entry) for entry in array.ravel()]
    return shown[0] if array.size == 1 else f"[{' '.join(shown)}]"


def of_layer(layer: Any) -> list[str]:
    """The lines in the box of a layer or loss: its class, and its arguments.

    >>> from ..affine import Affine
    >>> of_layer(Affine(64, 10, bias=False))
    ['Affine', '64 → 10', 'bias=False']
    """
    found = re.fullmatch(r"([\w.]+)\((.*)\)", repr(layer), re.DOTALL)
    if found is None:
        return [cut(type(layer).__name__)]
    name, arguments = found.groups()
    arguments = " ".join(arguments.split()).replace("->", "→")
    parts = [part for part in _split(arguments) if part]
    return [cut(name), *few([cut(part) for part in parts])]


def of_inside(children: dict[str, Layer]) -> list[str]:
    """The lines that name what is inside a box."""
    texts = []
    for name, layer in children.items():
        said = of_layer(layer)[: 1 if hasattr(layer, "children") else 2]  # of a container its class alone
        texts.append(cut(f"{name}: {' '.join(said)}"))
    return few(texts)


def of_grads(grads: Grads) -> list[str]:
    """Lines with the norm of every parameter's gradient, two a line where there are many.

    >>> of_grads({"W": np.array([3.0, 4.0]), "b": np.zeros(2)})
    ['‖dW‖ 5', '‖db‖ 0']
    """
    texts = [f"‖d{name}‖ {number(norm(grad))}" for name, grad in grads.items()]
    if len(texts) <= TINY:
        return texts
    half = (len(texts) + 1) // 2
    pairs = zip(texts[:half], [*texts[half:], ""], strict=False)
    return few([f"{one}   {other}".rstrip() for one, other in pairs])


def cut(text: str, width: int = WIDTH) -> str:
    """The text on one line of at most so many letters."""
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def few(lines: list[str]) -> list[str]:
    return lines if len(lines) <= LINES else [*lines[: LINES - 1], f"… {len(lines) - LINES + 1} more"]


def _split(arguments: str) -> list[str]:
    """At commas that stand in no brackets."""
    parts, depth = [""], 0
    for letter in arguments:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
