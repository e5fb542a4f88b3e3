"""Signals that ask a training to end: it ends between two batches, with all that it has learned."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any

ASKING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Signals:
    """While entered, the first signal waits in `asked`, to be looked at between batches; a second one ends
    the process at once. A SIGHUP that the process was started to ignore, as under nohup, stays ignored.
    """

    def __init__(self) -> None:
        self.asked: signal.Signals | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Signals:
        if threading.current_thread() is threading.main_thread():  # no other thread may have handlers
            for one in ASKING:
                if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN:
                    self._before[one] = signal.signal(one, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)
        self._before = {}

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            os._exit(128 + number)  # files are whole at any moment
        self.asked = signal.Signals(number)
        if number == signal.SIGINT:
            os.write(2, b"\nstopping after this batch (again to quit at once)\n")
