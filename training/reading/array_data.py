"""Features and targets as arrays, brought into one form: what a file may hold, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from layers.base import Array

from ..encoding.task import is_one_hot
from ..errors import DataError
from ..text import quoted

CHANNELS = {1: 0, 3: 0, 4: 1}  # gray, RGB, and RGBA, which is rarer


@dataclass(frozen=True, eq=False)
class Arrays:
    """Features and targets of one file, and of its test part where it has one.

    Shapes: x (N, D) or (N, C, H, W); y (N,) int64, float or text, or (N, k) float.
    `y_name` is the name of y in the file; `notes` are warnings from reading, a line each.
    """

    x: Array
    y: Array | None = None
    x_test: Array | None = None
    y_test: Array | None = None
    y_name: str = ""
    notes: tuple[str, ...] = ()


def assemble(
    who: str,
    names: Sequence[str],
    x: Array,
    y: Array | None = None,
    x_test: Array | None = None,
    y_test: Array | None = None,
    *,
    notes: Sequence[str] = (),
) -> Arrays:
    """The arrays of a file in one form, checked against each other; `names` are theirs in the file.

    A test part without its target is left out.

    Raises: DataError.
    """
    says = [f"{who}: {quoted(name)}" for name in names]
    if y is None or x_test is None or y_test is None:
        x_test = y_test = None
    check_rows(x, y, says[0], says[1])
    check_rows(x_test, y_test, says[2], says[3])
    check_alike(x, x_test, says[0], says[2])
    check_alike(y, y_test, says[1], says[3])
    x, changed = features(x, says[0])
    x_test = None if x_test is None else features(x_test, says[2])[0]
    if y is not None and y.shape[1:] == (1,):
        changed.append(f"{says[1]} has shape {y.shape}, read as one target a row")
    y = None if y is None else targets(y, says[1])
    y_test = None if y_test is None else targets(y_test, says[3])
    if y is not None and is_one_hot(y) and (y_test is None or is_one_hot(y_test)):
        changed.append(f"{says[1]} is one-hot of shape {y.shape}, read as classes 0 to {y.shape[1] - 1}")
        y, y_test = y.argmax(axis=1), None if y_test is None else y_test.argmax(axis=1)
    return Arrays(x, y, x_test, y_test, names[1], (*notes, *changed))


def features(x: Array, says: str) -> tuple[Array, list[str]]:
    """x as (N, D) or (N, C, H, W), and notes on what was changed.   Raises: DataError."""
    if x.ndim == 0 or x.ndim > 4:
        raise DataError(
            f"{says} has shape {x.shape}; expected (N, D), (N, H, W) or (N, C, H, W), a row an example"
        )
    if 0 in x.shape:
        what = "rows" if x.shape[0] == 0 else "feature columns"
        raise DataError(f"{says} has shape {x.shape}: 0 {what}; save at least one")
    check_finite(x, says)
    if x.dtype.kind == "b":
        x = x.astype(np.float32)
    if x.ndim == 1:
        return x[:, None], [f"{says} has shape {x.shape}, read as one column"]
    if x.ndim == 3:
        return x[:, None], []
    if x.ndim == 2:
        return x, []
    first, last = (CHANNELS.get(x.shape[axis], 2) for axis in (1, 3))
    if last < first:
        note = f"{says} has shape {x.shape}, read as images (N, H, W, C) and turned into (N, C, H, W)"
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2)), [note]
    doubt = f"{says} has shape {x.shape}, read as images (N, C, H, W); transpose it if the channels are last"
    return x, [doubt] if first == last < 2 else []


def targets(y: Array, says: str) -> Array:
    """y as (N,) int64, float or text, or (N, k) float.   Raises: DataError."""
    if y.ndim not in (1, 2) or 0 in y.shape[1:]:
        raise DataError(f"{says} has shape {y.shape}; expected (N,) or (N, k), a row an example")
    check_finite(y, says)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.dtype.kind == "U" and y.ndim == 2:
        raise DataError(f"{says} holds text of shape {y.shape}; expected one label a row, (N,)")
    if y.dtype.kind in "fU":
        return y
    if y.ndim == 2:
        return y.astype(np.float64)
    if y.dtype.kind == "u" and y.max(initial=0) > np.iinfo(np.int64).max:
        raise DataError(f"{says} holds {y.max()}; expected integers below 2**63, save labels as text")
    return y.astype(np.int64)


def check_finite(array: Array, says: str) -> None:
    """Name the first NaN or infinity, counting rows and columns from 1.   Raises: DataError."""
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return
    row, *rest = map(int, np.argwhere(~np.isfinite(array))[0])
    place = f", column {rest[0] + 1}" if len(rest) == 1 else f", element {rest}" if rest else ""
    raise DataError(
        f"{says} holds {array[(row, *rest)]} in row {row + 1}{place}; fill it in, or leave the row out"
    )


def check_rows(x: Array | None, y: Array | None, x_says: str, y_says: str) -> None:
    """Refuse a target of another length.   Raises: DataError."""
    if x is not None and y is not None and x.ndim and y.ndim and len(x) != len(y):
        raise DataError(f"{x_says} has shape {x.shape}, {y_says} {y.shape}; each row needs one target")


def check_alike(train: Array | None, test: Array | None, train_says: str, test_says: str) -> None:
    """Refuse a test part of another form.   Raises: DataError."""
    if train is None or test is None:
        return
    if train.shape[1:] != test.shape[1:] or (train.dtype.kind == "U") != (test.dtype.kind == "U"):
        raise DataError(
            f"{train_says} is {train.dtype} of shape {train.shape}, {test_says} {test.dtype} of shape "
            f"{test.shape}; both parts need the same form"
        )
