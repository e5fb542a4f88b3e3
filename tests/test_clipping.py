"""Gradients too long together are scaled together, and what clip_by_norm refuses."""

import math

import numpy as np
import pytest
from update_rules import assert_same

from optim import clip_by_norm


def test_gradients_too_long_together_are_scaled_together_and_the_norm_before_is_returned():
    grads = {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])}
    objects = dict(grads)
    norm = clip_by_norm(grads, 1.0)
    assert type(norm) is float
    assert norm == 5.0
    assert all(grads[name] is objects[name] for name in objects)
    np.testing.assert_allclose(grads["W"], [[0.6, 0.0]], rtol=1e-6)
    np.testing.assert_allclose(grads["b"], [0.8], rtol=1e-6)


@pytest.mark.parametrize("max_norm", [5.1, 100.0, math.inf])
def test_gradients_short_enough_are_left_as_they_are(max_norm):
    grads = {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])}
    assert clip_by_norm(grads, max_norm) == 5.0
    assert_same(grads, {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])})


def test_no_gradients_have_the_norm_zero():
    assert clip_by_norm({}, 1.0) == 0.0
    assert clip_by_norm({"W": np.zeros((2, 0))}, 1.0) == 0.0


def test_an_array_under_two_names_counts_twice_and_is_scaled_once():
    shared = np.array([3.0, 4.0])
    norm = clip_by_norm({"a": shared, "b": shared}, 1.0)
    assert norm == pytest.approx(math.sqrt(50))
    np.testing.assert_allclose(shared, np.array([3.0, 4.0]) / math.sqrt(50), rtol=1e-6)


def test_a_reshaped_view_of_another_gradient_is_scaled_once():
    whole = np.array([[3.0, 4.0]])
    clip_by_norm({"a": whole, "b": whole.reshape(2)}, 1.0)
    np.testing.assert_allclose(whole, np.array([[3.0, 4.0]]) / math.sqrt(50), rtol=1e-6)


def test_parts_of_one_array_are_each_scaled():
    whole = np.array([3.0, 4.0])
    clip_by_norm({"a": whole[:1], "b": whole[1:]}, 1.0)
    np.testing.assert_allclose(whole, [0.6, 0.8], rtol=1e-6)


def test_the_norm_of_float32_gradients_does_not_overflow():
    grads = {"W": np.full((2, 2), 1e30, np.float32)}
    assert clip_by_norm(grads, 2.0) == pytest.approx(2e30)
    assert grads["W"].dtype == np.float32
    np.testing.assert_allclose(grads["W"], np.ones((2, 2)), rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "text"), [(math.nan, "nan"), (math.inf, "inf"), (-math.inf, "inf"), (1e200, r"1e\+200")]
)
def test_a_norm_that_is_not_finite_is_refused_by_name_and_nothing_is_scaled(value, text):
    grads = {"0.W": np.array([30.0]), "0.b": np.array([1.0, value])}
    with pytest.raises(ValueError, match=rf"a finite norm, got '0\.b' with a largest entry of {text};"):
        clip_by_norm(grads, 1.0)
    assert_same(grads, {"0.W": np.array([30.0]), "0.b": np.array([1.0, value])})


@pytest.mark.parametrize("max_norm", [0.0, -1.0, math.nan])
def test_a_max_norm_that_is_not_positive_is_refused(max_norm):
    with pytest.raises(ValueError, match="clip_by_norm: expected max_norm to be a number > 0, got"):
        clip_by_norm({"W": np.ones(2)}, max_norm)


def test_a_max_norm_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="clip_by_norm: expected max_norm to be a number, got str"):
        clip_by_norm({"W": np.ones(2)}, "1")


def test_a_read_only_gradient_is_refused_by_name_and_nothing_is_scaled():
    grads = {"W": np.array([3.0]), "b": np.broadcast_to(np.array(4.0), (1,))}
    with pytest.raises(ValueError, match=r"clip_by_norm: .* got a read-only one for 'b'; copy it"):
        clip_by_norm(grads, 1.0)
    assert grads["W"] == 3.0


@pytest.mark.parametrize(
    ("value", "kind"), [(None, "NoneType"), (np.float64(1.0), "float64"), (np.ones(2, int), "int64")]
)
def test_gradients_that_cannot_be_scaled_in_place_are_refused_by_name(value, kind):
    with pytest.raises(TypeError, match=f"clip_by_norm: expected floating arrays, got {kind} for 'b'"):
        clip_by_norm({"W": np.ones(2), "b": value}, 1.0)


def test_clipping_what_is_no_dict_is_refused():
    with pytest.raises(TypeError, match="clip_by_norm: expected grads to be a dict, got tuple"):
        clip_by_norm((None, {"W": np.ones(2)}), 1.0)
