"""backward is linear in upstream, and as exact as float64 makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from layers.base import Array

from .answers import Gradients, pull
from .arrays import combine, flat, parts_of, same
from .line import unit_of
from .report import Finding
from .subject import Subject

LARGE = 1024  # a factor that rounds nothing, and takes upstream beyond a threshold for gradients
TINY = 1e-300  # what float64 has few digits for
CANCELS = 64 * 2.0**-52  # of upstream: what may be left of terms that cancel
BESIDE = 1 + 1.1e-6  # a factor that float32 cannot follow to the digit


def check_linear(
    subject: Subject,
    outputs: list[Array],
    upstream: Any,
    other: Any,
    gradients: Gradients,
    answer: Callable[[Any], Gradients] | None = None,
) -> list[Finding]:
    """backward must be linear: backward(0) = 0 and backward(u + v) = backward(u) + backward(v).

    Also for large u, which shows a clipped gradient, and to the digits of float64, which shows float32.
    `answer` gives the gradients for an upstream, by default after a forward for that upstream alone.
    """
    answer = answer or (lambda u: pull(subject, u))
    y = tuple(outputs) if isinstance(upstream, tuple) else outputs[0]
    size = sum(float(np.abs(part).sum()) for part in parts_of(combine(np.multiply, upstream, y)))
    both = combine(np.add, upstream, other)
    left = max(TINY, CANCELS * float(np.abs(flat(both)).max(initial=0)))
    try:
        at_v, at_both = answer(other), answer(both)
        at_0 = answer(combine(np.zeros_like, upstream))
        at_large = answer(combine(lambda u: LARGE * u, upstream))
        at_beside = answer(combine(lambda u: BESIDE * u, upstream))
    except Exception as error:
        message = (
            f"backward takes one upstream and raises {type(error).__name__} for another like it: {error}; "
            "it must take any, zeros and large ones as well"
        )
        return [Finding("upstream-nonlinear", "", message)]
    findings = []
    for name, u in gradients.items():
        near = [g.get(name, np.array(np.nan)) for g in (at_v, at_both, at_0)]
        large, beside = (g.get(name, np.array(np.nan)) for g in (at_large, at_beside))
        if not u.size or not np.isfinite(u).all() or any(a.shape != u.shape for a in (*near, large, beside)):
            continue

        def far(name: str = name) -> list[Array]:
            ones = (answer(combine(lambda part: LARGE * part, one)) for one in (other, both))
            return [gradients[name] for gradients in ones]

        # against upstream * y, or upstream, a gradient that is exactly 0 may be nothing but rounding
        natural = size / unit_of(subject.arrays[name])
        finding = _compare(name, u, near, large, far, max(1e-9 * natural, left))
        if finding is None:
            finding = _compare_beside(name, u, beside, max(1e-12 * natural, left))
            finding = finding if finding and _is_exact(subject) else None
        findings += [finding] if finding else []
    return findings


def _compare(
    name: str, u: Array, near: list[Array], large: Array, far: Callable[[], list[Array]], least: float
) -> Finding | None:
    v, uv, zero = near
    if not all(np.isfinite(part).all() for part in near):
        where = "0" if not np.isfinite(zero).all() else "another upstream"
        message = f"{name} is finite for one upstream and not for {where}; does backward divide by upstream?"
        return Finding("upstream-nonlinear", name, message)
    largest = max(float(np.abs(part).max()) for part in (u, *near))
    slack = max(1e-6 * largest, least)
    excess = float(np.abs(uv - u - v).max())
    if excess <= slack and np.abs(zero).max() <= slack:
        return _compare_far(name, u, large, slack)
    if max(np.abs(u - v).max(), np.abs(u - zero).max()) <= slack:
        message = (
            f"{name} does not depend on upstream: two different upstreams give the same {name}; "
            "multiply by upstream (the chain rule), even where it is 1"
        )
        return Finding("no-upstream", name, message)
    if np.abs(uv - u - v + zero).max() <= slack:
        message = (
            f"{name} holds a term without upstream: backward(0) gives {name} up to "
            f"{np.abs(zero).max():.3g} instead of 0; every term needs the factor upstream"
        )
        return Finding("extra-term", name, message)
    if _is_rounded(excess, u, large, far, largest):
        message = (
            f"{name} is rounded: backward(u + v) and backward(u) + backward(v) differ by up to {excess:.3g}, "
            "as steps between numbers do; keep all digits, sum in no integers, and keep the dtype of x"
        )
        return Finding("precision", name, message)
    message = (
        f"{name} is not linear in upstream: backward(u + v) and backward(u) + backward(v) differ "
        f"by up to {excess:.3g}; a mask or a factor must come from x or y, not from upstream"
    )
    return Finding("upstream-nonlinear", name, message)


def _compare_far(name: str, u: Array, large: Array, slack: float) -> Finding | None:
    excess = float(np.abs(large - LARGE * u).max())
    if excess <= LARGE * slack or not np.isfinite(large).all():
        return None
    message = (
        f"{name} is not linear in upstream: backward({LARGE} u) and {LARGE} backward(u) differ by up to "
        f"{excess:.3g}; if backward clips its gradients, leave that to the optimizer"
    )
    return Finding("upstream-nonlinear", name, message)


def _is_rounded(
    excess: float, u: Array, large: Array, far: Callable[[], list[Array]], largest: float
) -> bool:
    """Whether what linearity lacks stays as it is where all else grows, or is what a short float lacks."""
    if excess <= 2e-3 * largest and same(large, LARGE * u):
        return True
    grows = np.abs(large).max() >= LARGE / 2 * np.abs(u).max()
    if not grows:
        return False
    large_v, large_both = far()
    return bool(np.abs(large_both - large - large_v).max() <= 4 * excess)


def _compare_beside(name: str, u: Array, beside: Array, least: float) -> Finding | None:
    largest = float(np.abs(u).max())
    excess = float(np.abs(beside - BESIDE * u).max())
    if not max(2e-9 * largest, least) < excess < 1e-5 * largest:
        return None
    if same(u, u.astype(np.float32)):  # cast at the very end: the numbers say so better, one by one
        return None
    message = (
        f"{name} has no more than {-np.log10(excess / largest):.0f} digits though x, params and upstream are "
        "float64: something in backward casts to float32; give new arrays the dtype of x"
    )
    return Finding("precision", name, message)


def _is_exact(subject: Subject) -> bool:
    """Whether forward follows a change of x that float32 cannot: if not, backward need not be better."""

    def y(factor: float) -> Array:
        x = [part * factor if part.dtype.kind == "f" else part.copy() for part in subject.inputs]
        return flat(subject.forward(subject.start(), tuple(x) if subject.several else x[0]))

    try:
        bend = y(BESIDE) - 2 * (here := y(1.0)) + y(2 - BESIDE)
    except Exception:  # no x for this layer
        return False
    return bool(np.abs(bend).max(initial=0) <= 1e-9 * np.abs(here).max(initial=0))
