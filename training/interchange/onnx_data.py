"""In ONNX: what stands before the network, from the user's columns to x, and behind it, to the answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from ..encoding.columns import ABSENT, CategoryColumn, NumberColumn
from ..encoding.inputs import ArrayInputs, TableInputs
from ..encoding.targets import ClassTargets, NumberTargets
from .drawing import Drawing, Value

ML = "ai.onnx.ml"  # the domain of the operators on words


def draw_inputs(g: Drawing, inputs: TableInputs | ArrayInputs, example: Array) -> tuple[list[Any], Value]:
    """(the inputs of the file, x): for a table an input (N, 1) for each column, by its name.

    Numbers are float64, nan where they are missing; categories are strings, "" where they are missing.
    Arrays are float64, images of bytes uint8.
    """
    if isinstance(inputs, ArrayInputs):
        return _draw_array(g, inputs, example)
    infos, parts = [], []
    names = {column.name: g.name(column.name) for column in inputs.columns}  # before any name of our own
    for column in inputs.columns:
        kind = np.float64 if isinstance(column, NumberColumn) else np.str_
        infos.append(info(names[column.name], kind, ("N", 1)))
        with g.inside(column.name):
            if isinstance(column, NumberColumn):
                parts.append(_draw_number(g, column, names[column.name]))
            else:
                parts.append(_draw_category(g, column, names[column.name], inputs.tokens))
    return infos, Value(g.op("Concat", *parts, axis=1), example)


def _draw_array(g: Drawing, inputs: ArrayInputs, example: Array) -> tuple[list[Any], Value]:
    bytes_ = inputs.mean is None or inputs.std is None
    name = g.name("x")
    infos = [info(name, np.uint8 if bytes_ else np.float64, ("N", *inputs.shape))]
    if inputs.mean is None or inputs.std is None:
        return infos, Value(g.op("Div", g.op("Cast", name, to=1), g.weight("255", 255.0)), example)
    axes = (-1, *(1,) * (len(inputs.shape) - 1))  # (D,) or (C, 1, 1)
    return infos, Value(_standardised(g, name, inputs.mean.reshape(axes), inputs.std.reshape(axes)), example)


def _draw_number(g: Drawing, column: NumberColumn, name: str) -> str:
    known = g.op("Where", g.op("IsNaN", name), g.double("fill", column.fill), name)
    return _standardised(g, known, column.mean, column.std)


def _standardised(g: Drawing, x: str, mean: Any, std: Any) -> str:
    """(x - mean) / std in float64, then as float32."""
    scaled = g.op("Div", g.op("Sub", x, g.double("mean", mean)), g.double("std", std))
    return g.op("Cast", scaled, to=1)


def _draw_category(g: Drawing, column: CategoryColumn, name: str, tokens: frozenset[str]) -> str:
    """The place of each cell, the last for a level that training did not see, as one 1 among zeros."""
    other = len(column.levels)
    places = {level: i for i, level in enumerate(column.levels)}
    places |= dict.fromkeys(tokens, places.get(ABSENT, other))
    keys = sorted(places)
    place = g.op(
        "LabelEncoder", name, domain=ML,
        keys_strings=keys, values_int64s=[places[key] for key in keys], default_int64=other,
    )  # fmt: skip
    depth, values = g.weight("places", np.array(other + 1)), g.weight("zero, one", np.array([0.0, 1.0]))
    return g.shaped(g.op("OneHot", place, depth, values, axis=-1), 0, other + 1)


def draw_answer(g: Drawing, targets: ClassTargets | NumberTargets, outputs: Value) -> list[Any]:
    """The outputs of the file: "label" and "probabilities", or "predicted" in the target's units."""
    if isinstance(targets, NumberTargets):
        units = g.op("Mul", g.op("Cast", outputs.name, to=11), g.double("std", targets.std))  # 11: float64
        predicted = g.op("Add", units, g.double("mean", targets.mean))
        return [_output(g, "predicted", predicted, np.float64, ("N", targets.output_size))]
    best = g.op("ArgMax", outputs.name, axis=1, keepdims=0)
    numbers, classes = list(range(targets.output_size)), list(targets.classes)
    label = g.op("LabelEncoder", best, domain=ML, keys_int64s=numbers, values_strings=classes)
    return [
        _output(g, "label", label, np.str_, ("N",)),
        _output(g, "probabilities", g.op("Softmax", outputs.name, axis=-1), np.float32, ("N", len(classes))),
    ]


def draw_outputs(g: Drawing, outputs: Any) -> list[Any]:
    """What the network returns, as it is: "output", or "output_1", "output_2", ... of a tuple."""
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    names = ["output"] if several == (outputs,) else [f"output_{i}" for i in range(1, len(several) + 1)]
    return [
        _output(g, name, value.name, value.example.dtype, ("N", *value.shape[1:]))
        for name, value in zip(names, several, strict=True)
    ]


def _output(g: Drawing, wish: str, value: str, dtype: Any, shape: tuple[int | str, ...]) -> Any:
    from onnx import helper

    name = g.name(wish)
    g.nodes.append(helper.make_node("Identity", [value], [name], g.name(f"{wish}.node")))
    return info(name, dtype, shape)


def info(name: str, dtype: Any, shape: tuple[int | str, ...]) -> Any:
    """An input or output as the file declares it; a word in the shape is a size that is free."""
    from onnx import helper

    kind = np.dtype(np.object_) if np.dtype(dtype).kind == "U" else np.dtype(dtype)  # object: ONNX's string
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(kind), shape)
