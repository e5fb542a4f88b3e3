"""Tables written out by columns, and what is fitted to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.encoding.inputs import TableInputs
from training.reading.table import Table


def table(**columns: Sequence[object]) -> Table:
    cells = tuple([str(cell) for cell in column] for column in columns.values())
    return Table("auto.csv", tuple(columns), cells, range(2, 2 + len(cells[0])))


def rows_of(t: Table) -> np.ndarray:
    return np.arange(len(t))


def fit(**columns: Sequence[object]) -> TableInputs:
    t = table(**columns)
    return TableInputs.fit(t, rows_of(t))


def subset(t: Table, rows: Sequence[int]) -> Table:
    columns = tuple([column[row] for row in rows] for column in t.columns)
    return Table(t.path, t.names, columns, [t.lines[row] for row in rows])


decimals = [f"{i / 7:.3f}" for i in range(60)]  # 60 distinct numbers
