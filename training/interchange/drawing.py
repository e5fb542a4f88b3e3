"""An ONNX graph in the making: nodes, weights, and the names of the values between them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np

from layers import Layer
from layers.base import Array

from ..errors import UsageError


@dataclass(frozen=True)
class Value:
    """A value of the graph: its name there, and one batch of it, which tells its shape."""

    name: str
    example: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes; the first is the batch's, and any other in the file."""
        shape: tuple[int, ...] = self.example.shape
        return shape

    @property
    def ndim(self) -> int:
        return len(self.shape)


Values = Any  # a Value, or a tuple of them, as the layer takes and returns arrays


@dataclass
class Drawing:
    """What the file will hold so far. Weights are named after the layers' parameters: "0.W"."""

    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)  # every name, as each stands for one value
    constants: dict[Any, str] = field(default_factory=dict)  # what a weight is -> its name
    place: str = ""  # of the layer that is drawn, with a dot behind: "2.main.0."

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node of one output; the name of that."""
        return self.ops(kind, *inputs, outputs=1, domain=domain, **attributes)[0]

    def ops(
        self, kind: str, *inputs: str, outputs: int, domain: str = "", skip: int = 0, **attributes: Any
    ) -> list[str]:
        """A node of several outputs, the first `skip` of them left out; the names of the others."""
        from onnx import helper

        names = [""] * skip + [self.name(f"{self.place}{kind}") for _ in range(skip, outputs)]
        name = self.name(f"{self.place}{kind}.node")
        self.nodes.append(helper.make_node(kind, inputs, names, name, domain=domain, **attributes))
        return names[skip:]

    def weight(self, name: str, array: Any) -> str:
        """A constant array; its name. Floats become float32."""
        from onnx import numpy_helper

        array = np.asarray(array)
        kept = array.astype(np.float32) if array.dtype.kind == "f" else array
        return self._constant(name, numpy_helper.from_array(np.asarray(kept, order="C")))

    def double(self, name: str, array: Any) -> str:
        """A constant array of float64; its name."""
        from onnx import numpy_helper

        return self._constant(name, numpy_helper.from_array(np.asarray(array, np.float64)))

    def _constant(self, name: str, tensor: Any) -> str:
        """The tensor's name, the same for what is the same at one place: the weights of many steps, say."""
        wish = f"{self.place}{name}"
        content = wish, tensor.data_type, tuple(tensor.dims), tensor.raw_data
        if content not in self.constants:
            tensor.name = self.constants[content] = self.name(wish)
            self.weights.append(tensor)
        return self.constants[content]

    def name(self, wish: str) -> str:
        """The wished name, with a number behind where it is taken."""
        name, number = wish, 1
        while name in self.taken:
            number += 1
            name = f"{wish}_{number}"
        self.taken.add(name)
        return name

    def shaped(self, x: str, *sizes: int) -> str:
        """x in another shape; a size of 0 is left as it is."""
        return self.op("Reshape", x, self.weight("shape", np.array(sizes, np.int64)))

    def child(self, name: str, layer: Layer, x: Values) -> Values:
        """Draw a layer that stands inside the one being drawn, under its name."""
        with self.inside(name):
            return draw(self, layer, x)

    @contextlib.contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Names given here begin with that of the place."""
        outer = self.place
        self.place = f"{outer}{name}."
        try:
            yield
        finally:
            self.place = outer


def draw(drawing: Drawing, layer: Layer, x: Values) -> Values:
    """Draw a layer behind x; what it returns.   Raises: UsageError for a layer that ONNX cannot say."""
    kind = next(cls for cls in type(layer).__mro__ if cls in convert.registry)
    for cls in type(layer).__mro__[: type(layer).__mro__.index(kind)]:
        changed = {name for name, value in vars(cls).items() if callable(value) and hasattr(kind, name)}
        if changed - {"__init__", "__repr__", "backward"}:  # no longer the function that is known
            kind = object
    return convert.registry[kind](layer, drawing, x)


@singledispatch
def convert(layer: Any, drawing: Drawing, x: Values) -> Values:
    """Draw one layer; a function a type, which others may add to with @convert.register."""
    raise UsageError(
        f"{drawing.place}{layer.label}: ONNX has no form of this layer; build the network of layers from "
        "`layers`, or save the weights alone as .safetensors"
    )


def converts(*kinds: type[Layer]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register function(layer, drawing, *x) -> the name, or names, of what layers of these types return.

    x are Values. The layer's own forward says what the batch becomes.
    """

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def drawn(layer: Layer, drawing: Drawing, x: Values) -> Values:
            names = function(layer, drawing, *(x if isinstance(x, tuple) else (x,)))
            example = layer.forward(examples(x))
            if isinstance(names, tuple):
                return tuple(map(Value, names, example))
            return Value(names, example)

        for kind in kinds:
            convert.register(kind, drawn)
        return function

    return register


def examples(x: Values) -> Any:
    """The batch behind a Value, or a tuple of them."""
    return tuple(map(examples, x)) if isinstance(x, tuple) else x.example
