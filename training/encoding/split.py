"""Which rows train, which choose the best epoch, which judge the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from layers.base import Array

from ..errors import DataError, UsageError

_FEWEST = 10
_STREAM = tuple(b"split")  # the split's own random stream beside those that start from the same seed


@dataclass(frozen=True)
class Split:
    """Row numbers, each list sorted; together all rows, each once."""

    train: Array
    val: Array
    test: Array
    notes: tuple[str, ...] = ()


def split(
    n: int,
    *,
    labels: Array | None = None,
    val: float = 0.15,
    test: float = 0.15,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Split:
    """Divide n rows at random: `val` and `test` are fractions, counts (from 1 on), or 0.

    With labels (n,) each class is divided so: its share of a part is within one row of the wished one; a
    class of one row trains, of two rows one trains and one tests. The sizes may differ a little from that.
    `names` are the classes' names, for notes. The same seed gives the same split.
    Raises: UsageError for sizes that cannot be, DataError for too few rows.
    """
    wish_val, wish_test = _sizes(n, val, test)
    labels = np.zeros(n, np.int64) if labels is None else np.asarray(labels)
    if labels.shape != (n,):
        raise ValueError(f"split: expected labels of shape ({n},), got {labels.shape}; give each row its own")
    classes, label, counts = np.unique(labels, return_inverse=True, return_counts=True)
    of_test, of_val = _shares(counts, n, wish_test, wish_val)

    order = np.random.default_rng([seed, *_STREAM]).permutation(n)
    order = order[np.argsort(label[order], kind="stable")]  # class by class, at random within each
    place = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)  # 0, 1, .. within each class
    tests = place < np.repeat(of_test, counts)
    vals = ~tests & (place < np.repeat(of_test + of_val, counts))
    train, held_val, held_test = (np.sort(order[part]) for part in (~tests & ~vals, vals, tests))
    notes: list[str] = []
    if wish_val + wish_test:
        notes += _note(
            classes[counts == 1], names, "one row only", "it trains, so no score speaks of that class"
        )
    if len(classes) > 1:
        pairs = classes[(counts == 2) & (of_test == 1)]
        notes += _note(pairs, names, "two rows only", "one trains and one tests")
    return Split(train, held_val, held_test, tuple(notes))


def _sizes(n: int, val: float, test: float) -> tuple[int, int]:
    """The wished numbers of rows for val and test."""
    for option, size in (("--val", val), ("--test", test)):
        if not size >= 0 or (size >= 1 and size % 1 != 0):
            raise UsageError(f"{option}: expected a fraction below 1, a whole count, or 0, got {size:g}")
    if val < 1 and test < 1 and val + test >= 1:
        raise UsageError(
            f"--val, --test: expected fractions with a sum below 1, got {val:g} + {test:g}; lower one"
        )
    fewest = _FEWEST if 0 < val < 1 or 0 < test < 1 else 2
    if n < fewest:
        mend = "; --val 0 --test 0 lowers it to 2" if fewest > 2 else ""
        raise DataError(f"the data needs at least {fewest} rows (has {n}){mend}")
    wish_val, wish_test = (
        int(size) if size >= 1 or size == 0 else max(1, round(n * size)) for size in (val, test)
    )
    if wish_val + wish_test >= n:
        raise UsageError(
            f"--val, --test: expected to leave rows for training, got {wish_val} + {wish_test} of {n}"
        )
    return wish_val, wish_test


def _shares(counts: Array, n: int, wish_test: int, wish_val: int) -> tuple[Array, Array]:
    """How many rows of each class go to test and to val: the wished share rounded down, or up for some.

    In whole numbers: count * wish // n rows, with a remainder of count * wish % n. One row of each stays.
    """
    of_test, of_val = counts * wish_test // n, counts * wish_val // n
    if wish_test:
        pair = counts == 2
        of_test[pair], of_val[pair] = 1, 0
    for part, wish in ((of_test, wish_test), (of_val, wish_val)):
        left = counts * wish % n
        left[of_test + of_val + 1 >= counts] = 0
        more = np.argsort(-left, kind="stable")[: max(0, wish - int(part.sum()))]
        part[more[left[more] > 0]] += 1
        if wish and not part.any():
            _take_one(part, counts - of_test - of_val, of_test)
    return of_test, of_val


def _take_one(part: Array, train: Array, of_test: Array) -> None:
    """A part that was wished but came out empty gets a row: of the class that can spare one best."""
    if train.max() > 1:
        part[train.argmax()] += 1
    elif of_test.sum() > 1:
        part[of_test.argmax()] += 1
        of_test[of_test.argmax()] -= 1
    else:
        raise DataError(
            "the classes have too few rows to hold some back; --val 0 --test 0 trains on all of them"
        )


def _note(rare: Array, names: Sequence[str] | None, count: str, what: str) -> list[str]:
    """A note on classes of so few rows, where there are some."""
    if len(rare) == 0:
        return []
    shown = ", ".join(repr(names[label]) if names is not None else str(label) for label in rare[:5].tolist())
    more = f" and {len(rare) - 5} more" if len(rare) > 5 else ""
    return [f"{count} of class {shown}{more}: {what}"]
