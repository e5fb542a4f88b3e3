"""Promises that every update rule keeps, then the first two steps of each worked by hand, then refusals."""

import inspect
import io
import math
import textwrap
from typing import ClassVar

import numpy as np
import pytest

import optim
from layers.base import Layer
from layers.sequential import Sequential
from optim import (
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Muon,
    NAdam,
    Optimizer,
    RAdam,
    RMSProp,
    clip_by_norm,
)
from optim.schedules import Constant, Cosine, ReduceOnPlateau, Step, Warmup

RULES = [
    pytest.param(SGD, {}, id="SGD"),
    pytest.param(SGD, {"momentum": 0.9, "weight_decay": 0.01}, id="SGD momentum"),
    pytest.param(SGD, {"momentum": 0.9, "nesterov": True}, id="SGD nesterov"),
    pytest.param(RMSProp, {"weight_decay": 0.01}, id="RMSProp"),
    pytest.param(RMSProp, {"momentum": 0.9}, id="RMSProp momentum"),
    pytest.param(Adagrad, {"weight_decay": 0.01}, id="Adagrad"),
    pytest.param(Adam, {"weight_decay": 0.01}, id="Adam"),
    pytest.param(AdamW, {}, id="AdamW"),
    pytest.param(Adadelta, {"weight_decay": 0.01}, id="Adadelta"),
    pytest.param(Adamax, {"weight_decay": 0.01}, id="Adamax"),
    pytest.param(NAdam, {"weight_decay": 0.01, "momentum_decay": 0.1}, id="NAdam"),
    pytest.param(RAdam, {"weight_decay": 0.01}, id="RAdam"),
    pytest.param(RAdam, {"betas": (0.5, 0.9)}, id="RAdam rectified from step 6"),
    pytest.param(Lion, {"weight_decay": 0.01}, id="Lion"),
    pytest.param(Muon, {}, id="Muon"),
    pytest.param(Muon, {"nesterov": False, "momentum": 0.8, "betas": (0.8, 0.9)}, id="Muon heavy ball"),
]
every_rule = pytest.mark.parametrize(("rule", "options"), RULES)
SHAPES = {"0.W": (3, 2), "0.b": (3,), "1.s": (), "2.W": (2, 3, 1, 1)}


def arrays(seed, dtype=np.float64):
    """One random array for each name in SHAPES."""
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.standard_normal(shape), dtype=dtype) for name, shape in SHAPES.items()}


def copies(named):
    return {name: array.copy() for name, array in named.items()}


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name, strict=True)


def train(optimizer, steps, start=0):
    for i in range(start, start + steps):
        optimizer.step(arrays(1000 + i, next(iter(optimizer.params.values())).dtype))


# Promises


@every_rule
def test_parameters_change_in_place_and_the_dict_keeps_its_arrays(rule, options):
    params = arrays(0)
    before, objects = copies(params), dict(params)
    rule(params, lr=0.1, **options).step(arrays(1))
    for name, p in params.items():
        assert p is objects[name]
        assert not np.array_equal(p, before[name]), name


@every_rule
def test_gradients_are_never_written(rule, options):
    optimizer = rule(arrays(0), lr=0.1, **options)
    grads = arrays(1)
    before = copies(grads)
    for _ in range(3):
        optimizer.step(grads)
    assert_same(grads, before)


@every_rule
def test_a_scalar_parameter_alone_is_updated_as_one_in_company(rule, options):
    alone, together = {"s": np.array(2.0)}, {"r": np.array(1.0), "s": np.array(2.0)}
    single, double = rule(alone, lr=0.1, **options), rule(together, lr=0.1, **options)
    for i in range(3):
        single.step({"s": np.array(2.0 - i)})
        double.step({"r": np.array(3.0), "s": np.array(2.0 - i)})
    assert alone["s"].shape == ()
    assert alone["s"] == together["s"] != 2.0


@every_rule
def test_a_parameter_that_is_a_strided_view_is_updated_through_it(rule, options):
    whole, alone = np.arange(12.0).reshape(3, 4), {"W": np.arange(12.0).reshape(3, 4)[:, ::2].copy()}
    view = rule({"W": whole[:, ::2]}, lr=0.1, **options)
    copy = rule(alone, lr=0.1, **options)
    for i in range(3):
        g = np.random.default_rng(i).standard_normal((3, 2))
        view.step({"W": g})
        copy.step({"W": g})
    np.testing.assert_array_equal(whole[:, ::2], alone["W"])
    np.testing.assert_array_equal(whole[:, 1::2], np.arange(12.0).reshape(3, 4)[:, 1::2])


class Watched(np.ndarray):
    """An array that notes the dtype of all that is computed from it."""

    seen: ClassVar[set[np.dtype]] = set()

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        bare = [np.asarray(x) if isinstance(x, Watched) else x for x in inputs]
        kwargs |= {"out": tuple(np.asarray(x) for x in out)} if out else {}
        result = np.asarray(getattr(ufunc, method)(*bare, **kwargs))
        Watched.seen.add(result.dtype)
        return out[0] if out else result.view(Watched)


@every_rule
def test_float32_parameters_mean_float32_arithmetic_throughout(rule, options):
    Watched.seen.clear()
    params = {"W": np.ones((2, 3), np.float32).view(Watched)}
    optimizer = rule(params, lr=lambda step: np.float64(0.1), groups={"W": {"weight_decay": 0.1}}, **options)
    for _ in range(7):
        optimizer.step({"W": np.full((2, 3), 0.5, np.float32).view(Watched)})
    assert Watched.seen == {np.dtype(np.float32)}
    assert {slot.dtype for slot in optimizer.state().values()} <= {np.dtype(np.float32), np.dtype(np.int64)}


@every_rule
def test_numpy_scalars_as_hyperparameters_change_nothing(rule, options):
    kinds = {bool: np.bool, float: np.float64, tuple: lambda pair: tuple(map(np.float64, pair))}
    plain, scalars = arrays(0, np.float32), arrays(0, np.float32)
    train(rule(plain, lr=0.1, **options), 3)
    train(rule(scalars, lr=np.float64(0.1), **{k: kinds[type(v)](v) for k, v in options.items()}), 3)
    assert_same(scalars, plain)


@every_rule
def test_float64_gradients_of_float32_parameters_are_taken_as_float32(rule, options):
    params, twin = arrays(0, np.float32), arrays(0, np.float32)
    rule(params, lr=0.1, **options).step(arrays(1, np.float64))
    rule(twin, lr=0.1, **options).step(arrays(1, np.float32))
    assert_same(params, twin)


@every_rule
@pytest.mark.parametrize(
    "lr", [0.1, Warmup(3, Step(0.1, every=4, factor=0.5)), Cosine(0.1, steps=8)], ids=repr
)
def test_training_goes_on_from_a_saved_state_bit_for_bit(rule, options, lr):
    groups = {"*.b": {"weight_decay": 0.0, "lr": Constant(0.05)}}
    through = arrays(0, np.float32)
    train(rule(through, lr, groups=groups, **options), 9)

    halfway = arrays(0, np.float32)
    first = rule(halfway, lr, groups=groups, **options)
    train(first, 4)
    file = io.BytesIO()
    np.savez(file, **first.state())
    file.seek(0)
    resumed = copies(halfway)
    second = rule(resumed, lr, groups=groups, **options)
    with np.load(file) as state:
        second.load_state(state)
    assert second.steps == 4
    train(second, 5, start=4)
    assert_same(resumed, through)


@every_rule
def test_state_is_a_copy_that_further_steps_do_not_touch(rule, options):
    optimizer = rule(arrays(0), lr=0.1, **options)
    train(optimizer, 2)
    state = optimizer.state()
    before = copies(state)
    train(optimizer, 2)
    assert_same(state, before)
    assert state["steps"] == 2


@every_rule
def test_a_loaded_state_is_copied_too(rule, options):
    optimizer = rule(arrays(0), lr=0.1, **options)
    train(optimizer, 2)
    state = optimizer.state()
    before = copies(state)
    optimizer.load_state(state)
    train(optimizer, 2)
    assert_same(state, before)


class Line(Layer):
    """y = s x."""

    def __init__(self):
        self.params = {"s": np.full(3, 2.0, np.float32)}

    def forward(self, x):
        self.cache = x
        return x * self.params["s"]

    def backward(self, upstream):
        return upstream * self.params["s"], self.grads(s=(upstream * self.cache).sum(axis=0))


@every_rule
def test_slots_follow_model_astype(rule, options):
    model = Sequential(Line(), Line())
    optimizer = rule(model.params, lr=0.1, **options)
    x = np.random.default_rng(0).standard_normal((4, 3))

    def step():
        y = model.forward(x.astype(model.params["0.s"].dtype))
        optimizer.step(model.backward(y)[1])

    step()
    before = optimizer.state()
    model.astype(np.float64)
    after = optimizer.state()
    assert all(after[name].dtype == np.float64 for name in after if name != "steps")
    for name in before:
        np.testing.assert_array_equal(after[name], before[name])
    values = copies(model.params)
    step()
    for name, layer in zip(values, model.layers, strict=True):
        assert layer.params["s"].dtype == np.float64
        assert not np.array_equal(layer.params["s"], values[name]), name


@every_rule
def test_a_quadratic_is_minimised(rule, options):
    A, c = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([1.0, -1.0])
    params = {"x": np.array([3.0, 3.0])}
    options = {**options, "weight_decay": 0.0}
    rate = {Adagrad: 2.0, Adadelta: 20.0, Adamax: 0.5, RAdam: 0.5}.get(rule, 0.1)
    optimizer = rule(params, lr=Cosine(rate, steps=400), **options)
    for _ in range(400):
        optimizer.step({"x": A @ (params["x"] - c)})
    np.testing.assert_allclose(params["x"], c, atol=1e-3)


@every_rule
def test_a_learning_rate_of_zero_changes_no_parameter(rule, options):
    params = arrays(0)
    before = copies(params)
    train(rule(params, lr=0.0, **options), 2)
    assert_same(params, before)


@every_rule
def test_a_group_with_the_learning_rate_zero_is_frozen_and_the_others_go_on(rule, options):
    params, free = arrays(0), {name: p for name, p in arrays(0).items() if name != "0.b"}
    before = copies(params)
    optimizer = rule(params, lr=0.1, groups={"0.b": {"lr": 0}}, **options)
    fresh = optimizer.state()
    train(optimizer, 3)
    np.testing.assert_array_equal(params["0.b"], before["0.b"])
    state = optimizer.state()
    assert_same({n: state[n] for n in state if ".0.b" in n}, {n: fresh[n] for n in fresh if ".0.b" in n})
    assert optimizer.steps == 3

    other = rule(free, lr=0.1, **options)
    for i in range(3):
        other.step({name: g for name, g in arrays(1000 + i).items() if name != "0.b"})
    assert_same({name: params[name] for name in free}, free)


# The first two steps by hand, from p = 1

HAND = [
    # p - 0.1 g
    pytest.param(SGD, {"lr": 0.1}, (2, 4), (0.8, 0.4), id="SGD"),
    # g = 2 + 0.5 (1) = 2.5, then 4 + 0.5 (0.75) = 4.375
    pytest.param(SGD, {"lr": 0.1, "weight_decay": 0.5}, (2, 4), (0.75, 0.3125), id="SGD decay"),
    # m = 2, then 0.5 (2) + 4 = 5
    pytest.param(SGD, {"lr": 0.1, "momentum": 0.5}, (2, 4), (0.8, 0.3), id="SGD momentum"),
    # 2 + 0.5 (2) = 3, then 4 + 0.5 (5) = 6.5
    pytest.param(SGD, {"lr": 0.1, "momentum": 0.5, "nesterov": True}, (2, 4), (0.7, 0.05), id="SGD nesterov"),
    # v = 0.25 (4) = 1, so 2 / (1 + 1) = 1; v = 0.75 + 0.25 = 1, so 1 / (1 + 1) = 0.5
    pytest.param(RMSProp, {"lr": 0.1, "alpha": 0.75, "eps": 1}, (2, 1), (0.9, 0.85), id="RMSProp"),
    # the same 1, then 0.5 (1) + 0.5 = 1
    pytest.param(
        RMSProp,
        {"lr": 0.1, "alpha": 0.75, "eps": 1, "momentum": 0.5},
        (2, 1),
        (0.9, 0.8),
        id="RMSProp momentum",
    ),
    # v = 9, so 3 / (3 + 1) = 3/4; v = 9 + 16, so 4 / (5 + 1) = 2/3
    pytest.param(Adagrad, {"lr": 0.4, "eps": 1}, (3, 4), (0.7, 0.7 - 0.8 / 3), id="Adagrad"),
    # m̂ = 1 / 0.5 = 2, v̂ = 1 / 0.25 = 4, so 2 / (2 + 1);
    # m̂ = (0.5 + 0.5) / 0.75 = 4/3, v̂ = (0.75 + 0.25) / 0.4375 = 16/7
    pytest.param(
        Adam,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1},
        (2, 1),
        (0.8, 0.8 - 0.4 / (4 / math.sqrt(7) + 1)),
        id="Adam",
    ),
    # 1.5 + 0.5 (1) = 2 and 0.6 + 0.5 (0.8) = 1 are the gradients above
    pytest.param(
        Adam,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1, "weight_decay": 0.5},
        (1.5, 0.6),
        (0.8, 0.8 - 0.4 / (4 / math.sqrt(7) + 1)),
        id="Adam decay",
    ),
    # 1 (0.85) - 0.2 = 0.65, then 0.65 (0.85) less the step above
    pytest.param(
        AdamW,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1, "weight_decay": 0.5},
        (2, 1),
        (0.65, 0.5525 - 0.4 / (4 / math.sqrt(7) + 1)),
        id="AdamW",
    ),
    # v = 0.75 (4) = 3, so d = 2 sqrt(0 + 1) / sqrt(3 + 1) = 1, u = 0.75;
    # v = 0.25 (3) + 0.75 = 1.5, so d = sqrt(0.75 + 1) / sqrt(1.5 + 1)
    pytest.param(
        Adadelta,
        {"lr": 0.4, "rho": 0.25, "eps": 1},
        (2, 1),
        (0.6, 0.6 - 0.4 * math.sqrt(0.7)),
        id="Adadelta",
    ),
    # m̂ = 2 and u = 2 + 1; m̂ = 4/3 as in Adam, and u = max(0.75 (3), 1 + 1) = 9/4
    pytest.param(
        Adamax,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1},
        (2, 1),
        (0.8, 0.8 - 0.4 * 4 / 9),
        id="Adamax",
    ),
    # 0.96^(t momentum_decay) = 2^-t, so mu = 3/8, 7/16, 15/32, with the products 3/8, 21/128, 315/4096.
    # m = 1 both times, v̂ as in Adam:
    # n = (5/8) / (5/8) 2 + (7/16) / (107/128), then (9/16) / (107/128) 1 + (15/32) / (3781/4096)
    pytest.param(
        NAdam,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1, "momentum_decay": math.log(0.5) / math.log(0.96)},
        (2, 1),
        (
            1 - 0.1 * (2 + 56 / 107),
            1 - 0.1 * (2 + 56 / 107) - 0.3 * (72 / 107 + 1920 / 3781) / (4 / math.sqrt(7) + 1),
        ),
        id="NAdam",
    ),
    # rho = 7 - 2 (3/4) / (1/4) = 1, then 7 - 4 (9/16) / (7/16) = 13/7: m̂ = 2, then 4/3, alone
    pytest.param(RAdam, {"lr": 0.15, "betas": (0.5, 0.75)}, (2, 1), (0.7, 0.5), id="RAdam"),
    # 1 (0.95) - 0.1; m = 0.25 (2), and 0.5 (0.5) + 0.5 (-0.4) > 0 though the gradient is not
    pytest.param(
        Lion,
        {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.5},
        (2, -0.4),
        (0.85, 0.85 * 0.95 - 0.1),
        id="Lion",
    ),
    # a vector: AdamW
    pytest.param(
        Muon,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1, "weight_decay": 0.5},
        (2, 1),
        (0.65, 0.5525 - 0.4 / (4 / math.sqrt(7) + 1)),
        id="Muon",
    ),
]


@pytest.mark.parametrize(("rule", "options", "gradients", "expected"), HAND)
def test_the_first_two_steps_are_those_worked_by_hand(rule, options, gradients, expected):
    params = {"p": np.array([1.0])}
    optimizer = rule(params, **options)
    for g, p in zip(gradients, expected, strict=True):
        optimizer.step({"p": np.array([float(g)])})
        assert params["p"].item() == pytest.approx(p, rel=1e-14)


def test_adamw_decays_by_a_hundredth_unless_told_otherwise():
    params = {"p": np.array([2.0])}
    AdamW(params, lr=0.5).step({"p": np.array([0.0])})
    assert params["p"].item() == 2.0 * (1 - 0.5 * 0.01)


def test_sgd_without_momentum_keeps_no_arrays():
    assert list(SGD(arrays(0), lr=0.1).state()) == ["steps"]


def test_state_is_flat_and_named_by_slot_and_parameter():
    state = Adam({"0.W": np.ones((2, 3)), "0.b": np.ones(2)}).state()
    assert list(state) == ["steps", "m.0.W", "v.0.W", "m.0.b", "v.0.b"]
    assert state["m.0.W"].shape == (2, 3)


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


# A rule of one's own


@pytest.fixture
def documented():
    """The rule that Optimizer's docstring shows."""
    text = inspect.getdoc(Optimizer)
    names = {"Optimizer": Optimizer, "np": np}
    exec(textwrap.dedent("    " + text[text.index("class SignMomentum") :]), names)
    return names["SignMomentum"]


def test_the_rule_in_the_docstring_does_what_it_says(documented):
    params = {"p": np.array([1.0, 1.0])}
    optimizer = documented(params, lr=0.25, momentum=0.5)
    optimizer.step({"p": np.array([3.0, -2.0])})
    np.testing.assert_array_equal(params["p"], [0.75, 1.25])
    optimizer.step({"p": np.array([-1.0, 0.5])})  # m = 0.5 (3) - 1 > 0, 0.5 (-2) + 0.5 < 0
    np.testing.assert_array_equal(params["p"], [0.5, 1.5])


def test_a_rule_of_ones_own_inherits_groups_schedules_state_and_checks(documented):
    options = {"lr": Step(0.1, every=2), "groups": {"*.b": {"momentum": 0.0}}}
    through, resumed = arrays(0), arrays(0)
    train(documented(through, **options), 5)
    first = documented(resumed, **options)
    train(first, 3)
    second = documented(resumed, **options)
    second.load_state(first.state())
    train(second, 2, start=3)
    assert_same(resumed, through)
    assert repr(second).startswith("SignMomentum(lr=Step(lr=0.1, every=2, factor=0.1), momentum=0.9, groups=")
    with pytest.raises(ValueError, match="SignMomentum: expected one gradient for each parameter"):
        second.step({})
    with pytest.raises(ValueError, match="SignMomentum: expected momentum"):
        documented(arrays(0), lr=0.1, momentum=-1)


def test_a_hyperparameter_of_ones_own_comes_to_update_as_a_python_number():
    class Scaled(Optimizer):
        def update(self, p, g, slots, lr, scale):
            assert type(scale) is float
            p -= lr * scale * g

    params = {"p": np.array([1.0])}
    Scaled(params, lr=0.5, scale=np.float64(0.5)).step({"p": np.array([2.0])})
    assert params["p"].item() == 0.5


def test_a_rule_without_update_says_what_to_define():
    with pytest.raises(NotImplementedError, match=r"Optimizer: expected an update\(self, p, g, slots, lr\)"):
        Optimizer(arrays(0), lr=0.1).step(arrays(1))


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        (SGD(arrays(0), 0.1), "SGD(lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)"),
        (RMSProp(arrays(0), 0.1), "RMSProp(lr=0.1, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0)"),
        (Adagrad(arrays(0), 0.1), "Adagrad(lr=0.1, eps=1e-10, weight_decay=0.0)"),
        (Adam(arrays(0)), "Adam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"),
        (AdamW(arrays(0)), "AdamW(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)"),
        (Adadelta(arrays(0)), "Adadelta(lr=1.0, rho=0.9, eps=1e-06, weight_decay=0.0)"),
        (Adamax(arrays(0)), "Adamax(lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"),
        (
            NAdam(arrays(0)),
            "NAdam(lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, momentum_decay=0.004)",
        ),
        (RAdam(arrays(0)), "RAdam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"),
        (Lion(arrays(0)), "Lion(lr=0.0001, betas=(0.9, 0.99), weight_decay=0.0)"),
        (
            Muon(arrays(0)),
            "Muon(lr=0.001, momentum=0.95, nesterov=True, weight_decay=0.1, betas=(0.9, 0.999), eps=1e-08)",
        ),
        (
            Adagrad(arrays(0), Constant(0.1), groups={"*.b": {"lr": 0.2}}),
            "Adagrad(lr=Constant(lr=0.1), eps=1e-10, weight_decay=0.0, groups={'*.b': {'lr': 0.2}})",
        ),
    ],
    ids=repr,
)
def test_repr_shows_every_hyperparameter(optimizer, text):
    assert repr(optimizer) == text


def test_every_exported_rule_has_a_row():
    rules = {
        value for value in vars(optim).values() if isinstance(value, type) and issubclass(value, Optimizer)
    }
    assert {row.values[0] for row in RULES} == rules - {Optimizer}
    assert {row.values[0] for row in HAND} == rules - {Optimizer}
    assert {rule.__name__ for rule in rules} <= set(optim.__all__)


# Clipping


def test_gradients_too_long_together_are_scaled_together_and_the_norm_before_is_returned():
    grads = {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])}
    objects = dict(grads)
    norm = clip_by_norm(grads, 1.0)
    assert type(norm) is float
    assert norm == 5.0
    assert all(grads[name] is objects[name] for name in objects)
    np.testing.assert_allclose(grads["W"], [[0.6, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(grads["b"], [0.8], rtol=1e-6)


@pytest.mark.parametrize("max_norm", [5.1, 100.0, math.inf])
def test_gradients_short_enough_are_left_as_they_are(max_norm):
    grads = {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])}
    assert clip_by_norm(grads, max_norm) == 5.0
    assert_same(grads, {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])})


def test_no_gradients_have_the_norm_zero():
    assert clip_by_norm({}, 1.0) == 0.0
    assert clip_by_norm({"W": np.zeros((2, 0))}, 1.0) == 0.0


def test_an_array_under_two_names_counts_twice_and_is_scaled_once():
    shared = np.array([3.0, 4.0])
    norm = clip_by_norm({"a": shared, "b": shared}, 1.0)
    assert norm == pytest.approx(math.sqrt(50))
    np.testing.assert_allclose(shared, np.array([3.0, 4.0]) / math.sqrt(50), rtol=1e-6)


def test_a_reshaped_view_of_another_gradient_is_scaled_once():
    whole = np.array([[3.0, 4.0]])
    clip_by_norm({"a": whole, "b": whole.reshape(2)}, 1.0)
    np.testing.assert_allclose(whole, np.array([[3.0, 4.0]]) / math.sqrt(50), rtol=1e-6)


def test_parts_of_one_array_are_each_scaled():
    whole = np.array([3.0, 4.0])
    clip_by_norm({"a": whole[:1], "b": whole[1:]}, 1.0)
    np.testing.assert_allclose(whole, [0.6, 0.8], rtol=1e-6)


def test_the_norm_of_float32_gradients_does_not_overflow():
    grads = {"W": np.full((2, 2), 1e30, np.float32)}
    assert clip_by_norm(grads, 2.0) == pytest.approx(2e30)
    assert grads["W"].dtype == np.float32
    np.testing.assert_allclose(grads["W"], np.ones((2, 2)), rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "inf"), (1e200, r"1e\+200")]
)
def test_a_norm_that_is_not_finite_is_refused_by_name_and_nothing_is_scaled(value, text):
    grads = {"0.W": np.array([30.0]), "0.b": np.array([1.0, value])}
    with pytest.raises(ValueError, match=rf"a finite norm, got '0\.b' with a largest entry of {text};"):
        clip_by_norm(grads, 1.0)
    assert_same(grads, {"0.W": np.array([30.0]), "0.b": np.array([1.0, value])})


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_a_max_norm_that_is_not_positive_is_refused(max_norm):
    with pytest.raises(ValueError, match="clip_by_norm: expected max_norm to be a number > 0, got"):
        clip_by_norm({"W": np.ones(2)}, max_norm)


def test_a_max_norm_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="clip_by_norm: expected max_norm to be a number, got str"):
        clip_by_norm({"W": np.ones(2)}, "1")


def test_a_read_only_gradient_is_refused_by_name_and_nothing_is_scaled():
    grads = {"W": np.array([3.0]), "b": np.broadcast_to(np.array(4.0), (1,))}
    with pytest.raises(ValueError, match=r"clip_by_norm: .* got a read-only one for 'b'; copy it"):
        clip_by_norm(grads, 1.0)
    assert grads["W"] == 3.0


@pytest.mark.parametrize(
    ("value", "kind"), [(None, "NoneType"), (np.float64(1.0), "float64"), (np.ones(2, int), "int64")]
)
def test_gradients_that_cannot_be_scaled_in_place_are_refused_by_name(value, kind):
    with pytest.raises(TypeError, match=f"clip_by_norm: expected floating arrays, got {kind} for 'b'"):
        clip_by_norm({"W": np.ones(2), "b": value}, 1.0)


def test_clipping_what_is_no_dict_is_refused():
    with pytest.raises(TypeError, match="clip_by_norm: expected grads to be a dict, got tuple"):
        clip_by_norm((None, {"W": np.ones(2)}), 1.0)


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
