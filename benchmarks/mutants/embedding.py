"""Embeddings as students write them, each with one mistake in its backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from layers import Embedding
from layers.base import Array, Layer

from .case import Mutant
from .student import Pull, collector, draw

MUTANTS: list[Mutant] = []
wrong = collector(MUTANTS)

IDS = np.array([[3, 1, 3, 0], [5, 3, 1, 2]])  # 3 three times, 1 twice, 4 never
FLAT = np.array([2, 0, 2, 4, 1, 2])


class Table(Layer):
    """y = W[ids]."""

    def __init__(self, num: int = 6, dim: int = 3) -> None:
        self.params = {"W": draw(1, num, dim)}

    def forward(self, ids: Array) -> Array:
        self.cache = ids
        return self.params["W"][ids]

    def added(self, ids: Array, upstream: Array) -> Array:
        dW = np.zeros_like(self.params["W"])
        np.add.at(dW, ids, upstream)
        return dW


@wrong("embedding: dW[ids] += upstream", IDS, "repeated-index-not-added", "dW")
class PlusEquals(Table):
    def backward(self, upstream: Array) -> Pull:
        dW = np.zeros_like(self.params["W"])
        dW[self.cache] += upstream
        return None, {"W": dW}


@wrong("embedding: loop over ids with =", FLAT, "repeated-index-not-added", "dW")
class Assigned(Table):
    def backward(self, upstream: Array) -> Pull:
        dW = np.zeros_like(self.params["W"])
        for i, row in zip(self.cache, upstream, strict=True):
            dW[i] = row
        return None, {"W": dW}


@wrong("embedding: averaged over the uses of an id", IDS, "repeated-index-not-added extra-factor", "dW")
class Averaged(Table):
    def backward(self, upstream: Array) -> Pull:
        count = np.bincount(self.cache.ravel(), minlength=6)
        return None, {"W": self.added(self.cache, upstream) / np.maximum(count, 1)[:, None]}


@wrong("embedding: only the first step of each sequence", IDS, "only-some", "dW")
class FirstStep(Table):
    def backward(self, upstream: Array) -> Pull:
        return None, {"W": self.added(self.cache[:, 0], upstream[:, 0])}


@wrong("embedding: id 0 taken for padding", IDS, "only-some missing-path", "dW")
class PaddingZero(Table):
    def backward(self, upstream: Array) -> Pull:
        dW = self.added(self.cache, upstream)
        dW[0] = 0
        return None, {"W": dW}


@wrong("embedding: ids counted from one", FLAT, "shifted", "dW")
class FromOne(Table):
    def backward(self, upstream: Array) -> Pull:
        return None, {"W": self.added(self.cache - 1, upstream)}


@wrong("embedding: divided by the batch", IDS, "scale", "dW")
class BatchMean(Table):
    def backward(self, upstream: Array) -> Pull:
        return None, {"W": self.added(self.cache, upstream / len(upstream))}


@wrong("embedding: only the rows that were used", FLAT, "shape", "dW")
class RowsUsed(Table):
    def backward(self, upstream: Array) -> Pull:
        used = np.unique(self.cache)
        return None, {"W": self.added(self.cache, upstream)[used]}


@wrong("embedding: dW kept between calls", IDS, "repeat-backward", "dW")
class Kept(Table):
    def backward(self, upstream: Array) -> Pull:
        if not hasattr(self, "dW"):
            self.dW = np.zeros_like(self.params["W"])
        np.add.at(self.dW, self.cache, upstream)
        return None, {"W": self.dW.copy()}


@wrong("embedding: multiplied by the row itself", FLAT, "extra-factor", "dW")
class TimesRow(Table):
    def backward(self, upstream: Array) -> Pull:
        return None, {"W": self.added(self.cache, upstream * self.params["W"][self.cache])}


@wrong("scaled embedding: sqrt(dim) forgotten", IDS, "scale", "dW")
class Scaled(Table):
    def forward(self, ids: Array) -> Any:
        return super().forward(ids) * np.sqrt(3)

    def backward(self, upstream: Array) -> Pull:
        return None, {"W": self.added(self.cache, upstream)}


@wrong("bag of words: 1/T forgotten", IDS, "scale", "dW")
class Bag(Table):
    def forward(self, ids: Array) -> Any:
        return super().forward(ids).mean(axis=1)

    def backward(self, upstream: Array) -> Pull:
        ids = self.cache
        return None, {"W": self.added(ids, upstream[:, None].repeat(ids.shape[1], axis=1))}


@wrong("bag of words: a word twice in a bag counted once", IDS, "repeated-index-not-added", "dW")
class BagOnce(Table):
    def forward(self, ids: Array) -> Any:
        return super().forward(ids).sum(axis=1)

    def backward(self, upstream: Array) -> Pull:
        dW = np.zeros_like(self.params["W"])
        for ids, u in zip(self.cache, upstream, strict=True):
            dW[ids] += u
        return None, {"W": dW}


@wrong("embedding by one-hot: dW transposed", np.array([1, 3, 1, 0, 2]), "transposed", "dW", num=4, dim=4)
class OneHot(Table):
    def forward(self, ids: Array) -> Any:
        self.cache = np.eye(len(self.params["W"]))[ids]
        return self.cache @ self.params["W"]

    def backward(self, upstream: Array) -> Pull:
        return None, {"W": upstream.T @ self.cache}


@wrong("Embedding: sign flipped", IDS, "sign", "dW", 6, 3, rng=2)
class Descent(Embedding):
    def backward(self, upstream: Array) -> Pull:
        dx, grads = super().backward(upstream)
        return dx, {"W": -grads["W"]}


@wrong("Embedding: dW does not look at upstream", IDS, "no-upstream", "dW", 6, 3, rng=3)
class Counts(Embedding):
    def backward(self, upstream: Array) -> Pull:
        return super().backward(np.ones_like(upstream))
