"""Rows ready for the network, and how features get there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layers.base import Array

from .encoding.inputs import ArrayInputs, TableInputs
from .encoding.targets import Target
from .errors import DataError
from .problem import Problem
from .reading.dataset import Dataset
from .reading.table import Table

Inputs = TableInputs | ArrayInputs


@dataclass(frozen=True)
class Part:
    """Rows that train, choose, or judge, ready for the network.

    Shapes: x (n, ...), target and truth (n,) or (n, k), rows (n,).
    """

    x: Array
    target: Array  # as the loss takes it
    truth: Array  # as the scores compare it
    data: Dataset
    rows: Array  # their places in the file, from 0

    def __len__(self) -> int:
        return len(self.x)

    @property
    def known(self) -> Array:
        """The rows whose class training has seen, as indices: a loss needs that."""
        numbers = self.target.dtype.kind == "f"
        return np.arange(len(self)) if numbers else np.flatnonzero(self.target >= 0)


def encode(kind: Problem, inputs: Inputs, data: Dataset, rows: Array, dtype: str) -> Part:
    """Some rows of the data as a part, its floats of this dtype."""
    some = data.take(rows)
    target, place = target_of(some), some.target_place
    x = transform(inputs, some.features, some.source).astype(dtype, copy=False)
    encoded = kind.targets.encode(target, place)
    if encoded.dtype.kind == "f":
        encoded = encoded.astype(dtype, copy=False)
    return Part(x, encoded, kind.truth(target, place), some, rows)


def transform(inputs: Inputs, features: Table | Array, source: str) -> Array:
    """The features as the network takes them.   Raises: DataError for a table instead of arrays, say."""
    if isinstance(inputs, TableInputs) and isinstance(features, Table):
        return inputs.transform(features)
    if isinstance(inputs, ArrayInputs) and not isinstance(features, Table):
        return inputs.transform(features)
    expected, got = ("a table", "arrays") if isinstance(inputs, TableInputs) else ("arrays", "a table")
    raise DataError(f"{source}: expected {expected} as in training, got {got}; convert it")


def target_of(data: Dataset) -> Target:
    assert data.target is not None  # load_dataset refuses data without one, where it is needed
    return data.target
