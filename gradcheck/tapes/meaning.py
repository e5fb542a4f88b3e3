"""What an edge is for in forward: part of a mean, of a variance, of one branch, of a longer function."""

from __future__ import annotations

import numpy as np

from ..report import Kind
from .graph import Edge, Graph
from .local import SUMS, UNARY, Diagonal, Gathered

FAR = 6  # operations to look ahead or back
BRANCHES = ("where", "maximum", "minimum")


def path_kind(graph: Graph, edge: Edge) -> Kind:
    """What the mistake is called where such a path is missing."""
    kind = statistic(graph, edge)
    return "wrong-region" if kind == "missing-path" and one_sided(graph, edge) else kind


def factor_kind(graph: Graph, edge: Edge) -> Kind:
    """What a constant factor too many or too few is called on such a path."""
    kind = path_kind(graph, edge)
    return "scale" if kind == "missing-path" else kind


def statistic(graph: Graph, edge: Edge) -> Kind:
    """Whether an edge lies on the path through a mean that is subtracted, or through a variance, alone."""
    i, k = edge
    up, down = [graph.nodes[i].parents[k]], [i]
    while len(up) < FAR and not _averages(graph, up[-1]):  # back to the reduction, past what has one operand
        node = graph.nodes[up[-1]]
        live = [p for p in node.parents if p in graph.live]
        if len(live) != 1 or node.value.size != graph.nodes[live[0]].value.size:
            break
        up.append(live[0])
    while len(down) < FAR and not _averages(graph, down[-1]) and len(graph.children.get(down[-1], [])) == 1:
        down.append(graph.children[down[-1]][0][0])
    for n in (*up, *down):
        if _averages(graph, n):
            node, source = graph.nodes[n], graph.nodes[graph.nodes[n].parents[0]]
            product = source.what == "multiply" and len(set(source.parents)) == 1
            if product or source.what in ("square", "power") or node.what in ("var", "std"):
                scales = _joins(graph, n, ("multiply", "divide", "true_divide"))
                return "variance-path" if scales else "missing-path"
            if _joins(graph, n, ("subtract",)):
                return "mean-path"
    return "missing-path"


def _averages(graph: Graph, n: int) -> bool:
    """Whether a node is a mean, or a sum that a number divides."""
    node, children = graph.nodes[n], [graph.nodes[i] for i, _ in graph.children.get(n, [])]
    if not children or node.what not in (*SUMS, "var", "std"):
        return False
    scaled = all(c.what in ("divide", "true_divide", "multiply") and len(c.parents) == 1 for c in children)
    return scaled or node.what in ("mean", "var", "std")


def _joins(graph: Graph, n: int, whats: tuple[str, ...]) -> bool:
    """Whether an average goes back, a few operations on, to each of several values by such an operation."""
    for _ in range(FAR):
        children = graph.children.get(n, [])
        for i, k in children:
            others = [p for j, p in enumerate(graph.nodes[i].parents) if j != k and p in graph.live]
            size = graph.nodes[n].value.size
            if graph.nodes[i].what in whats and others and graph.nodes[others[0]].value.size > size:
                return True
        if len(children) != 1:
            return False
        n = children[0][0]
    return False


def one_sided(graph: Graph, edge: Edge) -> bool:
    """Whether an edge is in one of the branches of a function of one array: x where it is positive, say."""
    i, p = edge[0], graph.nodes[edge[0]].parents[edge[1]]
    source = {p}
    while len(source) < 4 and p in graph.live and len(graph.nodes[p].parents) == 1:
        p = graph.nodes[p].parents[0]
        source.add(p)
    seen = {i}
    for _ in range(4):
        node = graph.nodes[i]
        if node.what in BRANCHES:
            above = {q for q in node.parents if q not in seen and q in graph.live}
            for _ in range(FAR):
                above |= {q for other in above for q in graph.nodes[other].parents}
            return len(node.parents) > 1 and bool(source & above)
        children = graph.children.get(i, [])
        if len(children) != 1:
            return False
        i = children[0][0]
        seen.add(i)
    return False


def part_of_more(graph: Graph, edge: Edge) -> bool:
    """Whether an operation is one step of a longer function of one array."""
    i, k = edge
    outer = [graph.nodes[c].what for c, _ in graph.children.get(i, [])]
    return graph.nodes[graph.nodes[i].parents[k]].what in UNARY or any(what in UNARY for what in outer)


def is_constant(graph: Graph, edge: Edge) -> bool:
    """Whether an operation multiplies by one number."""
    operator = graph.operator(edge)
    if not isinstance(operator, Diagonal):
        return False
    return bool(np.ptp(operator.slope) <= 1e-12 * np.abs(operator.slope).max(initial=0))


def is_mask(graph: Graph, edges: list[Edge]) -> bool:
    """Whether an operation passes some entries on, and others not."""
    if graph.nodes[edges[0][0]].what not in ("multiply", "where", "maximum", "clip"):
        return False
    return all(set(np.unique(np.diag(graph.operator(e).dense()))) <= {0.0, 1.0} for e in edges)


def is_reversal(graph: Graph, edge: Edge) -> bool:
    """Whether a move reverses one axis."""
    value, operator = graph.nodes[edge[0]].value, graph.operator(edge)
    if not isinstance(operator, Gathered):
        return False
    order = np.arange(value.size).reshape(value.shape)
    return any(np.array_equal(np.flip(order, a).ravel(), operator.out) for a in range(value.ndim))
