"""A training cut off at any moment goes on to the same weights, bit for bit."""

from __future__ import annotations

import io
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import Commands, flowers

from training import checkpoint, cli, keeper, loop
from training.lock import locked

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="needs processes that fork, as POSIX has them"
)

# everything that has a memory: slots, schedule, dropout, running statistics, patience
KEEPS = [
    "--epochs",
    "6",
    "--hidden",
    "8",
    "--batch-size",
    "7",
    "--dropout",
    "0.2",
    "--batchnorm",
    "--no-plots",
]


def forked(argv: list[str], prepare: Callable[[], None] | None = None) -> int:
    """train.py in a process of its own, which is a copy of this one and so begins at once; its number."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        with open("out.txt", "a", buffering=1) as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
            sys.stdout = sys.stderr = out
            if prepare:
                prepare()
            code = cli.main(argv)
            out.flush()
        os._exit(code)
    finally:
        os._exit(99)


def ended(child: int) -> int:
    """The exit code of a process, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def weights(run: str, name: str = "last.npz") -> dict[str, bytes]:
    """Every array of a checkpoint by its bytes: weights, best weights, slots."""
    return {name: array.tobytes() for name, array in checkpoint.read(Path(run) / name).arrays.items()}


def history(run: str) -> list[list[str]]:
    """The rows of history.csv but for their seconds."""
    rows = [line.split(",") for line in (Path(run) / "history.csv").read_text().splitlines()]
    place = rows[0].index("seconds")
    return [row[:place] + row[place + 1 :] for row in rows]


def same(run: str, other: str) -> None:
    """Two runs left the same, down to the bytes."""
    assert weights(run) == weights(other)
    assert history(run) == history(other)
    for name in ("model.npz", "predictions.csv", "metrics.json"):
        assert (Path(run) / name).read_bytes() == (Path(other) / name).read_bytes(), name


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path, capsys)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run of iris that nothing has cut off."""
    run = str(tmp_path_factory.mktemp("runs") / "whole")
    assert cli.main([*KEEPS, "iris", "--run", run]) == 0
    return run


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every batch."""
    monkeypatch.setattr(keeper, "EVERY", 0.0)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("options", [["iris"], ["iris", "--schedule", "plateau", "--optimizer", "sgd"]])
def test_killed_again_and_again_it_ends_as_if_never_killed(commands: Commands, options: list[str]) -> None:
    """At 25 random instants, most of them inside the write of a checkpoint."""
    options = [*KEEPS, *options, "--epochs", "12"]
    assert commands.train(*options, "--run", "whole", quick=False).code == 0
    instants, kills = random.Random(0), 0
    argv = [*options, "--run", "cut"]
    while kills < 25:
        child = forked(argv)
        time.sleep(instants.uniform(0.02, 0.15))
        os.kill(child, signal.SIGKILL)
        code = ended(child)
        if code == 0:
            break
        assert code == -signal.SIGKILL, Path("out.txt").read_text()
        kills += 1
        if os.path.exists("cut/last.npz") or os.path.exists("cut/last.prev.npz"):
            argv = ["--resume", "cut"]
        elif os.path.exists("cut"):  # nothing to go on from yet
            shutil.rmtree("cut")
    assert kills > 5, "too quick to be killed"
    assert commands.train("--resume", "cut", quick=False).code == 0
    same("whole", "cut")
    assert not [name for name in os.listdir("cut") if name.endswith(".tmp")]


def signalled(argv: list[str], number: int, *, after: int = 1, times: int = 1, ignored: bool = False) -> int:
    """train.py that gets a signal as its `after`-th batch ends; its exit code."""

    def prepare() -> None:
        signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)  # however the tests were started
        count = 0
        step = loop._train_batch

        def counted(*arguments: Any) -> Any:
            nonlocal count
            count += 1
            if count == after:
                for _ in range(times):
                    os.kill(os.getpid(), number)
            return step(*arguments)

        loop._train_batch = counted

    return ended(forked(argv, prepare))


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
@pytest.mark.parametrize("after", [1, 10, 16, 36])
def test_a_signal_ends_it_after_the_batch_and_it_goes_on_from_there(
    commands: Commands, whole: str, name: str, code: int, after: int
) -> None:
    """In the first batch, within an epoch, in the last batch of one (iris has 15 or 16), and later."""
    argv = [*KEEPS, "iris", "--run", "cut"]
    assert signalled(argv, getattr(signal, name), after=after) == code
    said = commands.text("out.txt").splitlines()[-1]
    assert said.startswith("train.py: interrupted: ")
    assert said.endswith("saved: go on with python train.py --resume cut")
    assert not os.path.exists("cut/metrics.json")
    went_on = commands.train("--resume", "cut", quick=False)
    assert went_on.code == 0
    assert "resumed   epoch " in went_on.out
    same(whole, "cut")


def test_a_second_signal_ends_it_at_once_with_whole_files(commands: Commands, whole: str) -> None:
    argv = [*KEEPS, "iris", "--run", "cut"]
    assert signalled(argv, signal.SIGINT, after=20, times=2) == 130
    assert "again to quit at once" in commands.text("out.txt")
    assert commands.train("--resume", "cut", quick=False).code == 0
    same(whole, "cut")


def test_a_hang_up_that_was_ignored_from_the_start_stays_ignored(commands: Commands) -> None:
    """As under nohup, whose runs outlive their terminal."""
    assert signalled([*KEEPS, "iris", "--run", "cut"], signal.SIGHUP, ignored=True) == 0
    assert signalled([*KEEPS, "iris", "--run", "other"], signal.SIGINT, ignored=True) == 130


@pytest.fixture
def cut(commands: Commands) -> str:
    """A run of flowers.csv that was cut off in its second epoch."""
    commands.write("flowers.csv", flowers())
    assert signalled([*KEEPS, "flowers.csv", "--run", "cut"], signal.SIGTERM, after=8) == 143
    return "cut"


@pytest.mark.usefixtures("often")
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(commands: Commands, cut: str) -> None:
    assert commands.train(*KEEPS, "flowers.csv", "--run", "whole", quick=False).code == 0
    content = (commands.folder / "cut/last.npz").read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    for damaged in (b"", content[:1000], bytes(flipped)):
        shutil.rmtree("again", ignore_errors=True)
        shutil.copytree("cut", "again")
        (commands.folder / "again/last.npz").write_bytes(damaged)
        went_on = commands.train("--resume", "again", quick=False)
        assert went_on.code == 0
        assert "again/last.npz: is damaged" in went_on.warnings[0]
        assert went_on.warnings[0].endswith("going on from last.prev.npz, the one before it")
        same("whole", "again")


def test_two_damaged_checkpoints_are_both_named(commands: Commands, cut: str) -> None:
    for name in ("last.npz", "last.prev.npz"):
        commands.write(f"cut/{name}", "damaged")
    result = commands.train("--resume", cut, quick=False)
    assert result.code == 4
    assert "cut/last.npz: is damaged" in result.err
    assert "cut/last.prev.npz: is damaged" in result.err


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["--resume", "nowhere"], 4, "--resume nowhere: there is no such run directory; check the path"),
        (["--resume", "."], 4, "--resume .: has no last.npz to go on from; start a new run"),
        (["--resume", "cut", "--lr", "0.1"], 2, "--lr: has no meaning with --resume: a run goes on with the"),
        (["--resume", "cut", "--no-plots"], 2, "--no-plots: has no meaning with --resume"),
        (["--resume", "cut", "iris"], 2, "DATA: has no meaning with --resume"),
        (["--resume", "cut", "--epochs", "0"], 2, "--epochs: expected a whole number >= 1, got '0'"),
    ],
)
def test_what_cannot_go_on_is_refused(
    commands: Commands, cut: str, given: list[str], code: int, said: str
) -> None:
    result = commands.train(*given, quick=False)
    assert result.code == code
    assert f"train.py: error: {said}" in result.err


def test_changed_data_are_refused_and_missing_ones_too(commands: Commands, cut: str) -> None:
    commands.write("flowers.csv", flowers(61))
    result = commands.train("--resume", cut, quick=False)
    assert result.code == 4
    assert "flowers.csv: has changed since the run began" in result.err
    os.unlink("flowers.csv")
    result = commands.train("--resume", cut, quick=False)
    assert result.code == 3
    assert "flowers.csv" in result.err


def test_it_goes_on_from_another_folder(
    commands: Commands, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The data are found where they were."""
    assert commands.train(*KEEPS, "flowers.csv", "--run", "whole", quick=False).code == 0
    os.mkdir("elsewhere")
    monkeypatch.chdir("elsewhere")
    assert commands.train("--resume", "../cut", quick=False).code == 0
    monkeypatch.chdir("..")
    assert weights("whole") == weights("cut")


def test_a_finished_run_says_so_and_goes_on_only_when_asked(commands: Commands) -> None:
    assert commands.train("iris", "--schedule", "constant", "--run", "done").code == 0
    before = weights("done")
    result = commands.train("--resume", "done", quick=False)
    assert (result.code, result.out) == (0, "finished  done: at epoch 3; --epochs 6 to go on\n")
    assert weights("done") == before
    assert commands.train("--resume", "done", "--epochs", "2", quick=False).code == 2
    assert commands.train("--resume", "done", "--epochs", "6", quick=False).code == 0
    assert commands.train("iris", "--schedule", "constant", "--epochs", "6", "--run", "six").code == 0
    assert weights("done") == weights("six")
    assert history("done") == history("six")
    assert commands.json("done/config.json")["options"]["epochs"] == 6
    assert commands.json("done/config.json")["resumed"] == [
        {"argv": ["--resume", "done", "--epochs", "6"], "epoch": 4, "batch": 0}
    ]


def test_a_run_that_had_stopped_early_waits_anew_when_asked_for_more(commands: Commands) -> None:
    argv = ["flowers.csv", "--lr", "1e-9", "--schedule", "constant", "--patience", "2", "--epochs", "50"]
    commands.write("flowers.csv", flowers())
    assert commands.train(*argv, "--metric", "accuracy", "--run", "early").code == 0
    assert len(history("early")) == 1 + 3
    result = commands.train("--resume", "early", quick=False)
    assert "at epoch 3, no better for 2 epochs; --epochs 50 to go on" in result.out
    assert commands.train("--resume", "early", "--epochs", "50", quick=False).code == 0
    assert len(history("early")) == 1 + 5


def test_epochs_beyond_a_schedule_that_ends_at_0_are_warned_of(commands: Commands) -> None:
    assert commands.train("iris", "--run", "done").code == 0
    result = commands.train("--resume", "done", "--epochs", "4", quick=False)
    assert "the cosine schedule ended with epoch 3, and its rate stays 0" in result.err


def test_a_report_that_was_cut_off_is_made_up_for(commands: Commands) -> None:
    assert commands.train("iris", "--run", "done").code == 0
    before = commands.text("done/metrics.json")
    for name in ("metrics.json", "predictions.csv"):
        os.unlink(f"done/{name}")
    assert commands.train("--resume", "done", quick=False).code == 0
    assert commands.text("done/metrics.json") == before
    assert os.path.exists("done/predictions.csv")


def test_a_run_in_use_is_left_alone(commands: Commands, cut: str) -> None:
    with locked(Path(cut)):
        child = forked(["--resume", cut])
        assert ended(child) == 6
    assert "error: cut: in use by a run that is still alive" in commands.text("out.txt")
    assert commands.train("--resume", cut, quick=False).code == 0


def test_what_a_killed_writer_left_is_cleaned_away(commands: Commands, cut: str) -> None:
    gone = forked(["--help"])
    ended(gone)
    commands.write(f"cut/.last.npz.{gone}.tmp", "half a file")
    commands.write(f"cut/.last.npz.{os.getppid()}.tmp", "of one who is alive")
    assert commands.train("--resume", cut, quick=False).code == 0
    assert [name for name in os.listdir("cut") if name.endswith(".tmp")] == [f".last.npz.{os.getppid()}.tmp"]


def test_a_network_that_has_changed_is_refused_by_the_name_of_what_differs(commands: Commands) -> None:
    network = (
        "from layers import Affine, Sequential, Tanh\n"
        "def build(shape, size, rng):\n"
        "    return Sequential(Affine(shape[0], 8, rng=rng), Tanh(), Affine(8, size, rng=rng))\n"
    )
    commands.write("net.py", network)
    argv = ["iris", "--model", "net.py:build", "--epochs", "5", "--no-plots", "--run", "cut"]
    assert signalled(argv, signal.SIGTERM, after=6) == 143
    commands.write("net.py", network.replace("8", "9"))
    result = commands.train("--resume", "cut", quick=False)
    assert result.code == 4
    assert "net.py:build: has changed since the run began" in result.err
    assert "0.W (expected (9, 4), got (8, 4))" in result.err


def limited(size: int) -> Callable[[], None]:
    """No file may grow beyond so many bytes, as on a disk that is full."""

    def prepare() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


def test_a_full_disk_costs_the_files_and_not_the_training(commands: Commands) -> None:
    """config.json fits, the model does not: exit 6 in the end, the scores told all the same."""
    argv = ["digits", "--epochs", "3", "--no-plots", "--hidden", "256", "--run", "full"]
    assert ended(forked(argv, limited(60_000))) == 6
    said = commands.text("out.txt")
    assert said.count("training goes on, and tries again after every epoch") == 1
    assert "train.py: error: full/model.npz: cannot be written: File too large" in said
    assert "accuracy" in said
    assert "model.npz" not in os.listdir("full")
    assert not [name for name in os.listdir("full") if name.endswith(".tmp")]


def test_a_disk_that_is_full_at_once_leaves_nothing(commands: Commands) -> None:
    assert ended(forked(["iris", "--epochs", "3", "--no-plots", "--run", "full"], limited(2000))) == 6
    assert "full/config.json: cannot be written" in commands.text("out.txt")
    assert not os.path.exists("full")


def test_data_from_stdin_are_fed_again_and_must_be_the_same(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def feed(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    feed(flowers())
    assert signalled([*KEEPS, "-", "--run", "cut"], signal.SIGTERM, after=8) == 143
    feed(flowers(61))
    result = commands.train("--resume", "cut", quick=False)
    assert (result.code, result.err.splitlines()[-1]) == (
        4, "train.py: error: stdin: is not the data that the run began with; feed them again"
    )  # fmt: skip
    feed(flowers())
    assert commands.train("--resume", "cut", quick=False).code == 0
    commands.write("flowers.csv", flowers())
    assert commands.train(*KEEPS, "flowers.csv", "--run", "whole", quick=False).code == 0
    assert history("whole") == history("cut")
