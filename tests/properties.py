"""hypothesis, or what stands for it where it is not installed: its tests are skipped then, the others run."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import pytest

try:
    from hypothesis import example, given, settings
    from hypothesis import strategies as st
except ModuleNotFoundError:
    WHY = "hypothesis is not installed (extra: test)"

    class Absent:
        """Any strategy, made in any way."""

        def __getattr__(self, name: str) -> Any:
            return self

        def __call__(self, *args: Any, **options: Any) -> Any:
            return self

        def __or__(self, other: Any) -> Any:
            return self

    def given(*args: Any, **options: Any) -> Any:
        """What makes a test, or a function that a test calls, skip."""

        def decorate(test: Callable[..., None]) -> Any:
            @wraps(test)
            def skip(*args: Any, **options: Any) -> None:
                pytest.skip(WHY)

            return pytest.mark.skip(reason=WHY)(skip)  # before it looks for fixtures of the arguments' names

        return decorate

    def plain(*args: Any, **options: Any) -> Any:
        return lambda test: test

    st, example, settings = Absent(), plain, plain

__all__ = ["example", "given", "settings", "st"]
