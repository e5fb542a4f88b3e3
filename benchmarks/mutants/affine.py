"""Dense layers of a student's own, with the mistakes made in their backward."""

import numpy as np

from layers import Layer

from .case import Mutant


class Dense(Layer):
    """y = x Wᵀ + b with W (out, in); the mistakes below are in a line or two of this backward."""

    def __init__(self, n_in=5, n_out=4):
        rng = np.random.default_rng(1)
        self.params = {"W": rng.normal(size=(n_out, n_in)), "b": rng.normal(size=n_out)}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"].T + self.params["b"]

    def backward(self, upstream):
        return self.dx(upstream), {"W": self.dW(upstream), "b": self.db(upstream)}

    def dx(self, u):
        return u @ self.params["W"]

    def dW(self, u):
        return u.T @ self.x

    def db(self, u):
        return u.sum(axis=0)


class DenseTransposed(Dense):
    def dW(self, u):
        return self.x.T @ u


class DenseBiasNotSummed(Dense):
    def db(self, u):
        return u


class DenseBiasOverFeatures(Dense):
    def db(self, u):
        return u.sum(axis=1)


class DenseBiasOneNumber(Dense):
    def db(self, u):
        return np.ones_like(self.params["b"]) * np.sum(u)


class DenseBiasScalar(Dense):
    def db(self, u):
        return np.sum(u)


class DenseBiasKeepdims(Dense):
    def db(self, u):
        return np.sum(u, axis=0, keepdims=True)


class DenseBiasMean(Dense):
    def db(self, u):
        return np.mean(u, axis=0)


class DenseBiasFirstUnit(Dense):
    def db(self, u):
        db = np.zeros(u.shape[1])
        for j in range(u.shape[1]):
            db[j] = u[:, j].sum()
            return db  # indented too far
        return db


class DenseBiasCountsSamples(Dense):
    def db(self, u):
        return np.full(u.shape[1], float(len(u)))


class DenseNoUpstreamInput(Dense):
    def dx(self, u):
        return np.tile(self.params["W"].sum(axis=0), (len(u), 1))


class DenseNoUpstreamWeights(Dense):
    def dW(self, u):
        return np.ones_like(u).T.dot(self.x)


class DenseDescends(Dense):
    def dW(self, u):
        return -np.dot(u.T, self.x)


class DenseAllNegative(Dense):
    def backward(self, upstream):
        delta = -upstream
        return self.dx(delta), {"W": self.dW(delta), "b": self.db(delta)}


class DenseLastSample(Dense):
    def dW(self, u):
        dW = np.zeros_like(self.params["W"])
        for n in range(len(u)):
            dW = np.outer(u[n], self.x[n])  # for +=
        return dW


class DenseSkipsFirstSample(Dense):
    def dW(self, u):
        return sum(np.outer(u[n], self.x[n]) for n in range(1, len(u)))


class DenseForgetsLastSample(Dense):
    def dx(self, u):
        dx = np.zeros_like(self.x)
        for n in range(len(u) - 1):
            dx[n] = self.params["W"].T.dot(u[n])
        return dx


class DenseDecays(Dense):
    def dW(self, u):
        return u.T @ self.x + 0.01 * self.params["W"]


class DenseInputTransposed(Dense):
    def dx(self, u):
        return u @ self.params["W"].T


class DenseOuterOfSums(Dense):
    def dW(self, u):
        return np.outer(u.sum(0), self.x.sum(0))


class DenseOuterOfMeans(Dense):
    def dW(self, u):
        return len(u) * np.outer(u.mean(0), self.x.mean(0))


class DenseUsesOutput(Dense):
    def forward(self, x):
        self.x, self.y = x, super().forward(x)
        return self.y

    def dW(self, u):
        return u.T @ self.y


class DenseRowsReversed(Dense):
    def dx(self, u):
        rows = []
        for row in u:
            rows.insert(0, row @ self.params["W"])
        return np.array(rows)


class DenseOffByOne(Dense):
    def dW(self, u):
        dW = 0
        for n in range(len(u)):
            dW = dW + np.outer(u[n], self.x[n - 1])
        return dW


class DenseTwice(Dense):
    def dW(self, u):
        return 2 * u.T @ self.x


class DenseColumns(Layer):
    """y = x W + b with W (in, out), as many courses write it."""

    def __init__(self):
        rng = np.random.default_rng(2)
        self.params = {"W": rng.standard_normal((5, 4)) * 0.5, "b": rng.standard_normal(4)}

    def forward(self, x):
        self.cache = (x, self.params["W"])
        return np.dot(x, self.params["W"]) + self.params["b"]

    def backward(self, upstream):
        x, W = self.cache
        dW = np.einsum("no,ni->oi", upstream, x).reshape(W.shape)  # .T was meant
        return np.dot(upstream, W.T), {"W": dW, "b": np.einsum("no->o", upstream)}


class DenseColumnsAveraged(DenseColumns):
    def backward(self, upstream):
        x, W = self.cache
        m = x.shape[0]
        return upstream.dot(W.T), {"W": x.T.dot(upstream) / m, "b": upstream.sum(0) / m}


class DenseColumnsShared(DenseColumns):
    def backward(self, upstream):
        x, W = self.cache
        dx = np.zeros(x.shape)
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                for k in range(W.shape[1]):
                    dx[i, j] = upstream[i, k] * W[j, k]  # for +=
        return dx, {"W": x.T @ upstream, "b": upstream.sum(0)}


class DenseFlattening(Layer):
    """Images (N, 2, 3) flattened to (N, 6) in front of a dense layer."""

    def __init__(self):
        self.params = {"W": np.random.default_rng(3).normal(size=(4, 6))}

    def forward(self, x):
        self.flat = x.reshape(len(x), -1)
        return self.flat @ self.params["W"].T

    def backward(self, upstream):
        return upstream @ self.params["W"], {"W": upstream.T @ self.flat}


class DenseOverTime(Layer):
    """y[n, t] = W x[n, t] + b, for x (N, T, D)."""

    def __init__(self):
        rng = np.random.default_rng(4)
        self.params = {"W": rng.normal(size=(4, 5)), "b": rng.normal(size=4)}

    def forward(self, x):
        self.x = x
        return np.einsum("ntd,od->nto", x, self.params["W"]) + self.params["b"]

    def backward(self, upstream):
        dx = np.einsum("nto,od->ntd", upstream, self.params["W"])
        return dx, {"W": self.dW(upstream), "b": self.db(upstream)}

    def dW(self, u):
        return np.tensordot(u, self.x, axes=((0, 1), (0, 1)))

    def db(self, u):
        return u.sum(axis=(0, 1))


class TimeBiasPerStep(DenseOverTime):
    def db(self, u):
        return u.sum(axis=0)


class TimeLastStep(DenseOverTime):
    def dW(self, u):
        return u[:, -1].T @ self.x[:, -1]


class TimeAveraged(DenseOverTime):
    def dW(self, u):
        return np.einsum("nto,ntd->od", u, self.x) / u.shape[1]


class TimePerSample(DenseOverTime):
    def dW(self, u):
        return np.einsum("nto,ntd->nod", u, self.x)


class ScaledDense(Layer):
    """y = x Wᵀ / sqrt(D): the scale in the forward pass instead of in the initial weights."""

    def __init__(self):
        self.params = {"W": np.random.default_rng(5).normal(size=(4, 5))}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"].T / np.sqrt(x.shape[1])

    def backward(self, upstream):
        return upstream @ self.params["W"] / np.sqrt(5), {"W": upstream.T @ self.x}


class ScaledDenseTwice(ScaledDense):
    def backward(self, upstream):
        upstream = upstream / np.sqrt(5)
        return upstream @ self.params["W"] / np.sqrt(5), {"W": upstream.T @ self.x}


class SparseDense(Layer):
    """A dense layer with some connections cut: W * mask."""

    def __init__(self):
        rng = np.random.default_rng(6)
        self.params = {"W": rng.normal(size=(4, 5))}
        self.mask = (rng.random((4, 5)) < 0.6).astype(float)

    def forward(self, x):
        self.x = x
        return x @ (self.params["W"] * self.mask).T

    def backward(self, upstream):
        return upstream @ (self.params["W"] * self.mask), {"W": upstream.T @ self.x}


class SparseDenseInput(SparseDense):
    def backward(self, upstream):
        return upstream @ self.params["W"], {"W": upstream.T @ self.x * self.mask}


class WeightNorm(Layer):
    """W_o = g_o v_o / |v_o|."""

    def __init__(self):
        rng = np.random.default_rng(7)
        self.params = {"v": rng.normal(size=(4, 5)), "g": rng.uniform(0.5, 2, 4)}

    def forward(self, x):
        v, g = self.params["v"], self.params["g"]
        size = np.sqrt((v**2).sum(axis=1, keepdims=True))
        self.cache = x, v / size, size, g[:, None]
        return x @ (g[:, None] * v / size).T

    def backward(self, upstream):
        x, direction, size, g = self.cache
        dW = upstream.T @ x
        return upstream @ (g * direction), {"v": g / size * dW, "g": (dW * direction).sum(axis=1)}


class WeightNormLength(WeightNorm):
    def backward(self, upstream):
        x, direction, size, g = self.cache
        dW = upstream.T @ x
        dv = g / size * (dW - direction * (dW * direction).sum(axis=1, keepdims=True))
        return upstream @ (g * direction), {"v": dv, "g": (dW * self.params["v"]).sum(axis=1)}


class PositiveDense(Layer):
    """Weights kept positive: y = x exp(V)ᵀ."""

    def __init__(self):
        self.params = {"V": np.random.default_rng(8).normal(size=(4, 5))}

    def forward(self, x):
        self.x, self.W = x, np.exp(self.params["V"])
        return x @ self.W.T

    def backward(self, upstream):
        return upstream @ self.W, {"V": upstream.T @ self.x}


class QuadraticForm(Layer):
    """y_n = x_nᵀ A x_n, one number an example."""

    def __init__(self):
        self.params = {"A": np.random.default_rng(9).normal(size=(5, 5))}

    def forward(self, x):
        self.x = x
        return np.einsum("ni,ij,nj->n", x, self.params["A"], x)

    def backward(self, upstream):
        dA = np.einsum("n,ni,nj->ij", upstream, self.x, self.x)
        return upstream[:, None] * (self.x @ self.params["A"].T), {"A": dA}


class QuadraticFormSymmetric(QuadraticForm):
    def backward(self, upstream):
        dA = (upstream[:, None] * self.x).T @ self.x
        return 2 * upstream[:, None] * (self.x @ self.params["A"].T), {"A": dA}


def square(dense):
    return lambda: dense(4, 4)


X = (6, 5)
MUTANTS: list[Mutant] = [
    Mutant("affine: dW transposed", DenseTransposed, X, ("transposed", "shape"), ("dW",)),
    Mutant("affine: dW transposed, square", square(DenseTransposed), (6, 4), ("transposed",), ("dW",)),
    Mutant("affine: dW reshaped for transposed", DenseColumns, X, ("reshaped",), ("dW",)),
    Mutant("affine: db not summed", DenseBiasNotSummed, X, ("not-summed", "shape"), ("db",)),
    Mutant("affine: db over features", DenseBiasOverFeatures, X, ("wrong-axis", "shape"), ("db",)),
    Mutant("affine: db over features, N = H", DenseBiasOverFeatures, (4, 5), ("wrong-axis",), ("db",)),
    Mutant("affine: db one number for all units", DenseBiasOneNumber, X, ("over-summed",), ("db",)),
    Mutant("affine: db a scalar", DenseBiasScalar, X, ("over-summed", "shape"), ("db",)),
    Mutant("affine: db keeps (1, H)", DenseBiasKeepdims, X, ("reshaped", "shape"), ("db",)),
    Mutant("affine: db averaged", DenseBiasMean, X, ("scale",), ("db",)),
    Mutant("affine: db first unit only", DenseBiasFirstUnit, X, ("only-some",), ("db",)),
    Mutant("affine: db counts the samples", DenseBiasCountsSamples, X, ("no-upstream",), ("db",)),
    Mutant("affine: dW and db divided by N", DenseColumnsAveraged, X, ("scale",), ("dW", "db")),
    Mutant("affine: dx ignores upstream", DenseNoUpstreamInput, X, ("no-upstream",), ("dx",)),
    Mutant("affine: dW ignores upstream", DenseNoUpstreamWeights, X, ("no-upstream",), ("dW",)),
    Mutant("affine: dW negative", DenseDescends, X, ("sign",), ("dW",)),
    Mutant("affine: all negative", DenseAllNegative, X, ("sign",), ("dx", "dW", "db")),
    Mutant("affine: dW of the last sample", DenseLastSample, X, ("only-some",), ("dW",)),
    Mutant("affine: dW skips the first sample", DenseSkipsFirstSample, X, ("only-some",), ("dW",)),
    Mutant("affine: dx forgets the last sample", DenseForgetsLastSample, X, ("only-some",), ("dx",)),
    Mutant("affine: dx from the last unit only", DenseColumnsShared, X, ("only-some",), ("dx",)),
    Mutant("affine: weight decay in the layer", DenseDecays, X, ("extra-term",), ("dW",)),
    Mutant(
        "affine: dx with W transposed, square",
        square(DenseInputTransposed),
        (6, 4),
        ("transposed", "wrong-operand"),
        ("dx",),
    ),
    Mutant("affine: dW outer of sums", DenseOuterOfSums, X, ("over-summed", "wrong-formula"), ("dW",)),
    Mutant("affine: dW outer of means", DenseOuterOfMeans, X, ("over-summed", "wrong-formula"), ("dW",)),
    Mutant("affine: dW from the output", square(DenseUsesOutput), (6, 4), ("wrong-operand",), ("dW",)),
    Mutant("affine: dx rows reversed", DenseRowsReversed, X, ("flipped", "permuted"), ("dx",)),
    Mutant("affine: dW pairs sample n with n - 1", DenseOffByOne, X, ("shifted", "wrong-operand"), ("dW",)),
    Mutant("affine: dW twice too large", DenseTwice, X, ("scale",), ("dW",)),
    Mutant("affine: dx left flat", DenseFlattening, (5, 2, 3), ("reshaped", "shape"), ("dx",)),
    Mutant("affine: db per time step", TimeBiasPerStep, (6, 3, 5), ("not-summed", "shape"), ("db",)),
    Mutant("affine: dW of the last time step", TimeLastStep, (6, 3, 5), ("only-some",), ("dW",)),
    Mutant("affine: dW averaged over time", TimeAveraged, (6, 3, 5), ("scale",), ("dW",)),
    Mutant("affine: dW per sample", TimePerSample, (6, 3, 5), ("not-summed", "shape"), ("dW",)),
    Mutant("affine: dW without 1/sqrt(D)", ScaledDense, X, ("scale", "missing-factor"), ("dW",)),
    Mutant("affine: dx with 1/sqrt(D) twice", ScaledDenseTwice, X, ("scale", "extra-factor"), ("dx",)),
    Mutant("affine: dW of cut connections", SparseDense, X, ("missing-factor", "wrong-region"), ("dW",)),
    Mutant(
        "affine: dx through cut connections",
        SparseDenseInput,
        X,
        ("wrong-operand", "missing-factor"),
        ("dx",),
    ),
    Mutant("weight norm: path through the length missing", WeightNorm, X, ("missing-path",), ("dv",)),
    Mutant(
        "weight norm: dg without 1/length", WeightNormLength, X, ("missing-factor", "wrong-operand"), ("dg",)
    ),
    Mutant(
        "positive weights: exp' missing", PositiveDense, X, ("missing-factor", "no-local-derivative"), ("dV",)
    ),
    Mutant("quadratic form: one of two uses of x", QuadraticForm, X, ("missing-path",), ("dx",)),
    Mutant(
        "quadratic form: A taken as symmetric",
        QuadraticFormSymmetric,
        X,
        ("wrong-formula", "missing-path"),
        ("dx",),
    ),
]
