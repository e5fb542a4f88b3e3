"""What a training asks of the network: the gradient of a batch, the outputs of rows, and their scores."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from layers import Layer
from layers.base import Array, Grads
from losses import Loss

from .guard import expect_finite
from .signals import Signals

Pair = tuple[Array, Array]  # x and target, row by row
Scores = Mapping[str, float | None]
Score = Callable[[Array, Array], Scores]


class Alone:
    """A training's passes in this process.   Ranks shares them among several."""

    def __init__(self, signals: Signals | None = None) -> None:
        self.signals = Signals() if signals is None else signals

    def gradient(self, model: Layer, loss: Loss, data: Pair, rows: Array) -> tuple[float, Grads]:
        """The loss on some rows, and its gradient by the parameters.

        Raises: FloatingPointError for outputs or a loss that are not finite.
        """
        x, target = data
        outputs = model.forward(x[rows])
        expect_finite("outputs", outputs)
        value: float = loss.forward(outputs, target[rows])
        expect_finite("loss", value)
        _, grads = model.backward(loss.backward())
        return value, grads

    def evaluate(
        self, model: Layer, loss: Loss, data: Pair, score: Score | None = None
    ) -> dict[str, float | None]:
        """As the function of that name."""
        return scored(loss, predict(model, data[0]), data[1], score)

    def asked(self) -> signal.Signals | None:
        """The signal that asks the training to end."""
        return self.signals.asked


def evaluate(model: Layer, loss: Loss, data: Pair, score: Score | None = None) -> dict[str, float | None]:
    """The loss on data in evaluation mode as "loss", and score(outputs, target); None for what is no number.

    Shapes: data x (n, ...) and target (n, ...), as the loss takes it.
    Raises: FloatingPointError for outputs or a loss that are not finite.
    """
    return Alone().evaluate(model, loss, data, score)


def scored(loss: Loss, outputs: Array, target: Array, score: Score | None) -> dict[str, float | None]:
    """What evaluate says of these outputs."""
    expect_finite("validation outputs", outputs)
    value: float = loss.forward(outputs, target)
    expect_finite("validation loss", value)
    scores = score(outputs, target) if score else {}
    finite = {name: v if v is not None and math.isfinite(v) else None for name, v in scores.items()}
    return {"loss": value, **finite}


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
