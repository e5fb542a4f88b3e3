"""Rows from another file: what training never saw of them, and what it saw already."""

from __future__ import annotations

from collections.abc import Iterator

from .encoding.inputs import TableInputs
from .errors import DataError
from .parts import Inputs, Part, target_of
from .problem import Classification, Problem
from .reading.dataset import Dataset
from .text import counted, listing


def strangers(kind: Problem, inputs: Inputs, part: Part, name: str) -> list[str]:
    """Notes on classes and categories of another file that training never saw.

    Raises: DataError where no row is left to choose the best epoch by.
    """
    notes = unknown_categories(inputs, part.data.source)
    if isinstance(kind, Classification) and (part.truth < 0).any():
        if name == "val" and (part.truth < 0).all():
            raise DataError(
                f"{part.data.source}: none of its classes is in the training data; check --target"
            )
        notes.append(unknown_classes(kind, part.data))
    return notes


def unknown_categories(inputs: Inputs, source: str) -> list[str]:
    """Notes on the latest rows that inputs.transform took."""
    unknown = inputs.unknown if isinstance(inputs, TableInputs) else {}
    return [
        f"{source}, column {name!r}: {counted(count, 'cell')} of a category that training never saw, "
        "taken as (other)"
        for name, count in unknown.items()
    ]


def unknown_classes(kind: Classification, data: Dataset) -> str:
    unknown = kind.targets.unknown(target_of(data))
    named = listing((f"{name!r} {count} x" for name, count in unknown.items()), 5)
    rows = counted(sum(unknown.values()), "row")
    return f"{data.source}: {rows} of a class that training never saw ({named}), counted as wrong"


def repeats(own: list[Part], other: Part, name: str) -> list[str]:
    """A note on rows of another file that DATA has too."""
    seen = {row for part in own for row in _hashes(part)}
    count = sum(row in seen for row in _hashes(other))
    if count == 0:
        return []
    rows = f"{count} of {counted(len(other), 'row')}"
    return [f"{other.data.source}: {rows} in the data to train on too; the {name} scores flatter"]


def _hashes(part: Part) -> Iterator[int]:
    return (hash((x.tobytes(), y.tobytes())) for x, y in zip(part.x, part.truth, strict=True))
