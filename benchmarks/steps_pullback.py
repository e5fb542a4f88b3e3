"""The networks of steps.py, here."""

import itertools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

import layers
from layers import Affine, Conv2D, MaxPool2D, ReLU, Sequential
from losses import MSE, SoftmaxCrossEntropy
from optim import Adam


def mlp(rng, sizes):
    rows = [[Affine(n, m, rng=rng), ReLU()] for n, m in itertools.pairwise(sizes[:-1])]
    return [*itertools.chain(*rows), Affine(*sizes[-2:], rng=rng)]


def lenet(rng, sizes):
    return [
        *(Conv2D(1, 6, 5, padding=2, rng=rng), ReLU(), MaxPool2D(2)),
        *(Conv2D(6, 16, 5, rng=rng), ReLU(), MaxPool2D(2)),
        *(layers.Flatten(), *mlp(rng, (400, 120, 84, 10))),
    ]


def resnet(rng, sizes):
    def conv(n, m):
        return Conv2D(n, m, 3, padding=1, bias=False, rng=rng), layers.BatchNorm(m)

    return [
        *(*conv(3, 16), ReLU()),
        *(layers.Residual(*conv(16, 16), ReLU(), *conv(16, 16)), ReLU(), MaxPool2D(2)),
        *(*conv(16, 32), ReLU(), layers.GlobalAvgPool(), Affine(32, 10, rng=rng)),
    ]


def lstm(rng, sizes):
    _, D, H = sizes
    return [layers.LSTM(D, H, rng=rng), layers.LastStep(), Affine(H, 10, rng=rng)]


def transformer(rng, sizes):
    _, dim, heads = sizes
    blocks = [layers.TransformerBlock(dim, heads, 4 * dim, causal=True, rng=rng) for _ in range(2)]
    return [*blocks, layers.LayerNorm(dim), Affine(dim, 10, rng=rng)]


def network(kind, sizes, batch):
    """(model, loss, x, target)"""
    rng = np.random.default_rng(0)
    model = Sequential(*globals()[kind](rng, sizes))
    model.input_grad = False
    shape = {"mlp": sizes[:1], "lstm": sizes[:2], "transformer": sizes[:2]}.get(kind, sizes)
    x = rng.standard_normal((batch, *shape)).astype(np.float32)
    if sizes[-1] == 1:
        return model, MSE(), x, rng.standard_normal((batch, 1)).astype(np.float32)
    return (
        model,
        SoftmaxCrossEntropy(),
        x,
        rng.integers(10, size=(batch, *shape[:1][: kind == "transformer"])),
    )


def training(kind, sizes, batch):
    model, loss, x, target = network(kind, sizes, batch)
    optimizer = Adam(model.params, lr=1e-3)

    def step():
        loss.forward(model.forward(x), target)
        _, grads = model.backward(loss.backward())
        optimizer.step(grads)

    return step


def prediction(kind, sizes, batch):
    model, _, x, _ = network(kind, sizes, batch)
    model.eval()
    return lambda: model.forward(x)
