"""The run directory: a new one each time, and files that say what happened."""

import csv
import io
import json
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import layers as L
from losses import MSE
from optim import Adam
from training import checkpoint
from training.errors import DiskError, UsageError
from training.keeper import Keeper
from training.loop import fit
from training.run import Run, csv_text, free_name

ROOT = Path(__file__).parent.parent


def create(parent, name="iris"):
    return Run.create(run=None, out=str(parent), name=name).path.name


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


class TestANewDirectory:
    def test_has_the_next_number(self, tmp_path):
        assert [create(tmp_path / "runs") for _ in range(3)] == ["iris-001", "iris-002", "iris-003"]
        assert create(tmp_path / "runs", "digits") == "digits-001"

    def test_never_takes_a_number_below_one_that_was_there(self, tmp_path):
        """So that the newest run has the highest number, gaps or not."""
        for name in ("iris-001", "iris-007"):
            (tmp_path / name).mkdir()
        assert create(tmp_path) == "iris-008"

    def test_counts_beyond_three_digits(self, tmp_path):
        (tmp_path / "iris-999").mkdir()
        assert [create(tmp_path), create(tmp_path)] == ["iris-1000", "iris-1001"]

    def test_is_not_misled_by_other_names(self, tmp_path):
        for name in ("iris-", "iris-x", "iris-²", "iris-1.5", "iris--3", "iris-2-009", "virginiris-005"):
            (tmp_path / name).mkdir()
        assert create(tmp_path) == "iris-001"
        assert create(tmp_path, "iris-2") == "iris-2-010"

    def test_steps_over_a_file_of_that_name(self, tmp_path):
        (tmp_path / "iris-004").write_text("mine")
        assert create(tmp_path) == "iris-005"
        assert (tmp_path / "iris-004").read_text() == "mine"

    def test_is_made_where_run_says(self, tmp_path):
        run = Run.create(run=str(tmp_path / "deep" / "er" / "mine"), out="unused", name="iris")
        assert run.path == tmp_path / "deep" / "er" / "mine"
        assert run.path.is_dir()

    def test_of_one_who_lost_the_race_has_the_number_after(self, tmp_path, monkeypatch):
        """Another run takes the folder between the look at the list and the making."""
        mkdir = Path.mkdir

        def race(path, *arguments, **keywords):
            if path.name in ("iris-001", "iris-002"):
                mkdir(path, exist_ok=True)
            return mkdir(path, *arguments, **keywords)

        monkeypatch.setattr(Path, "mkdir", race)
        assert create(tmp_path) == "iris-003"

    def test_is_each_ones_own_for_many_threads_at_once(self, tmp_path):
        with ThreadPoolExecutor(16) as pool:
            names = list(pool.map(lambda _: create(tmp_path / "runs"), range(64)))
        assert len(set(names)) == 64
        assert sorted(names) == sorted(os.listdir(tmp_path / "runs"))

    def test_is_each_ones_own_for_processes_at_once(self, tmp_path):
        code = """
import sys
from training.run import Run
sys.stdin.readline()
for _ in range(20):
    print(Run.create(run=None, out=sys.argv[1], name="iris").path.name)
"""
        command = [sys.executable, "-c", code, tmp_path / "runs"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
        processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        names = [name for process in processes for name in process.communicate()[0].split()]
        assert sorted(names) == [f"iris-{n:03d}" for n in range(1, 41)]


class TestADirectoryThatIsRefused:
    @pytest.mark.parametrize("kind", ["folder", "file"])
    def test_exists_already(self, tmp_path, kind):
        path = tmp_path / "mine"
        path.mkdir() if kind == "folder" else path.write_text("mine")
        with pytest.raises(UsageError, match=f"--run {path}: exists already; name a new directory") as at:
            Run.create(run=str(path), out="unused", name="iris")
        assert at.value.code == 2
        assert os.listdir(tmp_path) == ["mine"]

    @pytest.mark.parametrize("below", ["", "/deeper"])
    @pytest.mark.parametrize("option", ["run", "out"])
    def test_has_a_file_above_it(self, tmp_path, option, below):
        (tmp_path / "file").write_text("mine")
        place = f"{tmp_path}/file{below}"
        given = {"run": f"{place}/run", "out": "unused"} if option == "run" else {"run": None, "out": place}
        with pytest.raises(DiskError, match=r"file(/deeper)?: cannot be made: ") as at:
            Run.create(**given, name="iris")
        assert at.value.code == 6
        assert (tmp_path / "file").read_text() == "mine"

    def test_has_a_name_too_long_for_the_disk(self, tmp_path):
        with pytest.raises(DiskError, match="cannot be made: File name too long"):
            Run.create(run=str(tmp_path / ("x" * 300)), out="unused", name="iris")


class TestANameFitForAFolder:
    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("iris", "iris"),
            ("my data (2).v1", "my-data--2-.v1"),
            ("../../etc/passwd", "etc-passwd"),
            ("-rf", "rf"),
            (".hidden", "hidden"),
            ("größe_数", "größe_数"),
            ("a\nb\x00c\\d:e", "a-b-c-d-e"),
            ("\udcff", "data"),
            ("...", "data"),
            ("", "data"),
            ("x" * 59 + "..tail", "x" * 59),
        ],
    )
    def test_keeps_letters_and_digits(self, name, safe):
        assert free_name(name) == safe

    def test_fits_the_disk_however_long_its_letters(self, tmp_path):
        assert len(create(tmp_path, free_name("数" * 300)).encode()) <= 255


class TestACsvText:
    def test_quotes_what_needs_quotes(self):
        """RFC 4180, section 2: rules 6 and 7."""
        cells = ["plain", "a,b", 'say "hi"', "two\nlines", "return\r", " blanks ", "ä", "", "'"]
        text = csv_text([str(i) for i in range(len(cells))], [cells])
        assert text == '0,1,2,3,4,5,6,7,8\nplain,"a,b","say ""hi""","two\nlines","return\r", blanks ,ä,,\'\n'
        assert read(text)[1] == cells

    @pytest.mark.parametrize(
        "number",
        [0.1, 1 / 3, -0.0, 1e-320, 1.7976931348623157e308, math.inf, 7, -(2**70),
         np.float64(0.1), np.float32(0.1), np.float16(0.1), np.int64(-3), np.uint8(255)],
    )  # fmt: skip
    def test_reads_numbers_back_equal(self, number):
        (cell,) = read(csv_text(["x"], [[number]]))[1]
        assert type(number)(cell) == number
        assert float(cell) == float(number)

    def test_leaves_none_empty_and_writes_truth_as_1(self):
        assert csv_text(["a", "b"], [[None, 1], [True, np.False_]]) == "a,b\n,1\n1,0\n"

    def test_tells_a_row_of_one_empty_cell_from_no_row(self):
        assert read(csv_text(["a"], [[None], ["x"]])) == [["a"], [""], ["x"]]

    def test_of_no_rows_is_its_header(self):
        assert csv_text(["a", "b"], []) == "a,b\n"


@dataclass
class Planned:
    """What a Keeper needs of a plan."""

    model: L.Sequential
    optimizer: Adam
    plateau: None = None


@pytest.fixture
def trained(tmp_path):
    """A run of three epochs, and what it was of."""
    model = L.Sequential(L.Affine(1, 3, rng=0), L.BatchNorm(3), L.Dropout(0.5, rng=1), L.Affine(3, 1, rng=2))
    optimizer = Adam(model.params, 0.01)
    x = np.linspace(-1, 1, 10).reshape(-1, 1)
    run = Run.create(run=None, out=str(tmp_path), name="line")
    keeper = Keeper(run, {"task": "regression"}, {}, Planned(model, optimizer))
    lasts = []

    def after_epoch(history):
        keeper.keep(history)
        lasts.append((model.state(), optimizer.state(), model.layers[2].rng.bit_generator.state))

    scores = iter([0.5, None, 0.25])
    history = fit(
        model, MSE(), optimizer, (x, x), (x, x), epochs=3, batch_size=5, watch="r2",
        score=lambda outputs, target: {"r2": next(scores), "mae": 1.0}, after_epoch=after_epoch,
    )  # fmt: skip
    return run, model, history, lasts


class TestTheFilesOfARun:
    def test_history_has_a_row_an_epoch(self, trained):
        run, _, history, _ = trained
        run.write_history(history)
        header, *rows = read((run.path / "history.csv").read_text())
        assert header == [
            "epoch", "step", "lr", "train_loss", "val_loss", "watched", "best", "seconds", "grad_norm",
            "val_r2", "val_mae",
        ]  # fmt: skip
        table = [dict(zip(header, row, strict=True)) for row in rows]
        assert [row["epoch"] for row in table] == ["1", "2", "3"]
        assert [row["step"] for row in table] == ["2", "4", "6"]
        assert [row["best"] for row in table] == ["1", "0", "1"]
        assert [row["val_r2"] for row in table] == ["0.5", "", "0.25"]
        assert [float(row["train_loss"]) for row in table] == [row.train_loss for row in history.epochs]
        assert {row["lr"] for row in table} == {"0.01"}

    def test_history_without_validation_has_empty_cells(self, tmp_path):
        model = L.Affine(1, 1, rng=0)
        x = np.ones((4, 1))
        run = Run.create(run=None, out=str(tmp_path), name="line")
        run.write_history(fit(model, MSE(), Adam(model.params, 0.01), (x, x), epochs=1))
        header, row = read((run.path / "history.csv").read_text())
        assert row[header.index("val_loss")] == ""

    def test_the_model_is_that_of_the_best_epoch(self, trained):
        run, model, history, _ = trained
        run.write_model({"task": "regression"}, history.best_state)
        stored = checkpoint.read(run.path / "model.npz")
        assert stored.meta["task"] == "regression"
        assert all(np.array_equal(stored.part("model")[name], array) for name, array in model.state().items())

    def test_the_last_has_all_that_going_on_needs(self, trained):
        run, _, history, lasts = trained
        stored = checkpoint.read(run.path / "last.npz")
        state, optimizer_state, rng_state = lasts[-1]
        for part, expected in (
            ("model", state),
            ("optimizer", optimizer_state),
            ("best", history.best_state),
        ):
            found = stored.part(part)
            assert found.keys() == expected.keys()
            assert all(np.array_equal(found[name], array) for name, array in expected.items()), part
        assert stored.meta["rng"]["2.rng"] == rng_state
        assert stored.meta["history"]["best"] == 3
        assert [row["scores"]["r2"] for row in stored.meta["history"]["epochs"]] == [0.5, None, 0.25]
        other = L.Sequential(L.Affine(1, 3), L.BatchNorm(3), L.Dropout(0.5), L.Affine(3, 1))
        other.load_state(stored.part("model"))
        Adam(other.params, 0.01).load_state(stored.part("optimizer"))

    def test_json_knows_no_nan(self, tmp_path):
        run = Run(tmp_path)
        run.write_json("metrics.json", {"accuracy": 0.5, "r2": None, "name": "ä"})
        assert json.loads((tmp_path / "metrics.json").read_text()) == {
            "accuracy": 0.5,
            "r2": None,
            "name": "ä",
        }
        with pytest.raises(ValueError, match="not JSON compliant"):
            run.write_json("metrics.json", {"accuracy": math.nan})
        assert json.loads((tmp_path / "metrics.json").read_text())["accuracy"] == 0.5

    def test_pictures_have_a_folder_of_their_own(self, tmp_path):
        assert Run(tmp_path).plot_path("confusion") == tmp_path / "plots" / "confusion.png"


class TestARunThatCameToNothing:
    def test_is_taken_back(self, tmp_path):
        run = Run.create(run=None, out=str(tmp_path / "runs"), name="iris")
        run.write_json("config.json", {})
        run.discard()
        assert os.listdir(tmp_path / "runs") == []

    def test_leaves_what_others_put_there(self, tmp_path):
        run = Run.create(run=None, out=str(tmp_path), name="iris")
        run.write_json("config.json", {})
        (run.path / "notes.txt").write_text("mine")
        run.discard()
        assert os.listdir(run.path) == ["notes.txt"]
