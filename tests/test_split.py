"""Which rows train: every row once, every class in its share, the same for the same seed."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from properties import given, settings, st

from training.encoding.split import Split, split
from training.errors import DataError, UsageError


def of(labels: np.ndarray, rows: np.ndarray, label: int) -> int:
    return int((labels[rows] == label).sum())


def parts(result: Split) -> list[list[int]]:
    return [part.tolist() for part in (result.train, result.val, result.test)]


def test_the_default_holds_back_15_percent_twice() -> None:
    result = split(398)
    assert [len(part) for part in parts(result)] == [278, 60, 60]
    assert result.notes == ()


def test_each_class_is_divided_in_the_wished_shares() -> None:
    labels = np.repeat([0, 1, 2], [100, 60, 40])
    result = split(200, labels=labels, val=0.2, test=0.1)
    assert [of(labels, result.train, c) for c in range(3)] == [70, 42, 28]
    assert [of(labels, result.val, c) for c in range(3)] == [20, 12, 8]
    assert [of(labels, result.test, c) for c in range(3)] == [10, 6, 4]


def test_leftover_rows_go_where_the_remainder_is_largest() -> None:
    labels = np.repeat([0, 1], [14, 6])  # a tenth of 20 rows: shares 1.4 and 0.6, so 1 and 1
    result = split(20, labels=labels, val=0, test=0.1)
    assert [of(labels, result.test, c) for c in range(2)] == [1, 1]


def test_counts_are_taken_exactly() -> None:
    assert [len(part) for part in parts(split(100, val=7, test=13))] == [80, 7, 13]


def test_nothing_is_held_back_when_nothing_is_wished() -> None:
    result = split(3, val=0, test=0)
    assert parts(result) == [[0, 1, 2], [], []]


def test_a_tiny_fraction_takes_one_row() -> None:
    result = split(10, val=0.01, test=0.01)
    assert [len(part) for part in parts(result)] == [8, 1, 1]


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    labels = np.arange(60) % 3
    a = split(60, labels=labels, seed=1)
    np.random.seed(0)  # noqa: NPY002  (the global state must not matter)
    assert parts(a) == parts(split(60, labels=labels, seed=1))
    assert parts(a) != parts(split(60, labels=labels, seed=2))


def test_rows_are_drawn_at_random_and_not_from_one_end() -> None:
    held = np.concatenate([split(100, seed=seed).test for seed in range(40)])
    counts = np.bincount(held, minlength=100)  # 600 draws, 6 expected for each row
    assert counts.min() >= 1
    assert counts.max() <= 16


def test_a_class_of_one_row_trains_and_is_named() -> None:
    labels = np.array([0] * 20 + [1] * 20 + [2])
    result = split(41, labels=labels, names=("cat", "dog", "owl"))
    assert 40 in result.train
    assert result.notes == ("one row only of class 'owl': it trains, so no score speaks of that class",)
    assert "class 2:" in split(41, labels=labels).notes[0]


def test_a_class_of_two_rows_trains_and_tests_and_is_named() -> None:
    labels = np.array([0] * 20 + [1] * 20 + [2, 2])
    result = split(42, labels=labels, names=("cat", "dog", "owl"))
    assert (labels[result.train] == 2).sum() == (labels[result.test] == 2).sum() == 1
    assert result.notes == ("two rows only of class 'owl': one trains and one tests",)
    assert split(42, labels=labels, test=0).notes == ()
    assert split(2, val=0, test=1).notes == ()  # no classes, two rows


def test_many_classes_of_one_row_make_one_note() -> None:
    labels = np.array([0] * 20 + list(range(1, 9)))
    (note,) = split(28, labels=labels).notes
    assert "class 1, 2, 3, 4, 5 and 3 more" in note


def test_of_two_rows_one_trains_and_one_tests() -> None:
    labels = np.array([0] * 30 + [1, 1])
    for seed in range(5):
        result = split(32, labels=labels, seed=seed)
        assert [of(labels, part, 1) for part in (result.train, result.val, result.test)] == [1, 0, 1]


def test_a_wished_part_is_never_empty_though_all_classes_are_small() -> None:
    labels = np.repeat(np.arange(10), 2)
    result = split(20, labels=labels)
    assert len(result.val) == 1
    assert len(result.test) == 9
    assert sorted(labels[result.train]) == list(range(10))


def test_classes_of_one_row_each_cannot_be_held_back() -> None:
    with pytest.raises(DataError, match="too few rows to hold some back; --val 0 --test 0"):
        split(12, labels=np.arange(12))


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_rows_are_refused_with_the_way_out(n: int) -> None:
    with pytest.raises(DataError, match=rf"needs at least 10 rows \(has {n}\); --val 0 --test 0"):
        split(n)


def test_one_row_is_refused_even_when_nothing_is_held_back() -> None:
    with pytest.raises(DataError, match=r"needs at least 2 rows \(has 1\)"):
        split(1, val=0, test=0)


def test_fractions_must_leave_something() -> None:
    with pytest.raises(UsageError, match=r"sum below 1, got 0.6 \+ 0.5"):
        split(100, val=0.6, test=0.5)
    with pytest.raises(UsageError, match=r"leave rows for training, got 60 \+ 40 of 100"):
        split(100, val=60, test=40)
    with pytest.raises(UsageError, match=r"leave rows for training, got 15 \+ 500 of 100"):
        split(100, test=500)


@pytest.mark.parametrize("size", [-0.1, -3, float("nan"), float("inf"), 1.5])
def test_sizes_that_mean_nothing_are_refused(size: float) -> None:
    with pytest.raises(UsageError, match="--val: expected a fraction below 1, a whole count, or 0"):
        split(100, val=size)


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected labels of shape \(10,\), got \(9,\)"):
        split(10, labels=np.zeros(9, int))


fractions = st.sampled_from([0.0, 0.05, 0.15, 0.3, 0.45])


@settings(deadline=None, derandomize=True)
@given(
    counts=st.lists(st.integers(1, 40), min_size=2, max_size=8).filter(lambda c: sum(c) >= 10 and max(c) > 4),
    val=fractions,
    test=fractions,
    seed=st.integers(0, 2**32),
)
def test_a_stratified_split_is_disjoint_covering_and_fair(
    counts: list[int], val: float, test: float, seed: int
) -> None:
    n = sum(counts)
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    result = split(n, labels=labels, val=val, test=test, seed=seed)
    assert sorted(chain(*parts(result))) == list(range(n))
    for part, wished in ((result.val, val), (result.test, test)):
        assert part.tolist() == sorted(part)
        assert (len(part) > 0) == (wished > 0)
    wish_val, wish_test = (max(1, round(n * f)) / n if f else 0 for f in (val, test))
    for c, count in enumerate(counts):
        of_val, of_test = of(labels, result.val, c), of(labels, result.test, c)
        assert of(labels, result.train, c) >= 1
        assert of_val <= count * wish_val + 1
        assert abs(of_test - count * wish_test) <= 1
        if count > 2:
            assert of_val >= count * wish_val - 1


@settings(deadline=None, derandomize=True)
@given(
    n=st.integers(10, 300),
    val=st.sampled_from([0, 0.1, 0.4, 1, 3]),
    test=st.sampled_from([0, 0.1, 0.4, 1, 3]),
)
def test_a_plain_split_has_the_wished_sizes(n: int, val: float, test: float) -> None:
    result = split(n, val=val, test=test)
    assert sorted(chain(*parts(result))) == list(range(n))
    for part, wished in ((result.val, val), (result.test, test)):
        assert len(part) == (wished if wished >= 1 or wished == 0 else max(1, round(n * wished)))
