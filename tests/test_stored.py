"""JSON values are made sure of by the types of what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from training.stored import made_of, of_type


@dataclass(frozen=True)
class Point:
    x: float
    name: str | None
    tags: list[str]
    more: Mapping[str, int]
    kind: str = "point"


GOOD: dict[str, Any] = {"x": 1, "name": None, "tags": ["a"], "more": {"n": 2}}


def test_values_that_fit_become_the_dataclass() -> None:
    assert made_of(Point, GOOD, kind="dot") == Point(1, None, ["a"], {"n": 2}, "dot")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x": True}, "x: expected float, got bool"),
        ({"x": float("nan")}, "x: expected float, got float"),
        ({"x": "1"}, "x: expected float, got str"),
        ({"name": 3}, r"name: expected str \| None, got int"),
        ({"tags": "a"}, r"tags: expected list\[str\], got str"),
        ({"tags": [1]}, r"tags: expected list\[str\], got list"),
        ({"more": []}, r"more: expected .*Mapping\[str, int\], got list"),
        ({"more": {"n": 0.5}}, r"more: expected .*Mapping\[str, int\], got dict"),
        ({"y": 1}, "point: expected its fields, got others or not all: y"),
    ],
)
def test_a_value_of_another_type_is_named(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        made_of(Point, GOOD | changes, kind="dot")


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(TypeError, match="point: expected its fields, got others or not all: x"):
        made_of(Point, {name: value for name, value in GOOD.items() if name != "x"}, kind="dot")
    with pytest.raises(TypeError, match=r"point: expected .*Mapping.*, got list"):
        made_of(Point, [])


def test_true_is_no_number_and_anything_is_any() -> None:
    assert of_type(Any, [None], "it") == [None]
    assert of_type(int | None, 3, "it") == 3
    with pytest.raises(TypeError, match="it: expected int, got bool"):
        of_type(int, True, "it")
