"""One process a run directory: a lock that ends with its holder, however that ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from .errors import DiskError


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone.   Raises: DiskError where another one holds it."""
    try:
        import fcntl
    except ImportError:  # Windows has none: there, nobody is kept out
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DiskError(f"{folder}: in use by a run that is still alive; wait until it ends") from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)
