"""What is drawn of every wiring, and where: sums that hold, sources to the left, and no collisions."""

import numpy as np
import pytest
from pictures import collisions, drawn, gates, mlp, nets, random_graph, run, sigmoid

from layers import Conv2D, Graph, Mul, ReLU, Residual, Sequential, Tanh
from layers.drawing import wiring, words
from layers.drawing.grid import Item, columns_of
from layers.drawing.layout import LIMIT, lay_out
from layers.drawing.level import SPACE, _settle
from layers.drawing.picture import Word
from layers.drawing.watched import Watched

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")


@pytest.mark.parametrize(("net", "x"), [net[1:] for net in nets()], ids=[net[0] for net in nets()])
class TestEveryWiring:
    def watched(self, net, x):
        return Watched(net, x, np.zeros_like(net.forward(x))).circuit()

    def test_has_adjoints_that_are_the_sum_of_their_parts(self, net, x):
        shared = [wire for wire in self.watched(net, x).wires if wire.parts]
        for wire in shared:
            np.testing.assert_allclose(
                sum(part for _, _, part in wire.uses), wire.adjoint, rtol=1e-12, atol=1e-12
            )

    def test_has_sums_where_an_adder_is_drawn(self, net, x):
        for node in self.watched(net, x).nodes:
            if node.lines == ["+"]:
                total = sum(wire.value for wire in node.takes)
                np.testing.assert_allclose(node.wires[0].value, total, rtol=1e-12)

    def test_knows_every_value_and_adjoint(self, net, x):
        wires = list(self.watched(net, x).wires)
        assert all(wire.value is not words.UNKNOWN and wire.uses for wire in wires)
        assert [wire.source.name for wire in wires if wire.adjoint is words.UNKNOWN] == ["target"]

    def test_stands_to_the_right_of_what_it_takes(self, net, x):
        found = self.watched(net, x)
        column = columns_of(found)
        assert all(column[id(wire.source)] < column[id(node)] for node in found.nodes for wire in node.takes)

    def test_has_no_two_things_in_one_place(self, net, x):
        assert list(collisions(drawn(net, x, np.zeros_like(net.forward(x))))) == []
        assert list(collisions(drawn(net))) == []


@pytest.mark.parametrize("seed", range(6))
def test_nothing_collides_in_a_graph_wired_at_random(seed):
    graph = random_graph(seed)
    assert list(collisions(drawn(graph))) == []
    for name, value in graph.values.items():  # parts sum up here too
        parts = [
            sent for wire in wiring.of(graph).wires for _, _, sent in wire.uses if wire.source.name == name
        ]
        if len(parts) > 1:
            np.testing.assert_allclose(sum(parts), graph.adjoints[name], rtol=1e-9, err_msg=f"{name} {value}")


def test_nothing_collides_in_the_graphs_of_the_lectures():
    assert list(collisions(drawn(run(gates(), -2, 5, -4)))) == []
    assert list(collisions(drawn(run(sigmoid(), 2, -1, -3, -2, -3)))) == []


def test_a_residual_is_a_fork_and_an_adder():
    found = wiring.of(Sequential(Tanh(), Residual(ReLU(), Tanh())))
    by_name = {node.name: node for node in found.nodes}
    (x,) = by_name["0"].wires
    assert [(node.name, port) for node, port, _ in x.uses] == [("1.main.0", 0), ("1", 0)]
    assert [wire.source.name for wire in by_name["1"].takes] == ["0", "1.main.1"]


def test_a_long_network_is_broken_into_bands_as_wide_as_a_slide():
    assert lay_out(wiring.of(mlp(layers=30))).width < 1.2 * LIMIT
    assert lay_out(wiring.of(mlp(layers=30))).height > 3 * lay_out(wiring.of(mlp(layers=3))).height


def test_weights_that_are_used_late_keep_no_circuit_from_being_broken():
    graph, h = Graph(inputs=("x", *(f"w{i}" for i in range(30))), output="h29"), "x"
    for i in range(30):
        graph.add(f"h{i}", Mul(), h, f"w{i}")
        h = f"h{i}"
    picture = lay_out(wiring.of(graph))
    assert picture.width < 1.2 * LIMIT
    starts = {word.text: word.x for word in picture.shapes if isinstance(word, Word) and word.text[0] in "xw"}
    assert len(starts) == 31
    assert len({round(x) for x in starts.values()}) > 5  # not one below another


def test_neighbours_that_want_one_place_share_the_way():
    wanted = Item(0, y=10.0)
    column = [Item(1, up=5, down=5) for _ in range(3)]
    _settle(column, {id(item): [(wanted, 0.0, 1.0)] for item in column})
    assert [item.y for item in column] == pytest.approx([10 - 10 - SPACE, 10, 10 + 10 + SPACE])


def test_a_box_has_the_class_and_its_arguments_on_lines_of_their_own():
    conv = Conv2D(1, 6, (5, 3), padding=2)
    assert words.of_layer(conv) == ["Conv2D", "1 → 6", "kernel_size=(5, 3)", "padding=2"]
    assert words.of_layer(ReLU()) == ["ReLU"]

    class Odd(ReLU):
        def __repr__(self):
            return "no call\nat all"

    assert words.of_layer(Odd()) == ["Odd"]
    inside = {str(i): Sequential(conv) if i else conv for i in range(9)}
    assert words.of_inside(inside) == [
        "0: Conv2D 1 → 6", "1: Sequential", "2: Sequential", "3: Sequential", "… 5 more"
    ]  # fmt: skip


def test_gradients_stand_two_a_line_where_there_are_many():
    grads = {name: np.array([float(i)]) for i, name in enumerate(["W_x", "W_h", "b_x", "b_h", "c"])}
    assert words.of_grads(grads) == ["‖dW_x‖ 0   ‖db_h‖ 3", "‖dW_h‖ 1   ‖dc‖ 4", "‖db_x‖ 2"]


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (np.array([[-0.19661]]), ["-0.197"]),
        (np.array([3.0, -4.0, 0.5]), ["[3 -4 0.5]"]),
        (np.array([3.0, 4.0, 0.0, 0.0]), ["(4,)", "norm 5"]),
        (np.full((2, 2), 1e200), ["(2, 2)", "norm 2e+200"]),
        (np.zeros((0, 3)), ["(0, 3)", "norm 0"]),
        (np.array([[np.inf, 1.0], [0.0, 0.0]]), ["(2, 2)", "norm inf"]),
        (np.arange(6).reshape(2, 3), ["(2, 3)", "integers"]),
        (np.ones((2, 3), bool), ["(2, 3)", "bool"]),
        (np.array(True), ["True"]),
        ((np.zeros((4, 5)), np.zeros(7)), ["(4, 5)", "(7,)"]),
        (-0.0, ["0"]),
        (12345.6, ["12346"]),
        (np.array([3 + 4j]), ["3+4j"]),
        (np.array([3j, 4, 0, 0]), ["(4,)", "norm 5"]),
    ],
)
def test_a_value_is_told_by_itself_or_by_shape_and_norm(value, lines):
    assert words.of_value(value) == lines
