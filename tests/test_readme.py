"""README's examples run and print what README shows; its commands are the ones that are tested."""

import contextlib
import io
import re
from pathlib import Path

import pytest

TEXT = (Path(__file__).parent.parent / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", TEXT, re.DOTALL)

# what rounding may change from one machine to the next: errors near nothing, and how many steps find that
TINY = re.compile(r"\b\d(\.\d)?e-1\d\b|\b0\b(?=  \()|\b\d+(?= forwards)")


@pytest.mark.parametrize(("code", "shown"), EXAMPLES, ids=["training loop", "own layer"])
def test_an_example_prints_what_readme_shows(code, shown):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    assert TINY.sub("tiny", printed.getvalue()) == TINY.sub("tiny", shown)


def test_the_first_example_is_short_and_the_two_commands_are_there():
    code = EXAMPLES[0][0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 15
    commands = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    assert [command.split(" && ")[1].strip() for command in commands] == [
        "python train.py",
        "python -m pytest",
    ]
