"""Symbolic differentiation: how fast the expression of a derivative grows, and what backprop does instead.

    python examples/expression_swell.py          # needs SymPy: python -m pip install sympy

l_{k+1} = 4 l_k (1 - l_k) uses l_k twice, so that writing it out doubles it, and the product rule more than
doubles the derivative. Each map is one layer here, and backprop goes through it once.
Source: Baydin, Pearlmutter, Radul & Siskind 2018, table 1
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from layers import Elementwise, Sequential

X = 0.3


def chain(n):
    """x -> l_n, where l_0 = x."""
    return Sequential(*(Elementwise(lambda v: 4 * v * (1 - v), lambda v: 4 - 8 * v) for _ in range(n)))


def expressions(n):
    """(x, l_n, dl_n/dx), written out by SymPy."""
    import sympy

    x = l_n = sympy.Symbol("x")
    for layer in chain(n).layers:
        l_n = layer.f(l_n)
    return x, l_n, sympy.diff(l_n, x)


def operations(expression):
    """(as it is written, with every part that occurs again named and worked out once)"""
    import sympy

    named, (rest,) = sympy.cse(expression)
    return expression.count_ops(), sum(part.count_ops() for _, part in named) + rest.count_ops()


def operations_of_backprop(n):
    """Both passes: f and df of every layer, and the product with the upstream."""
    import sympy

    v = sympy.Symbol("v")
    return sum(layer.f(v).count_ops() + layer.df(v).count_ops() + 1 for layer in chain(n).layers)


def derivative(n, at):
    """dl_n/dx by backprop."""
    model = chain(n)
    model.forward(np.array([at]))
    return model.backward(np.ones(1))[0].item()


def main():
    try:
        import sympy  # noqa: F401
    except ImportError:
        raise SystemExit("SymPy is not installed; python -m pip install sympy") from None
    print("Operations of n nested logistic maps, and the derivative at x = 0.3 both ways")
    print(
        f"{'n':>4}{'l_n':>8}{'dl_n/dx':>10}{'parts named':>13}{'backprop':>10}{'':>6}by SymPy    by backprop"
    )
    for n in range(1, 10):
        x, l_n, slope = expressions(n)
        written, named = operations(slope)
        print(f"{n:>4}{l_n.count_ops():>8}{written:>10}{named:>13}{operations_of_backprop(n):>10}", end="")
        print(f"{float(slope.subs(x, X)):>16.8g}{derivative(n, X):>15.8g}")


if __name__ == "__main__":
    main()
