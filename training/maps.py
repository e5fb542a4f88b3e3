"""Pictures of what a network does with its inputs: a map of two features, the first layer's weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from layers import Affine, Conv2D, Layer
from layers.base import Array
from layers.container import Container, walk

from . import canvas
from .canvas import INK, OKABE_ITO, plain
from .screen import distinct, short

FINE = 200  # places along each side of a map
MARKS = "os^Dv<>p"  # beside OKABE_ITO: a class's shape and colour
FEW = len(MARKS)  # classes that have a shape each
MOST_UNITS = 64  # whose weights are shown
NAMED = 12  # classes beside a scale of colours


def class_map(
    path: Path,
    x: Array,
    labels: Array,
    features: Sequence[str],
    classes: Sequence[str],
    classify: Callable[[Array], Array],
    title: str,
) -> None:
    """Where each class is predicted, with the rows over it in the colours of their true classes.

    `classify` takes rows (m, 2) in the user's units to class numbers (m,).
    Shapes: x (n, 2), labels (n,), -1 for a class never seen.
    """
    from matplotlib.colors import ListedColormap, to_rgb

    C, few, names = len(classes), len(classes) <= FEW, [plain(name) for name in distinct(classes, 20)]
    figure, axes = canvas.figure(7, 5.2)
    colours = np.array([to_rgb(colour) for colour in _colours(C)])
    places, across, up = _plane(x)
    regions = classify(places).reshape(FINE, FINE)
    axes.imshow(
        regions, cmap=ListedColormap(0.35 * colours + 0.65), vmin=-0.5, vmax=C - 0.5, origin="lower",
        extent=(*across, *up), aspect="auto", interpolation="nearest",
    )  # fmt: skip
    for label in np.unique(labels):
        rows = x[labels == label]
        colour, mark = (INK, "x") if label < 0 else (colours[label], MARKS[label] if few else "o")
        name = "a class never seen" if label < 0 else names[label]
        edge = {} if label < 0 else {"ec": "white"}
        axes.scatter(*rows.T, s=_size(len(x)), color=colour, marker=mark, lw=0.5, label=name, **edge)
    if few:
        figure.legend(loc="outside right upper", frameon=False, title="true class")
    else:
        scale = figure.colorbar(_scale(ListedColormap(colours), -0.5, C - 0.5), ax=axes, label="class")
        shown = range(0, C, -(-C // NAMED))
        scale.set_ticks(list(shown), labels=[names[i] for i in shown])
    _name(axes, features, across, up, title)
    canvas.save(figure, path)


def value_map(
    path: Path,
    x: Array,
    true: Array,
    features: Sequence[str],
    name: str,
    predict: Callable[[Array], Array],
    title: str,
) -> None:
    """The predicted value as a relief, with the rows over it in the colours of their true values.

    `predict` takes rows (m, 2) in the user's units to numbers (m,).   Shapes: x (n, 2), true (n,).
    """
    figure, axes = canvas.figure(7, 5.2)
    places, across, up = _plane(x)
    values = predict(places)
    low, high = canvas.bounds(values, true)
    grid = values.reshape(FINE, FINE)
    how: dict[str, Any] = {"cmap": "viridis", "vmin": low, "vmax": high}
    axes.imshow(grid, origin="lower", extent=(*across, *up), aspect="auto", **how)
    if grid.max() > grid.min():
        lines = axes.contour(grid, levels=8, extent=(*across, *up), colors="white", linewidths=0.7)
        axes.clabel(lines, fmt="%.3g", fontsize=7)
    axes.scatter(*x.T, c=true, s=_size(len(x)), ec="white", lw=0.6, **how)
    figure.colorbar(_scale("viridis", low, high), ax=axes, label=plain(short(name, 40)))
    _name(axes, features, across, up, title)
    canvas.save(figure, path)


def first_weights(model: Layer, shape: Sequence[int]) -> Array | None:
    """The weights of the first layer that has any, as images, where it takes images of 1 or 3 channels.

    Shapes: an image (C, H, W); the result (units, C, h, w).
    """
    leaves = [model] if not isinstance(model, Container) else [leaf for _, leaf in walk(model.children)]
    first = next((leaf for leaf in leaves if "W" in leaf.params and not isinstance(leaf, Container)), None)
    if len(shape) != 3 or shape[0] not in (1, 3) or first is None:
        return None
    W = first.params["W"]
    if isinstance(first, Affine) and W.shape[1] == np.prod(shape):
        return W.reshape(-1, *shape)
    return W if isinstance(first, Conv2D) and W.shape[1] == shape[0] else None


def weights(path: Path, images: Array, title: str) -> None:
    """The weights of each unit as an image: of one channel blue below 0 and red above, of three in colour.

    Shapes: images (units, C, h, w) with C = 1 or 3.
    """
    units, (C, h, w) = min(len(images), MOST_UNITS), images.shape[1:]
    columns = min(8, units)
    rows = -(-units // columns)
    reach = float(np.quantile(np.abs(images), 0.995)) or 1.0  # a few large ones would pale the others
    tiles = np.full((rows * columns, C, h + 1, w + 1), np.nan)  # each with a margin above and to the left
    tiles[:units, :, 1:, 1:] = np.clip(images[:units] / reach, -1, 1)
    sheet = tiles.reshape(rows, columns, C, h + 1, w + 1).transpose(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * (h + 1), columns * (w + 1), C)

    tall = 0.9 * rows * min(h / w, 2)
    figure, axes = canvas.figure(0.9 * max(columns, 4) + 1, tall + 0.9)
    axes.set_axis_off()
    if C == 1:
        axes.imshow(reach * sheet[..., 0], cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest")
        figure.colorbar(_scale("RdBu_r", -reach, reach), ax=axes, label="weight", shrink=min(1, 3 / rows))
    else:
        axes.imshow(np.nan_to_num(0.5 + 0.5 * sheet, nan=1.0), interpolation="nearest")
    more = f", {units} of {len(images)} units" if units < len(images) else ""
    canvas.title(axes, f"{title}, first layer{more}")
    canvas.save(figure, path)


def _plane(x: Array) -> tuple[Array, tuple[float, float], tuple[float, float]]:
    """Places all over the rows, line by line from below, and what they reach over.

    Shapes: x (n, 2), the places (FINE * FINE, 2).
    """
    across, up = canvas.bounds(x[:, 0]), canvas.bounds(x[:, 1])
    first, second = np.meshgrid(np.linspace(*across, FINE), np.linspace(*up, FINE))
    return np.column_stack([first.ravel(), second.ravel()]), across, up


def _colours(n: int) -> list[Any]:
    if n <= FEW:
        return list(OKABE_ITO[:n])
    from matplotlib import colormaps

    return [colour[:3] for colour in colormaps["viridis"](np.linspace(0, 1, n))]


def _scale(colours: Any, low: float, high: float) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    return ScalarMappable(Normalize(low, high), colours)


def _size(n: int) -> float:
    return 32 if n < 1000 else 14 if n < 5000 else 4


def _name(axes: Any, features: Sequence[str], across: Any, up: Any, title: str) -> None:
    first, second = (plain(short(feature, 40)) for feature in features)
    axes.set(xlabel=first, ylabel=second, xlim=across, ylim=up)
    canvas.title(axes, title)
