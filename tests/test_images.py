"""Borders, copies, shapes and dropped channels, in any memory and with any batch."""

import math
import re

import numpy as np
import pytest
from small_images import dot, image, pull

from layers import (
    Affine,
    AvgPool2D,
    Dropout,
    Dropout2D,
    Flatten,
    GlobalAvgPool,
    MaxPool2D,
    Permute,
    ReLU,
    Reshape,
    Sequential,
    Upsample2D,
    ZeroPad2D,
)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


# --- borders, copies and shapes


def test_zero_pad_goes_left_right_top_bottom():
    layer = ZeroPad2D((1, 2, 3, 0))
    y = layer.forward(image([5, 6]))
    zeros = [0, 0, 0, 0, 0]
    np.testing.assert_array_equal(y, image(zeros, zeros, zeros, [0, 5, 6, 0, 0]))
    dx = pull(layer, np.arange(20.0).reshape(1, 1, 4, 5))
    np.testing.assert_array_equal(dx, image([16, 17]))
    np.testing.assert_array_equal(ZeroPad2D(1).forward(image([7])), image([0, 0, 0], [0, 7, 0], [0, 0, 0]))


def test_zero_pad_by_nothing_is_the_identity(rng):
    layer, x = ZeroPad2D(0), rng.standard_normal((2, 3, 4, 5))
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(pull(layer, x), x)


def test_upsampling_repeats_pixels_and_sums_what_comes_back():
    layer = Upsample2D((2, 3))
    y = layer.forward(image([1, 2], [3, 4]))
    above, below = [1, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4]
    np.testing.assert_array_equal(y, image(above, above, below, below))
    dx = pull(layer, image([1, 2, 3, 0, 0, 1], [4, 5, 6, 0, 0, 0], [0] * 6, [1, 1, 1, 2, 2, 2]))
    np.testing.assert_array_equal(dx, image([21, 1], [3, 6]))


@pytest.mark.parametrize(
    ("layer", "shape"), [(Upsample2D((3, 2)), (2, 3, 4, 5)), (ZeroPad2D((1, 0, 2, 3)), (2, 3, 4, 5))]
)
def test_borders_and_copies_go_back_by_their_adjoint(layer, shape, rng):
    x = rng.standard_normal(shape)
    y = layer.forward(x)
    upstream = rng.standard_normal(y.shape)
    np.testing.assert_allclose(dot(y, upstream), dot(x, pull(layer, upstream)), rtol=1e-12)


def test_average_pooling_undoes_upsampling(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    y = AvgPool2D((2, 3)).forward(Upsample2D((2, 3)).forward(x))
    np.testing.assert_allclose(y, x, rtol=1e-14)


def test_reshape_keeps_the_batch_and_the_order():
    layer, x = Reshape(3, 4), np.arange(24.0).reshape(2, 12)
    y = layer.forward(x)
    np.testing.assert_array_equal(y[1, 0], [12, 13, 14, 15])
    np.testing.assert_array_equal(pull(layer, y), x)
    assert Reshape(2, -1, 3).forward(x).shape == (2, 2, 2, 3)
    assert Reshape(-1).forward(np.ones((5, 2, 3))).shape == (5, 6)
    assert Reshape().forward(np.ones((5, 1))).shape == (5,)


def test_reshape_of_an_empty_batch_knows_its_minus_one():
    layer = Reshape(2, -1)
    assert layer.forward(np.ones((0, 3, 4))).shape == (0, 2, 6)
    assert pull(layer, np.ones((0, 2, 6))).shape == (0, 3, 4)


def test_permute_moves_axes_and_puts_them_back():
    layer, x = Permute(0, 3, 1, 2), np.arange(120.0).reshape(2, 3, 4, 5)  # channels last to channels first
    y = layer.forward(x)
    assert y.shape == (2, 5, 3, 4)
    assert y[1, 4, 2, 3] == x[1, 2, 3, 4]
    np.testing.assert_array_equal(pull(layer, y), x)
    layer = Permute(1, 0, 2)  # the batch axis may move: time first
    assert layer.forward(np.ones((2, 3, 4))).shape == (3, 2, 4)
    assert pull(layer, np.ones((3, 2, 4))).shape == (2, 3, 4)


def test_a_small_image_network_goes_there_and_back(rng):
    x = rng.standard_normal((4, 6, 9, 2))  # channels last
    net = Sequential(
        Permute(0, 3, 1, 2),
        ZeroPad2D(1),
        ReLU(),
        MaxPool2D(2),
        Upsample2D(2),
        Dropout2D(0.1, rng=0),
        AvgPool2D(3, stride=2),
        Flatten(),
        Reshape(2, -1),
        GlobalAvgPool(),
        Affine(2, 3, rng=0),
    )
    y = net.forward(x)
    dx, grads = net.backward(np.ones_like(y))
    assert y.shape == (4, 3)
    assert dx.shape == x.shape
    assert dx.any()
    assert list(grads) == ["10.W", "10.b"]


# --- any memory, any batch


LAYERS = {
    "MaxPool2D": lambda: MaxPool2D((3, 2), stride=(2, 1), padding=1),
    "AvgPool2D": lambda: AvgPool2D((3, 2), stride=(2, 1), padding=1),
    "GlobalAvgPool": GlobalAvgPool,
    "Reshape": lambda: Reshape(5, -1),
    "Permute": lambda: Permute(0, 2, 3, 1),
    "ZeroPad2D": lambda: ZeroPad2D((1, 0, 2, 3)),
    "Upsample2D": lambda: Upsample2D((2, 3)),
    "Dropout2D": lambda: Dropout2D(0.5, rng=0),
}
every_layer = pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS)


def channels_last(x):
    """The same array, with the channels next to each other in memory."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 2 else x


def every_other(x):
    """The same array as a view that skips every other entry."""
    wide = np.repeat(x, 2, axis=-1)
    return wide[..., ::2]


@every_layer
@pytest.mark.parametrize("relaid", [channels_last, every_other])
def test_memory_order_does_not_matter(build, relaid, rng):
    x, layer, other = rng.standard_normal((2, 3, 4, 5)), build(), build()
    y = layer.forward(x)
    upstream = rng.standard_normal(y.shape)
    np.testing.assert_allclose(other.forward(relaid(x)), y, rtol=1e-13)
    np.testing.assert_allclose(pull(other, relaid(upstream)), pull(layer, upstream), rtol=1e-13)


@every_layer
def test_an_empty_batch_passes_through(build):
    layer = build()
    y = layer.forward(np.ones((0, 3, 4, 5)))
    assert len(y) == 0
    assert pull(layer, y).shape == (0, 3, 4, 5)


@every_layer
def test_a_second_image_of_another_size_is_as_good_as_the_first(build, rng):
    layer, x = build(), rng.standard_normal((3, 3, 5, 7))
    layer.forward(rng.standard_normal((2, 3, 4, 5)))
    y = layer.forward(x)
    assert pull(layer, y).shape == x.shape


# --- dropped channels


def test_dropout2d_drops_whole_channels_at_its_rate_and_scales_the_rest():
    x = np.ones((100, 200, 2, 3), np.float32)
    layer = Dropout2D(0.2, rng=0)
    y = layer.forward(x)
    assert set(np.unique(y)) == {0, np.float32(1.25)}
    channels = y[:, :, 0, 0]
    np.testing.assert_array_equal(y, x * channels[:, :, None, None])  # one number a channel
    assert abs((channels == 0).mean() - 0.2) < 0.012  # 4 standard deviations
    np.testing.assert_array_equal(pull(layer, x), y)


def test_dropout2d_drops_channels_of_sequences_one_example_at_a_time():
    y = Dropout2D(0.5, rng=1).forward(np.ones((8, 16, 5)))
    assert all(len(set(channel)) == 1 for example in y for channel in example)
    assert (y[0] != y[1]).any()
    assert {0.0, 2.0} == set(y[0].flat)


def test_dropout2d_draws_anew_and_repeats_by_seed():
    x = np.ones((8, 8, 2, 3))
    layer = Dropout2D(0.5, rng=3)
    first, second = layer.forward(x), layer.forward(x)
    assert (first != second).any()
    np.testing.assert_array_equal(Dropout2D(0.5, rng=3).forward(x), first)
    np.testing.assert_array_equal(Dropout2D(0.5, rng=np.random.default_rng(3)).forward(x), first)


def test_dropout2d_does_nothing_in_evaluation_or_with_p_0_and_everything_with_p_1(rng):
    x = rng.standard_normal((4, 3, 2, 5))
    layer = Dropout2D(0.9, rng=0).eval()
    np.testing.assert_array_equal(layer.forward(x), x)
    np.testing.assert_array_equal(pull(layer, x), x)
    np.testing.assert_array_equal(Dropout2D(0.0, rng=0).forward(x), x)
    np.testing.assert_array_equal(Dropout2D(1.0, rng=0).forward(x), 0 * x)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_dropout2d_refuses_what_is_no_chance(p):
    with pytest.raises(ValueError, match=r"Dropout2D: expected p, the chance of zeroing, in \[0, 1\], got"):
        Dropout2D(p)


@pytest.mark.parametrize("kind", [Dropout, Dropout2D])
@pytest.mark.parametrize("p", [None, "0.5", True, (0.5,)], ids=repr)
def test_dropout_refuses_what_is_no_number(kind, p):
    with pytest.raises(
        TypeError, match=rf"^{kind.__name__}: expected p to be a number, got {re.escape(repr(p))}"
    ):
        kind(p)


def test_p_may_change_between_steps_but_a_backward_belongs_to_its_forward():
    layer, ones = Dropout(0.5, rng=0), np.ones((30, 20))
    layer.p = 0.75
    y = layer.forward(ones)
    assert set(y.ravel().tolist()) == {0.0, 4.0}
    layer.p = 0.2
    np.testing.assert_array_equal(pull(layer, ones), y)
