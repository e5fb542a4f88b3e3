"""The matrix products of an MLP's step and nothing else: how fast NumPy could be at best."""

import itertools

import numpy as np


def _arrays(sizes, batch):
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((batch, n)).astype(np.float32) for n in sizes]
    W = [rng.standard_normal((m, n)).astype(np.float32) for n, m in itertools.pairwise(sizes)]
    return x, W


def training(kind, sizes, batch):
    if kind != "mlp":
        return None
    x, W = _arrays(sizes, batch)

    def step():
        for i, w in enumerate(W):
            x[i] @ w.T
        for i, w in reversed(list(enumerate(W))):
            x[i + 1].T @ x[i]
            if i:
                x[i + 1] @ w

    return step


def prediction(kind, sizes, batch):
    x, W = _arrays(sizes, batch)
    return lambda: [x[i] @ w.T for i, w in enumerate(W)]
