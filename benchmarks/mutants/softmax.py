"""Softmax layers of a student's own, with the mistakes made in their Jacobian."""

import numpy as np

from layers import Layer

from .case import Mutant


def softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


class Softmax(Layer):
    """y = softmax of each row; the right dx is y (u - sum(u y))."""

    def forward(self, x):
        self.y = softmax(x)
        return self.y

    def backward(self, upstream):
        return self.pull(upstream, self.y), {}


class OnlyDiagonal(Softmax):
    def pull(self, u, y):
        return u * y * (1 - y)


class OverTheBatch(Softmax):
    def pull(self, u, y):
        return y * (u - (u * y).sum(axis=0, keepdims=True))


class OuterFactorMissing(Softmax):
    def pull(self, u, y):
        return u - np.sum(u * y, axis=1, keepdims=True)


class CrossEntropyShortcut(Softmax):
    def pull(self, u, y):
        return y - u


class NumeratorOnly(Softmax):
    def pull(self, u, y):
        return u * y


class SumUnweighted(Softmax):
    def pull(self, u, y):
        return y * (u - u.sum(axis=1, keepdims=True))


class MeanForSum(Softmax):
    def pull(self, u, y):
        return y * (u - (u * y).mean(axis=1, keepdims=True))


class PlusSum(Softmax):
    def pull(self, u, y):
        return y * (u + (u * y).sum(axis=1, keepdims=True))


class SquaredOutput(Softmax):
    def pull(self, u, y):
        return y**2 * (u - (u * y).sum(axis=1, keepdims=True))


class NoUpstream(Softmax):
    def pull(self, u, y):
        return y * (1 - y)


class BroadcastAcross(Softmax):
    def pull(self, u, y):
        return y * (u - (u * y).sum(axis=1))  # keepdims forgotten; N = C hides it


class JacobianPlus(Softmax):
    def pull(self, u, y):
        dx = np.empty_like(u)
        for n in range(len(u)):
            dx[n] = (np.diag(y[n]) + np.outer(y[n], y[n])) @ u[n]
        return dx


class JacobianOfTheFirst(Softmax):
    def pull(self, u, y):
        J = np.diagflat(y[0]) - np.outer(y[0], y[0])
        return u @ J


class JacobianReturnsEarly(Softmax):
    def pull(self, u, y):
        dx = np.zeros_like(u)
        for n, (p, g) in enumerate(zip(y, u, strict=True)):
            dx[n] = np.dot(np.diag(p) - p[:, None] * p[None, :], g)
            return dx
        return dx


class JacobianRowSums(Softmax):
    def pull(self, u, y):
        dx = np.zeros_like(u)
        for n in range(len(u)):
            J = np.diag(y[n]) - np.outer(y[n], y[n])
            dx[n] = np.diag(J) * u[n]  # J @ u[n] was meant
        return dx


class OverTime(Softmax):
    def pull(self, u, y):
        return y * (u - (u * y).sum(axis=1, keepdims=True))  # x is (N, T, C): the axis was the last


class OverPixels(Layer):
    """Softmax over the channels of (N, C, H, W)."""

    def forward(self, x):
        self.cache = softmax(x, axis=1)
        return self.cache

    def backward(self, upstream):
        y = self.cache
        return y * (upstream - np.sum(upstream * y, axis=-1, keepdims=True)), {}


class Tempered(Layer):
    """y = softmax(x / T), T = 2.5"""

    def forward(self, x):
        self.y = softmax(x / 2.5)
        return self.y

    def backward(self, upstream):
        y = self.y
        return y * (upstream - np.einsum("nc,nc->n", upstream, y)[:, None]), {}


class TemperedTimes(Tempered):
    def backward(self, upstream):
        y = self.y
        return 2.5 * y * (upstream - np.einsum("nc,nc->n", upstream, y)[:, None]), {}


class Softmin(Layer):
    def forward(self, x):
        self.y = softmax(-x)
        return self.y

    def backward(self, upstream):
        return self.y * (upstream - (upstream * self.y).sum(1, keepdims=True)), {}


class LogSoftmax(Layer):
    """The right dx is u - p sum(u)."""

    def forward(self, x):
        shifted = x - x.max(axis=1, keepdims=True)
        self.log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return self.log_p

    def backward(self, upstream):
        return self.pull(upstream, np.exp(self.log_p)), {}


class LogIdentity(LogSoftmax):
    def pull(self, u, p):
        return np.array(u)


class LogWithLogs(LogSoftmax):
    def pull(self, u, p):
        return u - self.log_p * u.sum(axis=1, keepdims=True)


class LogSumOfUpstreamMissing(LogSoftmax):
    def pull(self, u, p):
        return u - p


class LogOwnEntryOnly(LogSoftmax):
    def pull(self, u, p):
        return u * (1 - p)


class LogOverTheBatch(LogSoftmax):
    def pull(self, u, p):
        return u - p * u.sum(axis=0)


class LogMean(LogSoftmax):
    def pull(self, u, p):
        return u - p * u.mean(axis=1, keepdims=True)


class LogWithoutP(LogSoftmax):
    def pull(self, u, p):
        return u - u.sum(axis=1, keepdims=True)


class LogDivides(LogSoftmax):
    def pull(self, u, p):
        return u / p


class LogAsSoftmax(LogSoftmax):
    def pull(self, u, p):
        return p * (u - (u * p).sum(axis=1, keepdims=True))


class LogPlus(LogSoftmax):
    def pull(self, u, p):
        return u + p * u.sum(axis=1, keepdims=True)


X = (6, 4)
DX = ("dx",)
MUTANTS: list[Mutant] = [
    Mutant("softmax: only the diagonal", OnlyDiagonal, X, ("missing-path",), DX),
    Mutant("softmax: sum over the batch", OverTheBatch, X, ("wrong-axis",), DX),
    Mutant("softmax: outer y missing", OuterFactorMissing, X, ("missing-factor",), DX),
    Mutant("softmax: y - u", CrossEntropyShortcut, X, ("extra-term", "wrong-formula"), DX),
    Mutant("softmax: denominator taken as constant", NumeratorOnly, X, ("missing-path",), DX),
    Mutant("softmax: sum without y", SumUnweighted, X, ("missing-factor", "wrong-formula"), DX),
    Mutant("softmax: mean for sum", MeanForSum, X, ("wrong-formula", "scale"), DX),
    Mutant("softmax: plus the sum", PlusSum, X, ("sign", "wrong-formula"), DX),
    Mutant("softmax: y squared", SquaredOutput, X, ("extra-factor",), DX),
    Mutant("softmax: upstream missing", NoUpstream, X, ("no-upstream",), DX),
    Mutant("softmax: sum broadcast across rows, N = C", BroadcastAcross, (4, 4), ("wrong-axis",), DX),
    Mutant("softmax: Jacobian with a plus", JacobianPlus, X, ("sign", "wrong-formula"), DX),
    Mutant(
        "softmax: Jacobian of the first row for all",
        JacobianOfTheFirst,
        X,
        ("wrong-operand", "only-some"),
        DX,
    ),
    Mutant("softmax: return inside the loop", JacobianReturnsEarly, X, ("only-some",), DX),
    Mutant("softmax: diagonal of the Jacobian", JacobianRowSums, X, ("missing-path",), DX),
    Mutant("softmax: sum over time", OverTime, (5, 3, 4), ("wrong-axis",), DX),
    Mutant("softmax: sum over width for channels", OverPixels, (2, 3, 4, 5), ("wrong-axis",), DX),
    Mutant("softmax: temperature missing", Tempered, X, ("scale", "missing-factor"), DX),
    Mutant("softmax: temperature the wrong way", TemperedTimes, X, ("scale", "wrong-formula"), DX),
    Mutant("softmin: sign missing", Softmin, X, ("sign",), DX),
    Mutant("log-softmax: dx = u", LogIdentity, X, ("missing-path", "no-local-derivative"), DX),
    Mutant("log-softmax: log p for p", LogWithLogs, X, ("wrong-operand", "post-activation"), DX),
    Mutant("log-softmax: u - p", LogSumOfUpstreamMissing, X, ("extra-term", "missing-factor"), DX),
    Mutant("log-softmax: own entry only", LogOwnEntryOnly, X, ("missing-path",), DX),
    Mutant("log-softmax: sum over the batch", LogOverTheBatch, X, ("wrong-axis",), DX),
    Mutant("log-softmax: mean for sum", LogMean, X, ("wrong-formula", "scale"), DX),
    Mutant("log-softmax: p missing", LogWithoutP, X, ("missing-factor",), DX),
    Mutant("log-softmax: u / p", LogDivides, X, ("wrong-formula",), DX),
    Mutant("log-softmax: dx of softmax", LogAsSoftmax, X, ("wrong-formula", "extra-factor"), DX),
    Mutant("log-softmax: plus the sum", LogPlus, X, ("sign", "wrong-formula"), DX),
]
