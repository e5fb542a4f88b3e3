"""Ties: parameters of a graph that are one array, inside and outside of other graphs."""

import copy
import pickle

import numpy as np
import pytest
from small_graphs import highway

from gradcheck import check_layer
from layers import Affine, Graph, Layer, Sequential, Tanh
from losses import MSE
from optim import Adam


class Back(Layer):
    """y = x W.   Shapes: x (N, H), W (H, D)."""

    def __init__(self):
        self.params = {"W": np.zeros((4, 3), np.float32)}

    def forward(self, x):
        self.cache = x
        return x @ self.params["W"]

    def backward(self, upstream):
        return upstream @ self.params["W"].T, self.grads(W=self.cache.T @ upstream)


def tied():
    """y = tanh(x Wᵀ) W: an autoencoder's two halves with one matrix, transposed by the second layer."""
    graph = Graph(inputs="x", output="y")
    graph.add("encode", Sequential(Affine(3, 4, bias=False, rng=0), Tanh()), "x")
    graph.add("y", Back(), "encode")
    graph.tie("y.W", "encode.0.W")
    return graph


def test_tied_parameters_are_one_array_with_one_name_and_the_sum_of_gradients():
    graph = tied()
    assert list(graph.params) == ["encode.0.W"]
    assert graph.children["y"].params["W"] is graph.params["encode.0.W"]
    assert list(graph.state()) == ["encode.0.W"]
    report = check_layer(graph, (5, 3), level="full")
    assert report.passed, str(report)


def test_ties_outlive_astype_copies_and_pickles_and_train():
    graph = tied().astype(np.float64)
    for twin in (graph, copy.deepcopy(graph), pickle.loads(pickle.dumps(graph))):
        assert twin.children["y"].params["W"] is twin.params["encode.0.W"]
        assert twin.params["encode.0.W"].dtype == np.float64
    x = np.random.default_rng(0).standard_normal((50, 3)) @ np.diag([0.5, 0.5, 0])
    loss, optimizer = MSE(), Adam(graph.params, lr=0.05)
    values = []
    for _ in range(100):
        values.append(loss.forward(graph.forward(x), x))
        optimizer.step(graph.backward(loss.backward())[1])
    assert values[-1] < 0.1 * values[0]
    assert graph.children["y"].params["W"] is graph.params["encode.0.W"]


def test_a_frozen_owner_freezes_what_is_tied_to_it():
    graph = tied()
    graph.freeze("encode.0.W")
    graph.forward(np.ones((2, 3), np.float32))
    assert graph.backward(np.ones((2, 3), np.float32))[1] == {} == graph.params
    assert list(graph.buffers) == ["encode.0.W"]


def test_a_chain_of_ties_has_one_owner():
    graph = Graph(inputs="x", output="c")
    for name, source in (("a", "x"), ("b", "a"), ("c", "b")):
        graph.add(name, Affine(3, 3, bias=False, rng=ord(name)), source)
    graph.tie("c.W", "b.W")
    graph.tie("b.W", "a.W")
    assert list(graph.params) == ["a.W"]
    assert len({id(layer.params["W"]) for layer in graph.children.values()}) == 1
    assert check_layer(graph, (4, 3)).passed


def test_what_cannot_be_tied_is_refused():
    graph = highway()
    with pytest.raises(ValueError, match=r"expected a name in params, got 'h\.w'; did you mean 'h\.W'\?"):
        graph.tie("h.w", "y.W")
    with pytest.raises(ValueError, match=r"of one shape to tie, got 'h\.W' \(4, 3\) and 'y\.W' \(2, 10\)"):
        graph.tie("h.W", "y.W")
    with pytest.raises(ValueError, match="expected two parameters of one shape"):
        graph.tie("h.W", "h.W")


def nested():
    """tanh(x Aᵀ Bᵀ) Cᵀ, where A and B stand in a graph inside the graph and B is A."""
    inner, graph = Graph(inputs="x", output="b"), Graph(inputs="x", output="c")
    inner.add("a", Affine(3, 3, bias=False, rng=0), "x")
    inner.add("b", Affine(3, 3, bias=False, rng=1), "a")
    graph.add("inner", Sequential(inner, Tanh()), "x")
    graph.add("c", Affine(3, 3, bias=False, rng=2), "inner")
    return graph, inner


@pytest.mark.parametrize(("name", "owner"), [("inner.0.a.W", "c.W"), ("c.W", "inner.0.a.W")])
def test_what_is_tied_inside_may_be_tied_again_outside(name, owner):
    graph, inner = nested()
    inner.tie("b.W", "a.W")
    graph.tie(name, owner)
    assert list(graph.params) == [owner]
    report = check_layer(graph, (4, 3), level="full")
    assert report.passed, str(report)
    assert graph.params[owner] is inner.children["b"].params["W"] is graph.children["c"].params["W"]


@pytest.mark.parametrize("change", [lambda inner: inner.tie("b.W", "a.W"), lambda inner: inner.freeze("b.W")])
def test_what_is_tied_outside_is_not_tied_or_frozen_inside(change):
    graph, inner = nested()
    graph.tie("inner.0.b.W", "c.W")
    change(inner)
    with pytest.raises(ValueError, match=r"'inner\.0\.b\.W', tied to 'c\.W', .*, got it tied or frozen"):
        graph.forward(np.ones((4, 3), np.float32))


def test_a_tie_outlives_a_child_that_was_converted_alone():
    graph = tied()
    graph.children["y"].astype(np.float64)
    graph.forward(np.ones((2, 3)))
    assert graph.children["y"].params["W"] is graph.params["encode.0.W"]


def test_a_tied_parameter_is_frozen_and_unfrozen_with_its_owner():
    graph = tied()
    graph.freeze("*")
    assert graph.params == {}
    graph.unfreeze("encode.*")
    assert list(graph.params) == ["encode.0.W"]
    assert check_layer(graph, (5, 3)).passed
    graph = tied()
    graph.tied.clear()
    graph.freeze("encode.0.W")
    with pytest.raises(ValueError, match=r"got 'encode\.0\.W'; unfreeze it, and freeze the owner after"):
        graph.tie("y.W", "encode.0.W")


def test_an_optimizer_that_was_made_before_the_tie_says_so():
    graph = highway()
    graph.add("z", Affine(2, 2, rng=3), "y")
    optimizer = Adam(graph.params)
    graph.tie("h.b", "gate.0.b")
    with pytest.raises(ValueError, match=r"expected the parameters it was made with, .*make a new optimizer"):
        optimizer.step({})
