"""One attention worked by hand and by loops, what a mask keeps out, and what is refused."""

import math

import numpy as np
import pytest
from attention_by_hand import array, attend

from layers import ScaledDotProductAttention


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_two_keys_by_hand():
    layer = ScaledDotProductAttention()
    # D = 4, so sqrt(D) = 2; the logits are 2 log(3) / 2 = log 3 and 0, the weights 3/4 and 1/4
    q, k, v = array([2, 0, 0, 0]), array([math.log(3), 0, 0, 0], [0, 1, 0, 0]), array([8, 0], [0, 4])
    np.testing.assert_allclose(layer.forward((q, k, v)), [[6, 1]])
    # dA = u vᵀ = (8, 0); their mean under the weights is 6, so dS = (3/4 * 2, 1/4 * -6) = (3/2, -3/2)
    (dq, dk, dv), grads = layer.backward(array([1, 0]))
    np.testing.assert_allclose(dv, [[3 / 4, 0], [1 / 4, 0]])
    np.testing.assert_allclose(dq, [[3 / 4 * math.log(3), -3 / 4, 0, 0]])  # (3/2 k_1 - 3/2 k_2) / 2
    np.testing.assert_allclose(dk, [[3 / 2, 0, 0, 0], [-3 / 2, 0, 0, 0]])  # dS times q / 2
    assert grads == {}


def test_equal_keys_give_the_mean_of_the_values(rng):
    q, v = rng.standard_normal((3, 4)), rng.standard_normal((5, 2))
    y = ScaledDotProductAttention().forward((q, np.ones((5, 4)), v))
    np.testing.assert_allclose(y, np.tile(v.mean(axis=0), (3, 1)))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("lead", [(), (2,), (2, 3)])
@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (3, 5), (5, 2)])
def test_attention_is_the_loop_over_queries(lead, queries, keys, causal, rng):
    q, k, v = (rng.standard_normal((*lead, *s)) for s in ((queries, 3), (keys, 3), (keys, 2)))
    mask = rng.random((*lead, queries, keys)) < 0.6
    mask[..., 0] = True
    past = np.array([[s <= t or not causal for s in range(keys)] for t in range(queries)])
    layer = ScaledDotProductAttention(causal=causal)
    np.testing.assert_allclose(layer.forward((q, k, v)), attend(q, k, v, past + np.zeros(mask.shape)))
    np.testing.assert_allclose(layer.forward((q, k, v, mask)), attend(q, k, v, past & mask))


@pytest.mark.parametrize("shape", [(5,), (1, 5), (4, 1), (3, 1, 5), (1, 4, 5), (2, 1, 4, 5), (2, 3, 1, 1)])
def test_a_mask_broadcasts_to_the_scores(shape, rng):
    q, k, v = (rng.standard_normal((2, 3, *s)) for s in ((4, 6), (5, 6), (5, 7)))
    mask = rng.random(shape) < 0.5
    mask[..., 0] = True
    layer = ScaledDotProductAttention()
    y = layer.forward((q, k, v, mask))
    dx, _ = layer.backward(y)
    np.testing.assert_allclose(y, attend(q, k, v, np.broadcast_to(mask, (2, 3, 4, 5))))
    assert [None if part is None else part.shape for part in dx] == [q.shape, k.shape, v.shape, None]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("huge", [1e4, -1e4, 1e12])
def test_a_masked_key_leaks_nothing_however_large_it_is(huge, dtype, rng):
    q, k, v = (rng.standard_normal(s).astype(dtype) for s in ((3, 4), (5, 4), (5, 2)))
    q[:, 0], mask = 1, np.ones((3, 5), bool)
    mask[:, 2] = False
    layer = ScaledDotProductAttention()
    y, upstream = layer.forward((q, k, v, mask)), np.ones((3, 2), dtype)
    expected, _ = layer.backward(upstream)
    k[2, 0], v[2] = 2 * huge, huge  # its logit and its value
    np.testing.assert_array_equal(layer.forward((q, k, v, mask)), y)
    (dq, dk, dv, dmask), _ = layer.backward(upstream)
    np.testing.assert_array_equal(dq, expected[0])
    np.testing.assert_array_equal(dk, expected[1])
    np.testing.assert_array_equal(dv, expected[2])
    assert not dk[2].any()
    assert not dv[2].any()
    assert dmask is None


def test_allowed_logits_far_below_a_masked_one_still_share_all_the_weight():
    # the allowed logits are -1e4 - log 3 and -1e4; shifted by the masked 1e4, both would be e^-20000 = 0
    k, v = array([1e4], [-1e4 - math.log(3)], [-1e4]), array([1e4], [0], [4])
    layer, mask = ScaledDotProductAttention(), np.array([[False, True, True]])
    np.testing.assert_allclose(layer.forward((array([1]), k, v, mask)), [[3]])
    (dq, dk, dv, _), _ = layer.backward(array([1]))
    np.testing.assert_allclose(dv, [[0], [1 / 4], [3 / 4]])
    np.testing.assert_allclose(dk, [[0], [-3 / 4], [3 / 4]])  # A (dA - 3) = 1/4 * -3, 3/4 * 1
    np.testing.assert_allclose(dq, [[3 / 4 * math.log(3)]], rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_neither_overflow_nor_leave_a_nan(dtype):
    q, k, v = (np.array(rows, dtype) for rows in ([[100], [-100]], [[100], [-100], [99]], [[1], [2], [3]]))
    layer = ScaledDotProductAttention()
    np.testing.assert_array_equal(layer.forward((q, k, v)), [[1], [2]])
    dx, _ = layer.backward(np.ones((2, 1), dtype))
    assert all(np.isfinite(part).all() for part in dx)


def test_with_causal_the_future_changes_nothing_before_it(rng):
    q, k, v = rng.standard_normal((3, 2, 6, 4))
    layer = ScaledDotProductAttention(causal=True)
    y = layer.forward((q, k, v))
    for t in range(1, 6):
        k2, v2 = k.copy(), v.copy()
        k2[:, t:], v2[:, t:] = 1e3, -1e3
        np.testing.assert_array_equal(layer.forward((q, k2, v2))[:, :t], y[:, :t])
        assert (layer.forward((q, k2, v2))[:, t] != y[:, t]).all()
    layer.forward((q, k, v))
    upstream = np.zeros_like(y)
    upstream[:, 2] = 1
    (dq, dk, dv), _ = layer.backward(upstream)
    assert not dk[:, 3:].any()
    assert not dv[:, 3:].any()
    assert dk[:, :3].all()
    assert np.flatnonzero(dq.any(axis=(0, 2))).tolist() == [2]


def test_causal_counts_from_the_top_left_with_other_lengths():
    v = array([1], [2], [4])
    zeros = np.zeros((4, 1))
    y = ScaledDotProductAttention(causal=True).forward((zeros, zeros[:3], v))
    np.testing.assert_allclose(y, [[1], [3 / 2], [7 / 3], [7 / 3]])


def test_a_query_that_may_attend_nowhere_is_refused(rng):
    q, k = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 5, 4))
    mask = np.ones((2, 3, 5), bool)
    mask[1, 2] = False
    who = r"ScaledDotProductAttention\(\): expected every query to be allowed a key, "
    with pytest.raises(ValueError, match=who + r"got none in row \[1, 2\] of the scores \(2, 3, 5\); allow"):
        ScaledDotProductAttention().forward((q, k, k, mask))
    with pytest.raises(ValueError, match=r"got none in row \[1, 0\] of the scores"):
        ScaledDotProductAttention().forward((q, k, k, np.array([True, False])[:, None, None]))
    not_the_first = np.arange(5) > 0  # leaves query 0 nothing only where it is causal
    ScaledDotProductAttention().forward((q, k, k, not_the_first))
    with pytest.raises(ValueError, match=r"causal=True\): .* got none in row \[0, 0\] of the scores"):
        ScaledDotProductAttention(causal=True).forward((q, k, k, not_the_first))


def test_a_failed_forward_leaves_the_last_one_in_place(rng):
    q = rng.standard_normal((3, 4))
    layer = ScaledDotProductAttention()
    y = layer.forward((q, q, q))
    expected, _ = layer.backward(y)
    with pytest.raises(ValueError, match="allowed a key"):
        layer.forward((2 * q, q, q, np.zeros((3, 3), bool)))
    np.testing.assert_array_equal(layer.backward(y)[0], expected)


def test_attention_refuses_what_does_not_fit(rng):
    layer, q, k = ScaledDotProductAttention(), np.ones((2, 3, 4)), np.ones((2, 5, 4))
    with pytest.raises(TypeError, match=r"expected x to be a tuple of arrays, got ndarray"):
        layer.forward(q)
    with pytest.raises(ValueError, match=r"expected x to be \(q, k, v\) or \(q, k, v, mask\), got 2 of them"):
        layer.forward((q, k))
    with pytest.raises(ValueError, match=r"expected q of shape \(Tq, D\), got \(4,\)"):
        layer.forward((np.ones(4), k, k))
    with pytest.raises(ValueError, match=r"expected k of shape \(2, Tk, 4\), got \(2, 5, 3\)"):
        layer.forward((q, k[..., :3], k))
    with pytest.raises(ValueError, match=r"expected k of shape \(2, Tk, 4\), got \(1, 5, 4\)"):
        layer.forward((q, k[:1], k[:1]))
    with pytest.raises(ValueError, match=r"expected v of shape \(2, 5, Dv\), got \(2, 4, 4\)"):
        layer.forward((q, k, k[:, :4]))
    with pytest.raises(TypeError, match=r"expected v to be a NumPy array, got list"):
        layer.forward((q, k, [1.0]))
    with pytest.raises(TypeError, match=r"expected v of numbers, got bool; the mask comes last"):
        layer.forward((q, q, np.ones((2, 3, 3), bool)))
    for none in ((q[:, :0], k, k), (q, k[:, :0], k[:, :0]), (q[..., :0], k[..., :0], k)):
        with pytest.raises(ValueError, match="expected at least one query, one key and one feature, got q"):
            layer.forward(none)


def test_attention_refuses_a_mask_that_does_not_fit():
    layer, q, k = ScaledDotProductAttention(), np.ones((2, 3, 4)), np.ones((2, 5, 4))
    for dtype in (float, int, np.float32):
        with pytest.raises(TypeError, match=r"expected mask of bool, .* got .*; .* mask\.astype\(bool\)"):
            layer.forward((q, k, k, np.ones((2, 3, 5), dtype)))
    with pytest.raises(TypeError, match=r"expected mask to be a NumPy array, got NoneType"):
        layer.forward((q, k, k, None))
    with pytest.raises(
        TypeError, match=r"Attention\(\): expected mask to be a NumPy array, got list; convert"
    ):
        layer.forward((q, k, k, [[True], [True, False]]))
    for shape in ((5, 3), (2, 5), (3, 3, 5), (2, 3, 2), (1, 2, 3, 5), ()):
        with pytest.raises(ValueError, match=r"expected mask of shape \(.*5\), with 1 for any size, got \("):
            layer.forward((q, k, k, np.ones(shape, bool)))
