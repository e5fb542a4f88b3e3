"""Learning rates over time: callables step -> lr, where step counts updates from 0.

optimizer = SGD(model.params, Warmup(500, Cosine(0.1, steps=10_000)), momentum=0.9)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .expect import count, number


@dataclass(frozen=True)
class Constant:
    """lr, always."""

    lr: float

    def __post_init__(self) -> None:
        number("Constant", "lr", self.lr)

    def __call__(self, step: int) -> float:
        return float(self.lr)


@dataclass(frozen=True)
class Step:
    """lr factor^(step // every): down at once, every so many steps."""

    lr: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        number("Step", "lr", self.lr)
        count("Step", "every", self.every)
        number("Step", "factor", self.factor, positive=True)

    def __call__(self, step: int) -> float:
        return float(self.lr * self.factor ** (step // self.every))


@dataclass(frozen=True)
class Cosine:
    """end + (lr - end) (1 + cos(π step / steps)) / 2: from lr to end in `steps` steps, then it stays there.

    Source: Loshchilov & Hutter 2017, equation 5, without restarts.
    """

    lr: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        number("Cosine", "lr", self.lr)
        count("Cosine", "steps", self.steps)
        number("Cosine", "end", self.end)

    def __call__(self, step: int) -> float:
        angle = math.pi * min(step, self.steps) / self.steps
        return float(self.end + (self.lr - self.end) * (1 + math.cos(angle)) / 2)


@dataclass(frozen=True)
class Warmup:
    """then(0) step / steps for the first `steps` steps, a line up from 0; after them then(step - steps).

    `then` is any callable step -> lr. The very first update has lr 0 and changes nothing but the slots.

    Source: Goyal et al. 2017, section 2.2.
    """

    steps: int
    then: Callable[[int], float]

    def __post_init__(self) -> None:
        count("Warmup", "steps", self.steps)
        if not callable(self.then):
            raise TypeError(
                f"Warmup: expected then to be a callable step -> lr, got {self.then!r}; "
                f"write Warmup(steps, Constant(lr))"
            )

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return float(self.then(0) * step / self.steps)
        return float(self.then(step - self.steps))
