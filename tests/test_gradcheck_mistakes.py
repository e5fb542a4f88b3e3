"""python -m gradcheck FILE.py: a mistake in the file or in a layer is one line with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from student_files import DUCK, SCALE, keep_modules_and_path, refused, runner

from gradcheck import cli
from gradcheck.cli import main


@pytest.fixture(autouse=True)
def same_modules_and_path(monkeypatch):
    keep_modules_and_path(monkeypatch)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    return runner(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("def f(:\n", "my_layers.py:3: SyntaxError: "),
        ("import nowhere_to_be_found\n", "my_layers.py:3: ModuleNotFoundError: No module named 'nowhere"),
        ("x = 1\ny = 1 / 0\n", "my_layers.py:4: ZeroDivisionError: division by zero"),
        (
            "import sys\nsys.exit(3)\n",
            'my_layers.py:4: SystemExit: 3 (put what ends Python under if __name__ == "__main__")',
        ),
        ("raise ValueError('one\\ntwo \\x1b[31m')\n", "my_layers.py:3: ValueError: one two \\x1b[31m"),
        ("x = 1\n", "my_layers.py: expected a class with forward and backward, found none"),
        (
            SCALE.replace("np.ones(features)", "np.ones(featuers)"),
            "my_layers.py:6: NameError: name 'featuers' is not defined",
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_line_with_its_place(run, source, text):
    done = run(source)
    assert refused(done, text)
    assert done.out == ""


def test_a_mistake_in_a_neighbour_is_placed_there(run):
    Path("neighbour_with_mistake.py").write_text("\n\n1 / 0\n")
    assert refused(run("import neighbour_with_mistake\n"), "neighbour_with_mistake.py:3: ZeroDivisionError")


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("nowhere.py", "expected a file, got nowhere.py, which is not there"),
        ("nowhere.py:Scale", "expected a file, got nowhere.py, which is not there"),
        ("notes.txt", "expected FILE.py or FILE.py:CLASS, got 'notes.txt'"),
        (".", "expected FILE.py, got the folder .; name the files in it"),
        ("my_layers.py:Scal", "expected a class 'Scal', found none; did you mean 'Scale'?"),
        ("my_layers.py:Completely", "expected a class 'Completely', found none; it has Scale"),
        ("my_layers.py:np", "expected 'np' to have forward and backward, got module"),
    ],
)
def test_a_file_or_class_that_is_not_there_is_refused(run, spec, text):
    assert refused(run(SCALE, spec=spec), text)


def test_a_file_that_cannot_be_loaded_does_not_stop_the_next(run):
    done = run(SCALE, "nowhere.py")
    assert refused(done, "nowhere.py")
    assert done.last == "1 of 2 layers right, 1 not checked"


def test_a_layer_that_raises_has_failed_and_the_line_says_where(run):
    source = DUCK.replace("return 2 * upstream, {}", "raise NotImplementedError('to do')")
    done = run(source + SCALE)
    assert done.code == 1
    assert done.lines[0] == (
        "Double  FAIL  my_layers.py:9: NotImplementedError: to do; "
        "x of shape (4, 5), the first that forward took"
    )
    assert done.last == "1 of 2 layers right"
    assert done.err == ""


def test_an_error_that_is_the_same_for_every_x_is_the_layers_own(run):
    done = run(DUCK.replace("2 * x", "npp.tanh(x)"))
    assert done.code == 1
    assert done.lines[0] == "Double  FAIL  my_layers.py:6: NameError: name 'npp' is not defined"


def test_a_shape_that_does_not_fit_is_a_failure_that_names_the_shape(run):
    done = run(SCALE, "--shape", "4,3")
    assert done.code == 1
    assert "my_layers.py:10: ValueError: operands could not be broadcast" in done.lines[0]
    assert done.lines[0].endswith("x of shape (4, 3)")


def test_an_error_inside_a_container_says_in_which_layer(run):
    source = "from layers import Affine, Sequential\n" + DUCK.replace("Double:", "Double(Layer):")
    done = run(source, "--init", "Sequential(Double(), Affine(3, 2))", "--shape", "4,5")
    assert done.code == 1
    assert "(in layer 1, Affine(3 -> 2))" in done.lines[0]


def test_a_layer_with_a_second_argument_is_no_loss(run):
    source = DUCK.replace("Double:", "Double(Layer):").replace("self, x", "self, x, train")
    told = "TypeError: Double(): expected a layer with forward(x), got forward(x, train); for several inputs "
    assert told in run(source).lines[0]


def test_params_that_are_none_are_the_layers_mistake(run):
    done = run(SCALE.replace("np.ones(features)", "[1.0] * features"))
    assert done.code == 1
    assert "Scale  FAIL  my_layers.py:4: TypeError: " in done.lines[0]
    assert "params['gamma']" in done.lines[0]


@pytest.mark.parametrize("error", [KeyError("oops"), TypeError("oops"), ValueError("oops")])
def test_an_error_of_the_checker_is_not_put_down_to_the_layer(run, monkeypatch, error):
    def broken(*given, **options):
        raise error

    monkeypatch.setattr(cli, "check_layer", broken)
    assert refused(run(SCALE), f"Scale: this is a bug of ours: {type(error).__name__}: ")


def test_a_layer_that_cannot_be_copied_says_what_is_in_the_way(run):
    done = run(SCALE.replace("self.params =", "self.log = (i for i in [])\n        self.params ="))
    assert "Scale  FAIL  my_layers.py:4: TypeError: Scale(): expected a layer that copy.deepcopy" in done.out
    assert "(its attribute 'log')" in done.out


def test_debug_shows_the_traceback_too(tmp_path, capsys):
    path = tmp_path / "my_layers.py"
    path.write_text("1 / 0\n")
    assert main([str(path), "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.splitlines()[-1] == f"gradcheck: error: {path}:1: ZeroDivisionError: division by zero"
