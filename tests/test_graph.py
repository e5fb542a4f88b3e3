"""A declared graph: values and adjoints by hand, sums where values are shared, ties, and what it refuses."""

import copy
import pickle

import numpy as np
import pytest

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
    Layer,
    Max,
    Mul,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
)
from losses import MSE
from optim import Adam

one = np.float64(1.0)


def number(value):
    return np.array(float(value))


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


def highway():
    graph = Graph(inputs=("x", "skip"), output="y")
    graph.add("h", Affine(3, 4, rng=0), "x")
    graph.add("gate", Sequential(Affine(3, 4, rng=1), Sigmoid()), "x")
    graph.add("mixed", Mul(), "h", "gate")
    graph.add("joined", Concat(), "mixed", "skip", "h")
    graph.add("y", Affine(10, 2, rng=2), "joined")
    return graph.astype(np.float64)


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


class NoDx(Layer):
    """y = x, but gives no dx."""

    def forward(self, x):
        self.cache = x
        return x

    def backward(self, upstream):
        return None, {}


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


# ties


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


# refusals


def test_an_unknown_source_is_refused_by_name():
    graph = Graph(inputs=("x", "y"), output="f")
    with pytest.raises(
        ValueError, match="expected the sources of 'f' to be declared before it, got 'z'; did you mean"
    ):
        graph.add("f", Add(), "x", "z")
    with pytest.raises(ValueError, match="expected a source for 'f', got none"):
        graph.add("f", Add())
    with pytest.raises(ValueError, match="to be declared before it, got 'f'"):
        graph.add("f", Add(), "x", "f")
    assert graph.children == {}


def test_a_name_that_is_taken_is_refused():
    graph = Graph(inputs="x", output="f")
    graph.add("f", ReLU(), "x")
    for name in ("f", "x"):
        with pytest.raises(ValueError, match=f"expected a new name, got '{name}', which is taken"):
            graph.add(name, ReLU(), "x")
    with pytest.raises(ValueError, match="expected a new name, got 'x', which is taken"):
        Graph(inputs=("x", "x"), output="f")
    with pytest.raises(ValueError, match=r"expected a name without a dot, got 'a\.b'"):
        graph.add("a.b", ReLU(), "x")


def test_a_value_that_nothing_uses_is_refused_by_name():
    graph = Graph(inputs=("x", "y"), output="f")
    graph.add("f", ReLU(), "x")
    with pytest.raises(ValueError, match="expected every value to be used, got 'y' unused"):
        graph.forward((one, one))
    graph = Graph(inputs="x", output="f")
    graph.add("f", ReLU(), "x")
    graph.add("g", ReLU(), "f")
    with pytest.raises(ValueError, match="expected every value to be used, got 'g' unused"):
        graph.forward(one)


def test_an_output_that_is_no_node_is_refused_by_name():
    graph = Graph(inputs="x", output="scores")
    graph.add("score", ReLU(), "x")
    with pytest.raises(
        ValueError,
        match=r"expected a node for the output 'scores', got x, score; did you mean 'score'\?",
    ):
        graph.forward(one)


def test_one_layer_object_at_two_nodes_is_refused():
    graph, layer = Graph(inputs="x", output="b"), Affine(3, 3)
    graph.add("a", layer, "x")
    with pytest.raises(ValueError, match=r"got Affine\(3 -> 3\) at a and b; build one for each place"):
        graph.add("b", layer, "a")
    with pytest.raises(ValueError, match=r"at a and b\.0"):
        graph.add("b", Sequential(layer), "a")
    assert list(graph.children) == ["a"]


def test_what_is_no_layer_is_refused():
    graph = Graph(inputs="x", output="f")
    with pytest.raises(TypeError, match="expected a layer at 'f', got the class ReLU; call it"):
        graph.add("f", ReLU, "x")
    with pytest.raises(TypeError, match="expected a layer at 'f', got function"):
        graph.add("f", lambda x: x, "x")
    with pytest.raises(ValueError, match="expected at least one input, got none"):
        Graph(inputs=(), output="f")


def test_another_number_of_inputs_is_refused():
    graph = highway()
    with pytest.raises(ValueError, match="Graph: expected x to be a tuple of 2, got 3"):
        graph.forward((one, one, one))
    with pytest.raises(TypeError, match="Graph: expected x to be a tuple of arrays, got ndarray"):
        graph.forward(np.ones((4, 3)))


def test_an_error_names_the_node():
    graph = highway()
    with pytest.raises(ValueError, match="expected x of shape") as caught:
        graph.forward((np.ones((4, 9)), np.ones((4, 2))))
    assert "in layer h, Affine(3 -> 4)" in caught.value.__notes__


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


def test_a_node_added_after_the_forward_asks_for_another():
    graph = Graph(inputs="x", output="y")
    graph.add("y", ReLU(), "x")
    graph.forward(one)
    graph.add("late", ReLU(), "y")
    with pytest.raises(RuntimeError, match=r"Graph: backward called before forward"):
        graph.backward(one)


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


def test_a_missing_adjoint_does_not_matter_above_what_is_frozen():
    graph = Graph(inputs="x", output="y")
    graph.add("a", Affine(3, 2, rng=0), "x")
    graph.add("y", NoDx(), "a")
    graph.freeze("a.*")
    graph.forward(np.ones((4, 3), np.float32))
    assert graph.backward(np.ones((4, 2))) == (None, {})


def test_names_that_are_no_strings_are_refused():
    with pytest.raises(
        TypeError, match=r'expected inputs by name, got int; write Graph\(inputs=\("x", "y"\)'
    ):
        Graph(inputs=2, output="f")
    with pytest.raises(TypeError, match="expected output by name, got NoneType"):
        Graph(inputs="x", output=None)
    graph = Graph(inputs=("x", "y"), output="f")
    with pytest.raises(
        TypeError, match=r"the sources of 'f' by name, got tuple; write add\('f', layer, \"x\""
    ):
        graph.add("f", Add(), ("x", "y"))
    graph.add("f", Add(), "x", "y")
    with pytest.raises(ValueError, match=r"expected a name in params, got 'f\.W'; there are none"):
        graph.tie("f.W", "x.W")


class Summed(Layer):
    """y = sum of x over its last axis, with a backward that forgets to copy upstream along it."""

    def forward(self, x):
        return x.sum(axis=1)

    def backward(self, upstream):
        return upstream, {}


def test_a_dx_of_another_shape_than_its_source_is_named():
    graph = Graph(inputs="x", output="y")
    graph.add("h", Tanh(), "x")
    graph.add("y", Summed(), "h")
    graph.forward(np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"expected dx of 'y' for 'h' of shape \(3, 3\), got \(3,\)"):
        graph.backward(np.ones(3))
