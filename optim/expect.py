"""What the rules, the schedules and clipping refuse, and how they say so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from numbers import Real
from typing import Any

import numpy as np


def number(
    who: str, name: str, value: Any, *, below: float = math.inf, positive: bool = False, finite: bool = True
) -> float:
    """`value` as a Python float, which leaves float32 arrays float32 where a NumPy scalar would not.

    Raises: TypeError for what is no real number, ValueError outside [0, below) or, if `positive`, (0, below).
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{who}: expected {name} to be a number, got {type(value).__name__}")
    plain = float(value)
    high_enough = plain > 0 if positive else plain >= 0
    low_enough = plain < below or not finite
    if not (high_enough and low_enough):  # nan is neither
        bound = f"{'>' if positive else '>='} 0" + (f" and < {below:g}" if below < math.inf else "")
        raise ValueError(f"{who}: expected {name} to be a {'finite ' * finite}number {bound}, got {plain:g}")
    return plain


def count(who: str, name: str, value: Any, *, low: int = 1) -> int:
    """`value` as a Python int >= low.   Raises: TypeError for no whole number, ValueError below low."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(
            f"{who}: expected {name} to be a whole number, got {type(value).__name__} {value!r}; "
            "round it with int(...)"
        )
    if value < low:
        raise ValueError(f"{who}: expected {name} to be a whole number >= {low}, got {value}")
    return int(value)


def mapping(who: str, name: str, value: Any, mend: str) -> None:
    """Refuse what is no dict.   Raises: TypeError."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{who}: expected {name} to be a dict, got {type(value).__name__}; {mend}")


def nearest(name: str, names: Iterable[str]) -> str:
    """The one of `names` that is spelled most like `name`, quoted for a message."""
    return repr(
        max(names, key=lambda other: (_likeness(name.lower(), other.lower()), _likeness(name, other)))
    )


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def refuse(expected: str, problems: Mapping[str, Sequence[str]], mend: str = "") -> None:
    """Raises: ValueError that lists the problems of each kind, if there are any."""
    found = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names)
    if found:
        raise ValueError(f"{expected}, got {found}" + (f"; {mend}" if mend else ""))


def param_shapes(who: str, params: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shapes of params, each an array of its own that can be changed in place.

    Raises: TypeError for what is no dict of floating arrays; ValueError where there is none, or one is
    read-only or stands under two names.
    """
    mapping(who, "params", params, "pass model.params")
    if not params:
        raise ValueError(f"{who}: expected at least one parameter, got none; has the model any?")
    names: dict[int, str] = {}
    for name, p in params.items():
        if not isinstance(p, np.ndarray) or p.dtype.kind != "f":
            raise TypeError(f"{who}: expected parameters to be floating arrays, got {kind(p)} for {name!r}")
        if not p.flags.writeable:
            raise ValueError(f"{who}: expected a writable array, got a read-only one for {name!r}; copy it")
        if names.setdefault(id(p), name) != name:
            raise ValueError(
                f"{who}: expected every array under one name, got the same one as {names[id(p)]!r} "
                f"and {name!r}; keep one of the names, and add up their gradients"
            )
    return {name: p.shape for name, p in params.items()}


def refuse_changed(
    who: str, params: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]], mend: str
) -> None:
    """Refuse params of other names or shapes than at the start.   Raises: ValueError."""
    if param_shapes(who, params) != shapes:
        raise ValueError(
            f"{who}: expected the parameters it was made with, got other names or shapes; {mend}"
        )


def expect_state(
    who: str, state: Mapping[str, Any], own: Mapping[str, Any], mend: str
) -> tuple[int, dict[str, Any]]:
    """The steps, and the arrays, of a state that has real numbers for each name in `own`, of its shape.

    Raises: TypeError for what is no dict, ValueError that lists the names of each kind.
    """
    mapping(who, "state", state, "pass what state() returned")
    given = {name: np.asarray(array) for name, array in state.items()}
    shapes: dict[str, tuple[int, ...]] = {"steps": (), **{name: array.shape for name, array in own.items()}}
    refuse(
        f"{who}: expected a state of the same names and shapes",
        {
            "missing": [name for name in shapes if name not in given],
            "extra": [name for name in given if name not in shapes],
            "mis-shaped": [
                f"{name} (expected {shape}, got {given[name].shape})"
                for name, shape in shapes.items()
                if name in given and given[name].shape != shape
            ],
            "no real numbers": [name for name, array in given.items() if array.dtype.kind not in "fiu"],
        },
        mend,
    )
    steps = given["steps"].item()
    if not (steps >= 0 and steps % 1 == 0):
        raise ValueError(f"{who}: expected steps to be a whole number >= 0, got {steps}")
    return int(steps), given


def refuse_grads(who: str, grads: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse gradients that are not one real array for each parameter, of its shape.

    Raises: TypeError for what is no dict, ValueError that lists the names of each kind.
    """
    mapping(who, "grads", grads, "write _, grads = model.backward(upstream)")
    arrays = {name: g for name, g in grads.items() if is_real(g)}
    refuse(
        f"{who}: expected one gradient for each parameter, of its shape",
        {
            "missing": [name for name in shapes if name not in grads],
            "extra": [f"{name} (nearest: {nearest(name, shapes)})" for name in grads if name not in shapes],
            "mis-shaped": [
                f"{name} (expected {shape}, got {arrays[name].shape})"
                for name, shape in shapes.items()
                if name in arrays and arrays[name].shape != shape
            ],
            "no real array": [f"{name} ({kind(g)})" for name, g in grads.items() if name not in arrays],
        },
        "pass what model.backward returned; after a freeze or a tie, make a new optimizer",
    )


def is_real(value: Any) -> bool:
    """Whether it is an array, or a NumPy scalar, of real numbers."""
    return isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiu"


def kind(value: Any) -> str:
    """complex128, list or NoneType: what stands where a real array should."""
    return str(value.dtype) if isinstance(value, np.ndarray | np.generic) else type(value).__name__
