"""Learning rates over time: values worked by hand, and what is refused."""

import math

import numpy as np
import pytest

import optim
from optim import schedules
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

EVERY = [
    Constant(0.1),
    Step(0.1, every=3),
    MultiStep(0.1, [3, 7]),
    Exponential(0.1, factor=0.9),
    Polynomial(0.1, steps=10),
    InverseTime(0.1, decay=0.5),
    Cosine(0.1, steps=10),
    OneCycle(0.1, steps=10),
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


def test_multi_step_falls_by_the_factor_at_each_milestone():
    schedule = MultiStep(8.0, [2, 3, 6], factor=0.5)
    assert [schedule(step) for step in range(8)] == [8, 8, 4, 2, 2, 2, 1, 1]


def test_multi_step_without_milestones_stays():
    assert MultiStep(0.3, [])(1000) == 0.3


def test_the_milestones_are_those_it_was_made_with():
    milestones = [2, 4]
    schedule = MultiStep(1.0, milestones)
    milestones.append(5)
    assert schedule == MultiStep(1.0, np.array([2, 4]))
    assert hash(schedule) == hash(MultiStep(1.0, (2, 4)))


def test_exponential_falls_by_the_factor_at_every_step():
    schedule = Exponential(16.0, factor=0.5)
    assert [schedule(step) for step in range(5)] == [16, 8, 4, 2, 1]


def test_exponential_falls_to_zero_and_not_below():
    assert Exponential(0.1, factor=0.9)(10**9) == 0.0


def test_polynomial_is_a_line_to_zero_that_stays_there():
    schedule = Polynomial(4.0, steps=4)
    assert [schedule(step) for step in (0, 1, 2, 3, 4, 5, 999)] == [4, 3, 2, 1, 0, 0, 0]


def test_polynomial_bends_with_its_power():
    schedule = Polynomial(16.0, steps=4, power=2)
    assert [schedule(step) for step in range(5)] == [16, 9, 4, 1, 0]


def test_inverse_time_halves_after_one_over_the_decay():
    schedule = InverseTime(6.0, decay=0.25)
    assert [schedule(step) for step in (0, 4, 8, 20)] == [6, 3, 2, 1]


def test_one_cycle_goes_up_to_its_peak_down_to_its_end_and_stays_there():
    schedule = OneCycle(100.0, steps=11, warmup=3 / 11)
    # up from 4 at step 0 to 100 at step 2, half way at 1; down to 0.0004 at step 10, half way at 6
    found = [schedule(step) for step in (0, 1, 2, 6, 10, 11, 999)]
    assert found == pytest.approx([4, 52, 100, 50.0002, 0.0004, 0.0004, 0.0004], rel=1e-12)


@pytest.mark.parametrize(
    ("steps", "warmup"), [(1, 0.3), (1, math.nextafter(1, 0)), (2, 0.5), (3, math.nextafter(1, 0)), (4, 0.01)]
)
def test_one_cycle_of_few_steps_stays_between_its_ends(steps, warmup):
    schedule = OneCycle(1.0, steps=steps, warmup=warmup)
    for step in range(steps + 2):
        assert 1 / 250_000 - 1e-15 <= schedule(step) <= 1


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
def test_a_warmup_comes_before_any_schedule(schedule):
    assert [Warmup(5, schedule)(5 + step) for step in range(20)] == [schedule(step) for step in range(20)]
    assert Warmup(5, schedule)(2) == pytest.approx(schedule(0) * 2 / 5)


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
        MultiStep(lr, [n]),
        Exponential(lr, lr),
        Polynomial(lr, n, power=lr),
        InverseTime(lr, lr),
        Cosine(lr, n),
        OneCycle(lr, n, warmup=lr),
        ReduceOnPlateau(lr, lr),
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
    offered = {getattr(schedules, name) for name in schedules.__all__}
    assert offered == {type(schedule) for schedule in EVERY} | {ReduceOnPlateau}
    assert {value for value in made_here if not value.__name__.startswith("_")} <= offered


def test_schedules_are_reached_through_the_package():
    assert optim.schedules.Cosine is Cosine


@pytest.mark.parametrize("lr", [-0.1, math.nan, math.inf])
@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        (Constant, []),
        (Step, [3]),
        (MultiStep, [[3]]),
        (Exponential, [0.9]),
        (Polynomial, [3]),
        (InverseTime, [0.1]),
        (Cosine, [3]),
        (OneCycle, [3]),
        (ReduceOnPlateau, []),
    ],
)
def test_a_bad_learning_rate_is_refused_by_name(kind, rest, lr):
    with pytest.raises(
        ValueError, match=f"^{kind.__name__}: expected lr to be a finite number >= 0, got {lr}$"
    ):
        kind(lr, *rest)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda n: Step(0.1, every=n), "Step: expected every"),
        (lambda n: MultiStep(0.1, [n, 7]), "MultiStep: expected each milestone"),
        (lambda n: Polynomial(0.1, steps=n), "Polynomial: expected steps"),
        (lambda n: Cosine(0.1, steps=n), "Cosine: expected steps"),
        (lambda n: OneCycle(0.1, steps=n), "OneCycle: expected steps"),
        (lambda n: Warmup(n, Constant(0.1)), "Warmup: expected steps"),
    ],
    ids=lambda value: value.partition(":")[0] if isinstance(value, str) else "",
)
def test_a_bad_number_of_steps_is_refused_by_name(build, name):
    for n in (0, -3):
        with pytest.raises(ValueError, match=f"{name} to be a whole number >= 1, got {n}"):
            build(n)
    for n in (2.5, 3.0, math.nan, "3", True, None):
        with pytest.raises(TypeError, match=f"{name} to be a whole number, got {type(n).__name__}"):
            build(n)


@pytest.mark.parametrize("factor", [0.0, -0.5, math.nan, math.inf])
@pytest.mark.parametrize(("kind", "rest"), [(Step, [3]), (MultiStep, [[3]]), (Exponential, [])])
def test_a_bad_factor_is_refused(kind, rest, factor):
    with pytest.raises(
        ValueError, match=f"^{kind.__name__}: expected factor to be a finite number > 0, got {factor:g}"
    ):
        kind(0.1, *rest, factor=factor)


@pytest.mark.parametrize("milestones", [[3, 3], [5, 2], (1, 2, 4, 3)])
def test_milestones_that_do_not_increase_are_refused(milestones):
    with pytest.raises(ValueError, match=r"MultiStep: expected milestones that increase, got .*; sort them"):
        MultiStep(0.1, milestones)


def test_milestones_that_are_one_number_say_how_to_write_it():
    with pytest.raises(
        TypeError, match="MultiStep: expected milestones to be a list of steps, got 30; write"
    ):
        MultiStep(0.1, 30)


@pytest.mark.parametrize("power", [0, -1.0, math.nan, math.inf])
def test_a_bad_power_is_refused(power):
    with pytest.raises(
        ValueError, match=f"Polynomial: expected power to be a finite number > 0, got {power:g}"
    ):
        Polynomial(0.1, steps=3, power=power)


@pytest.mark.parametrize("decay", [-1e-3, math.nan, math.inf])
def test_a_bad_decay_is_refused(decay):
    with pytest.raises(
        ValueError, match=f"InverseTime: expected decay to be a finite number >= 0, got {decay:g}"
    ):
        InverseTime(0.1, decay=decay)


@pytest.mark.parametrize("warmup", [0.0, 1.0, -0.3, 30, math.nan])
def test_a_warm_up_of_one_cycle_is_a_part_of_it(warmup):
    with pytest.raises(ValueError, match=f"OneCycle: expected warmup to be .* > 0 and < 1, got {warmup:g}"):
        OneCycle(0.1, steps=3, warmup=warmup)


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


# ReduceOnPlateau


def rates(plateau, metrics):
    return [plateau(metric) for metric in metrics]


def test_a_plateau_lowers_the_rate_after_more_than_its_patience():
    plateau = ReduceOnPlateau(8.0, factor=0.5, patience=2)
    metrics = [5, 4, 4, 6, 4, 4, 4, 3, 9, 9, 9, 9]  # better at the first, second and eighth
    assert rates(plateau, metrics) == [8, 8, 8, 8, 4, 4, 4, 4, 4, 4, 2, 2]
    assert plateau.lr == 2


def test_without_patience_the_first_metric_that_is_no_better_lowers_the_rate():
    assert rates(ReduceOnPlateau(8.0, 0.5, patience=0), [1, 1, 0.5, 1]) == [8, 4, 4, 2]


@pytest.mark.parametrize(("best", "just", "hardly"), [(2.0, 1.97, 1.99), (-2.0, -2.03, -2.01)])
def test_better_is_better_by_the_threshold_also_below_zero(best, just, hardly):
    plateau = ReduceOnPlateau(8.0, 0.5, patience=0, threshold=0.01)
    assert rates(plateau, [best, just]) == [8, 8]
    plateau = ReduceOnPlateau(8.0, 0.5, patience=0, threshold=0.01)
    assert rates(plateau, [best, hardly]) == [8, 4]


@pytest.mark.parametrize("metric", [3.0, 0.0, -3.0, -math.inf])
def test_a_metric_that_stands_still_is_a_plateau(metric):
    assert rates(ReduceOnPlateau(8.0, 0.5, patience=1), [metric] * 5) == [8, 8, 4, 4, 2]


def test_an_infinite_metric_is_no_better_than_none():
    assert rates(ReduceOnPlateau(8.0, 0.5, patience=1), [math.inf] * 4) == [8, 4, 4, 2]


def test_nan_is_never_better_and_hides_no_best():
    plateau = ReduceOnPlateau(8.0, 0.5, patience=1)
    assert rates(plateau, [math.nan, 3, math.nan, math.nan, 2, math.nan, math.nan]) == [8, 8, 8, 4, 4, 4, 2]


def test_a_plateau_does_not_go_below_its_end():
    assert rates(ReduceOnPlateau(8.0, 0.5, patience=0, end=3.0), [1] * 4) == [8, 4, 3, 3]
    assert rates(ReduceOnPlateau(2.0, 0.5, patience=0, end=3.0), [1] * 3) == [2, 2, 2]


def test_a_fall_too_small_to_matter_is_left_out():
    assert rates(ReduceOnPlateau(1e-8, 0.5, patience=0), [1] * 3) == [1e-8] * 3


def test_a_plateau_sets_the_rate_of_an_optimizer_also_behind_a_warmup():
    params = {"w": np.zeros(1)}
    plateau = ReduceOnPlateau(0.5, factor=0.1, patience=0)
    optimizer = optim.SGD(params, Warmup(2, lambda step: plateau.lr))
    walk = []
    for metric in (3, 3, 3, 3):
        optimizer.step({"w": np.ones(1)})
        walk.append(-params["w"].item())
        plateau(metric)
    assert walk == pytest.approx([0, 0.25, 0.3, 0.305])  # 0, half of 0.5, then 0.05 and 0.005
    optimizer.lr = plateau(3)
    assert optimizer.lr == pytest.approx(5e-5)


@pytest.mark.parametrize("seen", [0, 1, 4, 7, 30])
def test_a_plateau_goes_on_from_its_state_as_if_it_had_not_stopped(seen):
    metrics = np.random.default_rng(3).uniform(1, 2, size=60).tolist()
    whole = ReduceOnPlateau(0.1, factor=0.7, patience=2)
    expected = rates(whole, metrics)
    first = ReduceOnPlateau(0.1, factor=0.7, patience=2)
    rates(first, metrics[:seen])
    state = first.state()
    assert all(type(array) is np.ndarray for array in state.values())
    first(5.0)  # a state is no view
    second = ReduceOnPlateau(0.1, factor=0.7, patience=2)
    second.load_state(state)
    assert rates(second, metrics[seen:]) == expected[seen:]
    assert second == whole
    assert len(set(expected)) > 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"best": None}, "missing: best"),
        ({"more": np.array(1)}, "extra: more"),
        ({"lr": np.ones(2)}, r"mis-shaped: lr \(2,\)"),
        ({"lr": np.array("1")}, r"no real numbers: lr \(<U1\)"),
        ({"lr": np.array(-1.0)}, "lr in the state to be a finite number >= 0, got -1"),
        ({"best": np.array(math.nan)}, "got nan and 0"),
        ({"waited": np.array(-1)}, "got inf and -1"),
        ({"waited": np.array(0.5)}, r"got inf and 0\.5"),
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(change, message):
    plateau = ReduceOnPlateau(0.1)
    state = {name: array for name, array in {**plateau.state(), **change}.items() if array is not None}
    with pytest.raises(ValueError, match=f"^ReduceOnPlateau: expected .*{message}"):
        plateau.load_state(state)
    assert plateau == ReduceOnPlateau(0.1)


def test_a_state_that_is_no_dict_is_refused():
    with pytest.raises(TypeError, match="ReduceOnPlateau: expected state to be a dict, got list; pass what"):
        ReduceOnPlateau(0.1).load_state([])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ({"factor": 1.0}, "factor to be a finite number > 0 and < 1, got 1"),
        ({"factor": 0.0}, "factor to be a finite number > 0 and < 1, got 0"),
        ({"patience": -1}, "patience to be a whole number >= 0, got -1"),
        ({"threshold": 1.0}, "threshold to be a finite number >= 0 and < 1, got 1"),
        ({"threshold": math.nan}, "threshold to be a finite number >= 0 and < 1, got nan"),
        ({"end": -0.1}, "end to be a finite number >= 0, got -0.1"),
    ],
    ids=str,
)
def test_a_plateau_refuses_what_is_out_of_range(argument, message):
    with pytest.raises(ValueError, match=f"^ReduceOnPlateau: expected {message}$"):
        ReduceOnPlateau(0.1, **argument)


@pytest.mark.parametrize("metric", [None, "0.5", True, np.ones(1), 1j])
def test_a_metric_that_is_no_number_is_refused_and_not_counted(metric):
    plateau = ReduceOnPlateau(0.1)
    with pytest.raises(
        TypeError, match=f"the metric to be a number, got {type(metric).__name__}; pass float"
    ):
        plateau(metric)
    assert plateau == ReduceOnPlateau(0.1)


def test_the_repr_of_a_plateau_is_the_call_that_makes_it():
    plateau = ReduceOnPlateau(0.1, patience=3, end=0.01)
    assert eval(repr(plateau)) == plateau


def test_a_warmup_to_a_plateau_says_how_to_write_it():
    with pytest.raises(
        TypeError, match=r"which takes a metric; write Warmup\(steps, lambda step: plateau.lr"
    ):
        Warmup(3, ReduceOnPlateau(0.1))
