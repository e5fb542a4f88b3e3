"""Pooling, shapes, borders and dropped channels: values worked by hand, naive loops, and what is refused."""

import math
import re
from itertools import product

import numpy as np
import pytest

from layers import (
    Affine,
    AvgPool1D,
    AvgPool2D,
    Dropout,
    Dropout2D,
    Flatten,
    GlobalAvgPool,
    MaxPool1D,
    MaxPool2D,
    Permute,
    ReLU,
    Reshape,
    Sequential,
    Upsample2D,
    ZeroPad2D,
)

POOLS = [MaxPool1D, MaxPool2D, AvgPool1D, AvgPool2D]
every_pool = pytest.mark.parametrize("pool", POOLS)


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def image(*rows):
    """(1, 1, H, W)"""
    return np.array(rows, dtype=float)[None, None]


def sequence(*values):
    """(1, 1, L)"""
    return np.array(values, dtype=float)[None, None]


def pull(layer, upstream):
    dx, grads = layer.backward(upstream)
    assert grads == {}
    return dx


def dot(a, b):
    return float((a * b).sum())


# --- pooling by hand

FOUR_BY_FOUR = image([1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4])


def test_max_pool_of_a_4_by_4_image_by_hand():
    layer = MaxPool2D(2)
    np.testing.assert_array_equal(layer.forward(FOUR_BY_FOUR), image([6, 8], [3, 4]))
    np.testing.assert_array_equal(
        pull(layer, image([10, 20], [30, 40])),
        image([0, 0, 0, 0], [0, 10, 0, 20], [30, 0, 0, 0], [0, 0, 0, 40]),
    )


def test_average_pool_of_a_4_by_4_image_by_hand():
    layer = AvgPool2D(2)
    np.testing.assert_array_equal(layer.forward(FOUR_BY_FOUR), image([13 / 4, 21 / 4], [2, 2]))
    np.testing.assert_array_equal(
        pull(layer, image([4, 8], [12, 16])),
        image([1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]),
    )


def test_a_winner_of_several_windows_gets_the_sum_of_their_upstreams():
    layer = MaxPool2D(2, stride=1)
    x = image([1, 2, 3], [4, 9, 5], [6, 7, 8])  # 9 is in all four windows
    np.testing.assert_array_equal(layer.forward(x), image([9, 9], [9, 9]))
    dx = pull(layer, image([1, 10], [100, 1000]))
    np.testing.assert_array_equal(dx, image([0, 0, 0], [0, 1111, 0], [0, 0, 0]))


def test_an_entry_of_several_averages_gets_its_share_of_each():
    layer = AvgPool1D(2, stride=1)
    np.testing.assert_array_equal(layer.forward(sequence(1, 3, 9)), sequence(2, 6))
    np.testing.assert_array_equal(pull(layer, sequence(2, 20)), sequence(1, 11, 10))


def test_what_the_stride_leaves_over_reaches_no_output_and_gets_no_gradient():
    layer = MaxPool1D(2)
    np.testing.assert_array_equal(layer.forward(sequence(1, 2, 4, 3, 99)), sequence(2, 4))
    np.testing.assert_array_equal(pull(layer, sequence(1, 1)), sequence(0, 1, 1, 0, 0))
    layer = AvgPool1D(1, stride=3)  # windows with gaps between them
    np.testing.assert_array_equal(layer.forward(sequence(1, 2, 3, 4, 5)), sequence(1, 4))
    np.testing.assert_array_equal(pull(layer, sequence(7, 8)), sequence(7, 0, 0, 8, 0))


def test_kernel_stride_and_padding_are_height_first():
    x = np.arange(12.0).reshape(1, 1, 3, 4)  # rows 0..3, 4..7, 8..11
    np.testing.assert_array_equal(MaxPool2D((3, 1)).forward(x), image([8, 9, 10, 11]))
    np.testing.assert_array_equal(AvgPool2D((1, 4)).forward(x), image([1.5], [5.5], [9.5]))
    np.testing.assert_array_equal(MaxPool2D(1, stride=(2, 3)).forward(x), image([0, 3], [8, 11]))
    padded = AvgPool2D((2, 1), stride=1, padding=(1, 0)).forward(x[..., :1])
    np.testing.assert_array_equal(padded, image([0], [2], [6], [4]))  # 0, 0+4, 4+8, 8, each halved


def test_a_tie_goes_to_the_first():
    layer = MaxPool2D(2)
    layer.forward(image([3, 3], [3, 3]))
    np.testing.assert_array_equal(pull(layer, image([1])), image([1, 0], [0, 0]))
    layer.forward(image([0, 3], [3, 1]))  # row by row: the upper right comes before the lower left
    np.testing.assert_array_equal(pull(layer, image([1])), image([0, 1], [0, 0]))
    layer = MaxPool1D(3, stride=1)
    layer.forward(sequence(2, 2, 2, 2))
    np.testing.assert_array_equal(pull(layer, sequence(1, 10)), sequence(1, 10, 0, 0))


def test_the_padding_of_a_max_pool_never_wins():
    layer = MaxPool2D(3, stride=2, padding=1)
    x = image([-5, -4, -3], [-8, -7, -6], [-1, -2, -9])  # zeros around it would win everywhere
    np.testing.assert_array_equal(layer.forward(x), image([-4, -3], [-1, -2]))
    dx = pull(layer, image([1, 2], [3, 4]))
    np.testing.assert_array_equal(dx, image([0, 1, 2], [0, 0, 0], [3, 4, 0]))


@pytest.mark.parametrize(("size", "kernel", "stride"), [(5, 3, 1), (4, 2, 2), (3, 2, 1), (6, 5, 2)])
def test_padding_does_not_win_over_minus_infinity_either(size, kernel, stride):
    layer = MaxPool2D(kernel, stride=stride, padding=kernel // 2)
    y = layer.forward(np.full((2, 3, size, size), -np.inf))
    assert np.isneginf(y).all()
    upstream = np.ones_like(y)
    assert dot(pull(layer, upstream), 1) == upstream.size  # nothing was lost in the border


def test_the_padding_of_an_average_counts_as_zeros():
    layer = AvgPool2D(2, padding=1)
    x = image([4, 8], [12, 16])  # each value alone in a window with three zeros
    np.testing.assert_array_equal(layer.forward(x), image([1, 2], [3, 4]))
    np.testing.assert_array_equal(pull(layer, image([4, 8], [12, 16])), image([1, 2], [3, 4]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nan_comes_out_as_nan_and_takes_the_gradient(dtype):
    for place in range(4):
        x = np.array([1, 2, 3, 4], dtype).reshape(1, 1, 2, 2)
        x[..., place // 2, place % 2] = np.nan
        layer = MaxPool2D(2)
        assert np.isnan(layer.forward(x)).all()
        np.testing.assert_array_equal(pull(layer, np.ones((1, 1, 1, 1), dtype)) == 1, np.isnan(x))
        assert np.isnan(AvgPool2D(2).forward(x)).all()
        assert np.isnan(GlobalAvgPool().forward(x)).all()
    y = MaxPool1D(2).forward(sequence(1, np.nan, 3, 4))
    np.testing.assert_array_equal(y, sequence(np.nan, 4))  # and the other windows do not mind


def test_global_average_pool_by_hand():
    layer = GlobalAvgPool()
    x = np.array([[[1, 2, 3], [4, 5, 9]]], dtype=float)  # (1, 2, 3)
    np.testing.assert_array_equal(layer.forward(x), [[2, 6]])
    np.testing.assert_array_equal(pull(layer, np.array([[3.0, 30]])), [[[1, 1, 1], [10, 10, 10]]])
    np.testing.assert_array_equal(layer.forward(x.reshape(1, 2, 3, 1, 1)), [[2, 6]])
    assert pull(layer, np.ones((1, 2))).shape == (1, 2, 3, 1, 1)
    np.testing.assert_array_equal(layer.forward(FOUR_BY_FOUR), [[50 / 16]])


def test_global_average_pool_is_an_average_pool_as_large_as_the_image(rng):
    x = rng.standard_normal((2, 3, 4, 5))
    whole, window, upstream = GlobalAvgPool(), AvgPool2D((4, 5)), rng.standard_normal((2, 3, 1, 1))
    np.testing.assert_allclose(whole.forward(x), window.forward(x)[..., 0, 0], rtol=1e-13)
    np.testing.assert_allclose(pull(whole, upstream[..., 0, 0]), pull(window, upstream), rtol=1e-13)


# --- pooling by loops

CONFIGURATIONS = [  # H, W, kernel, stride, padding
    (4, 6, (2, 2), (2, 2), (0, 0)),
    (5, 7, (2, 2), (2, 2), (0, 0)),
    (5, 7, (3, 2), (1, 1), (0, 0)),
    (6, 5, (3, 3), (2, 2), (1, 1)),
    (7, 4, (2, 3), (3, 1), (1, 0)),
    (6, 9, (1, 4), (2, 3), (0, 2)),
    (3, 8, (3, 8), (1, 1), (0, 0)),
    (2, 1, (4, 2), (1, 5), (2, 1)),
]
every_configuration = pytest.mark.parametrize(("H", "W", "kernel", "stride", "padding"), CONFIGURATIONS)


def loops(x, upstream, kernel, stride, padding, take_max):
    """y and dx, one window after the other, over the pixels of each that lie inside the image."""
    (N, C, H, W), (kh, kw), (sh, sw), (ph, pw) = x.shape, kernel, stride, padding
    y = np.zeros((N, C, (H + 2 * ph - kh) // sh + 1, (W + 2 * pw - kw) // sw + 1))
    dx = np.zeros_like(x)
    for n, c, i, j in np.ndindex(y.shape):
        rows, columns = range(i * sh - ph, i * sh - ph + kh), range(j * sw - pw, j * sw - pw + kw)
        inside = [(n, c, r, s) for r, s in product(rows, columns) if 0 <= r < H and 0 <= s < W]
        if take_max:
            winner = max(inside, key=lambda at: x[at])
            y[n, c, i, j] = x[winner]
            dx[winner] += upstream[n, c, i, j]
        else:
            y[n, c, i, j] = sum(x[at] for at in inside) / (kh * kw)
            for at in inside:
                dx[at] += upstream[n, c, i, j] / (kh * kw)
    return y, dx


@every_configuration
@pytest.mark.parametrize("pool", [MaxPool2D, AvgPool2D])
def test_pools_do_what_loops_do(pool, H, W, kernel, stride, padding, rng):
    x = rng.standard_normal((2, 3, H, W))
    layer = pool(kernel, stride=stride, padding=padding)
    y = layer.forward(x)
    upstream = rng.standard_normal(y.shape)
    expected_y, expected_dx = loops(x, upstream, kernel, stride, padding, pool is MaxPool2D)
    np.testing.assert_allclose(y, expected_y, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(pull(layer, upstream), expected_dx, rtol=1e-13, atol=1e-15)


@every_configuration
@pytest.mark.parametrize(("line", "area"), [(MaxPool1D, MaxPool2D), (AvgPool1D, AvgPool2D)])
def test_a_1d_pool_is_a_2d_pool_of_height_1(line, area, H, W, kernel, stride, padding, rng):
    x = rng.standard_normal((2, 3, 1, W))
    k, s, p = kernel[1], stride[1], padding[1]
    layer, reference = line(k, stride=s, padding=p), area((1, k), stride=(1, s), padding=(0, p))
    y, expected = layer.forward(x[:, :, 0]), reference.forward(x)
    np.testing.assert_array_equal(y, expected[:, :, 0])
    upstream = rng.standard_normal(expected.shape)
    np.testing.assert_array_equal(pull(layer, upstream[:, :, 0]), pull(reference, upstream)[:, :, 0])


@every_configuration
def test_ties_go_to_the_first_in_loops_too(H, W, kernel, stride, padding, rng):
    x = rng.integers(0, 3, (2, 3, H, W)).astype(float)  # max() of a list takes the first of equals
    layer = MaxPool2D(kernel, stride=stride, padding=padding)
    y = layer.forward(x)
    upstream = rng.standard_normal(y.shape)
    expected_y, expected_dx = loops(x, upstream, kernel, stride, padding, take_max=True)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_allclose(pull(layer, upstream), expected_dx, rtol=1e-13, atol=1e-15)


@every_configuration
def test_the_backward_of_an_average_is_its_adjoint(H, W, kernel, stride, padding, rng):
    layer, x = AvgPool2D(kernel, stride=stride, padding=padding), rng.standard_normal((2, 3, H, W))
    y = layer.forward(x)
    upstream = rng.standard_normal(y.shape)
    np.testing.assert_allclose(dot(y, upstream), dot(x, pull(layer, upstream)), rtol=1e-12)


def test_a_kernel_of_more_than_256_entries_finds_its_winner(rng):
    layer, x = MaxPool2D((17, 19)), rng.standard_normal((1, 2, 17, 19))
    x[0, 0, -1, -1], x[0, 1, 13, 9] = 99, 77  # entries 322 and 256 of the kernel
    np.testing.assert_array_equal(layer.forward(x), [[[[99]], [[77]]]])
    dx = pull(layer, np.ones((1, 2, 1, 1)))
    assert dx[0, 0, -1, -1] == dx[0, 1, 13, 9] == 1
    assert dx.sum() == 2


def test_what_is_given_out_is_an_array_of_its_own():
    for layer in (MaxPool2D(1), AvgPool2D(1), Upsample2D(1), ZeroPad2D(0)):
        x = FOUR_BY_FOUR.copy()
        y = layer.forward(x)
        y += 1
        np.testing.assert_array_equal(x, FOUR_BY_FOUR)
    layer = GlobalAvgPool()
    dx = pull(layer, layer.forward(FOUR_BY_FOUR))
    dx[..., 0, 0] += 1  # one value, not all that share its upstream
    np.testing.assert_allclose(dx.sum(), 50 / 16 + 1)


def test_a_max_pool_keeps_x_and_y_and_nothing_else(rng):
    layer, x = MaxPool2D(2), rng.standard_normal((2, 3, 4, 6))
    y = layer.forward(x)
    kept = layer.cache
    assert len(kept) == 2
    assert kept[0] is x
    assert np.shares_memory(kept[1], y)


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


# --- what is refused, and how layers show themselves


@pytest.mark.parametrize(
    ("layer", "shown"),
    [
        (MaxPool1D(2), "MaxPool1D(2)"),
        (MaxPool2D(2), "MaxPool2D(2)"),
        (MaxPool2D((2, 2), stride=2), "MaxPool2D(2)"),
        (MaxPool2D((3, 2), stride=1, padding=1), "MaxPool2D((3, 2), stride=1, padding=1)"),
        (AvgPool1D(3, padding=1), "AvgPool1D(3, padding=1)"),
        (AvgPool2D([3, 3], stride=[2, 1], padding=(0, 1)), "AvgPool2D(3, stride=(2, 1), padding=(0, 1))"),
        (GlobalAvgPool(), "GlobalAvgPool()"),
        (Reshape(3, -1), "Reshape(3, -1)"),
        (Permute(0, 2, 1), "Permute(0, 2, 1)"),
        (ZeroPad2D(1), "ZeroPad2D(1)"),
        (ZeroPad2D((1, 0, 2, 3)), "ZeroPad2D((1, 0, 2, 3))"),
        (Upsample2D(2), "Upsample2D(2)"),
        (Upsample2D((2, 3)), "Upsample2D((2, 3))"),
        (Dropout2D(0.25), "Dropout2D(0.25)"),
    ],
)
def test_a_layer_shows_how_it_was_made(layer, shown):
    assert repr(layer) == shown


WRONG_RANK = [  # a layer, a shape it refuses, the shape it expects
    (MaxPool1D(2), (2, 3, 4, 5), "(N, C, L)"),
    (AvgPool1D(2), (3, 4), "(N, C, L)"),
    (MaxPool2D(2), (3, 4, 5), "(N, C, H, W)"),
    (AvgPool2D(2), (2, 3, 4, 5, 6), "(N, C, H, W)"),
    (GlobalAvgPool(), (2, 3), "(N, C, L)"),
    (ZeroPad2D(1), (3, 4, 5), "(N, C, H, W)"),
    (Upsample2D(2), (3, 4, 5), "(N, C, H, W)"),
    (Dropout2D(0.5), (2, 3), "(N, C, L)"),
]


@pytest.mark.parametrize(("layer", "shape", "expected"), WRONG_RANK, ids=lambda value: repr(value))
def test_a_wrong_number_of_axes_is_refused(layer, shape, expected):
    with pytest.raises(ValueError, match=r"expected x of shape .*, got") as raised:
        layer.forward(np.ones(shape))
    assert str(raised.value) == f"{layer!r}: expected x of shape {expected}, got {shape}"


@every_pool
def test_a_kernel_larger_than_the_padded_image_is_refused(pool):
    layer = pool(8, padding=1)
    with pytest.raises(
        ValueError,
        match=rf"{pool.__name__}\(8, padding=1\): expected a padded input of at least \(8.*, "
        r"got .*7.* use more padding or a smaller kernel",
    ):
        layer.forward(np.ones((2, 3, 5, 9)[: 2 + len(layer.kernel)]))


@every_pool
def test_an_image_without_a_pixel_is_refused_though_its_padding_would_fill_a_window(pool):
    layer = pool(2, padding=1)
    with pytest.raises(
        ValueError,
        match=rf"{pool.__name__}\(2, padding=1\): expected x with entries along every spatial axis, "
        r"got \(2, 3, 0.*; leave it out",
    ):
        layer.forward(np.ones((2, 3, 0, 9)[: 2 + len(layer.kernel)]))


@every_pool
def test_padding_above_half_the_kernel_is_refused(pool):
    with pytest.raises(
        ValueError,
        match=rf"{pool.__name__}: expected padding of at most half the kernel, 3, got 2; "
        "use less padding or a larger kernel",
    ):
        pool(3, padding=2)
    assert pool(4, padding=2).padding[0] == 2


def test_padding_is_compared_with_the_kernel_axis_by_axis():
    with pytest.raises(ValueError, match=r"half the kernel, \(4, 2\), got 2; use less"):
        MaxPool2D((4, 2), padding=2)
    assert MaxPool2D((4, 2), padding=(2, 1)).padding == (2, 1)


@every_pool
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel_size": 0}, "expected kernel_size >= 1, got 0"),
        ({"kernel_size": 2, "stride": 0}, "expected stride >= 1, got 0"),
        ({"kernel_size": 2, "padding": -1}, "expected padding >= 0, got -1"),
    ],
)
def test_sizes_out_of_range_are_refused(pool, options, message):
    with pytest.raises(ValueError, match=f"^{pool.__name__}: {message}"):
        pool(**options)


@every_pool
def test_sizes_that_are_no_integers_are_refused(pool):
    with pytest.raises(
        TypeError, match=rf"^{pool.__name__}: expected kernel_size to be an integer.*got 2\.0"
    ):
        pool(2.0)
    with pytest.raises(ValueError, match=rf"^{pool.__name__}: expected stride to be .*, got \(1, 2, 3\)"):
        pool(2, stride=(1, 2, 3))
    with pytest.raises(TypeError, match=rf"^{pool.__name__}: expected padding to be .*, got True"):
        pool(2, padding=True)


@every_pool
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_pools_refuse_what_holds_neither_minus_infinity_nor_a_mean(pool, dtype):
    layer = pool(2)
    x = np.ones((2, 3, 4, 4)[: 2 + len(layer.kernel)], dtype)
    with pytest.raises(
        TypeError, match=r"expected x of a floating dtype, got .*; use x\.astype\(np\.float32\)"
    ):
        layer.forward(x)


def test_global_average_pool_refuses_a_channel_without_values():
    with pytest.raises(
        ValueError,
        match=r"GlobalAvgPool\(\): expected at least one value a channel, got x of shape \(2, 3, 0, 4\)",
    ):
        GlobalAvgPool().forward(np.ones((2, 3, 0, 4)))


def test_reshape_refuses_another_number_of_values():
    with pytest.raises(
        ValueError,
        match=r"Reshape\(3, 4\): expected x with 12 values an example, got 10 in shape \(2, 5, 2\); "
        "the batch axis is left out",
    ):
        Reshape(3, 4).forward(np.ones((2, 5, 2)))
    with pytest.raises(
        ValueError, match=r"Reshape\(3, -1\): expected x with a multiple of 3 values .*, got 10"
    ):
        Reshape(3, -1).forward(np.ones((2, 5, 2)))
    with pytest.raises(ValueError, match=r"expected x with 24 values an example, got 12"):
        Reshape(24).forward(np.ones((2, 12)))  # the whole batch, were it not for the examples


@pytest.mark.parametrize("shape", [(-1, -1), (0, 3), (-2, 3)])
def test_reshape_refuses_sizes_that_are_none(shape):
    with pytest.raises(ValueError, match="Reshape: expected sizes >= 1, at most one of them -1, got"):
        Reshape(*shape)


@pytest.mark.parametrize("axes", [(), (0, 2, 2), (1, 2), (0, 1, 3), (0, -1, 1)])
def test_permute_refuses_axes_that_are_no_permutation(axes):
    with pytest.raises(
        ValueError, match=r"Permute: expected every axis from 0, the batch axis, once, got \("
    ):
        Permute(*axes)


def test_permute_refuses_another_number_of_axes():
    with pytest.raises(
        ValueError,
        match=r"Permute\(0, 2, 1\): expected x with 3 axes, got shape \(2, 3, 4, 5\); name all its axes",
    ):
        Permute(0, 2, 1).forward(np.ones((2, 3, 4, 5)))


@pytest.mark.parametrize(("layer", "what"), [(Reshape, "sizes"), (Permute, "axes")])
def test_shape_layers_refuse_a_tuple_in_place_of_integers(layer, what):
    with pytest.raises(
        TypeError,
        match=rf"{layer.__name__}: expected {what} to be integers, got \(\(0, 1\),\); .*without a tuple",
    ):
        layer((0, 1))
    with pytest.raises(
        TypeError, match=rf"{layer.__name__}: expected {what} to be integers, got \(0, True\)"
    ):
        layer(0, True)


def test_borders_and_scales_out_of_range_are_refused():
    with pytest.raises(ValueError, match="ZeroPad2D: expected p >= 0, got -1"):
        ZeroPad2D(-1)
    with pytest.raises(ValueError, match=r"ZeroPad2D: expected p >= 0, got \(0, 0, -1, 0\)"):
        ZeroPad2D((0, 0, -1, 0))
    with pytest.raises(
        ValueError, match=r"ZeroPad2D: expected p to be an integer or 4 of them, got \(1, 2\)"
    ):
        ZeroPad2D((1, 2))
    with pytest.raises(ValueError, match="Upsample2D: expected scale >= 1, got 0"):
        Upsample2D(0)
    with pytest.raises(
        TypeError, match=r"Upsample2D: expected scale to be an integer or 2 of them, got 1\.5"
    ):
        Upsample2D(1.5)
