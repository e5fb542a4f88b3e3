"""A case of trouble with data, and what its files are made of."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

DATA, USAGE = 3, 2

Content = str | bytes | Callable[[Path], object]  # or what makes the file


class Case(NamedTuple):
    """Files, the command line, and what it comes to: `says` on stderr, `out` on stdout."""

    files: dict[str, Content]
    line: str
    code: int
    says: str = ""
    out: str = ""


def table(*rows: str, n: int = 24, header: str = "a,b,y") -> str:
    """A good table of two numbers and a third from them, the given rows put in from line 6 on."""
    body = [f"{i},{(7 * i) % 11 + 0.5},{3 * i + (7 * i) % 11}.25" for i in range(n)]
    return "\n".join([header, *body[:4], *rows, *body[4:]]) + "\n"


def classes(*labels: str, n: int = 40, header: str = "a,b,kind") -> str:
    """A table of two numbers and the labels x and y, then a row for each of the given labels."""
    body = [f"{i % 2 + 0.01 * i},{i % 7},{'xy'[i % 2]}" for i in range(n)]
    more = [f"{0.3 * i + 0.11},{i % 3 + 0.2},{label}" for i, label in enumerate(labels)]
    return "\n".join([header, *body, *more]) + "\n"


def column(cells: list[str], n: int = 24, name: str = "c") -> str:
    """The good table with one more feature, whose cells repeat."""
    lines = table(n=n).splitlines()
    rows = [f"{cells[i % len(cells)]},{line}" for i, line in enumerate(lines[1:])]
    return "\n".join([f"{name},{lines[0]}", *rows]) + "\n"


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def header(text: str) -> bytes:
    """A .npy file that is all header."""
    text = f"{text:<117}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    top = struct.pack(f">{1 + array.ndim}I", magic or 0x0800 | array.ndim, *array.shape)
    return top + array.astype(np.uint8).tobytes()


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), np.arange(40) % 2
IMAGES = RNG.integers(0, 256, (40, 4, 5), dtype=np.uint8)
GOOD = table()
GZ = gzip.compress(GOOD.encode())
NPZ = npz(x=X, y=Y)
LABELS, PICTURES = "m/train-labels-idx1-ubyte", "m/train-images-idx3-ubyte"
