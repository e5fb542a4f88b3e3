"""What a layer hands back: the right names and kinds, and dtypes that stay."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from .answers import Gradients, read_gradients
from .arrays import combine, differ
from .report import Finding
from .subject import Subject, params_of


def own_dtype(layer: Any, inputs: list[Array]) -> Any:
    """The dtype of params, or of x where there are none, if that is one and narrower than float64."""
    dtypes = {array.dtype for array in params_of(layer).values()} or {
        x.dtype for x in inputs if x.dtype.kind == "f"
    }
    own = next(iter(dtypes)).newbyteorder("=") if len(dtypes) == 1 else np.dtype(np.float64)
    return None if own == np.float64 else own


def check_dtype(subject: Subject, upstream: Any, own: Any) -> list[Finding]:
    """A layer whose params and x are float32 puts out float32, and so are its gradients."""
    if any(array.dtype.newbyteorder("=") != own for array in subject.params.values()):
        return []  # a layer that copies itself, and not as it is
    layer = subject.start()
    upstream = combine(lambda u: u.astype(own), upstream)
    try:
        y = subject.forward(layer, subject.x)
        gradients, _, _ = read_gradients(subject, subject.backward(layer, upstream))
    except Exception as error:
        message = f"params and x are {own}, and there the layer raises {type(error).__name__}: {error}"
        return [Finding("dtype", "", f"{message}; in float64 it does not")]
    outputs = {f"y[{i}]": part for i, part in enumerate(y)} if isinstance(y, tuple) else {"y": y}
    wrong = {
        name: array.dtype
        for name, array in {**outputs, **gradients}.items()
        if isinstance(array, np.ndarray | np.generic) and array.dtype != own
    }
    if not wrong:
        return []
    first = next((name for name in wrong if name not in outputs), "")
    found = ", ".join(f"{name} is {dtype}" for name, dtype in wrong.items())
    message = (
        f"params and x are {own}, but {found}; a NumPy float64 scalar promotes, a Python number does not: "
        "use math.sqrt(2) for np.sqrt(2), and give new arrays the dtype of x"
    )
    return [Finding("dtype", first, message)]


def check_default(subject: Subject, gradients: Gradients) -> list[Finding]:
    """A loss's backward() is backward(1.0), as dL/dL = 1."""
    bridge = subject.start()
    subject.forward(bridge, subject.x)
    if "dx" not in gradients or not differ(bridge.loss.backward(), gradients["dx"]):
        return []
    return [
        Finding("scale", "dx", "backward() and backward(1.0) differ: the default upstream is 1, as dL/dL = 1")
    ]
