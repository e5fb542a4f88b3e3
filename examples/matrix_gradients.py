"""Derivatives by a matrix: one weight, the outer product, p - y, and an MLP's u_2 and u_1.

    python examples/matrix_gradients.py

Paper writes an example as a column x and z = W x; this library keeps examples as rows, y = x Wᵀ. W is the
same array in both, and so is dW: a column is a row transposed, and (u xᵀ) summed over examples is Uᵀ X.
"""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs from a checkout too

from gradcheck import numeric_jacobian, vjp
from layers import Affine, ReLU, Sequential
from losses import MSE, SoftmaxCrossEntropy


def weight_jacobian(m, x):
    """dz/dW of z = W x, shape (m, m, n): x_j at place i of dz/dW_ij, and zeros."""
    return np.einsum("ki,j->kij", np.eye(m), x)


def softmax(z):
    p = np.exp(z - z.max())
    return p / p.sum()


def two_layers(x1, W1, W2, start):
    """u_2, u_1, dW_2, dW_1 on columns: x2 = W1 x1, x3 = ReLU(x2), x4 = W2 x3, u_2 = start(x4)."""
    x2 = W1 @ x1
    x3 = np.maximum(x2, 0)
    x4 = W2 @ x3
    u2 = start(x4)  # dL/dx4, (C,)
    u1 = (W2.T @ u2) * (x2 > 0)  # dL/dx2, (K,)
    return u2, u1, np.outer(u2, x3), np.outer(u1, x1)


def library(model, loss, rows, target, upstream=1.0):
    """The same four on rows: dL/dscores, dL/d(what ReLU takes), dW_2, dW_1."""
    loss.forward(model.forward(rows), target)
    u2 = loss.backward(upstream)
    _, grads = model.backward(u2)
    _, relu, last = model.layers
    u1, _ = relu.backward(last.backward(u2)[0])
    return u2, u1, grads["2.W"], grads["0.W"]


def same(*pairs):
    return all(np.allclose(a, b, rtol=1e-12, atol=1e-15) for a, b in pairs)


def main():
    rng = np.random.default_rng(0)
    print("1. One weight of z = W x: dz/dW_ij is x_j at place i, so that u . dz/dW_ij = u_i x_j")
    W, x, u = rng.standard_normal((2, 3)), np.array([1.0, 2.0, 3.0]), np.array([10.0, -1.0])
    J = weight_jacobian(2, x)
    numeric = numeric_jacobian(lambda W: W @ x, W)
    print(f"dz/dW {J.shape}, as differences find it: {np.allclose(J, numeric, atol=1e-8)}")
    print("dz/dW_02 =", J[:, 0, 2], "  u . dz/dW_02 =", u @ J[:, 0, 2], "  u_0 x_2 =", u[0] * x[2])

    print("\n2. All weights at once: dW = u x^T, an outer product")
    print(np.outer(u, x))
    layer = Affine(3, 2, rng=0).astype(np.float64)
    layer.params["W"][...] = W
    dx, grads = vjp(layer, x[None], u[None])  # the column x as the row x[None]
    print("the library's dW, dx = W^T u and db = u are these:", end=" ")
    print(same((grads["W"], np.outer(u, x)), (dx[0], W.T @ u), (grads["b"], u)))

    print("\n3. Softmax and cross entropy together: p - y")
    z, y = np.log([1.0, 2.0, 5.0]), np.array([0.0, 1.0, 0.0])
    p, loss = softmax(z), SoftmaxCrossEntropy()
    value = loss.forward(z[None], np.array([1]))
    print(f"p = {p.round(4)}, y = {y}, L = -log p_1 = {value:.4f}")
    print("p - y =", (p - y).round(4), "  the library's gradient:", loss.backward()[0].round(4))
    half = y / 2  # weights that do not sum to 1
    J = numeric_jacobian(lambda z: -(half * np.log(softmax(z))).sum(), z)
    print("with y halved:", J.round(4), "  p sum(y) - y:", (p * half.sum() - half).round(4))

    print("\n4. An MLP on one example: dW_2 = u_2 x_3^T, dW_1 = u_1 x_1^T")
    D, K, C, N = 4, 5, 3, 6
    model = Sequential(Affine(D, K, bias=False, rng=1), ReLU(), Affine(K, C, bias=False, rng=2))
    W1, W2 = (model.astype(np.float64).params[name] for name in ("0.W", "2.W"))
    X, labels = rng.standard_normal((N, D)), np.array([0, 2, 1, 1, 0, 2])
    one_hot = np.eye(C)[labels]
    ours = two_layers(X[0], W1, W2, lambda x4: softmax(x4) - one_hot[0])
    print("u_2 = p - y =", ours[0].round(4), "  u_1 =", ours[1].round(4) + 0.0)
    theirs = library(model, SoftmaxCrossEntropy(), X[:1], labels[:1])
    print("cross entropy, all four as in the library:", same(*zip(ours, theirs, strict=True)))
    ours = two_layers(X[0], W1, W2, lambda x4: x4 - one_hot[0])
    theirs = library(model, MSE(reduction="sum"), X[:1], one_hot[:1], upstream=0.5)  # ½ |y - x4|²
    print("half squared error, where u_2 = x_4 - y:  ", same(*zip(ours, theirs, strict=True)))

    print("\n5. A batch of N: rows u_2 / N and u_1 / N, and the mean of the outer products in one product")
    each = [two_layers(x, W1, W2, lambda x4, y=y: softmax(x4) - y) for x, y in zip(X, one_hot, strict=True)]
    U2, U1, dW2, dW1 = (np.array(one) for one in zip(*each, strict=True))
    ours = U2 / N, U1 / N, dW2.mean(axis=0), dW1.mean(axis=0)
    theirs = library(model, SoftmaxCrossEntropy(), X, labels)
    print("all four as in the library:", same(*zip(ours, theirs, strict=True)))
    print("dW_1 = (U_1 / N)^T X:", same((theirs[3], theirs[1].T @ X)))


if __name__ == "__main__":
    main()
