"""What an option may say, and a parser whose complaints are one line with a mend."""

from __future__ import annotations

import argparse
import csv
import difflib
import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .errors import UsageError
from .reading.cells import MISSING
from .text import did_you_mean, quoted

LARGEST_SIZE = 1_000_000
LONGEST_NAME = 255  # bytes, on every file system in use


def refused(expected: str, got: str, mend: str = "") -> argparse.ArgumentTypeError:
    """What a type says of a value it cannot take; the parser puts the option before it."""
    return argparse.ArgumentTypeError(f"expected {expected}, got {quoted(got)}{mend}")


def number(low: float, high: float = math.inf, *, open_low: bool = False) -> Callable[[str], float]:
    """A finite number in [low, high], or (low, high]."""
    top = f" and <= {high:g}" if high < math.inf else ""
    rule = f"a number {'>' if open_low else '>='} {low:g}{top}"

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise refused(rule, text) from None
        if not math.isfinite(value) or not low <= value <= high or (open_low and value == low):
            raise refused(rule, text)
        return value

    return read


def count(low: int, mend: str = "") -> Callable[[str], int]:
    """A whole number of at least `low`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", text) or int(text) < low:
            raise refused(f"a whole number >= {low}", text, mend)
        return int(text)

    return read


def choice(*allowed: str) -> Callable[[str], str]:
    """One of these words, with or without its hyphens."""
    words = {word.replace("-", ""): word for word in allowed}

    def read(text: str) -> str:
        if (word := words.get(text.replace("-", ""))) is None:
            raise refused(" or ".join(allowed), text, did_you_mean(text, allowed))
        return word

    return read


def sizes(text: str) -> tuple[int, ...]:
    """Layer sizes, "64,32"; "" for none."""
    if text and not re.fullmatch(r"[0-9]{1,18}(,[0-9]{1,18})*", text):
        raise refused("sizes with commas between them", text, "; for example 64 or 64,32")
    found = tuple(int(size) for size in text.split(",")) if text else ()
    if not all(1 <= size <= LARGEST_SIZE for size in found):
        raise refused(f"sizes from 1 to {LARGEST_SIZE}", text, "; for example 64 or 64,32")
    return found


def part(text: str) -> float | str:
    """Some of the rows: a fraction below 1, a count from 1 on, 0, or the name of a file."""
    try:
        value = float(text)
    except ValueError:
        return text
    if not (0 <= value < 1 or (math.isfinite(value) and value >= 1 and value == math.floor(value))):
        raise refused("a fraction below 1, a count, 0, or a file", text)
    return value


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them; double quotes hold a name that has a comma."""
    if '"' not in text:
        return tuple(name.strip() for name in text.split(",")) if text else ()
    try:
        return tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True), []))
    except csv.Error:
        raise refused("names with commas between them", text) from None


def missing_values(text: str) -> tuple[str, ...]:
    """Words that mean missing, beside the usual ones; an empty one among them leaves the usual ones out."""
    more = names(text) or ("",)
    return tuple(word for word in more if word) if "" in more else (*MISSING, *more)


def folder(text: str) -> str:
    """A folder that can be made."""
    name = text.rstrip("/").rpartition("/")[2]
    if not name or name.startswith("-") or "\0" in text or len(name.encode(errors="replace")) > LONGEST_NAME:
        raise refused(f"a folder's name of at most {LONGEST_NAME} bytes, not beginning with -", text)
    return text


class Parser(argparse.ArgumentParser):
    """argparse without abbreviations, whose complaints are UsageError and name the nearest option."""

    def __init__(self, prog: str, usage: str, description: str, epilog: str) -> None:
        super().__init__(
            prog,
            f"{prog} {usage}",
            description,
            epilog,
            formatter_class=_Help,
            allow_abbrev=False,
            add_help=False,
        )

    def read(self, argv: Sequence[str]) -> dict[str, Any]:
        """The options by name.   Raises: UsageError."""
        options, rest = self.parse_known_args(list(argv))
        if rest:
            raise UsageError(self._unknown(rest))
        return vars(options)

    def error(self, message: str) -> NoReturn:
        """Say it as the rest of the house does: the option by its long name, expected, got, mend."""
        option, _, said = re.sub(r"^argument (?:[^:]*/)?", "", message).partition(": ")
        if option == "the following arguments are required":
            raise UsageError(f"expected {said}, got less; see --help")
        if said == "expected one argument":
            said = (
                f"expected a value, got none; one that begins with a dash needs an equals sign: {option}=-x"
            )
        if said.startswith("ignored explicit argument"):
            said = "expected no value, got one; leave out the equals sign and what follows it"
        raise UsageError(f"{option}: {said}")

    def _unknown(self, words: Sequence[str]) -> str:
        options = [word.partition("=")[0] for word in words if word.startswith("-") and word != "-"]
        if not options:
            return f"{words[0]}: expected one DATA, got one more; put quotes around a path with blanks"
        known = [name for action in self._actions for name in action.option_strings]
        near = difflib.get_close_matches(options[0], known, n=1)
        return f"{options[0]}: no such option; {f'did you mean {near[0]}?' if near else 'see --help'}"


class _Help(argparse.RawDescriptionHelpFormatter):
    """Options and their help side by side, one line each where the terminal is wide enough."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)
