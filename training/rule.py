"""The update rule and the learning rate over time, by the names that users type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import optim
from layers.base import Array
from optim import Optimizer
from optim.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Step,
    Warmup,
)

Schedule = Callable[[int], float]

RULES: dict[str, tuple[Callable[..., Optimizer], float, dict[str, Any]]] = {  # name: class, usual rate, more
    "adam": (optim.Adam, 0.001, {}),
    "adamw": (optim.AdamW, 0.001, {}),
    "sgd": (optim.SGD, 0.01, {"momentum": 0.9}),
    "rmsprop": (optim.RMSProp, 0.001, {}),
    "adagrad": (optim.Adagrad, 0.01, {}),
    "adadelta": (optim.Adadelta, 1.0, {}),
    "adamax": (optim.Adamax, 0.005, {}),
    "nadam": (optim.NAdam, 0.002, {}),
    "radam": (optim.RAdam, 0.005, {}),
    "lion": (optim.Lion, 0.0003, {}),
    "muon": (optim.Muon, 0.005, {}),
}
BY_STEP: dict[str, Callable[[float, int], Schedule]] = {  # name: rate, steps -> schedule
    "constant": lambda rate, steps: Constant(rate),
    "step": lambda rate, steps: Step(rate, every=-(-steps // 3)),  # a tenth after each third
    "linear": lambda rate, steps: Polynomial(rate, steps),
    "polynomial": lambda rate, steps: Polynomial(rate, steps, power=2),
    "exponential": lambda rate, steps: Exponential(rate, 0.01 ** (1 / steps)),  # to a hundredth
    "inverse-time": lambda rate, steps: InverseTime(rate, decay=9 / steps),  # to a tenth
    "cosine": lambda rate, steps: Cosine(rate, steps),
    "one-cycle": lambda rate, steps: OneCycle(rate, steps),  # the rate is its peak
}
SCHEDULES = (*BY_STEP, "plateau")  # the last follows what tells the best epoch


def usual_rate(rule: str) -> float:
    """The learning rate where none is given: near the best in 20 epochs of iris, digits and diabetes."""
    return RULES[rule][1]


def usual_rates(common: str = "adam") -> str:
    """ "0.001; sgd, adagrad 0.01": the common one, and whose are others."""
    others: dict[float, list[str]] = {}
    for name in RULES:
        others.setdefault(usual_rate(name), []).append(name)
    first = f"{usual_rate(common):g}"
    del others[usual_rate(common)]
    return "; ".join([first, ", ".join(f"{', '.join(others[rate])} {rate:g}" for rate in sorted(others))])


def make_rule(name: str, params: dict[str, Array], lr: Schedule, decay: float) -> Optimizer:
    """The update rule of that name over these parameters."""
    rule, _, more = RULES[name]
    return rule(params, lr, weight_decay=decay, **more)


def make_schedule(
    name: str, rate: float, *, steps: int, warmup: int = 0, plateau: ReduceOnPlateau | None = None
) -> Schedule:
    """step -> learning rate, for a training of at most `steps` steps; with a plateau, the rate that it has.

    A linear warm-up comes first, the schedule has the rest.
    """
    lr = BY_STEP[name](rate, max(1, steps - warmup)) if plateau is None else lambda step: plateau.lr
    return Warmup(warmup, lr) if warmup else lr


def make_plateau(rate: float, *, epochs: int, patience: int) -> ReduceOnPlateau:
    """Down to a tenth after some epochs without a better: half of the patience, at most a tenth of all."""
    wait = max(1, min(patience // 2 or epochs, epochs // 10))
    return ReduceOnPlateau(rate, patience=wait - 1)
