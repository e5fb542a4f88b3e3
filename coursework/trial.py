"""A layer of the student's at one x: is its forward right, its dx, its parameters' gradients, its manners?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import ModuleType
from typing import Any

import numpy as np

from gradcheck import Report, check_layer
from layers.base import Array

from .findings import broken_promises, said_of, wrong_arrays
from .task import Part
from .values import same, unlike

NOTHING = "forward does nothing yet, so there is no more to judge"

Formula = Callable[[Any, Array], Array]  # y, of the student's layer (for its params and buffers) and x


@dataclass(frozen=True, eq=False)
class Trial:
    """What to build and where to try it, the right y, and the y that known mistakes lead to.

    x is shift + scale * N(0, 1), and no parameter is 0 or 1, where mistakes hide.
    """

    cls: str
    sizes: tuple[float, ...]  # the constructor's first arguments
    shape: tuple[int, ...]  # of x
    right: Formula
    wrong: Mapping[str, Formula] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)  # the constructor's keywords
    scale: float = 1.0
    shift: float = 0.0

    def start(self, module: ModuleType) -> tuple[Any, Array]:
        """A new layer with parameters drawn at random, and x."""
        rng = np.random.default_rng(20)
        layer = class_of(module, self.cls)(*self.sizes, **self.options)
        for array in layer.params.values():
            array[...] = rng.normal(0.3, 0.6, array.shape)
        x: Array = self.shift + self.scale * rng.standard_normal(self.shape)
        return layer, x

    def values(self, module: ModuleType) -> str:
        """Whether y is right, and is again for another x, of another batch size."""
        layer, x = self.start(module)
        model, _ = self.start(module)  # the layer may change, and this one not
        for at, when in ((x, ""), (1.5 * x[:-1], "in a second forward, of a smaller batch: ")):
            hints = {words: partial(wrong, model, at) for words, wrong in self.wrong.items()}
            if told := unlike("y", layer.forward(at.copy()), self.right(model, at), hints):
                return self.said(when + told)
        return ""

    def gradients(self, module: ModuleType, *, parameters: bool) -> str:
        """Whether dx, or the gradients of the parameters, are those of the student's own forward.

        A wrong forward costs its own part alone, as far as one can tell: where it is wrong, the gradients of
        the right one will do as well, and a parameter that it leaves out has none to judge.
        """
        layer, x = self.start(module)
        y, right = layer.forward(x.copy()), self.right(self.start(module)[0], x)
        arrays = [f"d{name}" for name in layer.params] if parameters else ["dx"]
        unused: list[str] = []
        if is_wrong := bool(unlike("y", y, right)):
            if all(self.fits_the_right_forward(module, array) for array in arrays):
                return ""
            unused = [array for array in arrays if self.is_unused(module, array, y)]
            if unused == arrays or (isinstance(y, np.ndarray) and same(y, x)):
                return self.said(NOTHING)
        report = _report(self, module)
        wrong = [array for array in wrong_arrays(report, parameters=parameters) if array not in unused]
        follows = (
            "forward is wrong, which this may follow from: mend that first\n" if wrong and is_wrong else ""
        )
        return self.said(follows + said_of(report, wrong))

    def is_consistent(self, module: ModuleType) -> bool:
        """Whether dx is that of the student's own forward, right or wrong."""
        return not wrong_arrays(_report(self, module), parameters=False)

    def fits_the_right_forward(self, module: ModuleType, array: str) -> bool:
        """Whether a gradient is what it would be if forward were right, along a random direction."""
        layer, x = self.start(module)
        model, at = self.start(module)
        rng = np.random.default_rng(21)
        upstream: Array = np.asarray(rng.standard_normal(self.right(model, at).shape))
        try:
            layer.forward(x)
            gradient, grads = layer.backward(upstream.copy())
            yours = np.asarray(gradient if array == "dx" else grads[array.removeprefix("d")])
        except Exception:  # what a wrong forward leads to
            return False
        moving = at if array == "dx" else model.params[array.removeprefix("d")]
        direction: Array = np.asarray(rng.standard_normal(moving.shape))
        middle, step = moving.copy(), 1e-5
        ends = []
        for t in (-step, step):
            moving[...] = middle + t * direction
            ends.append((upstream * self.right(model, at)).sum())
        slope = np.asarray((ends[1] - ends[0]) / (2 * step))
        return yours.shape == direction.shape and same(np.asarray((yours * direction).sum()), slope)

    def is_unused(self, module: ModuleType, array: str, y: Any) -> bool:
        """Whether the student's y does not depend on x, or on this parameter."""
        if not isinstance(y, np.ndarray):
            return False
        layer, x = self.start(module)
        moving = x if array == "dx" else layer.params[array.removeprefix("d")]
        moving += 0.1 * np.random.default_rng(22).standard_normal(moving.shape)
        return np.array_equal(layer.forward(x), y)

    def promises(self, module: ModuleType) -> str:
        """Whether arguments are left alone, answers repeat, and float32 stays."""
        layer, x = self.start(module)
        if self.is_unused(module, "dx", layer.forward(x)):
            return self.said(NOTHING)
        report = _report(self, module)
        return self.said(broken_promises(report) or self.widened(module, wrong_arrays(report)))

    def widened(self, module: ModuleType, apart: Sequence[str]) -> str:
        """What is float64 where parameters, x and upstream are float32; apart from what is wrong anyway."""
        layer, x = self.start(module)
        y = layer.astype(np.float32).forward(x.astype(np.float32))
        gradient, grads = layer.backward(np.ones_like(y, np.float32))
        arrays = {"y": y, "dx": gradient, **{f"d{name}": grad for name, grad in grads.items()}}
        dtypes = {name: np.asarray(array).dtype for name, array in arrays.items() if name not in apart}
        wide = [f"{name} is {dtype}" for name, dtype in dtypes.items() if dtype != np.float32]
        mend = (
            "give new arrays the dtype of x, and take math.sqrt of a number, as NumPy's numbers are float64"
        )
        return f"in float32, {', '.join(wide)}: {mend}" if wide else ""

    def said(self, text: str) -> str:
        words = ", ".join(f"{name}={value}" for name, value in self.options.items() if name != "rng")
        return f"with {words}: {text}" if text and words else text


def forward(points: float, *trials: Trial) -> Part:
    return Part("forward", points, first(*(trial.values for trial in trials)))


def dx(points: float, *trials: Trial) -> Part:
    return Part("dx", points, first(*(_gradients(trial, parameters=False) for trial in trials)))


def parameters(points: float, *trials: Trial) -> Part:
    return Part("parameters", points, first(*(_gradients(trial, parameters=True) for trial in trials)))


def contract(points: float, *trials: Trial) -> Part:
    return Part("contract", points, first(*(trial.promises for trial in trials)))


def first(*checks: Callable[[ModuleType], str]) -> Callable[[ModuleType], str]:
    """One check of several: what the first that fails has to say."""
    return lambda module: next(filter(None, (check(module) for check in checks)), "")


def by_library(ours: Any, params: Mapping[str, Array], x: Array) -> Array:
    """y of a layer of the library with these parameters."""
    for name, array in ours.params.items():
        array[...] = params[name]
    return np.asarray(ours.forward(x))


def class_of(module: ModuleType, name: str) -> Any:
    """The student's class.   Raises: AttributeError where it has gone."""
    if not isinstance(getattr(module, name, None), type):
        raise AttributeError(f"expected a class {name} in the file, found none; keep its name")
    return getattr(module, name)


def _gradients(trial: Trial, *, parameters: bool) -> Callable[[ModuleType], str]:
    return lambda module: trial.gradients(module, parameters=parameters)


@lru_cache(maxsize=2)  # dx and parameters are two parts, and one check
def _report(trial: Trial, module: ModuleType) -> Report:
    return check_layer(*trial.start(module))
