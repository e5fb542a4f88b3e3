"""examples/tour.ipynb runs, and what it stores is what it prints: python docs/run_notebook.py renews it."""

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "examples" / "tour.ipynb"
STORED = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
NEEDED = ("nbclient", "ipykernel", "matplotlib")

# errors near nothing, how many steps find that, how soon, and what a kernel calls the file of a cell
VARIES = re.compile(r"\b\d(\.\d)?e-1\d\b|(?<=ok )0\b|\b\d+(?= forwards)|\b[\d.]+(?= ms)|\b\d+(?=\.py:\d)")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The notebook as it comes out of a run, by the command that renews it, in a process of its own."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed (an extra)")
    goal = tmp_path_factory.mktemp("notebook") / "out.ipynb"
    command = [sys.executable, "-W", "error", str(ROOT / "docs" / "run_notebook.py"), str(goal)]
    done = subprocess.run(command, cwd=goal.parent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(goal.read_text(encoding="utf-8"))


def code(notebook):
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def texts(cell):
    """What a cell shows as text, without what differs from run to run or is layout; pictures by kind."""
    for output in cell["outputs"]:
        if output["output_type"] == "stream":
            if output["name"] == "stderr":
                continue  # such as matplotlib's, when it looks for fonts
            yield output["name"], VARIES.sub("varies", "".join(output["text"]))
            continue
        for kind, value in output["data"].items():
            text = re.sub(r"<[^>]+>|\s+", " ", "".join(value)) if kind.startswith("text/") else None
            yield kind, text


def test_stored_outputs_are_those_of_a_run(run):
    for stored, new in zip(code(STORED), code(run), strict=True):
        assert stored["source"] == new["source"]
        assert list(texts(stored)) == list(texts(new)), "run python docs/run_notebook.py"
        said = "".join("".join(output.get("text", ())) for output in new["outputs"])
        assert "Warning:" not in said


def test_running_it_again_changes_nothing_but_outputs(run):
    assert STORED["metadata"] == run["metadata"]
    for stored, new in zip(STORED["cells"], run["cells"], strict=True):
        assert {**stored, "outputs": None} == {**new, "outputs": None}


def test_its_numbers_are_those_of_the_formulas():
    """f = (x + y) z at (-2, 5, -4); the checker's diagnosis; a net that learns both spirals."""
    shown = "\n".join(text or "" for cell in code(STORED) for _, text in texts(cell))
    x, y, z = -2, 5, -4
    found = dict(re.findall(r"df/d(\w) = +(-?\d+)", shown))
    expected = {"x": z, "y": z, "z": x + y, "q": z, "f": 1}
    assert {name: int(value) for name, value in found.items()} == expected
    assert re.search(r"^-4\.000000$", shown, re.MULTILINE)
    assert "cause   missing-path: forward uses x 2 times" in shown
    assert "Mended().backward  ok  (2 of 2 gradients right)" in shown
    assert shown.count("100% right") >= 1


def test_it_is_short_and_every_cell_was_run_in_order():
    assert 12 <= len(STORED["cells"]) <= 16
    assert NOTEBOOK.stat().st_size < 200_000
    assert [cell["execution_count"] for cell in code(STORED)] == list(range(1, len(code(STORED)) + 1))
    assert any("image/png" in output.get("data", {}) for cell in code(STORED) for output in cell["outputs"])


def test_it_says_nothing_of_the_machine_that_ran_it():
    assert STORED["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert all(cell["metadata"] == {} for cell in STORED["cells"])
    text = json.dumps([{**cell, "outputs": list(texts(cell))} for cell in code(STORED)])
    assert not re.search(r"/(tmp|home|root|Users|usr)\b|[A-Z]:\\\\|0x[0-9a-f]{6}|ipykernel", text)
    names = {output.get("name") for cell in code(STORED) for output in cell["outputs"]}
    assert "stderr" not in names


def test_its_links_lead_to_files_that_exist():
    prose = "\n".join("".join(cell["source"]) for cell in STORED["cells"] if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^()\s#]+)", prose)
    assert links
    assert [link for link in links if not (NOTEBOOK.parent / link).exists()] == []
