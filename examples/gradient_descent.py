"""Gradient descent by hand: E(W) falls along -dE/dW, and the step tau decides whether it does.

    python examples/gradient_descent.py [--picture descent.png]

One weight first, where a formula says what every step does; then a regression network with a hidden layer.
The picture needs matplotlib.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from layers import Affine, Sequential, Tanh
from layers.init import zeros
from losses import MSE

rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, (100, 1))
target = x + np.sin(2 * x)
CURVATURE = 2 * (x * x).mean()  # d²E/dw² of one weight, E = mean((w x - target)²)
BEST = (x * target).mean() / (x * x).mean()  # where dE/dw = 0

TIMES = {"too small": 0.1, "good": 1, "large": 1.8, "too large": 2.1}  # tau * curvature, of one weight
TAUS = {"too small": 0.001, "good": 0.1, "too large": 0.3}  # tau, of the network
COLORS = {"too small": "C0", "good": "C2", "large": "C1", "too large": "C3"}


def one_weight():
    """y = w x, from w = 0"""
    return Affine(1, 1, bias=False, init=zeros, dtype=np.float64)


def network():
    """y = V tanh(W x + b) + c"""
    return Sequential(Affine(1, 16, rng=7, dtype=np.float64), Tanh(), Affine(16, 1, rng=8, dtype=np.float64))


def descend(model, tau, steps):
    """[(E, W), ...] before every step W <- W - tau dE/dW, and after the last."""
    loss, path = MSE(), []
    for step in range(steps + 1):
        path.append((loss.forward(model.forward(x), target), model.state()))
        if step < steps:
            _, grads = model.backward(loss.backward())
            for name, W in model.params.items():
                W -= tau * grads[name]
    return path


def first_step(tau):
    """(how far E falls in the network's first step, what its gradient promises: tau |dE/dW|²)"""
    model, loss = network(), MSE()
    loss.forward(model.forward(x), target)
    _, grads = model.backward(loss.backward())
    (before, _), (after, _) = descend(model, tau, 1)
    return before - after, tau * sum((dW * dW).sum() for dW in grads.values())


def draw(bowls, curves, path):
    try:
        from matplotlib.figure import Figure
    except ImportError:
        sys.exit("gradient_descent.py: error: --picture needs matplotlib; python -m pip install matplotlib")
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    w = BEST + np.linspace(-2.1, 2.1, 200)
    left.plot(w, ((w * x - target) ** 2).mean(axis=0), color="#999999")
    for label, steps in bowls.items():
        E, w = zip(*((E, W["W"].item()) for E, W in steps), strict=True)
        left.plot(w, E, "o-", ms=4, lw=1, color=COLORS[label], label=label)
    for label, steps in curves.items():
        right.plot([E for E, _ in steps], color=COLORS[label], label=label)
    left.set(xlabel="w", ylabel="E(w)", title="one weight, 6 steps", ylim=(0, 6))
    right.set(xlabel="step", ylabel="E(W)", title="a network", yscale="log", ylim=(0.01, 100))
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.15))
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        sys.exit(f"gradient_descent.py: error: {path}: {error.strerror}; name a file that can be written")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a PNG file to draw")
    picture = parser.parse_args(arguments).picture

    print(
        f"One weight: E(w) = mean((w x - y)^2) has the curvature {CURVATURE:.3f} and is lowest at {BEST:.3f}."
    )
    print("Every step multiplies the distance from there by 1 - tau * curvature:")
    bowls = {name: descend(one_weight(), times / CURVATURE, 6) for name, times in TIMES.items()}
    for name, path in bowls.items():
        distances = [W["W"].item() - BEST for _, W in path]
        print(f"  {name:<9} tau = {TIMES[name] / CURVATURE:.3f}", *(f"{d:9.5f}" for d in distances))

    print("\nA network: the tangent promises a fall of tau |dE/dW|^2, and short steps keep the promise:")
    for tau in (0.1, 0.01, 0.001, 0.0001):
        fall, promised = first_step(tau)
        print(f"  tau = {tau:<7g} fall {fall:.7f}   promised {promised:.7f}   ratio {fall / promised:.4f}")

    print("\nE(W) of the network after so many steps:")
    shown = (0, 1, 2, 5, 10, 20, 50, 100)
    print(" " * 22, *(f"{step:>9}" for step in shown))
    curves = {name: descend(network(), tau, 100) for name, tau in TAUS.items()}
    for name, path in curves.items():
        print(f"  {name:<9} tau = {TAUS[name]:<5g}", *(f"{path[step][0]:>9.3g}" for step in shown))
    if picture:
        draw(bowls, curves, picture)
        print("\ndrawn:", picture)


if __name__ == "__main__":
    main()
