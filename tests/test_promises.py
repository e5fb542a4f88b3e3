"""The promises that every layer and every loss keeps: each test runs over the whole table in cases.py."""

import copy
import pickle

import numpy as np
import pytest
from cases import LAYERS, LOSSES

import layers
import losses
from gradcheck import check_layer, check_loss

every_layer = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
every_loss = pytest.mark.parametrize(
    ("build", "shape", "draw"), [row[1:] for row in LOSSES], ids=[row[0] for row in LOSSES]
)
every_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
both_modes = pytest.mark.parametrize("mode", ["train", "eval"])


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def each(value):
    """The arrays of one value: itself, or the members of a tuple."""
    return value if isinstance(value, tuple) else (value,)


def apply(f, *values):
    """f over arrays, or over tuples of them member by member."""
    if isinstance(values[0], tuple):
        return tuple(f(*members) for members in zip(*values, strict=True))
    return f(*values)


def real(x):
    """Whether an input is of real numbers: ids and masks have no gradient."""
    return x.dtype.kind == "f"


def adjoint(y, rng):
    """A random upstream for y."""
    return apply(lambda part: rng.standard_normal(part.shape).astype(part.dtype), y)


def same(a, b):
    assert len(each(a)) == len(each(b))
    for p, q in zip(each(a), each(b), strict=True):
        np.testing.assert_array_equal(p, q, strict=True)


def close(a, b, rtol=1e-12):
    for p, q in zip(each(a), each(b), strict=True):
        np.testing.assert_allclose(p, q, rtol=rtol, atol=rtol)


def double(case, mode="train"):
    return getattr(case.build().astype(np.float64), mode)()


def pulled(layer, upstream):
    """dx and grads side by side in one tuple."""
    dx, grads = layer.backward(upstream)
    return (*(part for part in each(dx) if part is not None), *grads.values())


def test_every_export_has_a_row():
    def walk(layer):
        yield type(layer)
        for child in getattr(layer, "children", {}).values():
            yield from walk(child)

    contract = {layers.Layer, layers.Container}
    exported = {getattr(layers, name) for name in layers.__all__} - contract
    assert exported - {kind for case in LAYERS for kind in walk(case.build())} == set()
    exports = {getattr(losses, name) for name in losses.__all__} - {losses.Loss}
    functions = {export for export in exports if isinstance(export, type)}  # decoders are not losses
    assert functions - {type(row[1](reduction="mean")) for row in LOSSES} == set()


# --- layers


@both_modes
@every_layer
def test_gradients_are_those_that_differences_measure(case, mode, rng):
    report = check_layer(double(case, mode), case.x(rng), level="full" if mode == "train" else "quick")
    assert report.passed, str(report)
    assert not report.findings, str(report)


@both_modes
@every_layer
def test_gradients_are_those_of_the_complex_step(case, mode, rng):
    layer, x = double(case, mode), case.x(rng)
    replay = copy.deepcopy(layer)
    upstream = adjoint(layer.forward(x), rng)
    dx, grads = layer.backward(upstream)
    direction = apply(lambda part: rng.standard_normal(part.shape) if real(part) else None, x)
    steps = {name: rng.standard_normal(array.shape) for name, array in layer.params.items()}

    def derivative(turn_x, turn_params):
        stepped = copy.deepcopy(replay)
        for holder in [stepped, *descendants(stepped)]:
            if not isinstance(holder, layers.Container):
                holder.params.update({name: array + 0j for name, array in holder.params.items()})
        for name, array in stepped.params.items():
            array += turn_params * 1e-30j * steps[name]
        y = stepped.forward(
            apply(lambda part, d: part if d is None else part + turn_x * 1e-30j * d, x, direction)
        )
        return sum((u * part.imag / 1e-30).sum() for u, part in zip(each(upstream), each(y), strict=True))

    along_x = sum((p * d).sum() for p, d in zip(each(dx), each(direction), strict=True) if d is not None)
    np.testing.assert_allclose(along_x, derivative(1, 0), rtol=1e-11, atol=1e-13)
    along_params = sum((grads[name] * steps[name]).sum() for name in steps)
    np.testing.assert_allclose(along_params, derivative(0, 1), rtol=1e-11, atol=1e-13)


def descendants(layer):
    for child in getattr(layer, "children", {}).values():
        yield child
        yield from descendants(child)


@every_layer
def test_dx_is_shaped_like_x_and_grads_like_params(case, rng):
    layer, x = double(case), case.x(rng)
    dx, grads = layer.backward(adjoint(layer.forward(x), rng))
    assert isinstance(dx, tuple) == isinstance(x, tuple)
    shapes = [part.shape if real(part) else None for part in each(x)]
    assert [None if part is None else part.shape for part in each(dx)] == shapes
    assert list(grads) == list(layer.params)
    assert [g.shape for g in grads.values()] == [p.shape for p in layer.params.values()]


@both_modes
@every_layer
def test_arguments_and_params_are_never_written(case, mode, rng):
    layer, x = double(case, mode), case.x(rng)
    params = {name: array.copy() for name, array in layer.params.items()}
    before = copy.deepcopy(x)
    upstream = adjoint(layer.forward(x), rng)
    kept = copy.deepcopy(upstream)
    for array in (*each(x), *each(upstream), *layer.params.values()):
        array.flags.writeable = False
    layer.forward(x)
    layer.backward(upstream)
    same(x, before)
    same(upstream, kept)
    assert all(np.array_equal(params[name], array) for name, array in layer.params.items())


@every_layer
def test_backward_twice_gives_the_same_twice(case, rng):
    layer, x = double(case), case.x(rng)
    upstream = adjoint(layer.forward(x), rng)
    same(pulled(layer, upstream), pulled(layer, upstream))


@every_layer
def test_backward_is_linear_in_upstream(case, rng):
    layer, x = double(case), case.x(rng)
    y = layer.forward(x)
    u, v = adjoint(y, rng), adjoint(y, rng)
    combined = pulled(layer, apply(lambda p, q: 2 * p - 3 * q, u, v))
    close(combined, tuple(2 * p - 3 * q for p, q in zip(pulled(layer, u), pulled(layer, v), strict=True)))
    assert all(not part.any() for part in pulled(layer, apply(np.zeros_like, y)))


@every_layer
def test_backward_speaks_of_the_latest_forward(case, rng):
    layer, x1, x2 = double(case, "eval"), case.x(rng), case.x(rng)
    upstream = adjoint(layer.forward(x2), rng)
    expected = pulled(layer, upstream)
    layer.forward(x1)
    layer.forward(x2)
    same(pulled(layer, upstream), expected)


@both_modes
@every_layer
def test_float32_stays_float32(case, mode, rng):
    layer, x = getattr(case.build(), mode)(), case.x(rng, dtype=np.float32)
    y = layer.forward(x)
    assert {part.dtype for part in each(y)} == {np.dtype(np.float32)}
    assert {part.dtype for part in pulled(layer, adjoint(y, rng))} == {np.dtype(np.float32)}
    assert {array.dtype for array in layer.buffers.values()} <= {np.dtype(np.float32)}


@every_layer
def test_float32_and_float64_agree(case, rng):
    x = case.x(rng, dtype=np.float32)
    single, exact = case.build(), double(case)
    y = single.forward(x)
    close(y, exact.forward(apply(lambda part: np.float64(part) if real(part) else part, x)), 1e-4)
    upstream = adjoint(y, rng)
    close(pulled(single, upstream), pulled(exact, apply(np.float64, upstream)), 1e-4)


@every_layer
def test_gradients_have_their_parameters_dtype(case, rng):
    layer, x = case.build(), case.x(rng, dtype=np.float64)
    _, grads = layer.backward(adjoint(layer.forward(x), rng))
    assert {g.dtype for g in grads.values()} <= {np.dtype(np.float32)}


@every_layer
def test_a_batch_of_one_is_a_batch(case, rng):
    layer, x = double(case), case.x(rng, case.batch_of_one())
    report = check_layer(layer, x, level="quick")
    assert report.passed, str(report)


@every_layer
def test_rows_do_not_depend_on_each_other_in_evaluation(case, rng):
    layer, x = double(case, "eval"), case.x(rng)
    y = layer.forward(x)
    close(layer.forward(apply(lambda part: part[:1], x)), apply(lambda part: part[:1], y))


@every_layer
def test_memory_layout_does_not_matter(case, rng):
    x = case.x(rng)
    layer = double(case)
    fresh = copy.deepcopy(layer)
    y = fresh.forward(x)
    upstream = adjoint(y, rng)
    expected = pulled(fresh, upstream)
    for relaid in (strided, np.asfortranarray, reversed_twice, channels_last):
        fresh = copy.deepcopy(layer)
        close(fresh.forward(apply(relaid, x)), y)
        close(pulled(fresh, apply(relaid, upstream)), expected)


def strided(x):
    """x as every other entry of a larger array."""
    wide = np.empty([2 * n for n in x.shape], x.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def channels_last(x):
    """x (N, C, ...) with its channels next to each other in memory."""
    return np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1) if x.ndim > 1 else x


def reversed_twice(x):
    """x with a negative stride."""
    return x[::-1].copy()[::-1]


@every_layer
def test_backward_before_forward_says_so(case, rng):
    layer = double(case)
    upstream = adjoint(copy.deepcopy(layer).forward(case.x(rng)), rng)
    with pytest.raises(RuntimeError, match="backward called before forward"):
        layer.backward(upstream)


@every_layer
def test_an_upstream_of_another_shape_is_refused(case, rng):
    layer = double(case)
    y = layer.forward(case.x(rng))
    for grow in (
        lambda shape: (*shape, 1),
        lambda shape: (shape[0] + 1, *shape[1:]),
        lambda shape: (1, *shape),
    ):
        with pytest.raises(ValueError, match=r"expected upstream.* of shape .*, got \("):
            layer.backward(apply(lambda part, grow=grow: np.ones(grow(part.shape)), y))


@every_layer
def test_an_upstream_that_is_no_array_is_refused(case, rng):
    layer = double(case)
    layer.forward(case.x(rng))
    with pytest.raises(TypeError, match=r"expected upstream.* to be .*, got NoneType"):
        layer.backward(None)


@every_layer
@pytest.mark.parametrize(
    "twice", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))], ids=["copy", "pickle"]
)
def test_pickles_and_deep_copies_carry_on(case, twice, rng):
    layer, x = double(case), case.x(rng)
    upstream = adjoint(layer.forward(x), rng)
    twin = twice(layer)
    same(pulled(twin, upstream), pulled(layer, upstream))
    same(twin.forward(x), layer.forward(x))
    assert not any(array is layer.params[name] for name, array in twin.params.items())
    for name, child in getattr(twin, "children", {}).items():
        assert all(twin.params[f"{name}.{key}"] is array for key, array in child.params.items())


@every_layer
def test_state_restores_a_layer(case, rng):
    layer, x = double(case), case.x(rng)
    layer.forward(x)
    state = layer.eval().state()
    y = layer.forward(x)
    for array in (*layer.params.values(), *layer.buffers.values()):
        array += 1
    layer.load_state(state)
    same(layer.forward(x), y)


@every_layer
def test_train_and_eval_reach_every_layer_inside(case):
    layer = case.build()
    everyone = [layer, *descendants(layer)]
    assert layer.eval() is layer
    assert not any(member.training for member in everyone)
    assert layer.train() is layer
    assert all(member.training for member in everyone)


@every_layer
def test_evaluation_changes_nothing(case, rng):
    layer, x = double(case, "eval"), case.x(rng)
    state = layer.state()
    same(layer.forward(x), layer.forward(x))
    assert all(np.array_equal(state[name], array) for name, array in layer.state().items())


@every_layer
def test_repr_names_the_class_and_errors_do_on_one_line(case):
    layer = case.build()
    assert type(layer).__name__ in repr(layer)
    assert type(layer).__name__ in layer.label
    assert "\n" not in layer.label


# --- losses


@every_reduction
@every_loss
def test_a_loss_has_the_gradient_that_differences_measure(build, shape, draw, reduction, rng):
    report = check_loss(build(reduction=reduction), rng.standard_normal(shape), draw(rng))
    assert report.passed, str(report)
    assert not report.findings, str(report)


@every_reduction
@every_loss
def test_a_loss_has_the_gradient_of_the_complex_step(build, shape, draw, reduction, rng):
    loss, prediction, target = build(reduction=reduction), rng.standard_normal(shape), draw(rng)
    value = np.asarray(loss.forward(prediction, target))
    upstream = rng.standard_normal(value.shape)
    dprediction = loss.backward(upstream if value.shape else float(upstream))
    direction = rng.standard_normal(shape)
    stepped = np.asarray(loss.forward(prediction + 1e-30j * direction, target))
    np.testing.assert_allclose(
        (dprediction * direction).sum(), (upstream * stepped.imag / 1e-30).sum(), rtol=1e-12, atol=1e-14
    )


@every_reduction
@every_loss
def test_a_loss_keeps_float32_and_its_prediction_shape(build, shape, draw, reduction, rng):
    loss, prediction = build(reduction=reduction), rng.standard_normal(shape).astype(np.float32)
    value = loss.forward(prediction, draw(rng))
    assert isinstance(value, float) if reduction != "none" else value.dtype == np.float32
    dprediction = loss.backward(1.0 if reduction != "none" else np.ones_like(value))
    assert dprediction.dtype == np.float32
    assert dprediction.shape == shape


@every_loss
def test_a_loss_never_writes_to_its_arguments(build, shape, draw, rng):
    loss, prediction, target = build(reduction="none"), rng.standard_normal(shape), draw(rng)
    before = prediction.copy(), target.copy()
    prediction.flags.writeable = target.flags.writeable = False
    upstream = rng.standard_normal(loss.forward(prediction, target).shape)
    upstream.flags.writeable = False
    loss.backward(upstream)
    same((prediction, target), before)


@every_reduction
@every_loss
def test_a_loss_backward_is_repeatable_and_linear(build, shape, draw, reduction, rng):
    loss = build(reduction=reduction)
    value = np.asarray(loss.forward(rng.standard_normal(shape), draw(rng)))
    u, v = (rng.standard_normal(value.shape) if value.shape else float(rng.standard_normal()) for _ in "uv")
    same(loss.backward(u), loss.backward(u))
    close(loss.backward(2 * u - 3 * v), 2 * loss.backward(u) - 3 * loss.backward(v))


@every_loss
def test_reductions_agree(build, shape, draw, rng):
    prediction, target = rng.standard_normal(shape), draw(rng)
    entries = build(reduction="none").forward(prediction, target)
    np.testing.assert_allclose(build(reduction="sum").forward(prediction, target), entries.sum(), rtol=1e-12)


@every_loss
def test_a_loss_takes_any_memory_layout(build, shape, draw, rng):
    loss, prediction, target = build(reduction="mean"), rng.standard_normal(shape), draw(rng)
    value, dprediction = loss.forward(prediction, target), loss.backward()
    for relaid in (strided, np.asfortranarray, reversed_twice):
        close(loss.forward(relaid(prediction), relaid(target)), value)
        close(loss.backward(), dprediction)


@every_loss
def test_a_loss_takes_a_batch_of_one(build, shape, draw, rng):
    prediction, target = rng.standard_normal(shape)[:1], draw(rng)[:1]
    report = check_loss(build(reduction="mean"), prediction, target)
    assert report.passed, str(report)


@every_loss
def test_a_loss_says_backward_came_before_forward(build, shape, draw):
    with pytest.raises(RuntimeError, match="backward called before forward"):
        build(reduction="mean").backward()


@every_loss
def test_a_loss_refuses_an_upstream_of_another_shape(build, shape, draw, rng):
    loss = build(reduction="none")
    value = loss.forward(rng.standard_normal(shape), draw(rng))
    with pytest.raises(ValueError, match=r"expected upstream .*, got"):
        loss.backward(np.ones((*value.shape, 1)))
    loss = build(reduction="mean")
    loss.forward(rng.standard_normal(shape), draw(rng))
    with pytest.raises(ValueError, match=r"expected upstream .*, got"):
        loss.backward(np.ones(3))


@every_loss
def test_a_loss_refuses_another_shape_and_non_finite_values(build, shape, draw, rng):
    loss, prediction, target = build(reduction="mean"), rng.standard_normal(shape), draw(rng)
    with pytest.raises(ValueError, match=rf"{type(loss).__name__}.*: expected"):
        loss.forward(prediction[:-1], target)
    for bad in (np.nan, np.inf, -np.inf):
        prediction[1, 0] = bad
        with pytest.raises(ValueError, match=rf"{type(loss).__name__}.*expected .*finite.*got -?(nan|inf)"):
            loss.forward(prediction, target)


@every_loss
@pytest.mark.parametrize(
    "twice", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))], ids=["copy", "pickle"]
)
def test_a_loss_can_be_copied_and_pickled(build, shape, draw, twice, rng):
    loss = build(reduction="mean")
    loss.forward(rng.standard_normal(shape), draw(rng))
    same(twice(loss).backward(), loss.backward())
