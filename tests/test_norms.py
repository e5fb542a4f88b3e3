"""The normalisations: values worked by hand, what equals what, what changes nothing, and small batches."""

import math

import numpy as np
import pytest

from layers import BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm
from layers.init import uniform

CENTRED = {  # all that subtract a mean, for x (N, 4, 3, 5)
    "LayerNorm": lambda **k: LayerNorm(5, **k),
    "LayerNorm of images": lambda **k: LayerNorm((4, 3, 5), **k),
    "GroupNorm": lambda **k: GroupNorm(2, 4, **k),
    "InstanceNorm": lambda **k: InstanceNorm(4, affine=True, **k),
    "InstanceNorm without affine": lambda **k: InstanceNorm(4, **k),
    "BatchNorm": lambda **k: BatchNorm(4, **k),
}
every_centred = pytest.mark.parametrize("build", CENTRED.values(), ids=CENTRED)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def array(*rows):
    return np.array(rows, dtype=float)


def double(layer, **params):
    layer.astype(np.float64)
    for name, value in params.items():
        layer.params[name][...] = value
    return layer


def shaken(layer, rng):
    return double(layer, **{name: rng.uniform(0.5, 2, p.shape) for name, p in layer.params.items()})


def standardised(v, eps):
    return (v - v.mean()) / math.sqrt(v.var() + eps)


def jacobian(v, eps, centred=True):
    """dx_hat_i/dx_j of one row by the quotient rule: x_hat_i = c_i / s."""
    n = len(v)
    c = v - v.mean() if centred else v
    s = math.sqrt((c**2).mean() + eps)
    J = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            dc = (i == j) - (1 / n if centred else 0)
            ds = c[j] / (n * s)
            J[i, j] = (dc * s - c[i] * ds) / s**2
    return J


# --- by hand


def test_layernorm_by_hand():
    # mean 3, variance 4, x_hat = -1, -1, 1, 1
    layer = double(LayerNorm(4, eps=0.0), gamma=[1, 2, 3, 4], beta=[10, 10, 10, 0])
    np.testing.assert_allclose(layer.forward(array([1, 1, 5, 5])), [[9, 8, 13, 4]])
    # g = 8, 0, 0, 0: mean(g) = 2, mean(g x_hat) = -2, dx = (g - 2 + 2 x_hat) / 2
    dx, grads = layer.backward(array([8, 0, 0, 0]))
    np.testing.assert_allclose(dx, [[2, -2, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(grads["gamma"], [-8, 0, 0, 0])
    np.testing.assert_allclose(grads["beta"], [8, 0, 0, 0])
    # an upstream of 4 on the second is scaled by its gamma to g = 0, 8, 0, 0
    np.testing.assert_allclose(layer.backward(array([0, 4, 0, 0]))[0], [[-2, 2, 0, 0]], atol=1e-15)


def test_rmsnorm_by_hand():
    # mean of squares (1 + 49 + 1 + 49) / 4 = 25, x_hat = x / 5
    layer = double(RMSNorm(4, eps=0.0), gamma=[1, 1, 10, 100])
    np.testing.assert_allclose(layer.forward(array([1, 7, -1, 7])), [[0.2, 1.4, -2, 140]])
    # g = 5, 0, 0, 0: mean(g x_hat) = 5 * 0.2 / 4 = 0.25, dx = (g - 0.25 x_hat) / 5
    dx, grads = layer.backward(array([5, 0, 0, 0]))
    np.testing.assert_allclose(dx, [[0.99, -0.07, 0.01, -0.07]])
    np.testing.assert_allclose(grads["gamma"], [1, 0, 0, 0])


def test_eps_is_added_under_the_root():
    # variance 9, 9 + 16 = 5^2; mean square 9, likewise
    np.testing.assert_allclose(double(LayerNorm(2, eps=16.0)).forward(array([2, 8])), [[-0.6, 0.6]])
    np.testing.assert_allclose(double(RMSNorm(2, eps=16.0)).forward(array([-3, 3])), [[-0.6, 0.6]])
    assert (LayerNorm(2).eps, GroupNorm(1, 2).eps, InstanceNorm(2).eps, RMSNorm(2).eps) == (
        1e-5,
        1e-5,
        1e-5,
        1e-6,
    )


def test_groupnorm_by_hand():
    # channels 0, 1 are one group (mean 3, variance 4), channels 2, 3 the other (mean 30, variance 400)
    x = array([1, 5, 50, 10])
    layer = double(GroupNorm(2, 4, eps=0.0), gamma=[1, 2, 3, 4], beta=[0, 0, 0, 10])
    np.testing.assert_allclose(layer.forward(x), [[-1, 2, 3, 6]])
    _, grads = layer.backward(array([1, 10, 100, 1000]))
    np.testing.assert_allclose(grads["gamma"], [-1, 10, 100, -1000])
    np.testing.assert_allclose(grads["beta"], [1, 10, 100, 1000])


@pytest.mark.parametrize("shape", [(3, 6), (3, 6, 5), (3, 6, 2, 5)])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groupnorm_is_a_loop_over_examples_and_groups(shape, groups, rng):
    x, upstream = rng.standard_normal((2, *shape))
    layer, size = shaken(GroupNorm(groups, 6, eps=0.1), rng), 6 // groups
    y, (dx, grads) = layer.forward(x), layer.backward(upstream)
    dgamma, dbeta = np.zeros(6), np.zeros(6)
    for n in range(3):
        for start in range(0, 6, size):
            own = n, slice(start, start + size)
            gamma, beta = (layer.params[name][own[1]].repeat(x[n, 0].size) for name in ("gamma", "beta"))
            x_hat, u = standardised(x[own].ravel(), 0.1), upstream[own].ravel()
            np.testing.assert_allclose(y[own].ravel(), gamma * x_hat + beta)
            np.testing.assert_allclose(dx[own].ravel(), (u * gamma) @ jacobian(x[own].ravel(), 0.1))
            dgamma[own[1]] += (u * x_hat).reshape(size, -1).sum(axis=1)
            dbeta[own[1]] += u.reshape(size, -1).sum(axis=1)
    np.testing.assert_allclose(grads["gamma"], dgamma)
    np.testing.assert_allclose(grads["beta"], dbeta)


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
@pytest.mark.parametrize(("features", "lead"), [(5, (4,)), (5, (4, 2)), ((2, 5), (4, 3)), ((3, 2, 5), (4,))])
def test_dx_is_the_upstream_times_the_jacobian_of_each_example(kind, features, lead, rng):
    shape = features if isinstance(features, tuple) else (features,)
    x, upstream = rng.standard_normal((2, *lead, *shape))
    layer = shaken(kind(features, eps=0.1), rng)
    layer.forward(x)
    dx, _ = layer.backward(upstream)
    for i in np.ndindex(lead):
        g = (upstream[i] * layer.params["gamma"]).ravel()
        J = jacobian(x[i].ravel(), 0.1, centred=kind is LayerNorm)
        np.testing.assert_allclose(dx[i].ravel(), g @ J, atol=1e-12)


# --- what equals what


def assert_alike(a, b, x, rng):
    """Layers of the same values and dx; their grads are returned side by side."""
    np.testing.assert_allclose(a.forward(x), b.forward(x), atol=1e-12)
    upstream = rng.standard_normal(x.shape)
    (dx, grads), (dx_b, grads_b) = a.backward(upstream), b.backward(upstream)
    np.testing.assert_allclose(dx, dx_b, atol=1e-12)
    return grads, grads_b


def test_groupnorm_of_one_group_is_layernorm_with_gamma_and_beta_shared_by_channel(rng):
    group, layer = shaken(GroupNorm(1, 4), rng), double(LayerNorm((4, 3, 5)))
    for name, array in layer.params.items():
        array[...] = group.params[name][:, None, None]
    grads, of_each = assert_alike(group, layer, rng.standard_normal((2, 4, 3, 5)), rng)
    for name in grads:
        np.testing.assert_allclose(grads[name], of_each[name].sum(axis=(1, 2)))


def test_instancenorm_is_groupnorm_of_one_channel_a_group(rng):
    instance, group = (shaken(layer, np.random.default_rng(0)) for layer in
                       (InstanceNorm(4, affine=True), GroupNorm(4, 4)))  # fmt: skip
    grads, of_groups = assert_alike(instance, group, rng.standard_normal((2, 4, 3, 5)), rng)
    for name in grads:
        np.testing.assert_array_equal(grads[name], of_groups[name])


def test_instancenorm_of_one_example_is_batchnorm_in_training(rng):
    instance, batch = (shaken(layer, np.random.default_rng(0)) for layer in
                       (InstanceNorm(4, affine=True), BatchNorm(4)))  # fmt: skip
    grads, of_batch = assert_alike(instance, batch, rng.standard_normal((1, 4, 3, 5)), rng)
    for name in grads:
        np.testing.assert_allclose(grads[name], of_batch[name])


def test_without_affine_there_are_no_params(rng):
    for plain, affine in (
        (InstanceNorm(4), InstanceNorm(4, affine=True)),
        (GroupNorm(2, 4, affine=False), GroupNorm(2, 4)),
    ):
        grads, _ = assert_alike(double(plain), double(affine), rng.standard_normal((2, 4, 3, 5)), rng)
        assert plain.params == grads == {}


def test_rmsnorm_of_centred_rows_is_layernorm(rng):
    x = rng.standard_normal((4, 7))
    x -= x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(double(RMSNorm(7, eps=1e-5)).forward(x), double(LayerNorm(7)).forward(x))


@pytest.mark.parametrize("kind", [LayerNorm, RMSNorm])
def test_leading_axes_are_all_batch(kind, rng):
    x = rng.standard_normal((4, 2, 3, 5))
    flat, deep = (shaken(kind(5), np.random.default_rng(0)) for _ in "ab")
    np.testing.assert_array_equal(deep.forward(x), flat.forward(x.reshape(-1, 5)).reshape(x.shape))
    upstream = rng.standard_normal(x.shape)
    (dx, grads), (flat_dx, flat_grads) = deep.backward(upstream), flat.backward(upstream.reshape(-1, 5))
    np.testing.assert_array_equal(dx, flat_dx.reshape(x.shape))
    for name in grads:
        np.testing.assert_array_equal(grads[name], flat_grads[name])


@pytest.mark.parametrize("layer", [LayerNorm(5), GroupNorm(2, 4), InstanceNorm(4), RMSNorm(5)], ids=repr)
def test_training_and_evaluation_are_the_same(layer, rng):
    x = rng.standard_normal((2, 4, 3, 5))
    np.testing.assert_array_equal(layer.train().forward(x), layer.eval().forward(x))
    assert layer.buffers == {}


# --- what changes nothing


@every_centred
def test_a_shift_and_a_scale_of_x_change_nothing(build, rng):
    x, layer = rng.standard_normal((2, 4, 3, 5)), shaken(build(eps=0.0), rng)
    y = layer.forward(x)
    np.testing.assert_allclose(layer.forward(3 * x - 7), y, rtol=1e-12, atol=1e-12)
    layer.forward(x)
    dx, _ = layer.backward(rng.standard_normal(x.shape))
    # so y has no slope along a common shift, nor along x itself
    assert abs(dx.sum()) < 1e-11
    assert abs((dx * x).sum()) < 1e-11


def test_a_scale_of_x_changes_nothing_to_rmsnorm_but_a_shift_does(rng):
    x, layer = rng.standard_normal((4, 5)), shaken(RMSNorm(5, eps=0.0), rng)
    y = layer.forward(x)
    dx, _ = layer.backward(rng.standard_normal(x.shape))
    np.testing.assert_allclose(layer.forward(3 * x), y)
    np.testing.assert_allclose((dx * x).sum(axis=1), 0, atol=1e-12)
    assert np.abs(layer.forward(x + 1) - y).max() > 0.1


@every_centred
@pytest.mark.parametrize(("dtype", "precision"), [(np.float64, 1e-11), (np.float32, 1e-5)])
def test_a_mean_of_a_million_costs_no_precision(build, dtype, precision, rng):
    # multiples of 1/16 near 2^20 are exact in float32, so x and its shift are the same to any layer
    x = (rng.integers(-50, 50, (6, 4, 3, 5)) / 16).astype(dtype)
    upstream = rng.standard_normal(x.shape).astype(dtype)
    near, far = build(dtype=dtype), build(dtype=dtype)
    np.testing.assert_allclose(far.forward(x + dtype(1e6)), near.forward(x), rtol=0, atol=precision)
    (dx, grads), (near_dx, near_grads) = far.backward(upstream), near.backward(upstream)
    np.testing.assert_allclose(dx, near_dx, rtol=0, atol=precision)
    for name in grads:
        np.testing.assert_allclose(grads[name], near_grads[name], rtol=precision, atol=10 * precision)


@pytest.mark.parametrize("build", [BatchNorm, InstanceNorm])
def test_images_with_the_channels_last_in_memory_cost_no_precision(build, rng):
    x = rng.random((1, 512, 512, 3), dtype=np.float32).transpose(0, 3, 1, 2)
    upstream = rng.standard_normal(x.shape, dtype=np.float32)
    single, exact = build(3), double(build(3))
    single.forward(x)
    exact.forward(x.astype(np.float64))
    np.testing.assert_allclose(single.backward(upstream)[0], exact.backward(upstream)[0], atol=2e-5)


def test_batchnorm_remembers_a_mean_of_a_million_to_the_last_digit():
    x = np.full((20_000, 2), 1e6, np.float32)  # in float32 their sum is off by several units a value
    x[::2] += 3
    layer = BatchNorm(2, momentum=1.0)
    layer.forward(x)
    np.testing.assert_allclose(layer.buffers["running_mean"], 1e6 + 1.5, rtol=0, atol=1 / 16)
    np.testing.assert_allclose(layer.buffers["running_var"], 2.25, rtol=1e-3)


@every_centred
@pytest.mark.parametrize("value", [0, 3.3, 1e6 + 0.3, -1e-20])
def test_a_constant_gives_beta_and_a_finite_gradient(build, value):
    layer = build()
    if layer.params:
        layer.params["beta"] += 7
    x = np.full((7, 4, 3, 5), value, np.float32)
    np.testing.assert_allclose(layer.forward(x), 7 if layer.params else 0, atol=1e-5)
    assert np.isfinite(layer.backward(x / max(value, 1))[0]).all()


def test_zeros_give_zeros_to_rmsnorm():
    layer = RMSNorm(3)
    assert not layer.forward(np.zeros((2, 3), np.float32)).any()
    assert np.isfinite(layer.backward(np.ones((2, 3), np.float32))[0]).all()


def test_one_value_a_row_gives_beta_and_no_gradient(rng):
    for layer, x in (
        (LayerNorm(1), rng.standard_normal((4, 1))),
        (GroupNorm(3, 3), rng.standard_normal((4, 3))),
    ):
        double(layer, beta=7)
        np.testing.assert_array_equal(layer.forward(x), 7)
        np.testing.assert_array_equal(layer.backward(np.ones_like(x))[0], 0)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (LayerNorm(3), (0, 3)),
        (RMSNorm(3), (0, 2, 3)),
        (GroupNorm(2, 4), (0, 4, 3)),
        (InstanceNorm(4), (0, 4, 3)),
    ],
    ids=repr,
)
def test_an_empty_batch_passes_through(layer, shape):
    x = np.ones(shape, np.float32)
    assert layer.forward(x).shape == shape
    dx, grads = layer.backward(x)
    assert dx.shape == shape
    assert not any(grad.any() for grad in grads.values())


def test_integers_are_normalised_without_overflow():
    x = np.array([[100, 0, -100, 0]], np.int8)
    expected = np.array([[math.sqrt(2), 0, -math.sqrt(2), 0]])
    for layer in (LayerNorm(4), RMSNorm(4), GroupNorm(1, 4)):
        np.testing.assert_allclose(layer.forward(x), expected, rtol=1e-5)


def test_gamma_starts_from_init_and_beta_at_zero():
    for build in (LayerNorm, RMSNorm, lambda channels, **k: GroupNorm(1, channels, **k)):
        layer = build(6, init="uniform", rng=5, dtype=np.float64)
        np.testing.assert_array_equal(layer.params["gamma"], uniform((6,), np.random.default_rng(5)))
        assert not layer.params.get("beta", np.zeros(1)).any()
        assert build(6).params["gamma"].dtype == np.float32
        assert (build(6).params["gamma"] == 1).all()


# --- batches too small, and what is remembered


@pytest.mark.parametrize("layer", [LayerNorm(2, eps=0.0), GroupNorm(1, 2, eps=0.0), RMSNorm(2, eps=0.0)])
def test_nothing_to_divide_by_is_refused_and_gives_no_nan(layer):
    with pytest.raises(
        ValueError, match=r"Norm\(.*expected something to divide by, got .* 0 and eps=0.0; use"
    ):
        layer.forward(array([1, 2], [0, 0]))


def test_a_batch_that_is_refused_is_not_remembered():
    layer = BatchNorm(2, eps=0.0)
    with pytest.raises(ValueError, match=r"BatchNorm\(2\): expected something to divide by"):
        layer.forward(array([1, 5], [2, 5]))
    np.testing.assert_array_equal(layer.buffers["running_mean"], [0, 0])
    np.testing.assert_array_equal(layer.buffers["running_var"], [1, 1])


@pytest.mark.parametrize("momentum", [0, 1])
def test_batchnorm_may_remember_nothing_or_the_latest_batch_alone(momentum):
    layer = BatchNorm(1, momentum=momentum)
    for x in (array([7], [8]), array([1], [5])):
        layer.forward(x)
    np.testing.assert_array_equal(layer.buffers["running_mean"], [[0], [3]][momentum])
    np.testing.assert_array_equal(layer.buffers["running_var"], [[1], [8]][momentum])
