"""Who writes to an array: the file and line of the statement."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

import numpy as np

OURS = tuple(os.path.dirname(path) + os.sep for path in (np.__file__, __file__))
LIBRARIES = tuple(
    {*OURS, *(os.path.join(sysconfig.get_paths()[name], "") for name in ("stdlib", "purelib", "platlib"))}
)


def place_in(error: BaseException) -> str:
    """Where user code stood when this was raised: "relu.py:7", "" if nowhere.

    What a layer raises from another error happened where the first one did.
    """
    chain: list[BaseException] = [error]
    while (earlier := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(earlier)
    error = next((one for one in chain if "read-only" in str(one) or "writable" in str(one)), error)
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    for foreign in (LIBRARIES, OURS):  # a library may be what is checked
        for name, line in reversed(frames):
            if not name.startswith((*foreign, "<frozen")) and not name.endswith((".pyx", ".pxd")):
                return _place(name, line)
    return ""


def watch(changed: Callable[[], bool], run: Callable[[], Any]) -> str:
    """The statement after which changed() is first true while run() runs, by following it line by line.

    This finds what a read-only array does not stop: a write through a view made before, a new shape, an array
    replaced by another one.
    """
    last: tuple[str, int | None] | None = None
    found = ""

    def look() -> None:
        nonlocal found
        if not found and last is not None and changed():
            found = _place(*last)

    def follow(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal last
        look()
        if found:
            return None
        here: FrameType | None = frame
        if event == "return":  # the caller goes on in the midst of a statement
            here = frame.f_back
        if here is not None and not here.f_code.co_filename.startswith(LIBRARIES):
            last = here.f_code.co_filename, here.f_lineno
        return follow

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return None if frame.f_code.co_filename.startswith(LIBRARIES) else follow(frame, event, argument)

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        run()
    except Exception:  # what was written before that is still there to see
        pass
    finally:
        sys.settrace(before)
    look()
    return found


def _place(name: str, line: int | None) -> str:
    return f"{os.path.basename(name)}:{line}"
