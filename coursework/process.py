"""A worker process: what it tells, what it prints, and its end, of its own or by force."""

from __future__ import annotations

import ast
import codecs
import contextlib
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from .worker import BOOT

START = 60.0  # seconds for what comes before the student's file, whose own time begins after that
LAST = 5.0  # seconds to wait for an end that is near, unless something has escaped and holds a pipe
LINE = 2**17  # bytes of one message, at most
KEPT = 500  # characters shown of what is printed
PASSED_ON = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
CRASHES = {
    "SIGSEGV": ", a memory fault or a recursion too deep",
    "SIGKILL": ", perhaps for want of memory",
    "SIGXCPU": ", too much processor time",
}


class Worker:
    """Run through `messages()`; then `ending` says what went wrong, "" where the worker came to its end."""

    def __init__(self, job: dict[str, Any], seconds: float, folder: Path) -> None:
        self.ending, self.printed, self._seconds = "", Printed(), seconds
        self._trace = Path(job["trace"])
        self._token, self._exited = secrets.token_hex(16).encode(), threading.Event()
        self._said: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        script = str(Path(__file__).with_name("worker.py"))
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-u", "-X", "utf8", "-c", BOOT, script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            cwd=folder, env=environment(folder), start_new_session=True,
        )  # fmt: skip
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        with contextlib.suppress(BrokenPipeError), stdin:
            stdin.write(
                json.dumps({**job, "token": self._token.decode(), "seconds": seconds}).encode() + b"\n"
            )
        for work in (lambda: self._listen(stdout), lambda: self.printed.read(stderr), self._wait):
            threading.Thread(target=work, daemon=True).start()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the worker tells, as it comes, until it ends or its time does."""
        deadline, late = time.monotonic() + START, f"the grader did not start within {START:g} s"
        try:
            while True:
                try:
                    message = self._said.get(timeout=max(deadline - time.monotonic(), 0))
                except queue.Empty:
                    self.ending = late
                    self._wait_for_trace()
                    return
                if message is None:
                    self._exited.wait(LAST)  # its pipe closes a little before
                    self._end()
                    self.ending = how_it_ended(self._process.returncode)
                    return
                self.ending = str(message.get("failed", ""))
                if message.keys() & {"done", "refused", "failed"}:
                    yield message
                    return
                if "ready" in message:
                    deadline = time.monotonic() + self._seconds
                    late = f"stopped after {self._seconds:g} s"
                yield message
        finally:
            self._end()
            self.printed.ended.wait(LAST)

    def _listen(self, pipe: IO[bytes]) -> None:
        """Take the lines that bear the token; a student's code may write others."""
        with pipe:
            while line := pipe.readline(LINE):
                if line.startswith(self._token):
                    with contextlib.suppress(ValueError, SyntaxError):
                        self._said.put(ast.literal_eval(line[len(self._token) :].decode().strip()))
        self._said.put(None)

    def _wait(self) -> None:
        """Once the worker has ended, end what it has left behind, which may hold its pipes open."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)  # and leave its number taken
        else:
            self._process.wait()
        self._kill()
        self._exited.set()

    def _wait_for_trace(self) -> None:
        """Until the worker has written down where it was when its time was up."""
        before, deadline = 0, time.monotonic() + LAST
        while time.monotonic() < deadline:
            time.sleep(0.1)
            size = self._trace.stat().st_size if self._trace.exists() else 0
            if size == before > 0:
                return
            before = size

    def _end(self) -> None:
        if self._process.returncode is None:
            self._kill()
            self._exited.wait()
            self._process.wait()

    def _kill(self) -> None:
        """Kill the worker and all it has started, but for what has begun a session of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()


class Printed:
    """The beginning of what a process prints, and how much it was."""

    def __init__(self) -> None:
        self.text, self.length, self.ended = "", 0, threading.Event()

    def read(self, pipe: IO[bytes]) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with pipe:
            while chunk := os.read(pipe.fileno(), LINE):
                text = decoder.decode(chunk)
                self.length += len(text)
                self.text += text[: KEPT - len(self.text)]
        self.ended.set()

    def __str__(self) -> str:
        if not self.length:
            return ""
        cut = f"; the first {KEPT} are shown" if self.length > KEPT else ""
        return f"printed {self.length:,} characters{cut}\n{self.text.rstrip()}"


def how_it_ended(code: int) -> str:
    """A process's exit code in words."""
    if code >= 0:
        return f"ended the process with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"crashed ({name}{CRASHES.get(name, '')})"


def environment(folder: Path) -> dict[str, str]:
    """Little of this process's own, one thread for NumPy, and a home to write to."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    home = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"), str(folder))
    return {**kept, **threads, **home, "VECLIB_MAXIMUM_THREADS": "1", "MPLBACKEND": "agg"}
