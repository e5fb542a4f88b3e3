"""Values from the first rank to all others: arrays as they lie in memory, what is around them pickled."""

from __future__ import annotations

import pickle
import time
from typing import Any

import numpy as np

PIECE = 2**28  # bytes at once: some MPIs count no further than 2**31
NAP = 0.01  # seconds


def broadcast(comm: Any, value: Any = None) -> Any:
    """The first rank's value, on all ranks; those who wait for it leave the processor alone meanwhile."""
    ready = comm.Ibarrier()
    while not ready.Test():
        time.sleep(NAP)
    if comm.rank == 0:
        buffers: list[pickle.PickleBuffer] = []
        frame = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        raw = [np.frombuffer(buffer.raw(), np.uint8) for buffer in buffers]
        comm.bcast((frame, [len(one) for one in raw]))
    else:
        frame, sizes = comm.bcast(None)
        raw = [np.empty(size, np.uint8) for size in sizes]
    for one in raw:
        for start in range(0, len(one), PIECE):
            comm.Bcast(one[start : start + PIECE])
    return value if comm.rank == 0 else pickle.loads(frame, buffers=raw)
