"""How batchnorm.py and layernorm.py are judged."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

import layers
from gradcheck import check_layer
from layers.base import Array

from .findings import said_of, wrong_arrays
from .task import Part, Task
from .trial import Formula, Trial, by_library, contract, dx, first, forward, parameters
from .values import Hints, unlike


def _batchnorm(layer: Any, x: Array) -> Array:
    return by_library(layers.BatchNorm(x.shape[1], dtype=np.float64), layer.params, x)


def _layernorm(layer: Any, x: Array) -> Array:
    return by_library(layers.LayerNorm(x.shape[-1], dtype=np.float64), layer.params, x)


def _over(axis: int | tuple[int, ...], eps: float = 1e-5, ddof: int = 0, power: float = 0.5) -> Formula:
    def y(layer: Any, x: Array) -> Array:
        var = x.var(axis=axis, keepdims=True, ddof=ddof)
        x_hat = (x - x.mean(axis=axis, keepdims=True)) / (var + eps) ** power
        return np.asarray(layer.params["gamma"] * x_hat + layer.params["beta"])

    return y


def _mistakes(axis: int) -> dict[str, Formula]:
    right = _over(axis)
    return {
        "eps is left out": _over(axis, eps=0.0),
        "eps belongs under the root, added to var": lambda layer, x: (
            layer.params["gamma"] * (x - x.mean(axis, keepdims=True)) / (x.std(axis, keepdims=True) + 1e-5)
            + layer.params["beta"]
        ),
        "var divides by the number of values, not by one less": _over(axis, ddof=1),
        "divide by the root of var + eps, not by var + eps": _over(axis, power=1.0),
        "gamma is left out": lambda layer, x: (
            (right(layer, x) - layer.params["beta"]) / layer.params["gamma"] + layer.params["beta"]
        ),
        "beta is left out": lambda layer, x: right(layer, x) - layer.params["beta"],
        "gamma and beta are swapped": lambda layer, x: (
            (right(layer, x) - layer.params["beta"]) / layer.params["gamma"] * layer.params["beta"]
            + layer.params["gamma"]
        ),
    }


BATCHNORM = Trial(
    "BatchNorm",
    (3,),
    (5, 3),
    right=_batchnorm,
    wrong={**_mistakes(0), "mean and var are taken over axis 1; the batch is axis 0": _over(1)},
    scale=0.1,
    shift=0.2,
)

LAYERNORM = Trial(
    "LayerNorm",
    (5,),
    (2, 3, 5),
    right=_layernorm,
    wrong={
        **_mistakes(-1),
        "mean and var are taken over axis 0; an example is by itself": _over(0),
        "mean and var are taken over axis 1; the features are the last axis": _over(1),
        "mean and var are taken over axes 1 and 2; every position is by itself": _over((1, 2)),
    },
    scale=0.1,
    shift=0.2,
)


def _running(module: ModuleType) -> str:
    """Training lets the running statistics follow the batch's."""
    layer, x = BATCHNORM.start(module)
    old = {"running_mean": np.array([0.5, -1.0, 2.0]), "running_var": np.array([2.0, 0.5, 3.0])}
    for name in old:
        layer.buffers[name][...] = old[name]
    layer.forward(x)
    new = {"running_mean": x.mean(axis=0), "running_var": x.var(axis=0, ddof=1)}
    plain = {**new, "running_var": x.var(axis=0)}

    def hints(name: str) -> Hints:
        return {
            "forward does not change it; write into the array: running[...] = ...": lambda: old[name],
            "momentum is the weight of the new value, 1 - momentum that of the old": lambda: (
                0.9 * new[name] + 0.1 * old[name]
            ),
            "the running variance takes var * N / (N - 1)": lambda: 0.9 * old[name] + 0.1 * plain[name],
            "it becomes the batch's; momentum is not used": lambda: new[name],
        }

    told = (unlike(name, layer.buffers[name], 0.9 * old[name] + 0.1 * new[name], hints(name)) for name in old)
    return next(filter(None, told), "")


def _evaluation(module: ModuleType) -> str:
    """Evaluation uses the running statistics, which are constants then, and leaves them alone.

    Where those are the batch's, y is what it was in training: by the student's own formula, right or wrong.
    """
    layer, x = BATCHNORM.start(module)
    mean, var = x.mean(axis=0), x.var(axis=0)
    own, _ = BATCHNORM.start(module)
    trained = np.asarray(own.forward(x.copy()))
    layer.buffers["running_mean"][...], layer.buffers["running_var"][...] = mean, var
    layer.eval()
    y, right = layer.forward(x[:3].copy()), _batchnorm(layer, x)[:3]
    hints: Hints = {"use the running mean and var there, not the batch's": lambda: _batchnorm(layer, x[:3])}
    if unlike("y", y, trained[:3]) and (told := unlike("y", y, right, hints)):
        return f"in evaluation mode: {told}"
    running = np.concatenate([layer.buffers["running_mean"], layer.buffers["running_var"]])
    if not np.array_equal(running, np.concatenate([mean, var])):
        return "in evaluation mode forward changes the running statistics; only training does"
    report = check_layer(layer, x)
    wrong = wrong_arrays(report, parameters=False)
    if wrong and BATCHNORM.is_consistent(module):
        return f"in evaluation mode mean and var are constants:\n{said_of(report, wrong)}"
    return ""  # what is wrong in training too has its own part


TASKS = (
    Task(
        "batchnorm",
        "Batch normalisation",
        "batchnorm.py",
        (
            forward(2, BATCHNORM),
            Part("evaluation", 2, first(_running, _evaluation)),
            dx(3, BATCHNORM),
            parameters(2, BATCHNORM),
            contract(1, BATCHNORM),
        ),
    ),
    Task(
        "layernorm",
        "Layer normalisation",
        "layernorm.py",
        (forward(3, LAYERNORM), dx(3, LAYERNORM), parameters(3, LAYERNORM), contract(1, LAYERNORM)),
    ),
)
