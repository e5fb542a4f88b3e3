"""Promises that every update rule keeps."""

import io
from typing import ClassVar

import numpy as np
import pytest
from update_rules import Line, arrays, assert_same, copies, every_rule, train

from layers.sequential import Sequential
from optim import Adadelta, Adagrad, Adamax, RAdam
from optim.schedules import Constant, Cosine, Step, Warmup


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
