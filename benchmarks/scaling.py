"""How time and memory grow: with the batch, width, depth, length of sequence and size of image.

    python benchmarks/scaling.py [--only NAME] [--repeats 7] [--picture scaling.png]

Each table holds the least time of a training step (forward, loss, backward) over some repeats, and the most
memory that NumPy held at a time during one. `slope` is that of the line through the upper half of the points
in log-log: 1 says proportional, 2 quadratic. The last two tables are the gradient of one MLP by
backpropagation, O(|W|), and by central differences, a pass for every weight and so O(|W|²).
--picture draws all of them, where matplotlib is installed.
"""

import argparse
import importlib.util
import math
import sys
import time
import tracemalloc
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from layers import LSTM, Affine, Conv2D, ReLU, ScaledDotProductAttention, Sequential

rng = np.random.default_rng(0)


def random(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def mlp(batch=64, width=64, depth=2):
    rows = [layer for _ in range(depth) for layer in (Affine(width, width, rng=0), ReLU())]
    return Sequential(*rows), random(batch, width)


def attention(T):
    return ScaledDotProductAttention(), tuple(random(4, T, 32) for _ in range(3))


STUDIES = {  # name: (the sizes, size -> (layer, x), the slope of the arithmetic)
    "batch of an MLP": ((256, 512, 1024, 2048, 4096, 8192), lambda n: mlp(batch=n), 1),
    "width of an MLP": ((128, 256, 512, 1024, 2048), lambda n: mlp(width=n), 2),
    "depth of an MLP": ((4, 8, 16, 32, 64), lambda n: mlp(depth=n), 1),
    "T of an LSTM": ((16, 32, 64, 128, 256), lambda n: (LSTM(32, 64, rng=0), random(16, n, 32)), 1),
    "T of attention": ((128, 256, 512, 1024, 2048), attention, 2),
    "side of an image": (
        (16, 32, 64, 128, 256),
        lambda n: (Conv2D(4, 8, 3, padding=1, rng=0), random(4, 4, n, n)),
        2,
    ),
}
WIDTHS = (24, 32, 48, 64, 96)  # of the network whose gradient is taken numerically


def training(layer, x):
    """A step without the update: the gradient of sum(y²) / 2."""

    def step():
        y = layer.forward(x)
        return layer.backward(y)

    return step


def by_differences(layer, x, h=1e-6):
    """dL/dW for every weight from two passes each; L = sum(y²) / 2."""

    def loss():
        y = layer.forward(x)
        return (y * y).sum() / 2

    def step():
        grads = {}
        for name, W in layer.params.items():
            grad = grads[name] = np.empty_like(W)
            for at in np.ndindex(W.shape):
                before = W[at]
                W[at] = before + h
                above = loss()
                W[at] = before - h
                grad[at] = (above - loss()) / (2 * h)
                W[at] = before
        return None, grads

    return step


def seconds(step, repeats):
    if repeats > 1:
        step()  # a warm-up
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times)


def megabytes(step):
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def slope(sizes, values):
    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(values[half:]), 1)[0])


def table(name, what, sizes, steps, expected, repeats):
    """Print a study, and return (name, sizes, times, memory)."""
    times, memory = [], []
    print(f"\n{name:<28}{what:>10}{'ms':>12}{'MB':>10}")
    for size, step in zip(sizes, steps, strict=True):
        times.append(1e3 * seconds(step, repeats))
        memory.append(megabytes(step))
        print(f"{'':<28}{size:>10}{times[-1]:>12.3f}{memory[-1]:>10.2f}", flush=True)
    print(f"{'  slope, of the arithmetic':<28}{expected:>10}", end="")
    print(f"{slope(sizes, times):>12.2f}{slope(sizes, memory):>10.2f}")
    return name, sizes, times, memory


def numeric(repeats):
    """Backpropagation and central differences on the same networks."""
    rows = []
    for name, make, expected in (("backpropagation", training, 1), ("differences", by_differences, 2)):
        networks = []
        for width in WIDTHS:
            layer = Affine(width, width, rng=0).astype(np.float64)
            networks.append((layer, rng.standard_normal((256, width))))
        weights = [sum(W.size for W in layer.params.values()) for layer, _ in networks]
        steps = [make(layer, x) for layer, x in networks]
        rows.append(table(f"gradient by {name}", "|W|", weights, steps, expected, repeats))
        repeats = 1  # the differences take long enough
    return rows


def draw(studies, path):
    if not importlib.util.find_spec("matplotlib"):
        print("matplotlib is not installed: no picture", file=sys.stderr)
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    columns = 4
    figure, axes = plt.subplots(math.ceil(len(studies) / columns), columns, squeeze=False, figsize=(14, 6))
    for axis in axes.flat[len(studies) :]:
        axis.set_axis_off()
    for axis, (name, sizes, times, memory) in zip(axes.flat, studies, strict=False):
        axis.loglog(sizes, times, "o-", label=f"ms, slope {slope(sizes, times):.2f}")
        axis.loglog(sizes, memory, "s--", label=f"MB, slope {slope(sizes, memory):.2f}")
        axis.set_title(name)
        axis.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    print(f"\n{path}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="NAME", help="the studies with this in their name")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--picture", type=Path, metavar="FILE")
    options = parser.parse_args()
    studies = [
        table(name, name.split()[0], sizes, [training(*make(n)) for n in sizes], expected, options.repeats)
        for name, (sizes, make, expected) in STUDIES.items()
        if options.only in name
    ]
    if options.only in "gradient":
        studies += numeric(options.repeats)
    if options.picture:
        draw(studies, options.picture)


if __name__ == "__main__":
    main()
