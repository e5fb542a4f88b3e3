"""Finite differences: where the complex step cannot go, all by themselves, and numeric_gradient."""

from __future__ import annotations

import re

import numpy as np
import pytest
from reports import words
from right_layers import Affine, Centre, MaxPool, ReLU, Tanh, X, draw, each_right_layer
from wrong_layers import one_entry, times, wrong

from gradcheck import check_layer, numeric_gradient
from gradcheck.complex_step import ComplexStep
from gradcheck.report import Report, Result

# ---- where the complex step cannot go ----------------------------------------------------------------------


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


# ---- alone -------------------------------------------------------------------------------------------------


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
