"""Averages of the weights: smoother than the weights of any one step, and often better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from .base import Array
from .expect import expect_state, number, param_shapes, refuse_changed


class EMA:
    """average <- decay average + (1 - decay) p        after each step; at first a copy of p

        ema = EMA(model.params, decay=0.999)
        optimizer.step(grads)
        ema.update()                                   # after every step
        with ema.applied():                            # the model has the averages here, and its own after
            scores = model.forward(x)

    A decay of 0.999 averages over 1000 steps or so, and for about as long the weights of the start count too.
    With `warmup` they soon do not: the decay of update t, from 1, is then at most (1 + t) / (10 + t).
    `params` is held by reference, so the averages follow model.astype; `average` has them by name. Buffers,
    BatchNorm's running statistics among them, are not averaged: they stay those of the trained weights.

    Raises: ValueError for a decay outside [0, 1), and for params that Optimizer would refuse.
    Source: Polyak & Juditsky 1992, with a mean that forgets; warmup as in TensorFlow.
    """

    def __init__(self, params: dict[str, Array], decay: float = 0.999, *, warmup: bool = False) -> None:
        self._shapes = param_shapes("EMA", params)
        self.params = params
        self.decay = number("EMA", "decay", decay, below=1.0)
        self.warmup = warmup
        self.steps = 0
        self.average = {name: p.copy() for name, p in params.items()}
        self._applied = False

    def update(self) -> None:
        """Move the averages towards the parameters as they are now.

        Raises: RuntimeError inside `applied`, ValueError for parameters of other names or shapes.
        """
        self._refuse_applied("update")
        self._refuse_changed()
        average = self._follow()
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps)) if self.warmup else self.decay
        for name, p in self.params.items():
            change = p - average[name]
            change *= 1 - decay
            average[name] += change

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The averages in the parameters, for the time of a with block; after it, the trained weights again.

        So it is after an error too. What an optimizer does inside the block is lost.

        Raises: RuntimeError inside another `applied`, ValueError for parameters of other names or shapes.
        """
        self._refuse_applied("applied")
        self._refuse_changed()
        trained = {name: p.copy() for name, p in self.params.items()}
        self._applied = True
        try:
            self._put(self.average)
            yield
        finally:
            self._put(trained)
            self._applied = False

    def state(self) -> dict[str, Array]:
        """Copies of "steps", the count of updates, and the averages as "average.0.W"."""
        return {"steps": np.array(self.steps), **{key: array.copy() for key, array in self._named().items()}}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Go on from a state(), bit for bit.

        Raises: ValueError that lists missing, extra and mis-shaped names; nothing is changed then.
        """
        averages = self._named()
        self.steps, given = expect_state("EMA", state, averages, "make it for the parameters that were saved")
        for name, array in averages.items():
            array[...] = given[name]

    def __repr__(self) -> str:
        return f"EMA(decay={self.decay}, warmup={self.warmup})"

    def _named(self) -> dict[str, Array]:
        return {f"average.{name}": array for name, array in self._follow().items()}

    def _put(self, values: Mapping[str, Array]) -> None:
        for name, p in self.params.items():
            p[...] = values[name]

    def _follow(self) -> dict[str, Array]:
        """The averages, in the parameters' dtype, also after layer.astype."""
        for name, array in self.average.items():
            self.average[name] = array.astype(self.params[name].dtype, copy=False)
        return self.average

    def _refuse_changed(self) -> None:
        refuse_changed("EMA", self.params, self._shapes, "make a new EMA")

    def _refuse_applied(self, call: str) -> None:
        if self._applied:
            raise RuntimeError(
                f"EMA: expected {call} outside of applied(), got it inside; leave the with block"
            )
