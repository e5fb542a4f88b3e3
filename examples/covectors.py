"""A gradient is a covector: it says how much each small step changes E, and which step to take is a choice.

    python examples/covectors.py [--picture covectors.png]

One quadratic serves throughout: a linear layer y = x Wᵀ learns y = x from two examples, E = ½ Σ (y - x)².
W = [[a, b], [b, a]] has two numbers, which can be drawn, and all rules below keep it in that form. Its
singular values are |a + b| and |a - b|. The picture needs matplotlib.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runs from a checkout too

from layers import Affine
from losses import MSE
from optim import SGD, Adam, Lion, Muon, Optimizer
from optim.schedules import Polynomial

X = np.array([[2.0, 1.0], [1.0, 2.0]])  # two examples, inputs and targets alike
C = X.T @ X  # E = ½ <D, D C> for D = W - I
START = (-0.7, 0.5)
STEPS = 40
IDENTITY = np.eye(2)
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#333333")


def matrix(a, b):
    return np.array([[a, b], [b, a]])


def energy(W):
    """E(W) and its gradient G = (W - I) C, from the library's layer and loss."""
    layer, loss = Affine(2, 2, bias=False, dtype=np.float64), MSE(reduction="sum")
    layer.params["W"][...] = W
    value = loss.forward(layer.forward(X), X) / 2
    return value, layer.backward(loss.backward(0.5))[1]["W"]


def pair(G, V):
    """<G, V>: the covector G applied to the step V."""
    return float((G * V).sum())


def turned(G, degrees):
    """A step of length 1 at this angle to the normal -G / |G| of the level set; 90 is a tangent."""
    normal = -G / np.linalg.norm(G)
    tangent = matrix(-normal[0, 1], normal[0, 0])
    return np.cos(np.radians(degrees)) * normal + np.sin(np.radians(degrees)) * tangent


def steepest(G):
    """For each norm: the step of length 1 along which E falls fastest, and how fast, its dual norm of G."""
    U, s, Vt = np.linalg.svd(G)
    newton = np.linalg.solve(C, G.T).T  # G C⁻¹
    return {
        "Frobenius (SGD)": (-G / np.linalg.norm(G), np.linalg.norm(G)),
        "largest entry (sign)": (-np.sign(G), np.abs(G).sum()),
        "spectral (Muon)": (-U @ Vt, s.sum()),
        "energy (Newton)": (-newton / np.sqrt(pair(G, newton)), np.sqrt(pair(G, newton))),
    }


def seen_from(A, g, H):
    """Work with z, where w = A z: the gradient there, and the steps -g and -H⁻¹g made there, seen in w."""
    g_z, H_z = A.T @ g, A.T @ H @ A
    return g_z, A @ -g_z, A @ -np.linalg.solve(H_z, g_z)


class Newton(Optimizer):
    """p <- p - lr g C⁻¹: the gradient of the inner product <V, V C>, in which the level sets are circles."""

    def update(self, p, g, slots, lr):
        p -= lr * np.linalg.solve(C, g.T).T


RULES = {  # momentum is off, so that nothing but the scaling differs
    "SGD": partial(SGD, lr=0.18),
    "Lion": partial(Lion, lr=Polynomial(0.15, STEPS), betas=(0, 0)),
    "Muon": partial(Muon, lr=Polynomial(0.2, STEPS), momentum=0, nesterov=False, weight_decay=0),
    "Newton": partial(Newton, lr=0.2),
    "Adam": partial(Adam, lr=Polynomial(0.25, STEPS), betas=(0, 0.99)),
}


def path(rule, A=IDENTITY):
    """The W that a rule comes through, (STEPS + 1, 2, 2); it changes Z, where W = Z Aᵀ and dE/dZ = G A."""
    params = {"Z": np.linalg.solve(A, matrix(*START).T).T}
    optimizer, seen = rule(params), [matrix(*START)]
    for _ in range(STEPS):
        optimizer.step({"Z": energy(seen[-1])[1] @ A})
        seen.append(params["Z"] @ A.T)
    return np.array(seen)


def root(M):
    """The symmetric square root of a symmetric M."""
    sizes, directions = np.linalg.eigh(M)
    return directions * np.sqrt(sizes) @ directions.T


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--picture", type=Path, metavar="FILE", help="a PNG file to draw")
    picture = options.parse_args(argv).picture
    W = matrix(*START)
    E, G = energy(W)

    print("1. The gradient takes a step V and gives the change of E: (E(W + t V) - E(W)) / t -> <G, V>")
    V = matrix(1.0, 0.5)
    for t in (1e-1, 1e-3, 1e-5):
        print(f"t {t:g}: {(energy(W + t * V)[0] - E) / t:10.5f}   <G, V> {pair(G, V):10.5f}")

    print("\n2. Steps of length 1/1000 at an angle to the normal of the level set: change = -|G| cos / 1000")
    for degrees in (0, 30, 60, 90):
        change = energy(W + turned(G, degrees) / 1000)[0] - E
        expected = -np.linalg.norm(G) * np.cos(np.radians(degrees)) / 1000
        print(f"{degrees:>3}: {change:z10.6f}   {expected:z10.6f}")
    for t in (0.001, 0.1, 1.0, 2.0):
        print(f"along it, a step of {t:>5}: E {E:.3f} -> {energy(W + t * turned(G, 0))[0]:.3f}")

    print("\n3. Which step of length 1 falls fastest depends on what length is")
    for name, (S, rate) in steepest(G).items():
        print(f"{name:<22}(a, b) by ({S[0, 0]:z6.3f}, {S[0, 1]:z6.3f})   E falls at {rate:.3f}")

    print("\n4. Other coordinates, w = A z for w = (a, b): a step moves by A, the gradient by A^T")
    A, H, g = np.array([[2.0, 0.0], [1.0, 1.0]]), 2 * C, 2 * G[0]  # dE/da = G_00 + G_11, and so on
    g_z, plain, newton = seen_from(A, g, H)
    v = np.array([0.3, -0.1])
    print(f"<gradient, step>   in w: {g @ v:.4f}   in z: {g_z @ np.linalg.solve(A, v):.4f}")
    print(f"step -g / 100      in w: {(-g / 100).round(4)}   made in z, seen in w: {(plain / 100).round(4)}")
    by_newton = -np.linalg.solve(H, g)
    print(f"step -H^-1 g       in w: {by_newton.round(4)}   made in z, seen in w: {newton.round(4)}")

    print(f"\n5. One gradient, five rules: E after 1, 10 and {STEPS} steps")
    paths = {name: path(rule) for name, rule in RULES.items()}
    paths["SGD on Z"] = path(RULES["SGD"], matrix(1.0, -0.3))
    for name, seen in paths.items():
        print(f"{name:<9}", *(f"{energy(seen[k])[0]:12.6f}" for k in (1, 10, STEPS)))
    whitened = path(partial(SGD, lr=0.2), root(np.linalg.inv(C)))  # x C^-½ has a C that is I
    same = np.allclose(whitened, paths["Newton"], rtol=0, atol=1e-12)
    print("Newton's path is that of SGD on whitened inputs:", same)
    if picture:
        draw(picture, paths)
        print("drawn:", picture)


def draw(file, paths):
    """Level sets with normals; the balls of length 1 and where each touches; the paths."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("covectors.py: error: --picture needs matplotlib; python -m pip install matplotlib")
    figure = Figure(figsize=(15, 5.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, corner, side in ((left, (-1.2, -2.2), 4.4), (right, (-0.9, -1.0), 2.4)):
        a, b = np.meshgrid(*(np.linspace(start, start + side, 181) for start in corner))
        E = (9 * (a - 1 + b) ** 2 + (a - 1 - b) ** 2) / 2  # 9 and 1 are the eigenvalues of C
        axes.contour(a, b, E, levels=[0.2, 1, 2.5, 5, 9, 15, 25, 40], colors="#bbbbbb", linewidths=0.9)
        axes.plot(1, 0, "+", color="#333333", ms=10)
    show_normals(left)
    show_balls(middle)
    for (name, seen), color in zip(paths.items(), COLORS, strict=True):
        right.plot(seen[:, 0, 0], seen[:, 0, 1], ".-", color=color, label=name, lw=1.2, ms=5)
    right.legend(loc="lower left")
    right.set_title(f"one gradient, five rules, {STEPS} steps,\nand SGD on Z, where W = Z Aᵀ")
    for axes in (left, middle, right):
        axes.set(aspect="equal", xlabel="a", ylabel="b")
    try:
        figure.savefig(file, format="png", dpi=110)
    except OSError as error:
        sys.exit(f"covectors.py: error: {file}: {error.strerror}; name a file that can be written")


def show_normals(axes):
    for angle in np.arange(0, 2 * np.pi, np.pi / 6):  # around the level set E = 5
        s, d = np.sqrt(10) / 3 * np.cos(angle), np.sqrt(10) * np.sin(angle)  # a - 1 + b, a - 1 - b
        w = np.array([1 + (s + d) / 2, (s - d) / 2])
        n = -energy(matrix(*w))[1][0]
        n *= 0.45 / np.linalg.norm(n)
        t = np.array([-n[1], n[0]]) / 2
        axes.plot(*np.transpose([w - t, w + t]), color="#333333", lw=1)
        axes.annotate("", w + n, w, arrowprops={"arrowstyle": "->", "color": "#0072b2"})
    axes.set_title("level sets of E, tangents, and minus the gradient:\nnormal, seldom towards the minimum")


def show_balls(axes):
    turn = np.linspace(0, 2 * np.pi, 721)
    a, b = np.cos(turn), np.sin(turn)
    lengths = (
        np.full_like(turn, np.sqrt(2)),
        np.maximum(abs(a), abs(b)),
        np.maximum(abs(a + b), abs(a - b)),
        np.sqrt(9 * (a + b) ** 2 + (a - b) ** 2),
    )
    G = energy(matrix(*START))[1]
    a_of = lambda change, b: (change / 2 - G[0, 1] * b) / G[0, 0]  # noqa: E731  where <G, V> is that
    for change in range(-24, 25, 4):
        axes.plot([a_of(change, b) for b in (-2, 2)], (-2, 2), color="#e4e4e4", lw=0.8, zorder=0)
    for (name, (S, rate)), length, color in zip(steepest(G).items(), lengths, COLORS, strict=False):
        axes.plot(a / length, b / length, color=color, label=name)
        axes.plot([a_of(-rate, b) for b in (-2, 2)], (-2, 2), "--", color=color, lw=0.8)
        axes.plot(*S[0], "o", color=color)
    axes.set(xlim=(-1.5, 1.5), ylim=(-1.15, 1.85))
    axes.legend(frameon=True, framealpha=1, loc="upper left", fontsize=9, ncols=2)
    axes.set_title("a covector as lines of equal change,\nand the last of them that each unit ball meets")


if __name__ == "__main__":
    main()
