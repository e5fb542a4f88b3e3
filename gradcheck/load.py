"""A user's file: the layers it defines, and its mistakes told in one line."""

from __future__ import annotations

import contextlib
import difflib
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator
from itertools import dropwhile
from pathlib import Path
from types import ModuleType
from typing import Any

from layers.base import Layer

ENDS = 'put what ends Python under if __name__ == "__main__"'


class UsageError(Exception):
    """What cannot be done, and what to type instead, in one line."""


def split_spec(spec: str) -> tuple[str, str]:
    """The file and the name of FILE.py or FILE.py:NAME ("" where there is none).   Raises: UsageError."""
    file, _, name = spec.rpartition(":")
    file = file.removesuffix(":")  # pytest's FILE.py::NAME
    if not file.endswith(".py"):
        file, name = spec, ""
    if Path(file).is_dir():
        raise UsageError(f"expected FILE.py, got the folder {file}; name the files in it")
    if not file.endswith(".py"):
        raise UsageError(f"expected FILE.py or FILE.py:CLASS, got {spec!r}; for example my_layers.py")
    if not Path(file).is_file():
        raise UsageError(f"expected a file, got {file}, which is not there; check the path")
    return str(Path(file)), name


def load_file(file: str) -> ModuleType:
    """Run a file as a module that hides no other: no import statement can say its name.

    Its folder comes last where Python looks for modules, and it may import from its own package.
    Raises: UsageError naming the mistake's line.
    """
    path = Path(file)
    module = ModuleType(f"gradcheck:{path.stem.replace('.', '_')}")
    module.__file__ = file
    root, package = path.resolve().parent, list[str]()
    while (root / "__init__.py").is_file():
        root, package = root.parent, [root.name, *package]
    module.__package__ = ".".join(package)
    for folder in dict.fromkeys([str(path.resolve().parent), str(root)]):
        if folder not in sys.path:
            sys.path.append(folder)
    sys.modules[module.__name__] = module  # where dataclasses, for one, look their class's module up
    with users_mistakes(file, place=file):
        try:
            exec(compile(path.read_bytes(), file, "exec", dont_inherit=True), vars(module))
        except SystemExit as error:
            error.add_note(ENDS)
            raise
    return module


def layers_of(module: ModuleType, name: str = "") -> dict[str, Any]:
    """The classes to check, in the file's order: those it defines, or the one called `name`.

    A class counts that has forward and backward; one whose name begins with _ is the file's own affair, and
    one that inherits both from Layer is nothing but a base. `name` may be a layer that the file has built.
    Raises: UsageError where there is none.
    """
    file = str(module.__file__)
    own = dict[str, Any]()
    for key, value in vars(module).items():
        named = isinstance(value, type) and value.__module__ == module.__name__ and not key.startswith("_")
        if named and is_layer(value) and not _is_base(value) and value not in own.values():
            own[key] = value
    if not name:
        if not own:
            raise UsageError(
                f"{file}: expected a class with forward and backward, found none; "
                "write class Scale(Layer): ... in it"
            )
        return own
    if not hasattr(module, name):
        mend = did_you_mean(name, own) or (f"; it has {', '.join(own)}" if own else "")
        raise UsageError(f"{file}: expected a class {name!r}, found none{mend}")
    value = getattr(module, name)
    if not is_layer(value):
        raise UsageError(
            f"{file}: expected {name!r} to have forward and backward, got {kind_of(value)}"
            + (f'; try --init "{name}()"' if callable(value) and not isinstance(value, type) else "")
        )
    return {name: value}


@contextlib.contextmanager
def users_mistakes(file: str, place: str = "") -> Iterator[None]:
    """Turn an error out of the user's file into one line that names file and line.

    An error that did not pass through the file is put down to `place`; without a place it is let through.
    Raises: UsageError.
    """
    try:
        yield
    except (UsageError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # a script that ends with sys.exit() must not end this one
        where = line_of(error, file) or place
        if not where:
            raise
        raise UsageError(f"{where}: {in_one_line(error)}") from error


def is_layer(value: Any) -> bool:
    return callable(getattr(value, "forward", None)) and callable(getattr(value, "backward", None))


def place_of(file: str, cls: type) -> str:
    """FILE:LINE of a class."""
    try:
        return f"{file}:{inspect.getsourcelines(cls)[1]}"
    except (OSError, TypeError):
        return file


def line_of(error: BaseException, file: str) -> str:
    """FILE:LINE of the last step through the user's file or a neighbour of it; "" where there is none."""
    if isinstance(error, SyntaxError) and Path(error.filename or file).is_file():
        return f"{error.filename or file}:{error.lineno or 1}"
    frames = dropwhile(lambda frame: frame.filename != file, traceback.extract_tb(error.__traceback__))
    folder = Path(file).resolve().parent
    own = [frame for frame in frames if Path(frame.filename).resolve().parent == folder]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else ""


def in_one_line(error: BaseException) -> str:
    """The error's kind, text and notes (of a container, which layer it was), printable, on one line."""
    notes = "; ".join(note for note in getattr(error, "__notes__", []) if not note.startswith("gradcheck: "))
    told = error.msg if isinstance(error, SyntaxError) else str(error)
    text = " ".join(f"{told} ({notes})".split()) if notes else " ".join(told.split())
    text = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """ "; did you mean 'Affine'?", or nothing."""
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def kind_of(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _is_base(cls: Any) -> bool:
    if inspect.isabstract(cls) or getattr(cls, "_is_protocol", False):
        return True
    names = getattr(getattr(cls.forward, "__code__", None), "co_names", ())
    if "NotImplementedError" in names and cls.__subclasses__():
        return True
    return bool(cls.forward is Layer.forward and cls.backward is Layer.backward)
