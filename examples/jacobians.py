"""Jacobian, JVP, VJP: two ways through f4(f3(f2(f1(x)))), what each costs, and what is never built.

    python examples/jacobians.py

Counts multiplications and measures milliseconds; the milliseconds are those of your machine.
"""

import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs from a checkout too

from gradcheck import jacobian, jvp, vjp
from layers import Affine, Sequential, Tanh


def chain(widths, rng=0):
    """f4 . f3 . f2 . f1 with f_k(x) = tanh(W_k x), from widths n, m1, m2, m3, m; and a point x."""
    rng = np.random.default_rng(rng)
    steps = [
        Sequential(Affine(n, m, bias=False, init="xavier_normal", rng=rng), Tanh())
        for n, m in pairwise(widths)
    ]
    return Sequential(*steps), rng.standard_normal((1, widths[0]))


def factors(f, x):
    """The Jacobians J1, J2, J3, J4, each (out, in) and taken where the steps before it have led."""
    found = []
    for step in f.layers:
        found.append(jacobian(step, x)[0, :, 0])
        x = step.forward(x)
    return found


def forward_mode(factors):
    """The whole Jacobian by columns, J4 (J3 (J2 (J1 v))) for each unit vector v, and the products taken."""
    columns, cost = [], 0
    for v in np.eye(factors[0].shape[1]):
        for J in factors:
            v = J @ v
            cost += J.size
        columns.append(v)
    return np.stack(columns, axis=1), cost


def reverse_mode(factors):
    """The whole Jacobian by rows, (((uᵀ J4) J3) J2) J1 for each unit vector u, and the products taken."""
    rows, cost = [], 0
    for u in np.eye(factors[-1].shape[0]):
        for J in reversed(factors):
            u = u @ J
            cost += J.size
        rows.append(u)
    return np.stack(rows), cost


def milliseconds(run):
    """The best of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - start))
    return min(times)


def from_the_middle(factors):
    """The whole Jacobian as (J4 J3) (J2 J1), and the products taken."""
    J1, J2, J3, J4 = factors
    first, last = J2 @ J1, J4 @ J3
    return last @ first, J2.size * J1.shape[1] + J4.size * J3.shape[1] + last.size * first.shape[1]


def affine_sizes(N, p, m, width=4):
    """Bytes of the Jacobian (N, p, N, m) of an affine layer, of its entries that are not 0, of the VJP dx."""
    return width * N * p * N * m, width * N * p * m, width * N * p


def main():
    print("1. One Jacobian, three ways: row by row, J v for each column, J^T u for each row")
    f, x = chain((3, 4, 4, 4, 2))
    J = jacobian(f, x)[0, :, 0]
    columns = np.stack([jvp(f, x, v[None])[0] for v in np.eye(3)], axis=1)
    rows = np.stack([vjp(f, x, u[None])[0][0] for u in np.eye(2)])
    J1, J2, J3, J4 = factors(f, x)
    print(np.array_str(J, precision=4))
    print("the same by columns, by rows, and as J4 J3 J2 J1:", end=" ")
    print(*(bool(np.allclose(J, other, rtol=1e-12)) for other in (columns, rows, J4 @ J3 @ J2 @ J1)))

    print("\n2. What the whole Jacobian costs: n passes forwards, m passes in reverse")
    print("widths                       multiplications           milliseconds")
    print("n, m1, m2, m3, m           forward      reverse     forward  reverse")
    for widths in ((4, 32, 32, 32, 64), (64, 32, 32, 32, 4), (64, 64, 64, 64, 1), (128, 128, 128, 128, 1)):
        J = factors(*chain(widths))
        cost = [mode(J)[1] for mode in (forward_mode, reverse_mode)]
        ms = [milliseconds(lambda mode=mode, J=J: mode(J)) for mode in (forward_mode, reverse_mode)]
        print(f"{', '.join(map(str, widths)):<22}{cost[0]:>12,}{cost[1]:>13,}{ms[0]:>12.2f}{ms[1]:>9.2f}")
    J = factors(*chain((64, 64, 2, 64, 64)))
    print(f"64, 64, 2, 64, 64: {forward_mode(J)[1]:,} either way, {from_the_middle(J)[1]:,} from the middle")

    print("\n3. An affine layer's full Jacobian")
    layer, x = Affine(3, 2, rng=0), np.random.default_rng(1).standard_normal((4, 3))
    J = jacobian(layer, x)  # (N, m, N, p): y's shape first
    blocks = np.einsum("imip->imp", J)
    print(f"shape {J.shape}: {J.size} entries, of which {np.count_nonzero(J)} are not 0,")
    same = bool((blocks == layer.params["W"]).all())
    print("as example i of y sees example i of x alone, through W:", same)
    for N, p, m in ((32, 64, 64), (128, 784, 256), (256, 4096, 4096)):
        full, blocks, dx = affine_sizes(N, p, m)
        print(f"N {N:>3}, {p:>4} -> {m:>4}: Jacobian {full / 1e6:>12,.1f} MB, VJP {dx / 1e6:>5.2f} MB")

    print("\n4. An elementwise layer's Jacobian is diagonal, so that a product entry by entry does")
    x, u = np.array([[-1.0, 0.0, 2.0]]), np.array([[1.0, 2.0, 3.0]])
    J = jacobian(Tanh(), x)[0, :, 0]
    print(np.array_str(J, precision=4, suppress_small=True))
    by_hand = u * (1 - np.tanh(x) ** 2)
    print("J^T u:", (J.T @ u[0]).round(4), "  u * (1 - y^2):", by_hand[0].round(4))


if __name__ == "__main__":
    main()
