"""How a program of the house ends: its exit code, one line on stderr for a mistake, and no lost output."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO, cast

from .errors import DataError, DiskError, UserError
from .text import printable

BUG = 1


def guarded(program: str, work: Callable[[], None], argv: Sequence[str]) -> int:
    """Run and return the exit code; what goes wrong is one line on stderr, with --debug after a traceback."""
    with _lasting_output():
        try:
            work()
        except (Exception, KeyboardInterrupt) as error:
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
        case KeyboardInterrupt():
            return 128 + signal.SIGINT, "; ".join(["interrupted", *map(str, error.args)])
        case MemoryError():
            return DataError.code, "error: out of memory; use --limit, fewer columns, or smaller --hidden"
        case OSError():
            return DiskError.code, f"error: cannot read or write: {error}; check the disk"
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return BUG, f"error: this is a bug of ours: {text}; run again with --debug, and report it"


@contextlib.contextmanager
def _lasting_output() -> Iterator[None]:
    """stdout that takes every character, and whose reader may leave."""
    with contextlib.ExitStack() as stack:
        out: Any = sys.stdout or stack.enter_context(open(os.devnull, "w"))
        if hasattr(out, "reconfigure"):
            out.reconfigure(errors="backslashreplace")
        lasting = _Lasting(out)
        stack.enter_context(contextlib.redirect_stdout(cast(TextIO, lasting)))
        try:
            yield
        finally:
            lasting.flush()


class _Lasting:
    """A stream that goes on into nothing when its reader is gone, as after `| head`: a run is worth more."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        try:
            self.stream.write(text)
        except BrokenPipeError:
            self._let_go()
        return len(text)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except BrokenPipeError:
            self._let_go()

    def _let_go(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
