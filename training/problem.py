"""What the two tasks, classification and regression, do differently: loss, scores, predictions, baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import losses
from layers import Layer, Softmax
from layers.base import Array

from .encoding.targets import ClassTargets, NumberTargets, Target
from .errors import DataError, UsageError
from .loop import predict
from .metrics import Metrics, classification_metrics, majority_baseline, mean_baseline, regression_metrics
from .text import did_you_mean

Place = Callable[[int], str]  # row -> where it stands in the file, for messages


class Classification:
    """Outputs are scores (n, C); the encoded target is (n,) class numbers, -1 for a class never seen."""

    task = "classification"
    losses_by_name: Mapping[str, Callable[..., losses.Loss]] = {
        "cross-entropy": losses.SoftmaxCrossEntropy,
        "hinge": losses.MulticlassHinge,
    }
    higher_is_better: Mapping[str, bool] = {"accuracy": True, "macro_f1": True, "log_loss": False}

    def __init__(self, targets: ClassTargets) -> None:
        self.targets = targets

    def loss(self, name: str, *, balanced: bool = False) -> losses.Loss:
        """The loss of that name; balanced weighs each class by n / (C * its rows)."""
        if not balanced:
            return self.losses_by_name[name]()
        if name != "cross-entropy":
            raise UsageError(f"--class-weight: has no meaning with --loss {name}; leave one of them out")
        rows = np.array(list(self.targets.counts.values()))
        return losses.SoftmaxCrossEntropy(class_weights=rows.sum() / (len(rows) * rows))

    def truth(self, target: Target, place: Place) -> Array:
        """What answers are compared with: class numbers, -1 for a class never seen."""
        return self.targets.encode(target, place)

    def answer(self, outputs: Array) -> Array:
        """Class probabilities (n, C) in float64."""
        probabilities: Array = Softmax().forward(outputs.astype(np.float64))
        return probabilities

    def scores(self, answer: Array, truth: Array) -> Metrics:
        return classification_metrics(answer, truth)

    def baseline(self, train_truth: Array, n: int) -> Array:
        """The answer, for n rows, of one who knows the training targets only."""
        return majority_baseline(train_truth, self.targets.output_size)(n)

    def baseline_name(self, train_truth: Array) -> str:
        return f"always {self.targets.classes[int(np.bincount(train_truth).argmax())]!r}"

    def columns(self) -> list[str]:
        """The header of a prediction file, without that of the row's number."""
        return ["true", "predicted", *(f"p({name})" for name in self.targets.classes)]

    def cells(self, answer: Array, target: Target | None) -> list[list[Any]]:
        """The rows of a prediction file, without their numbers; `true` is None where it is not known."""
        predicted = self.targets.decode(answer.argmax(axis=1))
        true = [None] * len(answer) if target is None else self.targets.names(target)
        return [[t, p, *row] for t, p, row in zip(true, predicted, answer.tolist(), strict=True)]


class Regression:
    """Outputs and the encoded target are (n, k) standardised numbers; answers are in the user's units."""

    task = "regression"
    losses_by_name: Mapping[str, Callable[..., losses.Loss]] = {
        "mse": losses.MSE,
        "l1": losses.L1,
        "huber": losses.Huber,
    }
    higher_is_better: Mapping[str, bool] = {"rmse": False, "mae": False, "r2": True}

    def __init__(self, targets: NumberTargets) -> None:
        self.targets = targets

    def loss(self, name: str, *, balanced: bool = False) -> losses.Loss:
        if balanced:
            raise UsageError("--class-weight: has no meaning for regression; leave it out")
        return self.losses_by_name[name]()

    def truth(self, target: Target, place: Place) -> Array:
        """What answers are compared with: (n, k) numbers as they stand in the data."""
        return self.targets.values(target, place)

    def answer(self, outputs: Array) -> Array:
        """Numbers (n, k) in the units of the target, in float64."""
        return self.targets.decode(outputs)

    def scores(self, answer: Array, truth: Array) -> Metrics:
        return regression_metrics(answer, truth)

    def baseline(self, train_truth: Array, n: int) -> Array:
        """The answer, for n rows, of one who knows the training targets only."""
        return mean_baseline(train_truth)(n)

    def baseline_name(self, train_truth: Array) -> str:
        return "always the mean"

    def columns(self) -> list[str]:
        """The header of a prediction file, without that of the row's number."""
        names = self.targets.names
        if len(names) == 1:
            return ["true", "predicted"]
        return [f"{kind}({name})" for kind in ("true", "predicted") for name in names]

    def cells(self, answer: Array, target: Target | None) -> list[list[Any]]:
        """The rows of a prediction file, without their numbers; `true` is None where it is not known."""
        unknown = [[None] * self.targets.output_size] * len(answer)
        true = unknown if target is None else self.targets.values(target).tolist()
        return [[*t, *p] for t, p in zip(true, answer.tolist(), strict=True)]


Problem = Classification | Regression
LOSSES = (*Classification.losses_by_name, *Regression.losses_by_name)


def problem(targets: ClassTargets | NumberTargets) -> Problem:
    return Classification(targets) if isinstance(targets, ClassTargets) else Regression(targets)


def chosen_loss(kind: Problem, name: str | None) -> str:
    """--loss, or the task's first.   Raises: UsageError for a loss of the other task."""
    if name is None:
        return next(iter(kind.losses_by_name))
    if name not in kind.losses_by_name:
        allowed = " or ".join(kind.losses_by_name)
        raise UsageError(f"--loss: expected {allowed} for {kind.task}, got {name!r}; see --task too")
    return name


def chosen_metric(kind: Problem, name: str) -> tuple[str, bool]:
    """--metric and whether higher is better.   Raises: UsageError for one that the task does not have."""
    better = {"loss": False, **kind.higher_is_better}
    if name not in better:
        guess = did_you_mean(name, better)
        raise UsageError(f"--metric: expected {' or '.join(better)} for {kind.task}, got {name!r}{guess}")
    return name, better[name]


def answers(kind: Problem, model: Layer, x: Array, place: Place) -> Array:
    """What the model says of each row, in probabilities or in the user's units.

    Raises: DataError naming a row so far from all others that the answer is no number.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        answer = kind.answer(predict(model, x))
    finite = np.isfinite(answer).all(axis=1)
    if not finite.all():
        row = place(int(finite.argmin()))
        raise DataError(f"{row}: the network's answer is no number; is the row far from all that trained?")
    return answer
