"""What is known of one wrong gradient: both Jacobians, and the arrays that backward could use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from layers.base import Array

EXACT = 1e-7  # of the largest entry: what two Jacobians may differ by and be the same


@dataclass(frozen=True)
class Evidence:
    """The Jacobians of one array: `yours` by backward, `numeric` by derivative; rows are outputs.

    Shapes: yours and numeric (m, P), y_shape with m entries, theta of P.
    `known` are arrays by the name a student would know them by: x, y, parameters, what forward cached.
    `others()` are the numeric Jacobians of other arrays of the same shape, and whether backward gives there
    what belongs here.
    """

    name: str
    theta: Array
    y_shape: tuple[int, ...]
    yours: Array
    numeric: Array
    known: dict[str, Array] = field(default_factory=dict)
    others: Callable[[], dict[str, tuple[Array, bool]]] = dict
    sizes: dict[str, int] = field(default_factory=dict)
    constants: dict[str, float] = field(default_factory=dict)
    is_input: bool = True
    at: Any = None  # at(theta) -> the numeric Jacobian there, diagonal only
    through: Any = None  # through(v) -> dy along v through each use alone, and where the uses are
    divisors: Any = None  # divisors() -> what forward divides by, or takes the log or root of
    given: frozenset[str] = frozenset()  # of known: those that are there before forward
    one_output: bool = False  # a loss, taken as if every entry had its own output
    slack: float = EXACT
    memo: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.theta.shape
        return shape

    @cached_property
    def A(self) -> Array:
        """Yours, with the axes of y and of theta: (*y_shape, *shape)."""
        return self.yours.reshape(*self.y_shape, *self.shape)

    @cached_property
    def N(self) -> Array:
        return self.numeric.reshape(*self.y_shape, *self.shape)

    @cached_property
    def largest(self) -> float:
        return float(max(np.abs(self.numeric).max(initial=0), np.abs(self.yours).max(initial=0)))

    def same(self, a: Array, b: Array) -> bool:
        """Whether two (parts of) Jacobians are one, to rounding."""
        return a.shape == b.shape and bool(np.abs(a - b).max(initial=0) <= self.slack * self.largest)

    def fits(self, jacobian: Array) -> bool:
        """Whether this is what backward computes."""
        return self.same(self.yours, jacobian.reshape(self.yours.shape))

    @cached_property
    def support(self) -> tuple[Array, Array]:
        """Where the entries of yours, and of numeric, are not 0."""
        floor = 1e-9 * self.largest
        return np.abs(self.yours) > floor, np.abs(self.numeric) > floor

    @cached_property
    def square(self) -> bool:
        """Whether y is shaped like the array."""
        return self.y_shape == self.shape

    @cached_property
    def elementwise(self) -> bool:
        """Whether each output depends on its own input alone."""
        if not self.square:
            return False
        off = ~np.eye(self.theta.size, dtype=bool)
        return not (np.abs(self.numeric[off]) > 1e-9 * self.largest).any()

    @cached_property
    def aligned(self) -> tuple[int, ...]:
        """The axes that y and the array have in common, place by place: batch, time, ..."""
        if not self.is_input:
            return ()
        pairs = zip(self.y_shape, self.shape, strict=False)
        return tuple(i for i, (a, b) in enumerate(pairs) if a == b > 1)

    def coupled(self, jacobian: Array) -> frozenset[int]:
        """The common axes along which an output depends on inputs at other indices."""
        J, k = np.abs(jacobian).reshape(*self.y_shape, *self.shape), len(self.y_shape)
        floor, axes = 1e-8 * self.largest, set()
        for axis in self.aligned:
            size = self.shape[axis]
            planes = np.moveaxis(J, (axis, k + axis), (0, 1)).reshape(size, size, -1).max(axis=2)
            if (planes[~np.eye(size, dtype=bool)] > floor).any():
                axes.add(axis)
        return frozenset(axes)

    @cached_property
    def selects(self) -> bool:
        """Whether every output takes one input, times a constant."""
        true = self.support[1]
        values = np.abs(self.numeric[true])
        return bool((true.sum(axis=1) == 1).all() and np.ptp(values) <= 1e-9 * self.largest)

    def theta_length(self, axes: tuple[int, ...]) -> Array:
        """|theta| along axes, for each entry; the other axes first, as blocks are laid out."""
        rest = [i for i in range(len(self.shape)) if i not in axes]
        flat = self.theta.transpose([*rest, *axes]).reshape(-1, int(np.prod([self.shape[i] for i in axes])))
        return np.repeat(np.sqrt((flat * flat).sum(axis=1)), flat.shape[1])

    def support_alike(self, axis: int, i: int, j: int) -> bool:
        """Whether slices i and j along an axis of y read the same entries, alike."""
        N = np.moveaxis(self.N, axis, 0)
        return self.same(N[i], N[j])

    @cached_property
    def moves(self) -> bool:
        """Whether forward only moves entries: every output is one input."""
        nonzero = np.abs(self.numeric) > 1e-9 * self.largest
        return bool(
            (nonzero.sum(axis=1) == 1).all() and np.abs(self.numeric[nonzero] - 1).max(initial=0) < 1e-7
        )

    def spread(self) -> Evidence:
        """Of one output, as if every entry had its own: a loss is a sum of terms."""

        def others() -> dict[str, tuple[Array, bool]]:
            return {name: (np.diag(J.ravel()), mutual) for name, (J, mutual) in self.others().items()}

        return replace(
            self, y_shape=self.shape, through=None, one_output=True, others=others, memo={},
            yours=np.diag(self.yours.ravel()), numeric=np.diag(self.numeric.ravel()),
        )  # fmt: skip

    def part(self, indices: list[int], axis: int) -> Evidence:
        """The evidence about these slices of the array alone."""
        k = len(self.y_shape) + axis
        return replace(
            self, theta=np.take(self.theta, indices, axis), through=None, at=None, others=dict, memo={},
            yours=np.take(self.A, indices, k).reshape(len(self.yours), -1),
            numeric=np.take(self.N, indices, k).reshape(len(self.yours), -1),
        )  # fmt: skip


def axis_sets(ndim: int) -> Iterator[tuple[int, ...]]:
    """Every non-empty set of axes, the single ones first."""
    for count in range(1, ndim + 1):
        yield from combinations(range(ndim), count)


def words(axes: tuple[int, ...] | frozenset[int]) -> str:
    listed = sorted(axes)
    return f"axis {listed[0]}" if len(listed) == 1 else f"axes {', '.join(map(str, listed))}"
