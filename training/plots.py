"""Pictures of a run as PNG files, drawn with matplotlib (extra: train) without a screen."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from layers.base import Array

from .disk import make_folder, write_bytes
from .loop import History
from .screen import short

INK, GRID, BLUE, ORANGE = "#333333", "#d9d9d9", "#2b6cb0", "#dd6b20"


def available() -> bool:
    """Whether matplotlib can be imported."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def learning_curve(path: Path, history: History, title: str) -> None:
    """Training and validation loss by epoch, the best epoch marked; a log axis where they fall far."""
    from matplotlib.ticker import FormatStrFormatter, LogLocator, MaxNLocator, NullFormatter

    figure, axes = _figure(7, 4.2)
    rows = history.epochs
    epochs = [row.epoch for row in rows]
    curves = {"training": [row.train_loss for row in rows]}
    if rows[0].val_loss is not None:
        curves["validation"] = [row.val_loss for row in rows if row.val_loss is not None]
    for (label, losses), color in zip(curves.items(), (BLUE, ORANGE), strict=False):
        axes.plot(epochs, losses, color=color, label=label, marker="." if len(rows) < 10 else "")
    if history.best is not None:
        label = f"best epoch, {history.best.epoch}"
        axes.axvline(history.best.epoch, color=INK, lw=0.8, ls=":", label=label)
    values = [loss for losses in curves.values() for loss in losses]
    if 0 < 20 * min(values) < max(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=GRID, lw=0.6)
    axes.set(xlabel="epoch", ylabel="loss", title=_plain(title))
    axes.legend(frameon=False)
    _save(figure, path)


def confusion_matrix(path: Path, matrix: Array, classes: Sequence[str], title: str) -> None:
    """Rows are the true classes, columns the predicted ones; shades are shares of a row.

    Shapes: matrix (C, C), counts.
    """
    C = len(classes)
    side = min(4.5 + 0.3 * C, 14)  # inches
    figure, axes = _figure(side + 0.8, side)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true class").outline.set_visible(False)
    if C <= 30:
        size = max(6, 12 - C / 4)
        for (i, j), n in np.ndenumerate(matrix):
            if n:
                color = "white" if shares[i, j] > 0.6 else INK
                axes.text(j, i, n, ha="center", va="center", color=color, fontsize=size)
    shown = range(0, C, -(-C // 40))  # at most 40 names
    names = [_plain(short(classes[i], 20)) for i in shown]
    room = 0.75 * side / len(shown)  # inches for one name
    upright = max(map(len, names)) * 0.1 > room
    axes.set_xticks(shown, names, rotation=90 if upright else 0)
    axes.set_yticks(shown, names)
    if C <= 40:
        axes.set_xticks(np.arange(1, C) - 0.5, minor=True)
        axes.set_yticks(np.arange(1, C) - 0.5, minor=True)
        axes.grid(which="minor", color=GRID, lw=0.6)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set(visible=True, color=GRID)
    axes.set(xlabel="predicted", ylabel="true", title=_plain(title))
    _save(figure, path)


def predicted_against_actual(path: Path, predicted: Array, true: Array, name: str, title: str) -> None:
    """One point a row; on the line the prediction is right.   Shapes: predicted, true (n,)."""
    figure, axes = _figure(5.2, 5)
    values = np.concatenate([predicted, true]).astype(np.float64)
    low, high = values.min(), values.max()
    margin = 0.04 * (high - low) or 0.04 * abs(high) or 1
    limits = low - margin, high + margin
    axes.plot(limits, limits, color=INK, lw=0.8, ls=":")
    axes.text(limits[1], limits[1], "predicted = actual  ", ha="right", va="top", color=INK, fontsize=8,
              rotation=45, rotation_mode="anchor")  # fmt: skip
    _scatter(axes, true, predicted)
    name = _plain(short(name, 40))
    axes.set(xlim=limits, ylim=limits, aspect="equal", title=_plain(title))
    axes.set(xlabel=f"actual {name}", ylabel=f"predicted {name}")
    _save(figure, path)


def residuals(path: Path, predicted: Array, true: Array, name: str, title: str) -> None:
    """Predicted minus actual, against the prediction and as a histogram.   Shapes: predicted, true (n,)."""
    figure, (axes, side) = _figure(8, 4, columns=2)
    error = predicted.astype(np.float64) - true
    _scatter(axes, predicted, error)
    reach = np.abs(error).max() or 1  # the same up and down: a bias shows
    side.hist(error, bins=min(30, max(5, len(error) // 4)), range=(-reach, reach), color=BLUE, ec="white",
              orientation="horizontal")  # fmt: skip
    for one in (axes, side):
        one.axhline(0, color=INK, lw=0.8, ls=":")
        one.set_ylim(-1.05 * reach, 1.05 * reach)
    axes.set(xlabel=f"predicted {_plain(short(name, 40))}", ylabel="predicted − actual", title=_plain(title))
    side.tick_params(labelleft=False)
    spread = f"mean {error.mean():.3g}, deviation {error.std():.3g}"
    side.set(xlabel="rows", title=spread.replace("-", "−"))
    _save(figure, path)


def _scatter(axes: Any, x: Array, y: Array) -> None:
    n = len(x)
    axes.scatter(x, y, s=14, alpha=0.6 if n < 1000 else 0.2, color=BLUE, linewidths=0)


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    """A figure of so many inches, known to no pyplot, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, columns)
    for one in np.atleast_1d(axes):
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _save(figure: Any, path: Path) -> None:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    make_folder(path.parent)
    write_bytes(path, picture.getvalue())


def _plain(text: str) -> str:
    """Text to be shown as it stands: no mathematics between dollars, escapes for what the font lacks."""
    known = _letters()
    shown = (char if ord(char) in known else char.encode("unicode_escape").decode() for char in text)
    return "".join(shown).replace("$", r"\$")


@cache
def _letters() -> frozenset[int]:
    """The characters that the font of the pictures can draw."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())
