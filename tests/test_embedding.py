"""Embedding: rows looked up by id, their gradients added up, and which ids are refused."""

import numpy as np
import pytest

from layers import Embedding


def by_hand():
    layer = Embedding(3, 2).astype(np.float64)
    layer.params["W"][...] = [[1, 2], [3, 4], [5, 6]]
    return layer


def test_embedding_by_hand():
    layer = by_hand()
    np.testing.assert_array_equal(layer.forward(np.array([2, 0, 2])), [[5, 6], [1, 2], [5, 6]])
    dx, grads = layer.backward(np.array([[1.0, 10], [2, 20], [3, 30]]))
    assert dx is None
    # id 2 stood there twice, id 1 never
    np.testing.assert_array_equal(grads["W"], [[2, 20], [0, 0], [4, 40]])


@pytest.mark.parametrize("shape", [(), (1,), (9,), (4, 3), (2, 3, 5), (0,), (3, 0)])
def test_embedding_is_a_one_hot_times_W(shape):
    rng = np.random.default_rng(0)
    layer, ids = Embedding(4, 3, rng=rng, dtype=np.float64), np.asarray(rng.integers(4, size=shape))
    one_hot = (ids[..., None] == np.arange(4)).astype(float)
    y = layer.forward(ids)
    np.testing.assert_array_equal(y, one_hot @ layer.params["W"])
    assert y.shape == (*shape, 3)
    upstream = rng.standard_normal(y.shape)
    _, grads = layer.backward(upstream)
    np.testing.assert_allclose(
        grads["W"], np.einsum("ni,nd->id", one_hot.reshape(-1, 4), upstream.reshape(-1, 3))
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint32, np.int64, np.uint64])
def test_ids_of_any_integer_dtype_do(dtype):
    layer, ids = Embedding(300, 2, rng=0), np.array([[0, 5], [100, 127]], dtype)
    np.testing.assert_array_equal(layer.forward(ids), layer.params["W"][[[0, 5], [100, 127]]])
    assert layer.backward(np.ones((2, 2, 2), np.float32))[1]["W"].sum() == 8


def test_a_single_id_gives_a_copy_of_its_row():
    layer = by_hand()
    y = layer.forward(np.int64(1))
    layer.params["W"] += 100
    np.testing.assert_array_equal(y, [3, 4])
    np.testing.assert_array_equal(layer.backward(np.array([7.0, 8]))[1]["W"], [[0, 0], [7, 8], [0, 0]])


def test_gradients_add_up_in_the_precision_of_the_upstream():
    layer = Embedding(2, 1)
    layer.forward(np.zeros(3, int))
    # in float32, 2^24 + 1 is 2^24
    _, grads = layer.backward(np.array([[2.0**24], [1], [-(2.0**24)]]))
    np.testing.assert_array_equal(grads["W"], [[1], [0]])
    assert grads["W"].dtype == np.float32
    _, grads = layer.backward(np.array([[1], [1j], [2]]))
    np.testing.assert_array_equal(grads["W"], [[3 + 1j], [0]])


def test_W_starts_from_the_unit_normal_or_from_init():
    W = Embedding(200, 100, rng=0).params["W"]
    assert W.dtype == np.float32
    assert abs(W.mean()) < 0.03
    assert abs(W.std() - 1) < 0.03
    np.testing.assert_array_equal(W, Embedding(200, 100, rng=0).params["W"])
    assert not Embedding(3, 2, init="zeros").params["W"].any()


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([0, 3, 4], r"Embedding\(3 -> 2\): expected ids from 0 to 2, got 3 at x\[1\]; make num larger"),
        ([[0, 1], [2, -1]], r"Embedding\(3 -> 2\): expected ids from 0 to 2, got -1 at x\[1, 1\]"),
        ([[2, 1], [-5, 9]], r"expected ids from 0 to 2, got -5 at x\[1, 0\]"),
    ],
)
def test_an_id_without_a_row_is_refused_by_name_and_place(ids, message):
    with pytest.raises(ValueError, match=message):
        by_hand().forward(np.array(ids))


def test_an_unsigned_id_beyond_any_index_is_refused():
    with pytest.raises(ValueError, match=r"got 18446744073709551615 at x\[0\]"):
        by_hand().forward(np.array([2**64 - 1], np.uint64))


def test_what_are_no_ids_are_refused():
    with pytest.raises(TypeError, match=r"expected x to hold integer ids, got float64; .* \.astype\(int\)"):
        by_hand().forward(np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"expected x to hold integer ids, got bool; pass ids, not a mask"):
        by_hand().forward(np.array([True, False]))
    with pytest.raises(TypeError, match=r"Embedding\(3 -> 2\): expected x to be a NumPy array, got list"):
        by_hand().forward([1, 2])


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ((0, 2), ValueError, r"Embedding: expected num >= 1, got 0"),
        ((3, -1), ValueError, r"Embedding: expected dim >= 1, got -1"),
        ((3.0, 2), TypeError, r"Embedding: expected num to be an integer, got 3\.0"),
        ((3, None), TypeError, r"Embedding: expected dim to be an integer, got None"),
        ((True, 2), TypeError, r"Embedding: expected num to be an integer, got True"),
        (((3,), 2), TypeError, r"Embedding: expected num to be an integer, got \(3,\)"),
    ],
)
def test_the_constructor_checks_its_sizes(sizes, error, message):
    with pytest.raises(error, match=message):
        Embedding(*sizes)
