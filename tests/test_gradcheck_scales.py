"""A wrong backward is found however large or small x and the gradient are, and a right one passes."""

from __future__ import annotations

import numpy as np
import pytest

from gradcheck import check_layer
from gradcheck.complex_step import ComplexStep
from layers.base import Layer


class Sigmoid(Layer):
    def forward(self, x):
        self.y = 1 / (1 + np.exp(-x))
        return self.y

    def backward(self, upstream):
        return upstream * self.y * (1 - self.y), {}


class Cubic(Layer):
    """y = x + x³"""

    share = 3.0

    def forward(self, x):
        self.x = x
        return x + x**3

    def backward(self, upstream):
        return upstream * (1 + self.share * self.x**2), {}


class Recurrence(Layer):
    """y = tanh(x + W tanh(x))"""

    forgets = False

    def __init__(self):
        self.params = {"W": np.array([[0.3, -0.7], [0.5, 0.9]])}

    def forward(self, x):
        self.h = np.tanh(x)
        self.y = np.tanh(x + self.h @ self.params["W"])
        return self.y

    def backward(self, upstream):
        g = upstream * (1 - self.y**2)
        through = g @ self.params["W"].T * (1 - self.h**2)
        return g + (0 if self.forgets else through), {"W": self.h.T @ g}


class InSingle(Layer):
    """y = x², whose forward keeps x in float32; the complex step is refused."""

    def forward(self, x):
        self.x = x.astype(np.float32)
        return x * x

    def backward(self, upstream):
        return 2 * upstream * self.x.astype(upstream.dtype), {}


class Shifted(Layer):
    """y = x - mean(x), and its sum, which is 0: a gradient of nothing but rounding"""

    def forward(self, x):
        self.shape = x.shape
        return (x - x.mean(axis=0)).sum(axis=0)

    def backward(self, upstream):
        g = np.broadcast_to(upstream, self.shape)
        return g - g.mean(axis=0), {}


def changed(cls, **attributes):
    return type("Wrong", (cls,), attributes)()


def upstream_for(shape, factor):
    return factor * np.random.default_rng(1).standard_normal(shape)


@pytest.mark.parametrize("gradient", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("factor", [1e3, 1.0, 1e-3])
@pytest.mark.parametrize("build", [Sigmoid, Cubic, Recurrence])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_a_right_backward_passes_at_every_scale(build, factor, gradient):
    for seed in range(5):
        x = factor * np.random.default_rng([8, seed]).standard_normal((5, 2))
        report = check_layer(build(), x, upstream=upstream_for((5, 2), gradient), rng=seed)
        assert report.passed, str(report)


@pytest.mark.parametrize("by_differences", [False, True])
def test_what_1_less_almost_1_loses_raises_no_alarm(by_differences, monkeypatch):
    if by_differences:
        monkeypatch.setattr(ComplexStep, "doubt", lambda self, name, rng: "told to")
    for seed in range(10):
        x = np.random.default_rng([3, seed]).uniform(14, 32, (5, 2))
        report = check_layer(Sigmoid(), x, rng=seed)
        assert report.passed, str(report)


@pytest.mark.parametrize("gradient", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("factor", [1e3, 1.0, 1e-3])
def test_numbers_that_are_all_rounding_agree(factor, gradient):
    for seed in range(5):
        x = factor * np.random.default_rng([8, seed]).standard_normal((5, 2))
        report = check_layer(Shifted(), x, upstream=upstream_for(2, gradient), rng=seed)
        assert report.results[0].verdict == "ok", str(report)


@pytest.mark.parametrize("gradient", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize(
    ("layer", "factor"),
    [
        pytest.param(lambda: changed(Cubic, share=1.0), 1e-6, id="a term of 1e-12"),
        pytest.param(lambda: changed(Recurrence, forgets=True), 8.0, id="behind saturated units"),
        pytest.param(InSingle, 1e-3, id="float32 of a small x"),
        pytest.param(InSingle, 1.0, id="float32"),
    ],
)
def test_a_mistake_among_the_rounding_is_found(layer, factor, gradient):
    for seed in range(3):
        x = factor * np.random.default_rng([9, seed]).uniform(0.5, 2, (5, 2))
        assert not check_layer(layer(), x, upstream=upstream_for((5, 2), gradient), rng=seed).passed


def test_the_second_point_is_of_size_one():
    x = 1e-6 * np.random.default_rng(0).standard_normal((5, 2))
    report = check_layer(changed(Cubic, share=1.0), x)
    assert "at a second point" in report.results[0].checked
    assert report.results[0].verdict == "WRONG"


def test_a_diagnosis_that_the_layer_does_not_bear_leaves_the_mistake_without_a_cause():
    class Picky(Layer):
        """y = 2 x, for x of six rows alone."""

        def forward(self, x):
            if len(x) != 6:
                raise ZeroDivisionError("no such x")
            self.calls = getattr(self, "calls", 0) + 1
            return 2 * x

        def backward(self, upstream):
            return np.where(upstream > 0, 2.1, 2.0) * upstream * (np.arange(6) % 2)[:, None], {}

    report = check_layer(Picky(), (6, 3))
    assert not report
    assert report.findings


def test_gates_that_overflow_for_complex_numbers_are_still_judged():
    from benchmarks import diagnosis
    from benchmarks.mutants.heldout import MUTANTS

    mutant = next(mutant for mutant in MUTANTS if mutant.id == "lstm-cell-gradient-lost")
    report = diagnosis.report_of(diagnosis.point_of(mutant, *diagnosis.POINTS["inputs x 1000"]))
    assert not report
    assert "WRONG" in {result.verdict for result in report.results}
