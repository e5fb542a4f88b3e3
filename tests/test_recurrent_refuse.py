"""What recurrent layers, cells, both directions and the last step refuse."""

import numpy as np
import pytest

from layers import GRU, LSTM, RNN, Bidirectional, GRUCell, LastStep, LSTMCell, RNNCell

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
