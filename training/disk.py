"""What is left on the disk: files written whole or not at all, and one line where the disk refuses."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from .errors import DiskError


def write_bytes(path: Path, content: bytes, *, keep: Path | None = None) -> None:
    """Write a file beside its place, push it to the disk, then rename it: a reader never sees half a file.

    The file that was there before is known as `keep` from then on; at no moment there is neither of them.
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
        if keep is not None and place.exists():
            _name_also(place, keep)
        os.replace(temporary, place)
        _push_names(place.parent)
    except OSError as error:
        raise DiskError(
            f"{path}: cannot be written: {error.strerror or error}; free space, or name another place"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def clean(folder: Path) -> None:
    """Take away what writers left that were killed; those alive keep their own."""
    for path in folder.glob(".*.tmp"):
        process = path.name.split(".")[-2]
        if process.isdigit() and not _alive(int(process)):
            with contextlib.suppress(OSError):
                path.unlink()


def _alive(process: int) -> bool:
    if os.name != "posix":  # elsewhere there is no asking without harm
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number of a process
        return True
    return True


def _name_also(place: Path, other: Path) -> None:
    """Let the file be known by another name too, which stands for an older one until then."""
    between = other.with_name(f".{other.name}.{os.getpid()}.tmp")
    try:
        try:
            os.link(place, between)
        except OSError:  # a file system without links
            shutil.copyfile(place, between)
        os.replace(between, other)
    finally:
        between.unlink(missing_ok=True)


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
