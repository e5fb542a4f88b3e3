"""What losses refuse: options, shapes, numbers, targets; and the options of losses on classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from loss_data import LABELS, LOG_P, OPTIONS

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

built_in = pytest.mark.parametrize(
    "loss",
    [
        MSE(),
        L1(),
        Huber(),
        SigmoidCrossEntropy(),
        SoftmaxCrossEntropy(),
        NLL(),
        MulticlassHinge(),
        Poisson(),
        KLDivergence(),
    ],
    ids=repr,
)


def targets_for(loss):
    """Some target that fits scores of shape (2, 3)."""
    labelled = isinstance(loss, SoftmaxCrossEntropy | NLL | MulticlassHinge)
    return np.array([0, 2]) if labelled else np.array([[0.0, 0.75, 0.25], [1.0, 0.0, 0.0]])


@pytest.mark.parametrize(("name", "nearest"), [("men", "mean"), ("Sum", "sum"), (None, "none")])
@built_in
def test_an_unknown_reduction_is_refused_with_the_nearest_name(loss, name, nearest):
    with pytest.raises(ValueError, match=f"got {name!r}; did you mean {nearest!r}"):
        type(loss)(reduction=name)
    with pytest.raises(ValueError, match="expected reduction"):
        loss.reduction = "total"
    assert loss.reduction == "mean"


@pytest.mark.parametrize(
    "loss", [MSE(), L1(), Huber(), SigmoidCrossEntropy(), Poisson(), KLDivergence()], ids=repr
)
def test_shapes_that_would_broadcast_are_refused(loss):
    with pytest.raises(
        ValueError, match=r"prediction \(4,\) against target \(4, 1\); write target.reshape\(4,\)"
    ):
        loss.forward(np.ones(4), np.ones((4, 1)))
    with pytest.raises(ValueError, match=r"\(4, 1\) against target \(4,\); write target.reshape\(4, 1\)"):
        loss.forward(np.ones((4, 1)), np.ones(4))
    with pytest.raises(
        ValueError, match=r"\(2, 3\) against target \(3, 2\); make"
    ):  # a reshape would scramble
        loss.forward(np.ones((2, 3)), np.ones((3, 2)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@built_in
def test_non_finite_numbers_are_refused_with_their_place(loss, bad):
    prediction = np.zeros((2, 3))
    prediction[1, 2] = bad
    who = type(loss).__name__
    with pytest.raises(ValueError, match=rf"{who}.*finite prediction, got {bad} at index \(1, 2\)"):
        loss.forward(prediction, targets_for(loss))
    with pytest.raises(ValueError, match="finite prediction"):
        loss.forward(prediction.astype(complex), targets_for(loss))
    if not isinstance(loss, MulticlassHinge):
        with pytest.raises(
            ValueError, match=rf"{who}.*finite target \(float64\), got {bad} at index \(1, 2\)"
        ):
            loss.forward(np.zeros((2, 3)), prediction)


def test_a_target_beyond_float32_is_refused_not_rounded_to_infinity():
    with pytest.raises(ValueError, match=r"finite target \(float32\), got 1e\+300 at index \(1,\)"):
        MSE().forward(np.zeros(2, np.float32), np.array([0, 1e300]))


@built_in
def test_what_is_no_array_of_numbers_is_refused(loss):
    target = targets_for(loss)
    with pytest.raises(TypeError, match="expected prediction to be a NumPy array, got list; convert"):
        loss.forward([[0.0, 1.0, 2.0]] * 2, target)
    with pytest.raises(TypeError, match="expected target to be a NumPy array, got list; convert"):
        loss.forward(np.zeros((2, 3)), target.tolist())
    with pytest.raises(TypeError, match="expected prediction in real numbers, got <U1"):
        loss.forward(np.full((2, 3), "0"), target)
    for kind in (complex, str, object):
        with pytest.raises(TypeError, match="expected target in real numbers"):
            loss.forward(np.zeros((2, 3)), target.astype(kind))
    loss.forward(np.zeros((2, 3)), target)
    with pytest.raises(TypeError, match="expected upstream in real numbers"):
        loss.backward("1.0")


@built_in
def test_whole_numbers_are_taken_as_float64(loss):
    whole, target = np.array([[1, -2, 0], [3, 1, 2]]), targets_for(loss)
    assert loss.forward(whole, target) == loss.forward(whole.astype(float), target)
    loss.forward(whole, target)
    assert loss.backward().dtype == np.float64


@built_in
def test_an_empty_batch_is_refused(loss):
    with pytest.raises(ValueError, match=r"at least one example, got an empty prediction \(0, 3\)"):
        loss.forward(np.zeros((0, 3)), targets_for(loss)[:0])


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-1.0, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        ("1", TypeError),
        (True, TypeError),
    ],
)
def test_a_delta_that_is_no_positive_number_is_refused(value, error):
    with pytest.raises(error, match="Huber: expected delta"):
        Huber(value)


@pytest.mark.parametrize(("value", "error"), [(-1.0, ValueError), (math.nan, ValueError), (None, TypeError)])
def test_a_margin_below_zero_is_refused(value, error):
    with pytest.raises(error, match="MulticlassHinge: expected margin"):
        MulticlassHinge(value)


def test_a_sigmoid_target_outside_0_to_1_is_refused():
    for bad in (-1, 2, 1.5):
        with pytest.raises(
            ValueError, match=rf"expected a target in \[0, 1\], got {float(bad)} at index \(0, 1\)"
        ):
            SigmoidCrossEntropy().forward(np.zeros((1, 2)), np.array([[1, bad]]))


def test_a_count_below_0_is_refused():
    with pytest.raises(
        ValueError, match=r"counts, none negative, got -1.0 at index \(0, 1\); .* not its log"
    ):
        Poisson().forward(np.zeros((1, 2)), np.array([[1, -1]]))


def test_a_kl_target_that_is_no_distribution_is_refused():
    with pytest.raises(ValueError, match=r"rows that sum to 1, got 0.75 at index \(1,\); divide each row"):
        KLDivergence().forward(np.zeros((2, 2)), np.array([[0.5, 0.5], [0.5, 0.25]]))
    with pytest.raises(ValueError, match=r"none negative, got -0.5 at index \(1, 0\); .* np.exp"):
        KLDivergence().forward(np.zeros((2, 2)), np.array([[0.5, 0.5], [-0.5, 1.5]]))
    with pytest.raises(ValueError, match="the class axis is the last"):
        KLDivergence().forward(np.array(0.0), np.array(1.0))


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), NLL(), MulticlassHinge()], ids=repr)
def test_labels_that_do_not_fit_the_scores_are_refused(loss):
    scores = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"labels in 0..C-1 = 0..2, got 3 at index \(1,\)"):
        loss.forward(scores, np.array([0, 3]))
    with pytest.raises(ValueError, match=r"0..2, got -1 at index \(0,\)"):
        loss.forward(scores, np.array([-1, 3]))
    with pytest.raises(ValueError, match=r"0..2, got 255 at index \(0,\)"):
        loss.forward(scores, np.array([255, 0], np.uint8))
    with pytest.raises(ValueError, match=r"expected integer labels, got float64; write target.astype\(int\)"):
        loss.forward(scores, np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="expected integer labels, got bool"):
        loss.forward(scores, np.array([True, False]))
    with pytest.raises(ValueError, match=r"got target \(2, 1\); write target\[:, 0\]"):
        loss.forward(scores, np.array([[0], [1]]))
    with pytest.raises(ValueError, match=r"labels of shape \(2,\) for scores \(2, 3\), got target \(3,\)"):
        loss.forward(scores, np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"got target \(2, 4\); probabilities have the 3 classes"):
        loss.forward(scores, np.ones((2, 4)) / 4)
    with pytest.raises(ValueError, match=r"write np.moveaxis\(scores, 1, -1\)"):
        loss.forward(np.zeros((2, 3, 5)), np.zeros((2, 5), int))
    with pytest.raises(ValueError, match="the class axis is the last"):
        loss.forward(np.array(1.0), np.array(0))


def test_a_hinge_refuses_one_hot():
    with pytest.raises(ValueError, match=r"write target.argmax\(axis=-1\)"):
        MulticlassHinge().forward(np.zeros((2, 3)), np.eye(3)[:2])


@pytest.mark.parametrize("build", [SoftmaxCrossEntropy, NLL])
class TestClassOptions:
    def test_rows_that_are_no_distribution_are_refused(self, build):
        scores = np.zeros((2, 2))
        with pytest.raises(ValueError, match=r"rows that sum to 1, got 0.75 at index \(1,\)"):
            build().forward(scores, np.array([[0.5, 0.5], [0.5, 0.25]]))
        with pytest.raises(ValueError, match=r"none negative, got -0.5 at index \(1, 0\)"):
            build().forward(scores, np.array([[0.5, 0.5], [-0.5, 1.5]]))
        assert build().forward(scores - 1, np.array([[0.5, 0.5], [0.5, 0.5009]])) > 0

    def test_one_hot_is_the_label_in_any_dtype(self, build):
        expected = build().forward(LOG_P, LABELS)
        for dtype in (bool, np.uint8, np.int64, np.float32, np.float64):
            assert build().forward(LOG_P, np.eye(4, dtype=dtype)[LABELS]) == pytest.approx(
                expected, rel=1e-14
            )

    def test_ignore_index_counts_nothing(self, build):
        labels = np.array([0, -1, 2, -1, 3], np.int8)
        kept = labels >= 0
        loss = build(ignore_index=-1, **OPTIONS)
        few = build(**OPTIONS)
        assert loss.forward(LOG_P, labels) == pytest.approx(few.forward(LOG_P[kept], labels[kept]), rel=1e-14)
        assert loss.backward()[kept] == pytest.approx(few.backward(), rel=1e-14)
        assert (loss.backward()[~kept] == 0).all()

    def test_ignore_index_beyond_the_dtype_ignores_nothing(self, build):
        labels = LABELS.astype(np.uint8)
        assert build(ignore_index=-1).forward(LOG_P, labels) == build().forward(LOG_P, labels)

    def test_nothing_but_ignored_labels_is_refused(self, build):
        with pytest.raises(ValueError, match=r"expected a label that counts, got only -1 in target \(2,\)"):
            build(ignore_index=-1).forward(np.zeros((2, 3)), np.array([-1, -1]))

    def test_ignore_index_with_probabilities_is_refused(self, build):
        with pytest.raises(ValueError, match=r"beside ignore_index, got probabilities \(2, 3\); leave"):
            build(ignore_index=-1).forward(np.zeros((2, 3)), np.eye(3)[:2])

    def test_ignore_index_that_is_no_integer_is_refused(self, build):
        with pytest.raises(TypeError, match=r"expected ignore_index to be an integer or None, got -1\.0"):
            build(ignore_index=-1.0)

    def test_label_smoothing_outside_its_range_is_refused(self, build):
        for bad in (-0.1, 1, 1.5, math.nan):
            with pytest.raises(ValueError, match=rf"expected label_smoothing in \[0, 1\), got {bad}"):
                build(label_smoothing=bad)
        with pytest.raises(TypeError, match="expected label_smoothing to be a number, got str"):
            build(label_smoothing="0.1")

    def test_class_weights_that_are_none_are_refused(self, build):
        for bad in ([1, -1], [1, math.nan], [1, math.inf], [0, 0], [[1, 1]], [], 1.0):
            with pytest.raises(ValueError, match="expected class_weights one for each class, finite"):
                build(class_weights=bad)
        with pytest.raises(TypeError, match="expected class_weights in real numbers, got <U1"):
            build(class_weights=["a", "b"])
        with pytest.raises(ValueError, match=r"expected 3 class_weights for scores \(2, 3\), got 2"):
            build(class_weights=[1, 2]).forward(np.zeros((2, 3)), np.array([0, 1]))

    def test_a_mean_over_no_weight_is_refused(self, build):
        with pytest.raises(ValueError, match="expected a label whose class weight is not 0, got none in 2"):
            build(class_weights=[1, 0]).forward(np.zeros((2, 2)), np.array([1, 1]))
        assert build(class_weights=[1, 0], reduction="sum").forward(np.zeros((2, 2)), np.array([1, 1])) == 0

    def test_class_weights_are_a_copy(self, build):
        weights = np.array([1.0, 2.0])
        loss = build(class_weights=weights)
        weights[:] = 7
        assert (loss.class_weights == [1, 2]).all()
