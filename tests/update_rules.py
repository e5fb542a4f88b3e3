"""Every update rule with options, and parameters and gradients for it."""

import numpy as np
import pytest

from layers.base import Layer
from optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, Muon, NAdam, RAdam, RMSProp

RULES = [
    pytest.param(SGD, {}, id="SGD"),
    pytest.param(SGD, {"momentum": 0.9, "weight_decay": 0.01}, id="SGD momentum"),
    pytest.param(SGD, {"momentum": 0.9, "nesterov": True}, id="SGD nesterov"),
    pytest.param(RMSProp, {"weight_decay": 0.01}, id="RMSProp"),
    pytest.param(RMSProp, {"momentum": 0.9}, id="RMSProp momentum"),
    pytest.param(Adagrad, {"weight_decay": 0.01}, id="Adagrad"),
    pytest.param(Adam, {"weight_decay": 0.01}, id="Adam"),
    pytest.param(AdamW, {}, id="AdamW"),
    pytest.param(Adadelta, {"weight_decay": 0.01}, id="Adadelta"),
    pytest.param(Adamax, {"weight_decay": 0.01}, id="Adamax"),
    pytest.param(NAdam, {"weight_decay": 0.01, "momentum_decay": 0.1}, id="NAdam"),
    pytest.param(RAdam, {"weight_decay": 0.01}, id="RAdam"),
    pytest.param(RAdam, {"betas": (0.5, 0.9)}, id="RAdam rectified from step 6"),
    pytest.param(Lion, {"weight_decay": 0.01}, id="Lion"),
    pytest.param(Muon, {}, id="Muon"),
    pytest.param(Muon, {"nesterov": False, "momentum": 0.8, "betas": (0.8, 0.9)}, id="Muon heavy ball"),
]
every_rule = pytest.mark.parametrize(("rule", "options"), RULES)
SHAPES = {"0.W": (3, 2), "0.b": (3,), "1.s": (), "2.W": (2, 3, 1, 1)}


def arrays(seed, dtype=np.float64):
    """One random array for each name in SHAPES."""
    rng = np.random.default_rng(seed)
    return {name: np.asarray(rng.standard_normal(shape), dtype=dtype) for name, shape in SHAPES.items()}


def copies(named):
    return {name: array.copy() for name, array in named.items()}


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name, strict=True)


def train(optimizer, steps, start=0):
    for i in range(start, start + steps):
        optimizer.step(arrays(1000 + i, next(iter(optimizer.params.values())).dtype))


class Line(Layer):
    """y = s x."""

    def __init__(self):
        self.params = {"s": np.full(3, 2.0, np.float32)}

    def forward(self, x):
        self.cache = x
        return x * self.params["s"]

    def backward(self, upstream):
        return upstream * self.params["s"], self.grads(s=(upstream * self.cache).sum(axis=0))
