"""docs/layers.md: its network trains with the command that stands below it, and its tables hold."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from commands import Commands

from gradcheck import check_layer
from layers import Affine, Layer

PAGE = (Path(__file__).parent.parent / "docs" / "layers.md").read_text(encoding="utf-8")


@pytest.fixture
def commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path, capsys)


def test_the_network_of_the_page_is_trained_by_its_command(commands):
    (net,) = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def build(" in code]
    (line,) = re.findall(r"```sh\npython train\.py (.*)\n```", PAGE)
    commands.write("net.py", net)
    result = commands.train(*shlex.split(line), "--no-plots", "--run", "run", quick=False)
    assert result.code == 0, result.err
    metrics = commands.json("run/metrics.json")
    assert metrics["test"]["accuracy"] > metrics["baseline"]["accuracy"] + 0.3


RULES = {  # a row of the table of operations: forward, and its pullback, as they are written there
    "f(x)": (lambda x: np.tanh(x), lambda x, u: u * (1 - np.tanh(x) ** 2)),
    "sum over an axis": (lambda x: x.sum(axis=0), lambda x, u: np.broadcast_to(u, x.shape)),
    "repeated": (lambda x: np.broadcast_to(x, (4, *x.shape)), lambda x, u: u.sum(axis=0)),
    "used twice": (lambda x: np.concatenate([x, 3 * x]), lambda x, u: u[: len(x)] + 3 * u[len(x) :]),
    "rows by index": (lambda x: x[[0, 2, 0]], lambda x, u: scattered(x, u)),
    "largest": (lambda x: x.max(axis=0), lambda x, u: u * (x == x.max(axis=0))),
    "order": (lambda x: x.T, lambda x, u: u.T),
    "less its mean": (lambda x: x - x.mean(axis=0), lambda x, u: u - u.mean(axis=0)),
}


def scattered(x, u):
    dx = np.zeros_like(x)
    np.add.at(dx, [0, 2, 0], u)
    return dx


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_table_is_the_transpose_of_the_derivative(rule):
    """<u, J v> = <Jᵀ u, v>, with J v by a central difference."""
    forward, pullback = RULES[rule]
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, 3, 5))
    u = rng.standard_normal(forward(x).shape)
    h = 1e-6
    slope = (forward(x + h * v) - forward(x - h * v)) / (2 * h)
    assert np.isclose((u * slope).sum(), (pullback(x, u) * v).sum(), rtol=1e-7)


def test_only_one_product_has_the_shapes_where_all_sizes_differ():
    """Of the products of two arrays, each as it is or transposed, as step 3 says."""
    x, u = np.ones((4, 3)), np.ones((4, 2))
    W = Affine(3, 2, rng=0).params["W"]

    def fits(a, b, shape):
        pairs = [(p, q) for one, two in ((a, b), (b, a)) for p in (one, one.T) for q in (two, two.T)]
        return [p.shape + q.shape for p, q in pairs if p.shape[1] == q.shape[0] and (p @ q).shape == shape]

    assert fits(u, W, x.shape) == [(4, 2, 2, 3)]
    assert fits(u, x, W.shape) == [(2, 4, 4, 3)]


def layer(forward, backward, **arrays):
    """A layer of two functions of (self, x) and (self, upstream), with these parameters."""
    made = type("Wrong", (Layer,), {"forward": forward, "backward": backward})()
    made.params |= arrays
    return made


def keep(self, x, y):
    self.cache = x
    return y


def in_place(self, upstream):
    upstream *= self.cache > 0
    return upstream, {}


def centred(self, x):
    x -= x.mean(axis=0)
    return x.copy()


def accumulated(self, upstream):
    self.total = getattr(self, "total", 0) + upstream.sum(axis=0)
    return upstream, {"b": self.total}


def noisy(self, x):
    return keep(self, np.random.default_rng().random(x.shape) < 0.5, x) * self.cache


def renewed(self, x):
    self.params = {"b": self.params["b"].copy()}
    return x + self.params["b"]


def added_once(self, upstream):
    dW = np.zeros_like(self.params["W"])
    dW[self.cache] += upstream
    return None, {"W": dW}


ROOT2, B, IDS = np.sqrt(2), np.ones(3), np.array([0, 2, 0, 1])
ROWS = {  # kinds of the second table of mistakes: a layer that makes the mistake, and its x
    "mutates-upstream": (layer(lambda self, x: keep(self, x, np.maximum(x, 0)), in_place), (4, 3)),
    "mutates-input": (layer(centred, lambda self, u: (u - u.mean(axis=0), {})), (4, 3)),
    "stale-cache": (
        layer(
            lambda self, x: (vars(self).setdefault("cache", x), x * x)[1],
            lambda self, u: (2 * u * self.cache, {}),
        ),
        (4, 3),
    ),
    "repeat-backward": (layer(lambda self, x: x + self.params["b"], accumulated, b=B.copy()), (4, 3)),
    "scale": (
        layer(lambda self, x: x + self.params["b"], lambda self, u: (u, {"b": u.mean(axis=0)}), b=B.copy()),
        (4, 3),
    ),
    "wrong-region": (
        layer(
            lambda self, x: keep(self, y := np.maximum(x - 1, 0) + 0.1 * x, y),
            lambda self, u: (u * ((self.cache > 0) + 0.1), {}),
        ),
        (4, 3),
    ),
    "post-activation": (
        layer(
            lambda self, x: keep(self, x, 1 / (1 + np.exp(-x))),
            lambda self, u: (u * self.cache * (1 - self.cache), {}),
        ),
        (4, 3),
    ),
    "mean-path": (layer(lambda self, x: x - x.mean(axis=0), lambda self, u: (u.copy(), {})), (4, 3)),
    "repeated-index-not-added": (
        layer(lambda self, x: keep(self, x, self.params["W"][x]), added_once, W=np.ones((5, 3))),
        IDS,
    ),
    "nondeterministic": (layer(noisy, lambda self, u: (u * self.cache, {})), (4, 3)),
    "mutates-params": (layer(renewed, lambda self, u: (u, {"b": u.sum(axis=0)}), b=B.copy()), (4, 3)),
    "dtype": (
        layer(
            lambda self, x: keep(self, x, x * self.params["b"] * ROOT2),
            lambda self, u: (
                u * self.params["b"] * ROOT2,
                {"b": (u * self.cache).sum(axis=0, dtype=np.float32) * np.float32(ROOT2)},
            ),
            b=B.astype(np.float32),
        ),
        (4, 3),
    ),
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_mistake_of_the_second_table_is_called_what_the_page_says(kind):
    wrong, x = ROWS[kind]
    assert kind in [finding.kind for finding in check_layer(wrong, x).findings]


def test_the_second_table_names_no_other_kinds():
    table = PAGE[PAGE.index("Others that a first version") : PAGE.index("The full list is in")]
    cells = re.findall(r"^\|.*\| (.*) \|$", table, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`([a-z]+(?:-[a-z]+)*)`", cell)}
    assert named == ROWS.keys() | {"variance-path", "missing-path"}  # which gradients.md and the tour show
