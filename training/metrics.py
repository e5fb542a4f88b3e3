"""How good predictions are, in numbers that fit into JSON (None where a figure has no meaning)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from layers.base import Array

Metrics = dict[str, float | None]


def classification_metrics(probabilities: Array, labels: Array) -> Metrics:
    """accuracy, macro_f1, log_loss of the class with the highest probability (the first of equals).

    A label of -1, a class that training never saw, counts as wrong: in accuracy, and in macro_f1 as one more
    class with F1 = 0. log_loss leaves it out, as no probability was given for it.
    macro_f1 is the mean of F1 = 2 TP / (2 TP + FP + FN) over the classes that occur in labels or predictions.
    log_loss is the mean of -ln p(label), p kept within eps .. 1 - eps of its dtype.
    Shapes: probabilities (n, C), labels (n,).
    Raises: ValueError for other shapes, labels out of range, nan and inf.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or len(labels) == 0:
        raise ValueError(
            f"classification_metrics: expected probabilities (n, C) and labels (n,) with n > 0, "
            f"got {probabilities.shape} and {labels.shape}"
        )
    _finite("classification_metrics", "probabilities", probabilities)
    n, C = probabilities.shape
    if labels.min() < -1 or labels.max() >= C:
        raise ValueError(
            f"classification_metrics: expected labels in -1..{C - 1}, got {labels.min()}..{labels.max()}"
        )
    predicted = probabilities.argmax(axis=1)
    matrix = confusion(labels, predicted, C)
    hits = np.diag(matrix)
    actual, answered = matrix.sum(axis=1), np.bincount(predicted, minlength=C)
    occurs = actual + answered > 0
    f1 = 2 * hits[occurs] / (actual + answered)[occurs]
    known = labels >= 0
    log_loss: float | None = None
    if known.any():
        eps = np.finfo(probabilities.dtype).eps
        p = np.clip(probabilities[known, labels[known]], eps, 1 - eps).astype(np.float64)
        log_loss = float(-np.log(p).mean())
    return {
        "accuracy": int(hits.sum()) / n,
        "macro_f1": float(f1.sum() / (len(f1) + (not known.all()))),
        "log_loss": log_loss,
    }


def regression_metrics(predicted: Array, true: Array) -> Metrics:
    """rmse, mae, r2 = 1 - (sum of squared errors) / (sum of squared distances from the mean).

    Of several outputs the mean over outputs. r2 is None where the truth is constant.
    Shapes: predicted, true (n, k).   Raises: ValueError for unequal shapes, nan, inf.
    """
    if predicted.shape != true.shape or true.ndim != 2 or len(true) == 0:
        raise ValueError(
            f"regression_metrics: expected predicted and true of one shape (n, k) with n > 0, "
            f"got {predicted.shape} and {true.shape}"
        )
    _finite("regression_metrics", "predicted", predicted)
    _finite("regression_metrics", "true", true)
    predicted, true = predicted.astype(np.float64), true.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        error = predicted - true
        rmse, spread = _root_mean_square(error), _root_mean_square(true - true.mean(axis=0))
        varies = bool((true.max(axis=0) > true.min(axis=0)).all())
        r2 = (1 - (rmse / spread) ** 2).mean() if varies else None
        return {"rmse": _number(rmse.mean()), "mae": _number(np.abs(error).mean()), "r2": _number(r2)}


def _root_mean_square(x: Array) -> Array:
    """Per column, in units of the largest magnitude, so that 1e200 does not overflow when squared."""
    unit = np.abs(x).max(axis=0)
    unit[unit == 0] = 1.0
    root: Array = unit * np.sqrt(np.mean((x / unit) ** 2, axis=0))
    return root


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


def _finite(who: str, what: str, array: Array) -> None:
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"{who}: expected finite {what}, got {array[place]} at {place}; has the model diverged?"
        )


def confusion(labels: Array, predicted: Array, C: int) -> Array:
    """How often each class (row) was taken for each (column); labels of -1 are left out.

    Shapes: labels, predicted (n,), the result (C, C).
    """
    known = labels >= 0
    counts = np.bincount(labels[known] * C + predicted[known], minlength=C * C)
    return counts.reshape(C, C)


def most_confused(matrix: Array, classes: Sequence[str], k: int = 3) -> list[tuple[str, str, int]]:
    """The k most frequent mistakes: (the class it is, the class it was taken for, how often), most first."""
    mistakes = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    worst = np.argsort(-mistakes, axis=None, kind="stable")[:k]
    pairs = (divmod(int(i), len(matrix)) for i in worst)
    return [(classes[i], classes[j], int(mistakes[i, j])) for i, j in pairs if mistakes[i, j] > 0]


def reliability(probabilities: Array, labels: Array, bins: int = 10) -> list[tuple[float, float, int]]:
    """Answers by the probability they were given: (its mean, the share that is right, rows), least first.

    The probability is that of the predicted class; bins are equally wide, and those without rows left out. A
    label of -1, a class that training never saw, counts as wrong.
    Shapes: probabilities (n, C), labels (n,).
    """
    said = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    bin_of = np.minimum((said * bins).astype(int), bins - 1)
    found = [bin_of == i for i in range(bins)]
    return [(float(said[i].mean()), float(right[i].mean()), int(i.sum())) for i in found if i.any()]


def calibration_error(bins: list[tuple[float, float, int]]) -> float:
    """The mean over rows of |probability - share that is right| of their bin: 0 for one who knows his doubts.

    Source: Naeini, Cooper & Hauskrecht 2015 (expected calibration error).
    """
    rows = sum(n for _, _, n in bins)
    return sum(n * abs(said - right) for said, right, n in bins) / rows


def largest_error(predicted: Array, true: Array, unit: Array) -> tuple[int, int]:
    """The row and the output where a prediction is furthest off, in units of each output.

    Shapes: predicted, true (n, k), unit (k,).
    """
    off = np.abs(predicted / unit - true / unit)
    row, output = np.unravel_index(int(off.argmax()), off.shape)
    return int(row), int(output)


def majority_baseline(train_labels: Array, C: int) -> Callable[[int], Array]:
    """Learns nothing from x: n -> (n, C), the shares of the classes in training.

    Its most probable class is the majority class; its log loss is the best that a constant answer can expect.
    """
    known = train_labels[train_labels >= 0]
    shares = np.bincount(known, minlength=C) / len(known)
    return lambda n: np.tile(shares, (n, 1))


def mean_baseline(train_targets: Array) -> Callable[[int], Array]:
    """Learns nothing from x: n -> (n, k), the means of the training targets (n_train, k)."""
    mean = train_targets.mean(axis=0, dtype=np.float64)
    return lambda n: np.tile(mean, (n, 1))
