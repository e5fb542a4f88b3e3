"""Gradient where forward reads nothing: the right numbers reach the wrong places."""

from __future__ import annotations

import numpy as np

from ..report import Finding
from .evidence import Evidence, words


def misplaced(e: Evidence) -> Finding | None:
    """The right numbers reach the wrong places: gradient where forward reads nothing."""
    mine, true = e.support
    if not (mine & ~true).any() or not true.any():
        return None
    values = e.numeric[true]
    flat_values = np.ptp(np.abs(values)) <= 1e-9 * e.largest
    if e.is_input and flat_values and max(mine.sum(axis=1).max(), true.sum(axis=1).max()) == 1 and _offset(e):
        message = f"{e.name} has the right numbers, moved by {_offset(e)}"
        return Finding("shifted", e.name, f"{message}; look at where a crop, a pad or a slice begins")
    rows = [i for i in range(len(mine)) if true[i].any() or mine[i].any()]
    alike = [i for i in rows if _same_numbers(e, e.yours[i], e.numeric[i])]
    if 2 * len(alike) >= len(rows):
        if np.ptp(np.abs(values)) <= 1e-9 * np.abs(values).max():
            if e.selects and _grows(e):
                message = f"{e.name} is more and more off its place {_grows(e)}"
                return Finding("shifted", e.name, f"{message}; look at the stride")
            if (true.sum(axis=1) <= 1).all() and _offset(e):
                message = f"{e.name} has the right numbers, moved by {_offset(e)}"
                return Finding("shifted", e.name, f"{message}; look at where a crop, a pad or a slice begins")
            if (true.sum(axis=1)[rows] == 1).all() and mine.shape[1] > mine.shape[0]:
                message = (
                    f"{e.name} goes to entries that did not win: forward "
                    "takes one entry of each window, backward another"
                )
                return Finding(
                    "wrong-region", e.name, f"{message}; look at the index that is kept, and its axes"
                )
            message = f"{e.name} has the right numbers in the wrong places"
            return Finding(
                "permuted",
                e.name,
                f"{message}; look at the order in which windows or axes are laid out (repeat is not tile)",
            )
        message = (
            f"{e.name} has the right numbers in the wrong places: "
            "outputs send their gradient to inputs that they never read"
        )
        return Finding("shifted", e.name, f"{message}; look at stride, dilation, padding and crop")
    if (
        e.is_input
        and mine.shape[1] > mine.shape[0]
        and (true.sum(axis=1)[rows] == 1).all()
        and np.abs(np.abs(values) - np.abs(values).max()).max() <= 1e-9 * np.abs(values).max()
    ):
        message = f"{e.name} gives a gradient to entries that forward does not pass on"
        return Finding("wrong-region", e.name, f"{message}; only the entry that was taken gets it")
    return None


def _grows(e: Evidence) -> str:
    """The axes along which entries are off their place in proportion to the output's index."""
    both = np.flatnonzero(e.support[0].any(axis=1) & e.support[1].any(axis=1))
    if len(both) < 8:
        return ""
    mine, true = (np.unravel_index(np.abs(J[both]).argmax(axis=1), e.shape) for J in (e.yours, e.numeric))
    at = np.stack([*np.unravel_index(both, e.y_shape), np.ones_like(both)], axis=1).astype(float)
    grows = []
    for axis, (a, n) in enumerate(zip(mine, true, strict=True)):
        slope = np.linalg.lstsq(at, (a - n).astype(float), rcond=None)[0]
        if np.abs(at @ slope - (a - n)).max() > 1e-6:
            return ""
        if np.abs(slope[:-1]).max() > 1e-6:
            grows.append(axis)
    return f"along {words(frozenset(grows))}" if grows else ""


def _same_numbers(e: Evidence, a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(np.sort(a) - np.sort(b)).max() <= e.slack * e.largest)


def _offset(e: Evidence) -> tuple[int, ...] | None:
    """How far every entry is from its place, if all are as far."""
    both = np.flatnonzero(e.support[0].any(axis=1) & e.support[1].any(axis=1))
    if not len(both):
        return None
    mine, true = (np.abs(J[both]).argmax(axis=1) for J in (e.yours, e.numeric))
    places = [np.stack(np.unravel_index(at, e.shape), axis=1) for at in (mine, true)]
    moved = places[0] - places[1]
    return (
        tuple(map(int, moved[0])) if len(both) > 1 and (moved == moved[0]).all() and moved[0].any() else None
    )
