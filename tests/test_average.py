"""Averages of the weights: their values, when they stand in the parameters, their state, what is refused."""

import io
import math

import numpy as np
import pytest

from layers.affine import Affine
from layers.sequential import Sequential
from optim import EMA, SGD


def params(dtype=np.float64):
    return {
        "0.W": np.arange(6.0, dtype=dtype).reshape(3, 2),
        "0.b": np.ones(3, dtype),
        "s": np.array(2.0, dtype),
    }


def copies(named):
    return {name: array.copy() for name, array in named.items()}


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name, strict=True)


def drift(ema, steps, start=0):
    """Change the parameters at random, and update after each change."""
    for i in range(start, start + steps):
        rng = np.random.default_rng(i)
        for p in ema.params.values():
            p += rng.standard_normal(p.shape)
        ema.update()


# Values


def test_the_first_two_averages_are_those_worked_by_hand():
    own = {"p": np.array([8.0])}
    ema = EMA(own, decay=0.75)
    own["p"][...] = 4.0
    ema.update()
    assert ema.average["p"] == 7.0  # 3/4 (8) + 1/4 (4)
    own["p"][...] = 1.0
    ema.update()
    assert ema.average["p"] == 5.5  # 3/4 (7) + 1/4 (1)


def test_the_average_is_the_sum_of_all_weights_with_falling_powers_of_decay():
    own, decay, seen = params(), 0.8, []
    ema = EMA(own, decay)
    seen.append(copies(own))
    for i in range(7):
        own["0.W"] += np.random.default_rng(i).standard_normal((3, 2))
        seen.append(copies(own))
        ema.update()
    weights = [decay**7] + [(1 - decay) * decay ** (7 - t) for t in range(1, 8)]
    assert math.fsum(weights) == pytest.approx(1)
    expected = sum(weight * then["0.W"] for weight, then in zip(weights, seen, strict=True))
    np.testing.assert_allclose(ema.average["0.W"], expected, rtol=1e-13)


def test_weights_that_stand_still_are_their_own_average_exactly():
    own = {"p": np.array([0.1, 1 / 3, 1e-30], np.float32)}
    ema = EMA(own, decay=0.9)
    for _ in range(50):
        ema.update()
    np.testing.assert_array_equal(ema.average["p"], own["p"], strict=True)


def test_decay_0_follows_the_weights():
    ema = EMA(params(), decay=0.0)
    drift(ema, 2)
    for name, p in ema.params.items():
        np.testing.assert_allclose(ema.average[name], p, rtol=1e-14)


def test_with_warmup_the_decay_rises_from_2_in_11_to_what_was_asked():
    own = {"p": np.array([11.0])}
    ema = EMA(own, decay=0.24, warmup=True)
    own["p"][...] = 0.0
    ema.update()
    assert ema.average["p"].item() == pytest.approx(11 * 2 / 11)
    ema.update()  # 3/12 is more than 0.24
    assert ema.average["p"].item() == pytest.approx(2 * 0.24)


def test_update_leaves_the_parameters_alone():
    ema = EMA(params())
    before, objects = copies(ema.params), dict(ema.params)
    ema.update()
    assert_same(ema.params, before)
    assert all(ema.params[name] is objects[name] for name in objects)


def test_float32_weights_have_float32_averages():
    ema = EMA(params(np.float32), decay=np.float64(0.9), warmup=True)
    drift(ema, 2)
    assert {array.dtype for array in ema.average.values()} == {np.dtype(np.float32)}
    assert type(ema.decay) is float


def test_averages_of_noisy_steps_are_nearer_to_the_minimum_than_the_weights():
    rng = np.random.default_rng(0)
    own = {"x": np.zeros(200)}
    optimizer, ema = SGD(own, lr=0.3), EMA(own, decay=0.98)
    for _ in range(500):
        optimizer.step({"x": own["x"] - 1 + rng.standard_normal(200)})
        ema.update()
    assert np.square(ema.average["x"] - 1).mean() < 0.2 * np.square(own["x"] - 1).mean()


# applied


def test_the_averages_are_in_the_parameters_inside_and_the_trained_weights_after():
    ema = EMA(params(), decay=0.5)
    drift(ema, 3)
    trained, objects = copies(ema.params), dict(ema.params)
    with ema.applied():
        assert_same(ema.params, ema.average)
        assert not np.array_equal(ema.params["0.W"], trained["0.W"])
        assert all(ema.params[name] is objects[name] for name in objects)
    assert_same(ema.params, trained)
    assert all(ema.params[name] is objects[name] for name in objects)


def test_the_trained_weights_come_back_after_an_exception_and_applied_works_again():
    ema = EMA(params(), decay=0.5)
    drift(ema, 3)
    trained = copies(ema.params)
    with pytest.raises(KeyError), ema.applied():
        raise KeyError("a metric of one's own")
    assert_same(ema.params, trained)
    with ema.applied():
        assert_same(ema.params, ema.average)
    ema.update()


def test_a_change_inside_is_lost_and_the_averages_do_not_see_it():
    ema = EMA(params(), decay=0.5)
    drift(ema, 2)
    trained, average = copies(ema.params), copies(ema.average)
    with ema.applied():
        ema.params["0.W"] += 1
    assert_same(ema.params, trained)
    assert_same(ema.average, average)


def test_a_model_puts_out_what_a_model_with_the_averages_does():
    model, twin = (Sequential(Affine(3, 4, rng=0), Affine(4, 2, rng=1)) for _ in range(2))
    ema = EMA(model.params, decay=0.5)
    drift(ema, 3)
    x = np.random.default_rng(9).standard_normal((5, 3)).astype(np.float32)
    trained = model.forward(x)
    twin.load_state(ema.average)
    with ema.applied():
        np.testing.assert_array_equal(model.forward(x), twin.forward(x))
    np.testing.assert_array_equal(model.forward(x), trained)


def test_the_averages_follow_model_astype():
    model = Sequential(Affine(3, 2, rng=0))
    ema = EMA(model.params, decay=0.5)
    drift(ema, 1)
    before = copies(ema.average)
    model.astype(np.float64)
    state = ema.state()
    assert {array.dtype for name, array in state.items() if name != "steps"} == {np.dtype(np.float64)}
    for name in before:
        np.testing.assert_array_equal(state[f"average.{name}"], before[name])
    with ema.applied():
        np.testing.assert_array_equal(model.layers[0].params["W"], before["0.W"])
    drift(ema, 1)
    assert ema.average["0.W"].dtype == np.float64


def test_applied_inside_applied_is_refused_and_the_outer_one_still_ends_well():
    ema = EMA(params(), decay=0.5)
    drift(ema, 2)
    trained = copies(ema.params)
    with (
        pytest.raises(
            RuntimeError, match=r"EMA: expected applied outside of applied\(\), got it inside; leave"
        ),
        ema.applied(),
        ema.applied(),
    ):
        pass
    assert_same(ema.params, trained)


def test_update_inside_applied_is_refused():
    ema = EMA(params(), decay=0.5)
    with ema.applied(), pytest.raises(RuntimeError, match=r"EMA: expected update outside of applied\(\)"):
        ema.update()
    assert ema.steps == 0


# State


@pytest.mark.parametrize("warmup", [False, True])
def test_averages_go_on_from_a_saved_state_bit_for_bit(warmup):
    through = EMA(params(np.float32), decay=0.9, warmup=warmup)
    drift(through, 9)

    first = EMA(params(np.float32), decay=0.9, warmup=warmup)
    drift(first, 4)
    file = io.BytesIO()
    np.savez(file, **first.state())
    file.seek(0)
    second = EMA(copies(first.params), decay=0.9, warmup=warmup)
    with np.load(file) as state:
        second.load_state(state)
    assert second.steps == 4
    drift(second, 5, start=4)
    assert_same(second.state(), through.state())


def test_state_is_flat_and_a_copy_both_ways():
    ema = EMA(params(), decay=0.5)
    drift(ema, 2)
    state = ema.state()
    assert list(state) == ["steps", "average.0.W", "average.0.b", "average.s"]
    before = copies(state)
    drift(ema, 2)
    assert_same(state, before)
    ema.load_state(state)
    drift(ema, 2)
    assert_same(state, before)


def not_loaded(change, match, error=ValueError):
    ema = EMA(params(), decay=0.5)
    drift(ema, 2)
    before = ema.state()
    other = EMA(params(), decay=0.5)
    drift(other, 3, start=7)
    with pytest.raises(error, match=match):
        ema.load_state(change(other.state()))
    assert_same(ema.state(), before)


def test_missing_extra_and_mis_shaped_averages_are_listed_separately_and_nothing_is_loaded():
    def change(state):
        del state["average.0.W"]
        return {**state, "m.0.W": np.ones(2), "average.0.b": np.ones(4)}

    not_loaded(
        change,
        r"EMA: expected a state of the same names and shapes, got missing: average\.0\.W; extra: m\.0\.W; "
        r"mis-shaped: average\.0\.b \(expected \(3,\), got \(4,\)\); make it for",
    )


def test_a_state_without_numbers_or_steps_is_refused():
    not_loaded(
        lambda state: {**state, "average.0.b": np.array(["a", "b", "c"])},
        r"EMA: .* no real numbers: average\.0\.b",
    )
    not_loaded(
        lambda state: {**state, "steps": np.array(-1)}, "EMA: expected steps to be a whole number >= 0"
    )
    not_loaded(list, r"EMA: expected state to be a dict, got list; pass what state\(\) returned", TypeError)


# What is refused


@pytest.mark.parametrize("decay", [1.0, -0.1, 1.5, math.nan, math.inf])
def test_a_decay_outside_0_and_1_is_refused(decay):
    with pytest.raises(
        ValueError, match=rf"^EMA: expected decay to be a .*number >= 0 and < 1, got {decay:g}$"
    ):
        EMA(params(), decay=decay)


def test_a_decay_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="EMA: expected decay to be a number, got str"):
        EMA(params(), decay="0.9")


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (
            Affine(3, 2, rng=0),
            TypeError,
            r"EMA: expected params to be a dict, got Affine; pass model\.params",
        ),
        ({}, ValueError, "EMA: expected at least one parameter, got none"),
        (
            {"W": np.ones(2, int)},
            TypeError,
            "EMA: expected parameters to be floating arrays, got int64 for 'W'",
        ),
        (
            {"W": np.broadcast_to(np.ones(1), 2)},
            ValueError,
            "EMA: expected a writable array, got a read-only",
        ),
    ],
    ids=["layer", "none", "integers", "read-only"],
)
def test_params_that_no_optimizer_would_take_are_refused(value, error, match):
    with pytest.raises(error, match=match):
        EMA(value)


def test_parameters_that_were_added_or_reshaped_since_are_refused():
    ema = EMA(params())
    ema.params["0.b"] = np.ones((3, 1))
    with pytest.raises(
        ValueError, match=r"EMA: expected the parameters it was made with, got other .*; make a new EMA"
    ):
        ema.update()
    with pytest.raises(ValueError, match="EMA: expected the parameters it was made with"), ema.applied():
        pass
    assert ema.steps == 0


def test_repr_shows_both_arguments():
    assert repr(EMA(params())) == "EMA(decay=0.999, warmup=False)"
