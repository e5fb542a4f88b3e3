"""What a mistake makes of the contribution of one edge, or of the adjoint of one node."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from layers.base import Array

from ..report import Kind
from .graph import Adjoint, AtEdge, Change, Edge, Graph, operation


def dropped(u: Array, right: Array, _: Adjoint) -> Array:
    return np.zeros_like(right)


def passed(u: Array, right: Array, _: Adjoint) -> Array:
    """The adjoint itself: the derivative left out."""
    return u


def times(factor: float | Array) -> AtEdge:
    """The right contribution with a factor."""

    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        return np.asarray(right * factor)

    return alter


def by_slope(slope: Array) -> AtEdge:
    """Entry by entry with another derivative."""

    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        return np.asarray(u * slope)

    return alter


def by_matrix(J: Array) -> AtEdge:
    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        return np.asarray(u @ J)

    return alter


def rearranged(graph: Graph, edge: Edge, move: Callable[[Array], Array]) -> AtEdge:
    """The right derivative of another arrangement of the adjoint."""
    shape = graph.nodes[edge[0]].value.shape

    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        return np.asarray(graph.operator(edge).pull(move(u.reshape(shape)).reshape(1, -1))[0])

    return alter


def of_another(graph: Graph, edge: Edge, b: int) -> AtEdge:
    """The right derivative of the adjoint of node b."""

    def alter(u: Array, right: Array, adjoint: Adjoint) -> Array:
        return np.asarray(graph.operator(edge).pull(adjoint(b)[None])[0])

    return alter


def negative(u: Array, _: Adjoint) -> Array:
    return -u


def cut(u: Array, _: Adjoint) -> Array:
    return np.zeros_like(u)


def same(
    graph: Graph,
    edges: Iterable[Edge],
    kind: Kind | Callable[[], Kind],
    words: str,
    alter: AtEdge,
    mend: str = "",
) -> Change:
    """One change for all of the edges."""
    edges = list(edges)
    return Change(kind, words, graph.place(edges[0][0]), dict.fromkeys(edges, alter), mend=mend)


def way(graph: Graph, edge: Edge) -> str:
    """An edge in words."""
    i, k = edge
    return f"from {graph.label(graph.nodes[i].parents[k])} through the {operation(graph.nodes[i])}"
