"""gradcheck does not complain of what is right: a sample of benchmarks/false_alarms.py, and its finds."""

import numpy as np
import pytest

from benchmarks.false_alarms import HONEST, LAYERS, LOSSES, Run, draw_run, each, honest
from gradcheck import check_layer
from layers import Layer

SAMPLE = range(140)
ROWS = {name: (build, x) for name, build, x, *target in HONEST if not target}


@pytest.mark.parametrize("part", range(4))
@pytest.mark.filterwarnings("ignore")  # honest layers overflow now and then, and NumPy says so
def test_a_sample_of_runs_raises_no_alarm(part):
    runs = [draw_run(1, number) for number in SAMPLE if number % 4 == part]
    counted = [run for run in runs if run.counts()]
    alarms = [f"{run}\n{report}" for run in counted if not (report := run.check())]
    assert not alarms, "\n".join(alarms)
    assert len(counted) > 0.9 * len(runs)


def test_every_setting_is_in_the_sample():
    runs = [draw_run(1, number) for number in SAMPLE]
    assert {run.level for run in runs} == {"auto", "quick", "full"}
    assert {run.differences for run in runs} == {True, False}
    settings = {run.setting for run in runs}
    assert settings >= {"as drawn", "as given", "tied", "saturated", "x 1e-6", "x 1e6"}
    names = {run.name for run in runs}
    assert names & {case.id for case in LAYERS}
    assert names & {row[0] for row in LOSSES}
    assert names & {row[0] for row in HONEST}
    assert not all(getattr(run.layer, "training", True) for run in runs)


def test_a_run_is_the_same_whenever_it_is_drawn():
    first, again = draw_run(1, 7), draw_run(1, 7)
    assert str(first) == str(again)
    assert str(first.check()).partition("ms")[2] == str(again.check()).partition("ms")[2]


def row(name, change=lambda x: x, seed=0, *, differences=False, level="auto"):
    build, x = ROWS[name]
    return Run(
        name,
        build(),
        each(change, honest(np.random.default_rng(seed), x)),
        None,
        "",
        level,
        differences,
        seed,
    )


@pytest.mark.parametrize("differences", [False, True])
@pytest.mark.parametrize("name", ["median", "sort", "two-largest", "running-maximum", "fraction"])
def test_ties_of_many_and_jumps_are_kinks(name, differences):
    """Of three that tie the median follows none; x % 1 jumps at whole numbers."""
    for seed in range(4):
        report = row(name, np.round, seed, differences=differences).check()
        assert report, str(report)
        assert {finding.kind for finding in report.findings} <= {"kink"}


def test_a_mistake_at_ties_of_many_is_still_seen():
    """A kink excuses the gradients of points nearby, and twice one of those is none of them."""
    build, x = ROWS["median"]

    class Doubled(build):
        def backward(self, u):
            return 2 * super().backward(u)[0], {}

    for seed in range(4):
        tied = np.round(np.random.default_rng(seed).standard_normal(x))
        assert not check_layer(Doubled(), tied, rng=seed)


@pytest.mark.parametrize("name", ["layernorm-std", "groupnorm-var"])
def test_a_variance_that_is_small_beside_eps_is_not_lost(name):
    """np.std drops a complex part, and with it a path that differences are too coarse to miss."""
    report = row(name, lambda x: 1e-6 * x, level="full").check()
    assert report, str(report)


def test_a_forward_that_rounds_small_steps_away_is_not_taken_for_constant():
    """log det (xᵀ x + 1) of a tiny x moves in steps of the last digit of 1."""
    for seed in (0, 1, 7, 501, 940):
        report = row("cholesky-log-determinant", lambda x: 1e-6 * x, seed).check()
        assert report, str(report)


def test_a_gradient_that_is_zero_to_rounding_is_left_to_the_complex_step():
    """Softmax forgets a bias that all inputs share: y moves by rounding alone, which is no disagreement."""

    class Shared(Layer):
        def __init__(self):
            self.params = {"b": np.array([0.3])}

        def forward(self, x):
            e = np.exp(x + self.params["b"])
            self.y = e / e.sum(axis=1, keepdims=True)
            return self.y

        def backward(self, u):
            dx = self.y * (u - (u * self.y).sum(axis=1, keepdims=True))
            return dx, {"b": np.array([dx.sum()])}

    report = check_layer(Shared(), (5, 4))
    assert report, str(report)
    assert [result.method for result in report.results] == ["complex step"] * 2


def test_a_gradient_given_to_everyone_who_ties_is_seen():
    """Two that share a maximum get it once between them, however they split it."""

    class Shared(Layer):
        share = 1.0

        def forward(self, x):
            self.mask = x == x.max(axis=1, keepdims=True)
            return x.max(axis=1)

        def backward(self, u):
            return u[:, None] * self.mask / self.mask.sum(axis=1, keepdims=True) ** self.share, {}

    tied = np.array([[2.0, 1.0, 2.0], [3.0, 3.0, 3.0]])
    assert check_layer(Shared(), tied)
    Shared.share = 0.0
    assert not check_layer(Shared(), tied)
