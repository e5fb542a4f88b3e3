"""Folders of IDX files, as MNIST has them, and what is refused of them."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from array_files import RNG

from layers.base import Array
from training.errors import DataError
from training.reading.read_arrays import read_idx


def idx(array: Array) -> bytes:
    return (
        struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    )


IMAGES = RNG.integers(0, 256, (5, 4, 3), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5])
IMAGE_FILE, LABEL_FILE = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def folder_of(folder: Path, **files: bytes) -> Path:
    good = {IMAGE_FILE: idx(IMAGES), LABEL_FILE: idx(LABELS)}
    for name, content in (
        good | {name.replace("_", "-"): content for name, content in files.items()}
    ).items():
        (folder / name).write_bytes(content)
    return folder


def test_a_folder_of_idx_files_is_read(tmp_path: Path) -> None:
    arrays = read_idx(folder_of(tmp_path))
    np.testing.assert_array_equal(arrays.x, IMAGES[:, None])
    np.testing.assert_array_equal(arrays.y, LABELS)
    assert arrays.x.dtype == np.uint8
    assert arrays.y.dtype == np.int64
    assert arrays.x_test is None
    assert arrays.notes == ()


def test_gzipped_files_and_a_test_part_are_read(tmp_path: Path) -> None:
    for name, array in {
        "train-images-idx3-ubyte.gz": IMAGES,
        "train-labels.idx1-ubyte": LABELS,
        "t10k-images-idx3-ubyte": IMAGES[:2],
        "t10k-labels-idx1-ubyte.gz": LABELS[:2],
    }.items():
        content = idx(array)
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    arrays = read_idx(tmp_path)
    np.testing.assert_array_equal(arrays.x[:, 0], IMAGES)
    np.testing.assert_array_equal(arrays.x_test[:, 0], IMAGES[:2])
    np.testing.assert_array_equal(arrays.y_test, LABELS[:2])


def test_half_a_test_part_is_noted(tmp_path: Path) -> None:
    arrays = read_idx(folder_of(tmp_path, **{"t10k-images-idx3-ubyte": idx(IMAGES)}))
    assert arrays.x_test is None
    assert "t10k images or their labels are missing" in arrays.notes[0]


def test_labels_may_be_absent(tmp_path: Path) -> None:
    folder_of(tmp_path)
    (tmp_path / LABEL_FILE).unlink()
    assert read_idx(tmp_path).y is None


BAD_IDX = {
    "exchanged": (
        IMAGE_FILE,
        idx(LABELS),
        r"images-idx3-ubyte: begins with 0x00000801, expected the magic number 0x00000803 \(.* 3 axes\); are",
    ),
    "labels exchanged": (
        LABEL_FILE,
        idx(IMAGES),
        r"labels-idx1-ubyte: begins with 0x00000803, expected the magic number 0x00000801 \(.* 1 axis\); are",
    ),
    "floats": (IMAGE_FILE, b"\0\0\x0d\x03" + idx(IMAGES)[4:], r"begins with 0x00000d03"),
    "a byte missing": (
        IMAGE_FILE,
        idx(IMAGES)[:-1],
        r"images-idx3-ubyte: its header says 5 x 4 x 3 = 60 bytes, 59 follow",
    ),
    "a byte too many": (
        LABEL_FILE,
        idx(LABELS) + b"\0",
        r"labels-idx1-ubyte: its header says 5 = 5 bytes, 6 follow",
    ),
    "too short": (IMAGE_FILE, b"\0\0", r"has 2 bytes, expected at least 16 for the header; it is cut off"),
    "empty": (LABEL_FILE, b"", r"train-labels-idx1-ubyte: has 0 bytes, expected at least 8"),
    "counts": (
        LABEL_FILE,
        idx(LABELS[:4]),
        r"'train-images' has shape \(5, 4, 3\), .*'train-labels' \(4,\); each row",
    ),
    "no images": (
        IMAGE_FILE,
        idx(IMAGES[:0]),
        r"'train-images' has shape \(0, 4, 3\), .*'train-labels' \(5,\)",
    ),
    "gzip cut off": (
        IMAGE_FILE,
        gzip.compress(idx(IMAGES))[:-9],
        r"images-idx3-ubyte: ends early, .*; download it again",
    ),
}


@pytest.mark.parametrize(("name", "content", "says"), BAD_IDX.values(), ids=BAD_IDX)
def test_a_bad_idx_file_is_named_field_by_field(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        read_idx(folder_of(tmp_path, **{name: content}))


def test_a_test_part_of_another_size_is_refused(tmp_path: Path) -> None:
    files = {"t10k-images-idx3-ubyte": idx(IMAGES[:, :2]), "t10k-labels-idx1-ubyte": idx(LABELS)}
    with pytest.raises(DataError, match=r"'t10k-images' uint8 of shape \(5, 2, 3\)"):
        read_idx(folder_of(tmp_path, **files))


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "auto.csv").touch()
    with pytest.raises(
        DataError,
        match=r"is a folder without train-images-idx3-ubyte \(or \.gz of it\); name a file in it: auto\.csv",
    ):
        read_idx(tmp_path)
    with pytest.raises(DataError, match="is a file, not a folder"):
        read_idx(tmp_path / "auto.csv")
    with pytest.raises(DataError, match="no such file"):
        read_idx(tmp_path / "nowhere")


MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist"


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not at ../shared/data/mnist beside the repository")
def test_mnist_is_read() -> None:
    arrays = read_idx(MNIST)
    assert arrays.x.shape == (60000, 1, 28, 28)
    assert arrays.x_test.shape == (10000, 1, 28, 28)
    assert arrays.y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(arrays.y_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert abs(arrays.x.mean() / 255 - 0.1307) < 1e-4
