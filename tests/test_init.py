"""Initialisers: their distribution, their fans, and how they are chosen."""

import math
from functools import partial

import numpy as np
import pytest

from layers import Affine, BatchNorm, init

SHAPES = [(400, 300), (60, 50, 5, 8)]

# name, standard deviation by (fan_in, fan_out)
SPREADS = {
    "normal": lambda i, o: 0.01,
    "uniform": lambda i, o: 0.05 / math.sqrt(3),
    "truncated_normal": lambda i, o: 0.01 * 0.8796256610342398,  # of N(0, 1) cut at 2
    "xavier_uniform": lambda i, o: math.sqrt(2 / (i + o)),
    "xavier_normal": lambda i, o: math.sqrt(2 / (i + o)),
    "glorot_uniform": lambda i, o: math.sqrt(2 / (i + o)),
    "glorot_normal": lambda i, o: math.sqrt(2 / (i + o)),
    "he_uniform": lambda i, o: math.sqrt(2 / i),
    "he_normal": lambda i, o: math.sqrt(2 / i),
    "kaiming_uniform": lambda i, o: math.sqrt(2 / i),
    "kaiming_normal": lambda i, o: math.sqrt(2 / i),
    "lecun_uniform": lambda i, o: math.sqrt(1 / i),
    "lecun_normal": lambda i, o: math.sqrt(1 / i),
    "pytorch": lambda i, o: math.sqrt(1 / (3 * i)),
}


@pytest.mark.parametrize("name", SPREADS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_spread_is_the_formulas(name, shape):
    kernel = math.prod(shape[2:])
    std = SPREADS[name](shape[1] * kernel, shape[0] * kernel)
    draws = init.NAMED[name](shape, 0)
    assert draws.shape == shape
    assert abs(draws.mean()) < 5 * std / math.sqrt(draws.size)
    assert draws.std() == pytest.approx(std, rel=0.01)
    if "uniform" in name or name == "pytorch":
        assert np.abs(draws).max() <= std * math.sqrt(3)
        assert np.abs(draws).max() > 0.999 * std * math.sqrt(3)


def test_every_name_is_tested():
    assert set(init.NAMED) == set(SPREADS) | {"zeros", "ones", "constant", "orthogonal"}


def test_a_gain_scales():
    for f in (init.xavier_uniform, init.xavier_normal, init.he_uniform, init.he_normal, init.lecun_uniform,
              init.lecun_normal, init.orthogonal):  # fmt: skip
        np.testing.assert_allclose(f((6, 5), 0, gain=3.0), 3 * f((6, 5), 0, gain=1.0), rtol=1e-14)


def test_constants():
    assert not init.zeros((2, 3)).any()
    assert (init.ones((2, 3)) == 1).all()
    assert (init.constant((2, 3), value=7) == 7).all()


def test_truncated_normal_stays_within_two_standard_deviations():
    assert np.abs(init.truncated_normal((500, 500), 0, std=3.0)).max() <= 6


@pytest.mark.parametrize("shape", [(5, 5), (7, 4), (4, 7), (4, 3, 2, 2)])
def test_orthogonal_rows_or_columns(shape):
    Q = init.orthogonal(shape, 0).reshape(shape[0], -1)
    product = Q @ Q.T if Q.shape[0] <= Q.shape[1] else Q.T @ Q
    np.testing.assert_allclose(product, np.eye(min(Q.shape)), atol=1e-14)


def test_a_layer_takes_a_name_or_a_callable():
    np.testing.assert_array_equal(
        Affine(3, 2, init="xavier_normal", rng=5).params["W"],
        init.xavier_normal((2, 3), 5).astype(np.float32),
    )
    assert not Affine(3, 2, init=init.zeros).params["W"].any()
    assert (Affine(3, 2, init=partial(init.constant, value=2)).params["W"] == 2).all()
    assert (BatchNorm(3, init=lambda shape, rng: np.full(shape, 5)).params["gamma"] == 5).all()


def test_the_default_keeps_relu_networks_from_fading_and_repeats_by_seed():
    W = Affine(300, 400, rng=0).params["W"]
    assert W.std() == pytest.approx(math.sqrt(2 / 300), rel=0.01)
    np.testing.assert_array_equal(W, Affine(300, 400, rng=0).params["W"])
    assert (Affine(300, 400, rng=1).params["W"] != W).any()
    assert Affine(3, 2, dtype=np.float64, rng=0).params["W"].dtype == np.float64


def test_one_generator_gives_each_layer_its_own_numbers():
    rng = np.random.default_rng(0)
    assert (Affine(3, 2, rng=rng).params["W"] != Affine(3, 2, rng=rng).params["W"]).all()


def test_what_is_wrong_is_named():
    with pytest.raises(
        ValueError, match=r"init: expected one of .*, got 'he_norml'; did you mean 'he_normal'"
    ):
        Affine(3, 2, init="he_norml")
    with pytest.raises(ValueError, match=r"init: expected an array of shape \(2, 3\) from .*, got \(3, 2\)"):
        Affine(3, 2, init=lambda shape, rng: np.ones(shape[::-1]))
    with pytest.raises(ValueError, match=r"init: expected a shape \(out, in, \.\.\.\), got \(3,\)"):
        BatchNorm(3, init="he_normal")
