"""Models and checkpoints as single .npz files: arrays by name and one JSON text, no Python objects."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from layers.base import Array

from .disk import write_bytes
from .errors import CheckpointError

FORMAT = 2
HEAD = ("format", "sha256", "arrays")  # of meta, what this module adds


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: arrays by name, and everything else as plain JSON values."""

    arrays: dict[str, Array]
    meta: dict[str, Any]

    def part(self, name: str) -> dict[str, Array]:
        """The arrays under "name/", without the prefix."""
        prefix = f"{name}/"
        return {key.removeprefix(prefix): a for key, a in self.arrays.items() if key.startswith(prefix)}


def write(path: Path, meta: Mapping[str, Any], *, keep: bool = False, **parts: Mapping[str, Array]) -> None:
    """Write arrays, each part's under its name, and meta: equal content makes equal bytes.

    With `keep` the file that was there before stays, as previous(path).

    Raises: DiskError; CheckpointError for an array of Python objects, which only pickle could store;
    ValueError or TypeError for a meta that is no JSON, NaN included.
    """
    arrays = {f"{part}/{name}": array for part, named in parts.items() for name, array in named.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise CheckpointError(f"{path}: expected numbers, got Python objects in {name}; convert them")
    head = {"format": FORMAT, "sha256": digest(arrays), "arrays": list(arrays)}
    text = json.dumps({**head, **meta}, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, meta=np.frombuffer(text, np.uint8), **arrays)
    write_bytes(path, buffer.getvalue(), keep=previous(path) if keep else None)


def previous(path: Path) -> Path:
    """Where the checkpoint before this one is kept: last.prev.npz for last.npz."""
    return path.with_name(f"{path.stem}.prev{path.suffix}")


def digest(arrays: Mapping[str, Array]) -> str:
    """SHA-256 over the arrays, with their names, dtypes and shapes."""
    total = hashlib.sha256()
    for name, array in arrays.items():
        total.update(f"{name} {array.dtype.str} {array.shape}".encode())
        total.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def read_latest(path: Path) -> tuple[Checkpoint, str]:
    """The file, or where it is damaged or gone the one before it; and a warning if so, else "".

    Raises: CheckpointError where neither can be read.
    """
    try:
        return read(path), ""
    except CheckpointError as error:
        before = previous(path)
        if not before.exists():
            raise
        said = str(error).partition(";")[0]
        try:
            return read(before), f"{said}; going on from {before.name}, the one before it"
        except CheckpointError as worse:
            raise CheckpointError(f"{said}; and {worse}") from None


def read(path: Path) -> Checkpoint:
    """Read what write() wrote.

    Raises: CheckpointError for a file that is missing, damaged, another program's, or of another format.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path}: expected a model, found no such file; name a run directory") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}; name a run directory") from error
    try:
        stored = np.load(io.BytesIO(content), allow_pickle=False)
        meta = json.loads(stored["meta"].tobytes()) if "meta" in stored else {}
        version = meta.get("format")
        arrays = {name: stored[name] for name in meta["arrays"]} if version == FORMAT else {}
        whole = version != FORMAT or digest(arrays) == meta["sha256"]
    except Exception as error:  # zip, zlib, npy header, JSON: each fails in its own ways on damaged bytes
        raise CheckpointError(f"{path}: is damaged, or no model; train again, or use a copy") from error
    if version is None:
        raise CheckpointError(f"{path}: expected a model of train.py, got another program's file; check it")
    if version != FORMAT:
        raise CheckpointError(
            f"{path}: expected format {FORMAT}, got {version}; use the version that wrote it"
        )
    if not whole:
        raise CheckpointError(f"{path}: is damaged: its checksum does not fit; train again, or use a copy")
    return Checkpoint(arrays, meta)
