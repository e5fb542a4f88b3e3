"""Arrays laid out in another order of their axes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np

from layers.base import Array

from ..report import Finding
from .evidence import Evidence

MOST = 4  # axes that may change places


def reordered(e: Evidence) -> Finding | None:
    """Upstream, or the array, laid out in another order of its axes: a reshape in place of a transpose."""
    for whose, shape, J, mine in (
        ("upstream", e.y_shape, e.numeric, e.yours),
        (e.name, e.shape, e.numeric.T, e.yours.T),
    ):
        for split, order, owner, rows in _layouts(shape):
            for moved in (J[rows], J[np.argsort(rows)]):
                if e.same(mine, moved):
                    return _finding(e, whose, split, order, owner)
    return None


def _finding(
    e: Evidence, whose: str, split: tuple[int, ...], order: tuple[int, ...], owner: list[int]
) -> Finding:
    what = f"{e.name} is right" if whose == "upstream" else "it is right"
    message = f"{what} for {whose}, taken as {split}, with its axes in the order {order}"
    displaced = [(i, j) for i, j in enumerate(order) if i != j]
    if whose == e.name and len(displaced) == 2 and len({split[i] for i, _ in displaced}) == 1:
        return Finding("transposed", e.name, f"{message}: a transpose in each of its parts")
    axes = {owner[i] for i, _ in displaced}
    if all(owner[i] == owner[j] for i, j in displaced) and (len(axes) == 1 or whose == e.name):
        mend = "look at what lies side by side along that axis (repeat is not tile)"
        return Finding("permuted", e.name, f"{message}; {mend}")
    mend = "a reshape where a transpose belongs: move the axes before you reshape, and back after"
    return Finding("reshaped", e.name, f"{message}; {mend}")


def _layouts(shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], list[int], Array]]:
    """The ways to lay an array out anew, some axes split in two: lengths, order, owners, indices."""
    index = np.arange(int(np.prod(shape)))
    ways = [[(n,), *((d, n // d) for d in range(2, n) if n % d == 0)] for n in shape]
    for split in product(*ways):
        lengths = tuple(n for part in split for n in part)
        owner = [i for i, part in enumerate(split) for _ in part]
        moving = [i for i, n in enumerate(lengths) if n > 1][-MOST:]
        if sum(len(part) > 1 for part in split) > 2:
            continue
        for placed in permutations(moving):
            order = list(range(len(lengths)))
            for i, j in zip(moving, placed, strict=True):
                order[i] = j
            if list(placed) != moving:
                yield lengths, tuple(order), owner, index.reshape(lengths).transpose(order).ravel()
