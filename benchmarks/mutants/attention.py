"""Attention and what stands around it as students write them, each with one mistake in its backward."""

from __future__ import annotations

from math import erf, pi
from typing import Any

import numpy as np

from layers import LayerNorm, MultiHeadAttention, PositionalEncoding, Residual, ScaledDotProductAttention
from layers.base import Array, Layer

from .case import Mutant
from .student import Pull, collector, draw

MUTANTS: list[Mutant] = []
wrong = collector(MUTANTS)


def softmax(z: Array) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class Dot(Layer):
    """softmax(q kᵀ / sqrt(d)) v on (N, T, d)."""

    def forward(self, qkv: tuple[Array, Array, Array]) -> Any:
        q, k, v = qkv
        self.s = 1 / np.sqrt(q.shape[-1])
        self.P = softmax(np.einsum("nqd,nkd->nqk", q, k) * self.s)
        self.cache = q, k, v
        return np.einsum("nqk,nke->nqe", self.P, v)

    def softmax_back(self, dP: Array) -> Any:
        return self.P * (dP - (dP * self.P).sum(-1, keepdims=True))

    def dv(self, dout: Array) -> Any:
        return np.einsum("nqk,nqe->nke", self.P, dout)

    def scores_back(self, dz: Array) -> tuple[Array, Array]:
        q, k, _ = self.cache
        return np.einsum("nqk,nkd->nqd", dz, k), np.einsum("nqk,nqd->nkd", dz, q)

    def backward(self, dout: Array) -> Pull:
        _, _, v = self.cache
        dP = np.einsum("nqe,nke->nqk", dout, v)
        return (*self.scores_back(self.softmax_back(dP) * self.s), self.dv(dout)), {}


QKV = ((2, 3, 5), (2, 4, 5), (2, 4, 2))  # Tq 3, Tk 4, d 5, dv 2
SELF = ((2, 4, 3), (2, 4, 3), (2, 4, 5))  # as many queries as keys


@wrong("attention: P for its transpose in dv", SELF, "transposed", "dx[2]")
class DvTransposed(Dot):
    def dv(self, dout: Array) -> Any:
        return self.P @ dout


@wrong("attention: 1/sqrt(d) missing in dq and dk", QKV, "scale", "dx[0] dx[1]")
class Unscaled(Dot):
    def softmax_back(self, dP: Array) -> Any:
        return super().softmax_back(dP) / self.s


@wrong("attention: 1/sqrt(d) twice", QKV, "scale", "dx[0] dx[1]")
class ScaledTwice(Dot):
    def softmax_back(self, dP: Array) -> Any:
        return super().softmax_back(dP) * self.s


@wrong("attention: 1/sqrt(d) missing in dk only", QKV, "scale", "dx[1]")
class UnscaledDk(Dot):
    def scores_back(self, dz: Array) -> tuple[Array, Array]:
        dq, dk = super().scores_back(dz)
        return dq, dk * np.sqrt(dk.shape[-1])


@wrong("attention: softmax's diagonal only", QKV, "missing-path wrong-formula", "dx[0] dx[1]")
class DiagonalOnly(Dot):
    def softmax_back(self, dP: Array) -> Any:
        return dP * self.P * (1 - self.P)


@wrong("attention: softmax's sum over the queries", QKV, "wrong-axis", "dx[0] dx[1]")
class SumOverQueries(Dot):
    def softmax_back(self, dP: Array) -> Any:
        return self.P * (dP - (dP * self.P).sum(axis=1, keepdims=True))


@wrong("attention: softmax passed over", QKV, "no-local-derivative", "dx[0] dx[1]")
class NoSoftmax(Dot):
    def softmax_back(self, dP: Array) -> Array:
        return dP


@wrong("attention: outer P of the softmax missing", QKV, "missing-factor", "dx[0] dx[1]")
class NoOuterP(Dot):
    def softmax_back(self, dP: Array) -> Any:
        return dP - (dP * self.P).sum(-1, keepdims=True)


@wrong("attention: softmax's sum without P", QKV, "missing-factor wrong-formula", "dx[0] dx[1]")
class NoInnerP(Dot):
    def softmax_back(self, dP: Array) -> Any:
        return self.P * (dP - dP.sum(-1, keepdims=True))


@wrong("attention: dq and dk exchanged", SELF, "swapped", "dx[0] dx[1]")
class QkSwapped(Dot):
    def scores_back(self, dz: Array) -> tuple[Array, Array]:
        dq, dk = super().scores_back(dz)
        return dk, dq


@wrong("attention: scores not transposed in dk", SELF, "transposed", "dx[1]")
class DkNotTransposed(Dot):
    def scores_back(self, dz: Array) -> tuple[Array, Array]:
        q, k, _ = self.cache
        return dz @ k, dz @ q


@wrong("attention: dq with q", SELF, "wrong-operand", "dx[0]")
class DqOwn(Dot):
    def scores_back(self, dz: Array) -> tuple[Array, Array]:
        q, _, _ = self.cache
        return dz @ q, dz.swapaxes(1, 2) @ q


@wrong("attention: dv from the scores", QKV, "wrong-operand no-local-derivative", "dx[2]")
class DvScores(Dot):
    def dv(self, dout: Array) -> Any:
        q, k, _ = self.cache
        return (k @ q.swapaxes(1, 2) * self.s) @ dout


@wrong("attention: dv does not see P", SELF, "missing-factor no-local-derivative", "dx[2]")
class DvPlain(Dot):
    def dv(self, dout: Array) -> Array:
        return dout.copy()


@wrong("attention: first example's weights for the batch", QKV, "wrong-operand only-some", "dx[2]")
class FirstWeights(Dot):
    def dv(self, dout: Array) -> Any:
        return self.P[0].T @ dout


class Causal(Dot):
    """A query sees the keys up to its own step."""

    def forward(self, qkv: tuple[Array, Array, Array]) -> Any:
        q, k, v = qkv
        self.s, self.cache, T = q.shape[-1] ** -0.5, qkv, q.shape[1]
        self.scores = q @ k.swapaxes(1, 2) * self.s
        self.P = softmax(np.where(np.tri(T, dtype=bool), self.scores, -1e30))
        return self.P @ v


@wrong("causal attention: mask forgotten when P is computed again", SELF, "wrong-region wrong-formula",
       "dx[0] dx[1] dx[2]")  # fmt: skip
class MaskForgotten(Causal):
    def backward(self, dout: Array) -> Pull:
        self.P = softmax(self.scores)
        return super().backward(dout)


@wrong("causal attention: mask the other way round", SELF, "wrong-region transposed", "dx[0] dx[1]")
class MaskInverted(Causal):
    def softmax_back(self, dP: Array) -> Any:
        return super().softmax_back(dP) * np.tri(dP.shape[1]).T


@wrong("causal attention: P not transposed, the future leaks", SELF, "transposed", "dx[2]")
class CausalDv(Causal):
    def dv(self, dout: Array) -> Any:
        return np.matmul(self.P, dout)


class Own(Layer):
    """Self-attention with one head: x (N, T, D)."""

    def __init__(self, D: int = 3) -> None:
        self.params = {f"W_{name}": draw(1 + i, D, D) for i, name in enumerate("qkv")}

    def forward(self, x: Array) -> Any:
        self.Q, self.K, self.V = (x @ self.params[f"W_{name}"] for name in "qkv")
        self.A = softmax(self.Q @ self.K.transpose(0, 2, 1) / np.sqrt(x.shape[2]))
        self.cache = x
        return self.A @ self.V

    def adjoints(self, dout: Array) -> list[Array]:
        dA = dout @ self.V.transpose(0, 2, 1)
        dS = self.A * (dA - np.sum(dA * self.A, axis=2, keepdims=True)) / np.sqrt(self.Q.shape[2])
        return [dS @ self.K, dS.transpose(0, 2, 1) @ self.Q, self.A.transpose(0, 2, 1) @ dout]

    def dx(self, parts: dict[str, Array]) -> Any:
        total: Any = sum(part @ self.params[f"W_{name}"].T for name, part in parts.items())
        return total

    def dW(self, x: Array, part: Array) -> Any:
        return np.einsum("ntd,nte->de", x, part)

    def backward(self, dout: Array) -> Pull:
        parts = dict(zip("qkv", self.adjoints(dout), strict=True))
        return self.dx(parts), {f"W_{name}": self.dW(self.cache, part) for name, part in parts.items()}


@wrong("self-attention: dx misses v's path", (2, 4, 3), "missing-path", "dx")
class NoV(Own):
    def dx(self, parts: dict[str, Array]) -> Any:
        return super().dx({"q": parts["q"], "k": parts["k"]})


@wrong("self-attention: dx through v only", (2, 4, 3), "missing-path", "dx")
class OnlyV(Own):
    def dx(self, parts: dict[str, Array]) -> Any:
        return super().dx({"v": parts["v"]})


@wrong("self-attention: dx misses k's path", (2, 4, 3), "missing-path", "dx")
class NoK(Own):
    def dx(self, parts: dict[str, Array]) -> Any:
        return super().dx({"q": parts["q"], "v": parts["v"]})


@wrong("self-attention: weights not transposed in dx", (2, 4, 3), "transposed", "dx")
class WeightsNotTransposed(Own):
    def dx(self, parts: dict[str, Array]) -> Any:
        return np.sum([part @ self.params[f"W_{name}"] for name, part in parts.items()], axis=0)


@wrong("self-attention: dW_q from q itself", (2, 4, 3), "wrong-operand", "dW_q")
class DwqFromQ(Own):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"W_q": np.einsum("ntd,nte->de", self.Q, self.adjoints(dout)[0])}


@wrong("self-attention: weights' gradients of the last example", (3, 4, 3), "only-some", "dW_q dW_k dW_v")
class LastExample(Own):
    def dW(self, x: Array, part: Array) -> Any:
        for n in range(len(x)):
            dW = x[n].T @ part[n]
        return dW


@wrong("self-attention: weights' gradients keep the batch axis", (2, 4, 3), "not-summed", "dW_q dW_k dW_v")
class BatchKept(Own):
    def dW(self, x: Array, part: Array) -> Array:
        return x.transpose(0, 2, 1) @ part


@wrong("self-attention: dW_k transposed", (2, 4, 3), "transposed", "dW_k")
class DwkTransposed(Own):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"W_k": grads["W_k"].T}


@wrong("self-attention: dW_q and dW_k exchanged", (2, 4, 3), "swapped", "dW_q dW_k")
class DwSwapped(Own):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"W_q": grads["W_k"], "W_k": grads["W_q"]}


@wrong("self-attention: residual's path missing", (2, 4, 3), "missing-path", "dx")
class NoResidual(Own):
    def forward(self, x: Array) -> Any:
        return x + super().forward(x)


class Heads(Layer):
    """Two heads, split and joined by reshape; x (N, T, 4), weights (out, in)."""

    heads = 2

    def __init__(self, dim: int = 4) -> None:
        self.params = {f"W_{name}": draw(5 + i, dim, dim) for i, name in enumerate("qkvo")}

    def split(self, x: Array) -> Array:
        N, T, D = x.shape
        return x.reshape(N, T, self.heads, D // self.heads).transpose(0, 2, 1, 3)

    def join(self, x: Array) -> Array:
        N, h, T, d = x.shape
        return x.transpose(0, 2, 1, 3).reshape(N, T, h * d)

    def forward(self, x: Array) -> Array:
        q, k, v = (self.split(x @ self.params[f"W_{name}"].T) for name in "qkv")
        A = softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
        y = self.join(A @ v)
        self.cache = x, q, k, v, A, y
        return y @ self.params["W_o"].T

    split_back, join_back = split, join

    def root(self) -> Any:
        return np.sqrt(self.cache[1].shape[-1])

    def dy(self, dout: Array) -> Array:
        return dout @ self.params["W_o"]

    def backward(self, dout: Array) -> Pull:
        x, q, k, v, A, y = self.cache
        dheads = self.split_back(self.dy(dout))
        dA = dheads @ v.swapaxes(-1, -2)
        dS = A * (dA - (dA * A).sum(-1, keepdims=True)) / self.root()
        d = {"q": dS @ k, "k": dS.swapaxes(-1, -2) @ q, "v": A.swapaxes(-1, -2) @ dheads}
        parts = {name: self.join_back(part) for name, part in d.items()}
        grads = {f"W_{name}": np.einsum("nto,nti->oi", part, x) for name, part in parts.items()}
        grads["W_o"] = np.einsum("nto,nti->oi", dout, y)
        dx: Any = sum(part @ self.params[f"W_{name}"] for name, part in parts.items())
        return dx, grads


INNER = "dx dW_q dW_k dW_v"


@wrong("multi-head: upstream split without moving the heads", (2, 3, 4), "reshaped permuted", INNER)
class SplitReshaped(Heads):
    def split_back(self, x: Array) -> Array:
        N, T, D = x.shape
        return x.reshape(N, self.heads, T, D // self.heads)


@wrong("multi-head: heads joined without moving them back", (2, 3, 4), "reshaped permuted", INNER)
class JoinReshaped(Heads):
    def join_back(self, x: Array) -> Array:
        N, h, T, d = x.shape
        return x.reshape(N, T, h * d)


@wrong("multi-head: sqrt(dim) for sqrt(dim / heads)", (2, 3, 4), "scale", "dx dW_q dW_k")
class WholeRoot(Heads):
    def root(self) -> Any:
        return np.sqrt(4)


@wrong("multi-head: W_o passed over", (2, 3, 4), "missing-factor no-local-derivative", INNER)
class NoWo(Heads):
    def dy(self, dout: Array) -> Array:
        return dout


@wrong("multi-head: W_o transposed", (2, 3, 4), "transposed", INNER)
class WoTransposed(Heads):
    def dy(self, dout: Array) -> Array:
        return dout @ self.params["W_o"].T


@wrong("multi-head: dW_o from x", (2, 3, 4), "wrong-operand", "dW_o")
class DwoFromX(Heads):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"W_o": np.tensordot(dout, self.cache[0], axes=((0, 1), (0, 1)))}


@wrong("multi-head: only the last head reaches the weights", (2, 3, 4), "only-some", "dx dW_q dW_k dW_v")
class LastHead(Heads):
    def join_back(self, x: Array) -> Array:
        joined = np.zeros((x.shape[0], x.shape[2], 4))
        joined[..., 2:] = x[:, -1]
        return joined


@wrong("multi-head: heads joined in reverse", (2, 3, 4), "permuted flipped", INNER)
class HeadsReversed(Heads):
    def join_back(self, x: Array) -> Array:
        return self.join(x[:, ::-1])


@wrong("MultiHeadAttention: db_q averaged over the steps", (2, 3, 4), "scale", "db_q", 4, 2, rng=9)
class DbqMean(MultiHeadAttention):
    def backward(self, upstream: Any) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, grads | {"b_q": grads["b_q"] / upstream.shape[1]}


@wrong("MultiHeadAttention: one dx for three inputs", ((2, 3, 4), (2, 5, 4), (2, 5, 4)), "shape missing", "",
       4, 2, rng=10)  # fmt: skip
class OneDx(MultiHeadAttention):
    def backward(self, upstream: Any) -> Pull:
        dx, grads = super().backward(upstream)
        assert isinstance(dx, tuple)
        return dx[0], grads


@wrong("ScaledDotProductAttention: dk in float32", QKV, "precision dtype", "dx[1]")
class Float32(ScaledDotProductAttention):
    def backward(self, upstream: Any) -> Pull:
        (dq, dk, dv), grads = super().backward(upstream)
        assert dk is not None
        return (dq, dk.astype(np.float32).astype(dk.dtype), dv), grads


class Positions(Layer):
    """y = x + P[:T], learned."""

    def __init__(self, length: int = 5, dim: int = 2) -> None:
        self.params = {"P": draw(11, length, dim)}

    def forward(self, x: Array) -> Array:
        self.cache = x.shape[1]
        return x + self.params["P"][: x.shape[1]]


@wrong("positions: dP not summed over the batch", (3, 5, 2), "not-summed", "dP")
class PerExample(Positions):
    def backward(self, dout: Array) -> Pull:
        return dout.copy(), {"P": dout.copy()}


@wrong("positions: dP averaged over the batch", (3, 5, 2), "scale", "dP")
class PositionsMean(Positions):
    def backward(self, dout: Array) -> Pull:
        return dout.copy(), {"P": dout.mean(axis=0)}


@wrong("positions: dP only of the steps there were", (3, 4, 2), "shape", "dP")
class Short(Positions):
    def backward(self, dout: Array) -> Pull:
        return dout.copy(), {"P": dout.sum(axis=0)}


@wrong("positions: dP lined up with the end", (3, 4, 2), "shifted", "dP")
class EndAligned(Positions):
    def backward(self, dout: Array) -> Pull:
        dP = np.zeros_like(self.params["P"])
        dP[-self.cache :] = dout.sum(axis=0)
        return dout.copy(), {"P": dP}


@wrong("positions: dP summed over the steps", (4, 4, 3), "wrong-axis", "dP", length=4, dim=3)
class OverSteps(Positions):
    def backward(self, dout: Array) -> Pull:
        return dout.copy(), {"P": dout.sum(axis=1)}


@wrong("positions: sqrt(dim) before the sum forgotten", (2, 4, 3), "scale", "dx", length=4, dim=3)
class RootForgotten(Positions):
    def forward(self, x: Array) -> Array:
        return super().forward(x * np.sqrt(3))

    def backward(self, dout: Array) -> Pull:
        return dout.copy(), {"P": dout.sum(axis=0)}


@wrong("PositionalEncoding: multiplied by the encoding", (2, 4, 6), "extra-factor", "dx", 4, 6)
class TimesP(PositionalEncoding):
    def backward(self, upstream: Array) -> Pull:
        return upstream * self.table[: upstream.shape[1]], {}


@wrong("rotary positions: turned the same way again", (2, 5, 4), "transposed sign", "dx")
class Rotary(Layer):
    """Each pair of features turned by an angle that grows with the step."""

    def turn(self, x: Array) -> Array:
        angle = np.arange(x.shape[1])[:, None] * np.array([1.0, 0.1])
        a, b, cos, sin = x[..., ::2], x[..., 1::2], np.cos(angle), np.sin(angle)
        return np.stack([a * cos - b * sin, a * sin + b * cos], axis=-1).reshape(x.shape)

    def forward(self, x: Array) -> Array:
        return self.turn(x)

    def backward(self, dout: Array) -> Pull:
        return self.turn(dout), {}


class Additive(Layer):
    """Weights softmax(v · tanh(W h_t)) over the steps, y their mean of h."""

    def __init__(self, D: int = 3, H: int = 4) -> None:
        self.params = {"W": draw(12, H, D), "v": draw(13, H)}

    def forward(self, h: Array) -> Any:
        e = np.tanh(h @ self.params["W"].T)
        a = softmax(e @ self.params["v"])
        self.cache = h, e, a
        return np.einsum("nt,ntd->nd", a, h)

    def score_path(self) -> Any:
        return 1

    def value_path(self) -> Any:
        return 1

    def dtanh(self, e: Array) -> Any:
        return 1 - e**2

    def backward(self, dout: Array) -> Pull:
        h, e, a = self.cache
        da = np.einsum("nd,ntd->nt", dout, h)
        ds = a * (da - (a * da).sum(axis=1, keepdims=True))
        dpre = ds[..., None] * self.params["v"] * self.dtanh(e)
        dh = self.value_path() * a[..., None] * dout[:, None] + self.score_path() * dpre @ self.params["W"]
        return dh, {"W": np.einsum("nth,ntd->hd", dpre, h), "v": np.einsum("nt,nth->h", ds, e)}


@wrong("additive attention: path through the weights missing", (2, 4, 3), "missing-path", "dx")
class NoScorePath(Additive):
    def score_path(self) -> Any:
        return 0


@wrong("additive attention: path through the values missing", (2, 4, 3), "missing-path", "dx")
class NoValuePath(Additive):
    def value_path(self) -> Any:
        return 0


@wrong("additive attention: tanh' missing", (2, 4, 3), "no-local-derivative", "dx dW")
class AdditiveNoTanh(Additive):
    def dtanh(self, e: Array) -> Any:
        return 1


@wrong("additive attention: tanh' of the output", (2, 4, 3), "post-activation wrong-formula", "dx dW")
class AdditiveTwice(Additive):
    def dtanh(self, e: Array) -> Any:
        return 1 - np.tanh(e) ** 2


class FeedForward(Layer):
    """y = x + W2 gelu(W1 x), on the last axis."""

    def __init__(self, D: int = 3, H: int = 4) -> None:
        self.params = {"W1": draw(14, H, D), "W2": draw(15, D, H)}

    def gelu(self, a: Array) -> tuple[Array, Array]:
        """(gelu, gelu') of a, the exact ones."""
        cdf = 0.5 * (1 + np.vectorize(erf)(a / np.sqrt(2)))
        return a * cdf, cdf + a * np.exp(-a * a / 2) / np.sqrt(2 * pi)

    def forward(self, x: Array) -> Any:
        a = x @ self.params["W1"].T
        h, slope = self.gelu(a)
        self.cache = x, a, h, slope
        return x + h @ self.params["W2"].T

    def slope(self) -> Array:
        slope: Array = self.cache[3]
        return slope

    def skip(self, dout: Array) -> Any:
        return dout

    def backward(self, dout: Array) -> Pull:
        x, _, h, _ = self.cache
        da = (dout @ self.params["W2"]) * self.slope()
        dx = self.skip(dout) + da @ self.params["W1"]
        axes = tuple(range(dout.ndim - 1))
        return dx, {"W1": np.tensordot(da, x, (axes, axes)), "W2": np.tensordot(dout, h, (axes, axes))}


@wrong("feed-forward: gelu' at the output", (2, 3, 3), "post-activation", "dx dW1")
class GeluOfH(FeedForward):
    def slope(self) -> Array:
        return self.gelu(self.cache[2])[1]


@wrong("feed-forward: gelu' without x phi(x)", (2, 3, 3), "missing-path wrong-formula", "dx dW1")
class GeluNoPhi(FeedForward):
    def slope(self) -> Any:
        a = self.cache[1]
        return 0.5 * (1 + np.vectorize(erf)(a / np.sqrt(2)))


@wrong("feed-forward: gelu' of the tanh form", (2, 3, 3), "approximation", "dx dW1")
class GeluTanh(FeedForward):
    def slope(self) -> Any:
        a, c = self.cache[1], np.sqrt(2 / pi)
        t = np.tanh(c * (a + 0.044715 * a**3))
        return 0.5 * (1 + t) + 0.5 * a * (1 - t * t) * c * (1 + 3 * 0.044715 * a * a)


@wrong("feed-forward: gelu passed over", (2, 3, 3), "no-local-derivative", "dx dW1")
class NoGelu(FeedForward):
    def slope(self) -> Array:
        return np.ones_like(self.cache[1])


@wrong("feed-forward: skip's path missing", (2, 3, 3), "missing-path", "dx")
class NoSkip(FeedForward):
    def skip(self, dout: Array) -> Any:
        return 0


@wrong("feed-forward: skip's path twice", (2, 3, 3), "extra-term", "dx")
class SkipTwice(FeedForward):
    def skip(self, dout: Array) -> Any:
        return 2 * dout


@wrong("feed-forward: dW1 of the first step only", (2, 3, 3), "only-some", "dW1")
class FirstStepOnly(FeedForward):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        da = (dout @ self.params["W2"]) * self.slope()
        return dx, grads | {"W1": da[:, 0].T @ self.cache[0][:, 0]}


@wrong("pre-norm block: attention's skip twice", (2, 3, 4), "extra-term", "dx")
class ResidualTwice(Residual):
    def __init__(self) -> None:
        super().__init__(LayerNorm(4), MultiHeadAttention(4, 2, rng=16))

    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx + upstream, grads
