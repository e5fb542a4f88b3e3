"""Recurrent layers equal PyTorch's, over seeded random configurations, also from a state and padded."""

import numpy as np
import pytest

import layers as L

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
rnn = torch.nn.utils.rnn

SEEDS = range(24)
PRECISION = {np.float64: 1e-9, np.float32: 2e-4}
PAIRS = {
    "RNN": lambda *n, dtype, **k: (L.RNN(*n, dtype=dtype, **k), torch.nn.RNN(*n, batch_first=True, **k)),
    "LSTM": lambda *n, dtype, **k: (L.LSTM(*n, dtype=dtype, **k), torch.nn.LSTM(*n, batch_first=True, **k)),
    "GRU": lambda *n, dtype, **k: (L.GRU(*n, dtype=dtype, **k), torch.nn.GRU(*n, batch_first=True, **k)),
    "RNNCell": lambda *n, dtype, **k: (L.RNNCell(*n, dtype=dtype, **k), torch.nn.RNNCell(*n, **k)),
    "LSTMCell": lambda *n, dtype, **k: (L.LSTMCell(*n, dtype=dtype, **k), torch.nn.LSTMCell(*n, **k)),
    "GRUCell": lambda *n, dtype, **k: (L.GRUCell(*n, dtype=dtype, **k), torch.nn.GRUCell(*n, **k)),
}
NAMES = {"W_x": "weight_ih", "W_h": "weight_hh", "b_x": "bias_ih", "b_h": "bias_hh"}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def close(ours, theirs, precision):
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape
    assert ours.dtype == expected.dtype
    np.testing.assert_allclose(
        ours, expected, rtol=precision, atol=precision * max(1, np.abs(expected).max())
    )


def draw(rng, dtype, *shape):
    """A random array, and the same as a tensor."""
    array = rng.standard_normal(shape).astype(dtype)
    return array, torch.tensor(array, requires_grad=True)


def sizes(rng):
    """N, T, D, H, whether there are biases, and what only an RNN has."""
    N, T, D, H = (int(n) for n in rng.integers(1, 8, 4))
    return N, T, D, H, bool(rng.integers(4)), str(rng.choice(["tanh", "relu"]))


def given_to(theirs, ours, ending, rng):
    """Their parameters of this ending get our values, which are new random ones."""
    pairs = {key: getattr(theirs, NAMES[key] + ending) for key in ours.params}
    for key, array in ours.params.items():
        array[...] = rng.uniform(-0.6, 0.6, array.shape)
        pairs[key].data = torch.tensor(array)
    return pairs


def pair(name, D, H, bias, nonlinearity, dtype, rng):
    """Our layer or cell, theirs, and their parameters by our names."""
    only = {"nonlinearity": nonlinearity} if "RNN" in name else {}
    ours, theirs = PAIRS[name](D, H, dtype=dtype, bias=bias, **only)
    return ours, theirs, given_to(theirs, ours, "" if "Cell" in name else "_l0", rng)


def every(names):
    """Each name in each dtype."""
    return lambda test: pytest.mark.parametrize("name", names)(
        pytest.mark.parametrize("dtype", PRECISION)(test)
    )


def lengths_of(rng, N, T):
    """Random lengths, the longest T; and our mask for them."""
    lengths = rng.integers(1, T + 1, N)
    lengths[rng.integers(N)] = T
    return lengths, np.arange(T) < lengths[:, None]


def in_theirs(theirs, x, first=(), lengths=None):
    """Their outputs; with lengths by way of a packed batch, padded with zeros."""
    first = tuple(state[None] for state in first)  # an LSTM takes two in a tuple, the others one
    first = first if len(first) > 1 else first[0] if first else None
    if lengths is None:
        return theirs(x, first)[0]
    packed = rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted=False)
    return rnn.pad_packed_sequence(theirs(packed, first)[0], batch_first=True)[0]


@pytest.mark.parametrize("state", [False, True], ids=["from zeros", "from a state"])
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@every(["RNN", "LSTM", "GRU"])
def test_a_layer_equals_pytorchs(name, dtype, padded, state):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        N, T, D, H, bias, nonlinearity = sizes(rng)
        ours, theirs, names = pair(name, D, H, bias, nonlinearity, dtype, rng)
        x, x_theirs = draw(rng, dtype, N, T, D)
        starts = [draw(rng, dtype, N, H) for _ in range(2 if name == "LSTM" else 1)] if state else []
        first, first_theirs = tuple(h for h, _ in starts), [h for _, h in starts]
        lengths, mask = lengths_of(rng, N, T)
        y_theirs = in_theirs(theirs, x_theirs, first_theirs, lengths if padded else None)
        y = ours.forward((x, *first, mask) if padded else (x, *first))
        close(y, y_theirs, PRECISION[dtype])
        upstream = rng.standard_normal(y.shape).astype(dtype)
        dx, grads = ours.backward(upstream)
        y_theirs.backward(torch.tensor(upstream))
        for part, tensor in zip(dx[:-1] if padded else dx, [x_theirs, *first_theirs], strict=True):
            close(part, tensor.grad, PRECISION[dtype])
        for key, grad in grads.items():
            close(grad, names[key].grad, PRECISION[dtype])


@every(["RNNCell", "LSTMCell", "GRUCell"])
def test_a_cell_equals_pytorchs(name, dtype):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        N, _, D, H, bias, nonlinearity = sizes(rng)
        ours, theirs, names = pair(name, D, H, bias, nonlinearity, dtype, rng)
        inputs = [draw(rng, dtype, N, size) for size in ([D, H, H] if name == "LSTMCell" else [D, H])]
        x, x_theirs = zip(*inputs, strict=True)
        y, y_theirs = ours.forward(x), theirs(x_theirs[0], x_theirs[1:] if len(x) > 2 else x_theirs[1])
        y, y_theirs = (y, y_theirs) if isinstance(y, tuple) else ((y,), (y_theirs,))
        upstream = tuple(rng.standard_normal((N, H)).astype(dtype) for _ in y)
        dx, grads = ours.backward(upstream if len(y) > 1 else upstream[0])
        torch.autograd.backward(y_theirs, [torch.tensor(u) for u in upstream])
        for part, tensor in zip(y, y_theirs, strict=True):
            close(part, tensor, PRECISION[dtype])
        for part, tensor in zip(dx, x_theirs, strict=True):
            close(part, tensor.grad, PRECISION[dtype])
        for key, grad in grads.items():
            close(grad, names[key].grad, PRECISION[dtype])


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@every(["RNN", "LSTM", "GRU"])
def test_both_ways_equal_pytorchs(name, dtype, padded):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        N, T, D, H, bias, _ = sizes(rng)
        ours = L.Bidirectional(*(PAIRS[name](D, H, dtype=dtype, bias=bias)[0] for _ in range(2)))
        theirs = getattr(torch.nn, name)(D, H, bias=bias, batch_first=True, bidirectional=True)
        names = {"ahead": given_to(theirs, ours.ahead, "_l0", rng)}
        names["back"] = given_to(theirs, ours.back, "_l0_reverse", rng)
        x, x_theirs = draw(rng, dtype, N, T, D)
        lengths, mask = lengths_of(rng, N, T)
        y_theirs = in_theirs(theirs, x_theirs, lengths=lengths if padded else None)
        y = ours.forward((x, mask) if padded else x)
        close(y, y_theirs, PRECISION[dtype])
        upstream = rng.standard_normal(y.shape).astype(dtype)
        dx, grads = ours.backward(upstream)
        y_theirs.backward(torch.tensor(upstream))
        close(dx[0] if padded else dx, x_theirs.grad, PRECISION[dtype])
        for key, grad in grads.items():
            way, own = key.split(".")
            close(grad, names[way][own].grad, PRECISION[dtype])


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_the_last_step_is_the_final_state_that_pytorch_returns(name):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        N, T, D, H, bias, nonlinearity = sizes(rng)
        ours, theirs, _ = pair(name, D, H, bias, nonlinearity, np.float64, rng)
        x, x_theirs = draw(rng, np.float64, N, T, D)
        lengths, mask = lengths_of(rng, N, T)
        packed = rnn.pack_padded_sequence(
            x_theirs, torch.tensor(lengths), batch_first=True, enforce_sorted=False
        )
        for given, given_theirs, ending in ((x, x_theirs, ()), ((x, mask), packed, (mask,))):
            h = theirs(given_theirs)[1]
            h = (h[0] if name == "LSTM" else h)[0]  # (1, N, H) -> (N, H)
            y = ours.forward(given)
            last = L.LastStep()
            close(last.forward((y, *ending) if ending else y), h, 1e-9)
            upstream = rng.standard_normal((N, H))
            du, _ = last.backward(upstream)
            dx, _ = ours.backward(du[0] if ending else du)
            (dx_theirs,) = torch.autograd.grad(h, x_theirs, torch.tensor(upstream))
            close(dx[0] if ending else dx, dx_theirs, 1e-9)
