"""Trained weights in one file each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layers import Layer

from . import checkpoint
from .errors import CheckpointError


def save_model(path: str | os.PathLike[str], model: Layer, meta: Mapping[str, Any] | None = None) -> None:
    """Write a model's weights and buffers to an .npz file: whole or not at all, equal models equal bytes.

    `meta` takes plain JSON values: what one wants to know of the model later.
    Raises: DiskError, and the file that was there before is whole then; ValueError for no JSON.
    """
    checkpoint.write(Path(path), meta or {}, model=model.state())


def load_model(path: str | os.PathLike[str], model: Layer) -> dict[str, Any]:
    """Copy the weights and buffers of a file into a model built as the saved one was; return its meta.

    Reads model.npz of train.py too.
    Raises: CheckpointError for a file that is missing, damaged, or does not fit the model.
    """
    stored = checkpoint.read(Path(path))
    try:
        model.load_state(stored.part("model"))
    except ValueError as error:
        raise CheckpointError(f"{path}: does not fit the model: {error}") from error
    return {name: value for name, value in stored.meta.items() if name not in checkpoint.HEAD}
