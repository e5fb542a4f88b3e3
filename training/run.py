"""The run directory: one new folder a run, every file in it whole."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from layers import Layer
from optim import Optimizer
from optim.schedules import ReduceOnPlateau

from . import checkpoint
from .disk import make_folder, write_bytes
from .errors import DiskError, UsageError
from .loop import Epoch, History


class Run:
    """A run directory and what belongs in it.   All that write: Raises DiskError."""

    def __init__(self, path: Path) -> None:
        self.path = path

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
            raise UsageError(f"--run {run}: exists already; name a new directory")
        return cls(Path(run))

    def write_text(self, name: str, text: str) -> None:
        write_bytes(self.path / name, text.encode())

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(name, json.dumps(value, indent=2, allow_nan=False) + "\n")

    def write_csv(self, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        self.write_text(name, csv_text(header, rows))

    def write_history(self, history: History) -> None:
        """history.csv: a row an epoch; the validation scores are columns val_<name>."""
        rows = [_flat(epoch) for epoch in history.epochs]
        self.write_csv("history.csv", list(rows[0]), [list(row.values()) for row in rows])

    def write_model(self, meta: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """model.npz: the best weights and everything predict.py needs."""
        checkpoint.write(self.path / "model.npz", meta, model=state)

    def write_last(
        self,
        meta: Mapping[str, Any],
        model: Layer,
        optimizer: Optimizer,
        history: History,
        plateau: ReduceOnPlateau | None = None,
    ) -> None:
        """last.npz: everything that going on from here needs."""
        going_on = {
            **meta,
            "history": [asdict(epoch) for epoch in history.epochs],
            "best_epoch": history.best.epoch if history.best else None,
            "rng": checkpoint.rng_states(model),
        }
        checkpoint.write(
            self.path / "last.npz",
            going_on,
            model=model.state(),
            best=history.best_state,
            optimizer=optimizer.state(),
            plateau=plateau.state() if plateau else {},
        )

    def plot_path(self, name: str) -> Path:
        return self.path / "plots" / f"{name}.png"

    def discard(self) -> None:
        """Take back a run that has learned nothing: what create and the first file left, and nothing else."""
        with contextlib.suppress(OSError):
            (self.path / "config.json").unlink(missing_ok=True)
            self.path.rmdir()


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
    row = asdict(epoch)
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
