"""What a run leaves to read after training: the scores, the files and the pictures."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from layers import Layer
from layers.base import Array

from . import plots
from .loop import History
from .metrics import Metrics, confusion, most_confused
from .options import Options
from .prepare import Prepared
from .problem import Classification, Problem, answers
from .reading.builtin import BUILTIN
from .reading.dataset import Dataset
from .run import Run, free_name
from .screen import confusion_table, say, score_table, show, warn

FEW_CLASSES = 12  # a confusion table of more does not fit on a screen
FEW_OUTPUTS = 6  # of a regression, that have pictures

Picture = tuple[str, Callable[[Path], None]]  # its name, and what draws it into a file


@dataclass(frozen=True)
class Outcome:
    """What the best weights say, and how good that is."""

    scores: dict[str, Metrics]  # of each part
    judged: str  # the part that judges: "test", or the next best there is
    answer: Array  # for the judged part
    baseline: Metrics  # of an answer that looks at no feature, on the judged part
    baseline_name: str
    matrix: Array | None  # true classes by predicted ones, of the judged part


def report(options: Options, prepared: Prepared, model: Layer, history: History, run: Run) -> None:
    """Show the scores beside the baseline, write and draw them, and say what to do next."""
    assert history.best is not None
    why = f": {history.stopped}" if history.stopped else ""
    say("stopped", f"epoch {history.epochs[-1].epoch}{why}; weights of epoch {history.best.epoch} kept")
    outcome = judge(prepared, model)
    write(prepared, outcome, history, run)
    print()
    show(score_table({**outcome.scores, outcome.baseline_name: outcome.baseline}))
    if outcome.matrix is not None:
        show_confusion(outcome.matrix, classes_of(prepared.kind))
    for note in doubts(prepared.kind, outcome):
        warn("train.py", note)
    print()
    if not options.no_plots:
        draw(run, pictures(prepared, outcome, history))
    say(
        "saved", f"{run.path}   model.npz, metrics.json, history.csv, predictions.csv ({outcome.judged} rows)"
    )
    say("next", next_command(prepared.data, run))


def judge(prepared: Prepared, model: Layer) -> Outcome:
    """Score every part, and the baseline on the part that judges."""
    kind, parts = prepared.kind, prepared.parts
    said = {name: answers(kind, model, part.x, part.data.place) for name, part in parts.items()}
    judged = next(name for name in ("test", "val", "train") if name in parts)
    truth, train_truth = parts[judged].truth, parts["train"].truth
    labels = said[judged].argmax(axis=1)
    return Outcome(
        scores={name: kind.scores(said[name], part.truth) for name, part in parts.items()},
        judged=judged,
        answer=said[judged],
        baseline=kind.scores(kind.baseline(train_truth, len(truth)), truth),
        baseline_name=kind.baseline_name(train_truth),
        matrix=confusion(truth, labels, len(classes_of(kind))) if isinstance(kind, Classification) else None,
    )


def classes_of(kind: Problem) -> tuple[str, ...]:
    return kind.targets.classes if isinstance(kind, Classification) else ()


def write(prepared: Prepared, outcome: Outcome, history: History, run: Run) -> None:
    """metrics.json and predictions.csv."""
    kind, part = prepared.kind, prepared.parts[outcome.judged]
    cells = kind.cells(outcome.answer, part.data.target)
    lines = [[int(row) + 1, *line] for row, line in zip(part.rows, cells, strict=True)]
    run.write_csv("predictions.csv", ["row", *kind.columns()], lines)
    metrics: dict[str, Any] = {
        "task": kind.task,
        **{name: outcome.scores.get(name) for name in ("train", "val", "test")},
        "baseline": outcome.baseline,
        "best_epoch": history.best.epoch if history.best else None,
        "epochs": len(history.epochs),
    }
    if outcome.matrix is not None:
        metrics |= {"classes": list(classes_of(kind)), "confusion": outcome.matrix.tolist()}
    run.write_json("metrics.json", metrics)


def show_confusion(matrix: Array, classes: Sequence[str]) -> None:
    """The table, where it fits on the screen, and the most frequent mistakes."""
    if len(classes) <= FEW_CLASSES:
        print()
        show(confusion_table(matrix, classes))
    worst = most_confused(matrix, classes)
    if worst:
        print()
        say("confused", ", ".join(f"{true!r} taken for {guess!r} {n} x" for true, guess, n in worst))


def pictures(prepared: Prepared, outcome: Outcome, history: History) -> list[Picture]:
    """What there is to draw."""
    kind, part = prepared.kind, prepared.parts[outcome.judged]
    name, title = prepared.data.name, f"{prepared.data.name}, {outcome.judged} part"
    drawn: list[Picture] = [("learning_curve", partial(plots.learning_curve, history=history, title=name))]
    if isinstance(kind, Classification):
        more: dict[str, Any] = {"matrix": outcome.matrix, "classes": kind.targets.classes, "title": title}
        return [*drawn, ("confusion", partial(plots.confusion_matrix, **more))]
    outputs = kind.targets.names[:FEW_OUTPUTS]
    for i, output in enumerate(outputs):
        suffix = f"-{free_name(output)}" if len(outputs) > 1 else ""
        pair: dict[str, Any] = {"predicted": outcome.answer[:, i], "true": part.truth[:, i], "name": output}
        pair["title"] = title
        drawn.append((f"predicted_vs_actual{suffix}", partial(plots.predicted_against_actual, **pair)))
        drawn.append((f"residuals{suffix}", partial(plots.residuals, **pair)))
    return drawn


def draw(run: Run, drawn: list[Picture]) -> None:
    """Draw what can be drawn: a picture that fails costs a warning, not the run."""
    done = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a font that lacks a letter, say
        if not plots.available():
            say("plots", "none: matplotlib is not installed; python -m pip install matplotlib")
            return
        for name, picture in drawn:
            path = run.plot_path(name)
            try:
                picture(path)
                done.append(path.name)
            except Exception as error:
                warn("train.py", f"{path}: not drawn: {type(error).__name__}: {error}")
    say("plots", f"{run.path / 'plots'}   {', '.join(done)}")


def next_command(data: Dataset, run: Run) -> str:
    """What to type to use the model; run from elsewhere, with the path of predict.py."""
    program = Path(sys.argv[0])
    command = "python predict.py"
    if program.name.startswith("pullback-"):
        command = "pullback-predict"
    elif program.name == "train.py":
        command = shlex.join(["python", str(program.with_name("predict.py"))])
    path = Path(data.source)
    builtin = data.source.partition(":")[0] in BUILTIN
    return f"{command} {shlex.join([str(run.path), data.source if builtin else f'new{path.suffix}'])}"


def doubts(kind: Problem, outcome: Outcome) -> list[str]:
    """A note where the network is no better than an answer that looks at no feature."""
    metric, higher = next(iter(kind.higher_is_better.items()))
    reached, trivial = outcome.scores[outcome.judged][metric], outcome.baseline[metric]
    if reached is None or trivial is None or (reached > trivial if higher else reached < trivial):
        return []
    return [
        f"{metric} {reached:.4g} on the {outcome.judged} rows is no better than {outcome.baseline_name} "
        f"({trivial:.4g}); try another --lr, more --epochs, or features that say more"
    ]
