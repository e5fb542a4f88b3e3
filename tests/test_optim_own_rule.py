"""An update rule of one's own: what it inherits, and what it is told."""

import inspect
import textwrap

import numpy as np
import pytest
from update_rules import arrays, assert_same, train

from optim import Optimizer
from optim.schedules import Step


@pytest.fixture
def documented():
    """The rule that Optimizer's docstring shows."""
    text = inspect.getdoc(Optimizer)
    names = {"Optimizer": Optimizer, "np": np}
    exec(textwrap.dedent("    " + text[text.index("class SignMomentum") :]), names)
    return names["SignMomentum"]


def test_the_rule_in_the_docstring_does_what_it_says(documented):
    params = {"p": np.array([1.0, 1.0])}
    optimizer = documented(params, lr=0.25, momentum=0.5)
    optimizer.step({"p": np.array([3.0, -2.0])})
    np.testing.assert_array_equal(params["p"], [0.75, 1.25])
    optimizer.step({"p": np.array([-1.0, 0.5])})  # m = 0.5 (3) - 1 > 0, 0.5 (-2) + 0.5 < 0
    np.testing.assert_array_equal(params["p"], [0.5, 1.5])


def test_a_rule_of_ones_own_inherits_groups_schedules_state_and_checks(documented):
    options = {"lr": Step(0.1, every=2), "groups": {"*.b": {"momentum": 0.0}}}
    through, resumed = arrays(0), arrays(0)
    train(documented(through, **options), 5)
    first = documented(resumed, **options)
    train(first, 3)
    second = documented(resumed, **options)
    second.load_state(first.state())
    train(second, 2, start=3)
    assert_same(resumed, through)
    assert repr(second).startswith("SignMomentum(lr=Step(lr=0.1, every=2, factor=0.1), momentum=0.9, groups=")
    with pytest.raises(ValueError, match="SignMomentum: expected one gradient for each parameter"):
        second.step({})
    with pytest.raises(ValueError, match="SignMomentum: expected momentum"):
        documented(arrays(0), lr=0.1, momentum=-1)


def test_a_hyperparameter_of_ones_own_comes_to_update_as_a_python_number():
    class Scaled(Optimizer):
        def update(self, p, g, slots, lr, scale):
            assert type(scale) is float
            p -= lr * scale * g

    params = {"p": np.array([1.0])}
    Scaled(params, lr=0.5, scale=np.float64(0.5)).step({"p": np.array([2.0])})
    assert params["p"].item() == 0.5


def test_a_rule_without_update_says_what_to_define():
    with pytest.raises(NotImplementedError, match=r"Optimizer: expected an update\(self, p, g, slots, lr\)"):
        Optimizer(arrays(0), lr=0.1).step(arrays(1))
