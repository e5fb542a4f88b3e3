"""Arrays that share memory: what is handed out and written later is a warning, the rest is harmless."""

from __future__ import annotations

import numpy as np
import pytest
from cases import LAYERS
from reports import kinds
from small_layers import Double, Scale, X

from gradcheck import check_layer
from gradcheck.aliasing import check_aliasing
from gradcheck.given import quietly
from gradcheck.subject import Subject
from layers.base import Layer


def aliases(layer, x=X):
    rng = np.random.default_rng(0)
    inputs = [np.asarray(rng.standard_normal(part)) for part in (x if isinstance(x, list) else [x])]
    subject = Subject(layer, inputs, isinstance(x, list))
    upstream = np.asarray(rng.standard_normal(np.shape(subject.forward(subject.start(), subject.x))))
    return [(f.kind, f.array, f.message.split(":")[0]) for f in check_aliasing(subject, upstream)]


class HandsOutParams(Layer):
    def __init__(self):
        self.params = {"W": np.ones((4, 3))}

    def forward(self, x):
        return self.params["W"][...]

    def backward(self, upstream):
        return np.zeros(X), {"W": upstream.copy()}


class GradientIsUpstream(HandsOutParams):
    def forward(self, x):
        return x + self.params["W"]

    def backward(self, upstream):
        return upstream + 0, {"W": upstream}


class GradientsAreOne(Scale):
    def forward(self, x):
        self.x = x
        return x + self.params["W"] + self.params["b"]

    def backward(self, upstream):
        db = upstream.sum(axis=0)
        return upstream, {"W": db, "b": db}


class ReusesY(Layer):
    def __init__(self):
        self.y = np.empty(X)

    def forward(self, x):
        return np.multiply(x, 2, out=self.y)

    def backward(self, upstream):
        return 2 * upstream, {}


class ReusesDx(Double):
    def forward(self, x):
        self.dx = getattr(self, "dx", np.empty(x.shape))
        return super().forward(x)

    def backward(self, upstream):
        self.dx[...] = 2 * upstream
        return self.dx, {}


class ReusesDW(Scale):
    def __init__(self):
        super().__init__()
        self.dW = np.zeros(3)

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        self.dW[...] = grads["W"]
        return dx, {**grads, "W": self.dW}


@pytest.mark.parametrize(
    ("build", "array", "text"),
    [
        (HandsOutParams, "", "y shares memory with the parameter W"),
        (GradientIsUpstream, "dW", "dW shares memory with upstream"),
        (GradientsAreOne, "dW", "dW shares memory with db"),
        (ReusesY, "", "y changes after it was returned"),
        (ReusesDx, "dx", "dx changes after it was returned"),
        (ReusesDW, "dW", "dW changes after it was returned"),
    ],
)
def test_what_is_handed_out_and_written_later_is_a_warning(build, array, text):
    assert aliases(build()) == [("aliasing", array, text)]


def test_harmless_sharing_is_no_finding():
    class Shares(Layer):
        """Views of x and upstream, one upstream for two inputs, and a cache that is y."""

        def forward(self, x):
            self.y = (x[0] + x[1]).reshape(-1)
            return self.y

        def backward(self, upstream):
            dx = upstream.reshape(X)
            return (dx, dx), {}

    class Same(Layer):
        def forward(self, x):
            return x

        def backward(self, upstream):
            return upstream, {}

    assert aliases(Shares(), [X, X]) == []
    assert aliases(Same()) == []
    assert check_layer(Shares(), [X, X]).findings == []
    assert check_layer(Same(), X).findings == []


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_built_in_layers_share_nothing_that_matters(case):
    x = case.x(np.random.default_rng(0))
    with quietly():
        subject = Subject(case.build(), list(x) if isinstance(x, tuple) else [x], isinstance(x, tuple))
        y = subject.forward(subject.start(), subject.x)
        upstream = tuple(map(np.array, y)) if isinstance(y, tuple) else np.array(y)
        assert check_aliasing(subject, upstream) == []


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_a_buffer_handed_out_and_filled_anew_is_a_warning(method):
    class Reusing(Double):
        def __init__(self):
            super().__init__()
            self.space = np.zeros(X)

        def forward(self, x):
            y = super().forward(x)
            return np.add(y, 0, out=self.space) if method == "forward" else y

        def backward(self, upstream):
            dx, grads = super().backward(upstream)
            return np.add(dx, 0, out=self.space) if method == "backward" else dx, grads

    report = check_layer(Reusing(), X)
    assert report.passed
    assert kinds(report) == [("aliasing", "" if method == "forward" else "dx")]
    assert "after it was returned" in report.findings[0].message
