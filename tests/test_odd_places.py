"""train.py and predict.py where programs are seldom tried: odd interpreters, terminals, folders, names."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import ROOT, Commands, flowers, houses

from training import loop
from training.run import csv_text

QUICK = ["--epochs", "2", "--hidden", "4", "--no-plots"]
EXTRAS = [
    "matplotlib",
    "mpi4py",
    "onnx",
    "onnxruntime",
    "pandas",
    "safetensors",
    "scipy",
    "sklearn",
    "torch",
    "tqdm",
]


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "houses.csv").write_text(houses())
    (tmp_path / "flowers.csv").write_text(flowers())
    return Commands(tmp_path, capsys)


def program(
    *argv: str, name: str = "train.py", flags: tuple[str, ...] = (), **how: Any
) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of a process of its own."""
    done = subprocess.run(
        [sys.executable, *flags, ROOT / name, *argv], capture_output=True, check=False, **how
    )
    return done.returncode, done.stdout.decode(errors="surrogateescape"), done.stderr.decode()


# Interpreters


SEVERAL = f"""
import sys, os, contextlib
sys.path.insert(0, {str(ROOT)!r})
sys.modules.update(dict.fromkeys(sys.argv[1].split(",")) if sys.argv[1] else {{}})
from training import cli, predict
for argv in (
    ["flowers.csv", "--run", "run", "--epochs", "2", "--hidden", "4", "--schedule", "constant"],
    ["--resume", "run", "--epochs", "3"],
    ["flowers.csv", "--find-lr"],
    ["flowers.csv", "--profile"],
    ["flowers.csv", "--overfit-batch"],
    ["flowers.csv", "--dry-run", "--progress", "bar"],
    ["--config", "run/config.json", "--run", "two", "--no-plots", "--progress", "bar"],
):
    code = cli.main(argv)
    if code:
        sys.exit(f"{{argv}}: {{code}}")
sys.exit(predict.main(["run", "flowers.csv", "-o", "answers.csv"]))
"""


@pytest.mark.parametrize(("flags", "extras"), [(("-O", "-W", "error"), []), ((), EXTRAS)], ids=str)
def test_everything_runs_without_asserts_without_extras_and_with_warnings_as_errors(
    commands: Commands, flags: tuple[str, ...], extras: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, *flags, "-c", SEVERAL, ",".join(extras)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr
    assert Path("run/model.npz").read_bytes() == Path("two/model.npz").read_bytes()
    drawn = not extras and find_spec("matplotlib") is not None
    assert ("matplotlib is not installed" in done.stdout) != drawn


@pytest.mark.parametrize("extra", ["onnx", "safetensors"])
def test_an_extra_that_is_asked_for_and_missing_is_one_line(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, extra: str
) -> None:
    assert commands.train("flowers.csv", "--run", "run").code == 0
    monkeypatch.setitem(sys.modules, extra, None)
    result = commands.predict("run", "--export", f"net.{extra}")
    if result.code:  # what needs no extra is written all the same
        assert (result.code, result.err.count("\n")) == (2, 1), result.err
        assert "pip install" in result.err
    assert os.path.exists(f"net.{extra}") == (result.code == 0)


# Processes


@pytest.mark.parametrize("data", ["houses", "flowers"])
def test_a_fresh_process_predicts_the_very_bytes_of_predictions_csv(commands: Commands, data: str) -> None:
    more = (houses if data == "houses" else flowers)(24)
    commands.write("test.csv", more)
    assert commands.train(f"{data}.csv", "--test", "test.csv", "--run", "run").code == 0
    code, out, _ = program("run", "test.csv", name="predict.py")
    assert code == 0
    assert out == commands.text("run/predictions.csv")


def test_another_working_folder_changes_nothing(commands: Commands) -> None:
    assert commands.train("flowers.csv", "--run", "here").code == 0
    os.mkdir("deep")
    code, _, err = program("../flowers.csv", *QUICK[:1], "3", "--hidden", "8", "--no-plots", cwd="deep")
    assert (code, err.count("error")) == (0, 0)
    assert Path("deep/runs/flowers-001/model.npz").read_bytes() == Path("here/model.npz").read_bytes()


NOISE = """\
import random
import numpy as np
from layers import Affine, Dropout, Layer, Sequential

class Noise(Layer):
    \"\"\"Draws from generators of every kind, wherever they are kept.\"\"\"
    def __init__(self, features):
        self.old, self.python = np.random.RandomState(3), random.Random(4)
        self.several = {"a": [np.random.default_rng(1)], "b": (np.random.default_rng(2),)}
        self.inner = Dropout(0.3, rng=5)

    def forward(self, x):
        if not self.training:
            return x
        draws = [self.old.rand(), self.python.gauss(0, 1), self.several["a"][0].random()]
        noise = self.several["b"][0].normal(size=x.shape) + sum(draws) + np.random.rand()
        return x + (0.1 * noise).astype(x.dtype) * self.inner.forward(np.ones_like(x))

    def backward(self, upstream):
        return upstream, {}

def build(shape, size, rng):
    return Sequential(Noise(shape[0]), Dropout(0.1, rng=7), Affine(shape[0], size, rng=0))
"""


def test_a_network_with_generators_of_any_kind_goes_on_exactly_from_another_folder(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.write("net.py", NOISE)
    argv = ["flowers.csv", "--model", "net.py:build", "--schedule", "constant", "--no-plots"]
    np.random.seed(0)  # noqa: NPY002  # which such a layer may draw from
    assert commands.train(*argv, "--epochs", "4", "--run", "whole", quick=False).code == 0
    np.random.seed(0)  # noqa: NPY002
    assert commands.train(*argv, "--epochs", "2", "--run", "cut", quick=False).code == 0
    np.random.seed(1)  # noqa: NPY002
    os.mkdir("elsewhere")
    monkeypatch.chdir("elsewhere")
    result = commands.train("--resume", "../cut", "--epochs", "4", quick=False)
    assert (result.code, "has changed" in result.err) == (0, False), result.err
    assert Path("../cut/predictions.csv").read_bytes() == Path("../whole/predictions.csv").read_bytes()
    os.unlink("../net.py")
    result = commands.train("--resume", "../cut", "--epochs", "6", quick=False)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert re.search(r"--model: expected a file, got .*net\.py, which is not there", result.err)


@pytest.mark.skipif(os.name != "posix", reason="closes a descriptor as a shell does")
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_streams_may_be_closed(commands: Commands, closed: str) -> None:
    command = f"'{sys.executable}' '{ROOT / 'train.py'}' flowers.csv {' '.join(QUICK)} --run run {closed}"
    done = subprocess.run(command, shell=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert os.path.exists("run/metrics.json")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_log_on_a_full_disk_costs_the_log_alone(commands: Commands) -> None:
    with open("/dev/full", "w") as log:
        argv = [sys.executable, ROOT / "train.py", "flowers.csv", *QUICK, "--run", "run"]
        done = subprocess.run(argv, stdout=log, stderr=subprocess.PIPE, text=True, check=False)
        said = "error: stdout: cannot be written: No space left on device; send it elsewhere\n"
        assert done.returncode == 6
        assert done.stderr.endswith(f"train.py: {said}")
        assert os.path.exists("run/predictions.csv")
        argv = [sys.executable, ROOT / "predict.py", "run", "flowers.csv"]
        done = subprocess.run(argv, stdout=log, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr.endswith(f"predict.py: {said}")) == (6, True)


def test_a_dash_is_the_screen(commands: Commands) -> None:
    assert commands.train("flowers.csv", "--run", "run").code == 0
    assert commands.predict("run", "flowers.csv", "-o", "-") == commands.predict("run", "flowers.csv")
    assert not os.path.exists("-")


# Terminals


def in_terminal(columns: int, *argv: str, **env: str) -> tuple[int, bytes]:
    """train.py on a terminal of that width; its exit code, and all that it showed."""
    pty, fcntl, termios = (pytest.importorskip(name) for name in ("pty", "fcntl", "termios"))
    child, screen = pty.fork()
    if child == 0:  # pragma: no cover
        fcntl.ioctl(1, termios.TIOCSWINSZ, np.array([24, columns, 0, 0], np.uint16).tobytes())
        os.environ.pop("COLUMNS", None)  # it would be believed before the screen
        os.execve(sys.executable, [sys.executable, str(ROOT / "train.py"), *argv], {**os.environ, **env})
    shown = b""
    while True:
        try:
            more = os.read(screen, 65536)
        except OSError:  # the other end is gone
            break
        if not more:
            break
        shown += more
    os.close(screen)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


@pytest.mark.parametrize("columns", [20, 80])
def test_a_terminal_has_a_table_as_wide_as_it_is(commands: Commands, columns: int) -> None:
    code, shown = in_terminal(columns, "flowers.csv", *QUICK, "--run", "run", LC_ALL="C.UTF-8")
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", shown.decode())
    rows = [line.rpartition("\r")[2] for line in text.replace("\r\n", "\n").splitlines()]
    table = [row for row in rows if re.match(r" {1,6}(epoch|\d+) ", row + " ")]
    assert len(table) == 3
    assert max(map(len, table)) <= columns
    assert "Traceback" not in text


def test_a_terminal_of_the_locale_c_gets_ascii(commands: Commands) -> None:
    commands.write("ä.csv", flowers().replace(",a\n", ",ä\n"))
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, shown = in_terminal(80, "ä.csv", *QUICK, "--run", "run", **ascii_only)
    assert (code, b"\\xe4: 20 rows" in shown) == (0, True), shown
    assert shown.isascii()


def test_a_pipe_gets_no_bar_and_no_colour(commands: Commands) -> None:
    code, out, err = program("flowers.csv", *QUICK)
    assert code == 0
    assert "\r" not in out + err
    assert "\x1b" not in out + err


# Names and cells


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes there")
def test_names_that_are_no_text_are_names(commands: Commands) -> None:
    odd = os.fsdecode(b"fl\xe9urs.csv")
    Path(odd).write_text(flowers())
    for argv in ([odd, "--run", os.fsdecode(b"r\xe9")], [odd, "--test", odd, "--out", os.fsdecode(b"o\xff")]):
        code, out, err = program(*argv, *QUICK)
        assert (code, "Traceback" in err) == (0, False), err
    assert "fl\\udce9urs.csv" in out
    code, out, err = program("--resume", os.fsdecode(b"r\xe9"))
    assert (code, err) == (0, "")
    code, out, err = program(os.fsdecode(b"r\xe9"), odd, name="predict.py")
    assert (code, out.count("\n")) == (0, 61)
    code, out, err = program(os.fsdecode(b"nothing\xe9.csv"))
    assert (code, err.count("\n")) == (3, 1)
    assert "nothing\\udce9.csv: no such file" in err


def test_a_test_file_with_a_header_alone_is_refused(commands: Commands) -> None:
    commands.write("none.csv", "length,width,kind\n")
    for option in ("--test", "--val"):
        result = commands.train("flowers.csv", option, "none.csv")
        assert (result.code, result.err.count("\n")) == (3, 1)
        assert "none.csv: has a header and 0 rows" in result.err
    assert commands.train("flowers.csv", "--run", "run").code == 0
    result = commands.predict("run", "none.csv")
    assert (result.code, result.err.count("\n")) == (3, 1)


def test_the_target_may_be_the_number_of_a_column(commands: Commands) -> None:
    assert commands.train("houses.csv", "--target", "4", "--run", "number").code == 0
    assert commands.train("houses.csv", "--target", "price", "--run", "name").code == 0
    assert Path("number/model.npz").read_bytes() == Path("name/model.npz").read_bytes()
    assert commands.predict("number", "houses.csv").code == 0
    for wrong in ("0", "5", "-1", "1.5"):
        result = commands.train("houses.csv", f"--target={wrong}")
        assert (result.code, result.err.count("\n")) == (3, 1)


def test_negative_zero_is_zero(commands: Commands) -> None:
    table = "a,b,y\n" + "".join(f"{i % 3 - 1},{i},{i % 2}\n" for i in range(40))
    commands.write("plus.csv", table)
    commands.write("minus.csv", table.replace("0,", "-0,", 1).replace("\n0,", "\n-0.0,"))
    for name in ("plus", "minus"):
        assert commands.train(f"{name}.csv", "--run", name).code == 0
    assert Path("plus/predictions.csv").read_text() == Path("minus/predictions.csv").read_text()


# What a hand types


def test_run_and_data_in_the_other_order_are_told(commands: Commands) -> None:
    assert commands.train("flowers.csv", "--run", "my run").code == 0
    result = commands.predict("flowers.csv", "my run")
    assert (result.code, result.err) == (
        2, "predict.py: error: flowers.csv: the run comes first: predict.py 'my run' flowers.csv\n"
    )  # fmt: skip
    assert commands.predict("my run/", "flowers.csv").code == 0


@pytest.mark.parametrize("name", ["model.npz", "last.npz", "config.json"])
def test_force_never_takes_the_run_itself(commands: Commands, name: str) -> None:
    assert commands.train("flowers.csv", "--run", "run").code == 0
    before = Path("run", name).read_bytes()
    result = commands.predict("run/", "flowers.csv", "-o", f"./run/../run/{name}", "--force")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert f"{name} belongs to the run itself; name another file" in result.err
    assert Path("run", name).read_bytes() == before
    assert commands.predict("run", "flowers.csv", "-o", "run/predictions.csv", "--force").code == 0


def test_names_with_a_line_break_are_names(commands: Commands) -> None:
    for typed in ("a\nb", "a\rb", '"a\nb"', '"a'):
        result = commands.train("flowers.csv", f"--drop={typed}")
        assert (result.code, result.err.count("\n")) == (3, 1)
    result = commands.train("flowers.csv", '--drop="a",b\nc')
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "--drop: expected names with commas between them" in result.err


def test_what_to_type_next_has_the_form_of_the_data(commands: Commands) -> None:
    Path("zipped.csv.gz").write_bytes(gzip.compress(flowers().encode()))
    assert commands.train("zipped.csv.gz", "--schedule", "constant", "--run", "run").out.endswith(
        "predict.py run new.csv.gz\n"
    )
    assert commands.train("--resume", "run", "--epochs", "4", quick=False).code == 0


# Time and numbers that do not exist


def test_what_has_no_value_is_an_empty_cell_and_null() -> None:
    assert csv_text(["a", "b"], [[None, 0.5]]) == "a,b\n,0.5\n"


def test_scores_that_have_no_value_never_become_nan_in_a_file(commands: Commands) -> None:
    """One row to validate on has no R2."""
    assert commands.train("houses.csv", "--val", "1", "--test", "1", "--run", "run").code == 0
    metrics = json.loads(commands.text("run/metrics.json"), parse_constant=pytest.fail)
    assert metrics["val"]["r2"] is None
    rows = list(csv.DictReader(io.StringIO(commands.text("run/history.csv"))))
    assert [row["val_r2"] for row in rows] == [""] * 3
    assert "nan" not in commands.text("run/history.csv")
    assert commands.train("--resume", "run", "--epochs", "4", quick=False).code == 0


def test_a_clock_that_goes_back_changes_nothing(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commands.train("flowers.csv", "--run", "forward").code == 0
    now = iter(range(10**9, 0, -1000))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    monkeypatch.setattr(loop.time, "time", time.time)
    assert commands.train("flowers.csv", "--run", "back").code == 0
    for name in ("model.npz", "predictions.csv", "metrics.json"):
        assert Path("forward", name).read_bytes() == Path("back", name).read_bytes()
    seconds = [
        float(row["seconds"]) for row in csv.DictReader(io.StringIO(commands.text("back/history.csv")))
    ]
    assert seconds == sorted(seconds)
    assert seconds[0] >= 0
