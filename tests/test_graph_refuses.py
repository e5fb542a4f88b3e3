"""What a graph refuses, when it is declared and when it runs."""

import numpy as np
import pytest
from small_graphs import highway, one

from layers import Add, Affine, Graph, Layer, ReLU, Sequential, Tanh


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


def test_a_node_added_after_the_forward_asks_for_another():
    graph = Graph(inputs="x", output="y")
    graph.add("y", ReLU(), "x")
    graph.forward(one)
    graph.add("late", ReLU(), "y")
    with pytest.raises(RuntimeError, match=r"Graph: backward called before forward"):
        graph.backward(one)


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
