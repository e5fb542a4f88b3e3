"""What the students' layers share: how their parameters are drawn, and how they are written down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import numpy as np

from layers.base import Array, Grads

from .case import Mutant

Pull = tuple[Any, Grads]
L = TypeVar("L", bound=type)


def draw(seed: int, *shape: int) -> Array:
    """Parameters that are not small, and of which no two are equal."""
    return 0.6 * np.random.default_rng(seed).standard_normal(shape)


def collector(mutants: list[Mutant]) -> Callable[..., Callable[[L], L]]:
    """The decorator of a file: @wrong(id, x, "kind kind", "array array", *arguments of the class)."""

    def wrong(id: str, x: Any, kinds: str, arrays: str, *args: Any, **options: Any) -> Callable[[L], L]:
        def keep(cls: L) -> L:
            build = partial(cls, *args, **options)
            mutants.append(Mutant(id, build, x, tuple(kinds.split()), tuple(arrays.split()) or ("",)))
            return cls

        return keep

    return wrong
