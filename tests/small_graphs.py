"""A graph with two inputs, a layer that returns no dx, and numbers."""

import numpy as np

from layers import Affine, Concat, Graph, Layer, Mul, Sequential, Sigmoid

one = np.float64(1.0)


def number(value):
    return np.array(float(value))


def highway():
    graph = Graph(inputs=("x", "skip"), output="y")
    graph.add("h", Affine(3, 4, rng=0), "x")
    graph.add("gate", Sequential(Affine(3, 4, rng=1), Sigmoid()), "x")
    graph.add("mixed", Mul(), "h", "gate")
    graph.add("joined", Concat(), "mixed", "skip", "h")
    graph.add("y", Affine(10, 2, rng=2), "joined")
    return graph.astype(np.float64)


class NoDx(Layer):
    """y = x, but gives no dx."""

    def forward(self, x):
        self.cache = x
        return x

    def backward(self, upstream):
        return None, {}
