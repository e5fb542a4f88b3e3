"""From options to arrays: read the data, tell the task, split the rows, fit inputs and targets."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from layers.base import Array

from .encoding.inputs import ArrayInputs, TableInputs, leaks
from .encoding.split import Split, split
from .encoding.targets import ClassTargets, NumberTargets
from .encoding.task import detect_task
from .errors import DataError, UsageError
from .memory import too_much
from .options import Options
from .parts import Inputs, Part, encode, target_of
from .problem import Problem, problem
from .reading.builtin import BUILTIN
from .reading.dataset import Dataset, load_dataset
from .reading.files import STDIN
from .reading.table import Table
from .strangers import repeats, strangers
from .text import printable

OF_TEXT = ("sep", "encoding", "no_header")
OF_TABLES = (*OF_TEXT, "categorical", "numeric", "missing_values")


@dataclass(frozen=True)
class Prepared:
    """Everything that is known before training."""

    data: Dataset
    kind: Problem
    why: str  # what speaks for this kind of problem
    inputs: Inputs
    parts: dict[str, Part]  # "train", and "val", "test" where there are rows for them
    notes: list[str]  # warnings, a line each


def prepare(options: Options) -> Prepared:
    """Read the data, tell the task, split the rows, and fit inputs and targets on the training part.

    Raises: DataError, UsageError.
    """
    data, others = read(options)
    task, why = (options.task, "as --task says") if options.task != "auto" else detect_task(target_of(data))
    shares = {name: 0.0 if name in others else getattr(options, name) for name in ("val", "test")}
    with naming(data.source):
        targets, rows = divide(data, task, options.seed, shares)
    kind, inputs = problem(targets), fit_inputs(options, data, rows.train)
    notes = [*data.notes, *rows.notes, *targets.notes, *inputs.notes]
    if isinstance(data.features, Table) and isinstance(data.target, list):
        notes += leaks(data.features, data.target)
    if data.test is not None and "test" in options.given:
        notes.append(f"{data.source} has a test part of {len(data.test)} rows, not used because of --test")

    parts = {
        name: encode(kind, inputs, data, chosen, options.dtype)
        for name, chosen in (("train", rows.train), ("val", rows.val), ("test", rows.test))
        if len(chosen)
    }
    own = list(parts.values())
    for name, other in others.items():
        parts[name] = encode(kind, inputs, other, np.arange(len(other)), options.dtype)
        notes += [*other.notes, *strangers(kind, inputs, parts[name], name), *repeats(own, parts[name], name)]
    return Prepared(data, kind, why, inputs, parts, notes)


def read(options: Options) -> tuple[Dataset, dict[str, Dataset]]:
    """DATA, and the rows to validate or test on where they come from elsewhere, by "val" and "test"."""
    how: dict[str, Any] = {
        "sep": options.sep,
        "header": not options.no_header,
        "encoding": options.encoding,
        "missing": options.missing_values,
    }
    data = load_dataset(options.data, options.target, drop=options.drop, **how)
    refuse_idle(options, data)
    others = {} if data.test is None or "test" in options.given else {"test": data.test}
    # arrays are found by the same rule again; a column by its name, wherever it stands
    target = options.target if data.target_from.startswith("key") else data.target_name
    for name, share in (("val", options.val), ("test", options.test)):
        if share == STDIN:
            raise UsageError(f"--{name} -: only DATA may come on standard input; name a file")
        if isinstance(share, str):
            others[name] = load_dataset(share, target, **how)
    if options.limit is None:
        return data, others
    limited = data.take(np.arange(min(options.limit, len(data))))
    if data.test is not None and others.get("test") is data.test:
        others["test"] = data.test.take(np.arange(min(options.limit, len(data.test))))
    return limited, others


def refuse_idle(options: Options, data: Dataset) -> None:
    """Refuse options that this kind of data gives no meaning to.   Raises: UsageError."""
    idle: tuple[str, ...] = ()
    what = ""
    if not isinstance(data.features, Table):
        idle, what = OF_TABLES, "arrays, which hold no text"
    elif data.source.partition(":")[0] in BUILTIN:
        idle, what = OF_TEXT, "built-in data"
    for name in idle:
        if name in options.given:
            raise UsageError(f"--{name.replace('_', '-')}: has no meaning for {what}; leave it out")


def divide(
    data: Dataset, task: str, seed: int, shares: dict[str, Any]
) -> tuple[ClassTargets | NumberTargets, Split]:
    """The target's encoding and the rows of each part: drawn class by class where there are classes."""
    target, place = target_of(data), data.target_place
    if task == "classification":
        classes = ClassTargets.fit(target, place)
        labels = classes.encode(target, place)
        return classes, split(len(data), labels=labels, names=classes.classes, seed=seed, **shares)
    rows = split(len(data), seed=seed, **shares)
    return NumberTargets.fit(target, rows.train, place, data.target_name), rows


@contextlib.contextmanager
def naming(source: str) -> Iterator[None]:
    """Put the name of the file before a complaint that does not have it."""
    try:
        yield
    except DataError as error:
        said = str(error)
        raise DataError(
            said if said.startswith(printable(source)) else f"{printable(source)}: {said}"
        ) from None


def fit_inputs(options: Options, data: Dataset, rows: Array) -> Inputs:
    """How features become inputs, as the training rows say.   Raises: DataError, also for want of memory."""
    inputs: Inputs
    if isinstance(data.features, Table):
        inputs = TableInputs.fit(
            data.features,
            rows,
            categorical=options.categorical,
            numeric=options.numeric,
            missing=options.missing_values,
        )
    else:
        inputs = ArrayInputs.fit(data.features, rows)
    width = prod(inputs.shape)
    if too := too_much(len(data) * width * np.dtype(options.dtype).itemsize):
        mend = "use --limit, or --drop columns of many categories"
        raise DataError(f"{data.source}: {len(data)} rows of {width} inputs: {too}; {mend}")
    return inputs
