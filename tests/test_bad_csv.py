"""CSV files that cannot be read get one line: other files, damage, any bytes, more than memory holds."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from properties import given, settings, st
from readers import read_csv

from training import memory
from training.errors import DataError, UsageError
from training.reading import files
from training.reading import read_csv as module
from training.reading.read_csv import table_cost

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "a.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


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
