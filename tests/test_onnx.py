"""ONNX files answer as the network does that they were written from, data preparation included."""

import csv
import io
import os
import sys

import numpy as np
import pytest
from cases import LAYERS, draw, one_of
from commands import Commands, flowers, houses

import layers as L
from training import cli
from training.errors import CheckpointError, DiskError, UsageError
from training.interchange import export, export_onnx
from training.interchange.onnx import convert, converts
from training.predict import load_trained

onnx = pytest.importorskip("onnx", "1.15", reason="onnx is not installed (extra: interchange)")
runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (extra: peers)")

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


class Answers:
    """An ONNX file that another runtime runs."""

    def __init__(self, path):
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.inputs = [value.name for value in self.session.get_inputs()]
        self.outputs = [value.name for value in self.session.get_outputs()]

    def __call__(self, *arrays, **named):
        return self.session.run(None, named or dict(zip(self.inputs, arrays, strict=True)))


def several(x):
    return x if isinstance(x, tuple) else (x,)


def expect_same(path, model, x):
    answers = Answers(path)(*several(x))
    for ours, theirs in zip(several(model.eval().forward(x)), answers, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(theirs, ours, **CLOSE)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut is awaited
    return str(tmp_path / "net.onnx")


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_every_layer_answers_alike_in_another_runtime(case, file):
    model, rng = case.build(), np.random.default_rng(0)
    x = case.x(rng, dtype=np.float32)
    for array in several(x):
        if array.dtype == np.float32:
            array *= 3  # beyond where activations are nearly lines
    for buffer in model.buffers.values():
        buffer += rng.uniform(0, 1, buffer.shape)
    export_onnx(file, model, x)
    expect_same(file, model, x)
    expect_same(file, model, draw(rng, one_of(case.shape), np.float32))  # the batch is of any size


def test_every_exported_layer_is_in_the_table():
    names = {name for name in L.__all__ if name not in ("Layer", "Container")}
    assert names <= {cls.__name__ for cls in convert.registry}


def test_a_shape_stands_for_one_example(file):
    model = L.Sequential(L.Conv2D(3, 4, 3, rng=0), L.ReLU(), L.Flatten(), L.Affine(24, 2, rng=1))
    export_onnx(file, model, (3, 4, 5))
    expect_same(file, model, np.random.default_rng(0).standard_normal((7, 3, 4, 5), dtype=np.float32))


def test_weights_keep_their_names_and_the_model_its_state(file):
    model = L.Sequential(L.Residual(L.Affine(3, 3, rng=0), L.Dropout(0.5)), L.Affine(3, 2)).astype(np.float64)
    model.train()
    export_onnx(file, model, (3,))
    assert {"0.main.0.W.T", "0.main.0.b", "1.W.T", "1.b"} <= {
        w.name for w in onnx.load(file).graph.initializer
    }
    assert model.training
    assert model.params["1.W"].dtype == np.float64
    with pytest.raises(RuntimeError, match="backward called before forward"):
        model.backward(np.zeros((2, 2)))


def test_a_model_of_several_inputs_has_names_for_them(file):
    model = L.LSTM(5, 2, rng=0)
    export_onnx(file, model, ((4, 5), (2,), (2,)))
    assert Answers(file).inputs == ["x_1", "x_2", "x_3"]
    assert Answers(file).outputs == ["output"]


def test_what_a_mask_leaves_out_is_not_read_and_weights_of_many_steps_are_written_once(file):
    mask = np.array([[False, True, False, True], [True, True, True, False]])
    x = np.where(mask[..., None], np.ones((2, 4, 3), np.float32), np.nan).astype(np.float32)
    model = L.Bidirectional(L.GRU(3, 5, rng=0), L.LSTM(3, 2, rng=1))
    export_onnx(file, model, (np.ones_like(x), mask))
    expect_same(file, model, (x, mask))
    names = [weight.name for weight in onnx.load(file).graph.initializer]
    assert len([name for name in names if "W_x" in name]) == 2


def test_far_values_stay_numbers(file):
    model = L.Sequential(L.Branch(L.Softplus(), L.SiLU(), L.GELU(), L.ELU(), L.Sigmoid()), L.Concat())
    export_onnx(file, model, (2,))
    expect_same(file, model, np.array([[-80, 80], [-30, 30]], np.float32))


def test_tied_and_frozen_weights_are_written_as_they_are(file):
    graph = L.Graph(inputs="ids", output="scores")
    graph.add("embedding", L.Embedding(7, 3, rng=0), "ids")
    graph.add("scores", L.Affine(3, 7, bias=False), "embedding")
    graph.tie("scores.W", "embedding.W")
    graph.freeze("*")
    ids = np.array([[1, 2, 1], [6, 0, 3]])
    export_onnx(file, graph, ids)
    expect_same(file, graph, ids)


# What has no form in ONNX


class Scale(L.Layer):
    """y = 3 x"""

    def forward(self, x):
        return 3 * x


class Odd(L.ReLU):
    """A layer that is no longer what it comes from."""

    def forward(self, x):
        return super().forward(x) + 1


class Even(L.ReLU):
    """A layer that only builds itself otherwise."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Scale(), r"^1\.main\.0\.Scale\(\): ONNX has no form of this layer; build"),
        (Odd(), r"^1\.main\.0\.Odd\(\): ONNX has no form of this layer"),
        (L.Elementwise(np.tanh, np.cosh), None),
        (
            L.Elementwise(np.cbrt, np.cosh),
            r"^1\.main\.0\.Elementwise\(cbrt, cosh\): .*one of np\.abs.*, np\.cos",
        ),
        (Even("even"), None),
    ],
)
def test_a_layer_that_cannot_be_expressed_is_named(layer, message, file):
    model = L.Sequential(L.Affine(3, 3, rng=0), L.Residual(layer))
    if message is None:
        export_onnx(file, model, (3,))
        return expect_same(file, model, np.ones((2, 3), np.float32))
    with pytest.raises(UsageError, match=message):
        export_onnx(file, model, (3,))
    assert not os.path.exists(file)
    return None


def test_a_layer_of_ones_own_can_be_taught(file):
    class Double(L.Layer):
        """y = 2 x"""

        def forward(self, x):
            return 2 * x

    @converts(Double)
    def double(layer, drawing, x):
        return drawing.op("Add", x.name, x.name)

    export_onnx(file, L.Sequential(L.Affine(3, 2, rng=0), Double()), (3,))
    expect_same(file, L.Sequential(L.Affine(3, 2, rng=0), Double()), np.ones((2, 3), np.float32))


def test_a_shape_that_does_not_fit_is_refused_by_the_layer(file):
    with pytest.raises(ValueError, match=r"Affine\(3 -> 2\): expected x of shape \(N, 3\), got \(2, 4\)"):
        export_onnx(file, L.Affine(3, 2), (4,))


def test_without_the_package_one_line_says_how_to_get_it(file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"python -m pip install onnx$"):
        export_onnx(file, L.Affine(3, 2), (3,))


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DiskError, match="cannot be written"):
        export_onnx(tmp_path / "none" / "net.onnx", L.Affine(3, 2), (3,))


# A run of train.py


@pytest.fixture
def commands(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return Commands(tmp_path, capsys)


def exported(commands, *argv):
    """(the ONNX file of a run, the run's model); the run is called "run"."""
    assert commands.train(*argv, "--run", "run").code == 0
    export("run", "net.onnx")
    return Answers("net.onnx"), load_trained(commands.folder / "run")


def predicted(commands, data):
    """What predict.py says, column by column."""
    rows = list(csv.DictReader(io.StringIO(commands.predict("run", data).out)))
    return {name: [row[name] for row in rows] for name in rows[0]}


def test_a_table_goes_in_by_its_columns_and_comes_out_in_the_targets_units(commands):
    answers, _ = exported(commands, commands.write("houses.csv", houses()), "--target", "price")
    assert answers.inputs == ["rooms", "area", "place"]
    new = commands.write("new.csv", "rooms,area,place\n3,50,north\n,1e6,\n4,NA,west\n-2,60,south\n2,40,?\n")
    columns = {
        "rooms": np.array([[3], [np.nan], [4], [-2], [2]]),
        "area": np.array([[50], [1e6], [np.nan], [60], [40]]),
        "place": np.array([["north"], [""], ["west"], ["south"], ["?"]], object),
    }
    (theirs,) = answers(**columns)
    ours = np.array(predicted(commands, new)["predicted"], float)
    assert theirs.dtype == np.float64
    np.testing.assert_allclose(theirs[:, 0], ours, rtol=1e-5)


def test_classes_come_out_as_words_and_probabilities(commands):
    answers, _ = exported(commands, commands.write("flowers.csv", flowers()))
    assert answers.outputs == ["label", "probabilities"]
    length, width = np.loadtxt("flowers.csv", delimiter=",", skiprows=1, usecols=(0, 1)).T[..., None]
    label, p = answers(length=length, width=width)
    ours = predicted(commands, "flowers.csv")
    assert label.tolist() == ours["predicted"]
    for i, name in enumerate("abc"):
        np.testing.assert_allclose(p[:, i], np.array(ours[f"p({name})"], float), **CLOSE)


def test_columns_may_be_called_as_the_outputs_and_weights_are(commands):
    table = flowers().replace("length,width", "label,0.b")
    answers, _ = exported(commands, commands.write("odd.csv", table), "--target", "kind")
    assert answers.inputs == ["label", "0.b"]
    assert answers.outputs == ["label_2", "probabilities"]


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_images_go_in_as_they_are_stored(commands, dtype):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (40, 2, 12, 13)).astype(dtype)
    np.savez("images.npz", x=x, y=np.arange(40) % 2)
    answers, trained = exported(commands, "images.npz", "--arch", "lenet")
    label, p = answers(x.astype("uint8" if dtype == "uint8" else "float64"))
    ours = trained.kind.answer(trained.model.forward(trained.inputs.transform(x)))
    np.testing.assert_allclose(p, ours, **CLOSE)
    assert label.tolist() == trained.kind.targets.decode(ours.argmax(axis=1))


def test_numbers_far_from_zero_keep_their_digits(commands):
    rng = np.random.default_rng(0)
    x = 1e9 + rng.standard_normal((60, 3))
    y = np.column_stack([x[:, 0] - 1e9, 1e6 + x[:, 1]])
    np.savez("far.npz", x=x, y=y)
    answers, trained = exported(commands, "far.npz")
    ours = trained.kind.answer(trained.model.forward(trained.inputs.transform(x)))
    np.testing.assert_allclose(answers(x)[0], ours, rtol=1e-5, atol=1e-4)


def test_another_suffix_and_a_run_that_is_none_are_refused(commands):
    assert cli.main(["iris", "--epochs", "1", "--run", "run", "--no-plots", "--progress", "none"]) == 0
    with pytest.raises(UsageError, match=r"^net\.pt: expected a name that ends in \.onnx or \.safetensors"):
        export("run", "net.pt")
    with pytest.raises(CheckpointError, match="expected a model, found no such file"):
        export("nowhere", "net.onnx")
