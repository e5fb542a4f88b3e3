"""python -m gradcheck FILE.py: with which x, or which prediction and target, it checks."""

from __future__ import annotations

import numpy as np
import pytest
from cases import LAYERS
from student_files import CROSS_ENTROPY, DUCK, GATE, MSE, SCALE, TABLE, keep_modules_and_path, refused, runner

import layers
from gradcheck import check_layer
from gradcheck.guess import example_of
from gradcheck.load import UsageError

UNGUESSED = {
    *(case.id for case in LAYERS if case.id.startswith("ScaledDotProductAttention")),
    *("RNNCell", "LSTMCell", "GRUCell", "Graph"),
}
SLOW = ("TransformerBlock", "MultiHeadAttention", "LSTM", "GRU", "Bidirectional", "gates in a row")


@pytest.fixture(autouse=True)
def same_modules_and_path(monkeypatch):
    keep_modules_and_path(monkeypatch)


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    return runner(tmp_path, monkeypatch, capsys)


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
