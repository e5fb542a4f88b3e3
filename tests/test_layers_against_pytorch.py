"""Forward, dx and every parameter gradient equal PyTorch's, over seeded random configurations."""

import re
from pathlib import Path

import numpy as np
import pytest

import layers as L

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
F = torch.nn.functional

SEEDS = range(20)
PRECISION = {np.float64: 1e-9, np.float32: 1e-4}


def affine(rng):
    features, outputs, bias = *rng.integers(1, 9, 2), bool(rng.integers(2))
    ours = L.Affine(features, outputs, bias=bias, rng=rng)
    theirs = torch.nn.Linear(features, outputs, bias=bias)
    lead = rng.integers(1, 6, rng.integers(1, 4))
    return ours, theirs, (*lead, features), {"W": "weight", "b": "bias"}


def batchnorm(rng):
    channels, axes = int(rng.integers(1, 6)), int(rng.integers(0, 3))
    momentum, eps = rng.uniform(0.05, 0.9), 10.0 ** rng.integers(-6, -2)
    kind = [torch.nn.BatchNorm1d, torch.nn.BatchNorm1d, torch.nn.BatchNorm2d][axes]
    names = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean", "running_var": "running_var"}
    shape = (int(rng.integers(2, 6)), channels, *rng.integers(1, 6, axes))
    ours = L.BatchNorm(channels, momentum=momentum, eps=eps)
    return ours, kind(channels, momentum=momentum, eps=eps), shape, names


def prelu(rng):
    features = int(rng.integers(1, 6))
    shape = (int(rng.integers(1, 5)), features, *rng.integers(1, 5, rng.integers(0, 3)))
    features = features if rng.integers(2) else 1
    return L.PReLU(features, slope=0.3), torch.nn.PReLU(features), shape, {"a": "weight"}


def anywhere(ours, theirs):
    def build(rng):
        shape = tuple(rng.integers(1, 6, rng.integers(1, 5)))
        return ours(rng, len(shape)), theirs(rng, len(shape)), shape, {}

    return build


def along_an_axis(ours, theirs):
    def build(rng):
        shape = tuple(rng.integers(1, 6, rng.integers(1, 5)))
        axis = int(rng.integers(-len(shape), len(shape)))
        return ours(axis=axis), theirs(dim=axis), shape, {}

    return build


def sloped(ours, theirs, low, high):
    def build(rng):
        value = rng.uniform(low, high)
        return ours(value), theirs(value), tuple(rng.integers(1, 6, 3)), {}

    return build


PAIRS = {
    "Affine": affine,
    "BatchNorm": batchnorm,
    "PReLU": prelu,
    "Identity": anywhere(lambda *_: L.Identity(), lambda *_: torch.nn.Identity()),
    "ReLU": anywhere(lambda *_: L.ReLU(), lambda *_: torch.nn.ReLU()),
    "LeakyReLU": sloped(L.LeakyReLU, torch.nn.LeakyReLU, 0, 0.9),
    "ELU": sloped(L.ELU, torch.nn.ELU, 0.1, 3),
    "SELU": anywhere(lambda *_: L.SELU(), lambda *_: torch.nn.SELU()),
    "Sigmoid": anywhere(lambda *_: L.Sigmoid(), lambda *_: torch.nn.Sigmoid()),
    "Tanh": anywhere(lambda *_: L.Tanh(), lambda *_: torch.nn.Tanh()),
    "Softplus": anywhere(lambda *_: L.Softplus(), lambda *_: torch.nn.Softplus(threshold=60)),
    "SiLU": anywhere(lambda *_: L.SiLU(), lambda *_: torch.nn.SiLU()),
    "GELU": anywhere(lambda *_: L.GELU(), lambda *_: torch.nn.GELU()),
    "GELU by tanh": anywhere(
        lambda *_: L.GELU(approximate="tanh"), lambda *_: torch.nn.GELU(approximate="tanh")
    ),
    "Softmax": along_an_axis(L.Softmax, torch.nn.Softmax),
    "LogSoftmax": along_an_axis(L.LogSoftmax, torch.nn.LogSoftmax),
    "Flatten": lambda rng: (L.Flatten(), torch.nn.Flatten(), tuple(rng.integers(1, 6, 4)), {}),
}


def close(ours, theirs, precision):
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape
    np.testing.assert_allclose(
        ours, expected, rtol=precision, atol=precision * max(1, np.abs(expected).max())
    )


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("name", PAIRS)
def test_a_layer_equals_pytorchs(name, dtype, mode):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        ours, theirs, shape, names = PAIRS[name](rng)
        ours, theirs = getattr(ours.astype(dtype), mode)(), theirs.to(torch.tensor(dtype()).dtype)
        getattr(theirs, mode)()
        theirs_by_name = {**dict(theirs.named_parameters()), **dict(theirs.named_buffers())}
        for key, array in {**ours.params, **ours.buffers}.items():
            array[...] = rng.uniform(0.5, 2, array.shape)
            theirs_by_name[names[key]].data = torch.tensor(array)
        x = (rng.standard_normal(shape) * rng.choice([0.1, 1, 10])).astype(dtype)
        x_theirs = torch.tensor(x, requires_grad=True)
        y, y_theirs = ours.forward(x), theirs(x_theirs)
        upstream = rng.standard_normal(y.shape).astype(dtype)
        dx, grads = ours.backward(upstream)
        y_theirs.backward(torch.tensor(upstream))
        close(y, y_theirs, PRECISION[dtype])
        close(dx, x_theirs.grad, PRECISION[dtype])
        for key, grad in grads.items():
            close(grad, theirs_by_name[names[key]].grad, PRECISION[dtype])
        for key, array in ours.buffers.items():
            close(array, theirs_by_name[names[key]], PRECISION[dtype])


def test_every_layer_that_has_a_peer_is_compared_somewhere():
    without = {"Layer", "Container", "Elementwise"}
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*_against_pytorch.py"))
    assert {name for name in L.__all__ if not re.search(rf"\b{name}\b", text)} <= without | set(PAIRS)


@pytest.mark.parametrize("seed", SEEDS)
def test_gates_and_containers_equal_pytorchs_graph(seed):
    rng = np.random.default_rng(seed)
    n, features = rng.integers(1, 6, 2)
    a, b = (L.Affine(features, features, rng=rng).astype(np.float64) for _ in "ab")
    net = L.Sequential(
        L.Branch(L.Identity(), a, L.Sequential(b, L.Tanh())),
        L.Branch(L.Add(), L.Mul(), L.Max(), L.Concat()),
        L.Concat(),
        L.Copy(2),
        L.Parallel(L.Sigmoid(), L.Residual(L.SiLU())),
        L.Mul(),
    )
    x = rng.standard_normal((n, features))
    y = net.forward(x)
    upstream = rng.standard_normal(y.shape)
    dx, grads = net.backward(upstream)

    t = torch.tensor(x, requires_grad=True)
    p = {name: torch.tensor(array, requires_grad=True) for name, array in net.params.items()}
    u, v = F.linear(t, p["0.1.W"], p["0.1.b"]), F.linear(t, p["0.2.0.W"], p["0.2.0.b"]).tanh()
    joined = torch.cat([t + u + v, t * u * v, torch.maximum(torch.maximum(t, u), v), t, u, v], dim=1)
    out = joined.sigmoid() * (joined + F.silu(joined))
    out.backward(torch.tensor(upstream))
    close(y, out, 1e-12)
    close(dx, t.grad, 1e-11)
    for name, grad in grads.items():
        close(grad, p[name].grad, 1e-11)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_graph_has_pytorchs_values_and_adjoints_at_every_node(seed):
    rng = np.random.default_rng(seed)
    n, features, nodes = *rng.integers(1, 6, 2), int(rng.integers(3, 12))
    graph = L.Graph(inputs=("x", "z"), output="y")
    x = tuple(rng.standard_normal((n, features)) for _ in "xz")
    theirs = {name: torch.tensor(array, requires_grad=True) for name, array in zip("xz", x, strict=True)}
    unused = ["x", "z"]
    kinds = {  # no Max: graphs make ties of their own, which PyTorch shares out
        "affine": (1, lambda: L.Affine(features, features, rng=rng)),
        "tanh": (1, L.Tanh),
        "add": (2, L.Add),
        "mul": (2, L.Mul),
    }
    for i in range(nodes):
        name, kind = f"n{i}", str(rng.choice(list(kinds)))
        count, build = kinds[kind]
        sources = [str(source) for source in rng.choice(list(theirs), count)]
        graph.add(name, build(), *sources)
        unused = [*(one for one in unused if one not in sources), name]
        values = [theirs[source] for source in sources]
        if kind == "affine":
            values += [
                torch.tensor(p.astype(np.float64), requires_grad=True)
                for p in graph.children[name].params.values()
            ]
        function = {"affine": F.linear, "tanh": torch.tanh, "mul": torch.mul, "add": torch.add}[kind]
        theirs[name] = function(*values)
        theirs[name].retain_grad()
    graph.add("y", L.Concat(), *unused)
    theirs["y"] = torch.cat([theirs[name] for name in unused], dim=1)
    theirs["y"].retain_grad()
    y = graph.astype(np.float64).forward(x)
    upstream = rng.standard_normal(y.shape)
    graph.backward(upstream)
    theirs["y"].backward(torch.tensor(upstream))
    for name, value in theirs.items():
        close(graph.values[name], value, 1e-12)
        close(graph.adjoints[name], value.grad, 1e-9)


def test_dropout_drops_and_scales_as_pytorchs():
    x = torch.ones(200_000)
    theirs = torch.nn.Dropout(0.3)(x).numpy()
    ours = L.Dropout(0.3, rng=0).forward(x.numpy())
    np.testing.assert_array_equal(np.unique(ours), np.unique(theirs))
    assert abs((ours == 0).mean() - (theirs == 0).mean()) < 0.01
