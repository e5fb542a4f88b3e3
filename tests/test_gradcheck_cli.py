"""python -m gradcheck FILE.py: what it checks, with which x, what it prints, and how it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cases import LAYERS

import layers
from gradcheck import check_layer, cli, selftest
from gradcheck.cli import main
from gradcheck.guess import example_of
from gradcheck.load import UsageError, split_spec
from gradcheck.outcome import coloured, wants_colour

ROOT = Path(__file__).parent.parent

UNGUESSED = {
    *(case.id for case in LAYERS if case.id.startswith("ScaledDotProductAttention")),
    *("RNNCell", "LSTMCell", "GRUCell", "Graph"),
}
SLOW = ("TransformerBlock", "MultiHeadAttention", "LSTM", "GRU", "Bidirectional", "gates in a row")

HEAD = "import numpy as np\nfrom layers import Layer\n"

SCALE = """
class Scale(Layer):
    def __init__(self, features=5):
        self.params = {"gamma": np.ones(features)}

    def forward(self, x):
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream):
        return upstream * self.params["gamma"], {"gamma": (upstream * self.cache).sum(axis=0)}
"""

AFFINE = """
class Affine(Layer):
    def __init__(self, n_in, n_out):
        rng = np.random.default_rng(0)
        self.params = {"W": rng.standard_normal((n_out, n_in)), "b": np.zeros(n_out)}

    def forward(self, x):
        self.cache = x
        return x @ self.params["W"].T + self.params["b"]

    def backward(self, upstream):
        return upstream @ self.params["W"], {"W": upstream.T @ self.cache, "b": upstream.sum(axis=0)}
"""

WRONG_TANH = """
class Tanh(Layer):
    def forward(self, x):
        self.cache = np.tanh(x)
        return self.cache

    def backward(self, upstream):
        return upstream * (1 - self.cache), {}
"""

DROP = """
class Drop(Layer):
    def __init__(self, rate, *, mask):
        self.rate, self.mask = rate, mask

    def forward(self, x):
        return x * self.mask / (1 - self.rate)

    def backward(self, upstream):
        return upstream * self.mask / (1 - self.rate), {}
"""

DUCK = """
class Double:
    def forward(self, x):
        return 2 * x

    def backward(self, upstream):
        return 2 * upstream, {}
"""

GATE = """
class Gate(Layer):
    def forward(self, x):
        a, b = x
        self.cache = a, b
        return a * b

    def backward(self, upstream):
        a, b = self.cache
        return (upstream * b, upstream * a), {}
"""

TABLE = """
class Table(Layer):
    def __init__(self):
        self.params = {"W": np.random.default_rng(0).standard_normal((7, 3))}

    def forward(self, ids):
        self.cache = ids
        return self.params["W"][ids]

    def backward(self, upstream):
        dW = np.zeros((7, 3))
        np.add.at(dW, self.cache, upstream)
        return None, {"W": dW}
"""


@pytest.fixture(autouse=True)
def same_modules_and_path(monkeypatch):
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(sys, "modules", sys.modules.copy())


class Run:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err
        self.lines = out.splitlines()
        self.last = self.lines[-1] if self.lines else ""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """run(source, *arguments): the file my_layers.py, and what main makes of it."""
    monkeypatch.chdir(tmp_path)

    def run(source, *arguments, spec="my_layers.py"):
        Path("my_layers.py").write_text(HEAD + source)
        code = main([spec, *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return Run(code, out, err)

    return run


def refused(done, text, code=2):
    """One line on stderr that says so."""
    assert done.code == code
    (line,) = done.err.splitlines()
    assert line.startswith("gradcheck: error: ")
    assert text in line
    return True


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


# ---- which x -----------------------------------------------------------------------------------------------


def test_the_shape_is_the_one_asked_for(run):
    assert "  x of shape (6, 5)\n" in run(SCALE, "--shape", "6,5").out
    assert "  x of shape (6, 5)\n" in run(SCALE, "--shape", "(6, 5)").out
    assert "  x of shape (7,)\n" in run(DUCK, "--shape", "7").out


def test_several_shapes_are_several_inputs(run):
    done = run(GATE, "--shape", "2,3", "--shape", "2,3")
    assert done.code == 0
    assert "dx[1] ok" in done.out
    assert "x of shape (2, 3) and (2, 3)" in done.out


def test_ids_are_whole_numbers_of_which_one_comes_twice():
    x = example_of(layers.Embedding(99, 3), [(2, 2)], 99, 0).x
    assert x.dtype.kind == "i"
    assert x.shape == (2, 2)
    assert (x < 99).all()
    assert len(np.unique(x)) < 4


def test_ids_reach_the_layer(run):
    done = run(TABLE, "--ids", "7", "--shape", "4,2")
    assert done.code == 0
    assert "x of shape (4, 2) in whole numbers below 7" in done.out


def test_a_class_may_name_its_shape(run):
    said = DUCK.replace("Double:", "Double:\n    example_shape = (6, 2)\n")
    assert "x of shape (6, 2), the class's example_shape" in run(said).out
    assert "x of shape (4, 3)\n" in run(said, "--shape", "4,3").out
    two = GATE.replace("(Layer):", "(Layer):\n    example_shape = [(2, 3), (2, 3)]\n")
    assert "x of shape (2, 3) and (2, 3), the class's example_shape" in run(two).out
    assert "(3, 2), the class's shape" in run(DUCK.replace("Double:", "Double:\n    shape = (3, 2)\n")).out


def test_a_property_called_shape_is_not_taken_for_one(run):
    done = run(DUCK.replace("Double:", "Double:\n    @property\n    def shape(self): return (1,)\n"))
    assert "x of shape (4, 5), the first that forward took" in done.out


def test_an_example_shape_that_is_none_is_refused(run):
    said = DUCK.replace("Double:", "Double:\n    example_shape = '4,5'\n")
    assert refused(run(said), "Double.example_shape: expected sizes such as (4, 5)")


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.ReLU(), (4, 5)),
        (layers.Affine(4, 7), (9, 4)),  # N is none of the sizes
        (layers.LayerNorm((2, 9)), (4, 2, 9)),
        (layers.RNN(3, 2), (4, 7, 3)),  # T neither
        (layers.Conv1D(3, 2, 4), (7, 3, 8)),
        (layers.Conv2D(1, 8, 3), (4, 1, 6, 5)),
        (layers.Conv2D(2, 3, (3, 2)), (7, 2, 6, 5)),
        (layers.Conv2D(4, 6, (3, 2), groups=2), (7, 4, 6, 5)),
        (layers.MaxPool2D(2), (4, 3, 6, 5)),
        (layers.BatchNorm(3), (4, 3)),
        (layers.PReLU(3), (4, 3)),
        (layers.Mul(), [(4, 5), (4, 5)]),
    ],
    ids=repr,
)
def test_the_shape_is_guessed_from_the_usual_ones_and_the_parameters_sizes(layer, shape):
    example = example_of(layer, [], None, 0)
    assert example.x == shape
    assert "the first that forward took" in example.words


@pytest.mark.parametrize(
    "case",
    [case for case in LAYERS if case.id not in UNGUESSED and not case.id.startswith(SLOW)],
    ids=lambda case: case.id,
)
def test_a_right_layer_is_right_at_its_guess(case):
    example = example_of(case.build(), [], None, 0)
    assert check_layer(case.build(), example.x, level="quick")


@pytest.mark.parametrize("case", [case for case in LAYERS if case.id in UNGUESSED], ids=lambda case: case.id)
def test_inputs_of_several_shapes_are_not_guessed(case):
    with pytest.raises(UsageError, match=r"no usual shape fits.*; type --shape with the sizes of x"):
        example_of(case.build(), [], None, 0)


def test_ids_are_guessed_for_a_table(run):
    done = run(TABLE)
    assert done.code == 0
    assert "in whole numbers below 7, the first that forward took" in done.out


def test_arrays_that_a_class_keeps_without_naming_them_params_tell_its_sizes(run):
    source = (
        "class Linear:\n"
        "    def __init__(self): self.W = np.ones((7, 2))\n"
        "    def forward(self, x):\n        self.x = x\n        return x @ self.W\n"
        "    def backward(self, upstream): return upstream @ self.W.T, {}\n"
    )
    assert "x of shape (4, 7), the first that forward took" in run(source).out


def test_a_shape_that_only_broadcasts_is_the_second_choice():
    class ByChannel(layers.Layer):
        def __init__(self):
            self.params = {"gamma": np.ones((1, 5, 1, 1))}

        def forward(self, x):
            return self.params["gamma"] * x

    assert example_of(ByChannel(), [], None, 0).x == (4, 5, 6, 5)


@pytest.mark.parametrize("shape", [(), ("--shape", "3,2")])
def test_a_log_gets_what_it_is_finite_for(run, shape):
    source = (
        "class Log(Layer):\n"
        "    def forward(self, x):\n        self.cache = x\n        return np.log(x)\n"
        "    def backward(self, upstream): return upstream / self.cache, {}\n"
    )
    done = run(source, *shape)
    assert done.code == 0
    assert "between 0 and 1 as forward is not finite elsewhere" in done.out
    assert "non-finite: " in run(source.replace("np.log(x)", "np.log(x) * np.inf"), *shape).out


def test_guessing_leaves_the_layer_as_it_was():
    layer = layers.BatchNorm(3)
    example_of(layer, [], None, 0)
    assert (layer.buffers["running_mean"] == 0).all()
    with pytest.raises(RuntimeError, match="backward called before forward"):
        layer.backward(np.ones((4, 3)))


def test_where_no_shape_fits_the_line_says_what_to_type(run):
    source = (
        "class Cube(Layer):\n"
        "    def forward(self, x):\n"
        "        N, A, B, C, D = x.shape\n"
        "        return x\n"
        "    def backward(self, upstream): return upstream, {}\n"
    )
    done = run(source)
    assert refused(done, "my_layers.py:5: Cube: no usual shape fits")
    assert "type --shape with the sizes of x" in done.err
    assert done.out == ""
    assert run(source, "--shape", "2,1,3,2,2").code == 0


# ---- losses ------------------------------------------------------------------------------------------------

MSE = """
class MSE:
    def forward(self, prediction, target):
        self.d = prediction - target
        return (self.d ** 2).mean()

    def backward(self, upstream=1.0):
        return upstream * 2 * self.d / self.d.size
"""

CROSS_ENTROPY = """
class CrossEntropy:
    def forward(self, scores, target):
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        self.p, self.rows, self.target = p / p.sum(axis=1, keepdims=True), np.arange(len(target)), target
        return -np.log(self.p[self.rows, target]).mean()

    def backward(self, upstream=1.0):
        d = self.p.copy()
        d[self.rows, self.target] -= 1
        return upstream * d / len(d)
"""


def test_a_class_whose_forward_takes_a_target_is_checked_as_a_loss(run):
    done = run(MSE + CROSS_ENTROPY)
    assert done.code == 0
    assert "prediction of shape (4, 3) and target of shape (4, 3) (probabilities)" in done.out
    assert "prediction of shape (4, 3) and target of shape (4,) (labels)" in done.out
    assert run(MSE.replace("* 2 *", "*")).code == 1


@pytest.mark.parametrize("kind", ["", "np.asarray", "np.abs"])
def test_a_loss_may_return_a_number_of_numpys(run, kind):
    done = run(MSE.replace("(self.d ** 2).mean()", f"{kind}((self.d ** 2).mean())"))
    assert done.code == 0
    assert "complex step" in done.lines[0]


def test_a_loss_on_probabilities_gets_probabilities(run):
    source = (
        "class LogLoss:\n"
        "    def forward(self, p, target):\n"
        "        self.cache = p, target\n"
        "        return -(target * np.log(p)).sum()\n"
        "    def backward(self, upstream=1.0):\n"
        "        p, target = self.cache\n"
        "        return -upstream * target / p\n"
    )
    done = run(source)
    assert done.code == 0
    assert "prediction of shape (4, 3) (probabilities) and target" in done.out


def test_the_shapes_of_prediction_and_target_can_be_given(run):
    done = run(CROSS_ENTROPY, "--shape", "6,5", "--shape", "6")
    assert done.code == 0
    assert "prediction of shape (6, 5) and target of shape (6,) (labels)" in done.out
    assert "target of shape (6, 5)" in run(MSE, "--shape", "6,5").out
    assert refused(run(CROSS_ENTROPY, "--shape", "6,5", "--shape", "5"), "no usual shape fits")
    assert refused(run(MSE, "--ids", "3"), "MSE: a loss takes --shape for the prediction")


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


# ---- mistakes in the file ----------------------------------------------------------------------------------


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


# ---- the self-test -----------------------------------------------------------------------------------------


def test_the_self_test_knows_every_export():
    known = dict(selftest.cases())
    assert {"Affine", "LSTM", "Sequential", "MSE", "CTC"} <= set(known)
    assert not known.keys() & {"Layer", "Container", "Loss", "beam_decode"}
    assert [name for name, row in known.items() if row is None] == []
    assert all(type(build()).__name__ == name for name, (build, _) in known.items())


def few(monkeypatch, *names):
    """Only these exports, and only their rows."""
    rows = {name: row for name, row in selftest.layer_table().items() if name in names}
    monkeypatch.setattr(layers, "__all__", list(names))
    monkeypatch.setattr(selftest, "layer_table", lambda: rows)
    monkeypatch.setattr("losses.__all__", [])
    monkeypatch.setattr(selftest, "loss_table", dict)
    return rows


def test_the_self_test_prints_a_line_each_with_its_time(monkeypatch, capsys):
    few(monkeypatch, "ReLU", "Mul", "Embedding")
    assert main(["--self-test"]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[:2] for line in lines] == [["ReLU", "ok"], ["Mul", "ok"], ["Embedding", "ok"]]
    assert all(line.endswith((" ms", " s")) for line in lines)
    assert last.startswith("3 of 3 layers right in ")


def test_an_export_without_a_row_fails_the_self_test(monkeypatch, capsys):
    rows = few(monkeypatch, "ReLU", "Mul")
    del rows["Mul"]
    assert main(["--self-test"]) == 1
    out = capsys.readouterr().out
    assert "Mul  FAIL  expected an export and a row of its name in gradcheck/selftest.py" in out
    assert "1 of 2 layers right" in out


def test_a_row_without_an_export_fails_the_self_test(monkeypatch, capsys):
    few(monkeypatch, "ReLU", "Mul")
    monkeypatch.setattr(layers, "__all__", ["ReLU"])
    assert main(["--self-test"]) == 1
    assert "Mul  FAIL" in capsys.readouterr().out


def test_a_wrong_layer_fails_the_self_test_with_its_report(monkeypatch, capsys):
    few(monkeypatch, "ReLU", "Tanh")
    monkeypatch.setattr(layers.Tanh, "backward", lambda self, upstream: (upstream, {}))
    assert main(["--self-test"]) == 1
    out = capsys.readouterr().out
    assert "Tanh().backward  FAIL" in out
    assert "dx WRONG" in out


def test_a_layer_that_raises_fails_the_self_test(monkeypatch, capsys):
    few(monkeypatch, "ReLU", "Tanh")
    monkeypatch.setattr(layers.Tanh, "backward", lambda self, upstream: 1 / 0)
    assert main(["--self-test"]) == 1
    assert "Tanh  FAIL  ZeroDivisionError: division by zero" in capsys.readouterr().out


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
