"""The gradient checker, checked: right layers pass, every kind of wrong one is caught and named."""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradcheck import assert_layer, assert_loss, check_layer, check_loss, numeric_gradient
from gradcheck.complex_step import ComplexStep
from gradcheck.report import Report, Result
from gradcheck.subject import Subject
from layers.base import Layer

# ---- right layers, each as a student may write it ----------------------------------------------------------


class Scale(Layer):
    def __init__(self, features):
        self.params = {"gamma": np.ones(features)}

    def forward(self, x):
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream):
        x = self.cache
        return upstream * self.params["gamma"], {"gamma": (upstream * x).sum(axis=0)}


class Affine(Layer):
    def __init__(self, n_in, n_out, dtype=np.float32):
        rng = np.random.default_rng(7)
        self.params = {"W": rng.standard_normal((n_out, n_in)).astype(dtype), "b": np.zeros(n_out, dtype)}

    def forward(self, x):
        self.cache = x
        return x @ self.params["W"].T + self.params["b"]

    def backward(self, upstream):
        return upstream @ self.params["W"], {"W": upstream.T @ self.cache, "b": upstream.sum(axis=0)}

    def __repr__(self):
        n_out, n_in = self.params["W"].shape
        return f"Affine({n_in} -> {n_out})"


class ReLU(Layer):
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, upstream):
        return upstream * self.mask, {}


class Sigmoid(Layer):
    def forward(self, x):
        e = np.exp(-np.abs(x))
        self.y = np.where(x >= 0, 1 / (1 + e), e / (1 + e))
        return self.y

    def backward(self, upstream):
        return upstream * self.y * (1 - self.y), {}


class Tanh(Layer):
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, upstream):
        return upstream * (1 - self.y**2), {}


class Softmax(Layer):
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.y = e / e.sum(axis=-1, keepdims=True)
        return self.y

    def backward(self, upstream):
        return self.y * (upstream - (upstream * self.y).sum(axis=-1, keepdims=True)), {}


class BatchNorm(Layer):
    eps = 1e-5

    def __init__(self, features, dtype=np.float32):
        self.params = {"gamma": np.ones(features, dtype), "beta": np.zeros(features, dtype)}
        self.buffers = {"mean": np.zeros(features, dtype)}

    def forward(self, x):
        mean, self.var = x.mean(axis=0), x.var(axis=0)
        self.buffers["mean"] += 0.1 * (mean - self.buffers["mean"])
        self.x_hat = (x - mean) / np.sqrt(self.var + self.eps)
        return self.params["gamma"] * self.x_hat + self.params["beta"]

    def backward(self, upstream):
        g = upstream * self.params["gamma"]
        dx = (g - g.mean(axis=0) - self.x_hat * (g * self.x_hat).mean(axis=0)) / np.sqrt(self.var + self.eps)
        return dx, {"gamma": (upstream * self.x_hat).sum(axis=0), "beta": upstream.sum(axis=0)}


class MaxPool(Layer):
    """The larger of each pair of neighbours, the first of a tie."""

    def forward(self, x):
        pairs = x.reshape(*x.shape[:-1], -1, 2)
        self.first = pairs[..., 0] >= pairs[..., 1]
        return pairs.max(axis=-1)

    def backward(self, upstream):
        dx = np.stack([upstream * self.first, upstream * ~self.first], axis=-1)
        return dx.reshape(*upstream.shape[:-1], -1), {}


class Dropout(Layer):
    def __init__(self, p=0.4):
        self.p, self.rng = p, np.random.default_rng(3)

    def forward(self, x):
        if not self.training:
            self.keep = np.ones(x.shape, x.dtype)
        else:
            self.keep = (self.rng.random(x.shape) >= self.p).astype(x.dtype) / (1 - self.p)
        return x * self.keep

    def backward(self, upstream):
        return upstream * self.keep, {}


class Mul(Layer):
    def forward(self, x):
        self.cache = x
        return x[0] * x[1]

    def backward(self, upstream):
        a, b = self.cache
        return (upstream * b, upstream * a), {}


class Embedding(Layer):
    def __init__(self, num, dim):
        self.params = {"W": np.random.default_rng(5).standard_normal((num, dim)).astype(np.float32)}

    def forward(self, x):
        self.cache = x
        return self.params["W"][x]

    def backward(self, upstream):
        dW = np.zeros_like(self.params["W"])
        np.add.at(dW, self.cache, upstream)
        return None, {"W": dW}


class Norm(Layer):
    """A layer that puts out one number."""

    def forward(self, x):
        self.cache = x
        return (x * x).sum()

    def backward(self, upstream):
        return 2 * upstream * self.cache, {}


class SinCos(Layer):
    """A layer with two outputs."""

    def forward(self, x):
        self.cache = x
        return np.sin(x), np.cos(x)

    def backward(self, upstream):
        s, c = upstream
        return s * np.cos(self.cache) - c * np.sin(self.cache), {}


class Power:
    """No Layer at all, but an object with the three names that count; without params it has two."""

    def __init__(self):
        self.params = {"a": np.array(1.5)}

    def forward(self, x):
        self.x = x
        return self.params["a"] * x**3

    def backward(self, upstream):
        return 3 * upstream * self.params["a"] * self.x**2, {"a": np.asarray((upstream * self.x**3).sum())}


IDS = np.array([[1, 2, 2], [0, 2, 3]])
RIGHT = [
    pytest.param(lambda: Scale(2), (3, 2), id="Scale"),
    pytest.param(lambda: Affine(3, 2), (2, 3), id="Affine"),
    pytest.param(ReLU, (3, 2), id="ReLU"),
    pytest.param(Sigmoid, (3, 2), id="Sigmoid"),
    pytest.param(Tanh, (3, 2), id="Tanh"),
    pytest.param(Softmax, (2, 3), id="Softmax"),
    pytest.param(lambda: BatchNorm(2), (4, 2), id="BatchNorm"),
    pytest.param(MaxPool, (2, 1, 4), id="MaxPool"),
    pytest.param(Dropout, (3, 2), id="Dropout"),
    pytest.param(lambda: Dropout().eval(), (3, 2), id="Dropout in evaluation mode"),
    pytest.param(Mul, [(2, 2), (2, 2)], id="Mul"),
    pytest.param(lambda: Embedding(4, 2), IDS, id="Embedding"),
    pytest.param(Norm, (2, 3), id="Norm"),
    pytest.param(SinCos, (2, 2), id="SinCos"),
    pytest.param(Power, (3, 2), id="Power"),
    pytest.param(Power, (), id="Power of one number"),
]
each_right_layer = pytest.mark.parametrize(("build", "x"), RIGHT)


def draw(x, rng, factor=1.0):
    """Arrays for shapes; arrays as they are."""
    if isinstance(x, list):
        return tuple(draw(part, rng, factor) for part in x)
    return factor * np.asarray(rng.standard_normal(x)) if isinstance(x, tuple) else x


def drawn_upstream(layer, x, rng, factor=1.0):
    y = copy.deepcopy(layer).forward(x)
    parts = [
        factor * np.asarray(rng.standard_normal(np.shape(part))) for part in (y if type(y) is tuple else (y,))
    ]
    return tuple(parts) if isinstance(y, tuple) else parts[0]


# ---- right layers pass -------------------------------------------------------------------------------------


@each_right_layer
def test_a_right_layer_passes_at_every_level_and_scale(build, x):
    for seed in range(30):
        rng = np.random.default_rng([1, seed])
        level = ("full", "auto", "quick")[seed % 3]
        factor = (1.0, 1e3, 1e-3, 30.0, 1e6)[seed % 5]  # 30 saturates
        given = draw(x, rng, factor)
        upstream = drawn_upstream(build(), given, rng, 1e-6) if seed % 2 else None
        report = check_layer(build(), given, upstream=upstream, level=level, rng=seed)
        assert report.passed, f"seed {seed}, x * {factor}, {level}\n{report}"
        assert all(result.verdict in ("ok", "kink") for result in report.results)


# ---- wrong layers do not -----------------------------------------------------------------------------------


def wrong(cls, change):
    """cls with change(layer, upstream, dx, grads) for what backward returns."""

    class Wrong(cls):
        def backward(self, upstream):
            return change(self, upstream, *super().backward(upstream))

    return Wrong


def times(factor, name=None):
    """Multiply dx, or the gradient of one parameter."""

    def change(layer, upstream, dx, grads):
        if name is None:
            return dx * factor, grads
        return dx, {**grads, name: grads[name] * factor}

    return change


def one_entry(layer, upstream, dx, grads):
    dW = grads["W"].copy()
    dW[1, 2] *= 1.001
    return dx, {**grads, "W": dW}


def without_eps(layer, upstream, dx, grads):
    return dx * np.sqrt(layer.var + layer.eps) / np.sqrt(layer.var), grads


def without_mean_path(layer, upstream, dx, grads):
    g = upstream * layer.params["gamma"]
    return dx + g.mean(axis=0) / np.sqrt(layer.var + layer.eps), grads


def without_variance_path(layer, upstream, dx, grads):
    g = upstream * layer.params["gamma"]
    return dx + layer.x_hat * (g * layer.x_hat).mean(axis=0) / np.sqrt(layer.var + layer.eps), grads


def elementwise_softmax(layer, upstream, dx, grads):
    return upstream * layer.y * (1 - layer.y), grads


def sigmoid_of_y(layer, upstream, dx, grads):
    s = 1 / (1 + np.exp(-layer.y))
    return upstream * s * (1 - s), grads


def both_winners(layer, upstream, dx, grads):
    return np.repeat(upstream, 2, axis=-1), grads


def without_repeats(layer, upstream, dx, grads):
    dW = np.zeros_like(grads["W"])
    dW[layer.cache] = upstream
    return dx, {"W": dW}


def own_operand(layer, upstream, dx, grads):
    a, b = layer.cache
    return (upstream * a, upstream * b), grads


def transposed_square(layer, upstream, dx, grads):
    return dx, {**grads, "W": grads["W"].T}


def in_float32(layer, upstream, dx, grads):
    return dx.astype(np.float32).astype(dx.dtype), grads


def timeless(report):
    return re.sub(r"[\d.]+ ms", "? ms", str(report))


def words(report):
    """The report's text with its lines joined."""
    return " ".join(str(report).split())


def tells(report, finding):
    """Whether all that a finding's message says is in the report's text, be it on several lines."""
    parts = re.split(r"(?:: |; )(?:look at |look for )?", " ".join(finding.message.split()))
    return finding.kind in str(report) and all(part in words(report) for part in parts)


X = (4, 3)
WRONG_NUMBERS = [
    pytest.param(wrong(Tanh, times(1.001)), X, "scale", "dx", id="dx 0.1 % too large"),
    pytest.param(wrong(Softmax, times(0.999)), X, "scale", "dx", id="dx 0.1 % too small"),
    pytest.param(
        lambda: wrong(Affine, one_entry)(3, 2), X, "unknown", "dW", id="one entry of dW 0.1 % too large"
    ),
    pytest.param(lambda: wrong(Affine, times(-1, "W"))(3, 2), X, "sign", "dW", id="sign of dW"),
    pytest.param(lambda: wrong(Affine, times(4, "b"))(3, 2), X, "scale", "db", id="db times N"),
    pytest.param(lambda: wrong(Affine, times(1 / 4, "W"))(3, 2), X, "scale", "dW", id="dW over N"),
    pytest.param(lambda: wrong(Affine, times(0, "W"))(3, 2), X, "zero", "dW", id="dW zero"),
    pytest.param(
        lambda: wrong(Affine, transposed_square)(3, 3), X, "transposed", "dW", id="dW transposed, square"
    ),
    pytest.param(lambda: wrong(BatchNorm, without_eps)(3), X, "approximation", "dx", id="eps left out"),
    pytest.param(
        lambda: wrong(BatchNorm, without_mean_path)(3), X, "mean-path", "dx", id="mean path missing"
    ),
    pytest.param(
        lambda: wrong(BatchNorm, without_variance_path)(3),
        X,
        "variance-path",
        "dx",
        id="variance path missing",
    ),
    pytest.param(wrong(Softmax, elementwise_softmax), X, "missing-path", "dx", id="softmax as elementwise"),
    pytest.param(wrong(Sigmoid, sigmoid_of_y), X, "post-activation", "dx", id="sigmoid' taken at y"),
    pytest.param(wrong(MaxPool, both_winners), (2, 3, 4), "wrong-region", "dx", id="both of a pair win"),
    pytest.param(wrong(Mul, own_operand), [(2, 3), (2, 3)], "wrong-operand", "dx[1]", id="own operand"),
    pytest.param(wrong(Dropout, times(0.6)), X, "scale", "dx", id="keep probability missing"),
    pytest.param(wrong(Tanh, in_float32), X, "precision", "dx", id="cast to float32 and back"),
    pytest.param(wrong(Norm, times(0.5)), X, "scale", "dx", id="factor 2 of a square missing"),
    pytest.param(
        lambda: wrong(Embedding, without_repeats)(4, 2),
        IDS,
        "repeated-index-not-added",
        "dW",
        id="repeated id counted once",
    ),
]


def hides(layer, factor):
    """Large inputs leave no gradient where an exponential saturates, and no trace of eps."""
    return factor == 1e3 and isinstance(layer, Tanh | Sigmoid | Softmax | BatchNorm)


SCALES = [
    ("auto", 1, 1),
    ("auto", 1e-6, 1),
    ("auto", 1, 1e3),
    ("auto", 1e-3, 1e-3),
    ("quick", 1, 1),
    ("full", 1, 1),
]


@pytest.mark.parametrize(("build", "x", "kind", "array"), WRONG_NUMBERS)
def test_a_wrong_number_is_caught_and_named_at_every_scale(build, x, kind, array):
    for seed, (level, upstream_factor, factor) in enumerate(SCALES):
        layer, rng = build(), np.random.default_rng([2, seed])
        if hides(layer, factor):
            continue
        given = draw(x, rng, factor)
        report = check_layer(
            layer, given, upstream=drawn_upstream(layer, given, rng, upstream_factor), level=level
        )
        where = f"{level}, upstream * {upstream_factor}, x * {factor}\n{report}"
        assert not report.passed, where
        # where x is small eps is all that counts: leaving it out is nothing subtle there
        named = "unknown" if kind == "approximation" and factor < 1 else kind
        assert (report.findings[0].kind, report.findings[0].array) == (named, array), where
        (result,) = [result for result in report.results if result.array == array]
        assert result.verdict == "WRONG"
        assert result.analytic != result.numeric
        assert tells(report, report.findings[0])
        assert array in words(report).partition("cause")[2]
        (line,) = [line for line in str(report).splitlines() if line.startswith(f"  {array} WRONG  max rel")]
        assert f"at {list(result.index)}  yours" in line
        yours, numeric = map(float, re.search(r"yours (\S+)  numeric (\S+)", line).groups())
        assert yours != numeric
        assert (yours, numeric) == pytest.approx((result.analytic, result.numeric), rel=0.005)


def test_the_message_names_array_index_and_both_numbers():
    upstream = np.zeros((2, 2))
    upstream[1, 0] = 2.0
    layer = wrong(Affine, times(-1, "W"))(3, 2)
    report = check_layer(layer, np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]]), upstream=upstream)
    assert report.findings[0].message.startswith("dW has the wrong sign everywhere; look for")
    assert "\n  cause   sign: dW has the wrong sign everywhere\n  look at " in str(report)
    assert "dW WRONG  max rel 2 at [0, 2]  yours -14  numeric 14" in str(report)
    assert str(report).startswith("Affine(3 -> 2).backward  FAIL  (2 of 3 gradients right)")
    (dW,) = [result for result in report.results if result.array == "dW"]
    assert (dW.index, dW.analytic) == ((0, 2), -14.0)
    assert dW.numeric == pytest.approx(14.0, rel=1e-9)
    assert dW.error == pytest.approx(2.0)


def test_a_factor_is_named_after_the_size_it_equals():
    report = check_layer(wrong(Affine, times(5, "b"))(3, 2), (5, 3))
    assert "db is 5 = x.shape[0] times what it should be, everywhere" in report.findings[0].message


def test_one_wrong_entry_among_thousands_is_found():
    class Wrong(Affine):
        def backward(self, upstream):
            dx, grads = super().backward(upstream)
            grads["W"][31, 7] *= 1.001
            return dx, grads

    for level, units in (("quick", 50), ("auto", 50), ("auto", 400)):
        report = check_layer(Wrong(60, units), (7, 60), level=level)
        assert [(f.kind, f.array) for f in report.findings] == [("unknown", "dW")]
        assert "[31, 7]" in report.findings[0].message
        assert [result.verdict for result in report.results] == ["ok", "WRONG", "ok"]


def test_a_factor_gamma_of_one_hides_nothing():
    def without_gamma(layer, upstream, dx, grads):
        return dx / layer.params["gamma"], grads

    report = check_layer(wrong(BatchNorm, without_gamma)(3), (4, 3))
    assert (report.findings[0].kind, report.findings[0].array) == ("missing-factor", "dx")
    assert "gamma" in report.findings[0].message
    assert report.results[0].checked.endswith("2 directions at a second point")


def test_a_wrong_gradient_where_all_inputs_are_tied_is_seen_at_a_second_point():
    report = check_layer(wrong(MaxPool, both_winners)(), np.zeros((3, 4)))
    assert (report.findings[0].kind, report.findings[0].array) == ("wrong-region", "dx")


def test_the_wrong_array_nearest_the_output_comes_first():
    class Two(Layer):
        """Two affine maps in a row; the second's dx is wrong, so that all below it is."""

        def __init__(self):
            self.first, self.second = Affine(3, 4), wrong(Affine, lambda la, u, dx, g: (dx * 1.5, g))(4, 2)
            pairs = (("0", self.first), ("1", self.second))
            self.params = {f"{i}.{name}": array for i, layer in pairs for name, array in layer.params.items()}

        def forward(self, x):
            return self.second.forward(self.first.forward(x))

        def backward(self, upstream):
            dx, upper = self.second.backward(upstream)
            dx, lower = self.first.backward(dx)
            return dx, {
                f"{i}.{name}": g for i, grads in (("0", lower), ("1", upper)) for name, g in grads.items()
            }

    report = check_layer(Two(), (2, 3))
    assert [finding.array for finding in report.findings] == ["d0.b", "d0.W", "dx"]
    assert [result.array for result in report.results] == ["dx", "d0.W", "d0.b", "d1.W", "d1.b"]
    assert [result.verdict for result in report.results] == ["WRONG", "WRONG", "WRONG", "ok", "ok"]


# ---- broken promises ---------------------------------------------------------------------------------------


def returns(cls, change):
    """cls whose backward returns change(dx, grads)."""
    return wrong(cls, lambda layer, upstream, dx, grads: change(dx, grads))


class WritesX(ReLU):
    def forward(self, x):
        self.mask = x > 0
        x[~self.mask] = 0  # the line
        return x.copy()


class WritesXInBackward(Tanh):
    def forward(self, x):
        self.x = x
        return np.tanh(x)

    def backward(self, upstream):
        self.x[...] = 1 - np.tanh(self.x) ** 2  # the line
        return upstream * self.x, {}


class WritesUpstream(ReLU):
    def backward(self, upstream):
        upstream[~self.mask] = 0  # the line
        return upstream, {}


class WritesParams(Affine):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        self.params["W"] -= 0.1 * grads["W"]  # the line
        return dx, grads


class WritesY(Sigmoid):
    def backward(self, upstream):
        y = self.y.copy()
        np.multiply(self.y, 1 - self.y, out=self.y)  # the line
        return upstream * y * (1 - y), {}


class Accumulates(Affine):
    def forward(self, x):
        self.dW = np.zeros_like(self.params["W"])
        return super().forward(x)

    def backward(self, upstream):
        self.dW += upstream.T @ self.cache
        return upstream @ self.params["W"], {"W": self.dW, "b": upstream.sum(axis=0)}


class WritesCache(Softmax):
    def forward(self, x):
        return super().forward(x).copy()

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        self.y -= 0.1
        return dx, grads


class DropsCache(Tanh):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        del self.y
        return dx, grads


class FreshMask(Dropout):
    def backward(self, upstream):
        return upstream * (self.rng.random(upstream.shape) >= self.p) / (1 - self.p), {}


class StaleCache(Tanh):
    def forward(self, x):
        y = np.tanh(x)
        if not hasattr(self, "y"):
            self.y = y
        return y


class StaleDropout(Dropout):
    def forward(self, x):
        y = super().forward(x)
        if not hasattr(self, "kept"):
            self.kept = self.keep
        return y

    def backward(self, upstream):
        return upstream * self.kept, {}


class FreshGenerator(Dropout):
    def forward(self, x):
        self.keep = (np.random.default_rng().random(x.shape) >= self.p) / (1 - self.p)
        return x * self.keep


class MaskOfUpstream(ReLU):
    def backward(self, upstream):
        return upstream * (upstream > 0), {}


class Promotes(Affine):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        return dx * np.float64(1), grads


class Forward(Layer):
    """A layer whose forward returns what it is told to."""

    def __init__(self, value):
        self.value = value

    def forward(self, x):
        return self.value(x)


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
        WritesX, X, "mutates-input", "", r"forward writes to x at test_gradcheck\.py:LINE", id="writes x"
    ),
    pytest.param(
        WritesXInBackward,
        X,
        "mutates-input",
        "",
        r"backward writes to x at test_gradcheck\.py:LINE",
        id="writes cached x",
    ),
    pytest.param(
        WritesUpstream,
        X,
        "mutates-upstream",
        "",
        r"writes to upstream at test_gradcheck\.py:LINE",
        id="writes upstream",
    ),
    pytest.param(
        lambda: WritesParams(3, 2),
        X,
        "mutates-params",
        "",
        r"parameter W at test_gradcheck\.py:LINE",
        id="writes params",
    ),
    pytest.param(
        WritesY,
        X,
        "mutates-input",
        "",
        r"the y that forward returned .* at test_gradcheck\.py:LINE",
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
    """The number of the line in this file that the layer's class marks."""
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


# ---- kinks, domains, precision -----------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [ReLU, MaxPool])
def test_ties_are_information_and_no_failure(cls):
    seen = 0
    for seed in range(30):
        x = np.random.default_rng([3, seed]).integers(-2, 3, (3, 4)).astype(float)
        report = check_layer(cls(), x, level=("auto", "quick")[seed % 2], rng=seed)
        assert report.passed, str(report)
        if seed % 2 == 0:
            ties = (x == 0).sum() if cls is ReLU else 2 * (x[:, ::2] == x[:, 1::2]).sum()
            (result,) = report.results
            assert result.kinks == ties
            assert [finding.kind for finding in report.findings] == ["kink"] * bool(ties)
            seen += ties
    assert seen > 10


def test_a_mistake_beside_kinks_is_still_seen():
    x = np.array([[0.0, 1.0, -1.0], [2.0, 0.0, 0.0]])
    report = check_layer(wrong(ReLU, times(1.001))(), x)
    assert report.findings[0].kind == "scale"
    assert report.results[0].kinks == 3


def test_kinks_very_near_a_point_raise_no_alarm():
    for distance in (1e-2, 1e-4, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12):
        x = np.array([[1.0, distance, -1.0], [-distance, 2.0, 0.5]])
        report = check_layer(ReLU(), x)
        assert report.passed, f"{distance}\n{report}"


def test_a_layer_that_refuses_inputs_outside_its_domain_is_checked_inside():
    class Log(Layer):
        def forward(self, x):
            if (x <= 0).any():
                raise ValueError("Log: expected x > 0")
            self.cache = x
            return np.log(x)

        def backward(self, upstream):
            return upstream / self.cache, {}

    x = np.array([1.0, 1e-3, 1e-6, 2.0])
    assert check_layer(Log(), x).passed
    assert not check_layer(wrong(Log, times(1.001))(), x).passed


def test_a_step_that_overflows_is_left_for_a_smaller_one():
    class Exp(Layer):
        def forward(self, x):
            self.y = np.exp(x)
            return self.y

        def backward(self, upstream):
            return upstream * self.y, {}

    x = np.array([[700.0, -5000.0, 1.0]])
    assert check_layer(Exp(), x).passed
    assert check_layer(wrong(Exp, times(1.001))(), x).findings[0].array == "dx"


class Centre(Layer):
    def __init__(self):
        self.params = {"b": np.zeros(3)}

    def forward(self, x):
        z = x + self.params["b"]
        return z - z.mean(axis=0)

    def backward(self, upstream):
        g = upstream - upstream.mean(axis=0)
        return g, {"b": g.sum(axis=0)}


def test_a_gradient_that_is_zero_by_cancellation_raises_no_alarm():
    for seed in range(10):
        report = check_layer(Centre(), (5, 3), rng=seed)
        assert report.passed, str(report)
    assert "db is 0 to rounding throughout" in str(report)


def test_a_forward_that_computes_in_float32_inside_raises_no_alarm_and_hides_no_mistake():
    class Inside(Affine):
        def forward(self, x):
            self.cache = x
            y = x.astype(np.float32) @ self.params["W"].astype(np.float32).T
            return y.astype(x.dtype) + self.params["b"]

    for seed in range(5):
        assert check_layer(Inside(3, 2), X, rng=seed).passed
    assert check_layer(wrong(Inside, times(1.001))(3, 2), X).findings[0].array == "dx"


def test_an_input_with_a_large_mean_raises_no_alarm():
    for seed in range(10):
        x = 1e4 + np.random.default_rng([4, seed]).standard_normal((5, 3))
        report = check_layer(BatchNorm(3), x, rng=seed)
        assert report.passed, str(report)


# ---- where the numeric gradients are from ------------------------------------------------------------------


class Standard(Layer):
    """np.var of complex numbers is real, and wrong without a word."""

    def forward(self, x):
        self.std = np.sqrt(np.var(x, axis=0) + 1e-5)
        self.y = (x - np.mean(x, axis=0)) / self.std
        return self.y

    def backward(self, upstream):
        return (upstream - upstream.mean(axis=0) - self.y * (upstream * self.y).mean(axis=0)) / self.std, {}


NATURAL = [
    pytest.param(Standard, (5, 3), id="Standard"),
    pytest.param(lambda: BatchNorm(3), (5, 3), id="BatchNorm"),
    pytest.param(Sigmoid, (5, 3), id="Sigmoid"),
    pytest.param(MaxPool, (5, 4), id="MaxPool"),
]


@pytest.mark.parametrize(("build", "x"), NATURAL)
def test_the_complex_step_goes_through_natural_code(build, x):
    report = check_layer(build(), x)
    assert report.passed, str(report)
    assert {result.method for result in report.results} == {"complex step"}
    assert max(result.error for result in report.results) < 1e-14
    assert re.search(r" ms, \d+ forwards, complex step\n", str(report))


class Listed(Affine):
    """No derivative goes through Python's float, nor so through this forward."""

    def forward(self, x):
        self.cache = x
        return (
            np.array([[float(number) for number in row] for row in x]) @ self.params["W"].T + self.params["b"]
        )


def test_where_the_complex_step_cannot_go_differences_do_and_the_report_says_why():
    report = check_layer(Listed(3, 2, np.float64), X)
    assert report.passed
    methods = {result.array: result.method for result in report.results}
    assert methods == {"dx": "finite differences", "dW": "finite differences", "db": "finite differences"}
    for result in report.results:
        assert 0 < result.precision < 1e-9
        assert result.error < 1e-9
        assert "float" in result.doubt
    assert re.search(r", finite differences: .*float.*, precision \de-1\d dx ok", words(report))
    assert check_layer(wrong(Listed, times(1.001))(3, 2, np.float64), X).findings[0].array == "dx"


def test_the_report_says_which_arrays_took_differences():
    exact = Result("dx", "ok", "2 directions", method="complex step")
    coarse = [
        Result(name, "ok", method="finite differences", precision=precision, doubt="np.cbrt is not analytic")
        for name, precision in (("dW", 3e-11), ("db", 1e-12))
    ]
    report = Report("Layer.backward", [], [exact, *coarse])
    assert (
        report.method
        == "complex step; dW, db by finite differences: np.cbrt is not analytic, precision 3e-11"
    )
    assert Report("Layer.backward", [], [exact]).method == "complex step"
    assert report.method in words(report)
    assert Report("Layer.backward", [], [Result("dx", "unchecked")]).method == ""


def test_what_is_lost_with_a_warning_is_no_derivative():
    class Buffered(Layer):
        def forward(self, x):
            little = np.zeros(x.shape)
            little[...] = 1e-7 * x  # of a complex number, NumPy keeps the real part, with a warning
            return x + little

        def backward(self, upstream):
            return upstream * (1 + 1e-7), {}

    for seed in range(3):
        report = check_layer(Buffered(), X, rng=seed)
        assert report.passed, str(report)
    assert not check_layer(wrong(Buffered, times(1 + 1e-7))(), X).passed
    step = ComplexStep(Subject(Buffered(), [np.ones(X)], False))
    with pytest.raises(np.exceptions.ComplexWarning):
        step.push("dx", np.ones(X))


def test_what_is_lost_without_a_word_is_found_by_differences():
    class Signed(Layer):
        """y = x |x|; np.abs of complex numbers is real, and nobody follows them into a list."""

        def forward(self, x):
            self.size = np.array(np.abs(x).tolist())
            return x * self.size

        def backward(self, upstream):
            return 2 * upstream * self.size, {}

    report = check_layer(Signed(), X)
    assert report.passed, str(report)
    assert report.results[0].method == "finite differences"
    assert check_layer(wrong(Signed, times(1.001))(), X).findings[0].array == "dx"


def test_the_complex_step_is_borne_out_at_another_scale_too():
    class Fast(Layer):
        def forward(self, x):
            self.x = x
            return np.sin(1e4 * x)

        def backward(self, upstream):
            return upstream * 1e4 * np.cos(1e4 * self.x), {}

    report = check_layer(Fast(), X)
    assert report.passed
    assert report.results[0].method == "complex step"


@pytest.fixture
def differences_alone(monkeypatch):
    monkeypatch.setattr(ComplexStep, "doubt", lambda self, name, rng: "told to")


@pytest.mark.usefixtures("differences_alone")
@each_right_layer
def test_differences_alone_raise_no_alarm(build, x):
    for seed in range(4):
        report = check_layer(build(), draw(x, np.random.default_rng([6, seed])), rng=seed)
        assert report.passed, str(report)
        assert {result.method for result in report.results} == {"finite differences"}


@pytest.mark.usefixtures("differences_alone")
@pytest.mark.parametrize("cls", [ReLU, MaxPool])
def test_differences_alone_raise_no_alarm_at_kinks(cls):
    for seed in range(10):
        x = np.random.default_rng([3, seed]).integers(-2, 3, (3, 4)).astype(float)
        report = check_layer(cls(), x, rng=seed)
        ties = (x == 0).sum() if cls is ReLU else 2 * (x[:, ::2] == x[:, 1::2]).sum()
        assert report.passed, str(report)
        assert report.results[0].kinks == ties
        assert [finding.kind for finding in report.findings] == ["kink"] * bool(ties)


@pytest.mark.usefixtures("differences_alone")
def test_differences_alone_find_a_small_mistake():
    for layer in (
        wrong(Tanh, times(1.001))(),
        wrong(Affine, times(1.001))(3, 2),
        wrong(ReLU, times(1.001))(),
    ):
        assert check_layer(layer, X).findings[0].array == "dx"
    report = check_layer(wrong(Affine, one_entry)(3, 2), X)
    assert (report.results[1].verdict, report.results[1].index) == ("WRONG", (1, 2))


@pytest.mark.usefixtures("differences_alone")
def test_differences_alone_raise_no_alarm_at_a_zero_by_cancellation():
    for seed in range(10):
        report = check_layer(Centre(), (5, 3), rng=seed)
        assert report.passed, str(report)


def test_a_cause_is_named_only_where_it_explains_every_number():
    def nearly_twice(layer, upstream, dx, grads):
        dx = 2 * dx
        dx[1, 2] *= 1.0001
        return dx, grads

    report = check_layer(wrong(Affine, nearly_twice)(3, 2), X)
    assert not report.passed
    assert report.findings[0].kind != "scale"
    assert check_layer(wrong(Affine, times(2))(3, 2), X).findings[0].kind == "scale"


def test_digits_lost_in_the_midst_of_backward_are_named_as_such():
    class Loses(Tanh):
        def backward(self, upstream):
            return upstream.astype(np.float32).astype(float) * (1 - self.y**2), {}

    finding = check_layer(Loses(), X).findings[0]
    assert (finding.kind, finding.array) == ("precision", "dx")
    assert re.match(
        r"dx has no more than \d digits though x, params and upstream are float64", finding.message
    )


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


def test_a_report_fits_a_terminal_and_breaks_between_words():
    class LongName(Affine):
        def __repr__(self):
            return "LongName(" + ", ".join(f"option_{i}={i}" for i in range(12)) + ")"

    layers = (
        LongName(3, 2),
        wrong(LongName, times(2, "W"))(3, 2),
        returns(LongName, lambda dx, g: (g, dx))(3, 2),
    )
    for report in (check_layer(layer, X) for layer in layers):
        text = str(report)
        assert max(map(len, text.splitlines())) <= 100
        assert "\033" not in text
        assert f"option_11=11).backward {'ok' if report else 'FAIL'} (" in words(report)
        for finding in report.findings:
            assert tells(report, finding)


def test_gradients_that_are_right_share_a_line_and_a_wrong_one_has_its_own():
    lines = str(check_layer(wrong(Affine, times(2))(3, 2), X)).splitlines()
    assert re.fullmatch(r"  dx WRONG  max rel 1 at \[\d, \d\]  yours \S+  numeric \S+  \(.*\)", lines[1])
    assert re.fullmatch(r"  dW ok \S+   db ok \S+   \(2 directions\)", lines[2])
    assert [line[:10].strip() for line in lines[3:6]] == ["cause", "look at", "contract"]


@pytest.mark.parametrize(
    "names", [["slopes to both sides of a kink", "independent streams", "a second point"]]
)
def test_without_its_guards_the_checker_fails_its_tests(names):
    """`python tests/guards.py` does so for all of them."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("guards.py"), *names], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("-> red") == len(names)


# ---- what is given, what is left alone ---------------------------------------------------------------------


def test_x_may_be_arrays_or_shapes():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    for x in [((2, 3), (2, 3)), [(2, 3), (2, 3)], (a, b), [a, b], (a, (2, 3))]:
        report = check_layer(Mul(), x)
        assert report.passed
        assert [result.array for result in report.results] == ["dx[0]", "dx[1]"]
    assert [result.array for result in check_layer(ReLU(), a).results] == ["dx"]
    assert [result.array for result in check_layer(Norm(), ()).results] == ["dx"]


def test_the_report_says_what_was_checked():
    layer = Affine(30, 4)
    assert [r.checked for r in check_layer(layer, (5, 30), level="full").results][:2] == [
        "all 150 entries, 2 directions at a second point",
        "all 120 entries, 2 directions at a second point",
    ]
    for level in ("auto", "quick"):
        assert [r.checked for r in check_layer(layer, (5, 30), level=level).results] == [
            "2 directions, 2 directions at a second point"
        ] * 3
    assert check_layer(ReLU(), (5, 30), level="quick").results[0].checked == "2 directions"
    wrong_layer = wrong(Affine, times(2, "W"))(30, 4)  # a wrong array is looked through
    assert [r.checked for r in check_layer(wrong_layer, (5, 30)).results] == [
        "2 directions",
        "2 directions, all 120 entries",
        "2 directions",
    ]


def test_one_seed_gives_one_report_and_another_another():
    reports = [check_layer(Affine(3, 2), X, rng=seed) for seed in (1, 1, 2, np.random.default_rng(1))]
    assert reports[0] == reports[1] == reports[3]
    assert reports[0] != reports[2]
    texts = [timeless(report) for report in reports]
    assert texts[0] == texts[1] == texts[3]
    assert texts[0] != texts[2] or reports[0].results != reports[2].results


def test_the_users_objects_are_left_as_they_were():
    class Global(Dropout):
        def forward(self, x):
            np.random.rand()  # noqa: NPY002
            random.random()
            return super().forward(x)

    x, upstream = np.ones((4, 3), np.float32), np.ones((4, 3), np.float32)
    for layer in (BatchNorm(3), Global(), wrong(Tanh, times(2)), WritesX()):
        layer = layer() if isinstance(layer, type) else layer
        layer.forward(np.full((4, 3), 0.5, np.float32))
        for seen in (x, upstream):
            seen.flags.writeable = False
        before = pickled(vars(layer)), np.random.get_state()[1:3], random.getstate()  # noqa: NPY002
        cached = {name: id(value) for name, value in vars(layer).items()}
        rng = np.random.default_rng(8)
        check_layer(layer, x, upstream=upstream, rng=rng)
        after = pickled(vars(layer)), np.random.get_state()[1:3], random.getstate()  # noqa: NPY002
        assert before[0] == after[0]
        assert before[1][1] == after[1][1]
        assert np.array_equal(before[1][0], after[1][0])
        assert before[2] == after[2]
        assert cached == {name: id(value) for name, value in vars(layer).items()}
        assert rng.random() == np.random.default_rng(8).random()
        assert (x == 1).all()


def pickled(state):
    return (
        pickle.dumps({name: value for name, value in state.items() if name != "rng"})
        + repr(state["rng"].bit_generator.state if "rng" in state else None).encode()
    )


def test_a_layer_that_draws_from_the_global_generator_is_replayed():
    class Global(Dropout):
        def forward(self, x):
            self.keep = (np.random.rand(*x.shape) >= self.p) / (1 - self.p)  # noqa: NPY002
            return x * self.keep

    assert check_layer(Global(), X).passed


def test_random_state_is_put_back_when_the_layer_raises():
    class Fails(Layer):
        def forward(self, x):
            np.random.rand()  # noqa: NPY002
            raise ValueError("no such luck")

    state = np.random.get_state()[2]  # noqa: NPY002
    with pytest.raises(ValueError, match="no such luck"):
        check_layer(Fails(), X)
    assert np.random.get_state()[2] == state  # noqa: NPY002


def test_an_array_held_twice_stays_one_array():
    class Held(Affine):
        def __init__(self):
            super().__init__(3, 2)
            self.W = self.params["W"]

        def forward(self, x):
            self.cache = x
            return x @ self.W.T + self.params["b"]

    assert check_layer(Held(), X).passed


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


def test_a_layer_that_cannot_be_copied_says_so():
    layer = ReLU()
    layer.stream = (i for i in range(3))
    with pytest.raises(TypeError) as caught:
        check_layer(layer, X)
    assert caught.value.__notes__ == [
        "gradcheck: in a deep copy of ReLU(), which keeps the original untouched"
    ]


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


# ---- reports and assertions --------------------------------------------------------------------------------


def test_assert_layer_fails_with_the_report_as_its_text():
    layer = wrong(Affine, times(2, "W"))(3, 2)
    with pytest.raises(AssertionError) as caught:
        assert_layer(layer, X)
    assert timeless(caught.value) == timeless(check_layer(layer, X))
    assert_layer(Affine(3, 2), X)


def test_a_report_is_true_where_it_passed_and_cannot_be_changed():
    report = check_layer(Affine(3, 2), X)
    assert bool(report)
    assert report.passed
    assert report.findings == []
    assert not check_layer(wrong(Tanh, times(2))(), X)
    with pytest.raises(AttributeError):
        report.title = "other"
    assert str(report).splitlines()[0].startswith("Affine(3 -> 2).backward  ok  (3 of 3 gradients right)")
    assert "float32 stays" in report.contract
    assert max(result.error for result in report.results) < 1e-9


# ---- losses ------------------------------------------------------------------------------------------------


class SquaredError:
    """Half the squared error, a mean over examples or one value an example; no base class."""

    def __init__(self, reduction="mean"):
        self.reduction = reduction

    def forward(self, prediction, target):
        self.d = prediction - target
        values = (self.d * self.d).sum(axis=1) / 2
        return values if self.reduction == "none" else float(values.mean())

    def backward(self, upstream=1.0):
        if self.reduction == "none":
            return self.d * upstream[:, None]
        return self.d * (upstream / len(self.d))


class CrossEntropy:
    def forward(self, scores, labels):
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p, self.labels = e / e.sum(axis=1, keepdims=True), np.asarray(labels)
        return float(-np.log(self.p[np.arange(len(self.p)), self.labels]).mean())

    def backward(self, upstream=1.0):
        dx = self.p.copy()
        dx[np.arange(len(dx)), self.labels] -= 1
        return dx * (upstream / len(dx))


class Absolute:
    def forward(self, prediction, target):
        self.d = prediction - target
        return float(np.abs(self.d).mean())

    def backward(self, upstream=1.0):
        return np.sign(self.d) * (upstream / self.d.size)


def loss_with(cls, **methods):
    return type("Wrong", (cls,), methods)()


def squared_error_data(seed, dtype=float):
    rng = np.random.default_rng([5, seed])
    return rng.standard_normal((4, 3)).astype(dtype), rng.standard_normal((4, 3)).astype(dtype)


def test_right_losses_pass():
    for seed in range(8):
        dtype = np.float32 if seed % 2 else np.float64
        prediction, target = squared_error_data(seed, dtype)
        for loss in (SquaredError(), SquaredError("none"), Absolute()):
            report = check_loss(loss, prediction, target, rng=seed)
            assert report.passed, str(report)
        for labels in (np.array([0, 2, 1, 2]), [0, 2, 1, 2]):
            report = check_loss(CrossEntropy(), 5 * prediction, labels, rng=seed)
            assert report.passed, str(report)
    assert_loss(SquaredError(), *squared_error_data(0))


def test_a_loss_at_its_kink_passes():
    prediction, target = squared_error_data(0)
    prediction[1, 2] = target[1, 2]
    report = check_loss(Absolute(), prediction + 0, target)
    assert report.passed


def writes_target(self, prediction, target):
    target -= prediction
    self.d = -target
    return float((self.d**2).sum(axis=1).mean() / 2)


def writes_prediction(self, prediction, target):
    prediction -= target
    self.d = prediction
    return float((self.d**2).sum(axis=1).mean() / 2)


WRONG_LOSSES = [
    pytest.param(
        {"backward": lambda s, upstream=1.0: s.d * upstream}, "scale", "dx", r"4 = x.shape\[0\] times", id="N"
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: s.d / len(s.d)}, "no-upstream", "dx", "chain rule", id="no u"
    ),
    pytest.param({"backward": lambda s: s.d / len(s.d)}, "no-upstream", "dx", "chain rule", id="no argument"),
    pytest.param(
        {"backward": lambda s, upstream=2.0: s.d * upstream / len(s.d)},
        "scale",
        "dx",
        "default upstream is 1",
        id="default",
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: -s.d * upstream / len(s.d)}, "sign", "dx", "sign", id="sign"
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: (s.d * upstream / len(s.d)).sum(axis=0)},
        "over-summed",
        "dx",
        r"\(3,\), expected \(4, 3\): it is summed over its axes \(0,\) too",
        id="summed",
    ),
    pytest.param({"backward": lambda s, upstream=1.0: None}, "missing", "dx", "dx is None", id="None"),
    pytest.param(
        {"forward": writes_target},
        "mutates-input",
        "",
        "forward writes to target at test_gradcheck",
        id="target",
    ),
    pytest.param(
        {"forward": writes_prediction},
        "mutates-input",
        "",
        "forward writes to prediction at",
        id="prediction",
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: np.multiply(s.d, upstream / len(s.d), out=s.d)},
        "repeat-backward",
        "dx",
        "second time",
        id="repeat",
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: s.d * np.float64(upstream / len(s.d))},
        "dtype",
        "dx",
        "float64",
        id="dtype",
    ),
]


@pytest.mark.parametrize(("methods", "kind", "array", "text"), WRONG_LOSSES)
def test_a_wrong_loss_is_caught(methods, kind, array, text):
    prediction, target = squared_error_data(1, np.float32)
    kept = prediction.copy(), target.copy()
    report = check_loss(loss_with(SquaredError, **methods), prediction, target)
    assert not report.passed
    assert (report.findings[0].kind, report.findings[0].array) == (kind, array), str(report)
    assert re.search(text, report.findings[0].message)
    assert np.array_equal(prediction, kept[0])
    assert np.array_equal(target, kept[1])
    with pytest.raises(AssertionError) as caught:
        assert_loss(loss_with(SquaredError, **methods), prediction, target)
    assert timeless(caught.value) == timeless(report)


# ---- numeric_gradient --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3, 1e6])
def test_numeric_gradient_is_right_to_nine_digits(scale):
    x = scale * np.array([[0.3, -1.2, 2.0], [0.7, 1.1, -0.4]])
    np.testing.assert_allclose(
        numeric_gradient(lambda x: (x**3).sum(), x), 3 * x**2, rtol=1e-9, atol=1e-9 * scale**2
    )
    np.testing.assert_allclose(
        numeric_gradient(lambda x: np.sin(x).sum(), x), np.cos(x), rtol=1e-8, atol=1e-12 * max(scale, 1)
    )


def test_numeric_gradient_takes_any_shape_and_leaves_x_alone():
    def greedy(x):
        value = (x * x).sum()
        x[...] = 0
        return np.asarray(value)

    for x in (np.array(3.0), np.array([1.0, 2.0]), np.ones((2, 1, 3)), np.zeros((0, 2)), np.array([1, 2])):
        kept = x.copy()
        gradient = numeric_gradient(greedy, x)
        assert gradient.shape == x.shape
        assert gradient.dtype == np.float64
        np.testing.assert_allclose(gradient, 2.0 * kept, rtol=1e-10)
        assert np.array_equal(x, kept)


def test_numeric_gradient_at_zero_and_at_a_kink():
    assert numeric_gradient(lambda x: 5.0, np.ones(2)).tolist() == [0.0, 0.0]
    np.testing.assert_allclose(
        numeric_gradient(lambda x: np.maximum(x, 0).sum(), np.array([0.0, 1e-7])), [0.5, 1.0]
    )


def test_numeric_gradient_refuses_what_has_none():
    with pytest.raises(
        ValueError, match=r"expected f to return one real number, got float64 of shape \(2,\)"
    ):
        numeric_gradient(lambda x: x, np.ones(2))
    with pytest.raises(TypeError, match="expected x in real numbers, got complex128"):
        numeric_gradient(lambda x: 0.0, np.ones(2, complex))
