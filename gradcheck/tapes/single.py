"""One edge of forward's graph, or that of one statement in all turns of a loop, left out or taken wrongly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from layers.base import Array

from ..report import Kind
from .alter import dropped, passed, same, times, way
from .graph import Adjoint, AtEdge, Change, Edge, Graph, operation
from .local import MOVES, PRODUCTS
from .meaning import factor_kind, is_constant, is_mask, is_reversal, part_of_more, path_kind

TURNED = {"transpose", "swapaxes", "moveaxis", "rollaxis"}
THROUGH = {"mean-path": "the path through the mean", "variance-path": "the path through the variance"}


def of_edges(graph: Graph, groups: list[list[Edge]]) -> Iterator[Change]:
    for edges in groups:
        yield _lost(graph, edges)
        words = f"the path {way(graph, edges[0])} has the wrong sign"
        yield same(graph, edges, "sign", words, times(-1.0), "look for a minus too many, or too few")
        yield from _passed(graph, edges)
        yield from _twice(graph, edges)


def _lost(graph: Graph, edges: list[Edge]) -> Change:
    kind = path_kind(graph, edges[0])
    words = f"{THROUGH.get(kind, 'the path')} {way(graph, edges[0])} is missing"
    return same(graph, edges, kind, words, dropped, "add it to the other paths")


def _passed(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """The adjoint goes on as it is, in another shape at most."""
    nodes = graph.nodes
    i, k = edges[0]
    node, parent = nodes[i], nodes[nodes[i].parents[k]]
    if any(nodes[j].value.size != nodes[nodes[j].parents[h]].value.size for j, h in edges):
        return
    what, through = operation(node), way(graph, edges[0])
    kind: Kind = "no-local-derivative"
    words, mend = f"the derivative {through} is left out", "multiply by it"
    if is_mask(graph, edges):
        yield same(graph, edges, "wrong-region", f"the mask of the {what} is the wrong way round", _rest)
        words, mend = f"the mask of the {what} is left out", "multiply by the mask that forward applies"
    elif node.what in TURNED and node.value.shape == parent.value.shape:
        kind, words, mend = "transposed", f"the {what} is not undone", "turn the axes back"
    elif node.what in MOVES and node.what not in ("getitem", "take", "roll", "flip"):
        kind, words = "reshaped", f"a reshape stands where the {what} has to be undone"
        mend = "turn the axes back, then reshape"
    elif node.what in MOVES:
        kind = "flipped" if is_reversal(graph, edges[0]) else "permuted"
        words, mend = f"the order of the {what} is not undone", "put the entries back where they came from"
    elif node.what in PRODUCTS and len(node.parents) == 1 and is_constant(graph, edges[0]):
        kind = factor_kind(graph, edges[0])
        words = f"the constant factor of the {what} is missing {through}"
    elif node.what in PRODUCTS:
        other = [p for j, p in enumerate(node.parents) if j != k]
        factor = graph.label(other[0]) if other else "of the same statement"
        kind, words = "missing-factor", f"the factor {factor} is missing {through}"
    elif part_of_more(graph, edges[0]):
        kind = "missing-factor"
    yield same(graph, edges, kind, words, passed, mend)


def _rest(u: Array, right: Array, _: Adjoint) -> Array:
    return u - right


def _twice(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    nodes = graph.nodes
    if any(nodes[i].value.shape != nodes[nodes[i].parents[k]].value.shape for i, k in edges):
        return
    if nodes[edges[0][0]].what in MOVES | {"add", "subtract"}:
        return
    kind: Kind = factor_kind(graph, edges[0]) if is_constant(graph, edges[0]) else "extra-factor"
    words = f"the derivative {way(graph, edges[0])} is taken twice"
    changes = {edge: _again(graph, edge) for edge in edges}
    yield Change(kind, words, graph.place(edges[0][0]), changes, mend="multiply by it once")


def _again(graph: Graph, edge: Edge) -> AtEdge:
    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        return np.asarray(graph.operator(edge).pull(right[None])[0])

    return alter
