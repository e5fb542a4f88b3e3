"""Recurrent layers: by hand, against their cells, with masks, both ways, and what they refuse."""

import copy
import math
from functools import partial

import numpy as np
import pytest

from gradcheck import check_layer
from layers import (
    GRU,
    LSTM,
    RNN,
    Affine,
    Bidirectional,
    GRUCell,
    Identity,
    LastStep,
    LSTMCell,
    RNNCell,
    Sequential,
)
from layers.init import constant

LAYERS = {
    "RNN": (RNN, RNNCell),
    "relu RNN": (partial(RNN, nonlinearity="relu"), partial(RNNCell, nonlinearity="relu")),
    "LSTM": (LSTM, LSTMCell),
    "GRU": (GRU, GRUCell),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def build(name, D=3, H=5, **options):
    """The layer in float64, with biases that are not zero."""
    layer = LAYERS[name][0](D, H, rng=0, **options).astype(np.float64)
    for i, array in enumerate(layer.params.values()):
        array += np.random.default_rng(i).uniform(-0.3, 0.3, array.shape)
    return layer


def states(layer, rng, N):
    """As many random starts as the layer has states."""
    return tuple(rng.standard_normal((N, layer.params["W_h"].shape[1])) for _ in layer.states)


def each(value):
    return value if isinstance(value, tuple) else (value,)


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


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


# --- masks


@every_layer
@pytest.mark.parametrize("given", [True, False], ids=["from a state", "from zeros"])
def test_a_mask_is_each_sequence_at_its_own_length(name, given, rng):
    layer, lengths = build(name), np.array([4, 1, 6, 3])
    x, upstream = rng.standard_normal((4, 6, 3)), rng.standard_normal((4, 6, 5))
    first = states(layer, rng, 4) if given else ()
    mask = np.arange(6) < lengths[:, None]
    y = layer.forward((x, *first, mask))
    (dx, *dfirst), grads = layer.backward(upstream)
    assert dfirst.pop() is None
    assert len(dfirst) == len(first)
    total = dict.fromkeys(grads, 0)
    for n, length in enumerate(lengths):
        row = slice(n, n + 1)
        close(y[row, :length], layer.forward((x[row, :length], *(state[row] for state in first))))
        (dx_row, *dfirst_row), grads_row = layer.backward(upstream[row, :length])
        close(dx[row, :length], dx_row)
        for ours, alone in zip(dfirst, dfirst_row, strict=True):
            close(ours[row], alone)
        total = {key: total[key] + grads_row[key] for key in total}
    for key, grad in grads.items():
        close(grad, total[key])
    assert not y[~mask].any()
    assert not dx[~mask].any()


@every_layer
def test_a_step_left_out_in_the_middle_is_as_if_it_were_not_there(name, rng):
    layer, x, upstream = build(name), rng.standard_normal((2, 5, 3)), rng.standard_normal((2, 5, 5))
    first, mask = states(layer, rng, 2), np.array([[False, True, False, False, True]] * 2)
    y = layer.forward((x, *first, mask))
    dx, grads = layer.backward(upstream)
    close(y[:, [1, 4]], layer.forward((x[:, [1, 4]], *first)))
    dx_short, grads_short = layer.backward(upstream[:, [1, 4]])
    close(dx[0][:, [1, 4]], dx_short[0])
    for ours, short in zip(dx[1:-1], dx_short[1:], strict=True):
        close(ours, short)
    for key, grad in grads.items():
        close(grad, grads_short[key])


@every_layer
def test_a_row_without_a_step_has_no_part_in_anything(name, rng):
    layer, mask = build(name), np.array([[True] * 4, [False] * 4])
    y = layer.forward((rng.standard_normal((2, 4, 3)), *states(layer, rng, 2), mask))
    (dx, *dfirst, _), _ = layer.backward(np.ones((2, 4, 5)))
    assert not y[1].any()
    assert not dx[1].any()
    assert not any(part[1].any() for part in dfirst)
    assert all(part[0].any() for part in dfirst)


@every_layer
def test_what_stands_behind_the_end_is_not_read(name, rng):
    layer, mask = build(name), np.arange(4) < np.array([[4], [2]])
    x, upstream = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 5))
    y = layer.forward((x, mask))
    (dx, _), grads = layer.backward(upstream)
    x[~mask] = np.nan
    np.testing.assert_array_equal(layer.forward((x, mask)), y)
    (dx_again, _), grads_again = layer.backward(upstream)
    np.testing.assert_array_equal(dx_again, dx)
    assert all(np.array_equal(grads[key], grads_again[key]) for key in grads)


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


# --- both directions, and the last step


def test_bidirectional_reads_the_sequence_both_ways(rng):
    ahead, back = build("GRU"), build("RNN", H=2)
    both, x = Bidirectional(ahead, back), rng.standard_normal((2, 4, 3))
    assert list(both.params)[:2] == ["ahead.W_x", "ahead.W_h"]
    assert both.params["back.W_h"] is back.params["W_h"]
    ahead_alone, back_alone = copy.deepcopy(ahead), copy.deepcopy(back)
    y, upstream = both.forward(x), rng.standard_normal((2, 4, 7))
    close(y[..., :5], ahead_alone.forward(x))
    close(y[..., 5:], back_alone.forward(x[:, [3, 2, 1, 0]])[:, [3, 2, 1, 0]])
    dx, grads = both.backward(upstream)
    dx_ahead, grads_ahead = ahead_alone.backward(upstream[..., :5])
    dx_back, grads_back = back_alone.backward(upstream[:, [3, 2, 1, 0], 5:])
    close(dx, dx_ahead + dx_back[:, [3, 2, 1, 0]])
    close(grads["ahead.W_h"], grads_ahead["W_h"])
    close(grads["back.W_h"], grads_back["W_h"])


def test_bidirectional_by_hand():
    both = Bidirectional(Identity(), Affine(1, 1, init="ones", dtype=np.float64))  # any two layers will do
    x = np.array([[[1.0], [2.0], [3.0]]])
    np.testing.assert_array_equal(both.forward(x), [[[1, 1], [2, 2], [3, 3]]])
    dx, _ = both.backward(np.array([[[1.0, 10], [2, 20], [3, 30]]]))
    np.testing.assert_array_equal(dx, [[[11], [22], [33]]])


def test_bidirectional_with_a_mask_reads_each_sequence_from_its_own_end(rng):
    both, lengths = Bidirectional(build("LSTM"), build("GRU", H=2)), (3, 5, 1)
    x, upstream = rng.standard_normal((3, 5, 3)), rng.standard_normal((3, 5, 7))
    mask = np.arange(5) < np.array(lengths)[:, None]
    y = both.forward((x, mask))
    (dx, none), _ = both.backward(upstream)
    assert none is None
    assert not y[~mask].any()
    assert not dx[~mask].any()
    for n, length in enumerate(lengths):
        close(y[n : n + 1, :length], both.forward(x[n : n + 1, :length]))
        close(dx[n : n + 1, :length], both.backward(upstream[n : n + 1, :length])[0])


def test_bidirectional_skips_a_dx_that_nobody_needs(rng):
    both = Bidirectional(build("RNN"), build("RNN"))
    both.input_grad = False
    both.forward(rng.standard_normal((2, 4, 3)))
    dx, grads = both.backward(np.ones((2, 4, 10)))
    assert dx is None
    assert grads["back.W_x"].any()


def test_last_step_by_hand():
    x = np.arange(12.0).reshape(2, 3, 2)
    layer = LastStep()
    np.testing.assert_array_equal(layer.forward(x), [[4, 5], [10, 11]])
    dx, grads = layer.backward(np.array([[1.0, 2], [3, 4]]))
    np.testing.assert_array_equal(dx, [[[0, 0], [0, 0], [1, 2]], [[0, 0], [0, 0], [3, 4]]])
    assert grads == {}


def test_last_step_with_a_mask_by_hand():
    x, mask = np.arange(12.0).reshape(2, 3, 2), np.array([[True, False, False], [False, True, False]])
    layer = LastStep()
    np.testing.assert_array_equal(layer.forward((x, mask)), [[0, 1], [8, 9]])
    (dx, none), _ = layer.backward(np.array([[1.0, 2], [3, 4]]))
    assert none is None
    np.testing.assert_array_equal(dx, [[[1, 2], [0, 0], [0, 0]], [[0, 0], [3, 4], [0, 0]]])


def test_a_classifier_of_sequences_has_right_gradients():
    model = Sequential(LSTM(2, 3, rng=0), LastStep(), Affine(3, 1, rng=1)).astype(np.float64)
    report = check_layer(model, (2, 5, 2))
    assert report.passed, str(report)


# --- what is refused

X = np.ones((2, 4, 3))
H0 = np.ones((2, 5))
MASK = np.ones((2, 4), bool)


@pytest.mark.parametrize(
    ("kind", "x", "error", "message"),
    [
        (RNN, np.ones((2, 3)), ValueError, r"RNN\(3 -> 5\): expected x of shape \(N, T, 3\), got \(2, 3\)"),
        (RNN, np.ones((2, 4, 2)), ValueError, r"expected x of shape \(N, T, 3\), got \(2, 4, 2\)"),
        (GRU, np.ones((2, 0, 3)), ValueError, r"GRU.*: expected x of at least one step, got .*\(2, 0, 3\)"),
        (GRU, [X, H0], TypeError, r"GRU.*: expected x to be a NumPy array, got list"),
        (GRU, (X, np.ones((2, 4))), ValueError, r"expected h0 of shape \(2, 5\), got \(2, 4\)"),
        (GRU, (X, np.ones((1, 2, 5))), ValueError, r"expected h0 of shape \(2, 5\), got \(1, 2, 5\)"),
        (GRU, (X, None), TypeError, r"expected h0 to be a NumPy array, got NoneType"),
        (LSTM, (X, H0, H0[:1]), ValueError, r"expected c0 of shape \(2, 5\), got \(1, 5\)"),
        (RNN, (X, MASK[:, :3]), ValueError, r"expected mask of shape \(2, 4\), got \(2, 3\)"),
        (LSTM, (X, H0, H0, MASK[:1]), ValueError, r"expected mask of shape \(2, 4\), got \(1, 4\)"),
        (RNN, (X, MASK.astype(int)), TypeError, r"got int64; a mask is mask.astype\(bool\)"),
        (LSTM, (X, np.array([4, 2])), TypeError, r"got int64; .* np.arange\(T\) < lengths\[:, None\]"),
        (GRU, (X, MASK, H0), TypeError, r"x\[1\] to be a state .* or the last a mask of bools, got bool"),
        (GRU, (X, H0, H0), ValueError, r"x, \(x, h0\), \(x, mask\) or \(x, h0, mask\), got a tuple of 3"),
        (GRU, (X, H0, H0, MASK), ValueError, r"expected x, .* or \(x, h0, mask\), got a tuple of 4"),
        (LSTM, (X, H0), ValueError, r"expected x, \(x, h0, c0\), .*, got a tuple of 2"),
        (LSTM, (X, H0, MASK), ValueError, r"or \(x, h0, c0, mask\), got a tuple of 3"),
        (LSTM, (), ValueError, r"expected x to be a tuple of at least 1, got 0"),
        (RNNCell, X[:, 0], TypeError, r"RNNCell\(3 -> 5\): expected x to be a tuple of arrays, got ndarray"),
        (RNNCell, (X[:, 0], H0, H0), ValueError, r"expected x to be a tuple of 2, got 3"),
        (LSTMCell, (X[:, 0], H0), ValueError, r"expected x to be a tuple of 3, got 2"),
        (GRUCell, (X, H0), ValueError, r"expected x of shape \(N, 3\), got \(2, 4, 3\)"),
        (GRUCell, (X[:, 0], H0[:1]), ValueError, r"expected h of shape \(2, 5\), got \(1, 5\)"),
        (LSTMCell, (X[:, 0], H0, H0[:, :1]), ValueError, r"expected c of shape \(2, 5\), got \(2, 1\)"),
    ],
)  # fmt: skip
def test_a_wrong_input_is_refused_by_name(kind, x, error, message):
    with pytest.raises(error, match=message):
        kind(3, 5).forward(x)


def test_a_wrong_upstream_of_an_lstm_cell_is_refused():
    cell = LSTMCell(3, 5)
    cell.forward((X[:, 0], H0, H0))
    with pytest.raises(
        TypeError, match=r"LSTMCell\(3 -> 5\): expected upstream to be a tuple of arrays, got ndarray"
    ):
        cell.backward(H0)
    with pytest.raises(ValueError, match=r"expected upstream\[1\] of shape \(2, 5\), got \(2, 4\)"):
        cell.backward((H0, H0[:, :4]))


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: RNN(3, 5, nonlinearity="elu"), ValueError, "RNN: expected nonlinearity .*'relu', got 'elu'"),
        (lambda: LSTM(0, 5), ValueError, "LSTM: expected input_size >= 1, got 0"),
        (lambda: GRU(3, -1), ValueError, "GRU: expected hidden_size >= 1, got -1"),
        (lambda: GRUCell(3, 5.0), TypeError, "GRUCell: expected hidden_size to be an integer, got 5.0"),
        (lambda: LSTM(True, 5), TypeError, "LSTM: expected input_size to be an integer, got True"),
        (lambda: RNNCell(3, (5,)), TypeError, r"RNNCell: expected hidden_size to be an integer, got \(5,\)"),
        (lambda: GRU(3, 5, init="orthogonl"), ValueError, "did you mean 'orthogonal'"),
        (lambda: Bidirectional(GRU, GRU), TypeError, "expected a layer at ahead, got the class GRU; call it"),
        (lambda: Bidirectional(GRU(3, 5), 5), TypeError, "Bidirectional: expected a layer at back, got int"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_refused_by_name(build, error, message):
    with pytest.raises(error, match=message):
        build()


def test_bidirectional_refuses_one_layer_for_both_ways():
    layer = GRU(3, 5)
    with pytest.raises(ValueError, match="expected every layer object in one place"):
        Bidirectional(layer, layer)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (X[0], ValueError, r"expected x of shape \(N, T, D\), got \(4, 3\)"),
        ((X, H0, H0), ValueError, r"expected x or \(x, mask\), got a tuple of 3"),
        ((X, MASK.astype(int)), TypeError, r"expected a mask of bools, got int64; write mask.astype\(bool\)"),
        ((X, None), TypeError, "expected a mask of bools, got NoneType"),
        ((X, MASK.T), ValueError, r"expected mask of shape \(2, 4\), got \(4, 2\)"),
        (X[:, :0], ValueError, r"expected x of at least one step, got shape \(2, 0, 3\)"),
    ],
)
@pytest.mark.parametrize(
    "layer", [LastStep(), Bidirectional(GRU(3, 5), GRU(3, 2))], ids=["LastStep", "Bidirectional"]
)
def test_both_ways_and_the_last_step_refuse_by_name(layer, x, error, message):
    with pytest.raises(error, match=message):
        layer.forward(x)


def test_an_error_in_one_direction_says_which():
    with pytest.raises(ValueError, match=r"expected x of shape \(N, T, 4\)") as caught:
        Bidirectional(GRU(3, 5), GRU(4, 5)).forward(X)
    assert caught.value.__notes__ == ["in layer back, GRU(4 -> 5)"]


def test_bidirectional_refuses_a_layer_that_loses_the_time():
    with pytest.raises(
        ValueError, match=r"Bidirectional: expected g\(flip\(x\)\) of shape \(2, 4, K\), got \(2, 3\)"
    ):
        Bidirectional(GRU(3, 5), LastStep()).forward(X)


def test_last_step_refuses_a_row_without_a_step():
    mask = np.array([[True, False, False, False], [False] * 4])
    with pytest.raises(
        ValueError, match=r"LastStep.*: expected a step in every row of the mask, got none in row 1"
    ):
        LastStep().forward((X, mask))
