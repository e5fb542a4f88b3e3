"""In ONNX: recurrent layers, embeddings and attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import layers as L
from layers.base import Array

from .drawing import Drawing, Value, Values, convert, converts
from .onnx_rows import total

KINDS = (  # our layers, ONNX's operator, and the order in which it takes our gates
    ((L.LSTM, L.LSTMCell), "LSTM", (0, 3, 1, 2)),  # i, o, f, g
    ((L.GRU, L.GRUCell), "GRU", (1, 0, 2)),  # z, r, n
    ((L.RNN, L.RNNCell), "RNN", (0,)),
)
FAR = np.iinfo(np.int64).min  # before the first step, whatever their number


@converts(L.RNN, L.LSTM, L.GRU)
def recurrent(layer: Any, g: Drawing, x: Value, *given: Value) -> str:
    state, mask = list(given), None
    if state and state[-1].example.dtype == bool:
        mask = state.pop()
    if mask is None:
        y, _ = _unrolled(layer, g, g.op("Transpose", x.name, perm=[1, 0, 2]), [part.name for part in state])
        return g.op("Transpose", y, perm=[1, 0, 2])  # (T, N, H) -> (N, T, H)
    return _masked(layer, g, x, [part.name for part in state], mask)


@converts(L.RNNCell, L.LSTMCell, L.GRUCell)
def cell(layer: Any, g: Drawing, x: Value, *state: Value) -> str | tuple[str, ...]:
    _, after = _unrolled(layer, g, _with_axis(g, x.name, 0), [part.name for part in state])
    return after[0] if len(after) == 1 else tuple(after)


def _unrolled(layer: Any, g: Drawing, x: str, state: list[str]) -> tuple[str, list[str]]:
    """(y, the last state) of x (T, N, D): y (T, N, H), the states (N, H); from no state, from zeros."""
    kind, gates = next((kind, gates) for ours, kind, gates in KINDS if isinstance(layer, ours))
    W, R, B = _weights(layer, gates)
    inputs = [x, g.weight("W_x", W), g.weight("W_h", R), "" if B is None else g.weight("b", B), ""]
    inputs += [_with_axis(g, part, 0) for part in state]
    how: dict[str, Any] = {"hidden_size": R.shape[-1]}
    if kind == "GRU":
        how["linear_before_reset"] = 1
    if kind == "RNN":
        how["activations"] = [layer.nonlinearity.capitalize()]
    y, *after = g.ops(kind, *inputs, outputs=1 + len(layer.states), **how)
    return _without_axis(g, y, 1), [_without_axis(g, part, 0) for part in after]


def _weights(layer: Any, order: tuple[int, ...]) -> tuple[Array, Array, Array | None]:
    """W_x (1, G H, D), W_h (1, G H, H) and both biases (1, 2 G H), their gates in ONNX's order."""

    def ordered(name: str) -> Array:
        gates = np.split(layer.params[name], len(order))
        return np.concatenate([gates[i] for i in order])

    W, R = ordered("W_x")[None], ordered("W_h")[None]
    if "b_x" not in layer.params:
        return W, R, None
    return W, R, np.concatenate([ordered("b_x"), ordered("b_h")])[None]


def _masked(layer: Any, g: Drawing, x: Value, state: list[str], mask: Value) -> str:
    """Step by step: ONNX's operators know how long a row is, and a mask may have gaps."""
    _, T, _ = x.shape
    if not state:  # zeros (N, H), as many rows as the mask has
        zeros = g.weight("zeros", np.zeros(layer.params["W_h"].shape[1]))
        some = _with_axis(g, _at(g, mask.name, 0), 1)
        state = [g.op("Where", some, zeros, zeros)] * len(layer.states)
    steps = []
    for t in range(T):
        taken = _with_axis(g, _at(g, mask.name, t), 1)  # (N,) -> (N, 1)
        x_t = g.op("Where", taken, _at(g, x.name, t), g.weight("zero", 0.0))
        y, after = _unrolled(layer, g, _with_axis(g, x_t, 0), state)
        state = [g.op("Where", taken, new, old) for new, old in zip(after, state, strict=True)]
        shown = g.op("Where", taken, _without_axis(g, y, 0), g.weight("zero", 0.0))
        steps.append(_with_axis(g, shown, 1))
    return g.op("Concat", *steps, axis=1)


@convert.register
def bidirectional(layer: L.Bidirectional, g: Drawing, x: Values) -> Values:
    parts = x if isinstance(x, tuple) else (x,)
    turned = tuple(_flip(g, part) for part in parts)
    ahead = g.child("ahead", layer.ahead, x)
    back = _flip(g, g.child("back", layer.back, turned if isinstance(x, tuple) else turned[0]))
    y = g.op("Concat", ahead.name, back.name, axis=2)
    return Value(y, np.concatenate([ahead.example, back.example], axis=2))


def _flip(g: Drawing, x: Value) -> Value:
    ends = (
        g.weight(name, np.array([n])) for name, n in (("start", -1), ("end", FAR), ("axis", 1), ("step", -1))
    )
    return Value(g.op("Slice", x.name, *ends), x.example[:, ::-1])


@converts(L.LastStep)
def last_step(layer: L.LastStep, g: Drawing, x: Value, mask: Value | None = None) -> str:
    T = x.shape[1]
    if mask is None:
        return _at(g, x.name, T - 1)
    steps = g.op("Mul", g.op("Cast", mask.name, to=7), g.weight("steps", np.arange(T)))  # 7: int64
    last = g.op("ReduceMax", steps, axes=[1], keepdims=1)  # (N, T) -> (N, 1)
    return g.op("GatherND", x.name, last, batch_dims=1)  # (N, T, D) -> (N, D)


@converts(L.Embedding)
def embedding(layer: L.Embedding, g: Drawing, x: Value) -> str:
    return g.op("Gather", g.weight("W", layer.params["W"]), x.name, axis=0)


@converts(L.PositionalEncoding)
def positional(layer: L.PositionalEncoding, g: Drawing, x: Value) -> str:
    table = layer.params["W"] if layer.learned else layer.table
    return g.op("Add", x.name, g.weight("P", table[: x.shape[1]]))


@converts(L.ScaledDotProductAttention)
def attention(
    layer: L.ScaledDotProductAttention, g: Drawing, q: Value, k: Value, v: Value, *mask: Value
) -> str:
    sizes = q.shape[-2], k.shape[-2], q.shape[-1]
    return _attend(g, q.name, k.name, v.name, [m.name for m in mask], sizes, q.ndim, layer.causal)


def _attend(
    g: Drawing, q: str, k: str, v: str, masks: list[str], sizes: tuple[int, int, int], ndim: int, causal: bool
) -> str:
    """softmax(q kᵀ / sqrt(D)) v for sizes (Tq, Tk, D); a mask broadcasts to the scores (..., Tq, Tk)."""
    Tq, Tk, D = sizes
    order = [*range(ndim - 2), ndim - 1, ndim - 2]
    q = g.op("Mul", q, g.weight("scale", 1 / math.sqrt(D)))
    scores = g.op("MatMul", q, g.op("Transpose", k, perm=order))
    if causal:
        masks = [*masks, g.weight("causal", np.tri(Tq, Tk, dtype=np.bool_))]
    for mask in masks:
        scores = g.op("Where", mask, scores, g.weight("never", -math.inf))
    return g.op("MatMul", g.op("Softmax", scores, axis=-1), v)


@converts(L.MultiHeadAttention)
def multihead(layer: L.MultiHeadAttention, g: Drawing, *x: Value) -> str:
    masks = [_heads_mask(g, x[-1])] if len(x) in (2, 4) else []
    given = x[:3] if len(x) > 2 else (x[0],) * 3
    heads, width = layer.heads, layer.dim // layer.heads

    def split(name: str, part: Value) -> str:
        y = g.shaped(_affine(layer, g, name, part.name), 0, part.shape[1], heads, width)
        return g.op("Transpose", y, perm=[0, 2, 1, 3])  # (N, heads, T, width)

    q, k, v = (split(name, part) for name, part in zip("qkv", given, strict=True))
    Tq, Tk = given[0].shape[1], given[1].shape[1]
    y = _attend(g, q, k, v, masks, (Tq, Tk, width), 4, layer.attention.causal)
    y = g.shaped(g.op("Transpose", y, perm=[0, 2, 1, 3]), 0, Tq, layer.dim)
    return _affine(layer, g, "o", y)


def _affine(layer: L.MultiHeadAttention, g: Drawing, name: str, x: str) -> str:
    y = g.op("MatMul", x, g.weight(f"W_{name}.T", layer.params[f"W_{name}"].T))
    bias = layer.params.get(f"b_{name}")
    return y if bias is None else g.op("Add", y, g.weight(f"b_{name}", bias))


def _heads_mask(g: Drawing, mask: Value) -> str:
    """(N, Tq, Tk) -> (N, 1, Tq, Tk)"""
    return _with_axis(g, mask.name, 1) if mask.ndim == 3 else mask.name


@convert.register
def transformer(layer: L.TransformerBlock, g: Drawing, x: Values) -> Values:
    x, *mask = x if isinstance(x, tuple) else (x,)
    z = g.child("norm1", layer.norm1, x)
    h = total(g, x, g.child("attention", layer.attention, (z, *mask) if mask else z))
    return total(g, h, g.child("mlp", layer.mlp, g.child("norm2", layer.norm2, h)))


def _axes(g: Drawing, axis: int) -> str:
    return g.weight("axes", np.array([axis]))


def _with_axis(g: Drawing, x: str, axis: int) -> str:
    return g.op("Unsqueeze", x, _axes(g, axis))


def _without_axis(g: Drawing, x: str, axis: int) -> str:
    return g.op("Squeeze", x, _axes(g, axis))


def _at(g: Drawing, x: str, t: int) -> str:
    """x[:, t]"""
    return g.op("Gather", x, g.weight("t", np.array(t)), axis=1)
