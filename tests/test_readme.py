"""The examples of README and docs run and print what they show; README's commands are the tested ones."""

import contextlib
import importlib
import inspect
import io
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from gradcheck.cli import parse
from gradcheck.report import Kind

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLES = [
    pytest.param(page, code, shown, id=f"{page.name}-{i}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    for i, (code, shown) in enumerate(
        re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page.read_text(), re.DOTALL)
    )
]

# what differs from one machine to the next: errors near nothing, how many steps find that, and how soon
TINY = re.compile(r"\b\d(\.\d)?e-1\d\b|(?<=ok )0\b|\b\d+(?= forwards)|\b[\d.]+(?= ms)")


@pytest.mark.parametrize(("page", "code", "shown"), EXAMPLES)
def test_an_example_prints_what_its_page_shows(page, code, shown, tmp_path, monkeypatch):
    for package in re.findall(r"^(?:import|from) (sklearn|onnx|onnxruntime|safetensors|torch)\b", code, re.M):
        pytest.importorskip(package, reason=f"{package} is not installed (an extra)")
    monkeypatch.chdir(tmp_path)  # for the files that it writes
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(page), "exec"), {"__name__": "example"})
    assert TINY.sub("tiny", printed.getvalue()) == TINY.sub("tiny", shown)


def test_every_example_of_every_page_is_run():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        ours = [example for example in EXAMPLES if example.values[0] == page]
        assert len(ours) == page.read_text().count("```python\n"), page
    assert len(EXAMPLES) >= 6


def test_the_first_example_is_short_and_the_two_commands_are_there():
    code = EXAMPLES[0].values[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    commands = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert [command.split(" && ")[1].strip() for command in commands] == [
        "python train.py",
        "python -m pytest -n auto",
    ]


def test_the_page_on_gradients_names_every_kind_of_finding():
    page = (ROOT / "docs" / "gradients.md").read_text()
    table = page[page.index("## The kinds of findings") : page.index("## Losses")]
    kinds = re.findall(r"^\| ((?:`[a-z-]+` )+)\|", table, re.MULTILINE)
    assert sorted(" ".join(kinds).replace("`", "").split()) == sorted(get_args(Kind))


def test_the_page_on_gradients_shows_options_that_the_command_takes():
    page = (ROOT / "docs" / "gradients.md").read_text()
    (commands,) = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    for line in commands.splitlines():
        assert parse(shlex.split(line, comments=True)[3:])


COMMON = {"init", "rng", "dtype", "reduction", "groups"}  # arguments that the catalog names once, at the top


def test_the_catalog_names_every_export_with_its_arguments():
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", (ROOT / "docs" / "catalog.md").read_text(), re.MULTILINE)
    modules = [importlib.import_module(name) for name in ("layers", "losses", "optim", "optim.schedules")]
    exports = {name: getattr(module, name) for module in modules for name in module.__all__}
    assert {name for name, _ in rows} == exports.keys() - {"Layer", "Loss", "Optimizer", "schedules"}
    for name, listed in rows:
        shown = dict(inspect.signature(eval(f"lambda {listed}: None")).parameters)
        actual = {
            key: parameter.replace(annotation=inspect.Parameter.empty)
            for key, parameter in inspect.signature(exports[name]).parameters.items()
            if key not in {"args", "kwargs"} and (key in shown or key not in COMMON)
        }
        assert shown == actual, name
