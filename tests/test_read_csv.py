"""Reading tables: what is read right, and the one line for what cannot be read."""

from __future__ import annotations

import csv
import gzip
import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import read_csv

from training import memory
from training.errors import DataError, UsageError
from training.reading import files
from training.reading import read_csv as module
from training.reading.read_csv import parse_csv, table_cost
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


def workbook(member: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, "1,2,3\n")
    return file.getvalue()


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, x=np.zeros(3))
    return file.getvalue()


GZ = gzip.compress(b"a,b\n1,x\n2,y\n" * 50)

BAD = {
    "0 bytes": (b"", {}, r"a\.csv: is empty \(0 bytes\)"),
    "blanks only": (b" \n\t\n\n", {}, r"a\.csv: is empty \(5 bytes, all of them blank\)"),
    "BOM only": (b"\xef\xbb\xbf", {}, r"a\.csv: is empty \(3 bytes"),
    "empty gzip": (gzip.compress(b""), {}, r"is empty \(0 bytes\)"),
    "header only": (b"a,b\n", {}, r"a\.csv: has a header and 0 rows"),
    "too few cells": (
        b"a,b,c,d,e\n1,2,3,4,5\n\n1,2,3,4\n",
        {},
        r"a\.csv:4: has 4 cells, expected 5 as in the header; add what is missing",
    ),
    "too many cells": (
        b"a,b\n1,2\n1,x,y\n",
        {},
        r"a\.csv:3: has 3 cells, expected 2 as in the header; put a cell that holds a comma in double quotes",
    ),
    "ragged without header": (
        b"1,2\n1\n",
        {"header": False},
        r":2: has 1 cell, expected 2 as in the first row",
    ),
    "only some rows end in a comma": (b"a,b\n1,2,\n3,4\n", {}, r"a\.csv:2: has 3 cells, expected 2"),
    "unclosed quote": (
        b'a,b\n1,x\n2,"y\n3,z\n4,w\n',
        {},
        r"a\.csv:3: has a quote that is never closed",
    ),
    "text after a quote": (b'a,b\n1,"x"y\n', {}, r"a\.csv:2: has text after a closing quote"),
    "giant cell": (b"a,b\n1,2\n1," + b"x" * 140_000, {}, r"a\.csv:3: has a cell of more than 131072 char"),
    "Latin-1": (
        b"a,b\n1,x\n2,caf\xe9\n",
        {},
        r"a\.csv:3: byte 0xe9 at offset 13 is not UTF-8; try --encoding latin-1",
    ),
    "Latin-1 after CRs and a BOM": (b"\xef\xbb\xbfa\r1\r\xe9\r", {}, r"a\.csv:3: byte 0xe9 at offset 7 is"),
    "half a UTF-16 character": ("a,b\n1,2\n".encode("utf-16")[:-1], {}, r"is not UTF-16"),
    "UTF-8 is not ASCII": ("a\n\u00e9\n".encode(), {"encoding": "ascii"}, r"a\.csv:2: byte 0xc3 at offset 2"),
    "NUL": (b"a,b\n1,\0\n", {}, r"a\.csv:2: has a NUL byte: binary data"),
    "UTF-16 without BOM": ("a,b\n1,2\n".encode("utf-16-le"), {}, r"--encoding utf-16"),
    "Excel": (workbook("xl/workbook.xml"), {}, r"a\.csv: is an Excel workbook; save it as CSV"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), {}, r"is an old Excel workbook"),
    "OpenDocument": (b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis", {}, r"OpenDocument"),
    "zip": (workbook("a.csv"), {}, r"is a zip archive; unpack it"),
    "NPZ": (npz(), {}, r"is an archive of NumPy arrays; name it \.npz"),
    "NPY": (npy(), {}, r"is a NumPy array; name it \.npy"),
    "PDF": (b"%PDF-1.7\n", {}, r"is a PDF document"),
    "Parquet": (b"PAR1\x15\x04PAR1", {}, r"is a Parquet file; save it as CSV"),
    "web page": (b"\n<!DOCTYPE html><html>", {}, r"is a web page, not the data"),
    "pickle": (b"\x80\x04\x95abc", {}, r"is a Python pickle; refused for safety"),
    "gzip in gzip": (gzip.compress(GZ), {}, r"is compressed twice"),
    "gzip cut off": (GZ[:-12], {}, r"a\.csv: ends early"),
    "gzip flipped": (GZ[:-8] + bytes([GZ[-8] ^ 1]) + GZ[-7:], {}, r"is damaged \(CRC check failed"),
    "gzip followed by garbage": (GZ + b"garbage", {}, r"is damaged"),
    "header of numbers": (b"5.1,3.5\n4.9,3\n", {}, r"a\.csv:1: the header is all numbers .*--no-header"),
    "one line of numbers": (b"1,2\n", {}, r"a\.csv:1: the header is all numbers"),
    "name twice": (b"a,b,a\n1,2,3\n", {}, r"a\.csv: columns 1 and 3 are both named 'a'; rename one$"),
    "number twice": (b"0.2,0.2,x\n1,2,y\n", {}, r"both named '0.2'; rename one, or add --no-header"),
    "name with an escape, twice": (b"\x1b[1m,\x1b[1m\n1,2\n", {}, r"both named '\\x1b\[1m'"),
}


@pytest.mark.parametrize(("content", "options", "says"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_gets_one_line(
    content: bytes, options: dict[str, str], says: str, write: Write
) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read_csv(write(content), **options)
    assert caught.value.code == 3
    assert str(caught.value).isprintable()


def test_gz_in_name_only(write: Write) -> None:
    with pytest.raises(DataError, match=r"a\.csv\.gz: is not gzip, although its name ends in \.gz"):
        read_csv(write("a,b\n1,2\n", "a.csv.gz"))


@pytest.mark.parametrize("sep", ["", ";;", '"', "\n"])
def test_an_impossible_separator_is_a_usage_error(sep: str, write: Write) -> None:
    with pytest.raises(UsageError, match="--sep: expected one character"):
        read_csv(write("a,b\n1,2\n"), sep=sep)


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "base64", "utf\0"])
def test_an_impossible_encoding_is_a_usage_error(encoding: str, write: Write) -> None:
    with pytest.raises(UsageError, match="--encoding: expected the name of a text encoding"):
        read_csv(write("a,b\n1,2\n"), encoding=encoding)


def test_a_missing_file_names_the_nearest(write: Write, tmp_path: Path) -> None:
    write("a,b\n1,2\n", "auto.csv")
    with pytest.raises(DataError, match=r"auot\.csv: no such file; did you mean .*auto\.csv\?"):
        read_csv(tmp_path / "auot.csv")
    with pytest.raises(DataError, match=r"zzz\.csv: no such file; check the name"):
        read_csv(tmp_path / "zzz.csv")
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        read_csv(tmp_path / "nowhere" / "auto.csv")
    with pytest.raises(DataError, match="no such file"):
        read_csv(tmp_path / "auto.csv" / "b.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_csv("a\0.csv")


def test_a_directory_lists_its_data_files(write: Write, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a directory; it holds no data files"):
        read_csv(tmp_path)
    write("a,b\n1,2\n", "auto.csv")
    write("", "notes.md")
    with pytest.raises(DataError, match=r"is a directory; name a file in it: auto\.csv$"):
        read_csv(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"a\.csv: is a FIFO \(named pipe\), not a file"):
        read_csv(tmp_path / "a.csv")


def test_a_device_is_refused() -> None:
    with pytest.raises(DataError, match="is a device or a socket"):
        read_csv(os.devnull)


def test_an_unreadable_file_says_why(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write("a,b\n1,2\n")
    monkeypatch.setattr(files, "open", refuse, raising=False)
    with pytest.raises(DataError, match=r"a\.csv: cannot be read \(Permission denied\)"):
        read_csv(path)


def test_a_file_name_is_escaped_in_messages(write: Write) -> None:
    with pytest.raises(DataError, match=r"a\\x1bb\\n\.csv: is empty"):
        read_csv(write("", "a\x1bb\n.csv"))


def test_a_file_name_that_is_no_utf_8_is_escaped(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.csv")
    with open(path, "wb"):
        pass
    with pytest.raises(DataError, match=r"caf\\udce9\.csv: is empty"):
        read_csv(os.fsdecode(path))


def test_table_parts_keep_their_lines(write: Write) -> None:
    table = read_csv(write("a,b,c,\n1,2,3,\n4,5,6,\n7,8,9,\n"))
    part = table.only("c", "a").take([2, 0])
    assert part.names == ("a", "c")
    assert rows_of(part) == [("7", "9"), ("1", "3")]
    assert part.lines == [4, 2]
    assert part.notes == table.notes


# Fuzzing: a Table or our error, never anything else.

PIECES = [b"a", b"1", b"2.5", b",", b";", b"\t", b"|", b'"', b"\n", b"\r", b"\r\n", b" ", b"\xff", b"\xfe"]
PIECES += [b"\0", b"\xef\xbb\xbf", b"\x1f\x8b", "é".encode(), b"x" * 50, b"PK\x03\x04", b"\x85", b"\x1c"]
messy = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    messy,
    st.sampled_from([None, ",", ";", "\t", " ", "x"]),
    st.booleans(),
    st.sampled_from(["utf-8", "latin-1", "utf-16", "utf-7", "cp1252", "shift_jis"]),
)
def test_any_bytes_give_a_table_or_a_line(
    content: bytes, sep: str | None, header: bool, encoding: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(content)
        try:
            table, text = read_csv(path, sep=sep, header=header, encoding=encoding), ""
        except DataError as error:
            table, text = None, str(error)
    assert text.isprintable()
    if table is None:
        return
    assert len(table) > 0
    assert all(len(column) == len(table) for column in table.columns)
    assert len(table.columns) == len(set(table.names)) > 0
    assert all(cell == cell.strip() for column in table.columns for cell in column)


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


# Memory.


def test_a_table_larger_than_memory_is_refused_by_its_beginning(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("a,b\n" + "1.5,2.5\n" * 200_000)
    monkeypatch.setattr(memory, "memory", lambda: 30_000_000)
    monkeypatch.setattr(module, "decode", None)  # so much of it is not read
    with pytest.raises(DataError, match=r"a\.csv: needs 39 MB, 30 MB are free; keep fewer rows or columns"):
        read_csv(path)
    with pytest.raises(DataError, match="needs 39 MB"):
        read_csv(write(gzip.compress(path.read_bytes()), "a.csv.gz"))


def test_the_cost_of_a_table_grows_with_its_cells() -> None:
    head = b"1,2\n" * 1000
    assert table_cost(head, len(head)) == 8000 + 2000 * 90
    assert table_cost(head, 10 * len(head)) == 10 * table_cost(head, len(head))
    assert table_cost(b'"1","2"\n', 8) == 16 + 2 * 150
    assert table_cost(b"", 0) == 0


def test_a_gzip_bomb_is_stopped_on_its_way(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(gzip.compress(bytes(120 << 10)), "a.csv.gz")
    monkeypatch.setattr(files, "HEAD", 1 << 10)
    monkeypatch.setattr(memory, "memory", lambda: 1000)
    with pytest.raises(DataError, match=r"a\.csv\.gz: needs 0 MB.* for what comes after .* is it damaged"):
        read_csv(path)


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
