"""The right numbers in other places: flipped, shifted, in another order, laid out otherwise."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from layers.base import Array

from ..report import Finding
from .evidence import Evidence


def flipped(e: Evidence) -> Finding | None:
    n = len(e.shape)
    for count in range(1, n + 1):
        for axes in combinations(range(n), count):
            if all(e.shape[i] > 1 for i in axes) and e.fits(
                np.flip(e.N, tuple(len(e.y_shape) + i for i in axes))
            ):
                return _flip(e, f"{e.name} is flipped along its {_axes(axes)}")
    for count in range(1, len(e.y_shape) + 1):
        for axes in combinations(range(len(e.y_shape)), count):
            if all(e.y_shape[i] > 1 for i in axes):
                turned = np.flip(e.N, axes)
                if e.fits(turned):
                    return _flip(e, f"{e.name} is that of an upstream flipped along {_axes(axes)}")
                both = tuple(len(e.y_shape) + i for i in axes if i < n)
                if e.square and e.fits(np.flip(turned, both)):
                    return _flip(e, f"{e.name} is computed in reverse along {_axes(axes)}")
    return None


def _flip(e: Evidence, what: str) -> Finding:
    return Finding("flipped", e.name, f"{what}; look at the order of a loop, or a [::-1] too many or too few")


def _axes(axes: tuple[int, ...]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"


def shifted(e: Evidence) -> Finding | None:
    k = len(e.y_shape)
    for axis, size in enumerate(e.shape):
        for step in [s for s in range(-(size // 2), size // 2 + 1) if s]:
            if 2 * abs(step) == size and e.fits(np.roll(e.N, step, axis=k + axis)):
                return Finding(
                    "permuted",
                    e.name,
                    (
                        f"the two halves of {e.name} along its axis {axis} "
                        "are exchanged; look at how they are split"
                    ),
                )
            if e.fits(np.roll(e.N, step, axis=k + axis)) or e.fits(_slid(e.N, step, k + axis)):
                message = (
                    f"{e.name} is shifted by {step} along its axis "
                    f"{axis}; look at the bounds of a slice or a pad"
                )
                return Finding("shifted", e.name, message)
    return None


def _slid(a: Array, step: int, axis: int) -> Array:
    """a moved by step along an axis, zeros in the free place."""
    slid, size = np.zeros_like(a), a.shape[axis]
    to = [slice(None)] * a.ndim
    from_ = [slice(None)] * a.ndim
    to[axis], from_[axis] = (
        slice(max(step, 0), size + min(step, 0)),
        slice(max(-step, 0), size - max(step, 0)),
    )
    slid[tuple(to)] = a[tuple(from_)]
    return slid


def permuted(e: Evidence) -> Finding | None:
    """Slices along an axis of the array, or of upstream, in another order."""
    k = len(e.y_shape)
    for axis, (whose, own) in enumerate(
        [("upstream's", i) for i in range(k)] + [("its", i) for i in range(len(e.shape))]
    ):
        A, N = np.moveaxis(e.A, axis, 0), np.moveaxis(e.N, axis, 0)
        order = [next((j for j in range(len(N)) if e.same(A[i], N[j])), None) for i in range(len(A))]
        if None not in order and sorted(order) == list(range(len(N))) and order != sorted(order):  # type: ignore[type-var]
            message = f"{e.name} has the right numbers in another order along {whose} axis {own}: {order}"
            shift = {(i - j) % len(N) for j, i in enumerate(order)}  # type: ignore[operator]
            if shift == {len(N) / 2}:
                return Finding(
                    "swapped" if axis < k else "permuted", e.name, f"{message}; the two halves are exchanged"
                )
            if len(shift) == 1:
                return Finding("shifted", e.name, f"{message}; an index is off by one, or a roll too many")
            if axis < k and _two_blocks(order):  # type: ignore[arg-type]
                return Finding("swapped", e.name, f"{message}; two parts of upstream are exchanged")
            return Finding("permuted", e.name, f"{message}; look at how the blocks are stacked or split")
    return None


def _two_blocks(order: list[int]) -> bool:
    """Whether two blocks of one length, side by side, have changed places, and the rest has not."""
    off = [i for i, j in enumerate(order) if i != j]
    half = len(off) // 2
    return off == list(range(off[0], off[0] + 2 * half)) and all(
        order[i] == (i + half if i - off[0] < half else i - half) for i in off
    )


def copied(e: Evidence) -> Finding | None:
    """Slices of the array that hold what belongs to others; those others are right."""
    k = len(e.y_shape)
    for axis in range(k, k + len(e.shape)):
        A, N = np.moveaxis(e.A, axis, 0), np.moveaxis(e.N, axis, 0)
        wrong = [i for i in range(len(A)) if not e.same(A[i], N[i])]
        if not wrong or len(wrong) == len(A):
            continue
        alive = [j for j in range(len(N)) if j not in wrong and np.abs(N[j]).max() > 1e-6 * e.largest]
        source = [next((j for j in alive if e.same(A[i], N[j])), None) for i in wrong]
        if None not in source and len(set(source)) == len(source):
            message = f"along axis {axis - k} of {e.name}, indices {wrong} hold what belongs to {source}"
            return Finding("wrong-operand", e.name, f"{message}; look at which block goes where")
    return None


def cropped(e: Evidence) -> Finding | None:
    """The numbers of a place beside, along one or two axes; what comes in over the edge is not compared."""
    k, n = len(e.y_shape), len(e.shape)
    if not e.is_input or n < 2:
        return None
    for pair in combinations(range(1, n), min(2, n - 1)):
        for steps in product((-2, -1, 0, 1, 2), repeat=len(pair)):
            if not any(steps) or any(
                abs(step) >= e.shape[axis] / 2 for step, axis in zip(steps, pair, strict=True)
            ):
                continue
            to, source = [slice(None)] * (k + n), [slice(None)] * (k + n)
            for step, axis in zip(steps, pair, strict=True):
                size = e.shape[axis]
                to[k + axis] = slice(max(step, 0), size + min(step, 0))
                source[k + axis] = slice(max(-step, 0), size - max(step, 0))
            A, N = e.A[tuple(to)], e.N[tuple(source)]
            if np.abs(N).max(initial=0) > 0.1 * e.largest and e.same(A, N):
                where = ", ".join(
                    f"{step} along axis {axis}" for step, axis in zip(steps, pair, strict=True) if step
                )
                message = f"{e.name} is shifted by {where}"
                return Finding(
                    "shifted",
                    e.name,
                    f"{message}; look at where padding is cropped, and at the offset of a window",
                )
    return None


def kernel(e: Evidence) -> Finding | None:
    """Each output reads the right entries, with the weights in another order: flipped, or transposed."""
    mine, true = e.support
    if not e.is_input or not (mine == true).all():
        return None
    counts = true.sum(axis=1)
    full = np.flatnonzero(counts == counts.max(initial=0))
    if not len(full) or counts[full[0]] < 3:
        return None
    rows = [(e.yours[i][true[i]], e.numeric[i][true[i]]) for i in full]
    a, n = rows[0]
    order = [int(np.abs(n - value).argmin()) for value in a]
    if sorted(order) != list(range(len(order))) or order == sorted(order):
        return None
    if not all(e.same(a, n[order]) for a, n in rows):
        return None
    for size in range(2, len(order) + 1):
        if len(order) % size == 0:
            blocks = [order[i : i + size] for i in range(0, len(order), size)]
            if all(
                block == list(range(i * size + size - 1, i * size - 1, -1)) for i, block in enumerate(blocks)
            ):
                message = f"{e.name} uses the weights in reverse order: the kernel is flipped"
                return Finding(
                    "flipped",
                    e.name,
                    f"{message}; a convolution's forward here does not flip, so its pullback does not either",
                )
    return Finding(
        "transposed",
        e.name,
        f"{e.name} uses the right weights in another order, {order}: the kernel is transposed or permuted",
    )
