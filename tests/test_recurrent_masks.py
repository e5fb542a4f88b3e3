"""Sequences of several lengths: masks, both directions, and the last step."""

import copy

import numpy as np
import pytest
from recurrent_layers import build, close, every_layer, states

from gradcheck import check_layer
from layers import LSTM, Affine, Bidirectional, Identity, LastStep, Sequential


@pytest.fixture
def rng():
    return np.random.default_rng(5)


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
