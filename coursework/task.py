"""What a task of the assignment is, and how one is judged."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType


@dataclass(frozen=True)
class Part:
    """Something to get right: `check(module)` is "" where it is, else what to tell the student.

    A check may raise; `judge` makes feedback of it.
    """

    name: str
    points: float
    check: Callable[[ModuleType], str]


@dataclass(frozen=True)
class Task:
    """One file of the assignment and what it is judged by."""

    name: str
    title: str
    file: str
    parts: tuple[Part, ...]

    @property
    def points(self) -> float:
        return sum(part.points for part in self.parts)


@dataclass(frozen=True)
class Outcome:
    """How one part went: all its points and no feedback, or none and the reason."""

    part: str
    earned: float
    points: float
    feedback: str


def judge(task: Task, module: ModuleType) -> list[Outcome]:
    """Every part of `task`, in order, on the student's module; a mistake costs only the parts it is in."""
    return [_outcome(part, module) for part in task.parts]


def _outcome(part: Part, module: ModuleType) -> Outcome:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an overflow shows in the values
            feedback = part.check(module)
    except NotImplementedError:
        feedback = "not done yet"
    except (Exception, SystemExit) as error:
        feedback = said(error, module)
    return Outcome(part.name, 0.0 if feedback else part.points, part.points, feedback)


def said(error: BaseException, module: ModuleType) -> str:
    """The error in one line, with the last line of the student's file that led to it.

    Where none did, the file offers something else than is called.
    """
    file = getattr(module, "__file__", None)
    frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename == file]
    place = f"line {frames[-1].lineno}, `{frames[-1].line}`: " if frames else ""
    text = " ".join(str(error).split())
    mend = "" if frames or "; " in text else "; has a name, an argument or __init__ been changed?"
    return f"{place}{type(error).__name__}{': ' if text else ''}{text}{mend}"
