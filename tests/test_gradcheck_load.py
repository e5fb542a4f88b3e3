"""python -m gradcheck FILE.py: which layers it checks, those of the file or what --init builds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from student_files import (
    AFFINE,
    DUCK,
    GATE,
    HEAD,
    SCALE,
    TABLE,
    WRONG_TANH,
    keep_modules_and_path,
    refused,
    runner,
)

from gradcheck.cli import main


@pytest.fixture(autouse=True)
def same_modules_and_path(monkeypatch):
    keep_modules_and_path(monkeypatch)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    return runner(tmp_path, monkeypatch, capsys)


# ---- which classes -----------------------------------------------------------------------------------------


def test_every_layer_of_the_file_is_checked_in_its_order(run):
    done = run(SCALE + DUCK + GATE)
    titles = [line.split()[0] for line in done.lines if not line.startswith(" ")]
    assert titles[:3] == ["Scale().backward", "Double().backward", "Gate().backward"]
    assert done.code == 0
    assert done.last == "3 of 3 layers right"
    assert done.err == ""


def test_a_wrong_layer_makes_the_exit_code_1_and_the_others_are_checked_all_the_same(run):
    done = run(WRONG_TANH + SCALE)
    assert done.code == 1
    assert "Tanh().backward  FAIL" in done.lines[0]
    assert "dx WRONG" in done.out
    assert done.last == "1 of 2 layers right"


def test_what_is_imported_private_or_nothing_but_a_base_is_left_out(run):
    source = (
        "from layers import ReLU, Sigmoid as S\n"
        "class Base(Layer):\n    features = 3\n"
        "class _Helper(Layer):\n    def forward(self, x): return x\n"
        "class Reader:\n    def forward(self): return 1\n"
    )
    done = run(source + SCALE.replace("(Layer)", "(Base)") + "\nAgain = Scale\n")
    assert done.last == "1 of 1 layer right"


def test_a_base_that_leaves_all_to_others_is_left_out_and_one_that_has_none_is_not(run):
    base = (
        "class Module:\n"
        "    def forward(self, x):\n        raise NotImplementedError\n"
        "    def backward(self, upstream):\n        raise NotImplementedError\n"
    )
    assert run(base + DUCK.replace("Double:", "Double(Module):")).last == "1 of 1 layer right"
    assert "Module  FAIL  my_layers.py:5: NotImplementedError" in run(base + DUCK).lines


def test_classes_that_a_function_makes_are_found_by_the_names_they_are_given(run):
    source = (
        "def times(c):\n"
        "    class Times(Layer):\n"
        "        def forward(self, x): return c * x\n"
        "        def backward(self, upstream): return c * upstream, {}\n"
        "    return Times\n"
        "Twice, Thrice = times(2.0), times(3.0)\n"
    )
    done = run(source, "--json")
    assert [one["layer"] for one in json.loads(done.out)] == ["Twice", "Thrice"]


def test_a_class_can_be_named_also_a_private_one_or_a_built_layer(run):
    assert run(SCALE + WRONG_TANH, spec="my_layers.py:Scale").last == "1 of 1 layer right"
    assert run(SCALE.replace("Scale", "_Scale"), spec="my_layers.py:_Scale").code == 0
    assert run(AFFINE + "\nnet = Affine(5, 3)\n", spec="my_layers.py:net").code == 0
    assert run(SCALE + WRONG_TANH, spec="my_layers.py::Scale").code == 0  # as pytest has it


def test_several_files_are_one_list(run):
    Path("other.py").write_text(HEAD + GATE)
    assert run(SCALE, "other.py").last == "2 of 2 layers right"


def test_a_file_may_import_its_neighbours_and_hides_no_module(run):
    Path("neighbour.py").write_text("FACTOR = 2.0\n")
    done = run(DUCK.replace("2 * x", "FACTOR * x") + "\nfrom neighbour import FACTOR\n")
    assert done.code == 0
    assert "my_layers" not in sys.modules


def test_a_file_of_a_package_may_import_relatively(tmp_path, capsys):
    package = tmp_path / "homework_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "constants.py").write_text("FACTOR = 2.0\n")
    (package / "mine.py").write_text("from .constants import FACTOR\n" + DUCK.replace("2 * x", "FACTOR * x"))
    assert main([str(package / "mine.py")]) == 0
    assert capsys.readouterr().out.endswith("1 of 1 layer right\n")


def test_a_file_is_compiled_without_the_futures_of_this_package(run):
    source = "def f(x: int): pass\nassert f.__annotations__ == {'x': int}\n"
    assert run(source + DUCK).code == 0


# ---- --init ------------------------------------------------------------------------------------------------


def test_init_builds_the_layer_to_check(run):
    done = run(AFFINE + WRONG_TANH, "--init", "Affine(3, 2)")
    assert done.code == 0
    assert "x of shape (4, 3), the first that forward took" in done.out
    assert done.last == "1 of 1 layer right"
    assert run(AFFINE, "--init", "Affine(np.int64(3), 2)", "--init", "Affine(4, 5)").last.startswith("2 of 2")
    assert run(AFFINE, "--init", "Affine(3, 2)", spec="my_layers.py:Affine").code == 0


def test_a_constructor_that_asks_for_sizes_alone_gets_some(run):
    done = run(AFFINE + SCALE.replace("features=5", "features"))
    assert done.code == 0
    assert "  Affine(5, 3) with x of shape (4, 5), the first that forward took\n" in done.out
    assert "  Scale(5) with x of shape (4, 5), the first that forward took\n" in done.out
    assert "  Affine(7, 3) with x of shape (2, 7)\n" in run(AFFINE, "--shape", "2,7").out
    keyword = AFFINE.replace("n_in, n_out):", "n_in: int, *, n_out: 'int'):")
    assert "  Affine(5, n_out=3) with x" in run(keyword).out
    assert [one["layer"] for one in json.loads(run(AFFINE, "--json").out)] == ["Affine(5, 3)"]
    table = TABLE.replace("self):", "self, vocab, dim):").replace("normal((7, 3))", "normal((vocab, dim))")
    table = table.replace("np.zeros((7, 3))", 'np.zeros_like(self.params["W"])')
    assert "  Table(5, 3) with x of shape (4, 3) in whole numbers below 5, the first" in run(table).out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("n_in, rate", 'my_layers.py:4: Affine needs n_in, rate; type --init "Affine(5, rate)", with values'),
        ("n_in, *, n_out: tuple", 'Affine needs n_in, n_out; type --init "Affine(5, n_out=n_out)"'),
    ],
)
def test_a_constructor_that_needs_something_else_says_what_to_type(run, arguments, text):
    done = run(AFFINE.replace("n_in, n_out):", f"{arguments}):") + SCALE)
    assert refused(done, text)
    assert done.last == "1 of 2 layers right, 1 not checked"


@pytest.mark.parametrize(
    "change",
    [
        ("rng = np", "assert n_in == n_out\n        rng = np"),
        ("self.cache = x", "N, A, B, C, D = x.shape"),
    ],
)
def test_sizes_that_do_not_fit_are_for_the_user_to_give(run, change):
    assert refused(run(AFFINE.replace(*change)), "my_layers.py:4: Affine needs n_in, n_out; type --init")


def test_a_mistake_in_such_a_constructor_is_told_with_its_place(run):
    assert refused(run(AFFINE.replace("np.zeros", "npp.zeros")), "my_layers.py:7: NameError: name 'npp'")


def test_what_is_left_to_do_in_a_layer_of_such_sizes_is_told(run):
    done = run(AFFINE.replace("self.cache = x", "raise NotImplementedError('to do')"))
    assert done.lines[0] == "Affine(5, 3)  FAIL  my_layers.py:10: NotImplementedError: to do"
    assert done.code == 1


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("Affin(3, 2)", "--init: NameError: name 'Affin' is not defined; did you mean 'Affine'?"),
        ("Affine(3", "--init: SyntaxError: '(' was never closed in 'Affine(3'"),
        ("3", "--init: expected a layer, got int from '3'"),
        ("Affine", "--init: expected a layer, got the class Affine; call it: Affine(...)"),
        ("Affine(3)", "--init: TypeError: Affine.__init__() missing 1 required positional argument: 'n_out'"),
        ("Affine(3, -2)", "my_layers.py:7: ValueError: negative dimensions are not allowed"),
        ("exit()", "--init: "),
    ],
)
def test_an_init_that_gives_no_layer_is_refused(run, expression, text):
    assert refused(run(AFFINE, "--init", expression), text)


def test_an_init_of_another_class_than_the_one_named_is_refused(run):
    done = run(AFFINE + SCALE, "--init", "Affine(3, 2)", spec="my_layers.py:Scale")
    assert refused(done, "--init: expected a Scale, got Affine from 'Affine(3, 2)'; leave :Scale out")
