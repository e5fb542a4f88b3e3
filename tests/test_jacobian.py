"""vjp, jvp and jacobian: they agree with each other on every layer, and with what is worked out by hand."""

import copy
import pickle
import random

import numpy as np
import pytest
from cases import LAYERS
from small_layers import layer_of

import gradcheck.path
import layers as L
from gradcheck import jacobian, jvp, numeric_jacobian, vjp
from layers.base import Layer

every_layer = pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
both_modes = pytest.mark.parametrize("mode", ["train", "eval"])


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def each(value):
    return value if isinstance(value, tuple) else (value,)


def like(value, rng):
    """Random numbers of the same structure and shapes, None for what is of integers."""
    if isinstance(value, tuple):
        return tuple(like(part, rng) for part in value)
    return rng.standard_normal(value.shape) if value.dtype.kind == "f" else None


def dot(a, b):
    """<a, b>, and the sum of the terms' sizes that rounding is measured by."""
    terms = [np.ravel(p * q) for p, q in zip(each(a), each(b), strict=True) if p is not None]
    terms = np.concatenate([*terms, [0.0]])
    return terms.sum(), np.abs(terms).sum()


def global_states():
    return random.getstate(), np.random.get_state(legacy=True)[1].tolist()  # noqa: NPY002


def no_differences(*_):
    raise AssertionError("differences were used")


# ---- every layer -------------------------------------------------------------------------------------------


@every_layer
@both_modes
def test_backward_is_the_adjoint_of_forward(case, mode, rng, monkeypatch):
    monkeypatch.setattr(gradcheck.path, "slopes", no_differences)  # every layer takes the complex step
    layer, x = getattr(case.build(), mode)(), case.x(rng)
    v = like(x, rng)
    forward = jvp(layer, x, v)
    u = like(forward, rng)
    dx, grads = vjp(layer, x, u)
    (along_v, size), (along_u, _) = dot(u, forward), dot(dx, v)
    assert abs(along_v - along_u) <= 1e-12 * size
    assert {name: grad.shape for name, grad in grads.items()} == {
        name: array.shape for name, array in layer.params.items()
    }


@every_layer
def test_nothing_given_changes(case, rng):
    layer, x = case.build(), case.x(rng)
    v, u = like(x, rng), like(copy.deepcopy(layer).forward(x), rng)
    kept, states = copy.deepcopy((x, v, u)), global_states()
    layer.state()  # containers gather their params when they are asked
    before = pickle.dumps(layer)  # params, buffers, generators and all
    first = jvp(layer, x, v), vjp(layer, x, u)
    np.testing.assert_equal((x, v, u), kept)
    assert (pickle.dumps(layer), global_states()) == (before, states)
    np.testing.assert_equal((jvp(layer, x, v), vjp(layer, x, u)), first)


SMALL = [case for case in LAYERS if case.shape in [(4, 3), [(4, 3)] * 3, [(4, 3), (4, 5)]]]


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.id)
@both_modes
def test_the_jacobian_by_rows_is_the_jacobian_by_differences(case, mode, rng):
    layer, x = getattr(case.build().astype(np.float64), mode)(), case.x(rng)
    ours = jacobian(layer, x)
    outputs = layer.forward(x)
    for i in range(len(each(outputs))):
        row = ours[i] if isinstance(outputs, tuple) else ours
        for k in range(len(each(x))):

            def y(part, i=i, k=k):
                moved = (*x[:k], part, *x[k + 1 :]) if isinstance(x, tuple) else part
                return each(layer.forward(moved))[i]

            block = row[k] if isinstance(x, tuple) else row
            assert block.shape == each(outputs)[i].shape + each(x)[k].shape
            np.testing.assert_allclose(block, numeric_jacobian(y, each(x)[k]), rtol=0, atol=1e-8)


# ---- worked out by hand ------------------------------------------------------------------------------------


def test_affine_has_its_weights_as_jacobian(rng):
    layer, x = L.Affine(3, 2, rng=0), rng.standard_normal((1, 3))
    W = layer.params["W"].astype(np.float64)
    np.testing.assert_array_equal(jacobian(layer, x)[0, :, 0, :], W)
    np.testing.assert_allclose(numeric_jacobian(lambda x: x @ W.T, x)[0, :, 0, :], W, rtol=1e-9)
    v, u = np.array([[1.0, 0.0, -2.0]]), np.array([[3.0, -1.0]])
    np.testing.assert_allclose(jvp(layer, x, v)[0], W[:, 0] - 2 * W[:, 2], rtol=1e-14)
    dx, grads = vjp(layer, x, u)
    np.testing.assert_allclose(dx[0], 3 * W[0] - W[1], rtol=1e-14)
    np.testing.assert_allclose(grads["W"], [3 * x[0], -x[0]], rtol=1e-14)
    np.testing.assert_allclose(grads["b"], [3, -1], rtol=1e-14)


def test_two_examples_do_not_meet_in_affine(rng):
    layer = L.Affine(3, 2, rng=0)
    J = jacobian(layer, rng.standard_normal((4, 3)))
    assert J.shape == (4, 2, 4, 3)
    for n in range(4):
        for m in range(4):
            expected = layer.params["W"] if n == m else np.zeros((2, 3))
            np.testing.assert_array_equal(J[n, :, m, :], expected)


def test_softmax_has_y_on_the_diagonal_less_y_yt():
    x = np.log([[1.0, 2.0, 5.0]])  # y = 1/8, 2/8, 5/8
    expected = np.array([[7, -2, -5], [-2, 12, -10], [-5, -10, 15]]) / 64
    np.testing.assert_allclose(jacobian(L.Softmax(), x)[0, :, 0], expected, rtol=1e-14)
    np.testing.assert_allclose(numeric_jacobian(L.Softmax().forward, x)[0, :, 0], expected, rtol=1e-9)
    columns = [jvp(L.Softmax(), x, basis[None])[0] for basis in np.eye(3)]
    np.testing.assert_allclose(np.transpose(columns), expected, rtol=1e-13)


def test_squares_have_a_diagonal_jacobian():
    square = L.Elementwise(lambda x: x * x, lambda x: 2 * x)
    x = np.array([3.0, 0.0, -0.5])
    np.testing.assert_array_equal(jacobian(square, x), np.diag([6, 0, -1]))
    np.testing.assert_allclose(numeric_jacobian(lambda x: x**2, x), np.diag([6, 0, -1]), atol=1e-10)
    np.testing.assert_array_equal(jvp(square, x, np.array([1.0, 1.0, 2.0])), [6, 0, -2])


def test_layernorm_takes_the_mean_and_x_hat_out_of_every_row():
    x = np.array([[-3.0, 1.0, 2.0]])  # mean 0, variance 14/3
    sigma = np.sqrt(14 / 3 + 1e-5)
    x_hat = x[0] / sigma
    expected = (np.eye(3) - 1 / 3 - np.outer(x_hat, x_hat) / 3) / sigma
    np.testing.assert_allclose(jacobian(L.LayerNorm(3), x)[0, :, 0], expected, rtol=1e-12)
    v = np.array([[0.5, -1.0, 4.0]])
    np.testing.assert_allclose(jvp(L.LayerNorm(3), x, v)[0], expected @ v[0], rtol=1e-12)


def test_the_jacobian_of_a_matrix_has_the_axes_of_y_then_those_of_x():
    A, B = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([[1.0, -1.0, 2.0, 0.5]])
    J = numeric_jacobian(lambda x: A @ x @ B, np.array([[0.3], [0.7]]))
    assert J.shape == (3, 4, 2, 1)
    np.testing.assert_allclose(J, np.einsum("ij,kl->iljk", A, B), rtol=1e-9)


# ---- several inputs and outputs, integers, modes, state ----------------------------------------------------


def test_several_inputs_have_a_jacobian_each():
    a, b = np.array([2.0, 3.0]), np.array([5.0, -7.0])
    da, db = jacobian(L.Mul(), (a, b))
    np.testing.assert_array_equal(da, np.diag(b))
    np.testing.assert_array_equal(db, np.diag(a))
    v = np.array([1.0, 10.0]), np.array([100.0, 1000.0])
    np.testing.assert_allclose(jvp(L.Mul(), (a, b), v), [5 + 200, -70 + 3000], rtol=1e-14)
    np.testing.assert_allclose(jvp(L.Mul(), (a, b), (v[0], None)), [5, -70], rtol=1e-14)
    (da, db), grads = vjp(L.Mul(), (a, b), np.array([1.0, 2.0]))
    assert (da.tolist(), db.tolist(), grads) == ([5, -14], [2, 6], {})


def test_several_outputs_have_a_row_of_jacobians_each():
    layer, x = L.Branch(L.Identity(), L.Tanh()), np.array([0.0, 1.0])
    same, tanh = jacobian(layer, x)
    slope = 1 - np.tanh(x) ** 2
    np.testing.assert_array_equal(same, np.eye(2))
    np.testing.assert_allclose(tanh, np.diag(slope), rtol=1e-14)
    along = jvp(layer, x, np.array([1.0, 2.0]))
    assert isinstance(along, tuple)
    np.testing.assert_allclose(along, [[1, 2], [1, 2 * slope[1]]], rtol=1e-14)
    dx, _ = vjp(layer, x, (np.array([1.0, 0.0]), np.array([5.0, 5.0])))
    np.testing.assert_allclose(dx, [6, 5 * slope[1]], rtol=1e-14)
    both = jacobian(L.Parallel(L.Identity(), L.Tanh()), (x, x))
    assert [[block.shape for block in row] for row in both] == [[(2, 2)] * 2] * 2
    assert not both[0][1].any()
    assert not both[1][0].any()


def test_integers_and_masks_have_none(rng):
    ids = np.array([2, 0, 2])
    layer = L.Embedding(3, 2, rng=0)
    assert jacobian(layer, ids) is None
    dx, grads = vjp(layer, ids, np.array([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]]))
    assert dx is None
    np.testing.assert_array_equal(grads["W"], [[3, 4], [0, 0], [11, 22]])
    assert jvp(layer, ids, None).tolist() == [[0, 0]] * 3
    x, mask = rng.standard_normal((1, 3, 2)), np.array([[True, True, False]])
    dx, dmask = jacobian(L.LastStep(), (x, mask))
    assert dmask is None
    np.testing.assert_array_equal(dx[0, :, 0], [[[0, 0], [1, 0], [0, 0]], [[0, 0], [0, 1], [0, 0]]])


def test_a_layer_keeps_its_mode_and_its_state():
    layer, x = L.BatchNorm(2), np.array([[1.0, 2.0], [3.0, 8.0], [0.0, 1.0]])
    batch = jacobian(layer, x)
    assert batch[0, 0, 1, 0] != 0  # the examples of a batch meet in its mean
    assert (layer.training, layer.buffers["running_mean"].tolist()) == (True, [0, 0])
    alone = jacobian(layer.eval(), x)
    assert alone[0, 0, 1, 0] == 0
    np.testing.assert_allclose(alone[0, 0, 0, 0], 1 / np.sqrt(1 + 1e-5), rtol=1e-14)


def test_dropout_drops_the_same_units_in_every_call():
    layer, x = L.Dropout(0.5, rng=3), np.ones(8)
    J, v = jacobian(layer, x), np.arange(8.0)
    assert set(np.diag(J)) == {0, 2}
    np.testing.assert_array_equal(jvp(layer, x, v), J @ v)
    np.testing.assert_array_equal(vjp(layer, x, v)[0], v @ J)
    np.testing.assert_array_equal(layer.forward(x), J @ x)  # the layer's own generator has not moved


def test_a_layer_that_draws_from_the_global_state_draws_the_same_as_well():
    class Global(Layer):
        def forward(self, x):
            self.cache = keep = np.random.random(x.shape) < 0.5  # noqa: NPY002
            return keep * x

        def backward(self, upstream):
            return self.cache * upstream, {}

    v = np.arange(1.0, 9.0)
    dx, _ = vjp(Global(), np.ones(8), v)
    np.testing.assert_array_equal(jvp(Global(), np.ones(8), v), dx)


def test_dx_comes_also_from_a_layer_that_is_told_to_skip_it(rng):
    layer = L.Sequential(L.Affine(3, 2, rng=0))
    layer.input_grad = False
    x = rng.standard_normal((1, 3))
    np.testing.assert_array_equal(jacobian(layer, x)[0, :, 0], layer.params["0.W"])
    assert vjp(layer, x, np.ones((1, 2)))[0].shape == (1, 3)
    assert layer.layers[0].input_grad is False


def test_float32_is_only_how_x_and_params_are_stored(rng):
    x = rng.standard_normal((2, 3)).astype(np.float32)
    assert jacobian(L.Softmax(), x).dtype == np.float64
    np.testing.assert_array_equal(jacobian(L.Softmax(), x), jacobian(L.Softmax(), x.astype(np.float64)))
    assert jvp(L.Affine(3, 2, rng=0), x, x).dtype == np.float64


def test_empty_arrays_have_empty_jacobians():
    x = np.zeros((0, 3))
    assert jacobian(L.Tanh(), x).shape == (0, 3, 0, 3)
    assert jvp(L.Tanh(), x, x).shape == (0, 3)
    assert numeric_jacobian(np.tanh, x).shape == (0, 3, 0, 3)
    assert numeric_jacobian(lambda x: np.zeros(0), np.ones(2)).shape == (0, 2)


# ---- the complex step, and where it is not sound -----------------------------------------------------------


TRICKY = {
    "abs": (lambda x: np.abs(x) * x, lambda x, v: 2 * np.abs(x) * v),
    "var": (lambda x: np.var(x) * x, lambda x, v: np.var(x) * v + x * 2 * np.mean((x - x.mean()) * v)),
    "norm": (lambda x: x / np.linalg.norm(x), lambda x, v: v / norm(x) - x * (x @ v) / norm(x) ** 3),
    "sign": (lambda x: np.sign(x) * x**2, lambda x, v: 2 * np.abs(x) * v),
    "vdot": (lambda x: np.vdot(x, x) * x, lambda x, v: (x @ x) * v + 2 * x * (x @ v)),
    "a float buffer": (lambda x: buffered(x), lambda x, v: 3 * x**2 * v),
    "a cast": (lambda x: x.astype(np.float64) ** 2, lambda x, v: 2 * x * v),
    "a ufunc without complex numbers": (np.cbrt, lambda x, v: v / (3 * np.cbrt(x) ** 2)),
    "a number taken out": (lambda x: behind(x)[0] * x, lambda x, v: x[0] * v + v[0] * x),
    "the real part": (lambda x: x.real * x, lambda x, v: 2 * x * v),
}


def norm(x):
    return np.sqrt((x * x).sum())


def behind(x):
    """The numbers of x behind the back of what follows them: only differences show that these move too."""
    return np.ndarray.view(x, np.ndarray).real


def buffered(x):
    y = np.zeros(x.shape)
    y[...] = x**3
    return y


@pytest.mark.parametrize(("f", "slope"), list(TRICKY.values()), ids=list(TRICKY))
def test_jvp_is_right_however_forward_is_written(f, slope, rng):
    x, v = rng.standard_normal(7), rng.standard_normal(7)
    np.testing.assert_allclose(jvp(layer_of(f), x, v), slope(x, v), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_jvp_is_exact_at_every_scale_of_x_and_v(scale, rng, monkeypatch):
    monkeypatch.setattr(gradcheck.path, "slopes", no_differences)
    x, v = scale * rng.standard_normal(6), rng.standard_normal(6)
    for stretch in (1e-200, 1.0, 1e200):
        np.testing.assert_allclose(
            jvp(layer_of(lambda x: x**3), x, stretch * v), 3 * x**2 * stretch * v, rtol=1e-14
        )


def test_inputs_of_different_scales_move_together(rng, monkeypatch):
    monkeypatch.setattr(gradcheck.path, "slopes", no_differences)
    a, b = 1e6 * rng.standard_normal(4), 1e-6 * rng.standard_normal(4)
    da, db = rng.standard_normal((2, 4))
    np.testing.assert_allclose(jvp(L.Mul(), (a, b), (da, db)), a * db + b * da, rtol=1e-12)


def test_at_a_kink_jvp_is_the_slope_on_the_side_of_v():
    x, v = np.array([0.0, 1.0, -1.0, 0.0]), np.array([1.0, 1.0, 1.0, -1.0])
    np.testing.assert_array_equal(jvp(L.ReLU(), x, v), [1, 1, 0, 0])
    np.testing.assert_array_equal(jvp(L.LeakyReLU(0.25), x, v), [1, 1, 0.25, -0.25])
    many = np.random.default_rng(0).integers(-2, 3, size=(20, 50)).astype(float)
    np.testing.assert_array_equal(jvp(L.ReLU(), many, np.ones_like(many)), many >= 0)


def test_a_forward_with_a_narrow_domain_has_a_jvp():
    def log(x):
        if (x.real <= 0).any():
            raise ValueError("log of nothing")
        return np.log(x)

    x = np.array([1e-3, 1.0, 5.0])
    np.testing.assert_allclose(jvp(layer_of(log), x, np.ones(3)), 1 / x, rtol=1e-9)
    root = layer_of(lambda x: np.sqrt(x))
    np.testing.assert_allclose(jvp(root, np.array([4.0, 9.0]), np.ones(2)), [1 / 4, 1 / 6], rtol=1e-15)
