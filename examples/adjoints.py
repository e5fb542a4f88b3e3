"""Adjoints: a backward is the transpose of what forward does to small steps, and pullbacks compose.

    python examples/adjoints.py

<u, J v> = <Jᵀu, v>: push a step v forward and pair it with u, or pull u back and pair it with v.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs from a checkout too

import layers as L
from gradcheck import jvp, vjp
from losses import MSE


def representatives():
    """Pairs of a layer and the shape of its x, a list of shapes for several inputs."""
    return [
        (L.Affine(3, 5, rng=0), (4, 3)),
        (L.Tanh(), (4, 3)),
        (L.Softmax(), (4, 3)),
        (L.Dropout(0.4, rng=0), (4, 3)),
        (L.BatchNorm(3), (6, 3)),
        (L.LayerNorm(5), (4, 5)),
        (L.Conv2D(2, 3, 2, stride=2, padding=1, rng=0), (2, 2, 5, 4)),
        (L.MaxPool2D(2), (2, 3, 4, 6)),
        (L.LSTM(5, 2, rng=0), (3, 4, 5)),
        (L.MultiHeadAttention(6, 3, rng=0), (2, 5, 6)),
        (L.Reshape(6), (4, 3, 2)),
        (L.Add(), [(4, 3), (4, 3)]),
        (L.Copy(2), (4, 3)),
        (L.Mul(), [(4, 3), (4, 3)]),
        (L.Max(), [(4, 3), (4, 3)]),
    ]


def each(value):
    return value if isinstance(value, tuple) else (value,)


def draw(shape, rng):
    return tuple(draw(one, rng) for one in shape) if isinstance(shape, list) else rng.standard_normal(shape)


def random_like(value, rng):
    """A direction to move in: random numbers shaped like value, None for integers, which do not move."""
    if isinstance(value, tuple):
        return tuple(random_like(part, rng) for part in value)
    return rng.standard_normal(value.shape) if value.dtype.kind == "f" else None


def pair(a, b):
    """<a, b>, a covector applied to a vector: one number, over all entries of all arrays that move."""
    return sum(float((p * q).sum()) for p, q in zip(each(a), each(b), strict=True) if q is not None)


def two_sides(layer, x, rng):
    """<u, J v> and <Jᵀu, v> for a random v like x and a random u like y."""
    v = random_like(x, rng)
    Jv = jvp(layer, x, v)
    u = random_like(Jv, rng)
    return pair(u, Jv), pair(vjp(layer, x, u)[0], v)


def with_pullback(layer, x):
    """y, and its pullback: the map from dL/dy to dL/dx at this x, as a function and not a matrix."""
    return layer.forward(x), lambda u: layer.backward(u)[0]


def deltas(x, target, sizes=(3, 4, 2), rng=0):
    """A network of sigmoids as a graph with names for z = W a + b and a = sigmoid(z), after its backward."""
    rng = np.random.default_rng(rng)
    graph = L.Graph(inputs="a0", output=f"a{len(sizes) - 1}")
    for k in range(1, len(sizes)):
        graph.add(f"z{k}", L.Affine(sizes[k - 1], sizes[k], rng=rng), f"a{k - 1}")
        graph.add(f"a{k}", L.Sigmoid(), f"z{k}")
    graph.astype(np.float64)
    loss = MSE(reduction="sum")
    loss.forward(graph.forward(x), target)
    _, grads = graph.backward(loss.backward(0.5))  # of ½ Σ (a - target)²
    return graph, grads


def main():
    rng = np.random.default_rng(0)
    print("1. Transposes: <u, J v> by forward alone, <J^T u, v> by backward alone")
    for layer, shape in representatives():
        pushed, pulled = two_sides(layer, draw(shape, rng), rng)
        print(f"{str(layer).splitlines()[0]:<62}{pushed:>13.9f}{pulled:>14.9f}")

    x, V, u = rng.standard_normal((4, 3)), rng.standard_normal((5, 3)), rng.standard_normal((4, 5))
    grads = vjp(L.Affine(3, 5, rng=0), x, u)[1]  # x Wᵀ is linear in W, and moves by x Vᵀ as W moves by V
    print(f"{'the same for W of Affine(3 -> 5)':<62}{pair(u, x @ V.T):>13.9f}{pair(grads['W'], V):>14.9f}")

    print("\n2. The transpose of copying is adding, and of adding, copying")
    x, u = np.array([1.0, 2.0]), (np.array([10.0, 20.0]), np.array([1.0, 2.0]))
    print("Copy(2) pulls", u[0], u[1], "back to", vjp(L.Copy(2), x, u)[0])
    print("Add() pulls", u[0], "back to", *vjp(L.Add(), u, u[0])[0])

    print("\n3. (f3 . f2 . f1)* = f1* . f2* . f3*: pullbacks compose in reverse order")
    model = L.Sequential(L.Affine(3, 4, rng=1), L.Tanh(), L.Affine(4, 2, rng=2)).astype(np.float64)
    x, u = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    y, pullbacks = x, []
    for layer in model.layers:
        y, pullback = with_pullback(layer, y)
        pullbacks.append(pullback)
    dx = u
    for pullback in reversed(pullbacks):
        dx = pullback(dx)
    model.forward(x)
    print("model.backward is that:", np.array_equal(dx, model.backward(u)[0]))

    print("\n4. delta is the adjoint of the pre-activation z; upstream is that of whatever comes out")
    x, target = rng.standard_normal((1, 3)), np.array([[0.0, 1.0]])
    graph, grads = deltas(x, target)
    a1, a2 = (graph.values[name] for name in ("a1", "a2"))
    delta2 = (a2 - target) * a2 * (1 - a2)
    delta1 = (delta2 @ graph.params["z2.W"]) * a1 * (1 - a1)
    for k, delta in ((2, delta2), (1, delta1)):
        print(f"dL/da{k}, upstream of the sigmoid:  ", graph.adjoints[f"a{k}"][0].round(4))
        print(f"delta{k} = dL/da{k} * sigmoid'(z{k}):", delta[0].round(4))
        print(f"  the graph's adjoint of z{k}, upstream of the affine layer:", end=" ")
        print(np.allclose(delta, graph.adjoints[f"z{k}"], rtol=1e-12, atol=0))
        print("  db = delta, dW = delta a^T with the a below:", end=" ")
        print(np.allclose(grads[f"z{k}.b"], delta[0], rtol=1e-12, atol=0), end=" ")
        print(np.allclose(grads[f"z{k}.W"], delta.T @ graph.values[f"a{k - 1}"], rtol=1e-12, atol=0))


if __name__ == "__main__":
    main()
