"""Layers, losses and update rules give the numbers of the notebooks of cs231n, Stanford's course.

A docstring names the notebook. Where a convention differs, the test adapts the inputs in sight.
"""

import numpy as np
import pytest
from published import filled, legacy, printed, reordered, spaced, stepped

from layers import (
    LSTM,
    RNN,
    Affine,
    BatchNorm,
    Conv2D,
    Dropout,
    Embedding,
    LSTMCell,
    MaxPool2D,
    MultiHeadAttention,
    PositionalEncoding,
    ReLU,
    RNNCell,
    Sequential,
)
from losses import MulticlassHinge, SoftmaxCrossEntropy
from optim import SGD, Adam, RMSProp

# --- cs231n, assignments 1 and 2: W is (in, out) there, ours is its transpose


def test_affine_as_in_cs231n():
    """cs231n, FullyConnectedNets.ipynb, affine_forward (which flattens its input)"""
    x = spaced(-0.1, 0.5, 2, 4 * 5 * 6)
    layer = filled(Affine(120, 3), W=spaced(-0.2, 0.3, 120, 3).T, b=spaced(-0.3, 0.1, 3))
    published = [[1.49834967, 1.70660132, 1.91485297], [3.25553199, 3.5141327, 3.77273342]]
    printed(layer.forward(x), published, 8)


def test_relu_as_in_cs231n():
    """cs231n, FullyConnectedNets.ipynb, relu_forward"""
    published = [[0, 0, 0, 0], [0, 0, 0.04545455, 0.13636364], [0.22727273, 0.31818182, 0.40909091, 0.5]]
    printed(ReLU().forward(spaced(-0.5, 0.5, 3, 4)), published, 8)


def two_layers(W1, b1, W2, b2):
    (D, H), (_, C) = W1.shape, W2.shape
    return Sequential(filled(Affine(D, H), W=W1.T, b=b1), ReLU(), filled(Affine(H, C), W=W2.T, b=b2))


def test_a_two_layer_network_as_in_cs231n():
    """cs231n, FullyConnectedNets.ipynb, TwoLayerNet: scores, loss, and loss with reg = 1"""
    W1, W2 = spaced(-0.7, 0.3, 5, 50), spaced(-0.3, 0.4, 50, 7)
    model = two_layers(W1, spaced(-0.1, 0.9, 50), W2, spaced(-0.9, 0.1, 7))
    scores = model.forward(spaced(-5.5, 4.5, 5, 3).T)
    published = [
        [11.53165108, 12.2917344, 13.05181771, 13.81190102, 14.57198434, 15.33206765, 16.09215096],
        [12.05769098, 12.74614105, 13.43459113, 14.1230412, 14.81149128, 15.49994135, 16.18839143],
        [12.58373087, 13.20054771, 13.81736455, 14.43418138, 15.05099822, 15.66781506, 16.2846319],
    ]
    printed(scores, published, 8)
    loss = SoftmaxCrossEntropy().forward(scores, np.array([0, 5, 1]))
    printed(loss, 3.4702243556, 10)
    printed(loss + ((W1**2).sum() + (W2**2).sum()) / 2, 26.5948426952, 10)  # decay is the optimizer's here


def test_a_random_two_layer_network_as_in_cs231n():
    """cs231n, two_layer_net.ipynb: scores, and the loss with reg = 0.05 (not halved)"""
    rng = legacy(0)
    W1, W2 = 0.1 * rng.randn(4, 10), 0.1 * rng.randn(10, 3)
    scores = two_layers(W1, 0, W2, 0).forward(10 * legacy(1).randn(5, 4))
    published = [
        [-0.81233741, -1.27654624, -0.70335995],
        [-0.17129677, -1.18803311, -0.47310444],
        [-0.51590475, -1.01354314, -0.8504215],
        [-0.15419291, -0.48629638, -0.52901952],
        [-0.00618733, -0.12435261, -0.15226949],
    ]
    printed(scores, published, 8)
    loss = SoftmaxCrossEntropy().forward(scores, np.array([0, 1, 2, 2, 1]))
    printed(loss + 0.05 * ((W1**2).sum() + (W2**2).sum()), 1.30378789133, 11)


@pytest.mark.parametrize(
    ("loss", "published"),
    [(MulticlassHinge(), 8.999602749096233), (SoftmaxCrossEntropy(), 2.3025458445007376)],
    ids=["svm", "softmax"],
)
def test_a_classification_loss_as_in_cs231n(loss, published):
    """cs231n, FullyConnectedNets.ipynb, svm_loss and softmax_loss as printed in solved notebooks"""
    rng = legacy(231)
    scores = 0.001 * rng.randn(50, 10)
    printed(loss.forward(scores, rng.randint(10, size=50)), published, 12)


def test_a_convolution_as_in_cs231n():
    """cs231n, ConvolutionalNetworks.ipynb, conv_forward_naive with stride 2 and pad 1"""
    layer = Conv2D(3, 3, 4, stride=2, padding=1)
    filled(layer, W=spaced(-0.2, 0.3, 3, 3, 4, 4), b=spaced(-0.1, 0.2, 3))
    published = [
        [
            [[-0.08759809, -0.10987781], [-0.18387192, -0.2109216]],
            [[0.21027089, 0.21661097], [0.22847626, 0.23004637]],
            [[0.50813986, 0.54309974], [0.64082444, 0.67101435]],
        ],
        [
            [[-0.98053589, -1.03143541], [-1.19128892, -1.24695841]],
            [[0.69108355, 0.66880383], [0.59480972, 0.56776003]],
            [[2.36270298, 2.36904306], [2.38090835, 2.38247847]],
        ],
    ]
    printed(layer.forward(spaced(-0.1, 0.5, 2, 3, 4, 4)), published, 8)


def test_max_pooling_as_in_cs231n():
    """cs231n, ConvolutionalNetworks.ipynb, max_pool_forward_naive"""
    published = [
        [
            [[-0.26315789, -0.24842105], [-0.20421053, -0.18947368]],
            [[-0.14526316, -0.13052632], [-0.08631579, -0.07157895]],
            [[-0.02736842, -0.01263158], [0.03157895, 0.04631579]],
        ],
        [
            [[0.09052632, 0.10526316], [0.14947368, 0.16421053]],
            [[0.20842105, 0.22315789], [0.26736842, 0.28210526]],
            [[0.32631579, 0.34105263], [0.38526316, 0.4]],
        ],
    ]
    printed(MaxPool2D(2).forward(spaced(-0.3, 0.4, 2, 3, 4, 4)), published, 8)


def test_running_statistics_as_in_cs231n():
    """cs231n, ConvolutionalNetworks.ipynb, spatial batch normalization at test time, in solved notebooks"""
    rng, layer = (
        legacy(231),
        BatchNorm(4, momentum=0.1).astype(np.float64),
    )  # cs231n: momentum 0.9, of the old
    layer.buffers["running_var"][...] = 0  # cs231n starts at 0, we at 1
    shape = 10, 4, 11, 12
    for _ in range(50):
        layer.forward(2.3 * rng.randn(*shape) + 13)
    n = 10 * 11 * 12
    layer.buffers["running_var"] *= (n - 1) / n  # cs231n keeps the biased variance, we the unbiased one
    y = layer.eval().forward(2.3 * rng.randn(*shape) + 13)
    printed(y.mean(axis=(0, 2, 3)), [-0.08034406, 0.07562881, 0.05716371, 0.04378383], 8)
    printed(y.std(axis=(0, 2, 3)), [0.96718744, 1.0299714, 1.02887624, 1.00585577], 8)


class Drawn:
    """In place of a generator: uniform numbers u of the course turned round, as it keeps where u < keep."""

    def __init__(self, rng):
        self.rng = rng

    def random(self, shape, dtype):
        return 1 - self.rng.random_sample(shape)


def test_dropout_as_in_cs231n():
    """cs231n, Dropout.ipynb in a solved notebook; p is the chance to keep there, to drop here"""
    rng = legacy(231)
    x = rng.randn(500, 500) + 10
    for keep, mean, zeros in [
        (0.25, 10.014059116977283, 0.749784),
        (0.4, 9.977917658761159, 0.600796),
        (0.7, 9.987811912159426, 0.30074),
    ]:
        layer = Dropout(1 - keep)
        layer.rng = Drawn(rng)
        y = layer.forward(x)
        printed([y.mean(), (y == 0).mean()], [mean, zeros], 10)
        printed(layer.eval().forward(x).mean(), 10.000207878477502, 12)


# --- cs231n, assignment 3: one bias where we have two, and the LSTM's gates in the order i, f, o, g


def recurrent(kind, Wx, Wh, b):
    """An RNN or LSTM of either kind with the course's Wx (D, G H), Wh (H, G H) and b (G H,)."""
    H, D = len(Wh), len(Wx)
    theirs, ours = ("ifog", "ifgo") if kind in (LSTM, LSTMCell) else ("h", "h")
    W_x, W_h, b_x = (reordered(part, theirs, ours) for part in (Wx.T, Wh.T, b))
    return filled(kind(D, H), W_x=W_x, W_h=W_h, b_x=b_x, b_h=0)


def test_an_rnn_step_as_in_cs231n():
    """cs231n, RNN_Captioning.ipynb, rnn_step_forward"""
    layer = recurrent(RNNCell, spaced(-0.1, 0.9, 10, 4), spaced(-0.3, 0.7, 4, 4), spaced(-0.2, 0.4, 4))
    published = [
        [-0.58172089, -0.50182032, -0.41232771, -0.31410098],
        [0.66854692, 0.79562378, 0.87755553, 0.92795967],
        [0.97934501, 0.99144213, 0.99646691, 0.99854353],
    ]
    printed(layer.forward((spaced(-0.4, 0.7, 3, 10), spaced(-0.2, 0.5, 3, 4))), published, 8)


def test_an_rnn_as_in_cs231n():
    """cs231n, RNN_Captioning.ipynb, rnn_forward"""
    layer = recurrent(RNN, spaced(-0.2, 0.4, 4, 5), spaced(-0.4, 0.1, 5, 5), spaced(-0.7, 0.1, 5))
    published = [
        [
            [-0.42070749, -0.27279261, -0.11074945, 0.05740409, 0.22236251],
            [-0.39525808, -0.22554661, -0.0409454, 0.14649412, 0.32397316],
            [-0.42305111, -0.24223728, -0.04287027, 0.15997045, 0.35014525],
        ],
        [
            [-0.55857474, -0.39065825, -0.19198182, 0.02378408, 0.23735671],
            [-0.27150199, -0.07088804, 0.13562939, 0.33099728, 0.50158768],
            [-0.51014825, -0.30524429, -0.06755202, 0.17806392, 0.40333043],
        ],
    ]
    printed(layer.forward((spaced(-0.1, 0.3, 2, 3, 4), spaced(-0.3, 0.1, 2, 5))), published, 8)


def test_an_lstm_step_as_in_cs231n():
    """cs231n, LSTM_Captioning.ipynb, lstm_step_forward"""
    layer = recurrent(LSTMCell, spaced(-2.1, 1.3, 4, 20), spaced(-0.7, 2.2, 5, 20), spaced(0.3, 0.7, 20))
    x, h, c = spaced(-0.4, 1.2, 3, 4), spaced(-0.3, 0.7, 3, 5), spaced(-0.4, 0.9, 3, 5)
    h, c = layer.forward((x, h, c))
    published_h = [
        [0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904],
        [0.49223563, 0.55611431, 0.61507696, 0.66844003, 0.7159181],
        [0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299],
    ]
    published_c = [
        [0.32986176, 0.39145139, 0.451556, 0.51014116, 0.56717407],
        [0.66382255, 0.76674007, 0.87195994, 0.97902709, 1.08751345],
        [0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676],
    ]
    printed(h, published_h, 8)
    printed(c, published_c, 8)


def test_an_lstm_as_in_cs231n():
    """cs231n, LSTM_Captioning.ipynb, lstm_forward (c starts at 0)"""
    layer = recurrent(LSTM, spaced(-0.2, 0.9, 5, 16), spaced(-0.3, 0.6, 4, 16), spaced(0.2, 0.7, 16))
    published = [
        [
            [0.01764008, 0.01823233, 0.01882671, 0.0194232],
            [0.11287491, 0.12146228, 0.13018446, 0.13902939],
            [0.31358768, 0.33338627, 0.35304453, 0.37250975],
        ],
        [
            [0.45767879, 0.4761092, 0.4936887, 0.51041945],
            [0.6704845, 0.69350089, 0.71486014, 0.7346449],
            [0.81733511, 0.83677871, 0.85403753, 0.86935314],
        ],
    ]
    x, h0 = spaced(-0.4, 0.6, 2, 3, 5), spaced(-0.4, 0.8, 2, 4)
    printed(layer.forward((x, h0, np.zeros((2, 4)))), published, 8)


def test_an_embedding_as_in_cs231n():
    """cs231n, RNN_Captioning.ipynb, word_embedding_forward"""
    layer = filled(Embedding(5, 3), W=spaced(0, 1, 5, 3))
    published = [
        [
            [0, 0.07142857, 0.14285714],
            [0.64285714, 0.71428571, 0.78571429],
            [0.21428571, 0.28571429, 0.35714286],
            [0.42857143, 0.5, 0.57142857],
        ],
        [
            [0.42857143, 0.5, 0.57142857],
            [0.21428571, 0.28571429, 0.35714286],
            [0, 0.07142857, 0.14285714],
            [0.64285714, 0.71428571, 0.78571429],
        ],
    ]
    printed(layer.forward(np.array([[0, 3, 1, 2], [2, 1, 0, 3]])), published, 8)


@pytest.mark.parametrize(
    ("kind", "features", "published"),
    [(RNN, (-1.5, 0.3), 9.83235591003), (LSTM, (-0.5, 1.7), 9.82445935443)],
    ids=["RNN", "LSTM"],
)
def test_a_captioning_network_as_in_cs231n(kind, features, published):
    """cs231n, RNN_Captioning.ipynb and LSTM_Captioning.ipynb, CaptioningRNN: the loss of a whole network"""
    N, D, W, H, V, T = 10, 20, 30, 40, 3, 13
    G = 4 if kind is LSTM else 1
    start = filled(Affine(D, H), W=spaced(-1.4, 1.3, D, H).T, b=spaced(-1.4, 1.3, H))
    words = filled(Embedding(V, W), W=spaced(-1.4, 1.3, V, W))
    wide = G * H
    cells = recurrent(kind, spaced(-1.4, 1.3, W, wide), spaced(-1.4, 1.3, H, wide), spaced(-1.4, 1.3, wide))
    scores = filled(Affine(H, V), W=spaced(-1.4, 1.3, H, V).T, b=spaced(-1.4, 1.3, V))

    captions = (np.arange(N * T) % V).reshape(N, T)
    h0 = start.forward(spaced(*features, N, D))
    states = (h0, np.zeros((N, H))) if kind is LSTM else (h0,)
    y = scores.forward(cells.forward((words.forward(captions[:, :-1]), *states)))
    loss = SoftmaxCrossEntropy(ignore_index=0, reduction="sum")  # word 0 is <NULL>; cs231n divides by N alone
    printed(loss.forward(y, captions[:, 1:]) / N, published, 11)


# --- cs231n: update rules, from given slots


WEIGHTS, GRADIENT = spaced(-0.4, 0.6, 4, 5), spaced(-0.6, 0.4, 4, 5)


def test_sgd_with_momentum_as_in_cs231n():
    """cs231n, FullyConnectedNets.ipynb, sgd_momentum; its velocity is -lr m of ours"""
    lr = 1e-3
    w, slots = stepped(SGD, WEIGHTS, GRADIENT, {"m": spaced(0.6, 0.9, 4, 5) / -lr}, lr=lr, momentum=0.9)
    published_w = [
        [0.1406, 0.20738947, 0.27417895, 0.34096842, 0.40775789],
        [0.47454737, 0.54133684, 0.60812632, 0.67491579, 0.74170526],
        [0.80849474, 0.87528421, 0.94207368, 1.00886316, 1.07565263],
        [1.14244211, 1.20923158, 1.27602105, 1.34281053, 1.4096],
    ]
    published_velocity = [
        [0.5406, 0.55475789, 0.56891579, 0.58307368, 0.59723158],
        [0.61138947, 0.62554737, 0.63970526, 0.65386316, 0.66802105],
        [0.68217895, 0.69633684, 0.71049474, 0.72465263, 0.73881053],
        [0.75296842, 0.76712632, 0.78128421, 0.79544211, 0.8096],
    ]
    printed(w, published_w, 8)
    printed(-lr * slots["m"], published_velocity, 8)


def test_rmsprop_as_in_cs231n():
    """cs231n, FullyConnectedNets.ipynb, rmsprop; its decay_rate is our alpha"""
    w, slots = stepped(RMSProp, WEIGHTS, GRADIENT, {"v": spaced(0.6, 0.9, 4, 5)}, lr=1e-2, alpha=0.99)
    published_w = [
        [-0.39223849, -0.34037513, -0.28849239, -0.23659121, -0.18467247],
        [-0.132737, -0.08078555, -0.02881884, 0.02316247, 0.07515774],
        [0.12716641, 0.17918792, 0.23122175, 0.28326742, 0.33532447],
        [0.38739248, 0.43947102, 0.49155973, 0.54365823, 0.59576619],
    ]
    published_v = [
        [0.5976, 0.6126277, 0.6277108, 0.64284931, 0.65804321],
        [0.67329252, 0.68859723, 0.70395734, 0.71937285, 0.73484377],
        [0.75037008, 0.7659518, 0.78158892, 0.79728144, 0.81302936],
        [0.82883269, 0.84469141, 0.86060554, 0.87657507, 0.8926],
    ]
    printed(w, published_w, 8)
    printed(slots["v"], published_v, 8)


def test_adam_as_in_cs231n():
    """cs231n, FullyConnectedNets.ipynb, adam; t = 5 updates are over, as our steps = 5"""
    slots = {"m": spaced(0.6, 0.9, 4, 5), "v": spaced(0.7, 0.5, 4, 5)}
    w, slots = stepped(Adam, WEIGHTS, GRADIENT, slots, steps=5, lr=1e-2)
    published_w = [
        [-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977],
        [-0.1380274, -0.08544591, -0.03286534, 0.01971428, 0.0722929],
        [0.1248705, 0.17744702, 0.23002243, 0.28259667, 0.33516969],
        [0.38774145, 0.44031188, 0.49288093, 0.54544852, 0.59801459],
    ]
    published_m = [
        [0.48, 0.49947368, 0.51894737, 0.53842105, 0.55789474],
        [0.57736842, 0.59684211, 0.61631579, 0.63578947, 0.65526316],
        [0.67473684, 0.69421053, 0.71368421, 0.73315789, 0.75263158],
        [0.77210526, 0.79157895, 0.81105263, 0.83052632, 0.85],
    ]
    published_v = [
        [0.69966, 0.68908382, 0.67851319, 0.66794809, 0.65738853],
        [0.64683452, 0.63628604, 0.6257431, 0.61520571, 0.60467385],
        [0.59414753, 0.58362676, 0.57311152, 0.56260183, 0.55209767],
        [0.54159906, 0.53110598, 0.52061845, 0.51013645, 0.49966],
    ]
    printed(w, published_w, 8)
    printed(slots["m"], published_m, 8)
    printed(slots["v"], published_v, 8)


# --- cs231n, assignment 3 on transformers: the numbers are PyTorch's, and dropout of 0.1 was left on


def test_positional_encoding_as_in_cs231n():
    """cs231n, Transformer_Captioning.ipynb, PositionalEncoding; entry [0, 0, 4] was dropped"""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    torch.manual_seed(231)
    x = torch.randn(1, 2, 6).double().numpy()
    y = PositionalEncoding(2, 6).astype(np.float64).forward(x) / 0.9  # what is not dropped is scaled
    published = [
        [-1.2340, 1.1127, 1.6978, -0.0865, y[0, 0, 4], 1.2728],
        [0.9028, -0.4781, 0.5535, 0.8133, 1.2644, 1.7034],
    ]
    printed(y[0], published, 4)


def test_multi_head_attention_as_in_cs231n():
    """cs231n, Transformer_Captioning.ipynb, MultiHeadAttention: the queries where no weight was dropped"""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: peers)")
    torch.manual_seed(231)
    linear = {name: torch.nn.Linear(8, 8).double() for name in "kqvo"}  # in the order that the course draws
    x = torch.randn(1, 3, 8).double().numpy()
    params = {f"W_{name}": part.weight.detach().numpy() for name, part in linear.items()}
    params |= {f"b_{name}": part.bias.detach().numpy() for name, part in linear.items()}
    layer, b_o = filled(MultiHeadAttention(8, 2), **params), params["b_o"]

    def scaled(y):  # the weights that dropout keeps are 1 / 0.9 of ours
        return (y[0] - b_o) / 0.9 + b_o

    y = scaled(layer.forward(x))
    printed(y[1], [-0.1997, 0.1746, 0.7377, -0.3549, -0.2657, 0.2693, -0.2541, -0.2476], 4)
    mask = np.array([[1, 0, 1], [1, 1, 0], [1, 1, 1]]) > 0  # 1 allows in both; as that run drew it
    y = scaled(layer.forward((x, mask)))
    printed(y[0], [-0.1347, 0.1934, 0.8628, -0.4903, -0.2614, 0.2798, -0.2586, -0.3019], 4)
    printed(y[2], [-0.2071, 0.1669, 0.7097, -0.3152, -0.3136, 0.2520, -0.2774, -0.2208], 4)
