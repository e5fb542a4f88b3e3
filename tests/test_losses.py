"""Promises that every loss keeps (one row each below), values worked out by hand, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest

import losses
from losses import (
    CTC,
    L1,
    MSE,
    NLL,
    Huber,
    KLDivergence,
    Loss,
    MulticlassHinge,
    Poisson,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)


class LogCosh(Loss):
    """log cosh d, as a student would write it."""

    def __init__(self, scale):
        self.scale = scale

    def terms(self, prediction, target):
        d = (prediction - target) / self.scale
        return np.log(np.cosh(d)), np.tanh(d) / self.scale


class Distance(Loss):
    """|prediction - target|² / 2 of a whole example: one value a row."""

    def terms(self, prediction, target):
        d = prediction - target
        return (d * d).sum(axis=-1) / 2, d


class Exponential(Loss):
    """exp d, its own derivative: values and derivative are one array."""

    def terms(self, prediction, target):
        e = np.exp(prediction - target)
        return e, e


class ByHand(Loss):
    """The sum of squares, both passes written out."""

    def forward(self, prediction, target):
        self.cache = prediction - target
        return (self.cache**2).sum().item()

    def backward(self, upstream=1.0):
        return 2 * upstream * self.cache


r = np.random.default_rng(7)
SCORES = 2 * r.standard_normal((5, 4))
LABELS = np.array([3, 0, 1, 1, 2])
SHARES = r.dirichlet(np.ones(4), size=5)
LOG_P = np.log(r.dirichlet(np.ones(4), size=5))
D3, L3 = r.standard_normal((2, 3, 4)), np.array([[0, 3, -1], [2, -1, 1]])
OPTIONS = {"label_smoothing": 0.2, "class_weights": [0.5, 2.0, 1.0, 3.0]}

ROWS = {
    "MSE": (MSE(), SCORES, SHARES),
    "MSE on integers": (MSE(), SCORES[0], LABELS[:4]),
    "L1": (L1(), SCORES, SHARES),
    "Huber": (Huber(0.7), SCORES, SHARES),
    "SigmoidCrossEntropy": (SigmoidCrossEntropy(), SCORES, SHARES),
    "SigmoidCrossEntropy on booleans": (SigmoidCrossEntropy(), SCORES, SHARES > 0.3),
    "Poisson": (Poisson(), SCORES, SHARES),
    "Poisson on counts": (Poisson(), SCORES[0], LABELS[:4]),
    "KLDivergence": (KLDivergence(), LOG_P, SHARES),
    "KLDivergence of a sequence": (KLDivergence(), D3, SHARES[:3] * np.ones((2, 1, 1))),
    "KLDivergence on one-hot": (KLDivergence(), LOG_P, np.eye(4, dtype=np.uint8)[LABELS]),
    "KLDivergence of one example": (KLDivergence(), LOG_P[0], SHARES[0]),
    "CTC": (CTC(), D3, np.array([[1, 3], [2, 2]])),
    "CTC of nothing": (CTC(blank=3), D3, np.zeros((2, 0), int)),
    "MulticlassHinge": (MulticlassHinge(), SCORES, LABELS),
    "MulticlassHinge of a sequence": (MulticlassHinge(0.3), D3, np.maximum(L3, 0)),
    "LogCosh": (LogCosh(1.5), SCORES, SHARES),
    "Distance": (Distance(), SCORES, SHARES),
    "Exponential": (Exponential(), SCORES, SHARES),
}
for build, x in ((SoftmaxCrossEntropy, SCORES), (NLL, LOG_P)):
    name = build.__name__
    ROWS |= {
        name: (build(), x, LABELS),
        f"{name} on uint8": (build(), x, LABELS.astype(np.uint8)),
        f"{name} smoothed": (build(label_smoothing=0.1), x, LABELS),
        f"{name} weighted": (build(class_weights=[0.5, 2, 1, 3]), x, LABELS),
        f"{name} ignoring a class": (build(ignore_index=1), x, LABELS),
        f"{name} of a sequence, all options": (build(ignore_index=-1, **OPTIONS), D3, L3),
        f"{name} on probabilities": (build(**OPTIONS), x, SHARES),
        f"{name} on one-hot": (build(), x, np.eye(4, dtype=np.uint8)[LABELS]),
        f"{name} of one class": (build(**{**OPTIONS, "class_weights": [2.0]}), x[:, :1], 0 * LABELS),
        f"{name} of one example": (build(**OPTIONS), x[0], LABELS[0]),
    }

every_loss = pytest.mark.parametrize(("loss", "prediction", "target"), ROWS.values(), ids=ROWS)
every_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
built_in = pytest.mark.parametrize(
    "loss",
    [
        MSE(),
        L1(),
        Huber(),
        SigmoidCrossEntropy(),
        SoftmaxCrossEntropy(),
        NLL(),
        MulticlassHinge(),
        Poisson(),
        KLDivergence(),
    ],
    ids=repr,
)


@pytest.fixture(autouse=True)
def means():
    """Rows are shared: each test gets them reduced by their mean, and never yet called."""
    for loss, _, _ in ROWS.values():
        loss.reduction = "mean"
        vars(loss).pop("_cache", None)


def upstream_for(value, seed=3):
    return np.random.default_rng(seed).uniform(0.5, 2.0, np.shape(value))[()]


def complex_step(loss, prediction, target, upstream, h=1e-30):
    """d(upstream · value)/dprediction, exact to rounding as no difference is taken."""
    gradient = np.empty(prediction.shape)
    for index in np.ndindex(prediction.shape):
        stepped = prediction.astype(complex)
        stepped[index] += 1j * h
        gradient[index] = np.sum(upstream * loss.forward(stepped, target)).imag / h
    return gradient


def targets_for(loss):
    """Some target that fits scores of shape (2, 3)."""
    labelled = isinstance(loss, SoftmaxCrossEntropy | NLL | MulticlassHinge)
    return np.array([0, 2]) if labelled else np.array([[0.0, 0.75, 0.25], [1.0, 0.0, 0.0]])


# Promises


@every_reduction
@every_loss
def test_backward_matches_the_complex_step_of_forward(loss, prediction, target, reduction):
    loss.reduction = reduction
    upstream = upstream_for(loss.forward(prediction, target))
    dprediction = loss.backward(upstream)
    expected = complex_step(loss, prediction, target, upstream)
    assert dprediction == pytest.approx(expected, rel=1e-12, abs=1e-12 * np.abs(expected).max())


@every_loss
def test_values_are_python_numbers_or_arrays(loss, prediction, target):
    for reduction in ("mean", "sum"):
        loss.reduction = reduction
        assert type(loss.forward(prediction, target)) is float
        assert type(loss.forward(prediction.astype(np.float32), target)) is float
        assert type(loss.forward(prediction.astype(complex), target)) is complex
    loss.reduction = "none"
    assert isinstance(loss.forward(prediction, target), np.ndarray)
    assert loss.forward(prediction.astype(np.float32), target).dtype == np.float32


@every_loss
def test_the_sum_adds_what_none_returns(loss, prediction, target):
    loss.reduction = "none"
    values = loss.forward(prediction, target)
    loss.reduction = "sum"
    assert loss.forward(prediction, target) == pytest.approx(math.fsum(values.ravel()), rel=1e-14)


@every_reduction
@every_loss
def test_gradients_have_the_dtype_and_shape_of_the_prediction(loss, prediction, target, reduction):
    loss.reduction = reduction
    for dtype in (np.float32, np.float64, np.complex128):
        upstream = upstream_for(loss.forward(prediction.astype(dtype), target))  # the target may be float64
        dprediction = loss.backward(upstream)
        assert dprediction.dtype == dtype
        assert dprediction.shape == prediction.shape


@every_reduction
@every_loss
def test_backward_repeats_itself_and_is_linear_in_upstream(loss, prediction, target, reduction):
    loss.reduction = reduction
    u, v = (upstream_for(loss.forward(prediction, target), seed) for seed in (1, 2))
    once, twice = loss.backward(u), loss.backward(u)
    assert (once == twice).all()
    assert loss.backward(2 * u + v) == pytest.approx(2 * once + loss.backward(v), rel=1e-13, abs=1e-15)


@every_reduction
@every_loss
def test_arguments_are_never_written(loss, prediction, target, reduction):
    prediction, target = prediction.copy(), np.array(target)
    prediction.flags.writeable = target.flags.writeable = False  # a write raises
    loss.reduction = reduction
    upstream = np.array(upstream_for(loss.forward(prediction, target)))
    upstream.flags.writeable = False
    dprediction = loss.backward(upstream)
    before = dprediction.copy()
    dprediction[...] = -7.0  # the caller's own
    assert (loss.backward(upstream) == before).all()


@every_loss
def test_returned_values_may_be_changed_without_harm(loss, prediction, target):
    loss.reduction = "none"
    values = loss.forward(prediction, target)
    upstream = np.ones(values.shape)
    before = loss.backward(upstream)
    values[...] = -7.0
    assert (loss.backward(upstream) == before).all()


@every_loss
def test_backward_before_forward_says_so(loss, prediction, target):
    with pytest.raises(RuntimeError, match="backward called before forward"):
        loss.backward()


@every_loss
def test_backward_speaks_of_the_latest_forward(loss, prediction, target):
    loss.forward(prediction, target)
    expected = loss.backward()
    loss.forward(prediction / 2, target)
    loss.forward(prediction, target)
    assert (loss.backward() == expected).all()


@every_loss
def test_an_upstream_of_another_shape_is_refused(loss, prediction, target):
    loss.forward(prediction, target)
    with pytest.raises(ValueError, match=r"expected upstream of the value's shape \(\), got \(1,\)"):
        loss.backward(np.ones(1))
    loss.reduction = "none"
    shape = loss.forward(prediction, target).shape
    with pytest.raises(ValueError, match="expected upstream of the value's shape"):
        loss.backward(np.ones((*shape, 1)))


def test_every_exported_loss_has_a_row():
    exports = [getattr(losses, name) for name in losses.__all__]
    classes = {export for export in exports if isinstance(export, type)}  # the others decode
    assert {type(loss) for loss, _, _ in ROWS.values()} >= classes - {Loss}
    assert all(issubclass(kind, Loss) for kind in classes)


# Values by hand


def check(loss, prediction, target, value, dprediction):
    assert loss.forward(np.array(prediction), np.array(target)) == pytest.approx(value, rel=1e-14)
    upstream = 1.0 if loss.reduction != "none" else np.ones(np.shape(value))
    assert loss.backward(upstream) == pytest.approx(np.array(dprediction), rel=1e-14, abs=1e-16)


def test_mse_by_hand():
    x, t = [[1.0, 2.0], [3.0, 5.0]], [[0.0, 2.0], [1.0, 1.0]]  # d = 1, 0, 2, 4
    check(MSE(), x, t, 21 / 4, [[0.5, 0.0], [1.0, 2.0]])
    check(MSE(reduction="sum"), x, t, 21.0, [[2.0, 0.0], [4.0, 8.0]])
    check(MSE(reduction="none"), x, t, np.array([[1.0, 0.0], [4.0, 16.0]]), [[2.0, 0.0], [4.0, 8.0]])


def test_l1_by_hand():
    check(L1(), [1.0, 2.0, 3.0], [2, 2, 1], 1.0, [-1 / 3, 0.0, 1 / 3])


def test_huber_by_hand():
    # d = 1, -3, 2, 0 with delta 2: 1/2, 2 (3 - 1), 2, 0
    check(Huber(2.0, reduction="sum"), [1.0, -3.0, 2.0, 0.0], [0, 0, 0, 0], 6.5, [1.0, -2.0, 2.0, 0.0])
    check(Huber(delta=1), [1.0, -3.0, 2.0, 0.0], [0, 0, 0, 0], 4.5 / 4, [0.25, -0.25, 0.25, 0.0])


def test_softmax_cross_entropy_by_hand():
    scores = np.log([[1.0, 2.0, 5.0]])  # p = 1/8, 2/8, 5/8
    check(SoftmaxCrossEntropy(), scores, [1], math.log(4), [[1 / 8, -6 / 8, 5 / 8]])
    smoothed = 0.1 * math.log(8) + 0.8 * math.log(4) + 0.1 * math.log(8 / 5)
    loss = SoftmaxCrossEntropy(label_smoothing=0.3)  # q = 0.1, 0.8, 0.1
    check(loss, scores, [1], smoothed, [[0.025, -0.55, 0.525]])


def test_class_weights_by_hand():
    scores, ln = np.log([[1.0, 3.0], [1.0, 1.0]]), math.log  # p = 1/4, 3/4 and 1/2, 1/2
    weighted = SoftmaxCrossEntropy(class_weights=[1, 3])
    check(weighted, scores, [0, 1], (ln(4) + 3 * ln(2)) / 4, [[-3 / 16, 3 / 16], [3 / 8, -3 / 8]])
    # probabilities: the same terms, over the number of examples instead of the weights
    check(weighted, scores, np.eye(2), (ln(4) + 3 * ln(2)) / 2, [[-3 / 8, 3 / 8], [3 / 4, -3 / 4]])


def test_ignored_positions_by_hand():
    scores = np.zeros((3, 2))
    loss = SoftmaxCrossEntropy(ignore_index=-100)
    check(loss, scores, [0, -100, 1], math.log(2), [[-0.25, 0.25], [0, 0], [0.25, -0.25]])
    loss.reduction = "none"
    values = loss.forward(scores, np.array([0, -100, 1]))
    assert values[1] == 0
    assert (loss.backward(np.ones(3))[1] == 0).all()


def test_nll_by_hand():
    log_p = np.log([[0.5, 0.25, 0.25], [0.2, 0.4, 0.4]])
    check(NLL(), log_p, [2, 0], (math.log(4) + math.log(5)) / 2, [[0, 0, -0.5], [-0.5, 0, 0]])
    check(NLL(reduction="sum"), log_p[:1], [[0.5, 0.5, 0]], 1.5 * math.log(2), [[-0.5, -0.5, 0]])


def test_nll_shows_no_minus_zero():
    loss = NLL(reduction="none")
    assert not np.signbit(loss.forward(np.array([[0.0, -9.0]]), np.array([0]))).any()
    assert np.signbit(loss.backward(np.ones(1))).tolist() == [[True, False]]


def test_sigmoid_cross_entropy_by_hand():
    x, ln = [0.0, math.log(3), math.log(3)], math.log  # σ(x) = 1/2, 3/4, 3/4
    values = np.array([ln(2), ln(4), (ln(4) + ln(4 / 3)) / 2])
    check(SigmoidCrossEntropy(reduction="none"), x, [1.0, 0.0, 0.5], values, [-0.5, 0.75, 0.25])
    check(SigmoidCrossEntropy(), x[:2], [True, False], (ln(2) + ln(4)) / 2, [-0.25, 0.375])


def test_multiclass_hinge_by_hand():
    scores = [[1.0, 3.0, 0.0], [2.0, 0.0, -1.0], [0.0, 0.5, 0.25]]
    # row 0: 3 - 1 + 1 = 3, and 0 - 1 + 1 = 0 at the corner; row 1: none; row 2: 0 - .5 + 1 and .25 - .5 + 1
    slopes = np.array([[-1, 1, 0], [0, 0, 0], [1, -2, 1]])
    labels = [0, 0, 1]
    check(MulticlassHinge(reduction="none"), scores, labels, np.array([3.0, 0.0, 1.25]), slopes)
    check(MulticlassHinge(), scores, labels, 4.25 / 3, slopes / 3)
    check(MulticlassHinge(0, reduction="sum"), scores, labels, 2.0, [[-1, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_kl_divergence_by_hand():
    ln = math.log
    log_p = np.log([[0.5, 0.25, 0.25], [0.2, 0.4, 0.4]])
    t = [[0.25, 0.75, 0.0], [0.2, 0.4, 0.4]]  # the second row is p itself
    values = np.array([ln(1 / 2) / 4 + 3 * ln(3) / 4, 0.0])
    check(KLDivergence(reduction="none"), log_p, t, values, [[-0.25, -0.75, 0], [-0.2, -0.4, -0.4]])
    check(KLDivergence(), log_p, t, values[0] / 2, [[-0.125, -0.375, 0], [-0.1, -0.2, -0.2]])


def test_kl_divergence_is_the_cross_entropy_without_the_entropy():
    entropy = [-math.fsum(t * math.log(t) for t in row) for row in SHARES]
    nll = NLL(reduction="none").forward(LOG_P, SHARES)
    assert KLDivergence(reduction="none").forward(LOG_P, SHARES) == pytest.approx(nll - entropy, rel=1e-12)


def test_the_mean_of_a_kl_divergence_is_over_all_rows():
    log_p, t = np.full((2, 3, 4), -math.log(4)), np.eye(4)[np.array([[0, 1, 2], [3, 0, 1]])]
    loss = KLDivergence()
    assert loss.forward(log_p, t) == pytest.approx(math.log(4), rel=1e-14)
    assert (loss.backward() == -t / 6).all()


def test_poisson_by_hand():
    x, ln = [0.0, math.log(2), math.log(5)], math.log  # rates 1, 2, 5
    values = np.array([1 - 0, 2 - 3 * ln(2), 5 - 4 * ln(5)])
    check(Poisson(reduction="none"), x, [0, 3, 4], values, [1.0, -1.0, 1.0])
    check(Poisson(), x, [0, 3, 4], values.sum() / 3, [1 / 3, -1 / 3, 1 / 3])


# Extremes


def test_a_rate_near_0_and_one_near_the_largest_float_are_exact():
    loss = Poisson(reduction="none")
    x = np.array([-1e4, 88.5], np.float32)
    assert loss.forward(x, np.array([3, 0])) == pytest.approx([3e4, math.exp(88.5)])
    assert loss.backward(np.ones(2)) == pytest.approx([-3, math.exp(88.5)])


@pytest.mark.parametrize(("dtype", "x"), [(np.float32, 89.0), (np.float64, 710.0)])
def test_a_log_rate_whose_exp_overflows_is_refused(dtype, x):
    with pytest.raises(
        ValueError,
        match=rf"x whose exp\(x\) - t x does not overflow {np.dtype(dtype)}, got {x} at index \(1,\)",
    ):
        Poisson().forward(np.array([0, x], dtype), np.array([1, 1]))
    with pytest.raises(ValueError, match=r"Poisson\(\): .*the prediction is the log of the rate"):
        Poisson().forward(np.array([0, x], dtype).astype(complex) * 10, np.array([1, 1]))


def test_huge_logits_stay_finite_in_float32():
    scores = np.array([[1e4, -1e4], [1e4, -1e4], [-1e4, -1e4]], np.float32)
    loss = SoftmaxCrossEntropy(reduction="none")
    assert loss.forward(scores, np.array([1, 0, 0])) == pytest.approx([2e4, 0, math.log(2)])
    assert (loss.backward(np.ones(3)) == [[1, -1], [0, 0], [-0.5, 0.5]]).all()
    loss = SigmoidCrossEntropy(reduction="none")
    assert (
        loss.forward(scores, np.array([[0, 0], [1, 1], [0.5, 0]])) == [[1e4, 0], [0, 1e4], [5e3, 0]]
    ).all()
    assert (loss.backward(np.ones((3, 2))) == [[1, 0], [0, -1], [-0.5, 0]]).all()


def test_huber_does_not_square_what_is_far():
    loss = Huber()
    assert loss.forward(np.array([1e200, -1e200]), np.zeros(2)) == 1e200
    assert (loss.backward() == [0.5, -0.5]).all()


def test_a_mean_in_float32_does_not_overflow_on_the_way():
    assert L1().forward(np.full(10, 1e38, np.float32), np.zeros(10)) == pytest.approx(1e38)


def test_confident_logits_keep_a_precise_value_and_slope():
    loss, tail = SigmoidCrossEntropy(reduction="none"), math.exp(-50)  # log(1 + e⁻⁵⁰) and σ(-50)
    values = loss.forward(np.array([50.0, -50.0]), np.array([1, 0]))
    assert values == pytest.approx([tail, tail], rel=1e-14, abs=0)
    assert loss.backward(np.ones(2)) == pytest.approx([-tail, tail], rel=1e-14, abs=0)


# A loss of one's own


def test_a_loss_needs_only_its_terms():
    loss = LogCosh(2.0)
    assert loss.forward(np.array([2.0, 0.0]), np.zeros(2)) == pytest.approx(math.log(math.cosh(1)) / 2)
    assert loss.backward() == pytest.approx([math.tanh(1) / 4, 0])
    assert repr(loss) == "LogCosh()"


def test_a_value_may_belong_to_a_whole_example():
    loss = Distance(reduction="none")
    assert (loss.forward(np.array([[3.0, 4.0], [1.0, 0.0]]), np.zeros((2, 2))) == [12.5, 0.5]).all()
    assert (loss.backward(np.array([1, 10])) == [[3, 4], [10, 0]]).all()


def test_forward_and_backward_may_be_overridden():
    loss = ByHand()
    with pytest.raises(RuntimeError, match=r"ByHand\(\): backward called before forward"):
        loss.backward()
    assert loss.forward(np.array([3.0, 4.0]), np.zeros(2)) == 25.0
    assert (loss.backward(2.0) == [12, 16]).all()


def test_a_mean_may_divide_each_value_by_its_own_number():
    class Squares(Loss):
        """Σ d² of each row, its mean by row length and then over rows."""

        def terms(self, prediction, target):
            d = prediction - target
            return (d * d).sum(axis=-1), 2 * d

        def count(self, values, target):
            return np.array([2, 6])

    d = np.array([[1.0, 3.0, 0.0], [3.0, 3.0, 0.0]], np.float32)
    loss = Squares()
    assert loss.forward(d, np.zeros((2, 3))) == 10 / 2 + 18 / 6
    assert loss.backward(2.0).tolist() == [[2, 6, 0], [2, 2, 0]]
    assert loss.backward().dtype == np.float32
    loss.reduction = "sum"
    assert loss.forward(d, np.zeros((2, 3))) == 28
    assert (loss.backward() == 2 * d).all()
    loss.reduction = "none"
    assert loss.forward(d, np.zeros((2, 3))).tolist() == [10, 18]


def test_a_loss_without_terms_says_what_is_missing():
    with pytest.raises(NotImplementedError, match=r"Loss\(\): expected a terms"):
        Loss().forward(np.ones(2), np.ones(2))


@pytest.mark.parametrize("returned", [np.ones((2, 3)), None, (np.ones((2, 3)),)])
def test_terms_without_a_derivative_are_refused(returned):
    class Half(Loss):
        def terms(self, prediction, target):
            return returned

    with pytest.raises(TypeError, match=r"Half\(\): expected terms to return \(values, derivative\), got "):
        Half().forward(np.zeros((2, 3)), np.zeros((2, 3)))


def test_terms_of_the_wrong_shape_are_refused():
    class Wrong(Loss):
        def terms(self, prediction, target):
            return prediction - target, np.ones(2)

    with pytest.raises(
        ValueError, match=r"Wrong\(\): expected terms .* got \(2, 3\) and \(2,\); leave the sum"
    ):
        Wrong().forward(np.ones((2, 3)), np.ones((2, 3)))


# What it shows


def test_repr_shows_what_is_not_the_default():
    assert repr(MSE()) == "MSE()"
    assert repr(Huber(reduction="sum")) == "Huber(delta=1.0, reduction='sum')"
    assert repr(MulticlassHinge(0.5)) == "MulticlassHinge(margin=0.5)"
    assert repr(SoftmaxCrossEntropy()) == "SoftmaxCrossEntropy()"
    loss = NLL(label_smoothing=0.1, class_weights=[1, 2.5], ignore_index=-1, reduction="none")
    shown = "NLL(label_smoothing=0.1, class_weights=[1, 2.5], ignore_index=-1, reduction='none')"
    assert repr(loss) == shown
    assert len(repr(NLL(class_weights=np.ones(1000)))) < 60


# What is refused


@pytest.mark.parametrize(("name", "nearest"), [("men", "mean"), ("Sum", "sum"), (None, "none")])
@built_in
def test_an_unknown_reduction_is_refused_with_the_nearest_name(loss, name, nearest):
    with pytest.raises(ValueError, match=f"got {name!r}; did you mean {nearest!r}"):
        type(loss)(reduction=name)
    with pytest.raises(ValueError, match="expected reduction"):
        loss.reduction = "total"
    assert loss.reduction == "mean"


@pytest.mark.parametrize(
    "loss", [MSE(), L1(), Huber(), SigmoidCrossEntropy(), Poisson(), KLDivergence()], ids=repr
)
def test_shapes_that_would_broadcast_are_refused(loss):
    with pytest.raises(
        ValueError, match=r"prediction \(4,\) against target \(4, 1\); write target.reshape\(4,\)"
    ):
        loss.forward(np.ones(4), np.ones((4, 1)))
    with pytest.raises(ValueError, match=r"\(4, 1\) against target \(4,\); write target.reshape\(4, 1\)"):
        loss.forward(np.ones((4, 1)), np.ones(4))
    with pytest.raises(
        ValueError, match=r"\(2, 3\) against target \(3, 2\); make"
    ):  # a reshape would scramble
        loss.forward(np.ones((2, 3)), np.ones((3, 2)))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@built_in
def test_non_finite_numbers_are_refused_with_their_place(loss, bad):
    prediction = np.zeros((2, 3))
    prediction[1, 2] = bad
    who = type(loss).__name__
    with pytest.raises(ValueError, match=rf"{who}.*finite prediction, got {bad} at index \(1, 2\)"):
        loss.forward(prediction, targets_for(loss))
    with pytest.raises(ValueError, match="finite prediction"):
        loss.forward(prediction.astype(complex), targets_for(loss))
    if not isinstance(loss, MulticlassHinge):
        with pytest.raises(
            ValueError, match=rf"{who}.*finite target \(float64\), got {bad} at index \(1, 2\)"
        ):
            loss.forward(np.zeros((2, 3)), prediction)


def test_a_target_beyond_float32_is_refused_not_rounded_to_infinity():
    with pytest.raises(ValueError, match=r"finite target \(float32\), got 1e\+300 at index \(1,\)"):
        MSE().forward(np.zeros(2, np.float32), np.array([0, 1e300]))


@built_in
def test_what_is_no_array_of_numbers_is_refused(loss):
    target = targets_for(loss)
    with pytest.raises(TypeError, match="expected prediction to be a NumPy array, got list; convert"):
        loss.forward([[0.0, 1.0, 2.0]] * 2, target)
    with pytest.raises(TypeError, match="expected target to be a NumPy array, got list; convert"):
        loss.forward(np.zeros((2, 3)), target.tolist())
    with pytest.raises(TypeError, match="expected prediction in real numbers, got <U1"):
        loss.forward(np.full((2, 3), "0"), target)
    for kind in (complex, str, object):
        with pytest.raises(TypeError, match="expected target in real numbers"):
            loss.forward(np.zeros((2, 3)), target.astype(kind))
    loss.forward(np.zeros((2, 3)), target)
    with pytest.raises(TypeError, match="expected upstream in real numbers"):
        loss.backward("1.0")


@built_in
def test_whole_numbers_are_taken_as_float64(loss):
    whole, target = np.array([[1, -2, 0], [3, 1, 2]]), targets_for(loss)
    assert loss.forward(whole, target) == loss.forward(whole.astype(float), target)
    loss.forward(whole, target)
    assert loss.backward().dtype == np.float64


@built_in
def test_an_empty_batch_is_refused(loss):
    with pytest.raises(ValueError, match=r"at least one example, got an empty prediction \(0, 3\)"):
        loss.forward(np.zeros((0, 3)), targets_for(loss)[:0])


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (0, ValueError),
        (-1.0, ValueError),
        (math.nan, ValueError),
        (math.inf, ValueError),
        ("1", TypeError),
        (True, TypeError),
    ],
)
def test_a_delta_that_is_no_positive_number_is_refused(value, error):
    with pytest.raises(error, match="Huber: expected delta"):
        Huber(value)


@pytest.mark.parametrize(("value", "error"), [(-1.0, ValueError), (math.nan, ValueError), (None, TypeError)])
def test_a_margin_below_zero_is_refused(value, error):
    with pytest.raises(error, match="MulticlassHinge: expected margin"):
        MulticlassHinge(value)


def test_a_sigmoid_target_outside_0_to_1_is_refused():
    for bad in (-1, 2, 1.5):
        with pytest.raises(
            ValueError, match=rf"expected a target in \[0, 1\], got {float(bad)} at index \(0, 1\)"
        ):
            SigmoidCrossEntropy().forward(np.zeros((1, 2)), np.array([[1, bad]]))


def test_a_count_below_0_is_refused():
    with pytest.raises(
        ValueError, match=r"counts, none negative, got -1.0 at index \(0, 1\); .* not its log"
    ):
        Poisson().forward(np.zeros((1, 2)), np.array([[1, -1]]))


def test_a_kl_target_that_is_no_distribution_is_refused():
    with pytest.raises(ValueError, match=r"rows that sum to 1, got 0.75 at index \(1,\); divide each row"):
        KLDivergence().forward(np.zeros((2, 2)), np.array([[0.5, 0.5], [0.5, 0.25]]))
    with pytest.raises(ValueError, match=r"none negative, got -0.5 at index \(1, 0\); .* np.exp"):
        KLDivergence().forward(np.zeros((2, 2)), np.array([[0.5, 0.5], [-0.5, 1.5]]))
    with pytest.raises(ValueError, match="the class axis is the last"):
        KLDivergence().forward(np.array(0.0), np.array(1.0))


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), NLL(), MulticlassHinge()], ids=repr)
def test_labels_that_do_not_fit_the_scores_are_refused(loss):
    scores = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"labels in 0..C-1 = 0..2, got 3 at index \(1,\)"):
        loss.forward(scores, np.array([0, 3]))
    with pytest.raises(ValueError, match=r"0..2, got -1 at index \(0,\)"):
        loss.forward(scores, np.array([-1, 3]))
    with pytest.raises(ValueError, match=r"0..2, got 255 at index \(0,\)"):
        loss.forward(scores, np.array([255, 0], np.uint8))
    with pytest.raises(ValueError, match=r"expected integer labels, got float64; write target.astype\(int\)"):
        loss.forward(scores, np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="expected integer labels, got bool"):
        loss.forward(scores, np.array([True, False]))
    with pytest.raises(ValueError, match=r"got target \(2, 1\); write target\[:, 0\]"):
        loss.forward(scores, np.array([[0], [1]]))
    with pytest.raises(ValueError, match=r"labels of shape \(2,\) for scores \(2, 3\), got target \(3,\)"):
        loss.forward(scores, np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"got target \(2, 4\); probabilities have the 3 classes"):
        loss.forward(scores, np.ones((2, 4)) / 4)
    with pytest.raises(ValueError, match=r"write np.moveaxis\(scores, 1, -1\)"):
        loss.forward(np.zeros((2, 3, 5)), np.zeros((2, 5), int))
    with pytest.raises(ValueError, match="the class axis is the last"):
        loss.forward(np.array(1.0), np.array(0))


def test_a_hinge_refuses_one_hot():
    with pytest.raises(ValueError, match=r"write target.argmax\(axis=-1\)"):
        MulticlassHinge().forward(np.zeros((2, 3)), np.eye(3)[:2])


@pytest.mark.parametrize("build", [SoftmaxCrossEntropy, NLL])
class TestClassOptions:
    def test_rows_that_are_no_distribution_are_refused(self, build):
        scores = np.zeros((2, 2))
        with pytest.raises(ValueError, match=r"rows that sum to 1, got 0.75 at index \(1,\)"):
            build().forward(scores, np.array([[0.5, 0.5], [0.5, 0.25]]))
        with pytest.raises(ValueError, match=r"none negative, got -0.5 at index \(1, 0\)"):
            build().forward(scores, np.array([[0.5, 0.5], [-0.5, 1.5]]))
        assert build().forward(scores - 1, np.array([[0.5, 0.5], [0.5, 0.5009]])) > 0

    def test_one_hot_is_the_label_in_any_dtype(self, build):
        expected = build().forward(LOG_P, LABELS)
        for dtype in (bool, np.uint8, np.int64, np.float32, np.float64):
            assert build().forward(LOG_P, np.eye(4, dtype=dtype)[LABELS]) == pytest.approx(
                expected, rel=1e-14
            )

    def test_ignore_index_counts_nothing(self, build):
        labels = np.array([0, -1, 2, -1, 3], np.int8)
        kept = labels >= 0
        loss = build(ignore_index=-1, **OPTIONS)
        few = build(**OPTIONS)
        assert loss.forward(LOG_P, labels) == pytest.approx(few.forward(LOG_P[kept], labels[kept]), rel=1e-14)
        assert loss.backward()[kept] == pytest.approx(few.backward(), rel=1e-14)
        assert (loss.backward()[~kept] == 0).all()

    def test_ignore_index_beyond_the_dtype_ignores_nothing(self, build):
        labels = LABELS.astype(np.uint8)
        assert build(ignore_index=-1).forward(LOG_P, labels) == build().forward(LOG_P, labels)

    def test_nothing_but_ignored_labels_is_refused(self, build):
        with pytest.raises(ValueError, match=r"expected a label that counts, got only -1 in target \(2,\)"):
            build(ignore_index=-1).forward(np.zeros((2, 3)), np.array([-1, -1]))

    def test_ignore_index_with_probabilities_is_refused(self, build):
        with pytest.raises(ValueError, match=r"beside ignore_index, got probabilities \(2, 3\); leave"):
            build(ignore_index=-1).forward(np.zeros((2, 3)), np.eye(3)[:2])

    def test_ignore_index_that_is_no_integer_is_refused(self, build):
        with pytest.raises(TypeError, match=r"expected ignore_index to be an integer or None, got -1\.0"):
            build(ignore_index=-1.0)

    def test_label_smoothing_outside_its_range_is_refused(self, build):
        for bad in (-0.1, 1, 1.5, math.nan):
            with pytest.raises(ValueError, match=rf"expected label_smoothing in \[0, 1\), got {bad}"):
                build(label_smoothing=bad)
        with pytest.raises(TypeError, match="expected label_smoothing to be a number, got str"):
            build(label_smoothing="0.1")

    def test_class_weights_that_are_none_are_refused(self, build):
        for bad in ([1, -1], [1, math.nan], [1, math.inf], [0, 0], [[1, 1]], [], 1.0):
            with pytest.raises(ValueError, match="expected class_weights one for each class, finite"):
                build(class_weights=bad)
        with pytest.raises(TypeError, match="expected class_weights in real numbers, got <U1"):
            build(class_weights=["a", "b"])
        with pytest.raises(ValueError, match=r"expected 3 class_weights for scores \(2, 3\), got 2"):
            build(class_weights=[1, 2]).forward(np.zeros((2, 3)), np.array([0, 1]))

    def test_a_mean_over_no_weight_is_refused(self, build):
        with pytest.raises(ValueError, match="expected a label whose class weight is not 0, got none in 2"):
            build(class_weights=[1, 0]).forward(np.zeros((2, 2)), np.array([1, 1]))
        assert build(class_weights=[1, 0], reduction="sum").forward(np.zeros((2, 2)), np.array([1, 1])) == 0

    def test_class_weights_are_a_copy(self, build):
        weights = np.array([1.0, 2.0])
        loss = build(class_weights=weights)
        weights[:] = 7
        assert (loss.class_weights == [1, 2]).all()
