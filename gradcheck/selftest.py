"""Every layer and loss that this library exports, at an ordinary size."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from .guess import Example

Row = tuple[Callable[[], Any], Example]
BASES = ("Layer", "Container", "Loss")  # what the others derive from


def cases() -> Iterator[tuple[str, Row | None]]:
    """The name of every exported layer and loss, what builds it, and its x; None where its table has no row.

    A row whose name is not exported comes with None too.
    """
    import layers  # here, as no other part of gradcheck needs more than the contract
    import losses

    for package, table in ((layers, layer_table()), (losses, loss_table())):
        exported = classes(package)
        for name in exported:
            yield name, _row(*table[name]) if name in table else None
        yield from ((name, None) for name in table if name not in exported)


def classes(package: ModuleType) -> list[str]:
    """The names of the exported classes, without their bases."""
    return [n for n in package.__all__ if inspect.isclass(getattr(package, n)) and n not in BASES]


def layer_table() -> dict[str, tuple[Any, ...]]:
    """name -> what builds it, and x: a shape, a list of shapes for several inputs, or an array."""
    import layers as L

    ids = np.array([[1, 0, 3], [3, 2, 1]])

    def graph() -> Any:
        made = L.Graph(inputs=("x", "s"), output="y")
        made.add("h", L.Affine(6, 4, rng=0), "x")
        made.add("t", L.Tanh(), "h")
        made.add("y", L.Mul(), "t", "s")
        return made

    return {
        "ELU": (L.ELU, (4, 6)),
        "GELU": (L.GELU, (4, 6)),
        "GRU": (lambda: L.GRU(5, 4, rng=0), (3, 6, 5)),
        "LSTM": (lambda: L.LSTM(5, 4, rng=0), (3, 6, 5)),
        "RNN": (lambda: L.RNN(5, 4, rng=0), (3, 6, 5)),
        "SELU": (L.SELU, (4, 6)),
        "Add": (L.Add, [(4, 6)] * 3),
        "Affine": (lambda: L.Affine(6, 5, rng=0), (4, 6)),
        "AvgPool1D": (lambda: L.AvgPool1D(3, stride=2), (3, 4, 8)),
        "AvgPool2D": (lambda: L.AvgPool2D(3, stride=2, padding=1), (2, 3, 7, 6)),
        "BatchNorm": (lambda: L.BatchNorm(3), (5, 3, 4, 2)),
        "Bidirectional": (lambda: L.Bidirectional(L.RNN(5, 3, rng=0), L.GRU(5, 2, rng=1)), (3, 4, 5)),
        "Branch": (lambda: L.Branch(L.Affine(6, 5, rng=0), L.Tanh()), (4, 6)),
        "Concat": (L.Concat, [(4, 5), (4, 2), (4, 3)]),
        "Conv1D": (lambda: L.Conv1D(3, 4, 3, padding=1, stride=2, rng=0), (2, 3, 8)),
        "Conv2D": (lambda: L.Conv2D(3, 4, (3, 2), padding=1, stride=2, rng=0), (2, 3, 6, 5)),
        "ConvTranspose1D": (lambda: L.ConvTranspose1D(3, 4, 3, stride=2, rng=0), (2, 3, 5)),
        "ConvTranspose2D": (
            lambda: L.ConvTranspose2D(3, 4, (3, 2), stride=2, padding=1, rng=0),
            (2, 3, 4, 5),
        ),
        "Copy": (lambda: L.Copy(3), (4, 6)),
        "Dropout": (lambda: L.Dropout(0.4, rng=0), (4, 6)),
        "Dropout2D": (lambda: L.Dropout2D(0.4, rng=0), (4, 5, 3, 2)),
        "Elementwise": (lambda: L.Elementwise(np.sin, np.cos), (4, 6)),
        "Embedding": (lambda: L.Embedding(4, 5, rng=0), ids),
        "Flatten": (L.Flatten, (4, 3, 2, 5)),
        "GRUCell": (lambda: L.GRUCell(5, 4, rng=0), [(3, 5), (3, 4)]),
        "GlobalAvgPool": (L.GlobalAvgPool, (4, 3, 2, 5)),
        "Graph": (graph, [(5, 6), (5, 4)]),
        "GroupNorm": (lambda: L.GroupNorm(2, 6), (3, 6, 2, 5)),
        "Identity": (L.Identity, (4, 6)),
        "InstanceNorm": (lambda: L.InstanceNorm(3, affine=True), (4, 3, 2, 5)),
        "LSTMCell": (lambda: L.LSTMCell(5, 4, rng=0), [(3, 5), (3, 4), (3, 4)]),
        "LastStep": (L.LastStep, (4, 6, 3)),
        "LayerNorm": (lambda: L.LayerNorm(6), (4, 3, 6)),
        "LeakyReLU": (lambda: L.LeakyReLU(0.2), (4, 6)),
        "LogSoftmax": (L.LogSoftmax, (4, 6)),
        "Max": (L.Max, [(4, 6)] * 3),
        "MaxPool1D": (lambda: L.MaxPool1D(3, stride=2), (3, 4, 8)),
        "MaxPool2D": (lambda: L.MaxPool2D(3, stride=2, padding=1), (2, 3, 7, 6)),
        "Mul": (L.Mul, [(4, 6)] * 3),
        "MultiHeadAttention": (lambda: L.MultiHeadAttention(6, 3, causal=True, rng=0), (2, 5, 6)),
        "PReLU": (lambda: L.PReLU(3), (4, 3, 2, 5)),
        "Parallel": (lambda: L.Parallel(L.Affine(6, 5, rng=0), L.Sigmoid()), [(4, 6), (4, 3)]),
        "Permute": (lambda: L.Permute(0, 3, 1, 2), (4, 3, 2, 5)),
        "PositionalEncoding": (lambda: L.PositionalEncoding(7, 6, learned=True, rng=0), (3, 4, 6)),
        "RMSNorm": (lambda: L.RMSNorm(6), (4, 3, 6)),
        "RNNCell": (lambda: L.RNNCell(5, 4, rng=0), [(3, 5), (3, 4)]),
        "ReLU": (L.ReLU, (4, 6)),
        "Reshape": (lambda: L.Reshape(5, -1), (4, 3, 2, 5)),
        "Residual": (lambda: L.Residual(L.Affine(6, 6, rng=0), L.Tanh()), (4, 6)),
        "ScaledDotProductAttention": (L.ScaledDotProductAttention, [(2, 3, 4), (2, 5, 4), (2, 5, 6)]),
        "Sequential": (lambda: L.Sequential(L.Affine(6, 5, rng=0), L.Tanh(), L.Affine(5, 3, rng=1)), (4, 6)),
        "SiLU": (L.SiLU, (4, 6)),
        "Sigmoid": (L.Sigmoid, (4, 6)),
        "Softmax": (L.Softmax, (4, 6)),
        "Softplus": (L.Softplus, (4, 6)),
        "Tanh": (L.Tanh, (4, 6)),
        "TransformerBlock": (lambda: L.TransformerBlock(6, 3, 8, causal=True, rng=0), (2, 5, 6)),
        "Upsample2D": (lambda: L.Upsample2D((2, 3)), (2, 3, 4, 5)),
        "ZeroPad2D": (lambda: L.ZeroPad2D((1, 0, 2, 3)), (2, 3, 4, 5)),
    }


def loss_table() -> dict[str, tuple[Any, ...]]:
    """name -> what builds it, the shape of the prediction, and the target."""
    import losses

    rng = np.random.default_rng(0)
    values, labels, counts = rng.standard_normal((6, 4)), rng.integers(4, size=6), rng.poisson(2.0, (6, 4))
    share = rng.random((6, 4))
    return {
        "CTC": (losses.CTC, (4, 7, 5), rng.integers(1, 5, size=(4, 3))),
        "Huber": (lambda: losses.Huber(0.7), (6, 4), values),
        "KLDivergence": (losses.KLDivergence, (6, 4), share / share.sum(axis=1, keepdims=True)),
        "L1": (losses.L1, (6, 4), values),
        "MSE": (losses.MSE, (6, 4), values),
        "MulticlassHinge": (losses.MulticlassHinge, (6, 4), labels),
        "NLL": (losses.NLL, (6, 4), labels),
        "Poisson": (losses.Poisson, (6, 4), counts),
        "SigmoidCrossEntropy": (losses.SigmoidCrossEntropy, (6, 4), rng.integers(2, size=(6, 4))),
        "SoftmaxCrossEntropy": (losses.SoftmaxCrossEntropy, (6, 4), labels),
    }


def _row(build: Callable[[], Any], x: Any, target: Any = None) -> Row:
    words = f"x of shape {np.shape(x) if isinstance(x, np.ndarray) else x}"
    return build, Example(x, words, target)
