"""Files of one kind read by themselves, without a target."""

from __future__ import annotations

import os
from typing import Any

from training.reading.array_data import Arrays
from training.reading.files import as_stored, read_bytes, shown
from training.reading.read_arrays import npy_arrays, npz_arrays
from training.reading.read_csv import parse_csv, table_cost
from training.reading.table import Table

Place = str | os.PathLike[str]


def read_csv(path: Place, **how: Any) -> Table:
    return parse_csv(read_bytes(path, table_cost), shown(path), **how)


def read_npy(path: Place) -> Arrays:
    return npy_arrays(read_bytes(path, as_stored), shown(path))


def read_npz(path: Place, target: str | None = None, **how: Any) -> Arrays:
    return npz_arrays(read_bytes(path, as_stored), shown(path), target, **how)
