"""Classification and regression side by side: loss, answers, scores, baseline, prediction files."""

from __future__ import annotations

import math

import numpy as np
import pytest

import losses
from layers import Affine, Layer
from layers.base import Array, Grads
from training.encoding.targets import ClassTargets, NumberTargets
from training.errors import DataError, UsageError
from training.problem import (
    LOSSES,
    Classification,
    Problem,
    Regression,
    answers,
    chosen_loss,
    chosen_metric,
    problem,
)


def place(row: int) -> str:
    return f"data.csv:{row + 2}"


@pytest.fixture
def animals() -> Classification:
    kind = problem(ClassTargets.fit(["cat", "dog", "cat", "eel", "cat", "dog"]))
    assert isinstance(kind, Classification)
    return kind


@pytest.fixture
def lengths() -> Regression:
    kind = problem(NumberTargets.fit(["10", "20", "30", "99"], np.array([0, 1, 2]), name="cm"))
    assert isinstance(kind, Regression)
    return kind


def test_each_task_begins_with_its_usual_loss(animals: Problem, lengths: Problem) -> None:
    assert chosen_loss(animals, None) == "cross-entropy"
    assert chosen_loss(lengths, None) == "mse"
    assert isinstance(animals.loss("cross-entropy"), losses.SoftmaxCrossEntropy)
    assert isinstance(lengths.loss("huber"), losses.Huber)
    assert set(LOSSES) == {"cross-entropy", "hinge", "mse", "l1", "huber"}


def test_losses_and_metrics_of_the_other_task_are_refused(animals: Problem, lengths: Problem) -> None:
    with pytest.raises(UsageError, match=r"--loss: expected mse or l1 or huber for regression, got 'hinge'"):
        chosen_loss(lengths, "hinge")
    with pytest.raises(
        UsageError, match=r"--metric: expected loss or accuracy or .* for classification, got 'r2'"
    ):
        chosen_metric(animals, "r2")


def test_a_metric_says_whether_higher_is_better(animals: Problem, lengths: Problem) -> None:
    assert chosen_metric(animals, "loss") == ("loss", False)
    assert chosen_metric(animals, "macro_f1") == ("macro_f1", True)
    assert chosen_metric(lengths, "r2") == ("r2", True)
    assert chosen_metric(lengths, "mae") == ("mae", False)


def test_balanced_weights_make_each_class_count_the_same(animals: Classification) -> None:
    loss = animals.loss("cross-entropy", balanced=True)
    scores, target = np.zeros((6, 3)), np.array([0, 1, 0, 2, 0, 1])
    loss.forward(scores, target)
    pull = loss.backward()
    for label in range(3):  # rows of a class pull its score up by 1 - 1/3 each, weighed: in sum alike
        assert pull[target == label, label].sum() == pytest.approx(-2 / 9)


def test_balanced_weights_are_refused_where_they_mean_nothing(animals: Problem, lengths: Problem) -> None:
    with pytest.raises(UsageError, match="--class-weight: has no meaning with --loss hinge"):
        animals.loss("hinge", balanced=True)
    with pytest.raises(UsageError, match="--class-weight: has no meaning for regression"):
        lengths.loss("mse", balanced=True)


def test_the_answer_is_probabilities_or_the_users_units(animals: Problem, lengths: Problem) -> None:
    assert animals.answer(np.log(np.array([[1, 2, 7]], np.float32))) == pytest.approx(
        np.array([[0.1, 0.2, 0.7]])
    )
    assert animals.answer(np.array([[1e4, 0, -1e4]], np.float32)).tolist() == [[1, 0, 0]]
    deviation = math.sqrt(200 / 3)  # of 10, 20, 30, the training rows
    assert lengths.answer(np.array([[0.0], [2.0]], np.float32)) == pytest.approx(
        np.array([[20], [20 + 2 * deviation]])
    )


def test_the_baseline_looks_at_no_feature(animals: Problem, lengths: Problem) -> None:
    train = np.array([0, 0, 0, 1])
    assert animals.baseline(train, 2).tolist() == [[0.75, 0.25, 0]] * 2
    assert animals.baseline_name(train) == "always 'cat'"
    assert lengths.baseline(np.array([[10.0], [20.0]]), 3).tolist() == [[15.0]] * 3
    assert lengths.baseline_name(np.array([[10.0]])) == "always the mean"


def test_the_truth_of_an_unknown_class_is_minus_one_and_counts_as_wrong(animals: Problem) -> None:
    truth = animals.truth(["dog", "yak", "dog", "dog"], place)
    assert truth.tolist() == [1, -1, 1, 1]
    assert animals.scores(np.array([[0.1, 0.8, 0.1]] * 4), truth)["accuracy"] == 0.75


def test_prediction_lines_hold_truth_answer_and_probabilities(animals: Problem, lengths: Problem) -> None:
    assert animals.columns() == ["true", "predicted", "p(cat)", "p(dog)", "p(eel)"]
    answer = np.array([[0.5, 0.25, 0.25], [0.0, 0.25, 0.75]])
    assert animals.cells(answer, [" dog", "yak"]) == [
        ["dog", "cat", 0.5, 0.25, 0.25],
        ["yak", "eel", 0.0, 0.25, 0.75],
    ]
    assert animals.cells(answer[:1], None) == [[None, "cat", 0.5, 0.25, 0.25]]
    assert lengths.columns() == ["true", "predicted"]
    assert lengths.cells(np.array([[1.5]]), ["2"]) == [[2.0, 1.5]]
    assert lengths.cells(np.array([[1.5]]), None) == [[None, 1.5]]


def test_several_outputs_are_told_apart_by_number() -> None:
    kind = problem(NumberTargets.fit(np.array([[1.0, 5.0], [2.0, 7.0]]), np.array([0, 1]), name="y"))
    assert kind.columns() == ["true(y 1)", "true(y 2)", "predicted(y 1)", "predicted(y 2)"]
    assert kind.cells(np.array([[3.0, 4.0]]), None) == [[None, None, 3.0, 4.0]]


def test_answers_come_from_the_model_in_evaluation_mode(lengths: Problem) -> None:
    model = Affine(2, 1, rng=0)
    x = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    expected = 20 + (x @ model.params["W"].T + model.params["b"]) * math.sqrt(200 / 3)
    assert answers(lengths, model, x, place) == pytest.approx(expected)


class Overflow(Layer):
    """x², which float32 cannot hold for 1e30."""

    def forward(self, x: Array) -> Array:
        return x * x

    def backward(self, upstream: Array) -> tuple[Array, Grads]:
        raise NotImplementedError


def test_an_answer_that_is_no_number_names_its_row(lengths: Problem) -> None:
    x = np.array([[1.0], [1e30]], np.float32)
    with pytest.raises(DataError, match=r"^data.csv:3: the network's answer is no number"):
        answers(lengths, Overflow(), x, place)
