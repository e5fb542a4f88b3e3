"""train.py on several ranks: the first one is the program, the others wait to be called into its training."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from layers import BatchNorm

from .broadcast import broadcast
from .dealing import Deal, deal, take_part
from .distributed import end_all, world
from .errors import UsageError
from .exits import Stopped, guarded
from .inside import inside
from .launcher import Launched
from .loop import History
from .network import users_mistakes
from .options import ONLY, Options, parse
from .plan import Plan
from .prepare import Prepared
from .ranks import FEWEST, Ranks
from .screen import say, warn
from .signals import Signals

BLAS_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def together(here: Launched, argv: Sequence[str]) -> int:
    """Run train.py as one of several processes and return its exit code; a failure ends all of them.

    The first rank says what is wrong; another one does in its turn, if nobody has ended it by then.
    """
    program = "train.py" if here.rank == 0 else f"train.py: rank {here.rank} of {here.size}"
    with contextlib.ExitStack() as stack:
        if here.rank:
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(os.devnull, "w"))))
        code = guarded(program, lambda: work(here, argv), argv, turn=here.turn)
    if code and "mpi4py.MPI" in sys.modules:
        end_all(sys.modules["mpi4py.MPI"].COMM_WORLD, code)
    return code


def work(here: Launched, argv: Sequence[str]) -> None:
    """What this rank does."""
    options = parse(argv)  # first, on all ranks: --help, and a mistake in an option, need no MPI
    comm = world()
    if here.rank:
        while (call := broadcast(comm)) is not None:
            with contextlib.suppress(Stopped):  # the first rank saves, tells, and ends all
                follow(comm, call)
        return
    from .program import train

    train(options, argv)
    broadcast(comm, None)


def follow(comm: Any, call: Deal) -> None:
    """Take part in a training: the same loop as the first rank's, which keeps and shows nothing."""
    from .program import learning

    options, prepared, plan, history = take_part(call)
    with (
        Signals() as signals,
        users_mistakes(options.model),
        ranks(comm, options, plan, signals) as crew,
    ):

        def stop_if_asked(_: History) -> None:
            if (number := crew.asked()) is not None:
                raise Stopped(number, "")

        learning(options, prepared, plan, history, crew, stop_if_asked, stop_if_asked)


@contextlib.contextmanager
def called(
    options: Options, prepared: Prepared, plan: Plan, history: History, signals: Signals
) -> Iterator[Ranks]:
    """All ranks, called into a training by the first one."""
    comm = world()
    deal(comm, options, prepared, plan, history)
    with ranks(comm, options, plan, signals) as crew:
        yield crew


def ranks(comm: Any, options: Options, plan: Plan, signals: Signals) -> Ranks:
    return Ranks(comm, plan.model, signals, sync_batchnorm=options.sync_batchnorm)


def expect_work_for_all(here: Launched, options: Options, plan: Plan) -> None:
    """Say how the work is shared.   Raises: UsageError where a batch has too few rows for so many ranks."""
    alone = [name for name in ONLY if getattr(options, name)]
    if alone:
        say("ranks", f"--{alone[0].replace('_', '-')} is answered by the first of {here.size} ranks alone")
        return
    if (most := max(1, plan.batch_size // FEWEST)) < here.size:
        raise UsageError(
            f"mpirun -n {here.size}: expected at least {FEWEST} rows of a batch for each rank, "
            f"got batches of {plan.batch_size}; use a larger --batch-size, or at most {most} ranks"
        )
    line = f"{here.size}, each with {plan.batch_size / here.size:g} of the {plan.batch_size} rows of a batch"
    if any(isinstance(layer, BatchNorm) for layer in inside(plan.model)):
        line += "; batch statistics are " + (
            "the whole batch's" if options.sync_batchnorm else "each rank's own (see --sync-batchnorm)"
        )
    say("ranks", line)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if cores > 1 and not any(name in os.environ for name in BLAS_THREADS):
        warn("train.py", f"each rank may use {cores} cores, which others use too; export {BLAS_THREADS[0]}=1")
