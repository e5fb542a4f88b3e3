"""The run directory: one new folder a run, every file in it whole."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import checkpoint
from .disk import clean, make_folder, write_bytes
from .errors import CheckpointError, DiskError, UsageError
from .loop import Epoch, History


class Run:
    """A run directory and what belongs in it.   All that write: Raises DiskError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[str] = []  # of history.csv so far

    @classmethod
    def create(cls, *, run: str | None, out: str, name: str) -> Run:
        """Make --run DIR, or the next free OUT/<name>-NNN; of two runs at once each gets its own.

        Raises: UsageError where DIR exists, DiskError where no folder can be made.
        """
        if run is None:
            make_folder(Path(out))
            return cls(_next_folder(Path(out), name))
        make_folder(Path(run).parent)
        if not _made(Path(run)):
            mend = "name a new directory"
            if (Path(run) / "last.npz").exists():
                mend += f", or go on with it: --resume {shlex.quote(run)}"
            raise UsageError(f"--run {run}: exists already; {mend}")
        return cls(Path(run))

    @classmethod
    def open(cls, path: str) -> Run:
        """A run directory that is there.   Raises: CheckpointError for what is none."""
        found = Path(path)
        if found.is_file():
            raise CheckpointError(f"--resume {path}: is a file; name the run directory, {found.parent}")
        if not found.is_dir():
            raise CheckpointError(f"--resume {path}: there is no such run directory; check the path")
        if not any((found / name).exists() for name in ("last.npz", "last.prev.npz")):
            raise CheckpointError(f"--resume {path}: has no last.npz to go on from; start a new run")
        clean(found)
        return cls(found)

    def write_text(self, name: str, text: str) -> None:
        write_bytes(self.path / name, text.encode())

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=2, allow_nan=False) + "\n")

    def write_csv(self, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        self.write_text(name, csv_text(header, rows))

    def write_history(self, history: History) -> None:
        """history.csv: a row an epoch; the validation scores are columns val_<name>."""
        rows = [_flat(epoch) for epoch in history.epochs[max(0, len(self._lines) - 1) :]]
        if not self._lines:
            self._lines.append(_csv_line(list(rows[0])))
        self._lines += [_csv_line(list(row.values())) for row in rows]
        self.write_text("history.csv", "".join(self._lines))

    def write_model(self, meta: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """model.npz: the best weights and everything predict.py needs."""
        checkpoint.write(self.path / "model.npz", meta, model=state)

    def write_last(self, meta: Mapping[str, Any], **parts: Mapping[str, Any]) -> None:
        """last.npz: everything that going on from here needs; the one before stays beside it."""
        checkpoint.write(self.path / "last.npz", meta, keep=True, **parts)

    def plot_path(self, name: str) -> Path:
        return self.path / "plots" / f"{name}.png"

    def discard(self) -> None:
        """Take back a run that has learned nothing: what create and the first file left, and nothing else."""
        with contextlib.suppress(OSError):
            (self.path / "config.json").unlink(missing_ok=True)
            self.path.rmdir()


def is_run(path: str) -> bool:
    """Whether it is the directory of a run."""
    return any((Path(path) / name).is_file() for name in ("last.npz", "last.prev.npz", "model.npz"))


def free_name(name: str) -> str:
    """A dataset's name made fit for a folder: letters, digits, dot, underscore and hyphen, at most 60."""
    safe = "".join(char if char.isalnum() or char in "._-" else "-" for char in name)
    return safe.strip(".-")[:60].rstrip(".-") or "data"


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""A CSV file quoted as RFC 4180 says, its lines ended by \n.

    None is an empty cell, True is 1, and numbers are written so that they read back equal.
    """
    return "".join(_csv_line(row) for row in (header, *rows))


def _csv_line(row: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_cell(value) for value in row])  # ends in \r\n, and so quotes a \r in a cell
    return line.getvalue().removesuffix("\r\n") + "\n"


def _cell(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, bool) else value


def _flat(epoch: Epoch) -> dict[str, Any]:
    row = dict(vars(epoch))
    scores = row.pop("scores")
    return {**row, **{f"val_{name}": value for name, value in scores.items()}}


def _next_folder(parent: Path, name: str) -> Path:
    number = 1 + max((_number(folder.name, name) for folder in parent.iterdir()), default=0)
    while not _made(path := parent / f"{name}-{number:03d}"):  # another run took it just now
        number += 1
    return path


def _made(path: Path) -> bool:
    """Make a folder; False where something of that name is there."""
    try:
        path.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise DiskError(f"{path}: cannot be made: {error.strerror}; choose another --out") from error
    return True


def _number(folder: str, name: str) -> int:
    head, _, tail = folder.rpartition("-")
    return int(tail) if head == name and tail.isascii() and tail.isdigit() else 0
