"""How much memory is free, so that what can never fit is refused before it is tried."""

from __future__ import annotations

import os
import re
from pathlib import Path


def memory() -> int | None:
    """The bytes that can still be had: on Linux those that are free, elsewhere all that the machine has.

    None where the system does not say.
    """
    known = [size for size in (_free(), _allowed()) if size is not None]
    try:
        return min(known) if known else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def too_much(needed: int) -> str | None:
    """ "needs 240 GB, 16 GB are free", or None where it fits."""
    free = memory()
    if free is None or needed <= free:
        return None
    return f"needs {size(needed)}, {size(free)} are free"


def size(count: int) -> str:
    """ "1.5 GB", "20 MB"."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def _free() -> int | None:
    """MemAvailable of Linux: what can be had without swapping."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _text("/proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _allowed() -> int | None:
    """The limit of a container."""
    limit = _text("/sys/fs/cgroup/memory.max").strip()
    return int(limit) if limit.isdecimal() else None


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
