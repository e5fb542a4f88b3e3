"""The network that train.py trains: an MLP or LeNet from options, or what a user's function returns."""

from __future__ import annotations

import contextlib
import inspect
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from itertools import dropwhile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import layers
from layers import Affine, BatchNorm, Conv2D, Dropout, Flatten, Layer, MaxPool2D, Sequential
from layers.base import Array

from .errors import UsageError, UserError
from .text import did_you_mean, listing, printable

Builder = Callable[[tuple[int, ...], int, np.random.Generator], Layer]

ACTIVATIONS = {
    "relu": layers.ReLU,
    "leakyrelu": layers.LeakyReLU,
    "elu": layers.ELU,
    "selu": layers.SELU,
    "sigmoid": layers.Sigmoid,
    "tanh": layers.Tanh,
    "softplus": layers.Softplus,
    "gelu": layers.GELU,
    "silu": layers.SiLU,
}
INITS = {"selu": "lecun_normal", "sigmoid": "xavier_normal", "tanh": "xavier_normal"}  # others: he_normal
LENET_HIDDEN = (120, 84)
SMALLEST_IMAGE = 12  # pixels: the second convolution of LeNet needs 5 of the 6 that are left


def mlp(
    input_shape: tuple[int, ...],
    output_size: int,
    rng: np.random.Generator,
    *,
    hidden: Sequence[int] = (64, 64),
    activation: str = "relu",
    dropout: float = 0.0,
    batchnorm: bool = False,
) -> Sequential:
    """Affine, [BatchNorm], activation, [Dropout] for each hidden size, then Affine to the outputs.

    Shapes: x (N, *input_shape), images are flattened first; outputs (N, output_size).
    Raises: ValueError for an unknown activation.
    """
    _expect_activation("mlp", activation)
    row: list[Layer] = [] if len(input_shape) == 1 else [Flatten()]
    features = math.prod(input_shape)
    for size in hidden:
        row.append(Affine(features, size, init=_init(activation), rng=rng))
        if batchnorm:
            row.append(BatchNorm(size))
        row.append(ACTIVATIONS[activation]())
        if dropout:
            row.append(Dropout(dropout, rng=rng.spawn(1)[0]))  # noise of its own
        features = size
    return Sequential(*row, Affine(features, output_size, init="xavier_normal", rng=rng))


def lenet(
    input_shape: tuple[int, ...],
    output_size: int,
    rng: np.random.Generator,
    *,
    hidden: Sequence[int] = LENET_HIDDEN,
    activation: str = "relu",
    dropout: float = 0.0,
    batchnorm: bool = False,
) -> Sequential:
    """Twice 5 x 5 convolution, [BatchNorm], activation, 2 x 2 max-pooling: to 6 channels, to 16; then an MLP.

    Shapes: x (N, C, H, W) with H and W of 12 or more; outputs (N, output_size).
    Raises: ValueError for x of another shape and for an unknown activation.
    Source: LeCun et al. 1998, section II.B (LeNet-5), with max-pooling and without its special output layer
    """
    if len(input_shape) != 3 or min(input_shape[1:]) < SMALLEST_IMAGE:
        raise ValueError(
            f"lenet: expected images (C, H, W) of at least {SMALLEST_IMAGE} x {SMALLEST_IMAGE} pixels, "
            f"got rows of shape {input_shape}; use an MLP"
        )
    _expect_activation("lenet", activation)
    (channels, *sizes), row = input_shape, list[Layer]()
    for maps, padding in ((6, 2), (16, 0)):
        row.append(Conv2D(channels, maps, 5, padding=padding, init=_init(activation), rng=rng))
        if batchnorm:
            row.append(BatchNorm(maps))
        row += [ACTIVATIONS[activation](), MaxPool2D(2)]
        channels, sizes = maps, [(size + 2 * padding - 4) // 2 for size in sizes]
    head = mlp(
        (channels, *sizes), output_size, rng,
        hidden=hidden, activation=activation, dropout=dropout, batchnorm=batchnorm,
    )  # fmt: skip
    return Sequential(*row, *head.layers)


NETWORKS: dict[str, Callable[..., Sequential]] = {"mlp": mlp, "lenet": lenet}


def users_builder(spec: str) -> Builder:
    """The function build(input_shape, output_size, rng) -> Layer of FILE.py:FUNCTION.

    Raises: UsageError naming the mistake's file and line, here and when the function is called.
    """
    file, name = _split(spec)
    if not file.endswith(".py") or not name.isidentifier():
        raise UsageError(f"--model: expected FILE.py:FUNCTION, got {spec!r}; for example net.py:build")
    if not Path(file).is_file():
        raise UsageError(f"--model: expected a file, got {file}, which is not there; check the path")
    with users_mistakes(spec, place=f"--model: {file}"):
        module = _load(Path(file))
    build = getattr(module, name, None)
    if not callable(build):
        raise UsageError(_no_function(module, file, name))
    code = getattr(build, "__code__", None)
    line = f":{code.co_firstlineno}" if code and code.co_filename == file else ""
    place = f"--model: {file}{line}"

    def checked(input_shape: tuple[int, ...], output_size: int, rng: np.random.Generator) -> Layer:
        with users_mistakes(spec, place=place):
            model = build(input_shape, output_size, rng)
            if not isinstance(model, Layer):
                raise UsageError(
                    f"{place}: expected {name} to return a Layer, got {_kind(model)}; "
                    "for example layers.Sequential(...)"
                )
            for key, array in {**model.params, **model.buffers}.items():
                if not isinstance(array, np.ndarray):
                    raise UsageError(
                        f"{place}: expected {key!r} of the network to be a NumPy array, "
                        f"got {_kind(array)}; wrap it in np.array"
                    )
        return model

    return checked


def check_output(model: Layer, x: Array, output_size: int, spec: str | None = None) -> None:
    """Take a prediction and one step's gradients on a few rows before training; the weights stay as they are.

    Raises: UsageError where that fails, for outputs of another shape than (N, output_size), and for
    gradients that have not the names and shapes of params.
    """
    place = f"--model: {_split(spec)[0]}" if spec else "the network"
    state = model.state()
    with users_mistakes(spec, place):
        for mode in (model.eval, model.train):
            mode()
            y = model.forward(x)
            if getattr(y, "shape", None) != (len(x), output_size):
                raise UsageError(
                    f"{place}: expected an output of shape (N, {output_size}) for x of shape {x.shape}, "
                    f"got {getattr(y, 'shape', _kind(y))}; end with Affine(..., output_size)"
                )
        _, grads = model.backward(np.ones_like(y))
        _expect_gradients(model, grads)
    model.load_state(state)


@contextlib.contextmanager
def users_mistakes(spec: str | None, place: str | None = None) -> Iterator[None]:
    """Turn an error out of the user's FILE.py:FUNCTION into one line that names file and line.

    An error that did not pass through the file is put down to `place`; without a place it is let through.
    Raises: UsageError.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # a script that ends with sys.exit() must not end this one
        line = _line_of(error, _split(spec)[0]) if spec else None
        who = f"--model: {line}" if line else place
        if who is None:
            raise
        raise UsageError(f"{who}: {_in_one_line(error)}") from error


def _expect_activation(who: str, name: str) -> None:
    if name not in ACTIVATIONS:
        near = did_you_mean(name, ACTIVATIONS)
        raise ValueError(f"{who}: expected one of {listing(ACTIVATIONS)}, got {name!r}{near}")


def _init(activation: str) -> str:
    return INITS.get(activation, "he_normal")


def _in_one_line(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    notes = "; ".join(getattr(error, "__notes__", []))
    words = [type(error).__name__ + (":" if text else ""), text, f"({notes})" if notes else ""]
    return printable(" ".join(" ".join(words).split()))


def _split(spec: str) -> tuple[str, str]:
    file, _, name = spec.rpartition(":")
    return str(Path(file)), name


def _load(path: Path) -> ModuleType:
    """Run a file as a module that hides no other: no import statement can say its name.

    Its folder comes last where Python looks for modules: it may import its neighbours, at any time, but a
    neighbour called json.py hides nothing.
    """
    module = ModuleType(f"model:{path.stem.replace('.', '_')}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses, for one, look their class's module up
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    return module


def _no_function(module: ModuleType, file: str, name: str) -> str:
    own = [
        key
        for key, value in vars(module).items()
        if inspect.isroutine(value) and value.__module__ == module.__name__
    ]
    found = f"got {_kind(getattr(module, name))}" if hasattr(module, name) else "found none"
    mend = did_you_mean(name, own) or (
        f"; it has {listing(own)}" if own else f"; write def {name}(input_shape, output_size, rng)"
    )
    return f"--model: {file}: expected a function {name!r}, {found}{mend}"


def _line_of(error: BaseException, file: str) -> str | None:
    """FILE:LINE of the last step through the user's file or a neighbour of it; None where there is none."""
    if isinstance(error, SyntaxError) and Path(error.filename or file).is_file():
        return f"{error.filename or file}:{error.lineno or 1}"
    frames = dropwhile(lambda frame: frame.filename != file, traceback.extract_tb(error.__traceback__))
    folder = Path(file).resolve().parent
    own = [frame for frame in frames if Path(frame.filename).resolve().parent == folder]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else None


def _expect_gradients(model: Layer, grads: dict[str, Any]) -> None:
    shapes = {name: param.shape for name, param in model.params.items()}
    got = {name: getattr(grad, "shape", _kind(grad)) for name, grad in grads.items()}
    for name in [*shapes, *got]:
        if shapes.get(name) != got.get(name):
            raise ValueError(
                f"backward: expected a gradient of shape {shapes.get(name, 'none')} for {name!r}, "
                f"got {got.get(name, 'none')}; grads has the names and shapes of params"
            )


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__
