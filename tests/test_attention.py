"""Attention worked by hand and by loops, what a mask keeps out, and what each layer refuses."""

import math

import numpy as np
import pytest

from layers import (
    LayerNorm,
    MultiHeadAttention,
    PositionalEncoding,
    ScaledDotProductAttention,
    Sequential,
    TransformerBlock,
)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def array(*rows):
    return np.array(rows, dtype=float)


def attend(q, k, v, allowed=None):
    """y = softmax(q kᵀ / sqrt(D)) v, one query at a time, over the allowed keys only."""
    y = np.zeros((*q.shape[:-1], v.shape[-1]))
    for row in np.ndindex(q.shape[:-1]):
        *lead, t = row
        keys = [s for s in range(k.shape[-2]) if allowed is None or allowed[(*lead, t, s)]]
        logits = [sum(q[row] * k[(*lead, s)]) / math.sqrt(q.shape[-1]) for s in keys]
        powers = [math.exp(logit - max(logits)) for logit in logits]
        for s, power in zip(keys, powers, strict=True):
            y[row] += power / sum(powers) * v[(*lead, s)]
    return y


# --- one attention


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


# --- several heads


def heads_by_hand(layer, q, k, v, mask=None):
    """Each head alone, on its piece of the projected features, and the pieces side by side."""
    p, size = layer.params, layer.dim // layer.heads
    q, k, v = (
        np.einsum("ntd,ed->nte", x, p[f"W_{name}"]) + p.get(f"b_{name}", 0)
        for name, x in zip("qkv", (q, k, v), strict=True)
    )
    pieces = []
    for h in range(layer.heads):
        part = slice(h * size, (h + 1) * size)
        allowed = None if mask is None else mask[:, h]
        pieces.append(attend(q[..., part], k[..., part], v[..., part], allowed))
    return np.einsum("ntd,ed->nte", np.concatenate(pieces, axis=-1), p["W_o"]) + p.get("b_o", 0)


def multihead(dim, heads, rng, **options):
    layer = MultiHeadAttention(dim, heads, rng=rng, dtype=np.float64, **options)
    for name, array in layer.params.items():
        if name.startswith("b"):
            array += rng.standard_normal(dim)
    return layer


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("heads", [1, 2, 3, 6])
def test_multihead_is_each_head_alone_then_joined(heads, bias, rng):
    layer = multihead(6, heads, rng, bias=bias)
    q, k, v = rng.standard_normal((2, 3, 6)), rng.standard_normal((2, 5, 6)), rng.standard_normal((2, 5, 6))
    np.testing.assert_allclose(layer.forward((q, k, v)), heads_by_hand(layer, q, k, v))
    np.testing.assert_allclose(layer.forward(q), heads_by_hand(layer, q, q, q))
    mask = rng.random((2, heads, 3, 5)) < 0.5
    mask[..., 1] = True
    np.testing.assert_allclose(layer.forward((q, k, v, mask)), heads_by_hand(layer, q, k, v, mask))


@pytest.mark.parametrize(
    ("shape", "axes"),
    [((3, 3), np.s_[None, None]), ((1, 3), np.s_[None, None]), ((2, 3, 3), np.s_[:, None]),
     ((2, 1, 3), np.s_[:, None]), ((1, 3, 3), np.s_[:, None]), ((2, 4, 3, 3), np.s_[:]),
     ((2, 1, 1, 3), np.s_[:]), ((1, 4, 3, 3), np.s_[:])],
)  # fmt: skip
def test_a_mask_may_leave_out_the_heads_or_the_batch(shape, axes, rng):
    layer, x = multihead(8, 4, rng), rng.standard_normal((2, 3, 8))
    mask = rng.random(shape) < 0.5
    mask[..., 1] = True
    by_head = np.broadcast_to(mask[axes], (2, 4, 3, 3))
    y = layer.forward((x, mask))
    np.testing.assert_allclose(y, heads_by_hand(layer, x, x, x, by_head))
    dx, _ = layer.backward(y)
    assert dx[1] is None
    layer.forward((x, by_head))
    np.testing.assert_allclose(dx[0], layer.backward(y)[0][0])


def test_a_square_mask_speaks_of_queries_and_keys_not_of_the_batch(rng):
    layer, x = (
        multihead(4, 2, rng),
        rng.standard_normal((3, 3, 4)),
    )  # N = T: (N, Tk) could be meant, and is not
    y = layer.forward((x, np.tri(3, dtype=bool)))
    causal = multihead(4, 2, rng, causal=True)
    causal.load_state(layer.state())
    np.testing.assert_array_equal(causal.forward(x), y)


def test_self_attention_adds_what_query_key_and_value_pass_back(rng):
    layer, x, mask = multihead(6, 2, rng), rng.standard_normal((2, 3, 6)), np.tri(3, dtype=bool)
    y = layer.forward((x, x, x, mask))
    (dq, dk, dv, dmask), grads = layer.backward(y)
    assert dmask is None
    layer.forward((x, mask))
    (dx, dmask), same = layer.backward(y)
    assert dmask is None
    np.testing.assert_allclose(dx, dq + dk + dv)
    assert all(np.array_equal(grads[name], same[name]) for name in grads)
    layer.forward((x, x, x))
    (dq, dk, dv), _ = layer.backward(y)
    layer.forward(x)
    np.testing.assert_allclose(layer.backward(y)[0], dq + dk + dv)


def test_the_key_bias_moves_all_logits_of_a_query_alike_and_so_nothing(rng):
    layer, x = multihead(6, 3, rng), rng.standard_normal((2, 4, 6))
    y = layer.forward(x)
    _, grads = layer.backward(rng.standard_normal(y.shape))
    np.testing.assert_allclose(grads["b_k"], 0, atol=1e-12)
    layer.params["b_k"] += 3
    np.testing.assert_allclose(layer.forward(x), y)


def test_self_attention_does_not_see_the_order_of_the_steps(rng):
    layer, x, order = multihead(6, 2, rng), rng.standard_normal((2, 5, 6)), rng.permutation(5)
    y = layer.forward(x)
    np.testing.assert_allclose(layer.forward(x[:, order]), y[:, order])
    placed = PositionalEncoding(5, 6).astype(np.float64).forward
    assert not np.allclose(layer.forward(placed(x[:, order])), layer.forward(placed(x))[:, order])


def test_padding_changes_nothing_and_gets_no_gradient(rng):
    layer, x = multihead(6, 2, rng), rng.standard_normal((2, 5, 6))
    lengths = np.array([3, 5])
    mask = (np.arange(5) < lengths[:, None])[:, None]  # (N, 1, Tk)
    y = layer.forward((x, mask))
    x[0, 3:] = 1e4
    np.testing.assert_array_equal(layer.forward((x, mask))[0, :3], y[0, :3])
    np.testing.assert_allclose(layer.forward(x[:1, :3]), y[:1, :3])
    layer.forward((x, mask))
    upstream = np.ones_like(y)
    upstream[0, 3:] = 0  # nobody asks for the padding's y
    (dx, _), _ = layer.backward(upstream)
    assert not dx[0, 3:].any()


def test_multihead_skips_a_dx_that_nobody_needs(rng):
    layer, x = multihead(6, 2, rng), rng.standard_normal((2, 5, 6))
    y = layer.forward((x, x, x))
    _, expected = layer.backward(y)
    layer.input_grad = False
    dx, grads = layer.backward(y)
    assert dx is None
    assert all(np.array_equal(grads[name], expected[name]) for name in expected)


def test_the_weights_start_apart_and_the_same_from_the_same_seed():
    a, b = (MultiHeadAttention(4, 2, rng=7).params for _ in "ab")
    assert list(a) == ["W_q", "W_k", "W_v", "W_o", "b_q", "b_k", "b_v", "b_o"]
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert len({a[f"W_{name}"].tobytes() for name in "qkvo"}) == 4
    assert list(MultiHeadAttention(4, 2, bias=False).params) == ["W_q", "W_k", "W_v", "W_o"]
    assert repr(MultiHeadAttention(4, 2)) == "MultiHeadAttention(4, heads=2)"
    assert repr(MultiHeadAttention(4, 2, causal=True, bias=False)) == (
        "MultiHeadAttention(4, heads=2, causal=True, bias=False)"
    )


def test_multihead_refuses_sizes_that_do_not_fit():
    who = "MultiHeadAttention: expected "
    with pytest.raises(ValueError, match=who + "heads to divide dim, got dim 6 and heads 4; each head takes"):
        MultiHeadAttention(6, 4)
    with pytest.raises(ValueError, match=who + "heads >= 1, got 0"):
        MultiHeadAttention(6, 0)
    with pytest.raises(ValueError, match=who + "dim >= 1, got -2"):
        MultiHeadAttention(-2, 1)
    with pytest.raises(TypeError, match=who + r"heads to be an integer, got 2\.0"):
        MultiHeadAttention(6, 2.0)
    with pytest.raises(TypeError, match=who + r"heads to be an integer, got \(2,\)"):
        MultiHeadAttention(6, (2,))
    with pytest.raises(TypeError, match=who + r"dim to be an integer, got True"):
        MultiHeadAttention(True, 1)


def test_sizes_may_be_small_numpy_integers_that_would_overflow(rng):
    small, plain = (
        MultiHeadAttention(dim, heads, rng=0) for dim, heads in ((np.int16(512), np.uint8(8)), (512, 8))
    )
    x = rng.standard_normal((1, 2, 512))
    np.testing.assert_array_equal(small.forward(x), plain.forward(x))
    assert repr(small) == repr(plain)


def test_multihead_refuses_what_does_not_fit():
    layer, q, k = MultiHeadAttention(6, 2), np.ones((2, 3, 6)), np.ones((2, 5, 6))
    who = r"MultiHeadAttention\(6, heads=2\): expected "
    with pytest.raises(ValueError, match=who + r"x of shape \(N, T, 6\), got \(2, 3, 5\)"):
        layer.forward(q[..., :5])
    with pytest.raises(ValueError, match=who + r"x of shape \(N, T, 6\), got \(3, 6\)"):
        layer.forward(q[0])
    with pytest.raises(ValueError, match=who + r"k of shape \(2, Tk, 6\), got \(1, 5, 6\)"):
        layer.forward((q, k[:1], k[:1]))
    with pytest.raises(ValueError, match=who + r"v of shape \(2, 5, 6\), got \(2, 3, 6\)"):
        layer.forward((q, k, q))
    with pytest.raises(ValueError, match=who + "at least one time step, got 0 queries, 0 keys"):
        layer.forward(q[:, :0])
    with pytest.raises(ValueError, match=who + "at least one time step, got 3 queries, 0 keys"):
        layer.forward((q, k[:, :0], k[:, :0]))
    for given in ((), (q,), (q,) * 5):
        with pytest.raises(ValueError, match=who + r"x, \(x, mask\), .*got a tuple of \d"):
            layer.forward(given)
    with pytest.raises(TypeError, match=who + "v of numbers, got bool; the mask comes last"):
        layer.forward((q, k, np.ones(k.shape, bool)))
    with pytest.raises(TypeError, match=who + "x of numbers, got bool"):
        layer.forward(np.ones(q.shape, bool))


def test_multihead_refuses_a_mask_that_does_not_fit():
    layer, q, k = MultiHeadAttention(6, 2), np.ones((2, 3, 6)), np.ones((2, 5, 6))
    who = r"MultiHeadAttention\(6, heads=2\): expected "
    with pytest.raises(TypeError, match=who + r"mask of bool, .* got float64; .* mask\.astype\(bool\)"):
        layer.forward((q, k))  # two are (x, mask)
    with pytest.raises(TypeError, match=who + r"mask to be a NumPy array, got list; convert"):
        layer.forward((q, [[True], [True, False]]))
    for shape, full in [
        ((2, 5), (3, 5)),
        ((5, 3), (3, 5)),
        ((5,), (2, 2, 3, 5)),
        ((3, 3, 5), (2, 3, 5)),
        ((2, 3, 3, 5), (2, 2, 3, 5)),
        ((1, 2, 2, 3, 5), (2, 2, 3, 5)),
    ]:
        sizes = ", ".join(map(str, full))
        with pytest.raises(ValueError, match=rf"{who}mask of shape \({sizes}\), .* mask\[:, None, :\]"):
            layer.forward((q, k, k, np.ones(shape, bool)))
    mask = np.ones((2, 3, 5), bool)
    mask[1, 2] = False
    with pytest.raises(
        ValueError, match=r"got none in row \[1, 0, 2\] of the scores \(2, 2, 3, 5\)"
    ) as caught:
        layer.forward((q, k, k, mask))
    assert caught.value.__notes__ == ["in MultiHeadAttention(6, heads=2)"]


# --- positions


@pytest.mark.parametrize("dim", [1, 2, 5, 8])
def test_the_table_is_the_formula(dim):
    y = PositionalEncoding(7, dim).astype(np.float64).forward(np.zeros((1, 7, dim)))
    for t in range(7):
        for j in range(dim):
            angle = t / 10000 ** ((j - j % 2) / dim)
            np.testing.assert_allclose(y[0, t, j], math.cos(angle) if j % 2 else math.sin(angle), atol=1e-15)


def test_positions_are_added_to_every_row_of_the_batch(rng):
    layer, x = PositionalEncoding(9, 2).astype(np.float64), rng.standard_normal((3, 2, 2))
    y = layer.forward(x)
    np.testing.assert_allclose(y - x, np.tile([[0, 1], [math.sin(1), math.cos(1)]], (3, 1, 1)))
    dx, grads = layer.backward(x)
    np.testing.assert_array_equal(dx, x)
    assert grads == {}


def test_the_table_is_exact_in_each_dtype_and_no_part_of_the_state():
    layer = PositionalEncoding(50, 6)
    assert layer.state() == {}
    assert layer.forward(np.zeros((1, 50, 6), np.float32)).dtype == np.float32
    there_and_back = layer.astype(np.float64).astype(np.float32).astype(np.float64)
    exact = PositionalEncoding(50, 6, dtype=np.float64)
    zeros = np.zeros((1, 50, 6))
    np.testing.assert_array_equal(there_and_back.forward(zeros), exact.forward(zeros))


def test_learned_positions_get_no_gradient_after_the_last_step():
    layer = PositionalEncoding(4, 2, learned=True, rng=0, dtype=np.float64)
    layer.params["W"][...] = [[1, 2], [3, 4], [5, 6], [7, 8]]
    y = layer.forward(np.zeros((2, 3, 2)))
    np.testing.assert_array_equal(y, [[[1, 2], [3, 4], [5, 6]]] * 2)
    dx, grads = layer.backward(np.array([[[1, 2], [3, 4], [5, 6]], [[10, 20], [30, 40], [50, 60]]], float))
    np.testing.assert_array_equal(dx[1], [[10, 20], [30, 40], [50, 60]])
    np.testing.assert_array_equal(grads["W"], [[11, 22], [33, 44], [55, 66], [0, 0]])


def test_positions_refuse_what_does_not_fit():
    who = r"PositionalEncoding\(4, 6\): expected "
    with pytest.raises(ValueError, match=who + r"x of 1 to 4 time steps, got 5; shorten .* larger max_len"):
        PositionalEncoding(4, 6).forward(np.ones((2, 5, 6)))
    with pytest.raises(ValueError, match=who + r"x of 1 to 4 time steps, got 0"):
        PositionalEncoding(4, 6).forward(np.ones((2, 0, 6)))
    with pytest.raises(ValueError, match=who + r"x of shape \(N, T, 6\), got \(2, 3, 5\)"):
        PositionalEncoding(4, 6).forward(np.ones((2, 3, 5)))
    with pytest.raises(
        ValueError, match=r"4, 6, learned=True\): expected x of shape \(N, T, 6\), got \(3, 6\)"
    ):
        PositionalEncoding(4, 6, learned=True).forward(np.ones((3, 6)))
    with pytest.raises(ValueError, match="PositionalEncoding: expected max_len >= 1, got 0"):
        PositionalEncoding(0, 6)
    with pytest.raises(TypeError, match=r"PositionalEncoding: expected dim to be an integer, got 1\.5"):
        PositionalEncoding(4, 1.5)
    with pytest.raises(TypeError, match=r"PositionalEncoding: expected max_len to be an integer, got \(4,\)"):
        PositionalEncoding((4,), 6)


# --- the block


def block(dim, heads, hidden, rng, **options):
    layer = TransformerBlock(dim, heads, hidden, rng=rng, dtype=np.float64, **options)
    for array in layer.params.values():
        array += rng.uniform(-0.5, 0.5, array.shape)
    return layer


def test_the_block_is_two_residual_steps(rng):
    layer, x, mask = block(6, 3, 7, rng), rng.standard_normal((2, 5, 6)), np.tri(5, dtype=bool)
    norm1, attention, norm2, mlp = layer.children.values()
    h = x + attention.forward((norm1.forward(x), mask))
    inside = norm2.forward(h) @ mlp.params["0.W"].T + mlp.params["0.b"]
    gelu = inside * (1 + np.vectorize(math.erf)(inside / math.sqrt(2))) / 2
    y = h + gelu @ mlp.params["2.W"].T + mlp.params["2.b"]
    np.testing.assert_allclose(layer.forward((x, mask)), y)
    assert isinstance(norm1, LayerNorm)
    assert isinstance(attention, MultiHeadAttention)
    assert list(layer.children) == ["norm1", "attention", "norm2", "mlp"]


def test_a_block_whose_steps_give_nothing_passes_x_and_upstream_through(rng):
    layer, x, upstream = block(6, 2, 7, rng), *rng.standard_normal((2, 2, 5, 6))
    for name in ("attention.W_o", "attention.b_o", "mlp.2.W", "mlp.2.b"):
        layer.params[name][...] = 0
    np.testing.assert_array_equal(layer.forward(x), x)
    dx, _ = layer.backward(upstream)
    np.testing.assert_array_equal(dx, upstream)


def test_in_causal_blocks_the_future_changes_nothing_before_it(rng):
    net = Sequential(*(block(6, heads, 7, rng, causal=True) for heads in (2, 3)))
    x = rng.standard_normal((2, 5, 6))
    y = net.forward(x)
    for t in range(1, 5):
        other = x.copy()
        other[:, t:] = rng.standard_normal((2, 5 - t, 6))
        np.testing.assert_array_equal(net.forward(other)[:, :t], y[:, :t])
        assert (net.forward(other)[:, t] != y[:, t]).all()
    net.forward(x)
    upstream = np.zeros_like(y)
    upstream[:, 2] = 1
    dx, _ = net.backward(upstream)
    assert not dx[:, 3:].any()
    assert dx[:, :3].all()


def test_the_block_skips_a_dx_that_nobody_needs(rng):
    layer, x = block(6, 2, 7, rng), rng.standard_normal((2, 5, 6))
    y = layer.forward(x)
    _, expected = layer.backward(y)
    layer.input_grad = False
    assert layer.attention.input_grad  # norm1 is the one that takes x
    _, grads = layer.backward(y)
    assert all(np.array_equal(grads[name], expected[name]) for name in expected)


def test_the_block_starts_its_weights_apart_and_in_its_dtype():
    layer = TransformerBlock(4, 2, 4, rng=0, dtype=np.float64)
    assert {array.dtype for array in layer.params.values()} == {np.dtype(np.float64)}
    weights = [array.tobytes() for name, array in layer.params.items() if ".W" in name]
    assert len(weights) == 6
    assert len(set(weights)) == 6


def test_the_block_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="TransformerBlock: expected hidden >= 1, got 0"):
        TransformerBlock(6, 2, 0)
    with pytest.raises(ValueError, match="expected heads to divide dim, got dim 6 and heads 4"):
        TransformerBlock(6, 4, 7)
    with pytest.raises(TypeError, match="TransformerBlock: expected dim to be an integer, got True"):
        TransformerBlock(True, 1, 7)
    layer, x = TransformerBlock(6, 2, 7), np.ones((2, 3, 6))
    with pytest.raises(ValueError, match=r"TransformerBlock: expected x of shape \(N, T, 6\), got \(3, 6\)"):
        layer.forward(x[0])
    with pytest.raises(ValueError, match=r"TransformerBlock: expected x or \(x, mask\), got a tuple of 3"):
        layer.forward((x, x, x))
    with pytest.raises(TypeError, match=r"expected mask of bool, .* got float64") as caught:
        layer.forward((x, np.ones((3, 3))))
    assert caught.value.__notes__ == ["in layer attention, MultiHeadAttention(6, heads=2)"]
    with pytest.raises(ValueError, match=r"expected mask of shape \(3, 3\), .* got \(2, 3\)"):
        layer.forward((x, np.ones((2, 3), bool)))
    with pytest.raises(ValueError, match=r"expected at least one time step, got 0 queries"):
        layer.forward(x[:, :0])
