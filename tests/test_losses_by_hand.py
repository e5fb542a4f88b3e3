"""Values and gradients of every loss worked out by hand, also of very large and very small numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from loss_data import LOG_P, SHARES

from losses import (
    L1,
    MSE,
    NLL,
    Huber,
    KLDivergence,
    MulticlassHinge,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)

# Values by hand


def check(loss, prediction, target, value, dprediction):
    assert loss.forward(np.array(prediction), np.array(target)) == pytest.approx(value, rel=1e-14)
    upstream = 1.0 if loss.reduction != "none" else np.ones(np.shape(value))
    assert loss.backward(upstream) == pytest.approx(np.array(dprediction), rel=1e-14, abs=1e-16)


def test_mse_by_hand():
    x, t = [[1.0, 2.0], [3.0, 5.0]], [[0.0, 2.0], [1.0, 1.0]]  # d = 1, 0, 2, 4
    check(MSE(), x, t, 21 / 4, [[0.5, 0.0], [1.0, 2.0]])
    check(MSE(reduction="sum"), x, t, 21.0, [[2.0, 0.0], [4.0, 8.0]])
    check(MSE(reduction="none"), x, t, np.array([[1.0, 0.0], [4.0, 16.0]]), [[2.0, 0.0], [4.0, 8.0]])


def test_l1_by_hand():
    check(L1(), [1.0, 2.0, 3.0], [2, 2, 1], 1.0, [-1 / 3, 0.0, 1 / 3])


def test_huber_by_hand():
    # d = 1, -3, 2, 0 with delta 2: 1/2, 2 (3 - 1), 2, 0
    check(Huber(2.0, reduction="sum"), [1.0, -3.0, 2.0, 0.0], [0, 0, 0, 0], 6.5, [1.0, -2.0, 2.0, 0.0])
    check(Huber(delta=1), [1.0, -3.0, 2.0, 0.0], [0, 0, 0, 0], 4.5 / 4, [0.25, -0.25, 0.25, 0.0])


def test_softmax_cross_entropy_by_hand():
    scores = np.log([[1.0, 2.0, 5.0]])  # p = 1/8, 2/8, 5/8
    check(SoftmaxCrossEntropy(), scores, [1], math.log(4), [[1 / 8, -6 / 8, 5 / 8]])
    smoothed = 0.1 * math.log(8) + 0.8 * math.log(4) + 0.1 * math.log(8 / 5)
    loss = SoftmaxCrossEntropy(label_smoothing=0.3)  # q = 0.1, 0.8, 0.1
    check(loss, scores, [1], smoothed, [[0.025, -0.55, 0.525]])


def test_class_weights_by_hand():
    scores, ln = np.log([[1.0, 3.0], [1.0, 1.0]]), math.log  # p = 1/4, 3/4 and 1/2, 1/2
    weighted = SoftmaxCrossEntropy(class_weights=[1, 3])
    check(weighted, scores, [0, 1], (ln(4) + 3 * ln(2)) / 4, [[-3 / 16, 3 / 16], [3 / 8, -3 / 8]])
    # probabilities: the same terms, over the number of examples instead of the weights
    check(weighted, scores, np.eye(2), (ln(4) + 3 * ln(2)) / 2, [[-3 / 8, 3 / 8], [3 / 4, -3 / 4]])


def test_ignored_positions_by_hand():
    scores = np.zeros((3, 2))
    loss = SoftmaxCrossEntropy(ignore_index=-100)
    check(loss, scores, [0, -100, 1], math.log(2), [[-0.25, 0.25], [0, 0], [0.25, -0.25]])
    loss.reduction = "none"
    values = loss.forward(scores, np.array([0, -100, 1]))
    assert values[1] == 0
    assert (loss.backward(np.ones(3))[1] == 0).all()


def test_nll_by_hand():
    log_p = np.log([[0.5, 0.25, 0.25], [0.2, 0.4, 0.4]])
    check(NLL(), log_p, [2, 0], (math.log(4) + math.log(5)) / 2, [[0, 0, -0.5], [-0.5, 0, 0]])
    check(NLL(reduction="sum"), log_p[:1], [[0.5, 0.5, 0]], 1.5 * math.log(2), [[-0.5, -0.5, 0]])


def test_nll_shows_no_minus_zero():
    loss = NLL(reduction="none")
    assert not np.signbit(loss.forward(np.array([[0.0, -9.0]]), np.array([0]))).any()
    assert np.signbit(loss.backward(np.ones(1))).tolist() == [[True, False]]


def test_sigmoid_cross_entropy_by_hand():
    x, ln = [0.0, math.log(3), math.log(3)], math.log  # σ(x) = 1/2, 3/4, 3/4
    values = np.array([ln(2), ln(4), (ln(4) + ln(4 / 3)) / 2])
    check(SigmoidCrossEntropy(reduction="none"), x, [1.0, 0.0, 0.5], values, [-0.5, 0.75, 0.25])
    check(SigmoidCrossEntropy(), x[:2], [True, False], (ln(2) + ln(4)) / 2, [-0.25, 0.375])


def test_multiclass_hinge_by_hand():
    scores = [[1.0, 3.0, 0.0], [2.0, 0.0, -1.0], [0.0, 0.5, 0.25]]
    # row 0: 3 - 1 + 1 = 3, and 0 - 1 + 1 = 0 at the corner; row 1: none; row 2: 0 - .5 + 1 and .25 - .5 + 1
    slopes = np.array([[-1, 1, 0], [0, 0, 0], [1, -2, 1]])
    labels = [0, 0, 1]
    check(MulticlassHinge(reduction="none"), scores, labels, np.array([3.0, 0.0, 1.25]), slopes)
    check(MulticlassHinge(), scores, labels, 4.25 / 3, slopes / 3)
    check(MulticlassHinge(0, reduction="sum"), scores, labels, 2.0, [[-1, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_kl_divergence_by_hand():
    ln = math.log
    log_p = np.log([[0.5, 0.25, 0.25], [0.2, 0.4, 0.4]])
    t = [[0.25, 0.75, 0.0], [0.2, 0.4, 0.4]]  # the second row is p itself
    values = np.array([ln(1 / 2) / 4 + 3 * ln(3) / 4, 0.0])
    check(KLDivergence(reduction="none"), log_p, t, values, [[-0.25, -0.75, 0], [-0.2, -0.4, -0.4]])
    check(KLDivergence(), log_p, t, values[0] / 2, [[-0.125, -0.375, 0], [-0.1, -0.2, -0.2]])


def test_kl_divergence_is_the_cross_entropy_without_the_entropy():
    entropy = [-math.fsum(t * math.log(t) for t in row) for row in SHARES]
    nll = NLL(reduction="none").forward(LOG_P, SHARES)
    assert KLDivergence(reduction="none").forward(LOG_P, SHARES) == pytest.approx(nll - entropy, rel=1e-12)


def test_the_mean_of_a_kl_divergence_is_over_all_rows():
    log_p, t = np.full((2, 3, 4), -math.log(4)), np.eye(4)[np.array([[0, 1, 2], [3, 0, 1]])]
    loss = KLDivergence()
    assert loss.forward(log_p, t) == pytest.approx(math.log(4), rel=1e-14)
    assert (loss.backward() == -t / 6).all()


def test_poisson_by_hand():
    x, ln = [0.0, math.log(2), math.log(5)], math.log  # rates 1, 2, 5
    values = np.array([1 - 0, 2 - 3 * ln(2), 5 - 4 * ln(5)])
    check(Poisson(reduction="none"), x, [0, 3, 4], values, [1.0, -1.0, 1.0])
    check(Poisson(), x, [0, 3, 4], values.sum() / 3, [1 / 3, -1 / 3, 1 / 3])


# Extremes


def test_a_rate_near_0_and_one_near_the_largest_float_are_exact():
    loss = Poisson(reduction="none")
    x = np.array([-1e4, 88.5], np.float32)
    assert loss.forward(x, np.array([3, 0])) == pytest.approx([3e4, math.exp(88.5)])
    assert loss.backward(np.ones(2)) == pytest.approx([-3, math.exp(88.5)])


@pytest.mark.parametrize(("dtype", "x"), [(np.float32, 89.0), (np.float64, 710.0)])
def test_a_log_rate_whose_exp_overflows_is_refused(dtype, x):
    with pytest.raises(
        ValueError,
        match=rf"x whose exp\(x\) - t x does not overflow {np.dtype(dtype)}, got {x} at index \(1,\)",
    ):
        Poisson().forward(np.array([0, x], dtype), np.array([1, 1]))
    with pytest.raises(ValueError, match=r"Poisson\(\): .*the prediction is the log of the rate"):
        Poisson().forward(np.array([0, x], dtype).astype(complex) * 10, np.array([1, 1]))


def test_huge_logits_stay_finite_in_float32():
    scores = np.array([[1e4, -1e4], [1e4, -1e4], [-1e4, -1e4]], np.float32)
    loss = SoftmaxCrossEntropy(reduction="none")
    assert loss.forward(scores, np.array([1, 0, 0])) == pytest.approx([2e4, 0, math.log(2)])
    assert (loss.backward(np.ones(3)) == [[1, -1], [0, 0], [-0.5, 0.5]]).all()
    loss = SigmoidCrossEntropy(reduction="none")
    assert (
        loss.forward(scores, np.array([[0, 0], [1, 1], [0.5, 0]])) == [[1e4, 0], [0, 1e4], [5e3, 0]]
    ).all()
    assert (loss.backward(np.ones((3, 2))) == [[1, 0], [0, -1], [-0.5, 0]]).all()


def test_huber_does_not_square_what_is_far():
    loss = Huber()
    assert loss.forward(np.array([1e200, -1e200]), np.zeros(2)) == 1e200
    assert (loss.backward() == [0.5, -0.5]).all()


def test_a_mean_in_float32_does_not_overflow_on_the_way():
    assert L1().forward(np.full(10, 1e38, np.float32), np.zeros(10)) == pytest.approx(1e38)


def test_confident_logits_keep_a_precise_value_and_slope():
    loss, tail = SigmoidCrossEntropy(reduction="none"), math.exp(-50)  # log(1 + e⁻⁵⁰) and σ(-50)
    values = loss.forward(np.array([50.0, -50.0]), np.array([1, 0]))
    assert values == pytest.approx([tail, tail], rel=1e-14, abs=0)
    assert loss.backward(np.ones(2)) == pytest.approx([-tail, tail], rel=1e-14, abs=0)
