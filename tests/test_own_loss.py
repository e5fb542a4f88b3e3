"""A loss of one's own: what it needs, what it may do, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from loss_data import Distance, LogCosh

from losses import Loss


class ByHand(Loss):
    """The sum of squares, both passes written out."""

    def forward(self, prediction, target):
        self.cache = prediction - target
        return (self.cache**2).sum().item()

    def backward(self, upstream=1.0):
        return 2 * upstream * self.cache


def test_a_loss_needs_only_its_terms():
    loss = LogCosh(2.0)
    assert loss.forward(np.array([2.0, 0.0]), np.zeros(2)) == pytest.approx(math.log(math.cosh(1)) / 2)
    assert loss.backward() == pytest.approx([math.tanh(1) / 4, 0])
    assert repr(loss) == "LogCosh()"


def test_a_value_may_belong_to_a_whole_example():
    loss = Distance(reduction="none")
    assert (loss.forward(np.array([[3.0, 4.0], [1.0, 0.0]]), np.zeros((2, 2))) == [12.5, 0.5]).all()
    assert (loss.backward(np.array([1, 10])) == [[3, 4], [10, 0]]).all()


def test_forward_and_backward_may_be_overridden():
    loss = ByHand()
    with pytest.raises(RuntimeError, match=r"ByHand\(\): backward called before forward"):
        loss.backward()
    assert loss.forward(np.array([3.0, 4.0]), np.zeros(2)) == 25.0
    assert (loss.backward(2.0) == [12, 16]).all()


def test_a_mean_may_divide_each_value_by_its_own_number():
    class Squares(Loss):
        """Σ d² of each row, its mean by row length and then over rows."""

        def terms(self, prediction, target):
            d = prediction - target
            return (d * d).sum(axis=-1), 2 * d

        def count(self, values, target):
            return np.array([2, 6])

    d = np.array([[1.0, 3.0, 0.0], [3.0, 3.0, 0.0]], np.float32)
    loss = Squares()
    assert loss.forward(d, np.zeros((2, 3))) == 10 / 2 + 18 / 6
    assert loss.backward(2.0).tolist() == [[2, 6, 0], [2, 2, 0]]
    assert loss.backward().dtype == np.float32
    loss.reduction = "sum"
    assert loss.forward(d, np.zeros((2, 3))) == 28
    assert (loss.backward() == 2 * d).all()
    loss.reduction = "none"
    assert loss.forward(d, np.zeros((2, 3))).tolist() == [10, 18]


def test_a_loss_without_terms_says_what_is_missing():
    with pytest.raises(NotImplementedError, match=r"Loss\(\): expected a terms"):
        Loss().forward(np.ones(2), np.ones(2))


@pytest.mark.parametrize("returned", [np.ones((2, 3)), None, (np.ones((2, 3)),)])
def test_terms_without_a_derivative_are_refused(returned):
    class Half(Loss):
        def terms(self, prediction, target):
            return returned

    with pytest.raises(TypeError, match=r"Half\(\): expected terms to return \(values, derivative\), got "):
        Half().forward(np.zeros((2, 3)), np.zeros((2, 3)))


def test_terms_of_the_wrong_shape_are_refused():
    class Wrong(Loss):
        def terms(self, prediction, target):
            return prediction - target, np.ones(2)

    with pytest.raises(
        ValueError, match=r"Wrong\(\): expected terms .* got \(2, 3\) and \(2,\); leave the sum"
    ):
        Wrong().forward(np.ones((2, 3)), np.ones((2, 3)))
