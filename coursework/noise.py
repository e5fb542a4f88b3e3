"""How dropout.py is judged: its masks are its own, so that y is judged by what holds of any of them."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from gradcheck import check_layer
from layers.base import Array

from .findings import said_of, wrong_arrays
from .task import Part, Task
from .trial import Trial, class_of, contract, dx, first
from .values import unlike

P = 0.3
SHAPE = (40, 50)  # 2000 draws: the share of zeros is within 0.05 of p but for once in a million times


def _new(module: ModuleType, seed: int = 30) -> Any:
    return class_of(module, "Dropout")(P, rng=seed)


def _x() -> Array:
    return np.random.default_rng(31).uniform(1, 2, SHAPE)


def _masks(module: ModuleType) -> str:
    """Zeros with chance p, all else scaled by 1 / (1 - p), each entry by itself, anew each time."""
    layer, x = _new(module), _x()
    y = layer.forward(x.copy())
    if not isinstance(y, np.ndarray) or y.shape != x.shape:
        return unlike("y", y, x)
    dropped = float((y == 0).mean())
    if dropped in (0, 1):
        return "nothing is dropped while training" if dropped == 0 else "y is 0 throughout"
    for axis, words in ((0, "rows"), (1, "columns")):
        if ((y == 0).all(axis) | (y != 0).all(axis)).all():
            return f"all {words} share one mask; draw a keep for each entry of x: rng.random(x.shape)"
    if abs(dropped - P) > 0.05:
        swapped = "; p is the chance of dropping, not of keeping" if abs(dropped - 1 + P) <= 0.05 else ""
        return f"with p = {P}, {dropped:.2f} of the entries are dropped{swapped}"
    factor = (y / x)[y != 0]
    if not np.allclose(factor, 1 / (1 - P)):
        told = f"{factor[0]:.4g}" if np.allclose(factor, factor[0]) else "different numbers"
        return (
            f"what is kept is multiplied by {told}; scale it by 1 / (1 - p), with p = {P} {1 / (1 - P):.4g}"
        )
    if np.array_equal(layer.forward(x.copy()), y):
        return "a second forward drops the same entries; draw a new mask from self.rng each time"
    return ""


def _evaluation(module: ModuleType) -> str:
    layer, x = _new(module), _x()
    layer.eval()
    scaled = {"while training y is scaled already: y = x here": lambda: (1 - P) * x}
    y = layer.forward(x.copy())
    if told := unlike("y", y, x, scaled):
        drops = isinstance(y, np.ndarray) and bool((y == 0).any())
        return f"in evaluation mode: {told}" + "\nnothing is dropped there; look at self.training" * drops
    report = check_layer(layer, x[:4, :5])
    wrong = wrong_arrays(report, parameters=False)
    if wrong and DROPOUT.is_consistent(module):
        return f"in evaluation mode: {said_of(report, wrong)}"
    return ""  # what is wrong in training too has its own part


def _seed(module: ModuleType) -> str:
    """One seed, one sequence of masks; NumPy's global generator has no part in it."""
    x = _x()
    first_time, again, other = (_new(module, seed).forward(x.copy()) for seed in (32, 32, 33))
    if not np.array_equal(first_time, again):
        return "two layers of the same seed drop different entries; draw from self.rng"
    if np.array_equal(first_time, other):
        return "two layers of different seeds drop the same entries; draw from self.rng"
    return ""


DROPOUT = Trial("Dropout", (P,), (4, 5), right=lambda layer, x: layer.forward(x.copy()), options={"rng": 34})

TASKS = (
    Task(
        "dropout",
        "Dropout",
        "dropout.py",
        (
            Part("forward", 3, _masks),
            Part("evaluation", 2, _evaluation),
            dx(4, DROPOUT),
            Part("contract", 1, first(contract(1, DROPOUT).check, _seed)),
        ),
    ),
)
