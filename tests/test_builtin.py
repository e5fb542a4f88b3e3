"""The built-in datasets: the real ones as published, the generated ones by their formula."""

from __future__ import annotations

import gzip
import math
import runpy
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import training
from layers.base import Array
from training.errors import DataError
from training.reading.builtin import BUILTIN, builtin, friedman1, spirals
from training.reading.table import Table

DATA = Path(training.__file__).parent / "data"


def numbers(table: Table, *names: str) -> Array:
    return np.array([table.column(name) for name in names or table.names], dtype=float).T


def test_iris_is_fishers() -> None:
    table = builtin("iris")
    assert table.names == ("sepal_length", "sepal_width", "petal_length", "petal_width", "species")
    assert Counter(table.column("species")) == {"setosa": 50, "versicolor": 50, "virginica": 50}
    means = numbers(table, *table.names[:4]).mean(axis=0)
    np.testing.assert_allclose(means, [5.8433, 3.0573, 3.7580, 1.1993], atol=5e-5)
    assert [column[34] for column in table.columns] == ["4.9", "3.1", "1.5", "0.2", "setosa"]  # UCI has 0.1
    assert table.notes == ()
    assert table.place(0, "species") == "iris:2, column 'species'"


def test_digits_are_images_of_0_to_16() -> None:
    table = builtin("digits")
    assert len(table) == 1797
    assert len(table.names) == 65
    assert table.names[-1] == "digit"
    pixels = numbers(table, *table.names[:-1])
    assert pixels.min() == 0
    assert pixels.max() == 16
    assert Counter(table.column("digit"))["3"] == 183
    middle = pixels[0].reshape(8, 8)[2:6, 3:5]  # the first is a zero: ink around, little in the middle
    assert middle.sum() < 15 < pixels[0].sum() / 10


def test_diabetes_is_in_its_own_units() -> None:
    table = builtin("diabetes")
    assert table.names == ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6", "progression")
    assert [column[0] for column in table.columns] == [
        "59",
        "2",
        "32.1",
        "101",
        "157",
        "93.2",
        "38",
        "4",
        "4.8598",
        "87",
        "151",
    ]
    values = numbers(table)
    assert values.shape == (442, 11)
    assert values[:, 10].min() == 25
    assert values[:, 10].max() == 346


@pytest.mark.parametrize("name", ["iris.csv", "digits.csv.gz", "diabetes.csv"])
def test_the_files_are_what_scikit_learn_has(name: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (extra: datasets)")
    runpy.run_path(str(DATA / "export.py"))["main"](tmp_path)
    ours, theirs = (DATA / name).read_bytes(), (tmp_path / name).read_bytes()
    if name.endswith(".gz"):
        assert ours[4:8] == bytes(4)  # no time of writing
        ours, theirs = gzip.decompress(ours), gzip.decompress(theirs)
    assert ours == theirs


def test_each_file_has_its_source_and_licence() -> None:
    text = (DATA / "README.md").read_text()
    for path in DATA.glob("*.csv*"):
        section = text.split(f"\n## {path.name}\n")[1].split("\n## ")[0]
        assert all(f"\n- {word}: " in section for word in ("Source", "Citation", "Licence"))


@pytest.mark.parametrize(("classes", "n"), [(2, 100), (3, 3000), (5, 7), (3, 1), (3, 0)])
def test_spirals_lie_on_their_arms(classes: int, n: int) -> None:
    x, labels = spirals(n, classes, noise=0.0, rng=1)
    assert x.shape == (n, 2)
    assert labels.shape == (n,)
    counts = np.bincount(labels, minlength=classes)
    assert counts.max() - counts.min() <= 1
    for point, label in zip(x, labels, strict=True):
        r = math.hypot(*point)
        assert 0.1 <= r < 1
        turn = math.atan2(point[1], point[0]) / (2 * math.pi) - r - label / classes
        assert abs(turn - round(turn)) < 1e-12


def test_the_noise_of_spirals_is_as_wide_as_it_says() -> None:
    noise = spirals(20_000, noise=0.05)[0] - spirals(20_000, noise=0.0)[0]
    np.testing.assert_allclose(noise.std(axis=0), 0.05, rtol=0.03)
    np.testing.assert_allclose(noise.mean(axis=0), 0.0, atol=0.002)


def test_a_spiral_can_be_learned_by_its_neighbours() -> None:
    x, labels = spirals(1500)
    far = np.linalg.norm(x[500:, None] - x[None, :500], axis=2)
    assert (labels[:500][far.argmin(axis=1)] == labels[500:]).mean() > 0.98


def test_friedman1_is_friedmans_formula() -> None:
    x, y = friedman1(500, noise=0.0, rng=3)
    assert x.shape == (500, 10)
    assert x.min() >= 0
    assert x.max() < 1
    for row, value in zip(x.tolist(), y.tolist(), strict=True):
        wave = 10 * math.sin(math.pi * row[0] * row[1])
        assert math.isclose(value, wave + 20 * (row[2] - 0.5) ** 2 + 10 * row[3] + 5 * row[4])


def test_friedman1_agrees_with_scikit_learn() -> None:
    datasets = pytest.importorskip(
        "sklearn.datasets", reason="scikit-learn is not installed (extra: datasets)"
    )
    _, theirs = datasets.make_friedman1(50_000, noise=1.0, random_state=0)
    _, ours = friedman1(50_000)
    np.testing.assert_allclose(
        np.percentile(ours, [5, 25, 50, 75, 95]), np.percentile(theirs, [5, 25, 50, 75, 95]), atol=0.2
    )


def test_the_noise_of_friedman1_is_as_wide_as_it_says() -> None:
    noise = friedman1(20_000)[1] - friedman1(20_000, noise=0.0)[1]
    assert abs(noise.std() - 1) < 0.02
    assert abs(noise.mean()) < 0.03


@pytest.mark.parametrize("make", [spirals, friedman1])
def test_a_seed_gives_the_same_rows_again(make: type) -> None:
    for first, again in zip(make(50, rng=7), make(50, rng=np.random.default_rng(7)), strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(make(50, rng=7)[0], make(50, rng=8)[0])


def test_generated_tables_keep_every_digit() -> None:
    table = builtin("friedman1:300")
    x, y = friedman1(300)
    assert table.names == ("x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "y")
    np.testing.assert_array_equal(numbers(table), np.column_stack([x, y]))
    table = builtin("spirals:30")
    assert table.names == ("x1", "x2", "arm")
    assert table.column("arm") == [str(label) for label in spirals(30)[1]]
    assert table.place(4) == "spirals:5"


def test_the_number_of_rows_can_be_chosen() -> None:
    assert [len(builtin(name)) for name in BUILTIN] == [150, 1797, 442, 1000, 2000]
    assert len(builtin("spirals:3000")) == 3000


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("irsi", r"'irsi': no built-in dataset; did you mean 'iris'\? \(built in: iris, digits, "),
        ("spirals:0", r"spirals: expected 1 to 1000000 rows after the colon, got '0'; try spirals:2000"),
        ("spirals:", r"got ''"),
        ("spirals:-5", r"got '-5'"),
        ("spirals:1e3", r"got '1e3'"),
        ("spirals:٣", r"got '٣'"),
        ("friedman1:" + "9" * 5000, r"friedman1: expected 1 to 1000000 rows"),
        ("iris:10", r"iris: has 150 rows, a number of rows is not for it; leave :10 out"),
    ],
)
def test_what_is_not_built_in_gets_one_line(name: str, says: str) -> None:
    with pytest.raises(DataError, match=says):
        builtin(name)
