"""train.py and predict.py called as functions, as most of their tests do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from training import cli, predict

ROOT = Path(__file__).parent.parent


class Result(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def warnings(self) -> list[str]:
        return [line.partition("warning: ")[2] for line in self.err.splitlines() if "warning: " in line]


class Commands:
    """train(...) and predict(...) in one folder; train ends quickly and draws nothing, unless asked to."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys

    def train(self, *argv: str, quick: bool = True) -> Result:
        quickly = ["--epochs", "3", "--hidden", "8", "--no-plots"] if quick else []
        named = {word.partition("=")[0] for word in argv}
        if named & {"--arch", "--model"}:
            quickly = quickly[:2] + quickly[4:]
        return self._result(cli.main([*quickly, *argv]))

    def predict(self, *argv: str) -> Result:
        return self._result(predict.main(list(argv)))

    def _result(self, code: int) -> Result:
        out, err = self.capsys.readouterr()
        return Result(code, out, err)

    def write(self, name: str, content: str) -> str:
        (self.folder / name).write_text(content)
        return name

    def json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()


def houses(rows: int = 60) -> str:
    """A table with numbers, categories, missing cells of both, and a target that follows from them."""
    lines = ["rooms,area,place,price"]
    for i in range(rows):
        rooms, area, place = 1 + i % 5, 30 + (7 * i) % 40, ("north", "south", "east")[i % 3]
        price = 100 * rooms + 3 * area + {"north": 50, "south": 0, "east": -50}[place]
        lines.append(
            f"{'' if i == 7 else rooms},{'NA' if i == 11 else area},{'' if i % 20 == 5 else place},{price}.5"
        )
    return "\n".join(lines) + "\n"


def flowers(rows: int = 60) -> str:
    """A table of two features that tell three classes apart."""
    lines = ["length,width,kind"]
    lines += [f"{i % 3 + 0.01 * (i % 7)},{2 - i % 3 + 0.02 * (i % 5)},{'abc'[i % 3]}" for i in range(rows)]
    return "\n".join(lines) + "\n"
