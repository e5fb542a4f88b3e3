"""Frozen parameters: what they leave, what goes on, and how they are given back."""

import copy

import numpy as np
import pytest
from small_networks import Returns, network

from gradcheck import check_layer
from layers import Affine, ReLU, Sequential
from optim import SGD


def test_frozen_parameters_leave_params_for_buffers():
    model = network()
    names, state = list(model.params), model.state()
    model.freeze("0.*", "*.gamma")
    assert list(model.params) == [name for name in names if name not in {"0.W", "0.b", "2.main.1.gamma"}]
    assert {"0.W", "0.b", "2.main.1.gamma"} <= set(model.buffers)
    assert model.state().keys() == state.keys()
    assert model.buffers["0.W"] is model.layers[0].params["W"]
    assert check_layer(model, (5, 3)).passed


def test_training_changes_all_but_what_is_frozen():
    model = network()
    model.freeze("0.W", "3.*")
    before = model.state()
    optimizer = SGD(model.params, lr=0.1)
    rng = np.random.default_rng(0)
    for _ in range(2):
        y = model.forward(rng.standard_normal((5, 3)))
        optimizer.step(model.backward(rng.standard_normal(y.shape))[1])
    after = model.state()
    same = {name for name in before if np.array_equal(before[name], after[name])}
    assert same == {"0.W", "3.W", "3.b"}


def test_parameters_can_be_given_back_to_training():
    model = network()
    names = list(model.params)
    model.freeze("*")
    assert model.params == {}
    model.unfreeze("3.*")
    assert list(model.params) == ["3.W", "3.b"]
    model.unfreeze("*")
    assert list(model.params) == names
    assert not model.frozen


def test_a_frozen_part_of_a_network_is_frozen_in_the_whole():
    model = network()
    held = model.params
    model.layers[2].freeze("main.0.*")
    assert "2.main.0.W" not in model.params
    assert held is model.params
    assert "2.main.0.W" in model.buffers
    model.forward(np.ones((5, 3)))
    assert model.backward(np.ones((5, 2)))[1].keys() == model.params.keys()


def test_an_optimizer_that_was_made_before_the_freeze_says_so():
    model = network()
    optimizer = SGD(model.params, lr=0.1)
    model.freeze("0.*")
    model.forward(np.ones((5, 3)))
    _, grads = model.backward(np.ones((5, 2)))
    with pytest.raises(ValueError, match=r"expected the parameters it was made with, .*make a new optimizer"):
        optimizer.step(grads)


def test_a_frozen_model_keeps_its_freeze_in_copies_and_its_dtype_in_astype():
    model = network()
    model.freeze("0.*")
    twin = copy.deepcopy(model).astype(np.float64)
    assert "0.W" not in twin.params
    assert twin.buffers["0.W"].dtype == np.float64


def test_a_pattern_that_matches_nothing_is_refused():
    model = network()
    with pytest.raises(
        ValueError, match=r"freeze: expected a pattern that matches .*got '1\.W'; did you mean"
    ):
        model.freeze("0.*", "1.W")
    assert not model.frozen
    with pytest.raises(ValueError, match=r"got '0\.W'; there are none"):
        model.unfreeze("0.W")


def test_freezing_reaches_the_innermost_container_and_can_be_undone_from_any():
    model = network()
    main = model.layers[2].main
    model.freeze("2.main.0.*")
    assert list(main.params) == ["1.gamma", "1.beta"]
    assert main.frozen == ["0.W", "0.b"]
    assert model.frozen == ["2.main.0.W", "2.main.0.b"]
    main.unfreeze("0.b")
    assert model.frozen == ["2.main.0.W"]
    model.unfreeze("2.*")
    assert list(model.params) == list(network().params)


def test_freezing_twice_is_freezing_once():
    model = network()
    model.layers[2].freeze("*")
    model.freeze("2.*")
    model.freeze("2.*", "0.W")
    model.unfreeze("*")
    assert list(model.params) == list(network().params)


def test_a_state_goes_from_a_frozen_model_to_one_that_is_not_and_back():
    frozen, model = network(), network()
    frozen.freeze("0.*", "2.*")
    frozen.params["3.W"][...] = 7
    model.load_state(frozen.state())
    assert (model.params["3.W"] == 7).all()
    model.params["0.W"][...] = 8
    frozen.load_state(model.state())
    assert (frozen.layers[0].params["W"] == 8).all()


@pytest.mark.parametrize("call", ["freeze", "unfreeze"])
def test_what_is_no_pattern_is_refused(call):
    model = network()
    model.freeze("0.*")
    with pytest.raises(ValueError, match=rf'{call}: expected a pattern .*, got none; write {call}\("\*"\)'):
        getattr(model, call)()
    with pytest.raises(TypeError, match=rf'{call}: expected a pattern .*, got list; write {call}\("0\.\*"'):
        getattr(model, call)(["0.*"])
    assert model.frozen == ["0.W", "0.b"]


def test_an_unfrozen_part_still_gets_its_gradient_where_no_dx_was_asked_for_meanwhile():
    model, x = Sequential(Sequential(Affine(3, 4, rng=0)), Affine(4, 2, rng=1)), np.ones((5, 3), np.float32)
    model.freeze("0.*")
    model.input_grad = False
    assert model.backward(model.forward(x))[1].keys() == {"1.W", "1.b"}
    model.unfreeze("*")
    dx, grads = model.backward(model.forward(x))
    assert dx is None
    assert grads.keys() == {"0.0.W", "0.0.b", "1.W", "1.b"}


def test_a_missing_dx_does_not_matter_above_what_is_frozen():
    net = Sequential(Affine(2, 2), Returns((None, {})), ReLU())
    net.freeze("0.*")
    net.forward(np.ones((3, 2), np.float32))
    assert net.backward(np.ones((3, 2))) == (None, {})
