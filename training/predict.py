"""predict.py: the answers of a trained model for new rows."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from layers import Layer
from layers.base import Array

from . import checkpoint
from .arguments import Parser
from .disk import write_bytes
from .encoding.inputs import inputs_from_dict
from .encoding.targets import targets_from_dict
from .errors import CheckpointError, DataError, DiskError, UsageError
from .exits import guarded
from .launcher import launched
from .network import NETWORKS, users_builder, users_mistakes
from .parts import Inputs, transform
from .problem import Classification, Problem, answers, problem
from .reading.dataset import Dataset, load_dataset
from .run import csv_text, is_run
from .screen import say, score_table, warn
from .stored import of_type
from .strangers import unknown_categories, unknown_classes

PROGRAM = "predict.py"
READING: dict[str, Any] = {"sep": str | None, "header": bool, "encoding": str, "missing": list[str]}
DESCRIPTION = """\
Predict with a model that train.py saved. The answers are CSV lines: row, true (where it is known),
predicted, and for classes the probability of each. Columns are found by name, in any order.
"""
EPILOG = """\
examples:
  python predict.py runs/houses-001 new.csv -o answers.csv
  python predict.py runs/digits-001 digits | head
  python predict.py runs/houses-001 --export houses.onnx
exit codes: 0 done, 1 a bug of ours, 2 usage, 3 data, 4 checkpoint, 6 disk, 130 Ctrl-C
"""


@dataclass(frozen=True)
class Request:
    """What predict.py is asked for."""

    run: str
    data: str | None = None
    output: str | None = None
    export: str | None = None
    force: bool = False
    header: bool | None = None
    sep: str | None = None
    encoding: str | None = None
    debug: bool = False


@dataclass(frozen=True)
class Trained:
    """A model ready to answer, and what stands around it."""

    model: Layer
    inputs: Inputs
    kind: Problem
    dtype: str
    users_network: str | None  # FILE.py:FUNCTION
    target_name: str
    reading: dict[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run predict.py with these arguments and return its exit code; of several processes the first does."""
    if launched().rank:
        return 0
    arguments = sys.argv[1:] if argv is None else list(argv)
    return guarded(PROGRAM, lambda: predict(arguments), arguments)


def build_parser() -> Parser:
    parser = Parser(PROGRAM, "RUN DATA [options]", DESCRIPTION, EPILOG)

    def add(*flags: str, **how: Any) -> None:
        parser.add_argument(*flags, default=argparse.SUPPRESS, **how)

    add("run", metavar="RUN", help="a run directory of train.py")
    add("data", nargs="?", metavar="DATA", help="rows to predict, in any form that train.py reads")
    add("-o", "--output", metavar="FILE", help="where to write the predictions [-, the screen]")
    add("--export", metavar="FILE", help="write the model as FILE.onnx or FILE.safetensors instead")
    add("--force", action="store_true", help="overwrite FILE")
    add("--header", action=argparse.BooleanOptionalAction, help="the first row has names [as in training]")
    add("--sep", metavar="CHAR", help="column separator [as in training]")
    add("--encoding", metavar="NAME", help="of the text [as in training]")
    add("--debug", action="store_true", help="show the traceback of an error")
    add("-h", "--help", action="help", help="show this help")
    return parser


def predict(argv: Sequence[str]) -> None:
    """Predict each row of DATA; predictions alone on stdout where no file takes them."""
    request = Request(**build_parser().read(argv))
    if request.output == "-":
        request = replace(request, output=None)
    if request.export is not None:
        export(request, request.export)
        return
    if request.data is None:
        raise UsageError("expected DATA, got less; see --help")
    if request.output is not None:
        refuse_output("--output", request.output, request)
    refuse_swapped(request.run, request.data)
    trained = load_trained(Path(request.run))
    data = read(request, trained)
    kind = trained.kind
    x = transform(trained.inputs, data.features, data.source).astype(trained.dtype, copy=False)
    with users_mistakes(trained.users_network):
        answer = answers(kind, trained.model, x, data.place)
    truth = known_truth(kind, data)
    tell([*data.notes, *unknown_categories(trained.inputs, data.source)])
    cells = kind.cells(answer, None if truth is None else data.target)
    text = csv_text(["row", *kind.columns()], [[row, *line] for row, line in enumerate(cells, start=1)])
    if request.output is None:
        sys.stdout.write(text)
    else:
        write_bytes(Path(request.output), text.encode())
        say("wrote", f"{request.output}   {len(cells)} rows")
    if truth is not None:
        table = score_table({f"{len(cells)} rows": kind.scores(answer, truth)})
        print("\n".join(table), file=sys.stderr if request.output is None else sys.stdout)


def export(request: Request, file: str) -> None:
    """Write the model for other programs; nothing is predicted.   Raises: UserError."""
    from . import interchange  # which may need an extra

    if request.data is not None or request.output is not None:
        raise UsageError("--export: predicts nothing; leave out DATA and --output")
    refuse_output("--export", file, request)
    interchange.export(request.run, file)
    say("wrote", file)


def refuse_output(option: str, file: str, request: Request) -> None:
    """Refuse to overwrite, and folders that are not there, before the work is done.   Raises: UserError."""
    path = Path(file)
    if path.is_dir():
        raise UsageError(f"{option}: expected a file, got the folder {path}; name a file in it")
    if path.exists() and not request.force:
        raise UsageError(f"{option}: {path} exists already; name another file, or --force to overwrite it")
    if path.exists() and Path(request.run).exists() and path.resolve() in kept_of(request.run):
        raise UsageError(f"{option}: {path} belongs to the run itself; name another file")
    if path.exists() and request.data and Path(request.data).exists() and path.samefile(request.data):
        raise UsageError(f"{option}: {path} is DATA itself; name another file")
    if not path.parent.is_dir():
        raise DiskError(f"{path}: there is no folder {path.parent}; make it first")


def kept_of(run: str) -> list[Path]:
    """What --force may not take away: a model, and what its training can go on from."""
    path = Path(run)
    names = ("model.npz", "last.npz", "last.prev.npz", "config.json")
    return [path.resolve()] if path.is_file() else [(path / name).resolve() for name in names]


def refuse_swapped(run: str, data: str) -> None:
    """Raises: UsageError where the two were typed in the other order."""
    if not is_run(run) and is_run(data):
        raise UsageError(f"{run}: the run comes first: predict.py {shlex.join([data, run])}")


def read(request: Request, trained: Trained) -> Dataset:
    """The rows to predict, read as in training where nothing else is said; the target may be absent."""
    said = {"sep": request.sep, "encoding": request.encoding, "header": request.header}
    how = trained.reading | {name: value for name, value in said.items() if value is not None}
    data = load_dataset(str(request.data), trained.target_name, need_target=False, **how)
    if data.test is not None:
        tell(
            [f"{data.source}: only its training part is predicted, not the {len(data.test)} rows to test on"]
        )
    return data


def known_truth(kind: Problem, data: Dataset) -> Array | None:
    """What the answers are compared with; None, and a warning, where the target column cannot be read."""
    if data.target is None:
        return None
    try:
        truth = kind.truth(data.target, data.target_place)
    except DataError as error:
        tell([f"the target is not used: {str(error).partition(';')[0]}"])
        return None
    if isinstance(kind, Classification) and (truth < 0).any():
        tell([unknown_classes(kind, data)])
    return truth


def tell(notes: Sequence[str]) -> None:
    for note in notes:
        warn(PROGRAM, note)


def load_trained(path: Path) -> Trained:
    """The best model of a run directory, in evaluation mode.

    Raises: CheckpointError for a model that is missing, damaged, or does not fit its network.
    """
    path = path if path.is_file() else path / "model.npz"
    stored = checkpoint.read(path)
    try:
        return rebuilt(stored)
    except UsageError as error:
        raise CheckpointError(f"{path}: needs the file of its network: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: does not fit its network ({error}); train again") from error


def rebuilt(stored: checkpoint.Checkpoint) -> Trained:
    meta = stored.meta
    inputs, targets = inputs_from_dict(meta["inputs"]), targets_from_dict(meta["targets"])
    rng = np.random.default_rng(0)  # whatever it draws, the weights are loaded over it
    network = of_type(Mapping[str, Any], meta["network"], "network")
    of_type(str, meta["dtype"], "dtype")
    of_type(str | None, meta["target_name"], "target_name")
    shape, size = inputs.shape, targets.output_size
    users = network.get("model")
    if users:
        model = users_builder(users)(shape, size, rng)
    else:
        ((name, how),) = network.items()
        model = NETWORKS[name](shape, size, rng, **how)
    model.astype(meta["dtype"]).load_state(stored.part("model"))
    of_type(Mapping[str, Any], meta["reading"], "reading")
    for name, kind in READING.items():
        of_type(kind, meta["reading"][name], name)
    about = {name: meta[name] for name in ("dtype", "target_name", "reading")}
    return Trained(model.eval(), inputs, problem(targets), users_network=users, **about)
