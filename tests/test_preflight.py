"""Before the first step: warnings about networks that cannot learn, and none about those that can."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from layers import Affine, BatchNorm, Dropout, Flatten, Layer, ReLU, Sequential, Sigmoid, Tanh
from layers.base import Array, Grads
from losses import MSE, SoftmaxCrossEntropy
from training.encoding.targets import ClassTargets, NumberTargets
from training.options import parse
from training.plan import make_plan
from training.preflight import preflight
from training.prepare import prepare
from training.problem import Problem, problem

CLASSES = problem(ClassTargets.fit(["a", "b", "c"] * 2))
NUMBERS = problem(NumberTargets.fit(np.arange(9.0), np.arange(9)))


def rows(n: int = 300, D: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, D)).astype(np.float32), rng.integers(0, 3, n)


def notes(*layers: Layer, kind: Problem = CLASSES, x: Array | None = None) -> list[str]:
    own, labels = rows()
    x = own if x is None else x
    model = Sequential(*layers)
    if kind is CLASSES:
        return preflight(model, SoftmaxCrossEntropy(), kind, x, labels)
    return preflight(model, MSE(), kind, x, x[:, :1])


@pytest.mark.parametrize("data", ["iris", "digits", "diabetes", "spirals:300", "friedman1:300"])
@pytest.mark.parametrize("more", [[], ["--activation", "relu"], ["--batchnorm", "--dropout", "0.3"]])
def test_built_in_data_and_their_usual_networks_have_none(data: str, more: list[str]) -> None:
    options = parse([data, *more])
    prepared = prepare(options)
    plan, train = make_plan(options, prepared, None), prepared.parts["train"]
    assert preflight(plan.model, plan.loss, prepared.kind, train.x, train.target) == []


def test_a_loss_far_above_that_of_no_opinion_is_told() -> None:
    last = Affine(5, 3, rng=0)
    last.params["W"] *= 100
    (note,) = notes(last)
    assert "and 1.099 would be that of all classes alike; make the first weights smaller" in note  # ln 3
    last = Affine(5, 1, rng=0)
    last.params["W"] *= 100
    (note,) = notes(last, kind=NUMBERS)
    x = rows()[0]
    assert f"and {np.square(x[::2, :1]).mean():.4g} would be that of always the mean" in note


def dead(units: int) -> Affine:
    first = Affine(5, 8, rng=0)
    first.params["b"][:units] = -100
    return first


def test_rectifiers_that_are_0_for_every_row_are_told() -> None:
    (note,) = notes(dead(6), ReLU(), Affine(8, 3, rng=1))
    assert note.startswith("layer 1 ReLU(): 6 of 8 units are 0 for all 150 rows of a sample; try another")


def test_a_few_of_them_are_not() -> None:
    assert notes(dead(2), ReLU(), Affine(8, 3, rng=1)) == []


def test_inputs_that_are_0_are_no_dead_units() -> None:
    x = np.zeros((300, 5, 1), np.float32)
    x[:, 0, 0] = np.arange(300) / 150 - 1
    assert notes(Dropout(0.5, rng=0), Flatten(), Affine(5, 3, rng=0), x=x) == []


def test_a_network_whose_units_are_all_dead_has_gradients_of_0() -> None:
    _, note = notes(dead(8), ReLU(), Affine(8, 3, rng=1))
    assert note.startswith("the first gradient of 0.W, 0.b, 2.W is 0: such parameters do not learn; check")


@pytest.mark.parametrize("layer", [Sigmoid(), Tanh()])
def test_saturated_units_are_told(layer: Layer) -> None:
    first = Affine(5, 8, rng=0)
    first.params["W"] *= 50
    (note,) = notes(first, layer, Affine(8, 3, rng=1))
    assert f"layer 1 {layer.label}: 9" in note  # ninety-odd per cent
    assert "of its outputs are at the ends of their range" in note
    assert notes(Affine(5, 8, rng=0), layer, Affine(8, 3, rng=1)) == []


class Forgetful(Layer):
    """A backward that forgot to multiply."""

    def __init__(self, grad: float) -> None:
        self.params, self.grad = {"gamma": np.ones(3)}, grad

    def forward(self, x: Array) -> Array:
        return x * self.params["gamma"]

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        return upstream * self.params["gamma"], {"gamma": np.full(3, self.grad)}


def test_gradients_that_move_nothing_or_spoil_everything_are_told() -> None:
    (note,) = notes(Affine(5, 3, rng=0), Forgetful(0.0))
    assert note.startswith("the first gradient of 1.gamma is 0")
    assert "gradcheck.check_layer" in note
    (note,) = notes(Affine(5, 3, rng=0), Forgetful(np.nan))
    assert note.startswith("the first gradient of 1.gamma is no number")


def test_outputs_that_are_no_numbers_are_told_alone() -> None:
    first = Affine(5, 3, rng=0)
    first.params["W"][...] = 3e38
    assert notes(first) == ["the untrained network's outputs are no numbers; make its first weights smaller"]


def test_the_model_stays_as_it_is() -> None:
    x, labels = rows()
    dropout = Dropout(0.5, rng=0)
    model = Sequential(Affine(5, 4, rng=0), BatchNorm(4), dropout, Affine(4, 3, rng=0))
    before: Any = model.state()
    preflight(model, SoftmaxCrossEntropy(), CLASSES, x, labels)
    assert all(np.array_equal(array, before[name]) for name, array in model.state().items())
    assert model.training
    ones = np.ones((3, 4))
    np.testing.assert_array_equal(dropout.forward(ones), Dropout(0.5, rng=0).forward(ones))
    with pytest.raises(RuntimeError, match="backward called before forward"):
        model.layers[0].backward(np.ones((3, 4)))
