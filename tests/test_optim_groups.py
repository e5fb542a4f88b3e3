"""The learning rate, a number or a schedule, and groups of parameters with hyperparameters of their own."""

import math

import numpy as np
import pytest
from update_rules import arrays, assert_same, copies, train

from optim import SGD, Adam
from optim.schedules import Constant, Cosine, ReduceOnPlateau, Step

# The learning rate


def test_a_schedule_is_called_with_the_count_of_updates_from_0():
    asked = []
    optimizer = SGD(arrays(0), lr=lambda step: asked.append(step) or 0.1)
    train(optimizer, 3)
    assert asked == [0, 1, 2]
    assert optimizer.steps == 3


def test_the_learning_rate_may_be_reassigned_between_steps():
    params = {"p": np.array([1.0])}
    optimizer = SGD(params, lr=0.1)
    optimizer.step({"p": np.array([1.0])})
    optimizer.lr = 0.5
    assert optimizer.lr == 0.5
    optimizer.step({"p": np.array([1.0])})
    optimizer.lr = Constant(0.25)
    optimizer.step({"p": np.array([1.0])})
    assert params["p"].item() == pytest.approx(1 - 0.1 - 0.5 - 0.25)


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf])
def test_a_bad_learning_rate_is_refused_when_reassigned(lr):
    optimizer = SGD(arrays(0), lr=0.1)
    with pytest.raises(ValueError, match="SGD: expected lr to be a finite number >= 0, got"):
        optimizer.lr = lr
    assert optimizer.lr == 0.1


def test_a_schedule_that_gives_nan_is_refused_before_anything_changes():
    params = arrays(0)
    before = copies(params)
    optimizer = Adam(params, lr=lambda step: math.nan)
    with pytest.raises(ValueError, match=r"Adam: expected lr at step 0, from <function .*>, to be a finite"):
        optimizer.step(arrays(1))
    assert_same(params, before)
    assert optimizer.steps == 0


def test_a_plateau_is_no_schedule_and_says_how_it_is_used():
    plateau = ReduceOnPlateau(0.1)
    with pytest.raises(TypeError, match=r"SGD: expected lr to be .*which takes a metric; pass plateau\.lr"):
        SGD(arrays(0), plateau)
    with pytest.raises(TypeError, match="which takes a metric"):
        SGD(arrays(0), 0.1, groups={"*.b": {"lr": plateau}})
    optimizer = SGD(arrays(0), plateau.lr)
    with pytest.raises(TypeError, match="which takes a metric"):
        optimizer.lr = plateau
    optimizer.lr = plateau(3.0)
    assert optimizer.lr == 0.1


def test_the_class_of_a_schedule_is_no_schedule():
    with pytest.raises(TypeError, match="SGD: expected lr to be a value, got the class Cosine; call it"):
        SGD(arrays(0), lr=Cosine)
    optimizer = SGD(arrays(0), lr=0.1)
    with pytest.raises(TypeError, match="got the class Step; call it"):
        optimizer.lr = Step
    assert optimizer.lr == 0.1


# Groups


def test_a_group_overrides_hyperparameters_for_the_names_it_matches():
    params = {"0.W": np.array([1.0]), "0.b": np.array([1.0])}
    optimizer = SGD(params, lr=0.1, weight_decay=0.5, groups={"*.b": {"weight_decay": 0.0}})
    optimizer.step({"0.W": np.array([1.0]), "0.b": np.array([1.0])})
    assert params["0.W"].item() == pytest.approx(1 - 0.1 * 1.5)
    assert params["0.b"].item() == pytest.approx(1 - 0.1)


def test_a_group_may_have_its_own_learning_rate_or_schedule():
    params = {name: np.array([1.0]) for name in ("0.W", "1.W", "2.W")}
    optimizer = SGD(params, lr=0.1, groups={"0.*": {"lr": 0}, "1.*": {"lr": Step(0.5, every=1, factor=0.5)}})
    ones = {name: np.array([1.0]) for name in params}
    optimizer.step(ones)
    optimizer.lr = 0.2
    optimizer.step(ones)
    assert params["0.W"].item() == 1.0
    assert params["1.W"].item() == pytest.approx(1 - 0.5 - 0.25)
    assert params["2.W"].item() == pytest.approx(1 - 0.1 - 0.2)


def test_the_first_pattern_that_matches_wins():
    params = {"0.b": np.array([1.0]), "1.b": np.array([1.0])}
    optimizer = SGD(params, lr=0.1, groups={"0.*": {"lr": 0.5}, "*.b": {"lr": 0.25}})
    optimizer.step({"0.b": np.array([1.0]), "1.b": np.array([1.0])})
    assert params["0.b"].item() == 0.5
    assert params["1.b"].item() == 0.75


def test_patterns_tell_upper_case_from_lower():
    with pytest.raises(
        ValueError, match=r"group '\*\.B' to match parameters, got none; the nearest name is '0\.b'"
    ):
        SGD({"0.b": np.ones(1)}, lr=0.1, groups={"*.B": {"lr": 0.5}})


def test_momentum_in_one_group_gives_slots_to_that_group_alone():
    optimizer = SGD(arrays(0), lr=0.1, groups={"*.b": {"momentum": 0.9}})
    assert list(optimizer.state()) == ["steps", "m.0.b"]


def test_a_pattern_that_matches_nothing_is_refused_with_the_nearest_name():
    expected = r"Adam: expected group '\*\.bias' to match parameters, got none; the nearest name is '0\.b'"
    with pytest.raises(ValueError, match=expected):
        Adam(arrays(0), groups={"*.bias": {"weight_decay": 0.0}})


def test_a_pattern_left_with_nothing_by_earlier_ones_is_refused():
    with pytest.raises(ValueError, match=r"group '\*\.b' .* only those of earlier groups; put the narrower"):
        Adam(arrays(0), groups={"*": {"lr": 0.1}, "*.b": {"lr": 0.2}})


def test_an_unknown_hyperparameter_in_a_group_is_refused_with_the_nearest():
    expected = r"among lr, betas, eps, weight_decay in group '\*\.b', got 'weight_deacy'; .* 'weight_decay'"
    with pytest.raises(ValueError, match=expected):
        Adam(arrays(0), groups={"*.b": {"weight_deacy": 0.0}})


def test_a_hyperparameter_out_of_range_in_a_group_is_refused():
    with pytest.raises(ValueError, match=r"SGD: expected momentum to be a finite number >= 0 and < 1, got 1"):
        SGD(arrays(0), lr=0.1, groups={"*.b": {"momentum": 1.0}})
    with pytest.raises(TypeError, match="SGD: expected lr to be a number, got NoneType"):
        SGD(arrays(0), lr=0.1, groups={"*.b": {"lr": None}})


def test_groups_of_another_kind_are_refused():
    with pytest.raises(TypeError, match="SGD: expected groups to be a dict, got list; write groups="):
        SGD(arrays(0), lr=0.1, groups=[{"lr": 0.1}])
    with pytest.raises(
        TypeError, match=r"SGD: expected group '\*\.b' to be a dict, got float; write groups="
    ):
        SGD(arrays(0), lr=0.1, groups={"*.b": 0.1})
