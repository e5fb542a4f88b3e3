"""CSV files however they are written, the quick way through them, and their memory."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from properties import given, settings, st
from readers import read_csv

from training.errors import DataError
from training.reading import read_csv as module
from training.reading.read_csv import parse_csv
from training.reading.table import Table

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "a.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def rows_of(table: Table) -> list[tuple[str, ...]]:
    return list(zip(*table.columns, strict=True))


AB = [("1", "x"), ("2", "y")]

GOOD = {
    "plain": (b"a,b\n1,x\n2,y\n", {}),
    "no final newline": (b"a,b\n1,x\n2,y", {}),
    "CRLF": (b"a,b\r\n1,x\r\n2,y\r\n", {}),
    "lone CR": (b"a,b\r1,x\r2,y\r", {}),
    "mixed line ends": (b"a,b\r\n1,x\r2,y\n", {}),
    "UTF-8 BOM": (b"\xef\xbb\xbfa,b\n1,x\n2,y\n", {}),
    "UTF-16 little endian": ("a,b\n1,x\n2,y\n".encode("utf-16"), {}),
    "UTF-16 big endian, tabs": (b"\xfe\xff" + "a\tb\n1\tx\n2\ty\n".encode("utf-16-be"), {}),
    "UTF-32": ("a,b\n1,x\n2,y\n".encode("utf-32"), {}),
    "semicolons": (b"a;b\n1;x\n2;y\n", {}),
    "tabs": (b"a\tb\n1\tx\n2\ty\n", {}),
    "bars": (b"a|b\n1|x\n2|y\n", {}),
    "separator named": (b"a:b\n1:x\n2:y\n", {"sep": ":"}),
    "tab named as in a shell": (b"a\tb\n1\tx\n2\ty\n", {"sep": "\\t"}),
    "quotes": (b'"a","b"\n"1","x"\n"2","y"\n', {}),
    "blanks around cells": (b" a , b\n1 , x\n\t2,y \n", {}),
    "blank before a quote": (b'a, "b"\n1, "x"\n2, "y"\n', {}),
    "blank lines": (b"\n\na,b\n\n1,x\n   \n2,y\n\n\n", {}),
    "gzip": (gzip.compress(b"a,b\n1,x\n2,y\n"), {}),
}


@pytest.mark.parametrize(("content", "options"), GOOD.values(), ids=GOOD)
def test_every_way_of_writing_a_table_reads_alike(
    content: bytes, options: dict[str, str], write: Write
) -> None:
    table = read_csv(write(content), **options)
    assert table.names == ("a", "b")
    assert rows_of(table) == AB
    assert table.notes == ()


@pytest.mark.parametrize("name", ["a.csv.gz", "a.TSV.GZ", "a.txt.gz"])
def test_gz_is_decompressed(name: str, write: Write) -> None:
    assert rows_of(read_csv(write(gzip.compress(b"a,b\n1,x\n2,y\n"), name))) == AB


def test_lines_are_those_of_the_file(write: Write) -> None:
    table = read_csv(write('a,b\n\n1,"x\ny"\n2,z\n\n3,w\n'))
    assert list(table.lines) == [3, 5, 7]
    assert table.column("b") == ["x\ny", "z", "w"]
    assert table.place(1).endswith("a.csv:5")
    assert table.place(2, "b").endswith("a.csv:7, column 'b'")


def test_carriage_returns_count_as_lines(write: Write) -> None:
    assert list(read_csv(write(b"a,b\r1,2\r\r3,4\r")).lines) == [2, 4]


def test_quoted_separators_quotes_and_newlines_are_cells(write: Write) -> None:
    table = read_csv(write('a,b\n"1,5","say ""hi"""\n"p\r\nq",\n'))
    assert rows_of(table) == [("1,5", 'say "hi"'), ("p\r\nq", "")]


def test_an_inner_quote_needs_no_quoting(write: Write) -> None:
    assert read_csv(write('pipe,price\n5" wide,3\n')).column("pipe") == ['5" wide']


def test_without_header_columns_have_numbers(write: Write) -> None:
    table = read_csv(write("5.1,3.5,setosa\n4.9,3,setosa\n"), header=False)
    assert table.names == ("col1", "col2", "col3")
    assert table.column("col1") == ["5.1", "4.9"]
    assert list(table.lines) == [1, 2]


def test_decimal_commas_do_not_hide_the_semicolon(write: Write) -> None:
    assert rows_of(read_csv(write("a;b\n1,5;2,5\n3,5;4,5\n"))) == [("1,5", "2,5"), ("3,5", "4,5")]
    assert read_csv(write("1,5;2,5\n3,5;4,5\n"), header=False).column("col2") == ["2,5", "4,5"]


def test_a_separator_in_quotes_is_not_counted(write: Write) -> None:
    table = read_csv(write('name;"size, cm"\n"a, b, c";1\n"d, e, f";2\n'))
    assert table.names == ("name", "size, cm")


def test_a_ragged_row_does_not_change_the_separator(write: Write) -> None:
    with pytest.raises(DataError, match=r"a\.csv:3: has 1 cell, expected 3"):
        read_csv(write("a,b,c\n1,2,3\n4;5;6\n7,8,9\n"))


def test_one_column_is_a_table(write: Write) -> None:
    table = read_csv(write('a\n1\n""\n3\n'))
    assert rows_of(table) == [("1",), ("",), ("3",)]


def test_the_form_says_how_the_file_is_written(write: Write) -> None:
    assert read_csv(write("a;b\n1;2\n")).form == "semicolon-separated, utf-8"
    assert read_csv(write("a\tb\n1\t2\n".encode("utf-16"))).form == "tab-separated, utf-16"


def test_latin_1_is_read_when_it_is_named(write: Write) -> None:
    path = write("a,b\n1,caf\u00e9\n".encode("latin-1"))
    assert read_csv(path, encoding="latin-1").column("b") == ["caf\u00e9"]


@pytest.mark.parametrize("content", ["a,b,\n1,x,\n2,y,\n", "a,b\n1,x,\n2,y,\n", "a,b,,\n1,x,,\n2,y,,\n"])
def test_an_empty_column_at_the_end_is_dropped_with_a_note(content: str, write: Write) -> None:
    table = read_csv(write(content))
    assert table.names == ("a", "b")
    assert rows_of(table) == AB
    assert all("at the end is dropped" in note for note in table.notes)
    assert table.notes


def test_a_last_column_without_a_name_but_with_cells_stays(write: Write) -> None:
    table = read_csv(write("a,\n1,\n2,x\n"))
    assert table.names == ("a", "col2")
    assert table.column("col2") == ["", "x"]


def test_a_column_without_a_name_gets_one_and_a_note(write: Write) -> None:
    table = read_csv(write(",a\n0,5\n1,6\n"))
    assert table.names == ("col1", "a")
    (note,) = table.notes
    assert "column 1 has no name, it is called col1" in note


def test_names_that_are_mostly_numbers_are_noted(write: Write) -> None:
    (note,) = read_csv(write("5.1,3.5,setosa\n4.9,3,setosa\n")).notes
    assert "2 of 3 column names are numbers" in note
    assert "--no-header" in note


def test_table_parts_keep_their_lines(write: Write) -> None:
    table = read_csv(write("a,b,c,\n1,2,3,\n4,5,6,\n7,8,9,\n"))
    part = table.only("c", "a").take([2, 0])
    assert part.names == ("a", "c")
    assert rows_of(part) == [("7", "9"), ("1", "3")]
    assert part.lines == [4, 2]
    assert part.notes == table.notes


def test_a_column_is_read_as_numbers_once_and_its_parts_with_it(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, tokens = read_csv(write("a,b\n1,x\nNA,2\n3,\n")), frozenset(["", "NA"])
    a, b = table.numbers("a", tokens), table.numbers("b", tokens)
    monkeypatch.setattr("training.reading.table.read_numbers", None)
    assert table.numbers("a", tokens) is a
    part = table.only("b", "a").take([2, 0, 1])
    np.testing.assert_array_equal(part.numbers("a", tokens).values, [3, 1, np.nan])
    np.testing.assert_array_equal(part.numbers("b", tokens).missing, [True, False, False])
    np.testing.assert_array_equal(part.numbers("b", tokens).words, [1])
    assert (b.words.tolist(), part.take([]).numbers("a", tokens).values.tolist()) == ([0], [])


# What a writer wrote is read back.


cell = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8).map(str.strip)
name = cell.filter(str.isprintable).map("n{}".format)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_csv_writer_writes_is_read_back(data: st.DataObject, sep: str, end: str) -> None:
    names = data.draw(st.lists(name, min_size=1, max_size=4, unique=True))
    rows = data.draw(st.lists(st.tuples(*[cell] * len(names)), min_size=1, max_size=5))
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=sep, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([names, *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(file.getvalue().encode())
        table = read_csv(path, sep=sep)
    assert table.names == tuple(names)
    assert rows_of(table) == rows


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 5), st.integers(1, 30), st.sampled_from([",", ";", "\t", "|"]), st.integers(0, 9))
def test_numbers_are_read_back_whatever_the_separator(n: int, width: int, sep: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, width + 1))
    lines = [sep.join(f"c{i}" for i in range(width + 1)), *(sep.join(map(repr, row)) for row in x.tolist())]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text("\n".join(lines))
        table = read_csv(path)
    np.testing.assert_array_equal(np.array(table.columns, float).T, x)


# The quick way through a file without quotes, and the csv module's.


PLAIN = [
    "a",
    "1",
    "-2.5",
    "1e3",
    ",",
    ",",
    ";",
    "\t",
    "\n",
    "\n",
    "\r",
    "\r\n",
    " ",
    "\v",
    "\x1c",
    "\xa0",
    "é",
    "\u2028",
]
even = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.sampled_from(["", "1", "-2.5", "x", " y", "é", "3 "]), min_size=width, max_size=width)
    )
)
plain = st.one_of(
    st.lists(st.sampled_from(PLAIN), max_size=40).map("".join),
    st.tuples(even, st.sampled_from(["\n", "\r", "\r\n", "\n\n"])).map(
        lambda rows_end: rows_end[1].join(map(",".join, rows_end[0]))
    ),
)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(plain, st.sampled_from([None, ",", ";", "\t", " ", "1", "\x1c"]), st.booleans())
def test_the_quick_way_reads_as_the_csv_module_does(text: str, sep: str | None, header: bool) -> None:
    def outcome() -> tuple[object, ...]:
        try:
            table = parse_csv(text.encode(), "a.csv", sep=sep, header=header)
        except DataError as error:
            return (str(error),)
        return table.names, table.columns, list(table.lines), table.notes, table.form

    quick = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "plain_columns", lambda text, sep: None)
        assert outcome() == quick


@pytest.mark.parametrize("text", ["a,b\n1,2\n", " a , b\r\n1, 2\r\n", "\n\na,b\n\n1,2", "a,b\né,2\n"])
def test_a_file_without_quotes_goes_the_quick_way(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "quoted_columns", None)
    assert parse_csv(text.encode(), "a.csv").names == ("a", "b")
