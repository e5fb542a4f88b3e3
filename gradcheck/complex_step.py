"""Derivatives without differences: f(x + ih v) has the derivative along v in its imaginary part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from layers.base import Array

from .arrays import flat, parts_of
from .carriers import GUARDED, PLAIN, Carrier, bare
from .line import EPS, unit_of
from .subject import Subject

# steps, of the size of an array, for the differences that hold against it, and how often each is halved
LADDER = ((6e-5, 1), (4e-3, 2), (1e-6, 1))
AGREE = 1e-6
SHARE = 0.01  # of what all arrays do together: as much as one must do for differences to tell of it
FAR = 10.0  # times as far as the others, as an array of little effect may go

Arrays = dict[str, Array]
Ladder = tuple[tuple[float, int], ...]


class ComplexStep:
    """The derivative of all outputs along a direction, exact to rounding.

    There is no subtraction, so the step can be so small that nothing but the first order is left; and it
    crosses no kink, as branches go by the real part. Valid where the code is analytic, which `doubt` tells.

    Source: Squire & Trapp 1998
    """

    def __init__(self, subject: Subject) -> None:
        self.subject, self._arrays = subject, subject.arrays
        self._bench: tuple[Any, Arrays] | None = None  # a layer of bare numbers, and its params
        self._doubts: dict[str, str] = {}
        self._unseen: set[str] = set()  # arrays whose slopes differences do not see
        self._carriers: dict[str, Carrier] = subject.carriers  # what is trusted here is at the points beside
        self._tested = False  # whether all arrays have been put to the test together
        self._pushed: dict[str, tuple[Array, Array]] = {}  # directions in each array, and dy along them

    def push(self, name: str, vector: Array) -> Array:
        """dy along the vector in one array, all outputs in a row.   Raises: where forward is not analytic."""
        return self.push_all({name: vector})

    def push_all(self, vectors: Arrays) -> Array:
        """dy along vectors in several arrays at once."""
        return self._run({}, vectors, self._carrier(vectors))

    def push_from(self, base: Array, name: str, vector: Array) -> Array:
        """dy along the vector in one array, from where that array is `base`."""
        return self._run({name: base}, {name: vector}, self._carrier([name]))

    def along(self, name: str, rng: np.random.Generator) -> tuple[Array, Array]:
        """A random direction in one array, and dy along it."""
        if name in self._pushed:
            return self._pushed.pop(name)
        vector = np.asarray(rng.standard_normal(self._arrays[name].shape))
        return vector, self.push(name, vector)

    def doubt(self, name: str, rng: np.random.Generator) -> str:
        """Why the step is not to be trusted in this array; "" where one directional difference bears it out.

        The two are compared at a point beside, where kinks have probability 0: for all arrays at once, and
        for each alone whose share in that is too small to be seen.
        """
        if name in self._doubts:
            return self._doubts[name]
        if name not in self._carriers and not self._tested:
            self._tested = True
            self._test_together(rng)
        return "" if name in self._carriers else self._alone(name, rng)

    def distrust(self, name: str, why: str) -> None:
        """Leave this array to differences, here."""
        self._doubts[name] = why

    def reconsider(self, name: str, rng: np.random.Generator, *, slight: bool) -> bool:
        """Whether another method must judge anew, before what disagrees with the step is called wrong.

        Trust from another point, or in all arrays together, is put to the test here. And what is not
        analytic in a small part, such as a variance beside an epsilon, escapes differences: guarded numbers
        take over where they say otherwise, and differences where those refuse and the disagreement is
        `slight`, or differences saw no slope that could bear the step out.
        """
        if name not in self._doubts:
            before = self._carriers.pop(name)
            if self._alone(name, rng) or self._carriers[name] is not before:
                return True
        if self._carriers[name] is GUARDED:
            return False
        vector = np.asarray(rng.standard_normal(self._arrays[name].shape))
        quick = self.push(name, vector)
        try:
            guarded = self._run({}, {name: vector}, GUARDED)
        except Exception as error:
            slight = slight or name in self._unseen
            if slight:
                self.distrust(name, f"{type(error).__name__}: {error}")
            return slight
        if np.abs(quick - guarded).max(initial=0.0) <= 1e-11 * np.abs(guarded).max(initial=0.0):
            return False
        self._carriers[name] = GUARDED
        return True

    def _carrier(self, names: Iterable[str]) -> Carrier:
        return GUARDED if any(self._carriers.get(name) is GUARDED for name in names) else PLAIN

    def _test_together(self, rng: np.random.Generator) -> None:
        """Trust the step in all arrays with a share in what one difference along all of them bears out.

        They move so far that each has its share, if that is not too far; what is left is tested by itself.
        """
        group = [name for name, array in self._arrays.items() if array.size]
        carrier = PLAIN
        if len(group) < 2:
            return
        try:
            pushed = self._push_each(group, rng, PLAIN)
        except Exception:  # forward, or a function in it, takes no complex numbers
            try:
                carrier, pushed = GUARDED, self._push_each(group, rng, GUARDED)
            except Exception:  # each by itself: perhaps one of them goes
                return
        units = {name: unit_of(self._arrays[name]) for name in group}
        shares = {name: units[name] * largest_of(pushed[name][1]) for name in group}
        while len(group) > 1:
            largest = max(shares[name] for name in group)
            reach = {name: min(FAR, largest / shares[name]) if shares[name] else FAR for name in group}
            why, size = self._compare(group, rng, carrier, LADDER[:2], reach)
            self._unseen |= set() if why or size else set(group)
            seen = [] if why else [name for name in group if reach[name] * shares[name] >= SHARE * size]
            for name in seen:
                self._carriers[name], self._pushed[name] = carrier, pushed[name]
            if not seen:
                return
            group = [name for name in group if name not in seen]

    def _push_each(
        self, names: list[str], rng: np.random.Generator, carrier: Carrier
    ) -> dict[str, tuple[Array, Array]]:
        vectors = {name: np.asarray(rng.standard_normal(self._arrays[name].shape)) for name in names}
        return {name: (vector, self._run({}, {name: vector}, carrier)) for name, vector in vectors.items()}

    def _alone(self, name: str, rng: np.random.Generator) -> str:
        for carrier in (PLAIN, GUARDED):
            self._doubts[name], size = self._compare([name], rng, carrier, LADDER, {name: 1.0})
            if not self._doubts[name]:
                self._unseen |= set() if size else {name}
                self._carriers[name] = carrier
                break
        return self._doubts[name]

    def _compare(
        self,
        names: list[str],
        rng: np.random.Generator,
        carrier: Carrier,
        ladder: Ladder,
        reach: dict[str, float],
    ) -> tuple[str, float]:
        """Why differences do not bear the step out along a direction in these arrays, and the slope's size.

        Arrays move by `reach` of their sizes for every unit of a step.
        """
        why = ""
        for step, halvings in ladder:
            units = {name: unit_of(self._arrays[name]) for name in names}
            bases: Arrays = {}
            vectors: Arrays = {}
            for name, unit in units.items():
                shape = self._arrays[name].shape
                bases[name] = self._arrays[name] + 0.01 * unit * np.asarray(rng.standard_normal(shape))
                vectors[name] = reach[name] * unit * np.asarray(rng.standard_normal(shape))
            try:
                complex_step = self._run(bases, vectors, carrier)
            except Exception as error:
                return f"{type(error).__name__}: {' '.join(str(error).split())}", 0.0
            try:
                differences, error_bound, rounding = self._differences(bases, vectors, step, halvings)
            except Exception:  # a step out of the domain
                continue
            largest = max(largest_of(differences), largest_of(complex_step))
            # no slope, as far as one sees; a large step sees more than a small one. Terms may cancel in y
            cancelled = 4 * EPS * max(map(largest_of, bases.values())) / step
            if largest <= 16 * max(rounding, cancelled):
                if step == max(LADDER)[0]:
                    return "", 0.0
                continue
            clear = error_bound <= AGREE * largest  # False for nan
            if 2 * clear.sum() < clear.size:
                continue
            gap = np.abs(complex_step - differences)[clear]
            if gap.max(initial=0.0) <= AGREE * largest:
                return "", largest
            why = "the complex step and differences disagree: something in forward is not analytic"
        return why or "differences are too coarse to bear the complex step out", 0.0

    def _run(self, bases: Arrays, vectors: Arrays, carrier: Carrier) -> Array:
        """dy along vectors, from where arrays are `bases`, else where they are."""
        subject = self.subject
        with carrier.exact():
            carried = {
                name: carrier.guard(bases.get(name, array), vectors.get(name, 0.0))
                for name, array in self._arrays.items()
            }
            x = [
                carried.get(f"d{key}", array)
                for key, array in zip(subject.input_names, subject.inputs, strict=True)
            ]
            reuse = carrier is PLAIN and subject.memoryless and not subject.draws_globally
            layer = self._at(carried) if reuse else self._start(carried, carrier)
            y = subject.forward(layer, tuple(x) if subject.several else x[0])
            return np.concatenate([np.ravel(carrier.derivative(part)) for part in parts_of(y)])

    def _start(self, carried: Arrays, carrier: Carrier) -> Any:
        """A fresh copy of the layer whose params are carriers."""
        instead: dict[int, Any] = {id(p): carried[f"d{key}"] for key, p in self.subject.params.items()}
        instead |= {id(b): carrier.guard(b, 0.0) for b in carrier.buffers(self.subject.layer)}
        return self.subject.start(instead)

    def _at(self, carried: Arrays) -> Any:
        """The same for many forwards that leave nothing behind, in bare numbers."""
        if self._bench is None:
            params = {f"d{key}": bare(p, 0.0) for key, p in self.subject.params.items()}
            instead = {id(p): params[f"d{key}"] for key, p in self.subject.params.items()}
            self._bench = self.subject.start(instead), params
        layer, params = self._bench
        for name, z in params.items():
            z[...] = carried[name]
        return layer

    def richardson(
        self, base: Array, name: str, vector: Array, h: float, halvings: int = 2
    ) -> tuple[Array, Array, float]:
        """dy along the vector by extrapolated central differences, its error at most, and rounding's part."""
        return self._differences({name: base}, {name: vector}, h, halvings)

    def _differences(
        self, bases: Arrays, vectors: Arrays, h: float, halvings: int
    ) -> tuple[Array, Array, float]:
        kept = {name: self._arrays[name].copy() for name in bases}

        def at(t: float) -> Array:
            for name, base in bases.items():
                self._arrays[name][...] = base + t * vectors[name]
            try:
                return flat(self.subject.output())
            finally:
                for name, array in kept.items():
                    self._arrays[name][...] = array

        largest, value, change = 0.0, np.array(np.nan), np.array(np.nan)
        before: list[Array] = []
        for k in range(halvings + 1):
            t = h / 2**k
            plus, minus = at(t), at(-t)
            largest = max(largest, largest_of(plus))
            row = [(plus - minus) / (2 * t)]
            for j, coarser in enumerate(before):
                row.append(row[j] + (row[j] - coarser) / (4 ** (j + 1) - 1))
            value, change, before = row[-1], np.abs(row[-2] - before[-1]) if before else change, row
        rounding = 4 * EPS * largest / h
        return value, change + rounding, rounding


def largest_of(array: Array) -> float:
    """The largest finite size among the entries."""
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
