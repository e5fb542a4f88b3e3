"""Tables into what a network takes: fitted on the training rows, the same ever after."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from input_tables import decimals, fit, rows_of, subset, table
from properties import given, settings, st

from training.encoding.inputs import TableInputs, inputs_from_dict
from training.errors import DataError
from training.reading.table import Table

# ---- numbers -----------------------------------------------------------------------------------------------


def test_numbers_are_standardised_by_the_training_rows_alone() -> None:
    t = table(a=[1, 3, 100], b=["-1e1", ".5", "+2."])
    inputs = TableInputs.fit(t, np.array([0, 1]))  # a: mean 2, deviation 1; b: mean -4.75, deviation 5.25
    x = inputs.transform(t)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, [[-1, -1], [1, 1], [98, 6.75 / 5.25]], rtol=1e-6)
    assert inputs.names == ("a", "b")
    assert inputs.shape == (2,)
    assert inputs.numbers == 2
    assert inputs.notes == ()


def test_blanks_around_numbers_do_not_matter() -> None:
    x = fit(a=[" 1", "3 ", "\t5"]).transform(table(a=["1 ", "5"]))
    np.testing.assert_allclose(x[:, 0], [-np.sqrt(1.5), np.sqrt(1.5)], rtol=1e-6)


def test_a_large_offset_and_large_numbers_keep_their_digits() -> None:
    x = fit(a=[f"{1e9 + i}" for i in (0, 1, 2)], b=["1e200", "2e200", "3e200"]).transform(
        table(a=["1000000002"], b=["3e200"])
    )
    np.testing.assert_allclose(x, [[np.sqrt(1.5), np.sqrt(1.5)]], rtol=1e-6)


def test_missing_numbers_are_the_median_of_the_training_rows() -> None:
    t = table(a=["1", "", "2", "NA", "9", "1000"])
    inputs = TableInputs.fit(t, np.arange(5))
    assert inputs.missing == {"a": (2, 2.0)}
    x = inputs.transform(t)
    assert x[1] == x[2] == x[3]
    np.testing.assert_allclose(x[:5].mean(), 0, atol=1e-6)  # the filled cells count in the mean
    assert inputs.transform(table(a=["?"]))[0] == x[2]


@pytest.mark.parametrize("token", ["", "  ", "NA", "N/A", "NaN", "nan", "null", "None", "?", " NA "])
def test_the_usual_tokens_are_missing(token: str) -> None:
    assert fit(a=[*decimals, token]).missing["a"][0] == 1


def test_missing_tokens_can_be_chosen_even_numbers() -> None:
    t = table(a=["1", "2", "-999", "3"])
    inputs = TableInputs.fit(t, rows_of(t), missing=["-999"])
    assert inputs.missing == {"a": (1, 2.0)}
    assert inputs.transform(t)[2] == 0


def test_na_can_be_a_category_and_a_blank_stays_missing() -> None:
    t = table(country=["NA", "ZA", "NA", "", "ZA"])
    inputs = TableInputs.fit(t, rows_of(t), missing=[""])
    assert inputs.categories == {"country": ("(missing)", "NA", "ZA")}


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("13o", "'13o' is not a number; fix it, or --missing-values 13o, or --categorical horsepower"),
        (
            "n. a.",
            "'n. a.' is not a number; fix it, or --missing-values 'n. a.', or --categorical horsepower",
        ),
        ("1,5", "'1,5' is not a number: it has a decimal comma; numbers look like 1234.5"),
        ("1,234", "'1,234' is not a number: it has a comma between thousands"),
        ("1 234", "'1 234' is not a number: it has ' '"),
        ("1_000", "'1_000' is not a number: it has '_'"),
        ("１２", "'１２' is not a number: it has '１' (U+FF11)"),
        ("٣", "'٣' is not a number: it has '٣' (U+0663)"),
        ("−1", "'−1' is not a number: it has '−' (U+2212)"),
        ("$12", "'$12' is not a number: it has '$'"),
        ("12%", "'12%' is not a number: it has '%'"),
        ("0x10", "'0x10' is not a number: it has 'x'"),
        ("1e", "'1e' is not a number"),
        ("--1", "'--1' is not a number"),
        (".", "'.' is not a number"),
        ("1 2", "'1 2' is not a number"),
        ("1\x1b", r"'1\x1b' is not a number; fix it, or --categorical horsepower"),
        ("inf", "'inf' is not a finite number"),
        ("-Infinity", "'-Infinity' is not a finite number"),
        ("1e400", "'1e400' is not a finite number"),
        ("1" * 5000, "1111...' is not a finite number; fix it, or --categorical"),
    ],
)
def test_one_bad_cell_among_numbers_is_refused_with_its_place(cell: str, why: str) -> None:
    t = table(mpg=[*decimals, "1"], horsepower=[*decimals, cell])
    with pytest.raises(DataError, match=re.escape(why)) as caught:
        TableInputs.fit(t, np.arange(10))  # wherever it stands
    assert str(caught.value).startswith("auto.csv:62, column 'horsepower': ")
    assert len(str(caught.value)) < 250
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("n", [4, 10, 19])
def test_one_bad_cell_in_a_short_column_is_refused_too(n: int) -> None:
    with pytest.raises(DataError, match="column 'a': '13o' is not a number"):
        fit(a=[*range(n - 1), "13o"])


@pytest.mark.parametrize("cells", [["1,5", "2,25", "-3,5"], ["10%", "20%"], ["$1", "$2.50"], ["1 000", "12"]])
def test_a_whole_column_in_another_notation_is_refused(cells: list[str]) -> None:
    with pytest.raises(
        DataError, match=r"auto\.csv:2, column 'a': .* is not a number: it has .*--categorical a"
    ):
        fit(a=cells * 20)


def test_one_token_in_many_cells_is_named_rather_than_the_column_lost() -> None:
    with pytest.raises(DataError, match="'-' is not a number; fix it, or --missing-values -,"):
        fit(a=[*decimals, *["-"] * 30])


def test_numbers_among_few_levels_are_categories() -> None:
    assert fit(grade=["1", "2", "3", "4", "K"] * 5).categories == {"grade": ("1", "2", "3", "4", "K")}


def test_numeric_refuses_every_word() -> None:
    t = table(a=["1", "two", "3", "four"])
    with pytest.raises(
        DataError, match=r"column 'a': 'two' is not a number; fix it, or --missing-values two$"
    ):
        TableInputs.fit(t, rows_of(t), numeric=["a"])


# ---- categories --------------------------------------------------------------------------------------------


def test_categories_become_one_1_among_zeros() -> None:
    t = table(origin=["usa", "japan", " usa", "europe"])
    inputs = TableInputs.fit(t, rows_of(t))
    assert inputs.categories == {"origin": ("europe", "japan", "usa")}
    assert inputs.names == ("origin=europe", "origin=japan", "origin=usa", "origin=(other)")
    assert inputs.transform(t).tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
    assert inputs.unknown == {}


def test_unknown_categories_share_a_place_and_are_counted() -> None:
    inputs = fit(origin=["usa", "japan"] * 3, a=range(6))
    x = inputs.transform(table(origin=["mars", "usa", "venus", ""], a=[1, 2, 3, 4]))
    assert x[:, :3].tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
    assert inputs.unknown == {"origin": 3}
    inputs.transform(table(origin=["usa"], a=[1]))
    assert inputs.unknown == {}


def test_levels_come_from_the_training_rows() -> None:
    t = table(origin=["usa", "japan", "usa", "mars"])
    inputs = TableInputs.fit(t, np.arange(3))
    assert inputs.transform(t)[3].tolist() == [0, 0, 1]
    assert inputs.unknown == {"origin": 1}


def test_a_missing_category_is_a_level_of_its_own() -> None:
    t = table(origin=["usa", "", "japan", "NA"])
    inputs = TableInputs.fit(t, rows_of(t))
    assert inputs.categories == {"origin": ("(missing)", "japan", "usa")}
    assert inputs.missing == {"origin": (2, "(missing)")}
    assert inputs.transform(t)[1].tolist() == [1, 0, 0, 0]
    never = TableInputs.fit(t, np.array([0, 2]))
    assert never.missing == {"origin": (2, "(other)")}


def test_numbers_can_be_made_categories_in_their_order() -> None:
    t = table(origin=["10", "9", "1", "9"])
    inputs = TableInputs.fit(t, rows_of(t), categorical=["origin"])
    assert inputs.categories == {"origin": ("1", "9", "10")}


def test_up_to_1000_levels_are_categories_where_they_repeat() -> None:
    assert len(fit(a=[f"w{i % 50}" for i in range(60)]).categories["a"]) == 50
    assert len(fit(a=[f"w{i % 400}" for i in range(900)]).categories["a"]) == 400


@pytest.mark.parametrize(("levels", "n"), [(305, 398), (12, 12), (19, 20), (1001, 3000), (51, 102)])
def test_text_with_too_many_levels_is_not_used(levels: int, n: int) -> None:
    inputs = fit(a=range(n), name=[f"car {i % levels}" for i in range(n)])
    assert inputs.dropped == {"name": f"text, {levels} distinct"}
    assert inputs.notes == (
        f"column 'name' is not used: text, {levels} distinct; "
        "--categorical name to use it, --drop name to silence this",
    )


def test_categorical_forces_text_in_up_to_1000_levels() -> None:
    t = table(name=[f"car {i}" for i in range(1000)])
    assert len(TableInputs.fit(t, rows_of(t), categorical=["name"]).categories["name"]) == 1000
    t = table(name=[f"car {i}" for i in range(1001)])
    with pytest.raises(DataError, match="column 'name': expected at most 1000 categories, got 1001"):
        TableInputs.fit(t, rows_of(t), categorical=["name"])


def test_text_that_is_mostly_numbers_says_what_spoils_it() -> None:
    inputs = fit(a=range(80), ticket=[*range(1000, 1060), *(f"A/{i}" for i in range(20))])
    assert inputs.dropped == {"ticket": "text, 80 distinct, such as 'A/0' in line 62"}


# ---- transform ---------------------------------------------------------------------------------------------


def test_absent_columns_are_listed() -> None:
    inputs = fit(a=[1, 2, 3], b=[1, 2, 3], c=[2, 1, 2])
    with pytest.raises(
        DataError, match=r"new\.csv: expected the columns of the training, lacks a, c; add them"
    ):
        inputs.transform(Table("new.csv", ("b",), (["1"],), [2]))


def test_columns_that_were_dropped_need_not_be_there() -> None:
    inputs = fit(a=[1, 2, 3], b=[1, 1, 1])
    assert inputs.transform(table(a=[2])).tolist() == [[0]]


def test_bad_cells_are_refused_with_their_place_when_predicting() -> None:
    inputs = fit(a=[1, 2, 3])
    with pytest.raises(
        DataError, match=r"auto\.csv:3, column 'a': '13o' is not a number; fix it, or leave it blank"
    ):
        inputs.transform(table(a=["1", "13o"]))
    with pytest.raises(DataError, match=r"auto\.csv:3, column 'a': 'inf' is not a finite number"):
        inputs.transform(table(a=["1", "inf"]))
    with pytest.raises(
        DataError, match=r"auto\.csv:3, column 'a': 1e300 is too far from the training rows \(mean 2,"
    ):
        inputs.transform(table(a=["1", "1e300"]))


def test_transform_leaves_the_table_as_it_was() -> None:
    t = table(a=["1", " 2", ""], b=["x", "y ", "x"])
    before = json.dumps(t.columns)
    TableInputs.fit(t, rows_of(t)).transform(t)
    assert json.dumps(t.columns) == before


cell = st.sampled_from(["1", "2.5", "-3e2", "", "NA", "7", "0.125"])
word = st.sampled_from(["red", "green", "blue", "", "?"])


@st.composite
def tables(draw: st.DrawFn) -> Table:
    n = draw(st.integers(6, 20))
    numbers = draw(st.lists(st.lists(cell, min_size=n, max_size=n), min_size=1, max_size=3))
    words = draw(st.lists(st.lists(word, min_size=n, max_size=n), min_size=0, max_size=2))
    columns = {f"n{i}": column for i, column in enumerate(numbers)}
    columns |= {f"w{i}": column for i, column in enumerate(words)}
    return table(always=range(n), **columns)


@settings(deadline=None, derandomize=True)
@given(tables(), st.randoms(use_true_random=False))
def test_rows_and_columns_in_any_order_give_the_same_numbers(t: Table, random: object) -> None:
    inputs = TableInputs.fit(t, np.arange(0, len(t), 2))
    x = inputs.transform(t)
    assert x.shape == (len(t), *inputs.shape)
    assert np.isfinite(x).all()
    some = random.choices(range(len(t)), k=5)  # type: ignore[attr-defined]
    assert inputs.transform(subset(t, some)).tobytes() == x[some].tobytes()
    names = list(t.names)
    random.shuffle(names)  # type: ignore[attr-defined]
    shuffled = Table("new.csv", ("more", *names), (["?!"] * len(t), *map(t.column, names)), t.lines)
    assert inputs.transform(shuffled).tobytes() == x.tobytes()


@settings(deadline=None, derandomize=True)
@given(tables())
def test_a_table_fit_survives_json_to_the_bit(t: Table) -> None:
    inputs = TableInputs.fit(t, np.arange(0, len(t), 2))
    again = inputs_from_dict(json.loads(json.dumps(inputs.to_dict(), allow_nan=False)))
    assert isinstance(again, TableInputs)
    assert again.transform(t).tobytes() == inputs.transform(t).tobytes()
    assert again == inputs
