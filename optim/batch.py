"""What one call of an elementwise update changes: small parameters joined, a large one in pieces.

A small parameter costs calls rather than arithmetic, so several go in one; of a large one, pieces that fit
the processor's cache go one after the other. The numbers are the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Slots = dict[str, Array]
# room for all parameters and for all gradients, and the views of each one's part in both
Joined = tuple[Array, Array, list[tuple[str, Array, Array]]]

SMALL = 8192  # entries; below, parameters are joined
PIECE = 262144  # entries; above, a parameter is cut


class Batch:
    """Parameters of one group that are updated together, and their slots: one long array a slot.

    A single one is cut if it is long and the rule elementwise; a scalar comes to update as one entry, (1,).
    """

    def __init__(self, names: Sequence[str], sizes: Sequence[int], slots: Slots, elementwise: bool) -> None:
        self.names, self.slots, self.elementwise = names, slots, elementwise
        self._joined: Joined | None = None
        ends = np.cumsum(sizes).tolist()
        self.cuts = [slice(end - size, end) for size, end in zip(sizes, ends, strict=True)]

    def pieces(
        self, params: Mapping[str, Array], grads: Mapping[str, Array]
    ) -> Iterator[tuple[Array, Array, Slots]]:
        """(p, g, slots) for one call of update after the other; what it does to a p reaches the parameter."""
        first = params[self.names[0]]
        self._follow(first)
        if len(self.names) > 1:
            p, g, parts = self._joined or self._join(params)
            if p.dtype != first.dtype:
                p, g, parts = self._join(params)
            for name, own_p, own_g in parts:
                own_p[...] = params[name]
                own_g[...] = grads[name]
            yield p, g, self.slots
            for name, own_p, _ in parts:
                params[name][...] = own_p
            return
        p = np.atleast_1d(first)  # a view; NumPy computes scalars, not arrays, from 0-d arrays
        g = np.atleast_1d(grads[self.names[0]].astype(p.dtype, copy=False))
        if not self.elementwise or p.size <= PIECE or not p.flags.c_contiguous:
            yield p, g, {slot: array.reshape(p.shape) for slot, array in self.slots.items()}
            return
        p, g = p.reshape(-1), g.reshape(-1)
        for start in range(0, p.size, PIECE):
            cut = slice(start, start + PIECE)
            yield p[cut], g[cut], {slot: array[cut] for slot, array in self.slots.items()}

    def views(self, params: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
        """Each slot of each parameter under "slot.name", shaped like the parameter."""
        self._follow(params[self.names[0]])
        for name, cut in zip(self.names, self.cuts, strict=True):
            for slot, array in self.slots.items():
                yield f"{slot}.{name}", array[cut].reshape(params[name].shape)

    def _join(self, params: Mapping[str, Array]) -> Joined:
        p = np.concatenate([params[name] for name in self.names], axis=None)
        g = np.empty_like(p)
        shapes = [params[name].shape for name in self.names]
        views = [(p[cut].reshape(s), g[cut].reshape(s)) for cut, s in zip(self.cuts, shapes, strict=True)]
        parts = [(name, *pair) for name, pair in zip(self.names, views, strict=True)]
        self._joined = joined = p, g, parts
        return joined

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_joined": None}  # the parts of a copy would be views no longer

    def _follow(self, p: Array) -> None:
        """Slots have the parameters' dtype, also after layer.astype."""
        for slot, array in self.slots.items():
            if array.dtype != p.dtype:
                self.slots[slot] = array.astype(p.dtype)


def batches(names: Sequence[str], params: Mapping[str, Array], elementwise: bool) -> list[list[str]]:
    """The names of a group, dealt into batches: small ones of one dtype together, each other one alone."""
    together: dict[Any, list[str]] = {}
    alone = []
    for name in names:
        p = params[name]
        if elementwise and p.size <= SMALL:
            together.setdefault(p.dtype, []).append(name)
        else:
            alone.append([name])
    return [*together.values(), *alone]
