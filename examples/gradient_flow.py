"""Vanishing and exploding gradients: how large values and adjoints are, layer by layer, in deep networks.

    python examples/gradient_flow.py [--picture flow.png]

A linear network first, where a formula says it: W = c Q with Q orthogonal multiplies the norm of an adjoint
by c, so that n layers multiply it by c^n. Then networks as one would build them.
The picture needs matplotlib.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from layers import Affine, LayerNorm, ReLU, Residual, Sequential, Sigmoid
from layers.drawing.flow import draw_flow, flow
from layers.init import he_normal, normal, orthogonal

WIDTH, DEPTH = 64, 20
rng = np.random.default_rng(0)
x = rng.standard_normal((100, WIDTH))
target = rng.standard_normal((100, WIDTH))


def linear(c, depth=DEPTH):
    """y = W_n ... W_1 x, each W = c Q"""
    return Sequential(*(affine(i, partial(orthogonal, gain=c)) for i in range(depth)))


def affine(i, init):
    return Affine(WIDTH, WIDTH, init=init, rng=i, dtype=np.float64)


def plain(function, init):
    """DEPTH times an affine layer and an elementwise one."""
    return Sequential(*(layer for i in range(DEPTH) for layer in (affine(i, init), function())))


def residual():
    """DEPTH times x + relu(W norm(x) + b)"""
    blocks = (
        Residual(LayerNorm(WIDTH, dtype=np.float64), affine(i, "he_normal"), ReLU()) for i in range(DEPTH)
    )
    return Sequential(*blocks)


NETS = {
    "sigmoid, small W": lambda: plain(Sigmoid, partial(normal, std=0.05)),
    "ReLU, large W": lambda: plain(ReLU, partial(he_normal, gain=4.0)),
    "ReLU, he_normal": lambda: plain(ReLU, "he_normal"),
    "residual, LayerNorm": residual,
}


def growth(c, depth=DEPTH):
    """|dL/dx| / |dL/dy| of a linear network."""
    rows = flow(linear(c, depth), x, target)
    return rows[0].adjoint_norm / rows[-1].adjoint_norm


def after_blocks(rows):
    """The rows of x, and of what leaves a quarter, a half, ... of the DEPTH blocks."""
    inside = (len(rows) - 1) // DEPTH
    return [rows[block * inside] for block in range(0, DEPTH + 1, DEPTH // 4)]


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a .png, .svg or .pdf file to draw")
    picture = parser.parse_args(arguments).picture

    print(f"Linear networks, {DEPTH} layers of W = c Q: |dL/dx| / |dL/dy| is c^{DEPTH}.")
    for c in (0.5, 0.9, 1.0, 1.1, 2.0):
        print(f"  c = {c:<4g} measured {growth(c):<12.6g} c^{DEPTH} = {c**DEPTH:.6g}")

    flows = {title: flow(build(), x, target) for title, build in NETS.items()}
    shown = [f"{block}" for block in range(0, DEPTH + 1, DEPTH // 4)]
    for what, name in (("values", "value"), ("adjoints", "adjoint")):
        print(f"\nRoot mean square of the {what} after so many of {DEPTH} blocks (0: x):")
        print(" " * 22, *(f"{block:>9}" for block in shown))
        for title, rows in flows.items():
            print(f"  {title:<20}", *(f"{getattr(row, name):>9.2g}" for row in after_blocks(rows)))

    print("\nNorm of dW of the first affine layer, and of the last:")
    for title, rows in flows.items():
        norms = [row.grads["W"] for row in rows if "W" in row.grads]
        print(f"  {title:<20} {norms[0]:>9.2g} {norms[-1]:>9.2g}")
    if picture:
        draw(flows, picture)
        print("\ndrawn:", picture)


def draw(flows, path):
    try:
        draw_flow(flows, path)
    except (ImportError, ValueError) as error:  # no matplotlib, or another suffix
        sys.exit(f"gradient_flow.py: error: {error}")
    except OSError as error:
        sys.exit(f"gradient_flow.py: error: {path}: {error.strerror}; name a file that can be written")


if __name__ == "__main__":
    main()
