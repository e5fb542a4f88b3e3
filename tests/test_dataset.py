"""From what the user types to features and target: which file, which column, and who says so."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.errors import DataError, UsageError
from training.reading.dataset import Dataset, load_dataset
from training.reading.table import Table

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Files in the current directory, named as a user types them."""
    monkeypatch.chdir(tmp_path)

    def write(content: str, name: str = "auto.csv") -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return name

    return write


AUTO = "mpg,horsepower,origin\n18,130,usa\n24,95,japan\n26,46,europe\n"


def column(data: Dataset, name: str) -> list[str]:
    assert isinstance(data.features, Table)
    return data.features.column(name)


# The source


@pytest.mark.parametrize(
    ("source", "shape", "target", "how"),
    [
        ("iris", (150, 4), "species", "the last column"),
        ("digits", (1797, 64), "digit", "the last column"),
        ("diabetes", (442, 10), "progression", "the last column"),
        ("spirals:30", (30, 2), "arm", "the last column"),
        ("friedman1:20", (20, 10), "y", "by its name"),
    ],
)
def test_built_in_names_are_loaded(source: str, shape: tuple[int, int], target: str, how: str) -> None:
    data = load_dataset(source)
    assert (len(data), len(data.features.names)) == shape
    assert (data.target_name, data.target_from) == (target, how)
    assert len(data.target) == shape[0]
    assert (data.name, data.source) == (source.split(":")[0], source)
    assert (data.test, data.notes) == (None, ())


def test_a_file_wins_over_a_built_in_name_only_where_it_is_meant(write: Write) -> None:
    write("a,b\n1,2\n", "iris")
    write("a,b\n1,2\n", "iris.csv")
    assert len(load_dataset("iris")) == 150
    assert len(load_dataset("iris.csv")) == 1
    with pytest.raises(DataError, match=r"\./iris: is no \.csv, \.tsv"):
        load_dataset("./iris")


@pytest.mark.parametrize("name", ["auto.csv", "auto.TSV", "auto.txt"])
def test_tables_are_loaded(name: str, write: Write) -> None:
    data = load_dataset(write(AUTO, name))
    assert (data.name, data.source) == ("auto", name)
    assert data.features.names == ("mpg", "horsepower")
    assert data.target == ["usa", "japan", "europe"]
    assert data.place(1) == f"{name}:3"
    assert data.place(1, "mpg") == f"{name}:3, column 'mpg'"


def test_paths_may_be_path_objects(write: Write, tmp_path: Path) -> None:
    write(AUTO)
    data = load_dataset(tmp_path / "auto.csv")
    assert data.source == str(tmp_path / "auto.csv")


def test_options_reach_the_reader(write: Write) -> None:
    path = write("1:2\n3:4\n")
    data = load_dataset(path, sep=":", header=False)
    assert (data.features.names, data.target) == (("col1",), ["2", "4"])
    Path(path).write_bytes("a,b\ncaf\u00e9,1\n".encode("latin-1"))
    assert column(load_dataset(path, encoding="latin-1"), "a") == ["caf\u00e9"]


def test_notes_of_the_reader_are_kept(write: Write) -> None:
    (note,) = load_dataset(write("a,b,\n1,2,\n")).notes
    assert note.startswith("auto.csv: the empty column 3")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("my data (v2).csv", "my-data-v2"),
        ("d.v1.csv.gz", "d.v1"),
        (".csv", "data"),
        ("x" * 200 + ".csv", "x" * 80),
        ("größe.csv", "größe"),
    ],
)
def test_the_name_is_fit_for_a_run_directory(typed: str, name: str, write: Write) -> None:
    write("")
    Path(typed).write_bytes(gzip.compress(AUTO.encode()))
    assert load_dataset(typed).name == name


def test_a_missing_file_names_the_nearest_and_the_built_in(write: Write) -> None:
    write(AUTO)
    with pytest.raises(
        DataError, match=r"^atuo\.csv: no such file; did you mean auto\.csv\? \(built in: iris, "
    ):
        load_dataset("atuo.csv")
    with pytest.raises(DataError, match=r"^irsi: no such file; did you mean iris\?"):
        load_dataset("irsi")
    with pytest.raises(DataError, match=r"no such file"):
        load_dataset("")
    with pytest.raises(DataError, match=r"^a\\x1b\[1m: no such file"):
        load_dataset("a\x1b[1m")


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"a,b\n1,2\n", "auto.data", r"auto\.data: is no \.csv, \.tsv, \.txt \(or \.gz of them\), \.npz"),
        (b"%PDF-1.5", "auto.pdf", r"auto\.pdf: is a PDF document"),
        (b"PK\x03\x04xl/workbook.xml", "auto.xlsx", r"auto\.xlsx: is an Excel workbook; save it as CSV"),
        (
            b"\0\0\x08\x03",
            "train-images-idx3-ubyte",
            r"is one IDX file of several; name the folder they are in",
        ),
    ],
)
def test_other_files_are_refused(content: bytes, name: str, says: str, write: Write) -> None:
    write("")
    Path(name).write_bytes(content)
    with pytest.raises(DataError, match=says):
        load_dataset(name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_whatever_its_name(write: Write) -> None:
    write("")
    for name in ("pipe.csv", "pipe"):
        os.mkfifo(name)
        with pytest.raises(DataError, match=f"{name}: is a FIFO"):
            load_dataset(name)


def test_a_folder_without_idx_files_says_what_it_holds(write: Write) -> None:
    write(AUTO, "folder/auto.csv")
    with pytest.raises(
        DataError,
        match=r"folder: is a folder without train-images-idx3-ubyte.*; name a file in it: auto\.csv",
    ):
        load_dataset("folder")
    Path("empty").mkdir()
    with pytest.raises(DataError, match="it holds no data files"):
        load_dataset("empty")
    Path("dir.csv").mkdir()
    with pytest.raises(DataError, match="it holds no data files"):
        load_dataset("dir.csv")


# The target of a table


def test_the_target_is_asked_for_by_name(write: Write) -> None:
    data = load_dataset(write(AUTO), "mpg")
    assert data.target == ["18", "24", "26"]
    assert (data.target_name, data.target_from) == ("mpg", "--target")
    assert data.features.names == ("horsepower", "origin")


@pytest.mark.parametrize("header", [True, False])
def test_the_target_is_asked_for_by_number(header: bool, write: Write) -> None:
    data = load_dataset(write("a,b,c\n" * header + "1,2,3\n4,5,6\n"), "2", header=header)
    assert data.target == ["2", "5"]
    assert data.target_name == ("b" if header else "col2")


def test_a_name_that_is_a_number_wins_over_the_position(write: Write) -> None:
    assert load_dataset(write("3,b,2,a\nx,y,z,w\n"), "2").target == ["z"]


@pytest.mark.parametrize("name", ["target", "Label", "CLASS", "y"])
def test_a_telling_name_is_the_target(name: str, write: Write) -> None:
    data = load_dataset(write(f"a,{name},b\n1,2,3\n"))
    assert (data.target_name, data.target_from, data.target) == (name, "by its name", ["2"])


def test_two_telling_names_are_refused(write: Write) -> None:
    path = write("y,a,Class\n1,2,3\n")
    with pytest.raises(
        DataError, match=r"auto\.csv: 'y' and 'Class' may each be the target; choose one with --target"
    ):
        load_dataset(path)
    assert load_dataset(path, drop=["y"]).target_name == "Class"
    assert load_dataset(path, "a").features.names == ("y", "Class")


@pytest.mark.parametrize("target", ["mgp", "0", "4", "-1", "1.0", "9" * 5000, "MPG"])
def test_an_absent_target_lists_the_columns(target: str, write: Write) -> None:
    with pytest.raises(
        DataError, match=r"^auto\.csv: has no column .* for --target.*\(columns: mpg, horsepower, origin\)"
    ) as caught:
        load_dataset(write(AUTO), target)
    assert ("did you mean 'mpg'?" in str(caught.value)) == (target in ("mgp", "MPG"))


def test_many_columns_are_listed_in_part(write: Write) -> None:
    path = write(",".join(f"c{i}" for i in range(40)) + "\n" + ",".join("1" * 40) + "\n")
    with pytest.raises(DataError, match=r"c10, c11 and 28 more\)"):
        load_dataset(path, "zzz")


def test_names_are_escaped_in_messages(write: Write) -> None:
    with pytest.raises(DataError, match=r"columns: a\\x1b\[2J, b\)"):
        load_dataset(write("a\x1b[2J,b\n1,2\n"), "zzz")


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a\n1\n2\n", {}),
        ("a,b\n1,2\n", {"drop": ["a"]}),
        ("a,b\n1,2\n", {"target": "b", "drop": ["a"]}),
        ("a:b\n1:2\n", {}),
    ],
)
def test_no_features_left(content: str, options: dict[str, Any], write: Write) -> None:
    with pytest.raises(DataError, match=r"auto\.csv: no feature columns left, .*--sep"):
        load_dataset(write(content), **options)


@pytest.mark.parametrize(("name", "sep"), [("a:b", ":"), ("a b", "' '"), ("a/b", "/"), ("a~b", "'~'")])
def test_a_lone_column_with_a_likely_separator_brings_it(name: str, sep: str, write: Write) -> None:
    with pytest.raises(DataError, match=rf"only the target '{name}'; name the separator, as in --sep {sep}$"):
        load_dataset(write(f"{name}\n1 2\n"))


def test_all_dropped(write: Write) -> None:
    with pytest.raises(DataError, match="no feature columns left, all are dropped"):
        load_dataset(write("a,b\n1,2\n"), drop=["a", "b"])


@pytest.mark.parametrize("token", ["", "NA", "N/A", "NaN", "nan", "null", "None", "?"])
def test_missing_targets_are_counted_and_placed(token: str, write: Write) -> None:
    path = write("a,b\n1,2\n" + f'1,"{token}"\n' * 4)
    with pytest.raises(
        DataError,
        match=r"^auto\.csv, column 'b': the target is missing in 4 rows \(lines 3, 4, 5, \.\.\.\); ",
    ):
        load_dataset(path)


def test_one_missing_target(write: Write) -> None:
    with pytest.raises(DataError, match=r"the target is missing in 1 row \(line 4\)"):
        load_dataset(write("a,b\n1,2\n\n1,\n"))


def test_a_token_that_is_not_missing_is_a_class(write: Write) -> None:
    path = write("a,b\n1,NA\n2,ZA\n")
    assert load_dataset(path, missing=[""]).target == ["NA", "ZA"]
    with pytest.raises(DataError, match=r"missing in 1 row \(line 3\)"):
        load_dataset(path, missing=["ZA"])


def test_dropped_columns_are_gone(write: Write) -> None:
    data = load_dataset(write(AUTO), drop=["origin"])
    assert data.features.names == ("mpg",)
    assert data.target_name == "horsepower"


def test_a_column_to_drop_that_is_not_there(write: Write) -> None:
    with pytest.raises(
        DataError,
        match=r"auto\.csv: has no column 'orgin' for --drop; did you mean 'origin'\? \(columns: mpg, ",
    ):
        load_dataset(write(AUTO), drop=["orgin"])
    with pytest.raises(UsageError, match="--drop: 'mpg' is the --target too"):
        load_dataset(write(AUTO), "mpg", drop=["mpg"])


# To predict


def test_to_predict_the_target_may_be_absent_or_present(write: Write) -> None:
    present = load_dataset(write(AUTO), "mpg", need_target=False)
    assert present.target == ["18", "24", "26"]
    absent = load_dataset(write("horsepower,origin\n130,usa\n"), "mpg", need_target=False)
    assert absent.target is None
    assert (absent.target_name, absent.target_from) == ("", "")
    assert absent.features.names == ("horsepower", "origin")


def test_to_predict_the_last_column_is_not_taken_for_the_target(write: Write) -> None:
    data = load_dataset(write("a,b\n1,2\n"), need_target=False)
    assert data.target is None
    assert data.features.names == ("a", "b")
    assert load_dataset(write("a,y\n1,2\n"), need_target=False).target == ["2"]


def test_to_predict_missing_targets_are_no_targets(write: Write) -> None:
    data = load_dataset(write("a,b\n1,2\n1,?\n"), "b", need_target=False)
    assert data.target is None
    assert data.features.names == ("a",)
    assert data.notes == ("auto.csv, column 'b': the target is missing in 1 row (line 3); not used",)


# Arrays

X = np.arange(12.0).reshape(4, 3)


def test_the_last_column_of_an_npy_is_the_target(write: Write) -> None:
    write("")
    np.save("a.npy", X)
    data = load_dataset("a.npy")
    np.testing.assert_array_equal(data.features, X[:, :2])
    np.testing.assert_array_equal(data.target, X[:, 2])
    assert (data.target_name, data.target_from, data.name) == ("col3", "the last column", "a")
    by_number = load_dataset("a.npy", "1", drop=["col2"])
    np.testing.assert_array_equal(by_number.features, X[:, 2:])
    np.testing.assert_array_equal(by_number.target, X[:, 0])
    with pytest.raises(
        DataError, match=r"a\.npy: has no column 'mpg' for --target.*\(columns: col1, col2, col3\)"
    ):
        load_dataset("a.npy", "mpg")


def test_to_predict_an_npy_may_lack_its_last_column(write: Write) -> None:
    write("")
    np.save("a.npy", X[:, :2])
    data = load_dataset("a.npy", "col3", need_target=False)
    np.testing.assert_array_equal(data.features, X[:, :2])
    assert data.target is None
    np.save("a.npy", X)
    np.testing.assert_array_equal(load_dataset("a.npy", "col3", need_target=False).target, X[:, 2])


def test_an_npy_of_one_column_has_no_features(write: Write) -> None:
    write("")
    np.save("a.npy", X[:, :1])
    with pytest.raises(DataError, match=r"a\.npy: no feature columns left"):
        load_dataset("a.npy")


def test_an_npz_is_loaded_with_its_test_part(write: Write) -> None:
    write("")
    np.savez("a.npz", x_train=X, y_train=[0, 1, 0, 1], x_test=X[:2], y_test=[1, 0])
    data = load_dataset("a.npz")
    assert (data.target_name, data.target_from, data.name) == ("y_train", "key 'y_train'", "a")
    np.testing.assert_array_equal(data.features, X)
    assert data.target.tolist() == [0, 1, 0, 1]
    assert data.test.target.tolist() == [1, 0]
    assert len(data.test) == 2
    assert data.place(3) == "a.npz, row 4"
    assert data.test.place(0) == "a.npz (test part), row 1"


def test_labels_of_text_in_an_npz_are_a_list(write: Write) -> None:
    write("")
    np.savez("a.npz", x=X, kind=np.array(["cat", " dog ", "cat", "?"]))
    with pytest.raises(DataError, match=r"a\.npz: 'kind': the target is missing in 1 row \(row 4\)"):
        load_dataset("a.npz", "kind")
    data = load_dataset("a.npz", "kind", missing=())
    assert data.target == ["cat", "dog", "cat", "?"]
    assert data.target_from == "--target"
    assert load_dataset("a.npz", "kind", need_target=False).target is None


def test_an_npz_without_a_target(write: Write) -> None:
    write("")
    np.savez("a.npz", x=X)
    with pytest.raises(DataError, match=r"a\.npz: has features and no target; save it under the key 'y'"):
        load_dataset("a.npz")
    data = load_dataset("a.npz", "y", need_target=False)
    assert (data.target, data.target_name, data.target_from) == (None, "", "")


def test_arrays_have_no_columns_to_drop(write: Write) -> None:
    write("")
    np.savez("a.npz", x=X, y=X[:, 0])
    with pytest.raises(UsageError, match=r"--drop: a\.npz has no named columns"):
        load_dataset("a.npz", drop=["col1"])


def idx(array: Any) -> bytes:
    array = np.asarray(array, np.uint8)
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_a_folder_of_idx_files_is_loaded(write: Write) -> None:
    write("", "digits8/train-images-idx3-ubyte")
    for part, n in (("train", 4), ("t10k", 2)):
        Path(f"digits8/{part}-images-idx3-ubyte").write_bytes(idx(np.arange(n * 6).reshape(n, 2, 3)))
        Path(f"digits8/{part}-labels-idx1-ubyte").write_bytes(idx(range(n)))
    for source in ("digits8", "digits8/"):
        data = load_dataset(source)
        assert (data.name, data.target_name, data.target_from) == ("digits8", "label", "the labels file")
    assert data.features.shape == (4, 1, 2, 3)
    assert data.features.dtype == np.uint8
    assert data.target.tolist() == [0, 1, 2, 3]
    assert data.test.features.shape == (2, 1, 2, 3)
    with pytest.raises(UsageError, match="--target: digits8 has its labels in files of their own"):
        load_dataset("digits8", "mpg")
    Path("digits8/train-labels-idx1-ubyte").unlink()
    with pytest.raises(
        DataError, match="digits8: has features and no target; put train-labels-idx1-ubyte beside"
    ):
        load_dataset("digits8")
    assert load_dataset("digits8", need_target=False).target is None
    os.chdir("digits8")
    assert load_dataset(".", need_target=False).name == "digits8"


# Subsets


@pytest.mark.parametrize("rows", [[2, 0], np.array([2, 0]), (2, 0), [-1, 0]])
def test_rows_of_a_table_keep_their_lines(rows: Any, write: Write) -> None:
    part = load_dataset(write(AUTO)).take(rows)
    assert len(part) == 2
    assert column(part, "mpg") == ["26", "18"]
    assert part.target == ["europe", "usa"]
    assert [part.place(0), part.place(1)] == ["auto.csv:4", "auto.csv:2"]


def test_rows_of_arrays_keep_their_numbers(write: Write) -> None:
    write("")
    np.savez("a.npz", x=X, y=[5, 6, 7, 8], x_test=X, y_test=[5, 6, 7, 8])
    data = load_dataset("a.npz")
    part = data.take(np.array([True, False, True, True])).take([2, 1])
    np.testing.assert_array_equal(part.features, X[[3, 2]])
    assert part.target.tolist() == [8, 7]
    assert part.place(0, "x2") == "a.npz, row 4, column 'x2'"
    assert part.place(1) == "a.npz, row 3"
    assert part.test is None
    assert data.test is not None


def test_no_rows_and_no_target_can_be_taken(write: Write) -> None:
    data = load_dataset(write(AUTO), "zzz", need_target=False)
    assert data.take([1]).target is None
    assert len(data.take([])) == 0
    assert len(load_dataset("iris").take(np.arange(0))) == 0
