"""A picture as SVG text, for which nothing needs to be installed."""

from __future__ import annotations

from html import escape

from .picture import INK, Box, Head, Line, Picture, Word

FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"


def svg_of(picture: Picture) -> str:
    """The picture on white paper, so that it is readable in a dark notebook too."""
    width, height = f"{picture.width:.1f}", f"{picture.height:.1f}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}pt" height="{height}pt" '
        f'viewBox="0 0 {width} {height}" font-family="{FONT}" style="max-width: 100%; height: auto">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        *(_shape(shape) for shape in picture.shapes),
        "</svg>",
    ]
    return "\n".join(parts)


def _shape(shape: Line | Box | Word | Head) -> str:
    if isinstance(shape, Line):
        path = " ".join(
            letter + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) for letter, points in shape.path
        )
        return f'<path d="{path}" fill="none" stroke="{shape.color}" stroke-width="{shape.width}"/>'
    if isinstance(shape, Box):
        corner = min(shape.corner, shape.width / 2, shape.height / 2)
        return (
            f'<rect x="{shape.x - shape.width / 2:.1f}" y="{shape.y - shape.height / 2:.1f}" '
            f'width="{shape.width:.1f}" height="{shape.height:.1f}" rx="{corner:.1f}" '
            f'fill="{shape.fill}" stroke="{shape.color}"/>'
        )
    if isinstance(shape, Word):
        bold = ' font-weight="bold"' if shape.bold else ""
        return (
            f'<text x="{shape.x:.1f}" y="{shape.baseline:.1f}" font-size="{shape.size}" fill="{shape.color}" '
            f'text-anchor="{shape.anchor}"{bold}>{clean(shape.text)}</text>'
        )
    if shape.dot:
        return f'<circle cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="2" fill="{INK}"/>'
    x, y = shape.x, shape.y
    corners = f"{x:.1f},{y:.1f} {x - 5.5:.1f},{y - 2.6:.1f} {x - 5.5:.1f},{y + 2.6:.1f}"
    return f'<polygon points="{corners}" fill="{INK}"/>'


def clean(text: str) -> str:
    """Text for XML."""
    return escape(printable(text))


def printable(text: str) -> str:
    """Text with escapes, as Python has them, for the letters that XML has no room for."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
