"""Columns that a network gets nothing of, and columns that tell it too much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from input_tables import decimals, fit, rows_of, table

from training.encoding.inputs import TableInputs, leaks
from training.errors import DataError, UsageError
from training.reading.table import Table

# ---- columns that are not used -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        [f"2020-01-{i:02}" for i in range(1, 29)],
        [f"{i}/1/2020" for i in range(1, 29)],
        [f"{i}.1.20 12:{i:02}" for i in range(1, 29)],
        [f"2020-01-{i:02}T12:00:00.5Z" for i in range(1, 29)],
        [f"12:{i:02}:00 PM" for i in range(1, 29)],
        [f"{i} January 2020" for i in range(1, 29)],
        [f"Jan {i}, 2020" for i in range(1, 29)],
        ["2020-01", "2020-02"] * 14,
    ],
)
def test_dates_and_times_are_not_used(cells: list[str]) -> None:
    inputs = fit(a=range(28), when=cells)
    assert inputs.dropped == {"when": "dates or times"}
    assert "--categorical when to use it" in inputs.notes[0]


@pytest.mark.parametrize(
    ("name", "cells", "is_id"),
    [
        ("id", range(100, 120), True),
        ("customer_id", [7, 3, 9, *range(20, 37)], True),
        ("PassengerId", [7, 3, 9, *range(20, 37)], True),
        ("userid", range(20), True),
        ("paid", [7, 3, 9, *range(20, 37)], False),
        ("id", [1, 1, *range(18)], False),
        ("id", [i / 2 for i in range(20)], False),
        ("", range(20), True),
        ("Unnamed: 0", range(20), True),
        ("index", range(1, 21), True),
        ("index", range(20, 40), False),
        ("year", range(20), False),
        ("account", [2**53 + 2 * i for i in range(20)], True),
        ("account", [10**19 + i % 3 for i in range(20)], True),
        ("mass", [f"1e{i + 20}" for i in range(20)], False),
    ],
)
def test_ids_and_row_numbers_are_not_used(name: str, cells: Sequence[object], is_id: bool) -> None:
    inputs = fit(**{"a": [i % 5 for i in range(20)], name: cells})
    assert inputs.dropped == ({name: "looks like an id"} if is_id else {})
    assert len(inputs.notes) == is_id


def test_an_id_is_used_when_the_user_says_so() -> None:
    t = table(id=range(20))
    assert TableInputs.fit(t, rows_of(t), numeric=["id"]).names == ("id",)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([0.1] * 30, "constant (0.1)"),
        ([1e9 + 0.1] * 30, "constant (1000000000)"),
        (["0.3", "0.30000000000000004"] * 15, "constant (0.3)"),
        (["5", "", "5.0"] * 10, "constant (5)"),
        (["a"] * 30, "constant ('a')"),
        (["", "NA"] * 15, "no values"),
    ],
)
def test_columns_that_never_change_are_not_used(cells: list[object], why: str) -> None:
    inputs = fit(a=decimals[:30], c=cells)
    assert inputs.dropped == {"c": why}
    assert inputs.notes == (f"column 'c' is not used: {why}; --drop c to silence this",)


def test_many_unused_columns_make_one_note() -> None:
    columns: dict[str, Sequence[object]] = {f"pixel{i}": [0] * 9 for i in range(40)}
    assert fit(a=range(9), **columns).notes == (
        "40 columns are not used: constant (pixel0, pixel1, pixel2, pixel3, pixel4 and 35 more)",
    )
    t = table(a=range(9), **{f"pixel{i}": [0] * 8 + [1] for i in range(40)})
    (note, _) = TableInputs.fit(t, np.arange(8)).notes
    assert note.startswith("40 columns are constant in the training rows; scaled by 1 (pixel0, pixel1,")


def test_a_small_spread_on_a_large_offset_is_no_constant() -> None:
    assert fit(a=[1e9 + 1e-3 * i for i in range(30)]).dropped == {}


def test_constant_in_the_training_rows_only_is_scaled_by_1() -> None:
    t = table(a=[5, 5, 8], b=[1, 2, 3])
    inputs = TableInputs.fit(t, np.array([0, 1]))
    assert inputs.transform(t)[:, 0].tolist() == [0, 0, 3]
    assert inputs.notes == ("column 'a' is constant in the training rows; scaled by 1",)


def test_missing_in_all_training_rows_is_not_used() -> None:
    t = table(a=["", "", "8", "9"], b=[1, 2, 3, 4])
    assert TableInputs.fit(t, np.array([0, 1])).dropped == {"a": "no values in the training rows"}


def test_nothing_left_to_learn_from_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"auto\.csv: no feature columns left; not used: a \(constant \(1\)\)"
    ):
        fit(a=[1, 1, 1])
    with pytest.raises(DataError, match=r"auto\.csv: no feature columns left$"):
        TableInputs.fit(Table("auto.csv", (), (), [2, 3]), np.arange(2))


def test_more_features_than_training_rows_are_noted() -> None:
    t = table(a=[1, 2, 3], b=[2, 1, 4], c=[5, 5, 1])
    assert TableInputs.fit(t, np.arange(2)).notes[-1].startswith("3 features for 2 training rows")


def test_names_asked_for_must_exist_and_agree() -> None:
    t = table(horsepower=[1, 2, 3])
    with pytest.raises(
        UsageError, match=r"--categorical: expected a feature of auto\.csv, got 'horspower'; did you"
    ):
        TableInputs.fit(t, rows_of(t), categorical=["horspower"])
    with pytest.raises(UsageError, match=r"--numeric: .* got 'x'; it has horsepower"):
        TableInputs.fit(t, rows_of(t), numeric=["x"])
    with pytest.raises(UsageError, match="got 'horsepower' in both"):
        TableInputs.fit(t, rows_of(t), numeric=["horsepower"], categorical=["horsepower"])


def test_odd_column_names_stay_on_one_printable_line() -> None:
    for note in fit(**{"a": range(9), "b\n\x1b[31m": [1] * 9}).notes:
        assert note.isprintable()


# ---- leaks -------------------------------------------------------------------------------------------------


def test_a_copy_of_the_target_is_a_leak() -> None:
    t = table(a=[1, 2, 3, 5], y2=["1", "1.50", "2", "7"], z=[0, 0, 0, 1])
    assert leaks(t, ["1.0", "1.5", "2", "7"]) == ["feature 'y2' equals the target: a leak? --drop y2"]
    assert leaks(t, ["1", "1.5", "2", "8"]) == []


def test_the_target_in_other_names_is_a_leak() -> None:
    t = table(code=[0, 1, 0, 1, 2, 2], other=[0, 1, 0, 1, 2, 1], row=range(6))
    assert leaks(t, ["a", "b", "a", "b", "c", "c"]) == [
        "feature 'code' tells the target value for value: a leak? --drop code"
    ]


def test_identical_columns_are_noted_unless_they_are_constant() -> None:
    t = table(a=[1, 2, 3], b=[3, 3, 1], c=[1, 2, 3], d=[0, 0, 0], e=[0, 0, 0])
    assert leaks(t, ["5", "7", "6"]) == ["columns 'a' and 'c' are identical; --drop c"]


def test_many_identical_columns_make_one_note() -> None:
    t = table(a=[1, 2, 3], b=[1, 2, 3], c=[1, 2, 3], d=[1, 2, 3])
    assert leaks(t, ["5", "7", "6"]) == [
        "3 columns repeat others (b = a, c = a, d = a); --drop silences this",
    ]
