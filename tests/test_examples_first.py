"""The first programs of the tour: what they compute, by formula or another route, and that they run."""

import importlib
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gradcheck import check_layer, numeric_gradient
from layers import Sigmoid

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = ("gradient_descent", "four_derivatives", "expression_swell", "sin_exp", "gates", "multivariate")


@pytest.fixture
def load(monkeypatch):
    """A program as a module, by its name."""
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    yield importlib.import_module
    for name in NAMES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_runs_from_anywhere_without_installation(name, tmp_path):
    if name == "expression_swell":
        pytest.importorskip("sympy", reason="sympy is not installed (extra: symbolic)")
    env = {**os.environ, "PYTHONPATH": "", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert not list(tmp_path.iterdir())


# ---- gradient_descent --------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [0.1, 1, 1.8, 2, 2.1])
def test_one_weight_goes_towards_the_minimum_by_one_minus_tau_curvature(load, times):
    """E is a parabola: w_k - w* = (1 - tau curvature)^k (w_0 - w*), and E - E* goes by the square of that."""
    g = load("gradient_descent")
    x, y = g.x, g.target
    best = (np.linalg.pinv(x) @ y).item()
    curvature = 2 * np.square(x).mean()
    lowest = np.square(best * x - y).mean()
    for k, (E, W) in enumerate(g.descend(g.one_weight(), times / curvature, 8)):
        distance = (1 - times) ** k * (0 - best)
        assert W["W"].item() - best == pytest.approx(distance, rel=1e-9, abs=1e-12)
        assert E - lowest == pytest.approx(curvature / 2 * distance**2, rel=1e-9, abs=1e-12)


def test_a_short_step_falls_as_far_as_the_gradient_promises(load):
    """E(W - tau g) = E - tau |g|² + O(tau²): the ratio misses 1 by as much as tau is long."""
    first_step = load("gradient_descent").first_step
    missed = [1 - np.divide(*first_step(tau)) for tau in (1e-4, 1e-5)]
    assert 0 < missed[0] < 1e-3
    assert missed[0] / missed[1] == pytest.approx(10, rel=1e-2)


def test_the_step_is_too_small_or_good_or_too_large(load):
    g = load("gradient_descent")
    small, good, large = ([E for E, _ in g.descend(g.network(), tau, 100)] for tau in g.TAUS.values())
    assert small[0] == good[0] == large[0]
    assert all(np.diff(small) < 0)
    assert all(np.diff(good) < 0)
    assert good[-1] < small[-1] / 10
    assert large[-1] > 1e10 * large[0]


def test_the_picture_of_the_descent_is_drawn(load, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")
    path, main = tmp_path / "descent.png", load("gradient_descent").main
    main(["--picture", str(path)])
    assert path.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.endswith(f"drawn: {path}\n")
    with pytest.raises(SystemExit, match=r"gradient_descent\.py: error: .*nowhere.*No such file"):
        main(["--picture", str(tmp_path / "nowhere" / "descent.png")])


# ---- four_derivatives, expression_swell --------------------------------------------------------------------


def test_four_ways_lead_to_one_derivative(load):
    f = load("four_derivatives")
    s = 1 / (1 + math.exp(-(f.AT * f.X + f.B)))
    expected = (s - f.Y) * s * (1 - s) * f.X
    assert f.by_hand(f.AT) == pytest.approx(expected, rel=1e-14)
    assert f.automatic(f.AT) == pytest.approx(expected, rel=1e-14)
    errors = {eps: abs(f.numeric(f.AT, eps) - expected) for eps in (1e-2, 1e-5, 1e-8, 1e-14)}
    assert errors[1e-8] < errors[1e-5] < errors[1e-2] < 1e-4
    assert errors[1e-14] > errors[1e-5]  # rounding, divided by eps


def test_the_symbolic_derivative_is_the_same_number(load):
    pytest.importorskip("sympy", reason="sympy is not installed (extra: symbolic)")
    f = load("four_derivatives")
    value, expression = f.symbolic(f.AT)
    assert value == pytest.approx(f.by_hand(f.AT), rel=1e-14)
    assert {str(symbol) for symbol in expression.free_symbols} == {"w", "x", "b", "y"}


@pytest.mark.parametrize("width", [1, 4, 8])
def test_a_numeric_gradient_costs_a_pass_for_every_weight_and_backprop_three_passes(load, width):
    f = load("four_derivatives")
    weights = 8 * width + width**2 + width
    assert f.cost(f.differences, width)[:2] == (weights, weights * (weights + 1))
    assert f.cost(f.backprop, width)[:2] == (weights, 3 * weights)
    assert f.slope(np.array([3, 10, 40]), 5 * np.array([3, 10, 40]) ** width) == pytest.approx(width)


def test_the_page_has_the_costs_that_are_counted(load):
    f, page = load("four_derivatives"), (EXAMPLES.parent / "docs" / "backprop.md").read_text(encoding="utf-8")
    table = page[page.index("### What a numeric gradient costs") : page.index("### How an expression swells")]
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d,]+) \|$", table, re.MULTILINE)
    rows = [[int(cell.replace(",", "")) for cell in row] for row in rows]
    assert len(rows) == 5
    assert all(row == [row[0], row[0] * (row[0] + 1), 3 * row[0]] for row in rows)
    assert [row[0] for row in rows[:3]] == [f.cost(f.backprop, width)[0] for width in (4, 8, 16)]


def test_both_gradients_agree(load):
    f = load("four_derivatives")
    x, target = np.linspace(-1, 1, 16).reshape(2, 8), np.array([[1.0], [-2.0]])
    exact, numeric = f.backprop(f.network(3), x, target), f.differences(f.network(3), x, target)
    assert exact.keys() == numeric.keys()
    for name in exact:
        np.testing.assert_allclose(numeric[name], exact[name], atol=1e-4)


def test_nested_logistic_maps_have_the_derivative_of_the_doubled_angle(load):
    """x = sin²(a) gives l_n = sin²(2^n a), so dl_n/dx = 2^n sin(2^(n+1) a) / sin(2 a)."""
    swell, a = load("expression_swell"), 0.4
    for n in (1, 2, 5, 9):
        expected = 2**n * math.sin(2 ** (n + 1) * a) / math.sin(2 * a)
        assert swell.derivative(n, math.sin(a) ** 2) == pytest.approx(expected, rel=1e-10)


def test_expressions_swell_and_backprop_does_not(load):
    pytest.importorskip("sympy", reason="sympy is not installed (extra: symbolic)")
    swell = load("expression_swell")
    written, named = zip(*(swell.operations(swell.expressions(n)[2]) for n in range(1, 9)), strict=True)
    assert all(count >= n * 2**n for n, count in enumerate(written, start=1))
    assert named[-1] < 4 * named[3] < 4 * 8 * 8  # from 4 to 8 maps, no worse than quadratic
    assert [swell.operations_of_backprop(n) for n in range(1, 9)] == [6 * n for n in range(1, 9)]


@pytest.mark.parametrize(
    ("name", "extra", "arguments"),
    [("gradient_descent", "matplotlib.figure", [["--picture", "no.png"]]), ("expression_swell", "sympy", [])],
)
def test_without_an_extra_a_line_says_what_to_install(load, name, extra, arguments, monkeypatch):
    monkeypatch.setitem(sys.modules, extra, None)
    with pytest.raises(SystemExit, match=f"python -m pip install {extra.split('.')[0]}"):
        load(name).main(*arguments)


def test_without_sympy_the_other_three_ways_are_shown(load, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sympy", None)
    load("four_derivatives").main()
    assert "python -m pip install sympy" in capsys.readouterr().out


# ---- sin_exp -----------------------------------------------------------------------------------------------


def test_the_chain_in_radians_and_in_degrees(load):
    s = load("sin_exp")
    b = math.exp(4.499)
    for reading, unit in (("radians", 1), ("degrees", math.pi / 180)):
        c = math.sin(unit * b)
        values = [4.499, b, c, 2 / c]
        slopes = [-1, b, unit * math.cos(unit * b), -2 / c**2]
        model = s.chain(*s.READINGS[reading])
        names, got_values, got_slopes = zip(*s.walk(model), strict=True)
        assert names == ("a", "b", "c", "d")
        assert got_values == pytest.approx(values, rel=1e-14)
        assert got_slopes == pytest.approx(slopes, rel=1e-10)
        assert model.backward(np.ones(1))[0].item() == pytest.approx(math.prod(slopes), rel=1e-10)
        assert check_layer(model, np.array([s.X]))


def test_only_degrees_give_the_rounded_numbers_of_the_lecture(load):
    s = load("sin_exp")
    degrees, radians = (s.walk(s.chain(*s.READINGS[reading])) for reading in ("degrees", "radians"))
    assert [round(value) for _, value, _ in degrees] == [4, 90, 1, 2]
    assert [round(slope) for *_, slope in degrees] == [-1, 90, 0, -2]
    assert abs(radians[3][1] - 2) > 0.1
    assert abs(radians[2][2] - 0) > 0.3


def test_a_slope_without_pi_over_180_is_found_out(load):
    s = load("sin_exp")
    model = s.chain(*s.READINGS["degrees, with cos(b) as the slope of sin(b)"])
    report = check_layer(model.layers[2], (2, 3))
    assert [finding.kind for finding in report.findings] == ["scale"]
    assert f"{180 / math.pi:.4f}" in report.findings[0].message


# ---- gates -------------------------------------------------------------------------------------------------


def numbers(arrays):
    return {name: array.item() for name, array in arrays.items()}


def test_the_product_of_a_sum(load):
    g = load("gates")
    graph = g.run(g.product_of_sum(), -2, 5, -4)
    assert numbers(graph.values) == {"x": -2, "y": 5, "z": -4, "q": 3, "f": -12}
    assert numbers(graph.adjoints) == {"x": -4, "y": -4, "z": 3, "q": -4, "f": 1}


def test_what_gates_do_is_printed(load, capsys):
    load("gates").main()
    printed = " ".join(capsys.readouterr().out.split())
    # u = 2 at (3, -4): (u, u), (-4 u, 3 u), (u, 0)
    assert "Add() distributes 2 2 Mul() swaps and multiplies -8 6 Max() routes 2 0" in printed
    assert "Copy(2) adds, here 2 and 5 7" in printed


def test_a_sigmoid_of_ones_own_is_right_and_the_one_of_the_library(load):
    layer, x = load("gates").Sigmoid(), np.linspace(-4, 4, 9)
    assert check_layer(layer, (4, 5))
    library = Sigmoid()
    np.testing.assert_allclose(layer.forward(x), library.forward(x), rtol=1e-14)
    np.testing.assert_allclose(layer.backward(x)[0], library.backward(x)[0], rtol=1e-12)


@pytest.mark.parametrize("one_node", [True, False])
def test_a_neuron_has_the_same_adjoints_of_one_node_or_of_four(load, one_node):
    g = load("gates")
    w0, x0, w1, x1, w2 = point = (2, -1, -3, -2, -3)
    adjoints = numbers(g.run(g.neuron(one_node), *point).adjoints)
    y = 1 / (1 + math.exp(-(w0 * x0 + w1 * x1 + w2)))
    ds = y * (1 - y)
    expected = {"w0": x0 * ds, "x0": w0 * ds, "w1": x1 * ds, "x1": w1 * ds, "w2": ds, "s": ds, "f": 1}
    assert {name: adjoints[name] for name in expected} == pytest.approx(expected, rel=1e-12)
    if not one_node:
        e = math.exp(-(w0 * x0 + w1 * x1 + w2))
        assert adjoints["plus 1"] == adjoints["exp"] == pytest.approx(-1 / (1 + e) ** 2, rel=1e-12)
        assert adjoints["minus"] == pytest.approx(-ds, rel=1e-12)


def test_far_from_zero_one_node_has_a_gradient_where_four_gates_have_none(load):
    g = load("gates")
    with np.errstate(over="ignore", invalid="ignore"):
        four, one = (g.run(g.neuron(one_node), 2, -1, -3, -2, -1000).adjoints for one_node in (False, True))
    assert math.isnan(four["w2"].item())
    assert one["w2"].item() == 0


# ---- multivariate ------------------------------------------------------------------------------------------


def test_a_value_with_two_children_gets_the_sum(load):
    m, t = load("multivariate"), 2.0
    adjoints = numbers(m.run(m.two_children(), t).adjoints)
    assert adjoints["t"] == pytest.approx(math.sin(t) * 2 * t + t**2 * math.cos(t), rel=1e-14)


def test_three_children_of_two_inputs_are_the_transposed_jacobian(load):
    m = load("multivariate")
    graph = m.run(m.two_to_three(), 2, 3)
    J = np.array([[3, 2], [1, 1], [0, 1]])  # dy_j / dx_i, a row for each y
    dy = np.array([5 * 3, 6 * 3, 6 * 5])  # y = (6, 5, 3): the product of the others
    assert [graph.adjoints[name].item() for name in ("y1", "y2", "y3")] == dy.tolist()
    assert [graph.adjoints[name].item() for name in ("x1", "x2")] == (J.T @ dy).tolist() == [63, 78]


def test_every_node_of_the_textbook_graph_is_pulled_once(load):
    m, point = load("multivariate"), np.array([1.0, 2.0])
    graph = m.run(m.textbook(), *point)
    assert graph.pulls == {"x3": 1, "x4": 1, "x5": 1, "x6": 1, "x7": 1}
    o = numeric_gradient(lambda x: x[1] * np.exp(x[0]) * np.sqrt(x[0] + x[1] * np.exp(x[0])), point)
    assert [graph.adjoints["x1"].item(), graph.adjoints["x2"].item()] == pytest.approx(o.tolist(), rel=1e-8)
    x4, x5 = 2 * np.e, 1 + 2 * np.e
    assert graph.adjoints["x4"].item() == pytest.approx(x4 / (2 * math.sqrt(x5)) + math.sqrt(x5), rel=1e-14)


def test_the_products_along_all_paths_add_up_to_the_adjoint(load):
    m = load("multivariate")
    graph = m.run(m.textbook(), 1, 2)
    for start, many in (("x1", 3), ("x2", 2), ("x4", 2), ("x5", 1)):
        products = [product for _, product in m.paths(graph, start)]
        assert len(products) == many
        assert sum(products) == pytest.approx(graph.adjoints[start].item(), rel=1e-14)


@pytest.mark.parametrize("n", [1, 3, 10])
def test_the_paths_double_where_the_pulls_grow_by_one(load, n):
    m, x = load("multivariate"), 1.01
    graph = m.run(m.squares(n), x)
    assert graph.pulls.total() == n
    assert len(m.paths(graph, "v0")) == 2**n
    assert graph.adjoints["v0"].item() == pytest.approx(2**n * x ** (2**n - 1), rel=1e-12)
