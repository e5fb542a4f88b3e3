"""A right layer passes: at every level and scale, at kinks, where digits are lost, and if it is odd."""

from __future__ import annotations

import numpy as np
import pytest
from cases import LAYERS
from right_layers import (
    Affine,
    BatchNorm,
    Centre,
    Dropout,
    MaxPool,
    Mul,
    Norm,
    ReLU,
    draw,
    drawn_upstream,
    each_right_layer,
)
from small_layers import Scale, X
from wrong_layers import times, wrong

from gradcheck import check_layer
from layers.base import Layer


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


def test_x_may_be_arrays_or_shapes():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 3)), rng.standard_normal((2, 3))
    for x in [((2, 3), (2, 3)), [(2, 3), (2, 3)], (a, b), [a, b], (a, (2, 3))]:
        report = check_layer(Mul(), x)
        assert report.passed
        assert [result.array for result in report.results] == ["dx[0]", "dx[1]"]
    assert [result.array for result in check_layer(ReLU(), a).results] == ["dx"]
    assert [result.array for result in check_layer(Norm(), ()).results] == ["dx"]


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_of_a_right_layer_all_promises_are_seen_on_one_walk(case, monkeypatch):
    """The checks of single promises, which take longer, have nothing to do then."""

    def look(*about):
        raise AssertionError("looked at by itself")

    for name in ("check_deterministic", "check_untouched", "check_repeatable", "check_fresh_cache"):
        monkeypatch.setattr(f"gradcheck.run.{name}", look)
    for name in ("check_linear", "check_aliasing"):
        monkeypatch.setattr(f"gradcheck.run.{name}", look)
    assert check_layer(case.build().astype(np.float64), case.x(np.random.default_rng(0)), level="quick")


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


# ---- odd but right -----------------------------------------------------------------------------------------


def test_a_layer_that_draws_from_the_global_generator_is_replayed():
    class Global(Dropout):
        def forward(self, x):
            self.keep = (np.random.rand(*x.shape) >= self.p) / (1 - self.p)  # noqa: NPY002
            return x * self.keep

    assert check_layer(Global(), X).passed


def test_an_array_held_twice_stays_one_array():
    class Held(Affine):
        def __init__(self):
            super().__init__(3, 2)
            self.W = self.params["W"]

        def forward(self, x):
            self.cache = x
            return x @ self.W.T + self.params["b"]

    assert check_layer(Held(), X).passed


def test_a_layer_that_keeps_the_module_of_random_numbers_is_checked():
    class Drops(Layer):
        def __init__(self):
            self.rng = np.random

        def forward(self, x):
            self.keep = self.rng.rand(*x.shape) > 0.4
            return x * self.keep

        def backward(self, upstream):
            return upstream * self.keep, {}

    assert check_layer(Drops(), X).passed


def test_buffers_may_be_numbers_and_a_repr_may_fail():
    class Odd(Scale):
        def __init__(self):
            super().__init__()
            self.buffers = {"steps": 0, "mean": 0.5, "names": ["a"]}

        def forward(self, x):
            self.buffers["steps"] += 1
            self.buffers["mean"] *= 0.9
            return super().forward(x)

        def __repr__(self):
            return f"Odd({self.nothing})"

    report = check_layer(Odd(), X)
    assert report.passed
    assert report.title == "Odd().backward"


def test_params_of_the_class_are_checked_and_stay():
    class Shared:
        params = {"a": np.array([0.5, 2.0, 3.0])}  # noqa: RUF012

        def forward(self, x):
            self.x = x
            return self.params["a"] * x

        def backward(self, upstream):
            return self.params["a"] * upstream, {"a": (upstream * self.x).sum(axis=0)}

    kept = Shared.params["a"]
    assert check_layer(Shared(), X).passed
    assert Shared.params["a"] is kept
    assert kept.tolist() == [0.5, 2.0, 3.0]


def test_a_view_of_a_parameter_stays_a_view():
    class Turned(Layer):
        def __init__(self):
            self.params = {"W": np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)}
            self.WT = self.params["W"].T

        def forward(self, x):
            self.x = x
            return x @ self.WT

        def backward(self, upstream):
            return upstream @ self.params["W"], {"W": upstream.T @ self.x}

    assert check_layer(Turned(), X).findings == []


def test_params_that_are_read_only_or_in_another_order_are_checked():
    layer = Scale()
    layer.params["W"] = np.asfortranarray(np.linspace(0.5, 1, 12).reshape(X))[::-1]
    layer.params["W"].flags.writeable = False
    layer.backward = None

    class Wide(Scale):
        def backward(self, upstream):
            return upstream * self.params["W"], {"W": upstream * self.x, "b": upstream.sum(axis=0)}

    wide = Wide()
    wide.params = layer.params
    assert check_layer(wide, X).passed
