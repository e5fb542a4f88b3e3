"""Losses and update rules give the numbers of ONNX's node tests, CTC those of TensorFlow's and MXNet's tests.

A docstring names the case. Where a convention differs, the test adapts the inputs in sight.
"""

import numpy as np
import pytest
from published import legacy, printed, single, stepped

from losses import CTC, NLL, SoftmaxCrossEntropy
from optim import SGD, Adagrad, Adam

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
