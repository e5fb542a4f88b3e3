"""Values worked by hand, and what each layer refuses."""

import math

import numpy as np
import pytest

from layers import (
    ELU,
    GELU,
    SELU,
    Add,
    Affine,
    BatchNorm,
    Concat,
    Copy,
    Dropout,
    Elementwise,
    Flatten,
    Identity,
    LeakyReLU,
    LogSoftmax,
    Max,
    Mul,
    PReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from layers.gelu import normal


def array(*rows):
    return np.array(rows, dtype=float)


def affine(W, b=None):
    layer = Affine(len(W[0]), len(W), bias=b is not None).astype(np.float64)
    layer.params["W"][...] = W
    if b is not None:
        layer.params["b"][...] = b
    return layer


def test_affine_by_hand():
    layer = affine([[1, 2], [3, 4]], [10, 20])
    np.testing.assert_array_equal(layer.forward(array([1, 1])), [[13, 27]])
    dx, grads = layer.backward(array([1, 0]))
    np.testing.assert_array_equal(dx, [[1, 2]])
    np.testing.assert_array_equal(grads["W"], [[1, 1], [0, 0]])
    np.testing.assert_array_equal(grads["b"], [1, 0])


def test_affine_sums_parameter_gradients_over_the_batch():
    layer = affine([[1, 2]], [0])
    layer.forward(array([1, 2], [3, 4], [5, 6]))
    _, grads = layer.backward(array([1], [10], [100]))
    np.testing.assert_array_equal(grads["W"], [[1 + 30 + 500, 2 + 40 + 600]])
    np.testing.assert_array_equal(grads["b"], [111])


def test_affine_over_time_is_affine_at_each_step():
    layer, x = affine([[1, 2], [3, 4], [5, 6]]), np.arange(12.0).reshape(2, 3, 2)
    y = layer.forward(x)
    upstream = np.arange(18.0).reshape(2, 3, 3)
    dx, grads = layer.backward(upstream)
    np.testing.assert_array_equal(y, np.einsum("ntd,od->nto", x, layer.params["W"]))
    np.testing.assert_array_equal(dx, np.einsum("nto,od->ntd", upstream, layer.params["W"]))
    np.testing.assert_array_equal(grads["W"], np.einsum("nto,ntd->od", upstream, x))


def test_affine_refuses_a_wrong_width():
    with pytest.raises(ValueError, match=r"Affine\(2 -> 2\): expected x of shape \(N, 2\), got \(1, 3\)"):
        Affine(2, 2).forward(np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"expected x of shape \(N, \.\.\., 2\), got \(1, 2, 3\)"):
        Affine(2, 2).forward(np.ones((1, 2, 3)))
    with pytest.raises(ValueError, match=r"expected x of shape \(N, 2\), got \(2,\)"):
        Affine(2, 2).forward(np.ones(2))
    with pytest.raises(
        TypeError, match=r"expected x to be a NumPy array, got list; convert it with np.asarray"
    ):
        Affine(2, 2).forward([[1.0, 2.0]])


def test_affine_skips_a_dx_that_nobody_needs():
    layer = affine([[1, 2]], [0])
    layer.input_grad = False
    layer.forward(array([1, 2]))
    dx, grads = layer.backward(array([1]))
    assert dx is None
    np.testing.assert_array_equal(grads["W"], [[1, 2]])


def test_an_empty_batch_passes_through_affine():
    layer = Affine(3, 2, rng=0)
    assert layer.forward(np.ones((0, 3), np.float32)).shape == (0, 2)
    dx, grads = layer.backward(np.ones((0, 2), np.float32))
    assert dx.shape == (0, 3)
    assert not grads["W"].any()


def test_elementwise_follows_the_chain_2_over_sin_exp_minus_x():
    x = np.array([-1.5, 0.3])
    chain = [
        Elementwise(np.negative, lambda x: -1.0),
        Elementwise(np.exp, np.exp),
        Elementwise(np.sin, np.cos),
        Elementwise(lambda c: 2 / c, lambda c: -2 / c**2),
    ]
    y = x
    for layer in chain:
        y = layer.forward(y)
    np.testing.assert_allclose(y, [2 / math.sin(math.exp(1.5)), 2 / math.sin(math.exp(-0.3))])
    dx = np.ones(2)
    for layer in reversed(chain):
        dx, _ = layer.backward(dx)
    by_hand = [2 * math.cos(math.exp(-v)) * math.exp(-v) / math.sin(math.exp(-v)) ** 2 for v in x]
    np.testing.assert_allclose(dx, by_hand)


def test_elementwise_refuses_a_function_that_is_not_elementwise():
    layer = Elementwise(lambda x: x.sum(axis=0), np.ones_like)
    with pytest.raises(ValueError, match=r"expected f\(x\) of shape \(2, 3\), got \(3,\)"):
        layer.forward(np.ones((2, 3)))
    layer = Elementwise(np.exp, lambda x: x.sum(axis=0))
    layer.forward(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"expected df\(x\) of shape \(2, 3\), got \(3,\)"):
        layer.backward(np.ones((2, 3)))


HALF = 1 / (1 + math.exp(-0.5))

# layer, x, y, dy/dx; on paper
VALUES = [
    (Identity(), -2.0, -2.0, 1.0),
    (ReLU(), 2.0, 2.0, 1.0),
    (ReLU(), 0.0, 0.0, 0.0),
    (ReLU(), -2.0, 0.0, 0.0),
    (LeakyReLU(), -2.0, -0.02, 0.01),
    (LeakyReLU(0.1), -2.0, -0.2, 0.1),
    (LeakyReLU(0.1), 3.0, 3.0, 1.0),
    (PReLU().astype(np.float64), -2.0, -0.5, 0.25),
    (PReLU().astype(np.float64), 4.0, 4.0, 1.0),
    (ELU(), math.log(0.5), -0.5, 0.5),
    (ELU(2.0), math.log(0.25), -1.5, 0.5),
    (ELU(), 3.0, 3.0, 1.0),
    (SELU(), 1.0, 1.0507009873554805, 1.0507009873554805),
    (SELU(), math.log(0.5), -0.5 * 1.7580993408473766, 0.5 * 1.7580993408473766),
    (Sigmoid(), 0.0, 0.5, 0.25),
    (Sigmoid(), math.log(3), 0.75, 0.1875),
    (Sigmoid(), -math.log(3), 0.25, 0.1875),
    (Tanh(), 0.0, 0.0, 1.0),
    (Tanh(), math.log(3) / 2, 0.5, 0.75),
    (Softplus(), 0.0, math.log(2), 0.5),
    (Softplus(), math.log(3), math.log(4), 0.75),
    (SiLU(), 0.0, 0.0, 0.5),
    (SiLU(), 0.5, 0.5 * HALF, HALF + 0.5 * HALF * (1 - HALF)),
    (GELU(), 0.0, 0.0, 0.5),
    (GELU(), 1.0, 0.8413447460685429, 0.8413447460685429 + math.exp(-0.5) / math.sqrt(2 * math.pi)),
    (GELU(), -1.0, -0.15865525393145707, 0.15865525393145707 - math.exp(-0.5) / math.sqrt(2 * math.pi)),
    (GELU(approximate="tanh"), 0.0, 0.0, 0.5),
    (GELU(approximate="tanh"), 2.0, 1 + math.tanh(math.sqrt(2 / math.pi) * 2.35772), None),
]


@pytest.mark.parametrize(("layer", "x", "y", "slope"), VALUES, ids=lambda v: repr(v))
def test_activations_by_hand(layer, x, y, slope):
    np.testing.assert_allclose(layer.forward(array([x])), [[y]], rtol=1e-14)
    if slope is not None:
        np.testing.assert_allclose(layer.backward(array([2.0]))[0], [[2 * slope]], rtol=1e-14)


EXTREME = [Identity, ReLU, LeakyReLU, PReLU, ELU, SELU, Sigmoid, Tanh, Softplus, SiLU, GELU,
           lambda: GELU(approximate="tanh"), Softmax, LogSoftmax]  # fmt: skip


@pytest.mark.parametrize("build", EXTREME)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_inputs_give_finite_numbers_and_no_warning(build, dtype):
    layer = build()
    x = np.array([[-1e38, -1e4, -90, -1e-30, 0, 1e-30, 90, 1e4, 1e38]], dtype)
    assert np.isfinite(layer.forward(x)).all()
    dx, grads = layer.backward(np.full_like(x, 0.5))
    assert np.isfinite(dx).all()
    if grads:
        assert layer.params["a"].dtype == grads["a"].dtype


def test_sigmoid_and_gelu_keep_their_relative_precision_in_the_tails():
    x = np.array([-600.0, -40.0, -5.0])
    np.testing.assert_allclose(Sigmoid().forward(x), [1 / (1 + math.exp(-v)) for v in x], rtol=1e-14)
    x = np.linspace(-25, 8, 331)
    np.testing.assert_allclose(normal(x)[0], [math.erfc(-v / math.sqrt(2)) / 2 for v in x], rtol=2e-13)
    np.testing.assert_allclose(normal(x)[1], np.exp(-x * x / 2) / math.sqrt(2 * math.pi), rtol=2e-13)


def test_gelu_refuses_an_unknown_approximation():
    with pytest.raises(ValueError, match="expected approximate 'none' or 'tanh', got 'erf'"):
        GELU(approximate="erf")


def test_prelu_learns_one_slope_a_channel():
    layer = PReLU(2).astype(np.float64)
    layer.params["a"][...] = [0.1, 0.5]
    x = array([-1, -2], [3, -4])
    np.testing.assert_allclose(layer.forward(x), [[-0.1, -1], [3, -2]])
    dx, grads = layer.backward(array([1, 1], [1, 10]))
    np.testing.assert_allclose(dx, [[0.1, 0.5], [1, 5]])
    np.testing.assert_allclose(grads["a"], [-1, -2 - 40])
    with pytest.raises(ValueError, match=r"PReLU\(2\): expected x of shape \(N, 2\), got \(4, 3\)"):
        layer.forward(np.ones((4, 3)))


def test_softmax_by_hand():
    layer, x = Softmax(), np.log(array([1, 3]))
    np.testing.assert_allclose(layer.forward(x), [[0.25, 0.75]])
    # J = diag(p) - p p^T = 3/16 [[1, -1], [-1, 1]]
    np.testing.assert_allclose(layer.backward(array([1, 0]))[0], [[3 / 16, -3 / 16]])
    np.testing.assert_allclose(layer.backward(array([5, 5]))[0], [[0, 0]], atol=1e-15)


def test_logsoftmax_by_hand():
    layer, x = LogSoftmax(), np.log(array([1, 3]))
    np.testing.assert_allclose(layer.forward(x), np.log([[0.25, 0.75]]))
    np.testing.assert_allclose(layer.backward(array([1, 0]))[0], [[0.75, -0.75]])


def test_softmax_does_not_mind_a_shift():
    x = np.random.default_rng(0).standard_normal((4, 3))
    np.testing.assert_allclose(Softmax().forward(x + 1e4), Softmax().forward(x), rtol=1e-10)


def test_flatten_keeps_the_order_and_gives_it_back():
    layer, x = Flatten(), np.arange(24.0).reshape(2, 3, 4)
    y = layer.forward(x)
    np.testing.assert_array_equal(y[1], np.arange(12, 24))
    np.testing.assert_array_equal(layer.backward(y)[0], x)
    assert Flatten().forward(np.ones((0, 3, 4))).shape == (0, 12)


def test_dropout_zeroes_its_share_and_scales_the_rest():
    x = np.ones((200, 500), np.float32)
    layer = Dropout(0.2, rng=0)
    y = layer.forward(x)
    assert set(np.unique(y)) == {0, np.float32(1.25)}
    assert abs((y == 0).mean() - 0.2) < 0.005  # 4 standard deviations
    np.testing.assert_array_equal(layer.backward(x)[0], y)


def test_dropout_draws_anew_and_repeats_by_seed():
    x = np.ones((8, 8))
    layer = Dropout(0.5, rng=3)
    first, second = layer.forward(x), layer.forward(x)
    assert (first != second).any()
    np.testing.assert_array_equal(Dropout(0.5, rng=3).forward(x), first)
    np.testing.assert_array_equal(Dropout(0.5, rng=np.random.default_rng(3)).forward(x), first)


def test_dropout_does_nothing_in_evaluation_or_with_p_0_and_everything_with_p_1():
    x = np.random.default_rng(0).standard_normal((4, 3))
    np.testing.assert_array_equal(Dropout(0.9, rng=0).eval().forward(x), x)
    np.testing.assert_array_equal(Dropout(0.0, rng=0).forward(x), x)
    np.testing.assert_array_equal(Dropout(1.0, rng=0).forward(x), 0 * x)
    for p in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"Dropout: expected p, the chance of zeroing, in \[0, 1\], got"):
            Dropout(p)


def test_batchnorm_by_hand():
    layer = BatchNorm(1, momentum=0.5, eps=0.0).astype(np.float64)
    layer.params["gamma"][...], layer.params["beta"][...] = 2, 1
    # mean 3, variance 4, x_hat = -1, 1; unbiased variance 8
    np.testing.assert_allclose(layer.forward(array([1], [5])), [[-1], [3]])
    np.testing.assert_allclose(layer.buffers["running_mean"], [1.5])
    np.testing.assert_allclose(layer.buffers["running_var"], [0.5 * 1 + 0.5 * 8])
    dx, grads = layer.backward(array([1], [3]))
    # with two values, a step apart is undone by the variance and a step together by the mean: dx = 0
    np.testing.assert_allclose(dx, [[0], [0]], atol=1e-15)
    np.testing.assert_allclose(grads["gamma"], [2])
    np.testing.assert_allclose(grads["beta"], [4])
    # evaluation: x_hat = (x - 1.5) / sqrt(4.5), and only the direct path
    np.testing.assert_allclose(layer.eval().forward(array([1.5 + math.sqrt(4.5)])), [[3]])
    np.testing.assert_allclose(layer.backward(array([1]))[0], [[2 / math.sqrt(4.5)]])


def test_batchnorm_normalises_each_channel():
    x = np.random.default_rng(0).normal(5, 3, (6, 4, 3, 5))
    y = BatchNorm(4).astype(np.float64).forward(x)
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=(0, 2, 3)), 1, rtol=1e-4)


def test_batchnorm_refuses_a_single_value_and_a_wrong_width():
    with pytest.raises(ValueError, match=r"BatchNorm\(3\): expected more than one value .* shape \(1, 3\)"):
        BatchNorm(3).forward(np.ones((1, 3)))
    assert BatchNorm(3).eval().forward(np.ones((1, 3), np.float32)).shape == (1, 3)
    with pytest.raises(
        ValueError, match=r"BatchNorm\(3\): expected x of shape \(N, 3, \.\.\.\), got \(6, 2, 2\)"
    ):
        BatchNorm(3).forward(np.ones((6, 2, 2)))


def test_a_constant_channel_gives_beta_and_not_nan():
    layer = BatchNorm(2).astype(np.float64)
    layer.params["beta"][...] = 7
    np.testing.assert_array_equal(layer.forward(np.full((4, 2), 3.0)), 7)
    assert np.isfinite(layer.backward(np.ones((4, 2)))[0]).all()


def test_gates_on_the_classic_circuit():
    # f = (x + y) z with x = -2, y = 5, z = -4
    plus, times = Add(), Mul()
    q = plus.forward((array(-2), array(5)))
    f = times.forward((q, array(-4)))
    np.testing.assert_array_equal(f, [-12])
    (dq, dz), _ = times.backward(array(1))
    (dx, dy), _ = plus.backward(dq)
    assert (dx.item(), dy.item(), dz.item()) == (-4, -4, 3)


def test_mul_goes_through_zeros():
    gate = Mul()
    x = (array(0, 0, 2), array(3, 0, 0), array(5, 7, 0))
    np.testing.assert_array_equal(gate.forward(x), [0, 0, 0])
    dx, _ = gate.backward(array(1, 1, 1))
    np.testing.assert_array_equal(dx, [[15, 0, 0], [0, 0, 0], [0, 0, 0]])


def test_max_routes_and_a_tie_goes_to_the_first():
    gate = Max()
    x = (array(1, 5, 2), array(4, 5, 1), array(4, 0, 9))
    np.testing.assert_array_equal(gate.forward(x), [4, 5, 9])
    dx, _ = gate.backward(array(10, 20, 30))
    np.testing.assert_array_equal(dx, [[0, 20, 0], [10, 0, 0], [0, 0, 30]])


def test_copy_adds_the_upstreams():
    gate, x = Copy(3), array(1, 2)
    assert len(gate.forward(x)) == 3
    np.testing.assert_array_equal(gate.backward((x, x, 10 * x))[0], [12, 24])
    with pytest.raises(ValueError, match=r"Copy\(3\): expected upstream to be a tuple of 3, got 2"):
        gate.backward((x, x))
    with pytest.raises(ValueError, match=r"Copy: expected n of at least 1, got 0"):
        Copy(0)


def test_concat_joins_and_splits():
    gate = Concat()
    np.testing.assert_array_equal(gate.forward((array([1, 2]), array([3]))), [[1, 2, 3]])
    dx, _ = gate.backward(array([10, 20, 30]))
    np.testing.assert_array_equal(dx[0], [[10, 20]])
    np.testing.assert_array_equal(dx[1], [[30]])
    with pytest.raises(
        ValueError, match=r"Concat\(axis=1\): expected x\[1\] of shape \(4, any\), got \(3, 2\)"
    ):
        gate.forward((np.ones((4, 2)), np.ones((3, 2))))
    with pytest.raises(
        ValueError, match=r"Concat\(axis=1\): expected x\[0\] with an axis 1, got shape \(4,\)"
    ):
        gate.forward((np.ones(4), np.ones(4)))


@pytest.mark.parametrize("gate", [Add, Mul, Max])
def test_gates_never_broadcast(gate):
    with pytest.raises(ValueError, match=r"expected x\[1\] of shape \(4,\), got \(4, 1\)"):
        gate().forward((np.ones(4), np.ones((4, 1))))
    with pytest.raises(TypeError, match="expected x to be a tuple of arrays, got ndarray"):
        gate().forward(np.ones((2, 4)))
    with pytest.raises(ValueError, match="expected x to be a tuple of at least 1, got 0"):
        gate().forward(())


def test_a_layer_without_options_takes_no_arguments():
    for kind in (ReLU, Identity, Flatten, Add):
        with pytest.raises(TypeError, match="argument"):
            kind(0.1)
        with pytest.raises(TypeError, match="inplace"):
            kind(inplace=True)


@pytest.mark.parametrize("x", [np.array([["a"]]), np.array([[None]]), np.array([["2020-01-01"]], "M8[D]")])
def test_what_holds_no_numbers_is_refused(x):
    for layer in (ReLU(), Affine(1, 2), Flatten(), BatchNorm(1)):
        with pytest.raises(TypeError, match=r"expected x to hold numbers, got .*; convert it with \.astype"):
            layer.forward(x)


def test_affine_refuses_sizes_and_dtypes_that_make_no_layer():
    with pytest.raises(ValueError, match="Affine: expected in_features >= 1, got 0"):
        Affine(0, 2)
    for size in (2.5, "3", (2,), True):
        with pytest.raises(TypeError, match="Affine: expected out_features to be an integer, got"):
            Affine(3, size)
    with pytest.raises(ValueError, match=r"init: expected a floating dtype, got int64; try np.float32"):
        Affine(3, 2, dtype=np.int64)
