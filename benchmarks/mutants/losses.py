"""Losses of a student's own, with the mistakes made in their gradient."""

import numpy as np

from losses import Loss

from .case import Mutant


def softmax(scores, axis=-1):
    e = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Difference(Loss):
    """A loss of d = prediction - target."""

    def forward(self, prediction, target):
        self.d = prediction - target
        return float(self.value(self.d))

    def backward(self, upstream=1.0):
        return upstream * self.slope(self.d)


class MeanSquare(Difference):
    def value(self, d):
        return np.mean(d**2)

    def slope(self, d):
        return d / d.size


class MeanSquareOverRows(MeanSquare):
    def slope(self, d):
        return 2 * d / len(d)


class MeanSquareNotDivided(MeanSquare):
    def slope(self, d):
        return 2 * d


class MeanSquareSign(MeanSquare):
    def slope(self, d):
        return -2 * d / d.size


class MeanSquareNoUpstream(MeanSquare):
    def backward(self, upstream=1.0):
        return 2 * self.d / self.d.size


class MeanSquareAddsUpstream(MeanSquare):
    def backward(self, upstream=1.0):
        return upstream + 2 * self.d / self.d.size


class MeanSquareSinglePrecision(MeanSquare):
    def slope(self, d):
        return (2 * d / d.size).astype(np.float32).astype(np.float64)


class MeanSquareOfPrediction(Loss):
    def forward(self, prediction, target):
        self.prediction = prediction
        return float(((prediction - target) ** 2).mean())

    def backward(self, upstream=1.0):
        return upstream * 2 * self.prediction / self.prediction.size


class RootMeanSquare(Difference):
    def value(self, d):
        return np.sqrt(np.mean(d**2))

    def slope(self, d):
        return d / d.size


class MeanAbsolute(Difference):
    def value(self, d):
        return np.mean(np.abs(d))

    def slope(self, d):
        return d / d.size


class MeanAbsoluteOverRows(MeanAbsolute):
    def slope(self, d):
        return np.sign(d) / d.shape[0]


class MeanAbsoluteOnes(MeanAbsolute):
    def slope(self, d):
        return np.ones_like(d) / d.size


class Huber(Difference):
    """Quadratic up to delta = 0.6, linear after."""

    def value(self, d):
        a = np.abs(d)
        return np.where(a < 0.6, a**2 / 2, 0.6 * (a - 0.3)).mean()

    def slope(self, d):
        return d / d.size


class HuberDelta(Huber):
    def slope(self, d):
        return np.where(np.abs(d) < 0.6, d, np.sign(d)) / d.size


class LogCosh(Difference):
    def value(self, d):
        return np.log(np.cosh(d)).sum()

    def slope(self, d):
        return np.sinh(d)


class SoftmaxCrossEntropy(Loss):
    """-mean log p[label], from scores (N, C) and labels (N,)."""

    def forward(self, prediction, target):
        self.p, self.labels = softmax(prediction), target
        return float(-np.log(self.p[np.arange(len(target)), target]).mean())

    def backward(self, upstream=1.0):
        return upstream * self.slope(self.p, np.eye(self.p.shape[1])[self.labels]) / len(self.p)

    def slope(self, p, onehot):
        return p - onehot


class NoUpstream(SoftmaxCrossEntropy):
    def backward(self, upstream=1.0):
        dscores = self.p.copy()
        dscores[range(len(dscores)), self.labels] -= 1
        return dscores / len(dscores)


class OneHotMissing(SoftmaxCrossEntropy):
    def slope(self, p, onehot):
        return p


class OnlyTheLabel(SoftmaxCrossEntropy):
    def slope(self, p, onehot):
        return (p - 1) * onehot


class OneHotTwice(SoftmaxCrossEntropy):
    def slope(self, p, onehot):
        return p - 2 * onehot


class EveryClass(SoftmaxCrossEntropy):
    def backward(self, upstream=1.0):
        return super().backward(upstream) / self.p.shape[1]


class NotAveraged(SoftmaxCrossEntropy):
    def slope(self, p, onehot):
        return (p - onehot) * len(p)


class SignTurned(SoftmaxCrossEntropy):
    def slope(self, p, onehot):
        return onehot - p


class ThroughSoftmaxAgain(SoftmaxCrossEntropy):
    def slope(self, p, onehot):
        return (p - onehot) * p * (1 - p)


class SubtractsInTheCache(SoftmaxCrossEntropy):
    def backward(self, upstream=1.0):
        dscores = self.p
        dscores[np.arange(len(dscores)), self.labels] -= 1
        return upstream * dscores / len(dscores)


class SoftmaxOverTheBatch(SoftmaxCrossEntropy):
    def forward(self, prediction, target):
        value = super().forward(prediction, target)
        self.p = softmax(prediction, axis=0)
        return value


class LabelsOffByOne(SoftmaxCrossEntropy):
    def slope(self, p, onehot):
        return p - np.roll(onehot, 1, axis=1)  # classes counted from 1


class FirstRowOnly(SoftmaxCrossEntropy):
    def backward(self, upstream=1.0):
        dscores = np.zeros_like(self.p)
        for n, label in enumerate(self.labels):
            dscores[n] = self.p[n]
            dscores[n, label] -= 1
            return upstream * dscores / len(dscores)  # indented too far
        return dscores


class Smoothed(SoftmaxCrossEntropy):
    """Labels smoothed by 0.1 in forward, but not in backward."""

    def forward(self, prediction, target):
        super().forward(prediction, target)
        q = 0.9 * np.eye(self.p.shape[1])[target] + 0.1 / self.p.shape[1]
        return float(-(q * np.log(self.p)).sum(axis=1).mean())


class Weighted(Loss):
    """-sum w log p / sum w, with a weight for each class."""

    def forward(self, prediction, target):
        w = np.array([0.5, 1.5, 3.0, 0.8])[target]
        rows = np.arange(len(target))
        p = softmax(prediction)
        loss = -(w * np.log(p[rows, target])).sum() / w.sum()
        p[rows, target] -= 1
        self.delta, self.w = p, w
        return float(loss)

    def backward(self, upstream=1.0):
        return upstream * self.delta / self.w.sum()


class WeightedOverRows(Weighted):
    def backward(self, upstream=1.0):
        return upstream * self.w[:, None] * self.delta / len(self.w)


class Padded(Loss):
    """Labels of -1 do not count."""

    def forward(self, prediction, target):
        self.keep = target >= 0
        p = softmax(prediction)
        rows = np.flatnonzero(self.keep)
        loss = -np.log(p[rows, target[rows]]).sum() / len(rows)
        p[rows, target[rows]] -= 1
        self.delta = p
        return float(loss)

    def backward(self, upstream=1.0):
        return upstream * self.delta / self.keep.sum()


class PaddedOverAll(Padded):
    def backward(self, upstream=1.0):
        return upstream * self.delta * self.keep[:, None] / len(self.keep)


class FromProbabilities(Loss):
    """-sum t log p: the prediction is already a distribution."""

    def forward(self, prediction, target):
        self.p, self.t = prediction, target
        return float(-np.sum(target * np.log(prediction)))

    def backward(self, upstream=1.0):
        return upstream * (self.p - self.t)


class FromProbabilitiesSign(FromProbabilities):
    def backward(self, upstream=1.0):
        return upstream * np.divide(self.t, self.p)


class FromLogProbabilities(Loss):
    def forward(self, prediction, target):
        self.p, self.t = np.exp(prediction), target
        return float(-(target * prediction).sum() / len(prediction))

    def backward(self, upstream=1.0):
        return upstream * (self.p - self.t) / len(self.p)


class Divergence(Loss):
    """sum t (log t - log p), from log-probabilities."""

    def forward(self, prediction, target):
        self.log_p, self.t = prediction, target
        return float((target * (np.log(target) - prediction)).sum())

    def backward(self, upstream=1.0):
        return upstream * (np.log(self.t) - self.log_p)


class BinaryCrossEntropy(Loss):
    """From logits z and targets of 0 and 1."""

    def forward(self, prediction, target):
        self.p, self.t = sigmoid(prediction), target
        return float(-np.mean(target * np.log(self.p) + (1 - target) * np.log(1 - self.p)))

    def backward(self, upstream=1.0):
        return upstream * (self.p - self.t) * self.p * (1 - self.p) / self.p.size


class BinaryCrossEntropySign(BinaryCrossEntropy):
    def backward(self, upstream=1.0):
        return upstream * (self.t - self.p) / self.p.size


class BinaryCrossEntropyPositives(BinaryCrossEntropy):
    def backward(self, upstream=1.0):
        return upstream * self.t * (self.p - 1) / self.p.size


class BinaryFromProbabilities(Loss):
    def forward(self, prediction, target):
        self.p, self.t = prediction, target
        return float(-np.mean(target * np.log(prediction) + (1 - target) * np.log(1 - prediction)))

    def backward(self, upstream=1.0):
        return upstream * (self.p - self.t) / self.p.size


class Hinge(Loss):
    """mean over rows of sum_j max(0, s_j - s_label + 1)"""

    def forward(self, prediction, target):
        self.rows, self.labels = np.arange(len(target)), target
        self.margins = np.maximum(0, prediction - prediction[self.rows, target][:, None] + 1)
        self.margins[self.rows, target] = 0
        return float(self.margins.sum() / len(target))

    def backward(self, upstream=1.0):
        d = (self.margins > 0).astype(float)
        d[self.rows, self.labels] = self.label(d)
        return upstream * d / len(d)

    def label(self, d):
        return -1


class HingeNoLabel(Hinge):
    def label(self, d):
        return 0


class HingePlus(Hinge):
    def label(self, d):
        return d.sum(axis=1)


class HingeMargins(Hinge):
    def backward(self, upstream=1.0):
        d = self.margins.copy()
        d[self.rows, self.labels] = -d.sum(axis=1)
        return upstream * d / len(d)


class SquaredHinge(Loss):
    """mean max(0, 1 - t s)^2, t of -1 and 1"""

    def forward(self, prediction, target):
        self.t, self.m = target, np.maximum(0, 1 - target * prediction)
        return float(np.mean(self.m**2))

    def backward(self, upstream=1.0):
        return upstream * -2 * self.m / self.m.size


class SquaredHingeAsHinge(SquaredHinge):
    def backward(self, upstream=1.0):
        return upstream * -2 * self.t * (self.m > 0) / self.m.size


class Poisson(Loss):
    """mean of e^z - t z, z the log rate"""

    def forward(self, prediction, target):
        self.z, self.t = prediction, target
        return float(np.mean(np.exp(prediction) - target * prediction))

    def backward(self, upstream=1.0):
        return upstream * (self.z - self.t) / self.z.size


class PoissonNoTarget(Poisson):
    def backward(self, upstream=1.0):
        return upstream * np.exp(self.z) / self.z.size


class Focal(BinaryCrossEntropy):
    """-mean (1 - p)^2 log p over positives: the weight depends on p too."""

    def forward(self, prediction, target):
        self.p = sigmoid(prediction)
        return float(-np.mean((1 - self.p) ** 2 * np.log(self.p)))

    def backward(self, upstream=1.0):
        return upstream * (1 - self.p) ** 2 * (self.p - 1) / self.p.size


class Dice(Loss):
    """1 - 2 sum(p t) / (sum p + sum t)"""

    def forward(self, prediction, target):
        self.t, self.total = target, prediction.sum() + target.sum()
        return float(1 - 2 * (prediction * target).sum() / self.total)

    def backward(self, upstream=1.0):
        return upstream * -2 * self.t / self.total


class Cosine(Loss):
    """mean of 1 - cos(prediction, target) over rows"""

    def forward(self, prediction, target):
        size = np.linalg.norm(prediction, axis=1, keepdims=True)
        unit = target / np.linalg.norm(target, axis=1, keepdims=True)
        self.cache = unit, size
        return float(1 - (prediction / size * unit).sum(axis=1).mean())

    def backward(self, upstream=1.0):
        unit, size = self.cache
        return -upstream * unit / size / len(unit)


class GaussianLikelihood(Loss):
    """prediction (N, 2): mean and log variance; sum of (s + (t - m)^2 e^-s) / 2"""

    def forward(self, prediction, target):
        m, s = prediction.T
        self.cache = m - target, s
        return float(0.5 * np.sum(s + (target - m) ** 2 * np.exp(-s)))

    def backward(self, upstream=1.0):
        d, s = self.cache
        return upstream * np.stack([d * np.exp(-s), 0.5 * np.ones_like(s)], axis=1)


_rng = np.random.default_rng(20)
SCORES, LABELS = (6, 4), np.array([2, 0, 3, 1, 2, 2])
REAL = _rng.normal(size=(6, 5))
BITS = (_rng.random((6, 5)) < 0.5).astype(float)
INSIDE = _rng.uniform(0.1, 0.9, (6, 5))
ROWS, TRUE_ROWS = softmax(_rng.normal(size=(6, 4))), softmax(_rng.normal(size=(6, 4)))
X, D = (6, 5), ("dprediction",)


def wrong(name, loss, x, target, *kinds):
    return Mutant(name, loss, x, kinds, D, target)


MUTANTS: list[Mutant] = [
    wrong("mse: 2 missing", MeanSquare, X, REAL, "scale"),
    wrong("mse: divided by N for N D", MeanSquareOverRows, X, REAL, "scale"),
    wrong("mse: not divided", MeanSquareNotDivided, X, REAL, "scale"),
    wrong("mse: sign", MeanSquareSign, X, REAL, "sign"),
    wrong("mse: upstream ignored", MeanSquareNoUpstream, X, REAL, "no-upstream"),
    wrong("mse: upstream added", MeanSquareAddsUpstream, X, REAL, "extra-term", "no-upstream"),
    wrong("mse: through float32", MeanSquareSinglePrecision, X, REAL, "precision"),
    wrong("mse: prediction for difference", MeanSquareOfPrediction, X, REAL, "missing-path", "wrong-operand"),
    wrong("rmse: 1 / rmse missing", RootMeanSquare, X, REAL, "scale", "missing-factor"),
    wrong("l1: difference for its sign", MeanAbsolute, X, REAL, "wrong-formula", "extra-factor"),
    wrong("l1: divided by N for N D", MeanAbsoluteOverRows, X, REAL, "scale"),
    wrong("l1: slope 1 on both sides", MeanAbsoluteOnes, X, REAL, "wrong-region", "no-local-derivative"),
    wrong("huber: quadratic everywhere", Huber, X, REAL, "wrong-region"),
    wrong("huber: delta missing", HuberDelta, X, REAL, "wrong-region", "missing-factor"),
    wrong("log-cosh: sinh", LogCosh, X, REAL, "wrong-formula", "missing-factor"),
    wrong("cross-entropy: upstream ignored", NoUpstream, SCORES, LABELS, "no-upstream"),
    wrong("cross-entropy: one-hot missing", OneHotMissing, SCORES, LABELS, "missing-path", "wrong-region"),
    wrong(
        "cross-entropy: only the label's column", OnlyTheLabel, SCORES, LABELS, "only-some", "missing-path"
    ),
    wrong("cross-entropy: one-hot twice", OneHotTwice, SCORES, LABELS, "extra-term", "wrong-formula"),
    wrong("cross-entropy: divided by N C", EveryClass, SCORES, LABELS, "scale"),
    wrong("cross-entropy: not divided by N", NotAveraged, SCORES, LABELS, "scale"),
    wrong("cross-entropy: sign", SignTurned, SCORES, LABELS, "sign"),
    wrong("cross-entropy: times p (1 - p)", ThroughSoftmaxAgain, SCORES, LABELS, "extra-factor"),
    wrong("cross-entropy: 1 subtracted in the cache", SubtractsInTheCache, SCORES, LABELS, "repeat-backward"),
    wrong("cross-entropy: softmax over the batch", SoftmaxOverTheBatch, SCORES, LABELS, "wrong-axis"),
    wrong("cross-entropy: labels off by one", LabelsOffByOne, SCORES, LABELS, "shifted"),
    wrong("cross-entropy: return inside the loop", FirstRowOnly, SCORES, LABELS, "only-some"),
    wrong("label smoothing: forward only", Smoothed, SCORES, LABELS, "wrong-operand", "approximation"),
    wrong("class weights: forgotten", Weighted, SCORES, LABELS, "missing-factor"),
    wrong("class weights: divided by N", WeightedOverRows, SCORES, LABELS, "scale"),
    wrong("ignored labels: get a gradient", Padded, SCORES, np.array([2, -1, 3, 1, -1, 2]), "wrong-region"),
    wrong(
        "ignored labels: counted in the mean", PaddedOverAll, SCORES, np.array([2, -1, 3, 1, -1, 2]), "scale"
    ),
    wrong("probabilities: p - t", FromProbabilities, ROWS, TRUE_ROWS, "wrong-formula"),
    wrong("probabilities: sign", FromProbabilitiesSign, ROWS, TRUE_ROWS, "sign"),
    wrong(
        "log-probabilities: p - t",
        FromLogProbabilities,
        np.log(ROWS),
        TRUE_ROWS,
        "extra-term",
        "wrong-formula",
    ),
    wrong("divergence: log t - log p", Divergence, np.log(ROWS), TRUE_ROWS, "wrong-formula"),
    wrong("binary: times p (1 - p)", BinaryCrossEntropy, X, BITS, "extra-factor"),
    wrong("binary: sign", BinaryCrossEntropySign, X, BITS, "sign"),
    wrong("binary: positives only", BinaryCrossEntropyPositives, X, BITS, "missing-path", "wrong-region"),
    wrong(
        "binary probabilities: 1 / (p (1 - p)) missing",
        BinaryFromProbabilities,
        INSIDE,
        BITS,
        "missing-factor",
    ),
    wrong("hinge: label gets -1", Hinge, SCORES, LABELS, "only-some", "missing-factor"),
    wrong("hinge: label gets nothing", HingeNoLabel, SCORES, LABELS, "missing-path", "only-some"),
    wrong("hinge: label gets plus the count", HingePlus, SCORES, LABELS, "sign", "wrong-region"),
    wrong("hinge: margins for their signs", HingeMargins, SCORES, LABELS, "extra-factor", "wrong-formula"),
    wrong("squared hinge: target missing", SquaredHinge, X, 2 * BITS - 1, "missing-factor", "sign"),
    wrong("squared hinge: margin missing", SquaredHingeAsHinge, X, 2 * BITS - 1, "missing-factor"),
    wrong("poisson: z for e^z", Poisson, X, 3 * BITS, "wrong-operand", "wrong-formula"),
    wrong("poisson: target missing", PoissonNoTarget, X, 3 * BITS + 1, "missing-path"),
    wrong("focal: weight taken as constant", Focal, X, BITS, "missing-path"),
    wrong("dice: denominator taken as constant", Dice, INSIDE, BITS, "missing-path"),
    wrong("cosine: path through the length missing", Cosine, X, REAL, "missing-path"),
    wrong("gaussian: log variance without the error", GaussianLikelihood, (6, 2), REAL[:, 0], "missing-path"),
]
