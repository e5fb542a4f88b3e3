"""One batch by heart: right networks reach a loss near 0, wrong ones are told what to check."""

from __future__ import annotations

import numpy as np

from layers import Affine, BatchNorm, Dropout, Layer, ReLU, Sequential
from layers.base import Array, Grads
from losses import MSE, SoftmaxCrossEntropy
from optim import SGD, Adam
from training.overfit import one_batch, overfit, reached, verdict


def batch(n: int = 16, D: int = 6) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((n, D)), rng.integers(0, 3, n)


def learn(*layers: Layer, lr: float = 0.01, steps: int = 500) -> tuple[list[float], Sequential]:
    x, labels = batch()
    model = Sequential(*layers)
    return overfit(model, SoftmaxCrossEntropy(), Adam(model.params, lr), x, labels, steps=steps), model


def test_a_right_network_reaches_a_hundredth_of_its_first_loss() -> None:
    losses, model = learn(Affine(6, 32, rng=0), ReLU(), Affine(32, 3, rng=1))
    assert losses[-1] <= 0.01 * losses[0]
    assert all(loss > 0.01 * losses[0] for loss in losses[:-1])  # and ends there
    assert verdict(losses, model, batch()[1]) == (
        f"reached: loss {losses[0]:.4g} -> {losses[-1]:.4g} in {len(losses) - 1} steps on 16 rows"
    )


def test_dropout_does_not_stand_in_the_way() -> None:
    layers = [Affine(6, 32, rng=0), BatchNorm(32), ReLU(), Dropout(0.9, rng=0), Affine(32, 3, rng=1)]
    losses, model = learn(*layers)
    assert reached(losses)
    assert not model.training
    assert not layers[3].training


class Scale(Layer):
    """y = gamma * x, with a backward of the wrong sign."""

    def __init__(self) -> None:
        self.params = {"gamma": np.ones(32)}

    def forward(self, x: Array) -> Array:
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        return -upstream * self.params["gamma"], {"gamma": -(upstream * self.cache).sum(axis=0)}


def test_a_wrong_backward_is_sent_to_gradcheck() -> None:
    losses, model = learn(Affine(6, 32, rng=0), Scale(), ReLU(), steps=50)
    assert not reached(losses)
    assert len(losses) == 51
    assert verdict(losses, model, batch()[1]).endswith(
        "in 50 steps on 16 rows; check another --lr (see --find-lr), then each layer's backward with "
        "gradcheck.check_layer"
    )


def test_a_network_too_small_for_the_rows_is_told_so() -> None:
    x = batch()[0]
    model = Affine(6, 1, rng=0)
    target = np.sin(9 * x[:, :1])
    losses = overfit(model, MSE(), Adam(model.params, 0.01), x, target, steps=50)
    assert "check more --hidden, or a smaller --batch-size: 7 parameters cannot hold 16 targets" in verdict(
        losses, model, target
    )


def test_a_loss_that_is_still_falling_wants_a_higher_rate() -> None:
    losses, model = learn(Affine(6, 32, rng=0), ReLU(), Affine(32, 3, rng=1), lr=2e-3, steps=100)
    assert verdict(losses, model, batch()[1]).endswith("check a higher --lr: it was still falling")


def test_a_loss_that_is_no_number_ends_it() -> None:
    x = batch()[0]
    model = Affine(6, 1, rng=0)
    losses = overfit(model, MSE(), SGD(model.params, 1e6), x, x[:, :1])
    assert len(losses) < 100
    assert not reached(losses)
    assert verdict(losses, model, x[:, :1]).endswith("check a lower --lr")


def test_a_loss_that_begins_near_0_is_near_enough() -> None:
    assert reached([1e-4])
    assert not reached([1.0, 0.02])


def test_the_batch_has_no_row_twice() -> None:
    x = np.array([[3.0], [1.0], [3.0], [2.0], [1.0], [4.0]])
    target = np.arange(6)
    some, labels = one_batch(x, target, 3)
    assert some.tolist() == [[3], [1], [2]]
    assert labels.tolist() == [0, 1, 3]
    assert len(one_batch(np.arange(200.0)[:, None], np.arange(200), 128)[0]) == 32
    images, _ = one_batch(np.zeros((5, 1, 4, 4)), target[:5], 2)
    assert images.shape == (1, 1, 4, 4)
