"""The examples of the tour's second half: Jacobians, matrix gradients, adjoints, covectors."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cases import LAYERS

import layers as L
from examples import adjoints, covectors, jacobians, matrix_gradients
from gradcheck import jacobian, numeric_gradient, numeric_jacobian

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.mark.parametrize("name", ["jacobians", "matrix_gradients", "adjoints", "covectors"])
def test_an_example_runs_from_the_checkout_and_finds_all_it_compares_equal(name, tmp_path):
    env = {**os.environ, "PYTHONPATH": "", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("1. ")
    assert "True" in done.stdout
    assert "False" not in done.stdout
    assert list(tmp_path.iterdir()) == []


# ---- jacobians.py ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(2, 3, 5, 4, 6), (6, 4, 5, 3, 2), (5, 5, 5, 5, 1), (1, 2, 2, 2, 1)])
def test_a_mode_costs_its_passes_times_the_entries_of_the_factors(widths):
    n, m = widths[0], widths[-1]
    entries = sum(a * b for a, b in pairwise(widths))
    f, x = jacobians.chain(widths)
    factors = jacobians.factors(f, x)
    expected = numeric_jacobian(f.astype(np.float64).forward, x)[0, :, 0]
    (forwards, cost), (reverse, cost_in_reverse) = (
        jacobians.forward_mode(factors),
        jacobians.reverse_mode(factors),
    )
    assert (cost, cost_in_reverse) == (n * entries, m * entries)
    np.testing.assert_allclose(forwards, expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(reverse, expected, rtol=0, atol=1e-8)


def test_for_one_output_reverse_mode_costs_n_times_less():
    n = 7
    factors = jacobians.factors(*jacobians.chain((n, n, n, n, 1)))
    assert jacobians.forward_mode(factors)[1] == 3 * n**3 + n**2
    assert jacobians.reverse_mode(factors)[1] == 3 * n**2 + n


def test_from_the_middle_of_a_bottleneck_is_cheaper_than_either_mode():
    n, k = 8, 2
    factors = jacobians.factors(*jacobians.chain((n, n, k, n, n)))
    J, cost = jacobians.from_the_middle(factors)
    assert cost == 3 * k * n * n
    assert jacobians.forward_mode(factors)[1] == jacobians.reverse_mode(factors)[1] == n * 2 * (n * n + k * n)
    np.testing.assert_allclose(J, jacobians.reverse_mode(factors)[0], rtol=1e-12)


def test_an_affine_jacobian_is_w_in_blocks_and_as_large_as_the_table_says(rng):
    N, p, m = 3, 4, 2
    layer, x = L.Affine(p, m, rng=0).astype(np.float64), rng.standard_normal((N, p))
    J = jacobian(layer, x)
    expected = np.einsum("ij,mp->imjp", np.eye(N), layer.params["W"])
    np.testing.assert_array_equal(J, expected)
    np.testing.assert_allclose(J, numeric_jacobian(layer.forward, x), rtol=0, atol=1e-8)
    assert jacobians.affine_sizes(N, p, m, width=8) == (J.nbytes, 8 * np.count_nonzero(J), x.nbytes)
    assert jacobians.affine_sizes(N, p, m, width=8)[0] == 8 * N * p * N * m


# ---- matrix_gradients.py -----------------------------------------------------------------------------------


def test_one_weight_moves_one_output_by_its_input(rng):
    W, x, u = rng.standard_normal((3, 4)), rng.standard_normal(4), rng.standard_normal(3)
    J = matrix_gradients.weight_jacobian(3, x)
    np.testing.assert_allclose(J, numeric_jacobian(lambda W: W @ x, W), rtol=0, atol=1e-8)
    for i, j in np.ndindex(3, 4):
        assert J[i, i, j] == x[j]
        assert np.count_nonzero(J[:, i, j]) == 1
        assert u @ J[:, i, j] == pytest.approx(u[i] * x[j], rel=1e-14)


@pytest.mark.parametrize("loss", ["cross entropy", "half squared error"])
def test_two_layers_have_the_gradients_that_differences_find(loss, rng):
    x1, y = rng.standard_normal(4), np.array([0.0, 1.0, 0.0])
    W1, W2 = rng.standard_normal((5, 4)), rng.standard_normal((3, 5))
    W1[0] = x1  # one unit that is surely on, beside one that is surely off
    W1[1] = -x1

    def value(x4):
        if loss == "cross entropy":
            return np.log(np.exp(x4).sum()) - x4 @ y
        return ((y - x4) ** 2).sum() / 2

    start = {
        "cross entropy": lambda x4: np.exp(x4) / np.exp(x4).sum() - y,
        "half squared error": lambda x4: x4 - y,
    }
    u2, u1, dW2, dW1 = matrix_gradients.two_layers(x1, W1, W2, start[loss])
    x2 = W1 @ x1
    pairs = [
        (u2, lambda x4: value(x4), W2 @ np.maximum(x2, 0)),
        (u1, lambda x2: value(W2 @ np.maximum(x2, 0)), x2),
        (dW2, lambda W2: value(W2 @ np.maximum(x2, 0)), W2),
        (dW1, lambda W1: value(W2 @ np.maximum(W1 @ x1, 0)), W1),
    ]
    for ours, f, at in pairs:
        np.testing.assert_allclose(ours, numeric_gradient(f, at), rtol=0, atol=1e-8)


# ---- adjoints.py -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_both_sides_of_the_adjoint_are_one_number(case, rng):
    pushed, pulled = adjoints.two_sides(case.build(), case.x(rng), rng)
    assert pushed == pytest.approx(pulled, rel=1e-10, abs=1e-12)
    if not case.id.startswith("Embedding"):  # the layer whose x cannot move
        assert pushed != 0


def test_a_wrong_backward_has_two_different_sides(rng):
    class Forgetful(L.Tanh):
        def backward(self, upstream):
            return upstream, {}

    pushed, pulled = adjoints.two_sides(Forgetful(), rng.standard_normal((4, 3)), rng)
    assert abs(pushed - pulled) > 0.01


def test_a_dozen_representative_layers_are_shown():
    names = [type(layer).__name__ for layer, _ in adjoints.representatives()]
    assert len(set(names)) >= 12


def test_a_pullback_is_linear_in_the_adjoint(rng):
    x, u, v = rng.standard_normal((3, 4, 3))
    y, pullback = adjoints.with_pullback(L.Tanh(), x)
    slope = 1 - np.tanh(x) ** 2
    np.testing.assert_array_equal(y, np.tanh(x))
    np.testing.assert_allclose(pullback(2 * u - v), 2 * slope * u - slope * v, rtol=1e-12, atol=1e-15)


def test_delta_is_upstream_times_the_slope_and_gives_both_gradients(rng):
    x, target = rng.standard_normal((1, 3)), np.array([[0.0, 1.0]])
    graph, grads = adjoints.deltas(x, target)
    W1, b1, W2, b2 = (graph.params[name] for name in ("z1.W", "z1.b", "z2.W", "z2.b"))

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    a1 = sigmoid(x @ W1.T + b1)
    a2 = sigmoid(a1 @ W2.T + b2)
    delta2 = (a2 - target) * a2 * (1 - a2)
    delta1 = (delta2 @ W2) * a1 * (1 - a1)
    for name, expected in (("a2", a2 - target), ("z2", delta2), ("a1", delta2 @ W2), ("z1", delta1)):
        np.testing.assert_allclose(graph.adjoints[name], expected, rtol=1e-12)
    for name, expected in (("z2.b", delta2[0]), ("z1.b", delta1[0])):
        np.testing.assert_allclose(grads[name], expected, rtol=1e-12)
    for name, expected in (("z2.W", delta2.T @ a1), ("z1.W", delta1.T @ x)):
        np.testing.assert_allclose(grads[name], expected, rtol=1e-12)


# ---- covectors.py ------------------------------------------------------------------------------------------

W = covectors.matrix(*covectors.START)
C = np.array([[5.0, 4.0], [4.0, 5.0]])


def test_the_quadratic_is_the_one_that_is_said():
    E, G = covectors.energy(W)
    s, d = W[0, 0] - 1 + W[0, 1], W[0, 0] - 1 - W[0, 1]  # along the eigenvectors of C, with 9 and 1
    assert pytest.approx((9 * s**2 + d**2) / 2, rel=1e-13) == E
    np.testing.assert_allclose(G, (W - np.eye(2)) @ C, rtol=1e-13)
    np.testing.assert_allclose(G, numeric_gradient(lambda W: covectors.energy(W)[0], W), rtol=0, atol=1e-8)


def test_a_small_step_changes_e_by_the_cosine_to_the_normal():
    E, G = covectors.energy(W)
    for degrees in (0, 30, 60, 90, 135):
        step = covectors.turned(G, degrees)
        assert np.linalg.norm(step) == pytest.approx(1)
        expected = -np.linalg.norm(G) * np.cos(np.radians(degrees))
        assert covectors.pair(G, step) == pytest.approx(expected, abs=1e-12)
        change = covectors.energy(W + 1e-6 * step)[0] - E
        assert change / 1e-6 == pytest.approx(expected, abs=9e-6)  # its second order is at most 9/2 of 1e-6


def test_no_step_of_length_one_falls_faster_than_the_steepest_of_that_norm(rng):
    G = rng.standard_normal((2, 2))
    steps = rng.standard_normal((3000, 2, 2))
    norms = {
        "Frobenius (SGD)": lambda S: np.linalg.norm(S),
        "largest entry (sign)": lambda S: np.abs(S).max(),
        "spectral (Muon)": lambda S: np.linalg.norm(S, 2),
        "energy (Newton)": lambda S: np.sqrt((S * (S @ C)).sum()),
    }
    for name, (S, rate) in covectors.steepest(G).items():
        assert norms[name](S) == pytest.approx(1)
        assert covectors.pair(G, S) == pytest.approx(-rate)
        falls = [-covectors.pair(G, step) / norms[name](step) for step in steps]
        assert 0.8 * rate < max(falls) <= rate * (1 + 1e-12)


def test_gradients_transform_by_the_transpose_and_newton_does_not_care(rng):
    A, H, g, v = (
        rng.standard_normal((2, 2)),
        np.array([[10.0, 8.0], [8.0, 10.0]]),
        np.array([3.0, -1.0]),
        [1, 2],
    )
    g_z, plain, newton = covectors.seen_from(A, g, H)

    def f(w):
        return w @ H @ w / 2 + w @ g

    np.testing.assert_allclose(g_z, numeric_gradient(lambda z: f(A @ z), np.zeros(2)), rtol=0, atol=1e-8)
    assert g_z @ np.linalg.solve(A, v) == pytest.approx(g @ v)
    np.testing.assert_allclose(plain, -A @ A.T @ g, rtol=1e-12)
    assert not np.allclose(plain, -g, atol=0.1)
    np.testing.assert_allclose(newton, -np.linalg.solve(H, g), rtol=1e-10)


def test_the_first_steps_of_the_rules_are_those_of_their_norms():
    G = covectors.energy(W)[1]
    steepest = covectors.steepest(G)
    first = {name: np.subtract(*covectors.path(rule)[1::-1]) for name, rule in covectors.RULES.items()}
    np.testing.assert_allclose(first["SGD"], -0.18 * G, rtol=1e-12)
    np.testing.assert_allclose(first["Lion"], 0.15 * steepest["largest entry (sign)"][0], rtol=1e-12)
    np.testing.assert_allclose(first["Adam"], 0.25 * steepest["largest entry (sign)"][0], rtol=1e-6)
    np.testing.assert_allclose(first["Newton"], -0.2 * (W - np.eye(2)), rtol=1e-12)
    U, _, Vt = np.linalg.svd(G)
    within = U.T @ first["Muon"] @ Vt.T / -0.2  # the singular values that five rounds leave
    np.testing.assert_allclose(within, np.diag(np.diag(within)), rtol=0, atol=1e-12)
    assert (np.diag(within) > 0.68).all()
    assert (np.diag(within) < 1.21).all()


def test_the_paths_follow_their_formulas_and_all_come_down():
    paths = {name: covectors.path(rule) for name, rule in covectors.RULES.items()}
    start, k = W - np.eye(2), np.arange(covectors.STEPS + 1)[:, None, None]
    np.testing.assert_allclose(paths["Newton"] - np.eye(2), start * 0.8**k, rtol=0, atol=1e-12)
    powers = [np.linalg.matrix_power(np.eye(2) - 0.18 * C, int(i)) for i in k.ravel()]
    np.testing.assert_allclose(paths["SGD"] - np.eye(2), start @ powers, rtol=0, atol=1e-12)
    for name, seen in paths.items():
        assert covectors.energy(seen[-1])[0] < 0.02 * covectors.energy(seen[0])[0], name
        np.testing.assert_allclose(seen[:, 0, 0], seen[:, 1, 1], rtol=0, atol=1e-9)  # still [[a, b], [b, a]]
        np.testing.assert_allclose(seen[:, 0, 1], seen[:, 1, 0], rtol=0, atol=1e-9)


def test_sgd_in_other_coordinates_takes_preconditioned_steps(rng):
    A = covectors.matrix(1.0, -0.3)
    seen = covectors.path(covectors.RULES["SGD"], A)
    for before, after in pairwise(seen):
        np.testing.assert_allclose(
            after - before, -0.18 * covectors.energy(before)[1] @ A @ A.T, rtol=0, atol=1e-12
        )
    root = covectors.root(C)
    np.testing.assert_allclose(root @ root, C, rtol=1e-12)


def test_the_picture_is_drawn(tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (an extra)")
    file = tmp_path / "covectors.png"
    covectors.main(["--picture", str(file)])
    assert file.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.endswith(f"drawn: {file}\n")
    with pytest.raises(SystemExit, match=r"covectors\.py: error: .*nowhere.*No such file"):
        covectors.main(["--picture", str(tmp_path / "nowhere" / "covectors.png")])


def test_without_matplotlib_the_picture_is_refused_in_a_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(SystemExit, match="--picture needs matplotlib; python -m pip install matplotlib"):
        covectors.main(["--picture", str(tmp_path / "covectors.png")])
    assert "5. One gradient" in capsys.readouterr().out
