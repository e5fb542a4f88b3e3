"""Arrays and images from NPZ or IDX files, as a network takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from layers.base import Array

from ..errors import DataError
from ..stored import of_type
from .scaling import mean_std, standardise

_BLOCK = 1024  # rows taken at a time: a float64 copy of everything would be large


@dataclass
class ArrayInputs:
    """(x - mean) / std with the training rows' mean and std along axis 1: a feature's, or an image channel's.

    Images of bytes are scaled by 1/255 instead, whatever rows they are.
    Shapes: x (N, D) or (N, C, H, W); shape, that without N; mean, std (D,) or (C,).
    """

    shape: tuple[int, ...] = ()
    mean: Array | None = None
    std: Array | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, x: Array, rows: Array) -> Self:
        """Raises: DataError for another shape, for arrays of no numbers, and for nan or inf in x."""
        if x.ndim not in (2, 4) or x.size == 0:
            raise DataError(
                f"x: expected an array of shape (N, D) or (N, C, H, W), got {x.shape}; reshape it"
            )
        if x.ndim == 4 and x.dtype == np.uint8:
            return cls(x.shape[1:])
        _refuse_odd(x)
        columns = np.moveaxis(x[rows], 1, -1).reshape(-1, x.shape[1])
        some = np.split(columns, range(16, columns.shape[1], 16), axis=1)  # little float64 at a time
        mean, std = (np.concatenate(part) for part in zip(*map(mean_std, some), strict=True))
        constant, noun = int(np.count_nonzero(std == 0)), "features" if x.ndim == 2 else "channels"
        note = f"{constant} of {len(std)} {noun} are constant in the training rows; scaled by 1"
        return cls(x.shape[1:], mean, np.where(std == 0, 1.0, std), (note,) if constant else ())

    def transform(self, x: Array) -> Array:
        """Each row for itself.

        Shapes: (N, *shape) float32.   Raises: DataError as fit does, and for another shape.
        """
        if x.shape[1:] != self.shape:
            raise DataError(f"x: expected rows of shape {self.shape} as in training, got {x.shape[1:]}")
        scaled = np.empty(x.shape, np.float32)
        if self.mean is None or self.std is None:
            if x.dtype != np.uint8:
                raise DataError(
                    f"x: expected images of bytes (uint8, 0 to 255) as in training, got {x.dtype}"
                )
            np.divide(x, np.float32(255), out=scaled)
            return scaled
        _refuse_odd(x)
        axes = (-1, *(1,) * (x.ndim - 2))  # (D,) or (C, 1, 1)
        mean, std = self.mean.reshape(axes), self.std.reshape(axes)
        for start in range(0, len(x), _BLOCK):
            scaled[start : start + _BLOCK] = standardise(x[start : start + _BLOCK], mean, std)
        if (place := _not_finite(scaled)) is not None:
            raise DataError(f"x{list(place)}: {x[place]} is too far from the training rows; check it")
        return scaled

    def to_dict(self) -> dict[str, Any]:
        """All that transform needs, and what the fit said, in the types of JSON."""
        mean, std = (None if array is None else array.tolist() for array in (self.mean, self.std))
        return {
            "kind": "array",
            "shape": list(self.shape),
            "mean": mean,
            "std": std,
            "notes": list(self.notes),
        }

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Self:
        stored = [of_type(list[float] | None, d[name], name) for name in ("mean", "std")]
        mean, std = (None if numbers is None else np.array(numbers, np.float64) for numbers in stored)
        shape, notes = of_type(list[int], d["shape"], "shape"), of_type(list[str], d["notes"], "notes")
        if any(array is not None and len(array) != shape[0] for array in (mean, std)):
            raise TypeError(f"inputs: expected a mean and a deviation for each of {shape[0]}, got others")
        return cls(tuple(shape), mean, std, tuple(notes))


def _refuse_odd(x: Array) -> None:
    if x.dtype.kind not in "buif":
        raise DataError(f"x: expected an array of numbers, got {x.dtype}; convert it")
    if (place := _not_finite(x)) is not None:
        raise DataError(f"x{list(place)}: {x[place]} is not a finite number; fill or drop it")


def _not_finite(x: Array) -> tuple[int, ...] | None:
    """Where the first nan or inf stands, None where there is none."""
    for start in range(0, len(x), _BLOCK):
        finite = np.isfinite(x[start : start + _BLOCK])
        if not finite.all():
            row, *rest = (int(i) for i in np.argwhere(~finite)[0])
            return (start + row, *rest)
    return None
