"""Derivatives that are computed and not judged: what backward says, row by row, and what forward does."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array, Grads

from .answers import read_gradients, read_output
from .arrays import combine, differ, fresh, kind_of, parts_of
from .given import quietly
from .path import Path
from .purity import check_deterministic
from .subject import Subject


def vjp(layer: Any, x: Any, u: Any) -> tuple[Any, Grads]:
    """(dx, grads) as layer.backward(u) gives them: the transposed Jacobians of y times u.

    Only a copy runs, in float64 and in the layer's own mode, and from its own state, so that Dropout draws
    the same mask in every call. An integer or bool input has None as its dx.

    Shapes: x an array or a tuple of them, dx alike; u of y's shape, a tuple where y is one.
    Raises: TypeError and ValueError for an x or u that cannot be, or a backward that breaks the contract;
    what the layer itself raises.
    """
    with quietly():
        start = _Start("vjp", layer, x)
        return start.pull(start.read_u(u))


def jacobian(layer: Any, x: Any) -> Any:
    """dy/dx as layer.backward gives it: row by row, one for each entry of y, from one forward.

    Copies run as in vjp. numeric_jacobian(layer.forward, x) is what it should be.

    Shapes: y.shape + x.shape. For an x that is a tuple, a tuple with one Jacobian for each input, None for
    integers and bools; for a y that is a tuple, a tuple over the outputs of all that.
    Raises: as vjp.
    """
    with quietly():
        start = _Start("jacobian", layer, x)
        blocks = tuple(_block(start, i) for i in range(len(parts_of(start.y))))
        return blocks if isinstance(start.y, tuple) else blocks[0]


def jvp(layer: Any, x: Any, v: Any) -> Any:
    """The derivative of layer.forward(x) as x moves along v: the Jacobian times v, without a backward.

    y(x + i h v) = y + i h (dy/dx) v + O(h²), and nothing is subtracted, so that h = 1e-30 leaves rounding
    alone. At a kink it is the slope on the side that v leads to. Where forward does what no complex number
    can follow, or a difference at a point nearby does not bear it out, differences are the answer: about ten
    digits, and the mean of both slopes at a kink. Copies run as in vjp.

    Shapes: v as x, None for an input that does not move, as integers and bools do not; the result as y.
    Raises: TypeError and ValueError for an x or v that cannot be; what the layer itself raises.
    Source: Squire & Trapp 1998
    """
    with quietly():
        start = _Start("jvp", layer, x)
        along = start.read_v(v)
        if all(d is None for d in along):
            return combine(lambda y: np.zeros(y.shape), start.y)
        path = Path(start.subject, along)
        exact = path.exact_slope() if path.is_analytic(start.y) else None
        return path.slope(start.y) if exact is None else exact


def _block(start: _Start, i: int) -> Any:
    """d y[i] / dx"""
    subject, shape = start.subject, parts_of(start.y)[i].shape
    rows = [start.row(i, place) for place in np.ndindex(shape)]
    if rows and any(
        differ(a, b) for a, b in zip(rows[0], start.row(i, (0,) * len(shape)), strict=True) if a is not None
    ):
        raise ValueError(
            f"{start.who}: {subject.label}: backward gives another first row the second time; "
            "let it neither accumulate nor write to the cache"
        )
    columns = tuple(
        np.array([row[k] for row in rows]).reshape(*shape, *x.shape) if x.dtype.kind == "f" else None
        for k, x in enumerate(subject.inputs)
    )
    return columns if subject.several else columns[0]


class _Start:
    """A copy of the layer that has seen x, and y; `who` asks."""

    def __init__(self, who: str, layer: Any, x: Any) -> None:
        if isinstance(layer, type):
            raise TypeError(f"{who}: expected a layer, got the class {layer.__name__}; call it")
        if not callable(getattr(layer, "forward", None)):
            raise TypeError(
                f"{who}: expected a layer, got {kind_of(layer)}; pass an object with forward and backward"
            )
        self.who = who
        self.subject = subject = Subject(layer, _read_x(who, x), isinstance(x, tuple))
        if not getattr(subject.layer, "input_grad", True):
            subject.layer.input_grad = True  # dx is what is asked for
        self.layer = subject.start()
        self.y = subject.forward(self.layer, subject.x)
        outputs, problem = read_output(subject, self.y)
        problems = [problem] if problem else check_deterministic(subject, outputs)
        if problems:
            raise ValueError(f"{who}: {subject.label}: {problems[0].message}")
        self.y = fresh(self.y)

    def pull(self, u: Any) -> tuple[Any, Grads]:
        """(dx, grads) for this upstream, checked for names and shapes."""
        subject = self.subject
        gradients, findings, _ = read_gradients(subject, subject.backward(self.layer, fresh(u)))
        for finding in findings:
            if finding.kind == "dtype" and finding.array.startswith("dx"):
                mend = "; or make x floating-point with .astype(float)"
                raise ValueError(f"{self.who}: {subject.label}: {finding.message}{mend}")
            if finding.kind != "non-finite":
                raise ValueError(f"{self.who}: {subject.label}: {finding.message}")
        for name, gradient in gradients.items():
            if gradient.shape != subject.arrays[name].shape:
                raise ValueError(
                    f"{self.who}: {subject.label}: expected {name} of shape {subject.arrays[name].shape}, "
                    f"got {gradient.shape}; check_layer may know why"
                )
        dx = tuple(gradients.get(f"d{name}") for name in subject.input_names)
        return dx if subject.several else dx[0], {name: gradients[f"d{name}"] for name in subject.params}

    def row(self, i: int, place: tuple[int, ...]) -> tuple[Array | None, ...]:
        """dx for an upstream of zeros but for a one in one entry of output i."""
        basis = [np.zeros(part.shape) for part in parts_of(self.y)]
        basis[i][place] = 1
        return parts_of(self.pull(tuple(basis) if isinstance(self.y, tuple) else basis[0])[0])

    def read_u(self, u: Any) -> Any:
        """u as a float64 array of y's shape, or a tuple of them.   Raises: TypeError, ValueError."""
        ys, us = parts_of(self.y), parts_of(u)
        if isinstance(u, tuple) != isinstance(self.y, tuple) or len(us) != len(ys):
            raise ValueError(
                f"{self.who}: expected u as y is, {kind_of(self.y)}, got {kind_of(u)}; "
                "pass one array for each output"
            )
        names = [f"u[{i}]" for i in range(len(us))] if isinstance(u, tuple) else ["u"]
        read = [
            _read(self.who, name, part, y.shape, "y") for name, part, y in zip(names, us, ys, strict=True)
        ]
        return tuple(read) if isinstance(u, tuple) else read[0]

    def read_v(self, v: Any) -> list[Array | None]:
        """What each input moves by, None where it stays.   Raises: TypeError, ValueError."""
        subject, vs = self.subject, parts_of(v)
        if isinstance(v, tuple) != subject.several or len(vs) != len(subject.inputs):
            x = tuple(subject.inputs) if subject.several else subject.inputs[0]
            raise ValueError(
                f"{self.who}: expected v as x is, {kind_of(x)}, got {kind_of(v)}; "
                "pass one array for each input, or None for one that stays"
            )
        read: list[Array | None] = []
        for name, part, x in zip(subject.input_names, vs, subject.inputs, strict=True):
            name = name.replace("x", "v")
            if part is not None and x.dtype.kind != "f":
                raise ValueError(
                    f"{self.who}: expected {name} to be None as x there is {x.dtype}, which moves along "
                    f"nothing, got {kind_of(part)}; make x floating-point with .astype(float)"
                )
            read.append(None if part is None else _read(self.who, name, part, x.shape, "x"))
        return read


def _read_x(who: str, x: Any) -> list[Array]:
    """The inputs.   Raises: TypeError, ValueError."""
    names = [f"x[{i}]" for i in range(len(x))] if isinstance(x, tuple) else ["x"]
    for name, part in zip(names, parts_of(x), strict=True):
        if not isinstance(part, np.ndarray | np.generic):
            raise TypeError(
                f"{who}: expected {name} to be a NumPy array, got {kind_of(part)}; "
                "convert it with np.asarray, and put several inputs into a tuple"
            )
        _read(who, name, part)
    return [np.asarray(part) for part in parts_of(x)]


def _read(who: str, name: str, value: Any, shape: tuple[int, ...] | None = None, like: str = "") -> Array:
    """A finite real array in float64, of this shape.   Raises: TypeError, ValueError."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        got = array.dtype if isinstance(value, np.ndarray | np.generic) else kind_of(value)
        raise TypeError(f"{who}: expected {name} in real numbers, got {got}; convert it with .astype(float)")
    if shape is not None and array.shape != shape:
        raise ValueError(
            f"{who}: expected {name} of {like}'s shape {shape}, got {array.shape}; "
            f"draw it with rng.standard_normal({like}.shape)"
        )
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        index = bad[0].tolist()
        raise ValueError(
            f"{who}: expected a finite {name}, got {array[tuple(index)]} at {index}; clean it first"
        )
    return array.astype(np.float64)
