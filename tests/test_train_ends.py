"""How train.py ends when something goes wrong, and as a program."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, Commands, flowers, houses
from run_files import FILES, history, names

import training.gallery
import training.program

BUG, DATA, DIVERGED, DISK, INTERRUPTED = 1, 3, 5, 6, 130


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut is awaited
    (tmp_path / "houses.csv").write_text(houses())
    (tmp_path / "flowers.csv").write_text(flowers())
    return Commands(tmp_path, capsys)


# When something goes wrong


def test_a_run_that_diverges_at_once_leaves_nothing(commands: Commands) -> None:
    result = commands.train("houses.csv", "--optimizer", "sgd", "--lr", "1e9")
    assert result.code == DIVERGED
    line = result.err.splitlines()[-1]
    assert re.match(r"train.py: error: diverged: .* at epoch 1, batch \d of \d; try --lr ", line)
    assert line.endswith("; no epoch was finished, so nothing is left behind")
    assert names(commands.folder / "runs") == []


def test_a_run_that_diverges_later_keeps_its_best_epoch(commands: Commands) -> None:
    rising = ["--optimizer", "sgd", "--lr", "1e6", "--warmup", "100000", "--epochs", "400", "--patience", "0"]
    result = commands.train("houses.csv", *rising)
    assert result.code == DIVERGED
    found = re.search(r"best epoch (\d+) kept in runs/houses-001$", result.err)
    assert found is not None, result.err
    rows = history(commands, "runs/houses-001")
    assert rows[int(found[1]) - 1]["best"] == "1"
    assert int(found[1]) == max(int(row["epoch"]) for row in rows if row["best"] == "1")
    assert commands.predict("runs/houses-001", "houses.csv").code == 0


def test_ctrl_c_before_training_leaves_nothing(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training.program, "make_plan", interrupted)
    result = commands.train("flowers.csv")
    assert (result.code, result.err) == (INTERRUPTED, "train.py: interrupted\n")
    assert names(commands.folder) == ["flowers.csv", "houses.csv"]


def test_a_bug_of_ours_is_one_line_and_with_debug_its_traceback(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr(training.program, "report", wrong)
    result = commands.train("flowers.csv")
    said = "this is a bug of ours: ZeroDivisionError: one two; run again with --debug, and report it"
    assert (result.code, result.err) == (BUG, f"train.py: error: {said}\n")
    result = commands.train("flowers.csv", "--debug")
    assert result.code == BUG
    assert result.err.startswith("Traceback (most recent call last):")
    assert "in wrong" in result.err
    assert result.err.endswith(f"\ntrain.py: error: {said}\n")


def test_debug_shows_where_a_mistake_was_found(commands: Commands) -> None:
    result = commands.train("flowers.csv", "--target", "none", "--debug")
    assert result.code == DATA
    assert result.err.startswith("Traceback (most recent call last):")
    assert result.err.splitlines()[-1].startswith("train.py: error: flowers.csv: has no column 'none'")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (MemoryError(), DATA, "out of memory; use --limit"),
        (OSError(28, "No space left on device"), DISK, "cannot read or write: .*No space left on device"),
    ],
)
def test_want_of_memory_and_disk_are_no_bugs(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, says: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(training.program, "prepare", fails)
    result = commands.train("flowers.csv")
    assert result.code == code
    assert re.fullmatch(f"train.py: error: {says}.*\n", result.err)


def test_a_mistake_in_the_users_backward_is_found_before_anything_is_written(commands: Commands) -> None:
    commands.write(
        "net.py",
        "from layers import Affine, Layer, Sequential\n\n"
        "class Double(Layer):\n"
        "    def forward(self, x):\n"
        "        return 2 * x\n\n"
        "    def backward(self, upstream):\n"
        "        return upstream * self.factor, {}\n\n"
        "def build(input_shape, output_size, rng):\n"
        "    return Sequential(Affine(input_shape[0], output_size, rng=rng), Double())\n",
    )
    result = commands.train("flowers.csv", "--model", "net.py:build")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert re.match(r"train.py: error: --model: .*net.py:8: AttributeError: .*factor", result.err)
    assert not (commands.folder / "runs").exists()


# As a program


def program(*argv: str, options: tuple[str, ...] = (), **how: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, ROOT / "train.py", *argv],
        **{"capture_output": True, "text": True, "check": False} | how,
    )


@pytest.mark.parametrize("options", [("-O", "-W", "error"), ("-W", "error", "-I")])
def test_it_runs_with_warnings_as_errors_without_asserts_and_alone(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    if "-I" in options:  # alone: nothing but this folder on the path
        done = subprocess.run(
            [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
             "from training.cli import main; sys.exit(main(['iris', '--epochs', '2', '--no-plots']))"],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
    else:
        done = program("iris", "--epochs", "2", options=options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(FILES) <= set(names(tmp_path / "runs/iris-001"))


def test_it_needs_no_extra(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "sys.modules.update(dict.fromkeys(('matplotlib', 'tqdm', 'sklearn', 'scipy', 'pandas')))\n"
        "from training.cli import main\n"
        "sys.exit(main(['digits', '--limit', '200', '--epochs', '2', '--progress', 'bar']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "matplotlib is not installed" in done.stdout


def test_the_help_is_quick_for_it_imports_no_extra() -> None:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    code = f"{start}; import training.program, training.predict; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & {"matplotlib", "tqdm", "sklearn", "scipy", "pandas", "torch", "mpi4py"}


@pytest.mark.parametrize("after", ["after one line", "at once"])
def test_a_reader_that_leaves_loses_nothing(tmp_path: Path, after: str) -> None:
    pipe = subprocess.Popen(
        [sys.executable, ROOT / "train.py", "iris", "--epochs", "3", "--no-plots"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert pipe.stdout is not None
    assert pipe.stderr is not None
    if after == "after one line":
        assert pipe.stdout.readline().startswith("data      iris")
    pipe.stdout.close()
    said = pipe.stderr.read()
    pipe.stderr.close()
    assert (pipe.wait(), said) == (0, "")
    assert names(tmp_path / "runs/iris-001") == FILES


@pytest.mark.skipif(os.name != "posix", reason="closes a descriptor as a shell does")
def test_it_runs_with_stdout_closed(tmp_path: Path) -> None:
    command = f"{sys.executable} {ROOT / 'train.py'} iris --epochs 2 --no-plots >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path / "runs/iris-001") == FILES


def test_a_terminal_without_letters_beyond_ascii_gets_them_escaped(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(flowers().replace(",a\n", ",ä\n"), encoding="utf-8")
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = program("t.csv", "--epochs", "1", "--no-plots", cwd=tmp_path, env=ascii_only)
    assert done.returncode == 0, done.stderr
    assert "classes   b: 20 rows, c: 20 rows, \\xe4: 20 rows" in done.stdout


def test_mistakes_leave_by_the_exit_code_of_the_process(tmp_path: Path) -> None:
    for argv, code in ((["--epochs", "x"], 2), (["nothing.csv"], 3), (["iris", "--lr", "1e30"], 5)):
        done = program(*argv, cwd=tmp_path)
        assert done.returncode == code
        assert "Traceback" not in done.stderr
    assert program("--help", cwd=tmp_path).stdout.startswith("usage: train.py [DATA] [options]\n")
