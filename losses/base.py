"""The contract that every loss keeps."""

from __future__ import annotations

import difflib
import math
import numbers
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

_ARRAYS = (np.ndarray, np.generic)

FEW = 8192  # entries

REDUCTIONS = ("mean", "sum", "none")


class Loss:
    """How far a prediction is from its target, and the gradient that starts the backward pass.

        value = loss.forward(prediction, target)     # a Python number; an array for reduction="none"
        dprediction = loss.backward(upstream=1.0)    # dL/dprediction; upstream is dL/dvalue, of value's shape

    A subclass states its mathematics in one method, and this class checks, reduces and applies upstream:

        class MSE(Loss):
            def terms(self, prediction, target):
                d = prediction - target
                return d * d, 2 * d                  # the values, and the derivative of each

    A value may belong to one element or to a whole example: values (N,) for a prediction (N, C) will do.
    A loss on other targets overrides `read_target`; one may also override forward and backward themselves.

    dprediction has prediction's dtype and shape, and the target is taken in that precision.
    `weight` is how much the latest examples count together: the mean over several parts of a batch is that
    of the parts' means, each times its weight.
    Neither call writes to what it was given, and nothing accumulates; backward speaks of the latest forward.

    Raises: TypeError for what is no array of numbers; ValueError for an empty batch, NaN or infinity, and
    shapes that differ, as nothing broadcasts; RuntimeError for backward before forward.
    """

    _reduction = "mean"  # on the class, so that a subclass may forget super().__init__()
    weight: float = 0.0

    def __init__(self, *, reduction: str = "mean") -> None:
        self.reduction = reduction

    def terms(self, prediction: Array, target: Any) -> tuple[Array, Array]:
        """The values before reduction, and the derivative of each by prediction, shaped like prediction."""
        raise NotImplementedError(
            f"{self}: expected a terms(self, prediction, target) of its own; define one"
        )

    def read_target(self, prediction: Array, target: Any) -> Any:
        """The target as `terms` takes it: here of prediction's shape, real and finite.

        Raises: TypeError for what is no array of real numbers; ValueError for another shape, NaN or infinity.
        """
        target = self.expect_array("target", target, kinds="biuf")
        if target.shape != prediction.shape:
            mend = "make the network's output and the target one shape"
            if [n for n in target.shape if n != 1] == [n for n in prediction.shape if n != 1]:
                mend = f"write target.reshape{prediction.shape}"
            raise ValueError(
                f"{self}: expected prediction and target of one shape, "
                f"got prediction {prediction.shape} against target {target.shape}; {mend}"
            )
        return self.in_precision_of(prediction, target)

    def count(self, values: Array, target: Any) -> float | Array:
        """What the mean divides by: a number, or an array of one for each value, of values' shape.

        target is what `read_target` made of it.
        """
        return values.size

    def forward(self, prediction: Array, target: Any) -> Any:
        prediction = self.expect_array("prediction", prediction, kinds="biufc")
        if prediction.dtype.kind not in "fc":
            prediction = prediction.astype(np.float64)
        if prediction.size == 0:
            raise ValueError(
                f"{self}: expected at least one example, got an empty prediction {prediction.shape}; "
                "skip empty batches"
            )
        if not _finite(prediction):
            mend = "lower the learning rate if training diverged, or look for NaN in the data"
            self.refuse(~np.isfinite(prediction), "a finite prediction", prediction, mend)
        target = self.read_target(prediction, target)
        returned = self.terms(prediction, target)
        if not (isinstance(returned, tuple) and len(returned) == 2):
            raise TypeError(
                f"{self}: expected terms to return (values, derivative), got {type(returned).__name__}; "
                "return the derivative of each value too"
            )
        values, derivative = map(np.asarray, returned)
        if derivative.shape != prediction.shape or values.shape != prediction.shape[: values.ndim]:
            raise ValueError(
                f"{self}: expected terms to return values over leading axes of prediction {prediction.shape} "
                f"and a derivative of its shape, got {values.shape} and {derivative.shape}; "
                "leave the sum or mean to reduction"
            )
        divisor = self.count(values, target) if self.reduction == "mean" else 1
        self.weight = values.size if isinstance(divisor, np.ndarray) else divisor
        if isinstance(divisor, np.ndarray):
            values, derivative, divisor = values / divisor, derivative / _beside(divisor, derivative), 1
        if self.reduction == "none":
            self.cache = derivative, prediction.dtype, values.shape, divisor
            return values.copy()  # the caller's own, even where values and derivative are one array
        self.cache = derivative, prediction.dtype, (), divisor
        wide = (
            np.complex128 if values.dtype.kind == "c" else np.float64
        )  # no overflow where the mean has none
        return np.add.reduce(values, axis=None, dtype=wide).item() / divisor

    def backward(self, upstream: Any = 1.0) -> Array:
        derivative, dtype, shape, divisor = self.cache
        if shape == () and type(upstream) is float:  # a Python number leaves float32 alone
            return np.asarray(derivative * (upstream / divisor), dtype=dtype)
        upstream = np.asarray(upstream)
        if upstream.dtype.kind not in "biuf":
            raise TypeError(
                f"{self}: expected upstream in real numbers, got {upstream.dtype}; pass dL/dvalue"
            )
        if upstream.shape != shape:
            raise ValueError(
                f"{self}: expected upstream of the value's shape {shape}, got {upstream.shape}; "
                + (f"pass dL/dvalue, such as np.ones({shape})" if shape else "pass one number")
            )
        if not shape:
            return np.asarray(derivative * (upstream.item() / divisor), dtype=dtype)
        return np.asarray(derivative * _beside(upstream / divisor, derivative), dtype=dtype)

    @property
    def cache(self) -> Any:
        """What forward left for backward.   Raises: RuntimeError before the first forward."""
        try:
            return self._cache
        except AttributeError:
            raise RuntimeError(
                f"{self}: backward called before forward; call forward(prediction, target) first"
            ) from None

    @cache.setter
    def cache(self, value: Any) -> None:
        self._cache = value

    @property
    def reduction(self) -> str:
        """What becomes of the values: "mean", "sum" or "none".   Raises: ValueError for another name."""
        return self._reduction

    @reduction.setter
    def reduction(self, name: str) -> None:
        if name not in REDUCTIONS:
            (nearest,) = difflib.get_close_matches(str(name).lower(), REDUCTIONS, n=1, cutoff=0)
            raise ValueError(
                f"{type(self).__name__}: expected reduction to be 'mean', 'sum' or 'none', got {name!r}; "
                f"did you mean {nearest!r}?"
            )
        self._reduction = name

    def expect_array(self, what: str, array: Any, kinds: str) -> Array:
        """The array itself.   Raises: TypeError for what is none, or whose dtype is not of these kinds."""
        if not isinstance(array, _ARRAYS):
            raise TypeError(
                f"{self}: expected {what} to be a NumPy array, got {type(array).__name__}; "
                "convert it with np.asarray"
            )
        if array.dtype.kind not in kinds:
            raise TypeError(
                f"{self}: expected {what} in real numbers, got {array.dtype}; convert with .astype(float)"
            )
        return np.asarray(array)

    def expect_number(self, what: str, value: Any) -> float:
        """The number as a Python float, which leaves float32 arrays alone.   Raises: TypeError."""
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(
                f"{type(self).__name__}: expected {what} to be a number, got {type(value).__name__}; "
                f"pass {what} as a float"
            )
        return float(value)

    def in_precision_of(self, prediction: Array, target: Array) -> Array:
        """The target in prediction's real dtype.   Raises: ValueError where it is not finite there."""
        dtype = prediction.real.dtype
        if target.dtype == dtype:
            converted = target
        else:
            with np.errstate(over="ignore"):  # the next line tells
                converted = target.astype(dtype)
        if not _finite(converted):
            self.refuse(~np.isfinite(converted), f"a finite target ({dtype})", target, "clean the data first")
        return converted

    def refuse(self, bad: Array, what: str, array: Array, mend: str) -> None:
        """Refuse an array that is bad anywhere.   Raises: ValueError with the first bad value and index."""
        if bad.any():
            index = tuple(np.argwhere(bad)[0].tolist())
            raise ValueError(f"{self}: expected {what}, got {array[index]} at index {index}; {mend}")

    def options(self) -> dict[str, Any]:
        """What repr shows beside the reduction: the loss's own arguments."""
        return {}

    def __repr__(self) -> str:
        shown = self.options()
        if self.reduction != "mean":
            shown = {**shown, "reduction": self.reduction}
        return (
            f"{type(self).__name__}({', '.join(f'{name}={_text(value)}' for name, value in shown.items())})"
        )


def _finite(array: Array) -> bool:
    """Whether all entries are finite."""
    # the sum of squares is finite where they are and do not overflow: quick, but many wake BLAS's threads
    few = array.size <= FEW and math.isfinite(np.vdot(array, array).real)
    return few or bool(np.isfinite(array).all())


def _beside(factors: Array, derivative: Array) -> Array:
    """One factor a value, with axes of 1 to broadcast over the rest: (...) -> (..., 1) beside (..., C)."""
    return factors.reshape(*factors.shape, *[1] * (derivative.ndim - factors.ndim))


def _text(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    return np.array2string(
        value, separator=", ", threshold=8, edgeitems=2, formatter={"float_kind": "{:g}".format}
    )
