"""Which entries a backward mixes, and which share what they should not."""

from __future__ import annotations

import numpy as np

from layers.base import Array

from ..report import Finding
from .evidence import Evidence, words


def other_groups(e: Evidence) -> Finding | None:
    """backward sums over other groups of entries than forward: more axes, fewer, or other channels."""
    if not e.is_input or not e.square:
        return None
    mine, true = (_partition(support) for support in e.support)
    if true is None or _single(true):
        return None
    if mine is None:
        wider, right = e.coupled(e.yours), e.coupled(e.numeric)
        if right < wider:
            message = f"backward mixes along {words(wider)}, forward along {words(right)} alone"
            return Finding(
                "wrong-axis", e.name, f"{message}; a sum or mean runs, or broadcasts, over an axis too many"
            )
        return None
    if _single(mine) or (mine == true).all():
        return None
    message = f"backward mixes {_extent(mine, e.shape)}, forward {_extent(true, e.shape)}"
    return Finding(
        "wrong-axis", e.name, f"{message}; a sum, mean or max in backward runs over other axes or groups"
    )


def _partition(support: Array) -> Array | None:
    """The group of each entry, by its first member, if the entries mix in groups and only there."""
    joined = support | np.eye(len(support), dtype=bool)
    first = joined.argmax(axis=1)
    return first if (joined == (first[:, None] == first[None, :])).all() else None


def _single(groups: Array) -> bool:
    return bool((groups == np.arange(len(groups))).all())


def _extent(groups: Array, shape: tuple[int, ...]) -> str:
    members = np.flatnonzero(groups == groups[0])
    axes = frozenset(i for i, at in enumerate(np.unravel_index(members, shape)) if np.ptp(at))
    return f"groups of {len(members)} entries along {words(axes)}" if axes else "single entries"


def shared_number(e: Evidence) -> Finding | None:
    """Entries that have one number together: the sum, or the mean, of those that they should have."""
    if e.one_output or (e.is_input and len(e.yours) <= e.theta.size):
        return None
    scale = e.slack * e.largest
    group = np.array(
        [int((np.abs(e.yours - e.yours[:, [j]]).max(axis=0) <= scale).argmax()) for j in range(e.theta.size)]
    )
    if _single(group):
        return None
    if any(
        np.abs(e.numeric[:, j]).max() <= scale
        for j in np.flatnonzero(np.bincount(group, minlength=len(group))[group] > 1)
    ):
        return None  # of two numbers one is 0: no sum to be seen
    sizes = np.bincount(group, minlength=len(group))[group]
    sums = np.stack([e.numeric[:, group == k].sum(axis=1) for k in group], axis=1)
    for right, what in ((sums, "sum"), (sums / sizes, "mean")):
        if e.fits(right) and not e.same(right, e.numeric):
            largest = int(sizes.argmax())
            where = _extent(np.where(group == group[largest], 0, 1), e.shape)
            if group[largest] != group[0]:
                where = f"groups of {sizes[largest]} entries"
            message = f"in {e.name} {where} have one number, the {what} of theirs"
            return Finding("over-summed", e.name, f"{message}; it is summed over too much: keep those apart")
    return None


def one_for_all(e: Evidence) -> Finding | None:
    """Every slice along an axis gets what belongs to one of them."""
    if e.selects and not e.elementwise:
        return None  # which entry is taken is another matter
    k = len(e.y_shape)
    for axis in range(k):
        n = e.y_shape[axis]
        if n < 2:
            continue
        if axis in e.aligned:
            A, N = (np.moveaxis(J, (axis, k + axis), (0, 1)) for J in (e.A, e.N))
            apart = ~np.eye(n, dtype=bool)
            if np.abs(A[apart]).max() > e.slack * e.largest or np.abs(N[apart]).max() > e.slack * e.largest:
                continue
            mine, true = [A[i, i] for i in range(n)], [N[i, i] for i in range(n)]
        elif e.is_input:
            continue
        else:
            mine, true = list(np.moveaxis(e.A, axis, 0)), list(np.moveaxis(e.N, axis, 0))
        if not all(e.same(mine[0], one) for one in mine[1:]) or all(e.same(true[0], one) for one in true[1:]):
            continue
        for i, one in enumerate(true):
            if np.abs(one).max() > e.slack * e.largest and e.same(mine[0], one):
                message = f"every slice along axis {axis} gets in {e.name} what belongs to index {i}"
                return Finding(
                    "wrong-operand", e.name, f"{message}; look for an index [{i}] in place of the whole array"
                )
    return None
