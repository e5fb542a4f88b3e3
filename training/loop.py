"""The training loop: shuffled epochs, a guard against divergence, early stopping, the best weights kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from layers import Layer
from layers.base import Array
from losses import Loss
from optim import Optimizer, clip_by_norm

from .guard import diverging, expect_finite, gradient_norm
from .passes import Alone, Pair, Score, Scores, batches, evaluate, predict

__all__ = ["Epoch", "History", "Pair", "batches", "current_lr", "evaluate", "fit", "predict"]


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
    """What happened: the epochs, the best of them with its weights and buffers, and why training stopped.

    Also where the epoch under way stands, so that `fit` can go on from any batch.
    """

    epochs: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    best_state: dict[str, Array] = field(default_factory=dict)
    stopped: str = ""
    waited: int = 0  # epochs since the best one, or since training went on after it had stopped
    seconds: float = 0.0  # spent so far
    batch: int = 0  # batches done of the epoch under way, ...
    batches: int = 0  # ... of so many
    loss_sum: float = 0.0  # their losses, each times its rows
    grad_norm: float = 0.0  # the largest of their gradients' norms

    @property
    def epoch(self) -> int:
        """The epoch under way, from 1."""
        return len(self.epochs) + 1


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
    score: Score | None = None,
    watch: str = "loss",
    higher: bool = False,
    seed: int = 0,
    history: History | None = None,
    crew: Alone | None = None,
    after_batch: Callable[[History], None] | None = None,
    after_epoch: Callable[[History], None] | None = None,
) -> History:
    """Train the model in place and leave it with the weights of its best epoch, in evaluation mode.

    The best epoch has the lowest loss on val (on train where there is no val), or the lowest (`higher`: the
    highest) score(outputs, target)[watch] on val. With patience > 0 training stops after that many epochs
    without a better one. The order of the rows depends on (seed, epoch) alone.

    With the `history` of a training that was cut off, this goes on where that one stood, to the same weights
    bit for bit, if model, optimizer and generators stand where they stood. An exception out of `after_batch`
    or `after_epoch` cuts it off. One that has `stopped` goes on once that is "".

    The `crew` computes gradients and scores: this process alone, or all that mpirun started (see Ranks).

    Shapes: train and val are x (n, ...) and target (n, ...); outputs and target are as the loss takes them.
    Raises: Diverged for a loss or gradient that is not finite, before it touches the weights;
    ValueError for arguments that do not fit together.
    """
    _expect_arguments(loss, train, val, epochs, batch_size, patience, score, watch)
    history, crew = history or History(), crew or Alone()
    cuts, clock = batches(len(train[0]), batch_size), _Clock(history.seconds)
    history.batches = len(cuts)
    with _learning(model):
        while history.epoch <= epochs and not history.stopped:
            epoch = history.epoch
            order = np.random.default_rng([seed, 1, epoch]).permutation(len(train[0]))
            model.train()
            with diverging(epoch, optimizer, clip_norm):
                for rows in [order[cut] for cut in cuts][history.batch :]:
                    _train_batch(model, loss, optimizer, train, rows, clip_norm, history, crew)
                    history.seconds = clock.now()
                    if after_batch:
                        after_batch(history)
                scores = _validate(model, loss, val, score, crew)
            val_loss = scores.pop("loss", None)
            train_loss = history.loss_sum / len(train[0])
            watched = scores[watch] if watch != "loss" else train_loss if val is None else val_loss
            better = history.best is None or _better(watched, history.best.watched, higher)
            history.seconds = clock.now()
            row = Epoch(
                epoch=epoch,
                step=optimizer.steps,
                lr=current_lr(optimizer),
                train_loss=train_loss,
                val_loss=val_loss,
                scores=scores,
                watched=watched,
                best=better,
                seconds=history.seconds,
                grad_norm=history.grad_norm,
            )
            history.epochs.append(row)
            history.batch, history.loss_sum, history.grad_norm = 0, 0.0, 0.0
            history.waited += 1
            if better:
                history.best, history.best_state, history.waited = row, model.state(), 0
            if patience and history.waited >= patience:
                history.stopped = f"no better for {patience} epochs"
            if after_epoch:
                after_epoch(history)
        model.load_state(history.best_state)
    return history


class _Clock:
    """Seconds of training, those before a break included."""

    def __init__(self, before: float) -> None:
        self.start = time.perf_counter() - before

    def now(self) -> float:
        return time.perf_counter() - self.start


def _train_batch(
    model: Layer,
    loss: Loss,
    optimizer: Optimizer,
    train: Pair,
    rows: Array,
    clip_norm: float | None,
    history: History,
    crew: Alone,
) -> None:
    """One update, told to the history.

    Raises: FloatingPointError for what is not finite, before it touches the weights.
    """
    try:
        value, grads = crew.gradient(model, loss, train, rows)
        norm = gradient_norm(grads)  # of all together, before clipping
        if clip_norm is not None:
            clip_by_norm(grads, clip_norm)
        optimizer.step(grads)
    except FloatingPointError as error:
        error.add_note(f"batch {history.batch + 1} of {history.batches}")
        raise
    history.batch += 1
    history.loss_sum += value * len(rows)
    history.grad_norm = max(history.grad_norm, norm)


def _validate(
    model: Layer, loss: Loss, val: Pair | None, score: Score | None, crew: Alone
) -> dict[str, float | None]:
    """What evaluate says of val, nothing without it.

    Raises: FloatingPointError for weights, outputs or a loss that are not finite.
    """
    for name, array in {**model.params, **model.buffers}.items():  # the last update may have done it
        expect_finite(repr(name), array)
    return {} if val is None else crew.evaluate(model, loss, val, score)


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
