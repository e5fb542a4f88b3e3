"""Graphs and networks that are drawn in tests, and what a reader sees of a figure."""

import itertools
from collections import namedtuple
from unittest import mock

import numpy as np

import layers.drawing.draw as drawing
from layers import (
    GELU,
    Add,
    Affine,
    Branch,
    Concat,
    Copy,
    Elementwise,
    Graph,
    Identity,
    LayerNorm,
    LSTMCell,
    Max,
    Mul,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Tanh,
    TransformerBlock,
)


def numbers(*values):
    return tuple(np.array([float(value)]) for value in values)


def gates():
    """f = (x + y) z"""
    graph = Graph(inputs=("x", "y", "z"), output="f")
    graph.add("q", Add(), "x", "y")
    graph.add("f", Mul(), "q", "z")
    return graph


def sigmoid():
    """s = 1 / (1 + exp(-(w0 x0 + w1 x1 + w2)))"""
    graph = Graph(inputs=("w0", "x0", "w1", "x1", "w2"), output="s")
    graph.add("a", Mul(), "w0", "x0")
    graph.add("b", Mul(), "w1", "x1")
    graph.add("ab", Add(), "a", "b")
    graph.add("c", Add(), "ab", "w2")
    graph.add("* -1", Elementwise(lambda v: -v, lambda v: np.full_like(v, -1)), "c")
    graph.add("e", Elementwise(np.exp, np.exp), "* -1")
    graph.add("+ 1", Elementwise(lambda v: v + 1, np.ones_like), "e")
    graph.add("s", Elementwise(lambda v: 1 / v, lambda v: -1 / v**2), "+ 1")
    return graph


def run(graph, *values):
    """The graph after both passes, from an upstream of 1."""
    graph.forward(numbers(*values) if len(values) > 1 else numbers(*values)[0])
    graph.backward(np.array([1.0]))
    return graph


def mlp(layers=8, width=32):
    rows = (
        part for i in range(layers - 1) for part in (Affine(width, width, rng=i, dtype=np.float64), ReLU())
    )
    return Sequential(*rows, Affine(width, 10, rng=9, dtype=np.float64))


def residual():
    inside = LayerNorm(8), Affine(8, 8, rng=1), ReLU()
    return Sequential(Affine(4, 8, rng=0), Residual(*inside), Affine(8, 3, rng=2)).astype(np.float64)


def inner_graph():
    graph = Graph(inputs="x", output="f")
    graph.add("a", Affine(4, 4, rng=0), "x")
    graph.add("m", Max(), "a", "x")
    graph.add("f", Mul(), "m", "a")
    return graph


def nets():
    """(id, network in float64, x): every way in which layers stand in one another."""
    rng = np.random.default_rng(3)
    x, steps = rng.standard_normal((6, 4)), rng.standard_normal((2, 3, 8))
    mask = np.tril(np.ones((3, 3), bool))
    cell = x, np.zeros((6, 4)), np.zeros((6, 4))
    branch = Branch(Affine(4, 4, rng=0), Sequential(Affine(4, 4, rng=1), Tanh()), Identity())
    built = [
        ("mlp", mlp(width=4), x),
        ("residual", residual(), x),
        ("block", TransformerBlock(8, 2, 16, rng=0), steps),
        ("masked block", TransformerBlock(8, 2, 16, rng=0), (steps, mask)),
        ("branch", Sequential(branch, Concat(1), Affine(12, 2, rng=2)), x),
        ("parallel", Sequential(Copy(2), Parallel(Affine(4, 3, rng=0), Sigmoid()), Concat(1)), x),
        ("graph inside", Sequential(Affine(4, 4, rng=3), inner_graph(), Affine(4, 2, rng=4)), x),
        ("residual in residual", Residual(Residual(Affine(4, 4, rng=0)), GELU()), x),
        ("cell", Sequential(LSTMCell(4, 4, rng=0), Add()), cell),
    ]
    return [(name, net.astype(np.float64), x) for name, net, x in built]


def random_graph(seed):
    """A graph of gates and functions wired at random, after both passes."""
    rng = np.random.default_rng(seed)
    names = [f"x{i}" for i in range(rng.integers(2, 5))]
    graph, unused = Graph(inputs=tuple(names), output="out"), list(names)
    for k in range(rng.integers(2, 10)):
        layer, n = [(Add(), 2), (Mul(), 3), (Max(), 2), (Tanh(), 1)][rng.integers(4)]
        sources = [str(rng.choice(unused if unused and rng.random() < 0.6 else names)) for _ in range(n)]
        graph.add(f"n{k}", layer, *sources)
        names.append(f"n{k}")
        unused = [name for name in unused if name not in sources] + [f"n{k}"]
    graph.add("out", Add(), *unused, "x0")
    return run(graph, *(rng.standard_normal() * 10.0 ** rng.integers(-6, 6) for _ in graph.inputs))


def drawn(layer, *passes, **options):
    """The figure that layer.draw(*passes, path) would save."""
    with mock.patch.object(drawing, "save") as save:
        assert layer.draw(*passes, "net.png", **options) is None
    figure, path = save.call_args.args
    assert path.name == "net.png"
    return figure


def texts(figure, color=None):
    """Every text of a figure, or those of one colour."""
    from matplotlib.text import Text

    found = [text for text in figure.findobj(Text) if text.get_text()]
    return [text.get_text() for text in found if color in (None, text.get_color())]


Extent = namedtuple("Extent", "x0 y0 x1 y1")


def extent(artist, renderer):
    """As plain numbers: a Bbox works out each of its sides anew whenever it is asked."""
    return Extent(*artist.get_window_extent(renderer).extents.tolist())


def collisions(figure):
    """Texts that overlap one another, a box's edge or the figure's, or have a wire through them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patches import Circle, FancyBboxPatch, PathPatch
    from matplotlib.text import Text

    renderer = FigureCanvasAgg(figure).get_renderer()
    found = [text for text in figure.findobj(Text) if text.get_text()]
    words = [(text.get_text(), extent(text, renderer)) for text in found]
    whole = figure.bbox.frozen()
    for (one, a), (other, b) in itertools.combinations(words, 2):
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 0.5 and min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5:
            yield one, other
    boxes = [extent(patch, renderer) for patch in figure.findobj(FancyBboxPatch)]
    boxes += [extent(patch, renderer) for patch in figure.findobj(Circle) if patch.radius > 4]
    for word, a in words:
        if a.x0 < whole.x0 or a.x1 > whole.x1 or a.y0 < whole.y0 or a.y1 > whole.y1:
            yield word, "the edge of the figure"
        for box in boxes:
            meet = min(a.x1, box.x1) > max(a.x0, box.x0) and min(a.y1, box.y1) > max(a.y0, box.y0)
            inside = box.x0 <= a.x0 and a.x1 <= box.x1 and box.y0 <= a.y0 and a.y1 <= box.y1
            if meet and not inside:
                yield word, "the edge of a box"
    for a, b in itertools.combinations(boxes, 2):
        if min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0):
            yield "a box", "a box"
    for patch in figure.findobj(lambda one: type(one) is PathPatch):
        for line in patch.get_transform().transform_path(patch.get_path()).to_polygons(closed_only=False):
            steps = np.linspace(line[:-1], line[1:], 20).reshape(-1, 2)
            for word, a in words:
                x, y = steps.T
                if ((x > a.x0 + 1) & (x < a.x1 - 1) & (y > a.y0 + 1.5) & (y < a.y1 - 1.5)).any():
                    yield word, "a wire"
