"""Is my answer right?   python -m pytest, or python -m pytest -k affine for one task.

forward is compared with a few numbers that can be worked out by hand, backward with forward.
"""

import numpy as np
import pytest

from gradcheck import assert_layer, assert_loss


def is_close(y, expected):
    np.testing.assert_allclose(y, expected, rtol=1e-6, atol=1e-9)


def test_affine_forward():
    from affine import Affine

    layer = Affine(2, 3)
    layer.params["W"][...] = [[1, 0], [0, 1], [2, 3]]
    layer.params["b"][...] = [0, 0, 10]
    is_close(layer.forward(np.array([[1.0, 2.0]])), [[1, 2, 18]])


def test_affine_backward():
    from affine import Affine

    assert_layer(Affine(4, 3, rng=0), (5, 4))


def test_relu_forward():
    from relu import ReLU

    is_close(ReLU().forward(np.array([-1.0, 0.0, 2.0])), [0, 0, 2])


def test_relu_backward():
    from relu import ReLU

    assert_layer(ReLU(), (4, 5))


def test_softmax_loss_forward():
    from softmax_loss import SoftmaxLoss

    scores = np.log([[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]])  # p is 1/8, 2/8, 5/8 and 1/4, 1/4, 1/2
    is_close(SoftmaxLoss().forward(scores, np.array([0, 2])), (np.log(8) + np.log(2)) / 2)


def test_softmax_loss_takes_large_scores():
    from softmax_loss import SoftmaxLoss

    is_close(SoftmaxLoss().forward(np.array([[1000.0, 0.0]]), np.array([1])), 1000)


def test_softmax_loss_backward():
    from softmax_loss import SoftmaxLoss

    assert_loss(SoftmaxLoss(), (5, 4), np.array([0, 3, 1, 1, 2]))


def test_dropout_drops_and_scales_while_training():
    from dropout import Dropout

    y = Dropout(0.25, rng=0).forward(np.ones((50, 40)))
    is_close(np.unique(y), [0, 1 / 0.75])
    assert 0.2 < (y == 0).mean() < 0.3


def test_dropout_does_nothing_in_evaluation():
    from dropout import Dropout

    is_close(Dropout(0.25).eval().forward(np.ones((5, 4))), np.ones((5, 4)))


@pytest.mark.parametrize("training", [True, False])
def test_dropout_backward(training):
    from dropout import Dropout

    layer = Dropout(0.25, rng=0)
    assert_layer(layer if training else layer.eval(), (5, 4))


def test_batchnorm_forward():
    from batchnorm import BatchNorm

    layer = BatchNorm(1, eps=3.0)
    is_close(layer.forward(np.array([[3.0], [5.0]])), [[-0.5], [0.5]])  # mean 4, var 1, sqrt(1 + 3) = 2
    is_close(layer.buffers["running_mean"], [0.4])  # 0.9 * 0 + 0.1 * 4
    is_close(layer.buffers["running_var"], [1.1])  # 0.9 * 1 + 0.1 * 2


def test_batchnorm_in_evaluation():
    from batchnorm import BatchNorm

    layer = BatchNorm(1, eps=3.0).eval()  # running mean 0 and var 1
    is_close(layer.forward(np.array([[3.0], [5.0]])), [[1.5], [2.5]])


@pytest.mark.parametrize("training", [True, False])
def test_batchnorm_backward(training):
    from batchnorm import BatchNorm

    layer = BatchNorm(3)
    assert_layer(layer if training else layer.eval(), (5, 3))


def test_layernorm_forward():
    from layernorm import LayerNorm

    x = np.array([[[3.0, 5.0], [10.0, 10.0]]])
    is_close(LayerNorm(2, eps=3.0).forward(x), [[[-0.5, 0.5], [0, 0]]])


def test_layernorm_backward():
    from layernorm import LayerNorm

    assert_layer(LayerNorm(5), (2, 3, 5))


def test_conv_forward():
    from conv import Conv

    layer = Conv(1, 1, 2)
    layer.params["W"][...] = [[1, 2], [3, 4]]
    layer.params["b"][...] = 100
    x = np.array([[1.0, 0, 0], [0, 0, 1]]).reshape(1, 1, 2, 3)
    is_close(layer.forward(x)[0, 0], [[101, 104]])


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 1)])
def test_conv_backward(stride, padding):
    from conv import Conv

    assert_layer(Conv(3, 4, 3, stride=stride, padding=padding, rng=0), (2, 3, 6, 5))


def test_maxpool_forward():
    from maxpool import MaxPool

    x = np.array([[1.0, 2, 3, 4], [5, 0, 0, 0]]).reshape(1, 1, 2, 4)
    is_close(MaxPool(2).forward(x)[0, 0], [[5, 4]])
    is_close(MaxPool(2, stride=1).forward(x)[0, 0], [[5, 3, 4]])


def test_maxpool_backward():
    from maxpool import MaxPool

    assert_layer(MaxPool(3, stride=2), (2, 3, 5, 8))


def test_maxpool_gives_a_tie_to_one():
    from maxpool import MaxPool

    layer = MaxPool(2)
    layer.forward(np.ones((1, 1, 2, 2)))
    is_close(layer.backward(np.ones((1, 1, 1, 1)))[0].sum(), 1)


def test_lstm_forward():
    from lstm import LSTM

    layer = LSTM(2, 1)
    for name, array in layer.params.items():
        array[...] = [0, 0, 1, 0] if name == "b" else 0  # i = f = o = 1/2, g = tanh(1)
    c = np.tanh(1) * np.array([1 / 2, 3 / 4])  # c_2 = c_1 / 2 + g / 2
    is_close(layer.forward(np.ones((1, 2, 2)))[0, :, 0], np.tanh(c) / 2)


def test_lstm_backward():
    from lstm import LSTM

    assert_layer(LSTM(3, 4, rng=0), (2, 5, 3))


def test_attention_forward():
    from attention import Attention

    layer = Attention(2, 2)
    layer.params["W_q"][...], layer.params["W_v"][...] = 0, np.eye(2)  # all scores 0: y is the mean of x
    is_close(layer.forward(np.array([[[1.0, 2], [3, 6]]])), [[[2, 4], [2, 4]]])


def test_attention_backward():
    from attention import Attention

    assert_layer(Attention(5, 3, rng=0), (2, 4, 5))


def test_adam_moves_by_lr_while_the_gradient_stays():
    from adam import Adam

    params = {"W": np.array([1.0, 2.0]), "b": np.array([3.0])}
    optimizer = Adam(params, lr=0.1)
    for t in (1, 2, 3):  # m_hat is g, and v_hat g²
        optimizer.step({"W": np.array([5.0, -0.5]), "b": np.array([2.0])})
        is_close(params["W"], [1 - 0.1 * t, 2 + 0.1 * t])
        is_close(params["b"], [3 - 0.1 * t])


def test_adam_adds_eps_to_the_root():
    from adam import Adam

    params = {"W": np.array([0.0])}
    Adam(params, lr=1.0, eps=4.0).step({"W": np.array([4.0])})
    is_close(params["W"], [-0.5])  # 4 / (4 + 4)


def test_adam_follows_the_gradient():
    from adam import Adam

    params = {"W": np.array([0.0])}
    optimizer = Adam(params, lr=1.0, beta1=0.5, beta2=0.5)
    optimizer.step({"W": np.array([4.0])})
    optimizer.step({"W": np.array([-2.0])})
    m, v = 0.5 * 2 - 0.5 * 2, 0.5 * 8 + 0.5 * 4
    is_close(optimizer.state()["m.W"], [m])
    is_close(optimizer.state()["v.W"], [v])
