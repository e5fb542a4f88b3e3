"""What comes in data files, a case a trouble: refused in one line, warned of, or simply read."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from commands import Commands
from trouble import DATA, NPZ, USAGE, Case, Content, table
from trouble_in_arrays import ARRAYS
from trouble_in_tables import TABLES

from training import cli, memory

CASES = TABLES | ARRAYS


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
