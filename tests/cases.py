"""The table of everything that is exported: one row each, for the promises of test_promises.py.

A layer's row says how to build it and the shape of x: a tuple of ints, or a list of them for several inputs.
An input that is not of real numbers, and so has no gradient, is Ids or a Mask of a shape.
A loss's row says how to build it, the shape of the prediction, and how to draw a target.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import layers as L
import losses


@dataclass(frozen=True)
class Ids:
    """Integers from 0 to num - 1."""

    num: int
    shape: tuple[int, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        return rng.integers(self.num, size=self.shape)


@dataclass(frozen=True)
class Mask:
    """Booleans, True at the start of every row of the last axis and here and there after it."""

    shape: tuple[int, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        mask = rng.random(self.shape) < 0.6
        mask[..., 0] = True
        return mask


def draw(rng: np.random.Generator, shape: Any, dtype: Any) -> Any:
    if isinstance(shape, list):
        return tuple(draw(rng, part, dtype) for part in shape)
    return rng.standard_normal(shape).astype(dtype) if isinstance(shape, tuple) else shape.draw(rng)


def one_of(shape: Any) -> Any:
    """The shape with N = 1."""
    if isinstance(shape, list):
        return [one_of(part) for part in shape]
    return (1, *shape[1:]) if isinstance(shape, tuple) else replace(shape, shape=(1, *shape.shape[1:]))


@dataclass(frozen=True)
class Case:
    id: str
    build: Callable[[], Any]
    shape: Any
    one: Any = None  # the shape of a batch of one; by default the same with N = 1

    def x(self, rng: np.random.Generator, shape: Any = None, dtype: Any = np.float64) -> Any:
        return draw(rng, self.shape if shape is None else shape, dtype)

    def batch_of_one(self) -> Any:
        return one_of(self.shape) if self.one is None else self.one


def shaken(layer: Any) -> Any:
    """A layer whose parameters are not the ones and zeros that hide a missing factor."""
    for i, array in enumerate(layer.params.values()):
        array += np.random.default_rng(i).uniform(-0.5, 0.5, array.shape)
    return layer


def tanh_slope(x: Any) -> Any:
    return 1 - np.tanh(x) ** 2


def graph() -> Any:
    """h = x Wᵀ + b, y = (tanh(h) * s) beside h: two inputs, and h used twice."""
    graph = L.Graph(inputs=("x", "s"), output="y")
    graph.add("h", L.Affine(3, 5, rng=0), "x")
    graph.add("t", L.Tanh(), "h")
    graph.add("m", L.Mul(), "t", "s")
    graph.add("y", L.Concat(), "m", "h")
    return graph


LAYERS = [
    Case("Affine", lambda: L.Affine(3, 5, rng=0), (4, 3)),
    Case("Affine without bias", lambda: L.Affine(3, 5, bias=False, rng=0), (4, 3)),
    Case("Affine over time", lambda: L.Affine(3, 5, rng=0), (4, 2, 3)),
    Case("Elementwise", lambda: L.Elementwise(np.tanh, tanh_slope), (4, 3)),
    Case("Identity", L.Identity, (4, 3)),
    Case("ReLU", L.ReLU, (4, 3)),
    Case("LeakyReLU", lambda: L.LeakyReLU(0.2), (4, 3)),
    Case("PReLU", L.PReLU, (4, 3, 2)),
    Case("PReLU by channel", lambda: L.PReLU(3, slope=0.1), (4, 3, 2, 5)),
    Case("ELU", lambda: L.ELU(1.3), (4, 3)),
    Case("SELU", L.SELU, (4, 3)),
    Case("Sigmoid", L.Sigmoid, (4, 3)),
    Case("Tanh", L.Tanh, (4, 3)),
    Case("Softplus", L.Softplus, (4, 3)),
    Case("SiLU", L.SiLU, (4, 3)),
    Case("GELU", L.GELU, (4, 3)),
    Case("GELU by tanh", lambda: L.GELU(approximate="tanh"), (4, 3)),
    Case("Softmax", L.Softmax, (4, 3)),
    Case("Softmax over axis 1", lambda: L.Softmax(axis=1), (4, 3, 5)),
    Case("LogSoftmax", L.LogSoftmax, (4, 3)),
    Case("LogSoftmax over axis 1", lambda: L.LogSoftmax(axis=1), (4, 3, 5)),
    Case("Flatten", L.Flatten, (4, 3, 2, 5)),
    Case("Reshape", lambda: L.Reshape(5, -1), (4, 3, 2, 5)),
    Case("Permute", lambda: L.Permute(0, 3, 1, 2), (4, 3, 2, 5)),
    Case("Conv1D", lambda: L.Conv1D(2, 3, 4, stride=3, padding=2, rng=0), (4, 2, 7)),
    Case("Conv1D in groups", lambda: L.Conv1D(4, 6, 2, dilation=3, groups=2, bias=False, rng=0), (2, 4, 5)),
    Case("Conv2D", lambda: L.Conv2D(2, 3, (3, 2), rng=0), (2, 2, 4, 5)),
    Case("Conv2D in strides", lambda: L.Conv2D(2, 3, 2, stride=(2, 3), padding=(1, 2), rng=0), (2, 2, 5, 4)),
    Case("Conv2D in groups", lambda: L.Conv2D(4, 6, (1, 3), padding=1, groups=2, rng=0), (2, 4, 3, 2)),
    Case("Conv2D by channel", lambda: L.Conv2D(3, 6, (2, 3), groups=3, bias=False, rng=0), (2, 3, 4, 5)),
    Case("Conv2D with gaps", lambda: L.Conv2D(1, 2, (2, 3), stride=2, dilation=(3, 2), rng=0), (2, 1, 7, 6)),
    Case("ConvTranspose1D", lambda: L.ConvTranspose1D(2, 3, 4, stride=3, padding=2, rng=0), (4, 2, 5)),
    Case(
        "ConvTranspose1D with gaps",
        lambda: L.ConvTranspose1D(4, 6, 2, dilation=3, output_padding=2, groups=2, bias=False, rng=0),
        (2, 4, 3),
    ),
    Case("ConvTranspose2D", lambda: L.ConvTranspose2D(2, 3, (3, 2), rng=0), (2, 2, 3, 4)),
    Case(
        "ConvTranspose2D in strides",
        lambda: L.ConvTranspose2D(2, 3, 2, stride=(2, 3), padding=(1, 0), output_padding=(1, 2), rng=0),
        (2, 2, 4, 3),
    ),
    Case(
        "ConvTranspose2D by channel",
        lambda: L.ConvTranspose2D(3, 6, (2, 3), groups=3, bias=False, rng=0),
        (2, 3, 3, 2),
    ),
    Case("MaxPool1D", lambda: L.MaxPool1D(2), (4, 3, 7)),
    Case("MaxPool1D overlapping", lambda: L.MaxPool1D(5, stride=2, padding=2), (4, 3, 8)),
    Case("MaxPool2D", lambda: L.MaxPool2D(2), (2, 3, 5, 7)),
    Case("MaxPool2D overlapping", lambda: L.MaxPool2D((3, 2), stride=(2, 1), padding=1), (2, 3, 6, 4)),
    Case("MaxPool2D with gaps", lambda: L.MaxPool2D((2, 1), stride=(3, 2)), (2, 3, 7, 4)),
    Case("AvgPool1D", lambda: L.AvgPool1D(2), (4, 3, 7)),
    Case("AvgPool1D overlapping", lambda: L.AvgPool1D(5, stride=2, padding=2), (4, 3, 8)),
    Case("AvgPool2D", lambda: L.AvgPool2D(2), (2, 3, 5, 7)),
    Case("AvgPool2D overlapping", lambda: L.AvgPool2D((3, 2), stride=(2, 1), padding=1), (2, 3, 6, 4)),
    Case("GlobalAvgPool", L.GlobalAvgPool, (4, 3, 2, 5)),
    Case("GlobalAvgPool of sequences", L.GlobalAvgPool, (4, 3, 5)),
    Case("ZeroPad2D", lambda: L.ZeroPad2D((1, 0, 2, 3)), (2, 3, 4, 5)),
    Case("Upsample2D", lambda: L.Upsample2D((2, 3)), (2, 3, 4, 5)),
    Case("Dropout", lambda: L.Dropout(0.4, rng=0), (6, 5)),
    Case("Dropout2D", lambda: L.Dropout2D(0.4, rng=0), (4, 3, 2, 5)),
    Case("Dropout2D of sequences", lambda: L.Dropout2D(0.4, rng=0), (4, 3, 5)),
    Case("BatchNorm", lambda: shaken(L.BatchNorm(3)), (6, 3), one=(1, 3, 4)),
    Case("BatchNorm of sequences", lambda: shaken(L.BatchNorm(3)), (4, 3, 5)),
    Case("BatchNorm of images", lambda: shaken(L.BatchNorm(3)), (4, 3, 2, 5)),
    Case("LayerNorm", lambda: shaken(L.LayerNorm(5)), (4, 5)),
    Case("LayerNorm over time", lambda: shaken(L.LayerNorm(5)), (4, 2, 5)),
    Case("LayerNorm of images", lambda: shaken(L.LayerNorm((3, 2, 5))), (4, 3, 2, 5)),
    Case("GroupNorm", lambda: shaken(L.GroupNorm(2, 6)), (4, 6)),
    Case("GroupNorm of sequences", lambda: shaken(L.GroupNorm(3, 6)), (4, 6, 5)),
    Case("GroupNorm of images", lambda: shaken(L.GroupNorm(2, 6)), (3, 6, 2, 5)),
    Case("InstanceNorm", lambda: L.InstanceNorm(3), (4, 3, 5)),
    Case("InstanceNorm of images", lambda: shaken(L.InstanceNorm(3, affine=True)), (4, 3, 2, 5)),
    Case("RMSNorm", lambda: shaken(L.RMSNorm(5)), (4, 5)),
    Case("RMSNorm over time", lambda: shaken(L.RMSNorm(5)), (4, 2, 5)),
    Case("RMSNorm of images", lambda: shaken(L.RMSNorm((2, 5))), (4, 3, 2, 5)),
    Case("Embedding", lambda: L.Embedding(3, 5, rng=0), Ids(3, (7,))),
    Case("Embedding over time", lambda: L.Embedding(4, 5, rng=0), Ids(4, (3, 2))),
    Case("ScaledDotProductAttention", L.ScaledDotProductAttention, [(2, 3, 4), (2, 5, 4), (2, 5, 6)]),
    Case(
        "ScaledDotProductAttention with a mask",
        L.ScaledDotProductAttention,
        [(2, 3, 4), (2, 5, 4), (2, 5, 6), Mask((2, 3, 5))],
    ),
    Case(
        "ScaledDotProductAttention, causal",
        lambda: L.ScaledDotProductAttention(causal=True),
        [(2, 5, 4), (2, 3, 4), (2, 3, 1)],
    ),
    Case(
        "ScaledDotProductAttention of heads",
        lambda: L.ScaledDotProductAttention(causal=True),
        [(2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 2), Mask((2, 1, 4, 6))],
    ),
    Case("MultiHeadAttention", lambda: shaken(L.MultiHeadAttention(6, 3, rng=0)), (2, 5, 6)),
    Case(
        "MultiHeadAttention with a mask",
        lambda: shaken(L.MultiHeadAttention(6, 2, causal=True, rng=0)),
        [(2, 5, 6), Mask((2, 5, 5))],
    ),
    Case(
        "MultiHeadAttention to others",
        lambda: L.MultiHeadAttention(6, 2, bias=False, rng=0),
        [(2, 3, 6), (2, 5, 6), (2, 5, 6)],
    ),
    Case(
        "MultiHeadAttention to others with padding",
        lambda: shaken(L.MultiHeadAttention(6, 2, rng=0)),
        [(2, 3, 6), (2, 5, 6), (2, 5, 6), Mask((2, 1, 5))],
    ),
    Case("PositionalEncoding", lambda: L.PositionalEncoding(7, 5), (3, 4, 5)),
    Case(
        "PositionalEncoding, learned",
        lambda: L.PositionalEncoding(7, 5, learned=True, init="xavier_normal", rng=0),
        (3, 4, 5),
    ),
    Case("TransformerBlock", lambda: shaken(L.TransformerBlock(6, 3, 7, causal=True, rng=0)), (2, 5, 6)),
    Case(
        "TransformerBlock with a mask",
        lambda: shaken(L.TransformerBlock(6, 2, 4, rng=0)),
        [(2, 5, 6), Mask((2, 5, 5))],
    ),
    Case("RNN", lambda: shaken(L.RNN(5, 2, rng=0)), (3, 4, 5)),
    Case("RNN from a state", lambda: shaken(L.RNN(5, 2, nonlinearity="relu", rng=0)), [(3, 4, 5), (3, 2)]),
    Case("RNN with a mask", lambda: L.RNN(5, 2, bias=False, rng=0), [(3, 4, 5), Mask((3, 4))]),
    Case("LSTM", lambda: shaken(L.LSTM(5, 2, rng=0)), (3, 4, 5)),
    Case("LSTM from a state", lambda: L.LSTM(5, 2, bias=False, rng=0), [(3, 4, 5), (3, 2), (3, 2)]),
    Case("LSTM with a mask", lambda: L.LSTM(5, 2, rng=0), [(3, 4, 5), (3, 2), (3, 2), Mask((3, 4))]),
    Case("GRU", lambda: shaken(L.GRU(5, 2, rng=0)), (3, 4, 5)),
    Case("GRU from a state", lambda: L.GRU(5, 2, bias=False, rng=0), [(3, 4, 5), (3, 2)]),
    Case("GRU with a mask", lambda: shaken(L.GRU(5, 2, rng=0)), [(3, 4, 5), (3, 2), Mask((3, 4))]),
    Case("RNNCell", lambda: shaken(L.RNNCell(3, 5, rng=0)), [(4, 3), (4, 5)]),
    Case("LSTMCell", lambda: shaken(L.LSTMCell(3, 2, rng=0)), [(4, 3), (4, 2), (4, 2)]),
    Case("GRUCell", lambda: shaken(L.GRUCell(3, 2, rng=0)), [(4, 3), (4, 2)]),
    Case("Bidirectional", lambda: L.Bidirectional(L.RNN(3, 2, rng=0), L.GRU(3, 1, rng=1)), (2, 4, 3)),
    Case(
        "Bidirectional with a mask",
        lambda: L.Bidirectional(L.LSTM(3, 1, rng=0), L.RNN(3, 2, rng=1)),
        [(2, 4, 3), Mask((2, 4))],
    ),
    Case("LastStep", L.LastStep, (4, 6, 3)),
    Case("LastStep with a mask", L.LastStep, [(4, 6, 3), Mask((4, 6))]),
    Case("Add", L.Add, [(4, 3)] * 3),
    Case("Mul", L.Mul, [(4, 3)] * 3),
    Case("Max", L.Max, [(4, 3)] * 3),
    Case("Copy", lambda: L.Copy(3), (4, 3)),
    Case("Concat", L.Concat, [(4, 3), (4, 2), (4, 1)]),
    Case("Concat of images", lambda: L.Concat(axis=-1), [(4, 3, 2), (4, 3, 5)]),
    Case("Sequential", lambda: L.Sequential(L.Affine(3, 7, rng=0), L.ReLU(), L.Affine(7, 2, rng=1)), (4, 3)),
    Case("Residual", lambda: L.Residual(L.Affine(3, 7, rng=0), L.Tanh(), L.Affine(7, 3, rng=1)), (4, 3)),
    Case("Branch", lambda: L.Branch(L.Affine(3, 2, rng=0), L.Identity(), L.Tanh()), (4, 3)),
    Case("Parallel", lambda: L.Parallel(L.Affine(3, 2, rng=0), L.Sigmoid()), [(4, 3), (4, 5)]),
    Case("Graph", graph, [(4, 3), (4, 5)]),
    Case(
        "gates in a row",
        lambda: L.Sequential(
            L.Branch(L.Affine(3, 5, rng=0), L.Sequential(L.Affine(3, 5, rng=1), L.Sigmoid())),
            L.Mul(),
            L.Residual(shaken(L.BatchNorm(5)), L.Dropout(0.3, rng=2), L.SiLU()),
        ),
        (6, 3),
        one=(2, 3),
    ),
]


def like(*shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.standard_normal(shape)


def labels(classes: int, *shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.integers(classes, size=shape)


def probabilities(*shape: int) -> Callable[[np.random.Generator], Any]:
    def draw(rng: np.random.Generator) -> Any:
        p = rng.random(shape)
        return p / p.sum(axis=-1, keepdims=True)

    return draw


def counts(*shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.poisson(2.0, size=shape)


def no_blanks(classes: int, *shape: int) -> Callable[[np.random.Generator], Any]:
    return lambda rng: rng.integers(1, classes, size=shape)


WEIGHTS = np.array([0.5, 1.0, 2.0])

# id, build(reduction), the shape of the prediction, the target
LOSSES = [
    ("MSE", losses.MSE, (4, 3), like(4, 3)),
    ("L1", losses.L1, (4, 3), like(4, 3)),
    ("Huber", lambda **k: losses.Huber(0.7, **k), (4, 3), like(4, 3)),
    ("SoftmaxCrossEntropy", losses.SoftmaxCrossEntropy, (4, 3), labels(3, 4)),
    ("SoftmaxCrossEntropy of sequences", losses.SoftmaxCrossEntropy, (4, 2, 3), labels(3, 4, 2)),
    ("SoftmaxCrossEntropy of probabilities", losses.SoftmaxCrossEntropy, (4, 3), probabilities(4, 3)),
    (
        "SoftmaxCrossEntropy with options",
        lambda **k: losses.SoftmaxCrossEntropy(
            label_smoothing=0.1, class_weights=WEIGHTS, ignore_index=1, **k
        ),
        (6, 3),
        lambda rng: np.array([0, 1, 2, 2, 0, 1]),
    ),
    ("NLL", losses.NLL, (4, 3), labels(3, 4)),
    ("NLL with weights", lambda **k: losses.NLL(class_weights=WEIGHTS, **k), (4, 3), labels(3, 4)),
    ("SigmoidCrossEntropy", losses.SigmoidCrossEntropy, (4, 3), labels(2, 4, 3)),
    ("MulticlassHinge", losses.MulticlassHinge, (4, 3), labels(3, 4)),
    ("KLDivergence", losses.KLDivergence, (4, 3), probabilities(4, 3)),
    ("KLDivergence of sequences", losses.KLDivergence, (4, 2, 3), probabilities(4, 2, 3)),
    ("Poisson", losses.Poisson, (4, 3), counts(4, 3)),
    ("CTC", losses.CTC, (4, 7, 5), no_blanks(5, 4, 3)),
]
