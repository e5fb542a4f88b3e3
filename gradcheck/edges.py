"""Which one alteration of reverse mode over forward's tape gives exactly the student's gradients?"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np

from layers.base import Array

from .report import Finding
from .subject import Subject
from .tapes.alter import dropped, same, times, way
from .tapes.arrangements import of_arrangements
from .tapes.forms import of_forms
from .tapes.functions import of_functions, of_passed
from .tapes.graph import Change, Edge, Graph
from .tapes.meaning import factor_kind
from .tapes.operands import of_operands
from .tapes.single import of_edges
from .tapes.states import of_states
from .tapes.turns import of_turns

ROWS = 160  # changes that are tried at once
MOST = 5000  # in all
EXACT = 1e-7
VAGUE = ("wrong-formula", "over-summed")  # where another change is as exact, that says more


def altered(subject: Subject, names: list[str], rng: np.random.Generator) -> Finding | None:
    """The one edge, or the edges of one statement, whose alteration explains all gradients."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            graph = Graph(subject)
            return _search(graph, names, rng)
        except Exception:  # an operation that the tape, or its derivative, does not know
            return None


def _search(graph: Graph, names: list[str], rng: np.random.Generator) -> Finding | None:
    upstreams = [rng.standard_normal(graph.m) for _ in range(2)]
    yours = [{name: g.ravel() for name, g in graph.gradients_of(u).items()} for u in upstreams]
    right = {name: G[0] for name, G in graph.reverse(upstreams[0], [Change("unknown", "", "")]).items()}
    if not _as_forward(graph, upstreams[0], right, rng):
        return None
    case = Case(graph, upstreams, yours, right)
    if max(case.gap.values(), default=0) <= 3e-6:
        return None  # rounding, not an edge
    size = sum(graph.nodes[i].value.size for i in graph.alive)
    rows = max(8, min(ROWS, 3_000_000 // size))
    plain = case.plain(names)
    if plain:
        return plain
    candidates = islice(filter(case.may, _changes(case)), max(300, min(MOST, 30_000_000 // size)))
    while batch := list(islice(candidates, rows)):
        found = case.exact(1, case.exact(0, batch))
        if found:
            return _finding(found, names, case.wrong)
    return None


class Case:
    """What backward answers to two upstreams, and what is right."""

    def __init__(
        self, graph: Graph, upstreams: list[Array], yours: list[dict[str, Array]], right: dict[str, Array]
    ) -> None:
        self.graph, self.upstreams, self.yours, self.right = graph, upstreams, yours, right
        self.scale = {
            name: max(_size(g), _size(yours[0][name]), 1e-300)
            for name, g in right.items()
            if name in yours[0]
        }
        self.gap = {name: _size(right[name] - yours[0][name]) / self.scale[name] for name in self.scale}
        largest = max(self.scale.values())
        self.wrong = frozenset(name for name in self.gap if self.gap[name] > EXACT)
        self.sound = frozenset(
            name for name in self.gap if self.gap[name] <= EXACT and _size(right[name]) > 1e-9 * largest
        )

    def exact(self, at: int, changes: list[Change]) -> list[Change]:
        """Those that give all numbers for an upstream."""
        gradients = self.graph.reverse(self.upstreams[at], changes)
        fits = np.ones(len(changes), bool)
        for name, scale in self.scale.items():
            gaps = np.abs(gradients[name] - self.yours[at][name])
            fits &= gaps.max(axis=1, initial=0) <= EXACT * scale
        return [change for change, fit in zip(changes, fits, strict=True) if fit]

    def could(self, nodes: Iterable[int]) -> bool:
        """Whether a mistake in these adjoints shows in all that is wrong, and in nothing that is right."""
        reached = frozenset[str]().union(*(self.graph.reach[i] for i in nodes))
        return self.wrong <= reached and not reached & self.sound

    def may(self, change: Change) -> bool:
        if change.touched is not None:
            return self.could(change.touched)
        return self.could([*(self.graph.nodes[i].parents[k] for i, k in change.edges), *change.nodes])

    def plain(self, names: list[str]) -> Finding | None:
        """Zeros, and gradients returned in each other's place."""
        listed = [name for name in names if name in self.wrong]
        if listed and not any(self.yours[0][name].any() for name in listed):
            return Finding(
                "zero", names[0], f"{', '.join(listed)}: all zeros; what becomes of upstream on the way?"
            )
        if len(listed) == 2:
            a, b = listed
            mine, right = self.yours[0], self.right
            if (
                right[a].shape == right[b].shape
                and self._near(mine[a], right[b])
                and self._near(mine[b], right[a])
            ):
                message = (
                    f"{a} and {b} are returned in each other's place; look at the names that backward gives"
                )
                return Finding("swapped", a, message)
        return None

    def _near(self, a: Array, b: Array) -> bool:
        return _size(a - b) <= EXACT * _size(b)

    def times(self, groups: list[list[Edge]]) -> Iterator[Change]:
        """The paths that count c times in place of once, c from what is left when they are dropped."""
        graph, names = self.graph, sorted(self.wrong)
        if sum(self.right[name].size for name in names) < 3 or not groups:
            return
        lost = [Change("scale", "", "", dict.fromkeys(edges, dropped)) for edges in groups]
        without = graph.reverse(self.upstreams[0], lost)

        def joined(gradients: dict[str, Array]) -> Array:
            return np.concatenate([gradients[name] / self.scale[name] for name in names], axis=-1)

        rest, right, mine = joined(without), joined(self.right), joined(self.yours[0])
        for edges, left in zip(groups, rest, strict=True):
            way_of, want = right - left, mine - left
            c = float(way_of @ want / max(way_of @ way_of, 1e-300))
            if np.abs(want - c * way_of).max() <= EXACT and abs(c) > 1e-6:
                words = f"the path {way(graph, edges[0])} counts {c:.6g} times"
                uses = graph.children.get(graph.nodes[edges[0][0]].parents[edges[0][1]], [])
                kind = factor_kind(graph, edges[0])
                if kind == "scale" and abs(c - 2) < 1e-6 and len(uses) > len(edges):
                    kind = "extra-term"
                yield same(graph, edges, kind, words, times(c), "look for a factor too many or too few")


def _changes(case: Case) -> Iterator[Change]:
    """The plain ones first."""
    graph = case.graph
    parents = [[(e, graph.nodes[e[0]].parents[e[1]]) for e in group] for group in graph.groups()]
    touching = [[e for e, p in group if not graph.reach[p] & case.sound] for group in parents]
    kept = [group for n, group in enumerate(touching) if group and group not in touching[:n]]
    groups = [group for group in kept if case.could(graph.nodes[i].parents[k] for i, k in group)]
    yield from of_edges(graph, groups)
    yield from of_passed(graph, case.could)
    yield from case.times(groups)
    yield from of_operands(graph, groups, kept)
    yield from of_forms(graph, groups)
    yield from of_functions(graph, case.could)
    yield from of_turns(graph, groups)
    yield from of_arrangements(graph, groups)
    yield from of_states(graph, groups, kept, case.could)


def _as_forward(graph: Graph, upstream: Array, right: dict[str, Array], rng: np.random.Generator) -> bool:
    """Whether the tape has all of forward: its gradients are those of small steps."""
    subject = graph.subject
    if not all(np.isfinite(g).all() for g in right.values()):
        return False
    vectors = {name: np.asarray(rng.standard_normal(array.shape)) for name, array in subject.arrays.items()}
    h = 1e-6

    def along(sign: float) -> Array:
        names = iter(subject.arrays)
        moved = subject.moved(lambda array: array + sign * h * vectors[next(names)])
        y = moved.output()
        parts = y if isinstance(y, tuple | list) else (y,)
        return np.concatenate([np.ravel(part) for part in parts])

    terms = upstream * (along(1) - along(-1)) / (2 * h)
    expected = sum(float(right[name] @ vectors[name].ravel()) for name in right)
    return bool(abs(terms.sum() - expected) <= 1e-4 * np.abs(terms).sum() + 1e-6 * abs(expected))


def _size(a: Array) -> float:
    return float(np.abs(a).max(initial=0))


def _finding(found: list[Change], names: list[str], wrong: frozenset[str]) -> Finding:
    kinds = {id(change): change.known_kind for change in found}
    found = sorted(found, key=lambda change: kinds[id(change)] in VAGUE)  # stable: the plain ones first
    change, kind = found[0], kinds[id(found[0])]
    listed = [name for name in names if name in wrong]
    message = f"{change.words}, at {change.place} of forward: with this one change the chain rule gives "
    message += f"every number of {', '.join(listed)}"
    others = [f"{other.words} ({other.place})" for other in found[1:] if kinds[id(other)] != kind]
    if others:
        message += f"; so it does if {others[0]}"
    return Finding(kind, listed[0], f"{message}; {change.mend}" if change.mend else message)
