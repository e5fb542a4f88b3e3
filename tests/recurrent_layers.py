"""Recurrent layers and their cells, built for comparison."""

from functools import partial

import numpy as np
import pytest

from layers import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

LAYERS = {
    "RNN": (RNN, RNNCell),
    "relu RNN": (partial(RNN, nonlinearity="relu"), partial(RNNCell, nonlinearity="relu")),
    "LSTM": (LSTM, LSTMCell),
    "GRU": (GRU, GRUCell),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


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
