"""What the grader uses, before and after a student's code has run.

The worker runs this file in a namespace of its own, which no import finds: nothing here imports the project.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import re
import sys
import types
from collections.abc import Iterator
from typing import Any

OWN = ("coursework", "gradcheck", "layers", "losses", "optim")
# besides, what these lean on; not the whole standard library, as honest packages patch inspect and typing
LEANT_ON = ("numpy", "builtins", "contextlib", "copy", "functools", "itertools", "json", "math", "operator")
CALLED = (
    type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType,
    types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType,
    types.GetSetDescriptorType, types.MemberDescriptorType, classmethod, staticmethod, property,
)  # fmt: skip
WRAPPERS = (classmethod, staticmethod, property, types.MethodType, functools.partial)
Snapshot = dict[str, Any]


def snapshot() -> Snapshot:
    """All that is loaded and could sway a grade, by its name: the object itself, so that `is` compares.

    Of this project all names, and what they lead to through containers, dataclasses and closures; of the rest
    functions and classes; of every class its methods, of every function its code and defaults.
    """
    walk = Walk()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in (*OWN, *LEANT_ON):
            walk.module(name, module)
    return walk.taken


def changed(before: Snapshot) -> list[str]:
    """The names of what is no longer what it was, the shortest first: "gradcheck.check.check_layer"."""
    now = snapshot()
    lost = [path for path, value in before.items() if path not in now or not _same(value, now[path])]
    new = [path for path in now.keys() - before.keys() if _hides(path, now[path], before)]
    return sorted({path.partition(" ")[0] for path in [*lost, *new]}, key=lambda path: (len(path), path))


def line_of(name: str, source: bytes) -> int:
    """The first line of a file that seems to change something of that name, 0 where none does.

    An attribute or an item is assigned or deleted, or the name is a text among a call's arguments.
    """
    last = name.rpartition(".")[2]
    try:
        changes = [node for node in ast.walk(ast.parse(source)) if _changes(node, last)]
        return min((getattr(node, "lineno", 0) for node in changes), default=0)
    except Exception:  # the file is no Python, or it is ast that has been changed
        return 0


def _changes(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Attribute | ast.Subscript):
        return isinstance(node.ctx, ast.Store | ast.Del) and name in re.findall(r"\w+", ast.unparse(node))
    arguments = node.args if isinstance(node, ast.Call) else []
    texts = [one.value for one in arguments if isinstance(one, ast.Constant)]
    return any(isinstance(text, str) and name in text.split(".") for text in texts)


class Walk:
    """Fills `taken` with what is found by name in modules, and in this project's behind the names as well."""

    def __init__(self) -> None:
        self.taken, self._seen = Snapshot(), set[int]()

    def module(self, name: str, module: Any) -> None:
        self.taken[name], own = module, _is_own(name)
        if not isinstance(module, types.ModuleType):
            return
        for key, value in list(vars(module).items()):
            if callable(value) or (own and not _is_special(key)):
                self.taken[f"{name}.{key}"] = value
                self.value(f"{name}.{key}", value, own)

    def value(self, path: str, value: Any, own: bool) -> None:
        """Go into a function, a class or what wraps a function; in this project, into a container as well."""
        if id(value) in self._seen:
            return
        self._seen.add(id(value))
        if isinstance(value, types.FunctionType):
            self.members(f"{path} code", list(_of_function(value)), own)
        elif isinstance(value, type):
            if value.__module__.partition(".")[0] in (*OWN, *LEANT_ON):
                self.of_class(path, value, own)
        elif isinstance(value, WRAPPERS) or "__wrapped__" in getattr(value, "__dict__", ()):
            inner = (
                getattr(value, name, None) for name in ("__func__", "__self__", "__wrapped__", "fget", "func")
            )
            self.members(f"{path} wraps", list(inner), own=True)
        elif own and isinstance(value, dict):
            self.members(f"{path} holds", [x for pair in value.items() for x in pair], own)
        elif own and isinstance(value, list | tuple | set | frozenset):
            self.members(f"{path} holds", list(value), own)
        elif own and hasattr(value, "__dataclass_fields__"):
            self.members(f"{path} holds", list(vars(value).values()), own)

    def of_class(self, path: str, cls: type, own: bool) -> None:
        for name, value in list(vars(cls).items()):
            if isinstance(value, CALLED) or (own and not _is_special(name) and name != "_abc_impl"):
                self.taken[f"{path}.{name}"] = value
                self.value(f"{path}.{name}", value, own)

    def members(self, path: str, members: list[Any], own: bool) -> None:
        self.taken[path] = Held(members)
        if own:
            for i, member in enumerate(members):
                self.value(f"{path} {i}", member, own)


def _of_function(function: types.FunctionType) -> Iterator[Any]:
    """Its code, its defaults, and what it has closed over."""
    yield function.__code__
    yield function.__defaults__
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # empty as yet
            yield cell.cell_contents


class Held(list[Any]):
    """The members of a container, compared one by one with `is`."""


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Held) and isinstance(b, Held):
        return len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
    return a is b


def _hides(path: str, value: Any, before: Snapshot) -> bool:
    """Whether a new name comes before one that the code of its module or class means."""
    home, _, key = path.rpartition(".")
    if home not in before or " " in path or sys.modules.get(path) is value:
        return False  # what it stands in is new as well, or it is a module that has been imported
    if _is_own(home):
        return True
    return isinstance(before[home], types.ModuleType) and value is not getattr(builtins, key, value)


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _is_own(name: str) -> bool:
    return name.partition(".")[0] in OWN
