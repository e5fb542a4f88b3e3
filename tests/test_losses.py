"""Promises that every loss keeps, one row each below."""

from __future__ import annotations

import math

import numpy as np
import pytest
from loss_data import D3, L3, LABELS, LOG_P, OPTIONS, SCORES, SHARES, Distance, Exponential, LogCosh

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


def test_repr_shows_what_is_not_the_default():
    assert repr(MSE()) == "MSE()"
    assert repr(Huber(reduction="sum")) == "Huber(delta=1.0, reduction='sum')"
    assert repr(MulticlassHinge(0.5)) == "MulticlassHinge(margin=0.5)"
    assert repr(SoftmaxCrossEntropy()) == "SoftmaxCrossEntropy()"
    loss = NLL(label_smoothing=0.1, class_weights=[1, 2.5], ignore_index=-1, reduction="none")
    shown = "NLL(label_smoothing=0.1, class_weights=[1, 2.5], ignore_index=-1, reduction='none')"
    assert repr(loss) == shown
    assert len(repr(NLL(class_weights=np.ones(1000)))) < 60
