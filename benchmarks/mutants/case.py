"""One wrong backward, and what a checker should say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """A layer, or a loss with its target, whose backward is wrong in one way.

    `x` is as check_layer takes it: a shape, an array, or a tuple of those; for a loss the prediction.
    `kinds` are the acceptable kinds of findings[0], the best first, written down before any run; `arrays` are
    the gradients that really are wrong ("dx", "dW", ...; "" for the layer as a whole).
    """

    id: str
    build: Callable[[], Any]
    x: Any
    kinds: tuple[str, ...]
    arrays: tuple[str, ...]
    target: Any = None  # makes it a loss
