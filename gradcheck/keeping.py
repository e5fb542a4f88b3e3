"""Where NumPy would make a plain array of a guarded one, it is kept guarded."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .admitted import refusal
from .guarded import MARK, Guarded, loses_nothing, strip, wrap

as_strided, np_nditer = np.lib.stride_tricks.as_strided, np.nditer
KEPT = [
    (np, name)
    for name in ("asarray", "array", "ascontiguousarray", "zeros", "empty", "ones", "full", "nditer")
]
KEPT += [(np.lib.stride_tricks, "as_strided")]


@contextmanager
def exact() -> Iterator[None]:
    """Raise where a derivative would be lost with a warning, and keep arrays guarded where NumPy would not.

    np.asarray, np.array and as_strided return plain arrays of any subclass, and np.zeros cannot know what its
    buffer is for: here they keep the guard. Not for threads: NumPy's own names are replaced meanwhile.
    """
    before = [(home, name, getattr(home, name)) for home, name in KEPT]
    try:
        for home, name, f in before:
            setattr(home, name, _keeping(f))
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            yield
    finally:
        for home, name, f in before:
            setattr(home, name, f)


def _keeping(f: Any) -> Any:
    """f, but with guarded arrays in it, or with their dtype asked of it, its result is guarded too."""
    place = 2 if f is np.full else 1

    def kept(*args: Any, **options: Any) -> Any:
        dtype = args[place] if len(args) > place and f is not as_strided else options.get("dtype")
        marked = isinstance(dtype, np.dtype) and dtype.metadata == MARK.metadata
        if not (marked or _holds(args)) or "subok" in options:
            return f(*args, **options)
        if f is np_nditer or not loses_nothing(dtype):
            raise refusal(f, "" if dtype is None else f" in {np.dtype(dtype)}")
        if dtype is not None:
            args, options = args[:place] + args[place + 1 :], options | {"dtype": np.complex128}
        return wrap(f(*strip(args), **options))

    return kept


def _holds(value: Any) -> bool:
    return isinstance(value, Guarded) or (isinstance(value, tuple | list) and any(map(_holds, value)))
