"""Functions of several operations, such as a sigmoid or a softmax: from one value to one of its shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from layers.base import Array

from .alter import dropped
from .coupled import Pull, coupled
from .forms import Lazy, forms
from .graph import Adjoint, AtEdge, Change, Edge, Graph

WINDOW = 24  # operations of one function
MOST = 60  # pairs of values to look at
LARGE = 400  # entries of a value


@dataclass
class Region:
    """What leads from value a to value b: `first` are the edges by which it leaves a."""

    a: int
    b: int
    inside: frozenset[int]
    first: tuple[Edge, ...]


def of_passed(graph: Graph, could: Callable[[list[int]], bool]) -> Iterator[Change]:
    for regions in _groups(graph, could):
        for sign in (1.0, -1.0):  # of a function that begins with a minus
            passed = [_by(np.array(sign))] * len(regions)
            words = "the derivative of the function {} is left out"
            yield _changed(graph, regions, "no-local-derivative", words, passed)


def of_functions(graph: Graph, could: Callable[[list[int]], bool]) -> Iterator[Change]:
    for regions in _groups(graph, could):
        yield from _of_one(graph, regions)


def _groups(graph: Graph, could: Callable[[list[int]], bool]) -> list[list[Region]]:
    groups: dict[Any, list[Region]] = {}
    for region in _regions(graph, could):
        a, b = graph.nodes[region.a], graph.nodes[region.b]
        start = (a.instruction, a.what, region.a if a.what == "leaf" else 0)
        groups.setdefault((start, b.instruction, b.callers, b.what), []).append(region)
    return list(groups.values())[:MOST]


def _changed(graph: Graph, regions: list[Region], kind: Lazy, words: str, pulls: list[Pull]) -> Change:
    """One of what `pulls` say for the way from a to b, in all turns."""
    edges: dict[Edge, AtEdge] = {}
    for region, pull in zip(regions, pulls, strict=True):
        for edge in region.first:
            edges[edge] = dropped
        edges[region.first[0]] = _from_b(graph, region, pull)
    a, b = graph.label(regions[0].a), graph.label(regions[0].b)
    return Change(kind, words.format(f"from {a} to {b}"), graph.place(regions[0].b), edges)


def _from_b(graph: Graph, region: Region, pull: Pull) -> AtEdge:
    def alter(u: Array, right: Array, adjoint: Adjoint) -> Array:
        return np.ravel(pull(adjoint(region.b).reshape(graph.nodes[region.b].value.shape)))

    return alter


def _regions(graph: Graph, could: Callable[[list[int]], bool]) -> Iterator[Region]:
    nodes = graph.nodes
    order = graph.alive[::-1]
    position = {i: n for n, i in enumerate(order)}
    for b in order:
        inner = {b}
        for a in order[max(0, position[b] - WINDOW) : position[b]][::-1]:
            leaving = graph.children.get(a, [])
            to_b = tuple(edge for edge in leaving if edge[0] in inner)
            if not to_b:
                continue
            if nodes[a].value.shape == nodes[b].value.shape and nodes[a].value.size > 1 and could([a]):
                inside = _between(graph, a, b, inner)
                first = tuple(edge for edge in to_b if edge[0] in inside)
                alone = all(
                    p == a or p in inside or p not in graph.live for i in inside for p in nodes[i].parents
                )
                if alone and (len(inside) > 1 or len(first) > 1):  # else it is an edge
                    yield Region(a, b, frozenset(inside), first)
            if len(to_b) == len(leaving) and a not in graph.outputs:
                inner.add(a)


def _between(graph: Graph, a: int, b: int, inner: set[int]) -> set[int]:
    seen: set[int] = set()
    waiting = [a]
    while waiting:
        for child, _ in graph.children.get(waiting.pop(), []):
            if child in inner and child not in seen:
                seen.add(child)
                if child != b:
                    waiting.append(child)
    return seen


def _jacobian(graph: Graph, region: Region) -> Array:
    """db / da through the region."""
    size = graph.nodes[region.b].value.size
    adjoints: dict[int, Array] = {region.b: np.eye(size)}
    total = np.zeros((size, graph.nodes[region.a].value.size))
    for i in sorted(region.inside, reverse=True):
        for k, p in enumerate(graph.nodes[i].parents):
            if p == region.a or p in region.inside:
                C = graph.operator((i, k)).pull(adjoints[i])
                if p == region.a:
                    total += C
                else:
                    adjoints[p] = adjoints[p] + C if p in adjoints else C
    return total


def _of_one(graph: Graph, regions: list[Region]) -> Iterator[Change]:
    if graph.nodes[regions[0].b].value.size > LARGE:
        return
    J = [_jacobian(graph, region) for region in regions]
    if any(not np.isfinite(one).all() for one in J):
        return
    x = [graph.nodes[r.a].value for r in regions]
    y = [graph.nodes[r.b].value for r in regions]
    slopes = [np.diag(one) for one in J]
    off = [np.abs(one - np.diag(d)).max() / np.abs(one).max() for one, d in zip(J, slopes, strict=True)]
    if max(off) <= 1e-12:
        yield from _elementwise(graph, regions, x, y, slopes)
    else:
        for kind, words, pulls in coupled(y, J):
            yield _changed(graph, regions, kind, words, pulls)


def _by(slope: Array) -> Pull:
    """Entry by entry; a single number for all."""

    def pull(u: Array) -> Array:
        return np.asarray(u * (slope.reshape(u.shape) if slope.ndim else slope))

    return pull


def _elementwise(
    graph: Graph, regions: list[Region], x: list[Array], y: list[Array], slopes: list[Array]
) -> Iterator[Change]:
    if all(np.ptp(d) <= 1e-12 * np.abs(d).max() for d in slopes):
        return  # a factor
    sign = -1.0 if all((d <= 0).all() for d in slopes) else 1.0
    slopes = [sign * d for d in slopes]  # a function of -x has the derivative of one of x, with a minus
    twice = [_by(sign * d * d) for d in slopes]
    yield _changed(graph, regions, "extra-factor", "the derivative of the function {} is taken twice", twice)
    if all(set(np.unique(d)) <= {0.0, 1.0} for d in slopes):
        words = "the mask of the function {} is the wrong way round"
        yield _changed(graph, regions, "wrong-region", words, [_by(1 - d) for d in slopes])
    try:
        at_y: list[Array] | None = [sign * _slope_at(graph, r, t) for r, t in zip(regions, y, strict=True)]
    except Exception:
        at_y = None
    flat_x, flat_y = [v.ravel() for v in x], [v.ravel() for v in y]
    for kind, words, alternatives in forms("function {}", flat_x, flat_y, slopes, at_y):
        yield _changed(graph, regions, kind, words, [_by(sign * d) for d in alternatives])


def _slope_at(graph: Graph, region: Region, at: Array) -> Array:
    """The derivative of an elementwise function at another point."""

    h = 1e-3 * max(1.0, float(np.abs(at).max(initial=0)))

    def f(t: Array) -> Array:
        values = {region.a: t}
        for i in sorted(region.inside):
            run: Any = graph.nodes[i].f
            values[i] = run(*(values.get(p, graph.nodes[p].value) for p in graph.nodes[i].parents))
        return np.ravel(values[region.b])

    try:
        return np.asarray(f(at + 1e-30j).imag / 1e-30)
    except Exception:
        c, m, s = ((f(at + t) - f(at - t)) / (2 * t) for t in (h, h / 2, h / 4))
        return np.asarray((16 * (4 * s - m) / 3 - (4 * m - c) / 3) / 15)
