"""Circuits drawn with matplotlib: the right numbers in the right colours, nothing on top of anything else."""

import sys
from collections import Counter
from xml.etree import ElementTree

import numpy as np
import pytest
from pictures import collisions, drawn, gates, inner_graph, numbers, residual, run, sigmoid, texts

from layers import (
    Affine,
    BatchNorm,
    Branch,
    Container,
    Dropout,
    Graph,
    Layer,
    Mul,
    ReLU,
    Residual,
    Sequential,
    Tanh,
)
from layers.drawing import wiring, words
from layers.drawing.layout import lay_out
from layers.drawing.picture import GREEN, RED, Word
from losses import MSE, SoftmaxCrossEntropy

pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")

rng = np.random.default_rng(0)


def seen(*values):
    """Numbers as the pictures have them, with a real minus sign; how often each is there."""
    return Counter(words.number(value).replace("-", "−") for value in values)


class TestAGraph:
    def test_before_the_passes_is_its_structure(self):
        figure = drawn(gates())
        assert sorted(texts(figure)) == sorted(["x", "y", "z", "q", "+", "f", "×"])

    def test_after_the_forward_has_values_alone(self):
        graph = gates()
        graph.forward(numbers(-2, 5, -4))
        figure = drawn(graph)
        assert Counter(texts(figure, GREEN)) == seen(-2, 5, -4, 3, -12) + Counter(["value"])
        assert texts(figure, RED) == []

    def test_after_both_has_values_above_and_adjoints_below(self):
        figure = drawn(run(gates(), -2, 5, -4))
        assert Counter(texts(figure, GREEN)) == seen(-2, 5, -4, 3, -12) + Counter(["value"])
        assert Counter(texts(figure, RED)) == seen(-4, -4, 3, -4, 1) + Counter(["adjoint, df/dvalue"])
        found = [
            word for word in lay_out(wiring.of(run(gates(), -2, 5, -4))).shapes if isinstance(word, Word)
        ]
        (value,), (adjoint,) = ([word for word in found if word.text == text] for text in ("−12", "1"))
        assert value.x == adjoint.x
        assert value.y < adjoint.y  # y grows downwards

    def test_of_the_sigmoid_has_the_numbers_of_the_formula(self):
        w0, x0, w1, x1, w2 = given = 2, -1, -3, -2, -3
        c = w0 * x0 + w1 * x1 + w2
        e = np.exp(-c)
        s = 1 / (1 + e)
        figure = drawn(run(sigmoid(), *given))
        values = *given, w0 * x0, w1 * x1, w0 * x0 + w1 * x1, c, -c, e, 1 + e, s
        assert Counter(texts(figure, GREEN)) == seen(*values) + Counter(["value"])
        dc = s * (1 - s)
        adjoints = dc * x0, dc * w0, dc * x1, dc * w1, dc, dc, dc, dc, dc, -dc, -(s**2), -(s**2), 1
        assert Counter(texts(figure, RED)) == seen(*adjoints) + Counter(["adjoint, ds/dvalue"])
        assert {"exp", "* −1", "+ 1"} & set(texts(figure)) == {"exp", "+ 1"}
        assert "* -1" in texts(figure)  # names stay as they are

    def test_shows_the_parts_of_an_adjoint_that_is_a_sum(self):
        square = Graph(inputs="x", output="f")
        square.add("f", Mul(), "x", "x")
        figure = drawn(run(square, 3))
        assert Counter(texts(figure, RED)) == seen(6, 3, 3, 1) + Counter(["adjoint, df/dvalue"])

    def test_says_a_forward_again_makes_old_adjoints_void(self):
        graph = run(gates(), -2, 5, -4)
        graph.forward(numbers(1, 1, 1))
        assert texts(drawn(graph), RED) == []

    def test_still_to_be_declared_is_drawn_as_far_as_it_goes(self):
        graph = Graph(inputs=("x", "y"), output="f")
        assert texts(drawn(graph)) == ["x", "y"]
        graph.add("p", Mul(), "x", "y")
        assert sorted(texts(drawn(graph))) == ["p", "x", "y", "×"]

    def test_runs_on_a_copy_where_x_and_target_are_given(self):
        graph = run(gates(), -2, 5, -4)
        figure = drawn(graph, numbers(1, 2, 3), np.array([8.0]))
        f = (1 + 2) * 3
        assert Counter(texts(figure, GREEN)) == seen(1, 2, 3, 3, f, 8, (f - 8) ** 2 / 2) + Counter(["value"])
        assert graph.values["f"] == -12

    def test_names_what_is_inside_a_node(self):
        graph = Graph(inputs="x", output="f")
        graph.add("f", Sequential(Affine(2, 3), Residual(ReLU())), "x")
        assert {"Sequential", "0: Affine 2 → 3", "1: Residual"} <= set(texts(drawn(graph)))


class TestANetwork:
    def test_has_the_norms_of_its_values_adjoints_and_gradients(self):
        first, second = (Affine(n, m, rng=n, dtype=np.float64) for n, m in ((4, 5), (5, 3)))
        x, target = rng.standard_normal((7, 4)), rng.standard_normal((7, 3))
        h = x @ first.params["W"].T
        r = np.maximum(h, 0)
        y = r @ second.params["W"].T
        dy = y - target
        dr = dy @ second.params["W"]
        dh = dr * (h > 0)
        figure = drawn(Sequential(first, ReLU(), second), x, target)
        norm = np.linalg.norm
        L = words.number((dy**2).sum() / 2)
        expected = [f"norm {words.number(norm(value))}" for value in (x, h, r, y, target)]
        shapes = ["(7, 4)", "(7, 5)", "(7, 5)", "(7, 3)", "(7, 3)"]
        assert Counter(texts(figure, GREEN)) == Counter([*expected, *shapes, L, "value"])
        adjoints = [f"norm {words.number(norm(value))}" for value in (dh @ first.params["W"], dh, dr, dy)]
        gradients = [
            f"‖d{name}‖ {words.number(norm(grad))}"
            for name, grad in (("W", dh.T @ x), ("b", dh.sum(0)), ("W", dy.T @ r), ("b", dy.sum(0)))
        ]
        assert Counter(texts(figure, RED)) == Counter([*adjoints, *gradients, "1", "adjoint, dL/dvalue"])
        assert {"Affine", "4 → 5", "ReLU", "5 → 3", "0", "1", "2", "½ Σ (y − target)²", "L"} <= set(
            texts(figure)
        )

    def test_takes_labels_for_softmax_cross_entropy(self):
        x, target = rng.standard_normal((6, 4)), np.array([0, 1, 2, 2, 1, 0])
        model = Sequential(Affine(4, 3, rng=0, dtype=np.float64))
        loss = SoftmaxCrossEntropy()
        value = loss.forward(model.forward(x), target)
        figure = drawn(model, x, list(target))
        assert {"softmax", "cross-entropy", words.number(value)} <= set(texts(figure))
        assert f"norm {words.number(np.linalg.norm(loss.backward()))}" in texts(figure, RED)
        figure = drawn(model, x, target, loss=loss)
        assert {"SoftmaxCrossEntropy", words.number(value)} <= set(texts(figure))

    def test_of_one_layer_is_drawn_too(self):
        class Scale(Layer):
            def __init__(self):
                self.params = {"gamma": np.array([2.0])}

            def forward(self, x):
                self.cache = x
                return x * self.params["gamma"]

            def backward(self, upstream):
                return upstream * self.params["gamma"], {"gamma": (upstream * self.cache).sum(axis=0)}

        figure = drawn(Scale(), np.array([[3.0]]), np.array([[5.0]]))
        assert Counter(texts(figure, GREEN)) == seen(3, 6, 5, 0.5) + Counter(["value"])
        assert Counter(texts(figure, RED)) == seen(2, 1, 1) + Counter(["‖dgamma‖ 3", "adjoint, dL/dvalue"])

    def test_of_a_wiring_of_its_own_is_a_box_that_names_its_inside(self):
        class Twice(Container):
            def __init__(self):
                self.first, self.second = Affine(4, 4), Sequential(Tanh(), Affine(4, 4))

            def forward(self, x):
                return self.forward_child("second", self.forward_child("first", x))

            def backward(self, upstream):
                upstream, above = self.backward_child("second", upstream)
                dx, below = self.backward_child("first", upstream)
                return dx, below | above

        figure = drawn(Sequential(Twice(), ReLU()), rng.standard_normal((3, 4)), np.ones((3, 4)))
        assert {"Twice", "first: Affine 4 → 4", "second: Sequential", "ReLU"} <= set(texts(figure))

    def test_shows_the_shape_of_a_dx_that_is_not_x_s(self):
        class Sum(Layer):
            def forward(self, x):
                return x.sum(axis=1, keepdims=True)

            def backward(self, upstream):
                return upstream, {}

        assert texts(drawn(Sum(), np.ones((5, 4)), np.zeros((5, 1))), RED)[0] == "(5, 1)"

    def test_says_where_there_is_no_adjoint(self):
        model = Sequential(Affine(4, 3))
        model.input_grad = False
        assert "none" in texts(drawn(model, rng.standard_normal((5, 4)), np.zeros((5, 3))), RED)


def test_the_layer_stays_as_it_was():
    model = Sequential(Affine(4, 3, rng=0), BatchNorm(3), Dropout(0.5, rng=1))
    twin = Sequential(Affine(4, 3, rng=0), BatchNorm(3), Dropout(0.5, rng=1))
    x = rng.standard_normal((6, 4)).astype(np.float32)
    for _ in range(2):
        drawn(model, x, np.ones((6, 3)))
    with pytest.raises(RuntimeError, match="backward called before forward"):
        model.backward(np.ones((6, 3)))
    assert model.training
    assert all(np.array_equal(twin.state()[name], array) for name, array in model.state().items())
    np.testing.assert_array_equal(model.forward(x), twin.forward(x))  # the same numbers are dropped


def test_the_suffix_names_the_kind_of_file(tmp_path):
    for name, start in (("a.svg", b"<?xml"), ("a.PDF", b"%PDF"), ("a.png", b"\x89PNG")):
        gates().draw(tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(start)
    gates().draw(path=str(tmp_path / "b.svg"))
    assert ElementTree.parse(tmp_path / "b.svg").getroot().tag.endswith("svg")


def test_names_are_shown_as_they_are():
    names = ["a$b$", "größe", r"\n", "%d {0}", "two\nlines", "数"]
    graph = Graph(inputs=tuple(names), output="f")
    graph.add("f", Branch(*(ReLU() for _ in names)), *names)
    figure = drawn(graph)
    assert {"a$b$", "größe", r"\n", "%d {0}", "two lines", r"\u6570"} <= set(texts(figure))
    assert list(collisions(figure)) == []


def test_a_user_s_own_style_is_left_out_and_stays(tmp_path):
    import matplotlib
    from matplotlib import image

    with matplotlib.rc_context({"savefig.facecolor": "black", "text.color": "white", "text.usetex": True}):
        gates().draw(tmp_path / "net.png")
        Affine(4, 4).draw_flow(X, X, tmp_path / "flow.png")
        assert matplotlib.rcParams["text.color"] == "white"
    for name in ("net.png", "flow.png"):
        assert image.imread(tmp_path / name)[..., :3].mean() > 0.85  # mostly white


X, Y = np.ones((5, 4)), np.ones((5, 3))


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        (("net.gif",), ValueError, r"expected a path that ends in \.png, \.svg or \.pdf, got 'net\.gif'"),
        ((), TypeError, r'got NoneType; write draw\("net\.png"\) or draw\(x, target, "net\.png"\)'),
        ((X, Y), TypeError, "expected the path of a picture, got NoneType"),
        ((X, None, "net.png"), ValueError, "expected both x and target, got no target"),
        ((None, Y, "net.png"), ValueError, "expected both x and target, got no x"),
        ((X, Y.astype(int), "net.png"), ValueError, r"got int64 \(5, 3\); write target\.astype\(float\)"),
        ((X, Y.ravel(), "net.png"), ValueError, r"float64 \(15,\); write target\.reshape\(5, 3\)"),
        (
            (X, np.full(5, 3), "net.png"),
            ValueError,
            r"labels 0 \.\.\. 2 .*got labels 3 \.\.\. 3; count",
        ),
        ((X, np.full(5, -1), "net.png"), ValueError, r"got labels -1 \.\.\. -1; count classes from 0"),
        ((X, "abc", "net.png"), ValueError, "got no array of numbers; pass loss="),
        ((X, [[1], [1, 2]], "net.png"), ValueError, "got no array of numbers; pass loss="),
        ((X, Y[:, :2], "net.png"), ValueError, r"got float64 \(5, 2\); pass loss="),
        ((X[:, :3], Y, "net.png"), ValueError, r"Affine\(4 -> 3\): expected x of shape \(N, 4\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, kind, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=says) as caught:
        Affine(4, 3).draw(*arguments)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_backward_is_refused():
    class Bare(Layer):
        def forward(self, x):
            return x

        def backward(self, upstream):
            return upstream

    with pytest.raises(TypeError, match=r"Bare\(\): expected backward to return \(dx, grads\), got ndarray"):
        Bare().draw(X, X, "net.png")


def test_what_is_no_loss_is_refused():
    with pytest.raises(TypeError, match="expected a loss, got the class MSE; call it"):
        Affine(4, 3).draw(X, Y, "net.png", loss=MSE)
    with pytest.raises(TypeError, match=r"a loss with forward and backward, got int; write loss=MSE\(\)"):
        Affine(4, 3).draw(X, Y, "net.png", loss=3)
    with pytest.raises(ValueError, match="expected one array of real numbers as y, got a tuple of 2; pass"):
        Branch(ReLU(), Tanh()).draw(X, X, "net.png")


def test_without_matplotlib_a_line_says_what_to_install(monkeypatch, tmp_path):
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="not installed; python -m pip install matplotlib") as caught:
        gates().draw(tmp_path / "net.png")
    assert "\n" not in str(caught.value)
    gates().draw(tmp_path / "net.svg")
    assert [path.name for path in tmp_path.iterdir()] == ["net.svg"]
    assert gates().to_dot().startswith("digraph")
    assert residual()._repr_html_()
    assert inner_graph()._repr_html_()
