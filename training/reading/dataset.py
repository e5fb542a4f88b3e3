"""From what the user typed to rows with a target: a table or arrays, as read. Nothing is fitted yet."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from layers.base import Array

from ..errors import DataError, UsageError
from ..text import printable, quoted
from .array_data import Arrays
from .builtin import BUILTIN, builtin
from .cells import MISSING
from .choose import choose_columns, known
from .files import SUFFIXES
from .read_arrays import npy_arrays, npz_arrays, read_idx
from .read_csv import parse_csv
from .source import open_source
from .table import Table


@dataclass(frozen=True, eq=False)
class Dataset:
    """The rows of one file as read: features, and the target where it is known. Nothing is fitted yet.

    Shapes: features a Table of N rows, or (N, D) or (N, C, H, W) with the dtype as stored; target N cells of
    text, or (N,) integers or floats, or (N, k) floats.
    """

    name: str  # short, for the run directory: "iris", "auto"
    source: str  # what the user typed
    features: Table | Array
    target: list[str] | Array | None  # None where it is absent
    target_name: str
    target_from: str  # how it was chosen: "--target", "by its name", "the last column", "key 'y'"
    test: Dataset | None = None
    notes: tuple[str, ...] = ()  # warnings from reading, a line each
    rows: Sequence[int] | None = (
        None  # of arrays: the rows' numbers in the file, where they are not 1, 2, ...
    )
    sha256: str | None = None  # of what came on standard input, which cannot be read again
    columns: tuple[int, ...] | None = None  # of a .npy file, those that are features

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: Sequence[int] | Array) -> Dataset:
        """The given rows, by index or mask, in the given order; without the test part."""
        features, target, numbers = self.features, self.target, self.rows
        kept = np.arange(len(self))[np.asarray(rows)] if len(rows) else np.arange(0)
        if isinstance(features, Table):
            features = features.take(kept.tolist())
        else:
            features, numbers = features[kept], [self.number(row) for row in kept.tolist()]
        if isinstance(target, list):
            target = [target[row] for row in kept.tolist()]
        elif target is not None:
            target = target[kept]
        return replace(self, features=features, target=target, test=None, rows=numbers)

    def number(self, row: int) -> int:
        """The number of a row of arrays in its file, from 1."""
        return row + 1 if self.rows is None else self.rows[row]

    def place(self, row: int, column: str | None = None) -> str:
        """Where a row stands, for messages: "auto.csv:34, column 'mpg'", or "mnist.npz, row 5"."""
        if isinstance(self.features, Table):
            return self.features.place(row, column)
        name = "" if column is None else f", column {quoted(column)}"
        return f"{printable(self.source)}, row {self.number(row)}{name}"

    def target_place(self, row: int) -> str:
        """Where the target of a row stands."""
        return self.place(row, self.target_name if isinstance(self.features, Table) else None)


def load_dataset(
    source: str | os.PathLike[str],
    target: str | None = None,
    *,
    drop: Collection[str] = (),
    sep: str | None = None,
    header: bool = True,
    encoding: str = "utf-8",
    need_target: bool = True,
    missing: Collection[str] = MISSING,
) -> Dataset:
    """The rows of a built-in dataset ("iris", "spirals:3000"), a table, .npz, .npy, or a folder of IDX files.

    "-" is a table or an .npz or .npy file on standard input; its bytes tell which.

    `target` is the name of a column or its number from 1, or a key of an .npz file. Without it: the column
    named target, label, class or y, else the last. With `need_target=False`, to predict, the target may be
    absent, and the last column is not taken for it. `missing` are cells that say nothing, as blank ones do.

    Raises: DataError that names the file and the mend; UsageError for options that cannot be.
    """
    typed = os.fspath(source)
    if typed.partition(":")[0] in BUILTIN:
        table = builtin(typed)
        return replace(of_table(table, target, drop, need_target, missing), name=table.path, source=typed)
    opened = open_source(typed)
    name, who, raw = opened.name, printable(opened.name), opened.raw
    if drop and opened.form in ("npz", "idx"):
        raise UsageError(f"--drop: {who} has no named columns; leave it out")
    if opened.form == "table":
        table = parse_csv(raw, who, sep=sep, header=header, encoding=encoding)
        data = of_table(table, target, drop, need_target, missing)
    elif opened.form == "npy":
        data = of_columns(npy_arrays(raw, who), name, target, drop, need_target)
    elif opened.form == "npz":
        arrays = npz_arrays(raw, who, target, need_target=need_target)
        how = "--target" if target == arrays.y_name else f"key {quoted(arrays.y_name)}"
        data = of_arrays(arrays, name, how, need_target, missing)
    else:
        if need_target and target not in (None, "label"):
            raise UsageError(f"--target: {who} has its labels in files of their own; leave it out")
        data = of_arrays(read_idx(name), name, "the labels file", need_target, missing)
    return replace(data, name=short_name(Path(name)), source=name, sha256=opened.sha256)


def short_name(path: Path) -> str:
    """The name of a file without its endings, fit to name a folder."""
    name = path.name or path.resolve().name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.")[:80] or "data"


def of_table(
    table: Table, target: str | None, drop: Collection[str], need_target: bool, missing: Collection[str]
) -> Dataset:
    """The target's column apart from the features'."""
    features, column, how = choose_columns(table.names, target, drop, need_target, table.path)
    cells: list[str] | None = None
    notes: tuple[str, ...] = ()
    if column:
        says = f"{table.path}, column {quoted(column)}"
        cells, notes = known(table.column(column), table.lines, "line", says, need_target, missing)
    return Dataset("", "", table.only(*features), cells, column, how, notes=(*table.notes, *notes))


def of_columns(
    arrays: Arrays, source: str, target: str | None, drop: Collection[str], need_target: bool
) -> Dataset:
    """The columns of one array, called col1, col2, ..., the target's apart from the features'."""
    index = {f"col{i + 1}": i for i in range(arrays.x.shape[1])}
    features, column, how = choose_columns(list(index), target, drop, need_target, printable(source))
    columns = tuple(index[name] for name in features)
    y = arrays.x[:, index[column]] if column else None
    return Dataset("", "", arrays.x[:, list(columns)], y, column, how, notes=arrays.notes, columns=columns)


def of_arrays(arrays: Arrays, source: str, how: str, need_target: bool, missing: Collection[str]) -> Dataset:
    """The arrays of an archive or of IDX files, with their test part; labels of text as a list."""
    if arrays.y is None and need_target:
        mend = (
            "put train-labels-idx1-ubyte beside it" if os.path.isdir(source) else "save it under the key 'y'"
        )
        raise DataError(f"{printable(source)}: has features and no target; {mend}")

    def part(x: Array, y: Array | None, source: str) -> Dataset:
        target: list[str] | Array | None = y
        notes: tuple[str, ...] = ()
        if y is not None and y.dtype.kind == "U":
            cells, says = (
                [cell.strip() for cell in y.tolist()],
                f"{printable(source)}: {quoted(arrays.y_name)}",
            )
            target, notes = known(cells, range(1, len(y) + 1), "row", says, need_target, missing)
        return Dataset("", source, x, target, arrays.y_name, how if arrays.y_name else "", notes=notes)

    data = part(arrays.x, arrays.y, source)
    test = None if arrays.x_test is None else part(arrays.x_test, arrays.y_test, f"{source} (test part)")
    return replace(data, test=test, notes=(*arrays.notes, *data.notes))
