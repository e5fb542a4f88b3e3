"""train.py from end to end: what it learns, what it leaves, what it says."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import ROOT, Commands, flowers, houses

import training.gallery
import training.program
from optim.schedules import ReduceOnPlateau
from training import checkpoint
from training.network import ACTIVATIONS
from training.rule import RULES, SCHEDULES

BUG, DATA, DIVERGED, DISK, INTERRUPTED = 1, 3, 5, 6, 130
FILES = [
    "config.json",
    "history.csv",
    "last.npz",
    "last.prev.npz",
    "metrics.json",
    "model.npz",
    "predictions.csv",
]
SCORES = {
    "classification": ["accuracy", "macro_f1", "log_loss"],
    "regression": ["rmse", "mae", "r2"],
}


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut is awaited
    (tmp_path / "houses.csv").write_text(houses())
    (tmp_path / "flowers.csv").write_text(flowers())
    return Commands(tmp_path, capsys)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def label(out: str, name: str) -> str:
    """What the summary says behind a label."""
    found = re.search(rf"^{name:<10}(.*)$", out, re.MULTILINE)
    assert found is not None, f"no line {name!r} in\n{out}"
    return found[1]


def history(commands: Commands, run: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(commands.text(f"{run}/history.csv"))))


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


# What it leaves


def test_each_run_has_a_folder_of_its_own(commands: Commands) -> None:
    for _ in range(2):
        commands.train("flowers.csv")
    commands.train("flowers.csv", "--out", "else where/deep")
    commands.train("flowers.csv", "--run", "my run")
    assert names(commands.folder / "runs") == ["flowers-001", "flowers-002"]
    assert names(commands.folder / "else where/deep") == ["flowers-001"]
    assert names(commands.folder / "my run") == FILES


@pytest.mark.parametrize(("data", "task"), [("flowers.csv", "classification"), ("houses.csv", "regression")])
def test_the_scores_of_each_part_stand_beside_the_baseline(commands: Commands, data: str, task: str) -> None:
    commands.train(data, "--run", "run")
    metrics = commands.json("run/metrics.json")
    assert metrics["task"] == task
    for part in ("train", "val", "test", "baseline"):
        assert list(metrics[part]) == SCORES[task]
        assert all(isinstance(value, float) for value in metrics[part].values())
    baseline = metrics["baseline"]
    if task == "classification":
        assert baseline["accuracy"] == pytest.approx(1 / 3)
        assert np.sum(metrics["confusion"]) == 9
    else:
        assert baseline["r2"] <= 0


def test_without_rows_to_test_on_the_next_best_part_judges(commands: Commands) -> None:
    result = commands.train("flowers.csv", "--run", "val", "--test", "0")
    metrics = commands.json("val/metrics.json")
    assert metrics["test"] is None
    assert np.sum(metrics["confusion"]) == 9 == len(commands.text("val/predictions.csv").splitlines()) - 1
    assert "predictions.csv (val rows)" in label(result.out, "saved")
    result = commands.train("flowers.csv", "--run", "train", "--test", "0", "--val", "0")
    metrics = commands.json("train/metrics.json")
    assert metrics["val"] is metrics["test"] is None
    assert np.sum(metrics["confusion"]) == 60
    assert result.warnings[0] == (
        "no rows to validate on: the training loss tells the best epoch, and none stops it early"
    )
    assert history(commands, "train")[0]["val_loss"] == ""


def test_the_configuration_says_what_was_used_and_who_said_so(commands: Commands) -> None:
    argv = ["houses.csv", "--run", "run", "--epochs", "2", "--optimizer", "sgd", "--epochs", "3"]
    assert commands.train(*argv, "--no-plots", quick=False).code == 0
    config = commands.json("run/config.json")
    assert config["argv"] == [*argv, "--no-plots"]
    used = config["options"]
    expected = {"target": "price", "task": "regression", "loss": "mse", "lr": 0.01, "epochs": 3, "seed": 0}
    assert {name: used[name] for name in expected} == expected
    assert used["hidden"] == list(training.program.Options.hidden)
    assert config["origin"].keys() == used.keys()
    by_user = {name for name, origin in config["origin"].items() if origin == "cli"}
    assert by_user == {"data", "run", "epochs", "optimizer", "no_plots"}
    assert config["data_sha256"] == hashlib.sha256(houses().encode()).hexdigest()
    assert config["rows"] == {"train": 42, "val": 9, "test": 9}
    assert config["input_shape"] == [7]
    assert config["versions"]["numpy"] == np.__version__
    assert config["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_the_digest_tells_the_data_of_any_form(commands: Commands) -> None:
    digests = {}
    for data in ("iris", "spirals:50"):
        commands.train(data, "--run", data)
        digests[data] = commands.json(f"{data}/config.json")["data_sha256"]
    assert digests["spirals:50"] is None
    shipped = (ROOT / "training/data/iris.csv").read_bytes()
    assert digests["iris"] == hashlib.sha256(shipped).hexdigest()
    commands.write("test.csv", flowers(6))
    commands.train("flowers.csv", "--run", "two", "--test", "test.csv")
    config = commands.json("two/config.json")
    assert config["data_sha256"] == hashlib.sha256(flowers().encode()).hexdigest()
    assert config["test_sha256"] == hashlib.sha256(flowers(6).encode()).hexdigest()
    assert "val_sha256" not in config


@pytest.mark.parametrize("data", ["flowers.csv", "houses.csv", "digits"])
def test_a_dry_run_reports_and_leaves_nothing(commands: Commands, data: str) -> None:
    before = names(commands.folder)
    result = commands.train(data, "--dry-run")
    assert result.code == 0
    for name in ("data", "target", "features", "split", "model", "training"):
        assert label(result.out, name)
    assert result.out.endswith("dry run   nothing was trained, and nothing is left behind\n")
    assert names(commands.folder) == before


def test_pictures_are_drawn_where_matplotlib_is(commands: Commands) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")
    few = ["--epochs", "2", "--hidden", "4"]
    result = commands.train("flowers.csv", *few, quick=False)
    drawn = ["confusion.png", "decision_boundary.png", "learning_curve.png", "reliability.png"]
    assert names(commands.folder / "runs/flowers-001/plots") == drawn
    assert set(label(result.out, "plots").partition("/plots   ")[2].split(", ")) == set(drawn)
    commands.train("houses.csv", *few, quick=False)
    drawn = ["learning_curve.png", "predicted_vs_actual.png", "residuals.png"]
    assert names(commands.folder / "runs/houses-001/plots") == drawn


def test_without_matplotlib_a_line_says_so(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = commands.train("flowers.csv", "--epochs", "2", quick=False)
    assert result.code == 0
    assert label(result.out, "plots") == "none: matplotlib is not installed; python -m pip install matplotlib"
    assert names(commands.folder / "runs/flowers-001") == FILES


def test_a_picture_that_fails_costs_a_warning_and_not_the_run(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra: train)")

    def fails(*_: object, **__: object) -> None:
        raise ValueError("no such font")

    monkeypatch.setattr(training.gallery.plots, "learning_curve", fails)
    result = commands.train("flowers.csv", "--epochs", "2", quick=False)
    assert result.code == 0
    path = "runs/flowers-001/plots/learning_curve.png"
    assert result.warnings == [f"{path}: not drawn: ValueError: no such font"]
    assert "learning_curve.png" not in names(commands.folder / "runs/flowers-001/plots")
    assert "confusion.png" in names(commands.folder / "runs/flowers-001/plots")


# What it says


def test_the_summary_tells_a_newcomer_what_was_read_and_guessed(commands: Commands) -> None:
    result = commands.train("houses.csv", "-t", "price", "--seed", "3", "--epochs", "40", "--lr", "0.02")
    for name, text in (
        ("data", "houses.csv   60 rows, 4 columns   comma-separated, utf-8"),
        ("target", "price (--target)   regression: 60 distinct numbers; --task classification to change"),
        ("features", "3 of 3 columns: 2 numbers, 1 category (place: 4)"),
        ("split", "42 train, 9 val, 9 test   seed 3"),
        ("run", "runs/houses-001"),
        ("next", "python predict.py runs/houses-001 new.csv"),
    ):
        assert label(result.out, name) == text
    assert "missing   rooms: 1 cell, taken as the median 3\n" in result.out
    assert "missing   area: 1 cell (NA), taken as the median " in result.out
    assert "missing   place: 3 cells, taken as (missing)\n" in result.out
    assert label(result.out, "model").startswith("7 -> 8 ")
    assert label(result.out, "model").endswith(" -> 1   73 parameters")
    assert result.err == ""


@pytest.mark.parametrize(("mode", "lines"), [("none", 0), ("lines", 6), ("auto", 6)])
def test_epochs_are_lines_where_there_is_no_terminal(commands: Commands, mode: str, lines: int) -> None:
    result = commands.train("flowers.csv", "--progress", mode, "--epochs", "5", "--metric", "macro_f1")
    table = [line for line in result.out.splitlines() if re.match(r" +(epoch|\d+) ", line)]
    assert len(table) == lines
    assert all("macro_f1" in line for line in table[:1])
    assert "\r" not in result.out + result.err


def test_the_end_tells_scores_mistakes_and_what_to_do_next(commands: Commands) -> None:
    result = commands.train("flowers.csv", "--epochs", "1", "--lr", "0.0001")
    assert re.search(r"^ +train +val +test +always 'a'$", result.out, re.MULTILINE)
    for score in SCORES["classification"]:
        assert re.search(rf"^{score} ", result.out, re.MULTILINE)
    assert re.search(r"^confused +'\w' taken for '\w' \d x", result.out, re.MULTILINE)
    assert label(result.out, "saved").startswith("runs/flowers-001   model.npz, metrics.json")
    assert result.out.splitlines()[-1] == "next      python predict.py runs/flowers-001 new.csv"


def test_the_command_to_type_next_works_where_the_user_is(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["../the house/train.py"])
    result = commands.train("flowers.csv", "--run", "my run")
    assert label(result.out, "next") == "python '../the house/predict.py' 'my run' new.csv"
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pullback-train"])
    assert label(commands.train("iris").out, "next") == "pullback-predict runs/iris-001 iris"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("iris --batch-size 500", "--batch-size 500: more than the 106 training rows; they are one batch"),
        ("iris --lr 11 --clip-norm 0.001", "--lr 11: far above the usual 0.001; it may diverge"),
        ("iris --warmup 100", "--warmup 100: the learning rate rises to the end, after 12 batches at most"),
        (
            "iris --loss hinge",
            "--loss hinge: it separates the classes; log_loss and p(class) mean little with it",
        ),
        (
            "iris --val 0",
            "no rows to validate on: the training loss tells the best epoch, and none stops it early",
        ),
    ],
)
def test_options_that_hardly_do_what_was_meant_are_warned_of(
    commands: Commands, options: str, says: str
) -> None:
    assert says in commands.train(*options.split()).warnings


def test_a_network_that_learns_nothing_is_told(commands: Commands) -> None:
    noise = np.random.default_rng(0).normal(size=(80, 2))
    commands.write(
        "noise.csv",
        "a,b,y\n" + "".join(f"{a},{b},{'yes' if i % 4 else 'no'}\n" for i, (a, b) in enumerate(noise)),
    )
    result = commands.train("noise.csv", "--lr", "0.0001")
    assert re.fullmatch(
        r"accuracy 0\.\d+ on the test rows is no better than always 'yes' \(0\.75\); try another --lr, "
        r"more --epochs, or features that say more",
        result.warnings[-1],
    )


def test_classes_never_trained_on_do_not_stop_the_training(commands: Commands) -> None:
    commands.write("val.csv", flowers(12).replace(",b\n", ",beta\n"))
    commands.write("test.csv", flowers(9).replace(",c\n", ",gamma\n"))
    result = commands.train(
        "flowers.csv", "--val", "val.csv", "--test", "test.csv", "--run", "run", "--lr", "0.01"
    )
    assert result.code == 0
    assert all(float(row["val_loss"]) > 0 for row in history(commands, "run"))
    metrics = commands.json("run/metrics.json")
    assert metrics["val"]["accuracy"] <= 2 / 3
    assert np.sum(metrics["confusion"]) == 6  # of 9 rows, 3 are of no class there is
    true = [row["true"] for row in csv.DictReader(io.StringIO(commands.text("run/predictions.csv")))]
    assert true == ["a", "b", "gamma"] * 3


# How it ends when something goes wrong


def test_a_run_that_diverges_at_once_leaves_nothing(commands: Commands) -> None:
    result = commands.train("houses.csv", "--optimizer", "sgd", "--lr", "1e9")
    assert result.code == DIVERGED
    line = result.err.splitlines()[-1]
    assert re.match(r"train.py: error: diverged: .* at epoch 1, batch \d of \d; try --lr ", line)
    assert line.endswith("; no epoch was finished, so nothing is left behind")
    assert names(commands.folder / "runs") == []


def test_a_run_that_diverges_later_keeps_its_best_epoch(commands: Commands) -> None:
    rising = ["--optimizer", "sgd", "--lr", "1e6", "--warmup", "100000", "--epochs", "400", "--patience", "0"]
    result = commands.train("houses.csv", *rising)
    assert result.code == DIVERGED
    found = re.search(r"best epoch (\d+) kept in runs/houses-001$", result.err)
    assert found is not None, result.err
    rows = history(commands, "runs/houses-001")
    assert rows[int(found[1]) - 1]["best"] == "1"
    assert int(found[1]) == max(int(row["epoch"]) for row in rows if row["best"] == "1")
    assert commands.predict("runs/houses-001", "houses.csv").code == 0


def test_ctrl_c_before_training_leaves_nothing(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training.program, "make_plan", interrupted)
    result = commands.train("flowers.csv")
    assert (result.code, result.err) == (INTERRUPTED, "train.py: interrupted\n")
    assert names(commands.folder) == ["flowers.csv", "houses.csv"]


def test_a_bug_of_ours_is_one_line_and_with_debug_its_traceback(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise ZeroDivisionError("one\ntwo")

    monkeypatch.setattr(training.program, "report", wrong)
    result = commands.train("flowers.csv")
    said = "this is a bug of ours: ZeroDivisionError: one two; run again with --debug, and report it"
    assert (result.code, result.err) == (BUG, f"train.py: error: {said}\n")
    result = commands.train("flowers.csv", "--debug")
    assert result.code == BUG
    assert result.err.startswith("Traceback (most recent call last):")
    assert "in wrong" in result.err
    assert result.err.endswith(f"\ntrain.py: error: {said}\n")


def test_debug_shows_where_a_mistake_was_found(commands: Commands) -> None:
    result = commands.train("flowers.csv", "--target", "none", "--debug")
    assert result.code == DATA
    assert result.err.startswith("Traceback (most recent call last):")
    assert result.err.splitlines()[-1].startswith("train.py: error: flowers.csv: has no column 'none'")


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (MemoryError(), DATA, "out of memory; use --limit"),
        (OSError(28, "No space left on device"), DISK, "cannot read or write: .*No space left on device"),
    ],
)
def test_want_of_memory_and_disk_are_no_bugs(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, says: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(training.program, "prepare", fails)
    result = commands.train("flowers.csv")
    assert result.code == code
    assert re.fullmatch(f"train.py: error: {says}.*\n", result.err)


def test_a_mistake_in_the_users_backward_is_found_before_anything_is_written(commands: Commands) -> None:
    commands.write(
        "net.py",
        "from layers import Affine, Layer, Sequential\n\n"
        "class Double(Layer):\n"
        "    def forward(self, x):\n"
        "        return 2 * x\n\n"
        "    def backward(self, upstream):\n"
        "        return upstream * self.factor, {}\n\n"
        "def build(input_shape, output_size, rng):\n"
        "    return Sequential(Affine(input_shape[0], output_size, rng=rng), Double())\n",
    )
    result = commands.train("flowers.csv", "--model", "net.py:build")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert re.match(r"train.py: error: --model: .*net.py:8: AttributeError: .*factor", result.err)
    assert not (commands.folder / "runs").exists()


# As a program


def program(*argv: str, options: tuple[str, ...] = (), **how: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, ROOT / "train.py", *argv],
        **{"capture_output": True, "text": True, "check": False} | how,
    )


@pytest.mark.parametrize("options", [("-W", "error"), ("-O",), ("-W", "error", "-I")])
def test_it_runs_with_warnings_as_errors_without_asserts_and_alone(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    if "-I" in options:  # alone: nothing but this folder on the path
        done = subprocess.run(
            [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
             "from training.cli import main; sys.exit(main(['iris', '--epochs', '2', '--no-plots']))"],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
    else:
        done = program("iris", "--epochs", "2", options=options, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(FILES) <= set(names(tmp_path / "runs/iris-001"))


def test_it_needs_no_extra(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "sys.modules.update(dict.fromkeys(('matplotlib', 'tqdm', 'sklearn', 'scipy', 'pandas')))\n"
        "from training.cli import main\n"
        "sys.exit(main(['digits', '--limit', '200', '--epochs', '2', '--progress', 'bar']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "matplotlib is not installed" in done.stdout


def test_the_help_is_quick_for_it_imports_no_extra() -> None:
    start = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    code = f"{start}; import training.program, training.predict; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "numpy" in loaded
    assert not loaded & {"matplotlib", "tqdm", "sklearn", "scipy", "pandas", "torch", "mpi4py"}


@pytest.mark.parametrize("after", ["after one line", "at once"])
def test_a_reader_that_leaves_loses_nothing(tmp_path: Path, after: str) -> None:
    pipe = subprocess.Popen(
        [sys.executable, ROOT / "train.py", "iris", "--epochs", "3", "--no-plots"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert pipe.stdout is not None
    assert pipe.stderr is not None
    if after == "after one line":
        assert pipe.stdout.readline().startswith("data      iris")
    pipe.stdout.close()
    said = pipe.stderr.read()
    pipe.stderr.close()
    assert (pipe.wait(), said) == (0, "")
    assert names(tmp_path / "runs/iris-001") == FILES


@pytest.mark.skipif(os.name != "posix", reason="closes a descriptor as a shell does")
def test_it_runs_with_stdout_closed(tmp_path: Path) -> None:
    command = f"{sys.executable} {ROOT / 'train.py'} iris --epochs 2 --no-plots >&-"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert names(tmp_path / "runs/iris-001") == FILES


def test_a_terminal_without_letters_beyond_ascii_gets_them_escaped(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(flowers().replace(",a\n", ",ä\n"), encoding="utf-8")
    ascii_only = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = program("t.csv", "--epochs", "1", "--no-plots", cwd=tmp_path, env=ascii_only)
    assert done.returncode == 0, done.stderr
    assert "classes   b: 20 rows, c: 20 rows, \\xe4: 20 rows" in done.stdout


def test_mistakes_leave_by_the_exit_code_of_the_process(tmp_path: Path) -> None:
    for argv, code in ((["--epochs", "x"], 2), (["nothing.csv"], 3), (["iris", "--lr", "1e30"], 5)):
        done = program(*argv, cwd=tmp_path)
        assert done.returncode == code
        assert "Traceback" not in done.stderr
    assert program("--help", cwd=tmp_path).stdout.startswith("usage: train.py [DATA] [options]\n")
