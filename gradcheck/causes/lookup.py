"""Where the numbers of a Jacobian are from: which entry of which array forward takes, and which backward."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from layers.base import Array

from ..report import Finding
from .evidence import Evidence


class Source(NamedTuple):
    label: str
    shape: tuple[int, ...]
    places: Array  # for each entry of the Jacobian, the flat index in the array


def looked_up(e: Evidence) -> Finding | None:
    """Both Jacobians are made of entries of arrays at hand: of the same one, and of the same places?"""
    if e.one_output or e.elementwise:
        return None
    mine, true = (np.abs(J) > 1e-9 * e.largest for J in (e.yours, e.numeric))
    if np.ptp(np.abs(e.numeric[true])) <= 1e-9 * e.largest or not mine.any():
        return None
    due = _source(e, e.numeric, true)
    if due is None:
        return None
    used = _source(e, e.yours, mine, first=due.label)
    if used is None:
        return None
    if used.label != due.label:
        message = f"{e.name} is made of the entries of {used.label}, where those of {due.label} belong"
        return Finding("wrong-operand", e.name, f"{message}; look at what backward takes from the cache")
    both = mine & true
    if both.sum() < 8:
        return None
    a, n = (np.stack(np.unravel_index(s.places[both], s.shape)) for s in (used, due))
    if len(a) == 2 and used.shape[0] == used.shape[1] and (a == n[::-1]).all():
        return Finding(
            "transposed", e.name, f"{e.name} takes {due.label} transposed; {due.label}.T belongs there"
        )
    moved = [axis for axis in range(len(a)) if (a[axis] != n[axis]).any()]
    if not moved:
        return None
    rows, columns = np.nonzero(both)
    y_at, theta_at = np.unravel_index(rows, e.y_shape), np.unravel_index(columns, e.shape)
    offsets = []
    for axis in moved:
        by = a[axis] - n[axis]
        if np.ptp(by) == 0:
            offsets.append(f"{by[0]} along axis {axis}")
            continue
        if (a[axis] + n[axis] == due.shape[axis] - 1).all():
            offsets.append("")
            continue
        places = np.stack([*y_at, *theta_at, np.ones_like(rows)], axis=1).astype(float)
        slopes = np.linalg.lstsq(places, by.astype(float), rcond=None)[0]
        if np.abs(places @ slopes - by).max() > 1e-6 or np.abs(slopes - np.round(slopes)).max() > 1e-6:
            return None
        offsets.append(f"more from place to place along axis {axis}: look at the stride")
    if not any(offsets):
        message = f"{e.name} takes {due.label} in reverse along axes {moved}"
        return Finding("flipped", e.name, f"{message}; look for a [::-1] too many or too few")
    if not all(offsets):
        return None
    message = f"{e.name} takes other places of {due.label} than forward does, off by {', and '.join(offsets)}"
    return Finding("shifted", e.name, f"{message}; look at stride, padding and the offset of a window")


def _source(e: Evidence, J: Array, alive: Array, first: str = "") -> Source | None:
    """The array whose entries a Jacobian is made of, if no two of its entries are alike."""
    values = J[alive]
    known = sorted(e.known.items(), key=lambda item: item[0] != first)
    for label, array in known:
        if array.dtype.kind != "f" or not 3 <= array.size <= 2000:
            continue
        flat = array.ravel()
        order = np.argsort(flat)
        ranked = flat[order]
        if np.diff(ranked).min(initial=1.0) <= 1e-9 * np.abs(ranked).max():
            continue
        at = np.clip(np.searchsorted(ranked, values), 1, len(ranked) - 1)
        at -= values - ranked[at - 1] < ranked[at] - values
        if np.abs(ranked[at] - values).max() > e.slack * e.largest:
            continue
        index = np.zeros(J.shape, np.intp)
        index[alive] = order[at]
        return Source(label, array.shape, index)
    return None
