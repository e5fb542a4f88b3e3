"""Archives and single arrays (.npz, .npy): which array is what, and in which form it comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_files import RNG, X, Y, save
from readers import read_npy, read_npz

from training import memory
from training.errors import DataError


@pytest.mark.parametrize(
    "keys", [("x", "y"), ("X", "y"), ("x_train", "y_train"), ("X_train", "y_train"), ("data", "target")]
)
def test_the_usual_keys_are_found(keys: tuple[str, str], tmp_path: Path) -> None:
    arrays = read_npz(save(tmp_path, **dict(zip(keys, (X, Y), strict=True))))
    np.testing.assert_array_equal(arrays.x, X)
    np.testing.assert_array_equal(arrays.y, Y)
    assert arrays.x.dtype == np.float32
    assert arrays.y_name == keys[1]
    assert arrays.x_test is None
    assert arrays.notes == ()


def test_a_test_part_is_read(tmp_path: Path) -> None:
    arrays = read_npz(save(tmp_path, x_train=X, y_train=Y, x_test=X[:2] + 1, y_test=Y[1:3]))
    np.testing.assert_array_equal(arrays.x_test, X[:2] + 1)
    np.testing.assert_array_equal(arrays.y_test, [1, 2])


def test_compressed_archives_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=X, y=Y)
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz").x, X)


def test_arrays_that_are_not_used_are_noted_and_not_looked_into(tmp_path: Path) -> None:
    arrays = read_npz(save(tmp_path, x=X, y=Y, extra=np.array([{}], dtype=object), x_test=X))
    assert any(note.endswith("a.npz: arrays not used: extra, x_test") for note in arrays.notes)
    assert arrays.x_test is None


def test_another_key_may_be_named_the_target(tmp_path: Path) -> None:
    arrays = read_npz(save(tmp_path, x=X, y=Y, other=Y + 5), "other")
    np.testing.assert_array_equal(arrays.y, Y + 5)
    arrays = read_npz(save(tmp_path, images=X, labels=Y), "labels")
    np.testing.assert_array_equal(arrays.x, X)
    with pytest.raises(DataError, match=r"a\.npz: has no array 'lables'; did you mean 'labels'\?"):
        read_npz(tmp_path / "a.npz", "lables")


def test_to_predict_the_target_may_be_absent(tmp_path: Path) -> None:
    arrays = read_npz(save(tmp_path, x=X), "labels", need_target=False)
    assert arrays.y is None
    assert arrays.y_name == ""


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", ">i2", "u1", "i8", "?", "g"])
def test_numbers_of_any_kind_and_order_come_out_native(dtype: str, order: str, tmp_path: Path) -> None:
    x = np.asarray(np.arange(12).reshape(4, 3) % 2, dtype=dtype, order=order)  # type: ignore[call-overload]
    read = read_npz(save(tmp_path, x=x, y=Y[:4])).x
    np.testing.assert_array_equal(read, np.arange(12).reshape(4, 3) % 2)
    wanted = {"<f2": np.float32, "?": np.float32, "g": np.float64}
    assert read.dtype == wanted.get(dtype, np.dtype(dtype).newbyteorder("="))
    assert read.dtype.isnative
    assert read.flags.c_contiguous


def test_bytes_of_images_stay_bytes(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (4, 5, 6), dtype=np.uint8)
    read = read_npz(save(tmp_path, x=x, y=Y[:4])).x
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, x.reshape(4, 1, 5, 6))


def test_channels_last_become_channels_first(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (2, 5, 6, 3), dtype=np.uint8)
    arrays = read_npz(save(tmp_path, x=x, y=Y[:2]))
    assert arrays.x.shape == (2, 3, 5, 6)
    assert arrays.x[1, 2, 3, 4] == x[1, 3, 4, 2]
    (note,) = arrays.notes
    assert "(2, 5, 6, 3), read as images (N, H, W, C)" in note


@pytest.mark.parametrize("shape", [(2, 3, 5, 6), (2, 1, 5, 4), (2, 3, 4, 4), (2, 5, 6, 7)])
def test_channels_first_stay(shape: tuple[int, ...], tmp_path: Path) -> None:
    arrays = read_npz(save(tmp_path, x=np.zeros(shape), y=Y[:2]))
    assert arrays.x.shape == shape
    assert arrays.notes == ()


@pytest.mark.parametrize("shape", [(2, 1, 5, 3), (2, 3, 3, 3), (2, 4, 5, 4), (2, 1, 1, 1)])
def test_channels_that_may_be_first_or_last_are_first_with_a_word(
    shape: tuple[int, ...], tmp_path: Path
) -> None:
    arrays = read_npz(save(tmp_path, x=np.zeros(shape), y=Y[:2]))
    assert arrays.x.shape == shape
    (note,) = arrays.notes
    assert "read as images (N, C, H, W); transpose it if the channels are last" in note


def test_four_channels_give_way_to_three(tmp_path: Path) -> None:
    assert read_npz(save(tmp_path, x=np.zeros((2, 4, 5, 3)), y=Y[:2])).x.shape == (2, 3, 4, 5)


def test_arrays_larger_than_memory_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((1000, 500)))
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((1000, 500)), y=np.zeros(1000), z=np.zeros(10**6))
    monkeypatch.setattr(memory, "memory", lambda: 3_000_000)
    with pytest.raises(DataError, match=r"a\.npy: needs 4 MB, 3 MB are free; keep fewer rows"):
        read_npy(tmp_path / "a.npy")
    with pytest.raises(DataError, match=r"a\.npz: x, y: needs 4 MB, 3 MB are free; keep fewer rows"):
        read_npz(tmp_path / "a.npz")


def test_one_number_a_row_is_one_column(tmp_path: Path) -> None:
    arrays = read_npz(save(tmp_path, x=X[:, 0], y=Y))
    np.testing.assert_array_equal(arrays.x, X[:, :1])
    assert "read as one column" in arrays.notes[0]


def test_a_column_of_targets_is_flattened(tmp_path: Path) -> None:
    assert read_npz(save(tmp_path, x=X, y=Y[:, None])).y.shape == (6,)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, bool])
def test_one_hot_targets_become_classes(dtype: type, tmp_path: Path) -> None:
    arrays = read_npz(
        save(
            tmp_path,
            x_train=X,
            y_train=np.eye(3, dtype=dtype)[Y],
            x_test=X,
            y_test=np.eye(3, dtype=dtype)[Y[::-1]],
        )
    )
    np.testing.assert_array_equal(arrays.y, Y)
    np.testing.assert_array_equal(arrays.y_test, Y[::-1])
    assert arrays.y.dtype == np.int64
    assert "one-hot of shape (6, 3), read as classes 0 to 2" in arrays.notes[0]


@pytest.mark.parametrize("y", [[[1, 1], [0, 1]], [[0, 0], [0, 1]], [[0.5, 0.5], [0, 1]], [[2, -1], [0, 1]]])
def test_what_is_not_one_hot_stays_several_numbers(y: list[list[float]], tmp_path: Path) -> None:
    read = read_npz(save(tmp_path, x=X[:2], y=np.array(y))).y
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, y)


def test_labels_may_be_text(tmp_path: Path) -> None:
    assert read_npz(save(tmp_path, x=X[:2], y=np.array(["cat", "dog"]))).y.tolist() == ["cat", "dog"]


def test_whole_number_targets_are_wide_enough_to_calculate_with(tmp_path: Path) -> None:
    assert read_npz(save(tmp_path, x=X, y=Y.astype(np.uint8))).y.dtype == np.int64
    assert read_npz(save(tmp_path, x=X, y=Y > 0)).y.tolist() == [0, 1, 1, 0, 1, 1]


def test_a_2d_npy_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    arrays = read_npy(tmp_path / "a.npy")
    np.testing.assert_array_equal(arrays.x, X)
    assert arrays.y is None


@pytest.mark.parametrize("read", [read_npy, read_npz])
def test_missing_files_and_directories(read: Any, tmp_path: Path) -> None:
    save(tmp_path, x=X, y=Y)
    with pytest.raises(DataError, match=r"aa\.npz: no such file; did you mean .*a\.npz\?"):
        read(tmp_path / "aa.npz")
    with pytest.raises(DataError, match=r"is a directory; name a file in it: a\.npz"):
        read(tmp_path)
