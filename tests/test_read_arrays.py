"""Reading arrays: NPZ, NPY and IDX read right, and the one line for what is refused. Nothing is unpickled."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import read_npy, read_npz

from layers.base import Array
from training import memory
from training.errors import DataError
from training.reading.read_arrays import read_idx

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3)).astype(np.float32)
Y = np.array([0, 1, 2, 0, 1, 2])


def save(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def npy_bytes(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def header_bytes(text: str) -> bytes:
    """A .npy file of version 1.0 with the given header and 24 bytes of data."""
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(24)


# NPZ


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


def bad(**arrays: Any) -> dict[str, Any]:
    return {"x": X, "y": Y} | arrays


NAN = X.astype(np.float64)
NAN[4, 1] = np.nan
IMAGE = np.zeros((2, 3, 4, 5))
IMAGE[1, 2, 0, 3] = -np.inf

BAD = {
    "other keys": ({"a": X, "labels": Y}, r"a\.npz: has no arrays x, y / X, y .*\(it holds: a, labels\)"),
    "no arrays": ({}, r"a\.npz: has no arrays x, y"),
    "lengths": (bad(y=Y[:5]), r"a\.npz: 'x' has shape \(6, 3\), .*'y' \(5,\); each row needs one target"),
    "0-D x": (bad(x=np.float64(3)), r"a\.npz: 'x' has shape \(\); expected \(N, D\)"),
    "0-D y": (bad(y=np.int64(3)), r"a\.npz: 'y' has shape \(\); expected \(N,\)"),
    "5-D x": (bad(x=np.zeros((6, 1, 1, 1, 1))), r"'x' has shape \(6, 1, 1, 1, 1\)"),
    "3-D y": (bad(y=np.zeros((6, 1, 1))), r"'y' has shape \(6, 1, 1\)"),
    "no rows": ({"x": X[:0], "y": Y[:0]}, r"'x' has shape \(0, 3\): 0 rows"),
    "no columns": (bad(x=X[:, :0]), r"'x' has shape \(6, 0\): 0 feature columns"),
    "no target columns": (bad(y=np.zeros((6, 0))), r"'y' has shape \(6, 0\)"),
    "complex": (bad(x=X + 1j), r"'x' holds complex numbers"),
    "dates": (bad(x=np.zeros((6, 3), "M8[D]")), r"'x' holds dates; save as numbers"),
    "time spans": (bad(y=np.zeros(6, "m8[s]")), r"'y' holds time spans; save as numbers"),
    "structured": (bad(x=np.zeros(6, [("a", "f4"), ("b", "f4")])), r"'x' holds structured records"),
    "text features": (bad(x=np.array([["a"]] * 6)), r"'x' holds text; save as numbers"),
    "bytes": (bad(y=np.array([b"a"] * 6)), r"'y' holds bytes"),
    "text of two columns": (bad(y=np.array([["a", "b"]] * 6)), r"'y' holds text of shape \(6, 2\)"),
    "objects": (
        bad(x=np.array([[1, None, "a"]] * 6, object)),
        r"a\.npz: 'x' holds Python objects; refused for safety, save as",
    ),
    "NaN": (bad(x=NAN), r"a\.npz: 'x' holds nan in row 5, column 2; "),
    "infinity in an image": ({"x": IMAGE, "y": Y[:2]}, r"'x' holds -inf in row 2, element \[2, 0, 3\]"),
    "NaN in y": (bad(y=np.array([0, 1, np.nan, 2, 3, 4])), r"'y' holds nan in row 3; "),
    "NaN in float16": (bad(x=NAN.astype(np.float16)), r"'x' holds nan in row 5, column 2"),
    "enormous class": (bad(y=np.full(6, 2**64 - 1, np.uint64)), r"'y' holds 18446744073709551615"),
    "test part of another width": (
        bad(x_test=X[:, :2], y_test=Y),
        r"'x' is float32 of shape \(6, 3\), .*'x_test' float32 of shape \(6, 2\); both parts",
    ),
    "test part of another length": (
        bad(x_test=X, y_test=Y[:2]),
        r"'x_test' has shape \(6, 3\), .*'y_test' \(2,\)",
    ),
    "test labels of another kind": (
        bad(x_test=X, y_test=np.array(["a"] * 6)),
        r"both parts need the same form",
    ),
    "NaN in the test part": (bad(x_test=NAN, y_test=Y), r"'x_test' holds nan in row 5, column 2"),
}


@pytest.mark.parametrize(("arrays", "says"), BAD.values(), ids=BAD)
def test_what_cannot_be_used_gets_one_line(arrays: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says) as caught:
        read_npz(save(tmp_path, **arrays))
    assert caught.value.code == 3
    assert str(caught.value).isprintable()
    assert "allow_pickle" not in str(caught.value)


def test_damaged_archives_say_so(tmp_path: Path) -> None:
    path = save(tmp_path, x=X, y=Y)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(DataError, match=r"a\.npz: is damaged \(File is not a zip file\)"):
        read_npz(path)
    at = whole.index(X.tobytes()) + 5
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
    with pytest.raises(DataError, match=r"a\.npz: is damaged \(Bad CRC-32 for file 'x\.npy'\)"):
        read_npz(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", r"a\.npz: is empty \(0 bytes\)"),
        (b"x,y\n1,2\n", r"a\.npz: is no NPZ archive; save the arrays with np\.savez"),
        (npy_bytes(X), r"a\.npz: is a NumPy array; name it \.npy"),
        (pickle.dumps({"x": 1}), r"a\.npz: is a Python pickle; refused for safety"),
    ],
)
def test_other_files_named_npz_are_recognised(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_npz(tmp_path / "a.npz")


def test_a_member_that_climbs_out_of_its_folder_is_never_extracted(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    with zipfile.ZipFile(inner / "a.npz", "w") as archive:
        for name in ("../../x.npy", "x.npy", "y.npy"):
            archive.writestr(name, npy_bytes(Y))
    assert len(read_npz(inner / "a.npz").x) == 6
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.npz", "inner"]


class Bomb:
    """Unpickling this would end the test run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.exit, ("unpickled!",)


def test_pickles_are_never_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds Python objects"):
        read_npz(save(tmp_path, x=np.array([Bomb()], object), y=Y[:1]))
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match=r"a\.npy: is a Python pickle; refused for safety") as caught:
        read_npy(tmp_path / "a.npy")
    assert "allow_pickle" not in str(caught.value)


# NPY


def test_a_2d_npy_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    arrays = read_npy(tmp_path / "a.npy")
    np.testing.assert_array_equal(arrays.x, X)
    assert arrays.y is None


HEADER = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }"

BAD_NPY = {
    "1-D": (npy_bytes(Y), r"a\.npy: has shape \(6,\); expected \(N, D\)"),
    "NaN": (npy_bytes(NAN), r"a\.npy: holds nan in row 5, column 2"),
    "objects": (npy_bytes(np.array([[None]])), r"a\.npy: holds Python objects; refused for safety"),
    "zip": (b"PK\x03\x04..x.npy", r"a\.npy: is an archive of NumPy arrays; name it \.npz"),
    "nothing": (b"", r"a\.npy: is empty \(0 bytes\)"),
    "text": (b"1,2\n3,4\n", r"a\.npy: is no NumPy array"),
    "cut off": (
        npy_bytes(X)[:-1],
        r"a\.npy: is damaged or cut off: its header says .* 72 bytes, and 71 bytes",
    ),
    "cut off in the header": (npy_bytes(X)[:40], r"a\.npy: has a damaged NumPy header"),
    "four terabytes": (
        header_bytes(HEADER % ("<f8", "(4000000000000, 1)")),
        r"32000000000000 bytes, and 24 bytes follow",
    ),
    "more than all memory": (header_bytes(HEADER % ("<f8", f"({10**30}, 1)")), r"is damaged or cut off"),
    "negative": (
        header_bytes(HEADER % ("<f8", "(-1, -3)")),
        r"is damaged or cut off: its header says float64 of shape",
    ),
    "code in the header": (header_bytes("__import__('os').abort()"), r"has a damaged NumPy header"),
    "nonsense type": (header_bytes(HEADER % ("<q9", "(1, 3)")), r"has a damaged NumPy header"),
    "unknown version": (b"\x93NUMPY\x09\x00" + npy_bytes(X)[8:], r"has a damaged NumPy header"),
}


@pytest.mark.parametrize(("content", "says"), BAD_NPY.values(), ids=BAD_NPY)
def test_a_bad_npy_gets_one_line(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=says):
        read_npy(tmp_path / "a.npy")


def test_a_header_that_claims_too_much_inside_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", header_bytes(HEADER % ("<f8", "(4000000000000, 1)")))
        archive.writestr("y.npy", npy_bytes(Y))
    with pytest.raises(DataError, match=r"a\.npz: 'x' is damaged or cut off"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("read", [read_npy, read_npz])
def test_missing_files_and_directories(read: Any, tmp_path: Path) -> None:
    save(tmp_path, x=X, y=Y)
    with pytest.raises(DataError, match=r"aa\.npz: no such file; did you mean .*a\.npz\?"):
        read(tmp_path / "aa.npz")
    with pytest.raises(DataError, match=r"is a directory; name a file in it: a\.npz"):
        read(tmp_path)


file = io.BytesIO()
np.savez_compressed(file, x=X, y=Y)
COMPRESSED = file.getvalue()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(data=st.data())
def test_no_damage_gives_anything_but_arrays_or_a_line(tmp_path_factory: Any, data: st.DataObject) -> None:
    kind, whole = data.draw(st.sampled_from([("npz", COMPRESSED), ("npy", npy_bytes(X))]))
    raw = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"fuzz.{kind}"
    path.write_bytes(raw[: data.draw(st.sampled_from([None, len(raw) // 2, len(raw) - 1]))])
    try:
        arrays, text = read_npz(path) if kind == "npz" else read_npy(path), ""
    except DataError as error:
        arrays, text = None, str(error)
    assert text.isprintable()
    assert arrays is None or np.isfinite(arrays.x).all()


# IDX


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
