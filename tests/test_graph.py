"""Graphs: values and adjoints by hand, of several users, beside containers, and without a dx."""

import numpy as np
import pytest
from small_graphs import NoDx, highway, number, one

from gradcheck import check_layer
from layers import (
    LSTM,
    Add,
    Affine,
    Branch,
    Concat,
    Copy,
    Elementwise,
    Embedding,
    Graph,
    Identity,
    LastStep,
    Max,
    Mul,
    ReLU,
    Sequential,
    Tanh,
)


def test_the_four_gates_by_hand():
    """f = (x y + max(z, w)) 2 at x = 3, y = -4, z = 2, w = -1: the numbers that lecture notes work out."""
    graph = Graph(inputs=("x", "y", "z", "w"), output="f")
    graph.add("xy", Mul(), "x", "y")
    graph.add("m", Max(), "z", "w")
    graph.add("sum", Add(), "xy", "m")
    graph.add("f", Elementwise(lambda v: 2 * v, lambda v: np.full_like(v, 2)), "sum")
    assert graph.forward((number(3), number(-4), number(2), number(-1))) == -20
    dx, grads = graph.backward(number(1))
    assert dx == (-8, 6, 2, 0)
    assert grads == {}
    assert graph.values == {"x": 3, "y": -4, "z": 2, "w": -1, "xy": -12, "m": 2, "sum": -10, "f": -20}
    assert graph.adjoints == {"x": -8, "y": 6, "z": 2, "w": 0, "xy": 2, "m": 2, "sum": 2, "f": 1}


def test_a_value_used_twice_gets_the_sum_of_its_adjoints():
    """f = (x + y) max(y, z) at (1, 2, 0): y gets 2 from the sum and 3 from the max."""
    graph = Graph(inputs=("x", "y", "z"), output="f")
    graph.add("a", Add(), "x", "y")
    graph.add("b", Max(), "y", "z")
    graph.add("f", Mul(), "a", "b")
    assert graph.forward((number(1), number(2), number(0))) == 6
    assert graph.backward(number(1))[0] == (2, 5, 0)


def test_one_value_may_be_both_sources_of_a_node():
    graph = Graph(inputs=("x",), output="square")
    graph.add("square", Mul(), "x", "x")
    x = np.array([[1.0, -2.0, 3.0]])
    np.testing.assert_array_equal(graph.forward(x), [[1, 4, 9]])
    np.testing.assert_array_equal(graph.backward(np.ones((1, 3)))[0], [[2, -4, 6]])


def test_an_adjoint_is_summed_over_every_user_also_of_one_that_is_far_away():
    """f = x + 2 x + 4 x through a chain: 7 comes back."""

    def double():
        return Elementwise(lambda v: 2 * v, lambda v: np.full_like(v, 2))

    graph = Graph(inputs="x", output="f")
    graph.add("two", double(), "x")
    graph.add("four", double(), "two")
    graph.add("f", Add(), "x", "two", "four")
    assert graph.forward(number(5)) == 35
    assert graph.backward(number(1))[0] == 7
    assert graph.adjoints == {"x": 7, "two": 3, "four": 1, "f": 1}


def test_parameters_and_gradients_have_the_nodes_names():
    graph = highway()
    assert list(graph.params) == ["h.W", "h.b", "gate.0.W", "gate.0.b", "y.W", "y.b"]
    report = check_layer(graph, ((4, 3), (4, 2)), level="full")
    assert report.passed, str(report)


def test_values_and_adjoints_are_kept_of_every_node():
    graph, rng = highway(), np.random.default_rng(0)
    x, skip = rng.standard_normal((4, 3)), rng.standard_normal((4, 2))
    y = graph.forward((x, skip))
    upstream = rng.standard_normal(y.shape)
    (dx, dskip), grads = graph.backward(upstream)
    assert graph.values["y"] is y
    assert graph.adjoints["x"] is dx
    assert graph.adjoints["skip"] is dskip
    assert graph.values.keys() == graph.adjoints.keys()
    for name, adjoint in graph.adjoints.items():
        assert adjoint.shape == graph.values[name].shape
    np.testing.assert_allclose(grads["h.W"], graph.adjoints["h"].T @ x, rtol=1e-12)
    graph.forward((x, skip))
    assert graph.adjoints == {}


def test_a_graph_equals_the_same_network_of_containers():
    graph = Graph(inputs="x", output="y")
    graph.add("a", Affine(3, 5, rng=0), "x")
    graph.add("b", Tanh(), "x")
    graph.add("y", Concat(), "a", "b")
    twin = Sequential(Branch(Affine(3, 5, rng=0), Tanh()), Concat())
    x = np.random.default_rng(1).standard_normal((4, 3))
    np.testing.assert_array_equal(graph.forward(x), twin.forward(x))
    upstream = np.random.default_rng(2).standard_normal((4, 8))
    np.testing.assert_array_equal(graph.backward(upstream)[0], twin.backward(upstream)[0])


def test_a_graph_stands_inside_other_containers():
    model = Sequential(Branch(Identity(), Affine(3, 2, rng=0)), highway(), Tanh())
    assert "1.gate.0.W" in model.params
    report = check_layer(model, (4, 3))
    assert report.passed, str(report)


def test_a_node_added_later_takes_the_graphs_mode():
    graph = Graph(inputs="x", output="y").eval()
    graph.add("y", ReLU(), "x")
    assert not graph.children["y"].training


def test_nodes_at_the_inputs_are_told_that_nobody_needs_dx():
    graph = highway()
    graph.input_grad = False
    wishes = {name: layer.input_grad for name, layer in graph.children.items()}
    assert wishes == {"h": False, "gate": False, "mixed": True, "joined": True, "y": True}
    x, skip = np.ones((4, 3)), np.ones((4, 2))
    expected = highway()
    upstream = np.ones_like(expected.forward((x, skip)))
    graph.forward((x, skip))
    (dx, dskip), grads = graph.backward(upstream)
    (_, expected_dskip), expected_grads = expected.backward(upstream)
    assert dx is None
    np.testing.assert_array_equal(dskip, expected_dskip)
    assert all(np.array_equal(grads[name], grad) for name, grad in expected_grads.items())


class OneDx(Add):
    """An Add that forgets all inputs but the first."""

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        return dx[:1], grads


def test_a_missing_adjoint_is_named_where_somebody_needs_it():
    graph = Graph(inputs="x", output="y")
    graph.add("a", Affine(3, 2, rng=0), "x")
    graph.add("y", NoDx(), "a")
    graph.forward(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"expected an adjoint for 'a', which has parameters, got None"):
        graph.backward(np.ones((4, 2)))


def test_another_number_of_dx_than_of_sources_is_named():
    graph = Graph(inputs=("x", "y"), output="f")
    graph.add("f", OneDx(), "x", "y")
    graph.forward((one, one))
    with pytest.raises(ValueError, match="expected dx of 'f' to be a tuple of 2, got 1"):
        graph.backward(one)


def test_repr_reads_as_the_declaration():
    graph = Graph(inputs=("x", "y"), output="f")
    graph.add("q", Add(), "x", "y")
    graph.add("f", Mul(), "q", "y")
    assert repr(graph) == "Graph(x, y -> f\n  q = Add()(x, y)\n  f = Mul()(q, y)\n)"


def test_a_value_may_be_a_tuple_and_its_adjoint_is_one_too():
    """y = x x + max(x, x): the copies go to both gates, so each adjoint is the sum of 3 + 1 and 3 + 0."""
    graph = Graph(inputs="x", output="y")
    graph.add("copies", Copy(2), "x")
    graph.add("square", Mul(), "copies")
    graph.add("largest", Max(), "copies")
    graph.add("y", Add(), "square", "largest")
    assert graph.forward(number(3)) == 12
    assert graph.backward(number(1))[0] == 7
    assert graph.values["copies"] == (3, 3)
    assert graph.adjoints["copies"] == (4, 3)


def test_ids_and_masks_have_no_adjoint():
    graph = Graph(inputs=("ids", "mask"), output="y")
    graph.add("vectors", Embedding(5, 3, rng=0), "ids")
    graph.add("states", LSTM(3, 4, rng=1), "vectors", "mask")
    graph.add("y", LastStep(), "states", "mask")
    mask = np.array([[True, True], [True, False]])
    y = graph.forward((np.array([[1, 2], [0, 4]]), mask))
    dx, grads = graph.backward(np.ones_like(y))
    assert dx == (None, None) == (graph.adjoints["ids"], graph.adjoints["mask"])
    assert grads["vectors.W"].any(axis=1).tolist() == [True, True, True, False, False]


def test_a_missing_adjoint_does_not_matter_above_what_is_frozen():
    graph = Graph(inputs="x", output="y")
    graph.add("a", Affine(3, 2, rng=0), "x")
    graph.add("y", NoDx(), "a")
    graph.freeze("a.*")
    graph.forward(np.ones((4, 3), np.float32))
    assert graph.backward(np.ones((4, 2))) == (None, {})
