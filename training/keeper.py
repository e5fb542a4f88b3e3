"""What of a training is kept on the disk, and how it is taken up again."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Mapping
from typing import Any

from .checkpoint import Checkpoint
from .errors import CheckpointError, DiskError
from .generators import load_rng_states, rng_states
from .loop import Epoch, History
from .plan import Plan
from .run import Run
from .screen import warn
from .stored import made_of, of_type

EVERY = 60.0  # seconds between checkpoints within an epoch


class Keeper:
    """Writes a training to its run directory, epoch by epoch, and knows what is kept there.

    A disk that refuses costs a warning: training goes on, and the next epoch tries again; `settle` raises
    what is still refused at the end.
    """

    def __init__(self, run: Run, meta: Mapping[str, Any], more: Mapping[str, Any], plan: Plan) -> None:
        self.run, self.meta, self.plan = run, meta, plan
        self.more = more  # what going on needs beside the model's meta
        self.best: int | None = None  # the epoch of model.npz
        self.refused: DiskError | None = None
        self.any = False  # whether anything is
        self._saved = time.monotonic()

    def after_batch(self, history: History) -> None:
        """Keep what an epoch that takes long has learned so far."""
        if time.monotonic() - self._saved >= EVERY:
            self.keep(history)

    def keep(self, history: History) -> None:
        """The better model first: a run cut off between two files is still a whole one."""
        try:
            self._keep(history)
            self.refused = None
        except DiskError as error:
            if self.refused is None:
                warn("train.py", f"{error}; training goes on, and tries again after every epoch")
            self.refused = error
        self._saved = time.monotonic()

    def settle(self, history: History) -> None:
        """A last try where the disk refused.   Raises: DiskError."""
        if self.refused is not None:
            self._keep(history)
            self.refused = None

    def _keep(self, history: History) -> None:
        if history.best is not None and history.best.epoch != self.best:
            self.run.write_model(self.meta, history.best_state)
            self.best = history.best.epoch
        meta, parts = stand_of(self.plan, history)
        self.run.write_last({**self.meta, **self.more, **meta}, **parts)
        self.any = True
        if history.epochs:
            self.run.write_history(history)

    def standing(self, history: History) -> str:
        """Where a training was cut off, and how to go on."""
        if not self.any:
            return "nothing could be kept"
        place = f"epoch {history.epoch}, after batch {history.batch} of {history.batches}"
        if not history.batch:
            place = f"after epoch {history.epoch - 1}"
        return f"{place}; saved: go on with python train.py --resume {shlex.quote(str(self.run.path))}"

    def kept(self, history: History) -> str:
        """What is left of a training that failed."""
        if history.best is not None and self.refused is None:
            return f"best epoch {history.best.epoch} kept in {self.run.path}"
        left = (self.run.path / "last.npz").exists()
        return (
            f"the last checkpoint is in {self.run.path}"
            if left
            else "no epoch was finished, so nothing is left behind"
        )


def stand_of(plan: Plan, history: History) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """Where a training stands: what take_up needs, as JSON values and as arrays by name."""
    return {"history": as_json(history), "rng": rng_states(plan.model)}, {
        "model": plan.model.state(),
        "best": history.best_state,
        "optimizer": plan.optimizer.state(),
        "plateau": plan.plateau.state() if plan.plateau else {},
    }


def as_json(history: History) -> dict[str, Any]:
    """A history in JSON values, without the best weights."""
    plain = {name: value for name, value in vars(history).items() if name not in ("best", "best_state")}
    best = history.best.epoch if history.best else None
    return {**plain, "epochs": [dict(vars(epoch)) for epoch in history.epochs], "best": best}


def take_up(stored: Checkpoint, plan: Plan) -> History:
    """Put model, update rule, plateau and generators where they stood, and return the history so far.

    Raises: CheckpointError where the file does not fit the network or the rule.
    """
    try:
        plan.model.load_state(stored.part("model"))
        plan.optimizer.load_state(stored.part("optimizer"))
        if plan.plateau:
            plan.plateau.load_state(stored.part("plateau"))
        load_rng_states(plan.model, stored.meta["rng"])
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"last.npz does not fit the network: {error}; build it as it was") from error
    history = history_of(stored.meta["history"])
    history.best_state = stored.part("best")
    return history


def history_of(plain: Mapping[str, Any]) -> History:
    """What as_json made of a history, without the best weights.   Raises: KeyError, TypeError."""
    rows, best = of_type(list[Any], plain["epochs"], "epochs"), plain["best"]
    epochs = [made_of(Epoch, row) for row in rows]
    found = next((row for row in epochs if row.epoch == best), None)
    rest = {name: value for name, value in plain.items() if name not in ("epochs", "best")}
    return made_of(History, rest, epochs=epochs, best=found, best_state={})


def to_lower(watched: float | None, higher: bool) -> float:
    """What tells the best epoch as a number to be lowered; nan, which is no better, where it has no value."""
    if watched is None:
        return math.nan
    return -watched if higher else watched
