"""backward is one linear map, that of the latest forward: nothing kept, drawn, clipped or rounded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from reports import kinds
from small_layers import POSITIVE, Double, Scale, X

from gradcheck import check_layer
from gradcheck.answers import pull
from gradcheck.linear import check_linear
from gradcheck.subject import Subject
from layers.base import Layer

# ---- repeats, caches, randomness ---------------------------------------------------------------------------


def test_a_gradient_kept_for_the_next_backward_is_seen_with_another_upstream():
    class Keeps(Double):
        def forward(self, x):
            self.dx = None
            return super().forward(x)

        def backward(self, upstream):
            if self.dx is None:
                self.dx = 2 * upstream
            return self.dx, {}

    report = check_layer(Keeps(), X)
    assert kinds(report)[0] == ("repeat-backward", "dx")
    assert "keep nothing from one backward to the next" in report.findings[0].message


class StaleSum(Layer):
    """y = s x with s the sum of x, which the first forward leaves to all later ones' backward."""

    def forward(self, x):
        total = x.sum()
        self.total = getattr(self, "total", total)
        self.x = x
        return total * x

    def backward(self, upstream):
        return self.total * upstream + (upstream * self.x).sum(), {}


class StaleLength(Layer):
    """The mean over the batch, divided by the length of the first batch seen."""

    def forward(self, x):
        self.n = getattr(self, "n", len(x))
        self.shape = x.shape
        return x.mean(axis=0)

    def backward(self, upstream):
        return np.broadcast_to(upstream / self.n, self.shape).copy(), {}


@pytest.mark.parametrize("cls", [StaleSum, StaleLength])
def test_a_cache_that_another_order_leaves_alone_is_seen_at_other_values_and_sizes(cls):
    report = check_layer(cls(), X)
    assert kinds(report)[0] == ("stale-cache", "dx")


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(3, 3), (6, 3)])
def test_fresh_randomness_is_seen_on_few_entries_too(p, shape):
    seeds = itertools.count()  # a new generator each time, and yet the same test each time

    class InForward(Layer):
        def forward(self, x):
            self.keep = np.random.default_rng(next(seeds)).random(x.shape) >= p
            return x * self.keep

        def backward(self, upstream):
            return upstream * self.keep, {}

    class InBackward(InForward):
        def forward(self, x):
            self.keep = np.random.default_rng(5).random(x.shape) >= p
            return x * self.keep

        def backward(self, upstream):
            return upstream * (np.random.default_rng(next(seeds)).random(upstream.shape) >= p), {}

    for _ in range(5):
        assert kinds(check_layer(InForward(), shape))[0] == ("nondeterministic", "")
        assert kinds(check_layer(InBackward(), shape))[0] == ("repeat-backward", "dx")


def test_an_output_whose_shape_is_drawn_is_nondeterministic():
    lengths = itertools.count(1)

    class Draws(Double):
        def forward(self, x):
            return 2 * x[: next(lengths)]

    assert kinds(check_layer(Draws(), X)) == [("nondeterministic", "")]


def test_a_copy_of_the_weights_from_the_constructor_is_stale():
    class Old(Scale):
        def __init__(self):
            super().__init__()
            self.W = self.params["W"].copy()

        def backward(self, upstream):
            return upstream * self.W, super().backward(upstream)[1]

    report = check_layer(Old(), X)
    assert kinds(report)[0] == ("stale-cache", "dx")
    assert "once params change in place" in report.findings[0].message


# ---- linearity ---------------------------------------------------------------------------------------------


def test_a_gradient_that_is_clipped_is_not_linear():
    class Clips(Double):
        def backward(self, upstream):
            return np.clip(2 * upstream, -50, 50), {}

    report = check_layer(Clips(), X)
    assert kinds(report)[0] == ("upstream-nonlinear", "dx")
    assert "clips" in report.findings[0].message


def test_a_backward_that_divides_by_upstream_is_not_linear():
    class Normalises(Double):
        def backward(self, upstream):
            return 2 * upstream / np.linalg.norm(upstream), {}

    report = check_layer(Normalises(), X)
    assert kinds(report)[0] == ("upstream-nonlinear", "dx")
    assert "not for 0; does backward divide by upstream?" in report.findings[0].message


@pytest.mark.parametrize(
    "change",
    [
        lambda u: u.astype(np.float32).astype(float) * (1 + 1e-12),
        lambda u: np.round(u, 4),
        lambda u: u.astype(np.float16).astype(float),
    ],
)
def test_a_backward_that_loses_digits_is_named(change):
    class Loses(Double):
        def backward(self, upstream):
            return 2 * change(upstream), {}

    report = check_layer(Loses(), X)
    assert kinds(report)[0] == ("precision", "dx")


def test_a_layer_that_is_float32_throughout_loses_no_more_in_backward():
    class Single(Scale):
        def forward(self, x):
            return super().forward(x.astype(np.float32))

        def backward(self, upstream):
            return super().backward(upstream.astype(np.float32))

    subject = Subject(Single(), [POSITIVE], False)
    u, v = POSITIVE, POSITIVE[::-1]
    y = subject.forward(subject.start(), POSITIVE.copy())
    assert check_linear(subject, [y], u, v, pull(subject, u)) == []


def test_a_backward_that_refuses_some_upstreams_is_a_finding():
    class Refuses(Double):
        def backward(self, upstream):
            if not upstream.any():
                raise ValueError("no gradient?")
            return 2 * upstream, {}

    report = check_layer(Refuses(), X)
    assert kinds(report)[0] == ("upstream-nonlinear", "")
    assert "raises ValueError" in report.findings[0].message
