"""What comes in data files, a case a trouble: refused in one line, warned of, or simply read."""

from __future__ import annotations

import gzip
import io
import os
import re
import shlex
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from commands import Commands

from training import cli, memory

DATA, USAGE = 3, 2

Content = str | bytes | Callable[[Path], object]  # or what makes the file


class Case(NamedTuple):
    """Files, the command line, and what it comes to: `says` on stderr, `out` on stdout."""

    files: dict[str, Content]
    line: str
    code: int
    says: str = ""
    out: str = ""


def table(*rows: str, n: int = 24, header: str = "a,b,y") -> str:
    """A good table of two numbers and a third from them, the given rows put in from line 6 on."""
    body = [f"{i},{(7 * i) % 11 + 0.5},{3 * i + (7 * i) % 11}.25" for i in range(n)]
    return "\n".join([header, *body[:4], *rows, *body[4:]]) + "\n"


def classes(*labels: str, n: int = 40, header: str = "a,b,kind") -> str:
    """A table of two numbers and the labels x and y, then a row for each of the given labels."""
    body = [f"{i % 2 + 0.01 * i},{i % 7},{'xy'[i % 2]}" for i in range(n)]
    more = [f"{0.3 * i + 0.11},{i % 3 + 0.2},{label}" for i, label in enumerate(labels)]
    return "\n".join([header, *body, *more]) + "\n"


def column(cells: list[str], n: int = 24, name: str = "c") -> str:
    """The good table with one more feature, whose cells repeat."""
    lines = table(n=n).splitlines()
    rows = [f"{cells[i % len(cells)]},{line}" for i, line in enumerate(lines[1:])]
    return "\n".join([f"{name},{lines[0]}", *rows]) + "\n"


def zipped(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def header(text: str) -> bytes:
    """A .npy file that is all header."""
    text = f"{text:<117}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def idx(array: np.ndarray, magic: int | None = None) -> bytes:
    top = struct.pack(f">{1 + array.ndim}I", magic or 0x0800 | array.ndim, *array.shape)
    return top + array.astype(np.uint8).tobytes()


RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 3)), np.arange(40) % 2
IMAGES = RNG.integers(0, 256, (40, 4, 5), dtype=np.uint8)
GOOD = table()
GZ = gzip.compress(GOOD.encode())
NPZ = npz(x=X, y=Y)
LABELS, PICTURES = "m/train-labels-idx1-ubyte", "m/train-images-idx3-ubyte"

CASES: dict[str, Case] = {
    # the file
    "1 not there, near name": Case(
        {"auto.csv": GOOD}, "auot.csv", DATA, r"auot\.csv: no such file; did you mean auto\.csv\?"
    ),
    "1 not there, no folder": Case({}, "no/a.csv", DATA, r"no/a\.csv: no such file; there is no folder no"),
    "2 a folder": Case({"d/a.csv": GOOD}, "d", DATA, r"d: is a folder without .*; name a file in it: a\.csv"),
    "2 a folder called .csv": Case(
        {"d.csv/a.csv": GOOD}, "d.csv", DATA, r"d\.csv: is a .*name a file in it: a"
    ),
    **(
        {
            "2 a FIFO": Case(
                {"p.csv": os.mkfifo}, "p.csv", DATA, r"p\.csv: is a FIFO .*on standard input, with -"
            )
        }
        if hasattr(os, "mkfifo")
        else {}
    ),
    "3 0 bytes": Case({"a.csv": ""}, "a.csv", DATA, r"a\.csv: is empty \(0 bytes\)"),
    "4 header only": Case({"a.csv": "a,b\n"}, "a.csv", DATA, r"a\.csv: has a header and 0 rows"),
    "5 blanks only": Case({"a.csv": " \n\n\t\n"}, "a.csv", DATA, r"a\.csv: is empty \(5 bytes, all"),
    "6 blank lines keep the line numbers": Case(
        {"a.csv": "\n" + table("", "", "1,z,2", "") + "\n\n"}, "a.csv", DATA, r"a\.csv:9, column 'b': 'z'"
    ),
    "6 blank lines": Case({"a.csv": table("", "", "") + "\n"}, "a.csv", 0, out="24 rows, 3 columns"),
    "7 too few cells": Case({"a.csv": table("1,2")}, "a.csv", DATA, r"a\.csv:6: has 2 cells, expected 3"),
    "7 too many cells": Case(
        {"a.csv": table("1,2,3,4")}, "a.csv", DATA, r"a\.csv:6: has 4 cells, .*comma in double quotes"
    ),
    "8 a comma at the end of every row": Case(
        {"a.csv": GOOD.replace("\n", ",\n")}, "a.csv", 0, r"the empty column 4 at the end is dropped"
    ),
    "9 BOM": Case({"a.csv": b"\xef\xbb\xbf" + GOOD.encode()}, "a.csv --drop a", 0, out="1 of 1 columns"),
    "10 CRLF": Case({"a.csv": GOOD.replace("\n", "\r\n")}, "a.csv", 0, out="24 rows"),
    "10 lone CR": Case({"a.csv": GOOD.replace("\n", "\r")}, "a.csv", 0, out="24 rows"),
    "10 no final newline": Case({"a.csv": GOOD.rstrip()}, "a.csv", 0, out="24 rows"),
    "11 quoted newline, line of its record": Case(
        {"a.csv": column(['"p, ""q""\nr"', "s"]) + "s,1,o,2\n"}, "a.csv", DATA, r"a\.csv:38, column 'b': 'o'"
    ),
    "12 unclosed quote": Case(
        {"a.csv": table('1,"2,3')}, "a.csv", DATA, r"a\.csv:6: has a quote that is never"
    ),
    "13 semicolons": Case({"a.csv": GOOD.replace(",", ";")}, "a.csv", 0, out="semicolon-separated"),
    "13 tabs": Case({"a.csv": GOOD.replace(",", "\t")}, "a.csv", 0, out="tab-separated"),
    "13 bars": Case({"a.csv": GOOD.replace(",", "|")}, "a.csv", 0, out="bar-separated"),
    "13 another separator": Case(
        {"a.csv": GOOD.replace(",", ":")}, "a.csv", DATA, r"only the target 'a:b:y'; .*--sep :"
    ),
    "14 decimal commas": Case(
        {"a.csv": GOOD.replace(",", ";").replace(".", ",")},
        "a.csv",
        DATA,
        r"a\.csv:2, column 'y': '0,25' is not a number: it has a decimal comma; numbers look .*; fix it$",
    ),
    "15 thousands, quoted": Case(
        {"a.csv": column(['"1,234"', '"2,345"'])}, "a.csv", DATA, r"a\.csv:2, column 'c': '1,234' .*thousands"
    ),
    "15 thousands with a blank": Case(
        {"a.csv": column(["1 234", "2 345"])},
        "a.csv",
        DATA,
        r"a\.csv:2, column 'c': '1 234' .*--categorical c",
    ),
    "16 underscores": Case(
        {"a.csv": table("1_000,2,3")}, "a.csv", DATA, r"a\.csv:6, column 'a': '1_000' .*'_'"
    ),
    "16 full-width digits": Case({"a.csv": table("１２,2,3")}, "a.csv", DATA, r"a\.csv:6, .*U\+FF11"),
    "16 Arabic digits": Case({"a.csv": table("٣,2,3")}, "a.csv", DATA, r"a\.csv:6, .*U\+0663"),
    "17 U+2212": Case({"a.csv": table("−1,2,3")}, "a.csv", DATA, r"a\.csv:6, column 'a': .*U\+2212"),
    "17 $12": Case({"a.csv": table("$12,2,3")}, "a.csv", DATA, r"a\.csv:6, column 'a': '\$12' .*has '\$'"),
    "17 12%": Case({"a.csv": table("12%,2,3")}, "a.csv", DATA, r"a\.csv:6, column 'a': '12%' .*has '%'"),
    "17 0x10": Case({"a.csv": table("0x10,2,3")}, "a.csv", DATA, r"a\.csv:6, column 'a': '0x10' .*has 'x'"),
    "18 Latin-1": Case(
        {"a.csv": classes("ä").encode("latin-1")},
        "a.csv",
        DATA,
        r"a\.csv:42: byte 0xe4 .*try --encoding latin-1",
    ),
    "18 Latin-1, named": Case(
        {"a.csv": classes(*"äää").encode("latin-1")}, "a.csv --encoding latin-1", 0, out="ä: 3 rows"
    ),
    "19 UTF-16": Case({"a.csv": GOOD.replace(",", "\t").encode("utf-16")}, "a.csv", 0, out="utf-16"),
    "20 NUL": Case({"a.csv": table("1,\0,3")}, "a.csv", DATA, r"a\.csv:6: has a NUL byte: binary data"),
    "21 Excel": Case(
        {"a.csv": zipped(**{"xl/workbook.xml": b""})}, "a.csv", DATA, r"is an Excel workbook; save"
    ),
    "21 zip": Case(
        {"a.csv": zipped(**{"a.csv": b"a"})}, "a.csv", DATA, r"a\.csv: is a zip archive; unpack it"
    ),
    "21 PDF": Case({"a.csv": "%PDF-1.7"}, "a.csv", DATA, r"a\.csv: is a PDF document"),
    "21 Parquet": Case(
        {"a.csv": b"PAR1\0\0PAR1"}, "a.csv", DATA, r"a\.csv: is a Parquet file; save it as CSV"
    ),
    "21 Parquet by its name": Case(
        {"a.parquet": b"PAR1\0PAR1"}, "a.parquet", DATA, r"is a Parquet file; save"
    ),
    "21 Excel by its name": Case(
        {"a.xlsx": zipped(**{"[Content_Types].xml": b"", "xl/workbook.xml": b""})},
        "a.xlsx",
        DATA,
        r"a\.xlsx: is an Excel workbook; save it as CSV",
    ),
    "21 a long Parquet by its name": Case(
        {"a.parquet": b"PAR1" + bytes(9999) + b"PAR1"}, "a.parquet", DATA, r"is a Parquet file; save"
    ),
    "21 a long Excel by its name": Case(
        {"a.xlsx": zipped(**{"docProps/app.xml": bytes(9999), "xl/workbook.xml": bytes(9999)})},
        "a.xlsx",
        DATA,
        r"a\.xlsx: is an Excel workbook; save it as CSV",
    ),
    "21 an unreadable ending": Case(
        {"a.docx": zipped(a=bytes(9))}, "a.docx", DATA, r"a\.docx: is a zip archive"
    ),
    "22 a giant cell": Case(
        {"a.csv": table("1,2," + "9" * 140_000)}, "a.csv", DATA, r"a\.csv:6: has a cell of"
    ),
    "23 no header": Case(
        {"a.csv": "1,2,3\n" * 20}, "a.csv", DATA, r"a\.csv:1: the header is all .*--no-header"
    ),
    "23 no header, said": Case(
        {"a.csv": "\n".join(GOOD.splitlines()[1:])},
        "a.csv --no-header -t 2",
        0,
        r"'col1' is not used: looks like an id",
        r"target +col2",
    ),
    "24 a name twice": Case(
        {"a.csv": table(header="a,a,y")}, "a.csv", DATA, r"a\.csv: columns 1 and 2 are both named 'a'; rename"
    ),
    "25 a column without a name": Case(
        {"a.csv": table(header="a,,y")}, "a.csv", 0, r"column 2 has no name.*col2"
    ),
    "25 a name with an ESC": Case(
        {"a.csv": table("x,1,2", header="\x1b[1m,b c,y")}, "a.csv", DATA, r"a\.csv:6, column '\\x1b\[1m': 'x'"
    ),
    # the target
    "26 absent": Case(
        {"a.csv": GOOD}, "a.csv -t yy", DATA, r"no column 'yy' .*mean 'y'\? \(columns: a, b, y\)"
    ),
    "27 the last column": Case(
        {"a.csv": table(header="a,b,c")}, "a.csv", 0, out=r"target +c \(the last column\)"
    ),
    "27 by its name": Case({"a.csv": table(header="a,y,c")}, "a.csv", 0, out=r"target +y \(by its name\)"),
    "27 two candidates": Case(
        {"a.csv": table(header="label,b,y")}, "a.csv", DATA, r"a\.csv: 'label' and 'y' may each .*--target"
    ),
    "28 the only column": Case(
        {"a.csv": "y\n1\n2\n"}, "a.csv", DATA, r"a\.csv: no feature columns left, only"
    ),
    "29 missing": Case(
        {"a.csv": table("1,2,", "1,2,NA", "1,2,?", "1,2,")},
        "a.csv",
        DATA,
        r"a\.csv, column 'y': the target is missing in 4 rows \(lines 6, 7, 8, \.\.\.\); fill it in",
    ),
    "30 nan": Case(
        {"a.csv": table("1,2,nAn")}, "a.csv", DATA, r"a\.csv:6, column 'y': 'nAn' is not a number"
    ),
    "30 inf": Case(
        {"a.csv": table("1,2,inf")}, "a.csv", DATA, r"a\.csv:6, column 'y': 'inf' is not a finite"
    ),
    "30 1e400": Case(
        {"a.csv": table("1,2,1e400")}, "a.csv", DATA, r"a\.csv:6, column 'y': '1e400' is not a fin"
    ),
    # features
    "31 missing numbers": Case(
        {"a.csv": table(",2,3.5")}, "a.csv", 0, out=r"missing +a: 1 cell, .* the median 1"
    ),
    "32 inf": Case(
        {"a.csv": table("inf,2,3")}, "a.csv", DATA, r"a\.csv:6, column 'a': 'inf' is not a finite"
    ),
    "33 wholly missing": Case({"a.csv": column(["", "NA"])}, "a.csv", 0, r"'c' is not used: no values"),
    "34 NA is a word": Case(
        {"a.csv": column(["NA", "ZA"])}, 'a.csv --missing-values ""', 0, out=r"1 category \(c: 2\)"
    ),
    "34 NA is missing": Case({"a.csv": column(["NA", "ZA"])}, "a.csv", 0, out=r"missing +c: 12 cells \(NA\)"),
    "35 one bad token": Case(
        {"a.csv": table(*["5,1o,3"], n=2000)},
        "a.csv",
        DATA,
        r"a\.csv:6, column 'b': '1o' .*--missing-values 1o",
    ),
    "36 text of few values": Case({"a.csv": column(["u", "v", "w"])}, "a.csv", 0, out=r"1 category \(c: 3\)"),
    "37 text, all distinct": Case(
        {"a.csv": column([f"w{i}" for i in range(24)])},
        "a.csv",
        0,
        r"'c' is not used: text, 24 dist.*--categorical",
    ),
    "37 more than 1000 levels": Case(
        {"a.csv": column([f"w{i}" for i in range(1200)], n=1200)},
        "a.csv --categorical c",
        DATA,
        r"a\.csv, column 'c': expected at most 1000 categories, got 1200; leave it out with --drop c",
    ),
    "38 dates": Case(
        {"a.csv": column(["2024-01-02", "2024-02-03"])}, "a.csv", 0, r"'c' is not used: dates or times"
    ),
    "38 dates, dropped": Case({"a.csv": column(["2024-01-02"])}, "a.csv --drop c", 0, out="2 of 2 columns"),
    "39 ids of 20 digits": Case(
        {"a.csv": column([f"1234567890123456789{i}" for i in range(10)])},
        "a.csv",
        0,
        r"'c' is not used: .* an id",
    ),
    "40 5000 digits": Case(
        {"a.csv": table("9" * 5000 + ",2,3")},
        "a.csv",
        DATA,
        r"a\.csv:6, column 'a': '9{57}\.\.\.' is not a finite",
    ),
    "41 constant": Case({"a.csv": column(["0.1"])}, "a.csv", 0, r"'c' is not used: constant \(0\.1\)"),
    "41 constant, large": Case({"a.csv": column(["1e9"])}, "a.csv", 0, r"'c' is not used: constant"),
    "42 constant in the training rows": Case(
        {"a.csv": "a,b,y\n" + "".join(f"{int(i == 6)},{i % 7},{i * i}.5\n" for i in range(20))},
        "a.csv",
        0,
        r"column 'a' is constant in the training rows; scaled by 1",
    ),
    "43 a copy of the target": Case(
        {"a.csv": "y2,a,y\n" + "".join(f"{i * i}.5,{i % 5},{i * i}.50\n" for i in range(24))},
        "a.csv",
        0,
        r"feature 'y2' equals the target: a leak\? --drop y2",
    ),
    "43 columns alike": Case(
        {"a.csv": "a,a2,y\n" + "".join(f"{i % 5},{i % 5},{i * i}.50\n" for i in range(24))},
        "a.csv",
        0,
        r"columns 'a' and 'a2' are identical; --drop a2",
    ),
    # classes
    "44 one class": Case(
        {"a.csv": "a,y\n" + "1,u\n2,u\n" * 9}, "a.csv", DATA, r"target has one value \('u'\)"
    ),
    "45 one number": Case(
        {"a.csv": "a,y\n" + "1,1.5\n2,1.5\n" * 9}, "a.csv", DATA, r"has one value \(1\.5\)"
    ),
    "46 a class of one row": Case(
        {"a.csv": classes("z")}, "a.csv", 0, r"one row only of class 'z': it trains"
    ),
    "47 a class of two rows": Case({"a.csv": classes("z", "z")}, "a.csv", 0, r"two rows only of class 'z'"),
    "48 each row a class": Case(
        {"a.csv": "a,y\n" + "".join(f"{i},w{i}\n" for i in range(40))},
        "a.csv",
        DATA,
        r"40 rows, 40 classes; did",
    ),
    "49 99 : 1": Case(
        {"a.csv": "a,kind\n" + "".join(f"{i},{'uv'[i % 100 == 0]}\n" for i in range(400))},
        "a.csv",
        0,
        r"always answering 'u' is right for 99\.0% of the rows; try --class-weight balanced",
    ),
    "50 labels as floats": Case(
        {"a.csv": "a,kind\n" + "".join(f"{i},{i % 3}.0\n" for i in range(60))},
        "a.csv",
        0,
        out="0: 20 rows, 1: 20",
    ),
    "51 labels with blanks": Case(
        {"a.csv": classes(" x", "y ", n=40)}, "a.csv", 0, out="classes   x: 21 rows, y: 21 rows"
    ),
    "51 labels in two cases": Case(
        {"a.csv": classes(*"XXXXX")}, "a.csv", 0, r"'X' and 'x' differ only by case"
    ),
    "52 ratings": Case(
        {"a.csv": "a,y\n" + "".join(f"{i},{1 + i % 10}\n" for i in range(100))},
        "a.csv",
        0,
        out=r"classification: 10 distinct whole numbers; --task regression to change",
    ),
    "52 0 to 100": Case(
        {"a.csv": "a,y\n" + "".join(f"{i},{i % 101}\n" for i in range(202))},
        "a.csv",
        0,
        out=r"regression: 101 distinct numbers; --task classification to change",
    ),
    "53 a class of the test file only": Case(
        {"a.csv": classes(), "t.csv": "a,b,kind\n0.5,1,x\n1.5,2,new\n"},
        "a.csv --test t.csv",
        0,
        r"t\.csv: 1 row of a class that training never saw \('new' 1 x\), counted as wrong",
    ),
    "54 regression on words": Case(
        {"a.csv": table("1,2,high")},
        "a.csv --task regression",
        DATA,
        r"a\.csv:6, column 'y': 'high' is not a num",
    ),
    # sizes
    **{
        f"55 {n} rows": Case(
            {"a.csv": table(n=n)},
            "a.csv --task regression",
            DATA,
            rf"at least 10 rows \(has {n}\); --val 0 --test 0",
        )
        for n in (1, 2, 3)
    },
    "55 2 rows, all to train": Case(
        {"a.csv": "a,y\n1,2\n3,5\n"}, "a.csv --task regression --val 0 --test 0", 0, r"no rows to validate on"
    ),
    "55 1 row, all to train": Case(
        {"a.csv": "a,y\n1,2\n"}, "a.csv --val 0 --test 0", DATA, r"at least 2 rows"
    ),
    "56 fractions": Case({"a.csv": GOOD}, "a.csv --val 0.6 --test 0.5", USAGE, r"expected a sum below 1"),
    "56 no rows to validate on": Case({"a.csv": GOOD}, "a.csv --val 0", 0, r"no rows to validate on"),
    "57 batch": Case(
        {"a.csv": GOOD}, "a.csv --batch-size 99", 0, r"--batch-size 99: more than the 16 training"
    ),
    "58 a last batch of one row": Case(
        {"a.csv": GOOD}, "a.csv --val 0 --test 3 --batch-size 20 --batchnorm", 0, r"no rows to val"
    ),
    "59 more columns than rows": Case(
        {
            "a.csv": "y,"
            + ",".join(f"c{i}" for i in range(40))
            + "\n"
            + "".join(
                f"{i * i}.5," + ",".join(str(i**3 * j % 97 % 41) for j in range(1, 41)) + "\n"
                for i in range(20)
            )
        },
        "a.csv",
        0,
        r"40 features for 14 training rows: it may learn them by heart",
    ),
    "61 gzip cut off": Case(
        {"a.csv.gz": GZ[:-9]}, "a.csv.gz", DATA, r"a\.csv\.gz: ends early, .*download it"
    ),
    "61 gzip with a bad CRC": Case(
        {"a.csv.gz": GZ[:-8] + bytes(8)}, "a.csv.gz", DATA, r"a\.csv\.gz: is damaged \(CRC check failed"
    ),
    "61 gzip that is none": Case({"a.csv.gz": GOOD}, "a.csv.gz", DATA, r"a\.csv\.gz: is not gzip, although"),
    # arrays
    "62 NPZ cut off": Case({"a.npz": NPZ[: len(NPZ) // 2]}, "a.npz", DATA, r"a\.npz: is damaged"),
    "62 NPZ with a flipped bit": Case(
        {"a.npz": NPZ[:300] + bytes([NPZ[300] ^ 1]) + NPZ[301:]},
        "a.npz",
        DATA,
        r"a\.npz: is damaged \(Bad CRC-32",
    ),
    "63 objects": Case(
        {"a.npz": lambda path: np.savez(path, x=np.array([["a", 1]] * 40, object), y=Y)},
        "a.npz",
        DATA,
        r"a\.npz: 'x' holds Python objects; refused for safety, save as numbers",
    ),
    "64 a pickle": Case(
        {"a.npy": b"\x80\x04\x95abc"}, "a.npy", DATA, r"a\.npy: is a Python pickle; refused for saf"
    ),
    "65 a header that lies": Case(
        {"a.npy": header("{'descr': '<f8', 'fortran_order': False, 'shape': (4000000000000, 1), }")},
        "a.npy",
        DATA,
        r"a\.npy: is damaged or cut off: its header says .*32000000000000 bytes, and 0 bytes follow",
    ),
    "66 other keys": Case({"a.npz": npz(points=X, answers=Y)}, "a.npz", DATA, r"it holds: points, answers"),
    "66 other keys, the target named": Case({"a.npz": npz(points=X, answers=Y)}, "a.npz -t answers", 0),
    **{
        f"66 {x}, {y}": Case({"a.npz": npz(**{x: X, y: Y})}, "a.npz", 0, out=rf"target +{y} \(key '{y}'\)")
        for x, y in (("x", "y"), ("X", "Y"), ("x_train", "y_train"), ("data", "target"))
    },
    "67 lengths": Case(
        {"a.npz": npz(x=X, y=Y[:39])}, "a.npz", DATA, r"shape \(40, 3\), .*'y' \(39,\); each row"
    ),
    "68 one-hot": Case({"a.npz": npz(x=X, y=np.eye(2)[Y])}, "a.npz", 0, r"'y' is one-hot .*classes 0 to 1"),
    "68 (N, 1)": Case({"a.npz": npz(x=X, y=Y[:, None])}, "a.npz", 0, r"'y' has shape \(40, 1\), read as one"),
    "68 (N, H, W)": Case(
        {"a.npz": npz(x=IMAGES, y=Y)}, "a.npz", 0, out="40 rows of 1 x 4 x 5 numbers, uint8"
    ),
    "68 (N, C, H, W)": Case({"a.npz": npz(x=IMAGES[:, None], y=Y)}, "a.npz", 0, out="40 rows of 1 x 4 x 5"),
    "68 (N, H, W, C)": Case(
        {"a.npz": npz(x=IMAGES[..., None], y=Y)},
        "a.npz",
        0,
        r"shape \(40, 4, 5, 1\), read as images \(N, H, W, C\)",
    ),
    "68 (N, H, W, C) or (N, C, H, W)": Case(
        {"a.npz": npz(x=IMAGES[:, :3, :3, None].repeat(3, 3), y=Y)},
        "a.npz",
        0,
        r"read as images \(N, C, H, W\);",
    ),
    "68 no axis": Case(
        {"a.npz": npz(x=np.float64(3), y=Y)}, "a.npz", DATA, r"'x' has shape \(\); expected \(N, D"
    ),
    **{
        f"69 {what}": Case({"a.npz": npz(x=x, y=Y)}, "a.npz", DATA, rf"a\.npz: 'x' holds {says}")
        for what, x, says in (
            ("complex", X + 0j, "complex numbers"),
            ("datetime", np.zeros((40, 2), "M8[s]"), "dates"),
            ("structured", np.zeros((40, 2), [("a", "f8")]), "structured records"),
        )
    },
    **{
        f"69 {what}": Case({"a.npz": npz(x=X.astype(what), y=Y)}, "a.npz", 0)
        for what in ("float16", ">f8", ">i4")
    },
    "70 nan": Case(
        {"a.npz": npz(x=np.where(np.arange(120).reshape(40, 3) == 31, np.nan, X), y=Y)},
        "a.npz",
        DATA,
        r"a\.npz: 'x' holds nan in row 11, column 2",
    ),
    "71 magic": Case(
        {PICTURES: idx(IMAGES, 0x0801), LABELS: idx(Y)},
        "m",
        DATA,
        r"begins with 0x00000801, expected the magic",
    ),
    "71 too few bytes": Case(
        {PICTURES: idx(IMAGES)[:-1], LABELS: idx(Y)}, "m", DATA, r"says 40 x 4 x 5 = 800 bytes, 799 follow"
    ),
    "71 lengths": Case({PICTURES: idx(IMAGES), LABELS: idx(Y[1:])}, "m", DATA, r"each row needs one target"),
    "71 gzipped": Case(
        {f"{PICTURES}.gz": gzip.compress(idx(IMAGES)), LABELS: idx(Y)},
        "m",
        0,
        out="40 rows of 1 x 4 x 5 numbers",
    ),
    "72 bytes": Case(
        {PICTURES: idx(IMAGES), LABELS: idx(Y)}, "m", 0, out="20 inputs, bytes, scaled by 1/255"
    ),
    "73 a member outside": Case(
        {"a.npz": zipped(**{"../../x.npy": npy(X), "y.npy": npy(Y)})},
        "a.npz",
        DATA,
        r"it holds: \.\./\.\./x, y",
    ),
    # other files
    "75 another order": Case(
        {"a.csv": GOOD, "t.csv": "y,b,a\n" + "".join(f"{i}.5,{i},{i}\n" for i in range(5))},
        "a.csv --test t.csv",
        0,
    ),
    "75 columns lacking": Case(
        {"a.csv": GOOD, "t.csv": "y,z\n1,2\n"},
        "a.csv --test t.csv",
        DATA,
        r"t\.csv: .*, lacks a, b; add them",
    ),
    "75 no target": Case(
        {"a.csv": GOOD, "t.csv": "a,b\n1,2\n"},
        "a.csv --test t.csv",
        DATA,
        r"t\.csv: has no column 'y' for --target",
    ),
    "75 a header only": Case(
        {"a.csv": GOOD, "t.csv": "a,b,y\n"}, "a.csv --test t.csv", DATA, r"t\.csv: .* 0 rows"
    ),
    "76 the same rows": Case(
        {"a.csv": GOOD, "t.csv": GOOD},
        "a.csv --test t.csv",
        0,
        r"t\.csv: 24 of 24 rows in the data to train on too",
    ),
    "102 a target of 1e30": Case(
        {"a.csv": GOOD.replace(".25", "e30")}, "a.csv", 0, out=r"regression: 24 distinct numbers"
    ),
}


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path, capsys)


def put(name: str, content: Content) -> None:
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    if isinstance(content, str):
        path.write_bytes(content.encode())
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        content(path)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_gets_what_it_deserves(case: Case, commands: Commands) -> None:
    for name, content in case.files.items():
        put(name, content)
    before = sorted(Path().rglob("*"))
    result = commands.train(
        "--epochs", "1", "--hidden", "4", "--no-plots", *shlex.split(case.line), quick=False
    )
    assert result.code == case.code, result.err
    assert re.search(case.says, result.err)
    assert re.search(case.out, result.out)
    if case.code:
        assert len(result.err.splitlines()) == 1
        assert result.err.startswith("train.py: error: ")
        assert sorted(Path().rglob("*")) == before
    else:
        warnings = [warning for warning in result.warnings if "is no better than always" not in warning]
        assert len(warnings) == (1 if case.says else 0), result.err
        assert len(list(Path("runs").iterdir())) == 1


TRAINED = "a,c,y\n" + "".join(f"{i},{'uvw'[i % 3]},{3 * i}.5\n" for i in range(24))

PREDICTIONS: dict[str, Case] = {
    "104 columns lacking": Case({"p.csv": "c\nu\n"}, "p.csv", DATA, r"p\.csv: .*lacks a; add them"),
    "104 columns to spare, another order, no target": Case(
        {"p.csv": "z,c,a\n9,u,1\n8,v,2\n"}, "p.csv", 0, out=r"^row,true,predicted\n1,,[-\d.]+\n2,,[-\d.]+\n$"
    ),
    "104 an unknown category": Case(
        {"p.csv": "a,c\n1,q\n2,q\n"},
        "p.csv",
        0,
        r"p\.csv, column 'c': 2 cells of a category that training never",
    ),
    "104 missing cells": Case({"p.csv": "a,c\n,u\nNA,\n"}, "p.csv", 0, r"column 'c': 1 cell of a category"),
    "104 inf": Case({"p.csv": "a,c\ninf,u\n"}, "p.csv", DATA, r"p\.csv:2, column 'a': 'inf' is not a finite"),
    "104 a word": Case(
        {"p.csv": "a,c\n1,u\nten,u\n"}, "p.csv", DATA, r"p\.csv:3, column 'a': 'ten' is not a n"
    ),
    "104 output exists": Case(
        {"p.csv": "a,c\n1,u\n", "o.csv": "mine"}, "p.csv -o o.csv", USAGE, r"o\.csv exists already; .*--force"
    ),
    "104 arrays for a table": Case({"p.npz": NPZ}, "p.npz", DATA, r"p\.npz: expected a table as in training"),
    "1 not there": Case({"p.csv": "a,c\n1,u\n"}, "q.csv", DATA, r"q\.csv: no such file; did you mean p\.csv"),
    "3 0 bytes": Case({"p.csv": ""}, "p.csv", DATA, r"p\.csv: is empty \(0 bytes\)"),
    "4 header only": Case({"p.csv": "a,c\n"}, "p.csv", DATA, r"p\.csv: has a header and 0 rows"),
    "13 semicolons": Case({"p.csv": "a;c\n1;u\n"}, "p.csv", 0, out=r"\n1,,[-\d.]+\n$"),
    "19 UTF-16": Case({"p.csv": "a,c\n1,u\n".encode("utf-16")}, "p.csv", 0, out=r"\n1,,[-\d.]+\n$"),
    "29 the target missing": Case(
        {"p.csv": "a,c,y\n1,u,2\n2,u,\n"}, "p.csv", 0, r"the target is missing in 1 row \(line 3\); not used"
    ),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "a.csv").write_text(TRAINED)
    quick = ["--epochs", "1", "--hidden", "4", "--no-plots", "--progress", "none"]
    assert cli.main([str(folder / "a.csv"), "--run", str(folder / "run"), *quick]) == 0
    return folder / "run"


@pytest.mark.parametrize("case", PREDICTIONS.values(), ids=PREDICTIONS)
def test_each_gets_what_it_deserves_in_prediction(case: Case, run: Path, commands: Commands) -> None:
    for name, content in case.files.items():
        put(name, content)
    result = commands.predict(str(run), *shlex.split(case.line))
    assert result.code == case.code, result.err
    assert re.search(case.says, result.err)
    assert re.search(case.out, result.out)
    assert len(result.err.splitlines()) == (1 if case.says else 0)
    if case.code:
        assert result.err.startswith("predict.py: error: ")
        assert result.out == ""
        assert {path.name: path.read_bytes() for path in Path().iterdir()} == {
            name: content.encode() if isinstance(content, str) else content
            for name, content in case.files.items()
        }


def test_60_a_table_larger_than_memory_is_refused_before_it_is_loaded(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    put("a.csv", table(n=2000))
    monkeypatch.setattr(memory, "memory", lambda: 400_000)
    result = commands.train("a.csv")
    assert result.code == DATA
    assert re.fullmatch(
        r"train\.py: error: a\.csv: needs 1 MB, 0 MB are free; keep fewer rows .*\n", result.err
    )
