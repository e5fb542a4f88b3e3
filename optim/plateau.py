"""The learning rate that follows a metric: down when the metric gets no better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from .expect import count, is_real, kind, mapping, number, refuse

Array = np.ndarray[Any, np.dtype[Any]]
LEAST_CHANGE = 1e-8  # PyTorch's: what would lower the rate by no more than this is left out


@dataclass
class ReduceOnPlateau:
    """lr factor^k, k the plateaus so far: each more than `patience` calls in a row without a better metric.

        plateau = ReduceOnPlateau(0.1, patience=5)
        optimizer = SGD(model.params, plateau.lr)
        for epoch in range(epochs):
            ...
            optimizer.lr = plateau(val_loss)  # once an epoch: it takes the metric and returns the rate

    Lower is better; pass -accuracy. Better is below the best so far by `threshold` of its size; nan is never
    better. The rate does not fall below `end`, nor by 1e-8 or less at a time.

    It has a memory, state(), and is no schedule to give to an optimizer, which would call it with the step.

    Raises: ValueError for an argument out of range; TypeError for a metric that is no number.
    Source: PyTorch's ReduceLROnPlateau, but for a negative best: there it takes a metric that stands still
    for a better one. Here -metric then counts as a metric does with its mode="max".
    """

    lr: float
    factor: float = 0.1
    patience: int = 10
    _: KW_ONLY
    threshold: float = 1e-4
    end: float = 0.0
    best: float = field(default=math.inf, init=False, repr=False)
    waited: int = field(default=0, init=False, repr=False)  # calls since the best, or since the latest fall

    def __post_init__(self) -> None:
        self.lr = number("ReduceOnPlateau", "lr", self.lr)
        self.factor = number("ReduceOnPlateau", "factor", self.factor, positive=True, below=1)
        self.patience = count("ReduceOnPlateau", "patience", self.patience, low=0)
        self.threshold = number("ReduceOnPlateau", "threshold", self.threshold, below=1)
        self.end = number("ReduceOnPlateau", "end", self.end)

    def __call__(self, metric: float) -> float:
        if isinstance(metric, bool) or not isinstance(metric, Real):
            raise TypeError(
                f"ReduceOnPlateau: expected the metric to be a number, got {type(metric).__name__}; "
                "pass float(metric)"
            )
        value = float(metric)
        less = 1 - self.threshold if self.best > 0 else 1 + self.threshold
        if value < self.best * less:  # False for nan
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.waited = 0
            lower = max(self.lr * self.factor, self.end)
            if self.lr - lower > LEAST_CHANGE:
                self.lr = lower
        return self.lr

    def state(self) -> dict[str, Array]:
        """All that calls change: "lr", "best" and "waited"; the rest is the constructor's."""
        return {name: np.array(getattr(self, name)) for name in ("lr", "best", "waited")}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Go on from a state(): the rates to come are those that would have followed it, bit for bit.

        Raises: ValueError that lists missing, extra and mis-shaped names; nothing is changed then.
        """
        mapping("ReduceOnPlateau", "state", state, "pass what state() returned")
        own = self.state()
        given = {name: np.asarray(array) for name, array in state.items()}
        refuse(
            "ReduceOnPlateau: expected a state of the same names, a number each",
            {
                "missing": [name for name in own if name not in given],
                "extra": [name for name in given if name not in own],
                "mis-shaped": [f"{name} {given[name].shape}" for name in own if np.shape(given.get(name, 0))],
                "no real numbers": [f"{name} ({kind(a)})" for name, a in given.items() if not is_real(a)],
            },
        )
        lr = number("ReduceOnPlateau", "lr in the state", given["lr"].item())
        best, waited = float(given["best"]), given["waited"].item()
        if math.isnan(best) or not (waited >= 0 and waited % 1 == 0):
            raise ValueError(
                "ReduceOnPlateau: expected a state with a number best and a whole number waited >= 0, "
                f"got {best:g} and {waited:g}; pass what state() returned"
            )
        self.lr, self.best, self.waited = lr, best, int(waited)
