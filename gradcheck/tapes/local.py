"""The local derivative of one operation by one of its operands, as what takes adjoints back through it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from layers.base import Array

from ..tape import Node, Tape

H = 1e-30
DENSE = 2_000_000  # numbers in one derivative
ELEMENTWISE = {
    "add", "subtract", "multiply", "divide", "true_divide", "power", "float_power", "negative", "exp",
    "log", "tanh", "sqrt", "square", "sin", "cos", "reciprocal", "maximum", "minimum", "log1p", "expm1",
    "sinh", "cosh", "where", "arctan", "copy", "vectorize", "clip", "absolute", "fabs", "positive",
    "exp2", "log2", "cbrt",
}  # fmt: skip
MOVES = {
    "getitem", "setitem", "reshape", "transpose", "moveaxis", "swapaxes", "copy", "concatenate",
    "stack", "vstack", "hstack", "array", "pad", "repeat", "tile", "flip", "roll", "squeeze",
    "expand_dims", "ravel", "broadcast_to", "take", "split", "array_split", "take_along_axis",
    "sliding_window_view", "as_strided", "tril", "triu", "rollaxis", "atleast_2d", "atleast_1d",
    "fliplr", "flipud", "rot90", "diagonal",
}  # fmt: skip
UNARY = {
    "exp", "log", "tanh", "sqrt", "square", "sin", "cos", "reciprocal", "log1p", "expm1", "sinh",
    "cosh", "arctan", "power", "vectorize",
}  # fmt: skip
PRODUCTS = {"matmul", "dot", "einsum", "tensordot", "multiply", "divide", "true_divide", "outer", "inner"}
SUMS = {"add.reduce": 0, "sum": None, "mean": None}  # and the axis they take by default
LINEAR = {
    "matmul",
    "dot",
    "einsum",
    "tensordot",
    "inner",
    "outer",
    "cumsum",
    "convolve",
    "diff",
    "trace",
    *SUMS,
}


class Operator(Protocol):
    """u -> u J for a local Jacobian J: (m, P), for many u at once."""

    def pull(self, U: Array) -> Array:
        """(K, m) -> (K, P)."""

    def dense(self) -> Array:
        """J."""


@dataclass(frozen=True)
class Gathered:
    """Every entry of the operand goes to one entry of the result, `out`, `slope` times."""

    m: int
    out: Array
    slope: Array

    def pull(self, U: Array) -> Array:
        return np.asarray(U[:, self.out] * self.slope)

    def dense(self) -> Array:
        J = np.zeros((self.m, len(self.out)))
        J[self.out, np.arange(len(self.out))] = self.slope
        return J


@dataclass(frozen=True)
class Diagonal:
    """Entry by entry."""

    slope: Array

    def pull(self, U: Array) -> Array:
        return np.asarray(U * self.slope)

    def dense(self) -> Array:
        return np.diag(self.slope)


@dataclass(frozen=True)
class Dense:
    J: Array

    def pull(self, U: Array) -> Array:
        return np.asarray(U @ self.J)

    def dense(self) -> Array:
        return self.J


def operator(tape: Tape, node: Node, k: int) -> Operator:
    """The derivative of a node by its k-th parent."""
    values = [tape.nodes[p].value for p in node.parents]
    return of(node, values, k)


def of(node: Node, values: list[Array], k: int) -> Operator:
    """The same where the parents have other values."""
    what = node.what.partition("[")[0]
    if what in MOVES:
        try:
            return _moved(node, values, k)
        except (IndexError, ValueError):  # an operand that says where, and is of floats
            return Dense(_columns(node, values, k, True))
    if what in ELEMENTWISE:
        return _elementwise(node, values, k)
    if what in SUMS and len(values) == 1:
        summed = _summed(node, values[0], what)
        if summed is not None:
            return summed
    if what in ("matmul", "dot") and len(values) == 2:
        product = _product(node, values, k)
        if product is not None:
            return product
    return Dense(_columns(node, values, k, what in LINEAR))


def slopes(node: Node, values: list[Array], k: int) -> Array:
    """d node / d operand of an elementwise operation, shaped like the node."""
    assert node.f is not None
    base = values[k]
    if node.what in ("absolute", "fabs"):
        return np.asarray(np.sign(base))
    if node.what == "multiply" and len(values) == 2:
        return values[1 - k]
    if node.what in ("add", "subtract") and len(values) == 2:
        return np.array(-1.0 if k == 1 and node.what == "subtract" else 1.0)
    if node.what != "vectorize":
        try:
            return np.asarray(np.asarray(node.f(*values[:k], base + 1j * H, *values[k + 1 :])).imag / H)
        except Exception:
            pass
    f = node.f
    h = 1e-3 * max(1.0, float(np.abs(base).max(initial=0)))

    def central(step: float) -> Array:
        ahead, behind = (np.asarray(f(*values[:k], base + s, *values[k + 1 :]), float) for s in (step, -step))
        return np.asarray((ahead - behind) / (2 * step))

    coarse, middle, fine = central(h), central(h / 2), central(h / 4)
    first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
    return np.asarray((16 * second - first) / 15)


def _elementwise(node: Node, values: list[Array], k: int) -> Operator:
    slope, base = np.broadcast_to(slopes(node, values, k), node.value.shape), values[k]
    if base.shape == node.value.shape:
        return Diagonal(slope.ravel())
    m, P = node.value.size, base.size
    index = np.broadcast_to(np.arange(P).reshape(base.shape), node.value.shape).ravel()
    J = np.zeros((m, P))
    J[np.arange(m), index] = slope.ravel()
    return Dense(J)


def _moved(node: Node, values: list[Array], k: int) -> Operator:
    assert node.f is not None
    P = values[k].size
    labels = [np.zeros(value.shape) for value in values]
    labels[k] = np.arange(1.0, P + 1).reshape(values[k].shape)
    at = np.asarray(node.f(*labels)).ravel().astype(int) - 1
    rows = np.flatnonzero(at >= 0)
    if len(np.unique(at[rows])) == len(rows):
        out, slope = np.zeros(P, int), np.zeros(P)
        out[at[rows]], slope[at[rows]] = rows, 1.0
        return Gathered(len(at), out, slope)
    J = np.zeros((len(at), P))
    J[rows, at[rows]] = 1.0
    return Dense(J)


def axes_of(node: Node, ndim: int) -> tuple[int, ...] | None:
    """The axes that a sum or mean runs over."""
    default = SUMS.get(node.what)
    axis = node.options.get("axis", node.args[1] if len(node.args) > 1 else default)
    if axis is None:
        return tuple(range(ndim))
    try:
        return tuple(sorted(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,))))
    except Exception:
        return None


def _summed(node: Node, x: Array, what: str) -> Operator | None:
    axes = axes_of(node, x.ndim)
    if axes is None or not {"where", "initial"}.isdisjoint(node.options):
        return None
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    m = node.value.size
    if math.prod(kept) != m or not m:
        return None
    out = np.broadcast_to(np.arange(m).reshape(kept), x.shape).ravel()
    return Gathered(m, out, np.full(x.size, m / x.size if what == "mean" else 1.0))


def _sized(node: Node, value: Array) -> int:
    """The size of an operand, where a matrix of derivatives can be written down at all."""
    if value.size * max(value.size, node.value.size) > DENSE:
        raise ValueError(f"{node.what}: expected a derivative of at most {DENSE} numbers, got more")
    return value.size


def _product(node: Node, values: list[Array], k: int) -> Operator | None:
    a, b = values
    if a.ndim < 2 or b.ndim < 2 or (node.what == "dot" and max(a.ndim, b.ndim) > 2):
        return None
    ndim, P = max(a.ndim, b.ndim), _sized(node, values[k])
    basis = np.eye(P).reshape(P, *(1,) * (ndim - values[k].ndim), *values[k].shape)
    J = basis @ b if k == 0 else a @ basis
    return Dense(J.reshape(P, -1).T)


def _columns(node: Node, values: list[Array], k: int, linear: bool) -> Array:
    f: Any = node.f
    base, P = values[k], _sized(node, values[k])
    J = np.zeros((node.value.size, P))
    one = np.zeros(base.shape)
    for j in range(P):
        if linear:
            one.reshape(-1)[j] = 1.0
            J[:, j] = np.ravel(f(*values[:k], one, *values[k + 1 :]))
            one.reshape(-1)[j] = 0.0
        else:
            z = np.array(base, dtype=np.complex128, order="C")
            z.reshape(-1)[j] += 1j * H
            J[:, j] = np.ravel(np.asarray(f(*values[:k], z, *values[k + 1 :])).imag) / H
    return J
