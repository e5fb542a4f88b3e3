"""Trained networks as ONNX files, which other runtimes and languages read."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from layers import Layer

from ..disk import write_bytes
from ..encoding.inputs import ArrayInputs, TableInputs
from ..encoding.targets import ClassTargets, NumberTargets
from ..errors import UsageError
from . import onnx_images, onnx_rows, onnx_sequences  # noqa: F401  they say what becomes of each layer
from .drawing import Drawing, Value, convert, converts, draw
from .onnx_data import draw_answer, draw_inputs, draw_outputs, info

__all__ = ["convert", "converts", "export_onnx"]

OPSETS = {"": 17, "ai.onnx.ml": 3}
FORMAT = 8  # the version of the file format that came with these


def export_onnx(
    path: str | Path,
    model: Layer,
    input_shape: Any,
    *,
    inputs: TableInputs | ArrayInputs | None = None,
    targets: ClassTargets | NumberTargets | None = None,
) -> None:
    """Write the model as an ONNX file: a fixed function of x, in float32, as in evaluation mode.

        export_onnx("net.onnx", model, (3, 28, 28))        # the shape of one example
        export_onnx("net.onnx", model, (x[:1], mask[:1]))  # several inputs, or other numbers than floats

    `input_shape` is the shape of one example, or a batch of them, or a tuple of either for a model of several
    inputs. The batch may have any size, the other axes are as they are here.
    `inputs` and `targets`, as a run of train.py keeps them, put into the file what stands around the network:
    the columns of a table as inputs by name, with the scaling and the categories, and the answer as "label"
    and "probabilities", or "predicted" in the target's units. Categories are compared as they are: take away
    blanks around them first.
    Raises: UsageError for a layer that ONNX has no form of, by its name; DiskError.
    """
    onnx = _onnx()
    drawing, model = Drawing(), copy.deepcopy(model).eval()
    with np.errstate(all="ignore"):
        model.astype(np.float32)
        x, infos = _inputs(drawing, input_shape, inputs)
        outputs = draw(drawing, model, x)
        answer = draw_outputs(drawing, outputs) if targets is None else draw_answer(drawing, targets, outputs)
    graph = onnx.helper.make_graph(drawing.nodes, "network", infos, answer, drawing.weights)
    opsets = [onnx.helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
    written = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=FORMAT, producer_name="pullback")
    onnx.checker.check_model(written, full_check=True)
    write_bytes(Path(path), written.SerializeToString(deterministic=True))


def _onnx() -> Any:
    try:
        import onnx.checker
        import onnx.helper
    except ImportError:
        raise UsageError("ONNX files need onnx, which is not installed; python -m pip install onnx") from None
    return onnx


def _inputs(g: Drawing, shape: Any, inputs: TableInputs | ArrayInputs | None) -> tuple[Any, list[Any]]:
    """(x as the network takes it, the inputs that the file declares)"""
    if inputs is not None:
        infos, x = draw_inputs(g, inputs, _batch(inputs.shape))
        return x, infos
    several = isinstance(shape, list | tuple) and not all(
        isinstance(size, int | np.integer) for size in shape
    )
    batches = tuple(map(_batch, shape)) if several else (_batch(shape),)
    names = [f"x_{i}" for i in range(1, len(batches) + 1)] if several else ["x"]
    values = tuple(Value(g.name(name), batch) for name, batch in zip(names, batches, strict=True))
    infos = [info(value.name, value.example.dtype, ("N", *value.shape[1:])) for value in values]
    return (values if several else values[0]), infos


def _batch(shape: Any) -> Any:
    """Two examples of that shape, or the batch that stands in its place, its floats as float32."""
    if isinstance(shape, np.ndarray):
        kept = {"f": np.float32, "i": np.int64, "u": np.int64}.get(shape.dtype.kind, shape.dtype)
        return shape.astype(kept)
    return np.random.default_rng(0).standard_normal((2, *shape), dtype=np.float32)
