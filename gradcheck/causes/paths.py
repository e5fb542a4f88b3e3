"""Paths of the chain rule: the derivative through each use of an array, and which of them backward has."""

from __future__ import annotations

import numpy as np

from ..report import Finding
from .evidence import Evidence

MOST = 24  # uses of one array


def uses(e: Evidence) -> Finding | None:
    """yours = Σ κ_k numeric_k over the uses k of the array in forward: which κ is not 1?"""
    if e.through is None:
        return None
    rng = np.random.default_rng(1)
    rows, mine = [], []
    for _ in range(3):
        v = np.asarray(rng.standard_normal(e.shape))
        try:
            columns, seen = e.through(v)
        except Exception:  # an operation that cannot be followed
            return None
        if not 2 <= len(columns) <= MOST:
            return None
        if np.abs(sum(columns) - e.numeric @ v.ravel()).max() > 1e-9 * e.largest * max(
            1.0, float(np.abs(v).max())
        ):
            return None  # a use went unseen
        rows.append(np.stack(columns, axis=1))
        mine.append(e.yours @ v.ravel())
    M, a = np.concatenate(rows), np.concatenate(mine)
    sizes = np.abs(M).max(axis=0)
    alive = np.flatnonzero(sizes > 1e-9 * sizes.max())
    if len(alive) < 2:
        return None
    M, places = M[:, alive], [seen.places[k] for k in alive]
    instructions = [seen.instructions[k] for k in alive]
    kappa, _, rank, _ = np.linalg.lstsq(M / sizes[alive], a, rcond=1e-9)
    kappa = kappa / sizes[alive]
    if np.abs(M @ kappa - a).max() > 1e-7 * max(np.abs(a).max(), np.abs(M).max()):
        return None
    if rank < len(alive):
        kappa = _subset(M, a)
        if kappa is None:
            return None
    wrong = [k for k in range(len(kappa)) if abs(kappa[k] - 1) > 1e-6]
    array = e.name[1:]
    if len(kappa) == 2 and np.abs(np.sort(kappa) - [0, 2]).max() < 1e-6:
        twice, never = (places[int(i)] for i in (kappa.argmax(), kappa.argmin()))
        message = f"{e.name} counts one use of {array} ({twice}) twice, and the other ({never}) not at all"
        return Finding(
            "wrong-formula", e.name, f"{message}; the two are alike only where something is symmetric"
        )
    if not wrong or len(wrong) == len(kappa):
        return None
    lost = [k for k in wrong if abs(kappa[k]) < 1e-6]
    if e.elementwise and len(kappa) > 2 and lost:
        message = f"{e.name} lacks the term that comes from the use of {e.name[1:]} at {places[lost[0]]}"
        return Finding("wrong-formula", e.name, f"{message}; derive the function anew, term by term")
    where = ", ".join(dict.fromkeys(places[k] for k in wrong))
    if (
        len(lost) == len(wrong)
        and len(kappa) >= (4 if e.is_input else 3)
        and any(
            instructions[k] in {instructions[j] for j in lost} for k in range(len(kappa)) if k not in lost
        )
    ):
        message = (
            f"of the {len(kappa)} uses of {array} in forward, "
            f"{len(kappa) - len(lost)} count in {e.name} ({where})"
        )
        return Finding(
            "only-some", e.name, f"{message}; look for a loop that ends early, = in place of +=, or an index"
        )
    if len(lost) == len(wrong):
        message = (
            f"forward uses {array} {len(kappa)} times; {e.name} "
            f"lacks the path through {len(lost)} of them ({where})"
        )
        return Finding("missing-path", e.name, f"{message}; add the gradients of all uses up")
    times = kappa[wrong[0]]
    if all(abs(kappa[k] + 1) < 1e-6 for k in wrong):
        message = f"{e.name} subtracts the path through the use of {array} at {where} instead of adding it"
        return Finding("sign", e.name, f"{message}; look for a minus")
    if all(abs(kappa[k] - 2) < 1e-6 for k in wrong):
        return Finding(
            "extra-term", e.name, f"{e.name} counts the path through the use of {array} at {where} twice"
        )
    if e.elementwise:
        return None
    message = f"{e.name} has the path through the use of {array} at {where} {times:.4g} times"
    return Finding("scale", e.name, f"{message}; check the factors on that way")


def _subset(M: np.ndarray, a: np.ndarray) -> np.ndarray | None:
    """κ of zeros and ones where the uses are not independent: all but one, or one alone."""
    whole, n = M.sum(axis=1), M.shape[1]
    limit = 1e-7 * np.abs(M).max()
    for k in range(n):
        if np.abs(whole - M[:, k] - a).max() <= limit:
            return np.array([float(j != k) for j in range(n)])
    for k in range(n):
        if np.abs(M[:, k] - a).max() <= limit:
            return np.array([float(j == k) for j in range(n)])
    return None
