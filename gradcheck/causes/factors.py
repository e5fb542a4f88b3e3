"""A factor that is not there, or is there too often, or stands where another belongs."""

from __future__ import annotations

import re

import numpy as np

from layers.base import Array

from ..report import Finding
from .atoms import at_hand, factors
from .evidence import Evidence
from .exchanged import both_sides, exchanged, instead, of_slices
from .terms import length


def factor(e: Evidence) -> Finding | None:
    """yours = numeric * c, or yours * c = numeric, for something that the layer has at hand."""
    return _factor(e, e.yours, e.numeric, "")


def masked(e: Evidence) -> Finding | None:
    """A loss whose gradient is 0 where an array of zeros and ones is 0, and should not be; or the reverse."""
    if not e.one_output:
        return None
    for text, c in at_hand(e, e.shape):
        if not np.isin(c, (0, 1)).all() or np.ptp(c) == 0:
            continue
        mask = np.diag(c.ravel())
        if e.same(e.yours, e.numeric @ mask):
            message = f"{e.name} is right where {text} is 1, and 0 elsewhere"
            return Finding("wrong-region", e.name, f"{message}; the loss depends on the others too")
        if e.same(e.numeric, e.yours @ mask):
            message = f"{e.name} is right where {text} is 1, and should be 0 elsewhere"
            return Finding("wrong-region", e.name, f"{message}; leave out what forward leaves out")
    return None


def factor_of_coupling(e: Evidence) -> Finding | None:
    """The same for the part by which an output depends on other inputs than its own."""
    if not e.square or e.elementwise or len(e.shape) == 0:
        return None
    off = ~np.eye(e.theta.size, dtype=bool)
    A, N = e.yours * off, e.numeric * off
    if not np.abs(N).max(initial=0) > 1e-9 * e.largest or not np.abs(A).max(initial=0) > 1e-9 * e.largest:
        return None
    ratio = float((A * N).sum() / (N * N).sum())
    if e.same(A, ratio * N) and abs(ratio - 1) > 1e-6:
        kind = "sign" if abs(ratio + 1) < 1e-6 else "wrong-formula"
        what = "the wrong sign" if kind == "sign" else f"{ratio:.4g} times its size"
        message = f"in {e.name} the term that sums over other entries has {what}"
        return Finding(kind, e.name, (f"{message}; the rest of the formula may be right"))  # type: ignore[arg-type]
    if e.same(A, N):
        return None
    return _factor(e, A, N, "the term that sums over other entries in ")


def _factor(e: Evidence, A: Array, N: Array, where_in: str) -> Finding | None:
    """One factor for each output, or for each entry of the array, if that takes one Jacobian to the other."""
    ratios: dict[str, tuple[Array | None, Array | None]] = {}
    for where, axis in (("y", 1), ("theta", 0)):
        ratios[where] = _ratio(e, A, N, axis), _ratio(e, N, A, axis)
    if all(missing is None and extra is None for missing, extra in ratios.values()):
        return None if e.elementwise else instead(e, A, N, where_in) or both_sides(e, A, N, where_in)
    # a constant is a matter of scale
    found = [c for c in factors(e) if np.ptp(c[0]) > 1e-9 * np.abs(c[0]).max(initial=0)]
    alive = np.abs(N) > 1e-9 * e.largest
    for c, text, where in found:
        if e.elementwise and text.startswith(("(1 +", "exp(", "1 /", "sqrt(")):
            continue  # rather another formula than a factor
        to_n, to_a = ratios[where]
        k, inverse = _times(e, c, to_n), _times(e, c, to_a)
        if (not k and not inverse) or (text.startswith("|") and (k or inverse) != 1):
            continue
        missing = bool(k)
        if (k or inverse) != 1:
            text = f"{k or inverse:.4g} {text}"
        if text.endswith("²") or _is_square(c, found):
            message = (
                f"{where_in}{e.name} is off by the square of something: "
                "multiplied where forward divides, or the reverse"
            )
            return Finding("wrong-formula", e.name, f"{message} ({text})")
        if missing:
            message = f"{where_in}{e.name} lacks the factor {text}: yours * {text} is right everywhere"
            return Finding(
                "missing-factor", e.name, f"{message}; follow the chain rule through the line that uses it"
            )
        if _divided_by(e, c, text):
            message = (
                f"{where_in}{e.name} lacks the factor 1 / ({text}): yours / ({text}) is right everywhere"
            )
            return Finding(
                "missing-factor",
                e.name,
                f"{message}; follow the chain rule through the line that divides by it",
            )
        message = f"{where_in}{e.name} has a factor {text} too many: yours / {text} is right everywhere"
        return Finding("extra-factor", e.name, f"{message}; look for it twice, or where forward has none")
    if e.elementwise:
        return of_slices(e)
    return exchanged(e, ratios, found, where_in, alive)


def unnamed(e: Evidence) -> Finding | None:
    """A factor of its own for each output, or for each entry, whatever that may be."""
    found = {"output": _ratio(e, e.numeric, e.yours, 1), "entry": _ratio(e, e.numeric, e.yours, 0)}
    sides = {whose: r for whose, r in found.items() if r is not None}
    if not sides or (len(sides) == 2 and e.square):
        return None  # of one that fits both sides nothing can be said
    whose, r = next(iter(sides.items()))
    known = r[np.isfinite(r)]
    seen = (np.abs(e.numeric) > 1e-9 * e.largest).sum() >= 2 * len(r)
    off = np.abs(known - 1) > 1e-6
    if not seen or len(known) <= 3 or not known.all() or 2 * off.sum() <= len(known):
        return None  # where most are right it is a place, not a factor
    if np.ptp(known) <= 1e-6 * np.abs(known).max():
        return None
    message = (
        f"{e.name} is right but for a factor of its own for each {whose}, "
        f"from {known.min():.4g} to {known.max():.4g}"
    )
    return Finding("wrong-formula", e.name, f"{message}; look at what is divided or multiplied by there")


def _ratio(e: Evidence, a: Array, b: Array, axis: int) -> Array | None:
    """r with a * r = b, one number for each row or column."""
    energy = (a * a).sum(axis=axis)
    r = (a * b).sum(axis=axis) / np.where(energy > 0, energy, 1)
    if not e.same(a * np.expand_dims(r, axis), b):
        return None
    return np.where(energy > (e.slack * e.largest) ** 2, r, np.nan)  # NaN: any would do


def _times(e: Evidence, c: Array, r: Array | None) -> float:
    """k with r = k c, if that is a plain number, a size or a constant of the layer; else 0."""
    if r is None:
        return 0.0
    v = c.ravel()
    used = np.isfinite(r)
    if not used.any():
        return 0.0
    energy = float(v[used] @ v[used])
    k = float(v[used] @ r[used]) / energy if energy else 0.0
    if not k or np.abs(r - k * v)[used].max() > 1e-7 * np.abs(r[used]).max():
        return 0.0
    if abs(k - 1) < 1e-7:
        return 1.0
    sizes = [*e.sizes.values(), *e.constants.values(), 1, 2, 3, 4, 0.5]
    plain = any(
        size and abs(abs(k) - value) <= 1e-6 * value for size in sizes for value in (abs(size), abs(1 / size))
    )
    return k if plain else 0.0


def label_of(text: str) -> str:
    """The array that a factor such as "0.5 (1 - y²)" is made of."""
    return str(re.findall(r"[A-Za-z_][\w\[\]'.]*", text.replace("exp", "").replace("sqrt", ""))[-1])


def _divided_by(e: Evidence, c: Array, text: str) -> bool:
    """Whether forward divides by c, or takes its log or root: then the chain rule divides by it as well."""
    if e.one_output:  # the simpler of the two is the one without the factor
        of_yours, of_right = (length(e, np.diag(J)) for J in (e.yours, e.numeric))
        if of_yours != of_right:
            return of_yours < of_right
    if e.is_input and len(e.yours) < e.theta.size and not e.selects and label_of(text) == "y":
        return True  # what shares a sum divides by it
    divisors = e.divisors() if e.divisors is not None else []
    values = [np.unique(np.round(np.abs(d), 12)) for d in divisors if d.size > 1]
    values += [
        np.unique(np.round(np.abs(a * b), 12))
        for i, a in enumerate(divisors)
        for b in divisors[i:]
        if a.shape == b.shape and a.size > 1
    ]
    mine = np.unique(np.round(np.abs(c), 12))
    return any(
        np.isclose(mine[:, None], v[None, :], rtol=1e-9, atol=0).any(axis=1).all()
        for v in values
        if v.size <= 2000
    )


def _is_square(c: Array, found: list[tuple[Array, str, str]]) -> bool:
    return any(
        other.shape == c.shape
        and np.allclose(other * other, c, rtol=1e-9, atol=0)
        and not np.allclose(other, c)
        for other, text, _ in found
        if "(" not in text and "²" not in text and "|" not in text
    )
