"""The evidence about wrong gradients: both Jacobians of each, and what backward had at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from layers.base import Array

from ..answers import Gradients, read_gradients
from ..arrays import flat, parts_of
from ..complex_step import ComplexStep
from ..line import unit_of
from ..loss import LossAsLayer
from ..subject import Subject
from ..tapes.graph import Graph
from ..uses import H, Tracked, Uses, track
from .evidence import EXACT, Evidence

TOO_LARGE = 1500  # outputs, or entries of an array, of which a Jacobian takes too long
COARSE = 1e-5  # for EXACT where derivatives are differences


def gather(
    subject: Subject, step: ComplexStep, names: list[str], rng: np.random.Generator
) -> Iterator[Evidence]:
    """The evidence about each of these gradients that is wrong at this point."""
    outputs = subject.output()
    m = flat(outputs).size
    if m > TOO_LARGE or max(subject.arrays[name].size for name in names) > TOO_LARGE:
        return
    yours, shared = yours_of(subject, outputs), shared_by(subject, outputs)
    numeric = cache(lambda name: numeric_of(subject, step, name, rng))

    def others(name: str) -> dict[str, tuple[Array, bool]]:
        shape = subject.arrays[name].shape
        alike = [other for other in yours if other != name and subject.arrays[other].shape == shape][:4]
        return {other: (numeric(other), _same(yours[other], numeric(name))) for other in alike}

    for name in names:
        theta = subject.arrays[name]
        if name not in yours or yours[name].shape != (m, theta.size):
            continue
        case = Evidence(
            name, theta.copy(), _shape_of(outputs), yours[name], numeric(name),
            others=lambda name=name: others(name),  # type: ignore[misc]
            is_input=name.startswith("dx"),
            at=_diagonal(step, name),
            through=_through(subject, name),
            slack=COARSE if step.doubt(name, rng) else EXACT,
            **shared,
        )  # fmt: skip
        if case.largest and not case.same(case.yours, case.numeric):
            yield case


def yours_of(subject: Subject, outputs: Any) -> Gradients:
    """The Jacobians that backward makes of basis upstreams, by name: (m, P)."""
    layer = subject.start()
    subject.forward(layer, subject.x)
    rows: dict[str, list[Array]] = {}
    for one in np.eye(flat(outputs).size):
        gradients = read_gradients(subject, subject.backward(layer, unflat(one, outputs)))[0]
        for name, gradient in gradients.items():
            rows.setdefault(name, []).append(gradient.ravel())
    return {name: np.array(row) for name, row in rows.items() if len({r.size for r in row}) == 1}


def numeric_of(subject: Subject, step: ComplexStep, name: str, rng: np.random.Generator) -> Array:
    """The Jacobian of one array by derivatives: (m, P)."""
    theta = subject.arrays[name]
    vectors = np.eye(theta.size).reshape(theta.size, *theta.shape)
    if not step.doubt(name, rng):
        try:
            return np.array([step.push(name, vector) for vector in vectors]).T
        except Exception as error:  # at this very point forward overflows, say
            step.distrust(name, f"{type(error).__name__}: {error}")
    h = 6e-5 * unit_of(theta)
    return np.array([step.richardson(theta.copy(), name, vector, h)[0] for vector in vectors]).T


def unflat(row: Array, outputs: Any) -> Any:
    """A row of numbers in the shapes of the outputs."""
    parts, at = [], 0
    for part in parts_of(outputs):
        size = np.size(part)
        parts.append(row[at : at + size].reshape(np.shape(part)))
        at += size
    return tuple(parts) if isinstance(outputs, tuple) else parts[0]


def known_of(subject: Subject) -> dict[str, Array]:
    """The arrays that backward has at hand, by name."""
    known: dict[str, Array] = shared_by(subject, subject.output())["known"]
    return known


def shared_by(subject: Subject, outputs: Any) -> dict[str, Any]:
    """What all gradients of a layer have in common: the arrays at hand, sizes, constants."""
    layer = subject.start()
    given = frozenset(vars(_own(layer))) - {"_cache", "cache"} | frozenset(subject.input_names)
    subject.forward(layer, subject.x)
    known: dict[str, Array] = dict(zip(subject.input_names, subject.inputs, strict=True))
    if not isinstance(outputs, tuple):
        known["y"] = np.asarray(outputs)
    known |= subject.params
    if isinstance(layer, LossAsLayer) and isinstance(layer.target, np.ndarray):
        known["target"] = layer.target
        if layer.target.shape == subject.inputs[0].shape:
            known["x - target"] = subject.inputs[0] - layer.target
    constants: dict[str, float] = {}
    for key, value in vars(_own(layer)).items():
        label = "cache" if key == "_cache" else key
        if key in ("params", "buffers"):
            continue
        if isinstance(value, float | int) and not isinstance(value, bool) and value:
            constants[label] = float(value)
        for text, array in _arrays(label, value):
            if not any(array.shape == old.shape and np.array_equal(array, old) for old in known.values()):
                known[text] = array
    if 0 < constants.get("p", 0) < 1:
        constants["(1 - p)"] = 1 - constants["p"]
    return {
        "known": known, "constants": constants, "sizes": _sizes(subject, outputs), "given": given,
        "divisors": cache(lambda: _divisors(subject)),
    }  # fmt: skip


def _sizes(subject: Subject, outputs: Any) -> dict[str, int]:
    shapes = {name: x.shape for name, x in zip(subject.input_names, subject.inputs, strict=True)}
    shapes |= {"y": np.shape(outputs)} if not isinstance(outputs, tuple) else {}
    sizes: dict[str, int] = {}
    for what, shape in shapes.items():
        sizes |= {f"{what}.shape[{i}]": n for i, n in enumerate(shape) if n not in sizes.values()}
    return sizes | {f"{what}.size": int(np.prod(shape)) for what, shape in shapes.items()}


def _divisors(subject: Subject) -> list[Array]:
    """What forward divides by, or takes the log or root of: what the chain rule then divides by."""
    try:
        nodes = Graph(subject).tape.nodes
    except Exception:  # not every forward can be put on a tape
        return []
    found = []
    for node in nodes:
        values = [nodes[i].value for i in node.parents]
        if node.what in ("divide", "reciprocal") and node.f is not None:
            doubled = np.asarray(node.f(2 * values[-1])) if len(values) == 1 else node.value / 2
            if np.allclose(2 * doubled, node.value, rtol=1e-9, atol=0):
                found.append(values[-1])
        elif node.what == "log":
            found.append(values[0])
        elif node.what == "sqrt":
            found.append(node.value)
    return found


def _own(layer: Any) -> Any:
    return layer.loss if isinstance(layer, LossAsLayer) else layer


def _arrays(label: str, value: Any, depth: int = 0) -> list[tuple[str, Array]]:
    if isinstance(value, np.ndarray):
        return [(label, value)]
    if depth < 2 and isinstance(value, tuple | list):
        return [found for i, part in enumerate(value) for found in _arrays(f"{label}[{i}]", part, depth + 1)]
    if depth < 2 and isinstance(value, dict):
        parts = value.items()
        return [found for key, part in parts for found in _arrays(f"{label}[{key!r}]", part, depth + 1)]
    return []


def _diagonal(step: ComplexStep, name: str) -> Callable[[Array], Array]:
    return lambda theta: step.push_from(theta.astype(np.float64), name, np.ones(theta.shape))


def _through(subject: Subject, name: str) -> Callable[[Array], tuple[list[Array], Uses]]:
    theta = subject.arrays[name]

    def along(vector: Array, chosen: int) -> tuple[Array, Uses]:
        seen = Uses(chosen)
        carried = track(theta, vector, seen)
        named = zip(subject.input_names, subject.inputs, strict=True)
        x = [carried if f"d{key}" == name else array.copy() for key, array in named]
        moving = {id(p): carried for key, p in subject.params.items() if f"d{key}" == name}
        y = subject.forward(subject.start(moving), tuple(x) if subject.several else x[0])
        if isinstance(y, Tracked):
            y = seen.take(y)
        parts = [np.ravel(np.asarray(part)) for part in parts_of(y)]
        slopes = [part.imag if part.dtype.kind == "c" else np.zeros(part.size) for part in parts]
        return np.concatenate(slopes) / H, seen

    def through(vector: Array) -> tuple[list[Array], Uses]:
        first, seen = along(vector, 0)
        if not 2 <= seen.count <= 40:
            return [first], seen
        return [first, *(along(vector, k)[0] for k in range(1, seen.count))], seen

    return through


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0) <= EXACT * np.abs(b).max(initial=0))


def _shape_of(outputs: Any) -> tuple[int, ...]:
    return (flat(outputs).size,) if isinstance(outputs, tuple) else np.shape(outputs)
