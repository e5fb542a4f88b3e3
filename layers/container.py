"""The contract for layers made of layers."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import indent
from typing import Any, Self

from .base import Array, Grads, Layer
from .names import matching, nearest
from .shared import Shared


class Container(Layer):
    """A layer made of layers: its children are its attributes that are layers.

    Its params, buffers and grads are theirs under dotted names ("0.W", "2.main.0.b"), the same array objects.
    `training` and `input_grad` are handed on. An error inside a child says where.
    A subclass writes forward and backward with forward_child and backward_child.
    `freeze` turns parameters into buffers: still used and saved, no longer trained.

    Raises: ValueError for one layer object in two places, whose one cache would be overwritten, and for
    one where it would be no child: in a list or dict, or an attribute of a Sequential or Graph.
    """

    _frozen: set[str]  # names of frozen parameters of children that are no containers, which have their own

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        container = super().__new__(cls)
        container.__dict__.update(params=Shared(), buffers=Shared(), _frozen=set())
        return container

    @property
    def children(self) -> dict[str, Layer]:
        """The layers inside by name, in the order of the forward pass."""
        return {name: value for name, value in self.__dict__.items() if isinstance(value, Layer)}

    def __setattr__(self, name: str, value: Any) -> None:
        attributes = type(self).children is Container.children  # those of Sequential and Graph are not
        if attributes and isinstance(value, Layer):
            self.refuse_repeats({**self.children, name: value})
        elif isinstance(value, dict | list | tuple if attributes else Layer):
            self._refuse_hidden(name, value)
        super().__setattr__(name, value)

    def forward_child(self, name: str, x: Any) -> Any:
        """children[name].forward(x); an error says which child it was."""
        layer = self._child(name)
        try:
            return layer.forward(x)
        except Exception as error:
            error.add_note(f"in layer {name}, {layer.label}")
            raise

    def backward_child(self, name: str, upstream: Any) -> tuple[Any, Grads]:
        """children[name].backward(upstream), with the gradients under the container's dotted names.

        Raises: TypeError where a child returns something other than (dx, grads), ValueError for wrong keys.
        """
        return self._pull_back(name, self._child(name), upstream)

    def _pull_back(self, name: str, layer: Layer, upstream: Any) -> tuple[Any, Grads]:
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
        held = self.__dict__["params"]  # an optimizer holds this dict; a child's astype must reach it
        named: Grads = {}
        for key, grad in grads.items():
            dotted = f"{name}.{key}"
            if held.get(dotted) is not params[key] and self.trains(dotted):
                dict.__setitem__(held, dotted, params[key])
            if dotted not in self._frozen:
                named[dotted] = grad
        return dx, named

    def _child(self, name: str) -> Layer:
        children = self.children
        try:
            return children[name]
        except (KeyError, TypeError):
            mend = nearest(str(name), children) if children else "it has none"
            raise ValueError(
                f"{self.label}: expected the name of a layer inside, got {name!r}; {mend}"
            ) from None

    def expect_layer(self, place: str, layer: Any, mend: str) -> None:
        """Refuse what is no layer.   Raises: TypeError."""
        if isinstance(layer, type) and issubclass(layer, Layer):
            raise TypeError(
                f"{self.label}: expected a layer at {place}, got the class {layer.__name__}; call it"
            )
        if not isinstance(layer, Layer):
            raise TypeError(f"{self.label}: expected a layer at {place}, got {type(layer).__name__}; {mend}")

    def refuse_repeats(self, children: dict[str, Layer]) -> None:
        """Refuse a layer object that stands in two places, at any depth."""
        places: dict[int, str] = {}
        for place, layer in walk(children):
            if id(layer) in places:
                raise ValueError(
                    f"{type(self).__name__}: expected every layer object in one place, "
                    f"got {layer.label} at {places[id(layer)]} and {place}; build one for each place"
                )
            places[id(layer)] = place

    def _refuse_hidden(self, name: str, value: Any) -> None:
        """Refuse a layer where it would be no child: in a list, or as an attribute where those are none."""
        if isinstance(value, Layer):
            if value in vars(self).get("_children", {}).values():
                return
            raise ValueError(
                f"{type(self).__name__}: expected no layers beside those given to it, got {value.label} "
                f"as the attribute {name!r}, whose parameters nobody would find; give it to "
                "super().__init__(...) first, or subclass Container"
            )
        parts = value.values() if isinstance(value, dict) else value
        layers = [part for part in parts if isinstance(part, Layer)]
        if any(layer not in self.children.values() for layer in layers):
            raise ValueError(
                f"{type(self).__name__}: expected each layer in an attribute of its own, got a "
                f"{type(value).__name__} of them as {name!r}, whose parameters nobody would find; "
                f"write self.{name} = Sequential(layer, layer, ...)"
            )

    def freeze(self, *patterns: str) -> None:
        """Take the parameters whose names match out of training: from `params` to `buffers`.

            model.freeze("0.*", "*.gamma")       # then make the optimizer, which takes what is left

        They are frozen in every container around them, whichever was asked.
        A frozen BatchNorm still uses its batch's statistics until it is put into evaluation mode itself.
        Raises: ValueError for no pattern, or one that matches no parameter.
        """
        for name in matching("freeze", patterns, [*self.params, *self.frozen]):
            holder, child, key = self._holder(name)
            holder._frozen.add(f"{child}.{key}")
        _ = self.params  # an optimizer that holds it finds out

    def unfreeze(self, *patterns: str) -> None:
        """Give frozen parameters whose names match back to training.   Raises: ValueError as `freeze`."""
        for name in matching("unfreeze", patterns, self.frozen):
            holder, child, key = self._holder(name)
            holder._frozen.remove(f"{child}.{key}")

    @property
    def frozen(self) -> list[str]:
        """The dotted names of the parameters that are frozen, at any depth."""
        inside = {name: layer.frozen for name, layer in self.children.items() if isinstance(layer, Container)}
        return sorted([*self._frozen, *(f"{name}.{key}" for name, keys in inside.items() for key in keys)])

    def trains(self, name: str) -> bool:
        """Whether a child's parameter, by its dotted name, is one of the container's."""
        return name not in self._frozen

    def _learns(self, child: str) -> bool:
        """Whether a child has parameters that are not frozen."""
        return any(f"{child}.{key}" not in self._frozen for key in self.children[child].params)

    def _holder(self, name: str) -> tuple[Container, str, str]:
        """Who holds params[name], at any depth: the innermost container, the child's name, its own for it."""
        child, _, key = name.partition(".")
        layer = self.children[child]
        return layer._holder(key) if isinstance(layer, Container) else (self, child, key)

    def _collect(self, kind: str) -> dict[str, Array]:
        """The children's arrays under dotted names."""
        return {
            f"{child}.{name}": array
            for child, layer in self.children.items()
            for name, array in getattr(layer, kind).items()
        }

    def _show(self, kind: str, arrays: dict[str, Array]) -> dict[str, Array]:
        shared: Shared = self.__dict__[kind]  # one dict for life: an optimizer may hold it
        if list(shared) != list(arrays):  # else it stays as it is for those who iterate over it
            shared.clear()
        dict.update(shared, arrays)
        return shared

    @property
    def params(self) -> dict[str, Array]:
        params = self._collect("params")
        return self._show("params", {name: array for name, array in params.items() if self.trains(name)})

    @params.setter
    def params(self, value: dict[str, Array]) -> None:
        self._refuse("params")

    @property
    def buffers(self) -> dict[str, Array]:
        frozen = {name: array for name, array in self._collect("params").items() if name in self._frozen}
        return self._show("buffers", self._collect("buffers") | frozen)

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

    def _share(self) -> None:
        """Let the ties of all graphs inside hold (see Graph.tie)."""
        for layer in self.children.values():
            if isinstance(layer, Container):
                layer._share()

    def astype(self, dtype: Any) -> Self:
        for layer in self.children.values():
            layer.astype(dtype)
        _ = self.params, self.buffers  # whoever holds these dicts finds the new arrays there
        return self

    @property
    def label(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        lines = "".join(f"\n{name}: {layer!r}" for name, layer in self.children.items())
        return f"{type(self).__name__}({indent(lines, '  ')}{lines and chr(10)})"


def walk(children: dict[str, Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers and those inside them, by dotted name."""
    for name, layer in children.items():
        yield prefix + name, layer
        if isinstance(layer, Container):
            yield from walk(layer.children, f"{prefix}{name}.")


def _kinds(returned: Any) -> str:
    if isinstance(returned, tuple):
        return f"({', '.join(type(part).__name__ for part in returned)})"
    return type(returned).__name__
