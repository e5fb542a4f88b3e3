"""One task, judged in a process of its own that grade.py starts.

What it has to say goes out through a descriptor that is not the student's standard output, each part as soon
as it is judged, and signed. Until the student's file runs, everything needed is loaded and held; from then on
only the functions of this file, of guard.py and of borrowed.py are trusted, which no import finds: BOOT runs
the first, and it the other two, in namespaces with builtins of their own.
"""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import faulthandler
import importlib
import json
import math
import os
import pkgutil
import random
import runpy
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

BOOT = (
    "import builtins, runpy, sys; "
    "runpy.run_path(sys.argv[1], {'__builtins__': dict(vars(builtins))})['main']()"
)
MEMORY = 4 * 2**30  # bytes of address space
FILES = 2**26  # bytes in any file that is written
LENGTH = 4000  # characters of feedback to a part


def main() -> None:
    """Read the job, which is all of the standard input; judge; end the process, whatever threads are left."""
    job = json.loads(sys.stdin.readline())
    tell = open_channel(job["token"])
    sys.path[:] = job["path"]
    try:
        judge_task(job, tell)
        tell(done=True)
    except Refused as refused:
        tell(refused=str(refused))
    except BaseException as error:  # a folder that has been deleted, a descriptor that has been closed
        tell(failed=f"the grader fails here with {words(error)}")
    os._exit(0)


class Refused(Exception):
    """Why the whole task gets no points, in one line."""


def open_channel(token: str) -> Callable[..., None]:
    """Keep descriptor 1 for what the grader is told; what is printed goes where errors go."""
    channel, process = os.dup(1), os.getpid()
    os.dup2(2, 1)

    def tell(**message: Any) -> None:
        if os.getpid() != process:  # a copy that the student's code has forked off
            os._exit(0)
        rest = f"{token} {message!a}\n".encode()  # json is Python that may have been changed by now
        while rest:
            rest = rest[os.write(channel, rest) :]

    return tell


def judge_task(job: dict[str, Any], tell: Callable[..., None]) -> None:
    """Tell what each part earns.   Raises: Refused."""
    own = {"__builtins__": dict(vars(builtins))}
    guard, borrowed = (run_beside(name, own) for name in ("guard.py", "borrowed.py"))
    load()
    from coursework.task import judge
    from coursework.tasks import TASKS
    from gradcheck.load import UsageError, load_file

    task = next(task for task in TASKS if task.name == job["task"])
    alone = [dataclasses.replace(task, parts=(dataclasses.replace(part),)) for part in task.parts]
    file = Path(job["folder"], task.file)
    restore = settings()
    before = guard["snapshot"]()

    def verify() -> None:
        try:
            names = guard["changed"](before)
        except Exception as error:  # it looks at things that may have been turned inside out
            names = [f"something ({type(error).__name__})"]
        if names:
            line = guard["line_of"](names[0], source)
            mend = f"remove line {line}" if line else "leave it as it is"
            raise Refused(f"{task.file}: changes {names[0]}, which the grader uses; {mend}")

    limits(job["seconds"])
    trace = open(job["trace"], "w")  # noqa: SIM115  where a crash or the time limit finds the file
    faulthandler.enable(trace, all_threads=False)
    tell(ready=True)
    faulthandler.dump_traceback_later(job["seconds"], file=trace)
    source = file.read_bytes()
    if taken := borrowed["borrowed"](file):
        raise Refused(taken)
    restore()
    try:
        module = load_file(str(file))
    except UsageError as error:
        raise Refused(str(error)) from None
    except BaseException as error:
        raise Refused(f"{task.file}: {words(error)}") from None
    finally:
        verify()
    for number, part in enumerate(alone):
        restore()
        try:
            (outcome,) = judge(part, module)
            earned, feedback = float(outcome.earned), str(outcome.feedback)
        except BaseException as error:
            earned, feedback = 0.0, words(error)
        verify()
        tell(part=number, earned=earned, feedback=feedback[:LENGTH])


def run_beside(name: str, own: dict[str, Any]) -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).with_name(name)), own)


def load() -> None:
    """What is loaded only as it is needed: none of it may come after the student's file."""
    import numpy.testing  # noqa: F401  which tasks of one's own may judge by

    import gradcheck

    for found in pkgutil.walk_packages(gradcheck.__path__, "gradcheck."):
        if found.name not in ("gradcheck.__main__", "gradcheck.fixture", "gradcheck.selftest"):
            importlib.import_module(found.name)


def settings() -> Callable[[], None]:
    """What puts back the settings of the process that a file may change, so that all parts start alike."""
    import numpy as np

    folder, depth, out, err = os.getcwd(), sys.getrecursionlimit(), sys.stdout, sys.stderr
    errors, printed = np.geterr(), np.get_printoptions()

    def restore() -> None:
        os.chdir(folder)
        sys.settrace(None)
        sys.setprofile(None)
        sys.setrecursionlimit(depth)
        sys.stdout, sys.stderr = out, err
        np.seterr(**errors)
        np.set_printoptions(**printed)
        np.random.seed(0)  # noqa: NPY002  which a student's file may draw from
        random.seed(0)
        warnings.resetwarnings()
        warnings.simplefilter("default")

    return restore


def words(error: BaseException) -> str:
    """The error in one line, though its own text may be an error as well."""
    try:
        return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":")
    except BaseException:
        return type(error).__name__


def limits(seconds: float) -> None:
    """Bound memory, files and processor time, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    processor = math.ceil(seconds) + 60  # for what the time limit of the grader does not reach
    for what, limit in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_FSIZE, FILES),
        (resource.RLIMIT_CPU, processor),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):  # not on this system, or a lower one is set already
            resource.setrlimit(what, (limit, limit))
