"""The tasks of the assignment, in the order of the handout."""

from __future__ import annotations

from . import dense, images, loss, noise, norms, rule, sequences
from .task import Task

TASKS: tuple[Task, ...] = (
    *dense.TASKS,
    *loss.TASKS,
    *noise.TASKS,
    *norms.TASKS,
    *images.TASKS,
    *sequences.TASKS,
    *rule.TASKS,
)
