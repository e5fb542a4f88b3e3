"""What is left on the disk: files written whole or not at all, and one line where the disk refuses."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .errors import DiskError


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file beside its place, push it to the disk, then rename it: a reader never sees half a file.

    Raises: DiskError; the file that was there before is whole then.
    """
    place = Path(os.path.realpath(path))  # a link stays a link
    if place.exists() and not place.is_file():
        raise DiskError(f"{path}: cannot be written: is no regular file; name another")
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, place)
        _push_names(place.parent)
    except OSError as error:
        raise DiskError(
            f"{path}: cannot be written: {error.strerror or error}; free space, or name another place"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there yet.   Raises: DiskError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"{path}: cannot be made: {error.strerror}; name another folder") from error


def _push_names(folder: Path) -> None:
    """Push a folder's list of names to the disk, so that a rename in it outlives a power cut."""
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
