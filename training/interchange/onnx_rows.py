"""In ONNX: affine layers, activations, shapes, gates and containers."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

import layers as L

from ..errors import UsageError
from .drawing import Drawing, Value, Values, convert, converts

PLAIN = {  # layers that are one operator without attributes
    L.ReLU: "Relu",
    L.SELU: "Selu",
    L.Sigmoid: "Sigmoid",
    L.Tanh: "Tanh",
    L.Softplus: "Softplus",
    L.Add: "Sum",
    L.Max: "Max",
}
FUNCTIONS = {  # what Elementwise may hold
    np.abs: "Abs",
    np.cos: "Cos",
    np.exp: "Exp",
    np.log: "Log",
    np.negative: "Neg",
    np.sin: "Sin",
    np.sqrt: "Sqrt",
    np.tanh: "Tanh",
}


@converts(L.Affine)
def affine(layer: L.Affine, g: Drawing, x: Value) -> str:
    y = g.op("MatMul", x.name, g.weight("W.T", layer.params["W"].T))
    return g.op("Add", y, g.weight("b", layer.params["b"])) if "b" in layer.params else y


@converts(*PLAIN)
def plain(layer: L.Layer, g: Drawing, *x: Value) -> str:
    kind = next(PLAIN[cls] for cls in type(layer).__mro__ if cls in PLAIN)
    return g.op(kind, *(part.name for part in x))


@converts(L.Elementwise)
def elementwise(layer: L.Elementwise, g: Drawing, x: Value) -> str:
    kind = next((name for function, name in FUNCTIONS.items() if function is layer.f), None)
    if kind is None:
        known = ", ".join(f"np.{function.__name__}" for function in FUNCTIONS)
        raise UsageError(
            f"{g.place}{layer.label}: ONNX knows no function of Python's; it may be one of {known}"
        )
    return g.op(kind, x.name)


@converts(L.LeakyReLU)
def leaky(layer: L.LeakyReLU, g: Drawing, x: Value) -> str:
    return g.op("LeakyRelu", x.name, alpha=layer.slope)


@converts(L.PReLU)
def prelu(layer: L.PReLU, g: Drawing, x: Value) -> str:
    a = layer.params["a"]
    beside = a.reshape(-1, *[1] * (x.ndim - 2)) if len(a) > 1 else a  # on the channel axis
    return g.op("PRelu", x.name, g.weight("a", beside))


@converts(L.ELU)
def elu(layer: L.ELU, g: Drawing, x: Value) -> str:
    return g.op("Elu", x.name, alpha=layer.alpha)


@converts(L.SiLU)
def silu(layer: L.SiLU, g: Drawing, x: Value) -> str:
    return g.op("Mul", x.name, g.op("Sigmoid", x.name))


@converts(L.GELU)
def gelu(layer: L.GELU, g: Drawing, x: Value) -> str:
    if layer.approximate == "tanh":  # v = sqrt(2 / pi) x (1 + 0.044715 x^2)
        square = g.op("Mul", g.op("Mul", x.name, x.name), g.weight("cubic", 0.044715))
        v = g.op("Mul", g.op("Mul", x.name, g.op("Add", square, g.weight("one", 1.0))), _root(g, 2 / math.pi))
        twice = g.op("Add", g.op("Tanh", v), g.weight("one", 1.0))
    else:
        twice = g.op(
            "Add", g.op("Erf", g.op("Mul", x.name, _root(g, 0.5))), g.weight("one", 1.0)
        )  # 2 Phi(x) = 1 + erf(x / sqrt 2)
    return g.op("Mul", g.op("Mul", x.name, twice), g.weight("half", 0.5))


def _root(g: Drawing, square: float) -> str:
    return g.weight("root", math.sqrt(square))


@converts(L.Softmax, L.LogSoftmax)
def softmax(layer: L.Softmax | L.LogSoftmax, g: Drawing, x: Value) -> str:
    return g.op("Softmax" if isinstance(layer, L.Softmax) else "LogSoftmax", x.name, axis=layer.axis)


@converts(L.Identity, L.Dropout, L.Dropout2D)
def identity(layer: L.Layer, g: Drawing, x: Value) -> str:
    return x.name


# --- shapes and gates


@converts(L.Flatten)
def flatten(layer: L.Flatten, g: Drawing, x: Value) -> str:
    return g.shaped(x.name, 0, math.prod(x.shape[1:]))


@converts(L.Reshape)
def reshape(layer: L.Reshape, g: Drawing, x: Value) -> str:
    return g.shaped(x.name, 0, *layer.forward(x.example).shape[1:])


@converts(L.Permute)
def permute(layer: L.Permute, g: Drawing, x: Value) -> str:
    return g.op("Transpose", x.name, perm=layer.axes)


@converts(L.Mul)
def multiply(layer: L.Mul, g: Drawing, *x: Value) -> str:
    return reduce(lambda a, b: g.op("Mul", a, b), [part.name for part in x])


@converts(L.Copy)
def copy(layer: L.Copy, g: Drawing, x: Value) -> tuple[str, ...]:
    return (x.name,) * layer.n


@converts(L.Concat)
def concat(layer: L.Concat, g: Drawing, *x: Value) -> str:
    return g.op("Concat", *(part.name for part in x), axis=layer.axis)


# --- containers: what is drawn are the layers inside


@convert.register
def sequential(layer: L.Sequential, g: Drawing, x: Values) -> Values:
    for name, child in layer.children.items():
        x = g.child(name, child, x)
    return x


@convert.register
def residual(layer: L.Residual, g: Drawing, x: Values) -> Values:
    return total(g, x, g.child("main", layer.main, x))


@convert.register
def branch(layer: L.Branch, g: Drawing, x: Values) -> Values:
    return tuple(g.child(name, child, x) for name, child in layer.children.items())


@convert.register
def parallel(layer: L.Parallel, g: Drawing, x: Values) -> Values:
    pairs = zip(layer.children.items(), x, strict=True)
    return tuple(g.child(name, child, part) for (name, child), part in pairs)


@convert.register
def graph(layer: L.Graph, g: Drawing, x: Values) -> Values:
    values: dict[str, Any] = dict(zip(layer.inputs, x if len(layer.inputs) > 1 else (x,), strict=True))
    for name, sources in layer.sources.items():
        taken = tuple(values[source] for source in sources)
        values[name] = g.child(name, layer.children[name], taken if len(taken) > 1 else taken[0])
    return values[layer.output]


def total(g: Drawing, a: Value, b: Value) -> Value:
    """a + b"""
    return Value(g.op("Add", a.name, b.name), a.example + b.example)
