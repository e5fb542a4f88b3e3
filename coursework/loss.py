"""How softmax_loss.py is judged."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from gradcheck import Report, check_loss
from layers.base import Array
from losses import SoftmaxCrossEntropy

from .findings import broken_promises, said_of, wrong_arrays
from .task import Part, Task
from .trial import NOTHING, class_of, first
from .values import Hints, same, unlike

TARGET = np.array([2, 0, 3, 2, 1, 0])


def _start(module: ModuleType) -> tuple[Any, Array, Array]:
    scores = 2 * np.random.default_rng(40).standard_normal((len(TARGET), 4))
    return class_of(module, "SoftmaxLoss")(), scores, TARGET.copy()


def _softmax(scores: Array, axis: int) -> Array:
    e = np.exp(scores)
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def _values(module: ModuleType) -> str:
    loss, scores, target = _start(module)
    here = np.arange(len(target)), target
    by_example = -np.log(_softmax(scores, 1)[here])
    hints: Hints = {
        "take the mean over the examples": lambda: by_example,
        "take the mean over the examples, not the sum": lambda: by_example.sum(),
        "divide by the examples, not by examples times classes": lambda: by_example.sum() / scores.size,
        "the minus is missing": lambda: -by_example.mean(),
        "the logarithm is missing": lambda: -_softmax(scores, 1)[here].mean(),
        "the softmax is over axis 0; the classes are axis 1": lambda: (
            -np.log(_softmax(scores, 0)[here]).mean()
        ),
        "the logarithm of the sum is missing: that is minus the score of the class": lambda: (
            -scores[here].mean()
        ),
        "the log is of base 2": lambda: by_example.mean() / np.log(2),
    }
    return unlike("L", loss.forward(scores.copy(), target), by_example.mean(), hints)


def _report(module: ModuleType, dtype: Any = np.float64) -> Report:
    loss, scores, target = _start(module)
    return check_loss(loss, scores.astype(dtype), target)


def _gradient(module: ModuleType) -> str:
    """dscores of the student's own forward, or of the right one where that is wrong."""
    loss, scores, target = _start(module)
    report = _report(module)
    wrong = wrong_arrays(report, parameters=False)
    ours = SoftmaxCrossEntropy()
    right, value = np.asarray(ours.forward(scores, target)), np.asarray(loss.forward(scores, target))
    if wrong and not same(value, right) and same(np.asarray(loss.backward()), ours.backward()):
        return ""
    return _idle(module) or said_of(report, wrong)


def _idle(module: ModuleType) -> str:
    """A loss that does not depend on the scores has no gradient to judge."""
    loss, scores, target = _start(module)
    value, other = (np.asarray(loss.forward(s, target)) for s in (scores, 2 * scores))
    return NOTHING if np.array_equal(value, other) else ""


def _contract(module: ModuleType) -> str:
    return _idle(module) or broken_promises(_report(module, np.float32))


def _large(module: ModuleType) -> str:
    """A shift of all scores changes nothing, and scores far apart overflow nowhere."""
    loss, scores, target = _start(module)
    plain = np.asarray(loss.forward(scores, target))
    value = np.asarray(loss.forward(scores + 1000, target))
    if not same(value, plain):
        changed = f"L = {value.mean():.4g} for {plain.mean():.4g}"
        return f"scores + 1000 give {changed}; subtract the largest score of each example first"
    value = np.asarray(loss.forward(1000 * scores, target))
    if np.isfinite(value).all() and np.isfinite(loss.backward()).all():
        return ""
    return f"1000 * scores give L = {value.mean():.4g}; log p is score - log(sum), where p itself may be 0"


TASKS = (
    Task(
        "softmax_loss",
        "The softmax loss",
        "softmax_loss.py",
        (
            Part("forward", 4, _values),
            Part("dx", 4, _gradient),
            Part("large scores", 1, first(_idle, _large)),
            Part("contract", 1, _contract),
        ),
    ),
)
