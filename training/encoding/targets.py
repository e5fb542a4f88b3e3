"""The target as a loss takes it, and back into the user's words and units; kept with the model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from layers.base import Array

from ..errors import DataError
from ..reading.cells import meant_as_number, read_numbers, why_no_number
from ..stored import of_type
from ..text import quoted
from .columns import in_order
from .scaling import mean_std, standardise
from .task import is_one_hot

Target = list[str] | Array
Place = Callable[[int], str]  # row -> where its target stands, for messages

_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")


def _row(row: int) -> str:
    return f"target, row {row + 1}"


@dataclass
class ClassTargets:
    """Labels as 0 .. C-1, in the order of `classes`.

    A label is text without blanks around it, and never passes through a float: long ids stay distinct.
    Where all are whole numbers, 1.0 is "1".
    """

    classes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)  # class -> rows, in the order of `classes`
    whole: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, target: Target, place: Place = _row) -> Self:
        """The classes among all rows.   Raises: DataError for one class, and for nearly as many as rows."""
        labels = _labels(target, place)
        whole = all(map(_WHOLE.fullmatch, set(labels)))
        tally = Counter(_names(labels, whole))
        classes, n = in_order(tally), len(labels)
        if len(classes) < 2:
            one = f"one value ({quoted(classes[0])})" if classes else "no rows"
            raise DataError(f"target has {one}; nothing to learn")
        if len(classes) > 2 and (len(classes) == n or (len(classes) > 10 and 2 * len(classes) > n)):
            raise DataError(
                f"target: expected classes of several rows each, got {n} rows, {len(classes)} classes; "
                "did you mean --task regression, or another --target?"
            )
        counts = {name: tally[name] for name in classes}
        return cls(classes, counts, whole, (*_near_duplicates(classes), *_imbalance(counts)))

    @property
    def output_size(self) -> int:
        return len(self.classes)

    def names(self, target: Target, place: Place = _row) -> list[str]:
        """The labels as the classes are named, known or not."""
        return _names(_labels(target, place), self.whole)

    def encode(self, target: Target, place: Place = _row) -> Array:
        """Shapes: (n,) integers, -1 for a label that is none of the classes."""
        index = {name: i for i, name in enumerate(self.classes)}
        names = self.names(target, place)
        return np.fromiter((index.get(name, -1) for name in names), np.int64, len(names))

    def unknown(self, target: Target) -> dict[str, int]:
        """How often each label occurs that is none of the classes."""
        return dict(Counter(name for name in self.names(target) if name not in self.counts))

    def decode(self, labels: Array) -> list[str]:
        """The names of the classes.   Raises: ValueError for an index out of range."""
        if labels.size and not (labels.min() >= 0 and labels.max() < len(self.classes)):
            raise ValueError(
                f"ClassTargets: expected labels in 0..{len(self.classes) - 1}, "
                f"got {labels.min()}..{labels.max()}; pass the argmax of the scores"
            )
        return [self.classes[i] for i in labels.tolist()]

    def to_dict(self) -> dict[str, Any]:
        d = {"kind": "classes", "classes": list(self.classes), "counts": list(self.counts.values())}
        return {**d, "whole": self.whole, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Self:
        classes, notes = (of_type(list[str], d[name], name) for name in ("classes", "notes"))
        counts = dict(zip(classes, of_type(list[int], d["counts"], "counts"), strict=True))
        return cls(tuple(classes), counts, of_type(bool, d["whole"], "whole"), tuple(notes))


@dataclass
class NumberTargets:
    """(y - mean) / std with the training rows' mean and std, worked out in float64: 1e30 trains as 1 does.

    Shapes: mean, std (k,).
    """

    names: tuple[str, ...] = ()
    mean: Array = field(default_factory=lambda: np.zeros(0))
    std: Array = field(default_factory=lambda: np.zeros(0))
    notes: tuple[str, ...] = ()

    @classmethod
    def fit(cls, target: Target, rows: Array, place: Place = _row, name: str = "target") -> Self:
        """Several numbers a row are named "target 1", "target 2" and so on.

        Raises: DataError for words, nan or inf anywhere, and where the training rows have one value only.
        """
        values = _values(target, place)
        k = values.shape[1]
        names = (name,) if k == 1 else tuple(f"{name} {i + 1}" for i in range(k))
        mean, std = mean_std(values[rows])
        if not std.all():
            i = int(np.argmin(std))
            raise DataError(
                f"{names[i]} has one value ({values[rows[0], i]:g}) in the training rows; nothing to learn"
            )
        return cls(names, mean, std)

    @property
    def output_size(self) -> int:
        return len(self.names)

    def encode(self, target: Target, place: Place = _row) -> Array:
        """Shapes: (n, k) float32.   Raises: DataError as values does, and beyond the range of float32."""
        encoded = standardise(self.values(target, place), self.mean, self.std)
        far = ~np.isfinite(encoded).all(axis=1)
        if far.any():
            raise DataError(
                f"{place(int(far.argmax()))}: too far from the training rows for float32; check it"
            )
        return encoded

    def values(self, target: Target, place: Place = _row) -> Array:
        """Shapes: (n, k) float64, in the units of the target.   Raises: DataError for another k."""
        values = _values(target, place)
        if values.shape[1] != len(self.names):
            raise DataError(
                f"target: expected {len(self.names)} numbers a row as in training, got {values.shape[1]}"
            )
        return values

    def decode(self, encoded: Array) -> Array:
        """Shapes: encoded (n, k), the result (n, k) float64 in the units of the target."""
        values: Array = encoded.astype(np.float64) * self.std + self.mean
        return values

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "numbers",
            "names": list(self.names),
            "mean": self.mean.tolist(),
            "std": self.std.tolist(),
        }

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Self:
        names = of_type(list[str], d["names"], "names")
        mean, std = (np.array(of_type(list[float], d[name], name), np.float64) for name in ("mean", "std"))
        if not len(names) == len(mean) == len(std):
            raise TypeError(f"targets: expected a mean and a deviation each, got {len(mean)}, {len(std)}")
        return cls(tuple(names), mean, std)


def targets_from_dict(d: Mapping[str, Any]) -> ClassTargets | NumberTargets:
    """The targets that to_dict described."""
    return ClassTargets.from_dict(d) if d["kind"] == "classes" else NumberTargets.from_dict(d)


def _labels(target: Target, place: Place = _row) -> list[str]:
    """Each label as text without blanks around it; of an array, exactly as NumPy prints it."""
    if isinstance(target, list):
        return [label.strip() for label in target]
    labels: Array = target.argmax(axis=1) if is_one_hot(target) else target.ravel()
    if len(labels) != len(target):
        raise DataError(f"target: expected one label a row, got shape {target.shape}; try --task regression")
    if labels.dtype.kind == "f":
        finite = np.isfinite(labels)
        if not finite.all():
            row = int(finite.argmin())
            raise DataError(f"{place(row)}: {labels[row]} is no class; fix it")
        if not np.all((labels == np.floor(labels)) & (np.abs(labels) < 2**63)):
            return [str(label) for label in labels]
    if labels.dtype.kind in "fb":
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    return _each(lambda label: str(label).strip(), labels.tolist())


def _names(labels: list[str], whole: bool) -> list[str]:
    """Where all classes are whole numbers, 1.0 and +1 are 1."""
    if not whole:
        return labels

    def plain(label: str) -> str:
        match = _WHOLE.fullmatch(label)
        return match[1].removeprefix("+") if match else label

    return _each(plain, labels)


def _each(name: Callable[[Any], str], labels: list[Any]) -> list[str]:
    """The name of every label, worked out once for each that differs."""
    names = {label: name(label) for label in set(labels)}
    return [names[label] for label in labels]


def _values(target: Target, place: Place) -> Array:
    """The target as (n, k) float64."""
    if isinstance(target, list):
        values = read_numbers(target).values[:, None]
    elif target.dtype.kind in "US":
        return _values(_labels(target), place)
    else:
        values = target.astype(np.float64).reshape(len(target), -1)
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        row = int(finite.argmin())
        cell = target[row] if isinstance(target, list) else str(target[row])
        word = np.isnan(values[row]).any() and not meant_as_number(cell)
        mend = "fix it, or --task classification" if word else "fix it"
        raise DataError(f"{place(row)}: {why_no_number(cell)}; {mend}")
    return values


def _near_duplicates(classes: tuple[str, ...]) -> list[str]:
    alike: dict[str, list[str]] = {}
    for name in classes:
        alike.setdefault(name.casefold(), []).append(name)
    return [
        f"labels {' and '.join(map(quoted, names))} differ only by case; they are taken as different classes"
        for names in alike.values()
        if len(names) > 1
    ]


def _imbalance(counts: Mapping[str, int]) -> list[str]:
    name, most = max(counts.items(), key=lambda item: item[1])
    share = most / sum(counts.values())
    if share < 0.9:
        return []
    return [
        f"always answering {quoted(name)} is right for {share:.1%} of the rows; try --class-weight balanced"
    ]
