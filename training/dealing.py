"""What the first rank gives the others to train with it: the plan, the rows, and where everything stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from layers.base import Array

from .broadcast import broadcast
from .checkpoint import Checkpoint
from .encoding.arrays import ArrayInputs
from .keeper import stand_of, take_up
from .loop import History
from .network import users_builder
from .options import Options
from .parts import Inputs, Part
from .plan import Plan, make_plan
from .prepare import Prepared
from .reading.mapped import Mapped, mapped

DEALT = ("train", "val")  # the rest is the first rank's own


@dataclass(frozen=True)
class Rows:
    """Rows of a file that are read and scaled when they are asked for; elsewhere they are an array."""

    features: Mapped
    inputs: ArrayInputs
    numbers: Array  # in the file, from 0
    dtype: str

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, rows: Any) -> Array:
        x = self.inputs.transform(self.features[self.numbers[rows]])
        return x.astype(self.dtype, copy=False)


@dataclass(frozen=True)
class Deal:
    """A training that begins, or goes on."""

    options: Options
    planned: int
    prepared: Prepared  # with the parts of DEALT alone
    stand: Checkpoint


def deal(comm: Any, options: Options, prepared: Prepared, plan: Plan, history: History) -> None:
    """Call the other ranks into a training; the first one calls this."""
    parts = {
        name: dealt(part, prepared.inputs, options.dtype)
        for name, part in prepared.parts.items()
        if name in DEALT
    }
    less = replace(prepared, data=prepared.data.take([]), parts=parts, notes=[])
    meta, named = stand_of(plan, history)
    arrays = {f"{part}/{name}": array for part, some in named.items() for name, array in some.items()}
    broadcast(comm, Deal(options, plan.planned, less, Checkpoint(arrays, meta)))


def dealt(part: Part, inputs: Inputs, dtype: str) -> Part:
    """A part with no more than training needs: rows whose class is known, read where they are needed."""
    known, features = part.known, mapped(part.data)
    x: Any
    if features is not None and isinstance(inputs, ArrayInputs):
        x = Rows(features, inputs, np.array([part.data.number(row) - 1 for row in known]), dtype)
    else:
        x = part.x[known]
    return Part(cast(Array, x), part.target[known], part.truth[:0], part.data.take([]), part.rows[:0])


def take_part(given: Deal) -> tuple[Options, Prepared, Plan, History]:
    """What the first rank has, here.   Raises: as make_plan does, and a user's own network."""
    options = given.options
    build = users_builder(options.model) if options.model else None
    plan = make_plan(options, given.prepared, build, planned=given.planned)
    return options, given.prepared, plan, take_up(given.stand, plan)
