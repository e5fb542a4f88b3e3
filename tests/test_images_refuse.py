"""What layers of images refuse, and how they show themselves."""

import numpy as np
import pytest

from layers import (
    AvgPool1D,
    AvgPool2D,
    Dropout2D,
    GlobalAvgPool,
    MaxPool1D,
    MaxPool2D,
    Permute,
    Reshape,
    Upsample2D,
    ZeroPad2D,
)

POOLS = [MaxPool1D, MaxPool2D, AvgPool1D, AvgPool2D]
every_pool = pytest.mark.parametrize("pool", POOLS)


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
