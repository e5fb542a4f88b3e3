"""Analytic against numeric gradients, along directions and entry by entry."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import flat, parts_of
from .coarse import Coarse
from .compare import Comparison, Index, Verdict, place_of, unit_vector
from .complex_step import ComplexStep
from .exact import ExactProbe, together
from .line import EPS, Line, unit_of
from .subject import Subject

BUDGET = 100  # the entries of which "auto" tries every one
SAMPLE = 20  # and how many it tries of a larger array
LARGE = 3000  # the entries of which "full" still tries every one
SLIGHT = 1e5  # tolerances: the size of a mistake that may be the complex step's own
STRAIGHT = 1e-12  # of the largest slope: what the slopes to both sides differ by where nothing bends
LOCATE = 400  # the entries that are all tried once a direction is wrong


@dataclass(frozen=True)
class Judged:
    """All comparisons made for one gradient, here or at a second point `beside`."""

    name: str
    analytic: Array
    directions: list[Comparison]
    entries: list[Comparison]
    natural: float  # a size to expect of the gradient
    beside: bool = False

    def of(self, *verdicts: Verdict) -> list[Comparison]:
        return [one for one in (*self.entries, *self.directions) if one.verdict in verdicts]

    @property
    def wrong(self) -> list[Comparison]:
        """The wrong entries; the wrong directions where no entry is known."""
        wrong = self.of("wrong")
        return [one for one in wrong if one.index is not None] or wrong

    @property
    def doubtful(self) -> bool:
        """Whether a tolerance may hide a mistake."""
        return any(one.doubtful for one in (*self.entries, *self.directions))

    def settled_by(self, beside: Judged | None) -> Judged:
        """This without what forward is too coarse for here, where all is right at the second point."""
        if beside is None or not beside.directions or beside.of("wrong", "unclear"):
            return self
        directions = [one for one in self.directions if one.verdict != "unclear"]
        entries = [one for one in self.entries if one.verdict != "unclear"]
        return replace(self, directions=directions, entries=entries)

    @property
    def kinks(self) -> int:
        return sum(entry.verdict == "kink" for entry in self.entries)

    @property
    def vanishes(self) -> bool:
        """Whether all is right, and nothing but zeros."""
        right = self.of("right")
        return bool(right) and not self.wrong and all(abs(one.numeric) <= one.tolerance for one in right)


class Judge:
    """Compares gradients of sum(upstream * y) with numeric ones, at the point where the subject stands."""

    def __init__(self, subject: Subject, upstream: Any, rng: np.random.Generator) -> None:
        self.subject, self.rng = subject, rng
        outputs = subject.output()
        y, self.weights = flat(outputs), flat(upstream)
        self.outputs = y
        self.y_shape = y.shape if isinstance(outputs, tuple) else np.shape(outputs)
        self.here = self.weights * y
        self.roundings = EPS * np.abs(self.weights) * (np.abs(y) + np.abs(y / max(y.size, 1)).sum())
        self.step = ComplexStep(subject)
        self._bent: bool | None = None
        self.noise = max(float(np.finfo(np.asarray(part).dtype).eps) / EPS for part in parts_of(outputs))

    def judge(self, name: str, analytic: Array, level: str, *, beside: bool = False) -> Judged:
        """Compare one gradient, of the shape of its array.

        "full": every entry. "quick": two random directions. "auto": every entry of a small array, else
        directions and a sample. Where a direction is not right, entries are tried until the place is known.
        """
        theta = self.subject.arrays[name]
        if not theta.size:
            return Judged(name, analytic, [], [], 0.0, beside)
        if not self.step.doubt(name, self.rng):
            try:
                judged = self._exactly(name, analytic, level, beside)
                slight = all(one.gap <= SLIGHT * one.tolerance for one in judged.wrong)
                if judged.wrong and self.step.reconsider(name, self.rng, slight=slight):
                    return self.judge(name, analytic, level, beside=beside)
                return judged
            except Exception as error:  # at this very point forward is not analytic: the edge of a step, say
                self.step.distrust(name, f"{type(error).__name__}: {error}")
        natural = float(np.abs(self.here).max(initial=0)) / unit_of(theta)
        probe = Coarse(self, theta, analytic, natural)
        if level == "full" or (level == "auto" and theta.size <= BUDGET):
            return Judged(name, analytic, [], probe.entries(np.ndindex(theta.shape)), natural, beside)
        directions = [probe.first(), probe.direction()]
        verdicts = {direction.verdict for direction in directions}
        places: Iterable[Index] = []
        if level == "auto" or verdicts != {"right"}:
            chosen = self.rng.choice(theta.size, min(SAMPLE, theta.size), replace=False)
            places = [place_of(i, theta.shape) for i in chosen]
        if verdicts & {"wrong", "unclear"}:
            places = np.ndindex(theta.shape) if theta.size <= LOCATE else [*places, probe.locate()]
        entries = probe.entries(places)
        tried = {entry.verdict for entry in entries}
        if "wrong" in verdicts and "kink" in tried and "wrong" not in tried:
            directions = []  # the kinks explain them
        return Judged(name, analytic, directions, entries, natural, beside)

    def judge_beside(self, gradients: dict[str, Array]) -> dict[str, Judged]:
        """Compare along two directions in all arrays at once; array by array where that is not all right."""
        if len(gradients) > 1 and not any(self.step.doubt(name, self.rng) for name in gradients):
            with suppress(Exception):  # each array by itself tells what is the matter
                along = [together(self.step, gradients, self.weights, self.rng) for _ in range(2)]
                if all(one.verdict == "right" for one in along):
                    return {name: Judged(name, g, along, [], 0.0, True) for name, g in gradients.items()}
        return {name: self.judge(name, g, "quick", beside=True) for name, g in gradients.items()}

    def gradient(self, name: str) -> Array:
        """The numeric gradient of one array, every entry."""
        theta = self.subject.arrays[name]
        doubt, n = self.step.doubt(name, self.rng), np.zeros(theta.shape)
        for place in np.ndindex(theta.shape):
            vector = unit_vector(place, theta.shape)
            dy = (
                self.step.richardson(theta.copy(), name, vector, 6e-5 * unit_of(theta))[0]
                if doubt
                else self.step.push(name, vector)
            )
            n[place] = self.weights @ dy
        return n

    def _exactly(self, name: str, analytic: Array, level: str, beside: bool) -> Judged:
        """Two directions first; every entry for "full", or to find what is wrong and where the kinks are."""
        shape = analytic.shape
        probe = ExactProbe(self.step, name, analytic, self.weights, self.outputs, self.rng)
        if level == "full" and analytic.size <= LARGE:
            return Judged(name, analytic, [], probe.entries(np.ndindex(shape)), probe.natural, beside)
        directions = [probe.direction(), probe.direction()]
        entries: list[Comparison] = []
        if any(one.verdict == "wrong" for one in directions):
            chosen = self.rng.choice(analytic.size, min(LOCATE, analytic.size), replace=False)
            entries = probe.entries([place_of(i, shape) for i in sorted(chosen)])
            if len(entries) < analytic.size and not any(one.verdict in ("wrong", "kink") for one in entries):
                entries += probe.entries([probe.locate()])
            if not any(one.verdict == "wrong" for one in entries):
                entries = [probe.at_kink(one) for one in entries]
                if any(one.verdict == "kink" for one in entries):
                    directions = []  # the kinks explain them
        elif level != "quick" and analytic.size <= LOCATE and self._bends() and probe.kinked():
            entries = [probe.at_kink(one) for one in probe.entries(np.ndindex(shape))]
        if any(one.verdict == "kink" for one in entries):
            directions += probe.along_ties()
        return Judged(name, analytic, directions, entries, probe.natural, beside)

    def _bends(self) -> bool:
        """Whether all arrays together meet a kink, as far as the complex step tells; read once."""
        if self._bent is None:
            arrays = {name: array for name, array in self.subject.arrays.items() if array.size}
            self._bent = True
            if len(arrays) > 2 and not any(self.step.doubt(name, self.rng) for name in arrays):
                v = {
                    name: unit_of(a) * np.asarray(self.rng.standard_normal(a.shape))
                    for name, a in arrays.items()
                }
                with suppress(Exception):
                    right, left = self.step.push_all(v), self.step.push_all({name: -v[name] for name in v})
                    bend = np.abs(right + left).max(initial=0.0)
                    self._bent = bool(bend > STRAIGHT * np.abs(right).max(initial=0.0))
        return self._bent

    def line(self, theta: Array, vector: Array, like: Line | None = None) -> Line:
        """The terms upstream * y as theta moves along a vector; `like` is another line of theta's."""
        base = theta.copy()

        def terms(t: float) -> Array:
            theta[...] = base + t * vector
            try:
                y = flat(self.subject.output())
            except Exception:  # outside the layer's domain, where a smaller step stays inside
                return np.full(self.here.shape, np.nan)
            finally:
                theta[...] = base
            return self.weights * y

        beside_one = EPS * float(np.abs(self.weights).max(initial=0.0))
        return Line(terms, self.here, self.roundings, unit_of(base), self.noise, beside_one, like)
