"""numeric_jacobian and its steps, and what it, vjp, jvp and jacobian refuse."""

import numpy as np
import pytest
from small_layers import layer_of

import layers as L
from gradcheck import jacobian, jvp, numeric_gradient, numeric_jacobian, vjp
from layers.base import Layer


@pytest.fixture
def rng():
    return np.random.default_rng(5)


# ---- numeric_jacobian --------------------------------------------------------------------------------------


def test_a_numeric_gradient_is_the_jacobian_of_one_number(rng):
    x = rng.standard_normal((2, 3))
    np.testing.assert_array_equal(
        numeric_jacobian(lambda x: np.sin(x).sum(), x), numeric_gradient(lambda x: np.sin(x).sum(), x)
    )


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_every_entry_of_a_numeric_jacobian_takes_its_own_step(scale):
    x = scale * np.array([0.3, -1.2])

    def f(x):  # the second output is a million times steeper and has a kink beside x
        return np.array([np.sin(x[0] / scale), 1e6 * np.abs(x[1] / scale + 1.2 + 1e-7)])

    expected = np.array([[np.cos(0.3), 0], [0, 1e6]]) / scale
    np.testing.assert_allclose(numeric_jacobian(f, x), expected, rtol=1e-8)


def test_steps_stay_above_the_noise_of_f(rng):
    x = rng.standard_normal(8)

    def narrow(x):
        return x.astype(np.float32) ** 2

    def far(x):  # eight digits of x are lost
        return (x**2 + 1e8) - 1e8

    for f, rtol in ((narrow, 1e-4), (far, 1e-6)):
        np.testing.assert_allclose(np.diag(numeric_jacobian(f, x)), 2 * x, rtol=0, atol=rtol)
        np.testing.assert_allclose(
            numeric_gradient(lambda x, f=f: f(x).sum(), x), 2 * x, rtol=0, atol=5 * rtol
        )
    cast = layer_of(lambda x: (x.astype(np.float32) ** 2).astype(x.dtype))
    np.testing.assert_allclose(jvp(cast, x, np.ones(8)), 2 * x, rtol=0, atol=1e-3)


def test_numeric_jacobian_leaves_x_alone_and_gives_f_its_own():
    def greedy(x):
        y = x * x
        x[...] = 0
        return y

    x = np.array([1, 2])
    np.testing.assert_allclose(numeric_jacobian(greedy, x), [[2, 0], [0, 4]], rtol=1e-10)
    assert x.tolist() == [1, 2]


def test_f_may_hand_out_one_buffer_again_and_again():
    buffer = np.zeros(2)
    np.testing.assert_allclose(
        numeric_jacobian(lambda x: np.multiply(x, x, out=buffer), np.array([1.0, 3.0])), [[2, 0], [0, 6]]
    )


# ---- what is refused ---------------------------------------------------------------------------------------


def test_what_is_no_layer_is_refused():
    for f in (lambda *a: jacobian(*a[:2]), jvp, vjp):
        with pytest.raises(TypeError, match="expected a layer, got the class Tanh; call it"):
            f(L.Tanh, np.ones(2), np.ones(2))
        with pytest.raises(TypeError, match="expected a layer, got function; pass an object with forward"):
            f(lambda x: x, np.ones(2), np.ones(2))


def test_an_x_that_cannot_be_is_refused():
    with pytest.raises(TypeError, match="jacobian: expected x to be a NumPy array, got list; convert it"):
        jacobian(L.Tanh(), [1.0, 2.0])
    with pytest.raises(TypeError, match=r"jvp: expected x\[1\] to be a NumPy array, got int"):
        jvp(L.Add(), (np.ones(2), 3), None)
    with pytest.raises(TypeError, match="vjp: expected x in real numbers, got complex128; convert"):
        vjp(L.Tanh(), np.ones(2, complex), np.ones(2))
    with pytest.raises(ValueError, match=r"jvp: expected a finite x, got nan at \[1\]; clean it first"):
        jvp(L.Tanh(), np.array([1.0, np.nan]), np.ones(2))
    with pytest.raises(ValueError, match=r"Affine\(3 -> 2\): expected x of shape") as caught:
        jacobian(L.Affine(3, 2), np.ones((1, 4)))
    assert "gradcheck: in Affine(3 -> 2).forward" in caught.value.__notes__[0]


def test_a_u_that_is_not_like_y_is_refused():
    x = np.ones((1, 3))
    with pytest.raises(ValueError, match=r"vjp: expected u of y's shape \(1, 2\), got \(2,\); draw it with"):
        vjp(L.Affine(3, 2), x, np.ones(2))
    with pytest.raises(ValueError, match=r"vjp: expected u as y is, float64 array \(1, 3\), got \(float64"):
        vjp(L.Tanh(), x, (x,))
    with pytest.raises(ValueError, match=r"vjp: expected u\[1\] of y's shape \(1, 3\), got \(1,\)"):
        vjp(L.Copy(2), x, (x, np.ones(1)))
    with pytest.raises(ValueError, match=r"expected u as y is, .*; pass one array for each output"):
        vjp(L.Copy(2), x, (x,))
    with pytest.raises(TypeError, match="vjp: expected u in real numbers, got NoneType"):
        vjp(L.Tanh(), x, None)
    with pytest.raises(ValueError, match=r"vjp: expected a finite u, got inf at \[0, 0\]"):
        vjp(L.Tanh(), x, np.full((1, 3), np.inf))


def test_a_v_that_is_not_like_x_is_refused():
    x = np.ones((1, 3))
    with pytest.raises(ValueError, match=r"jvp: expected v of x's shape \(1, 3\), got \(3,\)"):
        jvp(L.Tanh(), x, np.ones(3))
    with pytest.raises(ValueError, match=r"jvp: expected v as x is, \(float64 array \(1, 3\), float64 array"):
        jvp(L.Add(), (x, x), x)
    with pytest.raises(ValueError, match=r"expected v as x is, .*; pass one array for each input, or None"):
        jvp(L.Add(), (x, x), (x,))
    with pytest.raises(ValueError, match=r"expected v to be None as x there is int64.*; make x floating"):
        jvp(L.Embedding(3, 2), np.array([1]), np.ones(1))
    with pytest.raises(TypeError, match=r"expected v\[0\] in real numbers, got complex128"):
        jvp(L.Add(), (x, x), (1j * x, x))


def test_integers_for_real_numbers_are_refused():
    with pytest.raises(
        ValueError, match=r"dx is float64 .*; or make x floating-point with \.astype\(float\)"
    ):
        jacobian(L.Affine(2, 1), np.array([[1, 2]]))


class Broken(Layer):
    """y = x, and a backward that answers as it is told."""

    def __init__(self, answer):
        self.answer = answer

    def forward(self, x):
        return x

    def backward(self, upstream):
        return self.answer


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (np.ones(2), r"vjp: Broken\(\): backward returned float64 array \(2,\); backward must return \(dx,"),
        ((None, {}), r"vjp: Broken\(\): dx is None: return its gradient"),
        ((np.ones(3), {}), r"vjp: Broken\(\): expected dx of shape \(2,\), got \(3,\); check_layer may know"),
        ((np.ones(2), {"W": np.ones(2)}), r"vjp: Broken\(\): grads has 'W', which is no parameter"),
    ],
)
def test_a_backward_that_breaks_the_contract_is_refused(answer, message):
    with pytest.raises(ValueError, match=message):
        vjp(Broken(answer), np.ones(2), np.ones(2))


def test_a_forward_that_draws_anew_is_refused():
    forgetful = layer_of(lambda x: x * np.random.default_rng().random(x.shape))
    for f in (jvp, vjp):
        with pytest.raises(ValueError, match=rf"{f.__name__}: Layer\(\): two forwards from the same state"):
            f(forgetful, np.ones(2), np.ones(2))


def test_a_backward_that_accumulates_has_no_jacobian():
    class Greedy(L.Tanh):
        def backward(self, upstream):
            dx, grads = super().backward(upstream)
            self.total = getattr(self, "total", 0) + dx
            return self.total, grads

    with pytest.raises(
        ValueError, match=r"jacobian: Greedy\(\): backward gives another first row the second t"
    ):
        jacobian(Greedy(), np.ones(2))


def test_a_forward_without_a_derivative_is_refused():
    with pytest.raises(ValueError, match=r"jvp: .*forward returned y with -inf at \[0\] for a finite x"):
        jvp(layer_of(np.log), np.zeros(2), np.ones(2))
    with pytest.raises(ValueError, match=r"jacobian: .*forward returned None"):
        jacobian(layer_of(lambda x: None), np.zeros(2))


def test_a_function_that_has_no_numeric_jacobian_is_refused():
    x = np.ones(2)
    with pytest.raises(
        TypeError, match="numeric_jacobian: expected f to be a function of x, got float64 arr"
    ):
        numeric_jacobian(x, x)
    with pytest.raises(TypeError, match="numeric_jacobian: expected x in real numbers, got bool; convert"):
        numeric_jacobian(np.tanh, x > 0)
    with pytest.raises(ValueError, match=r"numeric_gradient: expected a finite x, got inf at \[1\]"):
        numeric_gradient(np.sum, np.array([1.0, np.inf]))
    with pytest.raises(
        ValueError, match=r"expected f to return one real array, got \(float64 array \(2,\), f"
    ):
        numeric_jacobian(lambda x: (x, x), x)
    with pytest.raises(ValueError, match=r"expected f to return one real array, got bool of shape \(2,\)"):
        numeric_jacobian(lambda x: x > 0, x)
    with pytest.raises(ValueError, match="expected f to be finite at x, got inf; move x into its domain"):
        numeric_jacobian(lambda x: x + np.inf, x)
    with pytest.raises(ValueError, match=r"expected f to return one shape, got \(2,\) and \(1,\) near x"):
        numeric_jacobian(lambda x: x[x >= 1], x)
    dropout = L.Dropout(0.5, rng=0)
    with pytest.raises(ValueError, match="expected f to return one value for one x, got two in a row that"):
        numeric_jacobian(dropout.forward, np.ones(50))
