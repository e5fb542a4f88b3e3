"""Learning rates over time: values worked by hand, and what is refused."""

import math

import numpy as np
import pytest

import optim
from optim import schedules
from optim.schedules import Constant, Cosine, Step, Warmup

EVERY = [
    Constant(0.1),
    Step(0.1, every=3),
    Cosine(0.1, steps=10),
    Warmup(4, Constant(0.1)),
]
every_schedule = pytest.mark.parametrize("schedule", EVERY, ids=repr)


def test_constant_is_the_same_at_every_step():
    assert [Constant(0.1)(step) for step in (0, 1, 1000)] == [0.1, 0.1, 0.1]


def test_step_falls_by_the_factor_every_so_many_steps():
    schedule = Step(8.0, every=3, factor=0.5)
    assert [schedule(step) for step in range(8)] == [8, 8, 8, 4, 4, 4, 2, 2]


def test_step_falls_to_a_tenth_unless_told_otherwise():
    assert Step(1.0, every=5)(5) == 0.1


def test_cosine_goes_through_the_middle_half_way_and_stays_at_the_end():
    schedule = Cosine(3.0, steps=4, end=1.0)
    half = math.sqrt(0.5)  # cos(π / 4)
    expected = [3.0, 2 + half, 2.0, 2 - half, 1.0, 1.0, 1.0]
    assert [schedule(step) for step in (0, 1, 2, 3, 4, 5, 999)] == pytest.approx(expected, rel=1e-15)


def test_cosine_ends_at_exactly_zero():
    assert Cosine(0.1, steps=7)(7) == 0.0


def test_warmup_climbs_from_zero_to_the_first_value_of_what_follows():
    schedule = Warmup(4, Step(0.8, every=2, factor=0.5))
    assert [schedule(step) for step in range(8)] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.4, 0.4])


def test_warmup_takes_any_callable():
    schedule = Warmup(2, lambda step: 1.0 / (1 + step))
    assert [schedule(step) for step in range(5)] == [0.0, 0.5, 1.0, 0.5, pytest.approx(1 / 3)]


@every_schedule
def test_a_rate_is_a_python_float_whatever_the_step_is(schedule):
    for step in (0, 2, np.int64(2), 10**9):
        assert type(schedule(step)) is float
    assert schedule(np.int64(2)) == schedule(2)


def test_numpy_scalars_as_arguments_give_python_floats():
    lr, n = np.float32(0.5), np.int64(2)
    for schedule in (
        Constant(lr),
        Step(lr, n),
        Cosine(lr, n),
        Warmup(n, Constant(lr)),
        Warmup(n, lambda _: lr),
    ):
        assert type(schedule(1)) is float
        assert type(schedule(3)) is float


@every_schedule
def test_repr_is_the_call_that_makes_it(schedule):
    assert eval(repr(schedule), vars(schedules).copy()) == schedule


def test_every_schedule_has_a_row():
    made_here = {
        value for value in vars(schedules).values() if getattr(value, "__module__", "") == schedules.__name__
    }
    assert {type(schedule) for schedule in EVERY} == made_here


def test_schedules_are_reached_through_the_package():
    assert optim.schedules.Cosine is Cosine


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize(
    "build", [Constant, lambda lr: Step(lr, 3), lambda lr: Cosine(lr, 3)], ids=["Constant", "Step", "Cosine"]
)
def test_a_bad_learning_rate_is_refused_by_name(build, lr):
    with pytest.raises(
        ValueError, match=f"(Constant|Step|Cosine): expected lr to be a finite number >= 0, got {lr}"
    ):
        build(lr)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda n: Step(0.1, every=n), "Step: expected every"),
        (lambda n: Cosine(0.1, steps=n), "Cosine: expected steps"),
        (lambda n: Warmup(n, Constant(0.1)), "Warmup: expected steps"),
    ],
    ids=["Step", "Cosine", "Warmup"],
)
def test_a_bad_number_of_steps_is_refused_by_name(build, name):
    for n in (0, -3):
        with pytest.raises(ValueError, match=f"{name} to be a whole number >= 1, got {n}"):
            build(n)
    for n in (2.5, 3.0, math.nan, "3", True, None):
        with pytest.raises(TypeError, match=f"{name} to be a whole number, got {type(n).__name__}"):
            build(n)


@pytest.mark.parametrize("factor", [0.0, -0.5, math.nan, math.inf])
def test_a_bad_factor_is_refused(factor):
    with pytest.raises(ValueError, match=f"Step: expected factor to be a finite number > 0, got {factor:g}"):
        Step(0.1, every=3, factor=factor)


@pytest.mark.parametrize("end", [-1e-3, math.nan, math.inf])
def test_a_bad_end_is_refused(end):
    with pytest.raises(ValueError, match=f"Cosine: expected end to be a finite number >= 0, got {end:g}"):
        Cosine(0.1, steps=3, end=end)


def test_a_warmup_to_a_number_says_how_to_write_it():
    with pytest.raises(
        TypeError, match=r"Warmup: expected then to be a callable .*, got 0\.1; write .*Constant"
    ):
        Warmup(3, 0.1)


def test_a_learning_rate_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="Cosine: expected lr to be a number, got str"):
        Cosine("0.1", steps=3)
