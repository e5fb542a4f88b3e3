"""Whatever a student's file does, it is graded in a line or two, and costs no other task its points."""

import os
import re
import shutil
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from coursework.borrowed import borrowed
from coursework.grade import grade
from coursework.tasks import TASKS

RELU = next(task for task in TASKS if task.name == "relu")  # forward, dx, contract: soon judged
FULL = {part.name: part.points for part in RELU.parts}
ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc, or needs a limit of memory")

RIGHT = """
from layers import Layer


class ReLU(Layer):
    def forward(self, x):
        self.cache = x > 0
        return x * self.cache

    def backward(self, upstream):
        return upstream * self.cache, {}
"""
FORWARD, BACKWARD = RIGHT.splitlines()[6], RIGHT.splitlines()[10]
ALWAYS = "lambda *args, **options: True"


def first(*lines):
    """A file that does this when it is imported, and is right."""
    return "\n".join(lines) + RIGHT


def within(place, *lines):
    """A file that does this before that line of it."""
    return RIGHT.replace(place, "\n".join(f"        {line}" for line in lines) + f"\n{place}")


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """graded(source) is how a relu.py is graded that holds it, once for all tests."""

    @cache
    def run(source, seconds=20.0, beside=()):
        folder = tmp_path_factory.mktemp("student")
        for name in beside:
            (folder / name).write_text("raise SystemExit('the wrong file')")
        (folder / "relu.py").write_bytes(source if isinstance(source, bytes) else source.encode())
        return grade(folder, RELU, seconds)

    return run


def said_of(graded):
    """What is said of all parts that have lost their points: one thing."""
    (said,) = {outcome.feedback for outcome in graded.outcomes} - {""}
    return said


def earned(graded):
    return {outcome.part: outcome.earned for outcome in graded.outcomes if outcome.earned}


def test_a_right_file_earns_all_points_without_a_word(graded):
    assert earned(graded(RIGHT)) == FULL
    assert not any(outcome.feedback for outcome in graded(RIGHT).outcomes)
    assert graded(RIGHT).printed == ""


def test_a_mistake_costs_its_own_part_and_is_named(graded):
    wrong = graded(RIGHT.replace("upstream *", "2 * upstream *"))
    assert earned(wrong) == {part: points for part, points in FULL.items() if part != "dx"}
    assert "2 times what it should be" in said_of(wrong)


def test_a_file_that_nobody_has_written_yet_is_told_so(graded):
    todo = 'raise NotImplementedError("relu.py: ReLU.forward: your code here")'
    assert said_of(graded(within(FORWARD, todo))) == "not done yet"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import sys\nsys.exit()", r"relu\.py:2: SystemExit: \(put what ends Python under if __name__ == .*"),
        ("raise KeyboardInterrupt", r"relu\.py: KeyboardInterrupt"),
        ("import os\nos._exit(0)", "not judged: ended the process with exit code 0"),
        ("x = 1\ndef f(:", r"relu\.py:2: SyntaxError: invalid syntax"),
        ("n = input('how many')", r"relu\.py:1: EOFError: .*; nobody answers input\(\) here, take it out"),
        ("import os\nos.closerange(0, 100)", "not judged: ended the process with exit code 1"),
        ("", "AttributeError: expected a class ReLU in the file, found none; keep its name"),
    ],
)
def test_a_file_that_does_not_import_says_where_and_why(graded, source, said):
    assert earned(graded(source)) == {}
    assert re.fullmatch(said, said_of(graded(source)))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (RIGHT.encode("utf-16"), "relu.py: expected text in UTF-8, got UTF-16; save it as UTF-8"),
        (b"#\n# \xe9\n", "relu.py:2: expected text in UTF-8, got the byte 0xe9; save it as UTF-8"),
        (b"\n\0", "relu.py:2: expected text, got a zero byte; is it a Python file?"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_text_is_told_which_byte(graded, source, said):
    assert said_of(graded(source)) == said


def test_a_mark_of_order_other_line_ends_and_a_declared_encoding_are_fine(graded):
    source = b"\xef\xbb\xbf" + RIGHT.replace("\n", "\r\n").encode()
    assert earned(graded(source)) == FULL
    assert earned(graded(b"# coding: latin-1\n# \xe9" + RIGHT.encode())) == FULL


def test_an_endless_loop_costs_what_was_not_judged_by_then_and_is_located(graded):
    loop = graded(within(BACKWARD, "while True: pass"), seconds=2.0)
    assert earned(loop) == {"forward": FULL["forward"]}
    assert said_of(loop) == (
        "not judged: stopped after 2 s in relu.py:11 (backward); is there a loop without an end?"
    )


def test_a_memory_fault_costs_what_was_not_judged_by_then_and_is_located(graded):
    fault = graded(within(BACKWARD, "import ctypes; ctypes.string_at(0)"))
    assert earned(fault) == {"forward": FULL["forward"]}
    assert re.fullmatch(r"not judged: crashed \(SIGSEGV.*\) in relu\.py:11 \(backward\)", said_of(fault))


def test_what_a_layer_raises_costs_the_parts_that_need_it(graded):
    endless = first("import sys; sys.setrecursionlimit(10**9)").replace(
        "self.cache = x > 0", "self.forward(x)"
    )
    assert "line 7, `self.forward(x)`: RecursionError" in said_of(graded(endless))
    exits = graded(within(BACKWARD, "raise SystemExit"))
    assert earned(exits) == {"forward": FULL["forward"]}


@ONLY_LINUX
def test_memory_is_limited(graded):
    hungry = within(FORWARD, "import numpy as np; np.empty(5 * 2**30, np.uint8)")
    assert "MemoryError" in said_of(graded(hungry))


def test_a_megabyte_printed_costs_nothing_and_is_cut(graded):
    loud = graded(first("print('é' * 2**20, end='')"))
    assert earned(loud) == FULL
    assert loud.printed == "printed 1,048,576 characters; the first 500 are shown\n" + 500 * "é"


def test_settings_of_the_process_cost_nothing(graded):
    settings = [
        "import os, random, sys, threading, time, warnings; import numpy as np",
        "np.seterr(all='raise'); np.random.seed(1); random.seed(1); np.set_printoptions(precision=1)",
        "os.chdir('/'); warnings.simplefilter('error'); sys.setrecursionlimit(150); sys.stdout = None",
        "np.int = int; sys.settrace(lambda *event: None)",
        "threading.Thread(target=time.sleep, args=(1000,)).start()",
    ]
    source = within(FORWARD, "open('relu.py').close(); np.zeros(1) / 0; print(np.random.rand())")
    settled = graded("\n".join(settings) + source)
    assert earned(settled) == FULL
    assert f"{np.random.RandomState(0).rand()}\n" in settled.printed


def test_files_named_like_modules_of_the_grader_are_never_imported(graded):
    names = ("numpy.py", "gradcheck.py", "layers.py", "coursework.py", "json.py", "losses.py")
    assert earned(graded(RIGHT, beside=names)) == FULL


CHANGES = [
    (first("import gradcheck", f"gradcheck.check_layer = {ALWAYS}"), "gradcheck.check_layer", 2),
    (first("import numpy as np", f"setattr(np, 'allclose', {ALWAYS})"), "numpy.allclose", 2),
    (first("import numpy.testing as t", f"t.assert_allclose.__code__ = ({ALWAYS}).__code__"),
     "numpy.testing._private.utils.assert_allclose", 2),
    (first("import sys", f"sys.modules['coursework.task'].judge = {ALWAYS}"), "coursework.task.judge", 2),
    (first("import sys", "task = sys.modules['coursework.tasks'].TASKS[1]",
           "object.__setattr__(task.parts[0], 'check', lambda module: '')"), r"coursework\.\S+", 0),
    (first("import sys", "sys.modules['layers'].ReLU.forward = 0"), "layers.relu.ReLU.forward", 2),
    (first("import builtins", f"builtins.isinstance = {ALWAYS}"), "builtins.isinstance", 0),
    (within(BACKWARD, f"import numpy; numpy.allclose = {ALWAYS}"), "numpy.allclose", 11),
]  # fmt: skip


@pytest.mark.parametrize(("source", "name", "line"), CHANGES)
def test_a_file_that_changes_the_grader_gets_nothing_and_is_told_what(graded, source, name, line):
    assert earned(graded(source)) == {}
    mend = f"remove line {line}" if line else "leave it as it is"
    said = rf"relu\.py: changes {name}, which the grader uses; {mend}"
    assert re.fullmatch(said, said_of(graded(source)))


def test_an_answer_of_the_library_is_none_of_the_students(graded):
    assert said_of(graded("from layers import ReLU")) == (
        "relu.py:1: imports ReLU of layers, where the answers are; write it yourself "
        "(Layer, Loss, Optimizer may be imported)"
    )


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        ("import layers\nclass ReLU(layers.Layer): pass", ""),
        ("import layers as L\nclass ReLU(L.Layer): pass", ""),
        ("import layers, numpy\nReLU = layers.ReLU", "imports ReLU of layers"),
        ("import layers\nReLU = getattr(layers, 'ReLU')", "imports everything of layers"),
        ("import layers.relu\nReLU = layers.relu.ReLU", "imports relu of layers.relu"),
        ("from layers import *", "imports everything of layers"),
    ],
)
def test_a_base_class_may_be_reached_through_its_module_and_an_answer_may_not(tmp_path, source, taken):
    file = tmp_path / "relu.py"
    file.write_text(source)
    assert borrowed(file).partition(", where")[0] == (f"relu.py:1: {taken}" if taken else "")


def test_a_result_cannot_be_forged_by_printing_or_by_writing_to_every_descriptor(graded):
    forged = f"{32 * '0'} { ({'part': 0, 'earned': 4.0, 'feedback': ''}) }\\n"  # where the token should be
    lines = ["import os", f'text = "{forged}"', "print(text)", "for fd in range(3, 30):"]
    lines += ["    try: os.write(fd, text.encode())", "    except OSError: pass"]
    assert earned(graded("\n".join(lines))) == {}
    assert forged[:-2] in graded("\n".join(lines)).printed


@ONLY_LINUX
def test_a_process_left_behind_is_ended(graded):
    child = graded(
        first("import subprocess", "child = subprocess.Popen(['sleep', '1000'])", "print(child.pid)")
    )
    assert earned(child) == FULL
    process = Path(f"/proc/{child.printed.splitlines()[-1]}/cmdline")
    assert not process.exists() or process.read_bytes() == b""  # gone, or gone but for its number


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes fork on POSIX alone")
def test_a_copy_of_the_process_earns_nothing_twice_and_is_ended(graded):
    assert earned(graded(first("import os", "if os.fork() == 0:", "    while True: pass"))) == FULL


def test_nothing_of_the_students_folder_changes_and_nothing_is_left_of_the_copy(tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    (tmp_path / "student").mkdir()
    (tmp_path / "student" / "helper.py").write_text("TEXT = open('data.txt').read()")
    (tmp_path / "student" / "data.txt").write_text("data")
    source = first("import helper", "assert helper.TEXT == 'data'", "open('relu.py', 'w'); open('new', 'w')")
    (tmp_path / "student" / "relu.py").write_text(source)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert earned(grade(tmp_path / "student", RELU)) == FULL
    assert sorted(os.listdir(tmp_path / "student")) == ["data.txt", "helper.py", "relu.py"]
    assert (tmp_path / "student" / "relu.py").read_text() == source
    assert not os.listdir(tmp_path / "temporary")


def test_a_missing_file_is_told_from_one_in_another_place(tmp_path):
    assert said_of(grade(tmp_path, RELU)) == (
        "expected the file relu.py, found none; keep the names of the files"
    )
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "ReLU.py").write_text(RIGHT)
    assert said_of(grade(tmp_path, RELU)) == (
        f"expected the file relu.py, there is {Path('hw', 'ReLU.py')}; rename or move it"
    )


def test_a_link_or_a_folder_in_place_of_the_file_is_refused_unread(tmp_path):
    said = "expected the file relu.py, got a link, a folder or a device; hand in the file itself"
    (tmp_path / "relu.py").mkdir()
    assert said_of(grade(tmp_path, RELU)) == said
    (tmp_path / "relu.py").rmdir()
    (tmp_path / "other.py").write_text(RIGHT)
    try:
        (tmp_path / "relu.py").symlink_to("other.py")
    except OSError:
        pytest.skip("links may not be made here")
    assert said_of(grade(tmp_path, RELU)) == said


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_in_place_of_the_file_keeps_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "relu.py")
    assert "got a link, a folder or a device" in said_of(grade(tmp_path, RELU))


def test_a_file_beside_it_that_may_not_be_read_costs_nothing(tmp_path, monkeypatch):
    copyfile = shutil.copyfile

    def refuse(source, target):
        if Path(source).name == "locked.txt":
            raise PermissionError(13, "Permission denied", str(source))
        return copyfile(source, target)

    (tmp_path / "relu.py").write_text(RIGHT)
    (tmp_path / "locked.txt").write_text("")
    monkeypatch.setattr(shutil, "copyfile", refuse)
    assert earned(grade(tmp_path, RELU)) == FULL
