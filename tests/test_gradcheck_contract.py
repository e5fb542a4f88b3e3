"""The promises of a layer, broken in every way: each is named, and nothing of the user's changes."""

from __future__ import annotations

import contextlib
import copy
import inspect
import itertools
import random
import sys
import types

import numpy as np
import pytest
from cases import LAYERS

from gradcheck import check_layer, check_loss
from gradcheck.aliasing import check_aliasing
from gradcheck.answers import pull
from gradcheck.given import quietly
from gradcheck.linear import check_linear
from gradcheck.subject import Subject
from layers.base import Layer

X = (4, 3)
POSITIVE = np.random.default_rng(0).uniform(0.5, 2.0, X)


class Double(Layer):
    """y = 2 x, and the place where one thing goes wrong: `on_forward` and `on_backward` see the array."""

    def __init__(self, on_forward=None, on_backward=None):
        self.on_forward, self.on_backward = on_forward, on_backward

    def forward(self, x):
        self.x = x
        if self.on_forward:
            self.on_forward(x)
        return 2 * x

    def backward(self, upstream):
        if self.on_backward:
            self.on_backward(upstream)
        return 2 * upstream, {}


class Scale(Layer):
    """y = W x + b, one number each feature."""

    def __init__(self, features=3, dtype=np.float32):
        self.params = {"W": np.linspace(0.5, 1.5, features).astype(dtype), "b": np.full(features, 0.3, dtype)}

    def forward(self, x):
        self.x = x
        return self.params["W"] * x + self.params["b"]

    def backward(self, upstream):
        grads = {"W": (upstream * self.x).sum(axis=0), "b": upstream.sum(axis=0)}
        return upstream * self.params["W"], grads


def kinds(report):
    return [(finding.kind, finding.array) for finding in report.findings]


# ---- writes ------------------------------------------------------------------------------------------------


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


def place(f, line):
    return f"test_gradcheck_contract.py:{inspect.getsourcelines(f)[1] + line}"


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
    assert report.findings[0].message.startswith("forward writes to the parameter b at test_gradcheck_c")


def test_a_parameter_written_through_a_view_made_before_is_named():
    class Flat(Layer):
        def __init__(self):
            self.theta = np.linspace(0.5, 1.5, 6, dtype=np.float32)
            self.params = {"W": self.theta[:3], "b": self.theta[3:]}

        def forward(self, x):
            self.x = x
            return self.theta[:3] * x + self.theta[3:]

        def backward(self, upstream):
            grads = {"W": (upstream * self.x).sum(axis=0), "b": upstream.sum(axis=0)}
            return upstream * self.theta[:3], grads

    class Writes(Flat):
        def backward(self, upstream):
            dx, grads = super().backward(upstream)
            self.theta *= 1  # the line
            return dx, grads

    assert check_layer(Flat(), X).findings == []
    report = check_layer(Writes(), X)
    assert kinds(report) == [("mutates-params", "")]
    assert "at test_gradcheck_contract.py:" in report.findings[0].message


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
    assert f"test_gradcheck_contract.py:{line};" in report.findings[0].message


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
    assert f"test_gradcheck_contract.py:{line};" in report.findings[0].message


def test_a_write_to_the_second_of_several_inputs_and_upstreams_is_seen():
    class Both(Layer):
        def forward(self, x):
            a, b = x
            b *= 2
            return a + 0, b + 0

        def backward(self, upstream):
            first, second = upstream
            second *= 2
            return (first, second), {}

    report = check_layer(Both(), [X, (2,)])
    assert kinds(report)[:2] == [("mutates-input", ""), ("mutates-upstream", "")]
    first = inspect.getsourcelines(Both)[1]
    assert f":{first + 3};" in report.findings[0].message
    assert f":{first + 8};" in report.findings[1].message


def test_the_y_handed_out_may_not_be_written_either_through_the_cache():
    class Cached(Layer):
        def forward(self, x):
            self.memory = np.tanh(x)
            return self.memory[...]

        def backward(self, upstream):
            y = self.memory.copy()
            np.subtract(1, self.memory**2, out=self.memory)
            return upstream * (1 - y**2), {}

    report = check_layer(Cached(), X)
    assert kinds(report)[0] == ("mutates-input", "")
    line = inspect.getsourcelines(Cached)[1] + 7
    place = f"at test_gradcheck_contract.py:{line};"
    assert f"the y that forward returned (the next layer's x) {place}" in report.findings[0].message
    assert f"test_gradcheck_contract.py:{line}\n" in str(report)


def test_ids_and_masks_may_not_be_written():
    class Looks(Layer):
        def __init__(self):
            self.params = {"W": np.random.default_rng(5).standard_normal((4, 2))}

        def forward(self, x):
            x %= 4
            self.ids = x
            return self.params["W"][x]

        def backward(self, upstream):
            dW = np.zeros_like(self.params["W"])
            np.add.at(dW, self.ids, upstream)
            return None, {"W": dW}

    report = check_layer(Looks(), np.array([1, 2, 2, 3]))
    assert kinds(report) == [("mutates-input", "")]


def test_params_replaced_or_added_by_forward_are_named():
    class Replaces(Scale):
        def forward(self, x):
            self.params = {name: array.copy() for name, array in self.params.items()}
            return super().forward(x)

    class Adds(Scale):
        def forward(self, x):
            self.params["c"] = np.zeros(3)
            return super().forward(x)

    report = check_layer(Replaces(), X)
    assert kinds(report) == [("mutates-params", "")]
    line = inspect.getsourcelines(Replaces)[1] + 2
    assert report.findings[0].message.startswith(
        f"forward replaces the parameter W at test_gradcheck_contract.py:{line}; an optimizer holds"
    )
    report = check_layer(Adds(), X)
    assert kinds(report)[0] == ("mutates-params", "")
    assert report.findings[0].message.startswith("forward adds the parameter c at test_gradcheck_contract.py")


def test_params_put_together_anew_whenever_asked_for_are_no_mutation():
    class Views(Layer):
        def __init__(self):
            self.theta = np.linspace(0.5, 1.5, 6, dtype=np.float32)

        @property
        def params(self):
            return {"W": self.theta[:3], "b": self.theta[3:]}

        @params.setter
        def params(self, params):
            pass

        def forward(self, x):
            self.x = x
            return self.theta[:3] * x + self.theta[3:]

        def backward(self, upstream):
            grads = {"W": (upstream * self.x).sum(axis=0), "b": upstream.sum(axis=0)}
            return upstream * self.theta[:3], grads

    assert check_layer(Views(), X).findings == []


def test_compiled_code_that_refuses_read_only_memory_is_no_writer():
    class Refuses(Double):
        def forward(self, x):
            if not x.flags.writeable:
                raise ValueError("buffer source array is read-only")
            return super().forward(x)

    assert check_layer(Refuses(), X).findings == []


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


# ---- repeats, caches, randomness ---------------------------------------------------------------------------


def test_a_gradient_kept_for_the_next_backward_is_seen_with_another_upstream():
    class Keeps(Double):
        def forward(self, x):
            self.dx = None
            return super().forward(x)

        def backward(self, upstream):
            if self.dx is None:
                self.dx = 2 * upstream
            return self.dx, {}

    report = check_layer(Keeps(), X)
    assert kinds(report)[0] == ("repeat-backward", "dx")
    assert "keep nothing from one backward to the next" in report.findings[0].message


class StaleSum(Layer):
    """y = s x with s the sum of x, which the first forward leaves to all later ones' backward."""

    def forward(self, x):
        total = x.sum()
        self.total = getattr(self, "total", total)
        self.x = x
        return total * x

    def backward(self, upstream):
        return self.total * upstream + (upstream * self.x).sum(), {}


class StaleLength(Layer):
    """The mean over the batch, divided by the length of the first batch seen."""

    def forward(self, x):
        self.n = getattr(self, "n", len(x))
        self.shape = x.shape
        return x.mean(axis=0)

    def backward(self, upstream):
        return np.broadcast_to(upstream / self.n, self.shape).copy(), {}


@pytest.mark.parametrize("cls", [StaleSum, StaleLength])
def test_a_cache_that_another_order_leaves_alone_is_seen_at_other_values_and_sizes(cls):
    report = check_layer(cls(), X)
    assert kinds(report)[0] == ("stale-cache", "dx")


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(3, 3), (6, 3)])
def test_fresh_randomness_is_seen_on_few_entries_too(p, shape):
    seeds = itertools.count()  # a new generator each time, and yet the same test each time

    class InForward(Layer):
        def forward(self, x):
            self.keep = np.random.default_rng(next(seeds)).random(x.shape) >= p
            return x * self.keep

        def backward(self, upstream):
            return upstream * self.keep, {}

    class InBackward(InForward):
        def forward(self, x):
            self.keep = np.random.default_rng(5).random(x.shape) >= p
            return x * self.keep

        def backward(self, upstream):
            return upstream * (np.random.default_rng(next(seeds)).random(upstream.shape) >= p), {}

    for _ in range(5):
        assert kinds(check_layer(InForward(), shape))[0] == ("nondeterministic", "")
        assert kinds(check_layer(InBackward(), shape))[0] == ("repeat-backward", "dx")


def test_an_output_whose_shape_is_drawn_is_nondeterministic():
    lengths = itertools.count(1)

    class Draws(Double):
        def forward(self, x):
            return 2 * x[: next(lengths)]

    assert kinds(check_layer(Draws(), X)) == [("nondeterministic", "")]


# ---- linearity ---------------------------------------------------------------------------------------------


def test_a_gradient_that_is_clipped_is_not_linear():
    class Clips(Double):
        def backward(self, upstream):
            return np.clip(2 * upstream, -50, 50), {}

    report = check_layer(Clips(), X)
    assert kinds(report)[0] == ("upstream-nonlinear", "dx")
    assert "clips" in report.findings[0].message


def test_a_backward_that_divides_by_upstream_is_not_linear():
    class Normalises(Double):
        def backward(self, upstream):
            return 2 * upstream / np.linalg.norm(upstream), {}

    report = check_layer(Normalises(), X)
    assert kinds(report)[0] == ("upstream-nonlinear", "dx")
    assert "not for 0; does backward divide by upstream?" in report.findings[0].message


@pytest.mark.parametrize(
    "change",
    [
        lambda u: u.astype(np.float32).astype(float) * (1 + 1e-12),
        lambda u: np.round(u, 4),
        lambda u: u.astype(np.float16).astype(float),
    ],
)
def test_a_backward_that_loses_digits_is_named(change):
    class Loses(Double):
        def backward(self, upstream):
            return 2 * change(upstream), {}

    report = check_layer(Loses(), X)
    assert kinds(report)[0] == ("precision", "dx")


def test_a_layer_that_is_float32_throughout_loses_no_more_in_backward():
    class Single(Scale):
        def forward(self, x):
            return super().forward(x.astype(np.float32))

        def backward(self, upstream):
            return super().backward(upstream.astype(np.float32))

    subject = Subject(Single(), [POSITIVE], False)
    u, v = POSITIVE, POSITIVE[::-1]
    y = subject.forward(subject.start(), POSITIVE.copy())
    assert check_linear(subject, [y], u, v, pull(subject, u)) == []


def test_a_copy_of_the_weights_from_the_constructor_is_stale():
    class Old(Scale):
        def __init__(self):
            super().__init__()
            self.W = self.params["W"].copy()

        def backward(self, upstream):
            return upstream * self.W, super().backward(upstream)[1]

    report = check_layer(Old(), X)
    assert kinds(report)[0] == ("stale-cache", "dx")
    assert "once params change in place" in report.findings[0].message


def test_a_backward_that_refuses_some_upstreams_is_a_finding():
    class Refuses(Double):
        def backward(self, upstream):
            if not upstream.any():
                raise ValueError("no gradient?")
            return 2 * upstream, {}

    report = check_layer(Refuses(), X)
    assert kinds(report)[0] == ("upstream-nonlinear", "")
    assert "raises ValueError" in report.findings[0].message


# ---- names and kinds ---------------------------------------------------------------------------------------


class Returns(Scale):
    def __init__(self, change, params=None):
        super().__init__()
        self.change = change
        self.params.update(params or {})

    def backward(self, upstream):
        return self.change(*super().backward(upstream))


@pytest.mark.parametrize(
    ("key", "meant"),
    [("dW", "W"), ("w", "W"), ("weight", "W"), ("grad_W", "W"), ("W_grad", "W"), ("bias", "b"), ("B", "b")],
)
def test_a_wrong_key_is_told_the_nearest_name(key, meant):
    def change(dx, grads):
        return dx, {key if name == meant else name: g for name, g in grads.items()}

    report = check_layer(Returns(change), X)
    assert kinds(report)[0] == ("keys", f"d{meant}")
    assert f"grads has {key!r} (did you mean {meant!r}?)" in report.findings[0].message


def test_two_wrong_keys_are_told_two_names_and_what_is_missing_besides_is_said():
    report = check_layer(Returns(lambda dx, g: (dx, {"dW": g["W"], "db": g["b"]})), X)
    assert kinds(report) == [("keys", "dW")]
    assert "'dW' (did you mean 'W'?), 'db' (did you mean 'b'?)" in report.findings[0].message
    report = check_layer(Returns(lambda dx, g: (dx, {"dW": g["W"]})), X)
    assert kinds(report) == [("keys", "dW"), ("missing", "db")]


def test_a_triple_is_told_how_to_become_a_pair():
    report = check_layer(Returns(lambda dx, g: (dx, g["W"], g["b"])), X)
    assert kinds(report) == [("keys", "")]
    assert "return dx, {'W': dW, 'b': db}; backward must return (dx, grads)" in report.findings[0].message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda g: [g], "dtype"),
        (lambda g: None, "missing"),
        (lambda g: g.astype(object), "dtype"),
        (lambda g: g.astype(complex), "dtype"),
        (lambda g: g.astype(int), "dtype"),
        (lambda g: g > 0, "dtype"),
        (lambda g: g.astype(str), "dtype"),
        (lambda g: "gradient", "dtype"),
        (lambda g: {"W": g}, "dtype"),
        (lambda g: 0, "dtype"),
        (lambda g: 0.0, "shape"),
        (lambda g: g * np.nan, "non-finite"),
        (lambda g: np.concatenate([g, g, g]), "shape"),
    ],
)
@pytest.mark.parametrize("which", ["dx", "dW"])
def test_what_is_no_gradient_is_a_finding(value, kind, which):
    def change(dx, grads):
        return (value(dx), grads) if which == "dx" else (dx, {**grads, "W": value(grads["W"])})

    report = check_layer(Returns(change), X)
    assert not report.passed
    assert (kind, which) in kinds(report)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda y: [y], "dtype"),
        (lambda y: (y, None), "missing"),
        (lambda y: (), "missing"),
        (lambda y: 3, "dtype"),
        (lambda y: y.astype(object), "dtype"),
        (lambda y: y.astype(complex), "dtype"),
        (lambda y: y.astype(int), "dtype"),
        (lambda y: {"y": y}, "dtype"),
        (lambda y: y.astype(str), "dtype"),
        (lambda y: "y", "dtype"),
        (lambda y: y * np.inf, "non-finite"),
        (lambda y: ((y, y), y), "dtype"),
    ],
)
def test_what_is_no_output_is_a_finding(value, kind):
    class Bad(Double):
        def forward(self, x):
            return value(super().forward(x))

    report = check_layer(Bad(), X)
    assert kinds(report) == [(kind, "")]


class Sub(np.ndarray):
    pass


@pytest.mark.parametrize(
    "value", [lambda y: y[::-1][::-1], lambda y: np.asfortranarray(y), lambda y: y.view(Sub)]
)
def test_views_orders_and_subclasses_are_outputs(value):
    class Fine(Double):
        def forward(self, x):
            return value(super().forward(x))

    assert check_layer(Fine(), X).passed


def test_an_output_in_float16_is_no_crash():
    class Half(Double):
        def forward(self, x):
            return super().forward(x).astype(np.float16)

    check_layer(Half(), X)


def test_a_parameter_that_is_not_finite_is_named():
    layer = Scale()
    layer.params["b"][1] = np.nan
    report = check_layer(layer, X)
    assert kinds(report) == [("non-finite", "")]
    assert "the parameter b is not finite" in report.findings[0].message


def test_numbers_in_the_wrong_container_are_judged_all_the_same():
    class Lists(Layer):
        def forward(self, x):
            return x[0] + x[1]

        def backward(self, upstream):
            return [upstream, 2 * upstream], {}

    report = check_layer(Lists(), [X, X])
    assert kinds(report) == [("shape", "dx[0]"), ("scale", "dx[1]")]


def test_integers_for_a_layer_of_real_numbers_are_told_so():
    x = np.arange(6).reshape(2, 3)
    for layer, array in ((Double(), ""), (Scale(), "dx")):
        report = check_layer(layer, x)
        assert kinds(report) == [("dtype", array)]
        assert "check with x.astype(float) if these are real numbers" in report.findings[0].message


def test_a_layer_that_refuses_its_own_dtype_is_a_finding():
    class Refuses(Scale):
        def forward(self, x):
            if x.dtype != np.float64:
                raise TypeError("double only")
            return super().forward(x)

    report = check_layer(Refuses(), X)
    assert kinds(report) == [("dtype", "")]
    assert "raises TypeError: double only" in report.findings[0].message


# ---- aliasing ----------------------------------------------------------------------------------------------


def aliases(layer, x=X):
    rng = np.random.default_rng(0)
    inputs = [np.asarray(rng.standard_normal(part)) for part in (x if isinstance(x, list) else [x])]
    subject = Subject(layer, inputs, isinstance(x, list))
    upstream = np.asarray(rng.standard_normal(np.shape(subject.forward(subject.start(), subject.x))))
    return [(f.kind, f.array, f.message.split(":")[0]) for f in check_aliasing(subject, upstream)]


class HandsOutParams(Layer):
    def __init__(self):
        self.params = {"W": np.ones((4, 3))}

    def forward(self, x):
        return self.params["W"][...]

    def backward(self, upstream):
        return np.zeros(X), {"W": upstream.copy()}


class GradientIsUpstream(HandsOutParams):
    def forward(self, x):
        return x + self.params["W"]

    def backward(self, upstream):
        return upstream + 0, {"W": upstream}


class GradientsAreOne(Scale):
    def forward(self, x):
        self.x = x
        return x + self.params["W"] + self.params["b"]

    def backward(self, upstream):
        db = upstream.sum(axis=0)
        return upstream, {"W": db, "b": db}


class ReusesY(Layer):
    def __init__(self):
        self.y = np.empty(X)

    def forward(self, x):
        return np.multiply(x, 2, out=self.y)

    def backward(self, upstream):
        return 2 * upstream, {}


class ReusesDx(Double):
    def forward(self, x):
        self.dx = getattr(self, "dx", np.empty(x.shape))
        return super().forward(x)

    def backward(self, upstream):
        self.dx[...] = 2 * upstream
        return self.dx, {}


class ReusesDW(Scale):
    def __init__(self):
        super().__init__()
        self.dW = np.zeros(3)

    def backward(self, upstream):
        dx, grads = super().backward(upstream)
        self.dW[...] = grads["W"]
        return dx, {**grads, "W": self.dW}


@pytest.mark.parametrize(
    ("build", "array", "text"),
    [
        (HandsOutParams, "", "y shares memory with the parameter W"),
        (GradientIsUpstream, "dW", "dW shares memory with upstream"),
        (GradientsAreOne, "dW", "dW shares memory with db"),
        (ReusesY, "", "y changes after it was returned"),
        (ReusesDx, "dx", "dx changes after it was returned"),
        (ReusesDW, "dW", "dW changes after it was returned"),
    ],
)
def test_what_is_handed_out_and_written_later_is_a_warning(build, array, text):
    assert aliases(build()) == [("aliasing", array, text)]


def test_harmless_sharing_is_no_finding():
    class Shares(Layer):
        """Views of x and upstream, one upstream for two inputs, and a cache that is y."""

        def forward(self, x):
            self.y = (x[0] + x[1]).reshape(-1)
            return self.y

        def backward(self, upstream):
            dx = upstream.reshape(X)
            return (dx, dx), {}

    class Same(Layer):
        def forward(self, x):
            return x

        def backward(self, upstream):
            return upstream, {}

    assert aliases(Shares(), [X, X]) == []
    assert aliases(Same()) == []
    assert check_layer(Shares(), [X, X]).findings == []
    assert check_layer(Same(), X).findings == []


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_built_in_layers_share_nothing_that_matters(case):
    x = case.x(np.random.default_rng(0))
    with quietly():
        subject = Subject(case.build(), list(x) if isinstance(x, tuple) else [x], isinstance(x, tuple))
        y = subject.forward(subject.start(), subject.x)
        upstream = tuple(map(np.array, y)) if isinstance(y, tuple) else np.array(y)
        assert check_aliasing(subject, upstream) == []


# ---- what cannot be checked --------------------------------------------------------------------------------


def test_a_forward_with_two_arguments_is_told_to_take_a_tuple():
    class Two(Layer):
        def forward(self, a, b):
            return a * b

    with pytest.raises(TypeError) as caught:
        check_layer(Two(), [X, X])
    assert str(caught.value) == (
        "Two(): expected a layer with forward(x), got forward(a, b); "
        "for several inputs take a tuple: def forward(self, x): a, b = x"
    )


class NoBackward:
    def forward(self, x):
        return x


class BackwardOfTwo(Double):
    def backward(self, upstream, lr):
        return upstream, {}


@pytest.mark.parametrize(
    ("layer", "match"),
    [
        (None, r"None: expected a layer with forward\(x\), got NoneType without forward; define it"),
        (NoBackward(), r"NoBackward\(\): expected a layer with backward\(upstream\), got NoBackward without"),
        (BackwardOfTwo(), r"expected a layer with backward\(upstream\), got backward\(upstream, lr\)"),
    ],
)
def test_what_is_no_layer_is_refused(layer, match):
    with pytest.raises(TypeError, match=match):
        check_layer(layer, X)


def test_what_is_no_loss_is_refused():
    with pytest.raises(
        TypeError, match=r"expected a loss with forward\(prediction, target\), got forward\(x\)"
    ):
        check_loss(Double(), np.ones(X), np.ones(X))


@pytest.mark.parametrize(
    ("x", "error", "match"),
    [
        ((0, 3), ValueError, r"check_layer: expected an x with entries, got the shape \(0, 3\)"),
        (np.zeros((2, 0)), ValueError, r"check_layer: expected an x with entries, got the shape \(2, 0\)"),
        (
            [np.zeros((0, 2)), (0,)],
            ValueError,
            r"expected an x with entries, got the shape \(\(0, 2\), \(0,\)\)",
        ),
        ((-1, 3), ValueError, r"check_layer: expected x to be an array or a shape of sizes, got \(-1, 3\)"),
        ((10**30,), ValueError, r"check_layer: expected x to be an array or a shape of sizes"),
        ((10**9, 10**9), ValueError, r"check_layer: expected x to be an array or a shape of sizes"),
        (np.array([1, None]), TypeError, r"check_layer: expected x in real numbers, got object"),
        (5, TypeError, r"check_layer: expected x to be a NumPy array or a shape, got int"),
        ("x", TypeError, r"check_layer: expected x to be a NumPy array or a shape, got str"),
        (None, TypeError, r"check_layer: expected x to be a NumPy array or a shape, got NoneType"),
    ],
)
def test_what_is_no_x_is_refused(x, error, match):
    with pytest.raises(error, match=match):
        check_layer(Double(), x)


@pytest.mark.parametrize(
    ("upstream", "error", "match"),
    [
        ("u", TypeError, "check_layer: expected upstream in real numbers, got str"),
        (np.ones(X, complex), TypeError, "check_layer: expected upstream in real numbers, got complex128"),
        ([[1.0], [2.0, 3.0]], TypeError, "check_layer: expected upstream in real numbers, got list"),
        (np.full(X, np.inf), ValueError, "check_layer: expected upstream finite"),
    ],
)
def test_what_is_no_upstream_is_refused(upstream, error, match):
    with pytest.raises(error, match=match):
        check_layer(Double(), X, upstream=upstream)


def test_an_attribute_that_cannot_be_copied_is_named():
    layer = Double()
    layer.stream = (i for i in range(3))
    with pytest.raises(TypeError) as caught:
        check_layer(layer, X)
    assert str(caught.value).startswith(
        "Double(): expected a layer that copy.deepcopy can copy, got TypeError: "
    )
    assert "(its attribute 'stream')" in str(caught.value)


def test_params_that_turn_into_no_arrays_are_refused_by_name():
    class Lists(Scale):
        def forward(self, x):
            y = super().forward(x)
            self.params["W"] = self.params["W"].tolist()
            return y

    with pytest.raises(
        TypeError, match=r"Lists\(\): expected params\['W'\] to be a floating-point array, got"
    ):
        check_layer(Lists(), X)


# ---- odd but right -----------------------------------------------------------------------------------------


def test_a_layer_that_keeps_the_module_of_random_numbers_is_checked():
    class Drops(Layer):
        def __init__(self):
            self.rng = np.random

        def forward(self, x):
            self.keep = self.rng.rand(*x.shape) > 0.4
            return x * self.keep

        def backward(self, upstream):
            return upstream * self.keep, {}

    assert check_layer(Drops(), X).passed


def test_buffers_may_be_numbers_and_a_repr_may_fail():
    class Odd(Scale):
        def __init__(self):
            super().__init__()
            self.buffers = {"steps": 0, "mean": 0.5, "names": ["a"]}

        def forward(self, x):
            self.buffers["steps"] += 1
            self.buffers["mean"] *= 0.9
            return super().forward(x)

        def __repr__(self):
            return f"Odd({self.nothing})"

    report = check_layer(Odd(), X)
    assert report.passed
    assert report.title == "Odd().backward"


def test_params_of_the_class_are_checked_and_stay():
    class Shared:
        params = {"a": np.array([0.5, 2.0, 3.0])}  # noqa: RUF012

        def forward(self, x):
            self.x = x
            return self.params["a"] * x

        def backward(self, upstream):
            return self.params["a"] * upstream, {"a": (upstream * self.x).sum(axis=0)}

    kept = Shared.params["a"]
    assert check_layer(Shared(), X).passed
    assert Shared.params["a"] is kept
    assert kept.tolist() == [0.5, 2.0, 3.0]


def test_a_view_of_a_parameter_stays_a_view():
    class Turned(Layer):
        def __init__(self):
            self.params = {"W": np.random.default_rng(0).standard_normal((2, 3)).astype(np.float32)}
            self.WT = self.params["W"].T

        def forward(self, x):
            self.x = x
            return x @ self.WT

        def backward(self, upstream):
            return upstream @ self.params["W"], {"W": upstream.T @ self.x}

    assert check_layer(Turned(), X).findings == []


def test_params_that_are_read_only_or_in_another_order_are_checked():
    layer = Scale()
    layer.params["W"] = np.asfortranarray(np.linspace(0.5, 1, 12).reshape(X))[::-1]
    layer.params["W"].flags.writeable = False
    layer.backward = None

    class Wide(Scale):
        def backward(self, upstream):
            return upstream * self.params["W"], {"W": upstream * self.x, "b": upstream.sum(axis=0)}

    wide = Wide()
    wide.params = layer.params
    assert check_layer(wide, X).passed


# ---- nothing of the user's changes -------------------------------------------------------------------------


class Wild(Scale):
    """Writes to all it gets hold of, draws from all generators, and may raise on the way."""

    def __init__(self, stop=None, rng=None):
        super().__init__()
        self.stop, self.rng, self.calls = stop, rng, [0]
        self.buffers = {"seen": np.zeros(3)}
        self.memory = {"rows": [np.arange(3.0)]}

    def forward(self, x):
        np.random.rand()  # noqa: NPY002
        random.random()
        np.seterr(all="raise")
        if self.rng is not None:
            self.rng.random()
        self.calls[0] += 1
        self.buffers["seen"] += 1
        self.memory["rows"].append(x)
        if self.stop is not None and self.calls[0] == 1 and self.stop[0] == "forward":
            raise self.stop[1]
        y = super().forward(x)
        x += 1
        self.params["W"] *= 2
        return y

    def backward(self, upstream):
        if self.stop is not None and self.stop[0] == "backward":
            raise self.stop[1]
        dx, grads = super().backward(upstream)
        upstream *= 0
        self.params["b"][...] = 7
        return dx, grads


STOPS = [
    None,
    *(
        (method, error)
        for method in ("forward", "backward")
        for error in (ValueError("no"), KeyboardInterrupt(), SystemExit(), RecursionError("deep"))
    ),
]


@pytest.mark.parametrize("stop", STOPS, ids=str)
def test_layer_arrays_and_random_states_come_back_bit_for_bit(stop):
    rng = np.random.default_rng(11)
    layer = Wild(stop, rng)
    x, upstream = POSITIVE.astype(np.float32), POSITIVE[::-1].copy()
    kept_x, kept_upstream = x.tobytes(), upstream.tobytes()
    ids = {name: id(value) for name, value in vars(layer).items()}
    params = {name: (id(a), a.tobytes(), a.dtype, a.flags.writeable) for name, a in layer.params.items()}
    state = copy.deepcopy((layer.buffers["seen"].tobytes(), layer.calls, len(layer.memory["rows"])))
    drawn = rng.bit_generator.state
    errors, trace, numpys, pythons = np.geterr(), sys.gettrace(), np.random.get_state(), random.getstate()  # noqa: NPY002
    raised = pytest.raises(type(stop[1])) if stop else contextlib.nullcontext()
    with raised:
        check_layer(layer, x, upstream=upstream, rng=rng)
    assert (x.tobytes(), upstream.tobytes()) == (kept_x, kept_upstream)
    assert x.flags.writeable
    assert upstream.flags.writeable
    assert ids == {name: id(value) for name, value in vars(layer).items()}
    assert params == {
        name: (id(a), a.tobytes(), a.dtype, a.flags.writeable) for name, a in layer.params.items()
    }
    assert state == (layer.buffers["seen"].tobytes(), layer.calls, len(layer.memory["rows"]))
    assert rng.bit_generator.state == drawn
    assert np.geterr() == errors
    assert sys.gettrace() is trace
    assert random.getstate() == pythons
    for mine, theirs in zip(np.random.get_state(), numpys, strict=True):  # noqa: NPY002
        assert np.array_equal(mine, theirs)


def test_a_generator_shared_with_another_layer_is_not_drawn_from():
    rng = np.random.default_rng(3)

    class Drops(Layer):
        def __init__(self, rng):
            self.rng = rng

        def forward(self, x):
            self.keep = self.rng.random(x.shape) > 0.4
            return x * self.keep

        def backward(self, upstream):
            return upstream * self.keep, {}

    first, second = Drops(rng), Drops(rng)
    assert check_layer(first, X).passed
    assert first.rng is second.rng is rng
    assert rng.random() == np.random.default_rng(3).random()


def test_a_loss_and_its_target_come_back_as_they_were():
    class Wilder:
        def __init__(self):
            self.weights = [np.ones(3)]

        def forward(self, prediction, target):
            self.d = prediction - target
            target[...] = 0
            self.weights[0] += 1
            return float((self.d**2).sum())

        def backward(self, upstream=1.0):
            return 2 * upstream * self.d

    loss, prediction, target = Wilder(), POSITIVE.copy(), POSITIVE[::-1].copy()
    report = check_loss(loss, prediction, target)
    assert kinds(report)[0] == ("mutates-input", "")
    assert np.array_equal(prediction, POSITIVE)
    assert np.array_equal(target, POSITIVE[::-1])
    assert loss.weights[0].tolist() == [1, 1, 1]
    assert not hasattr(loss, "d")


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.id)
def test_of_a_right_layer_all_promises_are_seen_on_one_walk(case, monkeypatch):
    """The checks of single promises, which take longer, have nothing to do then."""

    def look(*about):
        raise AssertionError("looked at by itself")

    for name in ("check_deterministic", "check_untouched", "check_repeatable", "check_fresh_cache"):
        monkeypatch.setattr(f"gradcheck.run.{name}", look)
    for name in ("check_linear", "check_aliasing"):
        monkeypatch.setattr(f"gradcheck.run.{name}", look)
    assert check_layer(case.build().astype(np.float64), case.x(np.random.default_rng(0)), level="quick")


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_a_buffer_handed_out_and_filled_anew_is_a_warning(method):
    class Reusing(Double):
        def __init__(self):
            super().__init__()
            self.space = np.zeros(X)

        def forward(self, x):
            y = super().forward(x)
            return np.add(y, 0, out=self.space) if method == "forward" else y

        def backward(self, upstream):
            dx, grads = super().backward(upstream)
            return np.add(dx, 0, out=self.space) if method == "backward" else dx, grads

    report = check_layer(Reusing(), X)
    assert report.passed
    assert kinds(report) == [("aliasing", "" if method == "forward" else "dx")]
    assert "after it was returned" in report.findings[0].message
