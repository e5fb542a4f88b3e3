"""How numbers carry a derivative through forward: bare complex ones, or guarded ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import numpy as np

from layers.base import Array

from .anatomy import buffers_of
from .guarded import H, derivative, guard
from .keeping import exact


class Carrier(NamedTuple):
    """How arrays carry a derivative through forward: quick bare complex numbers, or guarded ones."""

    guard: Callable[..., Array]
    derivative: Callable[[Any], Array]
    exact: Callable[[], AbstractContextManager[None]]
    buffers: Callable[[Any], list[Array]]


def bare(array: Array, perturbation: Any) -> Array:
    z = np.empty(array.shape, np.complex128)
    z.real, z.imag = array, H * perturbation
    return z


def _imaginary(value: Any) -> Array:
    z = np.asarray(value)
    if z.dtype.kind != "c":
        raise TypeError(f"forward gave {z.dtype} for complex numbers: the derivative was lost on the way")
    if np.isnan(z.imag).any():
        raise FloatingPointError("forward overflows for complex numbers")
    return z.imag / H


@contextmanager
def _warnings_raise() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


PLAIN = Carrier(bare, _imaginary, _warnings_raise, lambda layer: [])
GUARDED = Carrier(
    guard, derivative, exact, lambda layer: [b for b in buffers_of(layer) if b.dtype.kind == "f"]
)
