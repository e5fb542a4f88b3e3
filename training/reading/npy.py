"""One array out of the bytes of a .npy file: without pickle, and without believing its header."""

from __future__ import annotations

import io
import math
import warnings
from typing import Any

import numpy as np
from numpy.lib import format as npy

from layers.base import Array

from ..errors import DataError
from .files import kind

REFUSED = {
    "O": "holds Python objects; refused for safety, save as numbers",
    "V": "holds structured records; save its fields as the columns of one array",
    "c": "holds complex numbers; save real and imaginary parts as columns",
    "M": "holds dates; save as numbers",
    "m": "holds time spans; save as numbers",
    "S": "holds bytes; save as numbers",
    "U": "holds text; save as numbers",
}


def parse_npy(raw: bytes, subject: str, *, text: bool = False) -> Array:
    """The array in .npy bytes in native byte order: booleans, integers, float32, float64; `text` also.

    `subject` begins the messages: "a.npy:" or "a.npz: 'x'".

    Raises: DataError for other kinds, a damaged header, or one that promises more bytes than there are.
    """
    if not raw.startswith(npy.MAGIC_PREFIX):
        raise DataError(f"{subject} {kind(raw) or 'is no NumPy array, or is damaged; save it with np.save'}")
    file = io.BytesIO(raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = npy.read_magic(file) == (1, 0)
            shape, fortran, dtype = (npy.read_array_header_1_0 if old else npy.read_array_header_2_0)(file)
    except Exception:  # the header is evaluated as Python text: garbage in it may raise anything
        raise DataError(f"{subject} has a damaged NumPy header; save it again") from None
    if dtype.kind in REFUSED and not (text and dtype.kind == "U"):
        raise DataError(f"{subject} {REFUSED[dtype.kind]}")
    claimed, held = math.prod(shape) * dtype.itemsize, len(raw) - file.tell()
    if min(shape, default=0) < 0 or claimed > held:
        raise DataError(
            f"{subject} is damaged or cut off: its header says {dtype} of shape {shape}, {claimed} bytes, "
            f"and {held} bytes follow; save or download it again"
        )
    array = np.frombuffer(raw, dtype, math.prod(shape), file.tell())
    array = array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
    return array.astype(native(dtype), order="C", copy=False)


def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype in this machine's byte order; float16 becomes float32, a wide float float64."""
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        return np.dtype(np.float32 if dtype.itemsize == 2 else np.float64)
    return dtype.newbyteorder("=")
