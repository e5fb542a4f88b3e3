"""A layer at a point, of which only copies ever run."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from layers.base import Array

from .anatomy import buffers_of, expect_layer, label_of, params_of
from .arrays import parts_of
from .copies import Ties

__all__ = ["GlobalState", "Subject", "global_state", "set_global_state"]
__all__ += ["buffers_of", "label_of", "params_of"]

GlobalState = tuple[Any, ...]


class Subject:
    """What is checked: a layer, its input x, and the state that every forward starts from.

    The layer is a deep copy whose floating params and buffers have become `dtype`, wherever it holds them;
    x likewise; None leaves both as they are. It is never run itself: every forward starts from its state,
    with a fresh copy of x. `arrays` holds what has a gradient, by the gradient's name ("dx", "dx[1]", "dW"):
    to change one is to move the point. `state` is that of the global random generators, as it is now if None.
    """

    by_hand = False  # whether copies of the layer need its params put into them
    _bench: Any = None  # a copy for many forwards that leave nothing behind

    def __init__(
        self,
        layer: Any,
        inputs: list[Array],
        several: bool,
        dtype: Any = np.float64,
        state: GlobalState | None = None,
    ) -> None:
        self.label = label_of(layer)
        expect_layer(layer)
        self.several = several
        inputs = [x.astype(dtype or x.dtype if x.dtype.kind == "f" else x.dtype) for x in inputs]
        self._settle(self._copy(layer, dtype), inputs)
        self.tally = [0]  # forwards so far, shared with the points moved to
        self.carriers: dict[str, Any] = {}  # what carries derivatives through forward, shared likewise
        self.memoryless = False  # whether an earlier forward is known to change nothing in a later one
        self.globals = state or global_state()  # a layer may draw from there, unwisely
        self.draws_globally = False

    @property
    def input_names(self) -> list[str]:
        return [f"x[{i}]" for i in range(len(self.inputs))] if self.several else ["x"]

    @property
    def x(self) -> Any:
        """A fresh copy of the input, as forward takes it."""
        return tuple(x.copy() for x in self.inputs) if self.several else self.inputs[0].copy()

    def start(self, instead: dict[int, Any] | None = None) -> Any:
        """A fresh copy of the layer, with the global random states as they were when the check began.

        `instead` has what stands in the copy for an array, by its id.
        """
        self.replay()
        return self._twin(self.layer, {**self.ties.memo(), **(instead or {})})

    def replay(self) -> None:
        """Put the global random states back, where the layer draws from there."""
        if self.draws_globally:
            set_global_state(self.globals)

    def forward(self, layer: Any, x: Any) -> Any:
        """layer.forward(x); an error says who called."""
        self.tally[0] += 1
        try:
            y = layer.forward(x)
        except Exception as error:
            self._note(error, "forward", "x", x)
            raise
        if self.tally[0] == 1:  # restoring costs more than a small layer's forward: only where it matters
            self.draws_globally = global_state() != self.globals
        return y

    def output(self) -> Any:
        """y at this point: from a fresh copy, or from one for many forwards if those leave nothing behind."""
        if not self.memoryless or self.draws_globally:
            return self.forward(self.start(), self.x)
        if self._bench is None:  # it shares the params, to be where the point is
            shared = {id(array): array for array in self.params.values()}
            self._bench = self._twin(self.layer, {**self.ties.kept(), **shared})
        return self.forward(self._bench, self.x)

    def backward(self, layer: Any, upstream: Any) -> Any:
        """layer.backward(upstream); an error says who called."""
        try:
            return layer.backward(upstream)
        except Exception as error:
            self._note(error, "backward", "upstream", upstream)
            raise

    def moved(self, move: Callable[[Array], Array]) -> Subject:
        """The same layer at another point: every array that has a gradient becomes move(array)."""
        other = copy.copy(self)
        other._settle(self._twin(self.layer, self.ties.memo()), [x.copy() for x in self.inputs])
        for array in other.arrays.values():
            array[...] = move(array)
        return other

    def with_inputs(self, inputs: list[Array]) -> Subject:
        """The same layer for other inputs."""
        other = copy.copy(self)
        other._settle(self.layer, [x.copy() for x in inputs])
        return other

    def after_forward(self, x: Any) -> Subject:
        """The same point, with a layer that has seen a forward(x) before."""
        other = copy.copy(self)
        layer, other.memoryless = self.start(), False
        other.forward(layer, x)
        other._settle(layer, self.inputs)
        return other

    def expect_apart(self, own: Any, layer: Any) -> None:
        """Refuse a copy that shares params with the original.   Raises: TypeError."""
        theirs = params_of(layer)
        for name, array in params_of(own).items():
            if name in theirs and np.may_share_memory(array, theirs[name]):
                raise TypeError(
                    f"{self.label}: expected a layer that copy.deepcopy can copy, got a copy with the same "
                    f"array {name}; copy params in __deepcopy__, or leave it out"
                )

    def _settle(self, layer: Any, inputs: list[Array]) -> None:
        """Stand at this point."""
        self.layer, self.inputs, self.params = layer, inputs, params_of(layer)
        self.ties = Ties(layer, [*self.params.values(), *buffers_of(layer)])
        self._bench = None
        named = zip(self.input_names, inputs, strict=True)
        self.arrays = {f"d{name}": x for name, x in named if x.dtype.kind == "f"}
        for name, array in self.params.items():
            if name in self.input_names:
                raise TypeError(
                    f"{self.label}: expected params with names of their own, got {name!r}, whose gradient is "
                    f"called d{name} as that of the input is; choose another name"
                )
            self.arrays[f"d{name}"] = array

    def _copy(self, layer: Any, dtype: Any) -> Any:
        held = [*params_of(layer).values(), *buffers_of(layer)]
        # deepcopy takes what the memo holds for copies it has made: every reference finds the new array
        floats = [array for array in held if array.dtype.kind == "f"]
        memo = {id(array): array.astype(dtype or array.dtype) for array in floats}
        memo |= Ties(layer, held).memo(dtype)
        try:
            own = copy.deepcopy(layer, memo)
        except Exception as error:
            text = (
                f"{self.label}: expected a layer that copy.deepcopy can copy, got {type(error).__name__}: "
                f"{' '.join(str(error).split())}{_culprit(layer, memo)}; open files, locks and iterators "
                "belong outside the layer"
            )
            refused = TypeError(text)
            refused.add_note(f"gradcheck: in a deep copy of {self.label}, which keeps the original untouched")
            raise refused from error
        if own is layer or not isinstance(own, type(layer)):
            got = "itself" if own is layer else type(own).__name__
            raise TypeError(
                f"{self.label}: expected a layer that copy.deepcopy can copy, got {got} for a copy; "
                "return a new layer from __deepcopy__, or leave it out"
            )
        mine = params_of(own)
        self.by_hand = any(
            name not in mine or not np.may_share_memory(mine[name], memo[id(array)])
            for name, array in params_of(layer).items()
            if array.size and id(array) in memo
        )
        if self.by_hand:
            own = self._twin(layer, memo)
        for name in ("params", "buffers"):  # of the class, they would be the user's own
            theirs = getattr(layer, name, None)
            if theirs and getattr(own, name) is theirs:
                setattr(own, name, copy.deepcopy(theirs, memo))
        self.expect_apart(own, layer)
        return own

    def _twin(self, layer: Any, memo: dict[int, Any]) -> Any:
        """A deep copy in which, as memo says, other arrays stand for params.

        A layer with a __deepcopy__ or __reduce__ of its own need not follow the memo: its params are put into
        the copy `by_hand`, as far as it lets anybody.
        """
        own = copy.deepcopy(layer, memo)
        if not self.by_hand:
            return own
        for name, array in params_of(layer).items():
            wanted, mine = memo.get(id(array), array.copy()), params_of(own)
            if name in mine and np.may_share_memory(mine[name], wanted):
                continue
            if type(getattr(own, "__dict__", {}).get("params")) is dict:
                own.params[name] = wanted
            else:  # raises for complex numbers, which such a layer cannot take
                np.copyto(mine[name], wanted, casting="same_kind")
        return own

    def _note(self, error: Exception, method: str, what: str, given: Any) -> None:
        shapes = ", ".join(f"{np.shape(part)} {np.asarray(part).dtype}" for part in parts_of(given))
        error.add_note(f"gradcheck: in {self.label}.{method} with {what} of shape {shapes}")


def _culprit(layer: Any, memo: dict[int, Any]) -> str:
    """The attribute that cannot be copied, for a message."""
    for name, value in getattr(layer, "__dict__", {}).items():
        try:
            copy.deepcopy(value, dict(memo))
        except Exception:  # this is the one
            return f" (its attribute {name!r})"
    return ""


def global_state() -> GlobalState:
    """The states of Python's and NumPy's global random generators, comparable."""
    state = np.random.get_state(legacy=False)  # noqa: NPY002  # to put it back, not to draw
    return random.getstate(), pickle.dumps(state)


def set_global_state(state: GlobalState) -> None:
    random.setstate(state[0])
    np.random.set_state(pickle.loads(state[1]))  # noqa: NPY002
