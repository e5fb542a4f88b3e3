"""docs/api.md is what docs/make_api.py writes today: every export, once, with its signature and docstring."""

import importlib
import inspect
import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
MODULES = ("layers", "losses", "optim", "optim.schedules", "gradcheck")


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(DOCS / "make_api.py"))


@pytest.fixture(scope="module")
def entries():
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    found = re.findall(r"^### (\S+)\n\n```text\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL)
    assert len(found) == page.count("\n### ")
    assert len(dict(found)) == len(found)
    return dict(found)


def test_the_page_is_what_the_script_writes_now(script):
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    assert page == script["page"](), "it is not; run python docs/make_api.py"


def test_every_export_is_there_with_its_docstring(entries):
    for module in map(importlib.import_module, MODULES):
        for name in set(module.__all__) - {"schedules"}:
            value = getattr(module, name)
            assert inspect.cleandoc(value.__doc__) in entries[f"{module.__name__}.{name}"], name


def test_what_an_entry_tells_to_see_is_an_entry_too(entries):
    own = {name.rpartition(".")[2] for name in entries}
    named = {name for text in entries.values() for name in re.findall(r"\(see ([\w]+)\)", text)}
    assert {"ClassLoss", "beam_decode"} <= named <= own


def test_a_signature_is_one_that_python_reads_with_the_same_arguments(entries):
    for name in ("layers.Conv2D", "layers.Graph", "losses.Huber", "optim.Adam", "gradcheck.check_layer"):
        shown = entries[name].partition("\n")[0]
        own = name.rpartition(".")[2]
        assert shown.startswith(own + "(")
        signature = shown.removeprefix(own + "(").removesuffix(")").replace("=float32", "=None")
        read = inspect.signature(eval(f"lambda {signature}: None"))
        value = getattr(importlib.import_module(name.rpartition(".")[0]), own)
        assert list(read.parameters) == list(inspect.signature(value).parameters)


def test_methods_that_say_what_they_do_are_told(entries):
    assert "\n.freeze(*patterns)\n    " in entries["layers.Container"]
    assert "\n.step(grads)\n    One update of every parameter." in entries["optim.Optimizer"]
    assert "\n.frozen\n    " in entries["layers.Container"]  # a property
    assert "\n.forward" not in entries["layers.Affine"]  # the contract has it


def test_nothing_on_the_page_depends_on_the_machine(entries):
    for name, text in entries.items():
        assert not re.search(r"0x[0-9a-f]{6}|<class|<function|object at", text), name


def test_a_docstring_that_would_end_the_block_is_refused(script, monkeypatch):
    affine = importlib.import_module("layers").Affine
    monkeypatch.setattr(affine, "__doc__", "y = x Wᵀ + b\n\n    ```python\n")
    with pytest.raises(ValueError, match=r"layers\.Affine: expected a docstring without a fence"):
        script["page"]()


def test_a_change_of_a_docstring_changes_the_page(script, monkeypatch):
    monkeypatch.setattr(importlib.import_module("layers").Affine, "__doc__", "something else")
    assert "something else" in script["page"]()
