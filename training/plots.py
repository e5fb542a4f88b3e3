"""Pictures of a run as PNG files, drawn with matplotlib (extra: train) without a screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from layers.base import Array

from . import canvas
from .canvas import BLUE, GRID, INK, ORANGE, plain
from .loop import History
from .metrics import calibration_error, reliability
from .screen import distinct, short


def learning_curve(path: Path, history: History, title: str, watch: str = "loss") -> None:
    """Training and validation loss by epoch, the best epoch marked; a log axis where they fall far.

    Below them the score that tells the best epoch, where that is not the loss, and the learning rate, where
    it changes.
    """
    from matplotlib.ticker import MaxNLocator

    rows = history.epochs
    heights = [3] + [2] * (watch != "loss") + [1] * (len({row.lr for row in rows}) > 1)
    figure, panels = canvas.figure(
        7, 2.2 + 0.68 * sum(heights), rows=len(heights), sharex=True, height_ratios=heights, squeeze=False
    )
    panels = list(panels[:, 0])
    epochs = [row.epoch for row in rows]
    dot = "." if len(rows) < 10 else ""
    curves = {"training": [row.train_loss for row in rows]}
    if rows[0].val_loss is not None:
        curves["validation"] = [row.val_loss for row in rows if row.val_loss is not None]
    axes = panels.pop(0)
    for (label, losses), color in zip(curves.items(), (BLUE, ORANGE), strict=False):
        axes.plot(epochs, losses, color=color, label=label, marker=dot)
    _log_where_far(axes, [loss for losses in curves.values() for loss in losses])
    axes.set(ylabel="loss")
    canvas.title(axes, title)
    watched = [axes]
    if watch != "loss":
        watched.append(panels.pop(0))
        scores = [np.nan if (score := row.scores.get(watch)) is None else score for row in rows]
        watched[-1].plot(epochs, scores, color=ORANGE, marker=dot)
        watched[-1].set(ylabel=f"validation {watch}")
    if history.best is not None:
        label = f"best epoch, {history.best.epoch}"
        for one in watched:
            one.axvline(history.best.epoch, color=INK, lw=0.8, ls=":", label=label)
    axes.legend(frameon=False)
    for strip in panels:  # the last one, if any
        strip.plot(epochs, [row.lr for row in rows], color=INK, lw=0.8, marker=dot)
        strip.set(ylabel="lr")
        strip.set_ylim(bottom=0)
        watched.append(strip)
    for one in watched:
        one.grid(axis="y", color=GRID, lw=0.6)
    watched[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    watched[-1].set(xlabel="epoch")
    figure.align_ylabels()
    canvas.save(figure, path)


def _log_where_far(axes: Any, values: list[float]) -> None:
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    if 0 < 20 * min(values) < max(values):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if max(values) < 1e4 * min(values) else (1,)))
        axes.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.yaxis.set_minor_formatter(NullFormatter())


def confusion_matrix(path: Path, matrix: Array, classes: Sequence[str], title: str) -> None:
    """Rows are the true classes, columns the predicted ones; shades are shares of a row.

    Shapes: matrix (C, C), counts.
    """
    C = len(classes)
    side = min(4.5 + 0.3 * C, 14)  # inches
    figure, axes = canvas.figure(side + 0.8, side)
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
    names = [plain(name) for name in distinct(classes, 20)][:: shown.step]
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
    axes.set(xlabel="predicted", ylabel="true")
    canvas.title(axes, title)
    canvas.save(figure, path)


def reliability_curve(path: Path, probabilities: Array, labels: Array, title: str) -> None:
    """How often answers of a probability are right, and how many have it; on the line it is as often as said.

    Shapes: probabilities (n, C), labels (n,), -1 for a class never seen.
    """
    bins = reliability(probabilities, labels)
    figure, (axes, counts) = canvas.figure(5.6, 6, rows=2, sharex=True, height_ratios=[3, 1])
    axes.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":")
    axes.text(0.02, 0.04, "as often right as said", color=INK, fontsize=8, rotation=45,
              rotation_mode="anchor", transform_rotates_text=True)  # fmt: skip
    said, right, rows = (np.array(column) for column in zip(*bins, strict=True))
    axes.plot(said, right, color=BLUE, marker="o", ms=5, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(-0.03, 1.03), ylabel="share of them that are right")
    width = 1 / 10
    places = np.minimum(np.floor(said / width), 9) * width
    bars = counts.bar(places, rows, width, align="edge", color=BLUE, ec="white")
    counts.bar_label(bars, fontsize=8, color=INK)
    counts.margins(y=0.25)
    counts.set(xlabel="probability of the predicted class", ylabel="rows")
    for one in (axes, counts):
        one.grid(axis="x", color=GRID, lw=0.6)
        one.set_axisbelow(True)
    canvas.title(axes, title, f"calibration error {calibration_error(bins):.3f}")
    canvas.save(figure, path)


def predicted_against_actual(path: Path, predicted: Array, true: Array, name: str, title: str) -> None:
    """One point a row; on the line the prediction is right.   Shapes: predicted, true (n,)."""
    figure, axes = canvas.figure(5.2, 5)
    limits = canvas.bounds(predicted.astype(np.float64), true.astype(np.float64))
    axes.plot(limits, limits, color=INK, lw=0.8, ls=":")
    axes.text(limits[1], limits[1], "predicted = actual  ", ha="right", va="top", color=INK, fontsize=8,
              rotation=45, rotation_mode="anchor")  # fmt: skip
    canvas.scatter(axes, true, predicted)
    name = plain(short(name, 30))
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.set(xlabel=f"actual {name}", ylabel=f"predicted {name}")
    canvas.title(axes, title)
    canvas.save(figure, path)


def residuals(path: Path, predicted: Array, true: Array, name: str, title: str) -> None:
    """Predicted minus actual, against the prediction and as a histogram.   Shapes: predicted, true (n,)."""
    figure, (axes, side) = canvas.figure(8, 4, columns=2)
    error = predicted.astype(np.float64) - true
    canvas.scatter(axes, predicted, error)
    reach = np.abs(error).max() or 1  # the same up and down: a bias shows
    side.hist(error, bins=min(30, max(5, len(error) // 4)), range=(-reach, reach), color=BLUE, ec="white",
              orientation="horizontal")  # fmt: skip
    for one in (axes, side):
        one.axhline(0, color=INK, lw=0.8, ls=":")
        one.set_ylim(-1.05 * reach, 1.05 * reach)
    axes.set(xlabel=f"predicted {plain(short(name, 20))}", ylabel="predicted − actual")
    axes.set_title(plain(short(title, 36)))
    side.tick_params(labelleft=False)
    spread = f"mean {error.mean():.3g}, deviation {error.std():.3g}"
    side.set(xlabel="rows", title=spread.replace("-", "−"))
    canvas.save(figure, path)
