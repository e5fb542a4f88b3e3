"""The pieces of train.py from Python: each usable alone, with any layer."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import training
from layers import Affine, BatchNorm, ReLU, Sequential
from losses import MSE
from optim import Adam
from training import cli
from training.errors import CheckpointError, DiskError

ROOT = Path(__file__).parent.parent


def network(rng: int, hidden: int = 4) -> Sequential:
    return Sequential(Affine(2, hidden, rng=rng), BatchNorm(hidden), ReLU(), Affine(hidden, 1, rng=rng + 1))


def plane(n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).uniform(-1, 1, (n, 2))
    return x, x @ [[2.0], [-1.0]]


def test_the_pieces_work_together_as_the_page_shows() -> None:
    x, target = plane()
    rows = training.split(len(x), val=0.25, test=0.25, seed=0)
    model = network(0)
    history = training.fit(
        model, MSE(), Adam(model.params, lr=0.02), (x[rows.train], target[rows.train]),
        (x[rows.val], target[rows.val]), epochs=200, patience=50,
    )  # fmt: skip
    found = training.evaluate(model, MSE(), (x[rows.test], target[rows.test]))
    assert history.best is not None
    assert list(found) == ["loss"]
    assert found["loss"] is not None
    assert found["loss"] < 0.05 * float(target.var())


def test_evaluate_is_the_loss_in_evaluation_mode_with_scores_beside_it() -> None:
    x, target = plane(5)
    model = network(0).train()

    def score(outputs: np.ndarray, target: np.ndarray) -> dict[str, float | None]:
        return {"worst": float(np.abs(outputs - target).max()), "none": math.nan}

    found = training.evaluate(model, MSE(), (x, target), score)
    assert model.training
    outputs = network(0).eval().forward(x)
    assert found == {
        "loss": float(((outputs - target) ** 2).mean()),
        "worst": float(np.abs(outputs - target).max()),
        "none": None,
    }


def test_a_model_comes_back_with_weights_buffers_and_meta(tmp_path: Path) -> None:
    model, other, (x, _) = network(0), network(5), plane(8)
    model.forward(x)  # moves the running statistics
    training.save_model(tmp_path / "net.npz", model, {"about": "planes", "sizes": [2, 4, 1]})
    assert training.load_model(tmp_path / "net.npz", other) == {"about": "planes", "sizes": [2, 4, 1]}
    assert np.array_equal(model.eval().forward(x), other.eval().forward(x))


def test_equal_models_make_equal_bytes(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        training.save_model(tmp_path / name, network(0))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_model_of_other_sizes_is_refused_by_name(tmp_path: Path) -> None:
    training.save_model(tmp_path / "net.npz", network(0))
    other = network(1, hidden=5)
    before = other.state()
    with pytest.raises(
        CheckpointError, match=r"net\.npz: does not fit the model: .*0\.W \(expected \(5, 2\), got \(4, 2\)"
    ):
        training.load_model(tmp_path / "net.npz", other)
    assert all(np.array_equal(before[name], array) for name, array in other.state().items())
    with pytest.raises(DiskError, match="nowhere"):
        training.save_model(tmp_path / "nowhere" / "net.npz", other)


def test_weights_of_train_py_are_read_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["iris", "--arch", "linear", "--epochs", "2", "--no-plots", "--run", "run"]) == 0
    capsys.readouterr()
    model = Sequential(Affine(4, 3))
    assert training.load_model("run/model.npz", model)["task"] == "classification"


def test_the_package_is_imported_in_no_time_and_has_no_other_names() -> None:
    code = "import sys, training; print('numpy' in sys.modules); training.fit; training.nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout == "False\n"
    assert done.stderr.endswith("module 'training' has no attribute 'nothing'\n")
    assert all(getattr(training, name) for name in training.__all__)
