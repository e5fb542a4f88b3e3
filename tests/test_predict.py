"""predict.py answers as the run itself did, for any rows that hold what it learnt from."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import ROOT, Commands, flowers, houses

from training import cli, predict

USAGE, DATA, CHECKPOINT, DISK = 2, 3, 4, 6

NETWORK = """\
from layers import Affine, Flatten, Sequential, Tanh

def build(input_shape, output_size, rng):
    return Sequential(Affine(input_shape[0], 6, rng=rng), Tanh(), Affine(6, output_size, rng=rng))
"""


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power cut is awaited
    return Commands(tmp_path, capsys)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """houses.csv, flowers.csv, and a run of each; every test works on a copy."""
    folder = tmp_path_factory.mktemp("trained")
    for name, content in (("houses", houses()), ("flowers", flowers())):
        (folder / f"{name}.csv").write_text(content)
        run = str(folder / "runs" / f"{name}-001")
        assert cli.main([str(folder / f"{name}.csv"), "--run", run, "--epochs", "3", "--no-plots"]) == 0
    return folder


@pytest.fixture
def trained(runs: Path, commands: Commands) -> Commands:
    """With runs/houses-001, runs/flowers-001, houses.csv and flowers.csv in the folder."""
    shutil.copytree(runs, commands.folder, dirs_exist_ok=True)
    commands.capsys.readouterr()  # what the first training said
    return commands


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def column(text: str, name: str) -> list[str]:
    return [row[name] for row in rows(text)]


def fresh_process(*argv: str) -> str:
    return subprocess.run(
        [sys.executable, ROOT / "predict.py", *argv], check=True, capture_output=True, text=True
    ).stdout


# The same answers as in the run


@pytest.mark.parametrize(
    "case", ["table of numbers and categories", "images", "several numbers", "own network"]
)
def test_a_fresh_process_gives_the_answers_of_the_run(commands: Commands, case: str) -> None:
    rng = np.random.default_rng(0)
    data, more = "data.npz", ["--batchnorm"]
    if case == "table of numbers and categories":
        data = commands.write("data.csv", houses())
    elif case == "own network":
        data = commands.write("data.csv", flowers())
        more = ["--model", f"{commands.write('net.py', NETWORK)}:build", "--dtype", "float64"]
    elif case == "images":
        x = rng.integers(0, 256, (60, 5, 4), dtype=np.uint8)
        np.savez(data, x=x, y=np.where(x.mean(axis=(1, 2)) > 127, "light", "dark"))
    else:
        x = rng.normal(size=(60, 4))
        np.savez(data, x=x, y=x @ rng.normal(size=(4, 2)))
    assert commands.train(data, *more).code == 0
    kept = rows(commands.text("runs/data-001/predictions.csv"))
    again = rows(fresh_process("runs/data-001", data))
    assert len(again) == 60
    assert len(kept) == commands.json("runs/data-001/config.json")["rows"]["test"]
    for line in kept:
        other = again[int(line["row"]) - 1]
        for name, cell in line.items():
            if re.fullmatch(r"true.*|row", name) or not re.match(r"[-\d.]+", cell):
                assert other[name] == cell, name
            else:  # a batch of another size may round otherwise
                assert float(other[name]) == pytest.approx(float(cell), rel=1e-5, abs=1e-7)


def test_predictions_have_their_columns_and_count_the_rows_of_the_file(trained: Commands) -> None:
    text = trained.text("runs/flowers-001/predictions.csv")
    assert text.splitlines()[0] == "row,true,predicted,p(a),p(b),p(c)"
    assert trained.text("runs/houses-001/predictions.csv").splitlines()[0] == "row,true,predicted"
    kinds = [line.split(",")[2] for line in flowers().splitlines()[1:]]
    for row in rows(text):
        assert row["true"] == kinds[int(row["row"]) - 1]
        probabilities = {name: float(row[f"p({name})"]) for name in "abc"}
        assert sum(probabilities.values()) == pytest.approx(1)
        assert row["predicted"] == max(probabilities, key=probabilities.__getitem__)


def test_several_numbers_a_row_have_columns_of_their_own(commands: Commands) -> None:
    x = np.random.default_rng(0).normal(size=(40, 3))
    np.savez("xy.npz", X=x, y=x[:, :2] * 10)
    commands.train("xy.npz")
    header = "row,true(y 1),true(y 2),predicted(y 1),predicted(y 2)"
    assert commands.text("runs/xy-001/predictions.csv").splitlines()[0] == header
    first = rows(commands.predict("runs/xy-001", "xy.npz").out)[0]
    assert float(first["true(y 2)"]) == x[0, 1] * 10
    np.savez("new.npz", x=x)
    blank = rows(commands.predict("runs/xy-001", "new.npz").out)[0]
    assert (blank["true(y 1)"], blank["predicted(y 1)"]) == ("", first["predicted(y 1)"])


def test_the_rows_tested_on_have_the_very_answers_and_scores_of_the_run(trained: Commands) -> None:
    kept = trained.text("runs/flowers-001/predictions.csv")
    lines = flowers().splitlines()
    trained.write("test.csv", "\n".join([lines[0], *(lines[int(row)] for row in column(kept, "row"))]))
    result = trained.predict("runs/flowers-001", "test.csv", "-o", "out.csv")
    assert (result.code, result.err) == (0, "")
    for name in ("true", "predicted", "p(a)", "p(b)", "p(c)"):
        assert column(trained.text("out.csv"), name) == column(kept, name)
    shown = re.search(r"^accuracy +([\d.]+)", result.out, re.MULTILINE)
    accuracy = trained.json("runs/flowers-001/metrics.json")["test"]["accuracy"]
    assert shown is not None
    assert float(shown[1]) == pytest.approx(accuracy, abs=1e-3)


# Other rows than the run's


def test_columns_are_found_by_name_and_others_ignored(trained: Commands) -> None:
    expected = column(trained.predict("runs/houses-001", "houses.csv").out, "predicted")
    table = [line.split(",") for line in houses().splitlines()]
    trained.write("new.csv", "\n".join(f"{place},x,{area},{rooms}" for rooms, area, place, _ in table))
    result = trained.predict("runs/houses-001", "new.csv")
    assert (result.code, result.err) == (0, "")
    assert column(result.out, "predicted") == expected
    assert set(column(result.out, "true")) == {""}


def test_missing_columns_are_listed(trained: Commands) -> None:
    trained.write("new.csv", "place,garden\nnorth,1\n")
    result = trained.predict("runs/houses-001", "new.csv")
    assert result.code == DATA
    assert result.err == (
        "predict.py: error: new.csv: expected the columns of the training, lacks rooms, area; add them\n"
    )


def test_an_unknown_category_is_counted_and_takes_the_place_of_the_rest(trained: Commands) -> None:
    trained.write("new.csv", "rooms,area,place\n2,40,west\n2,40,up\n2,40,north\n")
    result = trained.predict("runs/houses-001", "new.csv")
    assert result.code == 0
    assert result.warnings == [
        "new.csv, column 'place': 2 cells of a category that training never saw, taken as (other)"
    ]
    west, up, north = column(result.out, "predicted")
    assert west == up != north


def test_an_unknown_class_is_counted_and_is_wrong(trained: Commands) -> None:
    trained.write("new.csv", flowers(6).replace(",c", ",other"))
    result = trained.predict("runs/flowers-001", "new.csv", "-o", "out.csv")
    assert result.code == 0
    assert result.warnings == [
        "new.csv: 2 rows of a class that training never saw ('other' 2 x), counted as wrong"
    ]
    assert column(trained.text("out.csv"), "true") == ["a", "b", "other"] * 2


@pytest.mark.parametrize(
    ("price", "says"),
    [
        ("dear", "the target is not used: new.csv:2, column 'price': 'dear' is not a number"),
        ("", "new.csv, column 'price': the target is missing in 1 row (line 2); not used"),
    ],
)
def test_a_target_that_cannot_be_read_is_left_out_with_a_warning(
    trained: Commands, price: str, says: str
) -> None:
    trained.write("new.csv", f"rooms,area,place,price\n2,40,north,{price}\n2,50,south,350\n")
    result = trained.predict("runs/houses-001", "new.csv")
    assert (result.code, result.warnings) == (0, [says])
    assert column(result.out, "true") == ["", ""]
    assert "rmse" not in result.err


def test_a_word_in_a_column_of_numbers_is_an_error_that_names_its_place(trained: Commands) -> None:
    trained.write("new.csv", "rooms,area,place\n2,40,north\n2,big,north\n")
    result = trained.predict("runs/houses-001", "new.csv")
    assert (result.code, result.out) == (DATA, "")
    assert "new.csv:3, column 'area': 'big' is not a number" in result.err


def test_a_row_far_from_all_others_is_an_error_that_names_it(trained: Commands) -> None:
    trained.write("new.csv", "rooms,area,place\n2,40,north\n2,1e300,north\n")
    result = trained.predict("runs/houses-001", "new.csv")
    assert (result.code, result.out) == (DATA, "")
    assert re.match(r"predict.py: error: new.csv:3, column 'area': 1e300 is too far from", result.err)


def test_cells_missing_in_training_are_missing_in_prediction(commands: Commands) -> None:
    commands.write("data.csv", houses().replace(",NA,", ",absent,"))
    assert commands.train("data.csv", "--missing-values", "absent").code == 0
    commands.write("new.csv", "rooms,area,place\n2,absent,north\n2,NA,north\n2,,north\n")
    answers = column(commands.predict("runs/data-001", "new.csv").out, "predicted")
    assert answers[0] == answers[1] == answers[2]


def test_files_are_read_as_in_training_unless_something_else_is_said(commands: Commands) -> None:
    body = "\n".join(flowers().splitlines()[1:])
    commands.write("data.csv", body.replace(",", ";"))
    assert commands.train("data.csv", "--no-header", "--sep", ";", "-t", "3").code == 0
    plain = commands.predict("runs/data-001", "data.csv")
    assert (plain.code, len(rows(plain.out))) == (0, 60)
    commands.write("new.csv", "col1,col2\n0.5,1.0\n")
    other = commands.predict("runs/data-001", "new.csv", "--header", "--sep", ",")
    assert (other.code, len(rows(other.out))) == (0, 1)


def test_one_row_and_built_in_data_can_be_predicted(commands: Commands) -> None:
    commands.train("iris")
    assert len(rows(commands.predict("runs/iris-001", "iris").out)) == 150
    commands.write("one.csv", "sepal_length,sepal_width,petal_length,petal_width\n5,3,1,0.2\n")
    assert column(commands.predict("runs/iris-001", "one.csv").out, "row") == ["1"]


def test_the_rows_to_test_on_are_not_left_out_in_silence(commands: Commands) -> None:
    x, y = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    np.savez("all.npz", x_train=x, y_train=y, x_test=x[:7] + 1, y_test=y[:7])
    commands.train("all.npz")
    result = commands.predict("runs/all-001", "all.npz")
    assert len(rows(result.out)) == 40
    assert result.warnings == ["all.npz: only its training part is predicted, not the 7 rows to test on"]


def test_a_table_is_not_predicted_by_a_model_of_arrays(commands: Commands) -> None:
    np.savez("a.npz", x=np.random.default_rng(0).normal(size=(40, 2)), y=np.arange(40) % 2)
    commands.train("a.npz")
    commands.write("a.csv", "col1,col2\n1,2\n")
    result = commands.predict("runs/a-001", "a.csv")
    assert (result.code, result.err) == (
        DATA,
        "predict.py: error: a.csv: expected arrays as in training, got a table; convert it\n",
    )


# Where the answers go


def test_without_a_file_stdout_has_the_csv_alone(trained: Commands) -> None:
    result = trained.predict("runs/flowers-001", "flowers.csv")
    assert len(result.out.splitlines()) == 61
    assert all(len(line.split(",")) == 6 for line in result.out.splitlines())
    assert "accuracy" in result.err


def test_a_file_is_written_whole_and_never_overwritten_unasked(trained: Commands) -> None:
    expected = trained.predict("runs/flowers-001", "flowers.csv").out
    result = trained.predict("runs/flowers-001", "flowers.csv", "-o", "out.csv")
    assert (result.code, trained.text("out.csv")) == (0, expected)
    assert result.out.startswith("wrote     out.csv   60 rows\n")
    trained.write("out.csv", "mine")
    again = trained.predict("runs/flowers-001", "flowers.csv", "-o", "out.csv")
    assert (again.code, trained.text("out.csv")) == (USAGE, "mine")
    assert "out.csv exists already; name another file, or --force" in again.err
    assert trained.predict("runs/flowers-001", "flowers.csv", "-o", "out.csv", "--force").code == 0
    assert trained.text("out.csv") == expected


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("runs/houses-001 houses.csv -o runs", USAGE, "--output: expected a file, got the folder runs"),
        ("runs/houses-001 houses.csv -o houses.csv --force", USAGE, "houses.csv is DATA itself"),
        (
            "runs/houses-001 houses.csv -o no/out.csv",
            DISK,
            "no/out.csv: there is no folder no; make it first",
        ),
        ("runs/houses-001 houses.csv -o", USAGE, "--output: expected a value, got none"),
        ("runs/houses-001", USAGE, "expected DATA, got less; see --help"),
        ("", USAGE, "expected RUN, got less; see --help"),
        ("runs/houses-001 houses.csv --outptu x", USAGE, "--outptu: no such option; did you mean --output?"),
        ("runs/houses-001 hoses.csv", DATA, "hoses.csv: no such file; did you mean houses.csv?"),
        (
            "runs/hoses-001 houses.csv",
            CHECKPOINT,
            "runs/hoses-001/model.npz: expected a model, found no such file",
        ),
        ("houses.csv houses.csv", CHECKPOINT, "houses.csv: is damaged, or no model"),
    ],
)
def test_a_mistake_is_one_line_with_its_mend(trained: Commands, line: str, code: int, says: str) -> None:
    result = trained.predict(*line.split())
    assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)
    assert result.err.startswith("predict.py: error: ")
    assert says in result.err
    assert trained.text("houses.csv") == houses()


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "other arrays", "no weights"])
def test_a_damaged_model_is_refused(trained: Commands, damage: str) -> None:
    path = trained.folder / "runs/flowers-001/model.npz"
    content = path.read_bytes()
    if damage == "other arrays":
        np.savez(path, x=np.arange(3))
    elif damage == "no weights":
        stored = dict(np.load(path))
        np.savez(path, **{name: array for name, array in stored.items() if not name.endswith(".W")})
    else:
        flipped = bytearray(content)
        flipped[len(content) // 3] ^= 0x10
        path.write_bytes(
            {"empty": b"", "cut": content[:-200], "flipped": flipped, "text": b"row,true\n"}[damage]
        )
    result = trained.predict("runs/flowers-001", "flowers.csv")
    assert (result.code, result.out, result.err.count("\n")) == (CHECKPOINT, "", 1)
    assert result.err.startswith("predict.py: error: runs/flowers-001/model.npz: ")


def test_the_file_of_a_network_that_is_gone_is_named(commands: Commands) -> None:
    commands.write("net.py", NETWORK)
    commands.write("data.csv", flowers())
    assert commands.train("data.csv", "--model", "net.py:build").code == 0
    (commands.folder / "net.py").unlink()
    result = commands.predict("runs/data-001", "data.csv")
    assert result.code == CHECKPOINT
    assert re.search(r"model.npz: needs the file of its network: .*net.py, which is not there", result.err)


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        predict.main(["--help"])
    assert done.value.code == 0
    out = capsys.readouterr().out
    assert "exit codes: 0 done" in out
    assert "--force" in out


class TestAnExport:
    def test_writes_the_weights_for_other_programs(self, trained: Commands) -> None:
        safetensors = pytest.importorskip(
            "safetensors.numpy", reason="safetensors is not installed (an extra)"
        )
        result = trained.predict("runs/houses-001", "--export", "houses.safetensors")
        assert (result.code, result.out, result.err) == (0, "wrote     houses.safetensors\n", "")
        assert "0.W" in safetensors.load_file("houses.safetensors")

    @pytest.mark.parametrize(
        ("line", "code", "says"),
        [
            ("runs/houses-001 houses.csv --export a.onnx", 2, "--export: predicts nothing; leave out DATA"),
            ("runs/houses-001 --export a.pt", 2, "a.pt: expected a name that ends in .onnx or .safetensors"),
            (
                "runs/houses-001 --export houses.csv",
                2,
                "--export: houses.csv exists already; name another file",
            ),
            ("runs/houses-001 --export no/a.onnx", 6, "no/a.onnx: there is no folder no; make it first"),
            ("runs/none --export a.safetensors", 4, "found no such file"),
        ],
    )
    def test_a_mistake_is_one_line_with_its_mend(
        self, trained: Commands, line: str, code: int, says: str
    ) -> None:
        result = trained.predict(*line.split())
        assert (result.code, result.out, result.err.count("\n")) == (code, "", 1)
        assert says in result.err
