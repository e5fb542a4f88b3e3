"""--config: defaults, over them the file, over them what is typed; every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import Commands, flowers, houses

from training.errors import UsageError
from training.options import parse


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path, capsys)


TOML = """\
data = "houses.csv"     # a comment
target = "price"
drop = ["place"]
hidden = [32, 16]
batchnorm = true
no-plots = false
lr = 0.01
epochs = 7
val = 0.2
test = "other.csv"
missing_values = "NA,-"
"""


def test_a_file_says_what_could_be_typed(commands: Commands) -> None:
    commands.write("my.toml", TOML)
    options = parse(["--config", "my.toml"])
    typed = parse(
        ["houses.csv", "--target", "price", "--drop", "place", "--hidden", "32,16", "--batchnorm",
         "--lr", "0.01", "--epochs", "7", "--val", "0.2", "--test", "other.csv", "--missing-values", "NA,-"]
    )  # fmt: skip
    differ = {name for name in vars(options) if getattr(options, name) != getattr(typed, name)}
    assert differ == {"config", "origin"}


def test_what_is_typed_wins_and_the_origin_is_kept(commands: Commands) -> None:
    commands.write("my.toml", "lr = 0.01\nepochs = 7\nbatch-size = 8\n")
    options = parse(["--config", "my.toml", "--epochs", "9"])
    assert (options.lr, options.epochs, options.batch_size) == (0.01, 9, 8)
    assert options.origin == {"lr": "file", "batch_size": "file", "epochs": "cli", "config": "cli"}
    commands.write("flowers.csv", flowers())
    assert commands.train("flowers.csv", "--config", "my.toml").code == 0
    stored = commands.json("runs/flowers-001/config.json")
    assert [stored["origin"][name] for name in ("lr", "epochs", "seed")] == ["file", "cli", "default"]


def test_a_name_with_a_comma_in_a_list_is_one_name(commands: Commands) -> None:
    commands.write("my.toml", 'drop = ["a,b", "c"]\n')
    assert parse(["--config", "my.toml"]).drop == ("a,b", "c")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr = 0.1\nepoch = 3\n", r"my\.toml:2, key 'epoch': no such option; did you mean 'epochs'\?"),
        ("[network]\nhidden = 3\n", r"my\.toml:1, key 'network': no such option"),
        ("lr = 0.1\nlr 3\n", r"my\.toml:2: no TOML: .*; write name = value"),
        ("lr = 0.1\nlr = 0.2\n", r"my\.toml:\d: no TOML: Cannot overwrite a value"),
        ("epochs = 1.5\n", r"my\.toml:1, key 'epochs': expected a whole number >= 1, got '1\.5'"),
        ("\n\nlr = nan\n", r"my\.toml:3, key 'lr': expected a number > 0, got 'nan'"),
        ("batchnorm = 1\n", r"my\.toml:1, key 'batchnorm': expected true or false, got '1'"),
        ("lr = true\n", r"my\.toml:1, key 'lr': expected a text, a number or a list of them, got 'true'"),
        ("lr = {a = 1}\n", r"my\.toml:1, key 'lr': expected a text, a number or a list of them, got a table"),
        ("hidden = [[1], [2]]\n", r"my\.toml:1, key 'hidden': expected a text, a number or a list"),
        ("seed = 1979-05-27\n", r"my\.toml:1, key 'seed': expected a text, a number"),
        ('resume = "runs/a"\n', r"my\.toml:1, key 'resume': no such option"),
        ('optimizer = "adm"\n', r"my\.toml:1, key 'optimizer': expected .*; did you mean 'adam'\?"),
    ],
)
def test_a_mistake_is_told_with_its_line(commands: Commands, text: str, said: str) -> None:
    commands.write("my.toml", text)
    with pytest.raises(UsageError, match=said):
        parse(["--config", "my.toml"])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.toml", None, "--config missing.toml: cannot be read: No such file or directory"),
        ("bytes.toml", b"lr = \xff", "--config bytes.toml: is no UTF-8 text, byte 5"),
        ("run.json", b'{"options": {}\n "x"', "run.json:2: no JSON"),
        ("run.json", b"[1, 2]", "run.json: expected the config.json of a run, got other JSON; write a .toml"),
    ],
)
def test_a_file_that_is_none_is_refused(
    commands: Commands, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (commands.folder / name).write_bytes(content)
    result = commands.train("--config", name)
    assert result.code == 2
    assert said in result.err


def test_combinations_are_refused_as_when_typed(commands: Commands) -> None:
    commands.write("my.toml", 'arch = "linear"\n')
    result = commands.train("--config", "my.toml", "--hidden", "3", quick=False)
    assert result.code == 2
    assert "--hidden: has no meaning with --arch linear" in result.err


def arrays(folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3))
    np.savez(folder / "arrays.npz", x=x, y=(x[:, 0] > 0).astype(int))
    np.save(folder / "columns.npy", np.column_stack([x, x @ [1.0, 2.0, 3.0]]))


@pytest.mark.parametrize(
    "argv",
    [
        ["iris"],
        ["houses.csv", "--val", "0", "--missing-values", "-", "--dropout", "0.1", "--categorical", "place"],
        ["houses.csv", "--test", "more.csv", "--schedule", "plateau", "--clip-norm", "1", "--limit", "50"],
        ["flowers.csv", "--arch", "linear", "--class-weight", "balanced", "--metric", "accuracy"],
        ["arrays.npz", "--seed", "3", "--dtype", "float64"],
        ["columns.npy", "--task", "regression", "--loss", "huber"],
        ["flowers.csv", "--model", "net.py:build"],
    ],
)  # fmt: skip
def test_a_run_repeats_from_its_configuration_alone_to_the_byte(commands: Commands, argv: list[str]) -> None:
    arrays(commands.folder)
    commands.write("houses.csv", houses())
    commands.write("more.csv", houses(20))
    commands.write("flowers.csv", flowers())
    commands.write(
        "net.py",
        "from layers import Affine, Sequential, Dropout\n"
        "def build(shape, size, rng):\n"
        "    return Sequential(Dropout(0.1, rng=rng), Affine(shape[0], size, rng=rng))\n",
    )
    assert commands.train(*argv, "--run", "first").code == 0
    assert commands.train("--config", "first/config.json", "--run", "second", quick=False).code == 0
    for name in ("model.npz", "predictions.csv", "metrics.json"):
        assert (commands.folder / "first" / name).read_bytes() == (
            commands.folder / "second" / name
        ).read_bytes()


def test_data_that_have_changed_since_are_told(commands: Commands) -> None:
    commands.write("flowers.csv", flowers())
    assert commands.train("flowers.csv", "--run", "first").code == 0
    commands.write("flowers.csv", flowers(66))
    result = commands.train("--config", "first/config.json", "--run", "second", quick=False)
    assert result.code == 0
    assert "flowers.csv: is not the file that first/config.json speaks of (its sha256 differs)" in result.err
