"""Training on several ranks: the same as in one process, and the same end for all."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Commands, flowers
from mpi import ROOT, needs_mpi, on_ranks

from training import checkpoint

SAME = 1e-12  # relative
KEEPS = ["--dtype", "float64", "--no-plots", "--progress", "none"]
TRAIN = str(ROOT / "train.py")

# 50 steps or more; the last batch of an epoch is one that 4 ranks cannot share
RUNS = {
    "classes": "flowers.csv --epochs 10 --batch-size 10 --hidden 8 --clip-norm 0.5 --class-weight balanced",
    "numbers": "diabetes --epochs 4 --batch-size 23 --hidden 8,8 --schedule plateau --metric mae",
    "norms": "flowers.csv --epochs 10 --batch-size 10 --hidden 8 --optimizer sgd --batchnorm "
    "--sync-batchnorm",
    "npy": "rows.npy --epochs 9 --batch-size 16 --hidden 8 --drop col2 --task classification",
    "images": "images --epochs 2 --batch-size 12 --arch lenet --hidden 8 --batchnorm --sync-batchnorm "
    "--optimizer sgd --dropout 0.3",
}

SEVERAL = """
import json, sys
from training.cli import main
for argv in json.loads(sys.argv[1]):
    assert main(argv) == 0
"""

# a network of one's own in which, on one rank and in one training batch, something happens
NET = """
import os, signal
from layers import Affine, Dropout, Layer, Sequential, Tanh

class Fault(Layer):
    met = 0

    def forward(self, x):
        self.met += self.training
        here = os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK"))
        if self.training and f"{here} at {self.met}" in os.environ.get("FAULT", "").split(","):
            if os.environ["HOW"] == "raise":
                raise RuntimeError("as it was told to")
            if os.environ["HOW"] == "overflow":
                raise FloatingPointError("overflow of mine")
            os.kill(os.getpid(), getattr(signal, os.environ["HOW"]))
        return x

    def backward(self, upstream):
        return upstream, {}

def build(shape, size, rng):
    noise = Dropout(0.2, rng=rng.spawn(1)[0])
    return Sequential(Affine(shape[0], 8, rng=rng), Fault(), Tanh(), noise, Affine(8, size, rng=rng))
"""
OWN = ["flowers.csv", "--model", "net.py:build", "--epochs", "9", "--batch-size", "8"]


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    commands = Commands(tmp_path, capsys)
    commands.write("flowers.csv", flowers())
    commands.write("net.py", NET)
    commands.write("several.py", SEVERAL)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((140, 4))
    rows = np.column_stack([x, x[:, 0] > 0])
    np.save("rows.npy", np.asfortranarray(rows.astype(">f4")))
    os.mkdir("images")
    pixels = rng.integers(0, 256, (96, 12, 12), np.uint8)
    labels = (pixels.mean(axis=(1, 2)) > 127.5).astype(np.uint8)
    for name, array in (("train-images-idx3-ubyte", pixels), ("train-labels-idx1-ubyte", labels)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (tmp_path / "images" / name).write_bytes(head + array.tobytes())
    return commands


def stored(run: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Weights, best weights and slots; the history."""
    last = checkpoint.read(Path(run) / "last.npz")
    return last.arrays, last.meta["history"]["epochs"]


def assert_same(run: str, other: str, *, but: str = "nothing") -> None:
    """Two runs agree to rounding: every array to its largest entry, every figure of the history."""
    (arrays, epochs), (others, others_epochs) = stored(run), stored(other)
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        if but not in name:
            np.testing.assert_allclose(
                others[name], array, rtol=0, atol=SAME * np.abs(array).max() + 1e-15, err_msg=name
            )
    for row, other_row in zip(epochs, others_epochs, strict=True):
        figures, others_figures = (
            [one["train_loss"], one["val_loss"], one["grad_norm"], *one["scores"].values()]
            for one in (row, other_row)
        )
        np.testing.assert_allclose(others_figures, figures, rtol=SAME)


def ours(done: Any) -> list[str]:
    """What our programs said was wrong, beside what mpirun says of it."""
    return [line for line in done.stderr.splitlines() if re.match(r"train\.py: .*(error|interrupted)", line)]


@needs_mpi
@pytest.mark.parametrize("n", [2, 4])
def test_any_number_of_ranks_trains_as_one_process_does(commands: Commands, n: int) -> None:
    argvs = {name: [*options.split(), *KEEPS] for name, options in RUNS.items()}
    for name, argv in argvs.items():
        assert commands.train(*argv, "--run", f"{name}-1", quick=False).code == 0
        assert stored(f"{name}-1")[1][-1]["step"] >= 50 or name == "images"
    shared = [[*argv, "--run", f"{name}-{n}"] for name, argv in argvs.items()]
    done = on_ranks(n, "several.py", json.dumps(shared))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nranks     ") == len(RUNS)  # the first rank alone prints
    for name in RUNS:
        # the bias before a normalisation has the gradient 0, and momentum of rounding
        assert_same(f"{name}-1", f"{name}-{n}", but="0.b" if "sync" in RUNS[name] else "nothing")
        for file in ("metrics.json", "predictions.csv", "model.npz"):
            assert (Path(f"{name}-{n}") / file).exists()


@needs_mpi
def test_a_run_cut_off_goes_on_with_another_number_of_ranks(commands: Commands) -> None:
    """Rank 1 alone is asked to end, within an epoch; all end after that batch."""
    assert commands.train(*OWN, *KEEPS, "--run", "whole", quick=False).code == 0
    cut = on_ranks(2, TRAIN, *OWN, *KEEPS, "--run", "cut", FAULT="1 at 22", HOW="SIGTERM")
    assert cut.returncode == 128 + signal.SIGTERM
    (line,) = ours(cut)
    assert re.search(r"interrupted: epoch \d, after batch \d of \d; saved: go on with .*--resume cut", line)
    shutil.copytree("cut", "cut-1")
    done = on_ranks(4, TRAIN, "--resume", "cut")
    assert (done.returncode, ours(done)) == (0, []), done.stderr
    assert commands.train("--resume", "cut-1", quick=False).code == 0
    assert_same("whole", "cut")
    assert_same("whole", "cut-1")


@needs_mpi
@pytest.mark.parametrize(
    ("how", "who", "said"),
    [
        (
            "raise",
            "3 at 22",
            r"train.py: rank 3 of 4: error: --model: net.py:\d+: RuntimeError: as it was told",
        ),
        ("raise", ",".join(f"{one} at 22" for one in range(4)), r"train.py: error: --model: net.py:\d+: Run"),
        ("overflow", "1 at 22", r"train.py: rank 1 of 4: error: diverged: overflow of mine at epoch"),
        ("SIGKILL", "2 at 22", ""),
    ],
)
def test_the_failure_of_any_rank_ends_all_with_one_message(
    commands: Commands, how: str, who: str, said: str
) -> None:
    done = on_ranks(4, TRAIN, *OWN, *KEEPS, "--run", "lost", FAULT=who, HOW=how)
    assert done.returncode == {"SIGKILL": 128 + signal.SIGKILL, "raise": 2, "overflow": 5}[how]
    lines = ours(done)  # of a rank that was killed mpirun tells
    assert len(lines) == (how != "SIGKILL")
    assert all(re.match(said, line) for line in lines)
    assert stored("lost")[1]
    assert commands.train("--resume", "lost", quick=False).code == 0


@needs_mpi
def test_wrong_use_is_one_line(commands: Commands) -> None:
    refused = on_ranks(4, TRAIN, "flowers.csv", "--batch-size", "4")
    assert (refused.returncode, os.path.exists("runs")) == (2, False)
    assert ours(refused) == [
        "train.py: error: mpirun -n 4: expected at least 2 rows of a batch for each rank, got batches of 4; "
        "use a larger --batch-size, or at most 2 ranks"
    ]
    unknown = on_ranks(2, TRAIN, "flowers.csv", "--epoch", "4")
    assert (unknown.returncode, len(ours(unknown))) == (2, 1)
    endless = on_ranks(2, TRAIN, "-")
    assert (endless.returncode, len(ours(endless))) == (2, 1)


@needs_mpi
def test_the_divisor_of_the_mean_is_the_whole_batch_s_also_where_a_share_has_nothing_that_counts(
    commands: Commands,
) -> None:
    """Seven rows, of which the last three are one rank's; in one piece, and layer by layer."""
    program = """
import numpy as np
from layers import Affine, Sequential, Tanh
from losses import SoftmaxCrossEntropy
from training.distributed import world
from training.passes import Alone
from training.ranks import Ranks

row = Affine(5, 4, rng=0), Tanh(), Affine(4, 3, rng=0)
model, rows = Sequential(*row).astype(np.float64), np.arange(7)
x, labels = np.random.default_rng(0).standard_normal((7, 5)), np.array([0, 1, 2, 0, 1, 1, 1])
for loss, target in (
    (SoftmaxCrossEntropy(), labels),
    (SoftmaxCrossEntropy(class_weights=[1, 2, 5]), labels),
    (SoftmaxCrossEntropy(class_weights=[1, 0, 5]), labels),
    (SoftmaxCrossEntropy(ignore_index=1), labels),
):
    value, grads = Alone().gradient(model, loss, (x, target), rows)
    for bucket in (2**62, 1):
        with Ranks(world(), model, bucket=bucket) as crew:
            for _ in range(2):
                told, shared = crew.gradient(model, loss, (x, target), rows)
                np.testing.assert_allclose(told, value, rtol=1e-14)
                for name, grad in grads.items():
                    np.testing.assert_allclose(shared[name], grad, rtol=1e-12, atol=1e-16)
"""
    done = on_ranks(2, commands.write("program.py", program))
    assert done.returncode == 0, done.stderr


@needs_mpi
def test_statistics_of_each_rank_are_said_and_their_running_ones_agree(commands: Commands) -> None:
    program = (
        "import sys\nfrom training import distributed, mpirun\nfrom training.cli import main\n"
        "models, ranks = [], mpirun.Ranks\n"
        "mpirun.Ranks = lambda comm, model, *a, **k: models.append(model) or ranks(comm, model, *a, **k)\n"
        f"assert main({['flowers.csv', *KEEPS, '--batchnorm', '--epochs', '3', '--run', 'norms']}) == 0\n"
        "states = distributed.world().gather({k: v.tobytes() for k, v in models[0].state().items()})\n"
        "assert states is None or states[0] == states[1]\n"
    )
    done = on_ranks(2, commands.write("program.py", program))
    assert done.returncode == 0, done.stderr
    assert "batch statistics are each rank's own (see --sync-batchnorm)" in done.stdout


@needs_mpi
def test_the_example_of_the_page_learns_the_same_on_two_ranks(commands: Commands) -> None:
    page = (ROOT / "docs" / "scaling.md").read_text()
    code, shown = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL)[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    done = on_ranks(2, commands.write("example.py", code))
    assert (done.returncode, done.stdout) == (0, shown), done.stderr


@needs_mpi
def test_gradients_that_differ_in_shape_and_an_exception_nobody_catches_end_all(commands: Commands) -> None:
    program = (
        "import numpy as np\nfrom training.distributed import average_gradients, rank\n"
        "grads = {'W': np.full(3, 1.0 + rank()), 'b': np.ones(2, np.float32)}\n"
        "average_gradients(grads, weight=1 + 2 * rank())\n"  # 1 and 2, counted once and three times
        "assert (grads['W'] == 1.75).all() and grads['b'].dtype == np.float32, grads\n"
        "average_gradients({})\n"
        "for mine in {'W': np.ones(3 + rank())}, {'W': np.ones(4)} if rank() else grads:\n"
        "    try:\n        average_gradients(mine)\n        raise AssertionError(mine)\n"
        "    except ValueError as error:\n        assert 'others on rank 1' in str(error)\n"
        "if rank() == 1:\n    raise KeyError('mine')\n"
        "average_gradients(grads)\n"
    )
    done = on_ranks(2, commands.write("program.py", program))
    assert done.returncode == 1
    assert "rank 1 of 2 ends all" in done.stderr
    assert done.stderr.count("KeyError: 'mine'") == 1
    assert "AssertionError" not in done.stderr


@needs_mpi
def test_an_mpirun_of_another_mpi_is_told(commands: Commands) -> None:
    """Its processes are each alone in the MPI that mpi4py loads: as many runs in one folder, but for this."""
    program = "import sys\nfrom training.cli import main\nsys.exit(main(['flowers.csv', '--run', 'one']))\n"
    commands.write("program.py", program)
    env = {**os.environ, "PMI_RANK": "0", "PMI_SIZE": "3", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, env=env, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "mpirun started 3 processes, and MPI knows of 1: mpirun and mpi4py belong to" in done.stderr
    assert not os.path.exists("one")
