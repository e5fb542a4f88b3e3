"""Checkpoints: exact, without Python objects, and one line for every file that is none."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from layers import Affine, Dropout, Layer, ReLU, Residual, Sequential
from training import checkpoint
from training.errors import CheckpointError
from training.generators import rng_states

ROOT = Path(__file__).parent.parent

ARRAYS = {
    "float32": np.linspace(-1, 1, 7, dtype=np.float32).reshape(7, 1),
    "float64": np.array([0.1, -0.0, 5e-324, np.finfo(float).max]),
    "not finite": np.array([np.nan, np.inf, -np.inf]),
    "int64": np.arange(6).reshape(1, 2, 3),
    "bool": np.array([True, False]),
    "scalar": np.array(3),
    "empty": np.zeros((0, 4), np.float32),
    "big-endian": np.arange(3, dtype=">i2"),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "0.main.1.W": np.ones(2),
    "größe/naïve": np.ones(1),
}
META = {
    "task": "regression",
    "classes": ["ä", "b\n"],
    "none": None,
    "deep": [{"x": [0.1, 1e300]}],
    "n": 2**70,
}


def write(path, **changes):
    checkpoint.write(path, {"task": "regression", **changes}, model={"W": np.arange(4.0)})
    return path


def refused(path, text):
    with pytest.raises(CheckpointError) as at:
        checkpoint.read(path)
    message = str(at.value)
    assert message.startswith(f"{path}: ")
    assert text in message
    assert "\n" not in message
    assert "pickle" not in message
    assert at.value.code == 4


class TestWhatIsWritten:
    def test_comes_back_bit_for_bit(self, tmp_path):
        path = tmp_path / "model.npz"
        checkpoint.write(path, META, model=ARRAYS, other={"W": np.zeros(3)})
        stored = checkpoint.read(path)
        model = stored.part("model")
        assert list(model) == list(ARRAYS)
        for name, array in ARRAYS.items():
            assert model[name].dtype == array.dtype, name
            assert model[name].shape == array.shape, name
            assert model[name].tobytes() == array.tobytes(), name
        assert {key: stored.meta[key] for key in META} == META
        assert list(stored.part("other")) == ["W"]
        assert stored.part("nothing") == {}

    def test_is_the_same_bytes_for_the_same_content(self, tmp_path, monkeypatch):
        """Also years later."""
        one = write(tmp_path / "one.npz").read_bytes()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 1e8)
        assert write(tmp_path / "two.npz").read_bytes() == one
        assert write(tmp_path / "three.npz", more=1).read_bytes() != one

    def test_can_be_read_by_numpy_alone(self, tmp_path):
        with np.load(write(tmp_path / "model.npz"), allow_pickle=False) as stored:
            assert (stored["model/W"] == np.arange(4.0)).all()
            assert json.loads(stored["meta"].tobytes())["task"] == "regression"

    def test_holds_no_python_objects(self, tmp_path):
        with pytest.raises(CheckpointError, match="expected numbers, got Python objects in model/W; convert"):
            checkpoint.write(tmp_path / "model.npz", {}, model={"W": np.array([{}, None])})
        assert os.listdir(tmp_path) == []

    def test_holds_no_nan_that_json_does_not_know(self, tmp_path):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write(tmp_path / "model.npz", loss=float("nan"))
        assert os.listdir(tmp_path) == []


class TestAFileThatIsRefused:
    def test_is_missing(self, tmp_path):
        refused(tmp_path / "model.npz", "expected a model, found no such file; name a run directory")

    def test_is_a_folder(self, tmp_path):
        refused(tmp_path, "cannot be read: Is a directory")

    @pytest.mark.parametrize("kept", [0, 1, 3, 4, 50, 0.3, 0.5, 0.9, 0.999])
    def test_is_cut_short(self, tmp_path, kept):
        path = write(tmp_path / "model.npz")
        content = path.read_bytes()
        path.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
        refused(path, "is damaged, or no model")

    def test_has_a_flipped_bit_that_matters(self, tmp_path):
        """One bit in every byte: the file is refused, or (in a date, a margin) reads as it was."""
        path = write(tmp_path / "model.npz")
        content, whole = path.read_bytes(), checkpoint.read(path)
        damaged = 0
        for place in range(len(content)):
            flipped = bytearray(content)
            flipped[place] ^= 1 << place % 8
            path.write_bytes(flipped)
            try:
                stored = checkpoint.read(path)
            except CheckpointError:
                damaged += 1
            else:
                assert stored.meta == whole.meta, place
                assert (stored.part("model")["W"] == np.arange(4.0)).all(), place
        assert damaged > len(content) / 2

    def test_is_text(self, tmp_path):
        path = tmp_path / "model.npz"
        path.write_text("a,b\n1,2\n")
        refused(path, "is damaged, or no model")

    def test_is_another_programs(self, tmp_path):
        path = tmp_path / "model.npz"
        np.savez(path, W=np.ones(3))
        refused(path, "expected a model of train.py, got another program's file")
        np.savez(path, W=np.array([{}]), allow_pickle=True)
        refused(path, "expected a model of train.py, got another program's file")

    def test_has_other_meta(self, tmp_path):
        path = tmp_path / "model.npz"
        for meta in (np.ones(3), np.frombuffer(b"[1]", np.uint8), np.array("text"), np.array([None])):
            np.savez(path, meta=meta, allow_pickle=True)
            refused(path, "is damaged, or no model")
        np.savez(path, meta=np.frombuffer(b"{}", np.uint8))
        refused(path, "expected a model of train.py, got another program's file")

    def test_is_one_array(self, tmp_path):
        for array in (np.ones(3), np.array([("meta", 1)], dtype=[("meta", "U4"), ("n", int)])):
            buffer = io.BytesIO()
            np.save(buffer, array)
            (tmp_path / "model.npz").write_bytes(buffer.getvalue())
            refused(tmp_path / "model.npz", "model")

    def test_holds_python_objects(self, tmp_path):
        """To unpickle them could run anything; this one would make a file."""

        class Trap:
            def __reduce__(self):
                return Path.touch, (tmp_path / "sprung",)

        path = tmp_path / "model.npz"
        meta = np.frombuffer(
            json.dumps({"format": checkpoint.FORMAT, "arrays": ["model/W"]}).encode(), np.uint8
        )
        np.savez(path, meta=meta, **{"model/W": np.array([Trap()])}, allow_pickle=True)
        refused(path, "is damaged, or no model")
        assert not (tmp_path / "sprung").exists()

    def test_claims_an_array_that_no_memory_holds(self, tmp_path):
        header = io.BytesIO()
        claim = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
        np.lib.format.write_array_header_1_0(header, claim)
        whole = io.BytesIO(write(tmp_path / "model.npz").read_bytes())
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "model.npz", "w") as new:
            new.writestr("meta.npy", old.read("meta.npy"))
            new.writestr("model/W.npy", header.getvalue())
        refused(tmp_path / "model.npz", "is damaged, or no model")

    def test_lacks_an_array(self, tmp_path):
        whole = io.BytesIO(write(tmp_path / "model.npz").read_bytes())
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(tmp_path / "model.npz", "w") as new:
            new.writestr("meta.npy", old.read("meta.npy"))
        refused(tmp_path / "model.npz", "is damaged, or no model")

    def test_is_of_a_newer_format(self, tmp_path, monkeypatch):
        monkeypatch.setattr(checkpoint, "FORMAT", 3)
        path = write(tmp_path / "model.npz")
        monkeypatch.undo()
        refused(path, "expected format 2, got 3; use the version that wrote it")


WRITER = """
import itertools, sys
from pathlib import Path
import numpy as np
from training import checkpoint
for n in itertools.count():
    checkpoint.write(Path(sys.argv[1]), {"n": n}, model={"W": np.full(300_000, n), "b": np.full(5, n)})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is POSIX")
def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "last.npz"
    rng = np.random.default_rng(0)
    numbers = []
    for _ in range(5):
        before = path.stat().st_mtime_ns if path.exists() else 0
        writer = subprocess.Popen([sys.executable, "-c", WRITER, path], cwd=ROOT)
        try:
            while not path.exists() or path.stat().st_mtime_ns == before:  # it has begun to write
                assert writer.poll() is None
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.1))
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        stored = checkpoint.read(path)
        n = stored.meta["n"]
        numbers.append(n)
        assert (stored.part("model")["W"] == n).all()
        assert (stored.part("model")["b"] == n).all()
        assert [found.name for found in tmp_path.glob("*.npz") if not found.name.startswith(".")] == [
            "last.npz"
        ]
        assert all(found.suffix == ".tmp" for found in tmp_path.iterdir() if found != path)
    assert max(numbers) > 0
    write(path)
    assert checkpoint.read(path).meta["task"] == "regression"


class TestTheStateOfGenerators:
    def test_is_found_by_place_at_any_depth(self):
        class Noise(Layer):
            def __init__(self):
                self.source = np.random.default_rng(5)

        model = Sequential(
            Affine(2, 2, rng=0), Residual(ReLU(), Dropout(0.5, rng=1)), Dropout(0.5, rng=2), Noise()
        )
        states = rng_states(model)
        assert list(states) == ["1.main.1.rng", "2.rng", "3.source", "numpy.random", "random"]
        assert states["2.rng"] == np.random.default_rng(2).bit_generator.state
        assert rng_states(Noise())["source"] == states["3.source"]

    @pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
    def test_goes_on_exactly_after_json(self, kind):
        make = getattr(np.random, kind)
        layer = Dropout(0.5, rng=np.random.Generator(make(3)))
        layer.rng.random(7, dtype=np.float32)  # leaves half a draw behind
        state = json.loads(json.dumps(rng_states(layer)))["rng"]
        other = np.random.Generator(make(99))
        other.bit_generator.state = state
        assert (other.random(50) == layer.rng.random(50)).all()
