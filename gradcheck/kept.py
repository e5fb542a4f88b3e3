"""What a network keeps: its parameters as they are and all of them listed, and its dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from .anatomy import params_of
from .arrays import same
from .in_place import InPlace
from .ledger import dotted
from .report import Finding


class Kept(InPlace):
    """The part of the search that looks at what no single layer answers for."""

    inputs: list[Array]

    def check_params_stay(self) -> None:
        """Nothing in the network, its containers included, trains it on the way."""
        before = params_of(self.model)
        for name, array in params_of(self.run.layers[""]).items():
            if name not in before or not same(array, before[name]):
                message = f"{self.place('')}: it writes to {name} on its way; leave that to the optimizer"
                self.findings.append(Finding("mutates-params", name, message))
                return

    def check_listed(self) -> None:
        """A parameter that the network does not list is trained by nobody."""
        arrays = [*params_of(self.model).values(), *getattr(self.model, "buffers", {}).values()]
        listed = {id(array) for array in arrays}
        for name, layer in self.layers.items():
            if not self.run.forwards(name) or self.run.inside[name]:
                continue
            for key, array in params_of(layer).items():
                if id(array) not in listed:
                    message = (
                        f"{self.place(name)}: its {key} is not among the network's params, so that no "
                        "optimizer trains it; a Container lists what its attributes hold"
                    )
                    self.findings.append(Finding("missing", dotted(name, f"d{key}"), message))

    def check_dtype(self) -> None:
        """In the network's own dtype nobody promotes to another."""
        dtypes = {array.dtype for array in params_of(self.user[0]).values()}
        if len(dtypes) != 1 or dtypes == {np.dtype(np.float64)}:
            return
        (own,) = dtypes
        inputs = [x.astype(own) if x.dtype.kind == "f" else x for x in self.inputs]
        try:
            run = self.record(self.user[0], inputs=inputs, dtype=own)
        except Exception:  # a target that is nothing in this dtype, say
            return
        if floats(run.prediction) == {own} and floats(run.upstream) != {own}:
            message = f"{self.place(self.top_name)}: the prediction is {own}, what backward returns is not"
            self.findings.append(Finding("dtype", self.top_name, message))
        for call in sorted(run.calls, key=lambda call: -self.depth(call.name)):
            heard = floats(call.given) | ({own} if params_of(run.layers[call.name]) else set())
            if call.error is None and heard == {own} and not floats(call.returned) <= {own}:
                (other,) = sorted(map(str, floats(call.returned) - {own}))[:1]
                message = (
                    f"{self.place(call.name)}: params and what {call.method} takes are {own}, what it "
                    f"returns is {other}; a NumPy float64 scalar promotes, a Python number does not"
                )
                self.findings.append(Finding("dtype", call.name, message))
                return


def floats(value: Any) -> set[Any]:
    """The floating dtypes in a value, at any depth."""
    if isinstance(value, tuple | list):
        return set().union(*map(floats, value))
    if isinstance(value, dict):
        return floats(list(value.values()))
    return {value.dtype} if isinstance(value, np.ndarray | np.generic) and value.dtype.kind == "f" else set()
