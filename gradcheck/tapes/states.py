"""The gradient of one value of forward: cut off, of the wrong sign, or that of another value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from layers.base import Array

from .alter import cut, dropped, negative, of_another, times, way
from .graph import Adjoint, AtEdge, AtNode, Change, Edge, Graph
from .local import PRODUCTS

MOST = 24  # other values to try for one
LONGEST = 8  # turns of a loop
JOINED = {"concatenate", "stack", "hstack", "vstack", "array"}
SPLIT = {"getitem", "split", "array_split"}


def of_states(
    graph: Graph, groups: list[list[Edge]], sound: list[list[Edge]], could: Callable[[list[int]], bool]
) -> Iterator[Change]:
    """`groups` may explain all that is wrong; `sound` touch nothing that is right, and may do so in pairs."""
    states = [nodes for nodes in _states(graph) if could(nodes)]
    for nodes in states:
        yield from _cut(graph, nodes)
        yield from _uses(graph, nodes)
    yield from _parts(graph)
    yield from _exchanged(graph, sound)
    for nodes in states:
        yield from _of_a_later_one(graph, nodes)
    for edges in groups:
        yield from _handed_another(graph, edges)


def _states(graph: Graph) -> list[list[int]]:
    """The nodes of one instruction: one, or one in each turn of a loop."""
    together: dict[Any, list[int]] = {}
    for i in reversed(graph.alive):
        node = graph.nodes[i]
        key = (node.instruction, node.callers, node.what, i if node.what == "leaf" else 0)
        together.setdefault(key, []).append(i)
    return list(together.values())


def _cut(graph: Graph, nodes: list[int]) -> Iterator[Change]:
    label, place = graph.label(nodes[0]), graph.place(nodes[0])
    if len(graph.children.get(nodes[0], [])) > 1:
        words = f"the gradient of {label} has the wrong sign"
        yield Change("sign", words, place, nodes=dict.fromkeys(nodes, negative))
        yield Change(
            "missing-path", f"the path through {label} is cut", place, nodes=dict.fromkeys(nodes, cut)
        )
    if len(nodes) <= LONGEST:
        for start in range(1, len(nodes)):
            words = f"the gradient of {label} is cut before turn {start}"
            yield Change("only-some", words, place, nodes=dict.fromkeys(nodes[:start], cut))


def _uses(graph: Graph, nodes: list[int]) -> Iterator[Change]:
    """Several of the uses of a value do not count, or one counts for another."""
    uses = graph.children.get(nodes[0], []) if len(nodes) == 1 else []
    if len(uses) == 2 and all(graph.nodes[i].what in PRODUCTS for i, _ in uses):
        for lost, kept in (uses, uses[::-1]):
            words = f"the path {way(graph, kept)} counts twice, and that {way(graph, lost)} not at all"
            mend = "both operands depend on it: add the two paths up"
            twice = {lost: dropped, kept: times(2.0)}
            yield Change("missing-path", words, graph.place(lost[0]), twice, mend=mend)
    if 3 <= len(uses) <= 5:
        for count in range(2, len(uses)):
            for several in combinations(uses, count):
                place = ", ".join(dict.fromkeys(graph.place(i) for i, _ in several))
                words = f"{count} of the {len(uses)} uses of {graph.label(nodes[0])} do not count"
                changes: dict[Edge, AtEdge] = dict.fromkeys(several, dropped)
                yield Change("missing-path", words, place, changes, mend="add the paths up")


def _parts(graph: Graph) -> Iterator[Change]:
    """One part of a joined value does not count in one of its uses."""
    for a in graph.alive:
        uses = graph.children.get(a, [])
        if graph.nodes[a].what not in JOINED or len(uses) < 2:
            continue
        for k, p in enumerate(graph.nodes[a].parents):
            if p in graph.live:
                rest = 1.0 - (graph.operator((a, k)).dense() != 0).any(axis=1)
                words = f"the path from {graph.label(p)}, a part of {graph.label(a)}, is missing"
                for edge in uses:
                    changes = {edge: times(rest)}
                    mend = "add it to the other paths"
                    yield Change(
                        "missing-path", words, graph.place(edge[0]), changes, mend=mend, touched=(p,)
                    )


def _exchanged(graph: Graph, groups: list[list[Edge]]) -> Iterator[Change]:
    """Two parts of what is joined, or split, with each other's gradients."""
    for a, b in combinations(groups[:60], 2):
        if len(a) != len(b):
            continue
        changes: dict[Edge, AtEdge] = {}
        for e, f in zip(a, b, strict=True):
            changes |= _two(graph, e, f)
        if len(changes) == 2 * len(a):
            words = f"two parts, {way(graph, a[0])} and {way(graph, b[0])}, have each other's gradients"
            mend = "look at how they are joined or split"
            yield Change("swapped", words, graph.place(a[0][0]), changes, mend=mend)


def _two(graph: Graph, e: Edge, f: Edge) -> dict[Edge, AtEdge]:
    """Two edges with each other's gradients; none if they are not alike."""
    (i, k), (j, h) = e, f
    nodes = graph.nodes
    what = nodes[i].what.partition("[")[0]
    if nodes[i].value.shape != nodes[j].value.shape:
        return {}
    if i == j and what in JOINED:
        if nodes[nodes[i].parents[k]].value.shape != nodes[nodes[j].parents[h]].value.shape:
            return {}
        return {e: _by(graph, f), f: _by(graph, e)}
    if i != j and what in SPLIT and nodes[i].parents == nodes[j].parents:
        first, last = min(e, f), max(e, f)  # the adjoints of both are whole when the earlier one's turn comes

        def both(u: Array, right: Array, adjoint: Adjoint) -> Array:
            mine, theirs = (
                graph.operator(last).pull(u[None]),
                graph.operator(first).pull(adjoint(last[0])[None]),
            )
            return np.asarray((mine + theirs)[0])

        return {last: dropped, first: both}
    return {}


def _by(graph: Graph, other: Edge) -> AtEdge:
    """The contribution of another edge."""

    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        return np.asarray(graph.operator(other).pull(u[None])[0])

    return alter


def _of_a_later_one(graph: Graph, nodes: list[int]) -> Iterator[Change]:
    """The gradient of a later value in its place: what lies between is passed over."""
    if len(nodes) > 1:
        return
    (a,) = nodes
    shape = graph.nodes[a].value.shape
    later = [b for b in reversed(graph.alive) if b > a and graph.nodes[b].value.shape == shape]
    for b in later[:MOST]:
        words = f"{graph.label(a)} gets the gradient of {graph.label(b)}; what lies between is passed over"
        mend = "multiply by the derivatives on the way"
        changes = {a: _from(b)}
        yield Change("no-local-derivative", words, graph.place(a) or graph.place(b), nodes=changes, mend=mend)


def _from(b: int) -> AtNode:
    def alter(u: Array, adjoint: Adjoint) -> Array:
        return adjoint(b)

    return alter


def _handed_another(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """An operation that is handed the gradient of another value than its own result."""
    if len(edges) > 1:
        return
    ((i, k),) = edges
    shape = graph.nodes[i].value.shape
    for b in [b for b in graph.alive if b > i and graph.nodes[b].value.shape == shape][:MOST]:
        words = f"the gradient of {graph.label(b)}, not of {graph.label(i)}, goes {way(graph, (i, k))}"
        changes = {(i, k): of_another(graph, (i, k), b)}
        yield Change(
            "wrong-operand", words, graph.place(i), changes, mend="use the gradient of its own result"
        )
