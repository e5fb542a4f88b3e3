"""Elementwise derivatives of another function, or at another place; and what is close to right."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from layers.base import Array

from ..report import Finding
from .evidence import Evidence

SUBTLE = 3e-3  # of the largest entry: less is an approximation


def approximation(e: Evidence) -> Finding | None:
    gap = float(np.abs(e.yours - e.numeric).max(initial=0)) / e.largest
    off = np.abs(e.yours - e.numeric) > e.slack * e.largest
    if gap > SUBTLE or 2 * off.sum() < (np.abs(e.numeric) > 1e-9 * e.largest).sum():
        return None
    if gap < 3e-6:
        message = (
            f"{e.name} is right to {gap:.0e} only: something is "
            "computed in float32, or rounded; keep the dtype of x"
        )
        return Finding("precision", e.name, message)
    message = f"{e.name} is off by {gap:.0e} of its size: close, but another formula than forward's"
    return Finding(
        "approximation", e.name, f"{message}; look at eps, N - 1 for N, or an approximated function"
    )


def elementwise(e: Evidence) -> Finding | None:
    """The derivative as a function of x: where it is right, and whose it is."""
    if not e.elementwise:
        return None
    mine, true, x = np.diag(e.yours), np.diag(e.numeric), e.theta.ravel()
    if np.abs(e.yours - np.diag(mine)).max(initial=0) > 1e-9 * e.largest:
        message = f"{e.name} mixes entries, while every output depends on its own input alone"
        return Finding("wrong-formula", e.name, f"{message}; look for a sum or a matrix product too many")
    dead, off = np.abs(true) <= 1e-9 * e.largest, np.abs(mine) <= 1e-9 * e.largest
    if dead.any() and not dead.all() and (dead == ~off).all():
        message = (
            f"{e.name} is 0 exactly where it should not be, and the other way round: the mask is inverted"
        )
        return Finding("wrong-region", e.name, message)
    y = next((array for label, array in e.known.items() if label == "y"), None)
    if y is not None and e.at is not None:
        try:
            after = e.at(y.reshape(e.shape))
        except Exception:  # y is no x for this layer, as of a logarithm
            after = None
        if after is not None and np.isfinite(after).all() and _close(mine, after):
            message = f"{e.name} is the derivative at y, where x belongs (or the formula wants x, and gets y)"
            return Finding("post-activation", e.name, f"{message}; check which of the two is cached")
    if y is not None:
        for text, phi in FORMS.items():
            with np.errstate(all="ignore"):
                at_x, at_y = phi(x), phi(y.ravel().astype(float))
            if _close(mine, at_x) and _close(true, at_y):
                message = (
                    f"{e.name} takes t = x in {text}, where t = y is "
                    "right: the formula is in terms of the output"
                )
                return Finding("post-activation", e.name, f"{message}; cache y")
            if _close(mine, at_y) and _close(true, at_x):
                message = (
                    f"{e.name} takes t = y in {text}, where t = x is "
                    "right: the formula is in terms of the input"
                )
                return Finding("post-activation", e.name, f"{message}; cache x")
    with np.errstate(all="ignore"):
        tries = (
            (true * true, "the square of the derivative: it is applied twice"),
            (1 / true, "1 / the derivative: divide became multiply, or the other way round"),
            (np.sqrt(np.abs(true)), "the root of the derivative"),
        )
    for form, what in tries:
        if np.isfinite(form).all() and _close(mine, form):
            return Finding("wrong-formula", e.name, f"{e.name} is {what}")
    if y is not None:
        for text, phi in FORMS.items():
            for label, t in (("x", x), ("y", y.ravel().astype(float))):
                with np.errstate(all="ignore"):
                    if _close(mine, phi(t)):
                        message = (
                            f"{e.name} is upstream * {text} with t = "
                            f"{label}, which is not this layer's derivative"
                        )
                        return Finding(
                            "wrong-formula", e.name, f"{message}; work it out from forward's formula"
                        )
    if e.one_output:
        return None
    worst = int(np.abs(mine - true).argmax())
    message = (
        f"{e.name} is upstream times another function of x than forward's derivative: at x = {x[worst]:.3g} "
    )
    return Finding(
        "wrong-formula",
        e.name,
        f"{message}yours {mine[worst]:.4g}, numeric {true[worst]:.4g}; derive it anew",
    )


def sides(e: Evidence) -> Finding | None:
    """Right on one side of a number, wrong on the other; or the sides exchanged."""
    if e.largest == 0:
        return None
    for name in ("x", "x - target", "target"):
        x = e.known.get(name)
        if x is not None and x.shape == e.y_shape and x.dtype.kind in "fi":
            if e.same(e.yours, e.numeric * x.reshape(-1, 1)):
                continue  # a factor, not a side
            found = _sides(e, name, x)
            if found:
                return found
    return None


def _sides(e: Evidence, name: str, x: Array) -> Finding | None:
    x = x.ravel()
    right = np.abs(e.yours - e.numeric).max(axis=1) <= e.slack * e.largest
    region = _region(right, x)
    mine, true = e.yours.sum(axis=1), e.numeric.sum(axis=1)
    worst = int(np.abs(mine - true).argmax())
    at = f"at {name} = {x[worst]:.3g} yours {mine[worst]:.4g}, numeric {true[worst]:.4g}"
    if region:
        message = f"{e.name} is right but for {region.replace('x', name)}: {at}"
        return Finding("wrong-region", e.name, f"{message}; check the branch and the mask for that side")
    low, high = x < 0, x > 0
    if low.any() and high.any() and not right.any():
        for scale in (np.ones_like(x), x):  # a derivative that is constant on each side, or proportional to x
            with np.errstate(all="ignore"):
                a, n = mine / scale, true / scale
            if any(np.ptp(v[s]) > 1e-7 * max(np.abs(v).max(), 1e-300) for v in (a, n) for s in (low, high)):
                continue
            if abs(a[low][0] - n[high][0]) + abs(a[high][0] - n[low][0]) <= 1e-7 * np.abs(n).max():
                message = f"{e.name} has the two sides of 0 exchanged: {at}"
                return Finding("wrong-region", e.name, f"{message}; the mask is the wrong way round")
    return None


FORMS: dict[str, Callable[[Array], Array]] = {
    "t": lambda t: t,
    "1 - t": lambda t: 1 - t,
    "t (1 - t)": lambda t: t * (1 - t),
    "1 - t²": lambda t: 1 - t * t,
    "t²": lambda t: t * t,
    "2 t": lambda t: 2 * t,
    "exp(t)": np.exp,
    "1 / t": lambda t: 1 / t,
    "cos(t)": np.cos,
    "sin(t)": np.sin,
    "t > 0": lambda t: (t > 0).astype(float),
}


def _region(right: Array, x: Array) -> str | None:
    """Words for where it is wrong, if that is one side of a number."""
    if right.all() or not right.any():
        return None
    wrong = ~right
    for words_, where in (
        ("x < 0", x < 0),
        ("x > 0", x > 0),
        ("|x| > 1", np.abs(x) > 1),
        ("|x| < 1", np.abs(x) < 1),
    ):
        if (wrong == where).all():
            return words_
    order = np.argsort(x)
    changes = np.flatnonzero(np.diff(wrong[order].astype(int)))
    if len(changes) == 1 and min(wrong.sum(), right.sum()) >= 2:
        low, high = x[order][changes[0]], x[order][changes[0] + 1]
        side = "below" if wrong[order][0] else "above"
        return f"x {side} {(low + high) / 2:.2g}"
    if len(changes) == 2 and min(wrong.sum(), right.sum()) >= 4:
        return (
            f"x {'between' if not wrong[order][0] else 'outside'} "
            f"{x[order][changes[0]]:.2g} and {x[order][changes[1]]:.2g}"
        )
    return None


def _close(a: Array, b: Array) -> bool:
    return bool(
        np.isfinite(b).all() and np.abs(a - b).max(initial=0) <= 1e-7 * max(np.abs(a).max(initial=0), 1e-300)
    )
