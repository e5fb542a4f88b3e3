"""Arrays that carry their derivative along one direction, or refuse to go where they cannot."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from .admitted import (
    ANALYTIC,
    FOLDS,
    LIKE,
    MOVED,
    MULTILINEAR,
    NATIVE,
    OVERFLOWS,
    SLOPES,
    SPECIAL,
    STAIRS,
    THROUGH,
    WRITERS,
    NotAnalytic,
    Slope,
    refusal,
)
from .redone import IN_OTHERS

H = 1e-30  # so small that its square is nothing beside 1, and the first order alone is left
MARK = np.dtype(np.float64, metadata={"carries": "a derivative"})  # what a guarded array says its dtype is


class Guarded(np.ndarray):
    """Real values x with H dx in the imaginary part: f(x) then carries H f'(x) dx, or raises NotAnalytic.

    To the code it passes through it is a float64 array. Comparisons, sorting and cutting off go by the real
    part, and at a tie by the way the perturbation leads: at a kink it carries the one-sided slope.
    Only what admitted.py and redone.py list is let through. What NumPy converts unasked, as
    np.abs([x[0], x[1]]) does its list, comes out unguarded, and is refused only where its derivative is
    still in it.

    Source: Squire & Trapp 1998; Martins, Sturdza & Alonso 2003
    """

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, where: Any = True, **options: Any
    ) -> Any:
        if not loses_nothing(options.pop("dtype", None)) or (where is not True and method == "at"):
            raise refusal(ufunc)
        if method == "outer":
            a, b = inputs
            inputs, method = (np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b), "__call__"
        native = [strip(x) for x in inputs]
        if method == "at":
            if ufunc not in (np.add, np.subtract) or not isinstance(inputs[0], Guarded):
                raise refusal(ufunc, ".at on this buffer")
            return ufunc.at(*native)
        if method != "__call__":
            masked = {} if where is True else {"where": where}
            result, where = _fold(ufunc, getattr(ufunc, method), inputs, masked | options), True
        elif where is not True and out is None:
            raise refusal(ufunc, " with where= and no out=")
        elif not _carries(inputs) or ufunc in NATIVE:
            result = wrap(ufunc(*native, **options))
        elif ufunc in ELEMENTWISE:
            result = ELEMENTWISE[ufunc](*inputs)
        elif ufunc in STAIRS:
            result = _stair(ufunc, inputs)
        elif ufunc in MULTILINEAR:
            result = _multilinear(ufunc, inputs, options)
        elif slopes := SLOPES.get(ufunc) or SPECIAL.get(ufunc.__name__):
            result = _chain(ufunc, slopes, inputs, where)
        else:
            raise refusal(ufunc)
        return result if out is None else _store(ufunc, result, out[0], where)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        options = dict(kwargs)
        out = options.pop("out", None)
        if func in (np.dot, np.outer) and len(args) == 3:
            *args, out = args
        if loses_nothing(options.get("dtype")):
            options.pop("dtype", None)
        elif func not in LIKE:
            raise refusal(func, f" in {np.dtype(options['dtype'])}")
        if func in WRITERS and not isinstance(args[0], Guarded):
            raise refusal(func, " into this buffer")
        if func in REDONE:
            result = REDONE[func](*args, **options)
        elif func in MULTILINEAR:
            result = _multilinear(func, args, options)
        elif func in ANALYTIC:
            result = _analytic(func, args, options)
        elif func in MOVED:
            result = wrap(func(*strip(args), **strip(options)))
        elif func in THROUGH:
            result = super().__array_function__(func, types, args, options)
        else:
            raise refusal(func)
        return result if out is None else _store(func, result, out)

    # ---- what does not ask the two protocols above ----

    def __getitem__(self, index: Any) -> Any:
        return wrap(super().__getitem__(index))  # a number stays guarded

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, strip(value))

    @property
    def dtype(self) -> Any:
        """float64, marked: under `exact()` np.zeros(shape, x.dtype) is a guarded buffer."""
        return MARK

    @property  # type: ignore[misc]
    def real(self) -> Any:
        return self

    @property  # type: ignore[misc]
    def imag(self) -> Any:
        return np.zeros(self.shape)

    def conj(self) -> Any:
        return self.copy()

    conjugate = conj

    def item(self, *index: Any) -> Any:
        if not index:
            return self.reshape(()).copy()
        return self[index] if len(index) > 1 else np.take(self, index[0])

    def astype(self, dtype: Any, *args: Any, copy: bool = True, **options: Any) -> Any:  # type: ignore[override]
        kind = np.dtype(dtype).kind
        if kind == "b":
            return self != 0
        if kind in "iu":
            return plain(np.trunc(self)).astype(dtype)
        if not loses_nothing(dtype):
            raise NotAnalytic(f"astype({np.dtype(dtype)}) has no derivative here; it would be rounded away")
        return self.copy() if copy else self

    def clip(self, min: Any = None, max: Any = None, **options: Any) -> Any:  # type: ignore[override]
        return np.clip(self, min, max, **options)

    def view(self, *args: Any, **options: Any) -> Any:
        if args or options:
            raise NotAnalytic("ndarray.view has no derivative here; a view must stay what it is")
        return super().view()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __repr__(self) -> str:
        return f"Guarded({plain(self)!r}, {_imag(self) / H!r})"

    __str__ = __repr__


def guard(array: Any, perturbation: Any) -> Guarded:
    """The array, to be followed along the perturbation (broadcast to its shape)."""
    array = np.asarray(array, np.float64)
    return _carry(array, H * np.broadcast_to(np.asarray(perturbation, np.float64), array.shape))


def derivative(value: Any) -> Array:
    """What a guarded value changes by along the perturbation, per unit of it.

    Raises: NotAnalytic where the value has lost its derivative on the way, or it is NaN.
    """
    if not isinstance(value, Guarded):
        raise NotAnalytic(f"expected a guarded array, got {type(value).__name__}; its derivative was lost")
    change: Array = np.asarray(_imag(value) / H)
    if np.isnan(change).any():
        raise NotAnalytic("expected a derivative, got NaN; a value on the way was not finite")
    if np.isinf(plain(value)).any():
        raise NotAnalytic("what overflows has no derivative here; move x to where forward is finite")
    return change


def plain(value: Any) -> Any:
    """The real values of a guarded array, also in lists; anything else as it is."""
    if isinstance(value, tuple | list):
        return type(value)(map(plain, value))
    return np.ndarray.view(value, np.ndarray).real.copy() if isinstance(value, Guarded) else strip(value)


# ---- how a derivative is carried ---------------------------------------------------------------------------


def _chain(ufunc: np.ufunc, slopes: Any, inputs: Any, where: Any) -> Guarded:
    """y = f(a, b), dy = f_a da + f_b db; refused where y or dy is not finite though a and b are.

    A number too large is inf, and stays so however a and b move: 1 / (1 + exp(800)) is 0 and flat.
    """
    reals = [np.real(x) for x in map(strip, inputs)]
    with np.errstate(all="ignore"):
        y = ufunc(*reals)
        pairs = zip(slopes, inputs, strict=False)
        change = sum(slope(y, *reals) * _imag(x) for slope, x in pairs if isinstance(x, Guarded))
    if not np.isfinite(y).all():
        flat = np.isinf(y) & (True if ufunc in OVERFLOWS else ~_finite(reals, y))
        change = np.where(flat, 0.0, change)
        where = where & ~flat
    result = _carry(y, change)
    if not np.isfinite(strip(result)).all():
        bad = np.asarray(where & _finite(reals, y) & ~np.isfinite(strip(result)))
        if bad.any():
            at = (f"{np.broadcast_to(x, bad.shape)[bad][0]:.6g}" for x in reals)
            raise refusal(ufunc, f" at {', '.join(at)}")
    return result


def _finite(values: Any, like: Any) -> Any:
    """Where all of these are finite."""
    return np.logical_and.reduce([np.broadcast_to(np.isfinite(x), np.shape(like)) for x in values])


def _stair(ufunc: np.ufunc, inputs: Any) -> Guarded:
    """Piecewise constant: the derivative is 0, but there is none on the edge of a step."""
    first, *rest = map(plain, inputs)
    with np.errstate(all="ignore"):
        below, above = (ufunc(np.nextafter(first, far), *rest) for far in (-np.inf, np.inf))
    moved: Any = np.logical_or.reduce(
        np.broadcast_arrays(*(_imag(x) != 0 for x in inputs if isinstance(x, Guarded)))
    )
    if np.any(moved & (below != above)):
        raise refusal(ufunc, " on the edge of a step")
    return _carry(ufunc(first, *rest), 0.0)


def _fold(ufunc: np.ufunc, fold: Any, inputs: Any, options: Any) -> Any:
    """A sum, product or extreme along an axis."""
    if not _carries(inputs) or ufunc in FOLDS:
        return wrap(fold(*strip(inputs), **strip(options)))
    if ufunc is np.multiply:
        return _analytic(fold, inputs, options)
    raise refusal(ufunc, f".{fold.__name__}")


def _multilinear(f: Any, args: Any, options: Any) -> Guarded:
    """d f(a, b, ..) = f(da, b, ..) + f(a, db, ..) + .."""
    reals = plain(list(args))
    change = sum(
        f(*reals[:i], _imag(x), *reals[i + 1 :], **options)
        for i, x in enumerate(args)
        if isinstance(x, Guarded)
    )
    return _carry(f(*reals, **options), change)


def _analytic(f: Any, args: Any, options: Any) -> Guarded:
    """f(x + iH dx) = f(x) + iH f'(x) dx, as f takes complex numbers; its real part without the H^2."""
    options = {name: (strip(value), plain(value)) for name, value in options.items()}
    change = np.imag(f(*strip(args), **{name: pair[0] for name, pair in options.items()}))
    return _carry(f(*plain(args), **{name: pair[1] for name, pair in options.items()}), change)


def _carry(value: Any, change: Any) -> Guarded:
    z = np.empty(np.shape(value), np.complex128)
    z.real, z.imag = value, change
    return z.view(Guarded)


def _imag(x: Any) -> Any:
    return np.ndarray.view(x, np.ndarray).imag.copy()


def _carries(args: Any) -> bool:
    return any(isinstance(x, Guarded) for x in args)


def strip(value: Any) -> Any:
    """Guarded arrays, also in lists, as the complex ones they are."""
    if isinstance(value, Guarded):
        return np.ndarray.view(value, np.ndarray)
    if isinstance(value, tuple | list):
        return type(value)(map(strip, value))
    if isinstance(value, dict):
        return {key: strip(one) for key, one in value.items()}
    if isinstance(value, complex) or (isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "c"):
        if np.any(np.imag(value)):
            raise NotAnalytic(
                "a complex array has no derivative here; it lost its guard on the way (np.asarray)"
            )
        return np.real(value)
    return value


def wrap(value: Any) -> Any:
    """Complex arrays and numbers, also in lists, as guarded ones."""
    if isinstance(value, tuple | list):
        return type(value)(map(wrap, value))
    if (
        isinstance(value, np.ndarray | np.generic)
        and not isinstance(value, Guarded)
        and value.dtype.kind == "c"
    ):
        if any(stride % value.itemsize for stride in value.strides):
            raise NotAnalytic("as_strided has no derivative here; take the strides from x.strides")
        return np.asarray(value).view(Guarded)
    return value


def _store(f: Any, result: Any, target: Any, where: Any = True) -> Any:
    if isinstance(result, Guarded) and not isinstance(target, Guarded):
        raise refusal(f, f" into a {target.dtype} buffer")
    np.copyto(strip(target), strip(result), where=where)
    return target


def loses_nothing(dtype: Any) -> bool:
    return dtype is None or np.dtype(dtype) in (np.float64, np.complex128)


ELEMENTWISE: dict[np.ufunc, Slope] = {
    np.absolute: lambda x: np.where(x < 0, -x, x),
    np.fabs: lambda x: np.where(x < 0, -x, x),
    np.remainder: lambda a, b: a - np.floor_divide(a, b) * b,
    np.copysign: lambda a, b: abs(a) * (np.sign(b) * 0 + np.copysign(1.0, plain(b))),
    np.signbit: lambda x: np.signbit(plain(x)),
}


def _slogdet(a: Any) -> Any:
    """d log|det A| = tr(A^-1 dA)"""
    real = np.linalg.slogdet(plain(a))
    change = np.trace(np.linalg.inv(plain(a)) @ _imag(a), axis1=-2, axis2=-1)
    return type(real)(real.sign, _carry(real.logabsdet, change))


def _result_type(*args: Any) -> Any:
    args = tuple(np.dtype(np.float64) if isinstance(x, Guarded) or x is MARK else x for x in args)
    kind = np.result_type(*args)
    return MARK if kind == np.float64 else kind


REDONE = IN_OTHERS | {np.linalg.slogdet: _slogdet, np.result_type: _result_type}


def _method(name: str) -> Any:
    def method(self: Guarded, *args: Any, **options: Any) -> Any:
        return getattr(np, name)(self, *args, **options)

    return method


def _in_place(name: str) -> Any:
    def method(
        self: Guarded, other: Any
    ) -> Any:  # a number is not updated in place, as another name may hold it
        return getattr(super(Guarded, self), f"__{'i' if self.ndim else ''}{name}__")(other)

    return method


def _refused(name: str) -> Any:
    def method(self: Guarded, *args: Any, **options: Any) -> Any:
        raise NotAnalytic(f"{name.strip('_')}() has no derivative here; keep the number in its array")

    return method


METHODS = (
    "sum mean prod cumsum cumprod max min argmax argmin argsort argpartition var std round dot trace take "
    "repeat diagonal compress nonzero any all searchsorted"
)
IN_PLACE = "add sub mul truediv floordiv mod pow"
REFUSED = "tolist tobytes tofile dump dumps getfield setfield byteswap __float__ __int__ __complex__"
for make, names in ((_method, METHODS), (_in_place, IN_PLACE), (_refused, REFUSED)):
    for name in names.split():
        setattr(Guarded, f"__i{name}__" if make is _in_place else name, make(name))
Guarded.flat = property(_refused("flat"))  # type: ignore[assignment, method-assign]
