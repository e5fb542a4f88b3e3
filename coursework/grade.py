"""Grade a student's folder: each task on a copy of it, in a process of its own."""

from __future__ import annotations

import codecs
import contextlib
import math
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import files_in
from .process import Worker
from .task import Outcome, Task
from .worker import LENGTH

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 20.0  # for a task
BOMS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
HINTS = {
    "EOFError: EOF when reading a line": "nobody answers input() here, take it out",
    "stopped after": "is there a loop without an end?",
}


@dataclass(frozen=True)
class Graded:
    """A task's outcomes, in the order of its parts, and what the student's code printed meanwhile."""

    task: Task
    outcomes: list[Outcome]
    printed: str = ""

    @property
    def earned(self) -> float:
        return sum(outcome.earned for outcome in self.outcomes)


def grade(folder: Path, task: Task, seconds: float = SECONDS) -> Graded:
    """One task. Nothing in `folder` changes, and no file that it writes reaches the next."""
    if complaint := unreadable(folder, task.file):
        return Graded(task, _none(task, complaint))
    with tempfile.TemporaryDirectory(prefix="coursework-", ignore_cleanup_errors=True) as scratch:
        work, trace = Path(scratch).resolve() / "work", Path(scratch).resolve() / "trace"
        copy(folder, work)
        job = {"path": search_path(folder), "folder": str(work), "task": task.name, "trace": str(trace)}
        worker, outcomes, refused = Worker(job, seconds, work), dict[int, Outcome](), ""
        for message in worker.messages():
            refused = refused or str(message.get("refused", ""))
            if "part" in message:
                number, outcome = _outcome(task, message, work)
                outcomes.setdefault(number, outcome)
        place = place_in(trace, work) if worker.ending else ""
    printed = clean(str(worker.printed), work)
    if refused:
        return Graded(task, _none(task, clean(refused, work)), printed)
    rest = _none(task, clean(f"not judged: {worker.ending}{place}", work))
    return Graded(task, [outcomes.get(i, lost) for i, lost in enumerate(rest)], printed)


def unreadable(folder: Path, name: str) -> str:
    """Why a file cannot be run at all, "" where it can be tried."""
    path = folder / name
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            return f"expected the file {name}, got a link, a folder or a device; hand in the file itself"
        content = path.read_bytes()
    except FileNotFoundError:
        others = [other for other in files_in(folder) if other.name.lower() == path.name.lower()]
        found = (
            f"there is {others[0]}; rename or move it"
            if others
            else "found none; keep the names of the files"
        )
        return f"expected the file {name}, {found}"
    except OSError as error:
        return f"{name}: {error.strerror}"
    for bom, encoding in BOMS.items():
        if content.startswith(bom):
            return f"{name}: expected text in UTF-8, got {encoding}; save it as UTF-8"
    if b"\0" in content:
        return (
            f"{name}:{_line(content, content.index(0))}: expected text, got a zero byte; is it a Python file?"
        )
    if re.match(rb"(.*\n)?[ \t\f]*#.*coding[:=]", content):
        return ""  # Python reads the name of the encoding
    try:
        content.decode()
    except UnicodeDecodeError as error:
        place = f"{name}:{_line(content, error.start)}"
        return f"{place}: expected text in UTF-8, got the byte {content[error.start]:#x}; save it as UTF-8"
    return ""


def copy(folder: Path, target: Path) -> None:
    """Copy what can be read; a file that imports another one will say that it is not there."""
    target.mkdir()
    for path in files_in(folder):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):
            shutil.copyfile(folder / path, target / path)


def search_path(folder: Path) -> list[str]:
    """Where the worker looks for modules: in this project first, then as here, but for the student's folder.

    That comes after all of these: a numpy.py of the student's hides no other.
    """
    here = [os.path.abspath(entry) for entry in sys.path if entry]
    return [str(ROOT), *(entry for entry in here if Path(entry).resolve() != folder.resolve())]


def place_in(trace: Path, work: Path) -> str:
    """Where the main thread was in the student's files when the worker ended."""
    try:
        text = trace.read_text(errors="replace")[-10 * LENGTH :]
    except OSError:
        return ""
    main = re.split(r"hread 0x", text)[-1]
    found = re.search(rf'File "{re.escape(f"{work}{os.sep}")}(.*)", line (\d+) in (\S+)', main)
    return f" in {found[1]}:{found[2]} ({found[3]})" if found else ""


def clean(text: str, work: Path) -> str:
    """Text for a terminal: without the path of the copy, control characters or great length."""
    text = text.replace(f"{work}{os.sep}", "").replace(str(work), "the folder").expandtabs(4)
    for said, hint in HINTS.items():
        text = re.sub(rf"({re.escape(said)}.*)", rf"\1; {hint}", text)
    text = "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)
    return text if len(text) <= LENGTH else f"{text[:LENGTH]} ... ({len(text):,} characters)"


def _outcome(task: Task, message: dict[str, Any], work: Path) -> tuple[int, Outcome]:
    number = int(message["part"])
    part = task.parts[number]
    earned = float(message["earned"])
    earned = min(max(earned, 0.0), part.points) if math.isfinite(earned) else 0.0
    return number, Outcome(part.name, earned, part.points, clean(str(message["feedback"]), work))


def _none(task: Task, feedback: str) -> list[Outcome]:
    return [Outcome(part.name, 0.0, part.points, feedback) for part in task.parts]


def _line(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1
