"""A wrong number is caught at every scale, and named: the array, the entry, the cause."""

from __future__ import annotations

import re

import numpy as np
import pytest
from reports import tells, words
from right_layers import (
    IDS,
    Affine,
    BatchNorm,
    Dropout,
    Embedding,
    MaxPool,
    Mul,
    Norm,
    Sigmoid,
    Softmax,
    Tanh,
    X,
    draw,
    drawn_upstream,
)
from wrong_layers import one_entry, times, wrong

from gradcheck import check_layer
from layers.base import Layer


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
