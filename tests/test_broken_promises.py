"""A broken promise is named, and the gradients are judged all the same."""

from __future__ import annotations

import inspect
import itertools
import re

import numpy as np
import pytest
from reports import tells
from right_layers import IDS, Affine, Embedding, Mul, ReLU, Scale, Tanh, X
from wrong_layers import (
    Accumulates,
    DropsCache,
    Forward,
    FreshGenerator,
    FreshMask,
    MaskOfUpstream,
    Promotes,
    StaleCache,
    StaleDropout,
    WritesCache,
    WritesParams,
    WritesUpstream,
    WritesX,
    WritesXInBackward,
    WritesY,
    returns,
    wrong,
)

from gradcheck import check_layer
from layers.base import Layer

BROKEN = [
    pytest.param(
        lambda: returns(Affine, lambda dx, g: (g, dx))(3, 2), X, "order", "", r"\(dx, grads\)", id="order"
    ),
    pytest.param(
        returns(ReLU, lambda dx, g: dx), X, "missing", "", r"must return \(dx, grads\)", id="dx alone"
    ),
    pytest.param(returns(ReLU, lambda dx, g: None), X, "missing", "", "returned None", id="nothing"),
    pytest.param(returns(ReLU, lambda dx, g: (None, g)), X, "missing", "dx", "dx is None", id="dx None"),
    pytest.param(
        returns(Mul, lambda dx, g: ((dx[0], None), g)), [X, X], "missing", "dx[1]", "is None", id="dx[1] None"
    ),
    pytest.param(
        returns(Mul, lambda dx, g: (dx[0], g)), [X, X], "shape", "dx[0]", "a tuple of 2", id="one dx of two"
    ),
    pytest.param(
        lambda: returns(Affine, lambda dx, g: (dx, {"W": g["W"], "b": None}))(3, 2),
        X,
        "missing",
        "db",
        "db is None",
        id="db None",
    ),
    pytest.param(
        lambda: returns(Affine, lambda dx, g: (dx, {"W": g["W"]}))(3, 2),
        X,
        "missing",
        "db",
        "grads has no 'b'",
        id="db left out",
    ),
    pytest.param(
        lambda: returns(Affine, lambda dx, g: (dx, {"dW": g["W"], "b": g["b"]}))(3, 2),
        X,
        "keys",
        "dW",
        r"'dW' \(did you mean 'W'\?\)",
        id="key dW",
    ),
    pytest.param(
        lambda: returns(Scale, lambda dx, g: (dx, {"gama": g["gamma"]}))(3),
        X,
        "keys",
        "dgamma",
        r"did you mean 'gamma'",
        id="key misspelt",
    ),
    pytest.param(
        returns(ReLU, lambda dx, g: (dx, {"W": dx})), X, "keys", "", "no parameter", id="key too many"
    ),
    pytest.param(
        lambda: returns(Affine, lambda dx, g: (dx, [g["W"], g["b"]]))(3, 2),
        X,
        "keys",
        "",
        "a dict",
        id="grads a list",
    ),
    pytest.param(
        lambda: wrong(Affine, lambda la, u, dx, g: (dx, {**g, "b": u}))(3, 2),
        X,
        "not-summed",
        "db",
        r"\(4, 2\), expected \(2,\): summed over axis 0 .*; what forward broadcasts, backward sums over",
        id="db not summed",
    ),
    pytest.param(
        lambda: returns(Affine, lambda dx, g: (dx, {**g, "W": g["W"].T}))(3, 2),
        X,
        "transposed",
        "dW",
        r"dW\.T is right",
        id="dW transposed",
    ),
    pytest.param(
        lambda: returns(Affine, lambda dx, g: (dx, {**g, "W": 2 * g["W"].T}))(3, 2),
        X,
        "shape",
        "dW",
        r"shape \(3, 2\), expected \(2, 3\)",
        id="dW transposed and wrong",
    ),
    pytest.param(
        returns(ReLU, lambda dx, g: (dx.ravel(), g)),
        X,
        "reshaped",
        "dx",
        r"\(12,\), expected \(4, 3\): the numbers are right; reshape to \(4, 3\)",
        id="flat",
    ),
    pytest.param(
        returns(ReLU, lambda dx, g: (dx.tolist(), g)), X, "dtype", "dx", "dx is list", id="dx a list"
    ),
    pytest.param(
        returns(ReLU, lambda dx, g: (dx / 0, g)), X, "non-finite", "dx", "dx has", id="dx not finite"
    ),
    pytest.param(
        lambda: returns(Embedding, lambda dx, g: (np.zeros(IDS.shape), g))(4, 2),
        IDS,
        "dtype",
        "dx",
        "no gradient; return None",
        id="dx of ids",
    ),
    pytest.param(
        WritesX, X, "mutates-input", "", r"forward writes to x at wrong_layers\.py:LINE", id="writes x"
    ),
    pytest.param(
        WritesXInBackward,
        X,
        "mutates-input",
        "",
        r"backward writes to x at wrong_layers\.py:LINE",
        id="writes cached x",
    ),
    pytest.param(
        WritesUpstream,
        X,
        "mutates-upstream",
        "",
        r"writes to upstream at wrong_layers\.py:LINE",
        id="writes upstream",
    ),
    pytest.param(
        lambda: WritesParams(3, 2),
        X,
        "mutates-params",
        "",
        r"parameter W at wrong_layers\.py:LINE",
        id="writes params",
    ),
    pytest.param(
        WritesY,
        X,
        "mutates-input",
        "",
        r"the y that forward returned .* at wrong_layers\.py:LINE",
        id="writes y",
    ),
    pytest.param(lambda: Accumulates(3, 2), X, "repeat-backward", "dW", "it doubles", id="accumulates"),
    pytest.param(WritesCache, X, "repeat-backward", "dx", "second time", id="writes its cache"),
    pytest.param(DropsCache, X, "repeat-backward", "", "raises AttributeError", id="drops its cache"),
    pytest.param(
        FreshMask, X, "repeat-backward", "dx", "nothing at random in backward", id="fresh mask in backward"
    ),
    pytest.param(StaleCache, X, "stale-cache", "dx", "first forward is still in use", id="stale cache"),
    pytest.param(StaleDropout, X, "stale-cache", "dx", "first forward is still in use", id="stale mask"),
    pytest.param(FreshGenerator, X, "nondeterministic", "", "self.rng", id="a new generator in forward"),
    pytest.param(
        MaskOfUpstream, X, "upstream-nonlinear", "dx", "not linear in upstream", id="mask of upstream"
    ),
    pytest.param(
        wrong(ReLU, lambda la, u, dx, g: (1.0 * la.mask, g)),
        X,
        "no-upstream",
        "dx",
        "does not depend on upstream",
        id="no upstream",
    ),
    pytest.param(
        wrong(Tanh, lambda la, u, dx, g: (u + (1 - la.y**2), g)),
        X,
        "extra-term",
        "dx",
        r"backward\(0\)",
        id="added",
    ),
    pytest.param(lambda: Promotes(3, 2), X, "dtype", "dx", "dx is float64", id="float64 from float32"),
    pytest.param(
        lambda: Forward(lambda x: None), X, "missing", "", "forward returned None", id="forward None"
    ),
    pytest.param(lambda: Forward(lambda x: [x]), X, "dtype", "", "of kind list", id="forward a list"),
    pytest.param(lambda: Forward(lambda x: x > 0), X, "dtype", "", "of kind bool", id="forward a mask"),
    pytest.param(
        lambda: Forward(lambda x: x / 0), X, "non-finite", "", "for a finite x", id="forward not finite"
    ),
]


def line_of(layer):
    """The number of the line, in its file, that the layer's class marks."""
    source, first = inspect.getsourcelines(type(layer))
    return first + next(i for i, text in enumerate(source) if "# the line" in text)


@pytest.mark.parametrize(("build", "x", "kind", "array", "text"), BROKEN)
def test_a_broken_promise_is_named(build, x, kind, array, text):
    layer = build()
    report = check_layer(layer, x)
    assert not report.passed
    finding = report.findings[0]
    assert (finding.kind, finding.array) == (kind, array), str(report)
    assert re.search(text.replace("LINE", str(line_of(layer))) if "LINE" in text else text, finding.message)
    assert tells(report, finding)


def test_gradients_are_judged_although_backward_returns_them_in_the_wrong_order():
    report = check_layer(returns(Affine, lambda dx, g: (g, 2 * dx))(3, 2), X)
    assert [finding.kind for finding in report.findings] == ["order", "scale"]
    assert [result.verdict for result in report.results] == ["WRONG", "ok", "ok"]


def test_a_gradient_that_is_missing_is_said_to_be():
    report = check_layer(returns(Affine, lambda dx, g: (dx, {"W": g["W"]}))(3, 2), X)
    assert [result.verdict for result in report.results] == ["ok", "ok", "missing"]
    assert "(2 of 3 gradients right)" in str(report)


def test_what_cannot_be_checked_is_not_called_right():
    report = check_layer(FreshGenerator(), X)
    assert [result.verdict for result in report.results] == ["unchecked"]
    assert "(0 of 1 gradient right)" in str(report)


def test_a_layer_without_input_grad_may_return_none_and_the_report_says_so():
    layer = returns(Affine, lambda dx, g: (None, g))(3, 2)
    layer.input_grad = False
    report = check_layer(layer, X)
    assert report.passed
    assert [result.verdict for result in report.results] == ["unchecked", "ok", "ok"]
    assert "dx was not asked for" in str(report)


def test_randomness_in_forward_is_seen_though_two_draws_may_agree():
    seeds = itertools.count()  # a new generator each time, and yet the same test each time

    class Fresh(ReLU):
        def forward(self, x):
            self.mask = np.random.default_rng(next(seeds)).random(x.shape) >= 0.5
            return x * self.mask

    for _ in range(12):
        assert check_layer(Fresh(), (2,)).findings[0].kind == "nondeterministic"


def test_a_gradient_that_is_the_upstream_itself_is_a_warning():
    class Shares(Layer):
        def __init__(self):
            self.params = {"W": np.ones((4, 3))}

        def forward(self, x):
            return x + self.params["W"]

        def backward(self, upstream):
            return upstream + 0, {"W": upstream}

    report = check_layer(Shares(), X)
    assert report.passed
    assert [(finding.kind, finding.array) for finding in report.findings] == [("aliasing", "dW")]
    assert "\n  note    aliasing: dW shares memory with upstream" in str(report)
