"""What profile tells of a training step: every layer once, times that add up, and a model left alone."""

from __future__ import annotations

import numpy as np
import pytest

from layers import Affine, BatchNorm, Dropout, Layer, ReLU, Residual, Sequential
from layers.base import Array, Grads
from losses import MSE
from training.profile import BETWEEN, Row, profile, table


class Clock:
    """Goes on where it is told to, and nowhere else."""

    now = 0.0

    @classmethod
    def perf_counter(cls) -> float:
        return cls.now


class Sleepy(Layer):
    """y = x, in so many seconds."""

    def __init__(self, forward: float, backward: float) -> None:
        self.naps = forward, backward

    def forward(self, x: Array) -> Array:
        Clock.now += self.naps[0]
        return x

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        Clock.now += self.naps[1]
        return upstream, {}


def profiled(model: Layer, repeats: int = 3) -> list[Row]:
    x = np.random.default_rng(0).standard_normal((8, 4)).astype(np.float32)
    return profile(model, MSE(), x, x, repeats=repeats)


def test_every_layer_has_a_row_under_its_dotted_name_and_so_has_the_loss() -> None:
    model = Sequential(Affine(4, 4, rng=0), Residual(BatchNorm(4), ReLU()), Affine(4, 4, rng=1))
    assert [(row.name, row.what) for row in profiled(model)] == [
        ("0", "Affine(4 -> 4)"),
        ("1.main.0", "BatchNorm(4)"),
        ("1.main.1", "ReLU()"),
        ("2", "Affine(4 -> 4)"),
        ("", BETWEEN),
        ("", "MSE()"),
    ]


def test_a_single_layer_is_a_network_too() -> None:
    assert [row.what for row in profiled(Affine(4, 4, rng=0))] == ["Affine(4 -> 4)", "MSE()"]


class Slow(Residual):
    """A container that takes its time, too."""

    def forward(self, x: Array) -> Array:
        Clock.now += 0.001
        y: Array = super().forward(x)
        return y


def test_every_second_is_told_once_where_it_was_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.profile.time", Clock)
    rows = profiled(Sequential(Slow(Sleepy(0.004, 0.012), Sleepy(0, 0.002)), ReLU()))
    assert [(row.what, round(row.forward, 6), round(row.backward, 6)) for row in rows] == [
        ("Sleepy()", 4, 12),
        ("Sleepy()", 0, 2),
        ("ReLU()", 0, 0),
        (BETWEEN, 1, 0),
        ("MSE()", 0, 0),
    ]
    assert [row.share for row in rows] == pytest.approx([16 / 19, 2 / 19, 0, 1 / 19, 0])


def test_the_model_stays_as_it_is() -> None:
    dropout = Dropout(0.5, rng=0)
    model = Sequential(Affine(4, 4, rng=0), BatchNorm(4), dropout).eval()
    before = model.state()
    profiled(model)
    assert all(np.array_equal(array, before[name]) for name, array in model.state().items())
    assert not model.training
    assert model.input_grad
    assert not any(isinstance(layer.__dict__.get("forward"), type(profiled)) for layer in model.layers)
    ones = np.ones((3, 4))
    np.testing.assert_array_equal(dropout.train().forward(ones), Dropout(0.5, rng=0).forward(ones))


def test_the_table_adds_up_to_the_step() -> None:
    rows = [Row("0", "Affine(4 -> 3)", 1.0, 2.0, 0.75), Row("", "MSE()", 0.5, 0.5, 0.25)]
    assert table(rows, 32) == [
        "layer             forward ms  backward ms  share",
        "0 Affine(4 -> 3)       1.000        2.000  75.0%",
        "MSE()                  0.500        0.500  25.0%",
        "sum                    1.500        2.500  on 32 rows, 8,000 rows/s",
    ]


def test_no_repeats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"profile: expected repeats >= 1, got 0; 20 is usual"):
        profiled(ReLU(), repeats=0)
