"""Learning rates over time: callables step -> lr, where step counts updates from 0.

optimizer = SGD(model.params, Warmup(500, Cosine(0.1, steps=10_000)), momentum=0.9)

ReduceOnPlateau alone follows a metric instead.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .expect import count, number
from .plateau import ReduceOnPlateau

__all__ = [
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "MultiStep",
    "OneCycle",
    "Polynomial",
    "ReduceOnPlateau",
    "Step",
    "Warmup",
]


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
class MultiStep:
    """lr factor^k once k of the milestones are reached: down at once, with the step that is a milestone.

    Raises: ValueError for milestones that do not increase, or begin below 1.
    """

    lr: float
    milestones: Sequence[int]
    factor: float = 0.1

    def __post_init__(self) -> None:
        number("MultiStep", "lr", self.lr)
        number("MultiStep", "factor", self.factor, positive=True)
        if not isinstance(self.milestones, Iterable):
            raise TypeError(
                f"MultiStep: expected milestones to be a list of steps, got {self.milestones!r}; "
                "write MultiStep(lr, [3000, 6000])"
            )
        steps = tuple(count("MultiStep", "each milestone", step) for step in self.milestones)
        if list(steps) != sorted(set(steps)):
            raise ValueError(
                f"MultiStep: expected milestones that increase, got {steps}; sort them, and leave doubles out"
            )
        object.__setattr__(self, "milestones", steps)  # the caller's list may change, this one does not

    def __call__(self, step: int) -> float:
        return float(self.lr * self.factor ** bisect_right(self.milestones, step))


@dataclass(frozen=True)
class Exponential:
    """lr factor^step: down by the same factor at every step."""

    lr: float
    factor: float

    def __post_init__(self) -> None:
        number("Exponential", "lr", self.lr)
        number("Exponential", "factor", self.factor, positive=True)

    def __call__(self, step: int) -> float:
        return float(self.lr * self.factor**step)


@dataclass(frozen=True)
class Polynomial:
    """lr (1 - step / steps)^power: from lr to 0 in `steps` steps, a line for power 1; then it stays at 0."""

    lr: float
    steps: int
    power: float = 1.0

    def __post_init__(self) -> None:
        number("Polynomial", "lr", self.lr)
        count("Polynomial", "steps", self.steps)
        number("Polynomial", "power", self.power, positive=True)

    def __call__(self, step: int) -> float:
        return float(self.lr * (1 - min(step, self.steps) / self.steps) ** self.power)


@dataclass(frozen=True)
class InverseTime:
    """lr / (1 + decay step): half of lr after 1 / decay steps, a third after 2 / decay.

    Source: Robbins & Monro 1951, where steps that fall so sum to infinity, and their squares do not.
    """

    lr: float
    decay: float

    def __post_init__(self) -> None:
        number("InverseTime", "lr", self.lr)
        number("InverseTime", "decay", self.decay)

    def __call__(self, step: int) -> float:
        return float(self.lr / (1 + self.decay * step))


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
        return float(_ease(self.lr, self.end, min(step, self.steps), self.steps))


@dataclass(frozen=True)
class OneCycle:
    """Up from lr / 25 to the peak lr, then down to lr / 250 000, half a cosine each; then it stays there.

    The peak is at step warmup * steps - 1, the end at step steps - 1, the last. Momentum is left as it is.

    Source: Smith & Topin 2018, with the shape and the fractions of PyTorch's OneCycleLR.
    """

    lr: float
    steps: int
    warmup: float = 0.3

    def __post_init__(self) -> None:
        number("OneCycle", "lr", self.lr)
        count("OneCycle", "steps", self.steps)
        number("OneCycle", "warmup", self.warmup, below=1, positive=True)

    def __call__(self, step: int) -> float:
        start, peak, last = self.lr / 25, self.warmup * self.steps - 1, self.steps - 1
        step = min(step, last)
        if step <= peak and peak > 0:
            return float(_ease(start, self.lr, step, peak))
        return float(_ease(self.lr, start / 1e4, step - peak, last - peak))


@dataclass(frozen=True)
class Warmup:
    """then(0) step / steps for the first `steps` steps, a line up from 0; after them then(step - steps).

    `then` is any callable step -> lr, `lambda step: plateau.lr` for a ReduceOnPlateau among them. The very
    first update has lr 0 and changes nothing but the slots.

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
        if isinstance(self.then, ReduceOnPlateau):
            raise TypeError(
                f"Warmup: expected then to be a callable step -> lr, got {self.then!r}, which takes a "
                "metric; write Warmup(steps, lambda step: plateau.lr)"
            )

    def __call__(self, step: int) -> float:
        if step < self.steps:
            return float(self.then(0) * step / self.steps)
        return float(self.then(step - self.steps))


def _ease(start: float, end: float, step: float, steps: float) -> float:
    """From start to end along half a cosine, `steps` long."""
    return end + (start - end) * (1 + math.cos(math.pi * step / steps)) / 2
