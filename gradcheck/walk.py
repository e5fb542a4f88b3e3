"""All promises on one walk: where nothing on the way is amiss, none needs to be looked at by itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers.base import Array

from .aliasing import answers_of, sharing
from .answers import Gradients, read_gradients
from .arrays import combine, differ, fresh, parts_of, same
from .linear import check_linear
from .purity import another, keeps_copies, longer, times
from .round import GIVEN, Round, Watched


class Walk:
    """A round, and what follows on the same copy of the layer: more upstreams, other x, the same x again.

    It sees that a promise is broken, and not which: what one call leaves behind shows in all that follow.
    So it must notice whatever the checks of the single promises (purity.py, linear.py, aliasing.py) find.
    """

    def __init__(self, at: Watched, outputs: list[Array], upstream: Any, other: Any) -> None:
        """`at` has gone forward and backward for `upstream`; `outputs` are copies of what forward gave."""
        self.at, self.subject, self.outputs = at, at.subject, outputs
        self.upstream, self.other = upstream, other
        self.at_other: Gradients = {}  # the gradients for the other upstream
        self.seen: list[Array] = []  # other inputs that the layer takes
        self.bitwise = False  # whether those leave x's y as it was to the last bit

    def is_clean(self, gradients: Gradients) -> bool:
        """Whether all is as promised; `gradients` are those of `at`."""
        try:
            return (
                not self.at.written
                and not sharing(self.at)
                and not keeps_copies(self.subject)
                and self._starts_anew()
                and self._repeats(gradients)
                and not check_linear(
                    self.subject, self.outputs, self.upstream, self.other, gradients, self._answer
                )
                and self._forgets(gradients)
            )
        except Exception:  # the checks one by one tell of what
            return False

    def _starts_anew(self) -> bool:
        """A copy that has seen a longer and another x, and now x in read-only memory, for the other upstream.

        Random generators are put back before x, so that it draws the same numbers, and the others do not.
        """
        flipped = another(self.subject.inputs)
        scaled = [0.75 * x if x.dtype.kind == "f" else x for x in flipped]
        locked = Round(self.subject, self.other)
        if not self._takes(locked, longer(self.subject.inputs)):
            locked = Round(self.subject, self.other)
        for self.seen in (scaled, flipped):
            if self._takes(locked, self.seen):
                break
            locked = Round(self.subject, self.other)
        else:
            return False
        locked.rewind()
        error, _ = locked.run_locked(GIVEN)
        if error is not None or not self._gives(locked.y):
            return False
        self.bitwise = all(map(same, parts_of(locked.y), self.outputs))
        self.at_other = self._answer(self.other)
        return _agree(self.at_other, read_gradients(self.subject, locked.returned)[0])

    def _repeats(self, gradients: Gradients) -> bool:
        size = sum(part.size for part in parts_of(self.upstream))
        return all(_agree(self._answer(self.upstream), gradients) for _ in range(times(size)))

    def _forgets(self, gradients: Gradients) -> bool:
        """Other calls change no earlier answer, and neither do they change what x gives."""
        subject = self.subject
        handed = [array for arrays in answers_of(self.at).values() for array in arrays]
        copies = [array.copy() for array in handed]
        self._takes(self.at, self.seen, combine(lambda u: -0.75 * np.flip(u), self.upstream))
        if not all(map(same, handed, copies)):
            return False
        for _ in range(max(1, times(sum(y.size for y in self.outputs)) - 1)):  # one was on read-only arrays
            self.at.rewind()
            y = subject.forward(self.at.layer, subject.x)
            if not self._gives(y):
                return False
        subject.memoryless = self.bitwise and not self.at.generators and not subject.by_hand
        return _agree(self._answer(self.upstream), gradients)

    def _takes(self, at: Round, inputs: list[Array], upstream: Any = None) -> bool:
        """Let a round's layer see other inputs, with other random numbers: whether it can."""
        at.stir()
        try:
            y = at.subject.forward(at.layer, tuple(inputs) if at.subject.several else inputs[0])
            if upstream is not None:
                at.subject.backward(at.layer, upstream)
            return all(np.isfinite(part).all() for part in parts_of(y))
        except Exception:
            return False

    def _answer(self, upstream: Any) -> Gradients:
        """Another backward after the latest forward, unless that was asked for before."""
        if upstream is self.other and self.at_other:
            return self.at_other
        return read_gradients(self.subject, self.subject.backward(self.at.layer, fresh(upstream)))[0]

    def _gives(self, y: Any) -> bool:
        """Whether this is the y of the start."""
        parts = parts_of(y)
        return len(parts) == len(self.outputs) and not any(map(differ, parts, self.outputs))


def _agree(answer: Gradients, wanted: Gradients) -> bool:
    return answer.keys() == wanted.keys() and not any(differ(answer[key], wanted[key]) for key in wanted)
