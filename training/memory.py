"""How much memory there is, so that what can never fit is refused before it is tried."""

from __future__ import annotations

import os


def memory() -> int | None:
    """The bytes of this machine's memory, None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def too_much(needed: int) -> str | None:
    """ "needs 240 GB, this machine has 16 GB", or None where it fits."""
    here = memory()
    if here is None or needed <= here:
        return None
    return f"needs {needed / 1e9:,.1f} GB, this machine has {here / 1e9:,.1f} GB"
