"""Mistakes of size: all zero, a constant factor, another array's gradient, the transpose."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from ..report import Finding
from .evidence import Evidence


def zero(e: Evidence) -> Finding | None:
    if np.abs(e.yours).max(initial=0) > 1e-12 * np.abs(e.numeric).max(initial=0):
        return None
    return Finding(
        "zero", e.name, f"{e.name} is 0 whatever upstream is; what becomes of upstream on the way to it?"
    )


def scale(e: Evidence) -> Finding | None:
    energy = float((e.numeric * e.numeric).sum())
    factor = float((e.yours * e.numeric).sum()) / energy if energy else 0.0
    if not factor or abs(factor - 1) < 1e-6 or not e.same(e.yours, factor * e.numeric):
        return None
    if abs(factor + 1) < 1e-9:
        return Finding(
            "sign", e.name, f"{e.name} has the wrong sign everywhere; look for a minus too many, or too few"
        )
    name = next((f" = {text}" for value, text in _values(e) if abs(factor - value) <= 1e-6 * abs(factor)), "")
    mend = "one more factor than forward has" if abs(factor) > 1 else "a factor of forward is missing"
    return Finding(
        "scale", e.name, f"{e.name} is {factor:.6g}{name} times what it should be, everywhere; {mend}"
    )


def _values(e: Evidence) -> Iterator[tuple[float, str]]:
    """The numbers a factor may stand for, the plainest first."""
    yield from ((2.0, "2"), (0.5, "1/2"))
    sizes = {text: n for text, n in e.sizes.items() if n > 1}
    for text, n in sizes.items():
        yield from ((n, text), (1 / n, f"1 / {text}"))
    for text, n in sizes.items():
        yield from ((math.sqrt(n), f"sqrt({text})"), (1 / math.sqrt(n), f"1 / sqrt({text})"))
    for text, value in e.constants.items():
        for power, shape in ((1, "{}"), (-1, "1 / {}"), (2, "{}²"), (-2, "1 / {}²")):
            yield value**power, shape.format(text)
    for (a, n), (b, k) in combinations(sizes.items(), 2):
        yield from (
            (n * k, f"{a} * {b}"),
            (1 / (n * k), f"1 / ({a} * {b})"),
            (n / k, f"{a} / {b}"),
            (k / n, f"{b} / {a}"),
        )


def swapped(e: Evidence) -> Finding | None:
    for other, (jacobian, mutual) in e.others().items():
        if jacobian.shape == e.numeric.shape and not e.same(jacobian, e.numeric) and e.fits(jacobian):
            if mutual:
                return Finding(
                    "swapped",
                    e.name,
                    (
                        f"{e.name} is the gradient that {other} should "
                        "be, and the other way round: the two are swapped"
                    ),
                )
            return Finding(
                "wrong-operand",
                e.name,
                f"{e.name} is the gradient that {other} should be; something is taken from the wrong one",
            )
    return None


def transposed(e: Evidence) -> Finding | None:
    """The array's own axes in another order."""
    n, m = len(e.shape), len(e.numeric)
    for order in permutations(range(n)):
        if order == tuple(range(n)):
            continue
        turned = e.numeric.reshape(m, *e.shape).transpose(0, *(1 + i for i in order))
        if turned.shape[1:] == e.shape:
            one_value = np.ptp(np.abs(e.numeric[np.abs(e.numeric) > 1e-9 * e.largest])) <= 1e-9 * e.largest
            if e.fits(turned) and e.is_input and n > 2 and one_value:
                return Finding(
                    "permuted",
                    e.name,
                    f"{e.name} has its axes in the order {order}; put them back the other way",
                )
            if e.fits(turned):
                return Finding(
                    "transposed",
                    e.name,
                    f"{e.name} is transposed: its axes are in the order {order}; swap the factors",
                )
        elif e.fits(turned):
            message = (
                f"{e.name} has the numbers of its transpose, reshaped: a "
                f"reshape is not a transpose; use .T or transpose{order}"
            )
            return Finding("reshaped", e.name, message)
    k = len(e.y_shape)
    for i in range(k):
        for j in range(n):
            square = any(
                c.ndim >= 2 and c.shape[-1] == c.shape[-2] == e.shape[j]
                for c in e.known.values()
                if c is not e.theta
            )
            if (
                e.is_input
                and square
                and e.y_shape[i] == e.shape[j] > 1
                and not e.same(e.N, e.N.swapaxes(i, k + j))
                and e.fits(e.N.swapaxes(i, k + j))
            ):
                message = (
                    f"{e.name} goes through a matrix the wrong way round "
                    f"(axis {i} of upstream, axis {j} of {e.name[1:]})"
                )
                return Finding(
                    "transposed", e.name, f"{message}; W where W.T belongs, or the other way round"
                )
    return None
