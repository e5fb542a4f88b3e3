"""Networks to check, with x and labels, and a layer that is wrong in them."""

from __future__ import annotations

import numpy as np

from gradcheck import check_network
from layers import Add, Affine, Graph, Mul, Sequential, Tanh
from losses import SoftmaxCrossEntropy

RNG = np.random.default_rng(5)
X = RNG.standard_normal((4, 5))
LABELS = np.array([0, 2, 1, 1])


def mlp(middle, after=7):
    return Sequential(Affine(5, 7, rng=0), middle, Affine(after, 3, rng=1))


def check(model, x=X, target=LABELS, loss=None):
    return check_network(model, loss or SoftmaxCrossEntropy(), x, target)


def verdicts(report):
    """Name of the layer -> verdict."""
    return {result.array.split()[0]: result.verdict for result in report.results}


def graph(inputs=("a", "b"), bend=None, kind=Graph):
    net = kind(inputs=inputs, output="f")
    net.add("p", Affine(5, 3, rng=0), inputs[0])
    net.add("q", Affine(5, 3, rng=1), inputs[-1])
    net.add("bent", bend or Tanh(), "p")
    net.add("sum", Add(), "bent", "q")
    net.add("f", Mul(), "sum", "q")
    return net


class WrongTanh(Tanh):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        return 3 * dx, grads
