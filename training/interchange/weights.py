"""Weights alone: safetensors files, and what PyTorch trained."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from layers import Layer
from layers.base import Array

from ..disk import write_bytes
from ..errors import CheckpointError, UsageError
from ..text import did_you_mean
from .torch_names import Piece, expected

COUNTER = "num_batches_tracked"  # PyTorch's BatchNorm counts its batches; nothing is computed from that


def save_safetensors(path: str | Path, model: Layer) -> None:
    """Write all params and buffers of the model under their names: "0.W", "1.running_mean".

    Raises: UsageError where safetensors is not installed; DiskError.
    """
    arrays = {name: np.asarray(array, order="C") for name, array in model.state().items()}
    write_bytes(Path(path), _safetensors().save(arrays))


def load_safetensors(path: str | Path) -> dict[str, Array]:
    """The arrays of a safetensors file by name, for model.load_state.

    Raises: CheckpointError for a file that is missing, damaged, or of a dtype that NumPy does not have.
    """
    safetensors = _safetensors()
    content = _read(path)
    try:
        arrays: dict[str, Array] = safetensors.load(content)
    except Exception as error:  # its own exceptions, and KeyError or TypeError for dtypes
        raise CheckpointError(
            f"{path}: cannot be read as safetensors ({error}); save it again, as float32"
        ) from error
    return arrays


def load_pytorch(
    model: Layer, weights: str | Path | Mapping[str, Any], names: Mapping[str, str] | None = None
) -> None:
    """Copy what PyTorch trained into the model: a state_dict, or the .safetensors or .npz file of one.

        load_pytorch(model, "net.safetensors", names={"fc1": "0", "fc2": "2"})

    `names` says what stands where: PyTorch's module -> our layer, or a name of an array -> ours ("0.W").
    Modules that are called as our layers need not be named: those of equal Sequentials are. Inside a layer
    "weight" is W, a or gamma, "bias" is b or beta, "weight_ih_l0" and its kin W_x, W_h, b_x and b_h,
    "in_proj_weight" W_q, W_k and W_v in one; a bidirectional module is a Bidirectional, a pre-norm
    TransformerEncoderLayer a TransformerBlock.
    Raises: CheckpointError that lists every name without a counterpart on either side, and every array of
    another shape; nothing is copied then. UsageError for a name in `names` that neither side has.
    """
    label, given = _given(weights)
    state, table = model.state(), expected(model)
    arrays: dict[str, Array] = {}
    extra, unlike = [], []
    for name, array in _renamed(model, given, names or {}).items():
        pieces = [Piece(name)] if name in state else table.get(name)
        if pieces is None:
            extra += [name] * (name.rpartition(".")[2] != COUNTER)
            continue
        for ours, number, parts in pieces:
            part = _part(array, number, parts)
            if ours in arrays and not np.array_equal(arrays[ours], part):
                unlike.append(f"{ours} (once more as {name})")
            arrays[ours] = part
    theirs = {piece.ours: name for name, pieces in table.items() for piece in pieces}
    problems = {
        "no array for": [f"{name} ({theirs[name]})" for name in state if name not in arrays],
        "no place for": extra,
        "two arrays for": unlike,
        "another shape": [
            f"{name} (expected {array.shape}, got {arrays[name].shape})"
            for name, array in state.items()
            if name in arrays and arrays[name].shape != array.shape
        ],
    }
    if any(problems.values()):
        found = "; ".join(f"{what} {', '.join(which)}" for what, which in problems.items() if which)
        raise CheckpointError(
            f"{label}: expected the weights of this model: {found}; say in `names` which is which"
        )
    model.load_state(arrays)


def _given(weights: str | Path | Mapping[str, Any]) -> tuple[str, dict[str, Array]]:
    """(what errors call the weights, the arrays by name)"""
    if isinstance(weights, Mapping):
        return "state_dict", {name: _array(value) for name, value in weights.items()}
    path = Path(weights)
    if path.suffix == ".safetensors":
        return str(path), load_safetensors(path)
    if path.suffix != ".npz":
        raise UsageError(f"{path}: expected .safetensors or .npz; save the state_dict as one of them")
    content = _read(path)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return str(path), dict(stored)
    except Exception as error:  # zip, zlib, npy header: each fails in its own ways on damaged bytes
        raise CheckpointError(f"{path}: is damaged, or no .npz of numbers; save it again") from error


def _array(value: Any) -> Array:
    """A tensor or an array, as an array."""
    return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)


def _renamed(model: Layer, given: dict[str, Array], names: Mapping[str, str]) -> dict[str, Array]:
    """The arrays under the names that they would have if the modules were called as our layers."""
    renamed, used = {}, set[str]()
    for name, array in given.items():
        place = next(
            (p for p in sorted(names, key=len, reverse=True) if f"{name}.".startswith(f"{p}.")), None
        )
        new = name if place is None else names[place] + name[len(place) :]
        if place is not None:
            used.add(place)
        if new in renamed:
            raise UsageError(f"names: expected each array in one place, got {name!r} and another at {new!r}")
        renamed[new] = array
    for place in names:
        if place not in used:
            raise UsageError(
                f"names: expected a module or an array of PyTorch's, got {place!r}"
                f"{did_you_mean(place, given)}"
            )
    return renamed


def _part(array: Array, number: int, parts: int) -> Array:
    """One of several equal parts; the whole where it cannot be parted, for its shape to be refused."""
    return np.split(array, parts)[number] if array.ndim and len(array) % parts == 0 else array


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise CheckpointError(f"{path}: expected weights, found no such file; check the path") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}; check the path") from error


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise UsageError(
            "safetensors files need safetensors, which is not installed; python -m pip install safetensors"
        ) from None
    return safetensors.numpy
