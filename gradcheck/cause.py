"""What kind of mistake a wrong gradient is, where the numbers say so exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations

import numpy as np

from layers.base import Array

from .compare import Comparison
from .judge import Judge, Judged
from .report import Finding, Kind, Result, pair, plural

EXACT = 1e-8  # how closely a named mistake must explain all the numbers
BROADCAST = "what forward broadcasts, backward sums over"
BATCH = "sum over the batch alone"
Shapes = dict[str, tuple[int, ...]]


def explain(judged: Judged, shapes: Shapes) -> list[Finding]:
    """What there is to say about a gradient; `shapes` (of x) give factors their names."""
    name = judged.name
    if judged.wrong:
        return [_mistake(judged, shapes)]
    findings = []
    if judged.of("unclear"):
        coarse = max(judged.of("unclear"), key=lambda one: one.tolerance)
        message = (
            f"{name} could not be judged: forward is too coarse or too jagged for a numeric gradient, "
            f"{coarse.numeric:.3g} give or take {coarse.tolerance:.1g}; compute in the dtype of x throughout"
        )
        findings.append(Finding("precision", name, message))
    if judged.of("kink"):
        entries = plural(judged.analytic.size, "entry", "entries")
        message = (
            f"{name} has {judged.kinks} of {entries} at a kink (a tie, "
            "or ReLU at 0), where any slope between the left and the right one will do: left out, and all "
            "judged at a point beside as well"
        )
        findings.append(Finding("kink", name, message))
    return findings


def misshapen(
    judge: Judge, name: str, analytic: Array, shape: tuple[int, ...], known: dict[str, Array]
) -> Finding:
    """The finding for a gradient of another shape than its array's."""
    n = judge.gradient(name)
    largest = max(float(np.abs(n).max(initial=0)), 1e-300)

    def is_n(a: Array) -> bool:
        return a.shape == n.shape and bool(np.abs(a - n).max(initial=0) <= 1e-6 * largest)

    def finding(kind: Kind, why: str) -> Finding:
        return Finding(kind, name, f"{name} has the shape {analytic.shape}, expected {shape}{why}")

    if analytic.ndim > 1 and is_n(analytic.T):
        return finding("transposed", f": it is transposed, and {name}.T is right; swap the factors")
    for axes in permutations(range(analytic.ndim)):
        if is_n(analytic.transpose(axes)):
            return finding("permuted", f": its axes are in another order; transpose{axes} is right")
    if analytic.size == n.size and is_n(analytic.reshape(shape)):
        mend = f"reshape to {shape} (keepdims, or a flatten not undone)"
        return finding("reshaped", f": the numbers are right; {mend}")
    for axes in _subsets(analytic.ndim):
        summed = analytic.sum(axis=axes)
        if summed.size == n.size and is_n(summed.reshape(shape)):
            over = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
            return finding("not-summed", f": summed over {over} it is right; {BROADCAST}")
    for axes in _subsets(n.ndim):
        summed = n.sum(axis=axes)
        alone = np.count_nonzero(np.abs(n).max(axis=tuple(i for i in range(n.ndim) if i not in axes))) == 1
        if analytic.size == summed.size and not alone:
            gap = np.abs(summed.reshape(analytic.shape) - analytic).max(initial=0)
            if gap <= 1e-6 * largest:
                return finding("over-summed", f": it is summed over its axes {axes} too; {BATCH}")
    if analytic.ndim == n.ndim and all(a >= b for a, b in zip(analytic.shape, shape, strict=True)):
        for start in np.ndindex(*(a - b + 1 for a, b in zip(analytic.shape, shape, strict=True))):
            if is_n(analytic[tuple(slice(s, s + b) for s, b in zip(start, shape, strict=True))]):
                return finding("shape", f": the padding is still on; crop it, from {start}")
    if analytic.ndim == n.ndim and all(a <= b for a, b in zip(analytic.shape, shape, strict=True)):
        filled = np.zeros(shape)
        filled[tuple(map(slice, analytic.shape))] = analytic
        if is_n(filled):
            return finding("shape", ": it is the part that is not 0; put it into zeros of that shape")
    u = judge.weights.reshape(judge.y_shape)
    for label, c in {"upstream": np.ones(()), **known}.items():
        try:
            product = u * c.astype(float)
        except (ValueError, TypeError):
            continue
        for axes in _subsets(product.ndim):
            summed = product.sum(axis=axes)
            if summed.shape != analytic.shape:
                continue
            if np.abs(summed - analytic).max(initial=0) <= 1e-9 * np.abs(analytic).max(initial=0):
                what = "upstream" if label == "upstream" else f"upstream * {label}"
                return finding("wrong-axis", f": it is {what} summed over the axes {axes}; take the others")
    grown = analytic.ndim > len(shape) or analytic.size > math.prod(shape)
    return finding("shape", f"; {BROADCAST}" if grown else "")


def _subsets(n: int) -> Iterator[tuple[int, ...]]:
    """The ways to choose some of n axes, one first."""
    for count in range(1, n + 1):
        yield from combinations(range(n), count)


def result_of(here: Judged, beside: Judged | None, doubt: str = "") -> Result:
    """One line of the report; `doubt` says why the complex step was not taken."""
    shown = beside if beside is not None and beside.wrong else here
    counted = shown.of("right", "wrong", "unclear")
    verdict = "ok" if counted or not here.kinks else "kink"
    if shown.wrong:
        verdict, counted = "WRONG", shown.wrong
    elif here.of("unclear"):
        verdict, counted = "unclear", here.of("unclear")
    checked = [plural(len(here.directions), "direction")] if here.directions else []
    if here.entries or not here.directions:
        share = "all" if len(here.entries) == here.analytic.size else f"{len(here.entries)} of"
        checked.append(f"{share} {plural(here.analytic.size, 'entry', 'entries')}")
    if beside is not None:
        checked.append(f"{plural(len(beside.directions), 'direction')} at a second point")
    result = Result(here.name, verdict, ", ".join(checked), error=0.0, kinks=here.kinks)
    if not here.analytic.size:
        return result
    if doubt:
        doubt = doubt.removeprefix("NotAnalytic: ").partition("; ")[0]
        result = replace(result, method="finite differences", precision=_precision(shown), doubt=doubt)
    else:
        result = replace(result, method="complex step")
    if not counted:
        return result
    worst = max(counted, key=lambda one: one.gap)
    return replace(
        result,
        error=_relative(shown, worst),
        index=worst.index,
        analytic=worst.analytic,
        numeric=worst.numeric,
    )


def _mistake(judged: Judged, shapes: Shapes) -> Finding:
    name, analytic, wrong = judged.name, judged.analytic, judged.wrong
    worst = max(wrong, key=lambda one: one.gap)
    place = "along a random direction" if worst.index is None else f"at {list(worst.index)}"
    evidence = f"{place} {pair(worst.analytic, worst.numeric)}"
    if judged.beside:
        evidence += " (at a second point, off the zeros, ones and ties that hide it)"
    if not analytic.any():
        return Finding("zero", name, f"{name} is all zeros, {evidence}; what becomes of upstream on the way?")
    if worst.index is None:
        return Finding("unknown", name, f"{name} is wrong {evidence}; no single entry tried shows it")
    entries = [one for one in judged.entries if one.verdict in ("right", "wrong")]
    a = np.array([one.analytic for one in entries])
    n = np.array([one.numeric for one in entries])
    slack = np.array([one.tolerance for one in entries]) + EXACT * np.abs(n).max()
    if (np.abs(a + n) <= slack).all():
        return Finding("sign", name, f"{name} has the wrong sign everywhere, {evidence}")
    if np.array_equal(a, a.astype(np.float32)) and (np.abs(a - n) <= 2.0**-22 * np.abs(n) + slack).all():
        message = f"{name} is right in float32 only, {evidence}; something casts it down: keep the dtype of x"
        return Finding("precision", name, message)
    if np.abs(a - n).max() <= 3e-6 * np.abs(n).max():
        message = (
            f"{name} is right to {np.abs(a - n).max() / np.abs(n).max():.0e} only, {evidence}; "
            "something is cast to float32 or rounded: keep the dtype of x"
        )
        return Finding("precision", name, message)
    factor = _factor(a, n, slack)
    if factor is not None:
        close = (text for size, text in _sizes(shapes) if abs(factor - size) <= EXACT * abs(factor))
        message = f"{name} is {factor:.9g} times what it should be everywhere{next(close, '')}, {evidence}"
        return Finding("scale", name, f"{message}; look for a factor too many or too few")
    places = tuple(np.array([one.index for one in entries]).T)
    turned = analytic.T[places] if analytic.ndim > 1 and analytic.shape == analytic.T.shape else a
    if turned is not a and (np.abs(turned - n) <= slack).all():
        message = f"{name} is transposed, {evidence}; {name}.T is right: swap the factors"
        return Finding("transposed", name, message)
    share = f"{sum(one.verdict == 'wrong' for one in entries)} of {plural(len(entries), 'entry', 'entries')}"
    return Finding("unknown", name, f"{name} is wrong in {share} tried, worst {evidence}")


def _factor(a: Array, n: Array, slack: Array) -> float | None:
    """c with a = c n in every entry, where at least two entries bear it out."""
    if (np.abs(n) > 1e3 * slack).sum() < 2:
        return None
    factor = float(a @ n / (n @ n))
    return factor if factor and (np.abs(a - factor * n) <= max(1.0, abs(factor)) * slack).all() else None


def _sizes(shapes: Shapes) -> Iterator[tuple[float, str]]:
    """The numbers that a factor may stand for, the plainest first."""
    named = [
        (n, f"{what}.shape[{i}]") for what, shape in shapes.items() for i, n in enumerate(shape) if n > 1
    ]
    named += [(math.prod(shape), f"{what}.size") for what, shape in shapes.items() if len(shape) > 1]
    for size, text in named:
        yield size, f" ({text})"
        yield 1 / size, f" (1 / {text})"
    for size, text in named:
        yield math.sqrt(size), f" (the root of {text})"
        yield 1 / math.sqrt(size), f" (1 / the root of {text})"


def _relative(judged: Judged, one: Comparison) -> float:
    """The gap in units of the largest numeric number, or of the size to expect where that is all rounding."""
    scale = _scale(judged, one)
    return one.gap / scale if scale else one.gap


def _precision(judged: Judged) -> float:
    """A bound on the error of the numeric numbers, in the same units; NaN where there are none."""
    known = [(one.error, _scale(judged, one)) for one in judged.of("right", "wrong")]
    return max((error / scale for error, scale in known if scale), default=math.nan)


def _scale(judged: Judged, one: Comparison) -> float:
    numbers = judged.directions if one.index is None else judged.entries
    largest = max((abs(n.numeric) for n in numbers if n.verdict in ("right", "wrong")), default=0.0)
    return largest if largest > 100 * one.tolerance else judged.natural
