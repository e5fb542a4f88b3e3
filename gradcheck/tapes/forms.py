"""Another function of an operand or a result for the derivative, or the derivative at another value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from layers.base import Array

from ..report import Kind
from .alter import by_slope
from .graph import Change, Edge, Graph, operation
from .local import UNARY, slopes
from .operands import by_shape_of

MOST = 60  # values to take a derivative at
Lazy = Kind | Callable[[], Kind]
FORMS: dict[str, Callable[[Array], Array]] = {
    "t": lambda t: t,
    "1 - t": lambda t: 1 - t,
    "t (1 - t)": lambda t: t * (1 - t),
    "1 - t²": lambda t: 1 - t * t,
    "t²": lambda t: t * t,
    "t > 0": lambda t: (t > 0).astype(float),
    "1 / t": lambda t: 1 / t,
    "2 t": lambda t: 2 * t,
}


def of_forms(graph: Graph, groups: list[list[Edge]]) -> Iterator[Change]:
    nodes = graph.nodes
    for edges in groups:
        i, k = edges[0]
        if nodes[i].what not in UNARY | {"maximum", "where", "absolute"}:
            continue
        if nodes[i].value.shape != nodes[nodes[i].parents[k]].value.shape:
            continue
        x = [nodes[nodes[j].parents[h]].value for j, h in edges]
        y = [nodes[j].value for j, _ in edges]
        true = [slope_at(graph, edge, at) for edge, at in zip(edges, x, strict=True)]
        at_y = [slope_at(graph, edge, at) for edge, at in zip(edges, y, strict=True)]
        for kind, words, others in forms(operation(nodes[i]), _flat(x), _flat(y), _flat(true), _flat(at_y)):
            changes = {edge: by_slope(slope) for edge, slope in zip(edges, others, strict=True)}
            yield Change(kind, words, graph.place(i), changes)
    yield from _at_others(graph, groups)


def forms(
    what: str, x: list[Array], y: list[Array], true: list[Array], at_y: list[Array] | None
) -> Iterator[tuple[Lazy, str, list[Array]]]:
    """Derivatives that may stand for the true one of y = what(x), turn by turn."""
    if at_y is not None:
        yield "post-activation", f"the derivative of the {what} is taken at its output", at_y
    for text, phi in FORMS.items():
        of_x, of_y = [phi(t) for t in x], [phi(t) for t in y]
        for words, mine, other, t in (("input", of_x, of_y, x), ("output", of_y, of_x, y)):
            kind = partial(_kind, mine, other, t, true)
            yield kind, f"the derivative of the {what} is taken as {text} with the {words} for t", mine
    inverse = [1 / slope for slope in true]
    yield "wrong-formula", f"the derivative of the {what} divides where it should multiply", inverse


def _kind(mine: list[Array], other: list[Array], t: list[Array], true: list[Array]) -> Kind:
    """Taken at the wrong value; with a factor missing, where the true derivative is this times one more."""
    if all(np.allclose(a, d) for a, d in zip(other, true, strict=True)):
        return "post-activation"
    for phi in (FORMS["t"], FORMS["1 - t"]):
        if all(np.allclose(a * phi(s), d) for a, s, d in zip(mine, t, true, strict=True)):
            return "missing-factor"
    return "wrong-formula"


def slope_at(graph: Graph, edge: Edge, at: Array) -> Array:
    """The derivative of an elementwise operation with another value for its operand."""
    i, k = edge
    node = graph.nodes[i]
    values = [at if j == k else graph.nodes[p].value for j, p in enumerate(node.parents)]
    return np.broadcast_to(slopes(node, values, k), node.value.shape)


def _at_others(graph: Graph, groups: list[list[Edge]]) -> Iterator[Change]:
    """The derivative taken at another value than the operand."""
    nodes, by_shape = graph.nodes, by_shape_of(graph)
    for edges in groups:
        i, k = edges[0]
        p = nodes[i].parents[k]
        if len(edges) > 1 or nodes[i].what not in UNARY or nodes[p].value.shape != nodes[i].value.shape:
            continue
        for members in by_shape.get(nodes[p].value.shape, [])[:MOST]:
            other = members[0]
            if len(members) > 1 or other in (p, i):
                continue
            centred = nodes[p].what == "subtract" and other in nodes[p].parents
            kind: Kind = "missing-path" if centred else "wrong-operand"
            at = f"at {graph.label(other)}, not at {graph.label(p)}"
            words = f"the derivative of the {operation(nodes[i])} is taken {at}"
            slope = slope_at(graph, (i, k), nodes[other].value).ravel()
            yield Change(kind, words, graph.place(i), {(i, k): by_slope(slope)})


def _flat(arrays: list[Array]) -> list[Array]:
    return [array.ravel() for array in arrays]
