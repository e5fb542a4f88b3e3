"""The bytes of a data file, or one line that says why there are none."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterable

from ..errors import DataError
from ..memory import too_much
from ..text import listing, nearest, printable

STDIN = "-"  # what one types for standard input; messages call it stdin
ENDS = 4096  # bytes at either end of a file that tell what it is
HEAD = 1 << 20  # bytes of a file that tell how much memory the whole will take
Cost = Callable[[bytes, int], int]  # the first bytes of a file, its size -> bytes in memory

SUFFIXES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".npz", ".npy")

# How files of other kinds begin.
SIGNATURES = (
    (b"PK\x03\x04", "is a zip archive; unpack it and name the file inside"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook; save it as CSV"),
    (b"%PDF-", "is a PDF document; save the table in it as CSV"),
    (b"\x93NUMPY", "is a NumPy array; name it .npy"),
    (b"\x89HDF", "is an HDF5 file; save its arrays as .npz"),
    (b"\x89PNG", "is a PNG image; a table or arrays are needed"),
    (b"SQLite format 3\0", "is an SQLite database; export the table as CSV"),
    (b"\x1f\x8b", "is compressed twice; decompress it once"),
    (b"\xfd7zXZ\0", "is xz-compressed; decompress it"),
    (b"(\xb5/\xfd", "is zstd-compressed; decompress it"),
    *((bytes([0x80, version]), "is a Python pickle; refused for safety, save it as CSV or .npz")
      for version in (2, 3, 4, 5)),
)  # fmt: skip


def kind(raw: bytes) -> str | None:
    """What a file of another kind is, with the mend; None for what may be text."""
    if not raw:
        return "is empty (0 bytes); check how it was saved"
    if raw.startswith(b"PAR1") and raw.endswith(b"PAR1"):
        return "is a Parquet file; save it as CSV"
    if raw.startswith(b"PK\x03\x04"):
        if b"xl/workbook" in raw:
            return "is an Excel workbook; save it as CSV"
        if b"mimetypeapplication/vnd.oasis" in raw[:200]:
            return "is an OpenDocument file; save the sheet as CSV"
        if b".npy" in raw[:200]:
            return "is an archive of NumPy arrays; name it .npz"
    if raw[:100].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page, not the data; download the file itself"
    return next((what for magic, what in SIGNATURES if raw.startswith(magic)), None)


def data_files(folder: str | os.PathLike[str]) -> list[str]:
    """The names of the data files in a folder."""
    try:
        return sorted(name for name in os.listdir(folder) if name.lower().endswith(SUFFIXES))
    except OSError:
        return []


def not_data(path: str | os.PathLike[str]) -> DataError:
    """The error for a file that no reader is for."""
    check_file(path)
    try:
        with open(path, "rb") as file:
            ends = file.read(ENDS)
            file.seek(max(ENDS, os.path.getsize(path) - ENDS))
            what = kind(ends + file.read())
    except OSError as error:
        return unreadable(path, error)
    if "-ubyte" in os.path.basename(path):
        what = "is one IDX file of several; name the folder they are in"
    expected = (
        "is no .csv, .tsv, .txt (or .gz of them), .npz or .npy file, nor a folder of IDX files; rename it"
    )
    return DataError(f"{printable(path)}: {what or expected}")


def inside(folder: str | os.PathLike[str]) -> str:
    """What to name instead of a folder."""
    names = data_files(folder)
    return f"name a file in it: {listing(names)}" if names else "it holds no data files"


def not_found(path: str | os.PathLike[str], builtin: Iterable[str] = ()) -> DataError:
    """The error for a file that is not there: the nearest names beside it, and the built-in datasets."""
    folder, name = os.path.split(os.fspath(path))
    who = printable(path) or "''"
    if folder and not os.path.isdir(folder):
        return DataError(f"{who}: no such file; there is no folder {printable(folder)}")
    builtin = tuple(builtin)
    near = nearest(name, [*data_files(folder or "."), *builtin])
    guess = "" if near is None else f"; did you mean {printable(os.path.join(folder, near))}?"
    names = f" (built in: {', '.join(builtin)})" if builtin else ""
    mend = guess or "; check the name and the folder"
    return DataError(f"{who}: no such file{mend}{names}")


def check_file(path: str | os.PathLike[str]) -> None:
    """Refuse what is not a plain file, before anything waits for it or allocates.   Raises: DataError."""
    who = printable(path)
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise not_found(path) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise DataError(
            f"{who}: cannot be read ({getattr(error, 'strerror', error)}); check the name"
        ) from None
    if stat.S_ISDIR(mode):
        raise DataError(f"{who}: is a directory; {inside(path)}")
    if not stat.S_ISREG(mode):
        what = "a FIFO (named pipe)" if stat.S_ISFIFO(mode) else "a device or a socket"
        mend = "save the data to a file first, or give it on standard input, with - for the file"
        raise DataError(f"{who}: is {what}, not a file; {mend}")


def check_folder(path: str | os.PathLike[str]) -> None:
    """Refuse what is not a folder that can be listed.   Raises: DataError."""
    try:
        os.listdir(path)
    except FileNotFoundError:
        raise not_found(path) from None
    except NotADirectoryError:
        raise DataError(f"{printable(path)}: is a file, not a folder; name the folder it is in") from None
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: str | os.PathLike[str], error: OSError) -> DataError:
    """The error for what the system does not let us read."""
    return DataError(f"{printable(path)}: cannot be read ({error.strerror}); check its permissions")


def shown(path: str | os.PathLike[str]) -> str:
    """The name of a file in messages."""
    return "stdin" if os.fspath(path) == STDIN else printable(path)


def read_bytes(path: str | os.PathLike[str], cost: Cost | None = None) -> bytes:
    """The bytes of a file or of standard input ("-"), decompressed where they are gzip.

    `cost` tells how much memory the data will take; more than there is, is refused before it is read.

    Raises: DataError for a file that is missing, no plain file, unreadable, too large, or damaged gzip.
    """
    who = shown(path)
    raw = _stdin() if os.fspath(path) == STDIN else _contents(path, cost)
    if raw.startswith(b"\x1f\x8b"):
        raw = _decompressed(raw, who)
    elif raw and who.lower().endswith(".gz"):
        raise DataError(f"{who}: is not gzip, although its name ends in .gz; rename it without .gz")
    elif os.fspath(path) != STDIN:
        return raw
    refuse_too_large(who, raw[:HEAD], len(raw), cost)
    return raw


def as_stored(head: bytes, size: int) -> int:
    """The cost of arrays: in memory they are as large as in their file."""
    return size


def _contents(path: str | os.PathLike[str], cost: Cost | None) -> bytes:
    check_file(path)
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD)
            if not head.startswith(b"\x1f\x8b"):
                refuse_too_large(printable(path), head, os.fstat(file.fileno()).st_size, cost)
            file.seek(0)
            return file.read()
    except OSError as error:
        raise unreadable(path, error) from None


def _stdin() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except (AttributeError, OSError, ValueError):  # there is none, or it is closed
        raise DataError("stdin: cannot be read; redirect a file to it, as in: < data.csv") from None


def _decompressed(raw: bytes, who: str) -> bytes:
    """The bytes in gzip bytes, some at a time: little that is compressed may be more than memory holds."""
    parts, size = [], 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(raw)) as file:
            while part := file.read(HEAD):
                parts.append(part)
                size += len(part)
                if size > 100 * HEAD and (too := too_much(len(part))):
                    raise DataError(f"{who}: {too} for what comes after {size >> 20} MB; is it damaged?")
    except EOFError:
        raise DataError(f"{who}: ends early, the gzip data is cut off; download it again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{who}: is damaged ({printable(error)}); download it again") from None
    return b"".join(parts)


def refuse_too_large(who: str, head: bytes, size: int, cost: Cost | None) -> None:
    """Refuse what memory cannot hold, before it is tried.   Raises: DataError."""
    if cost and (too := too_much(cost(head, size))):
        raise DataError(f"{who}: {too}; keep fewer rows or columns in it, or use a larger machine")
