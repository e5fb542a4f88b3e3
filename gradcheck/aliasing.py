"""What a layer hands out and yet shares with something that is changed in place later on."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import combine, parts_of, same
from .copies import root_of
from .report import Finding
from .round import Round
from .subject import Subject, buffers_of

COPY = "return a copy"


def check_aliasing(subject: Subject, upstream: Any) -> list[Finding]:
    """Warn of answers that a later change in place would corrupt.

    Optimizers change params in place, clipping changes gradients, and a layer its own buffers: so an answer
    must not share memory with params or buffers, a parameter's gradient with nothing at all, and no answer
    may be written again by a later call. What nobody writes to may be shared: Flatten hands out a view of x,
    Add the same upstream to all its inputs.
    """
    at = Round(subject, upstream)
    at.forward()
    at.backward()
    if shared := sharing(at):
        name, other = shared
        why = (
            "an optimizer changes params in place"
            if "parameter" in other
            else "clipping changes gradients in place"
        )
        if other == "a buffer":
            why = "the layer changes it in place"
        message = f"{name} shares memory with {other}: {why}, and would change both; {COPY}"
        return [Finding("aliasing", name if name != "y" else "", message)]
    return _written_again(at, answers_of(at))


def answers_of(at: Round) -> dict[str, list[Array]]:
    """The arrays that a round has handed out, by name: "y", "dx", and "dW" for the parameter W."""
    dx, grads = _pair(at.returned)
    gradients = {f"d{name}": [g] for name, g in grads.items() if isinstance(g, np.ndarray)}
    return {"y": list(at.arrays("y").values()), "dx": list(_named(dx).values()), **gradients}


def sharing(at: Round) -> tuple[str, str] | None:
    """The first two names of an answer, and of what it must not share memory with and does."""
    handed = answers_of(at)
    own = {f"the parameter {name}": [array] for name, array in at.params.items()}
    own["a buffer"] = buffers_of(at.layer)
    x, upstream = (list(at.arrays(what).values()) for what in ("x", "upstream"))
    gradients = {name: arrays for name, arrays in handed.items() if name not in ("y", "dx")}
    given = {"x": x, "upstream": upstream}
    return _first_shared(
        ({"y": handed["y"]}, own),
        ({"dx": handed["dx"]}, {**own, "x": x}),
        (gradients, {**own, **given, **handed}),
    )


def _written_again(at: Round, handed: dict[str, list[Array]]) -> list[Finding]:
    """Answers that a further forward and backward overwrite."""
    before = {name: [array.copy() for array in arrays] for name, arrays in handed.items()}
    subject = at.subject
    try:
        others = tuple(0.75 * np.flip(x) if x.dtype.kind == "f" else x.copy() for x in subject.inputs)
        subject.forward(at.layer, others if subject.several else others[0])
        subject.backward(at.layer, combine(lambda u: -0.75 * np.flip(u), at.upstream))
    except Exception:  # no x for this layer
        pass
    for name, arrays in handed.items():
        if not all(map(same, arrays, before[name])):
            message = (
                f"{name} changes after it was returned: a later forward or backward writes to it; "
                f"make a new one each time, or {COPY}"
            )
            return [Finding("aliasing", name if name != "y" else "", message)]
    return []


def _first_shared(*pairs: tuple[dict[str, list[Array]], dict[str, list[Array]]]) -> tuple[str, str] | None:
    """The first two different names, one of either side of a pair, with memory in common."""
    for answers, others in pairs:
        owners = Counter(_owner(array) for arrays in {**answers, **others}.values() for array in arrays)
        if owners[0] == 0 and max(owners.values(), default=0) < 2:
            continue
        for name, arrays in answers.items():
            for other, theirs in others.items():
                if name != other and any(_share(a, b) for a in arrays for b in theirs):
                    return name, other
    return None


def _owner(array: Array) -> int:
    """Which array's memory this is, 0 where no array owns it: those of different owners share nothing."""
    root = root_of(array)
    return id(root) if root.flags.owndata else 0


def _share(a: Array, b: Array) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return False


def _pair(returned: Any) -> tuple[Any, dict[str, Any]]:
    """(dx, grads), from what may be in the wrong order."""
    pair = returned if isinstance(returned, tuple) and len(returned) == 2 else (None, None)
    dx, grads = pair if isinstance(pair[1], dict) else pair[::-1]
    return dx, grads if isinstance(grads, dict) else {}


def _named(value: Any) -> dict[str, Array]:
    return {str(i): part for i, part in enumerate(parts_of(value)) if isinstance(part, np.ndarray)}
