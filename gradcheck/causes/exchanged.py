"""A factor that stands where another belongs, or on the wrong side of a sum."""

from __future__ import annotations

import numpy as np

from layers.base import Array

from ..report import Finding
from .atoms import at_hand, factors
from .evidence import Evidence


def exchanged(
    e: Evidence,
    ratios: dict[str, tuple[Array | None, Array | None]],
    found: list[tuple[Array, str, str]],
    where_in: str,
    alive: Array,
) -> Finding | None:
    """yours * c / d = numeric: d stands where c belongs."""
    for where, axis in (("theta", 0), ("y", 1)):
        to_n = ratios[where][0]
        if to_n is None or (alive.any(axis=axis) & np.isfinite(to_n)).sum() < 4:
            continue
        used = alive.any(axis=axis) & np.isfinite(to_n)
        named = [
            (c.ravel(), text)
            for c, text, there in found
            if there == where and not text.startswith(("1 /", "(1 +"))
        ]
        for c, text in named:
            for d, other in named:
                if text == other or np.ptp(c[used] / np.where(d[used], d[used], 1)) <= 1e-6:
                    continue
                if np.abs(to_n * d - c)[used].max() <= 1e-7 * np.abs(c).max():
                    message = f"{where_in}{e.name} has the factor {other} where {text} belongs"
                    softmax = text.startswith("softmax") and other.startswith("softmax")
                    return Finding(
                        "wrong-axis" if softmax else "wrong-operand",
                        e.name,
                        f"{message}; look at what backward takes from the cache",
                    )
    return None


def instead(e: Evidence, A: Array, N: Array, where_in: str) -> Finding | None:
    """yours * c = numeric * d for two arrays at hand, of which both have zeros."""
    for where, shape in (("y", e.y_shape), ("theta", e.shape)):
        plain = [(c.reshape((-1, 1) if where == "y" else (1, -1)), text) for text, c in at_hand(e, shape)]
        for c, text in plain:
            for d, other in plain:
                if (
                    c is not d
                    and e.same(A * c, N * d)
                    and np.ptp(c / np.where(d, d, 1)) > 1e-6
                    and (c * d).any()
                ):
                    message = f"{where_in}{e.name} has the factor {other} where {text} belongs"
                    return Finding(
                        "wrong-operand", e.name, f"{message}; look at what backward takes from the cache"
                    )
    return None


def both_sides(e: Evidence, A: Array, N: Array, where_in: str) -> Finding | None:
    """yours times c of the outputs is numeric times c of the entries: c is on the wrong side of the sums."""
    if not e.square:
        return None
    for c, text, where in factors(e):
        if where != "y" or text not in e.known or np.ptp(c) <= 1e-6 * np.abs(c).max():
            continue
        v = c.ravel()
        if e.same(A * v[:, None] / np.abs(v).max(), N * v[None, :] / np.abs(v).max()):
            message = f"{where_in}{e.name} lacks the factor {text} inside its sums, and has it outside"
            return Finding(
                "missing-factor",
                e.name,
                f"{message}; multiply upstream by {text} first, before anything is summed",
            )
    return None


def of_slices(e: Evidence) -> Finding | None:
    """A factor for each index along one axis, whatever x is there."""
    mine, true = (np.diag(J).reshape(e.shape) for J in (e.yours, e.numeric))
    for axis, n in enumerate(e.shape):
        others = tuple(i for i in range(len(e.shape)) if i != axis)
        if n < 2 or mine.size < 3 * n:
            continue
        energy = (mine * mine).sum(axis=others, keepdims=True)
        r = (mine * true).sum(axis=others, keepdims=True) / np.where(energy > 0, energy, 1)
        if energy.all() and r.all() and e.same(mine * r, true):
            listed = ", ".join(f"{value:.4g}" for value in r.ravel()[:6])
            message = f"{e.name} lacks a factor that depends on the index along axis {axis} alone: {listed}"
            return Finding(
                "missing-factor", e.name, f"{message}; look at the weights that forward takes there"
            )
    return None
