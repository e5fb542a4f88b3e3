"""The gradient of a loss as a sum of terms: which terms make up the right one, and which make up yours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from layers.base import Array

from ..report import Finding, Kind
from .atoms import fit
from .evidence import Evidence

EXACT = 1e-8  # of the largest entry
FEWEST = 6  # entries


class Term(NamedTuple):
    text: str
    value: Array
    family: str = ""  # what it is but for an axis, or an offset


def terms(e: Evidence) -> Finding | None:
    """Both gradients are sums of at most two known terms and a constant, and have some of them in common."""
    found = _both(e)
    if found is None:
        return None
    right, yours, lost, more = found
    if lost and len(lost) == len(right) and not (more and _kin(e, lost, more)):
        return None
    kind, what = _verdict(e, right, yours, lost, more)
    if kind is None:
        return None
    message = f"{what}: {e.name} is {_written(yours)}, where {_written(right)} is right"
    return Finding(kind, e.name, f"{message}; look at that term in backward")


def other_terms(e: Evidence) -> Finding | None:
    """Both gradients are such sums, and have nothing in common."""
    found = _both(e)
    if found is None or not found[2] or not found[3]:
        return None
    right, yours, _, _ = found
    message = f"{e.name} is {_written(yours)}, where {_written(right)} is right"
    return Finding("wrong-formula", e.name, f"{message}: the derivative of something else; derive it anew")


def length(e: Evidence, gradient: Array) -> int:
    """Of how many terms a gradient is the sum; many where no such sum is found."""
    found = _sum_of(gradient, _words(e))
    return 9 if found is None else len(found)


Sum = dict[str, float]


def _both(e: Evidence) -> tuple[Sum, Sum, list[str], list[str]] | None:
    """The terms of the right gradient, of yours, those lost, and those too many."""
    if not e.one_output or e.theta.size < FEWEST:
        return None
    words = _words(e)
    sums = [_sum_of(np.diag(J), words) for J in (e.numeric, e.yours)]
    if sums[0] is None or sums[1] is None:
        return None
    right, yours = (_expanded(found, words) for found in sums if found is not None)
    lost = [t for t in right if abs(right[t] - yours.get(t, 0)) > 1e-6 * abs(right[t])]
    more = [t for t in yours if abs(yours[t] - right.get(t, 0)) > 1e-6 * abs(yours[t])]
    return (right, yours, lost, more) if lost or more else None


def _expanded(found: dict[int, float], words: list[Term]) -> Sum:
    total: Sum = {}
    for i, c in found.items():
        parts = {"x": c, "target": -c} if words[i].text == "x - target" else {words[i].text: c}
        for text, k in parts.items():
            total[text] = total.get(text, 0) + k
    return total


def _words(e: Evidence) -> list[Term]:
    if "words" not in e.memo:
        e.memo["words"] = _independent(list(_dictionary(e)))
    found: list[Term] = e.memo["words"]
    return found


def _kin(e: Evidence, lost: list[str], more: list[str]) -> str:
    """The family that what is lost and what is too many have in common."""
    families = {term.text: term.family for term in _words(e)}
    a, b = families.get(lost[0], ""), families.get(more[0], "")
    return a if len(lost) == len(more) == 1 and a == b and lost != more else ""


def _verdict(
    e: Evidence, right: Sum, yours: Sum, lost: list[str], more: list[str]
) -> tuple[Kind | None, str]:
    if not more:
        return "missing-path", f"the term {lost[0]} is missing"
    if not lost:
        return "extra-term", f"the term {more[0]} is too many"
    if set(lost) == set(more):
        if len(lost) == 1 and abs(yours[more[0]] + right[lost[0]]) <= 1e-6 * abs(right[lost[0]]):
            return "sign", f"the term {lost[0]} has the wrong sign"
        return ("scale", f"the term {lost[0]} has another factor") if len(right) > len(lost) else (None, "")
    family = _kin(e, lost, more)
    if lost[0].startswith("onehot") and more == ["1"]:
        return "wrong-region", "every entry counts as a label"
    if family == "labels":
        if "all" in more[0]:
            return "wrong-region", "the labels of all rows count in each row"
        return "shifted", "the labels are off by one"
    if family == "softmax":
        return "wrong-axis", "the shares are of sums along another axis"
    return "wrong-operand", f"{' and '.join(more)} stands where {' and '.join(lost)} belongs"


def _written(total: Sum) -> str:
    sizes = [abs(c) for c in total.values()]
    common = sizes[0] if max(sizes) - min(sizes) <= 1e-6 * sizes[0] else 1.0
    parts = []
    for text, c in sorted(total.items(), key=lambda item: item[1] < 0):
        size = f"{abs(c) / common:.4g} ".removeprefix("1 ")
        parts.append(f"{'-' if c < 0 else '+'} {text if text == '1' and not size else size + text}")
    inside = " ".join(parts).removeprefix("+ ")
    if len(parts) == 1:
        ((text, c),) = total.items()
        return f"{c:.4g} {text}" if c != 1 else text
    return inside if abs(common - 1) <= 1e-6 else f"{common:.4g} ({inside})"


def _dictionary(e: Evidence) -> Iterator[Term]:
    """The terms that gradients of losses are made of, the plain ones first."""
    x = e.theta
    yield Term("1", np.ones(e.shape))
    yield Term("x", x)
    for axis in range(x.ndim - 1, -1, -1):
        shares = np.exp(x - x.max(axis=axis, keepdims=True))
        yield Term(f"softmax(x) over axis {axis}", shares / shares.sum(axis=axis, keepdims=True), "softmax")
    others = [(label, c) for label, c in e.known.items() if label != "x" and c.dtype.kind in "fiub"]
    for label, c in others:
        labels = c.dtype.kind in "iu" and c.shape == e.shape[:-1] and len(e.shape) > 1
        if labels and c.min() >= 0 and c.max() < e.shape[-1]:
            onehot = (np.arange(e.shape[-1]) == c[..., None]).astype(float)
            yield Term(f"onehot({label})", onehot, "labels")
            for step in (1, -1):
                yield Term(
                    f"onehot({label} {step:+})".replace("+", "+ ").replace("-", "- "),
                    np.roll(onehot, step, -1),
                    "labels",
                )
            everywhere = np.broadcast_to(onehot.sum(axis=0, keepdims=True), e.shape)
            yield Term(f"onehot(all of {label})", np.minimum(everywhere, 1), "labels")
            yield Term(f"onehot(all of {label}), added up", everywhere, "labels")
            continue
        fitted = fit(c.astype(np.float64), e.shape)
        if fitted is not None:
            yield Term(label, fitted)
    yield from _functions("x", x)
    t = e.known.get("target")
    if t is None or t.shape != e.shape:
        return
    t = t.astype(np.float64)
    d = x - t
    pairs = {
        "x - target": d, "target log(x)": t * np.log(x), "log(target)": np.log(t), "target / x": t / x,
        "target / x²": t / x**2, "(1 - target) / (1 - x)": (1 - t) / (1 - x), "x target": x * t,
        "x target²": x * t * t,
    }  # fmt: skip
    for text, value in pairs.items():
        yield Term(text, value)
    yield from _functions("(x - target)", d)
    yield from _functions("(x target)", x * t, times=t)


def _functions(text: str, z: Array, times: Array | float = 1.0) -> Iterator[Term]:
    s = 1 / (1 + np.exp(-z))
    forms = {
        "{}²": z * z, "{}³": z**3, "sign{}": np.sign(z), "{} > 0": (z > 0).astype(float), "exp{}": np.exp(z),
        "exp-{}": np.exp(-z), "sigmoid{}": s, "sigmoid'{}": s * (1 - s), "tanh{}": np.tanh(z),
        "sinh{}": np.sinh(z), "cosh{}": np.cosh(z), "log{}": np.log(z), "1/{}": 1 / z, "1/{}²": 1 / z**2,
        "1/(1 - {})": 1 / (1 - z), "{0} / sqrt(1 + {0}²)": z / np.sqrt(1 + z * z),
    }  # fmt: skip
    for form, value in forms.items():
        inside = text if text.startswith("(") else f"({text})"
        yield Term(
            ("target * " if isinstance(times, np.ndarray) else "") + form.format(inside), value * times
        )


def _independent(found: list[Term]) -> list[Term]:
    """The finite ones, each direction once."""
    kept: list[Term] = []
    seen: list[Array] = []
    for term in found:
        v = np.ravel(term.value)
        size = float(np.sqrt(v @ v)) if np.isfinite(v).all() else 0.0
        if not 0 < size < 1e100:
            continue
        unit = v / size
        if not seen or np.abs(np.stack(seen) @ unit).max() < 1 - 1e-12:
            kept.append(term)
            seen.append(unit)
    return kept


def _sum_of(v: Array, words: list[Term]) -> dict[int, float] | None:
    """v as a sum of few terms: {term: factor}, the fewest first; None where there is none."""
    D = np.stack([np.ravel(term.value) for term in words])
    sizes = np.sqrt((D * D).sum(axis=1))
    U = D / sizes[:, None]
    for chosen in _likely(v, U):
        if len(v) < FEWEST + len(chosen):
            continue
        basis = U[list(chosen)].T
        c = np.linalg.lstsq(basis, v, rcond=None)[0]
        if (
            np.abs(basis @ c - v).max() <= EXACT * np.abs(v).max()
            and (np.abs(c) > 1e-7 * np.abs(c).max()).all()
        ):
            return {i: float(k / sizes[i]) for i, k in zip(chosen, c, strict=True)}
    return None


def _likely(v: Array, U: Array) -> Iterator[tuple[int, ...]]:
    """One term, two terms, a constant (term 0) and two terms, where they come close to v."""
    energy = float(v @ v)
    b = U @ v
    for i in np.flatnonzero(energy - b * b <= 1e-9 * energy):
        yield (int(i),)
    yield from _pairs(v, U, energy)
    centred = U - U.mean(axis=1, keepdims=True)
    sizes = np.sqrt((centred * centred).sum(axis=1))
    usable = np.flatnonzero(sizes > 1e-6)
    w = v - v.mean()
    for first, second in _pairs(w, centred[usable] / sizes[usable, None], float(w @ w)):
        yield (0, int(usable[first]), int(usable[second]))


def _pairs(v: Array, U: Array, energy: float) -> Iterator[tuple[int, int]]:
    G, b = U @ U.T, U @ v
    determinant = 1 - G * G
    first = (b[:, None] - G * b[None, :]) / determinant
    second = (b[None, :] - G * b[:, None]) / determinant
    left = energy - first * b[:, None] - second * b[None, :]
    close = (left <= 1e-9 * energy) & (determinant > 1e-6)
    found = [(int(i), int(j)) for i, j in np.argwhere(np.triu(close, 1))]
    yield from sorted(found, key=lambda pair: (max(pair), min(pair)))
