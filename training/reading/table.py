"""A table of text cells, as a CSV file holds it, that remembers where each row stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .cells import Reading, read_numbers


@dataclass(frozen=True)
class Table:
    """Columns of text by name; a blank cell is "".

    `lines[i]` is the line of the file on which row i begins, for messages.
    `notes` are warnings from reading, a line each; `form` says "comma-separated, utf-8".
    """

    path: str
    names: tuple[str, ...]
    columns: tuple[list[str], ...]
    lines: Sequence[int]
    notes: tuple[str, ...] = ()
    form: str = ""
    _read: dict[tuple[str, frozenset[str]], Reading] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> list[str]:
        return self.columns[self.names.index(name)]

    def numbers(self, name: str, tokens: frozenset[str]) -> Reading:
        """A column read as numbers, once; cells that equal one of the tokens are missing."""
        if (name, tokens) not in self._read:
            self._read[name, tokens] = read_numbers(self.column(name), tokens)
        return self._read[name, tokens]

    def without(self, *names: str) -> Table:
        kept = [i for i, name in enumerate(self.names) if name not in names]
        return replace(
            self, names=tuple(self.names[i] for i in kept), columns=tuple(self.columns[i] for i in kept)
        )

    def only(self, *names: str) -> Table:
        return self.without(*(name for name in self.names if name not in names))

    def take(self, rows: Sequence[int]) -> Table:
        """The given rows, in the given order."""
        kept = np.asarray(rows, np.intp)
        return replace(
            self,
            columns=tuple(list(map(column.__getitem__, rows)) for column in self.columns),
            lines=[self.lines[row] for row in rows],
            _read={key: reading.take(kept) for key, reading in self._read.items()},
        )

    def place(self, row: int, name: str | None = None) -> str:
        """Where a row or a cell of it stands: "auto.csv:34, column 'horsepower'"."""
        return f"{self.path}:{self.lines[row]}" + ("" if name is None else f", column {name!r}")
