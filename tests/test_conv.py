"""Convolutions: values worked by hand, loops that spell the definition out, and memory, dtypes, starts."""

import math
from itertools import product

import numpy as np
import pytest
from convolutions import PAIRS, close, equal, every_layer, image, line, set_to

from layers import Affine, Conv1D, Conv2D, ConvTranspose1D, ConvTranspose2D, Flatten, conv


@pytest.fixture
def rng():
    return np.random.default_rng(3)


# --- by hand


def test_conv1d_by_hand():
    layer = set_to(Conv1D(1, 1, 3), [1, 2, -1], 10)
    equal(layer.forward(line(1, 2, 3, 4, 5)), line(1 + 4 - 3 + 10, 2 + 6 - 4 + 10, 3 + 8 - 5 + 10))
    dx, grads = layer.backward(line(1, 10, 100))
    equal(dx, line(1, 2 + 10, -1 + 20 + 100, -10 + 200, -100))
    equal(grads["W"], line(1 + 20 + 300, 2 + 30 + 400, 3 + 40 + 500))
    equal(grads["b"], np.array([111.0]))


def test_conv1d_with_stride_padding_and_dilation_by_hand():
    x = line(1, 2, 3, 4, 5)
    equal(set_to(Conv1D(1, 1, 2, stride=2), [1, 10]).forward(x), line(21, 43))  # the 5 is left over
    equal(set_to(Conv1D(1, 1, 2, padding=1), [1, 10]).forward(x), line(10, 21, 32, 43, 54, 5))
    equal(set_to(Conv1D(1, 1, 2, dilation=3), [1, 10]).forward(x), line(41, 52))


def test_conv2d_by_hand():
    layer = set_to(Conv2D(1, 1, 2), [[1, 2], [3, 4]])
    y = layer.forward(image([1, 2, 3], [4, 5, 6], [7, 8, 9]))
    equal(y, image([1 + 4 + 12 + 20, 2 + 6 + 15 + 24], [4 + 10 + 21 + 32, 5 + 12 + 24 + 36]))
    dx, grads = layer.backward(image([1, 0], [0, 10]))  # the kernel once as it is, once tenfold, overlapping
    equal(dx, image([1, 2, 0], [3, 4 + 10, 20], [0, 30, 40]))
    equal(grads["W"], image([1 + 50, 2 + 60], [4 + 80, 5 + 90]))
    equal(grads["b"], np.array([11.0]))


def test_conv2d_takes_the_kernel_as_it_is_not_flipped():
    layer = set_to(Conv2D(1, 1, (1, 2), bias=False), [[1, 100]])
    equal(layer.forward(image([3, 4])), image([403]))


def test_entries_that_no_window_reaches_have_no_gradient():
    layer = set_to(Conv1D(1, 1, 2, stride=3), [5, 7])
    layer.forward(line(1, 2, 3, 4, 5, 6, 7))
    equal(layer.backward(line(1, 1))[0], line(5, 7, 0, 5, 7, 0, 0))


def test_conv_transpose1d_by_hand():
    layer = set_to(ConvTranspose1D(1, 1, 3, stride=2), [1, 2, 3])
    equal(layer.forward(line(1, 10)), line(1, 2, 3 + 10, 20, 30))
    dx, grads = layer.backward(line(1, 2, 3, 4, 5))
    equal(dx, line(1 + 4 + 9, 3 + 8 + 15))
    equal(grads["W"], line(1 + 30, 2 + 40, 3 + 50))
    equal(grads["b"], np.array([15.0]))


def test_padding_of_a_transposed_convolution_cuts_and_output_padding_adds_at_the_end():
    x, W = line(1, 10), [1, 2, 3]
    equal(set_to(ConvTranspose1D(1, 1, 3, stride=2, padding=1), W).forward(x), line(2, 13, 20))
    layer = set_to(ConvTranspose1D(1, 1, 3, stride=2, padding=1, output_padding=1), W, 100)
    equal(layer.forward(x), line(102, 113, 120, 130))
    layer = set_to(ConvTranspose1D(1, 1, 3, stride=2, output_padding=1), W, 100)
    equal(layer.forward(x), line(101, 102, 113, 120, 130, 100))  # no x reaches the last entry: it is the bias


def test_output_padding_may_exceed_the_stride_where_dilation_does():
    layer = set_to(ConvTranspose1D(1, 1, 2, dilation=3, output_padding=2), [1, 10])
    equal(layer.forward(line(1, 2)), line(1, 2, 0, 10, 20, 0, 0))
    dx, grads = layer.backward(line(1, 2, 3, 4, 5, 6, 7))
    equal(dx, line(1 + 40, 2 + 50))
    equal(grads["W"], line(1 + 4, 4 + 10))


def test_conv_transpose2d_by_hand():
    layer = set_to(ConvTranspose2D(1, 1, 2), [[1, 2], [3, 4]], 100)
    equal(layer.forward(image([1, 10])), image([101, 112, 120], [103, 134, 140]))
    dx, grads = layer.backward(image([1, 0, 0], [0, 0, 1]))
    equal(dx, image([1, 4]))
    equal(grads["W"], image([1, 0], [0, 10]))


def test_conv2d_gives_the_published_values():
    """The check of the convolution in Stanford's cs231n, assignment 2."""
    layer = Conv2D(3, 3, 4, stride=2, padding=1)
    set_to(layer, np.linspace(-0.2, 0.3, 144).reshape(3, 3, 4, 4), np.linspace(-0.1, 0.2, 3))
    y = layer.forward(np.linspace(-0.1, 0.5, 96).reshape(2, 3, 4, 4))
    published = [-0.08759809, -0.10987781, -0.18387192, -0.2109216, 0.21027089, 0.21661097, 0.22847626,
                 0.23004637, 0.50813986, 0.54309974, 0.64082444, 0.67101435, -0.98053589, -1.03143541,
                 -1.19128892, -1.24695841, 0.69108355, 0.66880383, 0.59480972, 0.56776003, 2.36270298,
                 2.36904306, 2.38090835, 2.38247847]  # fmt: skip
    np.testing.assert_allclose(y, np.reshape(published, (2, 3, 2, 2)), atol=1e-8)


# --- by other routes


def by_loops(layer, x, upstream):
    """y, dx, dW and db of a Conv2D, one multiplication at a time."""
    (sh, sw), (ph, pw), (dh, dw), groups = layer.slide[1:]
    W, b = layer.params["W"], layer.params["b"]
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    y, dpadded, dW = np.zeros(upstream.shape), np.zeros(padded.shape), np.zeros(W.shape)
    db = np.zeros(b.shape)
    outs, ins = W.shape[0] // groups, W.shape[1]
    for n, o, i, j in np.ndindex(y.shape):
        y[n, o, i, j] = b[o]
        db[o] += upstream[n, o, i, j]
        for c, k, l in product(*map(range, W.shape[1:])):  # noqa: E741
            at = n, o // outs * ins + c, i * sh + k * dh, j * sw + l * dw
            y[n, o, i, j] += W[o, c, k, l] * padded[at]
            dpadded[at] += W[o, c, k, l] * upstream[n, o, i, j]
            dW[o, c, k, l] += padded[at] * upstream[n, o, i, j]
    return y, dpadded[:, :, ph : ph + x.shape[2], pw : pw + x.shape[3]], dW, db


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_conv2d_is_its_definition_in_loops(groups, rng):
    layer = Conv2D(4, 8, (3, 2), stride=(2, 3), padding=(2, 1), dilation=(1, 2), groups=groups, rng=rng)
    set_to(layer, layer.params["W"], rng.standard_normal(8))
    x = rng.standard_normal((2, 4, 6, 7))
    y = layer.forward(x)
    upstream = rng.standard_normal(y.shape)
    dx, grads = layer.backward(upstream)
    expected = by_loops(layer, x, upstream)
    assert y.shape == (2, 8, 4, 3)
    for ours, theirs in zip((y, dx, grads["W"], grads["b"]), expected, strict=True):
        close(ours, theirs)


@pytest.mark.parametrize(("conv", "transposed"), PAIRS)
@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2, "padding": 1}, {"stride": 3, "dilation": 2, "groups": 2}, {"padding": 2, "groups": 4}],
)
def test_a_transposed_convolution_is_the_adjoint_of_the_convolution(conv, transposed, options, rng):
    sizes = (11, 8)[: conv.axes]
    forth = conv(4, 8, 3, bias=False, rng=rng, dtype=np.float64, **options)
    x = rng.standard_normal((2, 4, *sizes))
    y = forth.forward(x)
    stride, span = options.get("stride", 1), 2 * options.get("dilation", 1) + 1
    left_over = tuple((n + 2 * options.get("padding", 0) - span) % stride for n in sizes)
    back = transposed(8, 4, 3, bias=False, dtype=np.float64, output_padding=left_over, **options)
    back.params["W"][...] = forth.params["W"]
    u = rng.standard_normal(y.shape)
    np.testing.assert_allclose((y * u).sum(), (x * back.forward(u)).sum(), rtol=1e-12)
    dx, grads = forth.backward(u)
    close(back.forward(u), dx)
    du, grads_back = back.backward(x)
    close(du, y)
    close(grads_back["W"], grads["W"])


@pytest.mark.parametrize(("one", "two"), [(Conv1D, Conv2D), (ConvTranspose1D, ConvTranspose2D)])
def test_one_axis_is_two_axes_with_one_of_length_1(one, two, rng):
    narrow = one(2, 4, 3, stride=2, padding=1, dilation=2, groups=2, rng=rng, dtype=np.float64)
    wide = two(2, 4, (1, 3), stride=(1, 2), padding=(0, 1), dilation=(1, 2), groups=2, dtype=np.float64)
    wide.params["W"][:, :, 0] = narrow.params["W"]
    x = rng.standard_normal((3, 2, 8))
    y = narrow.forward(x)
    close(y[:, :, None], wide.forward(x[:, :, None]))
    upstream = rng.standard_normal(y.shape)
    (dx, grads), (dx_wide, grads_wide) = narrow.backward(upstream), wide.backward(upstream[:, :, None])
    close(dx[:, :, None], dx_wide)
    close(grads["W"][:, :, None], grads_wide["W"])
    close(grads["b"], grads_wide["b"])


def test_a_kernel_of_one_pixel_is_affine_at_each_pixel(rng):
    conv = Conv2D(3, 5, 1, rng=rng, dtype=np.float64)
    affine = set_to(Affine(3, 5), conv.params["W"][:, :, 0, 0])
    x = rng.standard_normal((2, 3, 4, 6))
    close(conv.forward(x), np.moveaxis(affine.forward(np.moveaxis(x, 1, -1)), -1, 1))


def test_a_kernel_as_large_as_the_image_is_affine_on_the_flat_image(rng):
    conv = Conv2D(3, 5, (4, 6), rng=rng, dtype=np.float64)
    affine = set_to(Affine(72, 5), conv.params["W"].reshape(5, 72))
    x = rng.standard_normal((2, 3, 4, 6))
    close(conv.forward(x)[:, :, 0, 0], affine.forward(Flatten().forward(x)))


@pytest.mark.parametrize("kind", [Conv2D, ConvTranspose2D])
def test_groups_are_convolutions_side_by_side(kind, rng):
    whole = kind(4, 6, (2, 3), groups=2, rng=rng, dtype=np.float64)
    halves = [kind(2, 3, (2, 3), dtype=np.float64) for _ in "ab"]
    for half, W in zip(halves, np.split(whole.params["W"], 2), strict=True):
        half.params["W"][...] = W
    x = rng.standard_normal((2, 4, 5, 7))
    parts = [half.forward(part) for half, part in zip(halves, np.split(x, 2, axis=1), strict=True)]
    close(whole.forward(x), np.concatenate(parts, axis=1))


def test_a_shifted_image_gives_a_shifted_image(rng):
    layer = Conv2D(2, 3, (3, 2), rng=rng, dtype=np.float64)
    x = rng.standard_normal((1, 2, 7, 8))
    close(layer.forward(x[:, :, 2:, 1:]), layer.forward(x)[:, :, 2:, 1:])


# --- memory, dtypes, starts


@pytest.mark.parametrize("kind", [Conv2D, ConvTranspose2D])
def test_channels_last_memory_and_broadcast_upstreams_are_taken(kind, rng):
    layer = kind(3, 4, (3, 2), stride=2, padding=1, rng=rng, dtype=np.float64)
    x = rng.standard_normal((2, 5, 7, 3)).transpose(0, 3, 1, 2)
    y = layer.forward(np.ascontiguousarray(x))
    dx, grads = layer.backward(np.ones(y.shape))
    close(layer.forward(x), y)
    dx_again, grads_again = layer.backward(np.broadcast_to(np.float64(1), y.shape))
    close(dx_again, dx)
    close(grads_again["W"], grads["W"])
    close(layer.forward(np.repeat(x, 2, axis=3)[..., ::-2]), layer.forward(x[..., ::-1].copy()))


@every_layer
def test_what_forward_keeps_is_x_itself(kind, rng):
    layer = kind(2, 3, 3, padding=1, rng=rng)
    x = rng.standard_normal((2, 2, *(5, 6)[: kind.axes]))
    layer.forward(x)
    assert any(kept is x for kept in layer.cache)
    assert sum(kept.nbytes for kept in layer.cache if isinstance(kept, np.ndarray)) == x.nbytes


@every_layer
@pytest.mark.parametrize("entries", [1, 200])
def test_a_batch_in_blocks_gives_what_it_gives_at_once(kind, entries, rng, monkeypatch):
    layer = kind(4, 6, 3, stride=2, padding=1, groups=2, rng=rng, dtype=np.float64)
    x = rng.standard_normal((7, 4, *(5, 6)[: kind.axes]))
    y = layer.forward(x)
    upstream = rng.standard_normal(y.shape)
    dx, grads = layer.backward(upstream)
    monkeypatch.setattr(conv, "ENTRIES", entries)
    close(layer.forward(x), y)
    dx_in_blocks, grads_in_blocks = layer.backward(upstream)
    close(dx_in_blocks, dx)
    close(grads_in_blocks["W"], grads["W"])


@every_layer
def test_a_dx_that_nobody_needs_is_skipped(kind, rng):
    layer = kind(2, 3, 2, rng=rng)
    y = layer.forward(rng.standard_normal((2, 2, *(5, 6)[: kind.axes])))
    _, grads = layer.backward(y)
    layer.input_grad = False
    dx, same_grads = layer.backward(y)
    assert dx is None
    for name, grad in grads.items():
        equal(same_grads[name], grad)


@every_layer
def test_an_empty_batch_passes_through(kind):
    layer = kind(4, 6, 2, groups=2, rng=0)
    x = np.ones((0, 4, *(5, 6)[: kind.axes]), np.float32)
    y = layer.forward(x)
    assert y.shape[:2] == (0, 6)
    dx, grads = layer.backward(y)
    assert dx.shape == x.shape
    assert not grads["W"].any()
    assert not grads["b"].any()


@every_layer
def test_images_of_bytes_do_not_overflow(kind):
    layer = kind(1, 1, 2, init="ones")
    y = layer.forward(np.full((1, 1, *(2, 2)[: kind.axes]), 255, np.uint8))
    assert y.dtype == np.float32
    assert y.max() == 255 * 2**kind.axes


def test_w_starts_with_variance_2_over_fan_in(rng):
    W = Conv2D(8, 200, (3, 5), groups=2, rng=rng).params["W"]
    assert W.shape == (200, 4, 3, 5)
    assert W.std() == pytest.approx(math.sqrt(2 / (4 * 3 * 5)), rel=0.02)
    W = ConvTranspose2D(200, 8, (3, 5), groups=2, rng=rng).params["W"]
    assert W.shape == (200, 4, 3, 5)
    assert W.std() == pytest.approx(math.sqrt(2 / (4 * 3 * 5)), rel=0.02)


@every_layer
def test_starts_are_repeatable_and_chosen_by_arguments(kind):
    first, again = (kind(2, 3, 3, rng=5) for _ in "ab")
    equal(first.params["W"], again.params["W"])
    assert not first.params["b"].any()
    assert {array.dtype for array in first.params.values()} == {np.dtype(np.float32)}
    exact = kind(2, 3, 3, rng=5, dtype=np.float64)
    assert {array.dtype for array in exact.params.values()} == {np.dtype(np.float64)}
    layer = kind(2, 3, 3, init="zeros", bias=False, dtype=np.float64)
    assert list(layer.params) == ["W"]
    equal(layer.params["W"], np.zeros(first.params["W"].shape))


def test_repr_shows_what_is_unusual():
    assert repr(Conv2D(3, 8, (3, 5), stride=2, padding=1)) == (
        "Conv2D(3 -> 8, kernel_size=(3, 5), stride=2, padding=1)"
    )
    assert repr(Conv1D(4, 4, 3, groups=4, bias=False)) == (
        "Conv1D(4 -> 4, kernel_size=3, groups=4, bias=False)"
    )
    assert repr(ConvTranspose2D(4, 6, 3, stride=(2, 1), output_padding=(1, 0), dilation=2, groups=2)) == (
        "ConvTranspose2D(4 -> 6, kernel_size=3, stride=(2, 1), output_padding=(1, 0), dilation=2, groups=2)"
    )
