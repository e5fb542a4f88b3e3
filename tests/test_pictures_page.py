"""The pictures that docs/pictures.md shows are those that its code draws."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parent.parent / "docs" / "pictures.md"


def test_the_stored_circuits_are_what_the_code_of_the_page_draws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, str(PAGE), "exec"), {"__name__": "example"})
    stored = sorted(path.name for path in (PAGE.parent / "pictures").glob("*.svg"))
    assert sorted(path.name for path in tmp_path.iterdir()) == stored
    for name in stored:
        assert f"](pictures/{name})" in text
        words, numbers = apart((tmp_path / name).read_text(encoding="utf-8"))
        stored_words, stored_numbers = apart((PAGE.parent / "pictures" / name).read_text(encoding="utf-8"))
        assert words == stored_words, name
        assert numbers == pytest.approx(stored_numbers, rel=0.01, abs=0.3), name  # another BLAS may round


def apart(svg):
    """What stands between the numbers of a text, and the numbers."""
    number = r"\d+(?:\.\d+)?"
    return re.split(number, svg), [float(found) for found in re.findall(number, svg)]
