"""What sharing a batch needs, piece by piece and in one process: parts, noise, statistics, rows of a file."""

from __future__ import annotations

import os
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Commands, flowers
from properties import given, st

from layers import Affine, BatchNorm, Dropout, Layer, Sequential, Tanh
from layers.base import Array
from losses import MSE, NLL, SoftmaxCrossEntropy
from training import exits
from training.dealing import Rows, dealt
from training.distributed import average_gradients, part, share, size
from training.errors import DataError
from training.inside import inside
from training.launcher import launched
from training.noise import RowNoise, noisy
from training.options import Options
from training.prepare import prepare


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Commands:
    monkeypatch.chdir(tmp_path)
    commands = Commands(tmp_path, capsys)
    commands.write("flowers.csv", flowers())
    return commands


@given(n=st.integers(0, 50), size=st.integers(1, 9))
def test_parts_are_neighbours_that_make_up_the_whole_and_differ_by_one_row_at_most(n: int, size: int) -> None:
    parts = [list(range(n))[part(n, rank, size)] for rank in range(size)]
    assert [row for rows in parts for row in rows] == list(range(n))
    lengths = [len(rows) for rows in parts]
    assert max(lengths) - min(lengths) <= 1
    assert lengths == sorted(lengths, reverse=True)


def test_a_process_of_its_own_has_all_rows_and_leaves_gradients_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)  # not needed
    grads = {"W": np.arange(3.0)}
    average_gradients(grads, weight=5)
    assert (size(), share([4, 5, 6])) == (1, [4, 5, 6])
    assert grads["W"].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("variables", "here"),
    [
        ({}, (0, 1)),
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4", "PMIX_RANK": "2"}, (2, 4)),
        ({"PMI_RANK": "1", "PMI_SIZE": "3"}, (1, 3)),
        ({"PMIX_RANK": "5", "SLURM_NTASKS": "8"}, (5, 8)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, (0, 1)),  # a batch script, which srun did not start
        ({"PMI_RANK": "", "PMI_SIZE": "3"}, (0, 1)),
    ],
)
def test_the_environment_tells_which_process_of_how_many_this_is(
    variables: dict[str, str], here: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert launched() == here


@pytest.mark.parametrize(("rank", "turns"), [(0, [0.0]), (3, [2.5])])
def test_without_mpi4py_several_processes_do_not_begin(
    commands: Commands, rank: int, turns: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one says so; the others wait to be ended, and say it where nobody ended them."""
    waited: list[float] = []
    monkeypatch.setattr(exits.time, "sleep", waited.append)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setenv("PMI_RANK", str(rank))
    monkeypatch.setenv("PMI_SIZE", "4")
    result = commands.train("flowers.csv", "--run", "one")
    assert (result.code, waited, os.path.exists("one")) == (2, turns, False), result.err
    who = "train.py" if rank == 0 else f"train.py: rank {rank} of 4"
    assert result.err == (
        f"{who}: error: mpirun started 4 processes, and mpi4py is not installed; "
        'python -m pip install "pullback[mpi]", or start one process\n'
    )


def test_the_first_process_alone_predicts(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    commands.train("flowers.csv", "--run", "one", "--no-plots")
    for rank in (1, 0):
        assert not os.path.exists("answers.csv")
        monkeypatch.setenv("PMI_RANK", str(rank))
        monkeypatch.setenv("PMI_SIZE", "2")
        assert commands.predict("one", "flowers.csv", "-o", "answers.csv").code == 0
    assert os.path.exists("answers.csv")


@pytest.mark.parametrize("before", [0, 1])  # numbers of 32 bits, of which two make one draw
@pytest.mark.parametrize("times", [1, 2])  # entries of the first axis that are of one row
@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, size: rng.random(size, dtype=np.float32),
        lambda rng, size: rng.random(size),
        lambda rng, size: rng.standard_normal(size),
        lambda rng, size: rng.normal(1.0, 2.0, size),
        lambda rng, size: rng.uniform(0, 5, size),
        lambda rng, size: rng.binomial(1, 0.3, size),
    ],
)
def test_noise_for_shares_is_the_noise_for_all_rows(
    draw: Callable[..., Array], shape: tuple[int, ...], before: int, times: int
) -> None:
    whole = np.random.default_rng(7)
    whole.random(before, dtype=np.float32)
    expected, after = draw(whole, (times * 7, *shape)), whole.random(5, dtype=np.float32)
    for start, stop in ((0, 3), (3, 5), (5, 7)):
        rng = np.random.default_rng(7)
        rng.random(before, dtype=np.float32)
        noise = RowNoise(rng)
        noise.start, noise.stop, noise.of = start, stop, 7
        drawn = draw(noise, (times * (stop - start), *shape))
        assert (drawn == expected[times * start : times * stop]).all()
        assert (rng.random(5, dtype=np.float32) == after).all()


def test_a_number_for_each_row_is_noise_of_the_rows_and_another_number_is_that_of_all() -> None:
    noise = RowNoise(np.random.default_rng(7))
    noise.start, noise.stop, noise.of = 2, 5, 7
    whole = np.random.default_rng(7)
    assert (noise.random(3) == whole.random(7)[2:5]).all()
    assert (noise.random(6) == whole.random(6)).all()


def test_noise_and_statistics_are_found_in_layers_that_a_layer_of_one_s_own_holds() -> None:
    class Own(Layer):
        def __init__(self) -> None:
            self.inner = {"some": [Dropout(0.5, rng=0), BatchNorm(3)]}

    own = Own()
    assert [type(layer) for layer in inside(Sequential(Tanh(), own))] == [
        Sequential, Tanh, Own, Dropout, BatchNorm,
    ]  # fmt: skip
    assert [layer for layer, _, _ in noisy(own)] == own.inner["some"][:1]


def test_layers_that_share_a_generator_share_its_noise() -> None:
    rng = np.random.default_rng(0)
    model = Sequential(Affine(2, 3, rng=0), Dropout(0.5, rng=rng), Tanh(), Dropout(0.5, rng=rng))
    found = noisy(model)
    assert [name for _, name, _ in found] == ["rng", "rng"]
    assert found[0][2] is found[1][2]
    assert found[0][2].bit_generator is rng.bit_generator


def in_two(work: Callable[[int, Callable[[Array], Array]], Any]) -> list[Any]:
    """[work(0, total), work(1, total)] side by side, where total adds the arrays of both."""
    held: list[Any] = [None, None]
    done: list[Any] = [None, None]
    barrier = threading.Barrier(2, timeout=30)

    def run(rank: int) -> None:
        def total(array: Array) -> Array:
            held[rank] = array
            barrier.wait()
            both: Array = held[0] + held[1]
            barrier.wait()
            return both

        done[rank] = work(rank, total)

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


@pytest.mark.parametrize("shape", [(7, 3), (6, 3, 4, 5)])
def test_statistics_of_a_batch_in_two_places_are_those_of_the_whole(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, u = 1e3 + rng.standard_normal(shape), rng.standard_normal(shape)
    whole = BatchNorm(3, dtype=np.float64)
    y, (dx, grads) = whole.forward(x), whole.backward(u)
    parts = [slice(0, 4), slice(4, None)]

    def work(rank: int, total: Callable[[Array], Array]) -> Any:
        norm = BatchNorm(3, dtype=np.float64)
        norm.total = total
        return norm.forward(x[parts[rank]]), *norm.backward(u[parts[rank]]), norm.buffers

    both = in_two(work)
    np.testing.assert_allclose(np.concatenate([one[0] for one in both]), y, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(np.concatenate([one[1] for one in both]), dx, rtol=1e-9, atol=1e-11)
    for name, grad in grads.items():
        np.testing.assert_allclose(both[0][2][name] + both[1][2][name], grad, rtol=1e-9, atol=1e-11)
    for name, running in whole.buffers.items():
        np.testing.assert_allclose([one[3][name] for one in both], [running, running], rtol=1e-12)


@pytest.mark.parametrize(
    ("loss", "target"),
    [
        (MSE(), np.arange(12.0).reshape(6, 2)),
        (SoftmaxCrossEntropy(class_weights=[1.0, 5.0]), np.array([0, 1, 1, 0, 0, 0])),
        (SoftmaxCrossEntropy(ignore_index=-1), np.array([0, -1, 1, 0, -1, 1])),
        (NLL(), np.array([0, 1, 1, 0, 1, 0])),
    ],
)
def test_means_over_parts_times_their_weights_make_the_mean_over_all(loss: Any, target: Array) -> None:
    scores = np.random.default_rng(0).standard_normal((6, 2))
    total = weights = 0.0
    for rows in (slice(0, 4), slice(4, 6)):
        total += loss.forward(scores[rows], target[rows]) * loss.weight
        weights += loss.weight
    assert total / weights == pytest.approx(loss.forward(scores, target), rel=1e-14)
    assert weights == loss.weight


def images(folder: str) -> str:
    os.mkdir(folder)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 4), np.uint8)
    for name, array in (
        ("train-images-idx3-ubyte", pixels),
        ("train-labels-idx1-ubyte", pixels[:, 0, 0] % 2),
    ):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        Path(folder, name).write_bytes(head + array.tobytes())
    return folder


def rows(name: str, **how: Any) -> str:
    table = np.random.default_rng(0).integers(0, 3, (60, 4))
    np.save(name, np.asarray(table, **how))
    return name


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [">f4", "<f8", "u1", "?"])
def test_rows_of_an_array_file_are_read_where_they_are_needed(
    commands: Commands, order: str, dtype: str
) -> None:
    options = Options(data=rows("rows.npy", dtype=dtype, order=order), drop=("col2",), task="classification")
    expect_rows(options, limit=None)
    expect_rows(options, limit=31)


@pytest.mark.parametrize("end", [0, 300])
def test_a_file_that_is_gone_or_cut_off_since_is_told(commands: Commands, end: int) -> None:
    prepared = prepare(Options(data=rows("rows.npy"), task="classification"))
    less = dealt(prepared.parts["train"], prepared.inputs, "float32")
    os.truncate("rows.npy", end) if end else os.unlink("rows.npy")
    with pytest.raises(DataError, match=r"rows.npy: cannot be read here .*; keep it where all machines"):
        less.x[:2]


def test_images_are_read_where_they_are_needed(commands: Commands) -> None:
    expect_rows(Options(data=images("images")), limit=None)


def expect_rows(options: Options, limit: int | None) -> None:
    prepared = prepare(Options(**{**vars(options), "limit": limit}))
    for name in ("train", "val"):
        given = prepared.parts[name]
        less = dealt(given, prepared.inputs, "float64")
        assert isinstance(less.x, Rows)
        some = np.array([2, 0, 1])
        assert (less.x[some] == given.x[some]).all()
        assert (less.x[1:3] == given.x[1:3]).all()
        assert (less.target == given.target).all()
        assert (len(less.data), less.x[some].dtype) == (0, np.float64)


def test_rows_of_a_table_are_given_as_they_are(commands: Commands) -> None:
    prepared = prepare(Options(data="flowers.csv"))
    less = dealt(prepared.parts["train"], prepared.inputs, "float32")
    assert isinstance(less.x, np.ndarray)
    assert (less.x == prepared.parts["train"].x).all()
