"""Files of arrays, written for one test."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np

from layers.base import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])


def save(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def npy_bytes(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header_bytes(text: str) -> bytes:
    """A .npy file of version 1.0 with the given header and 24 bytes of data."""
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(24)
