"""check_network where every layer is right by itself: wired wrongly, or wrong in its place."""

from __future__ import annotations

import re

import numpy as np
import pytest
from checked_networks import RNG, WrongTanh, X, check, graph, mlp, verdicts

from layers import Affine, Container, Graph, Layer, Residual, RNNCell, Sequential, Sigmoid, Tanh

# ---- layers that are right, wired wrongly ------------------------------------------------------------------


class Forgetful(Residual):
    """Without the path where x goes through."""

    def backward(self, upstream):
        return self.backward_child("main", upstream)


class Both(Container):
    """y = f(x) + g(x), whose dx forgets the sum."""

    def __init__(self):
        self.f, self.g = Affine(7, 7, rng=3), Affine(7, 7, rng=4)

    def forward(self, x):
        return self.f.forward(x) + self.g.forward(x)

    def backward(self, upstream):
        _, f = self.f.backward(upstream)
        dx, g = self.g.backward(upstream)
        return dx, {f"f.{key}": grad for key, grad in f.items()} | {
            f"g.{key}": grad for key, grad in g.items()
        }


@pytest.mark.parametrize("build", [lambda: Forgetful(Affine(7, 7, rng=2), Tanh()), Both])
@pytest.mark.parametrize("deeper", [False, True])
def test_a_container_whose_layers_are_right_is_the_culprit(build, deeper):
    inner = build()
    report = check(mlp(Residual(inner) if deeper else inner))
    name = "1.main.0" if deeper else "1"
    (finding,) = report.findings
    assert finding.array == f"{name}.x"
    assert finding.message.startswith(
        f"layer {name}, {inner.label}: its layers are right one by one, its own lines are wrong: "
    )
    assert [name for name, verdict in verdicts(report).items() if verdict == "WRONG"] == [name]


class Overwriting(Graph):
    """Where a value goes two ways, backward keeps what comes back from one of them."""

    def backward(self, upstream):
        adjoints, grads = {self.output: upstream}, {}
        for name, sources in reversed(self.sources.items()):
            dx, inner = self.backward_child(name, adjoints[name])
            adjoints |= dict(zip(sources, dx if len(sources) > 1 else (dx,), strict=True))
            grads |= inner
        return tuple(adjoints[name] for name in self.inputs), grads


def test_a_graph_that_does_not_add_where_a_value_fans_out_is_the_culprit():
    x = (X, RNG.standard_normal((4, 5)))
    report = check(graph(kind=Overwriting), x)
    assert {finding.array for finding in report.findings} <= {"x[1]", "q.W", "q.b"}
    assert all(
        finding.message.startswith("the network, Overwriting: its layers are right one by one, its own lines")
        for finding in report.findings
    )
    assert [name for name, verdict in verdicts(report).items() if verdict == "WRONG"] == ["network"]


@pytest.mark.parametrize(
    ("bend", "array"), [(WrongTanh(), "bent.x"), (Sequential(Affine(3, 3, rng=2), WrongTanh()), "bent.1.x")]
)
@pytest.mark.parametrize("deeper", [False, True])
def test_a_wrong_layer_of_a_graph_is_named(bend, array, deeper):
    net = graph(inputs=("a",), bend=bend)
    report = check(Sequential(Affine(5, 5, rng=7), Residual(net, Affine(3, 5, rng=8))) if deeper else net)
    (finding,) = report.findings
    assert (finding.kind, finding.array) == ("scale", f"1.main.0.{array}" if deeper else array)


def test_the_network_itself_may_be_wired_wrongly():
    report = check(Forgetful(Affine(5, 5, rng=0), Tanh()), target=np.array([4, 0, 1, 2]))
    (finding,) = report.findings
    assert finding.array == "x"
    assert finding.message.startswith("the network, Forgetful: its layers are right one by one")
    assert verdicts(report)["network"] == "WRONG"


class Plain:
    """A container that knows nothing of Container: a list of layers."""

    def __init__(self, *layers, listed=True):
        self.steps = [*layers]
        self.params = (
            {f"{i}.{key}": a for i, layer in enumerate(layers) for key, a in layer.params.items()}
            if listed
            else {}
        )
        self.listed = listed

    def forward(self, x):
        for layer in self.steps:
            x = layer.forward(x)
        return x

    def backward(self, upstream):
        grads = {}
        for i, layer in reversed([*enumerate(self.steps)]):
            upstream, inner = layer.backward(upstream)
            grads |= {f"{i}.{key}": grad for key, grad in inner.items()}
        return upstream, grads if self.listed else {}


def test_containers_that_keep_their_layers_in_a_list_are_looked_into():
    assert check(Plain(Affine(5, 4, rng=0), Tanh(), Affine(4, 3, rng=1)))
    report = check(Plain(Affine(5, 4, rng=0), WrongTanh(), Affine(4, 3, rng=1)))
    assert report.findings[0].array == "steps.1.x"


def test_a_parameter_that_the_network_does_not_list_is_told():
    report = check(Plain(Affine(5, 4, rng=0), Tanh(), Affine(4, 3, rng=1), listed=False))
    assert [(finding.kind, finding.array) for finding in report.findings] == [
        *(("missing", f"steps.{i}.{key}") for i in (0, 2) for key in "Wb")
    ]


# ---- layers that are right alone, and wrong in place -------------------------------------------------------


def test_one_object_used_twice_is_told():
    shared = Affine(5, 5, rng=0)
    report = check(Plain(shared, Tanh(), shared), target=np.array([4, 0, 1, 2]))
    finding = report.findings[0]
    assert (finding.kind, finding.array) == ("stale-cache", "steps.0")
    assert "right by itself, wrong in this network" in finding.message
    assert "runs it forward 2 times" in finding.message


def test_a_cell_that_its_container_puts_back_between_steps_passes():
    class Twice(Container):
        """h = cell(x, cell(x, h0)), forward once more before the first step's backward."""

        def __init__(self):
            self.cell = RNNCell(5, 3, rng=0)

        def forward(self, x):
            self.x, self.h0 = x, np.zeros((len(x), 3), x.dtype)
            return self.cell.forward((x, self.cell.forward((x, self.h0))))

        def backward(self, upstream):
            (dx, dh), last = self.cell.backward(upstream)
            self.cell.forward((self.x, self.h0))
            (dx0, _), first = self.cell.backward(dh)
            self.cell.forward((self.x, self.cell.forward((self.x, self.h0))))
            return dx + dx0, {f"cell.{key}": first[key] + last[key] for key in last}

    assert check(Twice())


def test_a_cache_overwritten_by_the_container_is_told_with_the_line():
    class Sum(Residual):
        def forward(self, x):
            y = self.forward_child("main", x)
            y += x
            return y

    report = check(mlp(Sum(Affine(7, 7, rng=2), Sigmoid())))
    (finding,) = report.findings
    assert (finding.kind, finding.array) == ("stale-cache", "1.main.1.x")
    assert re.search(
        r"layer 1\.main\.1, Sigmoid\(\): right by itself, wrong in this network: .*_network\.py:\d+",
        finding.message,
    )
    assert verdicts(report)["1.main.1"] == "WRONG"


@pytest.mark.parametrize("hidden", [5, 7])
def test_a_cache_that_all_objects_of_a_class_share_is_told(hidden):
    class Sine(Layer):
        kept = {}  # noqa: RUF012  # the mistake

        def forward(self, x):
            self.kept["x"] = x
            return np.sin(x)

        def backward(self, upstream):
            return upstream * np.cos(self.kept["x"]), {}

    model = Sequential(
        Affine(5, hidden, rng=0), Sine(), Affine(hidden, 5, rng=1), Sine(), Affine(5, 3, rng=2)
    )
    (finding,) = check(model).findings
    assert finding.kind == "stale-cache"
    assert finding.array in ("1", "1.x")
    assert "Sine.kept is one for all its objects" in finding.message


def test_a_container_that_trains_its_layers_on_the_way_is_told():
    class Eager(Residual):
        def backward(self, upstream):
            dx, grads = super().backward(upstream)
            for name, grad in grads.items():
                self.params[name] -= 0.1 * grad
            return dx, grads

    (finding,) = check(mlp(Eager(Affine(7, 7, rng=2)))).findings
    assert finding.kind in ("mutates-params", "repeat-backward")
