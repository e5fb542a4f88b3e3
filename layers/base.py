"""The contract that every layer keeps."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from types import EllipsisType
from typing import Any, Self

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Grads = dict[str, Array]

_ARRAYS = (np.ndarray, np.generic)
_NUMBERS = "biufc"  # kinds of dtype


class _Cache:
    """What stands for `cache` until the first forward assigns it; no property, which takes time later too."""

    def __get__(self, layer: Layer | None, owner: type[Layer]) -> Any:
        if layer is None:
            return self
        raise RuntimeError(f"{layer.label}: backward called before forward; call forward(x) first")


class Layer:
    """One function in a network, and the chain rule through it.

        y = layer.forward(x)                    # caches what backward needs
        dx, grads = layer.backward(upstream)    # the VJP at the cached point; upstream is dL/dy, of y's shape

    x is one array, or a tuple of them for a layer with several inputs; dx has the same structure and shapes.
    grads has the names and shapes of `params`, {} where there are none. `buffers` are saved but not trained.
    Neither call writes to what it was given, and nothing accumulates between calls.
    backward speaks of the latest forward, so one layer object serves one place in a network.
    `input_grad = False` lets a layer return None for a dx that nobody needs.

    Raises, in every layer: ValueError for an x or upstream of another shape, TypeError for what is no array
    of numbers, RuntimeError for backward before forward. Its own docstring names what it refuses besides.
    """

    params: dict[str, Array]  # trainable, changed only in place
    buffers: dict[str, Array]  # running statistics and the like
    training: bool
    input_grad: bool
    cache: Any = _Cache()  # what forward left for backward; before it, a RuntimeError

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Start empty and in training mode: here, so that a subclass may forget super().__init__()."""
        layer = super().__new__(cls)
        layer.__dict__.update(params={}, buffers={}, training=True, input_grad=True)
        return layer

    def __init__(self) -> None:
        """A layer without options takes no arguments."""

    def forward(self, x: Any) -> Any:
        raise NotImplementedError(f"{self.label}: expected a forward(self, x) of its own; define one")

    def backward(self, upstream: Any) -> tuple[Any, Grads]:
        raise NotImplementedError(f"{self.label}: expected a backward(self, upstream) of its own; define one")

    def train(self) -> Self:
        """Training mode: Dropout drops, BatchNorm uses the batch's statistics."""
        self.training = True
        return self

    def eval(self) -> Self:
        """Evaluation mode: the layer is a fixed function of x."""
        self.training = False
        return self

    def astype(self, dtype: Any) -> Self:
        """Convert params and buffers to a floating dtype; the dicts stay, the arrays are new."""
        if np.dtype(dtype).kind != "f":
            raise ValueError(
                f"{self.label}: expected a floating dtype, got {np.dtype(dtype)}; try np.float64"
            )
        for arrays in (self.params, self.buffers):
            arrays.update({name: array.astype(dtype) for name, array in arrays.items()})
        return self

    def state(self) -> dict[str, Array]:
        """Copies of all params and buffers by name: everything a trained layer is."""
        return {name: array.copy() for name, array in {**self.params, **self.buffers}.items()}

    def load_state(self, state: Mapping[str, Array]) -> None:
        """Copy a state() into the params and buffers, which keep their dtype.

        Raises: ValueError that lists missing, extra, mis-shaped and mis-typed names; TypeError for what is no
        dict. Nothing is copied then.
        """
        if not isinstance(state, Mapping):
            raise TypeError(
                f"{self.label}: expected state to be a dict, got {type(state).__name__}; "
                "pass what state() returned"
            )
        own = {**self.params, **self.buffers}
        given = {name: np.asarray(array) for name, array in state.items()}
        both = {name: (array, given[name]) for name, array in own.items() if name in given}
        problems = {
            "missing": [name for name in own if name not in given],
            "extra": [name for name in given if name not in own],
            "mis-shaped": [
                f"{name} (expected {array.shape}, got {new.shape})"
                for name, (array, new) in both.items()
                if array.shape != new.shape
            ],
            "mis-typed": [
                f"{name} (expected {array.dtype}, got {new.dtype})"
                for name, (array, new) in both.items()
                if not np.can_cast(new.dtype, array.dtype, "same_kind")
            ],
        }
        if any(problems.values()):
            found = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in problems.items() if names)
            raise ValueError(f"{self.label}: expected a state of the same names and shapes, got {found}")
        for name, array in own.items():
            array[...] = given[name]

    def summary(self, x_shape: Any) -> None:
        """Print a line for each layer: output shape, parameters, cached megabytes (see summary.py)."""
        from .summary import summary  # here, as it knows containers, which know this file

        print(summary(self, x_shape))

    def draw(self, x: Any = None, target: Any = None, path: Any = None, *, loss: Any = None) -> None:
        """Draw the layer as a circuit, from left to right, into a .svg file, or .png or .pdf (matplotlib).

            model.draw("net.png")               # what it is made of; of a graph, its values and adjoints too
            model.draw(x, target, "net.png")    # one forward and one backward: values, adjoints, norms of dW

        The passes run in a copy, in the layer's mode: the layer stays as it was. A loss is any object with
        forward and backward; without one it is ½ Σ (y - target)² for a floating target of y's shape, and the
        mean of the softmax cross-entropy for integer labels of shape y.shape[:-1].

        Raises: ValueError for another file type, and for a target that asks for neither loss.
        """
        from .drawing.draw import draw  # here, as it knows containers, which know this file

        draw(self, x, target, path, loss)

    def draw_flow(self, x: Any, target: Any, path: Any, *, loss: Any = None) -> None:
        """Draw how large values, adjoints and parameters' gradients are, layer by layer (see `draw`)."""
        from .drawing.flow import draw_flow, flow

        draw_flow({"": flow(self, x, target, loss=loss)}, path)

    def to_dot(self, x: Any = None, target: Any = None, *, loss: Any = None) -> str:
        """What `draw` draws as text for Graphviz; with x and target, after one forward and one backward."""
        from .drawing.draw import to_dot

        return to_dot(self, x, target, loss)

    def _repr_html_(self) -> str:
        """How a notebook shows the layer: a table of what it is made of; of a graph, its picture."""
        from .drawing.notebook import html_of

        return html_of(self)

    def expect(self, what: str, array: Any, *shape: int | str | EllipsisType) -> None:
        """Refuse an array of another shape. In `shape` a word stands for any size, ... for any axes.

        Raises: ValueError for another shape, TypeError for what is no array.
        """
        if isinstance(array, _ARRAYS) and array.dtype.kind in _NUMBERS and _fits(array.shape, shape):
            return
        if not isinstance(array, _ARRAYS):
            raise TypeError(
                f"{self.label}: expected {what} to be a NumPy array, got {type(array).__name__}; "
                "convert it with np.asarray"
            )
        if array.dtype.kind not in _NUMBERS:
            raise TypeError(
                f"{self.label}: expected {what} to hold numbers, got {array.dtype}; "
                "convert it with .astype(float)"
            )
        others = array.ndim > len(shape) - 1  # some for ... to stand for
        sizes = ["..." if size is ... else str(size) for size in shape if others or size is not ...]
        raise ValueError(
            f"{self.label}: expected {what} of shape ({', '.join(sizes)}{',' * (len(sizes) == 1)}), "
            f"got {array.shape}"
        )

    def expect_tuple(self, what: str, value: Any, length: int | None = None) -> None:
        """Refuse what is not a tuple, or one of another length.   Raises: TypeError, ValueError."""
        if not isinstance(value, tuple):
            raise TypeError(
                f"{self.label}: expected {what} to be a tuple of arrays, got {type(value).__name__}; "
                "pass (a, b, ...)"
            )
        if not value or (length is not None and len(value) != length):
            wanted = "at least 1" if length is None else length
            raise ValueError(f"{self.label}: expected {what} to be a tuple of {wanted}, got {len(value)}")

    def grads(self, **grads: Array) -> Grads:
        """The gradients by name, each in its parameter's dtype (a complex one is left as it is)."""
        for name, grad in grads.items():
            dtype = self.params[name].dtype
            if grad.dtype != dtype and grad.dtype.kind != "c":
                grads[name] = grad.astype(dtype)
        return grads

    @property
    def label(self) -> str:
        """How errors name the layer, on one line."""
        return repr(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


@lru_cache(maxsize=4096)  # a training loop asks the same few questions at every step
def _fits(got: tuple[int, ...], shape: tuple[int | str | EllipsisType, ...]) -> bool:
    """Whether sizes are those of `shape`, where a word stands for any size and ... for any axes."""
    place = shape.index(...) if ... in shape else len(shape)  # the axes before and after any others
    before, after = shape[:place], shape[place + 1 :]
    others = len(got) - len(before) - len(after)
    return (others == 0 or (others > 0 and ... in shape)) and all(
        isinstance(size, str) or size == n
        for size, n in zip(before + after, got[:place] + got[place + others :], strict=True)
    )
