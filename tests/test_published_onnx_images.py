"""Layers of images give the numbers of ONNX's node tests, with the outputs stored beside them.

A docstring names the case. Where a convention differs, the test adapts the inputs in sight.
"""

import numpy as np
import pytest
from published import filled, image, legacy, single

from layers import (
    AvgPool1D,
    AvgPool2D,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    ConvTranspose2D,
    GlobalAvgPool,
    MaxPool1D,
    MaxPool2D,
    Upsample2D,
    ZeroPad2D,
)

# --- ONNX: convolutions


@pytest.mark.parametrize(
    ("H", "stride", "padding", "published"),
    [
        (5, 1, 0, [[54, 63, 72], [99, 108, 117], [144, 153, 162]]),
        (
            5,
            1,
            1,
            [
                [12, 21, 27, 33, 24],
                [33, 54, 63, 72, 51],
                [63, 99, 108, 117, 81],
                [93, 144, 153, 162, 111],
                [72, 111, 117, 123, 84],
            ],
        ),
        (7, 2, 1, [[12, 27, 24], [63, 108, 81], [123, 198, 141], [112, 177, 124]]),
        (7, 2, 0, [[54, 72], [144, 162], [234, 252]]),
        (7, 2, (1, 0), [[21, 33], [99, 117], [189, 207], [171, 183]]),
        (5, 2, 1, [[12, 27, 24], [63, 108, 81], [72, 117, 84]]),
    ],
    ids=["plain", "padding", "strides and padding", "strides", "padding along H", "same"],
)
def test_a_convolution_as_in_onnx(H, stride, padding, published):
    """ONNX node tests, conv.py"""
    layer = filled(Conv2D(1, 1, 3, stride=stride, padding=padding, bias=False), W=1)
    single(layer.forward(image(0, 1, 1, H, 5))[0, 0], published)


def test_a_causal_depthwise_convolution_as_in_onnx():
    """ONNX node tests, causal_conv_with_state.py, with_bias"""
    rng = legacy(0)
    x, W, b = rng.randn(2, 4, 8), rng.randn(4, 1, 4), rng.randn(4)
    layer = filled(Conv1D(4, 4, 4, padding=3, groups=4), W=W, b=b)
    y = layer.forward(x)[..., :8]  # ONNX pads in front alone
    single(
        y[1, 2],
        [1.570876, -0.03798917, 2.9861755, -1.735755, 1.8344829, -0.42939934, 1.0815368, 1.0368611],
    )


def test_a_transposed_convolution_over_time_as_in_onnx():
    """ONNX node tests, convtranspose.py, 1d"""
    layer = filled(ConvTranspose1D(1, 2, 3, bias=False), W=1)
    single(layer.forward(image(0, 1, 1, 3)), [[[0, 1, 3, 3, 2], [0, 1, 3, 3, 2]]])


FIRST = [0, 0, 1, 1, 3, 2, 2, 0]
SECOND = [3, 3, 7, 4, 9, 5, 5, 0]
THIRD = [6, 6, 13, 7, 15, 8, 8, 0]


@pytest.mark.parametrize(
    ("options", "published"),
    [
        (
            {},
            [
                [0, 1, 3, 3, 2],
                [3, 8, 15, 12, 7],
                [9, 21, 36, 27, 15],
                [9, 20, 33, 24, 13],
                [6, 13, 21, 15, 8],
            ],
        ),
        ({"stride": (3, 2), "output_padding": 1}, [*[FIRST] * 3, *[SECOND] * 3, *[THIRD] * 3, [0] * 8]),
        (
            {"stride": (3, 2), "padding": (1, 2)},
            [*[[1, 1, 3]] * 2, *[[7, 4, 9]] * 3, *[[13, 7, 15]] * 2],
        ),
    ],
    ids=["plain", "output padding", "padding"],
)
def test_a_transposed_convolution_as_in_onnx(options, published):
    """ONNX node tests, convtranspose.py: both output channels are alike"""
    layer = filled(ConvTranspose2D(1, 2, 3, bias=False, **options), W=1)
    y = layer.forward(image(0, 1, 1, 3, 3))
    single(y, [[published, published]])


def test_a_transposed_convolution_cut_to_twice_the_size_as_in_onnx():
    """ONNX node tests, convtranspose.py, autopad_same: SAME_UPPER cuts the last row and column"""
    layer = filled(ConvTranspose2D(1, 2, 3, stride=2, bias=False), W=1)
    published = [
        [0, 0, 1, 1, 3, 2],
        [0, 0, 1, 1, 3, 2],
        [3, 3, 8, 5, 12, 7],
        [3, 3, 7, 4, 9, 5],
        [9, 9, 20, 11, 24, 13],
        [6, 6, 13, 7, 15, 8],
    ]
    y = layer.forward(image(0, 1, 1, 3, 3))
    single(y[..., :-1, :-1], [[published, published]])


def test_a_dilated_transposed_convolution_as_in_onnx():
    """ONNX node tests, convtranspose.py, dilations"""
    layer = filled(ConvTranspose2D(1, 1, 2, dilation=2, bias=False), W=[[7, 2], [1, 9]])
    published = [
        [21, 56, 13, 16, 2],
        [63, 35, 67, 10, 14],
        [24, 22, 76, 76, 21],
        [9, 5, 88, 45, 63],
        [3, 2, 33, 18, 54],
    ]
    single(layer.forward(np.array([[[[3.0, 8, 1], [9, 5, 7], [3, 2, 6]]]]))[0, 0], published)


def test_a_transposed_convolution_in_groups_as_in_onnx():
    """ONNX node tests, convtranspose.py, group_2_image_3"""
    layer = filled(ConvTranspose2D(2, 2, 3, groups=2, bias=False), W=1)
    low, middle, high = image(0, 3, 3), image(9, 3, 3), image(18, 3, 3)
    y = layer.forward(np.array([[low, middle], [high, middle], [low, middle]]))
    published_low = [
        [0, 1, 3, 3, 2],
        [3, 8, 15, 12, 7],
        [9, 21, 36, 27, 15],
        [9, 20, 33, 24, 13],
        [6, 13, 21, 15, 8],
    ]
    published_middle = [
        [9, 19, 30, 21, 11],
        [21, 44, 69, 48, 25],
        [36, 75, 117, 81, 42],
        [27, 56, 87, 60, 31],
        [15, 31, 48, 33, 17],
    ]
    published_high = [
        [18, 37, 57, 39, 20],
        [39, 80, 123, 84, 43],
        [63, 129, 198, 135, 69],
        [45, 92, 141, 96, 49],
        [24, 49, 75, 51, 26],
    ]
    published = [[published_low, published_middle], [published_high, published_middle]]
    single(y, [*published, published[0]])


# --- ONNX: pooling and resizing


def test_average_pooling_as_in_onnx():
    """ONNX node tests, averagepool.py, pads_count_include_pad, precomputed_strides, 1d_default, 2d_strides"""
    published = [
        [2.52, 3.6, 4.8, 4.08, 3.24],
        [4.56, 6.4, 8.4, 7.04, 5.52],
        [7.2, 10, 13, 10.8, 8.4],
        [6.96, 9.6, 12.4, 10.24, 7.92],
        [6.12, 8.4, 10.8, 8.88, 6.84],
    ]
    single(AvgPool2D(5, stride=1, padding=2).forward(image(1, 1, 1, 5, 5))[0, 0], published)
    single(AvgPool2D(2).forward(image(1, 1, 1, 5, 5))[0, 0], [[4, 6], [14, 16]])
    single(
        AvgPool1D(2, stride=1).forward(legacy(0).randn(1, 3, 32))[0, 2, -5:],
        [0.40963405, 0.71536, 0.592457, 0.6665027, 0.5314698],
    )
    single(
        AvgPool2D(5, stride=3).forward(legacy(0).randn(1, 3, 32, 32))[0, 2, 9, :5],
        [-0.1078315, -0.25818726, -0.04700816, -0.18960524, -0.45070747],
    )


@pytest.mark.parametrize(
    ("kernel", "stride", "published"),
    [
        (
            5,
            1,
            [
                [7, 7.5, 8, 8.5, 9],
                [9.5, 10, 10.5, 11, 11.5],
                [12, 12.5, 13, 13.5, 14],
                [14.5, 15, 15.5, 16, 16.5],
                [17, 17.5, 18, 18.5, 19],
            ],
        ),
        (3, 2, [[4, 5.5, 7], [11.5, 13, 14.5], [19, 20.5, 22]]),
    ],
    ids=["pads", "same_upper"],
)
def test_average_pooling_that_leaves_padding_out_as_in_onnx(kernel, stride, published):
    """ONNX node tests, averagepool.py, precomputed_pads and _same_upper: its usual mean counts x alone"""
    pool = AvgPool2D(kernel, stride=stride, padding=kernel // 2)
    inside = pool.forward(np.ones((1, 1, 5, 5)))  # the share of each window that is no padding
    single((pool.forward(image(1, 1, 1, 5, 5)) / inside)[0, 0], published)


def test_pooling_with_wide_padding_as_in_onnx():
    """ONNX node tests, averagepool.py and maxpool.py, 2d_pads: padding of 2 for a kernel of 3"""
    x = legacy(0).randn(1, 3, 28, 28)
    y = AvgPool2D(3, stride=1).forward(ZeroPad2D(2).forward(x))  # more than half the kernel is a step apart
    single(y[0, 1, 0, :4], [0.05298871, 0.06948311, 0.12826592, 0.12223593])
    y = MaxPool2D(3, stride=1).forward(np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), constant_values=-np.inf))
    single(y[0, 1, 0, :4], [0.47689837, 0.47689837, 0.5290452, 0.5290452])


def test_max_pooling_as_in_onnx():
    """ONNX node tests, maxpool.py: 2d_precomputed_pads, _strides and _same_upper; 1d_default, 2d_strides"""
    published = [
        [13, 14, 15, 15, 15],
        [18, 19, 20, 20, 20],
        [23, 24, 25, 25, 25],
        [23, 24, 25, 25, 25],
        [23, 24, 25, 25, 25],
    ]
    x = image(1, 1, 1, 5, 5)
    single(MaxPool2D(5, stride=1, padding=2).forward(x)[0, 0], published)
    single(MaxPool2D(2).forward(x)[0, 0], [[7, 9], [17, 19]])
    single(MaxPool2D(3, stride=2, padding=1).forward(x)[0, 0], [[7, 9, 10], [17, 19, 20], [22, 24, 25]])
    single(
        MaxPool1D(2, stride=1).forward(legacy(0).randn(1, 3, 32))[0, 2, -5:],
        [1.222445, 1.222445, 0.97663903, 0.97663903, 0.7065732],
    )
    single(
        MaxPool2D(5, stride=3).forward(legacy(0).randn(1, 3, 32, 32))[0, 2, 9, :5],
        [2.3602285, 2.1600132, 2.1600132, 1.9677297, 0.8997308],
    )


@pytest.mark.parametrize(
    ("pool", "winners"),
    [
        (
            MaxPool2D(5, stride=1, padding=2),
            [
                [12, 13, 14, 14, 14],
                [17, 18, 19, 19, 19],
                [22, 23, 24, 24, 24],
                [22, 23, 24, 24, 24],
                [22, 23, 24, 24, 24],
            ],
        ),
        (MaxPool2D(2), [[6, 8], [16, 18]]),  # ONNX has them by columns, [[6, 16], [8, 18]]
    ],
    ids=["pads", "strides"],
)
def test_max_pooling_hands_the_gradient_to_the_published_winners(pool, winners):
    """ONNX node tests, maxpool.py, with_argmax_2d_precomputed_pads and _strides"""
    y = pool.forward(image(1, 1, 1, 5, 5))
    upstream = image(1, *y.shape)
    dx, _ = pool.backward(upstream)
    published = np.zeros(25)
    np.add.at(published, np.ravel(winners), upstream.ravel())
    single(dx.ravel(), published)


def test_global_average_pooling_as_in_onnx():
    """ONNX node tests, globalaveragepool.py (which leaves axes of 1 behind)"""
    single(GlobalAvgPool().forward(image(1, 1, 1, 3, 3)), [[5]])
    y = GlobalAvgPool().forward(legacy(0).randn(1, 3, 5, 5))
    single(y, [[0.47517386, -0.1940553, -0.28326008]])


def test_upsampling_as_in_onnx():
    """ONNX node tests, upsample.py, nearest, and resize.py, upsample_scales_nearest"""
    published = [[1, 1, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2], [3, 3, 3, 4, 4, 4], [3, 3, 3, 4, 4, 4]]
    single(Upsample2D((2, 3)).forward(image(1, 1, 1, 2, 2))[0, 0], published)
