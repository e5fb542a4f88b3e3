"""The pytest fixture `gradcheck`, in a test run of its own."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent

LAYERS = """\
import numpy as np
from layers import Layer

class Scale(Layer):
    def __init__(self, features):
        self.params = {"gamma": np.ones(features)}

    def forward(self, x):
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream):
        return upstream * self.params["gamma"], {"gamma": (upstream * self.cache).sum(axis=0)}

class Wrong(Scale):
    def backward(self, upstream):
        return -upstream * self.params["gamma"], {"gamma": (upstream * self.cache).sum(axis=0)}

class MSE:
    def forward(self, prediction, target):
        self.d = prediction - target
        return (self.d ** 2).mean()

    def backward(self, upstream=1.0):
        return upstream * 2 * self.d / self.d.size
"""

START = "import numpy as np\nfrom my_layers import MSE, Scale, Wrong\n"

FAST = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")  # not loaded anew in every run

TEST = "def test_scale(gradcheck):\n    gradcheck(Scale(5), (4, 5))\n"


@pytest.fixture
def run(pytester):
    """run(tests, *options): what pytest prints about them, with the plugin, in a folder of their own."""
    pytester.makepyfile(my_layers=LAYERS)
    pytester.makeini("[pytest]\npythonpath = .\n")

    def run(tests, *options):
        pytester.makepyfile(test_mine=START + tests)
        done = pytester.runpytest_inprocess("-q", *FAST, "-p", "gradcheck.fixture", *options)
        return done.stdout.str() + done.stderr.str()

    return run


@pytest.fixture
def run_installed(tmp_path):
    """run_installed(*options): the same in a process that finds the entry points of setup.cfg installed."""
    (tmp_path / "my_layers.py").write_text(LAYERS)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (tmp_path / "test_mine.py").write_text(START + TEST)
    setup = configparser.ConfigParser()
    setup.optionxform = str
    setup.read(ROOT / "setup.cfg")
    points = setup["options.entry_points"]
    known = tmp_path / "site" / "pullback-0.1.0.dist-info"
    known.mkdir(parents=True)
    (known / "METADATA").write_text("Metadata-Version: 2.1\nName: pullback\nVersion: 0.1.0\n")
    (known / "entry_points.txt").write_text(
        "".join(f"[{group}]\n{points[group].strip()}\n" for group in points)
    )

    def run_installed(*options):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(known.parent)])}
        for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
            environment.pop(name, None)
        command = [sys.executable, "-m", "pytest", "-q", "--color=no", *FAST, *options]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
        return done.stdout + done.stderr

    return run_installed


def test_right_layers_and_losses_pass(run):
    tests = """
def test_shape(gradcheck):
    gradcheck(Scale(5), (4, 5))

def test_array_and_options(gradcheck):
    report = gradcheck(Scale(5), np.ones((4, 5)), upstream=np.ones((4, 5)), level="quick", rng=3)
    assert report.passed

def test_loss(gradcheck):
    gradcheck(MSE(), (4, 3), np.zeros((4, 3)))

def test_loss_by_name(gradcheck):
    gradcheck(MSE(), (4, 3), target=np.zeros((4, 3)))
"""
    assert "4 passed" in run(tests)


def test_a_failure_is_the_report_without_a_traceback(run):
    done = run("def test_wrong(gradcheck):\n    gradcheck(Wrong(5), (4, 5))\n")
    assert "1 failed" in done
    assert "Wrong().backward  FAIL" in done
    assert "dx WRONG" in done
    assert "fixture.py" not in done
    assert "Traceback" not in done
    assert "def test_wrong" not in done


def test_an_upstream_of_a_layer_is_not_taken_for_a_target(run):
    done = run("def test_layer(gradcheck):\n    gradcheck(Scale(5), (4, 5), np.ones((4, 5)))\n")
    assert "1 failed" in done
    assert "TypeError: check_layer() takes 2 positional arguments" in done


def test_the_module_of_the_same_name_can_still_be_imported(run):
    tests = """
import gradcheck
from gradcheck import check_layer

def test_fixture(gradcheck):
    gradcheck(Scale(5), (4, 5))

def test_module():
    assert gradcheck.check_layer is check_layer
    assert check_layer(Scale(5), (4, 5))
"""
    assert "2 passed" in run(tests)


def test_its_help_says_how_to_call_it(run):
    done = run(TEST, "--fixtures")
    assert "gradcheck(layer, x) or gradcheck(loss, prediction, target)" in done


def test_once_installed_it_needs_no_import_and_can_be_switched_off(run_installed):
    assert "1 passed" in run_installed()
    assert "fixture 'gradcheck' not found" in run_installed("-p", "no:gradcheck.fixture")


def test_a_run_that_does_not_use_it_does_not_load_numpy(run_installed, tmp_path):
    code = "import sys\n\ndef test_it():\n    assert 'gradcheck.fixture' in sys.modules\n"
    (tmp_path / "test_mine.py").write_text(f"{code}    assert 'numpy' not in sys.modules\n")
    assert "1 passed" in run_installed()


def test_installed_it_may_be_named_again(run_installed, tmp_path):
    """Under an entry point of another name pytest would register the plugin twice, and stop."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["gradcheck.fixture"]\n')
    assert "1 passed" in run_installed("-p", "gradcheck.fixture")
