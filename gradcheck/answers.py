"""What a layer hands back: an output, and (dx, grads) with the right names and kinds."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import fresh, kind_of, parts_of
from .report import Finding, plural
from .subject import Subject

Gradients = dict[str, Array]  # by the gradient's name: "dx", "dW"
PAIR = "backward must return (dx, grads), grads a dict with the names of params, {} where there are none"

REAL = "check with x.astype(float) if these are real numbers"


def read_output(subject: Subject, y: Any) -> tuple[list[Array], Finding | None]:
    """Copies of the output's parts, or what is wrong with it."""
    parts = parts_of(y)
    what = f"{subject.label}.forward returned"
    if y is None or not parts:
        return [], Finding("missing", "", f"{what} {y}: expected an array, or a tuple of arrays; return y")
    for i, part in enumerate(parts):
        name = f"y[{i}]" if isinstance(y, tuple) else "y"
        if not _is_array(part):
            plain = isinstance(part, np.ndarray | np.generic) and not isinstance(part, np.ma.MaskedArray)
            got = part.dtype if plain else type(part).__name__
            message = f"{what} {name} of kind {got}: expected a floating-point array, or a tuple of them"
            if all(x.dtype.kind != "f" for x in subject.inputs):
                message += f"; x is {subject.inputs[0].dtype}: {REAL}"
            return [], Finding("missing" if part is None else "dtype", "", message)
        if not np.isfinite(part).all():
            index = tuple(np.argwhere(~np.isfinite(part))[0].tolist())
            message = f"{what} {name} with {np.asarray(part)[index]} at {list(index)} for a finite x"
            broken = [key for key, array in subject.params.items() if not np.isfinite(array).all()]
            mend = (
                f"the parameter {broken[0]} is not finite"
                if broken
                else "mind a log, a root or a division by 0"
            )
            return [], Finding("non-finite", "", f"{message}; {mend}")
    return [np.array(part) for part in parts], None


def read_gradients(subject: Subject, returned: Any) -> tuple[Gradients, list[Finding], list[str]]:
    """The gradients by name, as copies; what is wrong with them; and what was not asked for."""
    if not isinstance(returned, tuple) or len(returned) != 2:
        got = "None" if returned is None else kind_of(returned)
        if isinstance(returned, tuple) and len(returned) == 1 + len(subject.params) > 2:
            text = ", ".join(f"{name!r}: d{name}" for name in subject.params)
            message = f"backward returned {got}: return dx, {{{text}}}; {PAIR}"
            return {}, [Finding("keys", "", message)], []
        return {}, [Finding("missing", "", f"backward returned {got}; {PAIR}")], []
    findings: list[Finding] = []
    dx, grads = returned
    if isinstance(dx, dict) and not isinstance(grads, dict):
        findings.append(
            Finding("order", "", f"backward returned (grads, dx): the order is (dx, grads); {PAIR}")
        )
        dx, grads = grads, dx
    if not isinstance(grads, dict):
        findings.append(Finding("keys", "", f"backward returned {kind_of(returned)}; {PAIR}"))
        grads = {}
    else:
        findings += _compare_names(subject, grads)
    gradients, more, notes = _read_dx(subject, dx)
    findings += more
    for name in subject.params:
        if name in grads:
            findings += _accept(f"d{name}", grads[name], gradients)
    return gradients, findings, notes


def pull(subject: Subject, upstream: Any) -> Gradients:
    """The gradients for this upstream, after a forward of its own."""
    layer = subject.start()
    subject.forward(layer, subject.x)
    return read_gradients(subject, subject.backward(layer, fresh(upstream)))[0]


def _compare_names(subject: Subject, grads: dict[Any, Any]) -> list[Finding]:
    if grads.keys() == subject.params.keys():
        return []
    missing = [name for name in subject.params if name not in grads]
    extra = [str(name) for name in grads if name not in subject.params]
    hints, meant = [], []
    for name in extra:
        left = [own for own in missing if own not in meant]
        near = _nearest(name, left)
        meant += near
        hints.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    findings = []
    if extra:
        first = [*meant, *missing][:1]
        findings.append(
            Finding(
                "keys",
                f"d{first[0]}" if first else "",
                f"grads has {', '.join(hints)}, which is no parameter; its keys must be those of params: "
                f"{', '.join(map(repr, subject.params)) or 'none'}",
            )
        )
        missing = [name for name in missing if name not in meant] if meant else missing[1:]
    return findings + [
        Finding(
            "missing",
            f"d{name}",
            f"d{name} is missing: grads has no {name!r}; return a gradient for every param",
        )
        for name in missing
    ]


def _nearest(name: str, left: list[str]) -> list[str]:
    """The parameter that a wrong key must have meant, if one is near."""
    # "dW" for "W" is the commonest slip, nearer than any edit distance says; then "w", "weight", "bias"
    for tell in (
        lambda own: name in (f"d{own}", f"grad_{own}", f"{own}_grad", f"d_{own}"),
        lambda own: name.lower() == own.lower(),
        lambda own: len(own) == 1 and name.lower().startswith(own.lower()),
    ):
        if near := [own for own in left if tell(own)]:
            return near[:1]
    return difflib.get_close_matches(name, left, n=1, cutoff=0.5)


def _read_dx(subject: Subject, dx: Any) -> tuple[Gradients, list[Finding], list[str]]:
    gradients: Gradients = {}
    asked = getattr(subject.layer, "input_grad", True)
    if dx is None and (not asked or all(x.dtype.kind != "f" for x in subject.inputs)):
        return gradients, [], [] if asked else ["dx was not asked for (input_grad is False)"]
    n = len(subject.inputs)
    if subject.several and not (isinstance(dx, tuple) and len(dx) == n):
        got = "None" if dx is None else kind_of(dx)
        message = (
            f"dx is {got}: x is a tuple of {n}, and dx must be a tuple of {n} as well, in the order of x"
        )
        findings = [Finding("missing" if dx is None else "shape", "dx[0]", message)]
        if not (isinstance(dx, list) and len(dx) == n):
            return gradients, findings, []
        dx = tuple(dx)  # the numbers may be right
    else:
        findings = []
    for i, (part, x) in enumerate(zip(dx if subject.several else (dx,), subject.inputs, strict=True)):
        name = f"dx[{i}]" if subject.several else "dx"
        if x.dtype.kind == "f" and (asked or part is not None):
            findings += _accept(name, part, gradients)
        elif part is not None:
            message = (
                f"{name} is {kind_of(part)}: x there is {x.dtype}, which has no gradient; return None for "
                f"it, or {REAL}"
            )
            findings.append(Finding("dtype", name, message))
    return gradients, findings, []


def _accept(name: str, gradient: Any, gradients: Gradients) -> list[Finding]:
    """Put a gradient among the others, or say why not."""
    if gradient is None:
        return [Finding("missing", name, f"{name} is None: return its gradient, an array")]
    if not _is_array(gradient):
        message = f"{name} is {kind_of(gradient)}: expected a floating-point array"
        return [Finding("dtype", name, message)]
    gradients[name] = np.array(gradient)
    if np.isfinite(gradients[name]).all():
        return []
    bad = np.argwhere(~np.isfinite(gradients[name]))
    index = tuple(bad[0].tolist())
    message = (
        f"{name} has {gradients[name][index]} at {list(index)}: {len(bad)} of "
        f"{plural(gradients[name].size, 'entry', 'entries')} not finite"
    )
    return [Finding("non-finite", name, f"{message}; mind a log, a root or a division by 0")]


def _is_array(part: Any) -> bool:
    if isinstance(part, np.ndarray | np.generic):
        return part.dtype.kind == "f" and not isinstance(part, np.ma.MaskedArray)
    return type(part) is float
