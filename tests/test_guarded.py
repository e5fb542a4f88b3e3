"""Guarded arrays: the derivative of what NumPy computes is exact, or there is an exception."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
from expressions import ALONG, EXPRESSIONS, X, batchnorm, filled, positive

from gradcheck.admitted import NotAnalytic
from gradcheck.guarded import Guarded, derivative, guard, plain
from gradcheck.keeping import exact

try:
    from scipy import special
except ImportError:
    special = None

SCIPY = [
    ("scipy logsumexp", lambda x: special.logsumexp(x, axis=1)),
    ("scipy softmax", lambda x: special.softmax(x, axis=1)),
    ("scipy log_softmax", lambda x: special.log_softmax(x, axis=1)),
    ("scipy erf", lambda x: special.erf(x)),
    ("scipy erfc", lambda x: special.erfc(x)),
    ("scipy ndtr", lambda x: special.ndtr(x)),
    ("scipy expit", lambda x: special.expit(x)),
    ("scipy log_expit", lambda x: special.log_expit(x)),
    ("scipy loggamma", lambda x: special.loggamma(positive(x))),
    ("scipy gammaln", lambda x: special.gammaln(positive(x))),
]
REFUSED = {
    *(
        "fmod",
        "divmod",
        "angle",
        "nan_to_num",
        "interp",
        "math.erf",
        "math.exp",
        "math of numbers",
        "vectorize",
    ),
    *(
        "log of a negative",
        "sqrt of a negative",
        "power of a negative",
        "frompyfunc",
        "nditer",
        "ndenumerate",
    ),
    *("cov", "corrcoef", "norm nuc", "norm of a matrix", "cholesky", "eigvalsh", "eigh", "svd", "pinv", "qr"),
    *("lstsq", "rfft", "fft", "polyfit", "as_strided by name", "strides in bytes", "zeros += in place"),
    *("zeros = x", "zeros[i] = x[i]", "complex buffer", "complex buffer beside x", "empty(shape) = x"),
    *("add.at zeros", "out= of zeros", "sum into zeros", "copyto zeros", "dot into zeros"),
    *(f"{name} into zeros by position" for name in ("sum", "mean", "prod", "cumsum", "max", "take")),
    *("two branches into zeros", "astype(float32)", "asarray, float32", "float64(x)", "float(x)"),
    *("tolist", "flat", "view(float)", "scipy loggamma", "scipy gammaln"),
}
MAY_REFUSE = {"scipy logsumexp", "scipy softmax", "scipy log_softmax"}  # from one version of SciPy to another


def differences(f, x, along):
    """df along a direction by central differences, extrapolated over three steps, in real numbers alone."""
    central = [
        (np.asarray(f(x + h * along)) - np.asarray(f(x - h * along))) / (2 * h) for h in (1e-3, 5e-4, 2.5e-4)
    ]
    first, second = (4 * central[1] - central[0]) / 3, (4 * central[2] - central[1]) / 3
    return (16 * second - first) / 15


def carried(f, x=X, along=ALONG):
    with exact():
        y = f(guard(x, along))
        return y, derivative(y)


def assert_carries(f):
    y, slope = carried(f)
    expected = differences(f, X, ALONG)
    assert isinstance(y, Guarded)
    assert slope.shape == expected.shape
    np.testing.assert_allclose(slope, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max(initial=0))
    np.testing.assert_allclose(plain(y), f(X.copy()), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("name", "f"), EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_a_derivative_is_exact_or_refused(name, f):
    if name in REFUSED:
        with pytest.raises((NotAnalytic, np.exceptions.ComplexWarning)):
            carried(f)
    else:
        assert_carries(f)


@pytest.mark.skipif(special is None, reason="SciPy is not installed (extra: datasets)")
@pytest.mark.parametrize(("name", "f"), SCIPY, ids=[name for name, _ in SCIPY])
def test_a_derivative_through_scipy_is_exact_or_refused(name, f):
    try:
        assert_carries(f)
        assert name not in REFUSED
    except (NotAnalytic, np.exceptions.ComplexWarning):
        assert name in REFUSED | MAY_REFUSE


def test_the_table_is_large_and_most_of_it_carried():
    names = [name for name, _ in EXPRESSIONS + SCIPY]
    assert len(names) == len(set(names)) >= 130
    assert set(names) >= REFUSED
    assert len(names) - len(REFUSED) >= 100


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (np.linalg.svd, r"np\.linalg\.svd has no derivative here"),
        (np.fft.rfft, r"np\.fft\.rfft has no derivative here"),
        (np.unique, r"np\.unique has no derivative here"),
        (lambda x: np.log(x - 9), r"np\.log at -\d.* has no derivative here"),
        (lambda x: np.subtract.reduce(x), r"np\.subtract\.reduce has no derivative here"),
        (lambda x: np.multiply(x, 2, out=np.zeros((4, 3))), r"np\.multiply into a float64 buffer has no der"),
        (lambda x: np.sum(x, dtype=np.float32), r"np\.sum in float32 has no derivative here"),
        (lambda x: x.astype(np.float32), r"astype\(float32\) has no derivative here"),
        (lambda x: float(x[0, 0]), r"float\(\) has no derivative here"),
        (lambda x: complex(x[0, 0]), r"complex\(\) has no derivative here"),
        (lambda x: int(x[0, 0]), r"int\(\) has no derivative here"),
        (
            lambda x: x * filled(np.zeros((4, 3), complex), x),
            r"a complex array has no derivative here; it lost",
        ),
    ],
)
def test_a_refusal_says_what_was_refused(f, says):
    with exact(), pytest.raises(NotAnalytic, match=says):
        f(guard(X, ALONG))


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (np.sqrt, 0.0),
        (np.cbrt, 0.0),
        (np.log, 0.0),
        (np.reciprocal, 0.0),
        (lambda x: 1 / x, 0.0),
        (lambda x: x**0.5, 0.0),
        (lambda x: np.sqrt(x * x), 0.0),
        (lambda x: np.hypot(x, 0), 0.0),
        (np.arcsin, 1.0),
        (np.arctanh, -1.0),
        (np.arccosh, 0.5),
        (np.log1p, -1.5),
        (np.exp, 800.0),
        (np.sign, 0.0),
        (lambda x: np.heaviside(x, 0.5), 0.0),
        (np.floor, 2.0),
        (np.rint, 0.5),
        (np.trunc, -3.0),
        (lambda x: x // 0.5, 1.5),
        (lambda x: x % 1, 4.0),
        (lambda x: x.astype(int), 1.0),
    ],
)
def test_where_a_function_has_no_slope_it_is_refused(f, at):
    with pytest.raises(NotAnalytic, match="has no derivative here"):
        carried(f, np.array([0.3, at]), np.ones(2))


@pytest.mark.parametrize(
    ("f", "slopes"),  # at -800, 0 and 800, as real numbers give them
    [
        (lambda x: 1 / (1 + np.exp(-x)), [0, 0.25, 0]),
        (lambda x: np.tanh(np.exp(x)), [0, 1 / math.cosh(1) ** 2, 0]),
        (lambda x: np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))), [0, 0.25, 0]),
        (lambda x: 1 / (1 + np.square(np.exp(x))), [0, -0.5, 0]),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid:RuntimeWarning")
def test_what_overflows_on_the_way_is_flat(f, slopes):
    x = np.array([-800.0, 0.0, 800.0])
    y, slope = carried(f, x, np.ones(3))
    np.testing.assert_allclose(slope, slopes, rtol=1e-14)
    np.testing.assert_array_equal(plain(y), f(x))


def test_a_step_function_is_fine_where_nothing_moves():
    _, slope = carried(lambda x: np.floor(x) + x, np.array([2.0, 2.5]), np.array([0.0, 1.0]))
    np.testing.assert_array_equal(slope, [0, 1])


@pytest.mark.parametrize(
    ("f", "right", "left"),  # the slopes on both sides of 0
    [
        (np.abs, 1, -1),
        (lambda x: np.maximum(x, 0), 1, 0),
        (lambda x: x * (x > 0), 1, 0),
        (lambda x: np.where(x >= 0, 3 * x, x), 3, 1),
        (lambda x: np.max(np.stack([x, -2 * x])), 1, -2),
        (lambda x: np.clip(x, 0, 1), 1, 0),
        (lambda x: np.sort(np.stack([x, np.zeros(())]))[0], 0, 1),
        (lambda x: np.where(x == 0, 7.0, 2 * x), 2, 2),
    ],
)
def test_at_a_kink_the_slope_is_the_one_ahead(f, right, left):
    ahead, behind = carried(f, np.zeros(()), 1.0)[1], carried(f, np.zeros(()), -1.0)[1]
    assert (ahead, behind) == (right, -left)


def test_the_value_is_bit_for_bit_that_of_real_arithmetic():
    def f(x):
        return np.tanh(x * x - x / 3) ** 2 + np.exp(-x) * np.maximum(x, 0)

    np.testing.assert_array_equal(plain(carried(f)[0]), f(X))
    assert not (guard(np.zeros(3), 1) ** 2 < 0).any()  # (ih)(ih) would be below 0


def test_the_derivative_is_linear_in_the_perturbation_however_small():
    slope = carried(batchnorm)[1]
    np.testing.assert_allclose(carried(batchnorm, X, 1e-30 * ALONG)[1], 1e-30 * slope, rtol=1e-12)
    np.testing.assert_allclose(carried(batchnorm, X, -1e3 * ALONG)[1], -1e3 * slope, rtol=1e-12)


def test_what_has_no_derivative_by_kind_comes_out_plain():
    x = guard(X, ALONG)
    for got, expected in [
        (x > 0, X > 0),
        (x == x, X == X),
        (x.argmax(axis=1), X.argmax(axis=1)),
        (np.argsort(x), np.argsort(X)),
        (np.isfinite(x), np.isfinite(X)),
        (np.signbit(x), np.signbit(X)),
        ((9 * x).astype(np.int32), (9 * X).astype(np.int32)),
        (x.astype(bool), X.astype(bool)),
        (x.nonzero()[0], X.nonzero()[0]),
        (np.zeros_like(x, dtype=bool), np.zeros_like(X, dtype=bool)),
        (np.shape(x), X.shape),
        (x.any(), X.any()),
        (np.allclose(x, X), True),
    ]:
        assert not isinstance(got, Guarded)
        assert np.asarray(got).dtype == np.asarray(expected).dtype
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    "other", [np.ones(3, np.float32), np.ones(3), np.ones(3, int), np.ones(3, bool), 2, 2.0]
)
def test_mixed_arithmetic_stays_guarded(other):
    x = guard(X, ALONG)
    for y in (x + other, other + x, other * x, x / other, other - x, x**other, np.maximum(other, x)):
        assert isinstance(y, Guarded)


def test_a_number_out_of_an_array_stays_guarded():
    x = guard(X, ALONG)
    numbers = [x[0, 0], x.sum(), x.mean(), x.max(), np.sum(x), x @ x.T @ np.ones(4) @ np.ones(4)]
    numbers += [x.ravel()[3], next(iter(x[0])), x.std(), x[:1, :1].squeeze(), np.einsum("nd->", x), x.take(0)]
    for number in numbers:
        assert isinstance(number, Guarded)
        assert number.shape == ()
        with pytest.raises(NotAnalytic):
            math.exp(number)
    assert derivative(x[1, 2]) == pytest.approx(ALONG[1, 2])


def test_views_write_through_to_what_they_are_views_of():
    x = guard(X, ALONG)
    x.T[0, 1] = x[2, 2]
    x[3][1:] *= 2
    x.reshape(-1)[0] = 5
    assert plain(x)[1, 0] == X[2, 2]
    assert derivative(x)[1, 0] == pytest.approx(ALONG[2, 2])
    np.testing.assert_allclose(derivative(x)[3], ALONG[3] * [1, 2, 2])
    assert (plain(x)[0, 0], derivative(x)[0, 0]) == (5, 0)


def test_copies_stay_guarded_and_share_nothing():
    x = guard(X, ALONG)
    for y in (x.copy(), copy.copy(x), copy.deepcopy(x), np.copy(x), x.astype(float)):
        assert isinstance(y, Guarded)
        assert not np.shares_memory(x, y)
        np.testing.assert_allclose(derivative(y), ALONG)


def test_it_says_it_is_an_array_of_float64():
    x = guard(X, ALONG)
    assert x.dtype == np.float64
    assert np.result_type(x, np.float32) == np.float64
    assert not np.iscomplexobj(x)
    assert np.isrealobj(x)
    assert np.isreal(x).all()
    assert repr(guard([1.5], 2)) == "Guarded(array([1.5]), array([2.]))"


def test_a_perturbation_is_broadcast_and_the_array_not_kept():
    array = np.array([1, 2])
    x = guard(array, 3)
    x += 1
    np.testing.assert_array_equal(derivative(x), [3, 3])
    np.testing.assert_array_equal(plain(x), [2, 3])
    np.testing.assert_array_equal(array, [1, 2])
    assert plain([x[0], 4]) == [2, 4]


def test_a_lost_derivative_is_not_read_as_zero():
    with pytest.raises(NotAnalytic, match="expected a guarded array, got float; its derivative was lost"):
        derivative(1.0)
    with pytest.raises(NotAnalytic, match="expected a guarded array, got ndarray"):
        derivative(np.ones(2) + 1e-30j)
    x = guard([np.inf], 1)
    with pytest.raises(NotAnalytic, match="expected a derivative, got NaN"):
        derivative(np.exp(-x) * x)


def test_numpy_is_itself_again_after_exact():
    names = ("asarray", "array", "ascontiguousarray", "zeros", "empty", "ones", "full", "nditer")
    before = [getattr(np, name) for name in names]
    with exact(), exact():
        assert np.asarray is not before[0]
    with pytest.raises(ZeroDivisionError), exact():
        raise ZeroDivisionError
    assert [getattr(np, name) for name in names] == before


def test_within_exact_numpy_makes_plain_arrays_as_ever():
    with exact():
        for got in (
            np.zeros(2),
            np.asarray([1, 2]),
            np.full(2, 3.0),
            np.ones((2, 2), np.float32),
            np.zeros(1, complex),
        ):
            assert type(got) is np.ndarray
        assert np.asarray(X) is X
        assert np.zeros(2, dtype=np.float64).dtype == np.float64


def test_without_exact_a_buffer_still_warns():
    x = guard(X, ALONG)
    with pytest.warns(np.exceptions.ComplexWarning):
        np.zeros(x.shape, x.dtype)[...] = x


def test_a_hidden_branch_that_has_no_slope_is_refused_rather_than_masked():
    with pytest.raises(NotAnalytic, match=r"np\.log at"):
        carried(lambda x: np.where(x > 0, np.log(x), 0))
