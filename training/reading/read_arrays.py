"""Reading features and targets as arrays: NPZ, NPY, and folders of IDX files as MNIST has them."""

from __future__ import annotations

import io
import math
import os
import struct
import zipfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from layers.base import Array

from ..errors import DataError
from ..memory import too_much
from ..text import did_you_mean, listing, printable, quoted
from .array_data import Arrays, assemble, features
from .files import as_stored, check_folder, inside, kind, read_bytes
from .npy import parse_npy

PAIRS = (("x", "y"), ("x_train", "y_train"), ("data", "target"))
UBYTE = 8  # the code for unsigned bytes in the third byte of an IDX file


def npy_arrays(raw: bytes, who: str) -> Arrays:
    """The 2-D array in a .npy file that messages call `who`, as x without y: the caller knows the target.

    Raises: DataError.
    """
    x = parse_npy(raw, f"{who}:")
    if x.ndim != 2:
        raise DataError(f"{who}: has shape {x.shape}; expected (N, D), a row an example; save others as .npz")
    x, notes = features(x, f"{who}:")
    return Arrays(x, notes=tuple(notes))


def npz_arrays(raw: bytes, who: str, target: str | None = None, *, need_target: bool = True) -> Arrays:
    """The arrays in a .npz file that messages call `who`: keys x, y / X, y / x_train, ... / data, target.

    `target` is another key for y, which may be absent with `need_target=False`; x may then be the only other.

    Raises: DataError for a damaged archive, other keys, and arrays that do not fit each other.
    """
    if not raw.startswith(b"PK"):
        raise DataError(f"{who}: {kind(raw) or 'is no NPZ archive; save the arrays with np.savez'}")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            members = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            if target not in members and not need_target:
                target = None
            x_key, *other_keys = choose_keys(members, target, who)
            chosen = [key for key in (x_key, *other_keys) if key]
            refuse_too_large(archive, chosen, who)
            held = {key: archive.read(f"{key}.npy") for key in chosen}
    except DataError:
        raise
    except Exception as error:  # a damaged archive may raise anything
        raise DataError(f"{who}: is damaged ({printable(error)}); save or download it again") from None

    def array(key: str, *, text: bool = False) -> Array:
        return parse_npy(held[key], f"{who}: {quoted(key)}", text=text)

    y, x_test, y_test = (
        array(key, text=text) if key else None
        for key, text in zip(other_keys, (True, False, True), strict=True)
    )
    unused = [name for name in members if name not in held]
    notes = [f"{who}: arrays not used: {listing(unused)}"] if unused else []
    return assemble(who, (x_key, *other_keys), array(x_key), y, x_test, y_test, notes=notes)


def refuse_too_large(archive: zipfile.ZipFile, keys: Collection[str], who: str) -> None:
    """Refuse arrays that memory cannot hold once they are decompressed.   Raises: DataError."""
    if too := too_much(sum(archive.getinfo(f"{key}.npy").file_size for key in keys)):
        raise DataError(f"{who}: {listing(keys)}: {too}; keep fewer rows in it, or use a larger machine")


def choose_keys(members: Collection[str], target: str | None, who: str) -> tuple[str, str, str, str]:
    """The keys of x, y, x_test and y_test, whatever their case; "" for an absent one.   Raises: DataError."""
    by_lower = {name.lower(): name for name in members}

    def find(name: str) -> str:
        return name if name in members else by_lower.get(name, "")

    pairs = [(find(x), find(y)) for x, y in PAIRS]
    if target is not None:
        if target not in members:
            guess = did_you_mean(target, members)
            raise DataError(f"{who}: has no array {quoted(target)}{guess} (it holds: {listing(members)})")
        others = [name for name in members if name != target]
        pairs = [(x, target) for x in (*(x for x, _ in pairs), *(others if len(others) == 1 else ()))]
    for x, y in sorted(pairs, key=lambda pair: "" in pair):  # whole pairs before a lonely x
        if x and x != y:
            test = find("x_test"), find("y_test")
            return (x, y, *test) if y and all(test) else (x, y, "", "")
    raise DataError(
        f"{who}: has no arrays x, y / X, y / x_train, y_train / data, target (it holds: {listing(members)}); "
        "save them with np.savez(file, x=..., y=...)"
    )


def read_idx(folder: str | os.PathLike[str]) -> Arrays:
    """MNIST's files in a folder, gzipped or not: train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-...

    Shapes: x (N, 1, H, W) uint8, y (N,) int64.

    Raises: DataError that says field by field what a header promises and what the file has.
    """
    who = printable(folder)
    check_folder(folder)
    names = {"train-images": 3, "train-labels": 1, "t10k-images": 3, "t10k-labels": 1}
    x, y, x_test, y_test = (idx_array(Path(folder), name, axes) for name, axes in names.items())
    if x is None:
        raise DataError(
            f"{who}: is a folder without train-images-idx3-ubyte (or .gz of it); {inside(folder)}"
        )
    lonely = (x_test is None) != (y_test is None)
    notes = [f"{who}: the t10k images or their labels are missing; no test part is read"] if lonely else []
    return replace(assemble(who, list(names), x, y, x_test, y_test, notes=notes), y_name="label")


def idx_path(folder: Path, name: str, axes: int) -> Path | None:
    """The file of one IDX array, None where there is none."""
    stems = (f"{name}-idx{axes}-ubyte", f"{name}.idx{axes}-ubyte")
    paths = (folder / (stem + end) for stem in stems for end in ("", ".gz"))
    return next((path for path in paths if path.exists()), None)


def idx_array(folder: Path, name: str, axes: int) -> Array | None:
    """The array of one IDX file, None where there is none.

    Shapes: big-endian: the magic 0x0000 08 <axes>, the size of each axis in 4 bytes, the unsigned bytes.

    Raises: DataError.
    """
    path = idx_path(folder, name, axes)
    if path is None:
        return None
    who, raw = printable(path), read_bytes(path, as_stored)
    start, magic = 4 + 4 * axes, UBYTE << 8 | axes
    if raw[:4] != magic.to_bytes(4, "big") and len(raw) >= 4:
        raise DataError(
            f"{who}: begins with 0x{raw[:4].hex()}, expected the magic number 0x{magic:08x} "
            f"(unsigned bytes, {axes} ax{'e' if axes > 1 else 'i'}s); are images and labels exchanged?"
        )
    if len(raw) < start:
        raise DataError(
            f"{who}: has {len(raw)} bytes, expected at least {start} for the header; it is cut off"
        )
    shape = struct.unpack(f">{axes}I", raw[4:start])
    if math.prod(shape) != len(raw) - start:
        promise = " x ".join(map(str, shape))
        raise DataError(
            f"{who}: its header says {promise} = {math.prod(shape)} bytes, {len(raw) - start} follow; "
            "it is cut off or damaged, download it again"
        )
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
