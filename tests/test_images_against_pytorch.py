"""Pools and layers that move, pad or repeat pixels equal PyTorch's, over seeded random configurations."""

import numpy as np
import pytest

import layers as L

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")

SEEDS = range(25)
PRECISION = {np.float64: 1e-9, np.float32: 2e-4}


def integers(rng, low, high, n):
    """n integers from low to high, both among them."""
    return tuple(int(v) for v in rng.integers(low, high + 1, n))


def pool(ours, theirs, axes):
    def build(rng):
        kernel, stride = integers(rng, 1, 4, axes), integers(rng, 1, 4, axes)
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        shape = (
            *integers(rng, 1, 3, 2),
            *(k + n for k, n in zip(kernel, integers(rng, 0, 7, axes), strict=True)),
        )
        if rng.integers(4) == 0:  # the stride that goes without saying
            return ours(kernel, padding=padding), theirs(kernel, padding=padding), shape
        return ours(kernel, stride=stride, padding=padding), theirs(kernel, stride, padding), shape

    return build


def global_pool(rng):
    axes = int(rng.integers(1, 4))
    return L.GlobalAvgPool(), lambda x: x.mean(dim=tuple(range(2, 2 + axes))), integers(rng, 1, 6, 2 + axes)


def reshape(rng):
    shape = integers(rng, 1, 5, 4)
    sizes = (shape[3], -1, shape[1]) if rng.integers(2) else (shape[2] * shape[1], shape[3])
    return L.Reshape(*sizes), lambda x: x.reshape(len(x), *sizes), shape


def permute(rng):
    shape = integers(rng, 1, 5, rng.integers(1, 6))
    axes = [int(axis) for axis in rng.permutation(len(shape))]
    return L.Permute(*axes), lambda x: x.permute(*axes), shape


def zero_pad(rng):
    border = integers(rng, 0, 3, 4) if rng.integers(4) else int(rng.integers(0, 4))
    return L.ZeroPad2D(border), torch.nn.ZeroPad2d(border), integers(rng, 1, 5, 4)


def upsample(rng):
    scale = integers(rng, 1, 4, 2) if rng.integers(4) else int(rng.integers(1, 4))
    return L.Upsample2D(scale), torch.nn.Upsample(scale_factor=scale, mode="nearest"), integers(rng, 1, 5, 4)


PAIRS = {
    "MaxPool1D": pool(L.MaxPool1D, torch.nn.MaxPool1d, 1),
    "MaxPool2D": pool(L.MaxPool2D, torch.nn.MaxPool2d, 2),
    "AvgPool1D": pool(L.AvgPool1D, torch.nn.AvgPool1d, 1),
    "AvgPool2D": pool(L.AvgPool2D, torch.nn.AvgPool2d, 2),
    "GlobalAvgPool": global_pool,
    "Reshape": reshape,
    "Permute": permute,
    "ZeroPad2D": zero_pad,
    "Upsample2D": upsample,
}


def close(ours, theirs, precision):
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape
    assert ours.dtype == expected.dtype
    np.testing.assert_allclose(
        ours, expected, rtol=precision, atol=precision * max(1, np.abs(expected).max())
    )


def both_ways(ours, theirs, x, rng):
    """(y, dx) of ours, (y, dx) of theirs"""
    x_theirs = torch.tensor(x, requires_grad=True)
    y, y_theirs = ours.forward(x), theirs(x_theirs)
    upstream = rng.standard_normal(y.shape).astype(x.dtype)
    y_theirs.backward(torch.tensor(upstream))
    return (y, ours.backward(upstream)[0]), (y_theirs, x_theirs.grad)


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("name", PAIRS)
def test_a_layer_equals_pytorchs(name, dtype):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        ours, theirs, shape = PAIRS[name](rng)
        x = (rng.standard_normal(shape) * rng.choice([0.1, 1, 10])).astype(dtype)
        for mine, peers in zip(*both_ways(ours, theirs, x, rng), strict=True):
            close(mine, peers, PRECISION[dtype])


@pytest.mark.parametrize("name", ["MaxPool1D", "MaxPool2D"])
@pytest.mark.parametrize("extreme", [-np.inf, np.inf, np.nan])
def test_ties_infinities_and_nan_go_where_pytorchs_go(name, extreme):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        ours, theirs, shape = PAIRS[name](rng)
        x = rng.choice([extreme, -1.0, 0.0, 2.0], shape, p=[0.6, 0.1, 0.1, 0.2])
        for mine, peers in zip(*both_ways(ours, theirs, x, rng), strict=True):
            np.testing.assert_allclose(mine, peers.detach().numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["MaxPool2D", "AvgPool2D"])
def test_pytorch_refuses_the_same_padding(name):
    for kernel in range(1, 6):
        for padding in range(4):
            x = torch.zeros(1, 1, 8, 8)
            theirs = getattr(torch.nn, name.replace("D", "d"))(kernel, padding=padding)
            if 2 * padding > kernel:
                with pytest.raises(RuntimeError, match="pad should be"):
                    theirs(x)
                with pytest.raises(ValueError, match="at most half the kernel"):
                    getattr(L, name)(kernel, padding=padding)
            else:
                ours = getattr(L, name)(kernel, padding=padding)
                assert ours.forward(x.numpy()).shape == tuple(theirs(x).shape)


def test_dropout2d_drops_and_scales_as_pytorchs():
    x = torch.ones(200, 200, 3, 2)
    torch.manual_seed(0)
    theirs = torch.nn.Dropout2d(0.3)(x).numpy()
    ours = L.Dropout2D(0.3, rng=0).forward(x.numpy())
    np.testing.assert_array_equal(np.unique(ours), np.unique(theirs))
    for y in (ours, theirs):
        np.testing.assert_array_equal(y, y[:, :, :1, :1] * np.ones((3, 2)))
    assert abs((ours[:, :, 0, 0] == 0).mean() - (theirs[:, :, 0, 0] == 0).mean()) < 0.015
