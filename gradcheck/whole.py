"""A network and its loss seen as one layer."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from .anatomy import label_of, params_of
from .loss import LossAsLayer


class Whole:
    """y = loss(model(x), target)"""

    def __init__(self, model: Any, loss: Any, target: Any) -> None:
        self.model, self.top = model, LossAsLayer(loss, target)

    @property
    def params(self) -> dict[str, Array]:
        return params_of(self.model)

    @property
    def input_grad(self) -> bool:
        return bool(getattr(self.model, "input_grad", True))

    def forward(self, x: Any) -> Any:
        return self.top.forward(self.model.forward(x))

    def backward(self, upstream: Any) -> tuple[Any, Any]:
        dy, _ = self.top.backward(np.asarray(upstream))
        dx, grads = self.model.backward(dy)
        return dx, grads

    def __repr__(self) -> str:
        return f"{label_of(self.model)} with {label_of(self.top.loss)}"


class Together:
    """(x, t) -> layer.forward(x) with all its params moved by (t - 1) v, v a random direction; t is 1.

    The slope by t tells of all params at once: it is the sum of (gradient * v) over them. A container of
    many layers so has few gradients to compare, which show whether it hands on the right upstreams.
    """

    def __init__(self, layer: Any, several: bool, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.layer, self.several = layer, several
        self.base = {name: array.copy() for name, array in params_of(layer).items()}
        self.v = {name: np.asarray(rng.standard_normal(array.shape)) for name, array in self.base.items()}

    @property
    def input_grad(self) -> bool:
        return bool(getattr(self.layer, "input_grad", True))

    def forward(self, inputs: Any) -> Any:
        *x, t = inputs
        for name, array in params_of(self.layer).items():
            # refuses a complex t, which a float array would keep the real part of
            np.copyto(array, self.base[name] + (t - 1) * self.v[name], casting="same_kind")
        return self.layer.forward(tuple(x) if self.several else x[0])

    def backward(self, upstream: Any) -> tuple[Any, dict[str, Array]]:
        dx, grads = self.layer.backward(upstream)
        slope = sum((grads[name] * v).sum() for name, v in self.v.items())
        return (*(dx if self.several and dx is not None else (dx,)), np.asarray(slope, dtype=float)), {}

    def __repr__(self) -> str:
        return label_of(self.layer)
