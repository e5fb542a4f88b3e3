"""Functions whose results depend on one another, softmax and normalisations: mistaken derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np

from layers.base import Array

from ..report import Kind

Axes = tuple[int, ...]
Pull = Callable[[Array], Array]  # of an adjoint shaped like the value
Table = dict[str, Callable[[Array, Axes], Array]]  # of an adjoint, with the sums over some axes


def coupled(y: list[Array], J: list[Array]) -> Iterator[tuple[Kind, str, list[Pull]]]:
    """What may stand for J, the derivative of y, turn by turn; {} in the words is where the function is."""
    words = "only the diagonal of the derivative of the function {} is taken"
    yield "missing-path", words, [_diagonal(one) for one in J]
    moves = all(((one != 0).sum(axis=1) == 1).all() for one in J)
    kind: Kind = "permuted" if moves else "transposed"
    yield kind, "the derivative of the function {} is transposed", [_transposed(one) for one in J]
    probe: Array = np.asarray(np.random.default_rng(0).standard_normal(y[0].shape))
    true: list[Array] = [np.asarray(probe.ravel() @ one).reshape(probe.shape) for one in J]
    axes = [a for a in range(y[0].ndim) if y[0].shape[a] > 1]
    sets = [s for count in range(1, min(len(axes), 3) + 1) for s in combinations(axes, count)]
    for family, alternatives in FAMILIES:
        for own in sets:
            tables: list[Table | None] = [family(t, own, probe, d) for t, d in zip(y, true, strict=True)]
            fits = (_close(t["true"](probe, own), d) for t, d in zip(tables, true, strict=True) if t)
            if not all(tables) or not all(fits):
                continue
            for s in sets:
                words = f"the sum in the derivative of the function {{}} runs over {_axes(s)}"
                if s != own:
                    words += f", forward's over {_axes(own)}"
                    yield "wrong-axis", words, [_fixed(table["true"], s) for table in tables if table]
            for stated, words, name in alternatives:
                yield stated, words, [_fixed(table[name], own) for table in tables if table]
            return


def _diagonal(J: Array) -> Pull:
    return lambda u: u * np.diag(J).reshape(u.shape)


def _transposed(J: Array) -> Pull:
    return lambda u: (J @ u.ravel()).reshape(u.shape)


def _fixed(form: Callable[[Array, Axes], Array], axes: Axes) -> Pull:
    return lambda u: form(u, axes)


def _axes(axes: Axes) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {', '.join(map(str, axes))}"


def _close(a: Array, b: Array) -> bool:
    return bool(np.abs(a - b).max(initial=0) <= 1e-9 * np.abs(b).max(initial=0))


def _S(u: Array, axes: Axes) -> Array:
    return np.asarray(u.sum(axis=axes, keepdims=True))


def _M(u: Array, axes: Axes) -> Array:
    return np.asarray(u.mean(axis=axes, keepdims=True))


def _softmax(y: Array, own: Axes, probe: Array, true: Array) -> Table:
    """y (u - sum(u y))."""
    return {
        "true": lambda u, s: y * (u - _S(u * y, s)),
        "no outer": lambda u, s: u - _S(u * y, s),
        "no inner": lambda u, s: y * (u - _S(u, s)),
        "no sum": lambda u, s: y * u,
        "no first": lambda u, s: -y * _S(u * y, s),
        "plus": lambda u, s: y * (u + _S(u * y, s)),
        "mean": lambda u, s: y * (u - _M(u * y, s)),
        "twice": lambda u, s: y * y * (u - _S(u * y, s)),
        "log": lambda u, s: u - y * _S(u, s),
        "first": lambda u, s: y[:1] * (u - _S(u * y[:1], s)),
    }


def _log_softmax(y: Array, own: Axes, probe: Array, true: Array) -> Table:
    """u - exp(y) sum(u)."""
    p = np.exp(y)
    return {
        "true": lambda u, s: u - p * _S(u, s),
        "no p": lambda u, s: u - _S(u, s),
        "mean": lambda u, s: u - _M(u, s),
        "y": lambda u, s: u - y * _S(u, s),
        "no sum": lambda u, s: u - p * u,
        "plus": lambda u, s: u + p * _S(u, s),
        "inner": lambda u, s: u - p * _S(u * p, s),
        "outer": lambda u, s: p * (u - _S(u * p, s)),
        "over p": lambda u, s: u / p,
    }


def _centred(y: Array, own: Axes, probe: Array, true: Array) -> Table | None:
    """g (u - mean(u) - y mean(u y)), g = 1 / std."""
    g = _factor(true, probe - _M(probe, own) - y * _M(probe * y, own), own)
    if g is None:
        return None
    return {
        "true": lambda u, s: g * (u - _M(u, s) - y * _M(u * y, s)),
        "no mean": lambda u, s: g * (u - y * _M(u * y, s)),
        "no variance": lambda u, s: g * (u - _M(u, s)),
        "neither": lambda u, s: g * u,
        "no g": lambda u, s: u - _M(u, s) - y * _M(u * y, s),
        "g squared": lambda u, s: g * g * (u - _M(u, s) - y * _M(u * y, s)),
        "inner": lambda u, s: g * (u - _M(u, s) - _M(u * y, s)),
        "no y": lambda u, s: g * (u - _M(u, s) - y * _M(u, s)),
        "plus": lambda u, s: g * (u - _M(u, s) + y * _M(u * y, s)),
        "sum": lambda u, s: g * (u - _M(u, s) - y * _S(u * y, s)),
        "sum mean": lambda u, s: g * (u - _S(u, s) - y * _M(u * y, s)),
        "sums": lambda u, s: g * (u - _S(u, s) - y * _S(u * y, s)),
        "g more": lambda u, s: g * (u - _M(u, s) - g * y * _M(u * y, s)),
        "g twice more": lambda u, s: g * (u - _M(u, s) - g * g * y * _M(u * y, s)),
        "g less": lambda u, s: g * (u - _M(u, s) - y / g * _M(u * y, s)),
    }


def _scaled(y: Array, own: Axes, probe: Array, true: Array) -> Table | None:
    """g (u - y mean(u y)), g = 1 / root of the mean square; or with a sum, g = 1 / length."""
    for average, other in ((_M, _S), (_S, _M)):
        g = _factor(true, probe - y * average(probe * y, own), own)
        if g is not None:
            return _scaled_by(y, g, average, other)
    return None


def _scaled_by(
    y: Array, g: Array, average: Callable[[Array, Axes], Array], other: Callable[[Array, Axes], Array]
) -> Table:
    return {
        "true": lambda u, s: g * (u - y * average(u * y, s)),
        "neither": lambda u, s: g * u,
        "no g": lambda u, s: u - y * average(u * y, s),
        "g squared": lambda u, s: g * g * (u - y * average(u * y, s)),
        "inner": lambda u, s: g * (u - average(u * y, s)),
        "no y": lambda u, s: g * (u - y * average(u, s)),
        "plus": lambda u, s: g * (u + y * average(u * y, s)),
        "sum": lambda u, s: g * (u - y * other(u * y, s)),
        "centred": lambda u, s: g * (u - _M(u, s) - y * average(u * y, s)),
        "g more": lambda u, s: g * (u - g * y * average(u * y, s)),
        "g less": lambda u, s: g * (u - y / g * average(u * y, s)),
        "g two less": lambda u, s: g * (u - y / (g * g) * average(u * y, s)),
    }


def _factor(true: Array, base: Array, own: Axes) -> Array | None:
    """What is common to all entries along the axes in true / base; None if that is not one number."""
    ratio = true / base
    g = _M(ratio, own)
    fits = np.isfinite(ratio).all() and np.abs(true - g * base).max() <= 1e-9 * np.abs(true).max()
    return g if fits else None


Alternatives = tuple[tuple[Kind, str, str], ...]
SOFTMAX: Alternatives = (
    (
        "missing-factor",
        "the outer factor y is missing in y (u - sum(u y)), the derivative of the function {}",
        "no outer",
    ),
    (
        "missing-factor",
        "the inner factor y is missing in y (u - sum(u y)), the derivative of the function {}",
        "no inner",
    ),
    ("missing-path", "the path through the denominator of the function {} is missing", "no sum"),
    ("missing-path", "the path through the numerator of the function {} is missing", "no first"),
    ("sign", "a plus stands for the minus in y (u - sum(u y)), the derivative of the function {}", "plus"),
    ("wrong-formula", "a mean stands for the sum in the derivative of the function {}", "mean"),
    ("extra-factor", "y (u - sum(u y)), the derivative of the function {}, has a factor y too many", "twice"),
    ("wrong-formula", "the derivative of the function {} is that of its logarithm", "log"),
    ("wrong-operand", "the derivative of the function {} takes the first example's values for all", "first"),
)
LOG_SOFTMAX: Alternatives = (
    (
        "missing-factor",
        "the factor exp(y) is missing in u - exp(y) sum(u), the derivative of the function {}",
        "no p",
    ),
    ("wrong-formula", "a mean stands for exp(y) sum(u) in the derivative of the function {}", "mean"),
    ("wrong-operand", "y stands for exp(y) in u - exp(y) sum(u), the derivative of the function {}", "y"),
    ("missing-path", "the sum is missing in u - exp(y) sum(u), the derivative of the function {}", "no sum"),
    ("sign", "a plus stands for the minus in u - exp(y) sum(u), the derivative of the function {}", "plus"),
    (
        "extra-factor",
        "the sum in u - exp(y) sum(u), the derivative of the function {} has a factor exp(y)",
        "inner",
    ),
    ("wrong-formula", "the derivative of the function {} is that of its exponential", "outer"),
    ("wrong-formula", "the derivative of the function {} is taken as u / exp(y)", "over p"),
)
CENTRED: Alternatives = (
    ("mean-path", "the mean's path of the function {} is missing", "no mean"),
    ("variance-path", "the variance's path of the function {} is missing", "no variance"),
    ("missing-path", "the paths through mean and variance of the function {} are missing", "neither"),
    ("missing-factor", "the factor 1 / std is missing in the derivative of the function {}", "no g"),
    ("extra-factor", "the factor 1 / std is there twice in the derivative of the function {}", "g squared"),
    ("missing-factor", "the variance's path of the function {} lacks the outer factor y", "inner"),
    ("missing-factor", "the variance's path of the function {} lacks the inner factor y", "no y"),
    ("sign", "the variance's path of the function {} has the wrong sign", "plus"),
    ("variance-path", "the variance's path of the function {} has a sum where a mean belongs", "sum"),
    ("mean-path", "the mean's path of the function {} has a sum where a mean belongs", "sum mean"),
    ("variance-path", "the paths through mean and variance of the function {} have sums for means", "sums"),
    ("variance-path", "the variance's path of the function {} has a factor 1 / std too many", "g more"),
    (
        "variance-path",
        "the variance's path of the function {} has two factors 1 / std too many",
        "g twice more",
    ),
    ("variance-path", "the variance's path of the function {} lacks a factor 1 / std", "g less"),
)
SCALED: Alternatives = (
    ("missing-path", "the length's path of the function {} is missing", "neither"),
    ("missing-factor", "the factor 1 / length is missing in the derivative of the function {}", "no g"),
    (
        "extra-factor",
        "the factor 1 / length is there twice in the derivative of the function {}",
        "g squared",
    ),
    ("missing-factor", "the length's path of the function {} lacks the outer factor y", "inner"),
    ("missing-factor", "the length's path of the function {} lacks the inner factor y", "no y"),
    ("sign", "the length's path of the function {} has the wrong sign", "plus"),
    ("variance-path", "the length's path of the function {} has a sum for a mean, or the reverse", "sum"),
    ("extra-term", "the derivative of the function {} is centred, and forward is not", "centred"),
    ("extra-factor", "the length's path of the function {} has a factor 1 / length too many", "g more"),
    ("missing-factor", "the length's path of the function {} lacks a factor 1 / length", "g less"),
    ("missing-factor", "the length's path of the function {} lacks two factors 1 / length", "g two less"),
)
Family = Callable[[Array, Axes, Array, Array], Table | None]
FAMILIES: tuple[tuple[Family, Alternatives], ...] = (
    (_softmax, SOFTMAX),
    (_log_softmax, LOG_SOFTMAX),
    (_centred, CENTRED),
    (_scaled, SCALED),
)
