"""A product that takes another value on the way back than its other operand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from layers.base import Array

from ..report import Kind
from .graph import Adjoint, AtEdge, Change, Edge, Graph, operation
from .local import PRODUCTS, Operator, of

MOST = 150  # others to try for one product
PAIRS = 16  # products of which two may have been mixed up
DIAGONAL = ("multiply", "divide", "true_divide")
ByShape = dict[tuple[int, ...], list[list[int]]]  # values of forward, those of one instruction together


def of_operands(graph: Graph, groups: list[list[Edge]], sound: list[list[Edge]]) -> Iterator[Change]:
    """`groups` may explain all that is wrong; `sound` touch nothing that is right, and may do so in pairs."""
    by_shape = by_shape_of(graph)
    products = [edges for edges in groups if _are_products(graph, edges)]
    for edges in products:
        yield from _rearranged(graph, edges)
    for edges in products:
        yield from _others(graph, edges, by_shape)
    yield from _exchanged(graph, [edges for edges in sound if _are_products(graph, edges)], by_shape)


def by_shape_of(graph: Graph) -> ByShape:
    together: dict[Any, list[int]] = {}
    for n, node in enumerate(graph.nodes):
        key = (node.value.shape, node.instruction, node.callers, node.what, n if node.what == "leaf" else 0)
        together.setdefault(key, []).append(n)
    by_shape: ByShape = {}
    for key, members in together.items():
        by_shape.setdefault(key[0], []).append(members)
    return by_shape


def _are_products(graph: Graph, edges: list[Edge]) -> bool:
    nodes = (graph.nodes[i] for i, _ in edges)
    return all(node.what in PRODUCTS and len(node.parents) == 2 for node in nodes)


def _operand(graph: Graph, edge: Edge) -> int:
    """The other one."""
    return graph.nodes[edge[0]].parents[1 - edge[1]]


def _taking(graph: Graph, edges: list[Edge], others: list[Array]) -> dict[Edge, AtEdge]:
    return {edge: _with(graph, edge, other) for edge, other in zip(edges, others, strict=True)}


def _with(graph: Graph, edge: Edge, other: Array) -> AtEdge:
    """The product with another value for its other operand."""
    i, k = edge
    kept: list[Operator] = []

    def alter(u: Array, right: Array, _: Adjoint) -> Array:
        if not kept:
            node = graph.nodes[i]
            values = [graph.nodes[p].value for p in node.parents]
            values[1 - k] = other
            kept.append(of(node, values, k))
        return np.asarray(kept[0].pull(u[None])[0])

    return alter


def _rearranged(graph: Graph, edges: list[Edge]) -> Iterator[Change]:
    """Its other operand transposed, reversed, moved by one, or one index of it for all; its own operand."""
    nodes, place = graph.nodes, graph.place(edges[0][0])
    what, label = operation(nodes[edges[0][0]]), graph.label(_operand(graph, edges[0]))
    values = [nodes[_operand(graph, edge)].value for edge in edges]
    shape = values[0].shape
    if any(value.shape != shape for value in values):
        return

    def change(kind: Kind, how: str, f: Callable[[Array], Array]) -> Change:
        words = f"the {what} takes {how} for {label}"
        return Change(kind, words, place, _taking(graph, edges, [f(value) for value in values]))

    diagonal = nodes[edges[0][0]].what in DIAGONAL
    if len(shape) > 1 and shape[-1] == shape[-2] > 1 and not diagonal:
        yield change("transposed", "the transpose", lambda v: v.swapaxes(-1, -2))
    own = [nodes[nodes[i].parents[k]].value for i, k in edges]
    squares = any(len(set(nodes[i].parents)) == 1 for i, _ in edges)
    if all(value.shape == shape for value in own) and not squares:
        words = f"the {what} takes its own operand for the other one, {label},"
        yield Change("wrong-operand", words, place, _taking(graph, edges, own))
    for a, n in enumerate(shape):
        if n < 2:
            continue
        yield change("wrong-operand", f"index 0 along axis {a}", lambda v, a=a: _first(v, a))  # type: ignore[misc]
        if n > 2:
            yield change("shifted", f"what is next along axis {a}", lambda v, a=a: np.roll(v, -1, a))  # type: ignore[misc]
            yield change("shifted", f"what is before along axis {a}", lambda v, a=a: np.roll(v, 1, a))  # type: ignore[misc]
        yield change("flipped", f"the reverse along axis {a}", lambda v, a=a: np.flip(v, a))  # type: ignore[misc]
    if nodes[edges[0][0]].what == "multiply":
        yield change("wrong-formula", "the square", np.square)
        yield change("wrong-formula", "the reciprocal", np.reciprocal)
        yield change("wrong-formula", "1 minus it", lambda v: 1 - v)


def _first(value: Array, axis: int) -> Array:
    return np.broadcast_to(value.take([0], axis), value.shape)


def _others(graph: Graph, edges: list[Edge], by_shape: ByShape) -> Iterator[Change]:
    nodes = graph.nodes
    operands = [_operand(graph, edge) for edge in edges]
    if len({nodes[p].value.shape for p in operands}) != 1:
        return
    what, label, place = operation(nodes[edges[0][0]]), graph.label(operands[0]), graph.place(edges[0][0])
    mend = "look at which value backward multiplies by"
    shape = nodes[operands[0]].value.shape
    if len(edges) == 1 and len(shape) == 2 and nodes[operands[0]].what == "transpose":
        for members in by_shape.get(shape[::-1], []):
            if len(members) == 1 and members[0] not in nodes[operands[0]].parents:
                words = f"the {what} takes {graph.label(members[0])}, transposed, for {label}"
                changes = _taking(graph, edges, [nodes[members[0]].value.T])
                yield Change("wrong-operand", words, place, changes, mend=mend)
    for kind, other, picked in list(_candidates(graph, operands, by_shape.get(shape, [])))[:MOST]:
        values = [nodes[p].value for p in picked]
        if not all(np.array_equal(v, nodes[p].value) for v, p in zip(values, operands, strict=True)):
            words = f"the {what} takes {other} for {label}"
            yield Change(kind, words, place, _taking(graph, edges, values), mend=mend)


def _candidates(
    graph: Graph, operands: list[int], groups: list[list[int]]
) -> Iterator[tuple[Kind, str, list[int]]]:
    """What a product may have taken in place of its operands, turn by turn: of the same turns first."""
    n = len(operands)
    at, turns = _turns(groups, operands)
    for members in groups:
        if len(members) == n and members != operands:
            yield "wrong-operand", graph.label(members[0]), members
        elif len(members) == turns and [members[t] for t in at] != operands:
            yield "wrong-operand", graph.label(members[0]), [members[t] for t in at]
    if n > 1:
        if len(set(operands)) == n:
            if n > 2:  # of two, it is one for both
                yield "shifted", "that of the next turn", [*operands[1:], operands[-1]]
                yield "shifted", "that of the turn before", [operands[0], *operands[:-1]]
            yield "flipped", "that of the turns in reverse", operands[::-1]
        starts = [
            members[0] for members in groups if len(members) == 1 and graph.nodes[members[0]].what == "leaf"
        ]
        for members in groups:
            if len(members) == n:
                for start in starts[:2]:
                    yield (
                        "wrong-operand",
                        f"{graph.label(members[0])} of the turn before",
                        [start, *members[:-1]],
                    )
            for first in range(len(members) - n + 1):
                if len(members) > n and members[first : first + n] != operands:
                    yield (
                        "shifted",
                        f"{graph.label(members[first])} of another turn",
                        members[first : first + n],
                    )
    for members in groups:
        if n > 1 or len(members) > 1:
            for one in members if len(members) <= 6 else (members[0], members[-1]):
                yield "wrong-operand", f"{graph.label(one)} in all turns", [one] * n


def _turns(groups: list[list[int]], values: list[int]) -> tuple[list[int], int]:
    """In which turns of its loop forward makes some values, and how many there are."""
    for members in groups:
        if set(values) <= set(members):
            return [members.index(p) for p in values], len(members)
    return [], 0


def _exchanged(graph: Graph, products: list[list[Edge]], by_shape: ByShape) -> Iterator[Change]:
    """Two products with each other's operands."""
    nodes = graph.nodes
    for a, b in combinations(products[:PAIRS], 2):
        if nodes[a[0][0]].what != nodes[b[0][0]].what or not set(a).isdisjoint(b):
            continue
        mine, theirs = ([_operand(graph, edge) for edge in group] for group in (a, b))
        if len({nodes[p].value.shape for p in (*mine, *theirs)}) != 1:
            continue
        swapped = theirs, mine
        if len(a) != len(b):  # one is constant in the first turn
            groups = by_shape[nodes[mine[0]].value.shape]
            of_mine, of_theirs = (next((m for m in groups if set(v) <= set(m)), []) for v in (mine, theirs))
            if not of_mine or len(of_mine) != len(of_theirs):
                continue
            swapped = (
                [of_theirs[of_mine.index(p)] for p in mine],
                [of_mine[of_theirs.index(p)] for p in theirs],
            )
        changes = _taking(graph, a, [nodes[p].value for p in swapped[0]])
        changes |= _taking(graph, b, [nodes[p].value for p in swapped[1]])
        words = f"{graph.label(mine[0])} and {graph.label(theirs[0])} are exchanged as factors"
        yield Change("wrong-operand", words, graph.place(a[0][0]), changes)
