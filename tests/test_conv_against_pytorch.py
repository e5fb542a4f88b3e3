"""Convolutions equal PyTorch's: y, dx, dW and db over seeded random configurations."""

import numpy as np
import pytest

import layers as L

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")

PRECISION = {np.float64: 1e-9, np.float32: 2e-4}
PAIRS = {
    L.Conv1D: torch.nn.Conv1d,
    L.Conv2D: torch.nn.Conv2d,
    L.ConvTranspose1D: torch.nn.ConvTranspose1d,
    L.ConvTranspose2D: torch.nn.ConvTranspose2d,
}


def draw(rng, kind):
    """in_channels, out_channels, kernel_size; the options; the sizes of an x that they fit."""
    groups, axes = int(rng.integers(1, 4)), kind.axes
    channels = [groups * int(n) for n in rng.integers(1, 4, 2)]
    kernel, stride, dilation = (rng.integers(1, 4, axes) for _ in range(3))
    padding = rng.integers(0, 4, axes)
    span = dilation * (kernel - 1) + 1
    sizes = rng.integers(1, 6, axes)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    if "Transpose" in kind.__name__:
        options["output_padding"] = extra = rng.integers(0, np.maximum(stride, dilation))
        sizes += -np.minimum(0, (sizes - 1) * stride - 2 * padding + span + extra - 1)
    else:
        sizes += np.maximum(0, span - 2 * padding)
    options = {name: tuple(value.tolist()) for name, value in options.items()}
    options |= {"groups": groups, "bias": bool(rng.integers(2))}
    return (*channels, tuple(kernel.tolist())), options, tuple(sizes.tolist())


def close(ours, theirs, precision):
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape
    assert ours.dtype == expected.dtype
    np.testing.assert_allclose(
        ours, expected, rtol=precision, atol=precision * max(1, np.abs(expected).max())
    )


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("kind", PAIRS)
def test_a_convolution_equals_pytorchs(kind, dtype, seed):
    rng = np.random.default_rng(seed)
    arguments, options, sizes = draw(rng, kind)
    ours = kind(*arguments, **options, rng=rng, dtype=dtype)
    theirs = PAIRS[kind](*arguments, **options, dtype=torch.tensor(dtype()).dtype)
    for name, array in ours.params.items():
        array[...] = rng.standard_normal(array.shape)
        {"W": theirs.weight, "b": theirs.bias}[name].data = torch.tensor(array)
    x = rng.standard_normal((int(rng.integers(1, 4)), arguments[0], *sizes)).astype(dtype)
    x_theirs = torch.tensor(x, requires_grad=True)
    y, y_theirs = ours.forward(x), theirs(x_theirs)
    upstream = rng.standard_normal(tuple(y_theirs.shape)).astype(dtype)
    dx, grads = ours.backward(upstream)
    y_theirs.backward(torch.tensor(upstream))
    close(y, y_theirs, PRECISION[dtype])
    close(dx, x_theirs.grad, PRECISION[dtype])
    close(grads["W"], theirs.weight.grad, PRECISION[dtype])
    if options["bias"]:
        close(grads["b"], theirs.bias.grad, PRECISION[dtype])


def test_initial_weights_are_those_that_pytorch_draws_from():
    for kind, peer in PAIRS.items():
        W = kind(40, 30, 3, init="pytorch", rng=0).params["W"]
        theirs = peer(40, 30, 3).weight.detach().numpy()
        assert W.shape == theirs.shape
        np.testing.assert_allclose([W.min(), W.max()], [theirs.min(), theirs.max()], rtol=0.01)
