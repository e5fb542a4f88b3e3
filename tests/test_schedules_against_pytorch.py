"""Schedules against PyTorch's, step by step."""

import warnings

import numpy as np
import pytest

from optim.schedules import (
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    MultiStep,
    OneCycle,
    Polynomial,
    ReduceOnPlateau,
    Step,
    Warmup,
)

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
STEPS = 200


@pytest.fixture(autouse=True)
def quiet_torch():
    """What PyTorch warns of is not ours; all other warnings stay errors."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"torch(\.|$)")
        yield


def sgd(lr):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)


def rates(peer, steps=STEPS):
    """The learning rate of each of the first `steps` updates."""
    optimizer, found = peer.optimizer, []
    for step in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < steps - 1:
            peer.step()
    return found


def scheduler(name, lr, **options):
    return getattr(torch.optim.lr_scheduler, name)(sgd(lr), **options)


PAIRS = [
    (Step(0.3, every=30, factor=0.5), "StepLR", {"step_size": 30, "gamma": 0.5}),
    (Step(0.3, every=7), "StepLR", {"step_size": 7}),
    (MultiStep(0.3, [1, 50, 51, 120]), "MultiStepLR", {"milestones": [1, 50, 51, 120]}),
    (MultiStep(0.3, [80, 500], factor=0.7), "MultiStepLR", {"milestones": [80, 500], "gamma": 0.7}),
    (Exponential(0.3, factor=0.97), "ExponentialLR", {"gamma": 0.97}),
    (Exponential(0.3, factor=1.01), "ExponentialLR", {"gamma": 1.01}),
    (Polynomial(0.3, steps=150), "PolynomialLR", {"total_iters": 150}),
    (Polynomial(0.3, steps=STEPS, power=0.9), "PolynomialLR", {"total_iters": STEPS, "power": 0.9}),
    (Polynomial(0.3, steps=33, power=2.5), "PolynomialLR", {"total_iters": 33, "power": 2.5}),
    (Cosine(0.3, steps=STEPS), "CosineAnnealingLR", {"T_max": STEPS}),
    (Cosine(0.3, steps=STEPS, end=0.1), "CosineAnnealingLR", {"T_max": STEPS, "eta_min": 0.1}),
    (Constant(0.3), "LambdaLR", {"lr_lambda": lambda step: 1.0}),
    (InverseTime(0.3, decay=0.07), "LambdaLR", {"lr_lambda": lambda step: 1 / (1 + 0.07 * step)}),
    (
        Warmup(13, InverseTime(0.3, decay=0.07)),
        "LambdaLR",
        {"lr_lambda": lambda step: step / 13 if step < 13 else 1 / (1 + 0.07 * (step - 13))},
    ),
]


@pytest.mark.parametrize(("schedule", "name", "options"), PAIRS, ids=lambda value: str(value)[:40])
def test_every_rate_is_pytorchs(schedule, name, options):
    expected = rates(scheduler(name, schedule(0) if name != "LambdaLR" else 0.3, **options))
    np.testing.assert_allclose([schedule(step) for step in range(STEPS)], expected, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("warmup", [0.3, 0.05, 0.001, 0.77])
@pytest.mark.parametrize("steps", [2, 3, 7, 10, STEPS])
def test_one_cycle_is_pytorchs_over_all_its_steps(steps, warmup):
    """Of its momentum, which PyTorch's moves as well, this one knows nothing."""
    peer = scheduler("OneCycleLR", 0.1, max_lr=0.4, total_steps=steps, pct_start=warmup, cycle_momentum=False)
    schedule = OneCycle(0.4, steps=steps, warmup=warmup)
    np.testing.assert_allclose([schedule(step) for step in range(steps)], rates(peer, steps), rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "theirs"),
    [
        ({}, {}),
        ({"patience": 2}, {"patience": 2}),
        ({"patience": 0, "factor": 0.8, "end": 1e-3}, {"patience": 0, "factor": 0.8, "min_lr": 1e-3}),
        (
            {"patience": 1, "factor": 0.9, "threshold": 0.02},
            {"patience": 1, "factor": 0.9, "threshold": 0.02},
        ),
        ({"patience": 3, "factor": 0.5, "threshold": 0.0}, {"patience": 3, "factor": 0.5, "threshold": 0.0}),
    ],
    ids=str,
)
def test_a_plateau_is_pytorchs_on_a_random_metric(options, theirs):
    rng = np.random.default_rng(0)
    metrics = 2.0 / np.arange(1, STEPS + 1) ** 0.2 + 0.1 * rng.standard_normal(STEPS)
    metrics[[3, 40, 41]] = np.nan
    metrics[[5, 60]] = np.inf
    ours = ReduceOnPlateau(0.3, **options)
    peer = scheduler("ReduceLROnPlateau", 0.3, **theirs)
    expected, found = [], []
    for metric in metrics.tolist():
        peer.step(metric)
        expected.append(peer.optimizer.param_groups[0]["lr"])
        found.append(ours(metric))
    assert found == expected
    assert len(set(found)) > 3


def test_a_plateau_below_zero_is_pytorchs_of_the_highest():
    scores = np.random.default_rng(1).uniform(0.5, 0.9, size=STEPS)
    scores.sort()
    ours = ReduceOnPlateau(0.3, factor=0.9, patience=1, threshold=0.01)
    peer = scheduler("ReduceLROnPlateau", 0.3, mode="max", factor=0.9, patience=1, threshold=0.01)
    for score in scores.tolist():
        peer.step(score)
        assert ours(-score) == peer.optimizer.param_groups[0]["lr"]
    assert ours.lr < 0.2
