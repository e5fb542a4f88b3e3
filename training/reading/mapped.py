"""Rows of a file that are read when they are asked for: of .npy files and IDX images, as memory maps."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from layers.base import Array

from ..errors import DataError
from ..text import printable
from .dataset import Dataset
from .read_arrays import idx_path
from .table import Table


@dataclass(frozen=True)
class Mapped:
    """The features of a dataset, mapped into memory: only rows that are asked for are read.

    Shapes: x (N, D) or (N, 1, H, W), as Dataset.features.
    """

    path: str
    stored: str  # dtype in the file
    shape: tuple[int, ...]
    offset: int  # bytes before the first row
    fortran: bool
    columns: tuple[int, ...] | None
    dtype: str  # as Dataset.features has it

    def __getitem__(self, rows: Array) -> Array:
        x = self._map[rows]
        if self.columns is not None:
            x = x[:, list(self.columns)]
        return x.astype(self.dtype)

    @cached_property
    def _map(self) -> Array:
        how: dict[str, Any] = {"shape": self.shape, "order": "F" if self.fortran else "C"}
        try:
            return np.memmap(self.path, self.stored, "r", self.offset, **how)
        except (OSError, ValueError) as error:
            raise DataError(
                f"{printable(self.path)}: cannot be read here ({error}); "
                "keep it where all machines of the run see it, and leave it as it is"
            ) from None


def mapped(data: Dataset) -> Mapped | None:
    """The features of a dataset from its file; None where they are not in it row by row."""
    path = Path(os.path.abspath(data.source))
    if isinstance(data.features, Table) or data.sha256 is not None:
        return None
    dtype = data.features.dtype.str
    if path.is_dir():
        images = idx_path(path, "train-images", 3)
        if images is None or images.suffix == ".gz":
            return None
        sizes = [int(n) for n in np.fromfile(images, ">u4", 4)[1:]]
        return Mapped(str(images), "|u1", (sizes[0], 1, *sizes[1:]), 16, False, None, dtype)
    if path.suffix.lower() != ".npy" or data.columns is None:
        return None
    try:
        there = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):  # compressed, whatever its name
        return None
    fortran = not there.flags.c_contiguous
    return Mapped(str(path), there.dtype.str, there.shape, there.offset, fortran, data.columns, dtype)
