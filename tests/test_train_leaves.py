"""What train.py leaves behind, and what it says."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, Commands, flowers, houses
from run_files import FILES, SCORES, history, label, names

import training.gallery
import training.program


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut is awaited
    (tmp_path / "houses.csv").write_text(houses())
    (tmp_path / "flowers.csv").write_text(flowers())
    return Commands(tmp_path, capsys)


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
