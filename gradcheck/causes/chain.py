"""Mistakes in the chain rule: a derivative, a path or a term that is not there, or is there too often."""

from __future__ import annotations

import numpy as np

from layers.base import Array

from ..report import Finding
from .atoms import fit
from .evidence import Evidence, words


def no_local_derivative(e: Evidence) -> Finding | None:
    """backward hands upstream on as if forward did nothing."""
    if not e.square or not e.fits(np.eye(e.theta.size)):
        return None
    if e.moves:
        return None  # forward only moves entries
    return Finding(
        "no-local-derivative", e.name, f"{e.name} is upstream itself: multiply by the layer's own derivative"
    )


def path(e: Evidence) -> Finding | None:
    """What is missing is upstream itself (a skip), or all that couples along an axis."""
    missing = e.numeric - e.yours
    if e.square and len(e.yours) == e.theta.size:
        eye = np.eye(e.theta.size)
        if e.same(missing, eye):
            return Finding(
                "missing-path",
                e.name,
                f"{e.name} lacks upstream itself: add it for the path where x goes through unchanged",
            )
        if e.same(missing, -eye):
            return Finding(
                "extra-term",
                e.name,
                f"{e.name} has upstream itself once too often: count the path of the unchanged x once",
            )
    if not e.aligned:
        return None
    mine, true = e.coupled(e.yours), e.coupled(e.numeric)
    if not mine < true:
        return None
    lost = true - mine
    if not _plausible(e, lost):
        diagonal = np.diag(np.diag(e.yours)) if e.square else None
        if (
            diagonal is not None
            and not mine
            and not e.selects
            and e.fits(diagonal)
            and not e.same(diagonal, np.diag(np.diag(e.numeric)))
        ):
            message = (
                f"{e.name} takes every output to depend on its own input "
                "alone, and that with another derivative than forward's"
            )
            return Finding(
                "wrong-formula",
                e.name,
                f"{message}; outputs depend on all inputs along {words(true)}: derive it anew",
            )
        return None
    message = (
        f"{e.name} lacks a path along {words(lost)}: outputs there depend on inputs at other indices too"
    )
    return Finding(
        "missing-path", e.name, f"{message}; a shared sum, mean or state carries gradient back to all of them"
    )


def _plausible(e: Evidence, axes: frozenset[int]) -> bool:
    """Whether what is missing is a path: each index on its own is right, or the rest is of one sum or two."""
    k = len(e.y_shape)
    for axis in axes:
        A, N = (np.moveaxis(J, (axis, k + axis), (0, 1)) for J in (e.A, e.N))
        if any(e.same(A[i, i], N[i, i]) for i in range(len(A))):
            continue
        missing = (N - A).reshape(len(A), len(A), -1)
        worst = missing[:, :, int(np.abs(missing).sum(axis=(0, 1)).argmax())]
        values = np.linalg.svd(worst, compute_uv=False)
        if (values > 1e-7 * values[0]).sum() > 2:
            return False
    return True


def term(e: Evidence) -> Finding | None:
    """numeric - yours is a known array, times a constant: a term is missing, or is there too often."""
    missing = e.numeric - e.yours
    if e.elementwise:
        missing = np.diag(missing).reshape(e.shape)
        for name, c in e.known.items():
            C = fit(c.astype(np.float64), e.shape) if c.dtype.kind in "fiub" else None
            if C is None or np.ptp(C) <= 1e-9 * np.abs(C).max(initial=0):
                continue
            times = float((missing * C).sum() / (C * C).sum())
            if np.abs(missing - times * C).max() > e.slack * e.largest:
                continue
            mine = np.diag(e.yours).reshape(e.shape)
            if not _simple(e, mine + missing) or _simple(e, mine):
                message = f"{e.name} lacks a term {times:.4g} * {name}: with it, it is right everywhere"
                return Finding("missing-path", e.name, f"{message}; forward depends on x there too")
            message = (
                f"{e.name} has a term {-times:.4g} * {name} too many: without it, it is right everywhere"
            )
            return Finding("extra-term", e.name, f"{message}; count every path once")
        return _term_of_slices(e, missing)
    return None


def _term_of_slices(e: Evidence, missing: Array) -> Finding | None:
    """numeric - yours is a known array, times a number for each slice: a sum taken for a constant."""
    axis = len(e.shape) - 1
    if axis < 1 or e.shape[axis] < 3:
        return None
    mine = np.diag(e.yours).reshape(e.shape)
    plain = [fit(c.astype(np.float64), e.shape) for c in e.known.values() if c.dtype.kind in "fiub"]
    if not any(C is not None and _along(e, mine, C, axis) for C in plain):
        return None
    for name, c in e.known.items():
        C = fit(c.astype(np.float64), e.shape) if c.dtype.kind in "fiub" else None
        if C is not None and np.ptp(C) and _along(e, missing, C, axis):
            message = f"{e.name} lacks a term that is {name} times a number for each slice along axis {axis}"
            return Finding(
                "missing-path",
                e.name,
                f"{message}; something shared there, such as a length or a sum, depends on x too",
            )
    return None


def _along(e: Evidence, v: Array, c: Array, axis: int) -> bool:
    """Whether v = k c with one k for each slice."""
    energy = (c * c).sum(axis=axis, keepdims=True)
    k = (v * c).sum(axis=axis, keepdims=True) / np.where(energy > 0, energy, 1)
    return bool(np.abs(v - k * c).max() <= e.slack * e.largest)


def _simple(e: Evidence, gradient: Array) -> bool:
    """Whether a gradient is one known array, times a constant."""
    for c in e.known.values():
        C = fit(c.astype(np.float64), e.shape) if c.dtype.kind in "fiub" else None
        if C is None or not C.any():
            continue
        times = float((gradient * C).sum() / (C * C).sum())
        if np.abs(gradient - times * C).max() <= e.slack * np.abs(gradient).max(initial=0):
            return True
    return False


def label(e: Evidence) -> Finding | None:
    """Wrong exactly where the labels are, or right only there."""
    labels = next(
        (a for name, a in e.known.items() if a.dtype.kind in "iu" and a.shape == e.shape[:-1]), None
    )
    if (
        labels is None
        or not e.elementwise
        or labels.min(initial=0) < 0
        or labels.max(initial=0) >= e.shape[-1]
    ):
        return None
    at = np.arange(e.shape[-1]) == labels[..., None]
    mine, true = np.diag(e.yours).reshape(e.shape), np.diag(e.numeric).reshape(e.shape)
    wrong = np.abs(mine - true) > e.slack * e.largest
    if not wrong.any():
        return None
    if not wrong[at].any() and wrong[~at].any() and not np.abs(mine[~at]).max() > e.slack * e.largest:
        message = f"{e.name} is right at the labels, and 0 elsewhere: the other classes have a gradient too"
        return Finding("only-some", e.name, f"{message}; they share the sum with the label")
    if wrong[~at].any() or not wrong[at].any():
        return None
    if np.abs(mine[at] + true[at]).max() <= e.slack * e.largest:
        return Finding("sign", e.name, f"{e.name} has the wrong sign exactly at the labels")
    if (mine[at] * true[at]).max() <= 0:
        message = f"{e.name} is wrong exactly at the labels: the term of the true class is missing there"
        return Finding("missing-path", e.name, f"{message}; subtract it at label positions")
    if (
        np.abs(mine[at]).min() > np.abs(true[at]).max(initial=0)
        or (np.abs(mine[at]) > np.abs(true[at])).all()
    ):
        return Finding(
            "extra-term",
            e.name,
            f"{e.name} is too large exactly at the labels: the term of the true class is counted twice",
        )
    message = f"{e.name} is wrong exactly at the labels: the true class's term is too small there"
    return Finding("only-some", e.name, f"{message}; count every term that the label takes part in")
