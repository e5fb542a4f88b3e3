"""Every wrong backward is wrong where it says, and nowhere else, by a plain central difference."""

import copy

import numpy as np
import pytest

from benchmarks.mutants import affine, contract, elementwise, gates, losses, networks, reductions, softmax

FILES = (affine, contract, elementwise, gates, losses, networks, reductions, softmax)
MUTANTS = [mutant for file in FILES for mutant in file.MUTANTS]
FAMILIES = (
    "keys shape dtype order missing aliasing nondeterministic repeat-backward stale-cache",
    "mutates-input mutates-upstream mutates-params",
    "zero sign scale precision non-finite",
    "transposed reshaped flipped shifted swapped permuted",
    "not-summed over-summed wrong-axis overlap-not-added repeated-index-not-added only-some",
    "no-upstream no-local-derivative upstream-nonlinear extra-term missing-factor extra-factor wrong-operand",
    "missing-path mean-path variance-path",
    "wrong-region post-activation wrong-formula approximation",
)
KINDS = {kind for family in FAMILIES for kind in family.split()}
NOT_BY_NUMBERS = {  # kinds that the numbers of one backward do not show
    "keys",
    "order",
    "missing",  # there is nothing to compare
    "mutates-input",  # the numbers are right, and something else is written to
    "mutates-upstream",
    "mutates-params",
    "repeat-backward",  # the first answer is right
    "stale-cache",  # right after one forward
    "aliasing",
    "nondeterministic",  # no two calls agree
}
BY_NUMBERS = [mutant for mutant in MUTANTS if mutant.kinds[0] not in NOT_BY_NUMBERS]
NOT_LINEAR = {"no-upstream", "extra-term", "upstream-nonlinear", "precision", "dtype", "non-finite"}
TERMS_THAT_SCALE = {  # extra terms that are multiples of upstream
    "residual: skip twice",
    "cross-entropy: one-hot twice",
    "log-probabilities: p - t",
}
STEP = 1e-5


def ids(mutants):
    return pytest.mark.parametrize("mutant", mutants, ids=lambda mutant: mutant.id)


def of_kind(*kinds):
    return ids([mutant for mutant in MUTANTS if mutant.kinds[0] in kinds])


def is_shape(x):
    return isinstance(x, tuple) and all(isinstance(size, int) for size in x)


def draw(x, rng):
    if is_shape(x):
        return rng.normal(size=x)
    return tuple(draw(part, rng) for part in x) if isinstance(x, tuple) else x.copy()


def many(arrays, name):
    """{"dx": ...} or {"dx[0]": ..., "dx[1]": ...}"""
    if not isinstance(arrays, tuple):
        return {name: arrays}
    return {f"{name}[{i}]": array for i, array in enumerate(arrays)}


class Run:
    """A mutant with its inputs drawn: forward, backward by name, and the numbers it should give."""

    def __init__(self, mutant, seed=1):
        self.rng = np.random.default_rng(seed)
        self.layer, self.target = mutant.build(), mutant.target
        self.x = draw(mutant.x, self.rng)
        y = copy.deepcopy(self.layer).forward(copy.deepcopy(self.x), *self.targets())
        self.upstream = (
            tuple(self.rng.normal(size=part.shape) for part in y)
            if isinstance(y, tuple)
            else self.rng.normal(size=np.shape(y))
        )
        if self.target is not None:
            self.upstream = 1.7

    def targets(self):
        return () if self.target is None else (self.target.copy(),)

    def forward(self):
        return self.layer.forward(copy.deepcopy(self.x), *self.targets())

    def backward(self):
        return self.layer.backward(copy.deepcopy(self.upstream))

    def named(self, returned):
        if self.target is not None:
            return {"dprediction": returned}
        dx, grads = returned
        return {**many(dx, "dx"), **{f"d{name}": grad for name, grad in grads.items()}}

    def gradients(self):
        self.forward()
        return {name: np.array(grad) for name, grad in self.named(self.backward()).items()}

    def value(self):
        y = copy.deepcopy(self.layer).forward(copy.deepcopy(self.x), *self.targets())
        parts = zip(y, self.upstream, strict=True) if isinstance(y, tuple) else [(y, self.upstream)]
        return sum(np.sum(part * u) for part, u in parts)

    def differences(self):
        arrays = many(self.x, "dx" if self.target is None else "dprediction")
        params = {} if self.target is not None else self.layer.params
        arrays |= {f"d{name}": array for name, array in params.items()}
        return {name: self.difference(array) for name, array in arrays.items()}

    def difference(self, array):
        numeric = np.empty(array.shape)
        for i in np.ndindex(array.shape):
            middle = array[i]
            array[i] = middle + STEP
            above = self.value()
            array[i] = middle - STEP
            below = self.value()
            array[i] = middle
            numeric[i] = (above - below) / (2 * STEP)
        return numeric


def agree(analytic, numeric):
    """To 1e-8 of the largest entry, where a difference with this step is good to 1e-9, float32 to 3e-8."""
    if analytic.shape != numeric.shape or analytic.dtype != numeric.dtype:
        return False
    return bool(np.abs(analytic - numeric).max() <= 1e-8 * max(np.abs(numeric).max(), 1e-3))


def test_the_mutants_are_many_and_their_names_are_unique():
    names = [mutant.id for mutant in MUTANTS]
    assert len(names) == len(set(names)) >= 140


@ids(MUTANTS)
def test_a_mutant_names_one_or_two_kinds_that_exist(mutant):
    assert 1 <= len(mutant.kinds) <= 2
    assert set(mutant.kinds) <= KINDS
    assert mutant.arrays


@ids(BY_NUMBERS)
def test_exactly_the_named_gradients_are_wrong(mutant):
    run = Run(mutant)
    analytic, numeric = run.gradients(), run.differences()
    assert analytic.keys() == numeric.keys()
    wrong = {name for name in numeric if not agree(analytic[name], numeric[name])}
    assert wrong == set(mutant.arrays)


@ids([m for m in MUTANTS if m.kinds[0] not in {*NOT_BY_NUMBERS, "non-finite"}])
def test_forward_and_backward_are_finite(mutant):
    assert all(np.isfinite(grad).all() for grad in Run(mutant).gradients().values())


@ids([m for m in BY_NUMBERS if not NOT_LINEAR & set(m.kinds)])
def test_the_others_are_linear_in_upstream(mutant):
    run = Run(mutant)
    once = run.gradients()
    run.upstream = tuple(2 * u for u in run.upstream) if isinstance(run.upstream, tuple) else 2 * run.upstream
    twice = run.gradients()
    for name, grad in once.items():
        np.testing.assert_allclose(twice[name], 2 * grad, rtol=1e-12, atol=1e-14)


@of_kind("upstream-nonlinear")
def test_a_nonlinear_backward_does_not_scale_with_upstream(mutant):
    run = Run(mutant)
    once = run.gradients()
    run.upstream = (
        tuple(-3 * u for u in run.upstream) if isinstance(run.upstream, tuple) else -3 * run.upstream
    )
    thrice = run.gradients()
    assert {name for name in once if not np.allclose(thrice[name], -3 * once[name])} == set(mutant.arrays)


@of_kind("no-upstream")
def test_a_backward_that_ignores_upstream_is_constant_in_it(mutant):
    run = Run(mutant)
    once = run.gradients()
    run.upstream = 5 * run.upstream + 1
    again = run.gradients()
    assert {name for name in once if np.array_equal(once[name], again[name])} == set(mutant.arrays)


@ids([m for m in MUTANTS if m.kinds[0] == "extra-term" and m.id not in TERMS_THAT_SCALE])
def test_an_extra_term_is_there_without_upstream(mutant):
    run = Run(mutant)
    run.upstream = 0 * run.upstream
    assert {name for name, grad in run.gradients().items() if grad.any()} == set(mutant.arrays)


@of_kind("scale")
def test_a_scale_is_one_constant_factor(mutant):
    run = Run(mutant)
    analytic, numeric = run.gradients(), run.differences()
    for name in mutant.arrays:
        factor = (analytic[name] * numeric[name]).sum() / (numeric[name] ** 2).sum()
        assert abs(factor - 1) > 1e-2
        np.testing.assert_allclose(analytic[name], factor * numeric[name], rtol=1e-6, atol=1e-9)


@ids([mutant for mutant in MUTANTS if mutant.kinds == ("sign",)])
def test_a_sign_alone_is_the_whole_gradient_turned(mutant):
    run = Run(mutant)
    analytic, numeric = run.gradients(), run.differences()
    for name in mutant.arrays:
        np.testing.assert_allclose(analytic[name], -numeric[name], rtol=1e-6, atol=1e-9)


@of_kind("zero")
def test_a_zero_is_zero(mutant):
    gradients = Run(mutant).gradients()
    assert not any(gradients[name].any() for name in mutant.arrays)


@of_kind("swapped")
def test_swapped_gradients_are_each_others(mutant):
    run = Run(mutant)
    analytic, numeric = run.gradients(), run.differences()
    if len(mutant.arrays) == 1:  # the halves of one array
        left, right = np.hsplit(numeric["dx"], 2)
        np.testing.assert_allclose(analytic["dx"], np.hstack([right, left]), rtol=1e-6, atol=1e-9)
        return
    one, other = mutant.arrays
    np.testing.assert_allclose(analytic[one], numeric[other], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(analytic[other], numeric[one], rtol=1e-6, atol=1e-9)


@of_kind("non-finite")
def test_a_gradient_that_is_not_finite_is_so_in_few_places(mutant):
    run = Run(mutant)
    (analytic,), (numeric,) = run.gradients().values(), run.differences().values()
    finite = np.isfinite(analytic)
    assert not finite.all()
    assert finite.mean() > 0.5
    np.testing.assert_allclose(analytic[finite], numeric[finite], rtol=1e-6, atol=1e-9)


@of_kind("keys")
def test_wrong_keys(mutant):
    run = Run(mutant)
    run.forward()
    _, grads = run.backward()
    assert grads.keys() != run.layer.params.keys()


@of_kind("order")
def test_wrong_order(mutant):
    run = Run(mutant)
    run.forward()
    returned = run.backward()
    assert isinstance(returned, tuple)
    assert isinstance(returned[0], dict) or len(returned) != 2


@of_kind("missing")
def test_something_is_missing(mutant):
    run = Run(mutant)
    run.forward()
    returned = run.backward()
    if mutant.arrays == ("",):
        assert not isinstance(returned, tuple)
        return
    wanted = run.differences().keys()
    assert {name for name in wanted if run.named(returned).get(name) is None} <= {*mutant.arrays, "dx[0]"}
    missing = {f"dx[{len(returned[0])}]"} if isinstance(returned[0], tuple) else set()
    nones = {name for name, grad in run.named(returned).items() if grad is None}
    absent = wanted - run.named(returned).keys()
    assert set(mutant.arrays) in (nones, absent, missing)


@of_kind("mutates-input", "mutates-upstream", "mutates-params")
def test_something_is_written_to_that_is_not_theirs(mutant):
    run = Run(mutant)
    numeric = run.differences()
    before = copy.deepcopy({"x": run.x, "upstream": run.upstream, "params": run.layer.params})
    run.layer.forward(run.x)
    returned = run.layer.backward(run.upstream)
    after = {"input": run.x, "upstream": run.upstream}
    changed = {name for name in after if not np.array_equal(after[name], before[name.replace("input", "x")])}
    changed |= {
        "params"
        for name in run.layer.params
        if not np.array_equal(run.layer.params[name], before["params"][name])
    }
    assert changed == {mutant.kinds[0].removeprefix("mutates-")}
    if mutant.id != "contract: weights rescaled in forward":  # where the values are another function's
        assert all(agree(grad, numeric[name]) for name, grad in run.named(returned).items())


@of_kind("repeat-backward")
def test_the_second_backward_differs_from_the_first(mutant):
    run = Run(mutant)
    numeric = run.differences()
    run.forward()
    first = copy.deepcopy(run.named(run.backward()))
    assert all(agree(grad, numeric[name]) for name, grad in first.items())
    if mutant.id == "contract: cache popped":
        with pytest.raises(IndexError):
            run.backward()
        return
    second = run.named(run.backward())
    assert {name for name in first if not np.array_equal(first[name], second[name])} == set(mutant.arrays)


@of_kind("stale-cache")
def test_a_cache_is_right_at_first_and_stale_later(mutant):
    run = Run(mutant)
    numeric = run.differences()
    assert all(agree(grad, numeric[name]) for name, grad in run.gradients().items())
    run.x = run.rng.normal(size=run.x.shape)
    for array in run.layer.params.values():
        array += run.rng.normal(size=array.shape)
    analytic, numeric = run.gradients(), run.differences()
    assert {name for name in numeric if not agree(analytic[name], numeric[name])} == set(mutant.arrays)


@of_kind("aliasing")
def test_an_earlier_answer_is_overwritten_by_a_later_one(mutant):
    run = Run(mutant)
    run.forward()
    first = run.named(run.backward())
    kept = copy.deepcopy(first)
    assert all(agree(kept[name], numeric) for name, numeric in run.differences().items())
    run.upstream = 3 * run.upstream
    run.backward()
    assert {name for name in first if not np.array_equal(first[name], kept[name])} == set(mutant.arrays)


@of_kind("nondeterministic")
def test_two_runs_from_one_state_differ(mutant):
    run = Run(mutant)
    twin = copy.deepcopy(run)
    if mutant.arrays == ("",):
        assert not np.array_equal(run.forward(), twin.forward())
        return
    first, second = run.gradients(), twin.gradients()
    assert {name for name in first if not np.array_equal(first[name], second[name])} == set(mutant.arrays)
