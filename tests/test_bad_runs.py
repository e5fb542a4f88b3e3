"""What may go wrong around a run, a case a trouble: options, checkpoints, disk, signals.

The number of a case is its line in the table of troubles that train.py answers for; data files have their
own (test_bad_data.py). Lines that another file tests already, through the real command:

     77  --epochs out of range          test_train_refuses.py
     78  --lr out of range, too high    test_train_refuses.py, test_train_ends.py
     79  --hidden                       test_train_refuses.py
     81  --shuffle False                test_train_refuses.py
     82  an option given twice          test_options.py, test_config_file.py
     84  --metric unknown               test_train_refuses.py
     85  two runs in one folder         test_resume.py
     89  kill -9 at any moment          test_resume.py, test_checkpoint.py
     90  what a killed writer left      test_resume.py
     91  a damaged last.npz             test_resume.py, test_run_fuzz.py
     92  another architecture           test_resume.py
     95  changed data                   test_resume.py, test_stdin.py
     97  a finished run                 test_resume.py
    100  SIGTERM, SIGHUP, `| head`      test_resume.py, test_train_ends.py
    101  a rate that is too high        test_train_ends.py, test_divergence.py
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Commands, flowers

import training.program
import training.report
from training import checkpoint, disk, run
from training.errors import DiskError

USAGE, CHECKPOINT, DIVERGED, DISK, INTERRUPTED = 2, 4, 5, 6, 130


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with flowers.csv and a run of it; no test writes to it."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "flowers.csv").write_text(flowers())
    before = Path.cwd()
    os.chdir(folder)
    try:
        argv = ["flowers.csv", "--epochs", "3", "--hidden", "4", "--no-plots", "--run", "run"]
        assert training.cli.main([*argv, "--schedule", "constant"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def commands(
    done: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut is awaited
    folder = tmp_path / "copy"
    shutil.copytree(done, folder)
    monkeypatch.chdir(folder)
    capsys.readouterr()
    return Commands(folder, capsys)


def refused(commands: Commands, line: str, code: int, says: str) -> None:
    """One line on stderr, and nothing new on the disk."""
    before = sorted(commands.folder.rglob("*"))
    result = commands.train(*line.split(), quick=False)
    assert (result.code, result.err.count("\n")) == (code, 1), result.err
    assert re.match(rf"train\.py: error: {says}", result.err), result.err
    assert sorted(commands.folder.rglob("*")) == before


TYPED = {
    "80-near": ("iris --epoc 5", r"--epoc: no such option; did you mean --epochs\?"),
    "80-far": ("iris --learning-rate-x 3", r"--learning-rate-x: no such option; see --help"),
    "86-a-run": ("iris --run run", r"--run run: exists already; .* go on with it: --resume run\n"),
    "86-a-folder": ("iris --run .", r"--run \.: exists already; name a new directory\n"),
    "96-lr": ("--resume run --lr 0.1", r"--lr: has no meaning with --resume"),
    "96-batch": ("--resume run --batch-size 8", r"--batch-size: has no meaning with --resume"),
    "96-hidden": ("--resume run --hidden 8", r"--hidden: has no meaning with --resume"),
    "96-fewer": ("--resume run --epochs 2", r"--epochs 2: expected at least the 3 epochs that are done"),
    "83-toml": ("--config bad.toml", r"bad\.toml:2: no TOML: .*; write name = value"),
    "83-key": ("--config key.toml", r"key\.toml:1, key 'epoch': no such option; did you mean 'epochs'\?"),
    "83-type": ("--config type.toml", r"type\.toml:1, key 'epochs': expected a whole number >= 1, got 'a'"),
    "83-deep": ("--config deep.toml", r"deep\.toml:1: no TOML: "),
    "83-json": ("--config bad.json", r"bad\.json:2: no JSON: "),
    "83-edited": ("--config run/edited.json", r"run/edited\.json: options, key 'epochs': expected a whole"),
}


@pytest.mark.parametrize("case", TYPED)
def test_what_is_typed_wrongly_is_refused(commands: Commands, case: str) -> None:
    for name, text in {
        "bad.toml": "lr = 0.1\nlr\n",
        "key.toml": "epoch = 3\n",
        "type.toml": 'epochs = "a"\n',
        "deep.toml": "a = " + "[" * 100_000,
        "bad.json": '{"options": {},\n}',
        "run/edited.json": commands.text("run/config.json").replace('"epochs": 3', '"epochs": 1.5'),
    }.items():
        commands.write(name, text)
    line, says = TYPED[case]
    refused(commands, line, USAGE, says)


def test_83_numbers_as_words_in_an_edited_config_are_numbers(commands: Commands) -> None:
    commands.write("c.json", commands.text("run/config.json").replace('"epochs": 3', '"epochs": "2"'))
    assert commands.train("--config", "c.json", "--run", "two", quick=False).code == 0
    assert commands.json("two/config.json")["options"]["epochs"] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_87_a_place_that_takes_no_folder_is_refused_before_training(commands: Commands) -> None:
    result = commands.train("flowers.csv", "--out", "/proc/nowhere")
    assert (result.code, result.err.count("\n")) == (DISK, 1)
    assert result.err.startswith("train.py: error: /proc/nowhere: cannot be made: ")
    assert "epoch" not in result.out.partition("at most")[2].partition("patience")[2]


# 88: a disk that is full


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[str], bool]], None]:
    """full(refuses): files whose name it refuses cannot be written."""

    def fill(refuses: Callable[[str], bool]) -> None:
        def write_bytes(path: Path, content: bytes, **how: Any) -> None:
            if refuses(path.name):
                raise DiskError(f"{path}: cannot be written: No space left on device; free space")
            disk.write_bytes(path, content, **how)

        monkeypatch.setattr(run, "write_bytes", write_bytes)
        monkeypatch.setattr(checkpoint, "write_bytes", write_bytes)
        monkeypatch.setattr("training.gallery.write_bytes", write_bytes, raising=False)

    return fill


LEFT = ["history.csv", "last.npz", "metrics.json", "model.npz", "predictions.csv"]


@pytest.mark.parametrize("name", LEFT)
def test_88_a_file_that_is_refused_costs_exit_6_alone_and_is_made_up_for(
    commands: Commands, full: Callable[..., None], name: str
) -> None:
    full(lambda written: written == name)
    argv = ["flowers.csv", "--hidden", "4", "--schedule", "constant", "--run", "full"]
    result = commands.train(*argv)
    assert result.code == DISK
    assert result.err.splitlines()[-1].startswith(f"train.py: error: full/{name}: cannot be written")
    assert "accuracy" in result.out
    assert name not in os.listdir("full")
    assert "config.json" in os.listdir("full")
    full(lambda written: False)
    if os.path.exists("full/last.npz"):  # without it, there is nothing to go on from
        assert commands.train("--resume", "full", quick=False).code == 0
        for file in ("model.npz", "predictions.csv", "metrics.json"):
            assert Path("full", file).read_bytes() == Path("run", file).read_bytes(), file


def test_88_space_that_is_freed_in_time_costs_one_warning(
    commands: Commands, full: Callable[..., None]
) -> None:
    tries: list[str] = []

    def once(written: str) -> bool:
        tries.append(written)
        return tries.count("last.npz") == 1 and written == "last.npz"

    full(once)
    argv = ["flowers.csv", "--hidden", "4", "--schedule", "constant", "--run", "full"]
    result = commands.train(*argv)
    assert result.code == 0
    assert [note for note in result.warnings if "last.npz" in note] == [
        "full/last.npz: cannot be written: No space left on device; free space; training goes on, and tries "
        "again after every epoch"
    ]
    assert Path("full/model.npz").read_bytes() == Path("run/model.npz").read_bytes()


# 93, 94: files that are no checkpoints of ours


def npz(meta: Any, **arrays: Any) -> bytes:
    file = io.BytesIO()
    text = np.frombuffer(json.dumps(meta).encode(), np.uint8)
    np.savez(file, meta=text, **arrays)
    return file.getvalue()


def bomb() -> bytes:
    """An array of 29 TiB in a few bytes."""
    header = io.BytesIO()
    claim = {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)}
    np.lib.format.write_array_header_1_0(header, claim)
    file = io.BytesIO(npz({"format": checkpoint.FORMAT, "arrays": ["model/W"], "sha256": ""}))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("model/W.npy", header.getvalue())
    return file.getvalue()


STRANGE = {
    "93-older": (npz({"format": 1, "arrays": []}), f"expected format {checkpoint.FORMAT}, got 1; use the"),
    "93-newer": (npz({"format": 99}), f"expected format {checkpoint.FORMAT}, got 99; use the version"),
    "93-stranger": (npz({"epoch": 3}, W=np.ones(3)), "expected a model of train.py, got another program's"),
    "93-no-zip": (b"PyTorch", "is damaged, or no model"),
    "94-pickle": (
        npz({"format": checkpoint.FORMAT, "arrays": ["W"], "sha256": ""}, W=np.array([{}])),
        "is damaged, or no model",
    ),
    "94-deep-json": (b"", "is damaged, or no model"),
    "94-shape": (bomb(), "is damaged, or no model"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_a_checkpoint_of_another_kind_is_refused(commands: Commands, case: str) -> None:
    content, says = STRANGE[case]
    if case == "94-deep-json":
        file = io.BytesIO()
        np.savez(file, meta=np.frombuffer(b"[" * 200_000, np.uint8))
        content = file.getvalue()
    (commands.folder / "run/last.prev.npz").unlink()
    for name in ("last.npz", "model.npz"):
        (commands.folder / "run" / name).write_bytes(content)
    refused(commands, "--resume run", CHECKPOINT, rf"run/last\.npz: {re.escape(says)}")
    result = commands.predict("run", "flowers.csv")
    assert (result.code, result.out, result.err.count("\n")) == (CHECKPOINT, "", 1)
    assert result.err.startswith(f"predict.py: error: run/model.npz: {says}")
    assert "pickle" not in result.err


WRONG_PLACES = {
    "98-none": ("--resume nowhere", CHECKPOINT, r"--resume nowhere: there is no such run directory"),
    "98-a-file": ("--resume run/last.npz", CHECKPOINT, r"--resume run/last\.npz: is a file; name .*, run\n"),
    "98-empty": ("--resume .", CHECKPOINT, r"--resume \.: has no last\.npz to go on from"),
    "98-as-data": ("run", 3, r"run: is the directory of a run; to go on with it: --resume run\n"),
}


@pytest.mark.parametrize("case", WRONG_PLACES)
def test_a_run_that_is_not_there_never_becomes_a_new_one(commands: Commands, case: str) -> None:
    refused(commands, *WRONG_PLACES[case])


def test_97_files_of_a_finished_run_that_are_gone_are_made_again(commands: Commands) -> None:
    before = {name: Path("run", name).read_bytes() for name in (*LEFT, "config.json")}
    for name in ("model.npz", "history.csv", "config.json"):
        Path("run", name).unlink()
    assert commands.train("--resume", "run/", quick=False).code == 0
    assert {name: Path("run", name).read_bytes() for name in LEFT if name != "last.npz"} == {
        name: content for name, content in before.items() if name not in ("last.npz", "config.json")
    }
    assert commands.json("run/config.json")["origin"] == json.loads(before["config.json"])["origin"]


# 99: Ctrl-C where no batch is under way


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["prepare", "make_plan", "preflight", "going_on"])
def test_99_before_the_first_batch_nothing_is_left(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(training.program, place, interrupted)
    result = commands.train("flowers.csv")
    assert (result.code, result.err) == (INTERRUPTED, "train.py: interrupted\n")
    assert not list(commands.folder.glob("runs/*"))


@pytest.mark.parametrize("place", ["judge", "write", "draw"])
def test_99_after_the_last_batch_all_is_kept(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    argv = ["flowers.csv", "--epochs", "3", "--hidden", "4", "--schedule", "constant", "--run", "cut"]
    with monkeypatch.context() as patch:
        patch.setattr(training.report, place, interrupted)
        result = commands.train(*argv, quick=False)
    assert result.code == INTERRUPTED
    assert result.err.splitlines()[-1] == "train.py: interrupted; the training is done, and kept in cut"
    monkeypatch.setattr(training.report, "draw", lambda *_: None)
    assert commands.train("--resume", "cut", quick=False).code == 0
    for name in ("model.npz", "predictions.csv", "metrics.json"):
        assert Path("cut", name).read_bytes() == Path("run", name).read_bytes(), name


@pytest.mark.parametrize("option", ["--find-lr", "--profile", "--overfit-batch"])
def test_99_what_only_answers_leaves_nothing(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr("layers.affine.Affine.backward", interrupted)
    result = commands.train("flowers.csv", option)
    assert (result.code, result.err) == (INTERRUPTED, "train.py: interrupted\n")
    assert sorted(os.listdir()) == ["flowers.csv", "run"]


# 101, 103: a training that fails, or learns nothing


def test_101_a_run_that_went_on_and_diverges_keeps_its_best_epoch(commands: Commands) -> None:
    argv = ["flowers.csv", "--hidden", "4", "--optimizer", "sgd", "--lr", "1e6", "--warmup", "100000"]
    assert commands.train(*argv, "--run", "rising").code == 0
    best = commands.json("rising/metrics.json")["best_epoch"]
    result = commands.train("--resume", "rising", "--epochs", "4000", "--patience", "0", quick=False)
    assert result.code == DIVERGED
    found = re.search(r"; best epoch (\d+) kept in rising\n$", result.err)
    assert found is not None, result.err
    assert int(found[1]) >= best
    assert commands.predict("rising", "flowers.csv").code == 0


def test_103_a_loss_that_never_moves_is_told(commands: Commands) -> None:
    result = commands.train("flowers.csv", "--lr", "1e-12", "--epochs", "22")
    assert result.code == 0
    assert any(note.startswith("the loss has stood at") for note in result.warnings), result.err
