"""The complex step goes through natural code, and what it loses is noticed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from right_layers import BatchNorm, MaxPool, Sigmoid, X
from wrong_layers import times, wrong

from gradcheck import check_layer
from gradcheck.complex_step import ComplexStep
from gradcheck.subject import Subject
from layers.base import Layer


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
