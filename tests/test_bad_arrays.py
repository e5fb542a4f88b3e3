"""Archives and arrays that cannot be used get one line, damaged and hostile ones too."""

from __future__ import annotations

import io
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from array_files import X, Y, header_bytes, npy_bytes, save
from properties import given, settings, st
from readers import read_npy, read_npz

from training.errors import DataError

# NPZ


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


# Damage


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
