"""Which learning rate to begin with: a sweep over all of them, from far too low to far too high."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle

import numpy as np

from layers import Layer
from layers.base import Array
from losses import Loss
from optim import Optimizer

from .loop import Pair, batches

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 100
TOO_HIGH = 4.0  # times the lowest loss: no rate above can be meant
SMOOTH = 3.0  # steps, the deviation of the bell that losses are averaged over
BAR = 30  # characters

MakeOptimizer = Callable[[dict[str, Array], Callable[[int], float]], Optimizer]


def find_lr(
    model: Layer, loss: Loss, make_optimizer: MakeOptimizer, parts: Iterable[Pair], *, steps: int = STEPS
) -> tuple[list[float], list[float], float | None]:
    """Train a copy while the rate rises geometrically: the rates, the smoothed losses, and the rate to use.

    `make_optimizer(params, lr)` makes the update rule; `parts` are batches (x, target), from the first again
    when they end. The sweep ends where the loss is four times its lowest, or not finite. The rate to use is
    that of the steepest descent, at most a tenth of the lowest loss's; None where no rate lowers the loss.
    The model stays as it is.

    Source: Smith 2017, section 3.3, with the steepest descent of later practice.
    """
    model = copy.deepcopy(model)
    growth = (HIGHEST / LOWEST) ** (1 / (steps - 1))
    optimizer = make_optimizer(model.params, lambda step: LOWEST * growth**step)
    model.train()
    model.input_grad = False
    losses: list[float] = []
    with np.errstate(all="ignore"):
        for _, (x, target) in zip(range(steps), cycle(parts), strict=False):
            outputs = model.forward(x)
            value = loss.forward(outputs, target) if np.isfinite(outputs).all() else math.inf
            if not math.isfinite(value):
                break
            losses.append(value)
            if smoothed(losses)[-1] > TOO_HIGH * min(smoothed(losses)):
                break
            _, grads = model.backward(loss.backward())
            if not all(np.isfinite(grad).all() for grad in grads.values()):
                break
            optimizer.step(grads)
    rates = [LOWEST * growth**step for step in range(len(losses))]
    losses = smoothed(losses)
    return rates, losses, suggested(rates, losses)


def shuffled(train: Pair, batch_size: int, seed: int) -> Iterator[Pair]:
    """The batches of an epoch."""
    x, target = train
    order = np.random.default_rng([seed, 3]).permutation(len(x))
    for cut in batches(len(x), batch_size):
        yield x[order[cut]], target[order[cut]]


def smoothed(losses: Sequence[float]) -> list[float]:
    """Each loss averaged with its neighbours, under a bell: batches differ, and rates hardly."""
    places = np.arange(len(losses))
    bell = np.exp(-0.5 * ((places[:, None] - places) / SMOOTH) ** 2)
    smooth: list[float] = (bell @ np.asarray(losses, np.float64) / bell.sum(axis=1)).tolist()
    return smooth


def suggested(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """The rate at the steepest descent of the smoothed loss, at most a tenth of that at its lowest."""
    lowest = int(np.argmin(losses)) if losses else 0
    if lowest == 0 or losses[lowest] > 0.99 * losses[0]:
        return None
    steepest = int(np.argmin(np.gradient(losses[: lowest + 1])))
    return min(rates[steepest], rates[lowest] / 10)


def table(rates: Sequence[float], losses: Sequence[float], suggestion: float | None) -> list[str]:
    """The losses as lines with a bar each, and the option to type."""
    lines = [f"{'lr':>8}  {'loss':>8}"]
    reach = 2 * losses[0] if losses else 1.0  # what is higher is off the scale
    for step in range(0, len(rates), 4):
        bar = "#" * min(BAR, round(BAR * losses[step] / reach))
        lines.append(f"{rates[step]:>8.1e}  {losses[step]:>8.4g}  {bar}")
    if suggestion is None:
        return [*lines, "no rate lowers the loss: look at the data, the loss and the network's backward"]
    return [*lines, f"suggested --lr {suggestion:.1g}"]
