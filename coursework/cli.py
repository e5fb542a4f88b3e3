"""python -m coursework: the student's version of an assignment, and the points for what comes back."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gradcheck.cli import Parser
from gradcheck.load import UsageError, did_you_mean
from gradcheck.report import plural

from .grade import SECONDS, Graded, grade
from .report import VISIBILITY, results, table, total
from .strip import StripError, strip
from .task import Task
from .tasks import TASKS

DONE, USAGE, INTERRUPTED = 0, 2, 130
RESULTS = "results.json"
EPILOG = """\
examples:
  python -m coursework strip examples/coursework handout     what students get
  python -m coursework grade submissions/ada                 the points, and results.json for Gradescope
  python -m coursework grade . --only affine --only relu     two of the tasks

exit codes: 0 graded or stripped, whatever the points; 2 usage; 130 Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do what these arguments say and return the exit code."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        (strip_folder if options.command == "strip" else grade_folder)(options)
        sys.stdout.flush()
        return DONE
    except (UsageError, StripError) as error:
        print(f"coursework: error: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("coursework: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has left, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options.   Raises: UsageError in one line."""
    parser = Parser(
        prog="python -m coursework",
        description="Make the student's version of an assignment, and grade what comes back.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="strip|grade")
    one = commands.add_parser("strip", help="copy a folder without the solutions between marked lines")
    one.add_argument("source", type=Path, metavar="SRC", help="the assignment with its solutions")
    one.add_argument("target", type=Path, metavar="DST", help="a new or empty folder")
    one = commands.add_parser("grade", help="points and feedback for a student's folder")
    add = one.add_argument
    add("folder", type=Path, metavar="DIR", help="the student's folder")
    add("--only", action="append", metavar="TASK", help="grade this task alone; may be repeated")
    add("--time-limit", type=_seconds, default=SECONDS, metavar="SECONDS", help="for a task (default 20)")
    add("--results", type=Path, metavar="FILE", help=f"where JSON for Gradescope goes (default {RESULTS})")
    add("--visibility", choices=VISIBILITY, default="visible", help="to students, on Gradescope")
    add(
        "--json", action="store_true", help="print that JSON and no table; no file unless --results names one"
    )
    return parser.parse_args(list(argv))


def strip_folder(options: argparse.Namespace) -> None:
    try:
        done = strip(options.source, options.target)
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from error
    print(f"{options.target}: {plural(done.files, 'file')}, {plural(done.solutions, 'solution')} taken out")


def grade_folder(options: argparse.Namespace) -> None:
    """Grade and report.   Raises: UsageError, before anything is graded where that can be known."""
    if not options.folder.is_dir():
        raise UsageError(f"expected a student's folder, got {options.folder}, which is none; check the path")
    tasks, target = chosen(options.only), options.results
    if target is None and not options.json:
        target = Path(RESULTS)
    if target is not None and not _can_be_written(target):
        raise UsageError(f"--results: expected a file that can be written, got {target}; name another")
    started, graded = time.perf_counter(), list[Graded]()
    for task in tasks:
        show_progress(task.name)
        graded.append(grade(options.folder, task, options.time_limit))
    show_progress("")
    told = results(graded, time.perf_counter() - started, options.visibility)
    text = json.dumps(told, indent=2, allow_nan=False)
    print(text if options.json else f"{table(graded)}\n\n{told['score']:g} of {total(graded)[1]:g} points")
    if target is not None:
        try:
            target.write_text(text + "\n")
        except OSError as error:
            raise UsageError(f"--results: {target}: {error.strerror}; name another") from error
        if not options.json:
            print(f"written to {target}, as Gradescope reads it")


def _can_be_written(file: Path) -> bool:
    return not file.is_dir() and os.access(file if file.exists() else file.parent, os.W_OK)


def show_progress(name: str) -> None:
    """Which task is being graded, on a line that goes away."""
    if sys.stderr.isatty():
        print(f"\r{name:30}", end="\r", file=sys.stderr, flush=True)


def chosen(names: Sequence[str] | None) -> list[Task]:
    """The tasks of these names, in the assignment's order.   Raises: UsageError."""
    known = [task.name for task in TASKS]
    for name in names or []:
        if name not in known:
            raise UsageError(
                f"--only: expected one of {', '.join(known)}, got {name!r}{did_you_mean(name, known)}"
            )
    return [task for task in TASKS if not names or task.name in names]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise argparse.ArgumentTypeError(f"expected seconds > 0, at most a day, got {text!r}")
    return seconds
