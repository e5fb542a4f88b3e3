"""A write to x, to upstream or to a parameter is named with its line, however it is done."""

from __future__ import annotations

import contextlib
import inspect
import sys
import types

import numpy as np
import pytest
from reports import kinds
from small_layers import POSITIVE, Double, Scale, X

from gradcheck import check_layer

# ---- ways to write -----------------------------------------------------------------------------------------


def minus(a):
    a -= 1


def ufunc_out(a):
    np.add(a, 1, out=a)


def masked(a):
    a[a > 0] = 0


def through_a_view(a):
    rows = a.reshape(-1)[1:]
    rows *= 2


def through_a_transpose(a):
    half = a.T[:1]
    half[...] = 0


def by_sort(a):
    a.sort()


def by_partition(a):
    a.T.partition(1)


def by_fill(a):
    a.fill(3)


def by_put(a):
    np.put(a, [0], 7)


def by_copyto(a):
    np.copyto(a, 1)


def by_shuffle(a):
    np.random.default_rng(0).shuffle(a)


def by_drawing(a):
    np.random.default_rng(0).standard_normal(out=a)


def by_add_at(a):
    np.add.at(a, [0, 0], 1)


def by_flat(a):
    a.flat[2] = 5


def by_diagonal(a):
    np.fill_diagonal(a, 9)


def by_clip(a):
    np.clip(a, 0.1, 0.2, out=a)


def by_memoryview(a):
    memoryview(a)[0, 0] = 4.0


def by_real(a):
    a.real[0] = 1


def by_place(a):
    np.place(a, a > 0, [1, 2])


def by_dot(a):
    np.dot(np.eye(len(a)) + 1, a.copy(), out=a)


def by_nan_to_num(a):
    np.nan_to_num(a, copy=False)


def by_shape(a):
    a.resize(a.size, refcheck=False)


def unlocked(a):
    a.setflags(write=True)
    a += 1


def swallowed(a):
    with contextlib.suppress(ValueError):
        a += 1


def in_a_loop(a):
    for row in a:
        if row[0] != 0:
            row /= 3


WRITERS = [
    (minus, 1),
    (ufunc_out, 1),
    (masked, 1),
    (through_a_view, 2),
    (through_a_transpose, 2),
    (by_sort, 1),
    (by_partition, 1),
    (by_fill, 1),
    (by_put, 1),
    (by_copyto, 1),
    (by_shuffle, 1),
    (by_drawing, 1),
    (by_add_at, 1),
    (by_flat, 1),
    (by_diagonal, 1),
    (by_clip, 1),
    (by_memoryview, 1),
    (by_real, 1),
    (by_place, 1),
    (by_dot, 1),
    (by_nan_to_num, 1),
    (unlocked, 2),
    (swallowed, 2),
    (in_a_loop, 3),
]
each_writer = pytest.mark.parametrize(("write", "line"), WRITERS, ids=lambda v: getattr(v, "__name__", ""))


# ---- each is named with its line ---------------------------------------------------------------------------


def place(f, line):
    return f"test_gradcheck_writes.py:{inspect.getsourcelines(f)[1] + line}"


@each_writer
def test_a_write_to_x_is_named_with_its_line(write, line):
    report = check_layer(Double(on_forward=lambda x: write(x)), POSITIVE)
    assert kinds(report)[0] == ("mutates-input", "")
    assert report.findings[0].message.startswith(f"forward writes to x at {place(write, line)}; ")


@each_writer
def test_a_write_to_upstream_is_named_with_its_line(write, line):
    report = check_layer(Double(on_backward=lambda u: write(u)), POSITIVE, upstream=POSITIVE[::-1])
    assert kinds(report)[0] == ("mutates-upstream", "")
    assert report.findings[0].message.startswith(f"backward writes to upstream at {place(write, line)}; ")


@each_writer
def test_a_write_in_backward_to_the_x_of_forward_is_named_with_its_line(write, line):
    layer = Double()
    layer.on_backward = lambda u: write(layer.x)

    class Holds(Double):
        def backward(self, upstream):
            write(self.x)
            return 2 * upstream, {}

    report = check_layer(Holds(), POSITIVE)
    assert kinds(report)[0] == ("mutates-input", "")
    assert report.findings[0].message.startswith(f"backward writes to x at {place(write, line)}; ")


@pytest.mark.parametrize("method", ["forward", "backward"])
@each_writer
def test_a_write_to_a_parameter_is_named_with_its_line(write, line, method):
    class Writes(Scale):
        def __init__(self):
            self.params = {"b": np.zeros(3), "W": POSITIVE.copy()}

        def forward(self, x):
            self.x = x
            y = self.params["W"] * x
            if method == "forward":
                write(self.params["W"])
            return y

        def backward(self, upstream):
            dx, grads = upstream * self.params["W"], {"W": upstream * self.x, "b": np.zeros(3)}
            if method == "backward":
                write(self.params["W"])
            return dx, grads

    report = check_layer(Writes(), X)
    assert ("mutates-params", "") in kinds(report)
    (finding,) = [finding for finding in report.findings if finding.kind == "mutates-params"]
    assert finding.message.startswith(f"{method} writes to the parameter W at {place(write, line)}; ")


def negative_to_zero(x):
    x[x < 0] = 0


def sort(x):
    x.sort(axis=0)


def add_nothing(x):
    x += 0


@pytest.mark.parametrize("write", [negative_to_zero, sort, add_nothing])
def test_a_write_that_leaves_the_values_as_they_are_is_seen(write):
    x = np.sort(POSITIVE, axis=0)
    report = check_layer(Double(on_forward=lambda a: write(a)), x)
    assert kinds(report) == [("mutates-input", "")]
    assert f"forward writes to x at {place(write, 1)}" in report.findings[0].message
    report = check_layer(Double(on_backward=lambda a: write(a)), x, upstream=x)
    assert kinds(report)[0] == ("mutates-upstream", "")
    assert place(write, 1) in report.findings[0].message


def test_a_new_shape_of_upstream_is_a_write():
    report = check_layer(Double(on_backward=lambda u: by_shape(u)), POSITIVE, upstream=POSITIVE)
    assert kinds(report)[0] == ("mutates-upstream", "")
    assert place(by_shape, 1) in report.findings[0].message


def test_a_parameter_written_without_a_change_is_named():
    class Clips(Scale):
        def forward(self, x):
            np.clip(self.params["b"], -5, 5, out=self.params["b"])
            return super().forward(x)

    report = check_layer(Clips(), X)
    assert kinds(report) == [("mutates-params", "")]
    assert report.findings[0].message.startswith(
        "forward writes to the parameter b at test_gradcheck_writes.py"
    )


HELPERS = """
import numpy as np

def positive(a):
    return _inner(a)

def _inner(a):
    np.maximum(
        a,
        0,
        out=a,
    )
    return a
"""


@pytest.fixture
def helpers(tmp_path):
    path = tmp_path / "helpers_of_a_student.py"
    path.write_text(HELPERS)
    module = types.ModuleType("helpers_of_a_student")
    exec(compile(HELPERS, str(path), "exec"), module.__dict__)
    return module


def test_a_write_in_another_file_is_named_there(helpers):
    report = check_layer(Double(on_forward=helpers.positive), X)
    assert "forward writes to x at helpers_of_a_student.py:8; " in report.findings[0].message
    report = check_layer(Double(on_backward=helpers.positive), POSITIVE, upstream=POSITIVE)
    assert "backward writes to upstream at helpers_of_a_student.py:8; " in report.findings[0].message


def test_the_line_is_that_of_the_write_although_another_error_follows():
    class Raises(Double):
        def backward(self, upstream):
            try:
                upstream *= 2  # the line
            except ValueError as error:
                raise RuntimeError("no luck") from error
            return upstream, {}

    report = check_layer(Raises(), X)
    line = inspect.getsourcelines(Raises)[1] + 3
    assert f"test_gradcheck_writes.py:{line};" in report.findings[0].message


def test_the_line_is_that_of_the_write_although_an_error_was_handled_before():
    class Handles(Double):
        def backward(self, upstream):
            try:
                {}["a"]
            except KeyError:
                upstream *= 2  # the line
            return upstream, {}

    report = check_layer(Handles(), X)
    line = inspect.getsourcelines(Handles)[1] + 5
    assert f"test_gradcheck_writes.py:{line};" in report.findings[0].message


def test_a_tracer_that_was_there_is_there_again():
    def tracer(frame, event, argument):
        return None

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        check_layer(Double(on_forward=lambda x: swallowed(x)), POSITIVE)
        after = sys.gettrace()
    finally:
        sys.settrace(before)
    assert after is tracer
