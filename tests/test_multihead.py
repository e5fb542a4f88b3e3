"""Attention with several heads: each head alone, masks, self-attention, and what is refused."""

import numpy as np
import pytest
from attention_by_hand import attend

from layers import MultiHeadAttention, PositionalEncoding


@pytest.fixture
def rng():
    return np.random.default_rng(3)


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
