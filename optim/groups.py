"""Which hyperparameters each parameter has: the optimizer's, or those of the group that it matches."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import numpy as np

from .expect import mapping, nearest, number
from .plateau import ReduceOnPlateau

# Hyperparameters that rules have in common: none may be negative, and each stays below its bound.
BOUNDS = {"eps": math.inf, "weight_decay": math.inf, "momentum_decay": math.inf,
          "momentum": 1.0, "alpha": 1.0, "rho": 1.0, "betas": 1.0}  # fmt: skip
EXAMPLE = 'write groups={"*.b": {"weight_decay": 0.0}}'


class Group(NamedTuple):
    """Parameters that share their hyperparameters."""

    names: list[str]
    lr: Any  # a number, a schedule, or None for the optimizer's own
    hyper: dict[str, Any]


def grouped(
    who: str, names: Collection[str], hyper: dict[str, Any], patterns: Mapping[str, Any]
) -> list[Group]:
    """One group for each pattern, with the names it is the first to match, and one for the names left over.

    Raises: ValueError for a pattern that gets no name and for an unknown hyperparameter.
    """
    mapping(who, "groups", patterns, EXAMPLE)
    known, left = ["lr", *hyper], list(names)
    groups: list[Group] = []
    for pattern, changes in patterns.items():
        mapping(who, f"group {pattern!r}", changes, EXAMPLE)
        for name in changes:
            if name not in known:
                raise ValueError(
                    f"{who}: expected hyperparameters among {', '.join(known)} in group {pattern!r}, "
                    f"got {name!r}; the nearest is {nearest(name, known)}"
                )
        matched = [name for name in left if fnmatchcase(name, pattern)]
        if not matched:
            if any(fnmatchcase(name, pattern) for group in groups for name in group.names):
                found = "only those of earlier groups; put the narrower pattern first"
            else:
                found = f"none; the nearest name is {nearest(pattern, left or names)}"
            raise ValueError(f"{who}: expected group {pattern!r} to match parameters, got {found}")
        left = [name for name in left if name not in matched]
        own = {name: plain(who, name, value) for name, value in changes.items()}
        groups.append(Group(matched, own.pop("lr", None), hyper | own))
    return [*groups, Group(left, None, hyper)]


def plain(who: str, name: str, value: Any) -> Any:
    """A hyperparameter, found in its range and free of NumPy scalars.   Raises: ValueError, TypeError."""
    if isinstance(value, ReduceOnPlateau):
        raise TypeError(
            f"{who}: expected {name} to be a number or a schedule step -> lr, got {value!r}, which takes a "
            "metric; pass plateau.lr, and set optimizer.lr = plateau(metric) after each epoch"
        )
    if isinstance(value, type):
        raise TypeError(f"{who}: expected {name} to be a value, got the class {value.__name__}; call it")
    if name == "lr":
        return value if callable(value) else number(who, name, value)
    if name == "betas":
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise ValueError(f"{who}: expected betas to be a pair, got {value!r}; write betas=(0.9, 0.999)")
        return tuple(number(who, f"betas[{i}]", beta, below=BOUNDS[name]) for i, beta in enumerate(value))
    if name in BOUNDS:
        return number(who, name, value, below=BOUNDS[name])
    return value.item() if isinstance(value, np.generic) else value
