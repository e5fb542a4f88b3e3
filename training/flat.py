"""Arrays that are summed over all ranks: side by side in one buffer, which one Allreduce sums in place."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np

from layers.base import Array, Grads

OVERLAP = 2**62  # bytes: never; sending early pays where the network moves data on its own


class Flat:
    """One buffer for gradients of these names and shapes, other arrays beside them, and a few numbers.

        flat.put(grads)              # copies them to their places, of which flat.arrays are views
        sums = flat.total(*numbers)  # sums everything over all ranks; returns the sums of the numbers

    The last layer's gradients come first, as the backward pass has them: `put_ready` takes them layer by
    layer, and sends a bucket of so many bytes on its way as soon as it is full.
    """

    def __init__(
        self,
        comm: Any,
        grads: Mapping[str, Array],
        beside: Mapping[str, Array] | None = None,
        *,
        numbers: int,
        bucket: int = OVERLAP,
    ) -> None:
        self.comm, self.bucket = comm, bucket
        layers = [list(names) for _, names in groupby(grads, lambda name: name.partition(".")[0])]
        like = {name: grads[name] for names in reversed(layers) for name in names} | dict(beside or {})
        ends = np.cumsum([array.size for array in like.values()]).tolist()
        self.buffer = np.zeros(ends[-1] + numbers, np.result_type(*like.values()))
        self.arrays: Grads = {
            name: self.buffer[end - array.size : end].reshape(array.shape)
            for (name, array), end in zip(like.items(), ends, strict=True)
        }
        self.of_grads = self.buffer[: ends[len(grads) - 1]]
        self.numbers = self.buffer[ends[-1] :]
        self._ends = dict(zip(like, ends, strict=True))
        self._sent = 0  # entries on their way
        self._requests: list[Any] = []

    def put(self, arrays: Mapping[str, Array]) -> None:
        """Copy arrays to their places."""
        for name, array in arrays.items():
            self.arrays[name][...] = array

    def put_ready(self, arrays: Mapping[str, Array]) -> None:
        """The same for one layer's arrays, which are on their way as soon as a bucket is full."""
        self.put(arrays)
        end = max(self._ends[name] for name in arrays)
        if (end - self._sent) * self.buffer.itemsize >= self.bucket:
            self._requests.append(self._start(end))
        for request in self._requests:
            request.Test()  # many an MPI gets on only where it is called

    def total(self, *numbers: float) -> list[float]:
        """Sum the buffer over all ranks, and these numbers with it."""
        self.numbers[:] = numbers
        if not self._requests:
            self.comm.Allreduce(self._in_place(), self.buffer)
        else:
            self._requests.append(self._start(len(self.buffer)))
            for request in self._requests:
                request.Wait()
        self._sent, self._requests = 0, []
        sums: list[float] = self.numbers.tolist()
        return sums

    def _start(self, end: int) -> Any:
        start, self._sent = self._sent, end
        return self.comm.Iallreduce(self._in_place(), self.buffer[start:end])

    @staticmethod
    def _in_place() -> Any:
        from mpi4py import MPI

        return MPI.IN_PLACE
