"""The wrong backwards of the deeper layers are wrong where they say, by differences of their own."""

import copy
from collections import Counter

import numpy as np
import pytest

from benchmarks.mutants import attention, conv, deep, embedding, norms, pools, recurrent
from layers.base import Layer

FILES = (conv, pools, norms, embedding, recurrent, attention, deep)
MUTANTS = [mutant for file in FILES for mutant in file.MUTANTS]

KINDS = """keys shape dtype order missing aliasing nondeterministic repeat-backward stale-cache mutates-input
    mutates-upstream mutates-params zero sign scale precision non-finite transposed reshaped flipped shifted
    swapped permuted not-summed over-summed wrong-axis overlap-not-added repeated-index-not-added only-some
    no-upstream no-local-derivative upstream-nonlinear extra-term missing-factor extra-factor wrong-operand
    missing-path mean-path variance-path wrong-region post-activation wrong-formula approximation"""

# What a difference quotient cannot show: the first backward is right, and another promise is broken.
OTHER_PROMISES = {
    "repeat-backward",  # the second call differs
    "stale-cache",  # the second forward is not the one that is spoken of
    "mutates-input",
    "mutates-upstream",
    "mutates-params",
    "nondeterministic",  # no two forwards are the same function
    "order",  # nothing to compare by name
    "keys",
}
AT_A_KINK = {"maxpool: every tied winner gets it all"}  # no derivative there
ONE_FOR_THREE = {"MultiHeadAttention: one dx for three inputs"}  # no tuple to take the second from
# float32 keeps seven digits: less than a difference of step 1e-6 sees
ROUNDED = {"ScaledDotProductAttention: dk in float32"}
BY_HAND = AT_A_KINK | ONE_FOR_THREE | ROUNDED


def is_shape(x):
    return isinstance(x, tuple) and all(isinstance(size, int) for size in x)


def inputs(mutant, seed=100):
    rng = np.random.default_rng(seed)
    parts = (mutant.x,) if is_shape(mutant.x) or isinstance(mutant.x, np.ndarray) else mutant.x
    return [part.copy() if isinstance(part, np.ndarray) else rng.standard_normal(part) for part in parts]


def built(mutant):
    """The layer in float64, its equal parameters shaken apart."""
    layer = mutant.build()
    layer.astype(np.float64)
    rng = np.random.default_rng(101)
    for array in layer.params.values():
        if np.unique(array).size < array.size:
            array += 0.3 * rng.standard_normal(array.shape)
    return layer


def joined(mutant, xs):
    return tuple(xs) if isinstance(mutant.x, tuple) and not is_shape(mutant.x) else xs[0]


def outputs(y):
    return y if isinstance(y, tuple) else (y,)


def upstream_for(y, seed=102):
    rng = np.random.default_rng(seed)
    us = tuple(rng.standard_normal(part.shape) for part in outputs(y))
    return us if isinstance(y, tuple) else us[0]


def quotient(f, array, h=1e-6):
    """The gradient of f() with respect to an array, entry by entry."""
    grad = np.zeros(array.shape)
    for i in np.ndindex(array.shape):
        old = array[i]
        array[i] = old + h
        above = f()
        array[i] = old - h
        grad[i] = (above - f()) / (2 * h)
        array[i] = old
    return grad


def gradients(mutant, layer=None):
    """{name: (theirs, ours)} of the first backward after a forward."""
    layer, xs = layer or built(mutant), inputs(mutant)
    runner = copy.deepcopy(layer)
    y = runner.forward(joined(mutant, [x.copy() for x in xs]))
    u = upstream_for(y)
    dx, grads = runner.backward(copy.deepcopy(u))

    def value():
        frozen = copy.deepcopy(layer) if hasattr(layer, "rng") else layer  # the same noise each time
        out = frozen.forward(joined(mutant, xs))
        return sum(float((a * b).sum()) for a, b in zip(outputs(out), outputs(u), strict=True))

    several = isinstance(joined(mutant, xs), tuple)
    dxs = dx if several else (dx,)
    pairs = {}
    for i, (x, d) in enumerate(zip(xs, dxs, strict=True)):
        if x.dtype.kind == "f":
            pairs[f"dx[{i}]" if several else "dx"] = d, quotient(value, x)
        else:
            assert d is None
    assert set(grads) == set(layer.params)
    return pairs | {f"d{name}": (grads[name], quotient(value, array)) for name, array in layer.params.items()}


def is_wrong(theirs, ours):
    if theirs is None or theirs.shape != ours.shape:
        return True
    return np.abs(theirs - ours).max() > 3e-7 * max(1.0, np.abs(ours).max())


def by_difference(mutant):
    return mutant.id not in BY_HAND and not OTHER_PROMISES & set(mutant.kinds)


@pytest.mark.parametrize("mutant", [*filter(by_difference, MUTANTS)], ids=lambda mutant: mutant.id)
def test_exactly_the_named_gradients_are_wrong(mutant):
    wrong = {name for name, pair in gradients(mutant).items() if is_wrong(*pair)}
    assert wrong == set(mutant.arrays)


@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if m.kinds in {("scale",), ("sign",)}], ids=lambda mutant: mutant.id
)
def test_a_scaled_gradient_is_a_constant_times_the_right_one(mutant):
    pairs = gradients(mutant)
    factors = [
        c
        for theirs, ours in (pairs[name] for name in mutant.arrays)
        for c in [float((theirs * ours).sum() / (ours * ours).sum())]
        if np.allclose(theirs, c * ours, rtol=1e-5, atol=1e-7)
    ]
    assert factors
    assert [c < 0 for c in factors] == [mutant.kinds == ("sign",)] * len(factors)


CLASSES = {mutant.build.func for mutant in MUTANTS}


def students_own(mutant):
    """The class that the mistake was put into, where it is a whole layer by itself, or None."""
    cls, *parents = mutant.build.func.__mro__
    own = [parent for parent in parents if parent.__module__ == cls.__module__]
    return own[0] if own and own[0].backward is not Layer.backward and own[0] not in CLASSES else None


WHOLE = {(students_own(mutant), *mutant.build.keywords.items()): mutant for mutant in MUTANTS}


@pytest.mark.parametrize(
    ("base", "mutant"),
    [(base, mutant) for (base, *_), mutant in WHOLE.items() if base and by_difference(mutant)],
    ids=lambda part: getattr(part, "id", ""),
)
def test_without_the_mistake_all_gradients_are_right(base, mutant):
    layer = base(*mutant.build.args, **mutant.build.keywords)
    assert not any(is_wrong(*pair) for pair in gradients(mutant, layer).values())


def of_kind(*kinds):
    chosen = [mutant for mutant in MUTANTS if set(kinds) & set(mutant.kinds)]
    assert chosen
    return pytest.mark.parametrize("mutant", chosen, ids=lambda mutant: mutant.id)


def ran(mutant):
    """(layer after forward, x, upstream)."""
    layer, x = built(mutant), joined(mutant, inputs(mutant))
    return layer, x, upstream_for(layer.forward(x))


@of_kind("repeat-backward")
def test_a_second_backward_differs_in_the_named_gradients(mutant):
    layer, _, u = ran(mutant)
    (dx, grads), (dx2, grads2) = copy.deepcopy(layer.backward(u)), layer.backward(u)
    first, second = ({"dx": a} | {f"d{k}": v for k, v in b.items()} for a, b in ((dx, grads), (dx2, grads2)))
    assert {name for name in first if not np.array_equal(first[name], second[name])} == set(mutant.arrays)


@of_kind("stale-cache")
def test_a_backward_after_two_forwards_speaks_of_the_first(mutant):
    layer, x, u = ran(mutant)
    first, _ = layer.backward(u)
    layer.forward(x[::-1].copy() * 0.7)
    np.testing.assert_array_equal(layer.backward(u)[0], first)


@of_kind("mutates-input")
def test_x_is_changed(mutant):
    layer, x, u = ran(mutant)
    before = x.copy()
    layer.backward(u)
    assert not np.array_equal(x, before)


@of_kind("mutates-upstream")
def test_upstream_is_changed_and_the_gradients_right(mutant):
    layer, _, u = ran(mutant)
    before = u.copy()
    layer.backward(u)
    assert not np.array_equal(u, before)
    assert not any(is_wrong(*pair) for pair in gradients(mutant).values())


@of_kind("mutates-params")
def test_parameters_are_changed_and_the_gradients_right(mutant):
    layer, _, u = ran(mutant)
    before = copy.deepcopy(layer.params)
    layer.backward(u)
    assert any(not np.array_equal(before[name], layer.params[name]) for name in before)
    assert not any(is_wrong(*pair) for pair in gradients(mutant).values())


def test_two_forwards_from_one_state_differ():
    (mutant,) = [mutant for mutant in MUTANTS if mutant.kinds == ("nondeterministic",)]
    (x,) = inputs(mutant)
    layer = built(mutant)
    first, second = copy.deepcopy(layer).forward(x), copy.deepcopy(layer).forward(x)
    assert not np.array_equal(first, second)


@of_kind("order")
def test_the_gradients_come_first(mutant):
    layer, _, u = ran(mutant)
    assert isinstance(layer.backward(u)[0], dict)


@of_kind("keys")
def test_a_key_is_missing(mutant):
    layer, _, u = ran(mutant)
    grads = layer.backward(u)[1]
    assert {f"d{name}" for name in set(layer.params) - set(grads)} == set(mutant.arrays)


def by_id(ids):
    return pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.id in ids], ids=lambda m: m.id)


@by_id(AT_A_KINK)
def test_tied_winners_get_more_than_upstream_has(mutant):
    layer, _, _ = ran(mutant)
    dx, _ = layer.backward(np.ones((1, 1, 2, 2)))
    assert dx.sum() > 4


@by_id(ONE_FOR_THREE)
def test_three_inputs_get_one_dx(mutant):
    layer, x, u = ran(mutant)
    assert isinstance(layer.backward(u)[0], np.ndarray)
    assert len(x) == 3


@by_id(ROUNDED)
def test_the_rounded_gradient_has_seven_digits(mutant):
    layer, _, u = ran(mutant)
    (_, dk, _), _ = layer.backward(u)
    np.testing.assert_array_equal(dk, dk.astype(np.float32))
    assert np.abs(dk).max() > 0


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_a_mutant_is_small_and_written_down_completely(mutant):
    assert 1 <= len(mutant.kinds) <= 2
    assert set(mutant.kinds) <= set(KINDS.split())
    assert mutant.target is None
    layer, xs = built(mutant), inputs(mutant)
    names = {f"d{name}" for name in layer.params} | {f"dx[{i}]" for i in range(len(xs))} | {"dx", ""}
    assert set(mutant.arrays) <= names
    y = layer.forward(joined(mutant, xs))
    assert sum(x.size for x in xs) <= 150
    assert sum(part.size for part in outputs(y)) <= 150


def test_ids_tell_the_mutants_apart():
    assert [id for id, count in Counter(mutant.id for mutant in MUTANTS).items() if count > 1] == []


def test_there_are_many():
    assert len(MUTANTS) >= 140
