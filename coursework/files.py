"""The files of an assignment's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_in(folder: Path) -> Iterator[Path]:
    """Every ordinary file below `folder`, by its path from there, in order.

    Left out: what is hidden, `__pycache__`, virtual environments, and links, which lead elsewhere.
    """
    for home, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if _counts(Path(home, name)))
        for name in sorted(files):
            path = Path(home, name)
            if _counts(path) and path.is_file():
                yield path.relative_to(folder)


def _counts(path: Path) -> bool:
    if path.name.startswith(".") or path.name == "__pycache__" or path.is_symlink():
        return False
    return not (path / "pyvenv.cfg").exists()
