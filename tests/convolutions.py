"""The four convolutions, and what is put into them and compared."""

import numpy as np
import pytest

from layers import Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D

ALL = (Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D)
PAIRS = ((Conv1D, ConvTranspose1D), (Conv2D, ConvTranspose2D))
every_layer = pytest.mark.parametrize("kind", ALL)


def set_to(layer, W, b=None):
    """The layer in float64 with these weights."""
    layer.astype(np.float64).params["W"][...] = W
    if b is not None:
        layer.params["b"][...] = b
    return layer


def image(*rows):
    """One image of one channel: (1, 1, ...)."""
    return np.array(rows, dtype=float)[None, None]


def line(*values):
    """One sequence of one channel: (1, 1, L)."""
    return np.array(values, dtype=float)[None, None]


def equal(actual, expected):
    np.testing.assert_array_equal(actual, expected, strict=True)


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
