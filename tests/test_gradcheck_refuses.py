"""What check_layer and check_loss refuse, in one line with what to do, and errors of the layer's own."""

from __future__ import annotations

import numpy as np
import pytest
from right_layers import IDS, ReLU
from small_layers import Double, Scale, X

from gradcheck import check_layer, check_loss
from layers.base import Layer

# ---- the layer or the loss ---------------------------------------------------------------------------------


def test_a_forward_with_two_arguments_is_told_to_take_a_tuple():
    class Two(Layer):
        def forward(self, a, b):
            return a * b

    with pytest.raises(TypeError) as caught:
        check_layer(Two(), [X, X])
    assert str(caught.value) == (
        "Two(): expected a layer with forward(x), got forward(a, b); "
        "for several inputs take a tuple: def forward(self, x): a, b = x"
    )


class NoBackward:
    def forward(self, x):
        return x


class BackwardOfTwo(Double):
    def backward(self, upstream, lr):
        return upstream, {}


@pytest.mark.parametrize(
    ("layer", "match"),
    [
        (None, r"None: expected a layer with forward\(x\), got NoneType without forward; define it"),
        (NoBackward(), r"NoBackward\(\): expected a layer with backward\(upstream\), got NoBackward without"),
        (BackwardOfTwo(), r"expected a layer with backward\(upstream\), got backward\(upstream, lr\)"),
    ],
)
def test_what_is_no_layer_is_refused(layer, match):
    with pytest.raises(TypeError, match=match):
        check_layer(layer, X)


def test_what_is_no_loss_is_refused():
    with pytest.raises(
        TypeError, match=r"expected a loss with forward\(prediction, target\), got forward\(x\)"
    ):
        check_loss(Double(), np.ones(X), np.ones(X))


def test_a_layer_that_cannot_be_copied_says_so():
    layer = ReLU()
    layer.stream = (i for i in range(3))
    with pytest.raises(TypeError) as caught:
        check_layer(layer, X)
    assert caught.value.__notes__ == [
        "gradcheck: in a deep copy of ReLU(), which keeps the original untouched"
    ]


def test_an_attribute_that_cannot_be_copied_is_named():
    layer = Double()
    layer.stream = (i for i in range(3))
    with pytest.raises(TypeError) as caught:
        check_layer(layer, X)
    assert str(caught.value).startswith(
        "Double(): expected a layer that copy.deepcopy can copy, got TypeError: "
    )
    assert "(its attribute 'stream')" in str(caught.value)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ([np.ones(3)], r"ReLU\(\): expected params to be a dict of arrays, got list"),
        ({"a": 0.25}, r"ReLU\(\): expected params\['a'\] to be a floating-point array, got float"),
        ({"a": np.ones(3, int)}, r"ReLU\(\): expected params\['a'\] to be a floating-point array, got int64"),
    ],
)
def test_params_that_cannot_be_checked_are_refused(params, match):
    layer = ReLU()
    layer.params = params
    with pytest.raises(TypeError, match=match):
        check_layer(layer, X)


def test_params_that_turn_into_no_arrays_are_refused_by_name():
    class Lists(Scale):
        def forward(self, x):
            y = super().forward(x)
            self.params["W"] = self.params["W"].tolist()
            return y

    with pytest.raises(
        TypeError, match=r"Lists\(\): expected params\['W'\] to be a floating-point array, got"
    ):
        check_layer(Lists(), X)


def test_an_error_of_the_layer_stays_visible_with_a_note_of_who_called():
    class Fails(ReLU):
        def backward(self, upstream):
            return upstream @ np.ones((7, 7)), {}

    with pytest.raises(ValueError, match="matmul") as caught:
        check_layer(Fails(), X)
    assert caught.value.__notes__ == ["gradcheck: in Fails().backward with upstream of shape (4, 3) float64"]
    with pytest.raises(NotImplementedError) as caught:
        check_layer(Layer(), [X, IDS])
    assert caught.value.__notes__ == [
        "gradcheck: in Layer().forward with x of shape (4, 3) float64, (2, 3) int64"
    ]


# ---- x, upstream and options -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (
            {"x": 3.0},
            TypeError,
            r"check_layer: expected x to be a NumPy array or a shape, got float; convert",
        ),
        ({"x": [[1.0, 2.0]]}, TypeError, r"expected x\[0\] to be a NumPy array or a shape, got list"),
        ({"x": np.ones(2, complex)}, TypeError, r"expected x in real numbers, got complex128"),
        ({"x": np.array([1.0, np.nan])}, ValueError, r"expected a finite x, got nan at \[1\]"),
        (
            {"x": X, "level": "deep"},
            ValueError,
            r"expected level to be 'auto', 'quick' or 'full', got 'deep'",
        ),
        ({"x": X, "rng": "seed"}, TypeError, r"expected rng to be a seed or a Generator, got 'seed'"),
        ({"x": X, "upstream": np.ones(4)}, ValueError, r"upstream of y's shape \(4, 3\), got \(4,\)"),
        (
            {"x": X, "upstream": (np.ones(X),)},
            ValueError,
            r"upstream of y's shape \(4, 3\), got \(\(4, 3\)\)",
        ),
        ({"x": X, "upstream": np.zeros(X)}, ValueError, r"upstream finite and not all zeros"),
    ],
)
def test_what_cannot_be_checked_is_refused(arguments, error, match):
    with pytest.raises(error, match=match):
        check_layer(ReLU(), **arguments)


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        ((0, 3), ValueError, r"check_layer: expected an x with entries, got the shape \(0, 3\)"),
        (np.zeros((2, 0)), ValueError, r"check_layer: expected an x with entries, got the shape \(2, 0\)"),
        (
            [np.zeros((0, 2)), (0,)],
            ValueError,
            r"expected an x with entries, got the shape \(\(0, 2\), \(0,\)\)",
        ),
        ((-1, 3), ValueError, r"check_layer: expected x to be an array or a shape of sizes, got \(-1, 3\)"),
        ((10**30,), ValueError, r"check_layer: expected x to be an array or a shape of sizes"),
        ((10**9, 10**9), ValueError, r"check_layer: expected x to be an array or a shape of sizes"),
        (np.array([1, None]), TypeError, r"check_layer: expected x in real numbers, got object"),
        (5, TypeError, r"check_layer: expected x to be a NumPy array or a shape, got int"),
        ("x", TypeError, r"check_layer: expected x to be a NumPy array or a shape, got str"),
        (None, TypeError, r"check_layer: expected x to be a NumPy array or a shape, got NoneType"),
    ],
)
def test_what_is_no_x_is_refused(x, error, match):
    with pytest.raises(error, match=match):
        check_layer(Double(), x)


@pytest.mark.parametrize(
    ("upstream", "error", "match"),
    [
        ("u", TypeError, "check_layer: expected upstream in real numbers, got str"),
        (np.ones(X, complex), TypeError, "check_layer: expected upstream in real numbers, got complex128"),
        ([[1.0], [2.0, 3.0]], TypeError, "check_layer: expected upstream in real numbers, got list"),
        (np.full(X, np.inf), ValueError, "check_layer: expected upstream finite"),
    ],
)
def test_what_is_no_upstream_is_refused(upstream, error, match):
    with pytest.raises(error, match=match):
        check_layer(Double(), X, upstream=upstream)
