"""What recurrent layers share: the parameters, one step as a cell, and all steps as a layer.

A subclass writes one step and its pullback; rnn.py has the shortest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .base import Array, Grads, Layer
from .init import Init, Rng, start
from .sizes import size

State = tuple[Array, ...]  # (h,), or (h, c)


class Recurrent(Layer):
    """A step from x and the state to the next state, with G gates in blocks of H.

    Shapes: W_x (G H, D), W_h (G H, H), b_x and b_h (G H,).
    Every gate's block of W_x and of W_h starts from `init`: orthogonal ones keep the length of h, and of its
    gradient, over many steps. b_x starts at `bias_start`, one number a gate, b_h at zero.
    Source: Saxe, McClelland & Ganguli 2014, section 3 (orthogonal)
    """

    bias_start: tuple[float, ...]
    states: tuple[str, ...] = ("h",)
    one_sum: bool = True  # whether a_x and a_h = h W_hᵀ + b_h enter by their sum alone, so that da_h is da_x

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        bias: bool = True,
        init: Init = "orthogonal",
        rng: Rng = None,
        dtype: Any = np.float32,
    ) -> None:
        who = type(self).__name__
        D, H = size(who, "input_size", input_size), size(who, "hidden_size", hidden_size)
        rng = np.random.default_rng(rng)  # one for all blocks, or they would be equal
        for name, n in (("W_x", D), ("W_h", H)):
            self.params[name] = np.concatenate([start(init, (H, n), rng, dtype) for _ in self.bias_start])
        if bias:
            self.params["b_x"] = np.repeat(self.bias_start, H).astype(dtype)
            self.params["b_h"] = np.zeros(len(self.bias_start) * H, dtype)

    def step(self, a_x: Array, state: State) -> tuple[State, State]:
        """(the next state, what pull needs), from a_x = x W_xᵀ + b_x, in whose place it may compute.

        Shapes: a_x (N, G H), every state (N, H).
        """
        raise NotImplementedError(f"{self.label}: expected a step(self, a_x, state) of its own; define one")

    def pull(self, kept: State, dstate: State, da_x: Array, da_h: Array) -> State:
        """The adjoint of the state before; da_x and da_h (N, G H) are filled in."""
        raise NotImplementedError(f"{self.label}: expected a pull(self, kept, ...) of its own; define one")

    def from_input(self, x: Array, state: State) -> Array:
        """a_x = x W_xᵀ + b_x, and b_h on top where the sum is all that counts: once for all steps."""
        dtype = np.result_type(x, *self.params.values(), *state)  # as wide as a_x + a_h
        a_x: Array = (x @ self.params["W_x"].T).astype(dtype, copy=False)  # (M, D)(D, G H) -> (M, G H)
        if "b_x" in self.params:
            a_x += self.params["b_x"] + self.params["b_h"] if self.one_sum else self.params["b_x"]
        return a_x

    def from_state(self, h: Array) -> Array:
        """a_h = h W_hᵀ, and b_h where from_input has not added it"""
        a_h: Array = h @ self.params["W_h"].T  # (N, H)(H, G H) -> (N, G H)
        return a_h if self.one_sum or "b_h" not in self.params else a_h + self.params["b_h"]

    def adjoints(self, dtype: Any, *shape: int) -> tuple[Array, Array]:
        """Room for da_x and da_h, which are one where the sum is all that counts."""
        da_x = np.empty(shape, dtype)
        return da_x, da_x if self.one_sum else np.empty(shape, dtype)

    def parameter_grads(self, x: Array, h: Array, da_x: Array, da_h: Array) -> Grads:
        """dW and db of M steps: x (M, D), the h before each (M, H), da_x and da_h (M, G H)."""
        dW_x = da_x.T @ x  # (G H, M)(M, D) -> (G H, D)
        dW_h = da_h.T @ h  # (G H, M)(M, H) -> (G H, H)
        if "b_x" not in self.params:
            return self.grads(W_x=dW_x, W_h=dW_h)
        db_x = da_x.sum(axis=0)  # (M, G H) -> (G H,)
        db_h = db_x.copy() if self.one_sum else da_h.sum(axis=0)
        return self.grads(W_x=dW_x, W_h=dW_h, b_x=db_x, b_h=db_h)

    def sizes(self) -> tuple[int, int]:
        """(D, H)"""
        return self.params["W_x"].shape[1], self.params["W_h"].shape[1]

    def __repr__(self) -> str:
        D, H = self.sizes()
        return f"{type(self).__name__}({D} -> {H}{'' if 'b_x' in self.params else ', bias=False'})"


class Cell(Recurrent):
    """One step: (x, state) in, the next state out."""

    def forward(self, x: State) -> Array | State:
        self.expect_tuple("x", x, 1 + len(self.states))
        D, H = self.sizes()
        self.expect("x", x[0], "N", D)
        for name, part in zip(self.states, x[1:], strict=True):
            self.expect(name, part, len(x[0]), H)
        state, kept = self.step(self.from_input(x[0], x[1:]), x[1:])
        self.cache = x, kept
        return state if len(state) > 1 else state[0]

    def backward(self, upstream: Array | State) -> tuple[tuple[Array | None, ...], Grads]:
        (x, h, *_), kept = self.cache
        if len(self.states) > 1:
            self.expect_tuple("upstream", upstream, len(self.states))
            dstate = tuple(upstream)
        else:
            dstate = (upstream,)
        for i, part in enumerate(dstate):
            self.expect(f"upstream[{i}]" if len(dstate) > 1 else "upstream", part, *h.shape)
        dtype = np.result_type(*dstate, *kept, self.params["W_h"])
        da_x, da_h = self.adjoints(dtype, len(x), len(self.params["W_h"]))
        dstate = self.pull(kept, dstate, da_x, da_h)
        dx = da_x @ self.params["W_x"] if self.input_grad else None  # (N, G H)(G H, D) -> (N, D)
        return (dx, *dstate), self.parameter_grads(x, h, da_x, da_h)


class Unrolled(Recurrent):
    """T steps: the state goes from each to the next, and its adjoint all the way back.

    Every step uses the same parameters, so their gradients are sums over the steps. The loops do only what
    has to wait for the step before: one product gives a_x for all steps, one each gives dx, dW_x and dW_h.
    Source: Werbos 1990, back-propagation through time
    """

    def forward(self, x: Array | tuple[Array, ...]) -> Array:
        several = isinstance(x, tuple)
        x, first, mask = self._read(x if isinstance(x, tuple) else (x,))
        (N, T, _), (_, H) = x.shape, self.sizes()
        a_x = self.from_input(_in_a_row(x), first)  # (T N, D)(D, G H) -> (T N, G H)
        a_x = a_x.reshape(T, N, a_x.shape[1])
        state = first or (np.zeros((N, H), a_x.dtype),) * len(self.states)
        h, kept = [state[0]], []
        for t in range(T):
            after, keep = self.step(a_x[t], state)
            state = after if mask is None else _choose(mask[:, t], after, state)
            h.append(state[0])
            kept.append(keep)
        self.cache = x, h[:-1], kept, mask, bool(first), several
        y = np.stack(h[1:], axis=1)  # T times (N, H) -> (N, T, H)
        return y if mask is None else np.where(mask[..., None], y, 0)

    def backward(self, upstream: Array) -> tuple[Array | tuple[Array | None, ...] | None, Grads]:
        x, h, kept, mask, started, several = self.cache
        (N, T, _), (D, H) = x.shape, self.sizes()
        self.expect("upstream", upstream, N, T, H)
        if mask is not None:
            upstream = np.where(mask[..., None], upstream, 0)
        dstate = (np.zeros_like(h[0]),) * len(self.states)  # after the last step nothing follows
        dtype = np.result_type(upstream, *kept[0], self.params["W_h"])
        da_x, da_h = self.adjoints(dtype, T, N, len(self.params["W_h"]))
        for t in reversed(range(T)):
            after = (dstate[0] + upstream[:, t], *dstate[1:])  # h_t reaches y_t and the next step
            dstate = self.pull(kept[t], after, da_x[t], da_h[t])
            if mask is not None:
                dstate = _choose(mask[:, t], dstate, after)
        rows = [da.reshape(T * N, da.shape[2]) for da in (da_x, da_h)]  # (T, N, G H) -> (T N, G H)
        if mask is not None:
            taken = mask.T.reshape(-1, 1)  # (N, T) -> (T N, 1); the other steps weighed nothing
            rows = [np.where(taken, da, 0) for da in rows]
        dx = None
        if self.input_grad:
            dx = (rows[0] @ self.params["W_x"]).reshape(T, N, D).swapaxes(0, 1)  # (T N, G H)(G H, D)
        grads = self.parameter_grads(_in_a_row(x), np.concatenate(h), *rows)
        if not several:
            return dx, grads
        return (dx, *(dstate if started else ()), *(() if mask is None else (None,))), grads

    def _read(self, given: tuple[Array, ...]) -> tuple[Array, State, Array | None]:
        """(x, the state to start from or (), the mask or None).   Raises: TypeError, ValueError."""
        self.expect_tuple("x", given)
        x, *state = given
        mask = state.pop() if state and _kind(state[-1]) == "b" else None
        for i, part in enumerate(state, start=1):
            if _kind(part) in "biu":
                raise TypeError(
                    f"{self.label}: expected x[{i}] to be a state of floats, or the last a mask of bools, "
                    f"got {part.dtype}; a mask is mask.astype(bool), or np.arange(T) < lengths[:, None]"
                )
        if len(state) not in (0, len(self.states)):
            names = ", ".join(f"{name}0" for name in self.states)
            raise ValueError(
                f"{self.label}: expected x, (x, {names}), (x, mask) or (x, {names}, mask), "
                f"got a tuple of {len(given)}"
            )
        D, H = self.sizes()
        self.expect("x", x, "N", "T", D)
        N, T, _ = x.shape
        if T == 0:
            raise ValueError(f"{self.label}: expected x of at least one step, got shape {x.shape}")
        for name, part in zip(self.states, state, strict=False):
            self.expect(f"{name}0", part, N, H)
        if mask is not None:
            expect_steps(self, mask, N, T)
            x = np.where(mask[..., None], x, 0)  # what stands at a step that is not taken is not read
        return x, tuple(state), mask


def expect_steps(layer: Layer, mask: Any, N: int, T: int) -> None:
    """Refuse a mask that is no boolean array (N, T).   Raises: TypeError, ValueError."""
    if _kind(mask) != "b":
        got = getattr(mask, "dtype", type(mask).__name__)
        raise TypeError(f"{layer.label}: expected a mask of bools, got {got}; write mask.astype(bool)")
    layer.expect("mask", mask, N, T)


def blocks(a: Array, gates: int) -> list[Array]:
    """The gates' blocks of a, as views: (N, G H) -> G times (N, H)."""
    H = a.shape[1] // gates
    return [a[:, k * H : (k + 1) * H] for k in range(gates)]


def open_gates(a: Array) -> None:
    """a <- sigmoid(a) = (1 + tanh(a / 2)) / 2: in place, and tanh cannot overflow."""
    a *= 0.5
    np.tanh(a, out=a)
    a *= 0.5
    a += 0.5


def _kind(part: Any) -> str:
    """The letter for an array's kind of numbers, "?" where it is no array."""
    return part.dtype.kind if isinstance(part, np.ndarray) else "?"


def _in_a_row(x: Array) -> Array:
    """(N, T, D) -> (T N, D)"""
    return x.swapaxes(0, 1).reshape(-1, x.shape[2])


def _choose(mask: Array, yes: State, no: State) -> State:
    """yes in the rows where mask (N,) is True, no in the others."""
    return tuple(np.where(mask[:, None], a, b) for a, b in zip(yes, no, strict=True))
