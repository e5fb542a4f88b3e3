"""Classes or numbers: what the target asks for."""

from __future__ import annotations

import numpy as np

from layers.base import Array

from ..reading.cells import read_numbers
from .kinds import almost_all_numbers

FEW_CLASSES, ROWS_EACH = 20, 5


def detect_task(target: list[str] | Array) -> tuple[str, str]:
    """("classification" or "regression", the reason to print, with the flag that flips it).

    Words are classes, numbers that are not whole are for regression. Whole numbers are classes where there
    are exactly 2, or at most 20 with 5 rows each on average. An (n, k) array is one-hot classes, or k numbers
    a row for regression.
    """
    if isinstance(target, list):
        reading = read_numbers(target)
        if not almost_all_numbers(target, reading):
            return "classification", f"{len({cell.strip() for cell in target})} distinct words"
        if len(reading.words):  # refused by name when the numbers are read
            return "regression", "numbers, though not in every row; --task classification to change"
        return _numbers(reading.values)
    if target.dtype.kind in "US":
        return "classification", f"{len(np.unique(target))} distinct words"
    if target.ndim > 1 and target.shape[1] > 1:
        if is_one_hot(target):
            return "classification", f"one-hot rows of {target.shape[1]}"
        return "regression", f"{target.shape[1]} numbers a row"
    return _numbers(target.ravel())


def is_one_hot(target: Array) -> bool:
    """Whether each row of (n, k > 1) has one 1 among zeros."""
    if target.ndim != 2 or target.shape[1] < 2:
        return False
    return bool(((target == 0) | (target == 1)).all() and (target.sum(axis=1) == 1).all())


def _numbers(values: Array) -> tuple[str, str]:
    distinct = len(np.unique(values))
    whole = bool(np.all(np.isfinite(values)) and np.all(values == np.floor(values)))
    few = distinct == 2 or (distinct <= FEW_CLASSES and len(values) >= ROWS_EACH * distinct)
    task, other = ("classification", "regression") if whole and few else ("regression", "classification")
    noun = "whole numbers" if task == "classification" else "numbers"
    return task, f"{distinct} distinct {noun if distinct > 1 else noun[:-1]}; --task {other} to change"
