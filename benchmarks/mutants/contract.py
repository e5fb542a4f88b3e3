"""Right or nearly right numbers in a backward that breaks the contract."""

import numpy as np

from layers import Layer

from .case import Mutant


class Dense(Layer):
    """A right y = x Wᵀ + b, spoilt below."""

    def __init__(self):
        rng = np.random.default_rng(1)
        self.params = {"W": rng.normal(size=(4, 5)), "b": rng.normal(size=4)}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"].T + self.params["b"]

    def pull(self, u):
        return u @ self.params["W"], u.T @ self.x, u.sum(axis=0)

    def backward(self, upstream):
        dx, dW, db = self.pull(upstream)
        return self.answer(dx, dW, db)


class KeysWithD(Dense):
    def answer(self, dx, dW, db):
        return dx, {"dW": dW, "db": db}


class KeysLower(Dense):
    def answer(self, dx, dW, db):
        return dx, {"w": dW, "b": db}


class KeysExtra(Dense):
    def answer(self, dx, dW, db):
        return dx, {"x": dx, "W": dW, "b": db}


class GradsFirst(Dense):
    def answer(self, dx, dW, db):
        return {"W": dW, "b": db}, dx


class ThreeThings(Dense):
    def answer(self, dx, dW, db):
        return dx, dW, db


class OnlyInput(Dense):
    def answer(self, dx, dW, db):
        self.grads = {"W": dW, "b": db}
        return dx


class NoReturn(Dense):
    def answer(self, dx, dW, db):
        self.result = dx, {"W": dW, "b": db}


class BiasForgotten(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": dW}


class BiasNone(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": dW, "b": None}


class InputNone(Dense):
    def answer(self, dx, dW, db):
        return None, {"W": dW, "b": db}


class InputTransposed(Dense):
    def answer(self, dx, dW, db):
        return dx.T, {"W": dW, "b": db}


class InputFlat(Dense):
    def answer(self, dx, dW, db):
        return dx.ravel(), {"W": dW, "b": db}


class UpstreamBack(Dense):
    def backward(self, upstream):
        _, dW, db = self.pull(upstream)
        return upstream.copy(), {"W": dW, "b": db}


class WeightsColumn(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": dW[..., None], "b": db}


class BiasColumn(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": dW, "b": db.reshape(-1, 1)}


class SingleWeights(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": dW.astype(np.float32), "b": db}


class SingleInput(Dense):
    def answer(self, dx, dW, db):
        return dx.astype("float32"), {"W": dW, "b": db}


class WholeBias(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": dW, "b": db.astype(int)}


class SingleInBetween(Dense):
    def pull(self, u):
        dx, dW, db = super().pull(u.astype(np.float32).astype(np.float64))
        return dx, dW, db

    def answer(self, dx, dW, db):
        return dx, {"W": dW, "b": db}


class SingleCache(Dense):
    def forward(self, x):
        y = super().forward(x)
        self.x = x.astype(np.float32)  # "half the memory"
        return y

    def answer(self, dx, dW, db):
        return dx, {"W": dW, "b": db}


class Rounded(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": np.round(dW, 4), "b": db}


class ZeroWeights(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": np.zeros_like(dW), "b": db}


class ZeroInput(Dense):
    def answer(self, dx, dW, db):
        return np.zeros(dx.shape), {"W": dW, "b": db}


class Right(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": dW, "b": db}


class Trains(Right):
    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        for name in self.params:
            self.params[name] -= 0.1 * grads[name]
        return dx, grads


class KeepsWeightsSmall(Right):
    def forward(self, x):
        self.params["W"] /= np.linalg.norm(self.params["W"])
        return super().forward(x)


class Accumulates(Dense):
    def __init__(self):
        super().__init__()
        self.dW = np.zeros((4, 5))

    def answer(self, dx, dW, db):
        self.dW = self.dW + dW
        return dx, {"W": self.dW, "b": db}


class AccumulatesAll(Dense):
    def answer(self, dx, dW, db):
        self.total = (
            {"W": dW, "b": db}
            if not hasattr(self, "total")
            else {
                "W": self.total["W"] + dW,
                "b": self.total["b"] + db,
            }
        )
        return dx, self.total


class Momentum(Dense):
    v = 0.0

    def answer(self, dx, dW, db):
        self.v = 0.9 * self.v + dW
        return dx, {"W": self.v, "b": db}


class PopsCache(Right):
    def __init__(self):
        super().__init__()
        self.stack = []

    def forward(self, x):
        self.stack.append(x)
        return super().forward(x)

    def backward(self, upstream):
        self.x = self.stack.pop()
        return super().backward(upstream)


class FirstCache(Right):
    def forward(self, x):
        first = getattr(self, "x", None)
        y = super().forward(x)
        self.x = x if first is None else first
        return y


class ListOfCaches(Right):
    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, x):
        y = super().forward(x)
        self.seen.append(x.copy())
        self.x = self.seen[0]
        return y


class OldWeights(Right):
    def __init__(self):
        super().__init__()
        self.W = self.params["W"].copy()  # never follows the optimizer

    def pull(self, u):
        return u @ self.W, u.T @ self.x, u.sum(axis=0)


class OneGradientBuffer(Dense):
    """Every call returns the same array, which the next call overwrites."""

    def __init__(self):
        super().__init__()
        self.dW = np.empty((4, 5))

    def answer(self, dx, dW, db):
        self.dW[...] = dW
        return dx, {"W": self.dW, "b": db}


class Clips(Right):
    def backward(self, upstream):
        return super().backward(np.clip(upstream, -1, 1))


class Normalises(Right):
    def backward(self, upstream):
        return super().backward(upstream / np.linalg.norm(upstream))


class Squares(Right):
    def backward(self, upstream):
        return super().backward(upstream * upstream)


class SignOnly(Right):
    def backward(self, upstream):
        return super().backward(np.sign(upstream))


class NoUpstreamAnywhere(Right):
    def backward(self, upstream):
        return super().backward(np.ones_like(upstream))


class Lasso(Dense):
    def answer(self, dx, dW, db):
        return dx, {"W": dW + 0.001 * np.sign(self.params["W"]), "b": db}


class SparseActivity(Dense):
    def answer(self, dx, dW, db):
        return dx + 0.01 * np.sign(self.x), {"W": dW, "b": db}


class NoisyGradient(Dense):
    def answer(self, dx, dW, db):
        noise = np.random.default_rng().normal(scale=0.01, size=dW.shape)
        return dx, {"W": dW + noise, "b": db}


class Relu(Layer):
    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, 0)


class ReluWritesUpstream(Relu):
    def backward(self, upstream):
        upstream[~self.mask] = 0
        return upstream, {}


class ReluScalesUpstream(Relu):
    def backward(self, upstream):
        upstream *= self.mask
        return upstream.copy(), {}


class ReluWritesInput(Relu):
    def forward(self, x):
        self.mask = x > 0
        x[x < 0] = 0
        return x.copy()

    def backward(self, upstream):
        return upstream * self.mask, {}


class ReluKeepsFirstMask(Relu):
    def forward(self, x):
        if not hasattr(self, "mask"):
            self.mask = x > 0
        return np.maximum(x, 0)

    def backward(self, upstream):
        return upstream * self.mask, {}


class ReluNoPair(Relu):
    def backward(self, upstream):
        return upstream * self.mask


class ReluMaskWorn(Relu):
    def forward(self, x):
        self.gate = (x > 0) * 1.0
        return x * self.gate

    def backward(self, upstream):
        self.gate *= upstream
        return self.gate.copy(), {}


class TanhWritesUpstream(Layer):
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, upstream):
        np.multiply(upstream, 1 - self.y**2, out=upstream)
        return np.array(upstream), {}


class ExpInPlace(Layer):
    def forward(self, x):
        self.y = np.exp(x, out=x)
        return self.y.copy()

    def backward(self, upstream):
        return upstream * self.y, {}


class ScaleThenWrites(Layer):
    """backward builds dx in the cached x, which is the caller's."""

    def __init__(self):
        self.params = {"gamma": np.random.default_rng(2).uniform(0.5, 2, 5)}

    def forward(self, x):
        self.x = x
        return x * self.params["gamma"]

    def backward(self, upstream):
        dgamma = (upstream * self.x).sum(axis=0)
        self.x[...] = upstream * self.params["gamma"]
        return self.x.copy(), {"gamma": dgamma}


class NoiseInForward(Layer):
    def forward(self, x):
        self.noise = np.random.default_rng().normal(1, 0.1, x.shape)
        return x * self.noise

    def backward(self, upstream):
        return upstream * self.noise, {}


class NewMaskInBackward(Layer):
    def __init__(self):
        self.mask = np.random.default_rng(3).random((6, 5)) < 0.5

    def forward(self, x):
        return x * self.mask

    def backward(self, upstream):
        return upstream * (np.random.default_rng().random(upstream.shape) < 0.5), {}


class OneOfTwo(Layer):
    """y = a b, but only one gradient comes back."""

    def forward(self, x):
        self.x = x
        return x[0] * x[1]

    def backward(self, upstream):
        return (upstream * self.x[1],), {}


class NoneOfTwo(OneOfTwo):
    def backward(self, upstream):
        return (upstream * self.x[1], None), {}


class Gain(Layer):
    """y = gain x, the gain a parameter of shape ()."""

    def __init__(self):
        self.params = {"gain": np.array(1.7)}

    def forward(self, x):
        self.x = x
        return x * self.params["gain"]

    def backward(self, upstream):
        return upstream * self.params["gain"], {"gain": np.array([np.sum(upstream * self.x)])}


class GainTruncated(Gain):
    """The sum is kept in an array of integers."""

    def backward(self, upstream):
        total = np.zeros((), dtype=int)
        total[...] = np.sum(upstream * self.x)
        return upstream * self.params["gain"], {"gain": total.astype(float)}


class ByTheOutput(Layer):
    """y = x |x|, its slope found as 2 y / x, which is 0 / 0 where x is 0."""

    def forward(self, x):
        self.x, self.y = x, x * np.abs(x)
        return self.y.copy()

    def backward(self, upstream):
        with np.errstate(all="ignore"):
            return upstream * 2 * self.y / self.x, {}


class LogisticOverflows(Layer):
    """sigmoid'(x) as e^-x / (1 + e^-x)^2, which is inf / inf at -800."""

    def forward(self, x):
        self.x = x
        return 0.5 * (1 + np.tanh(x / 2))

    def backward(self, upstream):
        with np.errstate(all="ignore"):
            e = np.exp(-self.x)
            return upstream * e / (1 + e) ** 2, {}


X = (6, 5)
WHOLE = ("",)
WITH_ZERO = np.random.default_rng(4).normal(size=(6, 5)) * (np.arange(30).reshape(6, 5) % 7 > 0)
FAR = np.array([[0.3, -1.2, 2.0], [-800.0, 0.7, -0.4]])
MUTANTS: list[Mutant] = [
    Mutant("contract: keys dW, db", KeysWithD, X, ("keys",), WHOLE),
    Mutant("contract: key w for W", KeysLower, X, ("keys",), WHOLE),
    Mutant("contract: dx among the grads", KeysExtra, X, ("keys",), WHOLE),
    Mutant("contract: (grads, dx)", GradsFirst, X, ("order",), WHOLE),
    Mutant("contract: dx, dW, db in a row", ThreeThings, X, ("order", "keys"), WHOLE),
    Mutant("contract: dx alone, with params", OnlyInput, X, ("missing", "order"), WHOLE),
    Mutant("contract: dx alone, without params", ReluNoPair, X, ("missing", "order"), WHOLE),
    Mutant("contract: return forgotten", NoReturn, X, ("missing",), WHOLE),
    Mutant("contract: b forgotten", BiasForgotten, X, ("missing", "keys"), ("db",)),
    Mutant("contract: None for b", BiasNone, X, ("missing",), ("db",)),
    Mutant("contract: None for dx", InputNone, X, ("missing",), ("dx",)),
    Mutant("contract: dx of one input of two", OneOfTwo, ((6, 5), (6, 5)), ("missing", "shape"), ("dx[1]",)),
    Mutant("contract: None for the second input", NoneOfTwo, ((6, 5), (6, 5)), ("missing",), ("dx[1]",)),
    Mutant("contract: dx transposed", InputTransposed, X, ("transposed", "shape"), ("dx",)),
    Mutant("contract: dx flat", InputFlat, X, ("reshaped", "shape"), ("dx",)),
    Mutant(
        "contract: upstream handed back as dx", UpstreamBack, X, ("shape", "no-local-derivative"), ("dx",)
    ),
    Mutant("contract: dW with a last axis of 1", WeightsColumn, X, ("reshaped", "shape"), ("dW",)),
    Mutant("contract: db as a column", BiasColumn, X, ("reshaped", "shape"), ("db",)),
    Mutant("contract: (1,) for a scalar parameter", Gain, X, ("reshaped", "shape"), ("dgain",)),
    Mutant("contract: dW in float32", SingleWeights, X, ("dtype", "precision"), ("dW",)),
    Mutant("contract: dx in float32", SingleInput, X, ("dtype", "precision"), ("dx",)),
    Mutant("contract: db in integers", WholeBias, X, ("dtype", "precision"), ("db",)),
    Mutant("contract: upstream through float32", SingleInBetween, X, ("precision",), ("dx", "dW", "db")),
    Mutant("contract: x cached in float32", SingleCache, X, ("precision",), ("dW",)),
    Mutant("contract: dW rounded", Rounded, X, ("precision", "approximation"), ("dW",)),
    Mutant("contract: sum kept in an integer", GainTruncated, X, ("precision", "approximation"), ("dgain",)),
    Mutant("contract: dW zero", ZeroWeights, X, ("zero",), ("dW",)),
    Mutant("contract: dx zero", ZeroInput, X, ("zero",), ("dx",)),
    Mutant("contract: 0 / 0 at x = 0", ByTheOutput, WITH_ZERO, ("non-finite",), ("dx",)),
    Mutant("contract: inf / inf far out", LogisticOverflows, FAR, ("non-finite",), ("dx",)),
    Mutant("contract: optimizer step in backward", Trains, X, ("mutates-params",), WHOLE),
    Mutant("contract: weights rescaled in forward", KeepsWeightsSmall, X, ("mutates-params",), WHOLE),
    Mutant("contract: upstream masked in place", ReluWritesUpstream, X, ("mutates-upstream",), WHOLE),
    Mutant("contract: upstream *= mask", ReluScalesUpstream, X, ("mutates-upstream",), WHOLE),
    Mutant("contract: upstream as out=", TanhWritesUpstream, X, ("mutates-upstream",), WHOLE),
    Mutant("contract: x masked in place", ReluWritesInput, X, ("mutates-input",), WHOLE),
    Mutant("contract: x as out=", ExpInPlace, X, ("mutates-input",), WHOLE),
    Mutant(
        "contract: dx built in the cached x", ScaleThenWrites, X, ("mutates-input", "repeat-backward"), WHOLE
    ),
    Mutant("contract: dW accumulates", Accumulates, X, ("repeat-backward",), ("dW",)),
    Mutant(
        "contract: all params' gradients accumulate", AccumulatesAll, X, ("repeat-backward",), ("dW", "db")
    ),
    Mutant("contract: momentum in the layer", Momentum, X, ("repeat-backward",), ("dW",)),
    Mutant("contract: cache popped", PopsCache, X, ("repeat-backward",), WHOLE),
    Mutant("contract: cached mask multiplied in place", ReluMaskWorn, X, ("repeat-backward",), ("dx",)),
    Mutant("contract: x of the first forward", FirstCache, X, ("stale-cache",), ("dW",)),
    Mutant("contract: first of a list of caches", ListOfCaches, X, ("stale-cache",), ("dW",)),
    Mutant("contract: mask of the first forward", ReluKeepsFirstMask, X, ("stale-cache",), ("dx",)),
    Mutant(
        "contract: copy of W from the constructor", OldWeights, X, ("stale-cache", "wrong-operand"), ("dx",)
    ),
    Mutant("contract: one buffer for every dW", OneGradientBuffer, X, ("aliasing",), ("dW",)),
    Mutant("contract: fresh noise in forward", NoiseInForward, X, ("nondeterministic",), WHOLE),
    Mutant(
        "contract: fresh mask in backward",
        NewMaskInBackward,
        X,
        ("nondeterministic", "repeat-backward"),
        ("dx",),
    ),
    Mutant("contract: noise added to dW", NoisyGradient, X, ("nondeterministic", "repeat-backward"), ("dW",)),
    Mutant("contract: upstream clipped", Clips, X, ("upstream-nonlinear",), ("dx", "dW", "db")),
    Mutant("contract: upstream normalised", Normalises, X, ("upstream-nonlinear",), ("dx", "dW", "db")),
    Mutant("contract: upstream squared", Squares, X, ("upstream-nonlinear",), ("dx", "dW", "db")),
    Mutant("contract: sign of upstream", SignOnly, X, ("upstream-nonlinear",), ("dx", "dW", "db")),
    Mutant("contract: ones for upstream", NoUpstreamAnywhere, X, ("no-upstream",), ("dx", "dW", "db")),
    Mutant("contract: L1 penalty in dW", Lasso, X, ("extra-term",), ("dW",)),
    Mutant("contract: activity penalty in dx", SparseActivity, X, ("extra-term",), ("dx",)),
]
