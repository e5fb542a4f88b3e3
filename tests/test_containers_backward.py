"""What goes back through containers: a dx to everybody who needs it, and to nobody else."""

import numpy as np
import pytest
from small_networks import Returns, Scale

from layers import Affine, Branch, Flatten, Layer, Parallel, ReLU, Residual, Sequential


@pytest.mark.parametrize(
    ("value", "params", "text"),
    [
        (np.ones(2), (), r"expected backward to return \(dx, grads\), got ndarray; grads is a dict"),
        (({}, np.ones(2)), (), r"expected backward to return \(dx, grads\), got \(dict, ndarray\)"),
        (None, (), r"expected backward to return \(dx, grads\), got NoneType"),
        ((np.ones(2), {}), ("W",), r"expected grads with the keys of params, \['W'\], got \[\]"),
        ((np.ones(2), {"w": 1}), ("W",), r"expected grads with the keys of params, \['W'\], got \['w'\]"),
    ],
)
def test_a_backward_that_returns_something_else_is_named(value, params, text):
    net = Sequential(ReLU(), Returns(value, params))
    net.forward(np.ones(2))
    with pytest.raises((TypeError, ValueError), match=text) as caught:
        net.backward(np.ones(2))
    assert caught.value.__notes__ == ["in layer 1, Returns()"]


def test_a_missing_dx_is_named_where_somebody_needs_it():
    net = Sequential(Affine(2, 2), Returns((None, {})), ReLU())
    net.forward(np.ones((3, 2), np.float32))
    with pytest.raises(ValueError, match=r"Returns\(\): expected dx, got None; layer 0, Affine\(2 -> 2\)"):
        net.backward(np.ones((3, 2)))
    net = Sequential(Flatten(), Returns((None, {})), ReLU())
    net.forward(np.ones((3, 2)))
    assert net.backward(np.ones((3, 2))) == (None, {})


def test_a_container_hands_the_wish_for_no_dx_to_its_first_layer():
    x = np.random.default_rng(0).standard_normal((5, 3, 1))
    net = Sequential(Flatten(), Sequential(Affine(3, 4, rng=0), ReLU()), Affine(4, 2, rng=1))
    y = net.forward(x)
    dx, expected = net.backward(y)
    assert dx.shape == x.shape
    net.input_grad = False
    assert not net.layers[1].layers[0].input_grad
    assert net.layers[2].input_grad
    dx, grads = net.backward(y)
    assert dx is None
    assert all(np.array_equal(grads[name], expected[name]) for name in expected)
    net.input_grad = True
    assert net.backward(y)[0].shape == x.shape


@pytest.mark.parametrize("container", [Residual, Branch])
def test_the_wish_for_no_dx_reaches_into_branches(container):
    net = container(Affine(3, 3, rng=0))
    net.input_grad = False
    y = net.forward(np.ones((2, 3)))
    assert net.backward(y)[0] is None


def test_residual_adds_the_identity_path():
    layer = Residual(Affine(2, 2, bias=False)).astype(np.float64)
    layer.params["main.0.W"][...] = [[1, 2], [3, 4]]
    np.testing.assert_array_equal(layer.forward(np.array([[1.0, 1.0]])), [[1 + 3, 1 + 7]])
    np.testing.assert_array_equal(layer.backward(np.array([[1.0, 0.0]]))[0], [[1 + 1, 2]])
    with pytest.raises(ValueError, match=r"Residual: expected f\(x\) of shape \(4, 3\), got \(4, 2\)"):
        Residual(Affine(3, 2)).forward(np.ones((4, 3)))


def test_branch_adds_what_comes_back():
    layer = Branch(Scale(2), Scale(2))
    layer.params["1.gamma"][...] = 10
    x = np.array([[1.0, 2.0]])
    y = layer.forward(x)
    np.testing.assert_array_equal(y[1], [[10, 20]])
    np.testing.assert_array_equal(layer.backward((x, x))[0], [[11, 22]])


def test_branch_takes_a_tuple_of_inputs():
    layer = Branch(Parallel(Scale(2), Scale(2)), Parallel(Scale(2), Scale(2)))
    x = np.array([[1.0, 2.0]])
    y = layer.forward((x, 3 * x))
    dx, grads = layer.backward(y)
    np.testing.assert_array_equal(dx[0], 2 * x)
    np.testing.assert_array_equal(dx[1], 6 * x)
    assert list(grads) == ["0.0.gamma", "0.1.gamma", "1.0.gamma", "1.1.gamma"]


def test_parallel_refuses_another_number_of_inputs():
    with pytest.raises(ValueError, match="Parallel: expected x to be a tuple of 2, got 3"):
        Parallel(ReLU(), ReLU()).forward((np.ones(1),) * 3)


class Summed(Layer):
    """y = sum of x over its last axis, with a backward that forgets to copy upstream along it."""

    def forward(self, x):
        return x.sum(axis=1)

    def backward(self, upstream):
        return upstream, {}


def test_a_dx_of_another_shape_is_not_broadcast_into_a_sum():
    branch = Branch(Summed(), Flatten())
    branch.forward(np.ones((3, 3)))
    with pytest.raises(
        ValueError, match=r"the adjoints of one value to have one shape, got \(3,\) and \(3, 3\)"
    ):
        branch.backward((np.ones(3), np.ones((3, 3))))
