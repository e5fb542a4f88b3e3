"""Large work shared among the cores: NumPy lets go of the interpreter while it computes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import cache, partial
from threading import Lock, Thread
from typing import Any, TypeVar

import numpy as np

from .base import Array

T = TypeVar("T")

LARGE = 2**21  # numbers passed over: less is done before another thread has woken up

PASS = 4  # multiplications of a product take as long as passing over a number

CACHED = 2**19  # numbers that stay in a cache between passes

# C libraries give large freed arrays back to the system, and the next step pays for every page again. glibc
# keeps as much as the largest array freed so far, up to 32 MB: this one, of which no page is ever touched.
np.empty(2**25 - 2**16, np.uint8)


def in_parts(f: Callable[[slice], T], n: int, work: float) -> list[T]:
    """[f(part), ...] for slices that together are range(n), side by side where there is `work` enough, which
    is counted in numbers passed over.

    There are as many threads as BLAS would use, and meanwhile each has BLAS for itself alone: one with the
    number of threads that the user chose, or where BLAS does not say it, f(slice(0, n)) runs as it is.
    """
    threads = min(_blas_threads(), n)
    if threads < 2 or work < LARGE:
        return [f(slice(0, n))]
    ends = [n * i // threads for i in range(threads + 1)]
    first, *others = map(slice, ends[:-1], ends[1:])
    called: list[_Helper] = []
    with _blas_alone:
        try:
            for part in others:
                called.append(_idle.pop() if _idle else _Helper())
                called[-1].begin(partial(copy_context().run, f, part))  # np.errstate goes with it
            results = [f(first)]
        finally:
            outcomes = [helper.end() for helper in called]
    for result, error in outcomes:
        if error is not None:
            raise error
        results.append(result)
    return results


def product(a: Array, b: Array) -> Array:
    """a b, of matrices, in parts, for layers that are used beside others that share their work: BLAS's own
    threads start sooner, but spin for a while when they are done, on the cores that the others need.

    Shapes: a (M, K), b (K, N), the product (M, N).
    """
    (M, K), N = a.shape, b.shape[1]
    y = np.empty((M, N), np.result_type(a, b))

    def some(part: slice) -> None:
        rows, columns = (part, slice(None)) if M > N else (slice(None), part)
        np.matmul(a[rows], b[:, columns], out=y[rows, columns])

    work = M * N * K / PASS
    if work >= LARGE:
        in_parts(some, max(M, N), work)
    else:
        with _blas_alone:
            some(slice(None))
    return y


class _Helper:
    """A thread that waits to be given work. Locks alone wake it up; a Future takes five times as long."""

    def __init__(self) -> None:
        self._given, self._done = Lock(), Lock()
        self._given.acquire()
        self._done.acquire()
        Thread(target=self._serve, name="layers", daemon=True).start()

    def begin(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._given.release()

    def end(self) -> tuple[Any, BaseException | None]:
        """What the work returned and what it raised, once it is done."""
        self._done.acquire()
        outcome = self._outcome
        del self._work, self._outcome  # arrays are not held on to
        _idle.append(self)
        return outcome

    def _serve(self) -> None:
        while True:
            self._given.acquire()
            self._outcome: tuple[Any, BaseException | None]
            try:
                self._outcome = self._work(), None
            except BaseException as error:  # it is the caller's
                self._outcome = None, error
            self._done.release()


def blocks(part: slice, entries: int, at_once: int = CACHED) -> Iterator[slice]:
    """A part in slices of so many entries at once, where each index stands for `entries`; or of one index."""
    step = max(1, at_once // max(entries, 1))
    return (slice(n, min(n + step, part.stop)) for n in range(part.start, part.stop, step))


class _BlasAlone:
    """BLAS without threads of its own, until the last of those who want it so is done."""

    def __init__(self) -> None:
        self._lock, self._callers, self._before = Lock(), 0, 1

    def __enter__(self) -> None:
        with self._lock:
            if self._callers == 0:
                self._before = _blas_threads()
                _set_blas_threads(1)
            self._callers += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._callers -= 1
            if self._callers == 0:
                _set_blas_threads(self._before)

    def end(self) -> None:
        """In a child process, where the callers do not go on."""
        if self._callers:
            _set_blas_threads(self._before)
        self._lock, self._callers = Lock(), 0


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


_idle: list[_Helper] = []
_blas_alone = _BlasAlone()


def _forked() -> None:
    _idle.clear()  # threads do not follow into a child
    _blas_alone.end()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
