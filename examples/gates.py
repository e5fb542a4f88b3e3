"""Gates: f = (x + y) z node by node, what each gate does to a gradient, and a sigmoid as one's own node.

python examples/gates.py
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from gradcheck import check_layer
from layers import Add, Copy, Elementwise, Graph, Layer, Max, Mul


def product_of_sum():
    """q = x + y,  f = q z"""
    graph = Graph(inputs=("x", "y", "z"), output="f")
    graph.add("q", Add(), "x", "y")
    graph.add("f", Mul(), "q", "z")
    return graph


class Sigmoid(Layer):
    """y = 1 / (1 + e^-x),   dx = upstream * y (1 - y)"""

    def forward(self, x):
        self.cache = y = 1 / (1 + np.exp(-x))
        return y

    def backward(self, upstream):
        y = self.cache
        return upstream * y * (1 - y), {}


def neuron(one_node):
    """f = sigmoid(w0 x0 + w1 x1 + w2), the sigmoid as one node, or as four elementary gates."""
    graph = Graph(inputs=("w0", "x0", "w1", "x1", "w2"), output="f")
    graph.add("p0", Mul(), "w0", "x0")
    graph.add("p1", Mul(), "w1", "x1")
    graph.add("s", Add(), "p0", "p1", "w2")
    if one_node:
        graph.add("f", Sigmoid(), "s")
    else:
        graph.add("minus", Elementwise(lambda s: -s, lambda s: -np.ones_like(s)), "s")
        graph.add("exp", Elementwise(np.exp, np.exp), "minus")
        graph.add("plus 1", Elementwise(lambda e: e + 1, np.ones_like), "exp")
        graph.add("f", Elementwise(lambda d: 1 / d, lambda d: -1 / d**2), "plus 1")
    return graph


def run(graph, *inputs):
    """Both passes at these numbers, from df/df = 1."""
    graph.forward(tuple(np.array([number], float) for number in inputs))
    graph.backward(np.ones(1))
    return graph


def show(graph):
    for name, value in graph.values.items():
        print(f"  {name:<7}{value.item():>9.4f}   df/d{name:<7}{graph.adjoints[name].item():>9.4f}")


def main():
    print("f = (x + y) z at x = -2, y = 5, z = -4")
    show(run(product_of_sum(), -2, 5, -4))

    a, b = np.array([3.0]), np.array([-4.0])
    print("\nWhat a gate sends back for an upstream of 2, at (3, -4)")
    for does, gate in (("distributes", Add()), ("swaps and multiplies", Mul()), ("routes", Max())):
        gate.forward((a, b))
        (da, db), _ = gate.backward(np.array([2.0]))
        print(f"  {gate!r:<8} {does:<21} {da.item():>3g} {db.item():>3g}")
    copy = Copy(2)
    copy.forward(a)
    dx, _ = copy.backward((np.array([2.0]), np.array([5.0])))
    print(f"  {copy!r:<8} {'adds, here 2 and 5':<21} {dx.item():>3g}")

    print("\nA neuron of elementary gates: w = (2, -3, -3), x = (-1, -2)")
    show(run(neuron(one_node=False), 2, -1, -3, -2, -3))
    print("\nThe same with a sigmoid of our own as one node")
    show(run(neuron(one_node=True), 2, -1, -3, -2, -3))
    print(check_layer(Sigmoid(), (4, 5)))

    print("\nFar from zero, w2 = -1000: e^1000 overflows, and inf * 0 is no number")
    with np.errstate(over="ignore", invalid="ignore"):
        for one_node in (False, True):
            graph = run(neuron(one_node), 2, -1, -3, -2, -1000)
            name = "one node" if one_node else "four gates"
            print(f"  {name:<11} f = {graph.values['f'].item():g}, df/dw2 = {graph.adjoints['w2'].item():g}")


if __name__ == "__main__":
    main()
