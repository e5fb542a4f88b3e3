"""Targets over classes: labels or probabilities, smoothed and weighted into one distribution a score row."""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np

from .base import Array, Loss


def class_count(loss: Loss, scores: Array) -> int:
    """C of scores (..., C).   Raises: ValueError where there is no class axis."""
    if scores.ndim == 0:
        raise ValueError(f"{loss}: expected scores of shape (..., C), got (); the class axis is the last")
    return int(scores.shape[-1])


def read_labels(
    loss: Loss, scores: Array, target: Any, ignore_index: int | None = None
) -> tuple[Array, Array | None]:
    """Integer labels (...) for scores (..., C): labels to index with, and where they count (None: all do).

    An ignored label comes back as 0.
    Raises: ValueError for labels that are not integers, another shape, a label outside 0..C-1, or nothing but
    ignored labels.
    """
    target = loss.expect_array("target", target, kinds="biuf")
    last = class_count(loss, scores) - 1
    if target.shape != scores.shape[:-1]:
        raise ValueError(
            f"{loss}: expected labels of shape {scores.shape[:-1]} for scores {scores.shape}, "
            f"got target {target.shape}; {_mend(scores, target)}"
        )
    if target.dtype.kind not in "iu":
        raise ValueError(f"{loss}: expected integer labels, got {target.dtype}; write target.astype(int)")
    kept = None
    if ignore_index is not None:
        kept = target != ignore_index
        if not kept.any():
            raise ValueError(
                f"{loss}: expected a label that counts, got only {ignore_index} in target {target.shape}; "
                "skip such batches"
            )
    labels = target if kept is None else np.where(kept, target, 0)
    indices: Array = labels.astype(np.intp, copy=False)
    if np.maximum.reduce(indices.view(np.uintp), axis=None) > last:  # unsigned, a negative one is huge
        loss.refuse(
            (labels < 0) | (labels > last),
            f"labels in 0..C-1 = 0..{last}",
            labels,
            "count the classes from 0; a marker such as -1 needs ignore_index, where a loss has it",
        )
    return indices, kept


def _mend(scores: Array, target: Array) -> str:
    if target.shape == (*scores.shape[:-1], 1):
        return "write target[:, 0]" if target.ndim == 2 else "write target[..., 0]"
    if target.shape == scores.shape:
        return "write target.argmax(axis=-1)"
    if scores.ndim > 2 and target.shape == (scores.shape[0], *scores.shape[2:]):
        return "the class axis is the last: write np.moveaxis(scores, 1, -1)"
    if target.shape[:-1] == scores.shape[:-1]:
        return f"probabilities have the {scores.shape[-1]} classes of scores"
    return "one label for each row of scores"


def expect_distributions(loss: Loss, t: Array, otherwise: str) -> None:
    """Refuse t (..., C) unless each row is a distribution; `otherwise` says what else it may have meant.

    Raises: ValueError for a negative entry, or a row whose sum is not 1 to a thousandth.
    """
    loss.refuse(t < 0, "probabilities in target, none negative", t, otherwise)
    total = t.sum(axis=-1, dtype=np.float64)
    loss.refuse(
        np.abs(total - 1) > 1e-3,
        "target rows that sum to 1",
        total,
        f"divide each row by its sum; {otherwise}",
    )


class ClassTarget(NamedTuple):
    q: Array  # (..., C), how much each class's log-probability counts
    weight: float  # what the mean divides by: how much the examples count together
    plain: bool = False  # q is the labels (...) as they are, in place of their one-hot


class ClassLoss(Loss):
    """L_i = -Σ_c q_ic log p_ic,   q = w ((1 - ε) t + ε / C)

    t is the target, a label as one-hot or a distribution; ε is label_smoothing, w the class_weights.
    Where the target is ignore_index, q is zero: no loss, no gradient, and not counted in the mean.
    The mean divides by the sum of the labels' weights, for probabilities by the number of examples.

    Shapes: scores (..., C), target (...) of integers or (..., C) of probabilities, values (...).
    Raises: ValueError for float labels, labels out of range and rows that are no distribution.
    Source: Szegedy et al., Rethinking the Inception architecture, 2016, section 7 (label smoothing).
    """

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        class_weights: Any = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        who = type(self).__name__
        self.label_smoothing = self.expect_number("label_smoothing", label_smoothing)
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"{who}: expected label_smoothing in [0, 1), got {label_smoothing}; 0.1 is usual"
            )
        self.class_weights = None if class_weights is None else self.read_weights(class_weights)
        try:
            self.ignore_index = None if ignore_index is None else operator.index(ignore_index)
        except TypeError:
            raise TypeError(
                f"{who}: expected ignore_index to be an integer or None, got {ignore_index!r}; -100 is usual"
            ) from None

    def read_weights(self, class_weights: Any) -> Array:
        """A copy in float64.   Raises: TypeError or ValueError for what are no weights."""
        who, w = type(self).__name__, np.asarray(class_weights)
        if w.dtype.kind not in "iuf":
            raise TypeError(
                f"{who}: expected class_weights in real numbers, got {w.dtype}; one for each class"
            )
        if w.ndim != 1 or not np.isfinite(w).all() or (w < 0).any() or not w.any():
            raise ValueError(
                f"{who}: expected class_weights one for each class, finite, none negative and not all 0, "
                f"got {w.tolist()}; 1.0 leaves a class as it is"
            )
        return w.astype(np.float64)

    def read_target(self, prediction: Array, target: Any) -> ClassTarget:
        scores, target = prediction, self.expect_array("target", target, kinds="biuf")
        C, dtype, eps = class_count(self, scores), scores.real.dtype, self.label_smoothing
        w, kept, weight = self.class_weights, None, float(math.prod(scores.shape[:-1]))
        if w is not None and len(w) != C:
            raise ValueError(
                f"{self}: expected {C} class_weights for scores {scores.shape}, got {len(w)}; one a class"
            )
        if target.shape == scores.shape:
            t = self.read_probabilities(scores, target)
        else:
            labels, kept = read_labels(self, scores, target, self.ignore_index)
            if not eps and w is None and kept is None:
                return ClassTarget(labels, weight, plain=True)
            t = (labels[..., None] == np.arange(C)).astype(dtype)
            if w is not None:
                weight = float(w[labels].sum(where=True if kept is None else kept))
            elif kept is not None:
                weight = float(np.count_nonzero(kept))
        q = (1 - eps) * t + eps / C if eps else t
        q = q if w is None else q * w.astype(dtype)
        q = q if kept is None else q * kept[..., None]
        return ClassTarget(q, weight)

    def read_probabilities(self, scores: Array, target: Array) -> Array:
        """One distribution a row.   Raises: ValueError where it is none, or together with ignore_index."""
        if self.ignore_index is not None:
            raise ValueError(
                f"{self}: expected integer labels of shape {scores.shape[:-1]} beside ignore_index, "
                f"got probabilities {target.shape}; leave ignore_index out"
            )
        t = self.in_precision_of(scores, target)
        expect_distributions(self, t, f"integer labels would have shape {scores.shape[:-1]}")
        return t

    def count(self, values: Array, target: ClassTarget) -> float:
        if target.weight == 0:
            raise ValueError(
                f"{self}: expected a label whose class weight is not 0, got none in {values.size}; "
                "a mean over them is 0 / 0"
            )
        return target.weight

    def options(self) -> dict[str, Any]:
        shown: dict[str, Any] = {}
        if self.label_smoothing:
            shown["label_smoothing"] = self.label_smoothing
        if self.class_weights is not None:
            shown["class_weights"] = self.class_weights
        if self.ignore_index is not None:
            shown["ignore_index"] = self.ignore_index
        return shown
