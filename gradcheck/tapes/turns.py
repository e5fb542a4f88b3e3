"""Some turns of a loop, or some indices of an axis, that do not count on the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise

import numpy as np

from layers.base import Array

from .alter import dropped, of_another, rearranged, same, times, way
from .graph import AtEdge, Change, Edge, Graph

LONGEST = 12  # turns of a loop
BOUNDS = "check the bounds of the loop, and = for +="


def of_turns(graph: Graph, groups: list[list[Edge]]) -> Iterator[Change]:
    loops = [edges for edges in groups if 1 < len(edges) <= LONGEST]
    for edges in loops:
        yield from _paths(graph, edges) if _apart(graph, edges) else _some(graph, edges)
    for edges in groups:
        yield from _indices(graph, edges)
    for edges in loops:
        yield from _written_over(graph, edges)
        yield from _neighbours(graph, edges)


def _apart(graph: Graph, edges: list[Edge]) -> bool:
    """Whether each turn has parameters of its own: paths rather than steps."""
    arrays = set(graph.names.values())

    def parameters(i: int, k: int) -> set[int]:
        found = set[int]()
        for p in (p for j, p in enumerate(graph.nodes[i].parents) if j != k):
            while graph.nodes[p].what in ("transpose", "reshape", "copy"):
                p = graph.nodes[p].parents[0]
            found |= {p} & arrays
        return found

    used = [parameters(i, k) for i, k in edges]
    return all(used) and sum(map(len, used)) == len(set[int]().union(*used))


def _paths(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    n, through = len(edges), way(graph, edges[0])
    for i in range(n):
        words = f"the paths {through} but number {i} of {n} are missing"
        yield same(graph, edges[:i] + edges[i + 1 :], "missing-path", words, dropped, "add the paths up")
        words = f"the path {through}, number {i} of {n}, is missing"
        yield same(graph, edges[i : i + 1], "missing-path", words, dropped, "add the paths up")


def _some(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    n, through = len(edges), way(graph, edges[0])
    for turn, others in (("last", edges[:-1]), ("first", edges[1:])):
        words = f"the {turn} turn of the loop alone counts {through}"
        yield same(graph, others, "only-some", words, dropped, BOUNDS)
    if n == 2:
        return
    for turn, lost in (("last", edges[-1:]), ("first", edges[:1])):
        words = f"the {turn} turn of the loop does not count {through}"
        yield same(graph, lost, "only-some", words, dropped, BOUNDS)
    for period in range(2, n):
        for start in range(period):
            words = f"the path {through} is cut in every {period} turns"
            lost = edges[start::period]
            yield same(graph, lost, "missing-path", words, dropped, "carry it through all turns")
    for i in range(1, n - 1):
        words = f"turn {i} of the loop does not count {through}"
        yield same(graph, edges[i : i + 1], "only-some", words, dropped, BOUNDS)
        words = f"the path {through} is cut before turn {i}"
        yield same(graph, edges[:i], "missing-path", words, dropped, "carry it through all turns")


def _indices(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """One index, or one block, along an axis of the gradient, or all but that."""
    shape = graph.nodes[edges[0][0]].value.shape
    if any(graph.nodes[i].value.shape != shape for i, _ in edges):
        return
    for axis, n in enumerate(shape):
        for text, chosen in _blocks(n):
            along = chosen.reshape(-1, *(1,) * (len(shape) - axis - 1))
            for keep, verb in ((along, "alone counts"), (~along, "does not count")):
                words = f"{text} of axis {axis} {verb} {way(graph, edges[0])}"
                changes = {edge: rearranged(graph, edge, partial(np.multiply, keep)) for edge in edges}
                yield Change("only-some", words, graph.place(edges[0][0]), changes)


def _blocks(n: int) -> Iterator[tuple[str, Array]]:
    """The first index and the last, and every half, third and quarter."""
    if n < 2:
        return
    yield "index 0", np.arange(n) == 0
    yield "the last index", np.arange(n) == n - 1
    for parts in (4, 3, 2):
        if n % parts == 0 and n > parts:
            for q in range(parts):
                yield f"block {q} of {parts}", np.arange(n) // (n // parts) == q


def _written_over(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """= for +=: where several turns give a gradient to one entry, that of one stays."""
    nodes = graph.nodes
    slices = nodes[edges[0][0]].what in ("getitem", "take")
    if not slices or len({nodes[i].parents[k] for i, k in edges}) != 1:
        return
    reads = {edge: (graph.operator(edge).dense() != 0).any(axis=0) for edge in edges}
    if sum(read.astype(int) for read in reads.values()).max(initial=0) < 2:
        return
    words = "where the slices of several turns overlap, the gradient of one stays"
    for order in (edges, edges[::-1]):
        changes: dict[Edge, AtEdge] = {}
        taken = np.zeros(reads[edges[0]].shape, bool)
        for edge in order:
            changes[edge] = times((reads[edge] & ~taken).astype(float))
            taken |= reads[edge]
        mend = "add them up: += in place of ="
        yield Change("overlap-not-added", words, graph.place(edges[0][0]), changes, mend=mend)


def _neighbours(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """The gradient of the next turn, or of the last, in place of each turn's own."""
    in_order = all(i < j for (i, _), (j, _) in pairwise(edges))
    if not in_order or len({graph.nodes[i].value.shape for i, _ in edges}) != 1:
        return
    place, through = graph.place(edges[0][0]), way(graph, edges[0])

    def taken_from(which: Callable[[int], int]) -> dict[Edge, AtEdge]:
        return {edge: of_another(graph, edge, edges[which(t)][0]) for t, edge in enumerate(edges[:-1])}

    words, mend = f"the gradient of the next turn goes {through}", "an index is off by one"
    following = taken_from(lambda t: t + 1)
    yield Change("shifted", words, place, following | {edges[-1]: dropped}, mend=mend)
    yield Change("shifted", words, place, following, mend=mend)
    words = f"the gradient of the last turn goes {through} in all turns"
    yield Change("only-some", words, place, taken_from(lambda t: -1), mend=BOUNDS)
