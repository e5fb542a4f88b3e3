"""Normalisations and Embedding equal PyTorch's: y, dx, every parameter gradient, and what both refuse."""

import math

import numpy as np
import pytest

import layers as L

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")

SEEDS = range(36)
PRECISION = {np.float64: 1e-9, np.float32: 2e-4}
AFFINE = {"gamma": "weight", "beta": "bias"}


# The builders return both layers, the shape of x, their names for our parameters, and how many values are
# normalised together.


def epsilon(rng):
    return float(10.0 ** rng.integers(-6, -2))


def layernorm(rng):
    shape, eps = [int(n) for n in rng.integers(1, 7, rng.integers(2, 5))], epsilon(rng)
    features = tuple(shape[rng.integers(1, len(shape)) :])
    ours = L.LayerNorm(features if len(features) > 1 else features[0], eps=eps)
    return ours, torch.nn.LayerNorm(features, eps=eps), shape, AFFINE, math.prod(features)


def rmsnorm(rng):
    shape, eps = [int(n) for n in rng.integers(1, 7, rng.integers(2, 5))], epsilon(rng)
    features = tuple(shape[rng.integers(1, len(shape)) :])
    ours, theirs = L.RMSNorm(features, eps=eps), torch.nn.RMSNorm(features, eps=eps)
    return ours, theirs, shape, {"gamma": "weight"}, math.prod(features)


def groupnorm(rng):
    groups, each, eps, affine = *map(int, rng.integers(1, 5, 2)), epsilon(rng), bool(rng.integers(2))
    shape = (int(rng.integers(2, 5)), groups * each, *rng.integers(1, 6, rng.integers(0, 3)))
    ours = L.GroupNorm(groups, groups * each, affine=affine, eps=eps)
    theirs = torch.nn.GroupNorm(groups, groups * each, affine=affine, eps=eps)
    return ours, theirs, shape, AFFINE, each * math.prod(shape[2:])


def instancenorm(affine, axes):
    def build(rng):
        channels, eps = int(rng.integers(1, 6)), epsilon(rng)
        shape = (int(rng.integers(1, 5)), channels, *rng.integers(2, 7, axes))
        theirs = [torch.nn.InstanceNorm1d, torch.nn.InstanceNorm2d][axes - 1]
        ours = L.InstanceNorm(channels, affine=affine, eps=eps)
        return ours, theirs(channels, affine=affine, eps=eps), shape, AFFINE, math.prod(shape[2:])

    return build


PAIRS = {
    "LayerNorm": layernorm,
    "RMSNorm": rmsnorm,
    "GroupNorm": groupnorm,
    "InstanceNorm of sequences": instancenorm(False, 1),
    "InstanceNorm of sequences, affine": instancenorm(True, 1),
    "InstanceNorm of images": instancenorm(False, 2),
    "InstanceNorm of images, affine": instancenorm(True, 2),
}


def close(ours, theirs, precision):
    expected = theirs.detach().numpy()
    assert ours.shape == expected.shape
    np.testing.assert_allclose(
        ours, expected, rtol=precision, atol=precision * max(1, np.abs(expected).max(initial=0))
    )


def share(ours, theirs, names, dtype, their_dtype, rng):
    """The same random parameters for both; theirs by our names."""
    ours.astype(dtype)
    by_name = {name: getattr(theirs, names[name]) for name in ours.params}
    assert len(by_name) == len(list(theirs.parameters()))
    for name, array in ours.params.items():
        array[...] = rng.uniform(0.5, 2, array.shape)
        by_name[name].data = torch.tensor(array.astype(their_dtype))
    return by_name


@pytest.mark.parametrize(
    ("dtype", "their_dtype"), [(np.float64, np.float64), (np.float32, np.float64), (np.float32, np.float32)]
)
@pytest.mark.parametrize("name", PAIRS)
def test_a_normalisation_equals_pytorchs(name, dtype, their_dtype):
    compared = 0
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        ours, theirs, shape, names, together = PAIRS[name](rng)
        if their_dtype == np.float32 and together < 3:
            continue  # dx cancels to almost 0: PyTorch's own float32 and float64 differ by up to 2e-3 there
        compared += 1
        mode = ("train", "eval")[seed % 2]
        by_name = share(getattr(ours, mode)(), getattr(theirs, mode)(), names, dtype, their_dtype, rng)
        x = (rng.standard_normal(shape) * rng.choice([0.1, 1, 10]) + rng.choice([0, 3])).astype(dtype)
        x_theirs = torch.tensor(x.astype(their_dtype), requires_grad=True)
        y, y_theirs = ours.forward(x), theirs(x_theirs)
        upstream = rng.standard_normal(y.shape).astype(dtype)
        dx, grads = ours.backward(upstream)
        y_theirs.backward(torch.tensor(upstream.astype(their_dtype)))
        close(y, y_theirs, PRECISION[dtype])
        close(dx, x_theirs.grad, PRECISION[dtype])
        for key, grad in grads.items():
            close(grad, by_name[key].grad, PRECISION[dtype])
    assert compared >= 20


@pytest.mark.parametrize("dtype", PRECISION)
def test_embedding_equals_pytorchs(dtype):
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        num, dim = map(int, rng.integers(1, 9, 2))
        ours, theirs = L.Embedding(num, dim, rng=rng), torch.nn.Embedding(num, dim)
        by_name = share(ours, theirs, {"W": "weight"}, dtype, dtype, rng)
        ids = rng.integers(num, size=rng.integers(1, 6, rng.integers(1, 4)))
        y, y_theirs = ours.forward(ids), theirs(torch.tensor(ids))
        upstream = rng.standard_normal(y.shape).astype(dtype)
        _, grads = ours.backward(upstream)
        y_theirs.backward(torch.tensor(upstream))
        close(y, y_theirs, PRECISION[dtype])
        close(grads["W"], by_name["W"].grad, PRECISION[dtype])


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_both_refuse_a_single_value_a_channel_in_instancenorm_in_both_modes(mode):
    x = np.ones((2, 3, 1, 1), np.float32)
    for layer, value in ((L.InstanceNorm(3), x), (torch.nn.InstanceNorm2d(3), torch.tensor(x))):
        getattr(layer, mode)()
        with pytest.raises(ValueError, match=r"(?i)expected more than (one value|1 spatial element)"):
            (layer.forward if isinstance(layer, L.Layer) else layer)(value)


def test_both_refuse_groups_that_do_not_divide_the_channels():
    for kind in (L.GroupNorm, torch.nn.GroupNorm):
        with pytest.raises(ValueError, match="divi"):
            kind(2, 3)
