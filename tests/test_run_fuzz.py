"""Checkpoints and configurations of any bytes, and good ones with something changed: one line of ours."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import shutil
import signal
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import flowers
from properties import example, given, settings, st

from training import checkpoint, cli, loop, predict
from training.errors import CheckpointError, UsageError
from training.options import parse

FUZZ = settings(max_examples=100, deadline=None, derandomize=True, database=None)
JUNK: list[Any] = [None, "", "x", "\0", "\ud800", -1, 0, 3, 1.5, True, [], [[]], ["x"], {}, {"x": 1}]
JUNK += [float("nan"), 2**70, "6" * 5000]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run cut off in its second epoch, one checkpoint before it beside the last."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "flowers.csv").write_text(flowers(24))
    step, left = loop._train_batch, [3]

    def counted(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGINT)
        return step(*arguments)

    loop._train_batch = counted
    try:
        argv = [str(folder / "flowers.csv"), "--epochs", "2", "--hidden", "2", "--batch-size", "8"]
        code, _ = said([*argv, "--dropout", "0.1", "--no-plots", "--run", str(folder / "cut")])
    finally:
        loop._train_batch = step
    assert code == 130
    assert (folder / "cut/last.prev.npz").exists()
    return folder / "cut"


def said(argv: list[str], main: Callable[[list[str]], int] = cli.main) -> tuple[int, str]:
    """The exit code, and what stands on stderr."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as err:
        code = main(argv)
    return code, err.getvalue()


@contextlib.contextmanager
def copied(run: Path, *names: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            shutil.copy(run / name, folder)
        yield Path(folder)


def members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """A file with bytes flipped, cut off, or the contents of its zip members exchanged or left out."""
    what = draw(st.sampled_from(["flip", "cut", "swap", "drop", "any"]))
    if what == "any":
        return draw(st.binary(max_size=60))
    if what == "cut":
        return good[: draw(st.integers(0, len(good) - 1))]
    if what == "flip":
        raw = bytearray(good)
        for _ in range(draw(st.integers(1, 4))):
            raw[draw(st.integers(0, len(raw) - 1))] ^= draw(st.integers(1, 255))
        return bytes(raw)
    parts = members(good)
    one, other = (draw(st.sampled_from(sorted(parts))) for _ in range(2))
    if what == "swap":
        parts[one], parts[other] = parts[other], parts[one]
    else:
        del parts[one]
    return zipped(parts)


@pytest.mark.parametrize("name", ["last.npz", "model.npz"])
def test_a_damaged_checkpoint_is_read_as_it_was_or_refused(run: Path, name: str, tmp_path: Path) -> None:
    good = (run / name).read_bytes()
    whole = checkpoint.read(run / name)

    @FUZZ
    @given(damaged(good))
    def check(content: bytes) -> None:
        path = tmp_path / name
        path.write_bytes(content)
        for read in (checkpoint.read, lambda path: checkpoint.read_latest(path)[0]):
            with contextlib.suppress(CheckpointError):
                stored = read(path)
                assert stored.meta == whole.meta
                assert checkpoint.digest(stored.arrays) == checkpoint.digest(whole.arrays)

    check()


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value, as the keys that lead there."""
    if place:
        yield place
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(min(len(value), 2)):
            yield from places(value[key], (*place, key))


def changed(value: Any, place: tuple[Any, ...], junk: Any) -> Any:
    """The value with junk at that place; with ... nothing at all."""
    value = copy.deepcopy(value)
    inner = value
    for key in place[:-1]:
        inner = inner[key]
    if junk is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = junk
    return value


def rewritten(path: Path, meta: dict[str, Any], arrays: dict[str, Any]) -> None:
    """As checkpoint.write, which takes no nan, and with a checksum that fits."""
    text = json.dumps(meta).encode()
    np.savez(path, allow_pickle=False, meta=np.frombuffer(text, np.uint8), **arrays)


def test_any_change_to_what_a_checkpoint_says_is_taken_or_refused(run: Path) -> None:
    """Such a file has a checksum that fits: nothing but its values may be wrong."""
    whole = checkpoint.read(run / "last.npz")

    @FUZZ
    @given(st.sampled_from(list(places(whole.meta))), st.sampled_from([..., *JUNK]))
    @example(("planned",), -1)
    @example(("history", "batch"), 9)
    def check(place: tuple[Any, ...], junk: Any) -> None:
        with copied(run) as folder:
            rewritten(folder / "last.npz", changed(whole.meta, place, junk), whole.arrays)
            code, err = said(["--resume", str(folder)])
        assert code in (0, 2, 3, 4, 5), err  # another data file that is not there, another rate that diverges
        assert junk is not ... or code in (0, 4), err
        assert err.count("error: ") == (code != 0), err

    check()


def test_any_change_to_what_a_model_says_is_taken_or_refused(run: Path) -> None:
    whole = checkpoint.read(run / "model.npz")
    data = str(run.parent / "flowers.csv")

    @FUZZ
    @given(st.sampled_from(list(places(whole.meta))), st.sampled_from([..., *JUNK]))
    def check(place: tuple[Any, ...], junk: Any) -> None:
        with copied(run) as folder:
            rewritten(folder / "model.npz", changed(whole.meta, place, junk), whole.arrays)
            code, err = said([str(folder), data], predict.main)
        assert code in (0, 2, 3, 4), err
        assert junk is not ... or code in (0, 4), err
        assert err.count("error: ") == (code != 0), err

    check()


def test_a_damaged_checkpoint_gives_way_to_the_one_before_it_or_is_refused(run: Path) -> None:
    good = (run / "last.npz").read_bytes()

    @settings(FUZZ, max_examples=25)
    @given(damaged(good), st.booleans())
    def check(content: bytes, before: bool) -> None:
        with copied(run, *(["last.prev.npz"] if before else [])) as folder:
            (folder / "last.npz").write_bytes(content)
            code, err = said(["--resume", str(folder)])
        assert code in ((0,) if before else (0, 4)), err
        assert err.count("error: ") == (code != 0), err

    check()


TOML = b'data = "a.csv"\nhidden = [3, 4]\nlr = 0.1\nno-plots = true\ndrop = ["a", "b,c"]\nval = 0.2\n'


def test_any_configuration_is_read_or_refused(run: Path, tmp_path: Path) -> None:
    good = json.loads((run / "config.json").read_text())
    json_texts = st.builds(
        lambda place, junk: json.dumps(changed(good, place, junk)).encode(),
        st.sampled_from(list(places(good))),
        st.sampled_from([..., *JUNK]),
    )
    toml_texts = st.sampled_from(TOML.splitlines()).flatmap(
        lambda line: st.sampled_from(
            [
                b"[]",
                b"[[1]]",
                b"{}",
                b'"\\u0000"',
                b"-0.0",
                b"inf",
                b"1979-05-27",
                b"6" * 5000,
                b'["a\\nb", "\\""]',
            ]
        ).map(lambda junk: line.partition(b"=")[0] + b"= " + junk)
    )

    @settings(FUZZ, max_examples=400)
    @given(
        st.tuples(st.just("c.json"), json_texts | damaged_text(json.dumps(good).encode()))
        | st.tuples(st.just("c.toml"), toml_texts | damaged_text(TOML))
    )
    @example(("c.json", b"[" * 100_000))
    @example(("c.toml", b"a = " + b"[" * 100_000))
    def check(file: tuple[str, bytes]) -> None:
        name, content = file
        (tmp_path / name).write_bytes(content)
        with contextlib.suppress(UsageError):
            parse(["--config", str(tmp_path / name)])

    check()


def damaged_text(good: bytes) -> st.SearchStrategy[bytes]:
    """A text with some bytes in the place of others."""
    return st.builds(
        lambda at, length, more: good[:at] + more + good[at + length :],
        st.integers(0, len(good)),
        st.integers(0, 8),
        st.binary(max_size=4) | st.sampled_from([b'"', b"\n", b"[", b"]", b"=", b"\\u0000", b"1e999", b"."]),
    )
