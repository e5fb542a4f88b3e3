"""The first two steps of every update rule worked by hand, from p = 1, and how each shows itself."""

import math

import numpy as np
import pytest
from update_rules import RULES, arrays

import optim
from optim import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, Muon, NAdam, Optimizer, RAdam, RMSProp
from optim.schedules import Constant

HAND = [
    # p - 0.1 g
    pytest.param(SGD, {"lr": 0.1}, (2, 4), (0.8, 0.4), id="SGD"),
    # g = 2 + 0.5 (1) = 2.5, then 4 + 0.5 (0.75) = 4.375
    pytest.param(SGD, {"lr": 0.1, "weight_decay": 0.5}, (2, 4), (0.75, 0.3125), id="SGD decay"),
    # m = 2, then 0.5 (2) + 4 = 5
    pytest.param(SGD, {"lr": 0.1, "momentum": 0.5}, (2, 4), (0.8, 0.3), id="SGD momentum"),
    # 2 + 0.5 (2) = 3, then 4 + 0.5 (5) = 6.5
    pytest.param(SGD, {"lr": 0.1, "momentum": 0.5, "nesterov": True}, (2, 4), (0.7, 0.05), id="SGD nesterov"),
    # v = 0.25 (4) = 1, so 2 / (1 + 1) = 1; v = 0.75 + 0.25 = 1, so 1 / (1 + 1) = 0.5
    pytest.param(RMSProp, {"lr": 0.1, "alpha": 0.75, "eps": 1}, (2, 1), (0.9, 0.85), id="RMSProp"),
    # the same 1, then 0.5 (1) + 0.5 = 1
    pytest.param(
        RMSProp,
        {"lr": 0.1, "alpha": 0.75, "eps": 1, "momentum": 0.5},
        (2, 1),
        (0.9, 0.8),
        id="RMSProp momentum",
    ),
    # v = 9, so 3 / (3 + 1) = 3/4; v = 9 + 16, so 4 / (5 + 1) = 2/3
    pytest.param(Adagrad, {"lr": 0.4, "eps": 1}, (3, 4), (0.7, 0.7 - 0.8 / 3), id="Adagrad"),
    # m̂ = 1 / 0.5 = 2, v̂ = 1 / 0.25 = 4, so 2 / (2 + 1);
    # m̂ = (0.5 + 0.5) / 0.75 = 4/3, v̂ = (0.75 + 0.25) / 0.4375 = 16/7
    pytest.param(
        Adam,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1},
        (2, 1),
        (0.8, 0.8 - 0.4 / (4 / math.sqrt(7) + 1)),
        id="Adam",
    ),
    # 1.5 + 0.5 (1) = 2 and 0.6 + 0.5 (0.8) = 1 are the gradients above
    pytest.param(
        Adam,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1, "weight_decay": 0.5},
        (1.5, 0.6),
        (0.8, 0.8 - 0.4 / (4 / math.sqrt(7) + 1)),
        id="Adam decay",
    ),
    # 1 (0.85) - 0.2 = 0.65, then 0.65 (0.85) less the step above
    pytest.param(
        AdamW,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1, "weight_decay": 0.5},
        (2, 1),
        (0.65, 0.5525 - 0.4 / (4 / math.sqrt(7) + 1)),
        id="AdamW",
    ),
    # v = 0.75 (4) = 3, so d = 2 sqrt(0 + 1) / sqrt(3 + 1) = 1, u = 0.75;
    # v = 0.25 (3) + 0.75 = 1.5, so d = sqrt(0.75 + 1) / sqrt(1.5 + 1)
    pytest.param(
        Adadelta,
        {"lr": 0.4, "rho": 0.25, "eps": 1},
        (2, 1),
        (0.6, 0.6 - 0.4 * math.sqrt(0.7)),
        id="Adadelta",
    ),
    # m̂ = 2 and u = 2 + 1; m̂ = 4/3 as in Adam, and u = max(0.75 (3), 1 + 1) = 9/4
    pytest.param(
        Adamax,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1},
        (2, 1),
        (0.8, 0.8 - 0.4 * 4 / 9),
        id="Adamax",
    ),
    # 0.96^(t momentum_decay) = 2^-t, so mu = 3/8, 7/16, 15/32, with the products 3/8, 21/128, 315/4096.
    # m = 1 both times, v̂ as in Adam:
    # n = (5/8) / (5/8) 2 + (7/16) / (107/128), then (9/16) / (107/128) 1 + (15/32) / (3781/4096)
    pytest.param(
        NAdam,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1, "momentum_decay": math.log(0.5) / math.log(0.96)},
        (2, 1),
        (
            1 - 0.1 * (2 + 56 / 107),
            1 - 0.1 * (2 + 56 / 107) - 0.3 * (72 / 107 + 1920 / 3781) / (4 / math.sqrt(7) + 1),
        ),
        id="NAdam",
    ),
    # rho = 7 - 2 (3/4) / (1/4) = 1, then 7 - 4 (9/16) / (7/16) = 13/7: m̂ = 2, then 4/3, alone
    pytest.param(RAdam, {"lr": 0.15, "betas": (0.5, 0.75)}, (2, 1), (0.7, 0.5), id="RAdam"),
    # 1 (0.95) - 0.1; m = 0.25 (2), and 0.5 (0.5) + 0.5 (-0.4) > 0 though the gradient is not
    pytest.param(
        Lion,
        {"lr": 0.1, "betas": (0.5, 0.75), "weight_decay": 0.5},
        (2, -0.4),
        (0.85, 0.85 * 0.95 - 0.1),
        id="Lion",
    ),
    # a vector: AdamW
    pytest.param(
        Muon,
        {"lr": 0.3, "betas": (0.5, 0.75), "eps": 1, "weight_decay": 0.5},
        (2, 1),
        (0.65, 0.5525 - 0.4 / (4 / math.sqrt(7) + 1)),
        id="Muon",
    ),
]


@pytest.mark.parametrize(("rule", "options", "gradients", "expected"), HAND)
def test_the_first_two_steps_are_those_worked_by_hand(rule, options, gradients, expected):
    params = {"p": np.array([1.0])}
    optimizer = rule(params, **options)
    for g, p in zip(gradients, expected, strict=True):
        optimizer.step({"p": np.array([float(g)])})
        assert params["p"].item() == pytest.approx(p, rel=1e-14)


def test_adamw_decays_by_a_hundredth_unless_told_otherwise():
    params = {"p": np.array([2.0])}
    AdamW(params, lr=0.5).step({"p": np.array([0.0])})
    assert params["p"].item() == 2.0 * (1 - 0.5 * 0.01)


def test_sgd_without_momentum_keeps_no_arrays():
    assert list(SGD(arrays(0), lr=0.1).state()) == ["steps"]


def test_state_is_flat_and_named_by_slot_and_parameter():
    state = Adam({"0.W": np.ones((2, 3)), "0.b": np.ones(2)}).state()
    assert list(state) == ["steps", "m.0.W", "v.0.W", "m.0.b", "v.0.b"]
    assert state["m.0.W"].shape == (2, 3)


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        (SGD(arrays(0), 0.1), "SGD(lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)"),
        (RMSProp(arrays(0), 0.1), "RMSProp(lr=0.1, alpha=0.99, eps=1e-08, weight_decay=0.0, momentum=0.0)"),
        (Adagrad(arrays(0), 0.1), "Adagrad(lr=0.1, eps=1e-10, weight_decay=0.0)"),
        (Adam(arrays(0)), "Adam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"),
        (AdamW(arrays(0)), "AdamW(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)"),
        (Adadelta(arrays(0)), "Adadelta(lr=1.0, rho=0.9, eps=1e-06, weight_decay=0.0)"),
        (Adamax(arrays(0)), "Adamax(lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"),
        (
            NAdam(arrays(0)),
            "NAdam(lr=0.002, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0, momentum_decay=0.004)",
        ),
        (RAdam(arrays(0)), "RAdam(lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"),
        (Lion(arrays(0)), "Lion(lr=0.0001, betas=(0.9, 0.99), weight_decay=0.0)"),
        (
            Muon(arrays(0)),
            "Muon(lr=0.001, momentum=0.95, nesterov=True, weight_decay=0.1, betas=(0.9, 0.999), eps=1e-08)",
        ),
        (
            Adagrad(arrays(0), Constant(0.1), groups={"*.b": {"lr": 0.2}}),
            "Adagrad(lr=Constant(lr=0.1), eps=1e-10, weight_decay=0.0, groups={'*.b': {'lr': 0.2}})",
        ),
    ],
    ids=repr,
)
def test_repr_shows_every_hyperparameter(optimizer, text):
    assert repr(optimizer) == text


def test_every_exported_rule_has_a_row():
    rules = {
        value for value in vars(optim).values() if isinstance(value, type) and issubclass(value, Optimizer)
    }
    assert {row.values[0] for row in RULES} == rules - {Optimizer}
    assert {row.values[0] for row in HAND} == rules - {Optimizer}
    assert {rule.__name__ for rule in rules} <= set(optim.__all__)
