"""The right numbers in other places: axes exchanged, reversed or moved by one; sums of the wrong entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from layers.base import Array

from ..report import Kind
from .alter import by_matrix, rearranged, same, way
from .graph import Adjoint, AtEdge, Change, Edge, Graph, operation
from .local import LINEAR, MOVES, Gathered

LARGE = 40_000  # entries of a local Jacobian that is looked at entry by entry
COPIES = ("repeat", "tile", "broadcast_to")


def of_arrangements(graph: Graph, groups: list[list[Edge]]) -> Iterator[Change]:
    for edges in groups:
        yield from _turned(graph, edges)
        yield from _overwritten(graph, edges)
        yield from _one_entry(graph, edges)
        yield from _over_summed(graph, edges)


def _turned(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """The adjoint with two axes of one length exchanged, reversed along one, or moved by one."""
    shape = graph.nodes[edges[0][0]].value.shape
    if len(shape) > 4 or any(graph.nodes[i].value.shape != shape for i, _ in edges):
        return
    own = graph.nodes[graph.nodes[edges[0][0]].parents[edges[0][1]]].value.shape
    own = (1,) * (len(shape) - len(own)) + own

    def change(kind: Kind, what: str, move: Callable[[Array], Array]) -> Change:
        words = f"the gradient that goes {way(graph, edges[0])} {what}"
        changes = {edge: rearranged(graph, edge, move) for edge in edges}
        return Change(kind, words, graph.place(edges[0][0]), changes)

    for a, n in enumerate(shape):
        for b in range(a + 1, len(shape)):
            if n == shape[b] > 1:
                summed = len(own) == len(shape) and (own[a] == 1) != (own[b] == 1)
                kind: Kind = "wrong-axis" if summed else "transposed"
                yield change(
                    kind, f"has its axes {a} and {b} exchanged", partial(np.swapaxes, axis1=a, axis2=b)
                )
        if n > 1:
            yield change("flipped", f"is reversed along axis {a}", partial(np.flip, axis=a))
        if n > 2:
            for step in (1, -1):
                words = f"is shifted by {step} along axis {a}"
                yield change("shifted", words, partial(np.roll, shift=step, axis=a))
                yield change("shifted", words, partial(_slid, step=step, axis=a))


def _slid(u: Array, step: int, axis: int) -> Array:
    """u moved by one along an axis, zeros in the free place."""
    moved = np.roll(u, step, axis)
    moved[(slice(None),) * axis + (0 if step > 0 else -1,)] = 0
    return moved


def _overwritten(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """One of several uses of an entry stays: = for +=."""
    node = graph.nodes[edges[0][0]]
    if node.what.partition("[")[0] not in MOVES or isinstance(graph.operator(edges[0]), Gathered):
        return
    by_ids = node.what in ("getitem", "take", "take_along_axis")
    kind: Kind = "repeated-index-not-added" if by_ids else "overlap-not-added"
    mend = "use np.add.at: g[ids] += u keeps the last one" if by_ids else "add them up: += in place of ="
    if node.what in COPIES:
        kind, mend = "only-some", "sum over all copies"

    def change(kind: Kind, words: str, how: Callable[[Graph, Edge], AtEdge], mend: str) -> Change:
        changes = {edge: how(graph, edge) for edge in edges}
        return Change(kind, words, graph.place(edges[0][0]), changes, mend=mend)

    words = f"of several uses of an entry by the {operation(node)} one counts"
    yield change(kind, words, partial(_one_stays, last=True), mend)
    yield change(kind, words, partial(_one_stays, last=False), mend)
    if node.value.ndim > 1 and len(node.value) > 1:
        yield change(kind, words, _one_of_each, mend)
    if by_ids:
        words = "the gradients of several uses of an entry are averaged"
        yield change("extra-factor", words, _averaged, "add them up")


def _one_stays(graph: Graph, edge: Edge, last: bool) -> AtEdge:
    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        J = graph.operator(edge).dense() != 0
        at = len(J) - 1 - J[::-1].argmax(axis=0) if last else J.argmax(axis=0)
        return np.where(J.any(axis=0), u[at], 0.0)

    return alter


def _one_of_each(graph: Graph, edge: Edge) -> AtEdge:
    """One stays of those within each index of the first axis; these add up."""

    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        n = len(graph.nodes[edge[0]].value)
        J, U = (graph.operator(edge).dense() != 0).reshape(n, -1, len(right)), u.reshape(n, -1)
        at = J.shape[1] - 1 - J[:, ::-1].argmax(axis=1)
        return np.asarray(np.where(J.any(axis=1), np.take_along_axis(U, at, axis=1), 0.0).sum(axis=0))

    return alter


def _averaged(graph: Graph, edge: Edge) -> AtEdge:
    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        return np.asarray(right / np.maximum((graph.operator(edge).dense() != 0).sum(axis=0), 1))

    return alter


def _one_entry(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """Of the entries that go into one of the result, one gets its gradient, or all others do."""
    node = graph.nodes[edges[0][0]]
    if len(edges) > 1 or node.what not in LINEAR or len(node.parents) != 1:
        return
    J = graph.operator(edges[0]).dense()
    if J.size > LARGE or (J != 0).sum(axis=1).max(initial=0) < 2:
        return
    rows = np.arange(len(J))
    first, last = (J != 0).argmax(axis=1), J.shape[1] - 1 - (J[:, ::-1] != 0).argmax(axis=1)
    alike = np.ptp(J[J != 0]) <= 1e-12 * np.abs(J).max()
    kind: Kind = "only-some" if alike else "missing-path"
    for text, at in (("first", first), ("last", last)):
        alone = np.zeros_like(J)
        alone[rows, at] = J[rows, at]
        for kept, verb in ((alone, "alone gets"), (J - alone, "does not get")):
            words = f"of what the {operation(node)} takes in, the {text} {verb} its gradient"
            yield same(graph, edges, kind, words, by_matrix(kept))


def _over_summed(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    nodes = graph.nodes
    parent = nodes[nodes[edges[0][0]].parents[edges[0][1]]]
    shape = parent.value.shape
    if parent.what != "leaf" or any(nodes[nodes[i].parents[k]].value.shape != shape for i, k in edges):
        return
    p = nodes[edges[0][0]].parents[edges[0][1]]
    unread = nodes[edges[0][0]].what in MOVES and len(edges) == 1 and graph.label(p).startswith("x")
    kind: Kind = "wrong-region" if unread else "over-summed"
    for axis, n in enumerate(shape):
        if n > 1:
            words = f"the gradient {way(graph, edges[0])} is summed over axis {axis}, along which it varies"
            yield same(
                graph, edges, kind, words, _summed(shape, axis), "sum over what forward broadcasts alone"
            )


def _summed(shape: tuple[int, ...], axis: int) -> AtEdge:
    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        return np.broadcast_to(right.reshape(shape).sum(axis, keepdims=True), shape).ravel()

    return alter
