"""Layers that no checker likes: each gets a finding or an error of one line, and comes back untouched."""

from __future__ import annotations

import copy
import pickle
import random
import threading
import time
import warnings

import numpy as np
import pytest

from gradcheck import check_layer
from layers import Sequential, Tanh
from layers.base import Layer

X = np.random.default_rng(0).uniform(0.5, 2.0, (4, 3))


class Double(Layer):
    """y = 2 x"""

    def forward(self, x):
        self.x = x
        return 2 * x

    def backward(self, upstream):
        return 2 * upstream, {}


class Weighted(Layer):
    """y = W x"""

    def __init__(self, dtype=np.float64):
        self.params = {"W": np.linspace(0.5, 1.5, 3).astype(dtype)}

    def forward(self, x):
        self.x = x
        return self.params["W"] * x

    def backward(self, upstream):
        return upstream * self.params["W"], {"W": (upstream * self.x).sum(axis=0)}


def answering(y=lambda x: 2 * x, returned=lambda u: (2 * u, {})):
    """A layer that gives y(x) and returned(upstream)."""

    class Answering(Layer):
        def forward(self, x):
            return y(x)

        def backward(self, upstream):
            return returned(upstream)

    return Answering()


def surroundings():
    """What a check must leave as it was."""
    return (
        pickle.dumps(np.random.get_state(legacy=False)),  # noqa: NPY002
        random.getstate(),
        np.geterr(),
        list(warnings.filters),
    )


@pytest.fixture(autouse=True)
def nothing_changes():
    before, x = surroundings(), X.copy()
    yield
    assert surroundings() == before
    assert X.tobytes() == x.tobytes()


# ---- answers -----------------------------------------------------------------------------------------------


def no_number(u):
    return u * np.nan, {}


@pytest.mark.parametrize(
    ("layer", "kind", "text"),
    [
        (answering(y=lambda x: x.tolist()), "dtype", "of kind list"),
        (answering(y=lambda x: 3), "dtype", "of kind int"),
        (answering(y=lambda x: x.astype(object)), "dtype", "of kind object"),
        (answering(y=lambda x: x * 1j), "dtype", "of kind complex128"),
        (answering(y=lambda x: np.ma.masked_less(x, 1)), "dtype", "of kind MaskedArray"),
        (answering(y=lambda x: {"y": x}), "dtype", "of kind dict"),
        (answering(y=lambda x: (2 * x, None)), "missing", "of kind NoneType"),
        (answering(y=lambda x: np.nan * x), "non-finite", "with nan at [0, 0]"),
        (answering(returned=no_number), "non-finite", "dx has nan at [0, 0]: 12 of 12 entries not finite"),
        (answering(returned=lambda u: (u.astype(object), {})), "dtype", "dx is object array (4, 3)"),
        (answering(returned=lambda u: ("dx", {})), "dtype", "dx is str"),
        (answering(returned=lambda u: (2 * u, {3: u, None: u})), "keys", "'3', 'None'"),
        (answering(returned=lambda u: 2 * u), "missing", "backward returned float64 array"),
    ],
)
def test_an_answer_of_another_kind_is_a_finding(layer, kind, text):
    report = check_layer(layer, X)
    assert not report.passed
    assert report.findings[0].kind == kind
    assert text in report.findings[0].message


def test_half_precision_is_a_finding_and_no_crash():
    for layer in (
        answering(y=lambda x: (2 * x).astype(np.float16)),
        answering(returned=lambda u: ((2 * u).astype(np.float16), {})),
    ):
        assert check_layer(layer, X).findings[0].kind == "precision"


@pytest.mark.parametrize(
    "layer",
    [
        answering(y=lambda x: np.asfortranarray(2 * x)),
        answering(y=lambda x: (2 * x).astype(">f8"), returned=lambda u: ((2 * u).astype(">f8"), {})),
        answering(y=lambda x: x[::-1], returned=lambda u: (u[::-1], {})),
        answering(y=lambda x: 2 * x.astype(np.longdouble)),
    ],
)
def test_views_orders_and_long_numbers_pass(layer):
    assert check_layer(layer, X).findings == []


@pytest.mark.parametrize("x", [X.astype(">f8"), X.T, np.broadcast_to(1.5, (4, 3)), np.array(1.5)])
def test_any_plain_array_is_an_x(x):
    assert check_layer(Double(), x).findings == []


def test_an_empty_part_of_x_or_y_is_no_trouble():
    assert check_layer(answering(lambda x: x[:0], lambda u: (np.zeros((4, 3)), {})), X).findings == []
    two = answering(lambda x: 2 * x[1], lambda u: ((np.zeros((0, 3)), 2 * u), {}))
    assert check_layer(two, (np.zeros((0, 3)), X)).findings == []


def test_an_empty_batch_and_a_mask_are_refused():
    with pytest.raises(ValueError, match=r"expected an x with entries, got the shape \(0, 3\)"):
        check_layer(Double(), np.zeros((0, 3)))
    with pytest.raises(TypeError, match="expected x without a mask, got a masked array; fill it"):
        check_layer(Double(), np.ma.masked_less(X, 1))


def test_numbers_below_what_float64_resolves_are_not_called_rounded():
    tiny = answering(lambda x: x * 1e-320, lambda u: (u * 1e-320, {}))
    kinds = [finding.kind for finding in check_layer(tiny, X).findings]
    assert "precision" not in kinds
    assert "upstream-nonlinear" not in kinds


# ---- params and copies -------------------------------------------------------------------------------------


def test_a_parameter_with_the_name_of_the_input_is_refused():
    layer = Weighted()
    layer.params["x"] = layer.params.pop("W")
    with pytest.raises(TypeError, match="expected params with names of their own, got 'x'"):
        check_layer(layer, X)


@pytest.mark.parametrize("key", [0, ("a", 1), None])
def test_any_key_names_a_parameter(key):
    class Keyed(Layer):
        def __init__(self):
            self.params = {key: np.linspace(0.5, 1.5, 3)}

        def forward(self, x):
            self.x = x
            return self.params[key] * x

        def backward(self, upstream):
            return upstream * self.params[key], {key: (upstream * self.x).sum(axis=0)}

    assert check_layer(Keyed(), X).findings == []


class Own(Weighted):
    """Copies itself."""

    def __deepcopy__(self, memo):
        other = type(self)()
        other.params = {name: array.copy() for name, array in self.params.items()}
        return other


class Rebuilt(Weighted):
    """Is built anew instead of being copied."""

    def __reduce__(self):
        return type(self), ()


@pytest.mark.parametrize("cls", [Own, Rebuilt])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_layer_that_copies_itself_is_checked_with_the_params_it_has(cls, dtype):
    layer = cls(dtype)
    layer.params["W"] *= 3
    assert check_layer(layer, X, level="full").findings == []
    assert layer.params["W"].dtype == dtype
    assert check_layer(Sequential(layer, Tanh()), X).findings == []


def test_a_layer_that_copies_itself_hides_no_mistake():
    class Wrong(Own):
        def backward(self, upstream):
            dx, grads = super().backward(upstream)
            return dx, {"W": 2 * grads["W"]}

    assert check_layer(Wrong(), X).findings[0].array == "dW"
    assert check_layer(Sequential(Wrong(), Tanh()), X).findings[0].array == "d0.W"


class Unlocked(Weighted):
    def __deepcopy__(self, memo):
        other = type(self)()
        other.__dict__.update(self.__dict__)
        return other


class Same(Weighted):
    def __deepcopy__(self, memo):
        return self


class Nothing(Weighted):
    def __deepcopy__(self, memo):
        return None


class Refusing(Weighted):
    def __deepcopy__(self, memo):
        raise RuntimeError("no\ncopies")


class Locked(Weighted):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (Unlocked, "got a copy with the same array W"),
        (Same, "got itself for a copy"),
        (Nothing, "got NoneType for a copy"),
        (Refusing, "got RuntimeError: no copies"),
        (Locked, "its attribute 'lock'"),
    ],
)
def test_what_cannot_be_copied_is_refused_in_one_line(cls, text):
    layer = cls()
    before = dict(vars(layer)), layer.params["W"].tobytes()
    with pytest.raises(TypeError, match=r"expected a layer that copy\.deepcopy can copy") as caught:
        check_layer(layer, X)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (dict(vars(layer)), layer.params["W"].tobytes()) == before


def test_a_layer_that_holds_itself_is_checked():
    layer = Weighted()
    layer.me, layer.list = layer, [layer]
    assert check_layer(layer, X).findings == []


def test_one_array_may_be_x_upstream_and_parameter():
    class Held(Weighted):
        def __init__(self):
            self.params = {"W": X}

        def backward(self, upstream):
            return upstream * self.params["W"], {"W": upstream * self.x}

    assert check_layer(Held(), X, upstream=X).findings == []


# ---- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_an_error_of_the_layer_says_where_it_was(method):
    def fail(self, given):
        raise ZeroDivisionError("boom")

    layer = type("Failing", (Double,), {method: fail})()
    with pytest.raises(ZeroDivisionError, match="boom") as caught:
        check_layer(layer, X)
    assert any(f"in Failing().{method} with" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("method", ["forward", "backward"])
def test_endless_recursion_is_the_layers_own_error(method):
    layer = type("Endless", (Double,), {method: lambda self, given: getattr(self, method)(given)})()
    with pytest.raises(RecursionError):
        check_layer(layer, X)


@pytest.mark.parametrize("call", range(1, 10))
@pytest.mark.parametrize("writes", [False, True])
def test_an_interrupt_passes_through_at_any_call(call, writes):
    calls = []

    class Interrupted(Double):
        def forward(self, x):
            calls.append(1)
            if len(calls) == call:
                raise KeyboardInterrupt
            np.random.random()  # noqa: NPY002
            random.random()
            if writes:
                x *= 1.5
            return super().forward(x)

    with pytest.raises(KeyboardInterrupt):
        check_layer(Interrupted(), X)


def test_settings_that_a_layer_changes_are_put_back():
    class Settled(Double):
        def forward(self, x):
            warnings.simplefilter("error")
            np.seterr(all="raise")
            np.random.seed(0)  # noqa: NPY002
            random.seed(0)
            return super().forward(x)

    assert check_layer(Settled(), X).findings == []


def test_a_layer_that_prints_and_sleeps_is_checked(capsys):
    class Talking(Double):
        def forward(self, x):
            print("forward")
            time.sleep(0.001)
            return super().forward(x)

    report = check_layer(Talking(), X)
    assert report.findings == []
    assert capsys.readouterr().out == "forward\n" * report.forwards


def test_warnings_are_the_callers_own():
    class Careful(Double):
        def forward(self, x):
            warnings.warn("careful", UserWarning, stacklevel=1)
            return super().forward(x)

    with pytest.warns(UserWarning, match="careful"):
        assert check_layer(Careful(), X).findings == []


# ---- size --------------------------------------------------------------------------------------------------


class Counted(Double):
    forwards = 0

    def forward(self, x):
        type(self).forwards += 1
        return super().forward(x)


def test_a_large_array_is_not_tried_entry_by_entry_and_full_says_so():
    x = np.random.default_rng(0).standard_normal((300, 200))
    for level in ("auto", "quick", "full"):
        Counted.forwards = 0
        report = check_layer(Counted(), x, level=level)
        assert report.findings == []
        assert Counted.forwards < 60
        told = any("not every entry of dx tried" in note for note in report.notes)
        assert told == (level == "full")


def test_a_large_array_that_differences_must_judge_is_not_tried_entry_by_entry():
    def norm(x):
        return np.sqrt(np.float64(np.real(x)) ** 2 + 1)  # loses what complex numbers carry

    x = np.random.default_rng(0).standard_normal((100, 200))

    class Lossy(Layer):
        forwards = 0

        def forward(self, x):
            type(self).forwards += 1
            self.x = x
            return norm(np.array(x.tolist(), float))

        def backward(self, upstream):
            return upstream * self.x / norm(self.x), {}

    report = check_layer(Lossy(), x, level="full")
    assert report.findings == []
    assert Lossy.forwards < 1000
    assert any("not every entry of dx tried" in note for note in report.notes)
    assert "finite differences" in report.method


def test_the_layer_comes_back_as_it_was_whatever_it_does():
    class Restless(Weighted):
        def forward(self, x):
            self.params["W"] += 1
            self.params = dict(self.params, n=np.ones(2))
            self.extra = x
            return super().forward(x)

    layer = Restless()
    before = copy.deepcopy(vars(layer))
    array = layer.params["W"]
    assert not check_layer(layer, X).passed
    assert layer.params["W"] is array
    assert vars(layer).keys() == before.keys()
    assert pickle.dumps(vars(layer)) == pickle.dumps(before)
