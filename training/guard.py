"""The guard against divergence: what is not finite is named before it reaches the weights."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from layers.base import Grads
from optim import Optimizer

from .errors import Diverged


def expect_finite(what: str, value: Any) -> None:
    """Refuse nan and inf, in a number or anywhere in an array.   Raises: FloatingPointError."""
    if not np.isfinite(value).all():
        raise FloatingPointError(f"{what} became {'nan' if np.isnan(value).any() else 'inf'}")


def gradient_norm(grads: Grads) -> float:
    """The Euclidean norm of all gradients together.

    Raises: FloatingPointError naming the first gradient whose norm is not finite.
    """
    squares = [float(np.vdot(grad, grad)) for grad in grads.values()]
    total = sum(squares)
    if not math.isfinite(total):
        for name, square in zip(grads, squares, strict=True):
            expect_finite(f"norm of the gradient of {name!r}", square)
        expect_finite("norm of the gradient", total)
    return math.sqrt(total)


@contextlib.contextmanager
def diverging(epoch: int, optimizer: Optimizer, clip_norm: float | None) -> Iterator[None]:
    """Turn FloatingPointError into Diverged: what became of it, where, and what to try.

    The rate to try is a tenth of the highest so far, as a schedule may be anywhere by now.
    """
    try:
        yield
    except FloatingPointError as error:
        place = ", ".join([f"epoch {epoch}", *getattr(error, "__notes__", [])])
        lr = optimizer.lr
        highest = max(map(lr, range(optimizer.steps + 1))) if callable(lr) else lr
        advice = f"try --lr {highest / 10:.3g} (was {highest:.3g})"
        if clip_norm is None:
            advice += " or --clip-norm 1"
        if optimizer.steps == 0:
            advice = f"no step was taken yet: look for huge values in the data or the network, then {advice}"
        raise Diverged(f"diverged: {error} at {place}; {advice}") from None
