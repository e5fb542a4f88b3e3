"""From options to arrays: which rows go where, what is fitted on which, and what is warned of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import flowers, houses

from training import memory
from training.encoding.inputs import ArrayInputs, TableInputs
from training.errors import DataError, UsageError
from training.options import Options, parse
from training.prepare import Prepared, prepare


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "houses.csv").write_text(houses())
    (tmp_path / "flowers.csv").write_text(flowers())
    return tmp_path


def prepared(line: str) -> Prepared:
    return prepare(parse(line.split()))


def sizes(result: Prepared) -> dict[str, int]:
    return {name: len(part) for name, part in result.parts.items()}


def arrays(name: str, **more: Any) -> str:
    rng = np.random.default_rng(0)
    np.savez(name, **{"x": rng.normal(size=(40, 3)), "y": np.arange(40) % 2} | more)
    return name


# The task


@pytest.mark.parametrize(
    ("line", "task", "why"),
    [
        ("houses.csv", "regression", "60 distinct numbers; --task classification to change"),
        ("flowers.csv", "classification", "3 distinct words"),
        ("flowers.csv -t kind --drop width", "classification", "3 distinct words"),
        ("digits --limit 300", "classification", "10 distinct whole numbers; --task regression to change"),
        ("digits --limit 300 --task regression", "regression", "as --task says"),
    ],
)
def test_the_task_is_told_from_the_target_or_by_the_user(line: str, task: str, why: str) -> None:
    result = prepared(line + " --val 1 --test 1")
    assert result.kind.task == task
    assert result.why.startswith(why)


# Which rows go where


def test_rows_are_divided_by_fractions_by_counts_or_not_at_all() -> None:
    assert sizes(prepared("flowers.csv")) == {"train": 42, "val": 9, "test": 9}
    assert sizes(prepared("flowers.csv --val 6 --test 12")) == {"train": 42, "val": 6, "test": 12}
    assert sizes(prepared("flowers.csv --val 0 --test 0")) == {"train": 60}
    assert sizes(prepared("flowers.csv --limit 30 --val 0 --test 0.2")) == {"train": 24, "test": 6}


def test_each_row_is_in_one_part_and_keeps_its_number() -> None:
    result = prepared("flowers.csv --seed 3")
    rows = np.concatenate([part.rows for part in result.parts.values()])
    assert sorted(rows.tolist()) == list(range(60))
    kinds = [line.split(",")[2] for line in flowers().splitlines()[1:]]
    for part in result.parts.values():
        assert part.data.target == [kinds[row] for row in part.rows]
        assert ["abc"[label] for label in part.target] == part.data.target


def test_the_seed_decides_the_split() -> None:
    def test_rows(seed: int) -> list[int]:
        return prepared(f"flowers.csv --seed {seed}").parts["test"].rows.tolist()

    assert test_rows(1) == test_rows(1)
    assert test_rows(1) != test_rows(2)


def test_a_file_to_test_on_leaves_the_rest_to_train_and_validate(folder: Path) -> None:
    (folder / "more.csv").write_text("kind,noise,width,length\na,1,2,0\nc,2,0,2\n")
    result = prepared("flowers.csv --test more.csv")
    assert sizes(result) == {"train": 51, "val": 9, "test": 2}
    assert result.parts["test"].rows.tolist() == [0, 1]
    assert result.parts["test"].target.tolist() == [0, 2]
    inputs = result.inputs
    assert isinstance(inputs, TableInputs)
    lengths = np.array(
        [
            column.mean + column.std * z
            for column, z in zip(inputs.columns, result.parts["test"].x[0], strict=True)
        ]
    )
    assert lengths == pytest.approx([0, 2], abs=1e-6)  # found by name: length 0, width 2


def test_the_target_named_for_training_is_that_of_the_other_files(folder: Path) -> None:
    table = [line.split(",") for line in houses().splitlines()]
    (folder / "val.csv").write_text(
        "\n".join(f"{price},{place},{area},{rooms}" for rooms, area, place, price in table)
    )
    result = prepared("houses.csv --val val.csv --test 0")  # the last column there is not the target
    assert result.parts["val"].truth[0, 0] == 240.5
    (folder / "areas.csv").write_text("area,place,rooms,price\n50,north,1,\n60,south,2,7\n")
    (folder / "data.csv").write_text(houses().replace(",NA,", ",44,"))
    result = prepared("data.csv --target 2 --val areas.csv")
    assert result.data.target_name == "area"
    assert result.parts["val"].truth.tolist() == [[50], [60]]


def test_files_without_a_header_agree_by_position(folder: Path) -> None:
    body = "\n".join(flowers().splitlines()[1:])
    (folder / "a.csv").write_text(body)
    (folder / "b.csv").write_text("0,2,a\n2,0,c\n")
    result = prepared("a.csv --no-header --target 3 --test b.csv")
    assert result.data.target_name == "col3"
    assert result.parts["test"].target.tolist() == [0, 2]


def test_arrays_to_test_on_may_lie_in_the_same_file_or_in_another() -> None:
    x, y = np.random.default_rng(1).normal(size=(40, 3)), np.arange(40) % 2
    np.savez("both.npz", x_train=x, y_train=y, x_test=x[:5] + 1, y_test=y[:5])
    arrays("other.npz", x=x[:7] - 1, y=y[:7])
    assert sizes(prepared("both.npz")) == {"train": 34, "val": 6, "test": 5}
    assert sizes(prepared("both.npz --limit 20")) == {"train": 17, "val": 3, "test": 5}
    assert sizes(prepared("both.npz --limit 3 --val 0"))["test"] == 3
    assert sizes(prepared("both.npz --test other.npz")) == {"train": 34, "val": 6, "test": 7}
    result = prepared("both.npz --test 0.25")
    assert sizes(result)["test"] == 10
    assert "both.npz has a test part of 5 rows, not used because of --test" in result.notes


# What is fitted on the training rows


def test_inputs_and_targets_are_scaled_by_the_training_rows_alone() -> None:
    result = prepared("diabetes")
    train, test = result.parts["train"], result.parts["test"]
    assert train.x.mean(axis=0) == pytest.approx(np.zeros(10), abs=1e-6)
    assert train.x.std(axis=0) == pytest.approx(np.ones(10), rel=1e-5)
    assert train.target.mean() == pytest.approx(0, abs=1e-6)
    assert abs(test.target.mean()) > 1e-3
    assert 25 <= train.truth.min() < train.truth.max() <= 346  # in the units of the file


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_arrays_have_the_dtype_asked_for(dtype: str) -> None:
    for line in ("diabetes", "iris"):
        part = prepared(f"{line} --dtype {dtype}").parts["val"]
        assert part.x.dtype == dtype
        assert part.target.dtype == (dtype if line == "diabetes" else np.int64)


def test_images_of_bytes_are_scaled_by_255() -> None:
    x = np.random.default_rng(0).integers(0, 256, (40, 5, 4), dtype=np.uint8)
    result = prepared(arrays("images.npz", x=x))
    assert isinstance(result.inputs, ArrayInputs)
    assert result.inputs.shape == (1, 5, 4)
    part = result.parts["train"]
    assert part.x == pytest.approx(x[part.rows][:, None] / 255)
    assert result.notes == []


# What is warned of


def test_rows_that_train_and_test_share_are_counted(folder: Path) -> None:
    lines = flowers().splitlines()
    (folder / "test.csv").write_text("\n".join([*lines[:4], "9.5,9.5,a"]))
    assert prepared("flowers.csv --test test.csv").notes == [
        "test.csv: 3 of 4 rows in the data to train on too; the test scores flatter"
    ]
    (folder / "test.csv").write_text("\n".join([lines[0], lines[1].replace(",a", ",b"), "9.5,9.5,a"]))
    assert prepared("flowers.csv --test test.csv").notes == []  # the same features of another class


def test_classes_and_categories_of_another_file_that_training_never_saw_are_counted(folder: Path) -> None:
    (folder / "val.csv").write_text("length,width,kind\n0.5,9,a\n0.5,9,x\n1,9,y\n2,9,y\n")
    result = prepared("flowers.csv --val val.csv")
    assert result.notes == [
        "val.csv: 3 rows of a class that training never saw ('x' 1 x, 'y' 2 x), counted as wrong"
    ]
    assert result.parts["val"].target.tolist() == [0, -1, -1, -1]
    (folder / "test.csv").write_text("rooms,area,place,price\n1,2,west,3\n")
    assert prepared("houses.csv --test test.csv").notes == [
        "test.csv, column 'place': 1 cell of a category that training never saw, taken as (other)"
    ]


def test_a_copy_of_the_target_is_warned_of(folder: Path) -> None:
    lines = [line.split(",") for line in flowers().splitlines()]
    (folder / "leak.csv").write_text("\n".join(f"{a},{b},{c}x,{c}" for a, b, c in lines))
    assert prepared("leak.csv").notes == [
        "feature 'kindx' tells the target value for value: a leak? --drop kindx"
    ]


# What is refused


@pytest.mark.parametrize("option", ["--categorical x", "--numeric x", "--missing-values ?", "--no-header"])
def test_options_for_text_are_refused_for_arrays(option: str) -> None:
    with pytest.raises(
        UsageError, match=f"^{option.split()[0]}: has no meaning for arrays, which hold no text"
    ):
        prepared(f"{arrays('a.npz')} {option}")


def test_data_that_the_memory_cannot_hold_is_refused_before_it_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "memory", lambda: 1_000)
    with pytest.raises(DataError, match=r"^iris: 150 rows of 4 inputs: needs 0 MB.*use --limit"):
        prepared("iris --dtype float64")
    monkeypatch.setattr(memory, "memory", lambda: None)  # a system that does not say
    assert sizes(prepared("iris"))["train"] == 106


def test_options_can_be_made_in_python_too() -> None:
    assert sizes(prepare(Options(data="iris", val=0.0, test=0.0))) == {"train": 150}
