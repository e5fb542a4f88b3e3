"""Data on standard input: read once, told apart by its first bytes, called stdin in messages."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, Commands, flowers, houses
from readers import read_csv

from training import memory
from training.errors import DataError
from training.reading.dataset import load_dataset

Feed = Callable[[bytes], None]

X, Y = np.arange(60.0).reshape(20, 3), np.arange(20) % 2


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    """Put bytes on standard input."""
    return lambda content: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path, capsys)


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_table_is_read_as_from_a_file(packed: Callable[[bytes], bytes], feed: Feed, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(flowers())
    feed(packed(flowers().encode()))
    data, same = load_dataset("-"), load_dataset(tmp_path / "a.csv")
    assert (data.name, data.source) == ("stdin", "stdin")
    assert data.features.columns == same.features.columns
    assert data.target == same.target
    assert data.place(3, "width") == "stdin:5, column 'width'"


def test_arrays_are_known_by_their_first_bytes(feed: Feed) -> None:
    feed(npz(x=X, y=Y))
    data = load_dataset("-")
    np.testing.assert_array_equal(data.features, X)
    assert data.place(3) == "stdin, row 4"
    feed(npy(X))
    data = load_dataset("-")
    np.testing.assert_array_equal(data.features, X[:, :2])
    feed(gzip.compress(npy(X)))
    np.testing.assert_array_equal(load_dataset("-").target, X[:, 2])


def test_what_cannot_be_read_again_has_its_digest(feed: Feed, tmp_path: Path) -> None:
    content = flowers().encode()
    feed(content)
    assert load_dataset("-").sha256 == hashlib.sha256(content).hexdigest()
    (tmp_path / "a.csv").write_bytes(content)
    assert load_dataset(tmp_path / "a.csv").sha256 is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r"^stdin: is empty \(0 bytes\)"),
        (b"a,b\n1,2\n3\n", r"^stdin:3: has 1 cell, expected 2"),
        (b"a,b\n1,\n", r"^stdin, column 'b': the target is missing in 1 row \(line 2\)"),
        (b"PK\x03\x04 xl/workbook", r"^stdin: is an Excel workbook; save it as CSV"),
        (b"PAR1 PAR1", r"^stdin: is a Parquet file"),
        (gzip.compress(b"a,b\n1,2\n" * 99, mtime=0)[:-9], r"^stdin: ends early"),
        (npz(x=X, y=Y)[:-40], r"^stdin: is damaged"),
        (npz(points=X), r"^stdin: has no arrays x, y"),
        (npz(x=X, y=Y[:9]), r"^stdin: 'x' has shape"),
        (npy(X)[:-8], r"^stdin: is damaged or cut off"),
    ],
)
def test_complaints_name_it(content: bytes, says: str, feed: Feed) -> None:
    feed(content)
    with pytest.raises(DataError, match=says):
        load_dataset("-")


def test_no_standard_input_is_told(monkeypatch: pytest.MonkeyPatch, feed: Feed) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(DataError, match=r"^stdin: cannot be read; redirect a file"):
        load_dataset("-")
    feed(b"")
    sys.stdin.close()
    with pytest.raises(DataError, match=r"^stdin: cannot be read"):
        read_csv("-")


def test_what_is_larger_than_memory_is_refused(monkeypatch: pytest.MonkeyPatch, feed: Feed) -> None:
    monkeypatch.setattr(memory, "memory", lambda: 1_000_000)
    for content in (b"a,b\n" + b"1,2\n" * 9000, npy(np.zeros((1000, 200))), npz(x=np.zeros((1000, 200)))):
        feed(content)
        with pytest.raises(DataError, match=r"^stdin: needs 2 MB, 1 MB are free"):
            load_dataset("-")


def test_a_model_is_trained_and_asked_through_pipes(commands: Commands, feed: Feed) -> None:
    commands.write("houses.csv", houses())
    feed(houses().encode())
    piped = commands.train("-", "--dry-run")
    assert piped.code == 0, piped.err
    assert piped.out.replace("stdin", "houses.csv") == commands.train("houses.csv", "--dry-run").out
    assert commands.train("houses.csv", "--run", "run").code == 0
    feed(houses().encode())
    assert commands.predict("run", "-") == commands.predict("run", "houses.csv")


@pytest.mark.parametrize("option", ["--val", "--test"])
def test_only_data_comes_from_there(option: str, commands: Commands, feed: Feed) -> None:
    feed(houses().encode())
    result = commands.train("iris", option, "-")
    assert result.code == 2
    assert re.fullmatch(
        rf"train\.py: error: {option} -: only DATA may come on standard input; name a file\n", result.err
    )


def test_a_pipe_of_the_shell_is_read(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "-", "--dry-run"]
    said = subprocess.run(
        command, input=flowers().encode(), capture_output=True, cwd=tmp_path, env=dict(os.environ)
    )
    assert said.returncode == 0, said.stderr
    assert b"stdin   60 rows, 3 columns" in said.stdout
