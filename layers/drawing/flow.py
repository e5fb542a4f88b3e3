"""How large values and gradients are along a network: whether they vanish or explode on their way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import Layer
from ..container import Container
from . import words
from .canvas import expect_path, matplotlib, plain, plain_style, save
from .picture import GREEN, INK, RED
from .watched import Watched

BLUE, GRID = "#2b6cb0", "#d9d9d9"
NAMED = 40  # layers whose names are written out


@dataclass(frozen=True)
class Flow:
    """What passes one layer: root mean squares of y and of dL/dy, the norm of dL/dy, and of dL/dparameter.

    None stands for what has no real numbers: ids, masks, the adjoint that nobody asked for.
    """

    name: str
    layer: str
    value: float | None
    adjoint: float | None
    adjoint_norm: float | None
    grads: dict[str, float]

    @property
    def grad(self) -> float | None:
        """The norm of the gradients of all the layer's parameters together."""
        return words.norm(list(self.grads.values())) if self.grads else None


def flow(layer: Layer, x: Any, target: Any, *, loss: Any = None) -> list[Flow]:
    """A row for x, and one for every layer in the order in which they ran; one forward and one backward.

    A container has a row, without gradients, where it puts out what no layer inside does: the sum of a
    Residual. The passes run in a copy, and the loss is as `Layer.draw` takes it.
    """
    run = Watched(layer, x, target, loss)
    rows = [_row("", "x", run.x, run.records[id(run.layer)].dx, {})]
    for name, member in run.order:
        record = run.records[id(member)]
        grads = {} if isinstance(member, Container) else record.grads
        rows.append(_row(name, words.of_layer(member)[0], record.y, record.upstream, grads))
    return rows


def _row(name: str, layer: str, value: Any, adjoint: Any, grads: dict[str, Any]) -> Flow:
    (_, y), (norm, upstream) = _sizes(value), _sizes(adjoint)
    return Flow(name, layer, y, upstream, norm, {key: words.norm(grad) for key, grad in grads.items()})


def _sizes(value: Any) -> tuple[float, float] | tuple[None, None]:
    """The norm and the root mean square of a value, or of all members of a tuple together."""
    parts = [part for part in (value if isinstance(value, tuple) else (value,)) if words.numeric(part)]
    size = sum(np.size(part) for part in parts)
    if size == 0:
        return None, None
    norm = words.norm([words.norm(part) for part in parts])
    return norm, norm / math.sqrt(size)


def draw_flow(flows: dict[str, list[Flow]], path: Any) -> None:
    """A panel for each network by its title, on one log scale.   Raises: ValueError for no network."""
    path = expect_path(path)
    save(figure_of(flows), path)


def figure_of(flows: dict[str, list[Flow]]) -> Any:
    """The matplotlib Figure of `draw_flow`."""
    with plain_style():
        return _figure(flows)


def _figure(flows: dict[str, list[Flow]]) -> Any:
    if not flows:
        raise ValueError('draw_flow: expected one network or more, got none; write {"title": flow(...)}')
    alone, most = len(flows) == 1, max(map(len, flows.values()))
    width = min(max(6.5, 1.5 + 0.32 * most), 13.0) if alone else min(max(3.4 * len(flows), 6.5), 16.0)
    figure = matplotlib("figure").Figure(figsize=(width, 4.2), layout="constrained")
    panels = figure.subplots(1, len(flows), sharey=True, squeeze=False)[0]
    for axes, (title, rows) in zip(panels, flows.items(), strict=True):
        _panel(axes, rows, named=alone and most <= NAMED)
        axes.set_title(plain(title), fontsize=10, parse_math=False)
    _scale(panels[0], [size for rows in flows.values() for row in rows for size in _three(row)])
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def _three(row: Flow) -> tuple[float | None, float | None, float | None]:
    return row.value, row.adjoint, row.grad


def _panel(axes: Any, rows: list[Flow], named: bool) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    looks = (
        ("values, RMS", GREEN, "o", "-"),
        ("adjoints, RMS", RED, "s", "-"),
        ("parameter gradients, norm", BLUE, "^", "none"),
    )
    at = np.arange(len(rows))
    axes.set_xlim(-0.6, len(rows) - 0.4)
    for lane, (label, color, marker, line) in enumerate(looks):
        sizes = [_three(row)[lane] for row in rows]
        shown = [size if size and math.isfinite(size) else math.nan for size in sizes]
        size = 4.5 if len(rows) <= NAMED else 2.5
        axes.plot(at, shown, color=color, marker=marker, ms=size, ls=line, lw=1.2, label=label)
        for i, one in enumerate(sizes):  # what a log scale has no place for
            if one is not None and math.isnan(shown[i]):
                y = 0.01 + 0.04 * lane if one == 0 else 0.97 - 0.04 * lane
                at_axes = axes.get_xaxis_transform()
                axes.text(i, y, f"{one:g}", color=color, fontsize=7, ha="center", transform=at_axes)
    if named:
        labels = [plain(f"{row.name} {row.layer}".strip()) for row in rows]
        axes.set_xticks(at, labels, rotation=90 if len(rows) > 6 else 0, fontsize=8, parse_math=False)
    else:
        axes.set_xlabel("layer, from 0 for x")
        axes.xaxis.set_major_locator(matplotlib("ticker").MaxNLocator(integer=True))
    axes.tick_params(colors=INK)


def _scale(axes: Any, sizes: list[float | None]) -> None:
    """A log scale from one power of ten to another, with room for the words on what is beside it."""
    known = [size for size in sizes if size is not None]
    logs = [math.log10(size) for size in known if size > 0 and math.isfinite(size)] or [0.0]
    low = min(max(math.floor(min(logs)), -300), 299)
    high = max(min(math.ceil(max(logs)), 300), low + 1)
    room = 0.18 * (high - low)
    down = 0.02 * room + room * (0 in known)
    up = 0.02 * room + room * any(not math.isfinite(size) for size in known)
    axes.set_yscale("log")
    axes.set_ylim(10.0 ** max(low - down, -305.0), 10.0 ** min(high + up, 305.0))
    axes.yaxis.set_minor_formatter(matplotlib("ticker").NullFormatter())
    axes.set_ylabel("size")
