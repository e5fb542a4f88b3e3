"""Files of any bytes, and good files with some bytes changed: what comes out is data, or one line of ours."""

from __future__ import annotations

import gzip
import io
import struct
import tempfile
from pathlib import Path

import numpy as np
from properties import given, settings, st

from training.errors import DataError, UsageError, UserError
from training.options import Options
from training.prepare import prepare
from training.reading.dataset import Dataset, load_dataset

FUZZ = settings(max_examples=100, deadline=None, derandomize=True)


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(compressed: bool, **arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", 0x0800 | array.ndim, *array.shape) + array.tobytes()


X, Y = np.arange(36.0).reshape(12, 3), np.arange(12) % 2
IMAGES = np.arange(12 * 6, dtype=np.uint8).reshape(12, 2, 3)
CSV = b"a,b,c,y\n" + b"".join(b'%d,%d.5,"w%d",%d\n' % (i, i * i, i % 3, i % 2) for i in range(12))
GOOD = {
    "a.csv": [CSV, CSV.replace(b'"', b""), CSV.replace(b",", b";"), CSV.decode().encode("utf-16")],
    "a.csv.gz": [gzip.compress(CSV, mtime=0)],
    "a.npy": [npy(X), npy(X.astype(">f4")), npy(np.asfortranarray(X)), npy(Y[:, None].repeat(2, 1))],
    "a.npz": [npz(False, x=X, y=Y), npz(True, x=X, y=Y), npz(False, x=IMAGES, y=np.array(["u", "v"])[Y])],
    "train-images-idx3-ubyte": [idx(IMAGES)],
    "train-labels-idx1-ubyte": [idx(Y.astype(np.uint8))],
}  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, good: bytes) -> bytes:
    """A few bytes of a file replaced, inserted or deleted, or the file cut off."""
    raw = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(raw) - 1)))
        what = draw(st.sampled_from(["replace", "flip", "insert", "delete", "cut", "repeat"]))
        some = draw(
            st.binary(min_size=1, max_size=4) | st.sampled_from([b'"', b"\n", b",", b"\0", b"-", b"9" * 30])
        )
        if what == "replace":
            raw[at : at + len(some)] = some
        elif what == "flip" and raw:
            raw[at] ^= 1 << draw(st.integers(0, 7))
        elif what == "insert":
            raw[at:at] = some
        elif what == "delete":
            del raw[at : at + len(some)]
        elif what == "cut":
            del raw[at:]
        elif what == "repeat":
            raw[at:at] = raw[at : at + 40]
    return bytes(raw)


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """The name of a file, and what is in it."""
    name = draw(st.sampled_from(sorted(GOOD)))
    good = draw(st.sampled_from(GOOD[name]))
    magic = good[: draw(st.integers(0, 8))]
    return name, draw(changed(good) | st.binary(max_size=80).map(magic.__add__))


def said(error: UserError) -> str:
    """The line, once it is seen to be one that a user may be shown."""
    assert isinstance(error, DataError | UsageError)
    assert str(error).isprintable()
    return str(error)


def loaded(name: str, content: bytes, folder: str) -> Dataset | None:
    """The dataset; None where a line said what is wrong with it."""
    path = Path(folder) / name
    if "idx" in name:
        for other in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
            (Path(folder) / other).write_bytes(GOOD[other][0])
    path.write_bytes(content)
    try:
        return load_dataset(folder if "idx" in name else path)
    except UserError as error:
        line = said(error)
    assert folder in line
    return None


@FUZZ
@given(files())
def test_any_file_gives_rows_or_a_line_that_names_it(file: tuple[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = loaded(*file, folder)
    if data is not None:
        assert len(data) > 0
        assert data.target is not None
        assert len(data.target) == len(data)


@FUZZ
@given(files())
def test_what_could_be_read_is_made_ready_to_train_or_refused(file: tuple[str, bytes]) -> None:
    name, content = file
    with tempfile.TemporaryDirectory() as folder:
        if loaded(name, content, folder) is None:
            return
        source = folder if "idx" in name else str(Path(folder) / name)
        try:
            parts = prepare(Options(data=source, target=None)).parts
        except UserError as error:
            said(error)
            return
    for part in parts.values():
        assert np.isfinite(part.x).all()
        assert np.isfinite(part.target).all()


CELLS = [
    "1",
    "-2.5",
    "1e3",
    "1e400",
    "-1e308",
    "1e308",
    "1e-320",
    "",
    "NA",
    "inf",
    "nan",
    "1,5",
    "1_0",
    "１",
    "٣",
]
CELLS += [
    "9" * 30,
    "9007199254740993",
    "0x1",
    "−1",
    "$3",
    "2024-01-02",
    "10:30",
    "True",
    "a",
    "A",
    "ä",
    "\x1b[1m",
]
CELLS += [
    "-0",
    "+1",
    "1.",
    ".5",
    ".",
    "-",
    "e5",
    "1e",
    "a b",
    "'",
    "#",
    "=1+1",
    "\u200b",
    "\ufeff",
    "x" * 300,
]


@st.composite
def tables(draw: st.DrawFn) -> str:
    """A table of odd cells, some columns of one kind and some of all."""
    columns = draw(st.integers(1, 4))
    names = draw(
        st.lists(st.sampled_from(["a", "id", "y", "x 1", "n°", "", "1"]), min_size=columns, unique=True)
    )
    rows = draw(st.sampled_from([1, 2, 9, 10, 30]))
    body = []
    for _ in range(columns):
        kinds = draw(st.lists(st.sampled_from(CELLS), min_size=1, max_size=4))
        body.append(draw(st.lists(st.sampled_from(kinds), min_size=rows, max_size=rows)))
    sep = draw(st.sampled_from([",", ";", "\t"]))
    return "\n".join(sep.join(line) for line in [names[:columns], *zip(*body, strict=True)])


@FUZZ
@given(tables(), st.sampled_from(["auto", "classification", "regression"]), st.booleans())
def test_a_table_of_odd_cells_is_made_ready_to_train_or_refused(text: str, task: str, few: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_text(text)
        share = 0.0 if few else 0.15
        try:
            prepared = prepare(Options(data=str(path), task=task, val=share, test=share))
        except UserError as error:
            said(error)
            return
    for part in prepared.parts.values():
        assert np.isfinite(part.x).all()
        assert np.isfinite(part.target).all()
