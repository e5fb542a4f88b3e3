"""train.py from end to end: what it learns, and from which data."""

from __future__ import annotations

import csv
import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, Commands, flowers, houses
from run_files import SCORES, history, label

from optim.schedules import ReduceOnPlateau
from training import checkpoint
from training.network import ACTIVATIONS
from training.rule import RULES, SCHEDULES


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut is awaited
    (tmp_path / "houses.csv").write_text(houses())
    (tmp_path / "flowers.csv").write_text(flowers())
    return Commands(tmp_path, capsys)


# What it learns


@pytest.mark.parametrize(
    ("data", "options", "score", "at_least"),
    [
        ("flowers.csv", "--epochs 30 --lr 0.01", "accuracy", 1.0),
        ("houses.csv", "--epochs 60 --lr 0.01", "r2", 0.9),
        ("digits", "--epochs 8 --lr 0.01 --hidden 32", "accuracy", 0.9),
        ("spirals:300", "--epochs 60 --hidden 32,32 --lr 0.02", "accuracy", 0.9),
        ("friedman1:300", "--epochs 30 --hidden 32 --lr 0.01", "r2", 0.6),
        ("iris", "--epochs 60 --lr 0.05 --arch linear", "accuracy", 0.9),
    ],
)
def test_it_learns_what_there_is_to_learn(
    commands: Commands, data: str, options: str, score: str, at_least: float
) -> None:
    assert commands.train(data, "--run", "run", "--progress", "none", *options.split()).code == 0
    metrics = commands.json("run/metrics.json")
    assert metrics["test"][score] >= at_least
    assert metrics["test"][score] > metrics["baseline"][score]


@pytest.mark.parametrize(
    "options",
    [
        *(f"flowers.csv --optimizer {name}" for name in RULES),
        *(f"flowers.csv --schedule {name} --warmup 2" for name in SCHEDULES),
        *(f"flowers.csv --activation {name}" for name in ACTIVATIONS),
        *(f"flowers.csv --loss {name}" for name in ("cross-entropy", "hinge")),
        *(f"houses.csv --loss {name}" for name in ("mse", "l1", "huber")),
        *(f"flowers.csv --metric {name}" for name in ("loss", *SCORES["classification"])),
        *(f"houses.csv --metric {name}" for name in ("loss", *SCORES["regression"])),
        "flowers.csv --class-weight balanced",
        "flowers.csv --dropout 0.5 --batchnorm",
        "flowers.csv --dtype float64",
        "flowers.csv --clip-norm 0.1 --weight-decay 0.1",
        "flowers.csv --batch-size 1",
        "flowers.csv --batch-size 41 --batchnorm",
        "flowers.csv --hidden=",
        "houses.csv --drop place --categorical rooms --numeric area",
        "houses.csv --patience 0 --val 0 --test 0",
    ],
)
def test_every_option_of_learning_runs_and_lowers_the_loss(commands: Commands, options: str) -> None:
    result = commands.train(*options.split(), "--run", "run", "--epochs", "4", "--lr", "0.01")
    assert result.code == 0, result.err
    first, *_, last = history(commands, "run")
    assert 0 <= float(last["train_loss"]) < float(first["train_loss"])


@pytest.mark.parametrize(
    "options", [*(f"--optimizer {name}" for name in RULES), *(f"--schedule {name}" for name in SCHEDULES)]
)
def test_every_rule_and_schedule_learns_at_its_usual_rate(commands: Commands, options: str) -> None:
    argv = ["iris", *options.split(), "--run", "run", "--epochs", "8", "--batch-size", "16"]
    assert commands.train(*argv, "--hidden", "32", "--dropout", "0", "--no-plots", quick=False).code == 0
    losses = [float(row["train_loss"]) for row in history(commands, "run")]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize(("metric", "worse"), [("loss", 1), ("r2", -1)])
def test_a_plateau_lowers_the_rate_and_its_memory_is_kept(
    commands: Commands, metric: str, worse: int
) -> None:
    argv = ["houses.csv", "--schedule", "plateau", "--metric", metric, "--run", "run", "--epochs", "25"]
    assert commands.train(*argv, "--lr", "0.1", "--optimizer", "sgd").code == 0
    rows = history(commands, "run")
    plateau = ReduceOnPlateau(0.1, patience=1)  # a tenth of the epochs, less the one that is worse
    rates = [plateau.lr, *(plateau(worse * float(row["watched"])) for row in rows)]
    assert [float(row["lr"]) for row in rows] == rates[:-1]
    assert len(set(rates)) > 2
    other = ReduceOnPlateau(0.1, patience=1)
    other.load_state(checkpoint.read(commands.folder / "run" / "last.npz").part("plateau"))
    assert other == plateau


def test_without_a_plateau_none_is_kept(commands: Commands) -> None:
    assert commands.train("flowers.csv", "--run", "run").code == 0
    assert checkpoint.read(commands.folder / "run" / "last.npz").part("plateau") == {}


def test_weights_of_the_best_epoch_are_kept_and_patience_ends_the_training(commands: Commands) -> None:
    result = commands.train("houses.csv", "--run", "run", "--epochs", "200", "--patience", "3", "--lr", "0.3")
    rows, metrics = history(commands, "run"), commands.json("run/metrics.json")
    losses = [float(row["val_loss"]) for row in rows]
    best = 1 + losses.index(min(losses))
    assert (metrics["best_epoch"], metrics["epochs"]) == (best, len(rows))
    assert len(rows) == best + 3 < 200
    assert metrics["val"]["rmse"] == pytest.approx(float(rows[best - 1]["val_rmse"]), rel=1e-5)
    stopped = f"epoch {best + 3}: no better for 3 epochs; weights of epoch {best} kept"
    assert label(result.out, "stopped") == stopped


def test_a_metric_may_tell_the_best_epoch(commands: Commands) -> None:
    commands.train("houses.csv", "--run", "run", "--epochs", "8", "--metric", "r2", "--lr", "0.1")
    scores = [float(row["val_r2"]) for row in history(commands, "run")]
    assert commands.json("run/metrics.json")["best_epoch"] == 1 + scores.index(max(scores))


def test_one_seed_gives_one_model_to_the_byte_and_another_seed_another(commands: Commands) -> None:
    for run, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        commands.train("houses.csv", "--run", run, "--seed", seed, "--dropout", "0.2")
    a, b, c = ((commands.folder / run / "model.npz").read_bytes() for run in "abc")
    assert a == b != c
    assert commands.text("a/predictions.csv") == commands.text("b/predictions.csv")


# Which data it takes


def test_images_and_several_targets_come_from_arrays(commands: Commands) -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (60, 6, 5), dtype=np.uint8)
    np.savez("images.npz", x=x, y=(x[:, 3:].mean(axis=(1, 2)) > 127).astype(int))
    result = commands.train("images.npz")
    assert label(result.out, "data") == "images.npz   60 rows of 1 x 6 x 5 numbers, uint8"
    assert label(result.out, "features") == "30 inputs, bytes, scaled by 1/255"
    assert label(result.out, "model").startswith("1 x 6 x 5 -> 8 ")
    x = rng.normal(size=(60, 4))
    np.savez("two.npz", X=x, y=x[:, :2] * [1, 100])
    result = commands.train("two.npz", "--epochs", "60", "--lr", "0.02")
    assert label(result.out, "target") == "y (key 'y')   regression: 2 numbers a row"
    assert commands.json("runs/two-001/metrics.json")["test"]["r2"] > 0.8


@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_of_idx_files_has_its_own_rows_to_test_on(commands: Commands, zipped: bool) -> None:
    rng = np.random.default_rng(0)
    folder = commands.folder / "idx"
    folder.mkdir()
    for part, n in (("train", 40), ("t10k", 12)):
        images, labels = rng.integers(0, 256, (n, 4, 4)), np.arange(n) % 3
        for kind, array in (("images", images), ("labels", labels)):
            header = struct.pack(f">{1 + array.ndim}I", 0x0800 | array.ndim, *array.shape)
            content = header + array.astype(np.uint8).tobytes()
            path = folder / f"{part}-{kind}-idx{array.ndim}-ubyte{'.gz' * zipped}"
            path.write_bytes(gzip.compress(content) if zipped else content)
    result = commands.train("idx", "--limit", "30")
    assert label(result.out, "split") == "26 train, 4 val, 12 test from idx (test part)   seed 0"
    assert len(commands.text("runs/idx-001/predictions.csv").splitlines()) == 13


def test_mnist_is_learnt_from_its_files(commands: Commands) -> None:
    mnist = ROOT.parent / "shared" / "data" / "mnist"
    if not mnist.is_dir():
        pytest.skip(f"the files of MNIST are not in {mnist}")
    result = commands.train(str(mnist), "--limit", "1500", "--epochs", "2", "--hidden", "32", "--lr", "0.005")
    assert result.code == 0
    assert commands.json("runs/mnist-001/metrics.json")["val"]["accuracy"] > 0.7


def test_a_lenet_learns_images_and_predicts_again(commands: Commands) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2  # a bar that stands or lies somewhere in the noise
    x = 0.3 * rng.random((120, 12, 14))
    for image, lies in zip(x, y, strict=True):
        at = rng.integers(2, 10)
        image[at if lies else slice(None), slice(None) if lies else at] += 1
    np.savez(commands.folder / "bars.npz", x=x[:, None], y=y)
    how = ["bars.npz", "--arch", "lenet", "--dropout", "0", "--no-plots"]
    result = commands.train(*how, "--epochs", "15", "--lr", "0.005")
    assert label(result.out, "model").startswith(
        "1 x 12 x 14 -> conv 6 -> conv 16 -> 120 silu -> 84 silu -> 2"
    )
    assert commands.json("runs/bars-001/metrics.json")["val"]["accuracy"] == 1.0
    assert commands.predict("runs/bars-001", "bars.npz", "-o", "out.csv").code == 0
    rows = list(csv.DictReader(commands.text("out.csv").splitlines()))
    assert np.mean([row["true"] == row["predicted"] for row in rows]) > 0.95
    other = commands.train(*how, "--hidden", "9", "--epochs", "1")
    assert "conv 16 -> 9 silu -> 2" in label(other.out, "model")


def test_a_lenet_for_what_is_no_image_is_refused(commands: Commands) -> None:
    result = commands.train("iris", "--arch", "lenet")
    assert result.code == 2
    assert result.err.startswith("train.py: error: --arch lenet: ")
    assert "expected images (C, H, W) of at least 12 x 12 pixels, got rows of shape (4,)" in result.err


def test_a_table_is_read_as_the_options_say(commands: Commands) -> None:
    body = "\n".join(line.replace(",", ";") for line in houses().splitlines()[1:])
    (commands.folder / "t.txt").write_bytes(body.replace("north", "nörd").encode("latin-1"))
    options = "--no-header --sep ; --encoding latin-1 --target 4 --drop col2 --categorical col1"
    result = commands.train("t.txt", *options.split())
    assert label(result.out, "data") == "t.txt   60 rows, 3 columns   semicolon-separated, latin-1"
    assert label(result.out, "target").startswith("col4 (--target)   regression")
    assert label(result.out, "features") == "2 of 2 columns: 2 categories (col1: 6, col3: 4)"
    meta = np.load("runs/t-001/model.npz")["meta"].tobytes().decode()
    assert "n\\u00f6rd" in meta


def test_the_word_for_missing_may_be_a_category_of_its_own(commands: Commands) -> None:
    countries = "code,x,y\n" + "".join(f"{('NA', 'DE', 'FR')[i % 3]},{i % 7}.5,{i % 3}\n" for i in range(60))
    commands.write("countries.csv", countries)
    usual = commands.train("countries.csv", "--dry-run").out
    assert label(usual, "missing") == "code: 20 cells (NA), taken as (missing)"
    blanks = commands.train("countries.csv", "--dry-run", "--missing-values", "").out
    assert "missing" not in blanks
    assert label(blanks, "features") == "2 of 2 columns: 1 number, 1 category (code: 3)"
