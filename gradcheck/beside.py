"""The same comparison at a second point, where kinks, zeros, ones and rounding hide nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from .answers import pull
from .judge import Judge, Judged
from .line import unit_of
from .subject import Subject

ODD = 16  # an array so many times larger or smaller than 1 may hide a mistake among rounding


def judge_beside(
    subject: Subject, upstream: Any, judged: dict[str, Judged], rng: np.random.Generator
) -> tuple[dict[str, Judged], list[str]]:
    """Judge every gradient along directions at a second point, if this one may hide mistakes.

    That is where entries sit on a kink (ties), and where an array is made of zeros and ones: gamma = 1 hides
    a factor gamma, beta = 0 a term. It is also where a gradient is right within a tolerance and not to the
    digit, though x or a param is very large or small: a sigmoid that is nearly 1 hides all below it. There,
    arrays of size 1 tell more. Also says why a second point was no use.
    """
    arrays = subject.arrays
    plain = any(one.analytic.size and np.isin(arrays[name], (0, 1)).all() for name, one in judged.items())
    odd = any(one.doubtful for one in judged.values()) and any(map(_is_odd, arrays.values()))
    if not plain and not odd and not any(one.of("kink") for one in judged.values()):
        return {}, []
    second = subject.moved(lambda array: moved(array / (unit_of(array) if odd else 1), rng))
    try:
        gradients = pull(second, upstream)
        judge = Judge(second, upstream, rng)
    except Exception as error:
        return {}, [f"no second point beside zeros, ones and ties: {type(error).__name__}: {error}"]
    usable = {
        name: gradient
        for name, gradient in gradients.items()
        if name in judged and gradient.shape == arrays[name].shape and np.isfinite(gradient).all()
    }
    if len(usable) < len(judged) or not np.isfinite(judge.here).all():
        return {}, ["no second point beside zeros, ones and ties: forward or backward is not finite there"]
    return judge.judge_beside(usable), []


def moved(array: Array, rng: np.random.Generator) -> Array:
    """An array without ties, zeros or ones; what was never negative stays so, for a log or a root."""
    low = 0.0 if array.size and array.min() >= 0 and array.any() else -1.0
    if np.isin(array, (0, 1)).all():
        nearby = array * rng.uniform(0.5, 1.5, array.shape)
        return np.where(array == 0, 0.5 * rng.uniform(low, 1, array.shape), nearby)
    nearby = array * (1 + 0.01 * rng.standard_normal(array.shape))
    return np.where(array == 0, 0.01 * unit_of(array) * rng.uniform(low, 1, array.shape), nearby)


def _is_odd(array: Array) -> bool:
    return not 1 / ODD <= unit_of(array) <= ODD
