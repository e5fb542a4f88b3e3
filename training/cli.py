"""train.py: from a data file to a trained model, its scores and its pictures."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from layers.base import Array

from .config import config, model_meta
from .errors import Diverged
from .exits import guarded
from .loop import History, fit
from .metrics import Metrics
from .network import users_builder, users_mistakes
from .options import Options, parse
from .parts import Part
from .plan import Plan, make_plan
from .prepare import Prepared, prepare
from .problem import Problem, Regression
from .report import report
from .run import Run, free_name
from .screen import Progress, say
from .summary import summarise

PROGRAM = "train.py"


def main(argv: Sequence[str] | None = None) -> int:
    """Run train.py with these arguments and return its exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    return guarded(PROGRAM, lambda: train(arguments), arguments)


def train(argv: Sequence[str]) -> None:
    """Read, plan and show first: nothing is written before all of it is known to fit together."""
    options = parse(argv)
    build = users_builder(options.model) if options.model else None
    prepared = prepare(options)
    plan = make_plan(options, prepared, build)
    summarise(options, prepared, plan)
    if options.dry_run:
        say("dry run", "nothing was trained, and nothing is left behind")
        return
    run = Run.create(run=options.run, out=options.out, name=free_name(prepared.data.name))
    say("run", str(run.path))
    print()
    history = learn(options, prepared, plan, run, argv)
    print()
    report(options, prepared, plan.model, history, run)


def learn(options: Options, prepared: Prepared, plan: Plan, run: Run, argv: Sequence[str]) -> History:
    """Train, each epoch kept in the run directory; what ends before the first epoch leaves nothing."""
    kind, parts = prepared.kind, prepared.parts
    shown = plan.watch if plan.watch != "loss" else next(iter(kind.higher_is_better))
    keeper = Keeper(run, model_meta(options, prepared, plan), plan)
    try:
        run.write_json("config.json", config(options, prepared, plan, argv))
        with users_mistakes(options.model), Progress(options.progress, options.epochs, shown) as progress:

            def after_epoch(history: History) -> None:
                if plan.plateau:
                    plan.plateau(to_lower(history.epochs[-1].watched, plan.higher))
                keeper.keep(history)
                progress.after_epoch(history)

            history = fit(
                plan.model,
                plan.loss,
                plan.optimizer,
                (parts["train"].x, parts["train"].target),
                known_rows(parts.get("val")),
                epochs=options.epochs,
                batch_size=plan.batch_size,
                patience=plan.patience,
                clip_norm=options.clip_norm,
                score=lambda outputs, target: score(kind, outputs, target),
                watch=plan.watch,
                higher=plan.higher,
                seed=options.seed,
                after_batch=progress.after_batch,
                after_epoch=after_epoch,
            )
            progress.finish(history)
    except Diverged as error:
        raise Diverged(f"{error}; {keeper.kept()}") from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(keeper.kept()) from None
    finally:
        if keeper.best is None:
            run.discard()
    return history


class Keeper:
    """Writes each epoch to the run directory, and knows what is kept there."""

    def __init__(self, run: Run, meta: dict[str, Any], plan: Plan) -> None:
        self.run, self.meta, self.plan = run, meta, plan
        self.best: int | None = None

    def keep(self, history: History) -> None:
        """The better model first: a run cut off between the two files is still a whole one."""
        if history.epochs[-1].best:
            self.run.write_model(self.meta, history.best_state)
            self.best = history.epochs[-1].epoch
        self.run.write_last(self.meta, self.plan.model, self.plan.optimizer, history, self.plan.plateau)
        self.run.write_history(history)

    def kept(self) -> str:
        if self.best is None:
            return "no epoch was finished, so nothing is left behind"
        return f"best epoch {self.best} kept in {self.run.path}"


def to_lower(watched: float | None, higher: bool) -> float:
    """What tells the best epoch as a number to be lowered; nan, which is no better, where it has no value."""
    if watched is None:
        return math.nan
    return -watched if higher else watched


def known_rows(part: Part | None) -> tuple[Array, Array] | None:
    """x and target of the rows whose class training has seen: a loss needs that."""
    if part is None:
        return None
    known = np.ones(len(part), bool) if part.target.dtype.kind == "f" else part.target >= 0
    return part.x[known], part.target[known]


def score(kind: Problem, outputs: Array, target: Array) -> Metrics:
    """Scores of validation rows from what the loss compares."""
    truth = kind.targets.decode(target) if isinstance(kind, Regression) else target
    return kind.scores(kind.answer(outputs), truth)
