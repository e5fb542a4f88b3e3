"""Recurrent layers as students write them, each with one mistake in its backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers import GRU, LSTM, RNNCell
from layers.base import Array, Layer

from .case import Mutant
from .student import Pull, collector, draw

MUTANTS: list[Mutant] = []
wrong = collector(MUTANTS)

ALL = "dx dW_x dW_h db"


class Vanilla(Layer):
    """h_t = tanh(W_x x_t + W_h h_t-1 + b), x (N, T, D)."""

    def __init__(self, D: int = 3, H: int = 5) -> None:
        self.params = {"W_x": draw(1, H, D), "W_h": draw(2, H, H), "b": draw(3, H)}

    def forward(self, x: Array) -> Array:
        p, N, T = self.params, len(x), x.shape[1]
        hs: list[Any] = [np.zeros((N, len(p["b"])))]
        for t in range(T):
            hs.append(np.tanh(x[:, t] @ p["W_x"].T + hs[-1] @ p["W_h"].T + p["b"]))
        self.cache = x, hs
        return np.stack(hs[1:], axis=1)

    def dtanh(self, h: Array) -> Any:
        return 1 - h**2

    def carry(self, da: Array) -> Any:
        return da @ self.params["W_h"]

    def backward(self, upstream: Array) -> Pull:
        x, hs = self.cache
        dx, grads = np.zeros_like(x), {name: np.zeros_like(a) for name, a in self.params.items()}
        dh_next: Any = 0
        for t in reversed(range(x.shape[1])):
            da = (upstream[:, t] + dh_next) * self.dtanh(hs[t + 1])
            dx[:, t] = da @ self.params["W_x"]
            grads["W_x"] += da.T @ x[:, t]
            grads["W_h"] += da.T @ hs[t]
            grads["b"] += da.sum(axis=0)
            dh_next = self.carry(da)
        return dx, grads


@wrong("rnn: gradient of the next step not added", (2, 4, 3), "missing-path", ALL)
class NoNext(Vanilla):
    def carry(self, da: Array) -> Any:
        return 0


@wrong("rnn: W_h transposed on the way back", (2, 4, 3), "transposed wrong-operand", ALL)
class WhTransposed(Vanilla):
    def carry(self, da: Array) -> Any:
        return da @ self.params["W_h"].T


@wrong("rnn: W_h missing on the way back", (2, 4, 3), "missing-factor", ALL)
class NoWh(Vanilla):
    def carry(self, da: Array) -> Any:
        return da


@wrong("rnn: tanh' missing", (2, 4, 3), "no-local-derivative", ALL)
class NoTanh(Vanilla):
    def dtanh(self, h: Array) -> Any:
        return 1


@wrong("rnn: 1 - h for 1 - h^2", (2, 4, 3), "wrong-formula", ALL)
class NoSquare(Vanilla):
    def dtanh(self, h: Array) -> Any:
        return 1 - h


@wrong("rnn: sigmoid's derivative", (2, 4, 3), "wrong-formula", ALL)
class SigmoidsDerivative(Vanilla):
    def dtanh(self, h: Array) -> Any:
        return h * (1 - h)


@wrong("rnn: tanh' taken at h", (2, 4, 3), "post-activation", ALL)
class TanhOfH(Vanilla):
    def dtanh(self, h: Array) -> Any:
        return 1 - np.tanh(h) ** 2


@wrong("rnn: the way back cut every two steps", (2, 5, 3), "missing-path", ALL)
class Truncated(Vanilla):
    def backward(self, upstream: Array) -> Pull:
        self.left = upstream.shape[1]
        return super().backward(upstream)

    def carry(self, da: Array) -> Any:
        self.left -= 1
        return da @ self.params["W_h"] if self.left % 2 else 0


@wrong("rnn: h_t for h_t-1 in dW_h", (2, 4, 3), "wrong-operand shifted", "dW_h")
class OwnState(Vanilla):
    def backward(self, upstream: Array) -> Pull:
        (x, hs), W_h = self.cache, self.params["W_h"]
        dx, grads = super().backward(upstream)
        dW_h, dh = np.zeros_like(W_h), np.zeros_like(hs[0])
        for t in range(x.shape[1] - 1, -1, -1):
            da = (dh + upstream[:, t]) * (1 - hs[t + 1] ** 2)
            dW_h += np.dot(da.T, hs[t + 1])
            dh = np.dot(da, W_h)
        return dx, grads | {"W_h": dW_h}


class Written(Vanilla):
    """The same, with lists and no hooks."""

    def steps(self, upstream: Array) -> list[Array]:
        """da_1 to da_T."""
        (_, hs), dh, das = self.cache, np.zeros_like(self.cache[1][0]), []
        for t in reversed(range(upstream.shape[1])):
            das.append((dh + upstream[:, t]) * (1 - hs[t + 1] * hs[t + 1]))
            dh = das[-1] @ self.params["W_h"]
        return das[::-1]


@wrong("rnn: parameters' gradients of the last loop only", (2, 4, 3), "only-some not-summed", "dW_x dW_h db")
class LastLoop(Written):
    def backward(self, upstream: Array) -> Pull:
        (x, _), das = self.cache, self.steps(upstream)
        dx = np.stack([da @ self.params["W_x"] for da in das], axis=1)
        return dx, {"W_x": das[-1].T @ x[:, -1], "W_h": das[-1].T @ self.cache[1][-2], "b": das[-1].sum(0)}


@wrong("rnn: dx in the order of the loop", (2, 4, 3), "flipped", "dx")
class ReversedDx(Written):
    def backward(self, upstream: Array) -> Pull:
        _, grads = super().backward(upstream)
        dxs = [da @ self.params["W_x"] for da in reversed(self.steps(upstream))]
        return np.stack(dxs, axis=1), grads


@wrong("rnn: db not summed over the batch", (2, 4, 3), "not-summed", "db")
class DbRows(Written):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, grads | {"b": np.sum(self.steps(upstream), axis=0)}


@wrong("rnn: dW_x and dW_h divided by T", (2, 4, 3), "scale", "dW_x dW_h")
class OverTime(Written):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, grads | {name: grads[name] / upstream.shape[1] for name in ("W_x", "W_h")}


@wrong("rnn: gradients of parameters clipped inside", (2, 4, 3), "upstream-nonlinear", "dW_x dW_h db")
class ClippedInside(Written):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {name: np.clip(grad, -0.05, 0.05) for name, grad in grads.items()}


@wrong("rnn: state's gradient clipped at each step", (2, 4, 3), "upstream-nonlinear", ALL)
class ClippedState(Vanilla):
    def carry(self, da: Array) -> Any:
        return np.clip(da @ self.params["W_h"], -0.01, 0.01)


@wrong("rnn: only the last step's upstream is used", (2, 4, 3), "only-some missing-path", ALL)
class LastUpstream(Vanilla):
    def backward(self, upstream: Array) -> Pull:
        last = np.zeros_like(upstream)
        last[:, -1] = upstream[:, -1]
        return super().backward(last)


@wrong("rnn: upstream[:, t] += dh", (2, 4, 3), "mutates-upstream", "")
class InPlace(Written):
    def backward(self, upstream: Array) -> Pull:
        (x, hs), p = self.cache, self.params
        dx, grads = np.zeros_like(x), {name: np.zeros_like(a) for name, a in p.items()}
        for t in reversed(range(x.shape[1])):
            da = upstream[:, t] * (1 - hs[t + 1] ** 2)
            dx[:, t] = da @ p["W_x"]
            grads["W_x"] += da.T @ x[:, t]
            grads["W_h"] += da.T @ hs[t]
            grads["b"] += da.sum(axis=0)
            if t > 0:
                upstream[:, t - 1] += da @ p["W_h"]
        return dx, grads


@wrong("rnn: gradients kept from call to call", (2, 3, 3), "repeat-backward", "dW_x dW_h db")
class KeptGrads(Vanilla):
    def forward(self, x: Array) -> Array:
        self.total = {name: np.zeros_like(a) for name, a in self.params.items()}
        return super().forward(x)

    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        for name, grad in grads.items():
            self.total[name] = self.total[name] + grad
        return dx, dict(self.total)


class Started(Layer):
    """The same from (x, h0)."""

    def __init__(self, D: int = 3, H: int = 4) -> None:
        self.params = {"W_x": draw(4, D, H), "W_h": draw(5, H, H), "b": draw(6, H)}

    def forward(self, inputs: tuple[Array, Array]) -> Array:
        x, h = inputs
        p, hs = self.params, [h]
        for t in range(x.shape[1]):
            h = np.tanh(x[:, t].dot(p["W_x"]) + h.dot(p["W_h"]) + p["b"])
            hs.append(h)
        self.cache = x, np.array(hs)  # (T + 1, N, H)
        return np.array(hs[1:]).transpose(1, 0, 2)

    def steps(self, dout: Array) -> tuple[Array, Array, Array]:
        """(da (T, N, H), dh0, dh_1)."""
        (_, hs), dh = self.cache, np.zeros_like(dout[:, 0])
        da, dh_1 = np.zeros_like(hs[1:]), dh
        for t in reversed(range(len(da))):
            dh_1 = dh + dout[:, t]
            da[t] = dh_1 * (1 - hs[t + 1] ** 2)
            dh = da[t] @ self.params["W_h"].T
        return da, dh, dh_1

    def backward(self, dout: Array) -> Pull:
        (x, hs), (da, dh0, _) = self.cache, self.steps(dout)
        dx = np.einsum("tnh,dh->ntd", da, self.params["W_x"])
        dW_x, dW_h = np.einsum("ntd,tnh->dh", x, da), np.einsum("tni,tnj->ij", hs[:-1], da)
        return (dx, dh0), {"W_x": dW_x, "W_h": dW_h, "b": da.sum(axis=(0, 1))}


H0 = ((2, 3, 3), (2, 4))


@wrong("rnn with h0: dh0 zero", H0, "zero", "dx[1]")
class ZeroH0(Started):
    def backward(self, dout: Array) -> Pull:
        (dx, dh0), grads = super().backward(dout)
        return (dx, np.zeros_like(dh0)), grads


@wrong("rnn with h0: dh_1 returned for dh0", H0, "no-local-derivative missing-factor", "dx[1]")
class H1ForH0(Started):
    def backward(self, dout: Array) -> Pull:
        (dx, _), grads = super().backward(dout)
        return (dx, self.steps(dout)[2]), grads


@wrong("rnn with h0: first step left out of dW_h", H0, "only-some", "dW_h")
class NoFirstStep(Started):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        (_, hs), (da, _, _) = self.cache, self.steps(dout)
        return dx, grads | {"W_h": np.einsum("tni,tnj->ij", hs[1:-1], da[1:])}


@wrong("rnn with h0: dW_h transposed", H0, "transposed", "dW_h")
class DwhTransposed(Started):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"W_h": grads["W_h"].T}


@wrong("rnn with h0: dh0 not returned", H0, "missing", "dx[1]")
class NoH0(Started):
    def backward(self, dout: Array) -> Pull:
        (dx, _), grads = super().backward(dout)
        return (dx, None), grads


@wrong("rnn with h0: dx left (T, N, D)", H0, "permuted shape", "dx[0]")
class TimeFirst(Started):
    def backward(self, dout: Array) -> Pull:
        (dx, dh0), grads = super().backward(dout)
        return (dx.transpose(1, 0, 2), dh0), grads


@wrong("RNNCell: dx and dh exchanged", ((3, 4), (3, 4)), "swapped", "dx[0] dx[1]", 4, 4, rng=7)
class CellSwapped(RNNCell):
    def backward(self, upstream: Any) -> Pull:
        (dx, dh), grads = super().backward(upstream)
        return (dh, dx), grads


@wrong("RNNCell: (grads, dx) returned", ((3, 2), (3, 4)), "order", "", 2, 4, rng=8)
class CellOrder(RNNCell):
    def backward(self, upstream: Any) -> Any:
        dx, grads = super().backward(upstream)
        return grads, dx


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


class LongShort(Layer):
    """An LSTM with its gates stacked as i, f, g, o; x (N, T, D)."""

    def __init__(self, D: int = 3, H: int = 2) -> None:
        self.H = H
        self.params = {"W_x": draw(9, 4 * H, D), "W_h": draw(10, 4 * H, H), "b": draw(11, 4 * H)}

    def forward(self, x: Array) -> Array:
        h = c = np.zeros((len(x), self.H))
        kept, hs = [], []
        for t in range(x.shape[1]):
            a = x[:, t] @ self.params["W_x"].T + h @ self.params["W_h"].T + self.params["b"]
            ai, af, ag, ao = np.split(a, 4, axis=1)
            i, f, g, o = sigmoid(ai), sigmoid(af), np.tanh(ag), sigmoid(ao)
            h_prev, c_prev = h, c
            c = f * c + i * g
            h = o * np.tanh(c)
            kept.append((x[:, t], h_prev, c_prev, i, f, g, o, c))
            hs.append(h)
        self.cache = kept
        return np.stack(hs, axis=1)

    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        """(da, dc_prev) of one step."""
        _, _, c_prev, i, f, g, o, c = kept
        do = dh * np.tanh(c)
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        di, df, dg = dc * g, dc * c_prev, dc * i
        return self.join(di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)), dc * f

    def join(self, *blocks: Any) -> Any:
        return np.concatenate(blocks, axis=1)

    def backward(self, dout: Array) -> Pull:
        dh: Any = 0
        dc: Any = 0
        dxs, grads = [], {name: np.zeros_like(a) for name, a in self.params.items()}
        for t in reversed(range(dout.shape[1])):
            x, h = self.cache[t][:2]
            da, dc = self.step(dout[:, t] + dh, dc, self.cache[t])
            dxs.append(da @ self.params["W_x"])
            dh = da @ self.params["W_h"]
            grads["W_x"] += da.T @ x
            grads["W_h"] += da.T @ h
            grads["b"] += da.sum(axis=0)
        return np.stack(dxs[::-1], axis=1), grads


@wrong("lstm: gradient of the next cell state lost", (2, 3, 3), "missing-path", ALL)
class NextCLost(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        return super().step(dh, 0, kept)


@wrong("lstm: cell state without its way into h", (2, 3, 3), "missing-path", ALL)
class NoWayIntoH(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        _, _, c_prev, i, f, g, o, c = kept
        dc = dc + np.zeros_like(c)
        do = dh * np.tanh(c)
        a = dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), do * o * (1 - o)
        return self.join(*a), dc * f


@wrong("lstm: sigmoid' of the forget gate missing", (2, 3, 3), "no-local-derivative missing-factor", ALL)
class NoForgetDerivative(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        _, _, c_prev, i, f, g, o, c = kept
        do = dh * np.tanh(c)
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        a = dc * g * i * (1 - i), dc * c_prev, dc * i * (1 - g**2), do * o * (1 - o)
        return self.join(*a), dc * f


@wrong("lstm: new cell state for the old at the forget gate", (2, 3, 3), "wrong-operand shifted", ALL)
class NewCForOld(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        _, _, _, _, f, _, o, c = kept
        dc_total = dc + dh * o * (1 - np.tanh(c) ** 2)
        da, dc_prev = super().step(dh, dc, kept)
        H = self.H
        return self.join(da[:, :H], dc_total * c * f * (1 - f), da[:, 2 * H :]), dc_prev


@wrong("lstm: tanh(c) missing at the output gate", (2, 3, 3), "missing-factor", ALL)
class NoTanhC(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        o = kept[6]
        da, dc_prev = super().step(dh, dc, kept)
        return self.join(da[:, : 3 * self.H], dh * o * (1 - o)), dc_prev


@wrong("lstm: c for tanh(c) at the output gate", (2, 3, 3), "wrong-operand post-activation", ALL)
class PlainC(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        o, c = kept[6:]
        da, dc_prev = super().step(dh, dc, kept)
        return self.join(da[:, : 3 * self.H], dh * c * o * (1 - o)), dc_prev


@wrong("lstm: dc * i handed back for dc * f", (2, 3, 3), "wrong-operand", ALL)
class HandedByI(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        _, _, _, i, f, _, _, _ = kept
        da, dc_prev = super().step(dh, dc, kept)
        return da, dc_prev / f * i


@wrong("lstm: forget gate missing on the way back", (2, 3, 3), "missing-factor", ALL)
class NoForget(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        da, dc_prev = super().step(dh, dc, kept)
        return da, dc_prev / kept[4]


@wrong("lstm: tanh' missing between h and c", (2, 3, 3), "no-local-derivative missing-factor", ALL)
class NoTanhDerivative(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        _, _, c_prev, i, f, g, o, c = kept
        do, dc = dh * np.tanh(c), dc + dh * o
        a = dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), do * o * (1 - o)
        return self.join(*a), dc * f


@wrong("lstm: 1 - c^2 for 1 - tanh(c)^2", (2, 3, 3), "post-activation wrong-formula", ALL)
class PlainCSquare(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        _, _, c_prev, i, f, g, o, c = kept
        do, dc = dh * np.tanh(c), dc + dh * o * (1 - c**2)
        a = dc * g * i * (1 - i), dc * c_prev * f * (1 - f), dc * i * (1 - g**2), do * o * (1 - o)
        return self.join(*a), dc * f


@wrong("lstm: blocks stacked as i, f, o, g on the way back", (2, 3, 3), "permuted swapped", ALL)
class OtherOrder(LongShort):
    def join(self, *blocks: Any) -> Any:
        i, f, g, o = blocks
        return np.hstack([i, f, o, g])


@wrong("lstm: candidate taken for a sigmoid", (2, 3, 3), "wrong-formula", ALL)
class CandidateSigmoid(LongShort):
    def step(self, dh: Any, dc: Any, kept: tuple[Any, ...]) -> tuple[Any, Any]:
        g, H = kept[5], self.H
        da, dc_prev = super().step(dh, dc, kept)
        da[:, 2 * H : 3 * H] *= g * (1 - g) / (1 - g**2)
        return da, dc_prev


@wrong("lstm: dW_h from the new state", (2, 3, 3), "wrong-operand shifted", "dW_h")
class NewStateDwh(LongShort):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        dh: Any = 0
        dc: Any = 0
        dW_h: Any = 0
        for t in reversed(range(dout.shape[1])):
            da, dc = self.step(dout[:, t] + dh, dc, self.cache[t])
            dh = da @ self.params["W_h"]
            o, c = self.cache[t][6:]
            dW_h = dW_h + da.T @ (o * np.tanh(c))
        return dx, grads | {"W_h": dW_h}


@wrong("lstm: forget gate's rows of dW_x copied from the input gate's", (2, 3, 3), "wrong-operand swapped",
       "dW_x")  # fmt: skip
class CopiedRows(LongShort):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        dW_x, H = grads["W_x"], self.H
        dW_x[H : 2 * H] = dW_x[:H]
        return dx, grads


@wrong("lstm: gate blocks of dW_x transposed one by one", (2, 3, 2), "transposed", "dW_x", D=2)
class BlocksTransposed(LongShort):
    def backward(self, dout: Array) -> Pull:
        dx, grads = super().backward(dout)
        return dx, grads | {"W_x": grads["W_x"].reshape(4, 2, 2).transpose(0, 2, 1).reshape(8, 2)}


class ShortCell(Layer):
    """An LSTM step (x, h, c) -> (h', c') with a matrix for each gate, on [x, h]."""

    def __init__(self, D: int = 3, H: int = 4) -> None:
        self.params = {f"W_{gate}": draw(12 + k, H, D + H) for k, gate in enumerate("ifgo")}

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        x, h, c = inputs
        z, p = np.concatenate([x, h], axis=1), self.params
        i, f, o = (sigmoid(z @ p[f"W_{gate}"].T) for gate in "ifo")
        g = np.tanh(z @ p["W_g"].T)
        c_next = f * c + i * g
        self.cache = z, c, i, f, g, o, np.tanh(c_next)
        return o * self.cache[-1], c_next

    def gates(self, dh: Array, dc: Array) -> dict[str, Array]:
        _, c, i, f, g, o, tc = self.cache
        return {
            "i": dc * g * i * (1 - i),
            "f": dc * c * f * (1 - f),
            "g": dc * i * (1 - g * g),
            "o": dh * tc * o * (1 - o),
        }

    def backward(self, upstream: tuple[Array, Array]) -> Pull:
        z, _, _, f, _, o, tc = self.cache
        dh, dc = upstream
        dc = dc + dh * o * (1 - tc * tc)
        das = self.gates(dh, dc)
        dz: Any = sum(da @ self.params[f"W_{gate}"] for gate, da in das.items())
        D = z.shape[1] - f.shape[1]
        grads = {f"W_{gate}": da.T @ z for gate, da in das.items()}
        return (dz[:, :D], dz[:, D:], dc * f), grads


CELL = ((2, 3), (2, 4), (2, 4))


@wrong("lstm cell: upstream of c' ignored", CELL, "missing-path only-some",
       "dx[0] dx[1] dx[2] dW_i dW_f dW_g")  # fmt: skip
class UpstreamC(ShortCell):
    def backward(self, upstream: tuple[Array, Array]) -> Pull:
        dh, dc = upstream
        return super().backward((dh, np.zeros_like(dc)))


@wrong("lstm cell: dW_f from the input gate", CELL, "wrong-operand swapped", "dW_f")
class WfFromI(ShortCell):
    def backward(self, upstream: tuple[Array, Array]) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, grads | {"W_f": grads["W_i"].copy()}


@wrong("lstm cell: dW_i and dW_o exchanged", CELL, "swapped", "dW_i dW_o")
class WiWoSwapped(ShortCell):
    def backward(self, upstream: tuple[Array, Array]) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, grads | {"W_i": grads["W_o"], "W_o": grads["W_i"]}


@wrong("lstm cell: dh sliced from the front", ((2, 3), (2, 3), (2, 3)), "swapped", "dx[0] dx[1]", H=3)
class SlicedFront(ShortCell):
    def backward(self, upstream: tuple[Array, Array]) -> Pull:
        (dx, dh, dc), grads = super().backward(upstream)
        return (dh, dx, dc), grads


@wrong("lstm cell: dx sums the input gate only", CELL, "missing-path only-some", "dx[0] dx[1]")
class InputGateOnly(ShortCell):
    def backward(self, upstream: tuple[Array, Array]) -> Pull:
        (_, _, dc), grads = super().backward(upstream)
        _, _, i, _, g, o, tc = self.cache
        da = (upstream[1] + upstream[0] * o * (1 - tc**2)) * g * i * (1 - i)
        dz = da @ self.params["W_i"]
        return (dz[:, :3], dz[:, 3:], dc), grads


@wrong("lstm cell: dc without the forget gate", CELL, "missing-factor", "dx[2]")
class DcNoForget(ShortCell):
    def backward(self, upstream: tuple[Array, Array]) -> Pull:
        (dx, dh, dc), grads = super().backward(upstream)
        return (dx, dh, dc / self.cache[3]), grads


class Gated(Layer):
    """A GRU stacked as r, z, n; the reset gate multiplies W_n h."""

    def __init__(self, D: int = 2, H: int = 3) -> None:
        self.H = H
        self.params = {"W_x": draw(20, 3 * H, D), "W_h": draw(21, 3 * H, H), "b": draw(22, 3 * H)}

    def forward(self, x: Array) -> Array:
        h, H, kept, hs = np.zeros((len(x), self.H)), self.H, [], []
        for t in range(x.shape[1]):
            ax, ah = x[:, t] @ self.params["W_x"].T + self.params["b"], h @ self.params["W_h"].T
            r, z = sigmoid(ax[:, :H] + ah[:, :H]), sigmoid(ax[:, H : 2 * H] + ah[:, H : 2 * H])
            hn = ah[:, 2 * H :]
            n = np.tanh(ax[:, 2 * H :] + r * hn)
            kept.append((x[:, t], h, r, z, n, hn))
            h = (1 - z) * n + z * h
            hs.append(h)
        self.cache = kept
        return np.stack(hs, axis=1)

    def dz(self, h: Any, n: Any) -> Any:
        return h - n

    def n_block(self, dan: Any, r: Any) -> Any:
        return dan * r

    def dr(self, hn: Any, h: Any) -> Any:
        return hn

    def direct(self, z: Any) -> Any:
        return z

    def dn(self, z: Any) -> Any:
        return 1 - z

    def backward(self, dout: Array) -> Pull:
        dh: Any = 0
        dx: list[Any] = []
        grads = {name: np.zeros_like(a) for name, a in self.params.items()}
        for t in reversed(range(dout.shape[1])):
            x, h, r, z, n, hn = self.cache[t]
            dh = dh + dout[:, t]
            dan = dh * self.dn(z) * (1 - n * n)
            daz = dh * self.dz(h, n) * z * (1 - z)
            dar = dan * self.dr(hn, h) * r * (1 - r)
            dax = np.hstack([dar, daz, dan])
            dah = np.hstack([dar, daz, self.n_block(dan, r)])
            dx.insert(0, dax @ self.params["W_x"])
            dh = dh * self.direct(z) + dah @ self.params["W_h"]
            grads["W_x"] += dax.T @ x
            grads["W_h"] += dah.T @ h
            grads["b"] += dax.sum(axis=0)
        return np.stack(dx, axis=1), grads


@wrong("gru: direct path through z missing", (2, 4, 2), "missing-path", ALL)
class NoDirect(Gated):
    def direct(self, z: Any) -> Any:
        return 0


@wrong("gru: direct path without its factor z", (2, 4, 2), "missing-factor", ALL)
class DirectOne(Gated):
    def direct(self, z: Any) -> Any:
        return 1


@wrong("gru: z and 1 - z exchanged", (2, 4, 2), "wrong-operand wrong-formula", ALL)
class ZExchanged(Gated):
    def direct(self, z: Any) -> Any:
        return 1 - z

    def dn(self, z: Any) -> Any:
        return z


@wrong("gru: n - h for h - n at the update gate", (2, 4, 2), "sign wrong-formula", ALL)
class UpdateSign(Gated):
    def dz(self, h: Any, n: Any) -> Any:
        return n - h


@wrong("gru: old state forgotten at the update gate", (2, 4, 2), "missing-path missing-factor", ALL)
class UpdateNoOld(Gated):
    def dz(self, h: Any, n: Any) -> Any:
        return -n


@wrong("gru: reset gate missing on the way to W_h", (2, 4, 2), "missing-factor", ALL)
class NoReset(Gated):
    def n_block(self, dan: Any, r: Any) -> Any:
        return dan


@wrong("gru: h for W_n h at the reset gate", (2, 4, 2), "wrong-operand wrong-formula", ALL)
class ResetOperand(Gated):
    def dr(self, hn: Any, h: Any) -> Any:
        return h


@wrong("gru: path through the reset gate missing", (2, 4, 2), "missing-path", ALL)
class NoResetPath(Gated):
    def dr(self, hn: Any, h: Any) -> Any:
        return 0


@wrong("LSTM: gradient of b_h forgotten", (2, 3, 2), "keys missing", "db_h", 2, 3, rng=23)
class NoBh(LSTM):
    def backward(self, upstream: Any) -> Pull:
        dx, grads = super().backward(upstream)
        grads.pop("b_h")
        return dx, grads


@wrong("GRU: db_h copied from db_x", (2, 4, 2), "missing-factor wrong-operand", "db_h", 2, 3, rng=24)
class CopiedBh(GRU):
    def backward(self, upstream: Any) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, grads | {"b_h": grads["b_x"].copy()}


class BothWays(Layer):
    """A student's RNN in both directions, the halves side by side; ends with the features 2 H."""

    def __init__(self) -> None:
        self.ahead, self.back = Vanilla(2, 3), Vanilla(2, 3)
        new = {"W_x": draw(25, 3, 2), "W_h": draw(26, 3, 3), "b": draw(27, 3)}
        self.back.params.update(new)
        self.params = {f"{way}.{name}": a for way in ("ahead", "back") for name, a in self.of(way).items()}

    def of(self, way: str) -> dict[str, Array]:
        params: dict[str, Array] = getattr(self, way).params
        return params

    def forward(self, x: Array) -> Array:
        for way in ("ahead", "back"):  # the same arrays, also after a change of dtype
            self.of(way).update({name: self.params[f"{way}.{name}"] for name in self.of(way)})
        return np.concatenate([self.ahead.forward(x), self.back.forward(x[:, ::-1])[:, ::-1]], axis=2)

    def sum(self, a: Pull, b: Pull) -> Pull:
        grads = {f"ahead.{n}": g for n, g in a[1].items()} | {f"back.{n}": g for n, g in b[1].items()}
        return a[0] + b[0], grads


AHEAD, BACK = (" ".join(f"d{way}.{name}" for name in ("W_x", "W_h", "b")) for way in ("ahead", "back"))


@wrong("bidirectional: dx of the way back not turned round", (2, 4, 2), "flipped", "dx")
class NotTurned(BothWays):
    def backward(self, dout: Array) -> Pull:
        return self.sum(self.ahead.backward(dout[..., :3]), self.back.backward(dout[:, ::-1, 3:]))


@wrong("bidirectional: upstream of the way back not turned round", (2, 4, 2), "flipped", f"dx {BACK}")
class UpstreamNotTurned(BothWays):
    def backward(self, dout: Array) -> Pull:
        dx, grads = self.back.backward(dout[..., 3:])
        return self.sum(self.ahead.backward(dout[..., :3]), (dx[:, ::-1], grads))


@wrong("bidirectional: halves of upstream exchanged", (2, 4, 2), "swapped", f"dx {AHEAD} {BACK}")
class HalvesExchanged(BothWays):
    def backward(self, dout: Array) -> Pull:
        dx, grads = self.back.backward(dout[:, ::-1, :3])
        return self.sum(self.ahead.backward(dout[..., 3:]), (dx[:, ::-1], grads))


@wrong("bidirectional: dx of the way ahead only", (2, 4, 2), "missing-path", "dx")
class AheadOnly(BothWays):
    def backward(self, dout: Array) -> Pull:
        a, b = self.ahead.backward(dout[..., :3]), self.back.backward(dout[:, ::-1, 3:])
        return a[0], self.sum(a, b)[1]


class Last(Layer):
    """y = x_T."""

    def forward(self, x: Array) -> Array:
        self.cache = x.shape
        return x[:, -1]


@wrong("last step: every step gets it", (2, 4, 3), "wrong-region extra-term", "dx")
class EveryStep(Last):
    def backward(self, dout: Array) -> Pull:
        return np.repeat(dout[:, None], self.cache[1], axis=1), {}


@wrong("last step: the first step gets it", (2, 4, 3), "flipped shifted", "dx")
class FirstGets(Last):
    def backward(self, dout: Array) -> Pull:
        dx = np.zeros(self.cache)
        dx[:, 0] = dout
        return dx, {}


@wrong("last step: dx of one step", (2, 4, 3), "shape", "dx")
class OneStep(Last):
    def backward(self, dout: Array) -> Pull:
        return dout.copy(), {}


@wrong("mean over time: 1/T forgotten", (2, 4, 3), "scale", "dx")
class TimeMean(Layer):
    def forward(self, x: Array) -> Any:
        self.cache = x.shape
        return x.mean(axis=1)

    def backward(self, dout: Array) -> Pull:
        return np.ones(self.cache) * dout[:, None], {}


@wrong("cumulative sum over time: summed the same way again", (2, 4, 3), "transposed flipped", "dx")
class CumulativeSum(Layer):
    def forward(self, x: Array) -> Array:
        return np.cumsum(x, axis=1)

    def backward(self, dout: Array) -> Pull:
        return np.cumsum(dout, axis=1), {}


@wrong("difference over time: minus forgotten", (2, 5, 3), "sign wrong-formula", "dx")
class Difference(Layer):
    """y_t = x_t+1 - x_t."""

    def forward(self, x: Array) -> Array:
        self.cache = x.shape
        return x[:, 1:] - x[:, :-1]

    def backward(self, dout: Array) -> Pull:
        dx = np.zeros(self.cache)
        dx[:, 1:] += dout
        dx[:, :-1] += dout
        return dx, {}


@wrong("leaky integrator: decay missing on the way back", (2, 5, 3), "missing-factor", "dx da")
class Integrator(Layer):
    """h_t = a h_t-1 + x_t with a decay for each feature."""

    def __init__(self) -> None:
        self.params = {"a": 0.5 + 0.3 * draw(28, 3)}

    def forward(self, x: Array) -> Array:
        h = [np.zeros_like(x[:, 0])]
        for t in range(x.shape[1]):
            h.append(self.params["a"] * h[-1] + x[:, t])
        self.cache = h
        return np.stack(h[1:], axis=1)

    def backward(self, dout: Array) -> Pull:
        dh: Any = 0
        da: Any = 0
        dx = np.zeros_like(dout)
        for t in reversed(range(dout.shape[1])):
            dh = dh + dout[:, t]
            da = da + (dh * self.cache[t]).sum(axis=0)
            dx[:, t] = dh
        return dx, {"a": da}
