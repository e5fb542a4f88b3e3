"""Which functions of NumPy a derivative can be carried through, and by what rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class NotAnalytic(TypeError):
    """A function was met that the derivative cannot be carried through."""


def refusal(f: Any, where: str = "") -> NotAnalytic:
    home = (getattr(f, "__module__", None) or "np").replace("numpy", "np")
    return NotAnalytic(f"{home}.{f.__name__}{where} has no derivative here; write it in other functions")


Slope = Callable[..., Any]

# y = f(x): f'(x), from y and x.   y = f(a, b): f_a and f_b, from y, a and b
SLOPES: dict[np.ufunc, tuple[Slope, ...]] = {
    np.multiply: (lambda y, a, b: b, lambda y, a, b: a),
    np.divide: (lambda y, a, b: 1 / np.asarray(b), lambda y, a, b: -y / b),
    np.power: (lambda y, a, b: np.where(b == 0, 0, b * a ** (b - 1.0)), lambda y, a, b: y * np.log(a)),
    np.float_power: (lambda y, a, b: np.where(b == 0, 0, b * a ** (b - 1.0)), lambda y, a, b: y * np.log(a)),
    np.hypot: (lambda y, a, b: a / y, lambda y, a, b: b / y),
    np.arctan2: (lambda y, a, b: b / (a * a + b * b), lambda y, a, b: -a / (a * a + b * b)),
    np.logaddexp: (lambda y, a, b: np.exp(a - y), lambda y, a, b: np.exp(b - y)),
    np.logaddexp2: (lambda y, a, b: np.exp2(a - y), lambda y, a, b: np.exp2(b - y)),
    np.ldexp: (lambda y, a, b: np.exp2(b),),
    np.conjugate: (lambda y, x: 1.0,),
    np.deg2rad: (lambda y, x: np.pi / 180,),
    np.radians: (lambda y, x: np.pi / 180,),
    np.rad2deg: (lambda y, x: 180 / np.pi,),
    np.degrees: (lambda y, x: 180 / np.pi,),
    np.square: (lambda y, x: 2 * x,),
    np.reciprocal: (lambda y, x: -y * y,),
    np.sqrt: (lambda y, x: 0.5 / y,),
    np.cbrt: (lambda y, x: 1 / (3 * y * y),),
    np.exp: (lambda y, x: y,),
    np.exp2: (lambda y, x: y * np.log(2),),
    np.expm1: (lambda y, x: np.exp(x),),
    np.log: (lambda y, x: 1 / x,),
    np.log2: (lambda y, x: 1 / (x * np.log(2)),),
    np.log10: (lambda y, x: 1 / (x * np.log(10)),),
    np.log1p: (lambda y, x: 1 / (1 + x),),
    np.sin: (lambda y, x: np.cos(x),),
    np.cos: (lambda y, x: -np.sin(x),),
    np.tan: (lambda y, x: 1 + y * y,),
    np.arcsin: (lambda y, x: 1 / np.sqrt((1 - x) * (1 + x)),),
    np.arccos: (lambda y, x: -1 / np.sqrt((1 - x) * (1 + x)),),
    np.arctan: (lambda y, x: 1 / (1 + x * x),),
    np.sinh: (lambda y, x: np.cosh(x),),
    np.cosh: (lambda y, x: np.sinh(x),),
    np.tanh: (lambda y, x: 1 / np.cosh(x) ** 2,),
    np.arcsinh: (lambda y, x: 1 / np.hypot(1, x),),
    np.arccosh: (lambda y, x: 1 / np.sqrt((x - 1) * (x + 1)),),
    np.arctanh: (lambda y, x: 1 / ((1 - x) * (1 + x)),),
}
SPECIAL: dict[str, tuple[Slope, ...]] = {  # of scipy.special, and what x**0 calls in NumPy 2.0
    "_ones_like": (lambda y, x: 0.0,),
    "expit": (lambda y, x: 0.25 / np.cosh(x / 2) ** 2,),
    "log_expit": (lambda y, x: -np.expm1(y),),
    "erf": (lambda y, x: 2 / np.sqrt(np.pi) * np.exp(-x * x),),
    "erfc": (lambda y, x: -2 / np.sqrt(np.pi) * np.exp(-x * x),),
    "ndtr": (lambda y, x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi),),
}
# without poles: an infinite y of finite x has overflowed
OVERFLOWS = {np.exp, np.exp2, np.expm1, np.sinh, np.cosh, np.square, np.multiply, np.logaddexp, np.logaddexp2}
STAIRS = {np.floor, np.ceil, np.rint, np.trunc, np.sign, np.heaviside, np.floor_divide}
FOLDS = {np.add, np.maximum, np.minimum, np.fmax, np.fmin, np.logical_and, np.logical_or}
# Linear, or by order: complex numbers are ordered by the real part, then by the imaginary one.
NATIVE = {
    np.add, np.subtract, np.negative, np.positive, np.maximum, np.minimum, np.fmax, np.fmin,
    np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.isnan, np.isinf, np.isfinite,
}  # fmt: skip


def _named(names: str, home: Any = np) -> set[Any]:
    return {getattr(home, name) for name in names.split() if hasattr(home, name)}


MULTILINEAR = _named(
    "matmul vecdot matvec vecmat dot vdot inner outer tensordot einsum kron convolve correlate cross"
) | _named("matmul vecdot outer tensordot cross", np.linalg)
ANALYTIC = _named("prod cumprod average trapezoid polyval vander") | _named("inv solve det", np.linalg)
LIKE = _named("zeros_like ones_like empty_like full_like")
WRITERS = _named("copyto put place putmask fill_diagonal put_along_axis")
THROUGH = _named("piecewise") | _named("matrix_power multi_dot", np.linalg)
MOVED = LIKE | WRITERS | _named(  # and summed, ordered or counted
    "all allclose amax amin any append argmax argmin argpartition argsort argwhere array_equal array_split "
    "atleast_1d atleast_2d atleast_3d block broadcast_arrays broadcast_to choose clip column_stack compress "
    "concatenate copy count_nonzero cumsum delete diag diagflat diagonal diff digitize dsplit dstack ediff1d "
    "expand_dims extract flatnonzero flip fliplr flipud gradient hsplit hstack insert isclose lexsort max "
    "may_share_memory mean median meshgrid min moveaxis ndim nonzero pad partition permute_dims ptp ravel "
    "repeat reshape resize roll rollaxis rot90 searchsorted select shape shares_memory size sort split "
    "squeeze stack sum swapaxes take take_along_axis tile trace transpose tril triu unstack vsplit vstack "
    "where"
) | {np.lib.stride_tricks.sliding_window_view, np.linalg.trace, np.linalg.diagonal}  # fmt: skip
