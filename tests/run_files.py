"""What a training leaves in its folder and says on the screen, as tests read it."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from commands import Commands

FILES = [
    "config.json",
    "history.csv",
    "last.npz",
    "last.prev.npz",
    "metrics.json",
    "model.npz",
    "predictions.csv",
]
SCORES = {
    "classification": ["accuracy", "macro_f1", "log_loss"],
    "regression": ["rmse", "mae", "r2"],
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def label(out: str, name: str) -> str:
    """What the summary says behind a label."""
    found = re.search(rf"^{name:<10}(.*)$", out, re.MULTILINE)
    assert found is not None, f"no line {name!r} in\n{out}"
    return found[1]


def history(commands: Commands, run: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(commands.text(f"{run}/history.csv"))))
