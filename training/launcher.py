"""Whether mpirun started this process, and which of how many it is: as its environment says, without MPI."""

from __future__ import annotations

import os
from typing import NamedTuple

# the number of a process and of all of them: Open MPI, MPICH and its kin (also srun --mpi=pmi2), MVAPICH,
# srun --mpi=pmix
NAMES = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
    ("PMIX_RANK", "SLURM_NTASKS"),
)


class Launched(NamedTuple):
    rank: int
    size: int

    @property
    def turn(self) -> float:
        """Seconds after which this process says what went wrong, unless another has, and ended all."""
        return 1 + 2 * self.rank / self.size if self.rank else 0.0


def launched() -> Launched:
    """This process among those that were started together; 0 of 1 where it was started alone."""
    for rank, size in NAMES:
        try:
            return Launched(int(os.environ[rank]), int(os.environ[size]))
        except (KeyError, ValueError):
            pass
    return Launched(0, 1)
