"""Write docs/api.md from the docstrings: python docs/make_api.py

The order is that of docs/catalog.md, which names every export; what has no row there is placed by PLACES.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS.parent))  # where this is a checkout that is not installed

MODULES = ("layers", "losses", "optim", "optim.schedules", "gradcheck")
PLACES = {  # module.name -> the heading under which it stands first
    "layers.Layer": "Contract and containers",
    "losses.Loss": "Losses",
    "losses.class_targets.ClassLoss": "Losses",  # which two losses refer to for their options
    "optim.Optimizer": "Update rules and what goes with them",
}
INITS = "Initialisers"
CHECKS = "Checking a backward"
HEAD = """# Every name, from its docstring

Written by `python docs/make_api.py` from the docstrings. A line for each is in [catalog.md](catalog.md).

"""


def page() -> str:
    """The whole page."""
    sections = dict(_sections())
    contents = [
        f"- [{heading}](#{anchor(heading)}): "
        + ", ".join(f"[{name.rpartition('.')[2]}](#{anchor(name)})" for name in names)
        for heading, names in sections.items()
    ]
    parts = [HEAD + "\n".join(contents)]
    for heading, names in sections.items():
        parts += [f"## {heading}", *(_entry(name) for name in names)]
    return "\n\n".join(parts) + "\n"


def anchor(heading: str) -> str:
    """What GitHub calls a heading in a link: lower case, no punctuation, hyphens for blanks."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _sections() -> Iterator[tuple[str, list[str]]]:
    """(heading, names with their modules), every export once."""
    homes = {
        name: module
        for module in MODULES
        for name in importlib.import_module(module).__all__
        if f"{module}.{name}" not in MODULES
    }
    catalog = (DOCS / "catalog.md").read_text(encoding="utf-8")
    for section in re.split(r"^## ", catalog, flags=re.MULTILINE)[1:]:
        heading, _, rows = section.partition("\n")
        first = [name for name, place in PLACES.items() if place == heading]
        named = re.findall(r"^\| `(\w+)\(", rows, re.MULTILINE)
        yield heading, [*first, *(f"{homes[name]}.{name}" for name in named)]
    inits = vars(importlib.import_module("layers.init"))
    yield INITS, [f"layers.init.{f.__name__}" for f in dict.fromkeys(inits["NAMED"].values())]
    checks = [name for name, module in homes.items() if module == "gradcheck"]
    checks.sort(key=lambda name: (name[0].isupper(), not name.startswith("check_")))
    yield CHECKS, [f"gradcheck.{name}" for name in checks]


def _entry(name: str) -> str:
    """A heading, and in a literal block the signature, the docstring and the methods that have one."""
    module, _, own = name.rpartition(".")
    value = getattr(importlib.import_module(module), own)
    lines = [own + _signature(value), "", inspect.cleandoc(value.__doc__ or "")]
    for method, shown, text in _methods(value) if inspect.isclass(value) else ():
        lines += ["", f".{method}{shown}", *(f"    {line}".rstrip() for line in text.splitlines())]
    text = "\n".join(lines)
    if "```" in text:
        raise ValueError(f"{name}: expected a docstring without a fence, got one with ```; indent the code")
    return f"### {name}\n\n```text\n{text}\n```"


def _methods(cls: type) -> Iterator[tuple[str, str, str]]:
    """(name, signature, docstring) of what a class itself adds for its users."""
    for name, member in vars(cls).items():
        function = member.fget if isinstance(member, property) else member
        text = getattr(function, "__doc__", None)
        if name.startswith("_") or not inspect.isfunction(function) or not text:
            continue
        yield (
            name,
            "" if isinstance(member, property) else _signature(function, bound=True),
            inspect.cleandoc(text),
        )


def _signature(value: Any, bound: bool = False) -> str:
    """(in_features, *, bias=True), without types: the docstring has the shapes."""
    if inspect.isclass(value):  # its __init__, as Layer's __new__ takes anything
        return _signature(value.__init__, bound=True)
    signature = inspect.signature(value)
    parameters = [
        parameter.replace(annotation=parameter.empty, default=_Shown.of(parameter.default))
        for parameter in list(signature.parameters.values())[bound:]
    ]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


class _Shown(str):
    """A default as one would write it."""

    __slots__ = ()

    @classmethod
    def of(cls, default: Any) -> Any:
        if isinstance(default, type) and default is not inspect.Parameter.empty:
            return cls(default.__name__)
        if isinstance(default, functools.partial):
            bound = [
                *map(repr, default.args),
                *(f"{key}={value!r}" for key, value in default.keywords.items()),
            ]
            return cls(f"partial({', '.join([default.func.__name__, *bound])})")
        return default

    def __repr__(self) -> str:
        return str(self)


if __name__ == "__main__":
    (DOCS / "api.md").write_text(page(), encoding="utf-8", newline="\n")
