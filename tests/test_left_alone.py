"""Nothing of the user's changes: layers, arrays, generators and global states come back as they were."""

from __future__ import annotations

import contextlib
import copy
import pickle
import random
import sys

import numpy as np
import pytest
from reports import kinds
from right_layers import BatchNorm, Dropout, Tanh
from small_layers import POSITIVE, Scale, X
from wrong_layers import WritesX, times, wrong

from gradcheck import check_layer, check_loss
from layers.base import Layer


def test_the_users_objects_are_left_as_they_were():
    class Global(Dropout):
        def forward(self, x):
            np.random.rand()  # noqa: NPY002
            random.random()
            return super().forward(x)

    x, upstream = np.ones((4, 3), np.float32), np.ones((4, 3), np.float32)
    for layer in (BatchNorm(3), Global(), wrong(Tanh, times(2)), WritesX()):
        layer = layer() if isinstance(layer, type) else layer
        layer.forward(np.full((4, 3), 0.5, np.float32))
        for seen in (x, upstream):
            seen.flags.writeable = False
        before = pickled(vars(layer)), np.random.get_state()[1:3], random.getstate()  # noqa: NPY002
        cached = {name: id(value) for name, value in vars(layer).items()}
        rng = np.random.default_rng(8)
        check_layer(layer, x, upstream=upstream, rng=rng)
        after = pickled(vars(layer)), np.random.get_state()[1:3], random.getstate()  # noqa: NPY002
        assert before[0] == after[0]
        assert before[1][1] == after[1][1]
        assert np.array_equal(before[1][0], after[1][0])
        assert before[2] == after[2]
        assert cached == {name: id(value) for name, value in vars(layer).items()}
        assert rng.random() == np.random.default_rng(8).random()
        assert (x == 1).all()


def pickled(state):
    return (
        pickle.dumps({name: value for name, value in state.items() if name != "rng"})
        + repr(state["rng"].bit_generator.state if "rng" in state else None).encode()
    )


def test_random_state_is_put_back_when_the_layer_raises():
    class Fails(Layer):
        def forward(self, x):
            np.random.rand()  # noqa: NPY002
            raise ValueError("no such luck")

    state = np.random.get_state()[2]  # noqa: NPY002
    with pytest.raises(ValueError, match="no such luck"):
        check_layer(Fails(), X)
    assert np.random.get_state()[2] == state  # noqa: NPY002


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
