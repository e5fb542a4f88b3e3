"""A table of text cells, as a CSV file holds it, that remembers where each row stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


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

    def __len__(self) -> int:
        return len(self.lines)

    def column(self, name: str) -> list[str]:
        return self.columns[self.names.index(name)]

    def without(self, *names: str) -> Table:
        kept = [i for i, name in enumerate(self.names) if name not in names]
        return replace(
            self, names=tuple(self.names[i] for i in kept), columns=tuple(self.columns[i] for i in kept)
        )

    def only(self, *names: str) -> Table:
        return self.without(*(name for name in self.names if name not in names))

    def take(self, rows: Sequence[int]) -> Table:
        """The given rows, in the given order."""
        return replace(
            self,
            columns=tuple([column[row] for row in rows] for column in self.columns),
            lines=[self.lines[row] for row in rows],
        )

    def place(self, row: int, name: str | None = None) -> str:
        """Where a row or a cell of it stands: "auto.csv:34, column 'horsepower'"."""
        return f"{self.path}:{self.lines[row]}" + ("" if name is None else f", column {name!r}")
