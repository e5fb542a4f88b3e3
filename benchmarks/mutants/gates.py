"""Layers with several inputs or several paths, with the mistakes made where paths meet."""

import numpy as np

from layers import Affine, Container, Layer

from .case import Mutant


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Gate(Layer):
    """One output from a tuple of inputs; a subclass pulls u back to each of them."""

    def forward(self, x):
        self.x = x
        return self.join(*x)

    def backward(self, upstream):
        return tuple(self.pull(upstream, *self.x)), {}


class AddBias(Gate):
    def join(self, a, b):
        return a + b

    def pull(self, u, a, b):
        return u.copy(), u.copy()  # b (D,) was broadcast over the rows


class AddOverSummed(AddBias):
    def pull(self, u, a, b):
        return u.copy(), np.full(b.shape, u.sum())


class Subtract(Gate):
    def join(self, a, b):
        return a - b

    def pull(self, u, a, b):
        return 1 * u, 1 * u


class Multiply(Gate):
    def join(self, a, b):
        return a * b

    def pull(self, u, a, b):
        return u * a, u * b


class MultiplyOneOwn(Multiply):
    def pull(self, u, a, b):
        return u * b, u * b


class MultiplyNoUpstream(Multiply):
    def pull(self, u, a, b):
        return b.copy(), a.copy()


class MultiplyByOutput(Multiply):
    def pull(self, u, a, b):
        return u * a * b, u * a * b


class MultiplyAsAdd(Multiply):
    def pull(self, u, a, b):
        return 1.0 * u, 1.0 * u


class MultiplyRows(Multiply):
    def pull(self, u, a, b):
        return u * b, u * a  # b (N, 1) was broadcast over the columns


class MultiplyThree(Gate):
    def join(self, a, b, c):
        return a * b * c

    def pull(self, u, a, b, c):
        return u * b, u * c, u * a


class Larger(Gate):
    def join(self, a, b):
        return np.where(a > b, a, b)

    def pull(self, u, a, b):
        return u.copy(), u.copy()


class LargerInverted(Larger):
    def pull(self, u, a, b):
        return u * (b > a), u * (a > b)


class LargerHalf(Larger):
    def pull(self, u, a, b):
        return u / 2, u / 2


class LargerTimesValue(Larger):
    def pull(self, u, a, b):
        return u * a * (a > b), u * b * (b >= a)


class LargerFirstOnly(Larger):
    def pull(self, u, a, b):
        return u * (a > b), np.zeros_like(b)


class Divide(Gate):
    def join(self, a, b):
        return a / b

    def pull(self, u, a, b):
        return u / b, u * a / b**2


class DivideOnce(Divide):
    def pull(self, u, a, b):
        return u / b, -u * a / b


class DivideMultiplies(Divide):
    def pull(self, u, a, b):
        return u * b, -u * a / b**2


class Join(Gate):
    """Two inputs side by side."""

    def join(self, a, b):
        return np.hstack([a, b])

    def pull(self, u, a, b):
        k = a.shape[1]
        return u[:, k:], u[:, :k]


class JoinOffByOne(Join):
    def pull(self, u, a, b):
        k = a.shape[1]
        return u[:, :k], u[:, k - 1 : -1]


class JoinFromTheEnd(Join):
    def pull(self, u, a, b):
        return u[:, : a.shape[1]], u[:, : b.shape[1]]


class Blend(Gate):
    """y = t a + (1 - t) b"""

    def join(self, t, a, b):
        return t * a + (1 - t) * b

    def pull(self, u, t, a, b):
        return u * a, u * t, u * (1 - t)  # dt has a second path, -b


class BlendSwapped(Blend):
    def pull(self, u, t, a, b):
        return u * (a - b), u * (1 - t), u * t


class Distance(Gate):
    """y_n = |a_n - b_n|^2, one number a pair."""

    def join(self, a, b):
        return ((a - b) ** 2).sum(axis=1)

    def pull(self, u, a, b):
        d = 2 * u[:, None] * (a - b)
        return d, d.copy()


class Dots(Gate):
    """y = a bᵀ: every row of a with every row of b."""

    def join(self, a, b):
        return a @ b.T

    def pull(self, u, a, b):
        return u @ b, u @ a  # N = M hides the missing transpose


class Fork(Layer):
    """One input to two places."""

    def forward(self, x):
        self.shape = x.shape
        return x.copy(), x.copy()

    def backward(self, upstream):
        left, _right = upstream
        return left.copy(), {}


class ForkAveraged(Fork):
    def backward(self, upstream):
        return (upstream[0] + upstream[1]) / 2, {}


class ForkMultiplied(Fork):
    def backward(self, upstream):
        return upstream[0] * upstream[1], {}


class Halves(Layer):
    """y = a sigmoid(c), where x is [a, c]: a gated linear unit."""

    def forward(self, x):
        self.a, c = np.split(x, 2, axis=1)
        self.s = sigmoid(c)
        return self.a * self.s

    def backward(self, upstream):
        da, dc = upstream * self.s, upstream * self.a * self.s * (1 - self.s)
        return np.concatenate([dc, da], axis=1), {}


class HalvesNoSlope(Halves):
    def backward(self, upstream):
        return np.hstack([upstream * self.s, upstream * self.a]), {}


class HalvesNoGate(Halves):
    def backward(self, upstream):
        dx = np.zeros((len(upstream), 2 * upstream.shape[1]))
        dx[:, : upstream.shape[1]] = upstream * self.s
        return dx, {}


class Skip(Container):
    """y = x + f(x) around an Affine of ours."""

    def __init__(self):
        self.f = Affine(5, 5, rng=1, dtype=np.float64)

    def forward(self, x):
        return x + self.forward_child("f", x)

    def backward(self, upstream):
        return self.backward_child("f", upstream)


class SkipTwice(Skip):
    def backward(self, upstream):
        dx, grads = self.backward_child("f", upstream)
        return upstream + dx + upstream, grads


class SkipMultiplied(Skip):
    def backward(self, upstream):
        dx, grads = self.backward_child("f", upstream)
        return upstream * dx, grads


class SkipOnly(Skip):
    def backward(self, upstream):
        _, grads = self.backward_child("f", upstream)
        return upstream.copy(), grads


class SkipAddsBefore(Skip):
    def backward(self, upstream):
        dx, grads = self.backward_child("f", 2 * upstream)  # "one for each path"
        return upstream + dx / 2, grads


class TwoBranches(Layer):
    """y = x A + tanh(x B): x is used twice."""

    def __init__(self):
        rng = np.random.default_rng(2)
        self.params = {"A": rng.normal(size=(5, 4)), "B": rng.normal(size=(5, 4))}

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.params["B"])
        return x @ self.params["A"] + self.h

    def backward(self, upstream):
        grads = {"A": self.x.T @ upstream}
        dx = upstream @ self.params["A"].T
        dz = upstream * (1 - self.h**2)
        grads["B"] = self.x.T @ dz
        dx = dz @ self.params["B"].T  # for +=
        return dx, grads


class TwoBranchesSwapped(TwoBranches):
    def backward(self, upstream):
        dz = upstream * (1 - self.h**2)
        dx = upstream @ self.params["A"].T + dz @ self.params["B"].T
        return dx, {"A": self.x.T @ dz, "B": self.x.T @ upstream}


class Highway(Layer):
    """y = t tanh(x V) + (1 - t) x, t = sigmoid(x W)"""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.params = {"V": rng.normal(size=(5, 5)), "W": rng.normal(size=(5, 5))}

    def forward(self, x):
        h, t = np.tanh(x @ self.params["V"]), sigmoid(x @ self.params["W"])
        self.cache = x, h, t
        return t * h + (1 - t) * x

    def pull(self, u, carry, dt):
        x, h, t = self.cache
        dz_h, dz_t = u * t * (1 - h**2), dt * t * (1 - t)
        dx = dz_h @ self.params["V"].T + dz_t @ self.params["W"].T + carry
        return dx, {"V": x.T @ dz_h, "W": x.T @ dz_t}

    def backward(self, upstream):
        x, h, _ = self.cache
        return self.pull(upstream, 0, upstream * (h - x))


class HighwayGate(Highway):
    def backward(self, upstream):
        _, h, t = self.cache
        return self.pull(upstream, upstream * (1 - t), upstream * h)


class Tied(Layer):
    """An autoencoder whose two layers share W: y = tanh(x W) Wᵀ."""

    def __init__(self, n=5, k=3):
        self.params = {"W": np.random.default_rng(4).normal(size=(n, k))}

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.params["W"])
        return self.h @ self.params["W"].T

    def backward(self, upstream):
        dz = upstream @ self.params["W"] * (1 - self.h**2)
        return dz @ self.params["W"].T, {"W": self.dW(self.x.T @ dz, upstream.T @ self.h)}

    def dW(self, encoder, decoder):
        return decoder


class TiedEncoderOnly(Tied):
    def dW(self, encoder, decoder):
        return encoder


class TiedAveraged(Tied):
    def dW(self, encoder, decoder):
        return (encoder + decoder) / 2


class TiedTransposed(Tied):
    def __init__(self):
        super().__init__(4, 4)

    def dW(self, encoder, decoder):
        return encoder + decoder.T


class Chain(Layer):
    """The same square layer three times: h <- tanh(h W)."""

    def __init__(self):
        self.params = {"W": np.random.default_rng(5).normal(size=(4, 4)) * 0.7}

    def forward(self, x):
        self.h = [x]
        for _ in range(3):
            self.h.append(np.tanh(self.h[-1] @ self.params["W"]))
        return self.h[-1]

    def backward(self, upstream):
        for before, after in zip(self.h[-2::-1], self.h[:0:-1], strict=True):
            dz = upstream * (1 - after**2)
            dW = before.T @ dz  # for +=
            upstream = dz @ self.params["W"].T
        return upstream, {"W": dW}


AB = ((6, 5), (6, 5))
ABOVE_0 = np.random.default_rng(12).uniform(0.4, 2.5, (6, 5))
BOTH = ("dx[0]", "dx[1]")
MUTANTS: list[Mutant] = [
    Mutant("add: broadcast bias not summed", AddBias, ((6, 5), (5,)), ("not-summed", "shape"), ("dx[1]",)),
    Mutant(
        "add: broadcast bias summed to one number",
        AddOverSummed,
        ((6, 5), (5,)),
        ("over-summed",),
        ("dx[1]",),
    ),
    Mutant("subtract: sign of the second", Subtract, AB, ("sign",), ("dx[1]",)),
    Mutant("mul: own operands", Multiply, AB, ("wrong-operand",), BOTH),
    Mutant("mul: own operand for the second", MultiplyOneOwn, AB, ("wrong-operand",), ("dx[1]",)),
    Mutant("mul: upstream missing", MultiplyNoUpstream, AB, ("no-upstream",), BOTH),
    Mutant("mul: times the product", MultiplyByOutput, AB, ("extra-factor", "wrong-operand"), BOTH),
    Mutant("mul: as if it were add", MultiplyAsAdd, AB, ("no-local-derivative", "missing-factor"), BOTH),
    Mutant(
        "mul: broadcast column not summed",
        MultiplyRows,
        ((6, 5), (6, 1)),
        ("not-summed", "shape"),
        ("dx[1]",),
    ),
    Mutant(
        "mul: three inputs, one factor each",
        MultiplyThree,
        ((6, 5), (6, 5), (6, 5)),
        ("missing-factor",),
        ("dx[0]", "dx[1]", "dx[2]"),
    ),
    Mutant("max: both get upstream", Larger, AB, ("wrong-region", "no-local-derivative"), BOTH),
    Mutant("max: loser gets upstream", LargerInverted, AB, ("swapped", "wrong-region"), BOTH),
    Mutant("max: half to each", LargerHalf, AB, ("wrong-region", "wrong-formula"), BOTH),
    Mutant("max: times the value", LargerTimesValue, AB, ("extra-factor",), BOTH),
    Mutant("max: second never wins", LargerFirstOnly, AB, ("zero",), ("dx[1]",)),
    Mutant("divide: sign of the denominator", Divide, ((6, 5), ABOVE_0), ("sign",), ("dx[1]",)),
    Mutant("divide: 1/b for 1/b^2", DivideOnce, ((6, 5), ABOVE_0), ("missing-factor",), ("dx[1]",)),
    Mutant(
        "divide: times b", DivideMultiplies, ((6, 5), ABOVE_0), ("wrong-formula", "extra-factor"), ("dx[0]",)
    ),
    Mutant("concat: pieces swapped", Join, AB, ("swapped",), BOTH),
    Mutant("concat: pieces swapped, other widths", Join, ((6, 5), (6, 3)), ("swapped", "shape"), BOTH),
    Mutant("concat: second piece off by one", JoinOffByOne, ((6, 5), (6, 3)), ("shifted",), ("dx[1]",)),
    Mutant("concat: first piece for both", JoinFromTheEnd, AB, ("wrong-operand", "shifted"), ("dx[1]",)),
    Mutant("blend: path through 1 - t missing", Blend, (*AB, (6, 5)), ("missing-path",), ("dx[0]",)),
    Mutant(
        "blend: t and 1 - t swapped",
        BlendSwapped,
        (*AB, (6, 5)),
        ("swapped", "wrong-operand"),
        ("dx[1]", "dx[2]"),
    ),
    Mutant("distance: sign of the second", Distance, AB, ("sign",), ("dx[1]",)),
    Mutant(
        "dot products: upstream not transposed, N = M",
        Dots,
        ((4, 5), (4, 5)),
        ("transposed", "wrong-operand"),
        ("dx[1]",),
    ),
    Mutant("copy: second upstream lost", Fork, (6, 5), ("missing-path", "only-some"), ("dx",)),
    Mutant("copy: upstreams averaged", ForkAveraged, (6, 5), ("scale",), ("dx",)),
    Mutant("copy: upstreams multiplied", ForkMultiplied, (6, 5), ("upstream-nonlinear",), ("dx",)),
    Mutant("gated unit: halves swapped", Halves, (6, 8), ("swapped", "permuted"), ("dx",)),
    Mutant(
        "gated unit: slope of the gate missing",
        HalvesNoSlope,
        (6, 8),
        ("no-local-derivative", "missing-factor"),
        ("dx",),
    ),
    Mutant(
        "gated unit: path through the gate missing",
        HalvesNoGate,
        (6, 8),
        ("missing-path", "only-some"),
        ("dx",),
    ),
    Mutant("residual: skip missing", Skip, (6, 5), ("missing-path",), ("dx",)),
    Mutant("residual: skip twice", SkipTwice, (6, 5), ("extra-term",), ("dx",)),
    Mutant(
        "residual: paths multiplied", SkipMultiplied, (6, 5), ("upstream-nonlinear", "wrong-formula"), ("dx",)
    ),
    Mutant("residual: only the skip", SkipOnly, (6, 5), ("missing-path",), ("dx",)),
    Mutant("residual: upstream doubled on the way in", SkipAddsBefore, (6, 5), ("scale",), ("df.W", "df.b")),
    Mutant("fan-out: dx of the last branch only", TwoBranches, (6, 5), ("missing-path",), ("dx",)),
    Mutant(
        "fan-out: gradients of two weights swapped", TwoBranchesSwapped, (6, 5), ("swapped",), ("dA", "dB")
    ),
    Mutant("highway: carry path missing", Highway, (6, 5), ("missing-path",), ("dx",)),
    Mutant("highway: carry missing in the gate", HighwayGate, (6, 5), ("missing-path",), ("dx", "dW")),
    Mutant("tied weights: decoder only", Tied, (6, 5), ("missing-path",), ("dW",)),
    Mutant("tied weights: encoder only", TiedEncoderOnly, (6, 5), ("missing-path",), ("dW",)),
    Mutant("tied weights: averaged", TiedAveraged, (6, 5), ("scale",), ("dW",)),
    Mutant(
        "tied weights: second use transposed",
        TiedTransposed,
        (6, 4),
        ("transposed", "wrong-formula"),
        ("dW",),
    ),
    Mutant("one layer three times: first use only", Chain, (6, 4), ("missing-path", "only-some"), ("dW",)),
]
