"""Four ways to a derivative: by hand, numeric, symbolic, automatic; and what a numeric gradient costs.

    python examples/four_derivatives.py

The symbolic one needs SymPy (python -m pip install sympy); how its expressions grow is expression_swell.py.
Work is counted in multiplications by a weight; the times beside it are this machine's, and in networks as
small as these they count calls more than multiplications.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from layers import Affine, Sequential, Sigmoid, Tanh
from losses import MSE

AT, B, X, Y = 0.8, -0.3, 1.5, 0.2  # w, b, x, y:  z = w x + b,  y_hat = sigmoid(z),  L = (y - y_hat)² / 2


def by_hand(w):
    """dL/dw = dL/dy_hat dy_hat/dz dz/dw = (y_hat - y) sigmoid'(z) x"""
    y_hat = 1 / (1 + np.exp(-(w * X + B)))
    return (y_hat - Y) * y_hat * (1 - y_hat) * X


def numeric(w, eps):
    def L(w):
        return (Y - 1 / (1 + np.exp(-(w * X + B)))) ** 2 / 2

    return (L(w + eps) - L(w)) / eps


def symbolic(at):
    """(dL/dw as a number, and as an expression), None where SymPy is not installed."""
    try:
        import sympy
    except ImportError:
        return None
    w, x, b, y = sympy.symbols("w x b y")
    dL = sympy.diff((y - 1 / (1 + sympy.exp(-(w * x + b)))) ** 2 / 2, w)
    return float(dL.subs({w: at, x: X, b: B, y: Y})), dL


def automatic(w):
    model, loss = Sequential(Affine(1, 1, dtype=np.float64), Sigmoid()), MSE()
    model.load_state({"0.W": np.array([[w]]), "0.b": np.array([B])})
    loss.forward(model.forward(np.array([[X]])), np.array([[Y]]))
    _, grads = model.backward(loss.backward(0.5))  # MSE has no half
    return grads["0.W"].item()


class CountedAffine(Affine):
    """y = x Wᵀ, counting its multiplications by entries of W, or into entries of dW."""

    work = 0

    def forward(self, x):
        self.work += len(x) * self.params["W"].size
        return super().forward(x)

    def backward(self, upstream):
        self.work += 2 * len(upstream) * self.params["W"].size  # dx and dW
        return super().backward(upstream)


def network(width):
    """|W| = 8 width + width² + width"""
    sizes = ((8, width), (width, width), (width, 1))
    one, two, three = (CountedAffine(*size, bias=False, rng=0, dtype=np.float64) for size in sizes)
    return Sequential(one, Tanh(), two, Tanh(), three)


def backprop(model, x, target):
    """One pass forwards and one backwards."""
    loss = MSE()
    loss.forward(model.forward(x), target)
    return model.backward(loss.backward())[1]


def differences(model, x, target, eps=1e-6):
    """(E(W + eps e_i) - E(W)) / eps: a pass for every weight, and one for E(W)."""
    loss, grads = MSE(), {}
    here = loss.forward(model.forward(x), target)
    for name, W in model.params.items():
        grads[name] = np.empty_like(W)
        for i in np.ndindex(W.shape):
            before = W[i]
            W[i] = before + eps
            grads[name][i] = (loss.forward(model.forward(x), target) - here) / eps
            W[i] = before
    return grads


def cost(gradient, width):
    """(|W|, multiplications, seconds) of a gradient from one example."""
    model, rng = network(width), np.random.default_rng(0)
    x, target = rng.standard_normal((1, 8)), rng.standard_normal((1, 1))
    start = time.perf_counter()
    gradient(model, x, target)
    seconds = time.perf_counter() - start
    work = sum(layer.work for layer in model.layers if isinstance(layer, CountedAffine))
    return sum(W.size for W in model.params.values()), work, seconds


def slope(sizes, costs):
    """Of the line through the points in log-log: 1 says proportional, 2 quadratic."""
    return np.polyfit(np.log(sizes), np.log(costs), 1)[0]


def main():
    print(f"dL/dw of L = (y - sigmoid(w x + b))^2 / 2 at w = {AT}, b = {B}, x = {X}, y = {Y}")
    exact, symbols = by_hand(AT), symbolic(AT)
    print(f"  by hand    {exact:.16f}  (y_hat - y) sigmoid'(z) x")
    print(f"  automatic  {automatic(AT):.16f}  backward")
    if symbols:
        print(f"  symbolic   {symbols[0]:.16f}  {symbols[1]}")
    else:
        print("  symbolic   SymPy is not installed; python -m pip install sympy")
    for eps in (1e-2, 1e-5, 1e-8, 1e-11, 1e-14):
        d = numeric(AT, eps)
        print(f"  numeric    {d:.16f}  eps = {eps:.0e}, wrong by {abs(d - exact):.0e}")

    print("\nA gradient of a network with two hidden layers, from one example")
    for name, gradient in (("numeric", differences), ("backprop", backprop)):
        sizes, works, times = zip(*(cost(gradient, width) for width in (4, 8, 16, 32, 64)), strict=True)
        print(f"  {name:<10}{'|W|':>8}{'multiplications':>18}{'ms':>9}")
        for size, work, seconds in zip(sizes, works, times, strict=True):
            print(f"  {size:>18,}{work:>18,}{1e3 * seconds:>9.2f}")
        print(f"  slope{slope(sizes, works):>31.2f}{slope(sizes, times):>9.2f}")


if __name__ == "__main__":
    main()
