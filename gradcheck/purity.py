"""What a layer leaves alone: its arguments, its earlier answers, and what an earlier forward cached."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from layers.base import Array

from .answers import Gradients, pull, read_gradients
from .arrays import combine, differ, fresh, parts_of, same
from .loss import LossAsLayer
from .report import Finding, Kind
from .round import GIVEN, Round, Watched
from .subject import Subject
from .writer import place_in, watch

KINDS: dict[str, Kind] = {
    "x": "mutates-input",
    "y": "mutates-input",
    "target": "mutates-input",
    "params": "mutates-params",
    "upstream": "mutates-upstream",
}


def times(size: int) -> int:
    """How often to repeat: two random masks of a few entries may agree by chance."""
    return 1 + min(4, 40 // max(size, 1))


def check_deterministic(subject: Subject, outputs: list[Array]) -> list[Finding]:
    """Forwards from one state and one x give the same y."""
    size = sum(y.size for y in outputs)
    for _ in range(times(size)):
        again = parts_of(subject.forward(subject.start(), subject.x))
        if len(again) != len(outputs) or any(map(differ, outputs, again)):
            return [
                Finding(
                    "nondeterministic",
                    "",
                    "two forwards from the same state and x differ, so there is no gradient to compare with; "
                    "draw from a generator the layer keeps (self.rng), made once in __init__",
                )
            ]
    return []


def check_untouched(subject: Subject, upstream: Any) -> list[Finding]:
    """Neither forward nor backward writes to x, params, upstream, a loss's target, or the y it handed out.

    A write shows where bytes change, and also where they do not (x[x < 0] = 0 for an x > 0): a read-only
    array stops it.
    """
    at = Watched(subject, upstream)
    at.forward()
    at.backward()
    written = at.written
    if _stopped(subject, upstream, GIVEN):
        for what in GIVEN:
            if what not in written and (method := _stopped(subject, upstream, (what,))):
                names = Round(subject, upstream).arrays(what)
                hit = (name for name in names if _stopped(subject, upstream, (what,), name))
                written[what] = method, "writes to", next(hit, "")
    findings: dict[tuple[str, str], Finding] = {}
    for what, (method, verb, name) in written.items():
        place = _writer(subject, upstream, what, method)
        # a forward that is the identity hands out x itself: one write, one finding
        findings.setdefault((KINDS[what], place), _mutation(subject, method, verb, what, name, place))
    return list(findings.values())


def check_repeatable(subject: Subject, upstream: Any) -> list[Finding]:
    """backward again on one forward gives the same answer again, and that of a new upstream for a new one."""
    layer = subject.start()
    subject.forward(layer, subject.x)
    first = read_gradients(subject, subject.backward(layer, fresh(upstream)))[0]
    try:
        for _ in range(times(sum(part.size for part in parts_of(upstream)))):
            second = read_gradients(subject, subject.backward(layer, fresh(upstream)))[0]
            for name in first:
                if name not in second or differ(first[name], second[name]):
                    return [_unlike(name, first[name], second.get(name))]
        other = combine(lambda part: np.flip(part) - 2 * part, upstream)
        third = read_gradients(subject, subject.backward(layer, fresh(other)))[0]
    except Exception as error:
        message = (
            f"a second backward after one forward raises {type(error).__name__}: {error}; keep the cache"
        )
        return [Finding("repeat-backward", "", message)]
    alone = pull(subject, other)
    for name in first:
        if name in alone and (name not in third or differ(alone[name], third[name])):
            message = (
                f"{name} of a second backward with another upstream is not what that upstream gives after a "
                "forward of its own; keep nothing from one backward to the next"
            )
            return [Finding("repeat-backward", name, message)]
    return []


def check_fresh_cache(
    subject: Subject, upstream: Any, gradients: Gradients, wrong: Callable[[Subject, Gradients], list[str]]
) -> list[Finding]:
    """After forward(other) and forward(x), backward speaks of x.

    Where the earlier forward changes what the later one computes (a dropout's next mask), there is nothing
    to compare with but numeric gradients: `wrong` names the gradients that differ from those.
    """
    later = _after(subject, another(subject.inputs))
    second = pull(later, upstream)
    y, y_later = (parts_of(s.forward(s.start(), s.x)) for s in (subject, later))
    subject.memoryless = all(map(same, y, y_later)) and not subject.by_hand
    if any(map(differ, y, y_later)):
        stale = [] if wrong(subject, gradients) else wrong(later, second)
    else:
        stale = _unlike_names(gradients, second) or _stale_at_other_points(subject, upstream, gradients, y)
    if not stale:
        return _old_params(subject, upstream, gradients, wrong)
    message = (
        f"after forward(a), forward(b), backward gives another {stale[0]} than after forward(b) alone: "
        "something cached by the first forward is still in use; write the whole cache in every forward"
    )
    return [Finding("stale-cache", stale[0], message)]


def _old_params(
    subject: Subject, upstream: Any, gradients: Gradients, wrong: Callable[[Subject, Gradients], list[str]]
) -> list[Finding]:
    """After a step of the optimizer, backward speaks of the new params, and not of a copy made before."""
    if not keeps_copies(subject):
        return []
    later = subject.moved(lambda array: 1.25 * array)
    stale = wrong(later, pull(later, upstream))
    if not stale or wrong(subject, gradients):
        return []
    message = (
        f"{stale[0]} is wrong once params change in place, as an optimizer changes them: backward uses a "
        "copy made before; read self.params in every forward and backward"
    )
    return [Finding("stale-cache", stale[0], message)]


def keeps_copies(subject: Subject) -> bool:
    """Whether the layer holds an array of the same values as a parameter, in memory of its own."""
    params = list(subject.params.values())
    shapes = {shape for p in params for shape in (p.shape, p.T.shape)}
    held = (one for one in subject.ties.held if isinstance(one, np.ndarray) and one.shape in shapes)
    return any(
        not np.may_share_memory(one, p) and one.any() and (same(one, p) or same(one, p.T))
        for one in held
        for p in params
        if one is not p and one.shape in (p.shape, p.T.shape)
    )


def _stale_at_other_points(
    subject: Subject, upstream: Any, gradients: Gradients, y: tuple[Any, ...]
) -> list[str]:
    """The same after forwards of other sizes and of another batch, where the layer takes them."""
    smaller = [0.75 * x if x.dtype.kind == "f" else x.copy() for x in subject.inputs]
    for others in (smaller, longer(subject.inputs)):
        try:
            later = _after(subject, others)
            second = pull(later, upstream)
            y_later = parts_of(later.forward(later.start(), later.x))
        except Exception:  # no x for this layer
            continue
        if not any(map(differ, y, y_later)) and (stale := _unlike_names(gradients, second)):
            return stale
    return []


def _after(subject: Subject, others: list[Array]) -> Subject:
    return subject.after_forward(tuple(others) if subject.several else others[0])


def _unlike_names(gradients: Gradients, others: Gradients) -> list[str]:
    return [name for name in gradients if name in others and differ(gradients[name], others[name])]


def _unlike(name: str, first: Array, second: Array | None) -> Finding:
    message = f"{name} changes when backward is called a second time after one forward"
    hint = "do not accumulate, do not write to the cache, and draw nothing at random in backward"
    if second is not None and not differ(2 * first, second):
        hint = "it doubles: start the buffer from zeros, as gradients are returned and not accumulated"
    return Finding("repeat-backward", name, f"{message}; {hint}")


def another(inputs: list[Array]) -> list[Array]:
    """Inputs of the same values, which are known to be good, in another order; of other values if that is x.

    Ids and masks that come with numbers stay.
    """
    floats = any(x.dtype.kind == "f" for x in inputs)
    return [_flipped(x) if x.dtype.kind == "f" or not floats else x.copy() for x in inputs]


def longer(inputs: list[Array]) -> list[Array]:
    """The same with a larger batch."""
    return [np.concatenate([x, x[:1]]) if x.ndim else x.copy() for x in inputs]


def _flipped(x: Array) -> Array:
    flipped = np.flip(x)
    return flipped.copy() if x.dtype.kind != "f" or not same(flipped, x) else 0.75 * x


def _stopped(subject: Subject, upstream: Any, locked: Iterable[str], name: str | None = None) -> str:
    """The method that fails where these are read-only, "" if none does."""
    error, method = Round(subject, upstream).run_locked(locked, name)
    # compiled code may refuse read-only memory of which it does no more than read
    return "" if error is None or "buffer source array" in str(error) else method


def _writer(subject: Subject, upstream: Any, what: str, method: str) -> str:
    """Where the write happens: "relu.py:7", "" if unknown."""
    error, _ = Round(subject, upstream).run_locked((what,))
    if error is not None and (place := place_in(error)):
        return place
    at = Round(subject, upstream)
    if method == "backward":
        at.forward()
    before = at.prints(what), at.swapped()
    return watch(
        lambda: (at.prints(what), at.swapped()) != before, at.forward if method == "forward" else at.backward
    )


def _mutation(subject: Subject, method: str, verb: str, what: str, name: str, place: str) -> Finding:
    told = {
        "params": f"the parameter {name}".rstrip(),
        "y": "the y that forward returned (the next layer's x)",
    }
    mends = {
        "x": "work on a copy, or write y = np.where(...)",
        "params": "return the gradient and leave the update to the optimizer",
    }
    if isinstance(subject.layer, LossAsLayer):
        told["x"] = "prediction"
    mend = mends.get(what, f"work on {what}.copy()")
    if verb != "writes to":
        mend = "an optimizer holds the arrays of the start: make params once, in __init__"
    where = f" at {place}" if place else ""
    return Finding(KINDS[what], "", f"{method} {verb} {told.get(what, what)}{where}; {mend}")
