"""Large work shared among the cores: NumPy lets go of the interpreter while it computes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

LARGE = 2**21  # multiplications or so: less is done before another thread has woken up

CACHED = 2**19  # numbers that stay in a cache between passes

_pools: dict[int, Any] = {}  # of threads, by their number
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # threads do not follow into a child

# C libraries give large freed arrays back to the system, and the next step pays for every page again. glibc
# keeps as much as the largest array freed so far, up to 32 MB: this one, of which no page is ever touched.
np.empty(2**25 - 2**16, np.uint8)


def in_parts(f: Callable[[slice], T], n: int, work: float) -> list[T]:
    """[f(part), ...] for slices that together are range(n), side by side where there is `work` enough.

    There are as many threads as BLAS would use, and meanwhile each has BLAS for itself alone: one with the
    number of threads that the user chose, or where BLAS does not say it, f(slice(0, n)) runs as it is.
    """
    threads = min(_blas_threads(), n)
    if threads < 2 or work < LARGE:
        return [f(slice(0, n))]
    from concurrent.futures import ThreadPoolExecutor, wait  # here, as they are slow to import
    from contextvars import copy_context

    before, pool = _blas_threads(), _pools.get(threads)
    if pool is None:
        pool = _pools.setdefault(threads, ThreadPoolExecutor(threads - 1, "layers"))
    ends = [n * i // threads for i in range(threads + 1)]
    first, *others = map(slice, ends[:-1], ends[1:])
    _set_blas_threads(1)
    try:
        futures = [pool.submit(copy_context().run, f, part) for part in others]  # np.errstate goes with it
        try:
            return [f(first), *(future.result() for future in futures)]
        finally:
            wait(futures)
    finally:
        _set_blas_threads(before)  # a caller's other thread saw 1 meanwhile, and shared nothing


def blocks(part: slice, entries: int, at_once: int = CACHED) -> Iterator[slice]:
    """A part in slices of so many entries at once, where each index stands for `entries`; or of one index."""
    step = max(1, at_once // max(entries, 1))
    return (slice(n, min(n + step, part.stop)) for n in range(part.start, part.stop, step))


def _blas_threads() -> int:
    return _openblas()[0]()


def _set_blas_threads(threads: int) -> None:
    _openblas()[1](threads)


@cache
def _openblas() -> tuple[Callable[[], int], Callable[[int], Any]]:
    """How many threads OpenBLAS uses, read and set; 1 for another BLAS, which is left alone."""
    import ctypes

    try:
        library = ctypes.CDLL(sys.modules["numpy._core._multiarray_umath"].__file__)  # and what it links to
    except (KeyError, OSError, TypeError):
        library = None
    for prefix in ("scipy_openblas", "openblas"):
        for suffix in ("64_", ""):
            get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
            if get is not None:
                return get, getattr(library, f"{prefix}_set_num_threads{suffix}")
    return lambda: 1, lambda threads: None
