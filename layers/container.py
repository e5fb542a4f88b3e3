"""The contract for layers made of layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from fnmatch import fnmatchcase
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
    `freeze` turns parameters into buffers: still used and saved, no longer trained.

    Raises: ValueError for one layer object in two places, whose one cache would be overwritten.
    """

    frozen: set[str]  # dotted names of parameters that are not trained

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        container = super().__new__(cls)
        container.__dict__.update(params=Shared(), buffers=Shared(), frozen=set())
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
        held = {f"{name}.{key}": params[key] for key in grads if self.trains(f"{name}.{key}")}
        self.__dict__["params"].update(held)  # an optimizer holds this dict; a child's astype must reach it
        named = ((f"{name}.{key}", grad) for key, grad in grads.items())
        return dx, {key: grad for key, grad in named if key not in self.frozen}

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
        for place, layer in _walk(children):
            if id(layer) in places:
                raise ValueError(
                    f"{type(self).__name__}: expected every layer object in one place, "
                    f"got {layer.label} at {places[id(layer)]} and {place}; build one for each place"
                )
            places[id(layer)] = place

    def freeze(self, *patterns: str) -> None:
        """Take the parameters whose names match out of training: from `params` to `buffers`.

            model.freeze("0.*", "*.gamma")       # then make the optimizer, which takes what is left

        A frozen BatchNorm still uses its batch's statistics until it is put into evaluation mode itself.
        Raises: ValueError for a pattern that matches no parameter.
        """
        self.frozen |= self._matching(patterns, list(self.params))
        _ = self.params  # an optimizer that holds it finds out

    def unfreeze(self, *patterns: str) -> None:
        """Give frozen parameters whose names match back to training.   Raises: ValueError as `freeze`."""
        self.frozen -= self._matching(patterns, sorted(self.frozen))

    def trains(self, name: str) -> bool:
        """Whether a child's parameter, by its dotted name, is one of the container's."""
        return name not in self.frozen

    @staticmethod
    def _matching(patterns: tuple[str, ...], names: list[str]) -> set[str]:
        matches = {pattern: {name for name in names if fnmatchcase(name, pattern)} for pattern in patterns}
        for pattern, matched in matches.items():
            if not matched:
                raise ValueError(
                    f"freeze: expected a pattern that matches parameters, got {pattern!r}; "
                    + (nearest(pattern, names) if names else "there are none left")
                )
        return set().union(*matches.values())

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
        shared.update(arrays)
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
        frozen = {name: array for name, array in self._collect("params").items() if name in self.frozen}
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


def _walk(children: dict[str, Layer], prefix: str = "") -> Iterator[tuple[str, Layer]]:
    for name, layer in children.items():
        yield prefix + name, layer
        if isinstance(layer, Container):
            yield from _walk(layer.children, f"{prefix}{name}.")


def nearest(name: str, names: Iterable[str]) -> str:
    """A mend for a name that is none of `names`."""

    def likeness(other: str) -> tuple[float, float]:
        return _ratio(name.lower(), other.lower()), _ratio(name, other)

    return f"did you mean {max(names, key=likeness)!r}?"


def _ratio(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()


def _kinds(returned: Any) -> str:
    if isinstance(returned, tuple):
        return f"({', '.join(type(part).__name__ for part in returned)})"
    return type(returned).__name__
