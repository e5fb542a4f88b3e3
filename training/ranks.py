"""A training's passes shared among the processes that mpirun started: each takes a part of every batch."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from typing import Any, Self, TypeVar

import numpy as np

from layers import BatchNorm, Container, Layer, Sequential
from layers.base import Array, Grads
from losses import Loss
from losses.class_targets import ClassLoss

from .distributed import part
from .flat import OVERLAP, Flat
from .inside import inside
from .noise import noisy
from .passes import Alone, Pair, Score, predict, scored
from .signals import Signals

T = TypeVar("T")

FEWEST = 2  # rows of a batch that are worth sharing, for each rank: BatchNorm needs two


class Ranks(Alone):
    """The passes of `fit` on all ranks: the loss and the gradient are those of the whole batch, on each.

    Rank r takes the r-th part of every batch, and weighs its mean by what its examples count (loss.weight).
    Gradients, losses, weights and running statistics are summed by one Allreduce a step. Rows of a batch that
    has fewer than two for each rank are done by every rank alike.

    BatchNorm's statistics are those of each rank's rows, and its running ones their mean; with
    `sync_batchnorm` they are those of the whole batch. Dropout draws what one process would, row by row.

    Within `with`, the model computes shares of batches.
    """

    def __init__(
        self,
        comm: Any,
        model: Layer,
        signals: Signals | None = None,
        *,
        sync_batchnorm: bool = False,
        bucket: int = OVERLAP,
    ) -> None:
        super().__init__(signals)
        self.comm, self.model = comm, model
        self.averaged = following(model)
        self.flat = Flat(comm, model.params, self.averaged, numbers=3, bucket=bucket)
        self.early = self.flat.buffer.nbytes >= bucket and isinstance(model, Sequential)
        self._shared = True  # whether the batch under way is shared
        self._asked = False  # whether some rank was asked to end, as of the latest exchange

        noise = noisy(model)
        self.noise = [one for _, _, one in noise]
        # layer, attribute, its value within `with`
        self._changes: list[tuple[Layer, str, Any]] = list(noise)
        for layer in inside(model):
            if isinstance(layer, BatchNorm) and sync_batchnorm:
                self._changes.append((layer, "total", self.total))
        if self.early:
            self._changes.append((model, "ready", self.flat.put_ready))

    def __enter__(self) -> Self:
        self._before = [getattr(layer, name) for layer, name, _ in self._changes]
        for layer, name, value in self._changes:
            setattr(layer, name, value)
        return self

    def __exit__(self, *_: object) -> None:
        for (layer, name, _), value in zip(self._changes, self._before, strict=True):
            setattr(layer, name, value)

    def gradient(self, model: Layer, loss: Loss, data: Pair, rows: Array) -> tuple[float, Grads]:
        """As alone, of the rows of all ranks; what is not finite here is so in the sums, and told by all.

        Raises: FloatingPointError for a loss that is not finite.
        """
        n, own = len(rows), self._take(len(rows))
        x, target = data[0][rows[own]], data[1][rows[own]]
        outputs = model.forward(x)
        value, weight, upstream = 0.0, 0.0, np.zeros_like(outputs)
        if not np.isfinite(outputs).all():
            value, weight, upstream = math.nan, 1.0, np.full_like(outputs, np.nan)
        elif _counts(loss, target):
            value = loss.forward(outputs, target)
            weight = loss.weight
            upstream = loss.backward(weight / n)
        _, grads = model.backward(upstream)
        if not self.early:
            self.flat.put(grads)
        portion = len(target) / n if self._shared else 1 / self.comm.size
        for name, array in self.averaged.items():
            np.multiply(array, portion, out=self.flat.arrays[name])
        total, sum_of_all, asked = self.flat.total(weight, weight * value, self.signals.asked is not None)
        self._asked = asked > 0
        if not math.isfinite(sum_of_all):
            raise FloatingPointError(f"loss became {'nan' if math.isnan(sum_of_all) else 'inf'}")
        if total != n:
            self.flat.of_grads *= n / total
        for name, array in self.averaged.items():
            array[...] = self.flat.arrays[name]
        return sum_of_all / total, {name: self.flat.arrays[name] for name in grads}

    def evaluate(
        self, model: Layer, loss: Loss, data: Pair, score: Score | None = None
    ) -> dict[str, float | None]:
        """As alone: each rank predicts its part of the rows, the first one scores all, and all hear of it."""
        x, target = data
        size, rank = self.comm.size, self.comm.rank
        outputs = np.ascontiguousarray(predict(model, x[part(len(x), rank, size)]))
        width = math.prod(outputs.shape[1:])
        counts = [len(range(len(x))[part(len(x), one, size)]) * width for one in range(size)]
        gathered = np.empty((len(x) if rank == 0 else 0, *outputs.shape[1:]), outputs.dtype)
        self.comm.Gatherv(outputs, (gathered, counts) if rank == 0 else None)
        self._asked = any(self.comm.allgather(self.signals.asked is not None))
        return self._first(lambda: scored(loss, gathered, target, score))

    def asked(self) -> signal.Signals | None:
        """The signal that some rank got before its latest batch or evaluation; every rank must ask."""
        if not self._asked:
            return None
        return signal.Signals(max(self.comm.allgather(int(self.signals.asked or 0))))

    def total(self, array: Array) -> Array:
        """An array summed over the ranks that share the batch under way, in place."""
        if self._shared:
            from mpi4py import MPI

            self.comm.Allreduce(MPI.IN_PLACE, array)
        return array

    def _take(self, n: int) -> slice:
        """This rank's part of a batch, which noise is drawn for."""
        self._shared = n >= FEWEST * self.comm.size
        own = part(n, self.comm.rank, self.comm.size) if self._shared else slice(0, n)
        for noise in self.noise:
            noise.start, noise.stop, noise.of = own.start, own.stop, n
        return own

    def _first(self, call: Callable[[], T]) -> T:
        """What the first rank computes; all raise what it raises.   Raises: FloatingPointError."""
        told: tuple[T | None, str] | None = None
        if self.comm.rank == 0:
            try:
                told = call(), ""
            except FloatingPointError as error:
                told = None, str(error)
        value: T
        value, refused = self.comm.bcast(told)
        if refused:
            raise FloatingPointError(refused)
        return value


def following(model: Layer) -> dict[str, Array]:
    """The buffers that follow the batches, as running statistics do; frozen parameters stay as they are."""
    frozen = model.frozen if isinstance(model, Container) else []
    return {
        name: array for name, array in model.buffers.items() if name not in frozen and array.dtype.kind == "f"
    }


def _counts(loss: Loss, target: Array) -> bool:
    """Whether any label of a share counts: with an ignore_index or weights of 0 perhaps none does."""
    if not isinstance(loss, ClassLoss) or target.dtype.kind == "f":
        return True
    kept = target if loss.ignore_index is None else target[target != loss.ignore_index]
    return bool(len(kept) if loss.class_weights is None else loss.class_weights[kept].any())
