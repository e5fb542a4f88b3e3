"""What all pictures are drawn on: figures without a screen, colours for all eyes, plain words."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from layers.base import Array

from .disk import make_folder, write_bytes
from .screen import short

INK, GRID, BLUE, ORANGE = "#333333", "#d9d9d9", "#2b6cb0", "#dd6b20"
OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000")


def available() -> bool:
    """Whether matplotlib can be imported."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def figure(width: float, height: float, *, rows: int = 1, columns: int = 1, **how: Any) -> tuple[Any, Any]:
    """A figure of so many inches, known to no pyplot, and its axes."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.subplots(rows, columns, **how)
    for one in np.ravel(axes):
        one.spines[["top", "right"]].set_visible(False)
    return drawn, axes


def title(axes: Any, text: str, more: str = "") -> None:
    """The title of a picture, over one of its axes, cut to its width; `more` is a second line."""
    axes.set_title(plain(short(text, int(8 * axes.figure.get_figwidth()))) + (more and f"\n{more}"))


def save(drawn: Any, path: Path) -> None:
    picture = io.BytesIO()
    drawn.savefig(picture, format="png", dpi=120)
    make_folder(path.parent)
    write_bytes(path, picture.getvalue())


def scatter(axes: Any, x: Array, y: Array) -> None:
    n = len(x)
    axes.scatter(x, y, s=14, alpha=0.6 if n < 1000 else 0.2, color=BLUE, linewidths=0)


def bounds(*values: Array) -> tuple[float, float]:
    """What an axis has to reach over, with a little room, also where all values are one."""
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    room = 0.04 * (high - low) or 0.04 * abs(high) or 1
    return low - room, high + room


def plain(text: str) -> str:
    """Text to be shown as it stands: no mathematics between dollars, escapes for what the font lacks."""
    known = _letters()
    shown = (char if ord(char) in known else char.encode("unicode_escape").decode() for char in text)
    return "".join(shown).replace("$", r"\$")


@cache
def _letters() -> frozenset[int]:
    """The characters that the font of the pictures can draw."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())
