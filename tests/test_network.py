"""Networks: the MLP of the options, and the user's own with each of its mistakes in one line."""

import json
import sys

import numpy as np
import pytest

import layers as L
from training.errors import CheckpointError, UsageError
from training.network import ACTIVATIONS, check_output, lenet, mlp, users_builder, users_mistakes


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def build(shape=(4,), size=3, seed=0, **options):
    return mlp(shape, size, np.random.default_rng(seed), **options)


class TestAnMlp:
    @pytest.mark.parametrize("n", [1, 2, 7])
    @pytest.mark.parametrize("shape", [(1,), (4,), (2, 3), (3, 5, 2)])
    @pytest.mark.parametrize("hidden", [(), (8,), (16, 1, 4)])
    def test_maps_rows_of_any_shape_to_outputs(self, n, shape, hidden):
        y = build(shape, 3, hidden=hidden).forward(np.ones((n, *shape), np.float32))
        assert y.shape == (n, 3)
        assert y.dtype == np.float32

    @pytest.mark.parametrize(
        ("options", "count"),
        [
            ({"hidden": ()}, 4 * 3 + 3),
            ({"hidden": (8,)}, (4 * 8 + 8) + (8 * 3 + 3)),
            ({"hidden": (8, 5)}, (4 * 8 + 8) + (8 * 5 + 5) + (5 * 3 + 3)),
            ({"hidden": (8,), "dropout": 0.5}, (4 * 8 + 8) + (8 * 3 + 3)),
            ({"hidden": (8,), "batchnorm": True}, (4 * 8 + 8) + (8 + 8) + (8 * 3 + 3)),
            ({"hidden": (8,), "shape": (2, 3)}, (6 * 8 + 8) + (8 * 3 + 3)),
        ],
    )
    def test_has_as_many_parameters_as_its_sizes_say(self, options, count):
        assert sum(array.size for array in build(**options).params.values()) == count

    def test_stands_in_the_order_of_its_options(self):
        row = ["Affine", "BatchNorm", "Tanh", "Dropout"]
        options = {"activation": "tanh", "dropout": 0.1, "batchnorm": True}
        assert kinds(build(hidden=(8, 8), **options)) == [*row, *row, "Affine"]
        assert kinds(build((2, 2), hidden=(8,), **options)) == ["Flatten", *row, "Affine"]

    def test_without_hidden_layers_is_linear(self):
        model = build(hidden=(), activation="sigmoid", dropout=0.5, batchnorm=True)
        assert kinds(model) == ["Affine"]

    @pytest.mark.parametrize("name", ACTIVATIONS)
    def test_has_every_activation_and_scales_with_it(self, name):
        """The signal neither fades nor blows up through ten layers."""
        model = build((64,), 8, hidden=(64,) * 10, activation=name)
        y = model.forward(np.random.default_rng(1).standard_normal((50, 64)))
        assert type(model.layers[1]) is ACTIVATIONS[name]
        assert 1e-3 < y.std() < 10

    def test_draws_independent_noise_in_each_dropout(self):
        model = build(hidden=(50, 50, 50), dropout=0.5)
        x = np.ones((1, 50))
        masks = [tuple(layer.forward(x)[0] > 0) for layer in model.layers if type(layer) is L.Dropout]
        assert len(set(masks)) == 3
        assert len({id(layer.rng) for layer in model.layers if type(layer) is L.Dropout}) == 3

    def test_is_the_same_for_the_same_generator(self):
        one, two, other = (build(seed=seed, dropout=0.2).params["0.W"] for seed in (0, 0, 1))
        assert np.array_equal(one, two)
        assert not np.array_equal(one, other)

    def test_starts_with_the_same_weights_with_and_without_dropout(self):
        one, two = build(dropout=0.0), build(dropout=0.5)
        assert np.array_equal(one.params["4.W"], two.params["6.W"])

    def test_refuses_an_activation_that_it_does_not_know(self):
        with pytest.raises(
            ValueError, match=r"mlp: expected one of relu, .*, got 'rellu'; did you mean 'relu'\?"
        ):
            build(activation="rellu")


class TestALeNet:
    def test_has_the_layers_and_parameters_of_lenet_5(self):
        model = lenet((1, 28, 28), 10, np.random.default_rng(0))
        twice = ["Conv2D", "ReLU", "MaxPool2D"]
        affine = ["Affine", "ReLU"]
        assert kinds(model) == [*twice, *twice, "Flatten", *affine, *affine, "Affine"]
        assert sum(array.size for array in model.params.values()) == 156 + 2416 + 48120 + 10164 + 850

    @pytest.mark.parametrize("shape", [(1, 12, 12), (3, 17, 30), (4, 13, 64)])
    def test_maps_images_of_any_size_to_outputs(self, shape):
        model = lenet(shape, 3, np.random.default_rng(0), hidden=(7,), dropout=0.5, batchnorm=True)
        y = model.forward(np.ones((2, *shape), np.float32))
        assert y.shape == (2, 3)
        _, grads = model.backward(np.ones_like(y))
        assert grads.keys() == model.params.keys()
        assert kinds(model)[:4] == ["Conv2D", "BatchNorm", "ReLU", "MaxPool2D"]

    @pytest.mark.parametrize("shape", [(4,), (28, 28), (1, 11, 28), (1, 28, 11)])
    def test_refuses_what_is_no_image_or_too_small(self, shape):
        with pytest.raises(
            ValueError, match=r"lenet: expected images \(C, H, W\) of at least 12 x 12 pixels"
        ):
            lenet(shape, 3, np.random.default_rng(0))

    def test_refuses_an_activation_that_it_does_not_know(self):
        with pytest.raises(ValueError, match=r"lenet: expected one of relu, .*, got 'nope'"):
            lenet((1, 28, 28), 3, np.random.default_rng(0), activation="nope")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to put modules in and to stand in; what they leave in Python is taken back."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


GOOD = "from layers import Affine\n\ndef build(input_shape, output_size, rng):\n    return {}\n"
AFFINE = "Affine(input_shape[0], output_size, rng=rng)"


def write(folder, text, name="net.py"):
    (folder / name).write_text(text, encoding="utf-8")
    return f"{name}:build"


def make(spec, shape=(4,), size=3):
    return users_builder(spec)(shape, size, np.random.default_rng(0))


def mistake(spec, **sizes):
    """The one line that comes of loading, building and trying a network."""
    with pytest.raises(UsageError) as at:
        check_output(make(spec), np.ones((2, 4), np.float32), 3, spec)
    message = str(at.value)
    assert "\n" not in message
    assert message.startswith("--model: ")
    assert at.value.code == 2
    return message


class TestAUsersNetwork:
    def test_is_built_by_the_users_function(self, folder):
        spec = write(folder, GOOD.format(AFFINE))
        model = make(spec, (4,), 3)
        assert repr(model) == "Affine(4 -> 3)"
        check_output(model, np.ones((2, 4)), 3, spec)

    def test_gets_shape_size_and_generator(self, folder):
        write(
            folder,
            "from layers import Identity\n\ndef build(*arguments):\n"
            "    build.got = arguments\n    return Identity()\n",
        )
        rng = np.random.default_rng(0)
        builder = users_builder("net.py:build")
        builder((1, 28, 28), 10, rng)
        (got,) = (vars(module)["build"].got for name, module in sys.modules.items() if name == "model:net")
        assert got == ((1, 28, 28), 10, rng)

    def test_is_found_by_its_whole_path_from_anywhere(self, folder, monkeypatch, tmp_path_factory):
        write(folder, GOOD.format(AFFINE), "my net.v2.py")
        monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
        assert repr(make(f"{folder / 'my net.v2.py'}:build")) == "Affine(4 -> 3)"

    def test_may_be_a_class_of_layer(self, folder):
        write(
            folder,
            "from layers import Affine, Sequential\n\nclass Net(Sequential):\n"
            "    def __init__(self, input_shape, output_size, rng):\n"
            f"        super().__init__({AFFINE})\n",
        )
        assert list(make("net.py:Net").params) == ["0.W", "0.b"]

    @pytest.mark.parametrize("name", ["json.py", "layers.py", "numpy.py", "secrets.py", "training.py"])
    def test_hides_no_module_whose_name_its_file_has(self, folder, name):
        """json and layers are loaded by now, secrets need not be: an import after it finds the library's."""
        loaded = sys.modules.pop("secrets", None)
        before = {name: module for name, module in sys.modules.items() if not name.startswith("model:")}
        spec = write(
            folder, "import json, secrets\nX = json.dumps, secrets.token_hex\n" + GOOD.format(AFFINE), name
        )
        assert repr(make(spec)) == "Affine(4 -> 3)"
        import secrets

        assert secrets.token_hex is not None
        assert str(folder) not in (secrets.__file__ or "")
        assert json.loads("1") == 1
        assert all(sys.modules[name] is module for name, module in before.items())
        if loaded is not None:
            sys.modules["secrets"] = loaded

    def test_may_import_its_neighbours_also_while_it_builds(self, folder):
        write(folder, "WIDTH = 5\n", "first_neighbour.py")
        write(folder, GOOD.format(AFFINE).replace("build(", "make("), "second_neighbour.py")
        spec = write(
            folder,
            "from first_neighbour import WIDTH\n\ndef build(*arguments):\n"
            "    from second_neighbour import make\n    return make(*arguments)\n",
        )
        assert repr(make(spec)) == "Affine(4 -> 3)"

    def test_is_read_anew_each_time(self, folder):
        """A change of the same size within the same second counts, too."""
        write(folder, GOOD.format("Affine(1, 2)"))
        assert repr(make("net.py:build")) == "Affine(1 -> 2)"
        write(folder, GOOD.format("Affine(3, 4)"))
        assert repr(make("net.py:build")) == "Affine(3 -> 4)"

    def test_leaves_no_files(self, folder):
        make(write(folder, GOOD.format(AFFINE)))
        assert [path.name for path in folder.iterdir()] == ["net.py"]

    def test_may_use_dataclasses_and_annotations(self, folder):
        spec = write(
            folder,
            "from __future__ import annotations\nfrom dataclasses import dataclass, field\n"
            "from typing import ClassVar\n\n@dataclass\nclass Sizes:\n    limit: ClassVar[int] = 3\n"
            "    hidden: list[int] = field(default_factory=list)\n\n" + GOOD.format(AFFINE),
        )
        assert repr(make(spec)) == "Affine(4 -> 3)"

    def test_keeps_its_weights_and_statistics_through_the_trial(self, folder):
        model = build(hidden=(8,), batchnorm=True, dropout=0.5)
        before = model.state()
        check_output(model, np.random.default_rng(0).standard_normal((2, 4)), 3)
        assert all(np.array_equal(array, before[name]) for name, array in model.state().items())
        assert all(layer.training for layer in (model, *model.layers))


SCALE = """\
import numpy as np
from layers import Affine, Layer, Sequential

class Scale(Layer):
    def __init__(self, features):
        self.params = {"gamma": np.ones(features)}

    def forward(self, x):
        self.cache = x
        return self.params["gamma"] * x

    def backward(self, upstream):
        BACKWARD

def build(input_shape, output_size, rng):
    return Sequential(Affine(input_shape[0], 5), Scale(WIDTH), Affine(5, output_size))
"""
RIGHT = 'return upstream * self.params["gamma"], {"gamma": (upstream * self.cache).sum(axis=0)}'


def scale(backward=RIGHT, width="5"):
    return SCALE.replace("BACKWARD", backward).replace("WIDTH", width)


class TestAMistakeInTheFile:
    """Each is one line; where Python knows the line, FILE:LINE stands in it."""

    @pytest.mark.parametrize("spec", ["net.py", "net.py:", "net.txt:build", ":build", "net.py:two words", ""])
    def test_of_the_option_shows_how_it_is_written(self, folder, spec):
        with pytest.raises(UsageError, match=r"--model: expected FILE\.py:FUNCTION, got .*; for example"):
            users_builder(spec)

    def test_that_there_is_none(self, folder):
        assert mistake("gone.py:build") == (
            "--model: expected a file, got gone.py, which is not there; check the path"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("x = 1\ndef build(:\n", "net.py:2: SyntaxError: invalid syntax"),
            ("def build():\nreturn 1\n", "net.py:2: IndentationError: expected an indented block"),
            ("x = 1\x00\n", "net.py"),
            (
                "\nimport nonsense_that_is_not_there\n",
                "net.py:2: ModuleNotFoundError: No module named 'nonsense_",
            ),
            ("from layers import Afine\n", "net.py:1: ImportError: cannot import name 'Afine' from 'layers'"),
            ("x = 1\ny = x / 0\n", "net.py:2: ZeroDivisionError: division by zero"),
            ("import sys\n\nsys.exit()\n", "net.py:3: SystemExit"),
            ("raise ValueError('two\\nlines')\n", "net.py:1: ValueError: two lines"),
            ("x = 1\neval('1 +')\n", "net.py:2: SyntaxError: invalid syntax"),
        ],
    )
    def test_on_loading_names_the_line(self, folder, text, message):
        assert mistake(write(folder, text)).startswith(f"--model: {message}")

    def test_in_another_encoding_is_one_line(self, folder):
        (folder / "net.py").write_bytes(b"x = 1\ny = 'gr\xf6\xdfe'\n")
        assert mistake("net.py:build").startswith("--model: net.py:2: SyntaxError: ")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("def biuld(a, b, c): pass\n", "expected a function 'build', found none; did you mean 'biuld'?"),
            ("def network(a, b, c): pass\n", "expected a function 'build', found none; it has network"),
            ("from layers import Affine\n", "found none; write def build(input_shape, output_size, rng)"),
            ("build = 3\n", "expected a function 'build', got int; write def build(input_shape, "),
        ],
    )
    def test_of_the_name_suggests_the_nearest(self, folder, text, message):
        found = mistake(write(folder, text))
        assert found.startswith("--model: net.py: ")
        assert message in found

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("Affine(input_shape[0], outputs)", "net.py:4: NameError: name 'outputs' is not defined"),
            ("Affine(input_shape[7], 2)", "net.py:4: IndexError: tuple index out of range"),
            ("Affine", "net.py:3: expected build to return a Layer, got the class Affine; for example"),
            ("None", "net.py:3: expected build to return a Layer, got NoneType; for example layers.Seq"),
        ],
    )
    def test_on_building_names_the_line(self, folder, body, message):
        assert mistake(write(folder, GOOD.format(body))).startswith(f"--model: {message}")

    def test_of_the_arguments_names_the_function(self, folder):
        found = mistake(write(folder, "x = 1\n\n\ndef build(shape):\n    pass\n"))
        assert found == "--model: net.py:4: TypeError: build() takes 1 positional argument but 3 were given"

    def test_in_a_neighbour_names_the_neighbour(self, folder):
        write(folder, "def make():\n    return 1 / 0\n", "third_neighbour.py")
        spec = write(folder, "import third_neighbour\ndef build(*_):\n    return third_neighbour.make()\n")
        assert "third_neighbour.py:2: ZeroDivisionError" in mistake(spec)

    def test_of_parameters_that_are_no_arrays_names_them(self, folder):
        text = scale().replace("np.ones(features)", "1.0")
        assert mistake(write(folder, text)) == (
            "--model: net.py:15: expected '1.gamma' of the network to be a NumPy array, got float; "
            "wrap it in np.array"
        )

    def test_in_forward_names_line_and_layer(self, folder):
        found = mistake(write(folder, scale(width="6")))
        assert found.startswith("--model: net.py:10: ValueError: operands could not be broadcast together")
        assert found.endswith("(in layer 1, Scale())")

    def test_between_layers_names_the_layer(self, folder):
        body = "Sequential(Affine(4, 5), Sequential(Affine(6, 3)))"
        text = GOOD.format(body).replace("import Affine", "import Affine, Sequential")
        assert mistake(write(folder, text)) == (
            "--model: net.py: ValueError: Affine(6 -> 3): expected x of shape (N, 6), got (2, 5) "
            "(in layer 0, Affine(6 -> 3); in layer 1, Sequential)"
        )

    @pytest.mark.parametrize(
        ("backward", "message"),
        [
            ("return 1 / 0", "net.py:13: ZeroDivisionError: division by zero (in layer 1, Scale())"),
            ("return upstream", "expected backward to return (dx, grads), got ndarray"),
            ("return upstream, {}", "expected grads with the keys of params, ['gamma'], got []"),
            (
                "return upstream, {'gamma': np.ones(2)}",
                "backward: expected a gradient of shape (5,) for '1.gamma', got (2,)",
            ),
            ("return upstream, {'gamma': 1.0}", "expected a gradient of shape (5,) for '1.gamma', got float"),
        ],
    )
    def test_in_backward_is_found_before_training(self, folder, backward, message):
        assert message in mistake(write(folder, scale(backward)))

    @pytest.mark.parametrize(
        ("body", "shape"),
        [
            ("Affine(4, 2)", r"(2, 2)"),
            ("Affine(4, 4)", r"(2, 4)"),
            ("Sequential(Affine(4, 3), Branch(Identity(), Identity()))", "tuple"),
        ],
    )
    def test_of_the_output_shape_says_what_is_needed(self, folder, body, shape):
        text = GOOD.format(body).replace("import Affine", "import Affine, Branch, Identity, Sequential")
        assert mistake(write(folder, text)) == (
            f"--model: net.py: expected an output of shape (N, 3) for x of shape (2, 4), got {shape}; "
            "end with Affine(..., output_size)"
        )

    def test_does_not_hide_other_errors(self, folder):
        """What did not come through the user's file, and what is one line already, stays what it is."""
        spec = write(folder, GOOD.format(AFFINE))
        for error in (CheckpointError("one line"), KeyboardInterrupt(), MemoryError(), KeyError("ours")):
            with pytest.raises(type(error)) as at, users_mistakes(spec):
                raise error
            assert at.value is error
        with pytest.raises(KeyError), users_mistakes(None):
            raise KeyError("ours")

    def test_keeps_its_traceback_for_debug(self, folder):
        with pytest.raises(UsageError) as at:
            make(write(folder, GOOD.format("1 / 0")))
        assert isinstance(at.value.__cause__, ZeroDivisionError)

    def test_of_a_network_of_ours_does_not_speak_of_the_option(self):
        with pytest.raises(
            UsageError, match=r"^the network: ValueError: BatchNorm\(8\): .*in layer 1, BatchNorm"
        ):
            check_output(build(hidden=(8,), batchnorm=True), np.ones((1, 4)), 3)
