"""Labels and numbers into what a loss takes, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from properties import example, given, settings, st

from training.encoding.targets import ClassTargets, NumberTargets, targets_from_dict
from training.errors import DataError


def place(row: int) -> str:
    return f"auto.csv:{row + 2}, column 'mpg'"


# ---- classes


def test_labels_become_indices_in_the_order_of_their_names() -> None:
    targets = ClassTargets.fit(["dog", " cat", "dog", "owl "])
    assert targets.classes == ("cat", "dog", "owl")
    assert targets.counts == {"cat": 1, "dog": 2, "owl": 1}
    assert targets.output_size == 3
    assert targets.encode(["owl", "cat ", "dog"]).tolist() == [2, 0, 1]
    assert targets.decode(np.array([2, 0])) == ["owl", "cat"]
    assert targets.notes == ()


def test_numbers_are_ordered_as_numbers() -> None:
    assert ClassTargets.fit(["10", "9", "-1", "9", "10"]).classes == ("-1", "9", "10")
    assert ClassTargets.fit(["10", "9", "b", "b", "9"]).classes == ("10", "9", "b")
    assert ClassTargets.fit(["10.5", "9.5"] * 2).classes == ("9.5", "10.5")


@pytest.mark.parametrize(
    "target",
    [
        ["0.0", "1.0", "2.0", "1"],
        ["0.", "+1", "2", "1.000"],
        np.array([0.0, 1.0, 2.0, 1.0]),
        np.array([0, 1, 2, 1], np.uint8),
        np.array([[0.0], [1.0], [2.0], [1.0]], np.float32),
        np.eye(3)[[0, 1, 2, 1]],
        np.array(["0", "1", "2", "1"]),
        np.array([b"0", b"1", b"2", b"1"]),
    ],
)
def test_whole_numbers_have_whole_names(target: list[str] | np.ndarray) -> None:
    targets = ClassTargets.fit(target)
    assert targets.classes == ("0", "1", "2")
    assert targets.encode(target).tolist() == [0, 1, 2, 1]
    assert targets.encode(np.array([2.0, 0.0])).tolist() == [2, 0]
    assert targets.names(["1.0", "7.", "x"]) == ["1", "7", "x"]


def test_booleans_are_0_and_1() -> None:
    assert ClassTargets.fit(np.array([True, False, True])).classes == ("0", "1")


def test_words_like_numbers_keep_their_form_among_words() -> None:
    assert ClassTargets.fit(["1.0", "1", "beta", "1.0", "1"]).classes == ("1", "1.0", "beta")


def test_ids_beyond_float_precision_stay_distinct() -> None:
    a, b = "9007199254740992", "9007199254740993"  # 2**53 and one more: equal as floats
    targets = ClassTargets.fit([a, b, a, b])
    assert targets.classes == (a, b)
    assert targets.encode([b, a]).tolist() == [1, 0]
    assert ClassTargets.fit(np.array([int(a), int(b)] * 2)).classes == (a, b)
    assert ClassTargets.fit([f"-{a}", f"-{b}"] * 2).classes == (f"-{b}", f"-{a}")
    long = "1" * 5000
    assert ClassTargets.fit([long, "2", long, "2"]).classes == ("2", long)


def test_unknown_labels_are_marked_and_counted() -> None:
    targets = ClassTargets.fit(["a", "b", "a"])
    assert targets.encode(["b", "c", "C", "c"]).tolist() == [1, -1, -1, -1]
    assert targets.unknown(["b", "c", "C", "c"]) == {"c": 2, "C": 1}
    assert targets.unknown(["a"]) == {}


def test_labels_that_differ_by_case_are_kept_and_noted() -> None:
    targets = ClassTargets.fit(["cat", "Cat", "dog", "dog", "cat"])
    assert targets.classes == ("Cat", "cat", "dog")
    assert targets.notes == (
        "labels 'Cat' and 'cat' differ only by case; they are taken as different classes",
    )


def test_imbalance_is_noted_with_what_the_majority_scores() -> None:
    (note,) = ClassTargets.fit(["a"] * 99 + ["b"]).notes
    assert note == "always answering 'a' is right for 99.0% of the rows; try --class-weight balanced"


def test_one_class_is_refused() -> None:
    with pytest.raises(DataError, match=r"target has one value \('a'\); nothing to learn"):
        ClassTargets.fit(["a", "a ", "a"])
    with pytest.raises(DataError, match="target has no rows"):
        ClassTargets.fit([])


@pytest.mark.parametrize(("rows", "classes"), [(12, 12), (398, 305), (5, 5)])
def test_nearly_as_many_classes_as_rows_are_refused(rows: int, classes: int) -> None:
    target = [f"car {i % classes}" for i in range(rows)]
    with pytest.raises(DataError, match=f"{rows} rows, {classes} classes; did you mean --task regression"):
        ClassTargets.fit(target)


def test_two_rows_of_two_classes_will_do() -> None:
    assert ClassTargets.fit(["a", "b"]).classes == ("a", "b")


def test_nan_is_no_class() -> None:
    with pytest.raises(DataError, match="column 'mpg': nan is no class"):
        ClassTargets.fit(np.array([0.0, np.nan, 1.0]), place)


def test_several_columns_are_no_labels() -> None:
    with pytest.raises(
        DataError, match=r"expected one label a row, got shape \(2, 2\); try --task regression"
    ):
        ClassTargets.fit(np.array([[1, 2], [3, 4]]))


def test_an_index_out_of_range_is_not_decoded() -> None:
    with pytest.raises(ValueError, match=r"expected labels in 0\.\.1, got -1\.\.1; pass the argmax"):
        ClassTargets.fit(["a", "b"]).decode(np.array([1, -1]))


def meaning(label: str) -> float | str:
    """Labels that are all whole numbers are told apart by their values: "0" and "+0" are one class."""
    try:
        return float(label)
    except ValueError:
        return label


@settings(deadline=None, derandomize=True)
@given(st.lists(st.text(min_size=1, max_size=4), min_size=2, max_size=30))
@example(["0", "+0"])
def test_known_labels_come_back_from_their_indices(labels: list[str]) -> None:
    stripped = [label.strip() for label in labels]
    target = stripped * 2
    if len(set(map(meaning, stripped))) < 2 or 2 * len(set(stripped)) > len(target):
        return
    targets = targets_from_dict(json.loads(json.dumps(ClassTargets.fit(target).to_dict())))
    assert isinstance(targets, ClassTargets)
    codes = targets.encode(target)
    assert codes.min() == 0
    again = targets.encode(targets.decode(codes))
    assert codes.tolist() == again.tolist()
    if not targets.whole:
        assert targets.decode(codes) == target


# ---- numbers


def test_numbers_are_standardised_by_the_training_rows() -> None:
    target = ["1", "3", "100", "5"]  # training rows 1 and 3: mean 2, deviation 1
    targets = NumberTargets.fit(target, np.array([0, 1]))
    encoded = targets.encode(target)
    assert encoded.dtype == np.float32
    assert encoded.tolist() == [[-1.0], [1.0], [98.0], [3.0]]
    assert targets.decode(encoded).tolist() == [[1.0], [3.0], [100.0], [5.0]]
    assert targets.decode(encoded).dtype == np.float64
    assert targets.values(target).tolist() == [[1.0], [3.0], [100.0], [5.0]]
    assert targets.output_size == 1
    assert targets.names == ("target",)


def test_several_numbers_a_row_have_each_their_scale() -> None:
    target = np.array([[0.0, 10.0], [2.0, 30.0]])
    targets = NumberTargets.fit(target, np.arange(2), name="y")
    assert targets.names == ("y 1", "y 2")
    assert targets.output_size == 2
    assert targets.encode(target).tolist() == [[-1.0, -1.0], [1.0, 1.0]]


def test_targets_of_1e30_train() -> None:
    target = ["1e30", "3e30", "2e30"]
    targets = NumberTargets.fit(target, np.arange(3))
    expected = np.array([-1, 1, 0]) * np.sqrt(1.5)
    np.testing.assert_allclose(targets.encode(target)[:, 0], expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(targets.decode(targets.encode(target))[:, 0], [1e30, 3e30, 2e30], rtol=1e-6)


def test_targets_of_1e300_do_not_overflow() -> None:
    targets = NumberTargets.fit(["1e300", "3e300"], np.arange(2))
    np.testing.assert_allclose(targets.std, [1e300])


def test_a_large_offset_does_not_cost_the_digits() -> None:
    target = np.array([1e9, 1e9 + 1, 1e9 + 2])  # in float32 all three are equal
    encoded = NumberTargets.fit(target, np.arange(3)).encode(target)
    np.testing.assert_allclose(encoded[:, 0], [-np.sqrt(1.5), 0, np.sqrt(1.5)], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "target", [["7"] * 5, np.full(5, 0.1), np.full(5, 1e9 + 0.1), ["7", "7", "7", "7", "8"]]
)
def test_a_constant_target_is_refused(target: list[str] | np.ndarray) -> None:
    with pytest.raises(DataError, match=r"target has one value .* nothing to learn"):
        NumberTargets.fit(target, np.arange(4))


def test_words_are_refused_with_their_place() -> None:
    with pytest.raises(
        DataError, match=r"auto\.csv:4, column 'mpg': 'high' is not a number; fix it, or --task cl"
    ):
        NumberTargets.fit(["1", "2", "high"], np.arange(3), place)
    targets = NumberTargets.fit(["1", "2"], np.arange(2))
    with pytest.raises(
        DataError, match=r"target, row 1: '1,5' .* decimal comma; numbers look like 1234\.5; fix it$"
    ):
        targets.encode(["1,5"])
    with pytest.raises(DataError, match="'high' is not a number"):
        NumberTargets.fit(np.array(["1", "high"]), np.arange(2))


@pytest.mark.parametrize("cell", ["inf", "-inf", "1e400", "1" * 400])
def test_infinite_targets_are_refused_with_their_place(cell: str) -> None:
    with pytest.raises(DataError, match=r"auto\.csv:3, column 'mpg': .* is not a finite number; fix it$"):
        NumberTargets.fit(["1", cell, "2"], np.arange(3), place)


def test_nan_in_an_array_is_refused_with_its_row() -> None:
    with pytest.raises(DataError, match=r"auto\.csv:3, column 'mpg': .*nan.* is not a number"):
        NumberTargets.fit(np.array([[1.0, 2.0], [3.0, np.nan]]), np.arange(2), place)


def test_another_number_of_outputs_is_refused() -> None:
    targets = NumberTargets.fit(np.array([[0.0, 10.0], [2.0, 30.0]]), np.arange(2))
    with pytest.raises(DataError, match="expected 2 numbers a row as in training, got 1"):
        targets.encode(["1", "2"])


def test_a_target_beyond_float32_is_refused() -> None:
    targets = NumberTargets.fit(["1", "2"], np.arange(2))
    with pytest.raises(DataError, match="column 'mpg': too far from the training rows"):
        targets.encode(["1", "1e300"], place)


def test_the_smallest_numbers_are_not_constant() -> None:
    targets = NumberTargets.fit(["0", "5e-324"], np.arange(2))
    assert targets.std[0] > 0
    assert NumberTargets.fit(["-1.7e308", "1.7e308"], np.arange(2)).std[0] == 1.7e308


@settings(deadline=None, derandomize=True)
@given(st.lists(st.floats(-1e30, 1e30, allow_subnormal=False), min_size=2, max_size=20, unique=True))
def test_numbers_come_back_and_survive_json(values: list[float]) -> None:
    target = np.array(values)
    if np.ptp(target) < 1e-6 * np.abs(target).max():
        return
    targets = NumberTargets.fit(target, np.arange(len(target)))
    again = targets_from_dict(json.loads(json.dumps(targets.to_dict())))
    assert isinstance(again, NumberTargets)
    assert again.encode(target).tobytes() == targets.encode(target).tobytes()
    np.testing.assert_allclose(
        again.decode(again.encode(target))[:, 0], target, atol=1e-5 * np.abs(target).max()
    )
