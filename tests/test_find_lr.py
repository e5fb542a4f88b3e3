"""The sweep over learning rates: what it suggests learns, and the model is left alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from layers import Affine, BatchNorm, Dropout, Layer, Sequential, Tanh
from layers.base import Array, Grads
from losses import MSE
from optim import SGD, Optimizer
from training.find_lr import find_lr, shuffled, smoothed, suggested, table


def sgd(params: dict[str, Array], lr: Callable[[int], float]) -> Optimizer:
    return SGD(params, lr)


def line(n: int = 200) -> tuple[Array, Array]:
    """y = 2 x1 - x2: the Hessian of its mean squared error is 2, the most that SGD can take 1."""
    x = np.random.default_rng(0).standard_normal((n, 2))
    return x, x @ np.array([[2.0], [-1.0]])


def test_rates_rise_geometrically_until_the_loss_is_four_times_its_lowest() -> None:
    rates, losses, _ = find_lr(Affine(2, 1, rng=0), MSE(), sgd, [line()])
    assert rates[0] == 1e-6
    np.testing.assert_allclose(np.diff(np.log(rates)), np.log(1e7) / 99)
    assert len(rates) == len(losses) < 100
    assert 1 < rates[-1] < 10  # above what SGD can take
    assert losses[-1] > losses[int(np.argmin(losses))]


@pytest.mark.parametrize("seed", range(3))
def test_the_suggestion_lowers_the_loss_and_is_far_from_diverging(seed: int) -> None:
    model = Sequential(Affine(2, 8, rng=seed), Tanh(), Affine(8, 1, rng=seed))
    _, _, suggestion = find_lr(model, MSE(), sgd, shuffled(line(), 32, 0))
    assert suggestion is not None
    assert 0.001 < suggestion < 0.3
    loss, optimizer, (x, y) = MSE(), SGD(model.params, suggestion), line()
    first = loss.forward(model.forward(x), y)
    for _ in range(100):
        loss.forward(model.forward(x), y)
        optimizer.step(model.backward(loss.backward())[1])
    assert loss.forward(model.forward(x), y) < 0.2 * first


def test_it_is_the_steepest_descent_and_at_most_a_tenth_of_the_lowest() -> None:
    rates = [10.0**-n for n in range(8, 0, -1)]
    assert suggested(rates, [9, 9, 8, 3, 1, 0.9, 0.5, 5]) == 1e-5  # from 8 to 1 on its two sides
    assert suggested(rates, [9, 9, 9, 9, 9, 8.9, 1, 5]) == pytest.approx(1e-3)


@pytest.mark.parametrize("losses", [[], [1.0], [1.0, 2.0, 4.0], [1.0] * 8])
def test_where_no_rate_lowers_the_loss_there_is_none(losses: list[float]) -> None:
    rates = [10.0**-n for n in range(8, 8 - len(losses), -1)]
    assert suggested(rates, losses) is None
    assert table(rates, losses, None)[-1].startswith("no rate lowers the loss: look at")


class Infinite(Layer):
    """y = x, and overflow at the third step."""

    def __init__(self) -> None:
        self.steps = 0
        self.params = {"a": np.ones(1)}

    def forward(self, x: Array) -> Array:
        self.steps += 1
        return x * (self.params["a"] if self.steps < 3 else np.inf)

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        return upstream, {"a": np.ones(1)}


def test_it_ends_where_the_loss_is_no_number() -> None:
    x = np.ones((4, 1))
    rates, losses, _ = find_lr(Infinite(), MSE(), sgd, [(x, x)])
    assert len(rates) == len(losses) == 2


def test_the_model_stays_as_it_is() -> None:
    dropout = Dropout(0.5, rng=0)
    model = Sequential(Affine(2, 4, rng=0), BatchNorm(4), dropout, Affine(4, 1, rng=0)).eval()
    before = model.state()
    find_lr(model, MSE(), sgd, shuffled(line(), 32, 0))
    assert all(np.array_equal(array, before[name]) for name, array in model.state().items())
    assert not model.training
    ones = np.ones((3, 4))
    np.testing.assert_array_equal(dropout.train().forward(ones), Dropout(0.5, rng=0).forward(ones))


def test_batches_hold_every_row_once_and_never_one_alone() -> None:
    x = np.arange(33.0)[:, None]
    parts = list(shuffled((x, x), 32, 0))
    assert [len(part) for part, _ in parts] == [33]
    assert sorted(np.concatenate([part for part, _ in parts])[:, 0]) == list(range(33))


def test_smoothing_keeps_a_level_and_takes_noise_away() -> None:
    np.testing.assert_allclose(smoothed([3.0] * 9), 3)
    noise = np.random.default_rng(0).standard_normal(100)
    assert np.std(smoothed(list(noise))) < 0.5


def test_the_table_has_a_bar_a_line_and_ends_in_what_to_type() -> None:
    assert table([1e-6, 1e-5, 1e-4, 1e-3, 1e-2], [2.0, 2.0, 2.0, 2.0, 1.0], 0.00312) == [
        "      lr      loss",
        " 1.0e-06         2  ###############",
        " 1.0e-02         1  ########",
        "suggested --lr 0.003",
    ]
