"""The update rule and the learning rate over time, by the names that users type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optim
from layers.base import Array
from optim import Optimizer, schedules

RULES: dict[str, tuple[Callable[..., Optimizer], float, dict[str, Any]]] = {  # name: class, usual rate, more
    "adam": (optim.Adam, 0.001, {}),
    "adamw": (optim.AdamW, 0.001, {}),
    "sgd": (optim.SGD, 0.01, {"momentum": 0.9}),
    "rmsprop": (optim.RMSProp, 0.001, {}),
    "adagrad": (optim.Adagrad, 0.01, {}),
}
SCHEDULES = ("constant", "step", "cosine")


def usual_rate(rule: str) -> float:
    """The learning rate where none is given."""
    return RULES[rule][1]


def make_rule(name: str, params: dict[str, Array], lr: Callable[[int], float], decay: float) -> Optimizer:
    """The update rule of that name over these parameters."""
    rule, _, more = RULES[name]
    return rule(params, lr, weight_decay=decay, **more)


def make_schedule(name: str, rate: float, *, steps: int, warmup: int = 0) -> Callable[[int], float]:
    """step -> learning rate, for a training of at most `steps` steps.

    "step" goes down to a tenth after each third. A linear warm-up comes first, the schedule has the rest.
    """
    rest = max(1, steps - warmup)
    lr: Callable[[int], float] = schedules.Constant(rate)
    if name == "step":
        lr = schedules.Step(rate, every=-(-rest // 3))
    elif name == "cosine":
        lr = schedules.Cosine(rate, steps=rest)
    return schedules.Warmup(warmup, lr) if warmup else lr
