"""How a program of the house ends: its exit code, one line on stderr for a mistake, and no lost output."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO, cast

from .errors import DataError, DiskError, UserError
from .text import printable

BUG = 1


class Stopped(Exception):
    """A signal asked the program to end, and it did, with everything kept that there was."""

    def __init__(self, number: signal.Signals, said: str) -> None:
        super().__init__(said)
        self.code = 128 + number


def guarded(program: str, work: Callable[[], None], argv: Sequence[str], *, turn: float = 0.0) -> int:
    """Run and return the exit code; what goes wrong is one line on stderr, with --debug after a traceback.

    It is said after so many seconds: another process may say it before, and end this one.
    """
    with _lasting_output() as out:
        try:
            work()
            out.flush()
            if out.lost is not None:
                raise DiskError(f"stdout: cannot be written: {out.lost.strerror}; send it elsewhere")
        except (Exception, KeyboardInterrupt) as error:
            time.sleep(turn)
            if "--debug" in argv:
                traceback.print_exc()
            code, said = _diagnosis(error)
            print(f"{program}: {printable(said)}", file=sys.stderr)
            return code
    return 0


def _diagnosis(error: BaseException) -> tuple[int, str]:
    """The exit code, and what to say."""
    match error:
        case UserError():
            return error.code, f"error: {error}"
        case Stopped():
            return error.code, f"interrupted: {error}"
        case KeyboardInterrupt():
            return 128 + signal.SIGINT, "; ".join(["interrupted", *map(str, error.args)])
        case MemoryError():
            return DataError.code, "error: out of memory; use --limit, fewer columns, or smaller --hidden"
        case OSError():
            return DiskError.code, f"error: cannot read or write: {error}; check the disk"
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return BUG, f"error: this is a bug of ours: {text}; run again with --debug, and report it"


@contextlib.contextmanager
def _lasting_output() -> Iterator[_Lasting]:
    """stdout that takes every character, and whose reader may leave."""
    with contextlib.ExitStack() as stack:
        out: Any = sys.stdout or stack.enter_context(open(os.devnull, "w"))
        if hasattr(out, "reconfigure"):
            out.reconfigure(errors="backslashreplace")
        lasting = _Lasting(out)
        stack.enter_context(contextlib.redirect_stdout(cast(TextIO, lasting)))
        if sys.stderr is not None:  # a bar, and warnings, may have the same reader
            stack.enter_context(contextlib.redirect_stderr(cast(TextIO, _Lasting(sys.stderr))))
        try:
            yield lasting
        finally:
            lasting.flush()


class _Lasting:
    """A stream that goes on into nothing when its reader is gone, as after `| head`: a run is worth more.

    Also when its disk is full or its terminal closed; that is to be told in the end, and so stays in `lost`.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        try:
            self.stream.write(text)
        except OSError as error:
            self._let_go(error)
        return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError as error:
            self._let_go(error)

    def _let_go(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            self.lost = error
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
