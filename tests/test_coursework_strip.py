"""The student's version of an assignment: no solution in it, and all else as it was, to the byte."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from coursework.cli import main
from coursework.strip import BEGIN, END, StripError, strip, strip_file

ROOT = Path(__file__).parent.parent
SCALE = '''"""Scale."""


class Scale:
    # y = gamma x
    def forward(self, x):
        """gamma x."""
        # --- solution
        y = 3 * x  # the answer
        self.cache = x
        # --- end of solution
        return y

    def backward(self, upstream):
        if upstream is None:
            # --- solution

            # a word first
            return None
        # --- end of solution

    after = 1
'''


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "scale.py").write_text(SCALE)
    return folder


CUT = ("try:", "    a = 1", f"    {BEGIN}", "    b = 1", "except E:", "    pass", END)
TRY = "def f():\n" + "".join(f"    {line}\n" for line in CUT)


def stripped(text):
    return strip_file(text.encode(), "scale.py")[0].decode()


def solution(*lines, indent="    "):
    """A function of these lines, between markers."""
    return "def f(x):\n" + "".join(f"{indent}{line}\n" for line in (BEGIN, *lines, END))


def test_a_body_becomes_a_todo_that_raises_and_all_else_stays():
    lines, left = SCALE.splitlines(), stripped(SCALE).splitlines()
    todo = "# TODO: your code in place of the next line"
    assert left == [
        *lines[:7],
        f"        {todo}",
        '        raise NotImplementedError("scale.py: Scale.forward: your code here")',
        *lines[11:15],
        f"            {todo}",
        '            raise NotImplementedError("scale.py: Scale.backward: your code here")',
        *lines[20:],
    ]


def test_what_is_left_can_be_imported_and_says_what_to_write(tmp_path):
    (tmp_path / "scale.py").write_text(stripped(SCALE))
    spec = importlib.util.spec_from_file_location("scale", tmp_path / "scale.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(NotImplementedError, match=r"^scale\.py: Scale\.forward: your code here$"):
        module.Scale().forward(1)
    assert module.Scale().backward(1) is None


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_marks_of_order_stay(newline, bom):
    content = bom + SCALE.replace("\n", newline).encode()
    left, solutions = strip_file(content, "scale.py")
    assert left.startswith(bom + b'"""Scale."""' + newline.encode())
    assert left == bom + stripped(SCALE).replace("\n", newline).encode()
    assert [b"the answer" in text for text in solutions] == [True, False]


def test_a_file_in_another_encoding_stays_in_it():
    text = "# -*- coding: latin-1 -*-\n# é\n" + solution("return 'ü'")
    left, _ = strip_file(text.encode("latin-1"), "f.py")
    assert left.startswith("# -*- coding: latin-1 -*-\n# é\n".encode("latin-1"))
    assert b"\xfc" not in left


def test_tabs_and_a_last_line_without_an_end_stay():
    text = solution("return x", indent="\t").rstrip("\n")
    todo = "\t# TODO: your code in place of the next line\n"
    assert stripped(text) == f'def f(x):\n{todo}\traise NotImplementedError("scale.py: f: your code here")'


def test_the_function_is_named_with_what_it_stands_in():
    text = "class A:\n    class B:\n        async def f(self):\n            def g():\n"
    text += "".join(
        f"                {line}\n" for line in ("# --- solution", "pass", "# --- end of solution")
    )
    assert '"scale.py: A.B.f.g: your code here"' in stripped(text)


def test_a_solution_may_hold_functions_of_its_own_and_empty_lines():
    text = solution("def inner(a):", "    return a", "", "return inner(x)")
    assert stripped(text).endswith('    raise NotImplementedError("scale.py: f: your code here")\n')


def test_markers_within_a_text_are_no_markers():
    text = 'TEXT = """\n# --- solution\n# --- end of solution\n"""\n' + solution("return x")
    assert stripped(text).startswith('TEXT = """\n# --- solution\n# --- end of solution\n"""\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"def f():\n    {BEGIN}\n    pass\n", ":2: .*end of solution.*found none"),
        (f"def f():\n    pass\n    {END}\n", f":3: expected '{BEGIN}' before"),
        (solution(BEGIN, "return x"), ":3: .*before the next.*line 2"),
        (f"{solution('return x')}    {END}\n", f":5: expected '{BEGIN}' before"),
        (f"{solution('# nothing')}    return x\n", ":2: .*found no statement"),
        (f"{BEGIN}\nx = 1\n{END}\n", ":1: .*one function.*into its body"),
        (f"class A:\n    {BEGIN}\n    x = 1\n    {END}\n", ":2: .*one function"),
        (solution("return x").replace(BEGIN, "#--- Solution"), ":2: .*got '#--- Solution'"),
        (solution("return x").replace(END, "# --- end solutions"), ":4: .*got '# --- end solutions'"),
        (solution("return x", f"y = 1  {END}"), ":4: .*alone on a line, got 'y = 1"),
        (solution("return (", "x").replace(END, ")"), ":2: .*found none"),
        (f"{solution('if x:', '    return 1')}    else:\n        return 2\n", ":2: .*whole statements"),
        (f"def f():\n    a = [\n        {BEGIN}\n        1]\n    {END}\n", ":3: .*statement"),
        (f"def f():\n    {BEGIN}\n    a = 1\n\n\ndef g():\n    b = 2\n    {END}\n", ":2: .*one function"),
        (TRY, r":\d: expected Python without its solutions, got expected 'except'"),
        ("def f(:\n", ":1: expected Python, got invalid syntax"),
        ("return 1\n", ":1: expected Python, got 'return' outside function"),
    ],
)
def test_markers_that_make_no_sense_are_refused_with_their_line(text, said):
    with pytest.raises(StripError, match=f"^scale.py{said}"):
        strip_file(text.encode(), "scale.py")


def test_a_folder_is_copied_without_hidden_files_and_caches(source, tmp_path):
    for name in ("data/x.npy", ".git/config", "__pycache__/scale.pyc", ".hidden", "sub/__pycache__/a.pyc"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(b"\0\xff\r\n")
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o755)
    assert strip(source, tmp_path / "out" / "dst") == (3, 2)
    target = tmp_path / "out" / "dst"
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()) == [
        "data/x.npy",
        "run.sh",
        "scale.py",
    ]
    assert (target / "data/x.npy").read_bytes() == b"\0\xff\r\n"
    assert (target / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (source / "scale.py").read_text() == SCALE


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("notes.md", f"a\n{BEGIN}\n", "notes.md:2: .*in .py files alone"),
        ("scale.py.orig", SCALE, "scale.py.orig:8: .*in .py files alone"),
        (
            "old.py",
            "def g(x):\n  a = x + 1\n\n  b = a * a\n  return a + b\n",
            "old.py: holds a solution of scale",
        ),
        ("broken.py", "def", "broken.py:1: expected Python"),
    ],
)
def test_what_would_give_a_solution_away_is_refused_and_nothing_is_written(
    source, tmp_path, name, text, said
):
    (source / "scale.py").write_text(solution("a = x + 1", "b = a * a", "return a + b"))
    (source / name).write_text(text)
    with pytest.raises(StripError, match=said):
        strip(source, tmp_path / "dst")
    assert not (tmp_path / "dst").exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("full", "expected an empty or new folder, got .*full, which has files"),
        ("file", "expected an empty or new folder, got .*file, which is a file"),
        ("src", "expected a folder outside of .*src"),
        ("src/inside", "expected a folder outside of .*src"),
    ],
)
def test_a_target_that_would_lose_or_mix_files_is_refused(source, tmp_path, target, said, capsys):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    (tmp_path / "file").touch()
    with pytest.raises(StripError, match=said):
        strip(source, tmp_path / target)
    assert main(["strip", str(source), str(tmp_path / target)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_without_solutions_is_refused(tmp_path):
    (tmp_path / "src").mkdir()
    with pytest.raises(StripError, match=f"expected {BEGIN!r} in a .py file, found none"):
        strip(tmp_path / "src", tmp_path / "dst")
    with pytest.raises(StripError, match="expected a folder to strip"):
        strip(tmp_path / "none", tmp_path / "dst")


def test_the_command_says_what_it_has_done(source, tmp_path):
    (tmp_path / "dst").mkdir()  # empty, and so welcome
    done = subprocess.run(
        [sys.executable, "-m", "coursework", "strip", str(source), str(tmp_path / "dst")],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"{tmp_path / 'dst'}: 1 file, 2 solutions taken out\n"


def test_the_assignment_is_stripped_of_every_solution(tmp_path):
    source = ROOT / "examples" / "coursework"
    done = strip(source, tmp_path / "dst")
    given = [path.read_text().count("# --- solution\n") for path in sorted(source.glob("*.py"))]
    left = [path.read_text() for path in sorted((tmp_path / "dst").glob("*.py"))]
    assert done.solutions == sum(given)
    assert [text.count(": your code here") for text in left] == given
    assert not any("--- end" in text for text in left)
