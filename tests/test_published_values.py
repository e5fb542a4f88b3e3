"""Layers, losses and update rules give the numbers that other projects have published for theirs.

The sources: the notebooks of cs231n, Stanford's course on convolutional networks; the node tests of ONNX
with the outputs stored beside them; ONNX Runtime's tests of recurrent operators; the CTC tests of TensorFlow
and MXNet. A docstring names the notebook, file or case. Where a convention differs, the test adapts the
inputs in sight, so that the difference can be read there.
"""

import numpy as np
import pytest

from layers import (
    ELU,
    GELU,
    GRU,
    LSTM,
    RNN,
    SELU,
    Affine,
    AvgPool1D,
    AvgPool2D,
    BatchNorm,
    Bidirectional,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    ConvTranspose2D,
    Dropout,
    Embedding,
    GlobalAvgPool,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LeakyReLU,
    LogSoftmax,
    LSTMCell,
    MaxPool1D,
    MaxPool2D,
    MultiHeadAttention,
    PositionalEncoding,
    PReLU,
    ReLU,
    RMSNorm,
    RNNCell,
    ScaledDotProductAttention,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Upsample2D,
    ZeroPad2D,
)
from losses import CTC, NLL, MulticlassHinge, SoftmaxCrossEntropy
from optim import SGD, Adagrad, Adam, RMSProp


def filled(layer, **params):
    """The layer in float64, with these parameters."""
    layer.astype(np.float64)
    assert params.keys() == layer.params.keys()
    for name, value in params.items():
        layer.params[name][...] = value
    return layer


def spaced(first, last, *shape):
    """Evenly spaced numbers in this shape: what cs231n tests with where nothing is random."""
    return np.linspace(first, last, num=np.prod(shape)).reshape(shape)


def legacy(seed):
    """The numbers that follow np.random.seed(seed) in a published test; ours would be another generator's."""
    return np.random.RandomState(seed)


def reordered(W, theirs, ours):
    """The gates' blocks of W (G H, ...) from their order into ours, one letter a gate."""
    block = dict(zip(theirs, np.split(np.asarray(W), len(theirs)), strict=True))
    return np.concatenate([block[gate] for gate in ours])


def printed(got, published, decimals):
    """Equal to numbers that were printed with so many decimals."""
    np.testing.assert_allclose(got, published, rtol=0, atol=0.6 * 10.0**-decimals)


def single(got, published):
    """Equal to numbers that were computed in float32."""
    published = np.array(published, dtype=float)
    np.testing.assert_allclose(got, published, rtol=1e-6, atol=1e-6, strict=published.ndim > 0)


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


def stepped(kind, w, g, slots, steps=0, **hyper):
    """(w, the slots) after one update that starts from these slots."""
    optimizer = kind({"w": w.copy()}, **hyper)
    optimizer.load_state({"steps": np.array(steps), **{f"{slot}.w": value for slot, value in slots.items()}})
    optimizer.step({"w": g})
    state = optimizer.state()
    return optimizer.params["w"], {slot: state[f"{slot}.w"] for slot in slots}


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


# --- ONNX: convolutions


def image(first, *shape):
    """first, first + 1, ... in this shape."""
    return np.arange(first, first + np.prod(shape), dtype=float).reshape(shape)


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


# --- ONNX: recurrent layers, where x is (T, N, D), gates stand as i o f c and z r h, and B holds both biases

GATES = {RNN: ("h", "h"), LSTM: ("iofc", "ifco"), GRU: ("zrh", "rzh")}


def from_onnx(kind, W, R, B=None):
    """Our layer with ONNX's W (G H, D), R (G H, H) and B (2 G H,)."""
    B = np.zeros(2 * len(W)) if B is None else np.asarray(B)
    W_x, W_h, b_x, b_h = (reordered(part, *GATES[kind]) for part in (W, R, *np.split(B, 2)))
    return filled(kind(W.shape[1], R.shape[1]), W_x=W_x, W_h=W_h, b_x=b_x, b_h=b_h)


@pytest.mark.parametrize(
    ("kind", "H", "D", "weight", "bias", "published"),
    [
        (RNN, 4, 2, 0.1, 0, [0.29131263, 0.6043678, 0.800499]),
        (RNN, 5, 3, 0.1, 0.1, [0.6043678, 0.9216685, 0.9866143]),
        (RNN, 4, 2, 0.5, 0, [0.9051482, 0.9981779, 0.9999666]),
        (LSTM, 3, 2, 0.1, 0, [0.095241204, 0.25606447, 0.40323776]),
        (LSTM, 4, 3, 0.1, 0.1, [0.25606447, 0.5367278, 0.6672132]),
        (LSTM, 7, 2, 0.3, 0, [0.3336926, 0.6223932, 0.718579]),
        (GRU, 5, 2, 0.1, 0, [0.12397026, 0.20053662, 0.19991654]),
        (GRU, 3, 3, 0.1, 0.1, [0.20053662, 0.15482338, 0.07484276]),
        (GRU, 6, 2, 0.2, 0, [0.19030014, 0.1751368, 0.09733085]),
    ],
)
def test_one_step_of_a_recurrent_layer_as_in_onnx(kind, H, D, weight, bias, published):
    """ONNX node tests, rnn.py, lstm.py and gru.py: defaults, with_initial_bias, batchwise; units are alike"""
    G = len(GATES[kind][0])
    B = np.repeat([bias, 0], G * H)
    layer = from_onnx(kind, np.full((G * H, D), weight), np.full((G * H, H), weight), B)
    y = layer.forward(image(1, 3, 1, D))
    single(y, np.repeat(published, H).reshape(3, 1, H))


# The weights of ONNX Runtime's GRU tests, by gate
GRU_W = np.array(
    [
        [-0.494659, 0.0453352],
        [-0.487793, 0.417264],  # z
        [-0.0091708, -0.255364],
        [-0.106952, -0.266717],  # r
        [-0.0888852, -0.428709],
        [-0.283349, 0.208792],  # h
    ]
)
GRU_R = np.array(
    [
        [0.146626, -0.0620289],
        [-0.0815302, 0.100482],  # z
        [-0.228172, 0.405972],
        [0.31576, 0.281487],  # r
        [-0.394864, 0.42111],
        [-0.386624, -0.390225],  # h
    ]
)
GRU_B = [0.381619, 0.0323954, -0.258721, 0.45056, -0.250755, 0.0967895, 0, 0, 0, 0, 0, 0]


def test_a_gru_from_two_states_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_gru_op_test.cc, ForwardBatchLinearBeforeReset: our form of the reset gate"""
    layer = from_onnx(GRU, GRU_W, GRU_R, GRU_B)
    x = np.repeat([[[-0.455351, -0.276391], [-0.185934, -0.269585]]], 2, axis=0)
    published = [
        [[0.253942400, -0.174207777], [0.0874997079, -0.0485242009]],
        [[-0.0325528607, 0.0774837881], [-0.0577347837, 0.0796165839]],
    ]
    single(layer.forward((x, np.array([[0.5, -0.5], [0, 0]]))), published)


def test_a_gru_both_ways_over_two_lengths_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_gru_op_test.cc, SequenceLengthWithBidirectionalLinearBeforeReset"""
    layer = Bidirectional(*(from_onnx(GRU, GRU_W, GRU_R, GRU_B) for _ in range(2)))
    x = np.array(
        [[[-0.455351, -0.276391], [-0.185934, -0.269585]], [[0.855351, 0.676391], [0.585934, 0.669585]]]
    )
    lengths = np.array([2, 1])
    published = [
        [
            [-0.0325528607, 0.0774837881, -0.0559310019, 0.101836264],
            [-0.0577347837, 0.0796165839, -0.0456649922, 0.0462125242],
        ],
        [[-0.275918573, -0.00228558504, -0.275918573, -0.00228558504], [0, 0, 0, 0]],
    ]
    single(layer.forward((x, np.arange(2) < lengths[:, None])), published)
    published = [
        [-0.275918573, -0.0022855850, -0.385578573, 0.0370728001],
        [-0.382134795, 0.0607641526, -0.248751760, 0.0347689129],
    ]
    single(layer.forward(x)[1], published)


def test_a_gru_with_two_biases_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_gru_op_test.cc, SimpleWeightsWithBias...LinearBeforeReset, both directions"""
    W = np.array([0.1, 0.2, 0.3, 0.2, 0.3, 0.1, 0.3, 0.1, 0.2])[:, None]
    B = [-0.01, 0.1, 0.01, -0.2, -0.02, 0.02, 0.3, -0.3, -0.3]
    B += [-0.03, 0.5, -0.7, 0.05, -0.7, 0.3, 0.07, -0.03, 0.5]  # of R; the last three are inside r's product
    layer = Bidirectional(*(from_onnx(GRU, W, np.full((9, 3), 0.1), B) for _ in range(2)))
    y = layer.forward(np.array([[[-0.1], [-0.3]], [[0.2], [0.4]]]))
    published = [
        [[0.15024948, -0.11097029, -0.02121867], [0.19538902, -0.19016478, -0.05644283]],
        [[0.18887489, -0.09747667, 0.02093463], [0.30856851, -0.15190377, 0.05999807]],
    ]
    single(y[..., :3], published)
    published = [
        [[0.20910699, -0.18880953, -0.04005555], [0.12252139, -0.12032216, -0.05064924]],
        [[0.29700265, -0.15308119, 0.04537245], [0.21249877, -0.08884402, 0.04751285]],
    ]
    single(y[..., 3:], published)


def lstm_of_onnx_runtime():
    return from_onnx(
        LSTM, np.array([0.1, 0.2, 0.3, 0.4, 1, 2, 3, 4, 10, 11, 12, 13])[:, None], np.full((12, 3), 0.1)
    )


def test_an_lstm_both_ways_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_lstm_op_test.cc, BidirectionalSimpleWeightsNoBiasTwoRows"""
    y = Bidirectional(lstm_of_onnx_runtime(), lstm_of_onnx_runtime()).forward(
        np.array([[[1.0], [10]], [[2], [11]]])
    )
    published = [
        [[0.28828835, 0.36581863, 0.45679406], [0.84196719, 0.89402526, 0.91073048]],
        [[0.34526032, 0.47220859, 0.55850911], [0.85882828, 0.90703777, 0.92382453]],
    ]
    single(y[..., :3], published)
    published = [
        [[0.55391603, 0.69201493, 0.82696019], [0.61249432, 0.70678632, 0.74094619]],
        [[0.64046413, 0.82303363, 0.91610711], [0.62759886, 0.71640738, 0.74624585]],
    ]
    single(y[..., 3:], published)


def test_an_lstm_over_two_lengths_as_in_onnx_runtime():
    """ONNX Runtime, deep_cpu_lstm_op_test.cc, MixedSequenceLengths and MixedSequenceLengthsReverse"""
    layer = Bidirectional(lstm_of_onnx_runtime(), lstm_of_onnx_runtime())
    lengths = np.array([1, 2])
    y = layer.forward((np.array([[[1.0], [10]], [[2], [11]]]), np.arange(2) < lengths[:, None]))
    published = [
        [[0.28828835, 0.36581863, 0.45679406], [0, 0, 0]],
        [[0.34526032, 0.47220859, 0.55850911], [0.85882828, 0.90703777, 0.92382453]],
    ]
    single(y[..., :3], published)
    published = [
        [[0.28828844, 0.36581877, 0.45679423], [0, 0, 0]],
        [[0.64046413, 0.82303363, 0.91610711], [0.62759886, 0.71640738, 0.74624585]],
    ]
    single(y[..., 3:], published)


# --- ONNX: attention


def heads(rng, width=8):
    """(q, k, v) with N = 2, 3 heads, 4 queries and 6 keys."""
    return rng.rand(2, 3, 4, 8), rng.rand(2, 3, 6, 8), rng.rand(2, 3, 6, width)


def test_attention_as_in_onnx():
    """ONNX node tests, attention.py, 4d and 4d_diff_heads_sizes"""
    y = ScaledDotProductAttention().forward(heads(legacy(0)))
    published = [0.6895389, 0.47463807, 0.37436265, 0.519131, 0.5194414, 0.64489096, 0.48098356, 0.49064544]
    single(y[1, 2, 3], published)
    y = ScaledDotProductAttention().forward(heads(legacy(0), width=10))
    published = [0.37184662, 0.34168762, 0.55619365, 0.4950007, 0.5475967]
    published += [0.56495285, 0.55151474, 0.30161953, 0.55767584, 0.5010781]
    single(y[1, 2, 3], published)


def test_causal_attention_as_in_onnx():
    """ONNX node tests, attention.py, 4d_causal: fewer queries than keys"""
    y = ScaledDotProductAttention(causal=True).forward(heads(legacy(0)))
    published = [
        [0.7510216, 0.9272118, 0.02895255, 0.8956913, 0.3925688, 0.8783725, 0.69078475, 0.98734874],
        [0.7554828, 0.62335217, 0.28390855, 0.61525023, 0.37763306, 0.5449185, 0.58557826, 0.82230943],
        [0.5989654, 0.5844647, 0.23479177, 0.46011433, 0.268955, 0.67729086, 0.39280042, 0.6079462],
        [0.57794577, 0.47081015, 0.37143654, 0.51022726, 0.41990438, 0.6712135, 0.34536517, 0.5678493],
    ]
    single(y[1, 2], published)


def test_attention_on_joined_heads_as_in_onnx():
    """ONNX node tests, attention.py, 3d: as between the projections of our MultiHeadAttention"""
    rng = legacy(0)
    q, k, v = rng.rand(2, 4, 24), rng.rand(2, 6, 24), rng.rand(2, 6, 24)
    unit = {f"W_{name}": np.eye(24) for name in "qkvo"}
    y = filled(MultiHeadAttention(24, 3, bias=False), **unit).forward((q, k, v))
    published = [0.5503072, 0.32377264, 0.40627342, 0.6710636, 0.25859725, 0.44152275, 0.3864031, 0.5377419]
    single(y[1, 3, 8:16], published)


# --- ONNX: losses, where the class axis is 1, ours the last

WEIGHTS_2D = [0.9, 0.7, 0.8, 0.9, 0.9]
WEIGHTS_3D = [0.2, 0.3, 0.6, 0.1, 0.5]


def drawn_scores(shape, first):
    """(the generator, scores (N, ..., C), labels (N, ...)); first replaces the first label."""
    rng = legacy(0)
    scores = rng.rand(*shape).astype(np.float32)
    labels = rng.randint(0, high=5, size=(shape[0], *shape[2:]))
    if first is not None:
        labels.flat[0] = first
    return rng, np.moveaxis(scores, 1, -1).astype(np.float64), labels


@pytest.mark.parametrize(
    ("shape", "weights", "ignored", "reduction", "published"),
    [
        ((3, 5), None, None, "none", [1.4657786, 1.9176139, 1.3007619]),
        ((3, 5), WEIGHTS_2D, None, "none", [1.026045, 1.7258525, 1.1706858]),
        ((3, 5), None, None, "sum", 4.6841545),
        ((3, 5), None, None, "mean", 1.5613848),
        ((3, 5), WEIGHTS_2D, None, "mean", 1.5690333),
        ((3, 5), WEIGHTS_2D, 0, "mean", 1.609188),
        ((3, 5), None, 2, "mean", 1.6091878),
        ((3, 5, 2), None, None, "mean", 1.6925939),
        ((3, 5, 2), None, 2, "mean", 1.4473825),
        ((3, 5, 2), WEIGHTS_3D, 1, "mean", 1.7883683),
        ((3, 5, 2, 7), None, 2, "mean", 1.6868715),
        ((3, 5, 2, 7), WEIGHTS_3D, 2, "mean", 1.7200847),
        ((3, 5), "drawn", 10, "sum", 2.0399737),
        ((3, 5, 6), "drawn", -1, "mean", 1.6775866),
        ((3, 5, 6, 6, 5, 3, 4), "drawn", None, "mean", 1.6433109),
    ],
)
def test_softmax_cross_entropy_as_in_onnx(shape, weights, ignored, reduction, published):
    """ONNX node tests, softmax_cross_entropy_loss.py"""
    rng, scores, labels = drawn_scores(shape, ignored)
    weights = rng.rand(5) if weights == "drawn" else weights
    loss = SoftmaxCrossEntropy(class_weights=weights, ignore_index=ignored, reduction=reduction)
    single(loss.forward(scores, labels), published)


@pytest.mark.parametrize(
    ("shape", "weights", "ignored", "reduction", "published"),
    [
        ((3, 5), False, None, "none", [-0.71518934, -0.3834415, -0.92559665]),
        ((3, 5, 2), False, None, "mean", -0.5313069),
        ((3, 5, 2), False, 1, "mean", -0.55005085),
        ((3, 5, 2), True, None, "mean", -0.51806515),
        ((3, 5, 2), True, 1, "mean", -0.5357739),
        ((3, 5, 6), True, -1, "mean", -0.44265965),
        ((3, 5, 6, 6), False, None, "sum", -58.83849),
        ((3, 5, 6, 6), False, None, "mean", -0.5448008),
        ((3, 5, 6, 6), False, 1, "mean", -0.55867785),
        ((3, 5, 6, 6), True, None, "sum", -34.297665),
        ((3, 5, 6, 6), True, None, "mean", -0.5416459),
        ((3, 5, 6, 6), True, 0, "sum", -23.981632),
        ((3, 5), True, 10, "sum", -0.9869509),
        ((3, 5, 6, 6, 5, 3, 4), True, None, "mean", -0.49500117),
    ],
)
def test_negative_log_likelihood_as_in_onnx(shape, weights, ignored, reduction, published):
    """ONNX node tests, negativeloglikelihoodloss.py"""
    rng, scores, labels = drawn_scores(shape, ignored)
    loss = NLL(class_weights=rng.rand(5) if weights else None, ignore_index=ignored, reduction=reduction)
    single(loss.forward(scores, labels), published)


# --- ONNX: update rules, from given slots; norm_coefficient is our weight_decay

X, G, V = np.array([1.2, 2.8]), np.array([-0.94, -2.5]), np.array([1.7, 3.6])
X2, G2 = np.array([1.0, 2.0]), np.array([-1.0, -3.0])


def test_momentum_as_in_onnx():
    """ONNX node tests, momentum.py, momentum and momentum_multiple, at t = 0 where beta does not count"""
    x, slots = stepped(SGD, X, G, {"m": V}, lr=0.1, momentum=0.95, weight_decay=0.001)
    single(x, [1.13238, 2.70772])
    single(slots["m"], [0.67620003, 0.9227998])
    x, slots = stepped(SGD, X2, G2, {"m": np.array([4.0, 1])}, lr=0.1, momentum=0.95, weight_decay=0.001)
    single(x, [0.7199, 2.2048])
    single(slots["m"], [2.8009999, -2.0479999])


def test_nesterov_momentum_as_in_onnx():
    """ONNX node tests, momentum.py, nesterov_momentum"""
    x, slots = stepped(SGD, X, G, {"m": V}, lr=0.1, momentum=0.95, nesterov=True, weight_decay=0.01)
    single(x, [1.227535, 2.95714])
    single(slots["m"], [0.68700004, 0.94799995])


def test_adagrad_as_in_onnx():
    """ONNX node tests, adagrad.py, adagrad_multiple"""
    x, slots = stepped(Adagrad, X2, G2, {"v": np.array([4.0, 1])}, lr=0.1, eps=1e-5, weight_decay=0.001)
    single(x, [1.0446854, 2.0948617])
    single(slots["v"], [4.998001, 9.988004])


def test_adam_as_in_onnx():
    """ONNX node tests, adam.py, at t = 0 where it corrects nothing, as we after very many updates"""
    options = {"steps": 10**6, "lr": 0.1, "weight_decay": 0.001}
    slots = {"m": V, "v": np.array([0.1, 0.1])}
    x, slots = stepped(Adam, X, G, slots, betas=(0.95, 0.1), eps=1e-7, **options)
    single(x, [1.0250363, 2.6610327])
    single(slots["m"], [1.56806, 3.2951398])
    single(slots["v"], [0.8032108, 5.622407])
    slots = {"m": np.array([4.0, 1]), "v": np.array([1.0, 10])}
    x, slots = stepped(Adam, X2, G2, slots, betas=(0.95, 0.85), eps=1e-2, **options)
    single(x, [0.6286528, 1.9745853])
    single(slots["m"], [3.75005, 0.80009997])
    single(slots["v"], [0.9997002, 9.848201])


# --- TensorFlow and MXNet: connectionist temporal classification


def test_ctc_and_its_gradient_as_in_tensorflow():
    """TensorFlow, ctc_loss_op_test.py, testBasic (from Graves's own program); the blank is the last class"""
    p = [
        [0.633766, 0.221185, 0.0917319, 0.0129757, 0.0142857, 0.0260553],
        [0.111121, 0.588392, 0.278779, 0.0055756, 0.00569609, 0.010436],
        [0.0357786, 0.633813, 0.321418, 0.00249248, 0.00272882, 0.0037688],
        [0.0663296, 0.643849, 0.280111, 0.00283995, 0.0035545, 0.00331533],
        [0.458235, 0.396634, 0.123377, 0.00648837, 0.00903441, 0.00623107],
    ], [
        [0.30176, 0.28562, 0.0831517, 0.0862751, 0.0816851, 0.161508],
        [0.24082, 0.397533, 0.0557226, 0.0546814, 0.0557528, 0.19549],
        [0.230246, 0.450868, 0.0389607, 0.038309, 0.0391602, 0.202456],
        [0.280884, 0.429522, 0.0326593, 0.0339046, 0.0326856, 0.190345],
        [0.423286, 0.315517, 0.0338439, 0.0393744, 0.0339315, 0.154046],
    ]  # fmt: skip
    published = [
        [-0.366234, 0.221185, 0.0917319, 0.0129757, 0.0142857, 0.0260553],
        [0.111121, -0.411608, 0.278779, 0.0055756, 0.00569609, 0.010436],
        [0.0357786, 0.633813, -0.678582, 0.00249248, 0.00272882, 0.0037688],
        [0.0663296, -0.356151, 0.280111, 0.00283995, 0.0035545, 0.00331533],
        [-0.541765, 0.396634, 0.123377, 0.00648837, 0.00903441, 0.00623107],
    ], [
        [-0.69824, 0.28562, 0.0831517, 0.0862751, 0.0816851, 0.161508],
        [0.24082, -0.602467, 0.0557226, 0.0546814, 0.0557528, 0.19549],
        [0.230246, 0.450868, 0.0389607, 0.038309, 0.0391602, -0.797544],
        [0.280884, -0.570478, 0.0326593, 0.0339046, 0.0326856, 0.190345],
        [-0.576714, 0.315517, 0.0338439, 0.0393744, 0.0339315, 0.154046],
    ]  # fmt: skip
    loss = CTC(blank=5, reduction="none")
    values = loss.forward(np.log(p), [np.array([0, 1, 2, 1, 0]), np.array([0, 1, 1, 0])])
    printed(values, [3.34211, 5.42262], 5)
    printed(loss.backward(np.ones(2)), published, 6)


def test_ctc_of_even_scores_as_in_mxnet():
    """MXNet, test_loss.py, test_ctc_loss: 20 frames, 4 classes; neighbours in the second target are alike"""
    targets = [np.array([2, 1]), np.array([3, 2, 2])]
    values = CTC(reduction="none").forward(np.ones((2, 20, 4)), targets)
    printed(values, [18.82820702, 16.50581741], 5)
