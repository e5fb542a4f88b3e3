"""Names of parameters and layers: those that match a pattern, and what a name that is none may have meant."""

from __future__ import annotations

from collections.abc import Collection
from difflib import SequenceMatcher
from fnmatch import fnmatchcase


def matching(who: str, patterns: tuple[str, ...], names: Collection[str]) -> set[str]:
    """The names that match any of the patterns.   Raises: ValueError, TypeError."""
    if not patterns:
        raise ValueError(f'{who}: expected a pattern of parameter names, got none; write {who}("*") for all')
    found: set[str] = set()
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(
                f"{who}: expected a pattern of parameter names, got {type(pattern).__name__}; "
                f'write {who}("0.*", "*.b")'
            )
        matched = {name for name in names if fnmatchcase(name, pattern)}
        if not matched:
            mend = nearest(pattern, names) if names else "there are none left"
            raise ValueError(f"{who}: expected a pattern that matches parameters, got {pattern!r}; {mend}")
        found |= matched
    return found


def nearest(name: str, names: Collection[str]) -> str:
    """A mend for a name that is none of `names`."""

    def likeness(other: str) -> tuple[float, float]:
        return _ratio(name.lower(), other.lower()), _ratio(name, other)

    return f"did you mean {max(names, key=likeness)!r}?"


def _ratio(a: str, b: str) -> float:
    return SequenceMatcher(None, a, b).ratio()
