"""Where data comes from: a file, a folder, or standard input, and which reader is for it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from .builtin import BUILTIN
from .files import HEAD, STDIN, Cost, as_stored, not_data, not_found, read_bytes, refuse_too_large
from .read_csv import table_cost

FORMS = {".csv": "table", ".tsv": "table", ".txt": "table", ".npy": "npy", ".npz": "npz"}
COSTS: dict[str, Cost] = {"table": table_cost, "npy": as_stored, "npz": as_stored}


@dataclass(frozen=True)
class Source:
    """What the user named, and its bytes where it is no folder."""

    name: str  # as typed, or "stdin"
    form: str  # "table", "npy", "npz" or "idx"
    raw: bytes = b""
    sha256: str | None = None  # of what came on standard input, which cannot be read again


def open_source(typed: str) -> Source:
    """The bytes of a file, by the ending of its name; of standard input ("-"), by how they begin.

    Raises: DataError for what is not there, cannot be read, or no reader is for.
    """
    if typed == STDIN:
        raw = read_bytes(STDIN)
        form = form_of(raw)
        refuse_too_large("stdin", raw[:HEAD], len(raw), COSTS[form])
        return Source("stdin", form, raw, hashlib.sha256(raw).hexdigest())
    if not os.path.exists(typed):
        raise not_found(typed, BUILTIN)
    if os.path.isdir(typed):
        return Source(typed, "idx")
    suffix = Path(typed).name.lower().removesuffix(".gz")[-4:]
    if suffix not in FORMS:
        raise not_data(typed)
    return Source(typed, FORMS[suffix], read_bytes(typed, COSTS[FORMS[suffix]]))


def form_of(raw: bytes) -> str:
    """Which reader is for these bytes: the table's, where no other is."""
    if raw.startswith(b"PK\x03\x04") and b".npy" in raw[:200]:
        return "npz"
    return "npy" if raw.startswith(b"\x93NUMPY") else "table"
