"""Expressions of NumPy that a forward may be written with, and the numbers that go in."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

RNG = np.random.default_rng(5)
X, ALONG = RNG.standard_normal((4, 3)), RNG.standard_normal((4, 3))
W, B, S = RNG.standard_normal((3, 2)), RNG.standard_normal((4, 3)), RNG.standard_normal((3, 3))
LABELS = np.array([2, 0, 1, 1])


def positive(x):
    return x * x + 0.5


def small(x):
    return x / (1 + positive(x))  # within (-1, 1)


def square(x):
    return x.T @ x + np.eye(3)


def filled(buffer, value):
    buffer[...] = value
    return buffer


def changed(x, change):
    y = x.copy()
    change(y)
    return y


def added_at(buffer, x):
    np.add.at(buffer, [0, 0, 2, 1], x)
    return buffer


def number_by_number(buffer, x):
    for i in range(4):
        buffer[i] = x[i, 0] * x[i, 1]
    return buffer


def a_second_name(x):
    total = x.sum()
    mean = total
    mean /= 12
    return total * mean


def logistic_of_two_branches(x, buffer):
    buffer[x >= 0] = 1 / (1 + np.exp(-x[x >= 0]))
    buffer[x < 0] = np.exp(x[x < 0]) / (1 + np.exp(x[x < 0]))
    return buffer


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def batchnorm(x):
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)


def sigmoid_in_place(x):
    y = -x
    np.exp(y, out=y)
    y += 1
    return np.divide(1, y, out=y)


# Each is run on a random x of shape (4, 3).
EXPRESSIONS = [
    # elementary arithmetic and products
    ("+", lambda x: x + B + 1),
    ("-", lambda x: 2 - x - B),
    ("*", lambda x: x * B * 3 * x),
    ("/", lambda x: B / positive(x) + x / 7),
    ("unary -", lambda x: -x),
    ("+ float32", lambda x: x * np.float32(1.5) + B.astype(np.float32)),
    ("* bool, int", lambda x: x * (B > 0) + x * LABELS[:, None]),
    ("x * NumPy number", lambda x: np.float64(0.3) * x + x * np.int64(2)),
    ("@", lambda x: x @ W),
    ("@ of itself", lambda x: x @ x.T),
    ("constant @", lambda x: W.T @ x.T),
    ("matmul of stacks", lambda x: np.matmul(x[:, None, :], x[:, :, None])),
    ("dot", lambda x: np.dot(x, W)),
    (".dot", lambda x: x.dot(W)),
    ("einsum", lambda x: np.einsum("nd,dk,nk->n", x, W, x @ W)),
    ("einsum optimize", lambda x: np.einsum("nd,dk,nk->n", x, W, x @ W, optimize=True)),
    ("tensordot", lambda x: np.tensordot(x, W, axes=1)),
    ("inner", lambda x: np.inner(x, x)),
    ("outer", lambda x: np.outer(x[0], x[1])),
    ("multiply.outer", lambda x: np.multiply.outer(x[0], x[1])),
    ("subtract.outer", lambda x: np.subtract.outer(x[0], B[1])),
    ("convolve", lambda x: np.convolve(x[:, 0], x[:, 1])),
    ("correlate", lambda x: np.correlate(x[:, 0], B[:2, 1])),
    ("kron", lambda x: np.kron(x, W)),
    ("cross", lambda x: np.cross(x[0], x[1])),
    ("multi_dot", lambda x: np.linalg.multi_dot([x, W, W.T, x.T])),
    ("matrix_power", lambda x: np.linalg.matrix_power(square(x), 3)),
    ("vdot", lambda x: np.vdot(x, x)),
    ("vdot with a constant", lambda x: np.vdot(x, B)),
    # exp, log, powers
    ("exp", np.exp),
    ("exp2", np.exp2),
    ("expm1", np.expm1),
    ("log", lambda x: np.log(positive(x))),
    ("log2", lambda x: np.log2(positive(x))),
    ("log10", lambda x: np.log10(positive(x))),
    ("log1p", lambda x: np.log1p(x * x)),
    ("sqrt", lambda x: np.sqrt(positive(x))),
    ("square", np.square),
    ("x**2", lambda x: x**2),
    ("x**3 of negative x", lambda x: x**3),
    ("x**-1", lambda x: x**-1),
    ("x**0.5", lambda x: positive(x) ** 0.5),
    ("x**0", lambda x: x**0),
    ("2**x", lambda x: 2**x),
    ("x**x", lambda x: positive(x) ** x),
    ("power", lambda x: np.power(positive(x), 1.7)),
    ("float_power", lambda x: np.float_power(positive(x), 1.7)),
    ("reciprocal", np.reciprocal),
    ("cbrt", np.cbrt),
    ("hypot", lambda x: np.hypot(x, B)),
    ("logaddexp", lambda x: np.logaddexp(x, 0)),
    ("logaddexp2", lambda x: np.logaddexp2(x, B)),
    ("ldexp", lambda x: np.ldexp(x, 3)),
    # trigonometry
    ("sin", np.sin),
    ("cos", np.cos),
    ("tan", np.tan),
    ("sinh", np.sinh),
    ("cosh", np.cosh),
    ("tanh", np.tanh),
    ("tanh far out", lambda x: np.tanh(x + 3)),
    ("arctan", np.arctan),
    ("arcsin", lambda x: np.arcsin(small(x))),
    ("arccos", lambda x: np.arccos(small(x))),
    ("arctanh", lambda x: np.arctanh(small(x))),
    ("arcsinh", np.arcsinh),
    ("arccosh", lambda x: np.arccosh(1 + positive(x))),
    ("arctan2", lambda x: np.arctan2(x, B)),
    ("deg2rad", np.deg2rad),
    # what has no derivative in the complex plane, and one on the real axis
    ("abs()", abs),
    ("absolute", lambda x: np.abs(x) * B),
    ("fabs", np.fabs),
    ("abs(x)**2", lambda x: np.abs(x) ** 2),
    ("sign", np.sign),
    ("x * sign(x)", lambda x: x * np.sign(x)),
    ("softplus by abs", lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
    ("copysign", lambda x: np.copysign(x, B)),
    ("copysign of the sign", lambda x: np.copysign(B, x)),
    ("heaviside", lambda x: x * np.heaviside(x, 0.5)),
    ("floor", lambda x: x - np.floor(x)),
    ("ceil", lambda x: np.ceil(x) * x),
    ("rint", lambda x: np.rint(x) * x),
    ("trunc", lambda x: np.trunc(3 * x) * x),
    ("round", lambda x: np.round(x, 1) * x),
    (".round", lambda x: x.round() * x),
    ("fix", lambda x: np.fix(2 * x) * x),
    ("%", lambda x: x % 0.7),
    ("//", lambda x: x * (x // 0.7)),
    ("fmod", lambda x: np.fmod(x, 0.7)),
    ("divmod", lambda x: divmod(x, 0.7)[1]),
    ("conj", lambda x: x.conj() * x),
    ("conjugate", lambda x: np.conjugate(x) * x),
    ("x @ x.conj().T", lambda x: x @ x.conj().T),
    (".real", lambda x: x.real * x),
    ("np.real", lambda x: np.real(x) * x),
    (".imag", lambda x: x.imag + x),
    ("real_if_close", np.real_if_close),
    ("angle", np.angle),
    ("log of a negative", lambda x: np.log(-positive(x))),
    ("sqrt of a negative", lambda x: np.sqrt(x)),
    ("power of a negative", lambda x: x**0.3),
    ("nan_to_num", np.nan_to_num),
    ("interp", lambda x: np.interp(x, [-3, 0, 3], [0, 1, 5])),
    ("math.erf", lambda x: np.vectorize(math.erf)(x)),
    ("math.exp", lambda x: np.array([math.exp(v) for v in x[0]])),
    # branches and order
    ("maximum", lambda x: np.maximum(x, 0)),
    ("minimum", lambda x: np.minimum(x, B)),
    ("fmax", lambda x: np.fmax(x, B)),
    ("fmin", lambda x: np.fmin(x, 0.1)),
    ("where", lambda x: np.where(x > 0, x, 0.1 * x)),
    ("x * (x > 0)", lambda x: x * (x > 0)),
    ("x[x < 0] = 0", lambda x: changed(x, lambda y: y.__setitem__(y < 0, 0))),
    ("clip", lambda x: np.clip(x, -0.5, 0.5)),
    (".clip", lambda x: x.clip(0)),
    ("piecewise", lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: v * v, lambda v: np.abs(v)])),
    ("select", lambda x: np.select([x < 0, x > 1], [x * x, 2 * x], np.exp(x))),
    ("choose", lambda x: np.choose(LABELS[:3], x)),
    ("max", lambda x: x.max(axis=1)),
    ("np.max keepdims", lambda x: np.max(x, axis=1, keepdims=True) - x),
    ("min", lambda x: x.min(axis=0)),
    ("argmax and fancy index", lambda x: x[np.arange(4), x.argmax(axis=1)]),
    ("take_along_axis", lambda x: np.take_along_axis(x, np.argmin(x, 1, keepdims=True), 1)),
    ("sort", lambda x: np.sort(x, axis=0)),
    (".sort", lambda x: changed(x, lambda y: y.sort(axis=0))),
    ("argsort", lambda x: x[:, 0][x[:, 0].argsort()]),
    ("partition", lambda x: np.partition(x, 1, axis=0)[1]),
    ("argpartition", lambda x: x[np.argpartition(x[:, 0], 1)[1]]),
    ("median", lambda x: np.median(x, axis=0)),
    ("percentile", lambda x: np.percentile(x, 30)),
    ("quantile", lambda x: np.quantile(x, [0.2, 0.77], axis=0)),
    ("maximum.accumulate", lambda x: np.maximum.accumulate(x, axis=0)),
    # sums
    ("sum", lambda x: x.sum(axis=0)),
    ("sum keepdims", lambda x: x - np.sum(x, axis=1, keepdims=True)),
    ("builtin sum", lambda x: sum(x)),
    ("mean", lambda x: x.mean(axis=(0, 1))),
    ("mean in float64", lambda x: np.mean(x, axis=0, dtype=np.float64)),
    ("average", lambda x: np.average(x, axis=0, weights=positive(x))),
    ("prod", lambda x: x.prod(axis=0)),
    ("cumsum", lambda x: x.cumsum(axis=0)),
    ("cumprod", lambda x: np.cumprod(x, axis=1)),
    ("diff", lambda x: np.diff(x, axis=0)),
    ("trapezoid", lambda x: np.trapezoid(x, axis=0)),
    ("add.reduce", lambda x: np.add.reduce(x, axis=1)),
    ("add.reduceat", lambda x: np.add.reduceat(x, [0, 2], axis=0)),
    ("multiply.reduce", lambda x: np.multiply.reduce(x, axis=1)),
    ("((x - m)**2).mean", lambda x: ((x - x.mean(axis=0)) ** 2).mean(axis=0)),
    ("var", lambda x: np.var(x, axis=0)),
    (".var keepdims", lambda x: x / x.var(axis=1, keepdims=True, ddof=1)),
    ("std", lambda x: np.std(x)),
    (".std", lambda x: x.std(axis=0)),
    ("cov", lambda x: np.cov(x, rowvar=False)),
    ("sqrt of the sum of squares", lambda x: np.sqrt((x**2).sum(axis=1))),
    ("polyval", lambda x: np.polyval([1.0, 2.0, 3.0], x)),
    ("gradient", lambda x: np.gradient(x, axis=0)),
    # linear algebra
    ("norm", np.linalg.norm),
    ("norm axis", lambda x: x / np.linalg.norm(x, axis=1, keepdims=True)),
    ("norm 1", lambda x: np.linalg.norm(x, 1, axis=0)),
    ("norm inf", lambda x: np.linalg.norm(x[0], np.inf)),
    ("norm nuc", lambda x: np.linalg.norm(x, "nuc")),
    ("norm of a matrix", lambda x: np.linalg.norm(x, 2)),
    ("inv", lambda x: np.linalg.inv(square(x))),
    ("solve", lambda x: np.linalg.solve(square(x), x.T)),
    ("det", lambda x: np.linalg.det(square(x))),
    ("slogdet", lambda x: np.linalg.slogdet(square(x))[1]),
    ("trace", lambda x: np.trace(x @ S @ x.T)),
    (".trace", lambda x: square(x).trace()),
    ("cholesky", lambda x: np.linalg.cholesky(square(x))),
    ("eigvalsh", lambda x: np.linalg.eigvalsh(square(x))),
    ("eigh", lambda x: np.linalg.eigh(square(x))[0]),
    ("svd", lambda x: np.linalg.svd(x)[1]),
    ("pinv", np.linalg.pinv),
    ("qr", lambda x: np.linalg.qr(x)[1]),
    ("lstsq", lambda x: np.linalg.lstsq(x, B, rcond=None)[0]),
    ("rfft", lambda x: np.fft.irfft(np.fft.rfft(x))),
    ("fft", lambda x: np.abs(np.fft.fft(x))),
    ("polyfit", lambda x: np.polyfit(B[:, 0], x[:, 0], 1)),
    ("corrcoef", np.corrcoef),
    # moving
    ("T", lambda x: x.T * 2),
    ("reshape", lambda x: x.reshape(2, 6)),
    ("-1 reshape", lambda x: np.reshape(x, -1)),
    ("ravel", lambda x: x.ravel() * np.ravel(x)),
    ("flatten", lambda x: x.flatten()),
    ("transpose", lambda x: np.transpose(x[None], (2, 0, 1))),
    ("swapaxes, squeeze", lambda x: x[None].swapaxes(0, 1).squeeze()),
    ("take", lambda x: x.take([0, 2], axis=1)),
    ("repeat", lambda x: x.repeat(2, axis=0)),
    ("tile", lambda x: np.tile(x, 2)),
    ("pad", lambda x: np.pad(x, 1)),
    ("roll", lambda x: np.roll(x, 1, axis=0)),
    ("flip", lambda x: np.flip(x, 0)),
    ("x[::-1]", lambda x: x[::-1, None]),
    ("concatenate", lambda x: np.concatenate([x, B], axis=1)),
    ("stack", lambda x: np.stack([x, B, 2 * x])),
    ("hstack, vstack", lambda x: np.hstack([np.vstack([x, B]), np.vstack([B, x])])),
    ("split", lambda x: np.split(x, 2)[1]),
    ("broadcast_to", lambda x: np.broadcast_to(x, (2, 4, 3)).sum(axis=0)),
    ("tril", lambda x: np.tril(x)),
    ("diagonal", lambda x: x.diagonal()),
    ("sliding_window_view", lambda x: sliding_window_view(x, 2, axis=0).sum(axis=-1)),
    ("as_strided", lambda x: np.lib.stride_tricks.as_strided(x, (2, 3), x.strides)),
    ("as_strided by name", lambda x: as_strided(x, (2, 3), x.strides) * B[:2]),
    ("strides in bytes", lambda x: np.lib.stride_tricks.as_strided(x, (2, 3), (24, 8))),
    ("nditer", lambda x: np.array([abs(v) for v in np.nditer(x)])),
    ("ndenumerate", lambda x: sum(abs(v) for _, v in np.ndenumerate(x))),
    ("vectorize", lambda x: np.vectorize(lambda v: abs(v))(x)),
    ("frompyfunc", lambda x: np.frompyfunc(abs, 1, 1)(x).astype(float)),
    ("builtins of numbers", lambda x: max(x[0]) * sorted(x[1])[0] + abs(x[2, 0]) + sum(v * v for v in x[3])),
    ("math of numbers", lambda x: math.fsum(x[0]) + math.sqrt(x[0, 0] ** 2)),
    ("iterate", lambda x: np.stack([row * v for row, v in zip(x, x[:, 0], strict=True)])),
    ("array of numbers", lambda x: np.array([x[0, 0], 2.0, x[1, 1] ** 2])),
    # buffers
    ("empty_like", lambda x: filled(np.empty_like(x), x * x)),
    ("zeros_like", lambda x: filled(np.zeros_like(x), x)),
    ("full_like", lambda x: np.full_like(x, -np.inf, shape=(2, 2)).clip(1) * x[0, 0]),
    ("zeros of x.dtype", lambda x: filled(np.zeros(x.shape, x.dtype), x * x)),
    ("zeros of result_type", lambda x: filled(np.zeros((4, 3), np.result_type(x, np.float32)), abs(x))),
    ("zeros +=", lambda x: np.add(np.zeros(x.shape), x)),
    ("zeros += in place", lambda x: np.zeros(x.shape).__iadd__(x)),
    ("zeros = x", lambda x: filled(np.zeros(x.shape), x)),
    ("zeros[i] = x[i]", lambda x: number_by_number(np.zeros(4), x)),
    ("zeros_like[i] = x[i]", lambda x: number_by_number(np.zeros_like(x[:, 0]), x)),
    ("complex buffer", lambda x: filled(np.zeros(x.shape, complex), x) * 2),
    ("complex buffer beside x", lambda x: filled(np.zeros(x.shape, complex), x) * x),
    ("a second name for a sum", a_second_name),
    ("empty(shape) = x", lambda x: filled(np.empty(x.shape, np.float32), x)),
    ("add.at", lambda x: added_at(np.zeros_like(x), x)),
    ("add.at zeros", lambda x: added_at(np.zeros((4, 3)), x)),
    ("out= of zeros", lambda x: np.multiply(x, 2, out=np.zeros(x.shape))),
    ("sum into zeros", lambda x: np.sum(x, axis=0, out=np.zeros(3))),
    ("copyto zeros", lambda x: changed(np.zeros((4, 3)), lambda y: np.copyto(y, x))),
    ("out= of its own", sigmoid_in_place),
    ("*= 2", lambda x: changed(x, lambda y: y.__imul__(2))),
    ("-= mean", lambda x: changed(x, lambda y: y.__isub__(y.mean(axis=0)))),
    ("dot into zeros", lambda x: np.dot(x, W, np.zeros((4, 2)))),
    ("sum into zeros by position", lambda x: np.sum(x, 0, None, np.zeros(3))),
    ("mean into zeros by position", lambda x: np.mean(x, 0, None, np.zeros(3))),
    ("prod into zeros by position", lambda x: np.prod(x, 0, None, np.zeros(3))),
    ("cumsum into zeros by position", lambda x: np.cumsum(x, 0, None, np.zeros((4, 3)))),
    ("max into zeros by position", lambda x: np.max(x, 0, np.zeros(3))),
    ("take into zeros by position", lambda x: np.take(x, [1], 0, np.zeros((1, 3)))),
    ("add with where=", lambda x: np.add(x, 1, out=x.copy(), where=B > 0)),
    ("log with where=", lambda x: np.log(x, out=np.zeros_like(x), where=X > 0)),
    ("two branches into zeros_like", lambda x: logistic_of_two_branches(x, np.zeros_like(x))),
    ("two branches into zeros", lambda x: logistic_of_two_branches(x, np.zeros(x.shape))),
    # casts
    ("astype(float)", lambda x: x.astype(float) * x),
    ("astype(x.dtype)", lambda x: (x * x).astype(x.dtype, copy=False)),
    ("astype(int)", lambda x: x * (4 * x).astype(int)),
    ("astype(float32)", lambda x: x.astype(np.float32)),
    ("asarray", lambda x: np.abs(np.asarray(x))),
    ("asarray, dtype", lambda x: np.asarray(x, dtype=float) * 2),
    ("asarray, float32", lambda x: np.asarray(x, dtype=np.float32)),
    ("array of a copy", lambda x: np.abs(np.array(x, float))),
    ("float64(x)", lambda x: np.float64(x[0, 0]) * x),
    ("float(x)", lambda x: x * float(x[0, 0])),
    ("item", lambda x: x * x[0, 0].item()),
    ("item of a place", lambda x: x * x.item(4) + x[:1, 0].item() * x.item(2, 1)),
    ("tolist", lambda x: np.array(x.tolist())),
    ("flat", lambda x: np.array(list(x.flat))),
    ("view(float)", lambda x: x.view(np.float64)[:, :3]),
    # in combination
    ("softmax", softmax),
    ("logsumexp", lambda x: np.log(np.exp(x - x.max()).sum()) + x.max()),
    ("cross-entropy", lambda x: -np.log(softmax(x)[np.arange(4), LABELS]).mean()),
    ("batchnorm", batchnorm),
    ("layernorm", lambda x: (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)),
    ("two layers", lambda x: np.maximum(x @ W, 0) @ W.T + np.tanh(x)),
]
