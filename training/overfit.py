"""Whether a network can learn one batch by heart, as every network with a right backward can."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from layers import Dropout, Dropout2D, Layer
from layers.base import Array
from layers.container import Container, walk
from losses import Loss
from optim import Optimizer

STEPS = 500
NEAR = 0.01  # of the first loss
FLOOR = 1e-3  # near 0 whatever the first loss was
ROWS = 32  # the most that a small network should hold after so few steps


def overfit(
    model: Layer, loss: Loss, optimizer: Optimizer, x: Array, target: Array, *, steps: int = STEPS
) -> list[float]:
    """Train the model in place on one batch, until its loss is near 0, no number, or `steps` are done.

    Dropout lets everything through meanwhile: noise cannot be learned.
    """
    losses: list[float] = []
    with without_noise(model), np.errstate(all="ignore"):
        for step in range(steps + 1):
            outputs = model.forward(x)
            losses.append(loss.forward(outputs, target) if np.isfinite(outputs).all() else math.nan)
            if step == steps or reached(losses) or not math.isfinite(losses[-1]):
                break
            _, grads = model.backward(loss.backward())
            optimizer.step(grads)
    return losses


def reached(losses: list[float]) -> bool:
    """Whether the loss came near 0."""
    return losses[-1] <= max(NEAR * losses[0], FLOOR)


def one_batch(x: Array, target: Array, size: int) -> tuple[Array, Array]:
    """The first rows that differ in x, at most `size`: of equal rows nothing can tell the targets."""
    size = min(size, ROWS)
    head, some = x[: 4 * size], min(4 * size, len(x))
    _, first = np.unique(head.reshape(some, -1), axis=0, return_index=True)
    rows = np.sort(first)[:size]
    return x[rows], target[rows]


def verdict(losses: list[float], model: Layer, target: Array) -> str:
    """What the losses say, in a line: with what to check where they did not come near 0."""
    course = f"loss {losses[0]:.4g} -> {losses[-1]:.4g} in {len(losses) - 1} steps on {len(target)} rows"
    if reached(losses):
        return f"reached: {course}"
    known = sum(array.size for array in model.params.values())
    if not math.isfinite(losses[-1]):
        check = "a lower --lr"
    elif known < target.size:
        check = (
            f"more --hidden, or a smaller --batch-size: {known} parameters cannot hold {target.size} targets"
        )
    elif losses[-1] < 0.8 * losses[len(losses) // 2]:
        check = "a higher --lr: it was still falling"
    else:
        check = "another --lr (see --find-lr), then each layer's backward with gradcheck.check_layer"
    return f"not reached: {course}; check {check}"


@contextmanager
def without_noise(model: Layer) -> Iterator[None]:
    """In training mode, but for Dropout; in evaluation mode afterwards."""
    model.train()
    for _, layer in walk(model.children) if isinstance(model, Container) else ():
        if isinstance(layer, Dropout | Dropout2D):
            layer.eval()
    try:
        yield
    finally:
        model.eval()
