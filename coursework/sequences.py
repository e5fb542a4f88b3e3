"""How lstm.py and attention.py are judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import layers
from layers.base import Array

from .task import Task
from .trial import Formula, Trial, by_library, contract, dx, forward, parameters


def _lstm(layer: Any, x: Array) -> Array:
    W_x, W_h, b = layer.params["W_x"], layer.params["W_h"], layer.params["b"]
    ours = layers.LSTM(W_x.shape[1], W_h.shape[1], dtype=np.float64)
    return by_library(ours, {"W_x": W_x, "W_h": W_h, "b_x": b, "b_h": np.zeros_like(b)}, x)


def _sigmoid(a: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-a)))


def _loop(
    order: str = "ifgo",
    bias: float = 1.0,
    g_of: Callable[[Array], Array] = np.tanh,
    shown: Callable[[Array], Array] = np.tanh,
    forget: bool = True,
    feed_back: bool = True,
    out: str = "h",
) -> Formula:
    """An LSTM by the formulas, with a mistake in one of them."""

    def y(layer: Any, x: Array) -> Array:
        W_x, W_h, b = layer.params["W_x"], layer.params["W_h"], layer.params["b"]
        h = c = np.zeros((len(x), W_h.shape[1]))
        steps = []
        for t in range(x.shape[1]):
            a = np.split(x[:, t] @ W_x.T + feed_back * h @ W_h.T + bias * b, 4, axis=1)
            of = dict(zip(order, a, strict=True))
            i, f, o = (_sigmoid(of[gate]) for gate in "ifo")
            c = (f if forget else 1) * c + i * g_of(of["g"])
            h = o * shown(c)
            steps.append(c if out == "c" else h)
        return np.stack(steps, axis=1)

    return y


LSTM = Trial(
    "LSTM",
    (5, 2),
    (4, 3, 5),
    right=_lstm,
    wrong={
        "the gates are taken in the order i, f, o, g; the blocks are i, f, g, o": _loop("ifog"),
        "the gates are taken in the order f, i, g, o; the blocks are i, f, g, o": _loop("figo"),
        "the gates are taken in the order f, i, o, g; the blocks are i, f, g, o": _loop("fiog"),
        "the bias is not added": _loop(bias=0.0),
        "g is tanh(a_g), not a sigmoid": _loop(g_of=_sigmoid),
        "h_t is o * tanh(c_t): the tanh is missing": _loop(shown=np.asarray),
        "c_t-1 is not multiplied by f": _loop(forget=False),
        "h_t-1 does not reach step t: every step starts from h = 0": _loop(feed_back=False),
        "y holds c_t; it is h_t that a step shows": _loop(out="c"),
    },
)


def _attend(
    scale: Callable[[Array, Array], float] = lambda q, x: math.sqrt(q.shape[2]),
    axis: int = 2,
    swap: bool = False,
    softmax: bool = True,
) -> Formula:
    """Attention by sums over named axes, with a mistake in one of them."""

    def y(layer: Any, x: Array) -> Array:
        q, k, v = (np.einsum("ntd,hd->nth", x, layer.params[f"W_{name}"]) for name in "qkv")
        scores = np.einsum("nth,nsh->nst" if swap else "nth,nsh->nts", q, k) / scale(q, x)
        A = np.exp(scores)
        A = A / A.sum(axis=axis, keepdims=True) if softmax else scores
        return np.asarray(np.einsum("nts,nsh->nth", A, v))

    return y


ATTENTION = Trial(
    "Attention",
    (5, 3),
    (2, 4, 5),
    right=_attend(),
    wrong={
        "the scores are not divided by sqrt(H)": _attend(lambda q, x: 1.0),
        "the scores are divided by H, not by its root": _attend(lambda q, x: q.shape[2]),
        "the scores are divided by sqrt(D), the features of x; q and k have H": _attend(
            lambda q, x: math.sqrt(x.shape[2])
        ),
        "the scores are divided by sqrt(T); q and k have H features": _attend(
            lambda q, x: math.sqrt(x.shape[1])
        ),
        "the softmax is over the wrong axis: every row A_t sums to 1, over the keys": _attend(axis=1),
        "q and k are swapped: A_ts is q_t with k_s": _attend(swap=True),
        "the softmax is missing: A is the scores": _attend(softmax=False),
    },
)


def _task(name: str, title: str, trial: Trial) -> Task:
    parts = forward(3, trial), dx(3, trial), parameters(3, trial), contract(1, trial)
    return Task(name, title, f"{name}.py", parts)


TASKS = (_task("lstm", "LSTM", LSTM), _task("attention", "Self-attention", ATTENTION))
