"""How large values and adjoints are along a network: by formula where there is one, and as a picture."""

import importlib
import math
import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from layers import Affine, Branch, Concat, Copy, Embedding, Graph, ReLU, Residual, Sequential, Sigmoid, Tanh
from layers.drawing import flow as flows
from layers.drawing.flow import Flow, flow
from layers.init import orthogonal
from losses import MSE

EXAMPLES = Path(__file__).parent.parent / "examples"
rng = np.random.default_rng(0)
x, target = rng.standard_normal((5, 8)), rng.standard_normal((5, 8))


def linear(c, depth):
    return Sequential(
        *(Affine(8, 8, init=partial(orthogonal, gain=c), rng=i, dtype=np.float64) for i in range(depth))
    )


def norm(array):
    return np.linalg.norm(array)


@pytest.mark.parametrize("c", [0.1, 0.5, 1.0, 3.0])
def test_a_linear_network_multiplies_norms_by_c_at_every_layer(c):
    n = 30
    model = linear(c, n)
    dy = model.forward(x) - target
    rows = flow(model, x, target)
    assert len(rows) == n + 1
    for k, row in enumerate(rows):
        assert row.adjoint_norm == pytest.approx(c ** (n - k) * norm(dy), rel=1e-11)
        assert row.adjoint == pytest.approx(row.adjoint_norm / math.sqrt(40), rel=1e-14)
        assert row.value == pytest.approx(c**k * norm(x) / math.sqrt(40), rel=1e-11)


def test_rows_have_the_norms_of_the_gradients_that_backward_gives():
    model, loss = Sequential(Affine(8, 6, rng=0), Tanh(), Affine(6, 8, rng=1)).astype(np.float64), MSE()
    loss.forward(model.forward(x), target)
    _, grads = model.backward(loss.backward())
    rows = flow(model, x, target, loss=loss)
    assert [(row.name, row.layer) for row in rows] == [
        ("", "x"),
        ("0", "Affine"),
        ("1", "Tanh"),
        ("2", "Affine"),
    ]
    for row in rows:
        assert row.grads == pytest.approx(
            {key: norm(grads[f"{row.name}.{key}"]) for key in ("W", "b")} if row.layer == "Affine" else {}
        )
    assert rows[1].grad == pytest.approx(math.hypot(norm(grads["0.W"]), norm(grads["0.b"])))
    assert rows[2].grad is None


def test_a_sum_that_no_layer_inside_puts_out_has_a_row():
    model = Sequential(Residual(Tanh()), Residual(Sequential(ReLU())))
    rows = flow(model, x, target)
    assert [row.name for row in rows] == ["", "0.main.0", "0", "1.main.0.0", "1"]
    h = x + np.tanh(x)
    assert rows[2].value == pytest.approx(norm(h) / math.sqrt(40))
    assert rows[4].adjoint_norm == pytest.approx(norm(h + np.maximum(h, 0) - target))
    graph = Graph(inputs="x", output="f")
    graph.add("f", Tanh(), "x")
    assert [row.name for row in flow(graph, x, target)] == ["", "f"]
    branched = Sequential(Branch(ReLU(), Tanh()), Concat(1), Affine(16, 8, rng=0))
    assert [row.name for row in flow(branched, x, target)] == ["", "0.0", "0.1", "1", "2"]


def test_what_has_no_real_numbers_has_no_size():
    rows = flow(Sequential(Embedding(5, 3, rng=0), Affine(3, 2, rng=1)), np.array([1, 2]), np.array([0, 1]))
    assert (rows[0].value, rows[0].adjoint, rows[0].grad) == (None, None, None)
    assert None not in (rows[1].value, rows[1].adjoint, rows[1].grad)


def test_tuples_are_measured_as_one():
    class First:
        def forward(self, y, target):
            self.y = y
            return float(y[0].sum())

        def backward(self):
            return np.ones_like(self.y[0]), np.zeros_like(self.y[1])

    rows = flow(Copy(2), x, 0, loss=First())
    assert rows[1].value == pytest.approx(norm(x) / math.sqrt(40))
    assert rows[1].adjoint_norm == pytest.approx(math.sqrt(40))
    assert rows[1].adjoint == pytest.approx(math.sqrt(0.5))


class TestThePicture:
    @pytest.fixture(autouse=True)
    def _matplotlib(self):
        pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")

    def test_has_the_numbers_of_the_rows_on_a_log_scale(self):
        rows = flow(Sequential(Affine(8, 8, rng=0), Sigmoid(), Affine(8, 8, rng=1)), x, target)
        (axes,) = flows.figure_of({"a net": rows}).axes
        values, adjoints, grads = (line.get_ydata() for line in axes.lines)
        assert list(values) == [row.value for row in rows]
        assert list(adjoints) == [row.adjoint for row in rows]
        np.testing.assert_array_equal(grads, [math.nan if row.grad is None else row.grad for row in rows])
        assert axes.get_yscale() == "log"
        low, high = axes.get_ylim()
        assert low < np.nanmin([values, adjoints, grads]) < np.nanmax([values, adjoints, grads]) < high
        assert [tick.get_text() for tick in axes.get_xticklabels()] == [
            "x",
            "0 Affine",
            "1 Sigmoid",
            "2 Affine",
        ]
        assert axes.get_title() == "a net"

    def test_has_a_panel_for_each_network_on_one_scale(self):
        small, large = flow(linear(0.1, 50), x, target), flow(linear(3.0, 5), x, target)
        one, other = flows.figure_of({"small": small, "large": large}).axes
        assert one.get_ylim() == other.get_ylim()
        assert (one.get_title(), other.get_title()) == ("small", "large")
        assert (len(one.lines[0].get_xdata()), len(other.lines[0].get_xdata())) == (51, 6)

    def test_writes_what_a_log_scale_has_no_place_for(self):
        rows = [
            Flow("", "x", 1.0, 0.0, 0.0, {}),
            Flow("0", "Affine", math.inf, math.nan, math.nan, {"W": 0.0}),
            Flow("1", "Embedding", None, None, None, {}),
        ]
        (axes,) = flows.figure_of({"$odd$": rows}).axes
        said = sorted((text.get_position()[0], text.get_text()) for text in axes.texts)
        assert said == [(0, "0"), (1, "0"), (1, "inf"), (1, "nan")]
        assert axes.get_title() == "$odd$"
        axes.figure.draw_without_rendering()

    @pytest.mark.parametrize("size", [0.0, math.nan, 1e-308, 1e300])
    def test_is_drawn_of_any_sizes(self, size):
        (axes,) = flows.figure_of({"": [Flow("", "x", size, size, size, {})]}).axes
        axes.figure.draw_without_rendering()

    def test_is_drawn_by_a_method_too(self, tmp_path):
        linear(0.5, 3).draw_flow(x, target, tmp_path / "flow.png", loss=MSE())
        assert (tmp_path / "flow.png").read_bytes().startswith(b"\x89PNG")
        with pytest.raises(ValueError, match=r"ends in \.png, \.svg or \.pdf, got 'flow'"):
            linear(0.5, 3).draw_flow(x, target, "flow")
        with pytest.raises(ValueError, match="expected one network or more, got none"):
            flows.draw_flow({}, "flow.png")


@pytest.fixture
def example(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    yield importlib.import_module("gradient_flow")
    sys.modules.pop("gradient_flow")


def sizes(example, title):
    rows = example.after_blocks(flow(example.NETS[title](), example.x, example.target))
    return [row.value for row in rows], [row.adjoint for row in rows]


def test_the_example_measures_c_to_the_depth(example):
    for c in (0.5, 1.1, 2.0):
        assert example.growth(c, 12) == pytest.approx(c**12, rel=1e-12)


def test_the_example_s_networks_vanish_explode_and_do_neither(example):
    n = example.DEPTH
    slopes = [
        np.linalg.norm(W, 2) / 4 for W in example.NETS["sigmoid, small W"]().params.values() if W.ndim == 2
    ]
    _, adjoints = sizes(example, "sigmoid, small W")
    assert adjoints[0] <= math.prod(slopes) * adjoints[-1] < 1e-10 * adjoints[-1]  # sigmoid' is at most 1/4
    good, _ = sizes(example, "ReLU, he_normal")
    large, adjoints = sizes(example, "ReLU, large W")
    assert large[-1] == pytest.approx((4 / math.sqrt(2)) ** n * good[-1], rel=1e-9)  # relu(c x) = c relu(x)
    assert adjoints[0] > 1e8 * adjoints[-1]
    for title in ("ReLU, he_normal", "residual, LayerNorm"):
        values, adjoints = sizes(example, title)
        assert 0.02 < values[-1] / values[0] < 50
        assert 0.02 < adjoints[0] / adjoints[-1] < 50


def test_the_example_runs_from_anywhere_and_draws_where_it_is_told(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")
    env = {**os.environ, "PYTHONPATH": "", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-W", "error", str(EXAMPLES / "gradient_flow.py"), "--picture", "flow.png"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    for measured, formula in re.findall(r"measured (\S+) +c\^20 = (\S+)", done.stdout):
        assert measured == formula
    assert done.stdout.count("measured") == 5
    assert [path.name for path in tmp_path.iterdir()] == ["flow.png"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("nowhere/flow.png", "nowhere.*No such file"), ("flow.gif", "expected a path that ends in .png")],
)
def test_a_picture_that_cannot_be_written_is_refused_in_a_line(example, name, said, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")
    with pytest.raises(SystemExit, match=rf"^gradient_flow\.py: error: .*{said}.*$"):
        example.main(["--picture", str(tmp_path / name)])
