"""Classes or numbers: what the target is taken for, and the reason that is printed."""

from __future__ import annotations

import numpy as np
import pytest

from training.encoding.task import detect_task


def integers(distinct: int, each: int) -> list[str]:
    return [str(i) for i in range(distinct)] * each


@pytest.mark.parametrize(
    ("target", "task"),
    [
        pytest.param(["a", "b", "c", "a"], "classification", id="words"),
        pytest.param(["1", "2", "three", "two"], "classification", id="numbers among words"),
        pytest.param([f"{i}.5" for i in range(200)], "regression", id="decimals"),
        pytest.param(["0.5", "1.5"] * 50, "regression", id="two distinct decimals"),
        pytest.param(["0", "1"] * 2, "classification", id="two integers, few rows"),
        pytest.param(["0.0", "1.0", "2.0"] * 20, "classification", id="integers written as decimals"),
        pytest.param(integers(20, 5), "classification", id="20 integers, 5 rows each"),
        pytest.param(integers(20, 4), "regression", id="20 integers, 4 rows each"),
        pytest.param(integers(21, 50), "regression", id="21 integers"),
        pytest.param(["1", *integers(20, 5)[1:]], "classification", id="5 rows each on average"),
        pytest.param(["1e2", "-3"] * 5, "classification", id="exponents and signs"),
        pytest.param(np.array([0, 1, 2] * 10), "classification", id="integer array"),
        pytest.param(np.array([[0], [1], [2]] * 10), "classification", id="integer column"),
        pytest.param(np.array([0.0, 1.0, 2.0] * 10), "classification", id="whole floats"),
        pytest.param(np.linspace(0, 1, 30), "regression", id="float array"),
        pytest.param(np.array([True, False, True]), "classification", id="booleans"),
        pytest.param(np.array(["a", "b", "a"]), "classification", id="array of words"),
        pytest.param(np.random.default_rng(0).normal(size=(30, 2)), "regression", id="two numbers a row"),
        pytest.param(np.eye(3)[[0, 1, 2, 0]], "classification", id="one-hot rows"),
        pytest.param(np.array([[1, 1], [0, 0]]), "regression", id="zeros and ones, not one-hot"),
    ],
)
def test_the_task_follows_from_the_target(target: list[str] | np.ndarray, task: str) -> None:
    assert detect_task(target)[0] == task


def test_the_reason_counts_words_and_numbers() -> None:
    assert detect_task(["a", "b", "c", " c"])[1] == "3 distinct words"
    assert detect_task([f"{i}.5" for i in range(129)])[1] == (
        "129 distinct numbers; --task classification to change"
    )


@pytest.mark.parametrize("distinct", [2, 5, 20, 50])
def test_the_grey_zone_names_the_flag_that_flips_it(distinct: int) -> None:
    task, reason = detect_task(integers(distinct, 6))
    other = {"classification": "regression", "regression": "classification"}[task]
    assert reason.endswith(f"--task {other} to change")
    assert reason.startswith(f"{distinct} distinct ")


def test_one_spoilt_number_does_not_turn_400_numbers_into_classes() -> None:
    task, reason = detect_task([f"{i / 7:.3f}" for i in range(400)] + ["13o"])
    assert task == "regression"
    assert "not in every row" in reason


def test_numbers_with_decimal_commas_are_no_classes() -> None:
    assert detect_task([f"{i},5" for i in range(100)])[0] == "regression"
