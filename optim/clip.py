"""Clipping: a gradient that is too long keeps its direction and loses length."""

from __future__ import annotations

import math

import numpy as np

from .base import Array
from .expect import kind, mapping, number


def clip_by_norm(grads: dict[str, Array], max_norm: float) -> float:
    """Scale all gradients together, in place, to a norm of at most max_norm; return the norm before.

        norm = sqrt(sum of all squares);   g <- g max_norm / (norm + 1e-6) where that factor is below 1

    The 1e-6 is PyTorch's clip_grad_norm_. The squares add up in float64 whatever the gradients' dtype.
    Memory that stands under two names counts twice in the norm, and is scaled once.

    Raises: ValueError for a nan, an inf or an overflow in the norm, naming the gradient, for a read-only
    array, and for max_norm <= 0; TypeError for what is no floating array. Nothing is scaled then.
    Source: Pascanu, Mikolov & Bengio 2013, algorithm 1.
    """
    mapping("clip_by_norm", "grads", grads, "write _, grads = model.backward(upstream)")
    max_norm = number("clip_by_norm", "max_norm", max_norm, positive=True, finite=False)
    total = 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # reported here, by name
        for name, g in grads.items():
            _expect_scalable(name, g)
            wide = g.astype(np.float64, copy=False)
            total += float(np.vdot(wide, wide))
            if not math.isfinite(total):
                raise ValueError(
                    f"clip_by_norm: expected a finite norm, got {name!r} with a largest entry of "
                    f"{np.abs(g).max():g}; lower the learning rate, or look for the layer that made it"
                )
    norm = math.sqrt(total)
    factor = max_norm / (norm + 1e-6)
    if factor < 1:
        for g in {_memory(g): g for g in grads.values()}.values():
            g *= factor
    return norm


def _expect_scalable(name: str, g: Array) -> None:
    if not isinstance(g, np.ndarray) or g.dtype.kind != "f":
        raise TypeError(f"clip_by_norm: expected floating arrays, got {kind(g)} for {name!r}")
    if not g.flags.writeable:
        raise ValueError(
            f"clip_by_norm: expected arrays to scale in place, got a read-only one for {name!r}; copy it"
        )


def _memory(g: Array) -> tuple[int, int]:
    """Where an array's numbers are: the same for two names, or a reshaped view, of one array."""
    return g.__array_interface__["data"][0], g.nbytes
