"""What a person sees: lines of the report, the table of epochs with its bar, the tables of scores."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

import numpy as np

from layers.base import Array

from .loop import Epoch, History
from .text import printable

LINES = 20  # epoch lines of a whole run, about


def say(label: str, text: str) -> None:
    """One line of the report: a label, then what there is to say."""
    print(f"{label:<10}{printable(text)}", flush=True)


def warn(program: str, text: str) -> None:
    """One warning, on stderr."""
    print(f"{program}: warning: {printable(text)}", file=sys.stderr, flush=True)


def show(lines: Iterable[str]) -> None:
    """The lines of a table."""
    for line in lines:
        print(line.rstrip(), flush=True)


class Progress:
    """The table of epochs on stdout, and on a terminal a bar below it on stderr.

    mode: "bar", "lines", "none", or "auto", which is a bar where both streams are a terminal. Without tqdm
    (extra: train) a bar is lines. `metric` names the validation score that has a column.
    """

    def __init__(self, mode: str, epochs: int, metric: str, *, out: TextIO | None = None) -> None:
        self.mode = _resolved(mode)
        self.epochs, self.metric = epochs, metric
        self.out = sys.stdout if out is None else out
        self.every = math.ceil(epochs / LINES)
        self.shown = 0  # the latest epoch in the table
        self.bar: Any = None

    def __enter__(self) -> Progress:
        columns = ("train loss", "val loss", self.metric)
        head = "".join(f"{name:>13}" for name in columns)
        self._line(f"{'epoch':>6}{head}{'lr':>10}{'time':>9}   * best so far")
        if self.mode == "bar":
            from tqdm import tqdm

            self.bar = tqdm(
                total=self.epochs,
                bar_format="{desc} |{bar}| {remaining} left at most{postfix}",
                desc=self._turn(1),
                leave=False,
                file=sys.stderr,
                dynamic_ncols=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def after_batch(self, number: int, of: int) -> None:
        """Move the bar on, by a part of an epoch."""
        if self.bar is not None:
            self.bar.update(1 / of)

    def after_epoch(self, history: History) -> None:
        """Show the epoch, if its turn has come."""
        row = history.epochs[-1]
        if row.epoch == 1 or row.epoch % self.every == 0 or row.epoch == self.epochs:
            self._row(row)
        if self.bar is not None and history.best is not None:
            self.bar.n = row.epoch
            self.bar.set_description_str(self._turn(row.epoch + 1), refresh=False)
            self.bar.set_postfix_str(f"best epoch {history.best.epoch}", refresh=False)

    def finish(self, history: History) -> None:
        """Show the last epoch, if it is not shown yet."""
        if history.epochs[-1].epoch != self.shown:
            self._row(history.epochs[-1])

    def _turn(self, epoch: int) -> str:
        return f"epoch {min(epoch, self.epochs)} of {self.epochs}"

    def _row(self, row: Epoch) -> None:
        self.shown = row.epoch
        values = (row.train_loss, row.val_loss, row.scores.get(self.metric))
        cells = "".join(f"{_cell(value):>13}" for value in values)
        best = "   *" if row.best else ""
        self._line(f"{row.epoch:>6}{cells}{row.lr:>10.2g}{row.seconds:>8.1f}s{best}")

    def _line(self, text: str) -> None:
        if self.mode == "none":
            return
        if self.bar is not None:
            self.bar.write(text, file=self.out)  # above the bar
            self.out.flush()
        else:
            print(text, file=self.out, flush=True)


def _resolved(mode: str) -> str:
    if mode == "auto":
        mode = "bar" if sys.stdout.isatty() and sys.stderr.isatty() else "lines"
    return "lines" if mode == "bar" and not _has_tqdm() else mode


def _has_tqdm() -> bool:
    try:
        import tqdm  # noqa: F401
    except ImportError:
        return False
    return True


def score_table(columns: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """Lines of a table: a row a metric, a column a part of the data."""
    parts = {printable(name): scores for name, scores in columns.items()}
    widths = {name: max(10, len(name)) + 3 for name in parts}
    metrics = list(next(iter(parts.values())))
    lines = [" " * 10 + "".join(f"{name:>{widths[name]}}" for name in parts)]
    for metric in metrics:
        cells = (f"{_cell(scores.get(metric)):>{widths[name]}}" for name, scores in parts.items())
        lines.append(f"{metric:<10}" + "".join(cells))
    return lines


def confusion_table(matrix: Array, classes: Sequence[str]) -> list[str]:
    """Lines of a table: rows are the true classes, columns the predicted ones, a dot is none.

    Shapes: matrix (C, C).
    """
    names = [short(name, 12) for name in classes]
    width = max(6, *(len(name) + 2 for name in names))
    lines = [f"{'true':<14}" + "".join(f"{name:>{width}}" for name in names) + "   (predicted)"]
    for name, row in zip(names, matrix.tolist(), strict=True):
        lines.append(f"{name:<14}" + "".join(f"{n or '.':>{width}}" for n in row))
    return lines


def short(name: str, limit: int) -> str:
    """A name on one line; a long one loses its middle, as names may differ at either end."""
    name = printable(name)
    head, tail = limit // 2, limit - limit // 2 - 1
    return name if len(name) <= limit else f"{name[:head]}…{name[-tail:]}"


def size_of(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def parameters(params: Mapping[str, Array]) -> str:
    return f"{sum(int(np.size(p)) for p in params.values()):,} parameters"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
