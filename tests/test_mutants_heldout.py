"""The held-out corpora tell the truth, by plain central differences that know nothing of the checker."""

import copy
import pickle
import re

import numpy as np
import pytest

from benchmarks.mutants.heldout import MUTANTS
from benchmarks.mutants.honest import HONEST

CONTRACT = set(
    re.findall(
        r"[a-z-]+",
        """keys dtype order missing nondeterministic repeat-backward stale-cache
        mutates-input mutates-upstream mutates-params""",
    )
)  # broken promises; `shape` shows as a wrong gradient
KINDS = CONTRACT | set(
    re.findall(
        r"[a-z-]+",
        """shape zero sign scale precision non-finite transposed reshaped flipped shifted swapped permuted
        not-summed over-summed wrong-axis overlap-not-added repeated-index-not-added only-some
        no-upstream no-local-derivative upstream-nonlinear extra-term missing-factor extra-factor
        wrong-operand missing-path mean-path variance-path
        wrong-region post-activation wrong-formula approximation""",
    )
)


class AsLayer:
    """A loss and its target, as a layer that puts out one number (or several)."""

    def __init__(self, loss, target):
        self.loss, self.target, self.params = loss, target, {}

    def forward(self, x):
        return np.asarray(self.loss.forward(x, self.target))

    def backward(self, upstream):
        return self.loss.backward(upstream if upstream.shape else upstream.item()), {}


def arrays_in(x, rng):
    """The inputs: what is given is copied, a shape is drawn."""
    if isinstance(x, np.ndarray):
        return x.copy()
    if x and all(isinstance(part, np.ndarray | tuple) for part in x):
        return tuple(arrays_in(part, rng) for part in x)
    return rng.standard_normal(x)


def listed(value):
    return list(value) if isinstance(value, tuple | list) else [value]


def made(build, x, target, jitter=0.0, seed=1):
    """A layer, its inputs a little away from where they were given, and an upstream."""
    rng = np.random.default_rng(seed)
    layer = build() if target is None else AsLayer(build(), target)
    x = arrays_in(x, rng)
    moved = [
        np.asarray(part + jitter * np.max(np.abs(part)) * rng.standard_normal(part.shape))
        if part.dtype.kind == "f"
        else part
        for part in listed(x)
    ]
    x = tuple(moved) if isinstance(x, tuple) else moved[0]
    for name, p in layer.params.items():
        if p.dtype == np.float32:
            layer.params[name] = p = p.astype(np.float64)
        if p.size and np.all(p == p.flat[0]):  # ones and zeros hide mistakes
            p += 0.3 * rng.standard_normal(p.shape)
    y = copy.deepcopy(layer).forward(copy.deepcopy(x))
    upstream = tuple(rng.standard_normal(np.shape(part)) for part in listed(y))
    return layer, x, upstream if isinstance(y, tuple) else upstream[0]


def slopes(layer, x, upstream):
    """d(sum of upstream * y) by every entry of every float input and parameter, by central differences."""

    fresh_layer = maker(layer)

    def value(place, array):
        fresh = fresh_layer()
        inputs = [part.copy() for part in listed(x)]
        if isinstance(place, int):
            inputs[place] = array
        else:
            fresh.params[place][...] = array
        y = fresh.forward(tuple(inputs) if isinstance(x, tuple) else inputs[0])
        return sum((u * part).sum() for u, part in zip(listed(upstream), listed(y), strict=True))

    found = {}
    relative = 0.1 if in_single_precision(layer, x) else 1e-5
    floats = {i: part for i, part in enumerate(listed(x)) if part.dtype.kind == "f"}
    for place, array in {**floats, **layer.params}.items():
        slope = np.zeros(array.shape)
        step = relative * (np.sqrt(np.mean(array**2)) or 1.0)
        for index in np.ndindex(array.shape):
            left, right = array.astype(np.float64), array.astype(np.float64)
            left[index] -= step
            right[index] += step
            slope[index] = (value(place, right) - value(place, left)) / (right[index] - left[index])
        found[name_of(place, x)] = slope
    return found


def maker(layer):
    """A function that gives copies of the layer: from its pickle, as most have one, for that is quicker."""
    try:
        kept = pickle.dumps(layer, protocol=5)
    except (pickle.PicklingError, AttributeError, TypeError):  # of a function or a class in a function
        return lambda: copy.deepcopy(layer)
    return lambda: pickle.loads(kept)


def in_single_precision(layer, x):
    y = copy.deepcopy(layer).forward(copy.deepcopy(x))
    return any(np.asarray(part).dtype == np.float32 for part in listed(y))


def name_of(place, x):
    """dx for the only input, dx[1] for the second of several, dW for the parameter W."""
    return f"d{place}" if isinstance(place, str) else f"dx[{place}]" if isinstance(x, tuple) else "dx"


def returned(dx, grads, x):
    by_name = {name_of(i, x): part for i, part in enumerate(listed(dx))}
    return {**by_name, **{f"d{name}": grad for name, grad in grads.items()}}


def run(layer, x, upstream):
    copy_of_x = tuple(part.copy() for part in x) if isinstance(x, tuple) else x.copy()
    layer.forward(copy_of_x)
    return returned(*layer.backward(copy.deepcopy(upstream)), x)


def wrong_arrays(layer, x, upstream, tolerance):
    """The names whose gradient is not the slope, but for a part of its largest entry and for rounding."""
    true, claimed = slopes(layer, x, upstream), run(copy.deepcopy(layer), x, upstream)
    assert {name for name, grad in claimed.items() if grad is not None} == set(true)
    y = copy.deepcopy(layer).forward(copy.deepcopy(x))
    size = sum(np.abs(u * part).sum() for u, part in zip(listed(upstream), listed(y), strict=True))
    places = {name_of(i, x): part for i, part in enumerate(listed(x))}
    places |= {name_of(name, x): p for name, p in layer.params.items()}
    wrong = set()
    for name, slope in true.items():
        rounding = 1e-10 * size / (np.sqrt(np.mean(places[name] ** 2)) or 1.0)
        same_shape = np.shape(claimed[name]) == slope.shape
        error = np.max(np.abs(claimed[name] - slope)) if same_shape else np.inf
        if not error <= tolerance * np.max(np.abs(slope)) + rounding:
            wrong.add(name)
    return wrong


def same(a, b):
    """Equal bit for bit; None is equal to None, and NaN to NaN."""
    return len(a) == len(b) and all(
        p is q or (p is not None and q is not None and np.array_equal(p, q, equal_nan=True))
        for p, q in zip(a, b, strict=True)
    )


def broken_promises(build, x, target):
    """The contract kinds that this layer shows, by one look at each promise."""
    layer, x, upstream = made(build, x, target)
    broken = set()
    start = copy.deepcopy(layer)
    mine, given = copy.deepcopy(x), copy.deepcopy(upstream)
    before = copy.deepcopy(layer.params)
    layer.forward(mine)
    if not same(listed(mine), listed(x)):
        broken.add("mutates-input")
    answer = layer.backward(given)
    if not same(listed(given), listed(upstream)):
        broken.add("mutates-upstream")
    if not same(list(before.values()), list(layer.params.values())):
        broken.add("mutates-params")
    if isinstance(answer[0], dict):
        return {"order"}
    dx, grads = answer
    if set(grads) - set(before):
        broken.add("keys")
    elif set(before) - set(grads):
        broken.add("missing")
    if any(d is None for d, part in zip(listed(dx), listed(x), strict=True) if part.dtype.kind == "f"):
        broken.add("missing")
    if any(g.dtype != before[name].dtype for name, g in grads.items() if name in before):
        broken.add("dtype")
    first = copy.deepcopy([*listed(dx), *grads.values()])
    if not broken:
        dx, grads = layer.backward(copy.deepcopy(upstream))
        if not same(first, [*listed(dx), *grads.values()]):
            broken.add("repeat-backward")
    one, two = (copy.deepcopy(start).forward(copy.deepcopy(x)) for _ in range(2))
    if not same(listed(one), listed(two)):
        broken.add("nondeterministic")
    elif not broken:
        state = copy.deepcopy(start)  # another x first, then this one: the answer is this one's
        other = tuple(part[::-1] * 1 for part in x) if isinstance(x, tuple) else x[::-1] * 1 if x.ndim else x
        draws = [
            v for v in vars(state).values() if isinstance(v, np.random.Generator | np.random.RandomState)
        ]
        if not draws and x_is_free(x):
            state.forward(other)
            again = run(state, x, upstream)
            if not same(first, list(again.values())):
                broken.add("stale-cache")
    return broken


def x_is_free(x):
    return all(part.ndim == 0 or len(part) == len(listed(x)[0]) for part in listed(x))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_exactly_the_named_arrays_of_a_mutant_are_wrong(mutant):
    if mutant.kinds[0] in CONTRACT:
        assert broken_promises(mutant.build, mutant.x, mutant.target) == {mutant.kinds[0]}
    else:
        assert not broken_promises(mutant.build, mutant.x, mutant.target)
        layer, x, upstream = made(mutant.build, mutant.x, mutant.target)
        tolerance = 1e-9 if mutant.kinds[0] == "precision" else 1e-6
        assert wrong_arrays(layer, x, upstream, tolerance) == set(mutant.arrays)


def test_the_mutants_are_many_and_their_kinds_are_words_of_the_vocabulary():
    assert len(MUTANTS) >= 130
    assert len({mutant.id for mutant in MUTANTS}) == len(MUTANTS)
    assert all(1 <= len(mutant.kinds) <= 2 and set(mutant.kinds) <= set(KINDS) for mutant in MUTANTS)


@pytest.mark.parametrize("row", HONEST, ids=lambda row: row[0])
def test_an_honest_layer_is_right_and_keeps_its_promises(row):
    _, build, x, target = (*row, None)[:4]
    assert not broken_promises(build, x, target)
    layer, x, upstream = made(build, x, target, jitter=0.01)
    tolerance = 1e-4 if in_single_precision(layer, x) else 1e-5
    assert wrong_arrays(layer, x, upstream, tolerance) == set()


def test_the_honest_are_many():
    assert len(HONEST) >= 80
    assert len({row[0] for row in HONEST}) == len(HONEST)
