"""What forward and backward hand back: the keys of grads, and the kinds of arrays."""

from __future__ import annotations

import numpy as np
import pytest
from reports import kinds
from small_layers import Double, Scale, X

from gradcheck import check_layer
from layers.base import Layer


class Returns(Scale):
    def __init__(self, change, params=None):
        super().__init__()
        self.change = change
        self.params.update(params or {})

    def backward(self, upstream):
        return self.change(*super().backward(upstream))


@pytest.mark.parametrize(
    ("key", "meant"),
    [("dW", "W"), ("w", "W"), ("weight", "W"), ("grad_W", "W"), ("W_grad", "W"), ("bias", "b"), ("B", "b")],
)
def test_a_wrong_key_is_told_the_nearest_name(key, meant):
    def change(dx, grads):
        return dx, {key if name == meant else name: g for name, g in grads.items()}

    report = check_layer(Returns(change), X)
    assert kinds(report)[0] == ("keys", f"d{meant}")
    assert f"grads has {key!r} (did you mean {meant!r}?)" in report.findings[0].message


def test_two_wrong_keys_are_told_two_names_and_what_is_missing_besides_is_said():
    report = check_layer(Returns(lambda dx, g: (dx, {"dW": g["W"], "db": g["b"]})), X)
    assert kinds(report) == [("keys", "dW")]
    assert "'dW' (did you mean 'W'?), 'db' (did you mean 'b'?)" in report.findings[0].message
    report = check_layer(Returns(lambda dx, g: (dx, {"dW": g["W"]})), X)
    assert kinds(report) == [("keys", "dW"), ("missing", "db")]


def test_a_triple_is_told_how_to_become_a_pair():
    report = check_layer(Returns(lambda dx, g: (dx, g["W"], g["b"])), X)
    assert kinds(report) == [("keys", "")]
    assert "return dx, {'W': dW, 'b': db}; backward must return (dx, grads)" in report.findings[0].message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda g: [g], "dtype"),
        (lambda g: None, "missing"),
        (lambda g: g.astype(object), "dtype"),
        (lambda g: g.astype(complex), "dtype"),
        (lambda g: g.astype(int), "dtype"),
        (lambda g: g > 0, "dtype"),
        (lambda g: g.astype(str), "dtype"),
        (lambda g: "gradient", "dtype"),
        (lambda g: {"W": g}, "dtype"),
        (lambda g: 0, "dtype"),
        (lambda g: 0.0, "shape"),
        (lambda g: g * np.nan, "non-finite"),
        (lambda g: np.concatenate([g, g, g]), "shape"),
    ],
)
@pytest.mark.parametrize("which", ["dx", "dW"])
def test_what_is_no_gradient_is_a_finding(value, kind, which):
    def change(dx, grads):
        return (value(dx), grads) if which == "dx" else (dx, {**grads, "W": value(grads["W"])})

    report = check_layer(Returns(change), X)
    assert not report.passed
    assert (kind, which) in kinds(report)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda y: [y], "dtype"),
        (lambda y: (y, None), "missing"),
        (lambda y: (), "missing"),
        (lambda y: 3, "dtype"),
        (lambda y: y.astype(object), "dtype"),
        (lambda y: y.astype(complex), "dtype"),
        (lambda y: y.astype(int), "dtype"),
        (lambda y: {"y": y}, "dtype"),
        (lambda y: y.astype(str), "dtype"),
        (lambda y: "y", "dtype"),
        (lambda y: y * np.inf, "non-finite"),
        (lambda y: ((y, y), y), "dtype"),
    ],
)
def test_what_is_no_output_is_a_finding(value, kind):
    class Bad(Double):
        def forward(self, x):
            return value(super().forward(x))

    report = check_layer(Bad(), X)
    assert kinds(report) == [(kind, "")]


class Sub(np.ndarray):
    pass


@pytest.mark.parametrize(
    "value", [lambda y: y[::-1][::-1], lambda y: np.asfortranarray(y), lambda y: y.view(Sub)]
)
def test_views_orders_and_subclasses_are_outputs(value):
    class Fine(Double):
        def forward(self, x):
            return value(super().forward(x))

    assert check_layer(Fine(), X).passed


def test_an_output_in_float16_is_no_crash():
    class Half(Double):
        def forward(self, x):
            return super().forward(x).astype(np.float16)

    check_layer(Half(), X)


def test_a_parameter_that_is_not_finite_is_named():
    layer = Scale()
    layer.params["b"][1] = np.nan
    report = check_layer(layer, X)
    assert kinds(report) == [("non-finite", "")]
    assert "the parameter b is not finite" in report.findings[0].message


def test_numbers_in_the_wrong_container_are_judged_all_the_same():
    class Lists(Layer):
        def forward(self, x):
            return x[0] + x[1]

        def backward(self, upstream):
            return [upstream, 2 * upstream], {}

    report = check_layer(Lists(), [X, X])
    assert kinds(report) == [("shape", "dx[0]"), ("scale", "dx[1]")]


def test_integers_for_a_layer_of_real_numbers_are_told_so():
    x = np.arange(6).reshape(2, 3)
    for layer, array in ((Double(), ""), (Scale(), "dx")):
        report = check_layer(layer, x)
        assert kinds(report) == [("dtype", array)]
        assert "check with x.astype(float) if these are real numbers" in report.findings[0].message


def test_a_layer_that_refuses_its_own_dtype_is_a_finding():
    class Refuses(Scale):
        def forward(self, x):
            if x.dtype != np.float64:
                raise TypeError("double only")
            return super().forward(x)

    report = check_layer(Refuses(), X)
    assert kinds(report) == [("dtype", "")]
    assert "raises TypeError: double only" in report.findings[0].message
