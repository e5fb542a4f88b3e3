"""Mean zero, standard deviation one: measured on some rows, applied to all."""

from __future__ import annotations

import numpy as np

from layers.base import Array

_ROUNDING = 8 * np.finfo(np.float64).eps
_SMALLEST = np.finfo(np.float64).smallest_subnormal


def constant(values: Array) -> Array:
    """Whether each column of (n, D) is constant up to rounding.

    Not by its deviation, which is computed as 1e-17 for 0.1 repeated, and as 1e-7 for 1e9 + 0.1.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    with np.errstate(over="ignore"):  # an infinite difference is one
        same: Array = high - low <= _ROUNDING * np.maximum(abs(low), abs(high))
    return same


def mean_std(values: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each column, in float64; the latter is 0 for a column that is constant.

    Measured in units of the largest magnitude, so that 1e200 does not overflow when squared.
    Shapes: values (n, D), mean (D,), std (D,).
    """
    values = np.asarray(values, np.float64)
    unit = np.abs(values).max(axis=0)
    unit[unit == 0] = 1.0
    scaled = values / unit
    std = np.maximum(scaled.std(axis=0) * unit, _SMALLEST)  # half of the smallest number would be 0
    return scaled.mean(axis=0) * unit, np.where(constant(values), 0.0, std)


def standardise(values: Array, mean: Array | float, std: Array | float) -> Array:
    """(values - mean) / std by float64 arithmetic, as float32 (inf where float32 cannot hold it)."""
    with np.errstate(over="ignore"):
        scaled: Array = ((values.astype(np.float64, copy=False) - mean) / std).astype(np.float32)
    return scaled
