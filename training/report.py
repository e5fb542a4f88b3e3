"""What a run leaves to read after training: the scores, the files and the pictures."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layers import Layer
from layers.base import Array

from .errors import DiskError
from .gallery import draw, pictures
from .loop import History
from .metrics import Metrics, confusion, largest_error, most_confused
from .options import Options
from .parts import Part
from .prepare import Prepared
from .problem import Classification, Problem, Regression, answers
from .reading.builtin import BUILTIN
from .reading.dataset import Dataset
from .run import Run
from .screen import confusion_table, say, score_table, show, warn

FEW_CLASSES = 12  # a confusion table of more does not fit on a screen
STUCK = 20  # epochs in which a loss that learns changes


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
    """Show the scores beside the baseline, write and draw them, and say what to do next.

    Raises: DiskError where the disk refuses, after all that can be shown, written and drawn.
    """
    assert history.best is not None
    why = f": {history.stopped}" if history.stopped else ""
    say("stopped", f"epoch {history.epochs[-1].epoch}{why}; weights of epoch {history.best.epoch} kept")
    outcome = judge(prepared, model)
    print()
    show(score_table({**outcome.scores, outcome.baseline_name: outcome.baseline}))
    if outcome.matrix is not None:
        show_confusion(outcome.matrix, classes_of(prepared.kind))
    if isinstance(prepared.kind, Regression):
        show_residuals(prepared.kind, prepared.parts[outcome.judged], outcome.answer)
    for note in doubts(prepared.kind, outcome, history):
        warn("train.py", note)
    print()
    refused: list[DiskError] = []
    with collecting(refused):
        write(prepared, outcome, history, run)
    if not options.no_plots:
        with collecting(refused):
            draw(run, pictures(prepared, model, history, outcome.judged, outcome.answer, options.metric))
    if not refused:
        files = f"model.npz, metrics.json, history.csv, predictions.csv ({outcome.judged} rows)"
        say("saved", f"{run.path}   {files}")
    say("next", next_command(prepared.data, run))
    if refused:
        raise refused[0]


@contextlib.contextmanager
def collecting(refused: list[DiskError]) -> Iterator[None]:
    """Put off what the disk refuses."""
    try:
        yield
    except DiskError as error:
        refused.append(error)


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


def show_residuals(kind: Regression, part: Part, answer: Array) -> None:
    """How far off the answers are, and the row that is furthest."""
    row, output = largest_error(answer, part.truth, kind.targets.std)
    said, is_so = answer[row, output], part.truth[row, output]
    name = f" of {kind.targets.names[output]}" if len(kind.targets.names) > 1 else ""
    number, place = f"row {part.rows[row] + 1}", part.data.place(row)
    where = place if place.endswith(number) else f"{number} ({place})"
    print()
    say("residuals", f"largest{name} in {where}: predicted {said:.4g}, actual {is_so:.4g}")


def next_command(data: Dataset, run: Run) -> str:
    """What to type to use the model; run from elsewhere, with the path of predict.py."""
    program = Path(sys.argv[0])
    command = "python predict.py"
    if program.name.startswith("pullback-"):
        command = "pullback-predict"
    elif program.name == "train.py":
        command = shlex.join(["python", str(program.with_name("predict.py"))])
    path = Path(data.source)
    form = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    builtin = data.source.partition(":")[0] in BUILTIN
    return f"{command} {shlex.join([str(run.path), data.source if builtin else f'new{form}'])}"


def doubts(kind: Problem, outcome: Outcome, history: History) -> list[str]:
    """Notes: a loss that stands still, a network no better than an answer that looks at no feature."""
    notes = []
    # dropout's noise is in the training loss alone
    losses = [e.train_loss if e.val_loss is None else e.val_loss for e in history.epochs]
    if len(losses) >= STUCK and is_stuck(losses):
        notes.append(
            f"the loss has stood at {losses[-1]:.4g} for {STUCK} epochs: it does not learn; "
            "try a higher --lr, another --activation, or look for features that are all alike"
        )
    metric, higher = next(iter(kind.higher_is_better.items()))
    reached, trivial = outcome.scores[outcome.judged][metric], outcome.baseline[metric]
    if reached is None or trivial is None or (reached > trivial if higher else reached < trivial):
        return notes
    return [
        *notes,
        f"{metric} {reached:.4g} on the {outcome.judged} rows is no better than {outcome.baseline_name} "
        f"({trivial:.4g}); try another --lr, more --epochs, or features that say more",
    ]


def is_stuck(losses: Sequence[float]) -> bool:
    """Whether the latest losses are all alike, and hardly below the first: nothing was learned."""
    latest = losses[-STUCK:]
    return max(latest) - min(latest) <= 1e-4 * abs(latest[-1]) and latest[-1] > 0.9 * losses[0]
