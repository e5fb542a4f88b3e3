"""Mistakes of summing: over too much, or over another axis."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from ..report import Finding
from .evidence import Evidence, axis_sets, words


def over_summed(e: Evidence) -> Finding | None:
    k = len(e.y_shape)
    if e.is_input:
        return None
    for axes in axis_sets(k):
        if all(e.y_shape[i] > 1 for i in axes):
            summed = np.broadcast_to(e.N.sum(axis=axes, keepdims=True), e.N.shape)
            energy = float((summed * summed).sum())
            times = float((summed * e.A).sum()) / energy if energy else 0.0
            if (
                times
                and not e.same(summed, e.N * np.prod([e.y_shape[i] for i in axes]))
                and e.fits(times * summed)
            ):
                what = "of sums" if times > 0.99 else "of means"
                message = (
                    f"{e.name} is a product {what} over {words(axes)} "
                    "of upstream, where the sum of products belongs"
                )
                return Finding("over-summed", e.name, f"{message}; multiply first, then sum")
    for axes in axis_sets(len(e.shape)):
        if all(e.shape[i] > 1 for i in axes):
            summed = e.N.sum(axis=tuple(k + i for i in axes), keepdims=True)
            if e.fits(np.broadcast_to(summed, e.N.shape)):
                message = (
                    f"{e.name} has one number for all of its {words(axes)}, "
                    "their sum; sum over the batch axis alone"
                )
                return Finding("over-summed", e.name, message)
    return None


def wrong_axis(e: Evidence) -> Finding | None:
    """Upstream's axes exchanged, or a coupling along one axis where forward couples along another."""
    k = len(e.y_shape)
    for order in permutations(range(k)):
        if order == tuple(range(k)) or tuple(e.y_shape[i] for i in order) != e.y_shape:
            continue
        if e.fits(e.N.transpose(*order, *range(k, e.N.ndim))):
            if e.moves and e.is_input:
                message = f"{e.name} has its axes in the order {order}; put them back the other way round"
                return Finding("permuted", e.name, message)
            if e.is_input and not e.aligned:
                message = (
                    f"{e.name} is right for an upstream with its axes "
                    f"in the order {order}: upstream.T belongs there"
                )
                return Finding("transposed", e.name, message)
            if e.is_input and np.ptp(np.abs(e.numeric[e.support[1]])) > 1e-9 * e.largest:
                message = f"{e.name} is right for an upstream with its axes in the order {order}"
                return Finding("transposed", e.name, f"{message}: upstream.T belongs there")
            message = (
                f"{e.name} is right for an upstream with its axes in "
                f"the order {order}; it is summed over the wrong axis"
            )
            return Finding("wrong-axis", e.name, message)
    if not e.is_input and len(e.shape) == 1:
        along = [i for i in range(k) if e.y_shape[i] == e.shape[0]]
        if len(along) > 1:
            due = [i for i in along if _only_on(e, e.N, i)]
            used = [i for i in along if _only_on(e, e.A, i)]
            if len(due) == len(used) == 1 and due != used:
                values = [
                    np.moveaxis(np.diagonal(J, axis1=i, axis2=k), -1, i)
                    for J, i in ((e.A, used[0]), (e.N, due[0]))
                ]
                if e.same(*values):
                    message = (
                        f"{e.name} has an entry for each index along axis {used[0]} of "
                        f"upstream, where forward has one for each along axis {due[0]}"
                    )
                    return Finding("wrong-axis", e.name, f"{message}; sum over the other axes")
    if not e.aligned:
        return None
    mine, true = e.coupled(e.yours), e.coupled(e.numeric)
    if mine - true and true - mine:
        message = (
            f"backward mixes along {words(mine - true)}, forward along {words(true - mine)}; "
            "the sum, mean or max in backward runs over the wrong axis"
        )
        return Finding("wrong-axis", e.name, message)
    return None


def _only_on(e: Evidence, J: np.ndarray, axis: int) -> bool:
    """Whether outputs depend on the one entry that has their index along the axis."""
    n, k = e.shape[0], len(e.y_shape)
    planes = np.moveaxis(J, (axis, k), (0, 1)).reshape(n, n, -1)
    return not np.abs(planes[~np.eye(n, dtype=bool)]).max(initial=0) > e.slack * e.largest
