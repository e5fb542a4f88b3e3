"""What a person sees: lines of the report, the table of epochs with its bar, the tables of scores."""

from __future__ import annotations

import math
import os
import shutil
import sys
from collections import Counter
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
    A training that goes on where it was cut off has `start_epoch` epochs and `start_batch` of the next one's
    `batches` behind it: the bar starts there, and those epochs are not shown again.
    """

    def __init__(
        self,
        mode: str,
        epochs: int,
        metric: str,
        *,
        start_epoch: int = 0,
        start_batch: int = 0,
        batches: int = 1,
        out: TextIO | None = None,
    ) -> None:
        self.mode = _resolved(mode)
        self.epochs, self.metric = epochs, metric
        self.start, self.done = start_epoch + start_batch / batches, start_epoch
        self.first, self.shown = start_epoch + 1, start_epoch  # the latest epoch in the table
        self.out = sys.stdout if out is None else out
        self.every = math.ceil(epochs / LINES)
        self.width: float = shutil.get_terminal_size().columns if _terminal(self.out) else math.inf
        self.bar: Any = None

    def __enter__(self) -> Progress:
        names = ("train loss", "val loss", self.metric)
        cells = [f"{'epoch':>6}", *(f"{name:>13}" for name in names), f"{'lr':>10}", f"{'time':>9}"]
        self._line(cells, "   * best so far")
        if self.mode == "bar":
            from tqdm import tqdm

            self.bar = tqdm(
                total=self.epochs,
                initial=self.start,
                bar_format="{desc} |{bar}| {remaining} left at most{postfix}",
                desc=self._turn(),
                leave=False,
                file=sys.stderr,
                dynamic_ncols=True,
                ascii=_ascii_only(sys.stderr),
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def after_batch(self, number: int, of: int) -> None:
        """Move the bar to this batch of the epoch under way."""
        if self.bar is not None:
            self.bar.update(self.done + number / of - self.bar.n)

    def after_epoch(self, history: History) -> None:
        """Show the epoch, if its turn has come."""
        row = history.epochs[-1]
        self.done = row.epoch
        if row.epoch in (self.first, self.epochs) or row.epoch % self.every == 0:
            self._row(row)
        if self.bar is not None and history.best is not None:
            self.bar.set_description_str(self._turn(), refresh=False)
            self.bar.set_postfix_str(f"best epoch {history.best.epoch}", refresh=False)

    def finish(self, history: History) -> None:
        """Show the last epoch, if it is not shown yet."""
        if self.done > self.shown:
            self._row(history.epochs[-1])

    def _turn(self) -> str:
        return f"epoch {min(self.done + 1, self.epochs)} of {self.epochs}"

    def _row(self, row: Epoch) -> None:
        self.shown = row.epoch
        values = (row.train_loss, row.val_loss, row.scores.get(self.metric))
        cells = [f"{row.epoch:>6}", *(f"{_cell(value):>13}" for value in values)]
        self._line([*cells, f"{row.lr:>10.2g}", f"{row.seconds:>8.1f}s"], "   *" if row.best else "")

    def _line(self, cells: list[str], mark: str) -> None:
        """The cells that the terminal has room for, and the mark if it has room for that."""
        if self.mode == "none":
            return
        text = ""
        for cell in cells:
            if len(text + cell) > self.width:
                break
            text += cell
        text += mark if len(text + mark) <= self.width else ""
        if self.bar is not None:
            self.bar.write(text, file=self.out)  # above the bar
            self.out.flush()
        else:
            print(text, file=self.out, flush=True)


def _resolved(mode: str) -> str:
    if mode == "auto":
        able = os.environ.get("TERM") != "dumb" and _terminal(sys.stdout) and _terminal(sys.stderr)
        mode = "bar" if able else "lines"
    return "lines" if mode == "bar" and (sys.stderr is None or not _has_tqdm()) else mode


def _terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at it; a stream that is closed from the start is None."""
    return stream is not None and stream.isatty()


def _ascii_only(stream: TextIO) -> bool:
    """Whether blocks cannot be drawn: in the locale C Python writes UTF-8, and the terminal reads ASCII."""
    named = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next((name for name in named if name), "C")
    return locale in ("C", "POSIX") or not (stream.encoding or "").lower().startswith("utf")


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
    names = distinct(classes, 12)
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


def distinct(names: Sequence[str], limit: int) -> list[str]:
    """The names on a line each, as `short` has them; those that became alike get their number."""
    shown = [short(name, limit) for name in names]
    times = Counter(shown)
    return [
        name if times[name] == 1 else short(f"{number} {full}", limit)
        for number, (name, full) in enumerate(zip(shown, names, strict=True), start=1)
    ]


def size_of(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def parameters(params: Mapping[str, Array]) -> str:
    return f"{sum(int(np.size(p)) for p in params.values()):,} parameters"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
