"""Some of what should be added up is lost: slices, repeated indices, overlapping windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from ..report import Finding
from .evidence import Evidence


def only_some_slices(e: Evidence) -> Finding | None:
    """Along one axis of the array, some slices are right and the others 0."""
    k = len(e.y_shape)
    return _some(e, range(k, k + len(e.shape)))


def only_some(e: Evidence) -> Finding | None:
    """The same along an axis of y, or of the array."""
    return _some(e, range(len(e.y_shape) + len(e.shape)))


def _some(e: Evidence, axes: range) -> Finding | None:
    k = len(e.y_shape)
    for axis in axes:
        A, N = np.moveaxis(e.A, axis, 0), np.moveaxis(e.N, axis, 0)
        alive = [i for i in range(len(N)) if np.abs(N[i]).max(initial=0) > 1e-9 * e.largest]
        right = [i for i in alive if e.same(A[i], N[i])]
        none = [i for i in alive if not np.abs(A[i]).max(initial=0) > 1e-12 * e.largest]
        if right and none and len(right) + len(none) == len(alive):
            whose = f"upstream's axis {axis}" if axis < k else f"its axis {axis - k}"
            few, verb = (right, "only") if len(right) <= len(none) else (none, "not")
            message = (
                f"along {whose} {verb} index {', '.join(map(str, few))} "
                f"{'counts' if verb == 'only' else 'count'} in {e.name}"
            )
            return Finding(
                "only-some",
                e.name,
                f"{message}; look for a loop that ends early, = in place of +=, or an index",
            )
    return None


def repeated(e: Evidence) -> Finding | None:
    """Of several uses of one index, one counts."""
    ids = [
        a
        for name, a in e.known.items()
        if a.dtype.kind in "iu" and name != "target" and ({name, name.split("[")[0]} & e.given)
    ]
    if not any(array.size > len(np.unique(array)) for array in ids):
        return None
    mine, true = e.support
    if (mine == true).all():
        with np.errstate(all="ignore"):
            times = np.where(true, e.numeric / e.yours, 1.0)
        wrong = np.abs(times - 1) > 1e-6
        if wrong.any() and np.abs(times[wrong] - np.round(times[wrong])).max() < 1e-6 and times.min() > 0:
            often = ", ".join(map(str, np.unique(np.round(times[wrong]).astype(int))))
            message = f"{e.name} counts once what is used {often} times"
            return Finding(
                "repeated-index-not-added",
                e.name,
                f"{message}; every use of an index adds its gradient: np.add.at",
            )
    if (mine & ~true).any() or not (true & ~mine).any() or not e.same(e.yours, np.where(mine, e.numeric, 0)):
        return None
    lost = (true & ~mine).any(axis=0)
    if not (true.sum(axis=0)[lost] > 1).all() or not mine[:, lost].any(axis=0).all():
        return None
    if not _last_stays(mine, true, lost):
        return None
    message = (
        f"{e.name} counts one of several uses of the same index; "
        "use np.add.at, as g[idx] += u keeps the last one"
    )
    return Finding("repeated-index-not-added", e.name, message)


def overlap(e: Evidence) -> Finding | None:
    """Where windows overlap, one of the gradients stays and the others are lost."""
    mine, true = e.support
    if (
        not e.is_input
        or (mine & ~true).any()
        or not (true & ~mine).any()
        or not e.same(e.yours, np.where(mine, e.numeric, 0))
    ):
        return None
    readers, kept = true.sum(axis=0), mine.sum(axis=0)
    alive = readers > 0
    if (
        e.selects
        and len(e.yours) < e.theta.size
        and mine[-1].any()
        and true.sum() > mine.sum() > 0
        and readers.max() > 1
    ):
        lost_rows = int((true & ~mine).any(axis=1).sum())
        message = (
            f"{lost_rows} of {len(true)} outputs have no gradient in "
            f"{e.name}: that of a later window is written over it"
        )
        return Finding("overlap-not-added", e.name, f"{message}; add them up: += in place of =")
    if e.coupled(e.yours) < e.coupled(e.numeric):
        return None  # rather a path from step to step
    if np.ptp(kept[alive]) or not np.ptp(readers[alive]) or (e.square and e.fits(np.eye(e.theta.size))):
        return None  # not one window's worth for each entry
    if (
        not _last_stays(mine, true, kept < readers)
        and not _last_stays(mine[::-1], true[::-1], kept < readers)
        and e.selects
    ):
        return None
    message = f"where windows overlap, {e.name} keeps one of their gradients"
    return Finding("overlap-not-added", e.name, f"{message}; add them up: += in place of =")


def overwritten(e: Evidence) -> Finding | None:
    """Of outputs that read the same entries, the last one alone counts."""
    k = len(e.y_shape)
    for axis in range(k):
        A, N = (np.moveaxis(J, axis, 0).reshape(e.y_shape[axis], -1) for J in (e.A, e.N))
        lost = [i for i in range(len(A)) if not np.abs(A[i]).max() > e.slack * e.largest < np.abs(N[i]).max()]
        kept = [i for i in range(len(A)) if i not in lost]
        if not lost or len(set(e.y_shape)) == 0 or not all(e.same(A[i], N[i]) for i in kept):
            continue
        twin = {i: [j for j in kept if j > i and e.support_alike(axis, i, j)] for i in lost}
        if kept and all(twin.values()) and len({j for js in twin.values() for j in js}) < len(kept):
            message = (
                f"{e.name} counts only the last of the outputs that read the "
                f"same entries: {lost} along axis {axis} of upstream are lost"
            )
            return Finding(
                "repeated-index-not-added",
                e.name,
                f"{message}; use np.add.at, as dx[index] = u, or +=, keeps the last one",
            )
    return None


def some_of_each(e: Evidence) -> Finding | None:
    """Right where it is not 0: each output's gradient reaches some of the entries that it comes from."""
    mine, true = e.support
    if (mine & ~true).any() or not (true & ~mine).any() or not e.same(e.yours, np.where(mine, e.numeric, 0)):
        return None
    if not e.is_input:
        return None
    reads, reached = true.sum(axis=1), mine.sum(axis=1)
    few = int(reads.max())
    if few == 1:
        if true.sum(axis=0).max() == 1 or not mine.any():
            return None
        message = f"{e.name} gets the gradient of some of the outputs that it goes to, and not of the others"
        return Finding("only-some", e.name, f"{message}; sum over all copies")
    message = (
        f"each output depends on up to {few} entries, and its "
        f"gradient reaches {int(reached.max())} of them in {e.name}"
    )
    if few == 2 or e.coupled(e.numeric):
        return Finding("missing-path", e.name, f"{message}; add the other path")
    return Finding(
        "only-some", e.name, f"{message}, where it is right; look for an index, or a loop that ends early"
    )


def _last_stays(mine: Array, true: Array, lost: Any) -> bool:
    """Whether of all outputs that read an entry, the last one counts: what = in place of += leaves."""
    last = len(true) - 1 - true[::-1].argmax(axis=0)
    columns = np.flatnonzero(lost)
    return bool(mine[last[columns], columns].all())
