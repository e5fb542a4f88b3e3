"""Models, losses and rows for the training loop, so small that each step is known."""

import numpy as np
from right_layers import Scale

import layers as L
from layers import Layer, Sequential
from losses import MSE
from optim import SGD
from training.loop import fit


class Recorder(Scale):
    """Scale that keeps the rows of every training batch, and whether its dx was wanted."""

    def __init__(self):
        super().__init__(1)
        self.seen, self.wishes = [], []

    def forward(self, x):
        if self.training:
            self.seen.append(x[:, 0].astype(int).tolist())
            self.wishes.append(self.input_grad)
        return super().forward(x)


class Drift(Layer):
    """y = x, and every gradient is `slope`: the weight walks down by lr * slope a step."""

    def __init__(self, slope=1.0):
        self.params = {"w": np.zeros(1)}
        self.slope = slope

    def forward(self, x):
        self.cache = x
        return x

    def backward(self, upstream):
        return upstream, {"w": np.full(1, self.slope)}


class Faulty(Scale):
    """Scale whose outputs or gradients are `value` at the k-th training batch, or its validation outputs."""

    def __init__(self, k, where, value):
        super().__init__(1)
        self.k, self.where, self.value, self.count = k, where, value, 0

    def forward(self, x):
        self.count += self.training
        y = super().forward(x)
        now = {"outputs": self.training and self.count == self.k, "validation": not self.training}
        return np.full_like(y, self.value) if now.get(self.where) else y

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        if self.where == "gradients" and self.count == self.k:
            grads = {"gamma": np.full(1, self.value)}
        return dx, grads


class Scripted:
    """A score that takes these values, one an epoch."""

    def __init__(self, *values):
        self.values = iter(values)

    def __call__(self, outputs, target):
        return {"score": next(self.values)}


def line(n=12, slope=3.0):
    """x (n, 1) and slope * x."""
    x = np.linspace(-1, 1, n).reshape(-1, 1)
    return x, slope * x


def fit_scripted(*values, model=None, higher=False, patience=0, after_epoch=None):
    """Train on a line, judged by a scripted score."""
    model = model or Sequential(L.Affine(1, 1, rng=0))
    return fit(
        model, MSE(), SGD(model.params, 0.01), line(), line(4), epochs=len(values), patience=patience,
        score=Scripted(*values), watch="score", higher=higher, after_epoch=after_epoch,
    )  # fmt: skip


def mlp(*, dtype=np.float32, rng=0):
    rng = np.random.default_rng(rng)
    return Sequential(
        L.Affine(1, 8, rng=rng, dtype=dtype),
        L.BatchNorm(8, dtype=dtype),
        L.ReLU(),
        L.Dropout(0.2, rng=rng.spawn(1)[0]),
        L.Affine(8, 1, rng=rng, dtype=dtype),
    )
