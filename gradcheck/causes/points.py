"""Points where the same mistake is plainer: off the ties and ones, and with less of everything."""

from __future__ import annotations

import numpy as np

from ..answers import pull
from ..arrays import flat
from ..beside import moved
from ..complex_step import ComplexStep
from ..subject import Subject
from .gather import unflat

LARGE = 160  # outputs, or entries of the wrong arrays: Jacobians of more take too long


def off_the_ones(subject: Subject, names: list[str], rng: np.random.Generator) -> Subject | None:
    """A point beside, where zeros, ones and ties hide no factor; None where nothing is wrong there."""
    other = subject.moved(lambda array: moved(array, rng))
    try:
        usable = np.isfinite(flat(other.output())).all() and still_wrong(other, names, rng)
    except Exception:  # out of the domain
        return None
    return other if usable else None


def shrunk(subject: Subject, names: list[str], rng: np.random.Generator) -> Subject:
    """The same mistake on a smaller x, where the Jacobians of this one would take too long."""

    def size(s: Subject) -> int:
        return max(flat(s.output()).size, sum(s.arrays[name].size for name in names))

    for _ in range(8):
        if size(subject) <= LARGE:
            break
        axes = range(max(x.ndim for x in subject.inputs))
        candidates = (cut(subject, axis) for axis in axes)
        smaller = next((s for s in candidates if s is not None and still_wrong(s, names, rng)), None)
        if smaller is None:
            break
        subject = smaller
    return subject


def cut(subject: Subject, axis: int, keep: int = 0) -> Subject | None:
    """Inputs with half of an axis, or `keep`; None where the layer does not take that.

    Half is a little more where another axis is as long as that: lengths that differ tell axes apart.
    """
    lengths = {x.shape[axis] for x in subject.inputs if x.ndim > axis}
    length = max(lengths)
    least = 1 if keep else 2
    if not keep:
        half = (length + 1) // 2
        taken = {n for x in subject.inputs for i, n in enumerate(x.shape) if i != axis}
        keep = next((n for n in range(half, length) if n not in taken), half)
    if keep < least or keep == length:
        return None
    inputs = [
        x.take(range(keep), axis) if x.ndim > axis and x.shape[axis] == length else x for x in subject.inputs
    ]
    try:
        smaller = subject.with_inputs(inputs)
        return smaller if np.isfinite(flat(smaller.output())).all() else None
    except Exception:  # no such x for this layer
        return None


def still_wrong(subject: Subject, names: list[str], rng: np.random.Generator) -> bool:
    """Whether one of the gradients is wrong here too, along a random direction."""
    try:
        outputs = subject.output()
        upstream = rng.standard_normal(flat(outputs).size)
        gradients, step = pull(subject, unflat(upstream, outputs)), ComplexStep(subject)
        for name in names:
            vector = np.asarray(rng.standard_normal(subject.arrays[name].shape))
            if gradients[name].shape != vector.shape:
                continue
            terms = upstream * step.push(name, vector)
            if abs((gradients[name] * vector).sum() - terms.sum()) > 1e-6 * np.abs(terms).max():
                return True
    except Exception:  # no such x for this layer
        return False
    return False
