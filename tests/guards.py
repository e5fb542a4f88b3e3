"""Every guard of the gradient checker, and the test that turns red without it.

python tests/guards.py            switch each off in turn, and run its test
python tests/guards.py NAME ...   only these
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


class Guard(NamedTuple):
    """`place` ("module:attribute") becomes off(what it was): then `test` must fail."""

    name: str
    place: str
    off: Callable[[Any], Any]
    test: str


def always(value: Any) -> Callable[[Any], Any]:
    """A function that has nothing to say."""
    return lambda _: lambda *args, **options: value


def to(value: Any) -> Callable[[Any], Any]:
    return lambda _: value


def same_streams(_: Any) -> Any:
    return lambda who, rng: [np.random.default_rng(0) for _ in range(5)]


@contextlib.contextmanager
def unheard() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def unwarned(carrier: Any) -> Any:
    return carrier._replace(exact=unheard)


def first_alone(ladder: Any) -> Any:
    return ladder[:1]


def tests_of(idea: str) -> str:
    return f"tests/test_{idea}.py::test_"


PASSES, NUMBERS, PROMISES = tests_of("right_layers"), tests_of("wrong_numbers"), tests_of("broken_promises")
STEP, DIFFERENCES, SCALES = tests_of("complex_step"), tests_of("differences"), tests_of("gradcheck_scales")
WRITES, LINEAR, SHARED = tests_of("gradcheck_writes"), tests_of("one_linear_map"), tests_of("aliasing")
ALONE, LOSSES = tests_of("left_alone"), tests_of("check_loss")
BROKEN = PROMISES + "a_broken_promise_is_named"
WRONG = NUMBERS + "a_wrong_number_is_caught_and_named_at_every_scale"

GUARDS = [
    # ---- the complex step ----
    Guard("a warning in the complex step raises", "gradcheck.complex_step:PLAIN", unwarned,
          STEP + "what_is_lost_with_a_warning_is_no_derivative"),
    Guard("differences bear the complex step out", "gradcheck.complex_step:AGREE", to(np.inf),
          STEP + "what_is_lost_without_a_word_is_found_by_differences"),
    Guard("arrays that carry their derivative", "gradcheck.complex_step:GUARDED",
          lambda _: importlib.import_module("gradcheck.complex_step").PLAIN,
          STEP + "the_complex_step_goes_through_natural_code[BatchNorm]"),
    Guard("np.var has rules of its own", "gradcheck.guarded:REDONE", to({}),
          STEP + "the_complex_step_goes_through_natural_code[BatchNorm]"),
    Guard("three tries at bearing out", "gradcheck.complex_step:LADDER", first_alone,
          STEP + "the_complex_step_is_borne_out_at_another_scale_too"),
    Guard("slopes to both sides of a kink", "gradcheck.exact:ExactProbe.at_kink", to(lambda self, one: one),
          PASSES + "ties_are_information_and_no_failure[MaxPool]"),
    Guard("a tolerance tight enough", "gradcheck.exact:RTOL", to(1e-2), WRONG + "[dx 0.1 % too large]"),
    Guard("a tolerance for rounding", "gradcheck.exact:RTOL", to(0.0),
          PASSES + "an_input_with_a_large_mean_raises_no_alarm"),
    Guard("a floor for sums that cancel", "gradcheck.exact:CANCELS", to(0.0),
          SCALES + "what_1_less_almost_1_loses_raises_no_alarm[False]"),
    Guard("a floor for what is all rounding", "gradcheck.exact:ZERO", to(0.0),
          SCALES + "numbers_that_are_all_rounding_agree"),
    Guard("a point of size 1", "gradcheck.beside:_is_odd", always(False),
          SCALES + "the_second_point_is_of_size_one"),
    Guard("a wrong entry is located", "gradcheck.exact:ExactProbe.locate", to(lambda self: (0, 0)),
          NUMBERS + "one_wrong_entry_among_thousands_is_found"),
    # ---- finite differences ----
    Guard("a kink test for differences", "gradcheck.compare:_at_kink", always(False),
          DIFFERENCES + "differences_alone_raise_no_alarm_at_kinks[MaxPool]"),
    Guard("a tolerance tight enough for differences", "gradcheck.coarse:RTOL", to(1e-2),
          DIFFERENCES + "differences_alone_find_a_small_mistake"),
    Guard("a floor for differences that cancel", "gradcheck.coarse:ZERO", to(0.0),
          DIFFERENCES + "differences_alone_raise_no_alarm_at_a_zero_by_cancellation"),
    Guard("the noise of forward is heard", "gradcheck.line:Line.hear", to(lambda self: None),
          PASSES + "a_forward_that_computes_in_float32_inside_raises_no_alarm_and_hides_no_mistake"),
    # ---- points and streams ----
    Guard("a second point", "gradcheck.run:judge_beside", always(({}, [])),
          NUMBERS + "a_factor_gamma_of_one_hides_nothing"),
    Guard("independent streams", "gradcheck.check:streams_of", same_streams, BROKEN + "[mask of upstream]"),
    Guard("all runs in float64", "gradcheck.subject:Subject.__init__.__defaults__", to((None,)),
          LOSSES + "right_losses_pass"),
    Guard("a kink is no failure", "gradcheck.report:INFORMATION", to(frozenset()),
          PASSES + "ties_are_information_and_no_failure[MaxPool]"),
    # ---- the contract ----
    Guard("deterministic", "gradcheck.run:check_deterministic", always([]),
          BROKEN + "[a new generator in forward]"),
    Guard("often enough for few entries", "gradcheck.purity:times", always(1),
          PROMISES + "randomness_in_forward_is_seen_though_two_draws_may_agree"),
    Guard("arguments untouched", "gradcheck.run:check_untouched", always([]), BROKEN + "[writes upstream]"),
    Guard("a second run on read-only arrays", "gradcheck.purity:_stopped", always(""),
          WRITES + "a_write_that_leaves_the_values_as_they_are_is_seen"),
    Guard("the line of a refused write", "gradcheck.purity:place_in", always(""),
          WRITES + "a_write_that_leaves_the_values_as_they_are_is_seen"),
    Guard("the line of any other write", "gradcheck.purity:watch", always(""),
          WRITES + "a_new_shape_of_upstream_is_a_write"),
    Guard("a second backward", "gradcheck.run:check_repeatable", always([]), BROKEN + "[accumulates]"),
    Guard("a fresh cache", "gradcheck.run:check_fresh_cache", always([]), BROKEN + "[stale cache]"),
    Guard("a fresh cache at other sizes", "gradcheck.purity:_stale_at_other_points", always([]),
          LINEAR + "a_cache_that_another_order_leaves_alone_is_seen_at_other_values_and_sizes"),
    Guard("no old params", "gradcheck.purity:_old_params", always([]),
          LINEAR + "a_copy_of_the_weights_from_the_constructor_is_stale"),
    Guard("linear in upstream", "gradcheck.run:check_linear", always([]), BROKEN + "[mask of upstream]"),
    Guard("linear for large upstreams", "gradcheck.linear:_compare_far", always(None),
          LINEAR + "a_gradient_that_is_clipped_is_not_linear"),
    Guard("linear to all digits", "gradcheck.linear:_compare_beside", always(None),
          NUMBERS + "digits_lost_in_the_midst_of_backward_are_named_as_such"),
    Guard("backward() is backward(1.0)", "gradcheck.run:check_default", always([]),
          LOSSES + "a_wrong_loss_is_caught[default]"),
    Guard("float32 stays", "gradcheck.run:check_dtype", always([]), BROKEN + "[float64 from float32]"),
    Guard("nothing shared", "gradcheck.run:check_aliasing", always([]),
          PROMISES + "a_gradient_that_is_the_upstream_itself_is_a_warning"),
    Guard("the walk sees what is broken", "gradcheck.run:Walk.is_clean", to(lambda self, gradients: True),
          BROKEN + "[accumulates]"),
    Guard("the walk sees what is stale", "gradcheck.run:Walk._starts_anew",
          to(lambda self: True), BROKEN + "[stale cache]"),
    Guard("the walk sees what is written later", "gradcheck.run:Walk._forgets",
          to(lambda self, gradients: True), SHARED + "a_buffer_handed_out_and_filled_anew_is_a_warning"),
    # ---- the cause ----
    Guard("a cause explains every number", "gradcheck.causes.gather:EXACT", to(1e-2),
          NUMBERS + "a_cause_is_named_only_where_it_explains_every_number"),
    Guard("a cause at all", "gradcheck.run:diagnose", always([]), WRONG + "[own operand]"),
    # ---- what is left alone ----
    Guard("only copies run", "gradcheck.subject:Subject._copy", to(lambda self, layer, dtype: layer),
          PASSES + "params_that_are_read_only_or_in_another_order_are_checked"),
    Guard("every forward starts afresh", "gradcheck.subject:Subject.start",
          to(lambda self, instead=None: self.layer),
          PASSES + "a_right_layer_passes_at_every_level_and_scale[Dropout]"),
    Guard("views stay views", "gradcheck.subject:Ties.memo", to(lambda self, dtype=None: dict(self.modules)),
          PASSES + "a_view_of_a_parameter_stays_a_view"),
    Guard("global random states are put back", "gradcheck.check:quietly", to(contextlib.nullcontext),
          ALONE + "random_state_is_put_back_when_the_layer_raises"),
    Guard("global random states are replayed", "gradcheck.subject:set_global_state", always(None),
          PASSES + "a_layer_that_draws_from_the_global_generator_is_replayed"),
]  # fmt: skip


@contextlib.contextmanager
def switched_off(guard: Guard) -> Iterator[None]:
    module, _, path = guard.place.partition(":")
    *outer, name = path.split(".")
    home = functools.reduce(getattr, outer, importlib.import_module(module))
    before = getattr(home, name)
    setattr(home, name, guard.off(before))
    try:
        yield
    finally:
        setattr(home, name, before)


def run(*tests: str) -> tuple[int, str]:
    """pytest's exit code, and what it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = pytest.main([*tests, "-q", "-x", "--tb=line", "-p", "no:cacheprovider"])
    return int(code), printed.getvalue()


def main(names: list[str]) -> int:
    unknown = set(names) - {guard.name for guard in GUARDS}
    if unknown:
        sys.exit(
            f"guards: expected names of guards, got {sorted(unknown)}; read the table in tests/guards.py"
        )
    chosen = [guard for guard in GUARDS if not names or guard.name in names]
    code, printed = run(*dict.fromkeys(guard.test for guard in chosen))
    if code:  # a test that is red anyway shows nothing
        print(printed)
        return 1
    green = 0
    for guard in chosen:
        with switched_off(guard):
            code, _ = run(guard.test)
        red = code == pytest.ExitCode.TESTS_FAILED
        green += not red
        print(
            f"{guard.name:44} -> {'red' if red else 'GREEN'}   {guard.test.rpartition('::')[2]}", flush=True
        )
    print(f"{len(chosen) - green} of {len(chosen)} guards are watched")
    return int(green > 0)


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
