"""How affine.py and relu.py are judged."""

from __future__ import annotations

from typing import Any

import numpy as np

import layers
from layers.base import Array

from .task import Task
from .trial import Trial, by_library, contract, dx, forward, parameters


def _affine(layer: Any, x: Array) -> Array:
    ours = layers.Affine(x.shape[1], len(layer.params["b"]), dtype=np.float64)
    return by_library(ours, layer.params, x)


AFFINE = Trial(
    "Affine",
    (3, 4),
    (5, 3),
    right=_affine,
    wrong={
        "the bias is not added": lambda layer, x: x @ layer.params["W"].T,
        "the bias is taken away": lambda layer, x: x @ layer.params["W"].T - layer.params["b"],
    },
)

RELU = Trial(
    "ReLU",
    (),
    (4, 5),
    right=lambda layer, x: layers.ReLU().forward(x),
    wrong={
        "that is x, as it was": lambda layer, x: x,
        "that is min(x, 0)": lambda layer, x: np.minimum(x, 0),
        "that is |x|": lambda layer, x: np.abs(x),
        "that is the mask, x > 0, not x": lambda layer, x: (x > 0) + 0.0,
    },
)

TASKS = (
    Task(
        "affine",
        "The affine layer",
        "affine.py",
        (forward(3, AFFINE), dx(3, AFFINE), parameters(3, AFFINE), contract(1, AFFINE)),
    ),
    Task("relu", "ReLU", "relu.py", (forward(4, RELU), dx(5, RELU), contract(1, RELU))),
)
