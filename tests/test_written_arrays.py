"""Which arrays may not be written or replaced, also through views and caches, and what is no write."""

from __future__ import annotations

import inspect

import numpy as np
from reports import kinds
from small_layers import Double, Scale, X

from gradcheck import check_layer
from layers.base import Layer


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
    assert "at test_written_arrays.py:" in report.findings[0].message


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
    place = f"at test_written_arrays.py:{line};"
    assert f"the y that forward returned (the next layer's x) {place}" in report.findings[0].message
    assert f"test_written_arrays.py:{line}\n" in str(report)


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
        f"forward replaces the parameter W at test_written_arrays.py:{line}; an optimizer holds"
    )
    report = check_layer(Adds(), X)
    assert kinds(report)[0] == ("mutates-params", "")
    assert report.findings[0].message.startswith("forward adds the parameter c at test_written_arrays.py")


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
