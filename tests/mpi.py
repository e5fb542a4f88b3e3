"""mpirun for tests: where it is, and a program on so many ranks of this machine."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Open MPI asks for these where root runs it, as in a container
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def _mpirun() -> str | None:
    return shutil.which("mpirun", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


needs_mpi = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None or _mpirun() is None,
    reason="needs mpi4py and mpirun (an extra)",
)


@functools.cache
def _command() -> list[str]:
    """mpirun, that may start more processes than there are cores: MPICH's does so unasked."""
    mpirun = _mpirun()
    assert mpirun
    said = subprocess.run([mpirun, "--version"], capture_output=True, text=True, check=True).stdout
    return [mpirun, "--oversubscribe"] if "Open MPI" in said else [mpirun]


def on_ranks(n: int, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
    """A Python program on n ranks; `more` goes into its environment. It must end within a minute."""
    env = {**os.environ, **AS_ROOT, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **more}
    command = [*_command(), "-n", str(n), sys.executable, *argv]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
