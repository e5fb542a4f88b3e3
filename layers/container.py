"""The contract for layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent
from typing import Any, Self

from .base import Array, Grads, Layer


class Shared(dict[str, Array]):
    """A container's view of its children's arrays: changed in place, never replaced."""

    def __setitem__(self, name: str, array: Array) -> None:
        if self.get(name) is not array:  # params[name] -= step assigns the very array it found
            raise ValueError(
                f"params[{name!r}]: expected a change in place, got another array, which no layer would see; "
                f"write params[{name!r}][...] = value"
            )

    def __reduce__(self) -> tuple[type[Shared], tuple[dict[str, Array]]]:
        return type(self), (dict(self),)


class Container(Layer):
    """A layer made of layers: its children are its attributes that are layers.

    Its params, buffers and grads are theirs under dotted names ("0.W", "2.main.0.b"), the same array objects.
    `training` and `input_grad` are handed on. An error inside a child says where.
    A subclass writes forward and backward with forward_child and backward_child.

    Raises: ValueError for one layer object in two places, whose one cache would be overwritten.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        container = super().__new__(cls)
        container.__dict__.update(params=Shared(), buffers=Shared())
        return container

    @property
    def children(self) -> dict[str, Layer]:
        """The layers inside by name, in the order of the forward pass."""
        return {name: value for name, value in self.__dict__.items() if isinstance(value, Layer)}

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Layer):
            self.refuse_repeats({**self.children, name: value})
        super().__setattr__(name, value)

    def forward_child(self, name: str, x: Any) -> Any:
        """children[name].forward(x); an error says which child it was."""
        layer = self.children[name]
        try:
            return layer.forward(x)
        except Exception as error:
            error.add_note(f"in layer {name}, {layer.label}")
            raise

    def backward_child(self, name: str, upstream: Any) -> tuple[Any, Grads]:
        """children[name].backward(upstream), with the gradients under the container's dotted names.

        Raises: TypeError where a child returns something other than (dx, grads), ValueError for wrong keys.
        """
        layer = self.children[name]
        try:
            returned = layer.backward(upstream)
            if not (isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], dict)):
                raise TypeError(
                    f"{layer.label}: expected backward to return (dx, grads), "
                    f"got {_kinds(returned)}; grads is a dict, {{}} where there are no params"
                )
            dx, grads = returned
            params = layer.params
            if grads.keys() != params.keys():
                raise ValueError(
                    f"{layer.label}: expected grads with the keys of params, {sorted(params)}, "
                    f"got {sorted(grads)}"
                )
        except Exception as error:
            error.add_note(f"in layer {name}, {layer.label}")
            raise
        named = {f"{name}.{key}": grad for key, grad in grads.items()}
        held = zip(named, (params[key] for key in grads), strict=True)
        self.__dict__["params"].update(held)  # an optimizer holds this dict; a child's astype must reach it
        return dx, named

    def refuse_repeats(self, children: dict[str, Layer]) -> None:
        """Refuse a layer object that stands in two places, at any depth."""
        places: dict[int, str] = {}
        for place, layer in _walk(children):
            if id(layer) in places:
                raise ValueError(
                    f"{type(self).__name__}: expected every layer object in one place, "
                    f"got {layer.label} at {places[id(layer)]} and {place}; build one for each place"
                )
            places[id(layer)] = place

    def _gather(self, kind: str) -> dict[str, Array]:
        shared: dict[str, Array] = self.__dict__[kind]  # one dict for life: an optimizer may hold it
        shared.update(
            (f"{child}.{name}", array)
            for child, layer in self.children.items()
            for name, array in getattr(layer, kind).items()
        )
        return shared

    @property
    def params(self) -> dict[str, Array]:
        return self._gather("params")

    @params.setter
    def params(self, value: dict[str, Array]) -> None:
        self._refuse("params")

    @property
    def buffers(self) -> dict[str, Array]:
        return self._gather("buffers")

    @buffers.setter
    def buffers(self, value: dict[str, Array]) -> None:
        self._refuse("buffers")

    def _refuse(self, kind: str) -> None:
        raise AttributeError(
            f"{self.label}: expected {kind} to be the children's, got a dict for the container itself; "
            "put arrays of its own into a child of their own"
        )

    @property
    def training(self) -> bool:
        mode: bool = self.__dict__["training"]
        return mode

    @training.setter
    def training(self, mode: bool) -> None:
        self.__dict__["training"] = mode
        for layer in self.children.values():
            layer.training = mode

    @property
    def input_grad(self) -> bool:
        wish: bool = self.__dict__["input_grad"]
        return wish

    @input_grad.setter
    def input_grad(self, wish: bool) -> None:
        self.__dict__["input_grad"] = wish
        for layer in self.first_children():
            layer.input_grad = wish

    def first_children(self) -> list[Layer]:
        """The children that take the container's own x."""
        return list(self.children.values())

    def astype(self, dtype: Any) -> Self:
        for layer in self.children.values():
            layer.astype(dtype)
        self._gather("params")
        self._gather("buffers")
        return self

    @property
    def label(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        lines = "".join(f"\n{name}: {layer!r}" for name, layer in self.children.items())
        return f"{type(self).__name__}({indent(lines, '  ')}{lines and chr(10)})"


class Numbered(Container):
    """A container of layers in a row, named "0", "1", ... in `children`.

    Raises: TypeError for what is no layer.
    """

    def __init__(self, *layers: Layer) -> None:
        for i, layer in enumerate(layers):
            if isinstance(layer, type) and issubclass(layer, Layer):
                raise TypeError(
                    f"{self.label}: expected a layer at {i}, got the class {layer.__name__}; call it"
                )
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"{self.label}: expected a layer at {i}, got {type(layer).__name__}; "
                    f"write {self.label}(layer, layer, ...)"
                )
        self.layers = layers
        self._children = {str(i): layer for i, layer in enumerate(layers)}
        self.refuse_repeats(self._children)

    @property
    def children(self) -> dict[str, Layer]:
        return self._children


def _walk(children: dict[str, Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    for name, layer in children.items():
        yield prefix + name, layer
        if isinstance(layer, Container):
            yield from _walk(layer.children, f"{prefix}{name}.")


def _kinds(returned: Any) -> str:
    if isinstance(returned, tuple):
        return f"({', '.join(type(part).__name__ for part in returned)})"
    return type(returned).__name__
