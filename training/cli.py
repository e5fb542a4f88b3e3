"""train.py: the command."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .exits import guarded
from .launcher import launched
from .options import parse


def main(argv: Sequence[str] | None = None) -> int:
    """Run train.py with these arguments and return its exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)

    def work() -> None:
        options = parse(arguments)  # first: --help, and a mistake in an option, need nothing of what follows
        from .program import train

        train(options, arguments)

    here = launched()
    if here.size > 1:
        from .mpirun import together

        return together(here, arguments)
    return guarded("train.py", work, arguments)
