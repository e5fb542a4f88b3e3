"""What convolutions refuse: sizes, options, images and upstreams."""

import numpy as np
import pytest
from convolutions import equal, every_layer

from layers import Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D


@every_layer
@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((0, 2, 3), {}, r"expected in_channels >= 1, got 0"),
        ((2, 0, 3), {}, r"expected out_channels >= 1, got 0"),
        ((2, 2, 0), {}, r"expected kernel_size >= 1, got 0"),
        ((2, 2, 3), {"stride": 0}, r"expected stride >= 1, got 0"),
        ((2, 2, 3), {"padding": -1}, r"expected padding >= 0, got -1"),
        ((2, 2, 3), {"dilation": 0}, r"expected dilation >= 1, got 0"),
        ((2, 2, 3), {"groups": 0}, r"expected groups >= 1, got 0"),
        (
            (4, 6, 3),
            {"groups": 4},
            r"groups to divide in_channels and out_channels, got groups=4 for 4 -> 6; choose a divisor of 2",
        ),
        (
            (3, 6, 3),
            {"groups": 2},
            r"groups to divide in_channels and out_channels, got groups=2 for 3 -> 6; choose a divisor of 3",
        ),
    ],
)
def test_sizes_that_make_no_layer_are_refused(kind, sizes, options, message):
    with pytest.raises(ValueError, match=rf"^{kind.__name__}: .*{message}"):
        kind(*sizes, **options)


@every_layer
def test_what_is_no_size_is_refused(kind):
    with pytest.raises(
        TypeError, match=rf"{kind.__name__}: expected kernel_size to be an integer.*, got 2.5"
    ):
        kind(2, 3, 2.5)
    with pytest.raises(ValueError, match=r"expected stride to be an integer.*, got \(1, 2, 3\)"):
        kind(2, 3, 2, stride=(1, 2, 3))
    with pytest.raises(TypeError, match=r"expected groups to be an integer, got 1.5"):
        kind(2, 3, 2, groups=1.5)
    with pytest.raises(TypeError, match=r"expected groups to be an integer, got \(2,\)"):
        kind(2, 4, 2, groups=(2,))
    with pytest.raises(TypeError, match=r"expected out_channels to be an integer, got \[3\]"):
        kind(2, [3], 2)


@every_layer
def test_true_is_no_size(kind):
    with pytest.raises(TypeError, match=rf"{kind.__name__}: expected padding to be an integer.*, got True"):
        kind(2, 3, 2, padding=True)
    with pytest.raises(TypeError, match=rf"{kind.__name__}: expected in_channels to be an integer, got True"):
        kind(True, 3, 2)


@every_layer
def test_sizes_may_be_small_numpy_integers_that_would_overflow(kind):
    small = kind(np.int16(600), np.int16(300), np.uint8(3), groups=np.uint8(100), rng=0)
    plain = kind(600, 300, 3, groups=100, rng=0)
    assert repr(small) == repr(plain)
    equal(small.params["W"], plain.params["W"])


@pytest.mark.parametrize("kind", [Conv2D, ConvTranspose2D])
def test_another_rank_or_number_of_channels_is_refused(kind):
    layer = kind(2, 3, 2)
    for shape in ((2, 4, 5), (1, 3, 4, 5), (1, 4, 5, 2), (1, 1, 2, 4, 5)):
        with pytest.raises(
            ValueError, match=rf"{kind.__name__}\(2 -> 3, .*expected x of shape \(N, 2, H, W\), "
        ):
            layer.forward(np.ones(shape))
    with pytest.raises(TypeError, match=r"expected x to be a NumPy array, got list"):
        layer.forward([[1.0]])


@pytest.mark.parametrize("kind", [Conv1D, ConvTranspose1D])
def test_another_rank_is_refused_of_sequences(kind):
    with pytest.raises(ValueError, match=r"expected x of shape \(N, 2, L\), got \(1, 5, 2\)"):
        kind(2, 3, 2).forward(np.ones((1, 5, 2)))


@every_layer
def test_images_without_a_pixel_are_refused(kind):
    layer = kind(2, 3, 2, padding=0 if "Transpose" in kind.__name__ else 3)
    with pytest.raises(ValueError, match=r"expected x with entries along every spatial axis, got \(1, 2, 0"):
        layer.forward(np.ones((1, 2, *(0, 5)[: kind.axes])))


def test_a_kernel_larger_than_the_padded_image_is_refused():
    Conv2D(1, 1, (5, 2), padding=(1, 0)).forward(np.ones((1, 1, 3, 2)))
    layer = Conv2D(1, 1, (3, 2), dilation=(2, 1), padding=(0, 1))
    with pytest.raises(
        ValueError,
        match=r"Conv2D\(1 -> 1, .*a padded input of at least \(5, 2\), the kernel's span, got \(4, 5\)",
    ):
        layer.forward(np.ones((1, 1, 4, 3)))


@pytest.mark.parametrize("kind", [ConvTranspose1D, ConvTranspose2D])
def test_an_output_padding_of_a_stride_or_more_is_refused(kind):
    kind(1, 1, 2, stride=2, dilation=3, output_padding=2)
    with pytest.raises(
        ValueError,
        match=rf"{kind.__name__}: expected output_padding below the larger of stride and dilation, \(3,.*"
        r"got \(3,.*choose at most \(2,",
    ):
        kind(1, 1, 2, stride=2, dilation=3, output_padding=3)
    with pytest.raises(ValueError, match=r"expected output_padding >= 0, got -1"):
        kind(1, 1, 2, output_padding=-1)


def test_padding_that_leaves_no_output_is_refused():
    layer = ConvTranspose2D(1, 1, 2, padding=(1, 0))
    with pytest.raises(
        ValueError,
        match=r"an output of at least 1 along every axis, got \(0, 4\) from x of shape \(2, 1, 1, 3\); "
        r"use less padding",
    ):
        layer.forward(np.ones((2, 1, 1, 3)))


@every_layer
def test_an_upstream_of_the_inputs_size_is_refused(kind):
    layer = kind(2, 2, 3)
    x = np.ones((1, 2, *(5, 6)[: kind.axes]))
    y = layer.forward(x)
    with pytest.raises(
        ValueError, match=rf"expected upstream of shape \({', '.join(map(str, y.shape))}\), got"
    ):
        layer.backward(x)
