"""What the grader shows: the table, the results for Gradescope, and the command."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coursework.cli import main, parse
from coursework.grade import Graded
from coursework.report import results, table
from coursework.task import Outcome, Part, Task
from coursework.tasks import TASKS

ROOT = Path(__file__).parent.parent
RIGHT = """
from layers import Layer


class ReLU(Layer):
    def forward(self, x):
        self.cache = x > 0
        return x * self.cache

    def backward(self, upstream):
        return upstream * self.cache, {}
"""
TASK = Task("scale", "Scale", "scale.py", (Part("forward", 2, str), Part("dx", 1.5, str)))
HALF = Graded(
    TASK, [Outcome("forward", 2, 2, ""), Outcome("dx", 0, 1.5, "dx WRONG\n  because")], "printed 2\nhi"
)


def test_the_table_shows_points_by_task_and_part_and_feedback_below():
    assert table([HALF]).splitlines() == [
        "scale           2 / 3.5     Scale",
        "  forward       2 / 2",
        "  dx            0 / 1.5",
        "total           2 / 3.5",
        "",
        "scale.py",
        "  dx",
        "    dx WRONG",
        "      because",
        "  printed 2",
        "  hi",
    ]


def test_the_results_are_what_gradescope_reads():
    told = results([HALF], 1.5, "after_published")
    assert (told["score"], told["execution_time"], told["visibility"]) == (2, 1.5, "after_published")
    assert told["output"] == "2 of 3.5 points\n\nscale.py printed 2\nhi"
    assert told["tests"][1] == {
        "name": "scale: dx", "number": "1.2", "score": 0, "max_score": 1.5, "status": "failed",
        "output": "dx WRONG\n  because", "output_format": "text", "visibility": "after_published",
    }  # fmt: skip
    assert [test["status"] for test in told["tests"]] == ["passed", "failed"]


def test_the_command_grades_what_is_there_though_python_starts_in_the_students_folder(tmp_path):
    (tmp_path / "relu.py").write_text(RIGHT)
    (tmp_path / "numpy.py").write_text("raise SystemExit('the wrong numpy')")
    done = subprocess.run(
        [sys.executable, "-m", "coursework", "grade", ".", "--only", "relu", "--only", "affine"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    points = next(task.points for task in TASKS if task.name == "relu")
    assert re.search(rf"^total +{points:g} / ", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("\nwritten to results.json, as Gradescope reads it\n")
    told = json.loads((tmp_path / "results.json").read_text())
    assert told["score"] == sum(test["score"] for test in told["tests"]) == points
    assert "expected the file affine.py" in told["tests"][0]["output"]


def test_json_is_printed_instead_of_the_table(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["grade", ".", "--only", "relu", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"] == 0
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "the following arguments are required"),
        (["grade", "none"], "expected a student's folder, got none"),
        (
            ["grade", ".", "--only", "rely"],
            "expected one of affine, relu, .* got 'rely'; did you mean 'relu'",
        ),
        (["grade", ".", "--time-limit", "0"], "expected seconds > 0"),
        (
            ["grade", ".", "--results", "none/r.json"],
            "--results: expected a file that can be written, got none",
        ),
        (["grade", ".", "--results", "."], "--results: expected a file that can be written, got ."),
    ],
)
def test_a_mistake_in_the_command_is_one_line_and_exit_code_2(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert re.search(f"^coursework: error: .*{said}.*\n$", err)
    assert not os.listdir(tmp_path)


def test_results_that_may_not_be_written_over_are_refused_before_anything_is_graded(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "results.json").write_text("of last year")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "results.json")
    monkeypatch.setattr("coursework.cli.grade", None)  # not called
    assert main(["grade", ".", "--only", "relu"]) == 2
    assert "--results: expected a file that can be written, got results.json" in capsys.readouterr().err


PAGE = (ROOT / "docs" / "coursework.md").read_text()


def test_the_page_shows_commands_that_are_taken():
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", PAGE, re.DOTALL)
    commands = re.findall(r"-m coursework ([^>\\\n]*)", "".join(blocks))
    assert len(commands) >= 5
    for command in commands:
        assert parse(shlex.split(command, comments=True)).command in ("strip", "grade")


@pytest.mark.skipif(shutil.which("bash") is None, reason="runs a script for bash")
def test_the_autograder_of_the_page_writes_results(tmp_path):
    (script,) = re.findall(r"```bash\n(#!/bin/bash\ncd .*?)```", PAGE, re.DOTALL)
    (tmp_path / "submission").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "source").symlink_to(ROOT)
    (tmp_path / "submission" / "relu.py").write_text(RIGHT)
    script = re.sub(r"chmod .*|runuser -u nobody -- ", "", script)
    script = script.replace("/autograder/venv/bin/python", sys.executable).replace(
        "/autograder", str(tmp_path)
    )
    subprocess.run(["bash", "-c", script.replace("--json", "--only relu --json")], check=True)
    told = json.loads((tmp_path / "results" / "results.json").read_text())
    assert [test["status"] for test in told["tests"]] == ["passed"] * 3


def test_the_page_shows_what_the_grader_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    right = (ROOT / "examples" / "coursework" / "affine.py").read_text()
    (tmp_path / "affine.py").write_text(right.replace("db = upstream.sum(axis=0)", "db = upstream"))
    main(["grade", ".", "--only", "affine"])
    said = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    (points,) = re.findall(r"```text\n(affine .*?)\.\.\.", PAGE, re.DOTALL)
    (feedback,) = re.findall(r"\n(affine\.py\n.*?)\n\n", PAGE, re.DOTALL)
    for line in (points + feedback).splitlines():
        assert " ".join(line.split()) in said
