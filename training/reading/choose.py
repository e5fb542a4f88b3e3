"""Which column is the target and which are features; and no target without a value."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from shlex import quote

from ..errors import DataError, UsageError
from ..text import did_you_mean, listing, quoted

TARGETS = ("target", "label", "class", "y")
LIKELY = " :/~^#"  # separators beside those that are found out


def choose_columns(
    names: Sequence[str], target: str | None, drop: Collection[str], need_target: bool, who: str
) -> tuple[list[str], str, str]:
    """The features' names, the target's ("" where there is none and none is needed), and how it was chosen.

    Raises: DataError for names that are not there, and where no features are left; UsageError for a target
    that is dropped.
    """
    for name in drop:
        if name not in names:
            raise absent(name, "--drop", names, who)
    kept = [name for name in names if name not in drop]
    column, how = choose_target(kept if target is None else names, target, need_target, who)
    if column in drop:
        raise UsageError(f"--drop: {quoted(column)} is the --target too; choose one of the two")
    features = [name for name in kept if name != column]
    if not features:
        left = f"only the target {quoted(column)}" if column else "all are dropped"
        sep = next((quote(letter) for letter in column if letter in LIKELY), "")
        mend = f"name the separator, as in --sep {sep}" if sep else "add columns, or name another --sep"
        raise DataError(f"{who}: no feature columns left, {left}; {mend}")
    return features, column, how


def choose_target(names: Sequence[str], target: str | None, need_target: bool, who: str) -> tuple[str, str]:
    """The column that was asked for by name or number from 1; else the one called so, else the last."""
    if target is not None:
        if target in names:
            return target, "--target"
        if not need_target:
            return "", ""
        if target.isascii() and target.isdecimal() and 1 <= int(target[:9]) <= len(names):
            return names[int(target[:9]) - 1], "--target"
        raise absent(target, "--target", names, who)
    called = [name for name in names if name.lower() in TARGETS]
    if len(called) > 1:
        raise DataError(
            f"{who}: {' and '.join(map(quoted, called))} may each be the target; choose one with --target"
        )
    if called:
        return called[0], "by its name"
    return (names[-1], "the last column") if need_target and names else ("", "")


def absent(name: str, option: str, names: Sequence[str], who: str) -> DataError:
    guess = did_you_mean(name, names) or "; check the name"
    return DataError(f"{who}: has no column {quoted(name)} for {option}{guess} (columns: {listing(names)})")


def known(
    cells: list[str],
    places: Sequence[int],
    unit: str,
    says: str,
    need_target: bool,
    missing: Collection[str],
) -> tuple[list[str] | None, tuple[str, ...]]:
    """The target's cells where all have a value; else None and a note, or, where it is needed, an error.

    Raises: DataError with the count and the first three places.
    """
    gone = [str(place) for cell, place in zip(cells, places, strict=True) if not cell or cell in missing]
    if not gone:
        return cells, ()
    rows = f"{len(gone)} row{'s' * (len(gone) > 1)}"
    first = ", ".join(gone[:3]) + ", ..." * (len(gone) > 3)
    text = f"{says}: the target is missing in {rows} ({unit}{'s' * (len(gone) > 1)} {first})"
    if need_target:
        raise DataError(f"{text}; fill it in, or delete these rows")
    return None, (f"{text}; not used",)
