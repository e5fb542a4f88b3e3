"""What a layer leaves alone: its arguments, its earlier answers, and what an earlier forward cached."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import differ, fresh, parts_of, same
from .contract import Gradients, pull, read_gradients
from .loss import LossAsLayer
from .report import Finding, Kind
from .subject import Subject, params_of

KINDS: dict[str, Kind] = {
    "x": "mutates-input",
    "y": "mutates-input",
    "target": "mutates-input",
    "params": "mutates-params",
    "upstream": "mutates-upstream",
}


def check_deterministic(subject: Subject, outputs: list[Array]) -> list[Finding]:
    """Two forwards from one state and one x give the same y."""
    again = parts_of(subject.forward(subject.start(), subject.x))
    if not any(differ(a, b) for a, b in zip(outputs, again, strict=True)):
        return []
    return [
        Finding(
            "nondeterministic",
            "",
            "two forwards from the same state and x differ, so there is no gradient to compare with; "
            "draw from a generator the layer keeps (self.rng), made once in __init__",
        )
    ]


def check_untouched(subject: Subject, upstream: Any) -> list[Finding]:
    """Neither forward nor backward writes to x, params, upstream, a loss's target, or the y it handed out."""
    layer, x, upstream_given = subject.start(), subject.x, fresh(upstream)
    given: dict[str, Any] = {"x": x, "params": None, "upstream": upstream_given}
    if isinstance(layer, LossAsLayer):
        given["target"] = layer.target
    before = {what: _arrays(what, value, layer) for what, value in given.items()}
    before = {what: {name: array.copy() for name, array in arrays.items()} for what, arrays in before.items()}
    findings, written = [], set()
    for method in ("forward", "backward"):
        if method == "forward":
            given["y"] = subject.forward(layer, x)
            before["y"] = {name: array.copy() for name, array in _arrays("y", given["y"], layer).items()}
        else:
            subject.backward(layer, upstream_given)
        for what, arrays in before.items():
            now = _arrays(what, given[what], layer)
            changed = [name for name, old in arrays.items() if name not in now or not same(old, now[name])]
            if changed and what not in written:
                written.add(what)
                findings.append(_mutation(subject, upstream, method, what, changed[0]))
    # an identity-like forward hands out x itself: one write, one finding
    return [f for i, f in enumerate(findings) if f.kind not in [g.kind for g in findings[:i]]]


def check_repeatable(subject: Subject, upstream: Any) -> list[Finding]:
    """backward twice on one forward gives the same answer twice."""
    layer = subject.start()
    subject.forward(layer, subject.x)
    first = read_gradients(subject, subject.backward(layer, fresh(upstream)))[0]
    try:
        second = read_gradients(subject, subject.backward(layer, fresh(upstream)))[0]
    except Exception as error:
        message = (
            f"a second backward after one forward raises {type(error).__name__}: {error}; keep the cache"
        )
        return [Finding("repeat-backward", "", message)]
    for name in first:
        if name not in second or differ(first[name], second[name]):
            message = f"{name} changes when backward is called a second time after one forward"
            hint = "do not accumulate, do not write to the cache, and draw nothing at random in backward"
            if name in second and not differ(2 * first[name], second[name]):
                hint = (
                    "it doubles: start the buffer from zeros, as gradients are returned and not accumulated"
                )
            return [Finding("repeat-backward", name, f"{message}; {hint}")]
    return []


def check_fresh_cache(
    subject: Subject, upstream: Any, gradients: Gradients, wrong: Callable[[Subject, Gradients], list[str]]
) -> list[Finding]:
    """After forward(other) and forward(x), backward speaks of x.

    Where the earlier forward changes what the later one computes (a dropout's next mask), there is nothing
    to compare with but numeric gradients: `wrong` names the gradients that differ from those.
    """
    floats = any(x.dtype.kind == "f" for x in subject.inputs)
    others = [_another(x) if x.dtype.kind == "f" or not floats else x.copy() for x in subject.inputs]
    later = subject.after_forward(tuple(others) if subject.several else others[0])
    second = pull(later, upstream)
    y, y_later = (parts_of(s.forward(s.start(), s.x)) for s in (subject, later))
    subject.memoryless = all(map(same, y, y_later))
    if any(map(differ, y, y_later)):
        stale = [] if wrong(subject, gradients) else wrong(later, second)
    else:
        stale = [name for name in gradients if name in second and differ(gradients[name], second[name])]
    if not stale:
        return []
    message = (
        f"after forward(a), forward(b), backward gives another {stale[0]} than after forward(b) alone: "
        "something cached by the first forward is still in use; write the whole cache in every forward"
    )
    return [Finding("stale-cache", stale[0], message)]


def _another(x: Array) -> Array:
    """An x of the same values, which are known to be good, in another order; of other values if that is x."""
    flipped = np.flip(x)
    return flipped.copy() if x.dtype.kind != "f" or not same(flipped, x) else 0.75 * x


def _mutation(subject: Subject, upstream: Any, method: str, what: str, name: str) -> Finding:
    line = _writer(subject, upstream, what)
    place = f" at {line}" if line else ""
    words = {"params": f"the parameter {name}", "y": "the y that forward returned (the next layer's x)"}.get(
        what, what
    )
    if what == "x" and isinstance(subject.layer, LossAsLayer):
        words = "prediction"
    mend = {
        "x": "work on a copy, or write y = np.where(...)",
        "params": "return the gradient and leave the update to the optimizer",
    }.get(what, f"work on {what}.copy()")
    return Finding(KINDS[what], "", f"{method} writes to {words}{place}; {mend}")


def _writer(subject: Subject, upstream: Any, what: str) -> str:
    """Where the write happens, found by a run on read-only arrays: "relu.py:7", "" if unknown."""
    layer, x, upstream = subject.start(), subject.x, fresh(upstream)
    try:
        if what != "y":
            given = {"x": x, "upstream": upstream, "params": None, "target": getattr(layer, "target", None)}[
                what
            ]
            _lock(_arrays(what, given, layer).values())
        y = subject.forward(layer, x)
        if what == "y":
            _lock(_arrays(what, y, layer).values())
        subject.backward(layer, upstream)
    except Exception as error:
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            folder = os.path.dirname(frame.filename)
            if not folder.startswith((os.path.dirname(np.__file__), os.path.dirname(__file__))):
                return f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return ""


def _lock(arrays: Iterable[Array]) -> None:
    for array in arrays:
        array.flags.writeable = False


def _arrays(what: str, value: Any, layer: Any) -> dict[str, Array]:
    """The arrays of an argument by name; nested tuples and lists are walked."""
    if what == "params":
        return params_of(layer)
    if isinstance(value, tuple | list):
        inside = [_arrays(what, part, layer) for part in value]
        return {f"{i}.{name}": array for i, arrays in enumerate(inside) for name, array in arrays.items()}
    return {"": value} if isinstance(value, np.ndarray) else {}
