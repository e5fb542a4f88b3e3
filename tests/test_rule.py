"""Update rules and learning rates by the names that users type."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

import optim
from training.keeper import to_lower
from training.options import build_parser
from training.rule import BY_STEP, RULES, make_plateau, make_rule, make_schedule, usual_rate, usual_rates


def test_the_rate_falls_to_a_tenth_after_each_third_of_the_steps() -> None:
    lr = make_schedule("step", 0.5, steps=10)
    assert [lr(step) for step in range(10)] == pytest.approx([0.5] * 4 + [0.05] * 4 + [0.005] * 2)


def test_a_cosine_ends_with_the_training() -> None:
    lr = make_schedule("cosine", 0.5, steps=8)
    assert [lr(step) for step in (0, 4, 8)] == pytest.approx([0.5, 0.25, 0])


@pytest.mark.parametrize(
    ("name", "middle", "end"),
    [
        ("constant", 1, 1),
        ("step", 0.1, 0.001),
        ("linear", 1 / 2, 0),
        ("polynomial", 1 / 4, 0),
        ("exponential", 0.1, 0.01),
        ("inverse-time", 1 / 5.5, 0.1),
        ("cosine", 1 / 2, 0),
    ],
)
def test_a_schedule_goes_from_the_rate_to_its_end_in_the_steps_of_the_training(
    name: str, middle: float, end: float
) -> None:
    lr = make_schedule(name, 2.0, steps=300)
    assert [lr(step) for step in (0, 150, 300)] == pytest.approx([2, 2 * middle, 2 * end])


def test_one_cycle_has_the_rate_as_its_peak() -> None:
    lr = make_schedule("one-cycle", 2.0, steps=300)
    assert max(map(lr, range(300))) == lr(89) == 2
    assert lr(0) == pytest.approx(0.08)
    assert lr(299) == pytest.approx(8e-6)


@pytest.mark.parametrize("name", BY_STEP)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_training_of_few_steps_has_a_schedule(name: str, steps: int) -> None:
    lr = make_schedule(name, 0.5, steps=steps)
    assert all(0 <= lr(step) <= 0.5 for step in range(steps + 2))
    assert lr(0) > 0


@pytest.mark.parametrize(
    ("epochs", "patience", "wait"),
    [(200, 20, 10), (200, 10, 5), (50, 20, 5), (200, 0, 20), (30, 0, 3), (4, 20, 1), (200, 1, 20)],
)
def test_a_plateau_is_half_of_the_patience_or_a_tenth_of_the_epochs(
    epochs: int, patience: int, wait: int
) -> None:
    plateau = make_plateau(0.5, epochs=epochs, patience=patience)
    rates = [plateau(1.0) for _ in range(wait + 1)]  # the first is the best so far
    assert rates == [0.5] * wait + [pytest.approx(0.05)]


def test_the_rate_is_that_of_the_plateau_after_a_warm_up() -> None:
    plateau = make_plateau(0.5, epochs=4, patience=0)
    lr = make_schedule("plateau", 0.5, steps=10, warmup=2, plateau=plateau)
    assert [lr(step) for step in (0, 1, 2, 9)] == [0, 0.25, 0.5, 0.5]
    plateau(1.0)
    plateau(1.0)
    assert [lr(step) for step in (2, 9)] == pytest.approx([0.05, 0.05])


def test_a_plateau_is_of_what_tells_the_best_epoch() -> None:
    assert to_lower(0.25, False) == 0.25
    assert to_lower(0.25, True) == -0.25
    assert np.isnan(to_lower(None, True))


@pytest.mark.parametrize("name", BY_STEP)
def test_a_warm_up_comes_first_and_the_schedule_has_the_rest(name: str) -> None:
    lr, rest = make_schedule(name, 0.5, steps=13, warmup=4), make_schedule(name, 0.5, steps=9)
    assert lr(2) == pytest.approx(rest(0) / 2)
    assert [lr(4 + step) for step in range(9)] == [rest(step) for step in range(9)]


def test_a_warm_up_longer_than_the_training_still_is_a_schedule() -> None:
    assert make_schedule("cosine", 0.5, steps=3, warmup=10)(3) == pytest.approx(0.15)


def test_a_rule_is_called_as_its_class_in_lower_case() -> None:
    rules = {
        name.lower()
        for name, kind in vars(optim).items()
        if inspect.isclass(kind) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
    }
    assert set(RULES) == rules


@pytest.mark.parametrize("name", RULES)
def test_a_rule_takes_rate_and_decay_and_lowers_the_weights(name: str) -> None:
    params = {"W": np.ones((2, 2))}
    rule = make_rule(name, params, make_schedule("constant", usual_rate(name), steps=5), 0.1)
    assert type(rule).__name__.lower() == name
    for _ in range(5):
        rule.step({"W": np.zeros((2, 2))})  # the decay alone
    assert (params["W"] < 1).all()


def test_sgd_has_momentum() -> None:
    params = {"W": np.zeros(1)}
    rule = make_rule("sgd", params, make_schedule("constant", 1.0, steps=2), 0.0)
    for _ in range(2):
        rule.step({"W": np.ones(1)})
    assert params["W"] == pytest.approx([-2.9])  # -1, then -(0.9 + 1)


def test_the_help_tells_the_usual_rates() -> None:
    assert f"[{usual_rates()}]" in " ".join(build_parser().format_help().split())
    common, _, others = usual_rates().partition("; ")
    told = {}
    for words in re.findall(r"((?:[a-z]+, )*[a-z]+) ([0-9.]+)", others):
        told |= {name: float(words[1]) for name in words[0].split(", ")}
    assert {name: told.get(name, float(common)) for name in RULES} == {n: usual_rate(n) for n in RULES}
    assert len(told) < len(RULES)
