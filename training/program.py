"""A training from beginning to end: from a data file to a model, its scores and its pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from layers.base import Array

from .config import changed_since, config, data_paths, model_meta
from .errors import DataError, Diverged, UsageError
from .exits import Stopped
from .instead import instead
from .keeper import Keeper, take_up, to_lower
from .launcher import launched
from .lock import locked
from .loop import History, fit
from .metrics import Metrics
from .network import users_builder, users_mistakes
from .options import Options
from .parts import Part
from .passes import Alone
from .plan import Plan, make_plan
from .preflight import preflight
from .prepare import Prepared, prepare
from .problem import Problem, Regression
from .reading.files import STDIN
from .report import report
from .resume import going_on, refuse_other_input, stand_of
from .run import Run, free_name, is_run
from .screen import Progress, say, warn
from .signals import Signals
from .summary import summarise

PROGRAM = "train.py"
REPORTED = ("model.npz", "history.csv", "metrics.json", "predictions.csv")


def train(options: Options, argv: Sequence[str]) -> None:
    """Read, plan and show first: nothing is written before all of it is known to fit together."""
    if options.resume is not None:
        go_on(options, argv)
        return
    if is_run(options.data) and not data_paths(options.data):
        raise DataError(
            f"{options.data}: is the directory of a run; to go on with it: --resume {options.data}"
        )
    prepared, plan = arranged(options)
    with users_mistakes(options.model):
        for note in preflight(plan.model, plan.loss, prepared.kind, *rows_of(prepared.parts["train"])):
            warn(PROGRAM, note)
        if instead(options, prepared, plan):
            return
    meta, more = model_meta(options, prepared, plan), going_on(options, prepared, argv, plan.planned)
    run = Run.create(run=options.run, out=options.out, name=free_name(prepared.data.name))
    keeper = Keeper(run, meta, more, plan)
    try:
        with locked(run.path):
            run.write_json("config.json", config(options, prepared, plan, argv))
            finish(options, prepared, plan, keeper, History())
    finally:
        if not keeper.any and not any((run.path / name).exists() for name in REPORTED):
            run.discard()


def go_on(asked: Options, argv: Sequence[str]) -> None:
    """Take up a run where it stands."""
    run = Run.open(str(asked.resume))
    with locked(run.path):
        stand = stand_of(run, asked)
        if stand.finished and all((run.path / name).exists() for name in REPORTED):
            say("finished", f"{run.path}: {stand.finished.removeprefix('finished ')}")
            return
        options = stand.options
        prepared, plan = arranged(options, planned=stand.planned)
        refuse_other_input(stand, prepared)
        history = take_up(stand.stored, plan)
        if stand.asked_for_more:
            history.stopped, history.waited = "", 0
        place = f"epoch {history.epoch}" + (f", after batch {history.batch}" if history.batch else "")
        if not stand.finished:
            say("resumed", f"{place}; the schedule is that of the {plan.planned} epochs it began with")
        resumed = [*stand.resumed, {"argv": list(argv), "epoch": history.epoch, "batch": history.batch}]
        more = {**going_on(options, prepared, stand.argv, plan.planned), "resumed": resumed}
        keeper = Keeper(run, model_meta(options, prepared, plan), more, plan)
        run.write_json("config.json", config(options, prepared, plan, stand.argv) | {"resumed": resumed})
        if stand.finished:
            keeper.keep(history)  # whatever of it is gone
        finish(options, prepared, plan, keeper, history)


def arranged(options: Options, planned: int | None = None) -> tuple[Prepared, Plan]:
    """The data and what will be done with them, shown."""
    here = launched()
    if here.size > 1 and options.data == STDIN:
        raise UsageError("-: expected a file under mpirun, which may hold back where standard input ends")
    build = users_builder(options.model) if options.model else None
    prepared = prepare(options)
    plan = make_plan(options, prepared, build, planned=planned)
    summarise(options, prepared, plan)
    if here.size > 1:
        from .mpirun import expect_work_for_all

        expect_work_for_all(here, options, plan)
    for note in [] if options.resume else changed_since(options):
        warn(PROGRAM, note)
    return prepared, plan


def finish(options: Options, prepared: Prepared, plan: Plan, keeper: Keeper, history: History) -> None:
    """Train to the end, and report."""
    say("run", str(keeper.run.path))
    print()
    learn(options, prepared, plan, keeper, history)
    print()
    try:
        report(options, prepared, plan.model, history, keeper.run)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the training is done, and kept in {keeper.run.path}") from None
    finally:
        keeper.settle(history)


def learn(options: Options, prepared: Prepared, plan: Plan, keeper: Keeper, history: History) -> None:
    """Train, each epoch kept in the run directory; a signal ends it between two batches."""
    kind = prepared.kind
    shown = plan.watch if plan.watch != "loss" else next(iter(kind.higher_is_better))
    with (
        Signals() as signals,
        users_mistakes(options.model),
        crew_of(options, prepared, plan, history, signals) as crew,
        Progress(
            options.progress,
            options.epochs,
            shown,
            start_epoch=len(history.epochs),
            start_batch=history.batch,
            batches=history.batches or 1,
        ) as progress,
    ):

        def stop_if_asked() -> None:
            if (asked := crew.asked()) is not None:
                keeper.keep(history)
                raise Stopped(asked, keeper.standing(history))

        def after_batch(history: History) -> None:
            progress.after_batch(history.batch, history.batches)
            stop_if_asked()
            keeper.after_batch(history)

        def after_epoch(history: History) -> None:
            keeper.keep(history)
            progress.after_epoch(history)
            stop_if_asked()

        try:
            learning(options, prepared, plan, history, crew, after_batch, after_epoch)
        except Diverged as error:
            raise Diverged(f"{error}; {keeper.kept(history)}") from error
        progress.finish(history)


def crew_of(
    options: Options, prepared: Prepared, plan: Plan, history: History, signals: Signals
) -> AbstractContextManager[Alone]:
    """Who computes: this process, or all that mpirun started."""
    if launched().size == 1:
        return nullcontext(Alone(signals))
    from .mpirun import called

    return called(options, prepared, plan, history, signals)


def learning(
    options: Options,
    prepared: Prepared,
    plan: Plan,
    history: History,
    crew: Alone,
    after_batch: Callable[[History], None],
    after_epoch: Callable[[History], None],
) -> None:
    """The training itself, as the plan has it."""
    kind, parts = prepared.kind, prepared.parts

    def follow_plateau(history: History) -> None:
        if plan.plateau:
            plan.plateau(to_lower(history.epochs[-1].watched, plan.higher))
        after_epoch(history)

    fit(
        plan.model,
        plan.loss,
        plan.optimizer,
        rows_of(parts["train"]),
        known_rows(parts.get("val")),
        epochs=options.epochs,
        batch_size=plan.batch_size,
        patience=plan.patience,
        clip_norm=options.clip_norm,
        score=lambda outputs, target: score(kind, outputs, target),
        watch=plan.watch,
        higher=plan.higher,
        seed=options.seed,
        history=history,
        crew=crew,
        after_batch=after_batch,
        after_epoch=follow_plateau,
    )


def rows_of(part: Part) -> tuple[Array, Array]:
    return part.x, part.target


def known_rows(part: Part | None) -> tuple[Array, Array] | None:
    """x and target of the rows whose class training has seen: a loss needs that."""
    if part is None:
        return None
    known = part.known
    return (part.x, part.target) if len(known) == len(part) else (part.x[known], part.target[known])


def score(kind: Problem, outputs: Array, target: Array) -> Metrics:
    """Scores of validation rows from what the loss compares."""
    truth = kind.targets.decode(target) if isinstance(kind, Regression) else target
    return kind.scores(kind.answer(outputs), truth)
