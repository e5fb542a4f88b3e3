"""What will be trained and how: network, loss, update rule, each tried before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from layers import Layer
from losses import Loss
from optim import Optimizer
from optim.schedules import ReduceOnPlateau

from .errors import UsageError
from .loop import batches
from .memory import too_much
from .network import LENET_HIDDEN, NETWORKS, Builder, check_output, users_mistakes
from .options import Options
from .prepare import Prepared
from .problem import chosen_loss, chosen_metric
from .rule import make_plateau, make_rule, make_schedule, usual_rate

COPIES = 6  # of every parameter: itself, its gradient, two slots of Adam's, the best one, the one being saved


@dataclass(frozen=True)
class Plan:
    """All that training needs beside the data."""

    model: Layer
    network: dict[str, Any]  # how predict.py builds the model again
    loss: Loss
    loss_name: str
    watch: str  # "loss", or the score that tells the best epoch
    higher: bool  # whether more of it is better
    optimizer: Optimizer
    rate: float
    plateau: ReduceOnPlateau | None  # what the rate follows, where it is no schedule over steps
    batch_size: int
    patience: int
    planned: int  # the epochs that the schedule was made for
    notes: list[str]  # warnings, a line each


def make_plan(
    options: Options, prepared: Prepared, build: Builder | None, *, planned: int | None = None
) -> Plan:
    """All that the options say of training; `build` makes the user's network.

    The schedule is made for `planned` epochs, those that the run began with; without it for --epochs.
    Raises: UsageError.
    """
    kind, parts, train = prepared.kind, prepared.parts, prepared.parts["train"]
    loss_name = chosen_loss(kind, options.loss)
    loss = kind.loss(loss_name, balanced=options.class_weight == "balanced")
    watch, higher = chosen_metric(kind, options.metric)
    model, network = make_network(options, prepared, build)
    if not model.params:
        raise UsageError("--model: expected a network with parameters to train, got none; add an Affine")

    batch_size = min(options.batch_size, len(train))
    check_output(model, train.x[: min(2, batch_size)], kind.targets.output_size, options.model)
    planned = options.epochs if planned is None else planned
    steps = planned * len(batches(len(train), batch_size))
    rate = usual_rate(options.optimizer) if options.lr is None else options.lr
    patience = options.patience if "val" in parts else 0
    plateau = None
    if options.schedule == "plateau":
        plateau = make_plateau(rate, epochs=planned, patience=patience)
    lr = make_schedule(options.schedule, rate, steps=steps, warmup=options.warmup, plateau=plateau)
    notes = doubts(options, prepared, loss_name, rate, steps)
    if options.epochs > planned and plateau is None and lr(steps) == 0:
        notes.append(
            f"the {options.schedule} schedule ended with epoch {planned}, and its rate stays 0: epochs "
            "beyond it learn nothing; for more of them start a new run"
        )
    return Plan(
        model=model,
        network=network,
        loss=loss,
        loss_name=loss_name,
        watch=watch,
        higher=higher,
        optimizer=make_rule(options.optimizer, model.params, lr, options.weight_decay),
        rate=rate,
        plateau=plateau,
        batch_size=batch_size,
        patience=patience,
        planned=planned,
        notes=notes,
    )


def make_network(options: Options, prepared: Prepared, build: Builder | None) -> tuple[Layer, dict[str, Any]]:
    """The user's network, an MLP or a LeNet, with fresh weights, and how to build it again."""
    shape, size = prepared.inputs.shape, prepared.kind.targets.output_size
    rng = np.random.default_rng([options.seed, 2])
    if build is not None and options.model is not None:
        model = build(shape, size, rng)
        with users_mistakes(options.model):
            return model.astype(options.dtype), {"model": resolved(options.model)}
    how: dict[str, Any] = {
        "hidden": hidden(options),
        "activation": options.activation,
        "dropout": options.dropout,
        "batchnorm": options.batchnorm,
    }
    name = "lenet" if options.arch == "lenet" else "mlp"
    features = prod(shape[1:] if name == "lenet" else shape)  # LeNet: 16 (H / 4) (W / 4), or a little less
    refuse_too_large(options, [features, *hidden(options), size])
    try:
        model = NETWORKS[name](shape, size, rng, **how)
    except ValueError as error:
        raise UsageError(f"--arch {options.arch}: {error}") from error
    return model.astype(options.dtype), {name: how}


def hidden(options: Options) -> tuple[int, ...]:
    """The sizes of the hidden affine layers; LeNet has its own by default."""
    if options.arch == "lenet" and "hidden" not in options.given:
        return LENET_HIDDEN
    return () if options.arch == "linear" else options.hidden


def resolved(spec: str) -> str:
    """FILE.py:FUNCTION with the file's whole path, so that predict.py finds it from any folder."""
    file, _, name = spec.rpartition(":")
    return f"{Path(file).resolve()}:{name}"


def refuse_too_large(options: Options, widths: list[int]) -> None:
    """Raises: UsageError for a network that the memory cannot hold while it learns."""
    parameters = sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))
    if too := too_much(parameters * np.dtype(options.dtype).itemsize * COPIES):
        sizes = ",".join(map(str, options.hidden))
        raise UsageError(
            f"--hidden {sizes}: {parameters:,} parameters: training them {too}; use smaller sizes"
        )


def doubts(options: Options, prepared: Prepared, loss_name: str, rate: float, steps: int) -> list[str]:
    """Warnings about options that hardly do what was meant."""
    train, found = len(prepared.parts["train"]), []
    if "val" not in prepared.parts:
        found.append(
            "no rows to validate on: the training loss tells the best epoch, and none stops it early"
        )
    if options.batch_size > train and "batch_size" in options.given:
        found.append(
            f"--batch-size {options.batch_size}: more than the {train} training rows; they are one batch"
        )
    if rate > 10:
        found.append(f"--lr {rate:g}: far above the usual {usual_rate(options.optimizer):g}; it may diverge")
    if options.warmup >= steps:
        found.append(
            f"--warmup {options.warmup}: the learning rate rises to the end, after {steps} batches at most"
        )
    if loss_name == "hinge":
        found.append("--loss hinge: it separates the classes; log_loss and p(class) mean little with it")
    return found
