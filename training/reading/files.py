"""The bytes of a data file, or one line that says why there are none."""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Iterable
from pathlib import Path

from ..errors import DataError
from ..text import listing, nearest, printable

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
    with open(path, "rb") as file:
        what = kind(file.read(4096))
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
    if folder and not os.path.isdir(folder):
        return DataError(f"{printable(path)}: no such file; there is no folder {printable(folder)}")
    builtin = tuple(builtin)
    near = nearest(name, [*data_files(folder or "."), *builtin])
    guess = "" if near is None else f"; did you mean {printable(os.path.join(folder, near))}?"
    names = f" (built in: {', '.join(builtin)})" if builtin else ""
    mend = guess or "; check the name and the folder"
    return DataError(f"{printable(path)}: no such file{mend}{names}")


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
        raise DataError(f"{who}: is {what}, not a file; save the data to a file first")


def check_folder(path: str | os.PathLike[str]) -> None:
    """Refuse what is not a folder that can be listed.   Raises: DataError."""
    try:
        os.listdir(path)
    except FileNotFoundError:
        raise not_found(path) from None
    except NotADirectoryError:
        raise DataError(f"{printable(path)}: is a file, not a folder; name the folder it is in") from None
    except OSError as error:
        raise DataError(
            f"{printable(path)}: cannot be read ({error.strerror}); check its permissions"
        ) from None


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file, decompressed where they are gzip.

    Raises: DataError for a file that is missing, no plain file, unreadable, or damaged gzip.
    """
    check_file(path)
    who = printable(path)
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{who}: cannot be read ({error.strerror}); check its permissions") from None
    if raw.startswith(b"\x1f\x8b"):
        try:
            return gzip.decompress(raw)
        except EOFError:
            raise DataError(f"{who}: ends early, the gzip data is cut off; download it again") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"{who}: is damaged ({printable(error)}); download it again") from None
    if raw and os.fspath(path).lower().endswith(".gz"):
        raise DataError(f"{who}: is not gzip, although its name ends in .gz; rename it without .gz")
    return raw
