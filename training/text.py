"""Words for one-line messages: safe to print, short, and with the name that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def printable(text: object) -> str:
    """The text with control characters and undecodable bytes escaped, as for a file name."""
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


def quoted(text: str, limit: int = 60) -> str:
    """A cell or a name between quotes, escaped, and cut where it is long."""
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")


def listing(names: Iterable[str], limit: int = 12) -> str:
    """Names with commas between them; of many, the first and how many follow."""
    names = [printable(name) for name in names]
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more} more" if more > 0 else "")


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, whatever its case; None where none is near."""
    by_lower = {other.lower(): other for other in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return by_lower[near[0]] if near else None


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """ "; did you mean 'mpg'?", or nothing."""
    near = nearest(name, names)
    return "" if near is None else f"; did you mean {quoted(near)}?"


def counted(n: int, one: str, many: str = "") -> str:
    """ "1 cell", "2 cells"."""
    return f"{n} {one if n == 1 else many or one + 's'}"
