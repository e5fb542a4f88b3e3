"""Scores by hand and as scikit-learn has them."""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import pytest

from training.metrics import (
    calibration_error,
    classification_metrics,
    confusion,
    largest_error,
    majority_baseline,
    mean_baseline,
    most_confused,
    regression_metrics,
    reliability,
)


@pytest.fixture(scope="module")
def sk() -> ModuleType:
    return pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra: datasets)")


def random_scores(seed: int, n: int = 200, C: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(C, 0.5), n), rng.integers(0, C, n)


def test_classification_by_hand() -> None:
    probabilities = np.array([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0], [0.0, 0.75, 0.25], [0.25, 0.5, 0.25]])
    metrics = classification_metrics(probabilities, np.array([0, 1, 1, 2]))  # answers 0, 0 (a tie), 1, 1
    # F1: class 0 has TP 1, FP 1: 2/3; class 1 has TP 1, FP 1, FN 1: 1/2; class 2: 0
    assert metrics["accuracy"] == 0.5
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert metrics["log_loss"] == pytest.approx(
        (math.log(2) + math.log(2) + math.log(4 / 3) + math.log(4)) / 4
    )


@pytest.mark.parametrize("seed", range(5))
def test_classification_agrees_with_scikit_learn(sk: ModuleType, seed: int) -> None:
    probabilities, labels = random_scores(seed)
    metrics, predicted = classification_metrics(probabilities, labels), probabilities.argmax(axis=1)
    assert metrics["accuracy"] == pytest.approx(sk.accuracy_score(labels, predicted))
    assert metrics["macro_f1"] == pytest.approx(
        sk.f1_score(labels, predicted, average="macro", zero_division=0)
    )
    assert metrics["log_loss"] == pytest.approx(sk.log_loss(labels, probabilities, labels=range(5)))


def test_f1_is_over_the_classes_that_occur(sk: ModuleType) -> None:
    probabilities, labels = np.eye(6)[[0, 0, 1, 4]], np.array([0, 1, 1, 1])  # classes 2, 3, 5 do not occur
    expected = sk.f1_score(labels, probabilities.argmax(axis=1), average="macro", zero_division=0)
    assert classification_metrics(probabilities, labels)["macro_f1"] == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sure_mistake_costs_the_logarithm_of_eps(sk: ModuleType, dtype: type) -> None:
    probabilities = np.array([[1, 0], [0, 1]], dtype)
    log_loss = classification_metrics(probabilities, np.array([1, 1]))["log_loss"]
    assert log_loss == pytest.approx(-math.log(np.finfo(dtype).eps) / 2)
    assert log_loss == pytest.approx(sk.log_loss([1, 1], probabilities, labels=[0, 1]), rel=1e-6)


def test_a_class_never_seen_counts_as_wrong(sk: ModuleType) -> None:
    probabilities, labels = random_scores(1)
    unseen = labels.copy()
    unseen[:30] = -1
    metrics, predicted = classification_metrics(probabilities, unseen), probabilities.argmax(axis=1)
    assert metrics["accuracy"] == pytest.approx((predicted == unseen).mean())
    assert metrics["macro_f1"] == pytest.approx(
        sk.f1_score(unseen, predicted, average="macro", zero_division=0)
    )
    assert metrics["log_loss"] == classification_metrics(probabilities[30:], labels[30:])["log_loss"]


def test_only_classes_never_seen_have_no_log_loss() -> None:
    metrics = classification_metrics(np.eye(2), np.array([-1, -1]))
    assert metrics == {"accuracy": 0.0, "macro_f1": 0.0, "log_loss": None}


def test_regression_by_hand() -> None:
    metrics = regression_metrics(np.array([[1.0], [2.0], [6.0]]), np.array([[1.0], [3.0], [5.0]]))
    # errors 0, -1, 1; distances from the mean 3: -2, 0, 2
    assert metrics["rmse"] == pytest.approx(math.sqrt(2 / 3))
    assert metrics["mae"] == pytest.approx(2 / 3)
    assert metrics["r2"] == pytest.approx(1 - 2 / 8)


@pytest.mark.parametrize("k", [1, 3])
def test_regression_agrees_with_scikit_learn(sk: ModuleType, k: int) -> None:
    rng = np.random.default_rng(k)
    true = rng.normal(size=(100, k)) * [1, 10, 100][:k] + 5
    predicted = true + rng.normal(size=(100, k))
    metrics = regression_metrics(predicted, true)
    assert metrics["rmse"] == pytest.approx(sk.root_mean_squared_error(true, predicted))
    assert metrics["mae"] == pytest.approx(sk.mean_absolute_error(true, predicted))
    assert metrics["r2"] == pytest.approx(sk.r2_score(true, predicted))


def test_r2_of_a_constant_truth_is_none() -> None:
    metrics = regression_metrics(np.array([[1.0], [2.0]]), np.array([[3.0], [3.0]]))
    assert metrics["r2"] is None
    assert metrics["mae"] == 1.5
    assert regression_metrics(np.array([[1.0]]), np.array([[3.0]]))["r2"] is None


def test_large_numbers_do_not_overflow() -> None:
    true = np.array([[1e200], [3e200]])
    metrics = regression_metrics(true + 1e200, true)
    assert metrics["rmse"] == pytest.approx(1e200)
    assert metrics["r2"] == pytest.approx(0.0)


def test_a_figure_that_is_no_number_is_none() -> None:
    metrics = regression_metrics(np.array([[1e300], [-1e300]]), np.array([[0.0], [1e-300]]))
    assert metrics["r2"] is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_figures_are_plain_floats(dtype: type) -> None:
    probabilities, labels = random_scores(0)
    figures = [
        *classification_metrics(probabilities.astype(dtype), labels).values(),
        *regression_metrics(probabilities.astype(dtype), probabilities[::-1].astype(dtype)).values(),
    ]
    assert [type(figure) for figure in figures] == [float] * 6


def test_wrong_shapes_and_values_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"expected probabilities \(n, C\) and labels \(n,\).*got \(2, 2\) and \(3,\)"
    ):
        classification_metrics(np.eye(2), np.zeros(3, int))
    with pytest.raises(ValueError, match=r"with n > 0, got \(0, 2\) and \(0,\)"):
        classification_metrics(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(ValueError, match=r"expected labels in -1\.\.1, got 0\.\.2"):
        classification_metrics(np.eye(2), np.array([0, 2]))
    with pytest.raises(ValueError, match=r"expected finite probabilities, got nan at \(1, 0\)"):
        classification_metrics(np.array([[1.0, 0.0], [np.nan, 0.0]]), np.array([0, 1]))
    with pytest.raises(ValueError, match=r"one shape \(n, k\).*got \(2, 1\) and \(2,\)"):
        regression_metrics(np.zeros((2, 1)), np.zeros(2))
    with pytest.raises(
        ValueError, match=r"expected finite predicted, got inf at \(0, 0\); has the model diverged"
    ):
        regression_metrics(np.array([[np.inf]]), np.array([[1.0]]))


def test_confusion_counts_truth_in_rows_and_answers_in_columns(sk: ModuleType) -> None:
    labels, predicted = np.array([0, 0, 1, 2, -1]), np.array([0, 1, 1, 0, 2])
    assert confusion(labels, predicted, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    probabilities, labels = random_scores(3)
    predicted = probabilities.argmax(axis=1)
    assert (confusion(labels, predicted, 5) == sk.confusion_matrix(labels, predicted)).all()


def test_the_most_confused_pairs_come_first() -> None:
    matrix = np.array([[50, 2, 0], [7, 40, 1], [0, 3, 60]])
    assert most_confused(matrix, ("a", "b", "c")) == [("b", "a", 7), ("c", "b", 3), ("a", "b", 2)]
    assert most_confused(matrix, ("a", "b", "c"), k=1) == [("b", "a", 7)]
    assert most_confused(np.diag([3, 4]), ("a", "b")) == []


def test_reliability_sets_what_is_said_beside_what_is_so() -> None:
    probabilities = np.array([[0.5, 0.5], [0.45, 0.55], [0.1, 0.9], [0.96, 0.04], [1.0, 0.0]])
    labels = np.array([0, 0, 1, 0, -1])  # right, wrong, right, right, a class never seen
    bins = reliability(probabilities, labels)
    assert [rows for _, _, rows in bins] == [2, 3]  # 0.5 up to 0.6, 0.9 up to and with 1
    assert [said for said, _, _ in bins] == pytest.approx([0.525, (0.9 + 0.96 + 1) / 3])
    assert [right for _, right, _ in bins] == pytest.approx([0.5, 2 / 3])
    assert calibration_error(bins) == pytest.approx((2 * 0.025 + 3 * (2.86 / 3 - 2 / 3)) / 5)


@pytest.mark.parametrize("seed", range(3))
def test_reliability_agrees_with_scikit_learn(seed: int) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra: datasets)")
    from sklearn.calibration import calibration_curve

    probabilities, labels = random_scores(seed)
    right = probabilities.argmax(axis=1) == labels
    shares, said = calibration_curve(right, probabilities.max(axis=1), n_bins=10)
    bins = np.array(reliability(probabilities, labels))
    np.testing.assert_allclose(bins[:, 0], said)
    np.testing.assert_allclose(bins[:, 1], shares)
    assert bins[:, 2].sum() == len(labels)


def test_one_who_knows_his_doubts_has_no_calibration_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(size=200_000)
    probabilities = np.column_stack([p, 1 - p])
    labels = (rng.uniform(size=len(p)) >= p).astype(int)
    assert calibration_error(reliability(probabilities, labels)) < 0.01


def test_the_largest_error_is_told_in_units_of_its_output() -> None:
    true = np.array([[1.0, 1000.0], [2.0, 2000.0], [3.0, 3000.0]])
    predicted = true + np.array([[0.0, 90.0], [-0.5, 0.0], [0.0, 0.0]])
    assert largest_error(predicted, true, np.array([1.0, 1000.0])) == (1, 0)
    assert largest_error(predicted, true, np.array([1.0, 100.0])) == (0, 1)
    assert largest_error(np.array([[1e300], [0.0]]), np.array([[-1e300], [0.0]]), np.array([1e300])) == (0, 0)


def test_the_majority_baseline_answers_with_the_shares_of_the_classes() -> None:
    labels = np.array([0, 2, 2, 1, 2, 2, 0, 2])  # shares 2/8, 1/8, 5/8
    probabilities = majority_baseline(labels, 4)(3)
    assert probabilities.tolist() == [[0.25, 0.125, 0.625, 0.0]] * 3
    metrics = classification_metrics(majority_baseline(labels, 4)(8), labels)
    assert metrics["accuracy"] == 5 / 8
    assert metrics["log_loss"] == pytest.approx(
        -(2 * math.log(2 / 8) + math.log(1 / 8) + 5 * math.log(5 / 8)) / 8
    )


def test_the_mean_baseline_has_an_r2_of_zero() -> None:
    targets = np.array([[1.0, 10.0], [3.0, 30.0]])
    assert mean_baseline(targets)(2).tolist() == [[2.0, 20.0]] * 2
    assert regression_metrics(mean_baseline(targets)(2), targets)["r2"] == pytest.approx(0.0)
