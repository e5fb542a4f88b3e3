"""Columns that give the answer away, or say the same thing twice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..reading.cells import read_numbers
from ..reading.table import Table
from ..text import listing
from .kinds import MANY, as_option


def leaks(table: Table, target: Sequence[str]) -> list[str]:
    """Notes on features that equal the target, or name its values one for one, and on identical columns."""
    notes: list[str] = []
    twins: dict[str, str] = {}  # column -> the first like it
    wanted = [str(value).strip() for value in target]
    repeated = 1 < len(set(wanted)) <= len(wanted) // 2
    first: dict[int, str] = {}  # hash of a column -> its name
    for name, cells in zip(table.names, table.columns, strict=True):
        if _equal(cells, wanted):
            notes.append(f"feature {name!r} equals the target: a leak? --drop {as_option(name)}")
        elif repeated and _one_to_one(cells, wanted):
            notes.append(
                f"feature {name!r} tells the target value for value: a leak? --drop {as_option(name)}"
            )
        twin = first.setdefault(hash(tuple(cells)), name)
        if twin != name and cells == table.column(twin) and any(cell != cells[0] for cell in cells):
            twins[name] = twin
    if len(twins) > MANY:
        pairs = listing((f"{name} = {twin}" for name, twin in twins.items()), 5)
        return [*notes, f"{len(twins)} columns repeat others ({pairs}); --drop silences this"]
    same = [f"columns {a!r} and {b!r} are identical; --drop {as_option(b)}" for b, a in twins.items()]
    return [*notes, *same]


def _equal(cells: Sequence[str], target: Sequence[str]) -> bool:
    """The same text, or the same numbers however written; ten cells spare most columns the rest."""
    for some in (slice(0, 10), slice(None)):
        a, b = cells[some], target[some]
        if all(x.strip() == y for x, y in zip(a, b, strict=True)):
            continue
        x, y = read_numbers(a), read_numbers(b)
        if len(x.words) or len(y.words) or not np.array_equal(x.values, y.values):
            return False
    return True


def _one_to_one(cells: Sequence[str], target: Sequence[str]) -> bool:
    forth: dict[str, str] = {}
    back: dict[str, str] = {}
    return all(
        forth.setdefault(x, y) == y and back.setdefault(y, x) == x for x, y in zip(cells, target, strict=True)
    )
