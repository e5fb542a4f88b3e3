"""What became of each layer of a file, for the eye and for programs."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from .report import Report


@dataclass(frozen=True)
class Outcome:
    """A report about the x that `words` tells of; or `error`, one line on why there is none.

    The error is the layer's own, and so a failure, unless it could not be checked at all: `usage`.
    """

    layer: str
    words: str = ""
    report: Report | None = None
    error: str = ""
    usage: bool = False
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        return self.report is not None and self.report.passed

    @property
    def failed(self) -> bool:
        return not self.passed and not self.usage

    @property
    def brief(self) -> str:
        """One line where all is right."""
        return f"{self.layer}  ok  {duration(self.seconds)}" if self.passed else str(self)

    def __str__(self) -> str:
        if self.report is None:
            return f"{self.layer}  FAIL  {self.error}"
        return f"{self.report}\n  {self.words}"

    def as_json(self) -> dict[str, Any]:
        """Plain values: lists for tuples, null for nan and for no error."""
        findings = self.report.findings if self.report is not None else []
        results = self.report.results if self.report is not None else []
        return {
            "layer": self.layer,
            "passed": self.passed,
            "findings": [_plain(dataclasses.asdict(one)) for one in findings],
            "results": [_plain(dataclasses.asdict(one)) for one in results],
            "x": self.words,
            "error": self.error or None,
            "seconds": round(self.seconds, 6),
        }


def summary(outcomes: list[Outcome]) -> str:
    """ "3 of 4 layers right"."""
    right, unchecked = sum(one.passed for one in outcomes), sum(one.usage for one in outcomes)
    more = f", {unchecked} not checked" if unchecked else ""
    return f"{right} of {len(outcomes)} {'layer' if len(outcomes) == 1 else 'layers'} right{more}"


def duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def wants_colour(stream: Any) -> bool:
    """On a terminal, unless NO_COLOR is set (https://no-color.org)."""
    return bool(stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def coloured(text: str) -> str:
    """The verdicts green where right and red where wrong."""
    text = re.sub(r"(?<=\s)ok(?=\s|$)", "\033[32mok\033[0m", text)
    return re.sub(r"(?<=\s)(FAIL|WRONG)(?=\s|$)", "\033[31m\\1\033[0m", text)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist())
    if value is None or isinstance(value, str | int | float):
        return None if isinstance(value, float) and not math.isfinite(value) else value
    return str(value)
