"""What update rules refuse: when they are made, in step and in load_state."""

import math

import numpy as np
import pytest
from update_rules import Line, arrays, assert_same, copies, train

from optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, Muon, NAdam, RAdam, RMSProp

# What construction refuses


@pytest.mark.parametrize("value", [-0.1, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (SGD, "lr"),
        (SGD, "momentum"),
        (SGD, "weight_decay"),
        (RMSProp, "lr"),
        (RMSProp, "alpha"),
        (RMSProp, "eps"),
        (RMSProp, "momentum"),
        (RMSProp, "weight_decay"),
        (Adagrad, "lr"),
        (Adagrad, "eps"),
        (Adagrad, "weight_decay"),
        (Adam, "lr"),
        (Adam, "eps"),
        (Adam, "weight_decay"),
        (AdamW, "lr"),
        (AdamW, "eps"),
        (AdamW, "weight_decay"),
        *((Adadelta, name) for name in ("lr", "rho", "eps", "weight_decay")),
        *((Adamax, name) for name in ("lr", "eps", "weight_decay")),
        *((NAdam, name) for name in ("lr", "eps", "weight_decay", "momentum_decay")),
        *((RAdam, name) for name in ("lr", "eps", "weight_decay")),
        *((Lion, name) for name in ("lr", "weight_decay")),
        *((Muon, name) for name in ("lr", "momentum", "weight_decay", "eps")),
    ],
)
def test_a_hyperparameter_out_of_range_is_refused_by_name(rule, name, value):
    expected = rf"^{rule.__name__}: expected {name} to be a finite number >= 0( and < 1)?, got {value:g}$"
    with pytest.raises(ValueError, match=expected):
        rule(arrays(0), **{"lr": 0.1, name: value})


@pytest.mark.parametrize(
    ("rule", "options", "name"),
    [
        (SGD, {"momentum": 1.0}, "momentum"),
        (RMSProp, {"alpha": 1.0}, "alpha"),
        (RMSProp, {"momentum": 1.5}, "momentum"),
        (Adam, {"betas": (1.0, 0.999)}, r"betas\[0\]"),
        (Adam, {"betas": (0.9, 1.0)}, r"betas\[1\]"),
        (AdamW, {"betas": (-0.1, 0.999)}, r"betas\[0\]"),
        (AdamW, {"betas": (0.9, math.nan)}, r"betas\[1\]"),
        (Adadelta, {"rho": 1.0}, "rho"),
        (Adamax, {"betas": (0.9, 1.0)}, r"betas\[1\]"),
        (NAdam, {"betas": (1.0, 0.999)}, r"betas\[0\]"),
        (RAdam, {"betas": (0.9, 1.0)}, r"betas\[1\]"),
        (Lion, {"betas": (1.0, 0.99)}, r"betas\[0\]"),
        (Muon, {"momentum": 1.0}, "momentum"),
        (Muon, {"betas": (0.9, 1.0)}, r"betas\[1\]"),
    ],
)
def test_a_decay_of_one_or_more_is_refused_by_name(rule, options, name):
    with pytest.raises(
        ValueError, match=f"{rule.__name__}: expected {name} to be a finite number >= 0 and < 1"
    ):
        rule(arrays(0), lr=0.1, **options)


@pytest.mark.parametrize("betas", [0.9, (0.9,), (0.9, 0.99, 0.999), "ab"])
def test_betas_that_are_no_pair_are_refused(betas):
    with pytest.raises((ValueError, TypeError), match="Adam: expected betas"):
        Adam(arrays(0), betas=betas)


@pytest.mark.parametrize("lr", ["0.1", None, True, np.array(0.1)])
def test_a_learning_rate_that_is_no_number_is_refused(lr):
    with pytest.raises(TypeError, match="SGD: expected lr to be a number, got"):
        SGD(arrays(0), lr=lr)


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(ValueError, match="SGD: expected momentum > 0 for nesterov, got momentum 0"):
        SGD(arrays(0), lr=0.1, nesterov=True)
    with pytest.raises(ValueError, match="SGD: expected momentum > 0 for nesterov"):
        SGD(arrays(0), lr=0.1, momentum=0.9, nesterov=True, groups={"*.b": {"momentum": 0}})


def test_no_parameters_are_refused():
    with pytest.raises(ValueError, match="Adam: expected at least one parameter, got none"):
        Adam({})


def test_params_that_are_no_dict_are_refused():
    with pytest.raises(TypeError, match=r"Adam: expected params to be a dict, got Line; pass model\.params"):
        Adam(Line())


@pytest.mark.parametrize(
    ("value", "name"),
    [(np.ones(2, int), "int64"), (np.ones(2, complex), "complex128"), ([1.0], "list"), (None, "NoneType")],
)
def test_parameters_that_are_no_floating_arrays_are_refused_by_name(value, name):
    with pytest.raises(
        TypeError, match=f"Adam: expected parameters to be floating arrays, got {name} for '0.W'"
    ):
        Adam({"0.W": value})


def test_a_read_only_parameter_is_refused_by_name():
    params = arrays(0)
    params["0.b"].flags.writeable = False
    with pytest.raises(ValueError, match=r"SGD: expected a writable array, got a read-only one for '0\.b'"):
        SGD(params, lr=0.1)


def test_one_array_under_two_names_is_refused():
    W = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"under one name, got the same one as '0\.W' and '3\.W'"):
        SGD({"0.W": W, "1.W": W.copy(), "3.W": W}, lr=0.1)


# What step refuses


def refused(change, error, match):
    """Take a step with the gradients that `change` spoils; nothing may have happened."""
    params = arrays(0)
    optimizer = Adam(params, lr=0.1)
    train(optimizer, 1)
    before, state = copies(params), optimizer.state()
    grads = arrays(1)
    with pytest.raises(error, match=match):
        optimizer.step(change(grads))
    assert_same(params, before)
    assert_same(optimizer.state(), state)


def test_a_missing_gradient_is_refused_by_name_before_anything_changes():
    expected = r"Adam: expected one gradient for each parameter, of its shape, got missing: 2\.W; pass what"
    refused(lambda grads: {name: g for name, g in grads.items() if name != "2.W"}, ValueError, expected)


def test_an_extra_gradient_is_refused_with_the_nearest_name():
    refused(lambda grads: {**grads, "0.w": grads["0.W"]}, ValueError, r"got extra: 0\.w \(nearest: '0\.W'\)")


def test_a_mis_shaped_gradient_is_refused_though_it_would_broadcast():
    change = lambda grads: {**grads, "2.W": np.ones((1, 3, 1, 1))}  # noqa: E731
    refused(change, ValueError, r"mis-shaped: 2\.W \(expected \(2, 3, 1, 1\), got \(1, 3, 1, 1\)\)")


@pytest.mark.parametrize(
    ("value", "kind"),
    [(None, "NoneType"), ([[1.0]], "list"), (1.0, "float"), (np.ones((2, 3, 1, 1), complex), "complex128")],
)
def test_a_gradient_that_is_no_real_array_is_refused_by_name(value, kind):
    refused(lambda grads: {**grads, "2.W": value}, ValueError, rf"no real array: 2\.W \({kind}\)")


def test_all_that_is_wrong_with_the_gradients_is_listed_at_once():
    def change(grads):
        del grads["0.b"]
        return {**grads, "0.bias": np.ones(3), "0.W": np.ones(2), "2.W": None}

    expected = (
        r"missing: 0\.b; extra: 0\.bias \(nearest: '0\.b'\); "
        r"mis-shaped: 0\.W \(expected \(3, 2\), got \(2,\)\); no real array: 2\.W \(NoneType\)"
    )
    refused(change, ValueError, expected)


def test_gradients_that_are_no_dict_are_refused():
    refused(
        lambda grads: (None, grads),
        TypeError,
        r"Adam: expected grads to be a dict, got tuple; write _, grads",
    )


def test_a_numpy_scalar_is_the_gradient_of_a_scalar_parameter():
    params = {"s": np.array(2.0)}
    SGD(params, lr=0.5).step({"s": np.float64(1.0)})
    assert params["s"] == 1.5


def test_parameters_that_were_added_or_reshaped_since_are_refused():
    params = arrays(0)
    optimizer = SGD(params, lr=0.1)
    params["9.W"] = np.ones(2)
    with pytest.raises(
        ValueError, match="SGD: expected the parameters it was made with, got other names or shapes"
    ):
        optimizer.step({**arrays(1), "9.W": np.ones(2)})


# What load_state refuses


def not_loaded(change, match, error=ValueError):
    optimizer = Adam(arrays(0), lr=0.1)
    train(optimizer, 2)
    before = optimizer.state()
    other = Adam(arrays(0), lr=0.1)
    train(other, 3, start=7)
    with pytest.raises(error, match=match):
        optimizer.load_state(change(other.state()))
    assert_same(optimizer.state(), before)


def test_missing_extra_and_mis_shaped_slots_are_listed_separately_and_nothing_is_loaded():
    def change(state):
        del state["m.0.W"]
        return {**state, "u.0.W": np.ones(2), "v.0.b": np.ones(4)}

    not_loaded(
        change,
        r"Adam: .* missing: m\.0\.W; extra: u\.0\.W; mis-shaped: v\.0\.b \(expected \(3,\), got \(4,\)\)",
    )


def test_the_state_of_another_rule_is_refused():
    not_loaded(
        lambda state: SGD(arrays(0), 0.1, momentum=0.9).state(),
        r"missing: v\.0\.W, v\.0\.b, v\.1\.s, v\.2\.W",
    )


@pytest.mark.parametrize("steps", [-1, 2.5, math.nan, math.inf])
def test_a_count_of_steps_that_is_none_is_refused(steps):
    not_loaded(
        lambda state: {**state, "steps": np.array(steps)}, "Adam: expected steps to be a whole number >= 0"
    )


def test_slots_that_hold_no_numbers_are_refused():
    not_loaded(lambda state: {**state, "m.0.b": np.array(["a", "b", "c"])}, r"no real numbers: m\.0\.b")


def test_a_state_that_is_no_dict_is_refused():
    not_loaded(list, r"Adam: expected state to be a dict, got list; pass what state\(\) returned", TypeError)
