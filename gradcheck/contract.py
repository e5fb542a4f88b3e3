"""What a layer hands back: an output, (dx, grads) with the right names and dtypes, and a linear backward."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import combine, differ, fresh, kind_of, parts_of
from .numeric import unit_of
from .report import Finding
from .subject import Subject, params_of

Gradients = dict[str, Array]  # by the gradient's name: "dx", "dW"


def read_output(subject: Subject, y: Any) -> tuple[list[Array], Finding | None]:
    """The output's parts, or what is wrong with it."""
    parts = parts_of(y)
    what = f"{subject.label}.forward returned"
    if y is None or not parts:
        return [], Finding("missing", "", f"{what} {y}: expected an array, or a tuple of arrays; return y")
    for i, part in enumerate(parts):
        name = f"y[{i}]" if isinstance(y, tuple) else "y"
        if not _is_array(part):
            got = part.dtype if isinstance(part, np.ndarray) else type(part).__name__
            message = f"{what} {name} of kind {got}: expected a floating-point array, or a tuple of them"
            return [], Finding("dtype", "", message)
        bad = np.argwhere(~np.isfinite(part))
        if len(bad):
            index = tuple(bad[0].tolist())
            message = f"{what} {name} with {np.asarray(part)[index]} at {list(index)} for a finite x"
            return [], Finding("non-finite", "", message)
    return [np.asarray(part) for part in parts], None


def read_gradients(subject: Subject, returned: Any) -> tuple[Gradients, list[Finding], list[str]]:
    """The gradients by name, as copies; what is wrong with them; and what was not asked for."""
    expected = (
        "backward must return (dx, grads), grads a dict with the names of params, {} where there are none"
    )
    if not isinstance(returned, tuple) or len(returned) != 2:
        got = "None" if returned is None else kind_of(returned)
        return {}, [Finding("missing", "", f"backward returned {got}; {expected}")], []
    findings: list[Finding] = []
    dx, grads = returned
    if isinstance(dx, dict) and not isinstance(grads, dict):
        findings.append(
            Finding("order", "", f"backward returned (grads, dx): the order is (dx, grads); {expected}")
        )
        dx, grads = grads, dx
    if not isinstance(grads, dict):
        findings.append(Finding("keys", "", f"backward returned {kind_of(returned)}; {expected}"))
        grads = {}
    else:
        findings += _compare_names(subject, grads)
    gradients, more, notes = _read_dx(subject, dx)
    findings += more
    for name in subject.params:
        if name in grads:
            findings += _accept(f"d{name}", grads[name], gradients)
    return gradients, findings, notes


def check_linear(subject: Subject, upstream: Any, other: Any, gradients: Gradients) -> list[Finding]:
    """backward must be linear: backward(0) = 0 and backward(u + v) = backward(u) + backward(v)."""
    y = subject.forward(subject.start(), subject.x)
    size = sum(float(np.abs(part).sum()) for part in parts_of(combine(np.multiply, upstream, y)))
    both = combine(np.add, upstream, other)
    nothing = combine(np.zeros_like, upstream)
    at_v, at_both, at_0 = (pull(subject, u) for u in (other, both, nothing))
    findings = []
    for name in gradients:
        u, v, uv, zero = (g.get(name, np.nan) for g in (gradients, at_v, at_both, at_0))
        if not np.shape(u) == np.shape(v) == np.shape(uv) == np.shape(zero) or not np.size(u):
            continue
        if not all(np.isfinite(part).all() for part in (u, v, uv, zero)):
            continue
        largest = max(float(np.abs(part).max()) for part in (u, v, uv, zero))
        # against upstream * y, a gradient that is exactly 0 may be nothing but rounding
        slack = max(1e-6 * largest, 1e-9 * size / unit_of(subject.arrays[name]))
        excess = float(np.abs(uv - u - v).max())
        if excess <= slack and np.abs(zero).max() <= slack:
            continue
        if max(np.abs(u - v).max(), np.abs(u - zero).max()) <= slack:
            findings.append(
                Finding(
                    "no-upstream",
                    name,
                    f"{name} does not depend on upstream: two different upstreams give the same {name}; "
                    "multiply by upstream (the chain rule), even where it is 1",
                )
            )
        elif np.abs(uv - u - v + zero).max() <= slack:
            findings.append(
                Finding(
                    "extra-term",
                    name,
                    f"{name} holds a term without upstream: backward(0) gives {name} up to "
                    f"{np.abs(zero).max():.3g} instead of 0; every term needs the factor upstream",
                )
            )
        else:
            findings.append(
                Finding(
                    "upstream-nonlinear",
                    name,
                    f"{name} is not linear in upstream: backward(u + v) and backward(u) + backward(v) differ "
                    f"by up to {excess:.3g}; a mask or a factor must come from x or y, not from upstream",
                )
            )
    return findings


def own_dtype(layer: Any, inputs: list[Array]) -> Any:
    """The dtype of params, or of x where there are none, if that is one and narrower than float64."""
    dtypes = {array.dtype for array in params_of(layer).values()} or {
        x.dtype for x in inputs if x.dtype.kind == "f"
    }
    own = next(iter(dtypes)) if len(dtypes) == 1 else np.dtype(np.float64)
    return None if own == np.float64 else own


def check_dtype(subject: Subject, upstream: Any, own: Any) -> list[Finding]:
    """A layer whose params and x are float32 puts out float32, and so are its gradients."""
    layer = subject.start()
    y = subject.forward(layer, subject.x)
    upstream = combine(lambda u: u.astype(own), upstream)
    gradients, _, _ = read_gradients(subject, subject.backward(layer, upstream))
    outputs = {f"y[{i}]": part for i, part in enumerate(y)} if isinstance(y, tuple) else {"y": y}
    wrong = {
        name: array.dtype
        for name, array in {**outputs, **gradients}.items()
        if isinstance(array, np.ndarray | np.generic) and array.dtype != own
    }
    if not wrong:
        return []
    first = next((name for name in wrong if name not in outputs), "")
    found = ", ".join(f"{name} is {dtype}" for name, dtype in wrong.items())
    message = (
        f"params and x are {own}, but {found}; a NumPy float64 scalar promotes, a Python number does not: "
        "use math.sqrt(2) for np.sqrt(2), and give new arrays the dtype of x"
    )
    return [Finding("dtype", first, message)]


def pull(subject: Subject, upstream: Any) -> Gradients:
    """The gradients for this upstream, after a forward of its own."""
    layer = subject.start()
    subject.forward(layer, subject.x)
    return read_gradients(subject, subject.backward(layer, fresh(upstream)))[0]


def check_default(subject: Subject, gradients: Gradients) -> list[Finding]:
    """A loss's backward() is backward(1.0), as dL/dL = 1."""
    bridge = subject.start()
    subject.forward(bridge, subject.x)
    if "dx" not in gradients or not differ(bridge.loss.backward(), gradients["dx"]):
        return []
    return [
        Finding("scale", "dx", "backward() and backward(1.0) differ: the default upstream is 1, as dL/dL = 1")
    ]


def _compare_names(subject: Subject, grads: dict[Any, Any]) -> list[Finding]:
    missing = [name for name in subject.params if name not in grads]
    extra = [str(name) for name in grads if name not in subject.params]
    if not extra:
        return [
            Finding(
                "missing",
                f"d{name}",
                f"d{name} is missing: grads has no {name!r}; return a gradient for every param",
            )
            for name in missing
        ]
    hints = []
    for name in extra:
        # "dW" for "W" is the commonest slip, and nearer than any edit distance says
        near = [own for own in missing if name in (f"d{own}", f"grad_{own}", f"{own}_grad")]
        near = near or difflib.get_close_matches(name, missing, n=1, cutoff=0.5)
        hints.append(f"{name!r}" + (f" (did you mean {near[0]!r}?)" if near else ""))
    return [
        Finding(
            "keys",
            f"d{missing[0]}" if missing else "",
            f"grads has {', '.join(hints)}, which is no parameter; its keys must be those of params: "
            f"{', '.join(map(repr, subject.params)) or 'none'}",
        )
    ]


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
        return gradients, [Finding("missing" if dx is None else "shape", "dx[0]", message)], []
    findings: list[Finding] = []
    for i, (part, x) in enumerate(zip(dx if subject.several else (dx,), subject.inputs, strict=True)):
        name = f"dx[{i}]" if subject.several else "dx"
        if x.dtype.kind == "f" and (asked or part is not None):
            findings += _accept(name, part, gradients)
        elif part is not None:
            message = (
                f"{name} is {kind_of(part)}: x there is {x.dtype}, which has no gradient; return None for it"
            )
            findings.append(Finding("dtype", name, message))
    return gradients, findings, []


def _accept(name: str, gradient: Any, gradients: Gradients) -> list[Finding]:
    """Put a gradient among the others, or say why not."""
    if gradient is None:
        return [Finding("missing", name, f"{name} is None: return its gradient, an array")]
    if isinstance(gradient, tuple | list | dict) or not np.can_cast(
        np.asarray(gradient).dtype, np.float64, "same_kind"
    ):
        return [Finding("dtype", name, f"{name} is {kind_of(gradient)}: expected a floating-point array")]
    gradients[name] = np.array(gradient)
    bad = np.argwhere(~np.isfinite(gradients[name]))
    if not len(bad):
        return []
    index = tuple(bad[0].tolist())
    number = gradients[name][index]
    return [Finding("non-finite", name, f"{name} has {number} at {list(index)} and {len(bad)} such in all")]


def _is_array(part: Any) -> bool:
    if isinstance(part, np.ndarray | np.generic):
        return part.dtype.kind == "f"
    return type(part) is float
