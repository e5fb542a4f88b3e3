"""The pictures that a run gets, and the drawing of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from layers import Layer
from layers.base import Array

from . import canvas, maps, plots
from .encoding.columns import NumberColumn
from .encoding.inputs import TableInputs
from .errors import DiskError
from .loop import History, predict
from .metrics import confusion
from .parts import Inputs, Part
from .prepare import Prepared
from .problem import Classification, Problem, Regression
from .run import Run, free_name
from .screen import say, warn

FEW_OUTPUTS = 6  # of a regression, that have pictures

Picture = tuple[str, Callable[[Path], None]]  # its name, and what draws it into a file


def pictures(
    prepared: Prepared, model: Layer, history: History, judged: str, answer: Array, watch: str
) -> list[Picture]:
    """What there is to draw of a run; `answer` is the model's for the part called `judged`."""
    kind, part, name = prepared.kind, prepared.parts[judged], prepared.data.name
    title = f"{name}, {judged} part"
    drawn: list[Picture] = [
        ("learning_curve", partial(plots.learning_curve, history=history, title=name, watch=watch))
    ]
    if isinstance(kind, Classification):
        drawn += _of_classes(kind, part, answer, title)
    else:
        drawn += _of_numbers(kind, part, answer, title)
    drawn += _of_two_features(kind, prepared.inputs, part, model, title)
    if (images := maps.first_weights(model, prepared.inputs.shape)) is not None:
        drawn.append(("weights", partial(maps.weights, images=images, title=name)))
    return drawn


def _of_classes(kind: Classification, part: Part, answer: Array, title: str) -> Iterator[Picture]:
    classes = kind.targets.classes
    matrix = confusion(part.truth, answer.argmax(axis=1), len(classes))
    yield "confusion", partial(plots.confusion_matrix, matrix=matrix, classes=classes, title=title)
    yield (
        "reliability",
        partial(plots.reliability_curve, probabilities=answer, labels=part.truth, title=title),
    )


def _of_numbers(kind: Regression, part: Part, answer: Array, title: str) -> Iterator[Picture]:
    outputs = kind.targets.names[:FEW_OUTPUTS]
    for i, output in enumerate(outputs):
        suffix = f"-{free_name(output)}" if len(outputs) > 1 else ""
        pair: dict[str, Any] = {"predicted": answer[:, i], "true": part.truth[:, i], "name": output}
        yield f"predicted_vs_actual{suffix}", partial(plots.predicted_against_actual, **pair, title=title)
        yield f"residuals{suffix}", partial(plots.residuals, **pair, title=title)


def _of_two_features(
    kind: Problem, inputs: Inputs, part: Part, model: Layer, title: str
) -> Iterator[Picture]:
    """A map of the answers over both features, in the user's units, where there are two."""
    if (scales := _two_scales(inputs)) is None:
        return
    features, mean, std = scales

    def answer(places: Array) -> Array:
        return kind.answer(predict(model, ((places - mean) / std).astype(part.x.dtype)))

    rows: dict[str, Any] = {"x": part.x.astype(np.float64) * std + mean, "features": features}
    if isinstance(kind, Classification):
        more = {**rows, "labels": part.truth, "classes": kind.targets.classes, "title": title}
        yield (
            "decision_boundary",
            partial(maps.class_map, **more, classify=lambda places: answer(places).argmax(axis=1)),
        )
    elif len(kind.targets.names) == 1:
        more = {**rows, "true": part.truth[:, 0], "name": kind.targets.names[0], "title": title}
        yield "prediction_map", partial(maps.value_map, **more, predict=lambda places: answer(places)[:, 0])


def _two_scales(inputs: Inputs) -> tuple[tuple[str, str], Array, Array] | None:
    """Names, means and deviations of two features that are numbers; None for other inputs."""
    if inputs.shape != (2,):
        return None
    if not isinstance(inputs, TableInputs):
        assert inputs.mean is not None
        assert inputs.std is not None
        return ("feature 1", "feature 2"), inputs.mean, inputs.std
    first, second = (*inputs.columns, None)[:2]
    if not (isinstance(first, NumberColumn) and isinstance(second, NumberColumn)):
        return None
    return (
        (first.name, second.name),
        np.array([first.mean, second.mean]),
        np.array([first.std, second.std]),
    )


def draw(run: Run, drawn: list[Picture]) -> None:
    """Draw what can be drawn: a picture that fails costs a warning, not the run.

    Raises: DiskError where the disk refused one, when all have been tried.
    """
    done: list[str] = []
    refused: DiskError | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a font that lacks a letter, say
        if not canvas.available():
            say("plots", "none: matplotlib is not installed; python -m pip install matplotlib")
            return
        for name, picture in drawn:
            path = run.plot_path(name)
            try:
                picture(path)
                done.append(path.name)
            except DiskError as error:
                refused = error
            except Exception as error:
                warn("train.py", f"{path}: not drawn: {type(error).__name__}: {error}")
    if done:
        say("plots", f"{run.path / 'plots'}   {', '.join(done)}")
    if refused is not None:
        raise refused
