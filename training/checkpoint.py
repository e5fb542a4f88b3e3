"""Models and checkpoints as single .npz files: arrays by name and one JSON text, no Python objects."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from layers import Container, Layer
from layers.base import Array

from .disk import write_bytes
from .errors import CheckpointError

FORMAT = 1


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds: arrays by name, and everything else as plain JSON values."""

    arrays: dict[str, Array]
    meta: dict[str, Any]

    def part(self, name: str) -> dict[str, Array]:
        """The arrays under "name/", without the prefix."""
        prefix = f"{name}/"
        return {key.removeprefix(prefix): a for key, a in self.arrays.items() if key.startswith(prefix)}


def write(path: Path, meta: Mapping[str, Any], **parts: Mapping[str, Array]) -> None:
    """Write arrays, each part's under its name, and meta: equal content makes equal bytes.

    Raises: DiskError; CheckpointError for an array of Python objects, which only pickle could store;
    ValueError or TypeError for a meta that is no JSON, NaN included.
    """
    arrays = {f"{part}/{name}": array for part, named in parts.items() for name, array in named.items()}
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise CheckpointError(f"{path}: expected numbers, got Python objects in {name}; convert them")
    head = {"format": FORMAT, "arrays": list(arrays)}
    text = json.dumps({**head, **meta}, allow_nan=False).encode()
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, meta=np.frombuffer(text, np.uint8), **arrays)
    write_bytes(path, buffer.getvalue())


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
    except Exception as error:  # zip, zlib, npy header, JSON: each fails in its own ways on damaged bytes
        raise CheckpointError(f"{path}: is damaged, or no model; train again, or use a copy") from error
    if version is None:
        raise CheckpointError(f"{path}: expected a model of train.py, got another program's file; check it")
    if version != FORMAT:
        raise CheckpointError(
            f"{path}: expected format {FORMAT}, got {version}; use the version that wrote it"
        )
    return Checkpoint(arrays, meta)


def rng_states(model: Layer) -> dict[str, Any]:
    """The state of every random generator inside a model by its dotted name, as JSON values."""
    return {
        f"{place}.{name}".lstrip("."): _plain(value.bit_generator.state)
        for place, layer in walk(model)
        for name, value in vars(layer).items()
        if isinstance(value, np.random.Generator)
    }


def walk(model: Layer, place: str = "") -> Iterator[tuple[str, Layer]]:
    """Every layer inside a model with its dotted name; the model itself is ""."""
    yield place, model
    if isinstance(model, Container):
        for name, child in model.children.items():
            yield from walk(child, f"{place}.{name}" if place else name)


def _plain(state: Any) -> Any:
    if isinstance(state, Mapping):
        return {name: _plain(value) for name, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray | np.generic) else state
