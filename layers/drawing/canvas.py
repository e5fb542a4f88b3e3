"""A picture on paper, as PNG or PDF, drawn with matplotlib without a screen."""

from __future__ import annotations

import io
import os
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .picture import INK, Box, Head, Line, Picture, Word

SUFFIXES = (".png", ".svg", ".pdf")
FONT = "DejaVu Sans"  # comes with matplotlib
DPI, PIXELS = 200, 16_000  # of a PNG, and the most along a side

MISSING = (
    "pictures need matplotlib, which is not installed; python -m pip install matplotlib "
    "(a circuit as .svg needs nothing)"
)


def matplotlib(module: str) -> Any:
    """A module of matplotlib.   Raises: ImportError in one line where there is none."""
    try:
        return import_module(f"matplotlib.{module}")
    except ImportError:
        raise ImportError(MISSING) from None


def plain_style() -> Any:
    """A context without the styles that a user has chosen for other pictures."""
    return matplotlib("style").context(["default", {"svg.hashsalt": "pullback", "svg.fonttype": "path"}])


def expect_path(path: Any) -> Path:
    """The path of a picture, by whose suffix it is drawn.   Raises: TypeError, ValueError."""
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"draw: expected the path of a picture, got {type(path).__name__}; "
            'write draw("net.png") or draw(x, target, "net.png")'
        )
    picture = Path(path)
    if picture.suffix.lower() not in SUFFIXES:
        raise ValueError(f"draw: expected a path that ends in .png, .svg or .pdf, got {str(picture)!r}")
    return picture


def save(figure: Any, path: Path) -> None:
    """Write a figure, whole or not at all."""
    kind = path.suffix.lower()[1:]
    date = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind, {})
    dpi = min(DPI, PIXELS / max(figure.get_size_inches()))
    drawn = io.BytesIO()
    with plain_style():
        figure.savefig(drawn, format=kind, dpi=dpi, metadata=date, facecolor="white")
    path.write_bytes(drawn.getvalue())


def figure_of(picture: Picture) -> Any:
    """The matplotlib Figure of a picture, a point of it for a point."""
    figure = matplotlib("figure").Figure(figsize=(picture.width / 72, picture.height / 72))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, picture.width), ylim=(picture.height, 0))
    axes.set_axis_off()
    for order, shape in enumerate(picture.shapes):
        _ADD[type(shape)](axes, shape, order)
    return figure


def _line(axes: Any, line: Line, order: int) -> None:
    Path_ = matplotlib("path").Path
    codes = {"M": Path_.MOVETO, "L": Path_.LINETO, "C": Path_.CURVE4}
    points = [point for _, part in line.path for point in part]
    path = Path_(points, [codes[letter] for letter, part in line.path for _ in part])
    axes.add_patch(
        matplotlib("patches").PathPatch(
            path, fill=False, edgecolor=line.color, linewidth=line.width, zorder=order, snap=False
        )
    )


def _box(axes: Any, box: Box, order: int) -> None:
    patches = matplotlib("patches")
    corner = min(box.corner, box.width / 2, box.height / 2)
    left, top = box.x - box.width / 2, box.y - box.height / 2
    how = {"facecolor": box.fill, "edgecolor": box.color, "linewidth": 1, "zorder": order}
    if 2 * corner == box.width == box.height:
        axes.add_patch(patches.Circle((box.x, box.y), corner, **how))
        return
    axes.add_patch(
        patches.FancyBboxPatch(
            (left, top), box.width, box.height, boxstyle=f"round,pad=0,rounding_size={corner}", **how
        )
    )  # fmt: skip


def _word(axes: Any, word: Word, order: int) -> None:
    across = {"start": "left", "middle": "center", "end": "right"}[word.anchor]
    axes.text(
        word.x, word.baseline, word.text, fontsize=word.size, color=word.color, family=FONT, ha=across,
        va="baseline", weight="bold" if word.bold else "normal", zorder=order, parse_math=False, usetex=False,
    )  # fmt: skip


def _head(axes: Any, head: Head, order: int) -> None:
    patches = matplotlib("patches")
    if head.dot:
        axes.add_patch(patches.Circle((head.x, head.y), 2.0, color=INK, linewidth=0, zorder=order))
        return
    corners = [(head.x, head.y), (head.x - 5.5, head.y - 2.6), (head.x - 5.5, head.y + 2.6)]
    axes.add_patch(patches.Polygon(corners, color=INK, linewidth=0, zorder=order))


_ADD: dict[type, Any] = {Line: _line, Box: _box, Word: _word, Head: _head}


def plain(text: str) -> str:
    """Text with escapes for the letters that the font lacks."""
    known = _letters()
    return "".join(
        letter if ord(letter) in known else letter.encode("unicode_escape").decode() for letter in text
    )


@cache
def _letters() -> frozenset[int]:
    manager = matplotlib("font_manager")
    return frozenset(manager.get_font(manager.findfont(FONT)).get_charmap())
