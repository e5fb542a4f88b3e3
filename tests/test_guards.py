"""No guard of the gradient checker can be left out unnoticed: tests/guards.py, for a few of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "names", [["slopes to both sides of a kink", "independent streams", "a second point"]]
)
def test_without_its_guards_the_checker_fails_its_tests(names):
    """`python tests/guards.py` does so for all of them."""
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("guards.py"), *names], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("-> red") == len(names)
