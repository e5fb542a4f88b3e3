"""How a folder was graded: a table for people, and JSON that Gradescope reads."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from .grade import Graded

VISIBILITY = ("visible", "after_due_date", "after_published", "hidden")  # to students, in Gradescope's words


def table(graded: Sequence[Graded]) -> str:
    """Points by task and part, their sum, and then what there is to say."""
    names = [one.task.name for one in graded] + [
        f"  {part.name}" for one in graded for part in one.task.parts
    ]
    width = max(map(len, [*names, "total"])) + 2
    lines = list[str]()
    for one in graded:
        lines.append(f"{one.task.name:{width}}{_share(one.earned, one.task.points):16} {one.task.title}")
        for outcome in one.outcomes:
            lines.append(f"{f'  {outcome.part}':{width}}{_share(outcome.earned, outcome.points)}")
    lines.append(f"{'total':{width}}{_share(*total(graded))}")
    return "\n".join(lines + [line for one in graded for line in _said(one)])


def results(graded: Sequence[Graded], seconds: float, visibility: str = "visible") -> dict[str, Any]:
    """The same as Gradescope's results.json: a test for each part.

    Source: https://gradescope-autograders.readthedocs.io/en/latest/specs/
    """
    earned, points = total(graded)
    printed = [f"{one.task.file} {one.printed}" for one in graded if one.printed]
    return {
        "score": round(earned, 6),
        "execution_time": round(seconds, 3),
        "output": "\n\n".join([f"{earned:g} of {points:g} points", *printed]),
        "output_format": "text",
        "visibility": visibility,
        "tests": [
            {
                "name": f"{one.task.name}: {outcome.part}",
                "number": f"{i}.{j}",
                "score": round(outcome.earned, 6),
                "max_score": outcome.points,
                "status": "passed" if outcome.earned >= outcome.points else "failed",
                "output": outcome.feedback,
                "output_format": "text",
                "visibility": visibility,
            }
            for i, one in enumerate(graded, 1)
            for j, outcome in enumerate(one.outcomes, 1)
        ],
    }


def total(graded: Sequence[Graded]) -> tuple[float, float]:
    return sum(one.earned for one in graded), sum(one.task.points for one in graded)


def _share(earned: float, points: float) -> str:
    return f"{earned:>6g} / {points:g}"


def _said(one: Graded) -> Iterator[str]:
    """Feedback to one file: parts of which the same is said go together."""
    if one.printed or any(outcome.feedback for outcome in one.outcomes):
        yield f"\n{one.task.file}"
    for feedback, alike in groupby(one.outcomes, lambda outcome: outcome.feedback):
        if feedback:
            parts = [outcome.part for outcome in alike]
            yield f"  {'all of it' if len(parts) == len(one.outcomes) else ', '.join(parts)}"
            yield textwrap.indent(feedback, "    ")
    if one.printed:
        yield textwrap.indent(one.printed, "  ", lambda line: True)
