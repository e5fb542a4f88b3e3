"""The multivariate chain rule: what several children send back is added, once per node and not per path.

python examples/multivariate.py
"""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from layers import Add, Elementwise, Graph, Max, Mul


class CountedGraph(Graph):
    """A graph that counts how often it pulls an adjoint through each node."""

    def __init__(self, inputs, output):
        super().__init__(inputs, output)
        self.pulls = Counter()

    def backward_child(self, name, upstream):
        self.pulls[name] += 1
        return super().backward_child(name, upstream)


def two_children():
    """f = x(t) y(t) with x = t², y = sin(t)"""
    graph = CountedGraph(inputs="t", output="f")
    graph.add("x", Elementwise(np.square, lambda t: 2 * t), "t")
    graph.add("y", Elementwise(np.sin, np.cos), "t")
    graph.add("f", Mul(), "x", "y")
    return graph


def two_to_three():
    """y1 = x1 x2,  y2 = x1 + x2,  y3 = max(x1, x2),  L = y1 y2 y3"""
    graph = CountedGraph(inputs=("x1", "x2"), output="L")
    for name, gate in (("y1", Mul()), ("y2", Add()), ("y3", Max())):
        graph.add(name, gate, "x1", "x2")
    graph.add("L", Mul(), "y1", "y2", "y3")
    return graph


def textbook():
    """x7 = x2 e^x1 sqrt(x1 + x2 e^x1), where x4 has the children x5 and x7.

    Source: Murphy 2022, Probabilistic Machine Learning, section 13.3.4
    """
    graph = CountedGraph(inputs=("x1", "x2"), output="x7")
    graph.add("x3", Elementwise(np.exp, np.exp), "x1")
    graph.add("x4", Mul(), "x2", "x3")
    graph.add("x5", Add(), "x1", "x4")
    graph.add("x6", Elementwise(np.sqrt, lambda x: 0.5 / np.sqrt(x)), "x5")
    graph.add("x7", Mul(), "x4", "x6")
    return graph


def squares(n):
    """v_k = v_{k-1} v_{k-1}, so that the last of n nodes is x^(2^n)"""
    graph = CountedGraph(inputs="v0", output=f"v{n}")
    for k in range(1, n + 1):
        graph.add(f"v{k}", Mul(), f"v{k - 1}", f"v{k - 1}")
    return graph


def run(graph, *inputs):
    """Both passes at these numbers, from an adjoint of one."""
    x = tuple(np.array([number], float) for number in inputs)
    graph.forward(x if len(x) > 1 else x[0])
    graph.backward(np.ones(1))
    return graph


def edges(graph):
    """[(source, node, d node / d source), ...] at the values of the latest forward."""
    found = []
    for node, layer in graph.children.items():
        dx, _ = layer.backward(np.ones(1))
        slopes = dx if isinstance(dx, tuple) else (dx,)
        found += [(source, node, d.item()) for source, d in zip(graph.sources[node], slopes, strict=True)]
    return found


def paths(graph, start):
    """Every path from start to the output: its names, and the product of the local derivatives on it."""

    def onwards(names, product):
        if names[-1] == graph.output:
            yield names, product
        for source, node, d in local:
            if source == names[-1]:
                yield from onwards([*names, node], product * d)

    local = edges(graph)
    return list(onwards([start], 1.0))


def show(graph, name):
    """The adjoint of a value: the sum over its children of child's adjoint times local derivative."""
    parts = [(graph.adjoints[node].item(), d) for source, node, d in edges(graph) if source == name]
    terms = " + ".join(f"{adjoint:.4g} * {d:.4g}" for adjoint, d in parts)
    print(f"  d{graph.output}/d{name} = {terms} = {graph.adjoints[name].item():.6g}")


def main():
    print("f = x(t) y(t), x = t^2, y = sin(t), at t = 2: df/dx dx/dt + df/dy dy/dt")
    show(run(two_children(), 2), "t")

    print("\nL = y1 y2 y3, y = (x1 x2, x1 + x2, max(x1, x2)) at (2, 3): dL/dx_i = sum_j dL/dy_j dy_j/dx_i")
    graph = run(two_to_three(), 2, 3)
    show(graph, "x1")
    show(graph, "x2")

    print("\nx7 = x2 e^x1 sqrt(x1 + x2 e^x1) at (1, 2): every node pulls once")
    graph = run(textbook(), 1, 2)
    for name in reversed(graph.values):
        if name != graph.output:
            show(graph, name)
    print(f"  {graph.pulls.total()} pulls: {dict(graph.pulls)}")
    for start in graph.inputs:
        found = paths(graph, start)
        print(f"  {len(found)} paths from {start}, whose products add up to {sum(p for _, p in found):.6g}")
        for names, product in found:
            print(f"    {' -> '.join(names):<36}{product:>10.4f}")

    print("\nv_k = v_{k-1}^2, k = 1 .. n, at 1, where each path is worth 1 and the adjoint counts them")
    print("   n   pulls   paths   dv_n/dv_0")
    for n in (1, 2, 4, 8, 12, 64):
        graph = run(squares(n), 1)
        walked = len(paths(graph, "v0")) if n <= 12 else "-"  # 2^64 are too many to walk
        print(f"{n:>4}{graph.pulls.total():>8}{walked:>8}{graph.adjoints['v0'].item():>12g}")


if __name__ == "__main__":
    main()
