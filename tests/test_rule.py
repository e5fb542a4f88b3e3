"""Update rules and learning rates by the names that users type."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import optim
from training.options import build_parser
from training.rule import RULES, make_rule, make_schedule, usual_rate


def test_the_rate_falls_to_a_tenth_after_each_third_of_the_steps() -> None:
    lr = make_schedule("step", 0.5, steps=10)
    assert [lr(step) for step in range(10)] == pytest.approx([0.5] * 4 + [0.05] * 4 + [0.005] * 2)


def test_a_cosine_ends_with_the_training() -> None:
    lr = make_schedule("cosine", 0.5, steps=8)
    assert [lr(step) for step in (0, 4, 8)] == pytest.approx([0.5, 0.25, 0])


@pytest.mark.parametrize("name", ["constant", "step", "cosine"])
def test_a_warm_up_comes_first_and_the_schedule_has_the_rest(name: str) -> None:
    lr, rest = make_schedule(name, 0.5, steps=13, warmup=4), make_schedule(name, 0.5, steps=9)
    assert lr(2) == pytest.approx(0.25)
    assert [lr(4 + step) for step in range(9)] == [rest(step) for step in range(9)]


def test_a_warm_up_longer_than_the_training_still_is_a_schedule() -> None:
    assert make_schedule("cosine", 0.5, steps=3, warmup=10)(3) == pytest.approx(0.15)


def test_a_rule_is_called_as_its_class_in_lower_case() -> None:
    rules = {
        name.lower()
        for name, kind in vars(optim).items()
        if inspect.isclass(kind) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
    }
    assert set(RULES) <= rules


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
    text = " ".join(build_parser().format_help().split())
    others = ", ".join(name for name in RULES if usual_rate(name) == 0.01)
    assert {usual_rate(name) for name in RULES} == {0.001, 0.01}
    assert f"[0.001; {others} 0.01]" in text
