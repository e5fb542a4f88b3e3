"""What comes in files of tables: the file, the target, features, classes, sizes."""

from __future__ import annotations

import os

from trouble import DATA, GOOD, GZ, USAGE, Case, classes, column, table, zipped

TABLES: dict[str, Case] = {
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
}
