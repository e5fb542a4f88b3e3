"""The dict that a container shows its children's arrays in."""

from __future__ import annotations

from typing import Any

from .base import Array


class Shared(dict[str, Array]):
    """A container's view of its children's arrays: changed in place, never replaced."""

    def __setitem__(self, name: str, array: Array) -> None:
        if self.get(name) is not array:  # params[name] -= step assigns the very array it found
            raise ValueError(
                f"params[{name!r}]: expected a change in place, got another array, which no layer would see; "
                f"write params[{name!r}][...] = value"
            )

    def update(self, *args: Any, **arrays: Array) -> None:
        for name, array in dict(*args, **arrays).items():
            self[name] = array

    def __reduce__(self) -> tuple[type[Shared], tuple[dict[str, Array]]]:
        return type(self), (dict(self),)
