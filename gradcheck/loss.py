"""A loss seen as a layer: its input is the prediction, and the target is part of it."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from layers.base import Array

from .anatomy import expect_method, label_of


class LossAsLayer:
    """y = loss.forward(x, target), so that what checks a layer checks a loss."""

    def __init__(self, loss: Any, target: Any) -> None:
        self.loss, self.target = loss, target
        expect_loss(loss)

    def forward(self, x: Array) -> Any:
        value = self.loss.forward(x, self.target)
        # what carries a derivative stays as it is: complex numbers, and arrays of their own kind
        plain = (isinstance(value, np.generic) or type(value) is np.ndarray) and not np.iscomplexobj(value)
        return float(value) if plain and not np.ndim(value) else value

    def backward(self, upstream: Array) -> tuple[Any, dict[str, Array]]:
        if not self.takes_upstream:
            return self.loss.backward(), {}
        return self.loss.backward(upstream if upstream.ndim else float(upstream)), {}

    @property
    def takes_upstream(self) -> bool:
        try:
            inspect.signature(self.loss.backward).bind(1.0)
        except TypeError:
            return False
        return True

    def in_dtype(self, dtype: Any) -> LossAsLayer:
        """The same with a floating target in this dtype."""
        target = self.target
        floating = isinstance(target, np.ndarray) and target.dtype.kind == "f"
        return LossAsLayer(self.loss, target.astype(dtype) if floating else target)

    def __repr__(self) -> str:
        return label_of(self.loss)


def expect_loss(loss: Any) -> None:
    """Refuse what has no forward(prediction, target) and backward.   Raises: TypeError."""
    mend = "write def forward(self, prediction, target)"
    expect_method(loss, "a loss with forward(prediction, target)", "forward", 2, mend)
    if not callable(getattr(loss, "backward", None)):
        expect_method(loss, "a loss with backward(upstream=1.0)", "backward", 1, "define it")
