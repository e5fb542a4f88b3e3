"""What a drawn picture is made of: lines, boxes and words, in points, with y downwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

INK, PALE, PAPER = "#333333", "#8a8a8a", "#f5f7fa"
GREEN, RED = "#1a7f37", "#c62828"  # forward values, adjoints

# widths of letters in em, at least those of the fonts a picture may be shown in
_WIDTHS = {
    0.30: "iIjJl'|.,:;! ",
    0.42: 'frt()[]/-"·²*`',
    0.58: "sczkxyvJLTFY_",
    0.64: "0123456789abdeghnopquE?$+<>=‖Σ",
    0.70: "ABCKPRSVXZU∂",
    0.80: "DGHNOQ→−×&",
    1.00: "mwMW@%½…",
}
_EM = {letter: width for width, letters in _WIDTHS.items() for letter in letters}


def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is at most, by its letters: 1 em for those that are not listed."""
    return size * (1.1 if bold else 1.0) * sum(_EM.get(letter, 1.0) for letter in text)


@dataclass
class Line:
    """A path: "M" to its first point, then "L" lines and "C" curves with two points of control each."""

    path: list[tuple[str, list[tuple[float, float]]]]
    color: str = INK
    width: float = 1.0


@dataclass
class Box:
    """A rectangle by its middle, with round corners."""

    x: float
    y: float
    width: float
    height: float
    corner: float = 3.0
    fill: str = PAPER
    color: str = INK


@dataclass
class Word:
    """A text on one line, by the middle of its small letters' height and its start, middle or end."""

    x: float
    y: float
    text: str
    size: float
    color: str = INK
    bold: bool = False
    anchor: Literal["start", "middle", "end"] = "middle"

    @property
    def baseline(self) -> float:
        return self.y + 0.34 * self.size


@dataclass
class Head:
    """The head of an arrow to the right, by its tip; or the dot where a wire forks, by its middle."""

    x: float
    y: float
    dot: bool = False


@dataclass
class Picture:
    width: float = 0.0
    height: float = 0.0
    shapes: list[Line | Box | Word | Head] = field(default_factory=list)
