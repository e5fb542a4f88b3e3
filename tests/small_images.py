"""Images and sequences of a few numbers, written out, and what comes back to them."""

import numpy as np


def image(*rows):
    """(1, 1, H, W)"""
    return np.array(rows, dtype=float)[None, None]


def sequence(*values):
    """(1, 1, L)"""
    return np.array(values, dtype=float)[None, None]


def pull(layer, upstream):
    dx, grads = layer.backward(upstream)
    assert grads == {}
    return dx


def dot(a, b):
    return float((a * b).sum())
