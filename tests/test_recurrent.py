"""Recurrent layers: by hand, against their cells, with extreme numbers, and their parameters."""

import copy
import math
from functools import partial

import numpy as np
import pytest
from recurrent_layers import LAYERS, build, close, each, every_layer, states

from layers import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from layers.init import constant


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def column(*numbers):
    return np.array(numbers, float)[:, None]


def tiny(kind, W_x, W_h, b_x, b_h):
    """A layer of one feature and one hidden unit, with these numbers a gate."""
    layer = kind(1, 1).astype(np.float64)
    layer.load_state({"W_x": column(*W_x), "W_h": column(*W_h), "b_x": np.array(b_x), "b_h": np.array(b_h)})
    return layer


def s(a):
    return 1 / (1 + math.exp(-a))


# --- by hand


def test_two_steps_of_an_rnn_by_hand():
    layer = tiny(RNN, [2.0], [3.0], [0.1], [-0.2])
    h1 = math.tanh(2 * 0.5 + 0.1 - 0.2)
    h2 = math.tanh(2 * -0.4 + 3 * h1 - 0.1)
    close(layer.forward(np.array([[[0.5], [-0.4]]])), [[[h1], [h2]]])
    dx, grads = layer.backward(np.array([[[1.0], [10.0]]]))
    da2 = 10 * (1 - h2**2)
    da1 = (1 + 3 * da2) * (1 - h1**2)
    close(dx, [[[2 * da1], [2 * da2]]])
    close(grads["W_x"], [[0.5 * da1 - 0.4 * da2]])
    close(grads["W_h"], [[h1 * da2]])
    close(grads["b_x"], [da1 + da2])
    close(grads["b_h"], [da1 + da2])


def test_two_steps_of_a_relu_rnn_by_hand():
    layer = tiny(partial(RNN, nonlinearity="relu"), [2.0], [3.0], [0.5], [0.25])
    x = np.array([[[1.0], [2.0]], [[1.0], [-9.0]]])  # a = 2.75 and 13; 2.75 and -9
    np.testing.assert_array_equal(layer.forward(x)[..., 0], [[2.75, 13], [2.75, 0]])
    dx, grads = layer.backward(np.array([[[1.0], [10.0]], [[1.0], [10.0]]]))
    np.testing.assert_array_equal(dx[..., 0], [[62, 20], [2, 0]])  # da = 31 and 10; 1 and 0
    np.testing.assert_array_equal(grads["W_x"], [[31 + 20 + 1]])
    np.testing.assert_array_equal(grads["W_h"], [[27.5]])
    np.testing.assert_array_equal(grads["b_h"], [42])


def test_two_steps_of_an_lstm_by_hand():
    layer = tiny(
        LSTM, [0.5, -1.0, 1.5, 2.0], [0.3, 0.6, -0.9, 1.2], [0.1, 0.2, 0.3, 0.4], [0.0, 0.5, 0.0, -0.1]
    )
    x1, x2 = 0.7, -1.1
    i1, g1, o1 = s(0.5 * x1 + 0.1), math.tanh(1.5 * x1 + 0.3), s(2 * x1 + 0.3)
    c1 = i1 * g1  # there is nothing to forget yet
    h1 = o1 * math.tanh(c1)
    i2, f2 = s(0.5 * x2 + 0.3 * h1 + 0.1), s(-x2 + 0.6 * h1 + 0.7)
    g2, o2 = math.tanh(1.5 * x2 - 0.9 * h1 + 0.3), s(2 * x2 + 1.2 * h1 + 0.3)
    c2 = f2 * c1 + i2 * g2
    h2 = o2 * math.tanh(c2)
    close(layer.forward(np.array([[[x1], [x2]]])), [[[h1], [h2]]])
    dx, grads = layer.backward(np.array([[[1.0], [10.0]]]))

    dc2 = 10 * o2 * (1 - math.tanh(c2) ** 2)
    a_i2, a_f2 = dc2 * g2 * i2 * (1 - i2), dc2 * c1 * f2 * (1 - f2)
    a_g2, a_o2 = dc2 * i2 * (1 - g2**2), 10 * math.tanh(c2) * o2 * (1 - o2)
    dh1 = 1 + 0.3 * a_i2 + 0.6 * a_f2 - 0.9 * a_g2 + 1.2 * a_o2
    dc1 = dc2 * f2 + dh1 * o1 * (1 - math.tanh(c1) ** 2)
    a_i1, a_g1 = dc1 * g1 * i1 * (1 - i1), dc1 * i1 * (1 - g1**2)
    a_o1 = dh1 * math.tanh(c1) * o1 * (1 - o1)
    close(dx, [[[0.5 * a_i1 + 1.5 * a_g1 + 2 * a_o1], [0.5 * a_i2 - a_f2 + 1.5 * a_g2 + 2 * a_o2]]])
    close(
        grads["W_x"], column(x1 * a_i1 + x2 * a_i2, x2 * a_f2, x1 * a_g1 + x2 * a_g2, x1 * a_o1 + x2 * a_o2)
    )
    close(grads["W_h"], h1 * column(a_i2, a_f2, a_g2, a_o2))
    close(grads["b_x"], [a_i1 + a_i2, a_f2, a_g1 + a_g2, a_o1 + a_o2])
    close(grads["b_h"], grads["b_x"])


def test_two_steps_of_a_gru_by_hand():
    layer = tiny(GRU, [0.5, -1.0, 1.5], [0.3, 0.6, -0.9], [0.1, 0.2, 0.3], [0.0, 0.5, -0.4])
    x1, x2 = 0.7, -1.1
    r1, z1 = s(0.5 * x1 + 0.1), s(-x1 + 0.7)
    n1 = math.tanh(1.5 * x1 + 0.3 + r1 * -0.4)  # the second bias is reset too
    h1 = (1 - z1) * n1
    r2, z2 = s(0.5 * x2 + 0.3 * h1 + 0.1), s(-x2 + 0.6 * h1 + 0.7)
    m2 = -0.9 * h1 - 0.4
    n2 = math.tanh(1.5 * x2 + 0.3 + r2 * m2)
    h2 = (1 - z2) * n2 + z2 * h1
    close(layer.forward(np.array([[[x1], [x2]]])), [[[h1], [h2]]])
    dx, grads = layer.backward(np.array([[[1.0], [10.0]]]))

    a_n2 = 10 * (1 - z2) * (1 - n2**2)
    a_r2, a_z2 = a_n2 * m2 * r2 * (1 - r2), 10 * (h1 - n2) * z2 * (1 - z2)
    dh1 = 1 + 10 * z2 + 0.3 * a_r2 + 0.6 * a_z2 - 0.9 * r2 * a_n2
    a_n1 = dh1 * (1 - z1) * (1 - n1**2)
    a_r1, a_z1 = a_n1 * -0.4 * r1 * (1 - r1), dh1 * -n1 * z1 * (1 - z1)
    close(dx, [[[0.5 * a_r1 - a_z1 + 1.5 * a_n1], [0.5 * a_r2 - a_z2 + 1.5 * a_n2]]])
    close(grads["W_x"], column(x1 * a_r1 + x2 * a_r2, x1 * a_z1 + x2 * a_z2, x1 * a_n1 + x2 * a_n2))
    close(grads["W_h"], h1 * column(a_r2, a_z2, r2 * a_n2))
    close(grads["b_x"], [a_r1 + a_r2, a_z1 + a_z2, a_n1 + a_n2])
    close(grads["b_h"], [a_r1 + a_r2, a_z1 + a_z2, r1 * a_n1 + r2 * a_n2])


# --- the layer and its cell


@every_layer
@pytest.mark.parametrize("T", [1, 4, 200])
def test_a_layer_is_its_cell_step_after_step(name, T, rng):
    layer, x = build(name), rng.standard_normal((2, T, 3))
    first, upstream = states(layer, rng, 2), rng.standard_normal((2, T, 5)) / T
    y = layer.forward((x, *first))
    dx, grads = layer.backward(upstream)

    cells = [LAYERS[name][1](3, 5) for _ in range(T)]
    for cell in cells:
        cell.params.update(layer.params)
    state = first
    for t, cell in enumerate(cells):
        state = each(cell.forward((x[:, t], *state)))
        close(y[:, t], state[0])
    dstate, total = [np.zeros((2, 5)) for _ in first], dict.fromkeys(grads, 0)
    for t in reversed(range(T)):
        dstate[0] = dstate[0] + upstream[:, t]
        (dx_t, *dstate), step = cells[t].backward(tuple(dstate) if len(dstate) > 1 else dstate[0])
        close(dx[0][:, t], dx_t)
        total = {key: total[key] + step[key] for key in total}
    for ours, theirs in zip(dx[1:], dstate, strict=True):
        close(ours, theirs)
    for key, grad in grads.items():
        close(grad, total[key])


@every_layer
def test_without_a_state_it_starts_from_zeros(name, rng):
    layer, x = build(name), rng.standard_normal((2, 4, 3))
    y, upstream = layer.forward(x), rng.standard_normal((2, 4, 5))
    dx, grads = layer.backward(upstream)
    assert isinstance(dx, np.ndarray)
    zeros = tuple(np.zeros((2, 5)) for _ in layer.states)
    np.testing.assert_array_equal(layer.forward((x, *zeros)), y)
    (dx_again, *_), grads_again = layer.backward(upstream)
    np.testing.assert_array_equal(dx_again, dx)
    assert all(np.array_equal(grads[key], grads_again[key]) for key in grads)


@pytest.mark.parametrize("name", ["RNN", "relu RNN", "GRU"])
def test_a_run_in_two_pieces_is_one_run(name, rng):
    layer, x, upstream = build(name), rng.standard_normal((2, 7, 3)), rng.standard_normal((2, 7, 5))
    y = layer.forward(x)
    dx, grads = layer.backward(upstream)
    early, late = copy.deepcopy(layer), copy.deepcopy(layer)
    y_early = early.forward(x[:, :3])
    close(np.concatenate([y_early, late.forward((x[:, 3:], y_early[:, -1]))], axis=1), y)
    (dx_late, dh), grads_late = late.backward(upstream[:, 3:])
    u = upstream[:, :3].copy()
    u[:, -1] += dh
    dx_early, grads_early = early.backward(u)
    close(np.concatenate([dx_early, dx_late], axis=1), dx)
    for key, grad in grads.items():
        close(grads_early[key] + grads_late[key], grad)


def test_an_lstm_hands_on_h_and_c(rng):
    layer, cell, x = build("LSTM"), LSTMCell(3, 5), rng.standard_normal((2, 7, 3))
    cell.params.update(layer.params)
    y = layer.forward(x)
    h = c = np.zeros((2, 5))
    for t in range(3):
        h, c = cell.forward((x[:, t], h, c))
    close(layer.forward((x[:, 3:], h, c)), y[:, 3:])


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_an_adjoint_goes_back_200_steps(name, rng):
    layer, x = build(name), rng.standard_normal((1, 200, 3)) / 10
    upstream = np.zeros((1, 200, 5))
    upstream[:, -1] = rng.standard_normal(5)  # only the last step is asked
    layer.forward(x)
    dx, _ = layer.backward(upstream)
    assert dx[0, 100].any()
    for t in (0, 100, 199):
        stepped = x.astype(complex)
        stepped[0, t, 1] += 1e-30j
        slope = (upstream * layer.forward(stepped).imag / 1e-30).sum()
        np.testing.assert_allclose(dx[0, t, 1], slope, rtol=1e-8)


# --- numbers


@every_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_inputs_give_finite_numbers_without_a_warning(name, dtype, rng):
    layer = LAYERS[name][0](3, 5, rng=0, dtype=dtype)
    x = (1e4 * rng.standard_normal((2, 6, 3))).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        y = layer.forward(x)
        dx, grads = layer.backward(np.ones_like(y))
    for part in (y, dx, *grads.values()):
        assert np.isfinite(part).all()
        assert part.dtype == dtype


@every_layer
def test_an_empty_batch_passes(name):
    layer = build(name)
    assert layer.forward(np.ones((0, 4, 3))).shape == (0, 4, 5)
    dx, grads = layer.backward(np.ones((0, 4, 5)))
    assert dx.shape == (0, 4, 3)
    assert not any(grad.any() for grad in grads.values())


@every_layer
def test_a_dx_that_nobody_needs_is_skipped(name, rng):
    layer = build(name)
    layer.input_grad = False
    x, first = rng.standard_normal((2, 4, 3)), states(layer, rng, 2)
    layer.forward(x)
    dx, grads = layer.backward(np.ones((2, 4, 5)))
    assert dx is None
    assert grads["W_x"].any()
    layer.forward((x, *first))
    (dx, *dfirst), _ = layer.backward(np.ones((2, 4, 5)))
    assert dx is None
    assert all(part.any() for part in dfirst)
    cell = LAYERS[name][1](3, 5)
    cell.input_grad = False
    y = cell.forward((x[:, 0], *first))
    assert cell.backward(y)[0][0] is None


# --- parameters


@pytest.mark.parametrize(
    ("kind", "gates"), [(RNN, 1), (LSTM, 4), (GRU, 3), (RNNCell, 1), (LSTMCell, 4), (GRUCell, 3)]
)
def test_parameters_have_a_block_a_gate_and_start_orthogonal(kind, gates):
    params = kind(3, 5, rng=0).params
    shapes = {"W_x": (gates * 5, 3), "W_h": (gates * 5, 5), "b_x": (gates * 5,), "b_h": (gates * 5,)}
    assert {key: array.shape for key, array in params.items()} == shapes
    assert {array.dtype for array in params.values()} == {np.dtype(np.float32)}
    blocks = [*np.split(params["W_x"], gates), *np.split(params["W_h"], gates)]
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(block.shape[1]), atol=1e-6)
    assert len({block.tobytes() for block in blocks}) == 2 * gates
    assert not params["b_h"].any()


def test_an_lstm_starts_by_remembering():
    for kind in (LSTM, LSTMCell):
        np.testing.assert_array_equal(kind(3, 2).params["b_x"], [0, 0, 1, 1, 0, 0, 0, 0])
    assert not GRU(3, 2).params["b_x"].any()
    assert not RNN(3, 2).params["b_x"].any()


def test_init_rng_dtype_and_bias_are_options():
    layer = LSTM(3, 5, bias=False, init=partial(constant, value=0.5), dtype=np.float64)
    assert list(layer.params) == ["W_x", "W_h"]
    assert all((array == 0.5).all() and array.dtype == np.float64 for array in layer.params.values())
    a, b, c = (GRU(3, 5, rng=seed).params["W_h"] for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_layers_say_their_sizes():
    assert repr(RNN(3, 5)) == "RNN(3 -> 5)"
    assert repr(RNNCell(3, 5, nonlinearity="relu")) == "RNNCell(3 -> 5, nonlinearity='relu')"
    assert repr(LSTM(3, 5, bias=False)) == "LSTM(3 -> 5, bias=False)"
    assert repr(GRUCell(3, 5)) == "GRUCell(3 -> 5)"
