"""python -m gradcheck FILE.py: its options, its output, and as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from student_files import (
    DROP,
    DUCK,
    GATE,
    HEAD,
    MSE,
    SCALE,
    WRONG_TANH,
    Run,
    keep_modules_and_path,
    refused,
    runner,
)

from gradcheck import cli
from gradcheck.cli import main
from gradcheck.load import UsageError, split_spec
from gradcheck.outcome import coloured, wants_colour

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def same_modules_and_path(monkeypatch):
    keep_modules_and_path(monkeypatch)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    return runner(tmp_path, monkeypatch, capsys)


# ---- options -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "expected FILE.py, got nothing; for example python -m gradcheck my_layers.py"),
        (["a.py", "--shape", "4,x"], "--shape: expected sizes such as 4,5, got '4,x'"),
        (["a.py", "--shape", "4,0"], "--shape: expected sizes such as 4,5, got '4,0'"),
        (["a.py", "--shape", ""], "--shape: expected sizes such as 4,5, got ''"),
        (["a.py", "--shape", "100000,100000"], "--shape: expected at most 100000000 entries, got '100000,"),
        (["a.py", "--shape", "4,,5"], "--shape: expected sizes such as 4,5, got '4,,5'"),
        (["a.py", "--ids", "0"], "--ids: expected a whole number >= 1, got '0'"),
        (["a.py", "--seed", "-1"], "--seed: expected a whole number >= 0, got '-1'"),
        (["a.py", "--seed", "x"], "--seed: expected a whole number >= 0, got 'x'"),
        (["a.py", "--level", "slow"], "--level: invalid choice: 'slow'"),
        (["a.py", "--shapes", "4,5"], "unrecognized arguments: --shapes 4,5"),
        (["a.py", "b.py", "--init", "A()"], "--init: expected one FILE.py beside it, got 2"),
        (["a.py", "--self-test"], "--self-test checks this library; leave FILE.py"),
    ],
)
def test_wrong_usage_is_one_line(arguments, text, capsys):
    assert refused(Run(main(arguments), *capsys.readouterr()), text)


def test_an_x_too_large_for_memory_is_one_line(run, monkeypatch):
    def too_large(*given, **options):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(cli, "check_layer", too_large)
    assert refused(run(SCALE, "--shape", "4,5"), "out of memory; make --shape smaller")


def test_level_and_seed_reach_the_check(run, monkeypatch):
    asked = {}

    def check_layer(layer, x, **options):
        asked.update(options)
        return check(layer, x, **options)

    check = cli.check_layer
    monkeypatch.setattr(cli, "check_layer", check_layer)
    run(SCALE, "--level", "quick", "--seed", "7")
    assert asked == {"level": "quick", "rng": 7}


# ---- output ------------------------------------------------------------------------------------------------


def test_json_is_a_list_of_what_was_found_and_nothing_else(run):
    source = WRONG_TANH + DUCK.replace("2 * x", "npp.tanh(x)") + SCALE + DROP + "\nprint('from the file')\n"
    done = run(source, "--json")
    wrong, raising, right, unbuilt = json.loads(done.out)
    assert done.code == 1
    assert "from the file" in done.err
    assert (wrong["layer"], wrong["passed"], wrong["error"]) == ("Tanh", False, None)
    assert wrong["findings"][0]["array"] == "dx"
    assert set(wrong["findings"][0]) >= {"kind", "array", "message"}
    assert wrong["results"][0]["verdict"] == "WRONG"
    assert raising["error"] == "my_layers.py:14: NameError: name 'npp' is not defined"
    assert (raising["passed"], raising["findings"], raising["results"]) == (False, [], [])
    assert (right["passed"], right["findings"]) == (True, [])
    assert right["seconds"] > 0
    assert right["x"] == "x of shape (4, 5), the first that forward took"
    assert unbuilt["passed"] is False
    assert "Drop needs rate, mask" in unbuilt["error"]


def test_json_has_null_where_a_number_is_none(run):
    done = run(SCALE.replace("upstream * self.params", "upstream * np.nan * self.params"), "--json")
    (one,) = json.loads(done.out, parse_constant=lambda name: pytest.fail(name))
    assert one["passed"] is False


def test_verdicts_are_coloured_on_a_terminal_alone(monkeypatch):
    class Terminal:
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(Terminal())
    monkeypatch.setenv("NO_COLOR", "")  # empty is as good as unset
    assert wants_colour(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(Terminal())


def test_green_is_right_and_red_is_wrong():
    assert coloured("A  ok  1 of 1") == "A  \033[32mok\033[0m  1 of 1"
    assert coloured("A  FAIL\n  dx WRONG  2") == "A  \033[31mFAIL\033[0m\n  dx \033[31mWRONG\033[0m  2"
    assert coloured("token okay FAILED") == "token okay FAILED"


def test_what_goes_to_a_pipe_is_plain(run):
    assert "\033" not in run(SCALE + WRONG_TANH).out


# ---- as a process ------------------------------------------------------------------------------------------


def test_python_m_gradcheck_runs_from_anywhere(tmp_path):
    (tmp_path / "my_layers.py").write_text(HEAD + WRONG_TANH + DROP)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "gradcheck", "my_layers.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "0 of 2 layers right, 1 not checked"
    assert done.stderr.startswith("gradcheck: error: my_layers.py:12: Drop needs rate, mask")


def test_a_loss_that_calls_float_takes_differences_without_a_warning(tmp_path):
    wrong = MSE.replace("(self.d ** 2).mean()", "float((self.d ** 2).mean())").replace("* 2 *", "* self.d *")
    (tmp_path / "my_layers.py").write_text(wrong)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gradcheck", "my_layers.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (done.returncode, done.stderr) == (1, "")
    assert "finite differences: float()" in done.stdout.splitlines()[0]


def test_a_reader_that_leaves_is_no_traceback(tmp_path):
    (tmp_path / "my_layers.py").write_text(HEAD + SCALE + GATE + DUCK)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "gradcheck", "my_layers.py"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""


def test_the_rest_of_gradcheck_does_not_load_pytest():
    code = "import sys, gradcheck.cli; print('pytest' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False\n"


def test_what_gradcheck_exports_is_loaded_when_it_is_used():
    code = (
        "import sys, gradcheck; print('numpy' in sys.modules, 'check_layer' in dir(gradcheck)); "
        "from gradcheck import *; from gradcheck import jacobian; "
        "print(callable(check_layer), callable(jacobian), hasattr(gradcheck, 'nothing'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False True\nTrue True False\n"


def test_ctrl_c_is_one_line(run, monkeypatch):
    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "check", interrupted)
    done = run(SCALE)
    assert (done.code, done.err) == (130, "gradcheck: interrupted\n")


def test_windows_paths_keep_their_colon(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"expected a file, got C:\\work\\my_layers\.py,"):
        split_spec(r"C:\work\my_layers.py")
