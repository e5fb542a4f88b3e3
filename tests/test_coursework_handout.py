"""What a student is handed: its tests pass for the solutions, and fail with the reason for a wrong answer."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "coursework"


@pytest.fixture
def folder(tmp_path):
    """A copy, somewhere else."""
    return Path(shutil.copytree(FOLDER, tmp_path / "mine", ignore=shutil.ignore_patterns("__pycache__")))


def run(folder, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_the_solutions_pass_their_own_tests(folder):
    done = run(folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d+ passed in", done.stdout)
    assert "skipped" not in done.stdout


def test_a_wrong_or_unfinished_answer_fails_its_tests_alone_with_the_reason(folder):
    for file, right, wrong in (
        ("affine.py", "upstream.sum(axis=0)", "upstream"),
        ("layernorm.py", "var_path = x_hat", "var_path = 0"),
    ):
        path = folder / file
        path.write_text(path.read_text().replace(right, wrong))
    relu = folder / "relu.py"
    relu.write_text(relu.read_text().replace("return upstream * self.cache, {}", "raise NotImplementedError"))
    (folder / "conv.py").write_text("class Conv(:\n")
    done = run(folder, "pytest", "-q", "-p", "no:cacheprovider")
    failed = re.findall(r"^FAILED test_assignment.py::(\w+)", done.stdout, re.MULTILINE)
    assert failed == [
        "test_affine_backward",
        "test_relu_backward",
        "test_layernorm_backward",
        "test_conv_forward",
        "test_conv_backward",
        "test_conv_backward",
    ]
    assert "cause   not-summed: db has the shape (5, 3), expected (3,)" in done.stdout
    assert "cause   variance-path" in done.stdout


def test_the_handout_lists_every_file_and_shows_what_gradcheck_prints(folder):
    handout = (FOLDER / "README.md").read_text()
    files = {path.name for path in FOLDER.glob("*.py") if not path.name.startswith("test_")}
    assert set(re.findall(r"^\| `(\w+\.py)`", handout, re.MULTILINE)) == files
    (shown,) = re.findall(r"```text\n(.*?)```", handout, re.DOTALL)
    path = folder / "affine.py"
    path.write_text(path.read_text().replace("upstream.sum(axis=0)", "upstream"))
    done = run(folder, "gradcheck", "affine.py")
    assert done.returncode == 1
    numbers = re.compile(r"\d\.?\d*e-1\d|\b0\b(?=  )|[\d.]+ ms|\d+ forwards")
    assert numbers.sub("#", done.stdout) == numbers.sub("#", shown)


def test_gradcheck_takes_every_layer_of_the_folder_as_it_is(folder):
    files = [
        path.name for path in sorted(folder.glob("*.py")) if path.stem not in ("adam", "test_assignment")
    ]
    done = run(folder, "gradcheck", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 of 10 layers right" in done.stdout
