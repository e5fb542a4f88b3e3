"""The training loop: shuffled epochs, a guard against divergence, early stopping, the best weights kept."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from layers import Layer
from layers.base import Array
from losses import Loss
from optim import Optimizer, clip_by_norm

from .guard import diverging, expect_finite, gradient_norm

Pair = tuple[Array, Array]  # x and target, row by row
Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class Epoch:
    """One line of the history; what was not measured, or has no value, is None."""

    epoch: int  # from 1
    step: int  # updates so far
    lr: float  # of the latest update
    train_loss: float  # the mean over rows, each under the weights that met it
    val_loss: float | None
    scores: Scores  # of the validation rows
    watched: float | None  # what tells the best epoch
    best: bool  # better than all before
    seconds: float  # since training began
    grad_norm: float  # the largest of the epoch's batches, before clipping


@dataclass
class History:
    """What happened: the epochs, the best of them with its weights and buffers, and why training stopped."""

    epochs: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    best_state: dict[str, Array] = field(default_factory=dict)
    stopped: str = ""

    @property
    def since_best(self) -> int:
        """How many epochs have passed since the best one."""
        return len(self.epochs) - (self.best.epoch if self.best else 0)


def fit(
    model: Layer,
    loss: Loss,
    optimizer: Optimizer,
    train: Pair,
    val: Pair | None = None,
    *,
    epochs: int = 100,
    batch_size: int = 32,
    patience: int = 0,
    clip_norm: float | None = None,
    score: Callable[[Array, Array], Scores] | None = None,
    watch: str = "loss",
    higher: bool = False,
    seed: int = 0,
    after_batch: Callable[[int, int], None] | None = None,
    after_epoch: Callable[[History], None] | None = None,
) -> History:
    """Train the model in place and leave it with the weights of its best epoch, in evaluation mode.

    The best epoch has the lowest loss on val (on train where there is no val), or the lowest (`higher`: the
    highest) score(outputs, target)[watch] on val. With patience > 0 training stops after that many epochs
    without a better one. The order of the rows depends on (seed, epoch) alone.

    Shapes: train and val are x (n, ...) and target (n, ...); outputs and target are as the loss takes them.
    Raises: Diverged for a loss or gradient that is not finite, before it touches the weights;
    ValueError for arguments that do not fit together.
    """
    _expect_arguments(loss, train, val, epochs, batch_size, patience, score, watch)
    cuts = batches(len(train[0]), batch_size)
    history, start = History(), time.perf_counter()
    with _learning(model):
        for epoch in range(1, epochs + 1):
            order = np.random.default_rng([seed, 1, epoch]).permutation(len(train[0]))
            with diverging(epoch, optimizer, clip_norm):
                train_loss, grad_norm = _train_epoch(
                    model, loss, optimizer, train, [order[cut] for cut in cuts], clip_norm, after_batch
                )
                val_loss, scores = _validate(model, loss, val, score)
            watched = scores[watch] if watch != "loss" else train_loss if val is None else val_loss
            better = history.best is None or _better(watched, history.best.watched, higher)
            row = Epoch(
                epoch=epoch,
                step=optimizer.steps,
                lr=current_lr(optimizer),
                train_loss=train_loss,
                val_loss=val_loss,
                scores=scores,
                watched=watched,
                best=better,
                seconds=time.perf_counter() - start,
                grad_norm=grad_norm,
            )
            history.epochs.append(row)
            if better:
                history.best, history.best_state = row, model.state()
            if after_epoch:
                after_epoch(history)
            if patience and history.since_best >= patience:
                history.stopped = f"no better for {patience} epochs"
                break
        model.load_state(history.best_state)
    return history


def _train_epoch(
    model: Layer,
    loss: Loss,
    optimizer: Optimizer,
    train: Pair,
    parts: list[Array],
    clip_norm: float | None,
    after_batch: Callable[[int, int], None] | None,
) -> tuple[float, float]:
    """One update for each part of the rows; the mean loss over rows, and the largest gradient norm."""
    x, target = train
    total, largest = 0.0, 0.0
    model.train()
    for number, rows in enumerate(parts, start=1):
        try:
            value, norm = _step(model, loss, optimizer, x[rows], target[rows], clip_norm)
        except FloatingPointError as error:
            error.add_note(f"batch {number} of {len(parts)}")
            raise
        total += value * len(rows)
        largest = max(largest, norm)
        if after_batch:
            after_batch(number, len(parts))
    return total / len(x), largest


def _step(
    model: Layer, loss: Loss, optimizer: Optimizer, x: Array, target: Array, clip_norm: float | None
) -> tuple[float, float]:
    """One update; the loss, and the norm of all gradients together before clipping.

    Raises: FloatingPointError for what is not finite, before it touches the weights.
    """
    outputs = model.forward(x)
    expect_finite("outputs", outputs)
    value: float = loss.forward(outputs, target)
    expect_finite("loss", value)
    _, grads = model.backward(loss.backward())
    norm = gradient_norm(grads)
    if clip_norm is not None:
        clip_by_norm(grads, clip_norm)
    optimizer.step(grads)
    return value, norm


def _validate(
    model: Layer, loss: Loss, val: Pair | None, score: Callable[[Array, Array], Scores] | None
) -> tuple[float | None, Scores]:
    """Loss and scores on val; a score that is not finite has no value.

    Raises: FloatingPointError for weights, outputs or a loss that are not finite.
    """
    for name, array in {**model.params, **model.buffers}.items():  # the last update may have done it
        expect_finite(repr(name), array)
    if val is None:
        return None, {}
    x, target = val
    outputs = predict(model, x)
    expect_finite("validation outputs", outputs)
    value: float = loss.forward(outputs, target)
    expect_finite("validation loss", value)
    scores = score(outputs, target) if score else {}
    return value, {name: v if v is not None and math.isfinite(v) else None for name, v in scores.items()}


def predict(model: Layer, x: Array, *, batch_size: int = 1024) -> Array:
    """The model's outputs in evaluation mode, batch by batch; the mode is put back.

    Shapes: x (n, ...), outputs (n, ...).
    """
    training = model.training
    model.eval()
    try:
        cuts = batches(len(x), batch_size) or [slice(0)]  # no rows have outputs of a shape, too
        return np.concatenate([model.forward(x[cut]) for cut in cuts])
    finally:
        if training:
            model.train()


def batches(n: int, size: int) -> list[slice]:
    """n rows cut into slices of `size`; a single row left over joins the one before (BatchNorm needs two)."""
    starts = list(range(0, n, size))
    if len(starts) > 1 and n % size == 1:
        starts.pop()
    return [slice(start, stop) for start, stop in pairwise([*starts, n])]


def current_lr(optimizer: Optimizer) -> float:
    """The learning rate of the latest update, also where it follows a schedule."""
    lr = optimizer.lr
    return float(lr(max(optimizer.steps - 1, 0)) if callable(lr) else lr)


@contextlib.contextmanager
def _learning(model: Layer) -> Iterator[None]:
    """Without a dx that nobody needs, and without NumPy's warnings of what the guard speaks of."""
    wish = model.input_grad
    model.input_grad = False
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield
    finally:
        model.input_grad = wish
        model.eval()


def _better(value: float | None, best: float | None, higher: bool) -> bool:
    """Whether a value beats the best so far; one that does not exist never does."""
    if value is None or best is None:
        return value is not None
    return value > best if higher else value < best


def _expect_arguments(
    loss: Loss,
    train: Pair,
    val: Pair | None,
    epochs: int,
    batch_size: int,
    patience: int,
    score: object,
    watch: str,
) -> None:
    for what, pair in {"train": train, "val": val}.items():
        if pair is not None and not len(pair[0]) == len(pair[1]) > 0:
            raise ValueError(
                f"fit: expected {what} to be x and target of equally many rows, at least one, "
                f"got {len(pair[0])} and {len(pair[1])}; select the same rows of both"
            )
    for what, value, low in (("epochs", epochs, 1), ("batch_size", batch_size, 1), ("patience", patience, 0)):
        if value < low:
            raise ValueError(f"fit: expected {what} >= {low}, got {value}")
    if loss.reduction != "mean":
        raise ValueError(f"fit: expected a loss with reduction 'mean', got {loss}; make it without reduction")
    if watch != "loss" and (val is None or score is None):
        raise ValueError(f"fit: expected val and score to watch {watch!r}, got none; pass both")
