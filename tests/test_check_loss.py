"""check_loss: right losses pass, and each way to be wrong is named."""

from __future__ import annotations

import re

import numpy as np
import pytest
from reports import timeless

from gradcheck import assert_loss, check_loss


class SquaredError:
    """Half the squared error, a mean over examples or one value an example; no base class."""

    def __init__(self, reduction="mean"):
        self.reduction = reduction

    def forward(self, prediction, target):
        self.d = prediction - target
        values = (self.d * self.d).sum(axis=1) / 2
        return values if self.reduction == "none" else float(values.mean())

    def backward(self, upstream=1.0):
        if self.reduction == "none":
            return self.d * upstream[:, None]
        return self.d * (upstream / len(self.d))


class CrossEntropy:
    def forward(self, scores, labels):
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p, self.labels = e / e.sum(axis=1, keepdims=True), np.asarray(labels)
        return float(-np.log(self.p[np.arange(len(self.p)), self.labels]).mean())

    def backward(self, upstream=1.0):
        dx = self.p.copy()
        dx[np.arange(len(dx)), self.labels] -= 1
        return dx * (upstream / len(dx))


class Absolute:
    def forward(self, prediction, target):
        self.d = prediction - target
        return float(np.abs(self.d).mean())

    def backward(self, upstream=1.0):
        return np.sign(self.d) * (upstream / self.d.size)


def loss_with(cls, **methods):
    return type("Wrong", (cls,), methods)()


def squared_error_data(seed, dtype=float):
    rng = np.random.default_rng([5, seed])
    return rng.standard_normal((4, 3)).astype(dtype), rng.standard_normal((4, 3)).astype(dtype)


def test_right_losses_pass():
    for seed in range(8):
        dtype = np.float32 if seed % 2 else np.float64
        prediction, target = squared_error_data(seed, dtype)
        for loss in (SquaredError(), SquaredError("none"), Absolute()):
            report = check_loss(loss, prediction, target, rng=seed)
            assert report.passed, str(report)
        for labels in (np.array([0, 2, 1, 2]), [0, 2, 1, 2]):
            report = check_loss(CrossEntropy(), 5 * prediction, labels, rng=seed)
            assert report.passed, str(report)
    assert_loss(SquaredError(), *squared_error_data(0))


def test_a_loss_at_its_kink_passes():
    prediction, target = squared_error_data(0)
    prediction[1, 2] = target[1, 2]
    report = check_loss(Absolute(), prediction + 0, target)
    assert report.passed


def writes_target(self, prediction, target):
    target -= prediction
    self.d = -target
    return float((self.d**2).sum(axis=1).mean() / 2)


def writes_prediction(self, prediction, target):
    prediction -= target
    self.d = prediction
    return float((self.d**2).sum(axis=1).mean() / 2)


WRONG_LOSSES = [
    pytest.param(
        {"backward": lambda s, upstream=1.0: s.d * upstream}, "scale", "dx", r"4 = x.shape\[0\] times", id="N"
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: s.d / len(s.d)}, "no-upstream", "dx", "chain rule", id="no u"
    ),
    pytest.param({"backward": lambda s: s.d / len(s.d)}, "no-upstream", "dx", "chain rule", id="no argument"),
    pytest.param(
        {"backward": lambda s, upstream=2.0: s.d * upstream / len(s.d)},
        "scale",
        "dx",
        "default upstream is 1",
        id="default",
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: -s.d * upstream / len(s.d)}, "sign", "dx", "sign", id="sign"
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: (s.d * upstream / len(s.d)).sum(axis=0)},
        "over-summed",
        "dx",
        r"\(3,\), expected \(4, 3\): it is summed over its axes \(0,\) too",
        id="summed",
    ),
    pytest.param({"backward": lambda s, upstream=1.0: None}, "missing", "dx", "dx is None", id="None"),
    pytest.param(
        {"forward": writes_target},
        "mutates-input",
        "",
        "forward writes to target at test_check_loss",
        id="target",
    ),
    pytest.param(
        {"forward": writes_prediction},
        "mutates-input",
        "",
        "forward writes to prediction at",
        id="prediction",
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: np.multiply(s.d, upstream / len(s.d), out=s.d)},
        "repeat-backward",
        "dx",
        "second time",
        id="repeat",
    ),
    pytest.param(
        {"backward": lambda s, upstream=1.0: s.d * np.float64(upstream / len(s.d))},
        "dtype",
        "dx",
        "float64",
        id="dtype",
    ),
]


@pytest.mark.parametrize(("methods", "kind", "array", "text"), WRONG_LOSSES)
def test_a_wrong_loss_is_caught(methods, kind, array, text):
    prediction, target = squared_error_data(1, np.float32)
    kept = prediction.copy(), target.copy()
    report = check_loss(loss_with(SquaredError, **methods), prediction, target)
    assert not report.passed
    assert (report.findings[0].kind, report.findings[0].array) == (kind, array), str(report)
    assert re.search(text, report.findings[0].message)
    assert np.array_equal(prediction, kept[0])
    assert np.array_equal(target, kept[1])
    with pytest.raises(AssertionError) as caught:
        assert_loss(loss_with(SquaredError, **methods), prediction, target)
    assert timeless(caught.value) == timeless(report)
