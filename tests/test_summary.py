"""summary: what it prints for networks whose numbers can be added up by hand, and that it changes nothing."""

import numpy as np
import pytest

from layers import (
    LSTM,
    Affine,
    BatchNorm,
    Dropout,
    Flatten,
    Graph,
    Layer,
    Mul,
    ReLU,
    Residual,
    Sequential,
)


def printed(layer, x_shape, capsys):
    assert layer.summary(x_shape) is None
    return capsys.readouterr().out.splitlines()


def test_a_line_for_each_layer(capsys):
    model = Sequential(Flatten(), Affine(1000, 250), ReLU(), Affine(250, 10, bias=False))
    assert printed(model, (500, 10, 100), capsys) == [
        "layer                            output shape  parameters  cached MB",
        "Sequential                       (500, 10)                     0.000",
        "0 Flatten()                      (500, 1000)            0      0.000",
        "1 Affine(1000 -> 250)            (500, 250)       250,250      2.000",  # x: 500 * 1000 * 4 bytes
        "2 ReLU()                         (500, 250)             0      0.500",  # y, which is the next x
        "3 Affine(250 -> 10, bias=False)  (500, 10)          2,500      0.000",
        "total                                             252,750      2.500",
    ]


def test_layers_inside_layers_are_indented_under_their_names(capsys):
    model = Sequential(Residual(Affine(3, 3), BatchNorm(3)), Affine(3, 2))
    lines = printed(model, (4, 3), capsys)
    assert [line.split("  (")[0].rstrip() for line in lines[1:-1]] == [
        "Sequential",
        "0 Residual",
        "  0.main Sequential",
        "    0.main.0 Affine(3 -> 3)",
        "    0.main.1 BatchNorm(3)",
        "1 Affine(3 -> 2)",
    ]
    assert lines[-1].split() == ["total", "26", "0.000"]


def test_an_array_that_several_layers_cache_is_counted_once(capsys):
    graph = Graph(inputs="x", output="y")
    graph.add("a", Affine(250, 250), "x")
    graph.add("y", Mul(), "x", "a")
    by_name = {line.split()[0]: line.split()[-1] for line in printed(graph, (1000, 250), capsys)}
    # x and a take a megabyte each; a caches x, y caches x and a, the graph holds all three values
    assert by_name == {"layer": "MB", "a": "1.000", "y": "1.000", "Graph": "1.000", "total": "3.000"}


def test_frozen_parameters_are_told_apart(capsys):
    model = Sequential(Affine(3, 4), Affine(4, 2))
    model.freeze("0.*")
    lines = printed(model, (5, 3), capsys)
    assert lines[-2].split() == ["total", "26", "0.000"]
    assert lines[-1].split() == ["frozen", "16"]


class Lookup(Layer):
    """y = table[x]: takes integers only."""

    def __init__(self):
        self.table = np.zeros((7, 3))

    def forward(self, x):
        if x.dtype.kind != "i":
            raise TypeError("Lookup: expected integers")
        self.cache = x
        return self.table[x]


def test_ids_shapes_for_several_inputs_and_arrays_will_do(capsys):
    assert "(4, 5, 3)" in printed(Lookup(), (4, 5), capsys)[1]
    assert "(2, 6)" in printed(Mul(), ((2, 6), (2, 6)), capsys)[1]
    assert "(2, 6)" in printed(Mul(), (np.zeros((2, 6)), np.ones((2, 6))), capsys)[1]
    assert "(2, 6)" in printed(ReLU(), np.zeros((2, 6)), capsys)[1]


def test_the_layer_itself_stays_as_it_was(capsys):
    model = Sequential(Affine(3, 3, rng=0), BatchNorm(3), Dropout(0.5, rng=0))
    state, dropped = model.state(), Dropout(0.5, rng=0).forward(np.ones((4, 3)))
    model.summary((4, 3))
    assert all(np.array_equal(state[name], array) for name, array in model.state().items())
    np.testing.assert_array_equal(model.layers[2].forward(np.ones((4, 3))), dropped)
    with pytest.raises(RuntimeError, match="backward called before forward"):
        model.backward(np.ones((4, 3)))


def test_a_shape_that_does_not_fit_is_refused_by_the_layer_itself():
    with pytest.raises(ValueError, match=r"Affine\(3 -> 4\): expected x of shape \(N, 3\), got \(5, 2\)"):
        Sequential(Affine(3, 4)).summary((5, 2))


def test_a_child_that_never_ran_says_so(capsys):
    class Idle(Residual):
        def forward(self, x):
            return x

    lines = printed(Idle(Affine(3, 3)), (2, 3), capsys)
    assert "not run" in lines[2]


def test_what_was_frozen_inside_and_what_is_tied_is_counted_once(capsys):
    inner = Graph(inputs="x", output="b")
    inner.add("a", Affine(3, 3, bias=False), "x")
    inner.add("b", Affine(3, 3, bias=False), "a")
    inner.tie("b.W", "a.W")
    lines = printed(Sequential(inner, Affine(3, 2)), (4, 3), capsys)
    assert lines[-1].split() == ["total", "17", "0.000"]
    inner.freeze("*")
    lines = printed(Sequential(inner, Affine(3, 2)), (4, 3), capsys)
    assert lines[-2].split() == ["total", "17", "0.000"]
    assert lines[-1].split() == ["frozen", "9"]


def test_layers_that_know_each_other_and_lists_that_hold_themselves_do_no_harm(capsys):
    first, second = ReLU(), ReLU()
    first.after, second.before = second, first
    second.notes = [np.zeros(250_000, np.float32)]
    second.notes.append(second.notes)
    lines = printed(Sequential(first, second), (1000, 250), capsys)
    assert lines[-1].split() == ["total", "0", "2.000"]  # the two outputs; notes are no cache


@pytest.mark.parametrize("x_shape", [5, "ab", (None, 3)])
def test_what_is_no_shape_is_refused(x_shape):
    with pytest.raises(
        TypeError, match=r"summary: expected x_shape to be a shape, .*write \(32, 1, 28, 28\)"
    ):
        Affine(3, 2).summary(x_shape)


def test_an_input_that_ones_cannot_stand_for_says_what_to_pass():
    with pytest.raises(ValueError, match=r"LSTM\(3 -> 4\): expected x") as caught:
        LSTM(3, 4).summary(((2, 5, 3), (2, 5)))
    assert "an array may stand in place of a shape, such as a mask" in caught.value.__notes__[-1]
    LSTM(3, 4).summary(((2, 5, 3), np.ones((2, 5), bool)))
