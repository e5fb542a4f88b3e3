"""Pooling by hand and by naive loops."""

from itertools import product

import numpy as np
import pytest
from small_images import dot, image, pull, sequence

from layers import AvgPool1D, AvgPool2D, GlobalAvgPool, MaxPool1D, MaxPool2D, Upsample2D, ZeroPad2D


@pytest.fixture
def rng():
    return np.random.default_rng(5)


# --- by hand


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


# --- by loops


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
