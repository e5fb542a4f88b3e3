"""Normalisations and elementwise layers give the numbers of ONNX's node tests, stored beside them.

A docstring names the case. Where a convention differs, the test adapts the inputs in sight.
"""

import numpy as np
import pytest
from published import filled, legacy, single

from layers import (
    ELU,
    GELU,
    SELU,
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    PReLU,
    RMSNorm,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)

# --- ONNX: normalisation


def batchnorm_of_onnx():
    rng = legacy(0)
    x, gamma, beta, mean, var = rng.randn(2, 3, 4, 5), rng.randn(3), rng.randn(3), rng.randn(3), rng.rand(3)
    layer = filled(BatchNorm(3, momentum=0.1), gamma=gamma, beta=beta)  # ONNX: momentum 0.9, of the old
    layer.buffers["running_mean"][...] = mean
    layer.buffers["running_var"][...] = var
    return layer, x


def test_batch_normalisation_in_evaluation_mode_as_in_onnx():
    """ONNX node tests, batch_normalization.py, example"""
    layer, x = batchnorm_of_onnx()
    published = [
        [1.7700992, 1.5413879, 1.9264753],
        [1.9822564, 0.05035019, 1.2556005],
        [3.142577, 0.49420148, -4.373532],
    ]
    single(layer.eval().forward(x)[1, :, 2, :3], published)


def test_batch_normalisation_in_training_mode_as_in_onnx():
    """ONNX node tests, batch_normalization.py, example_training_mode"""
    layer, x = batchnorm_of_onnx()
    published = [
        [1.5805697, 1.3347429, 1.7486483],
        [-0.04300994, -1.6937164, -0.663897],
        [0.33655852, 0.07924603, -0.3936963],
    ]
    single(layer.forward(x)[1, :, 2, :3], published)
    single(layer.buffers["running_mean"], [-0.38078, 1.6881853, 0.6101426])
    n = 2 * 4 * 5
    biased = x.var(axis=(0, 2, 3))  # what ONNX takes in; we take in n / (n - 1) of it
    unlike = 0.1 * biased * (n / (n - 1) - 1)
    single(layer.buffers["running_var"] - unlike, [0.9624102, 0.8874446, 0.13474011])


@pytest.mark.parametrize(
    ("eps", "published"),
    [
        (
            1e-5,
            [
                [-0.21203896, -1.0340654],
                [-1.13278, -1.1510503],
                [0.9356667, -1.883341],
                [0.16291636, 0.83911633],
            ],
        ),
        (
            1e-2,
            [
                [-0.21355, -1.0314189],
                [-1.133022, -1.1511999],
                [0.9321188, -1.876512],
                [0.16389334, 0.8376043],
            ],
        ),
    ],
)
def test_group_normalisation_as_in_onnx(eps, published):
    """ONNX node tests, groupnormalization.py, example and epsilon"""
    rng = legacy(0)
    x, gamma, beta = rng.randn(3, 4, 2, 2), rng.randn(4), rng.randn(4)
    layer = filled(GroupNorm(2, 4, eps=eps), gamma=gamma, beta=beta)
    single(layer.forward(x)[2, :, 1], published)


def test_instance_normalisation_as_in_onnx():
    """ONNX node tests, instance_normalization.py, example and epsilon"""
    layer = filled(InstanceNorm(2, affine=True), gamma=[1, 1.5], beta=[0, 1])
    published = [[[[-1.2247356, 0, 1.2247356]], [[-0.8371035, 1, 2.8371034]]]]
    single(layer.forward(np.array([[[[-1.0, 0, 1]], [[2, 3, 4]]]])), published)
    rng = legacy(0)
    x, gamma, beta = (
        rng.randn(2, 3, 4, 5),
        rng.randn(3),
        rng.randn(3),
    )  # drawn anew: the example draws nothing
    layer = filled(InstanceNorm(3, affine=True, eps=1e-2), gamma=gamma, beta=beta)
    published = [
        [1.1577653, 1.0634851, 1.2114785],
        [-1.0296268, -0.21233538, -2.2968793],
        [-0.07042773, -0.03292667, -0.3184049],
    ]
    single(layer.forward(x)[1, :, 3, :3], published)


def test_layer_normalisation_over_one_axis_as_in_onnx():
    """ONNX node tests, layernormalization.py, 2d_axis1"""
    rng = legacy(0)
    x = rng.randn(3, 4)
    rng.randn(48)  # the cases before: axes 0 and -2, W and B (3, 4)
    layer = filled(LayerNorm(4), gamma=rng.randn(4), beta=rng.randn(4))
    published = [
        [-0.21967061, 0.07852867, -1.2084484, -1.7192436],
        [-0.7234887, 0.06466687, -2.0280533, 1.3806628],
        [0.83463955, -0.36187503, -1.1744938, -2.3834014],
    ]
    single(layer.forward(x), published)


def test_layer_normalisation_over_two_axes_as_in_onnx():
    """ONNX node tests, layernormalization.py, 3d_axis1_epsilon"""
    rng = legacy(0)
    x = rng.randn(2, 3, 5)
    rng.randn(120)  # the cases before: axes 0 and -3, W and B (2, 3, 5)
    layer = filled(LayerNorm((3, 5), eps=0.1), gamma=rng.randn(3, 5), beta=rng.randn(3, 5))
    published = [
        [0.837108, 0.7479743, -1.307854, 1.1135831, 0.39858615],
        [2.358915, 0.72243047, 0.29053354, 0.19936657, -1.7484682],
        [1.3300765, -1.0358648, -0.97813195, -0.36353174, -1.2090186],
    ]
    single(layer.forward(x)[1], published)


def test_root_mean_square_normalisation_as_in_onnx():
    """ONNX node tests, rmsnormalization.py, 2d_axis1 and 3d_axis1_epsilon; eps is 1e-5 by default there"""
    rng = legacy(0)
    x = rng.randn(3, 4)
    rng.randn(24)  # the cases before: axes 0 and -2, W (3, 4)
    layer = filled(RMSNorm(4, eps=1e-5), gamma=rng.randn(4))
    published = [
        [1.427057, 0.31636938, -0.24926776, -0.44543603],
        [1.9832929, -1.0142962, -0.31764838, 0.03949574],
        [-0.16692692, 0.6489611, -0.07333834, -0.5778935],
    ]
    single(layer.forward(x), published)
    rng = legacy(0)
    x = rng.randn(2, 3, 5)
    rng.randn(60)
    layer = filled(RMSNorm((3, 5), eps=0.1), gamma=rng.randn(3, 5))
    published = [
        [-0.10469165, 1.4213351, -0.03325215, 0.23793915, -0.23686282],
        [-1.4037825, 0.00534082, 1.2013693, -0.07329883, 0.71004695],
        [-2.1313376, -0.04799298, 0.18506809, 1.1563112, -1.3414211],
    ]
    single(layer.forward(x)[1], published)


# --- ONNX: elementwise and along an axis


@pytest.mark.parametrize(
    ("layer", "published"),
    [
        (ELU(2), [-1.2642411, 0, 1]),
        (GELU(), [-0.15865526, 0, 0.84134474]),
        (GELU(approximate="tanh"), [-0.158808, 0, 0.841192]),
        (LeakyReLU(0.1), [-0.1, 0, 1]),
        (Sigmoid(), [0.26894143, 0.5, 0.7310586]),
        (Softplus(), [0.31326166, 0.69314718, 1.31326163]),
        (Tanh(), [-0.76159418, 0, 0.76159418]),
        (Softmax(), [0.09003058, 0.24472848, 0.66524094]),
        (LogSoftmax(), [-2.4076061, -1.407606, -0.407606]),
    ],
    ids=repr,
)
def test_minus_one_zero_and_one_as_in_onnx(layer, published):
    """ONNX node tests: the examples of elu.py, gelu.py, leakyrelu.py, sigmoid.py, softplus.py and so on"""
    single(layer.forward(np.array([-1.0, 0, 1])), published)


@pytest.mark.parametrize(
    ("layer", "published"),
    [
        (ELU(), [-0.62366587, 0.95008844, -0.14045942, -0.0980705, 0.41059852]),
        (SELU(), [-1.0964665, 0.9982589, -0.24694161, -0.17241769, 0.43141627]),
        (GELU(), [-0.16048446, 0.78759134, -0.06657401, -0.04736658, 0.27071437]),
        (GELU(approximate="tanh"), [-0.16062921, 0.7874563, -0.06657418, -0.04736662, 0.2707061]),
        (LeakyReLU(), [-0.00977278, 0.95008844, -0.00151357, -0.00103219, 0.41059852]),
    ],
    ids=repr,
)
def test_normal_numbers_as_in_onnx(layer, published):
    """ONNX node tests: elu_default, selu_default, gelu_default_2, gelu_tanh_2, leakyrelu_default"""
    single(layer.forward(legacy(0).randn(3, 4, 5))[0, 1], published)


def test_prelu_as_in_onnx():
    """ONNX node tests, prelu.py, broadcast: one slope for each entry of the last axis, our axis 1"""
    rng = legacy(0)
    x, slopes = rng.randn(3, 4, 5), rng.randn(5)
    y = filled(PReLU(5), a=slopes).forward(x.swapaxes(1, 2)).swapaxes(1, 2)
    single(y[0, 1], [0.6571807, 0.95008844, 0.12307555, 0.17818491, 0.41059852])


def test_swish_as_in_onnx():
    """ONNX node tests, swish.py, alpha = 1: our SiLU"""
    single(SiLU().forward(np.array([3.0, 4, 5])), [2.8577223, 3.928055, 4.966536])


def test_softmax_of_large_numbers_as_in_onnx():
    """ONNX node tests, softmax.py and logsoftmax.py, large_number"""
    x = np.array([[0.0, 1, 2, 3], [10000, 10001, 10002, 10003]])
    single(Softmax().forward(x), [[0.032058604, 0.08714432, 0.23688284, 0.6439143]] * 2)
    single(LogSoftmax().forward(x), [[-3.4401896, -2.4401896, -1.4401896, -0.44018966]] * 2)


def test_softmax_along_another_axis_as_in_onnx():
    """ONNX node tests, softmax.py and logsoftmax.py, axis_0 and axis_1"""
    x = np.abs(legacy(0).randn(3, 4, 5))
    single(Softmax(axis=0).forward(x)[:, 1, 2], [0.2559613, 0.2652978, 0.4787409])
    single(Softmax(axis=1).forward(x)[1, :, 2], [0.2542138, 0.12914337, 0.2602194, 0.35642338])
    single(LogSoftmax(axis=1).forward(x)[1, :, 2], [-1.3695796, -2.046832, -1.34623, -1.031636])
