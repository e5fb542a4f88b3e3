"""Positions and the transformer block, and what they refuse."""

import math

import numpy as np
import pytest

from layers import LayerNorm, MultiHeadAttention, PositionalEncoding, Sequential, TransformerBlock


@pytest.fixture
def rng():
    return np.random.default_rng(3)


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
