"""The options of train.py: their defaults, their help, and which of them exclude each other."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .arguments import Parser, choice, count, folder, missing_values, names, number, part, sizes
from .config_file import Written, read_config
from .errors import UsageError
from .network import ACTIVATIONS
from .problem import LOSSES
from .reading.builtin import BUILTIN
from .reading.cells import MISSING
from .rule import RULES, SCHEDULES, usual_rates


@dataclass(frozen=True)
class Options:
    """What train.py is asked for; `origin` says of every option that is no default who gave it."""

    data: str = "digits"
    target: str | None = None
    task: str = "auto"
    val: float | str = 0.15
    test: float | str = 0.15
    drop: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    missing_values: tuple[str, ...] = MISSING
    no_header: bool = False
    sep: str | None = None
    encoding: str = "utf-8"
    limit: int | None = None

    arch: str = "mlp"
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "silu"
    dropout: float = 0.2
    batchnorm: bool = False
    sync_batchnorm: bool = False
    model: str | None = None
    dtype: str = "float32"

    loss: str | None = None  # the first of the task
    optimizer: str = "adam"
    lr: float | None = None  # the rule's own
    schedule: str = "cosine"
    warmup: int = 0
    weight_decay: float = 3e-4
    clip_norm: float | None = None
    class_weight: str = "none"
    batch_size: int = 32
    epochs: int = 200
    patience: int = 20
    metric: str = "loss"
    seed: int = 0

    run: str | None = None
    out: str = "runs"
    resume: str | None = None
    config: str | None = None
    progress: str = "auto"
    no_plots: bool = False
    dry_run: bool = False
    overfit_batch: bool = False
    find_lr: bool = False
    profile: bool = False
    debug: bool = False

    origin: Mapping[str, str] = field(default_factory=dict)  # option -> "cli" or "file"

    @property
    def given(self) -> frozenset[str]:
        """The options that are no defaults."""
        return frozenset(self.origin)


BESIDE_RESUME = frozenset({"resume", "epochs", "patience", "progress", "debug"})
ONLY = ("dry_run", "overfit_batch", "find_lr", "profile")
OF_MLP = ("hidden", "activation", "dropout", "batchnorm")

DESCRIPTION = "Train a network on your data, and see how good it is on rows that it never saw."
EPILOG = f"""\
examples:
  python train.py                                the built-in digits
  python train.py houses.csv --target price      your own table
  python train.py mnist/ --hidden 256,128        a folder of IDX files
  python train.py iris --model net.py:build      a network of your own
  python train.py --resume runs/houses-001       go on exactly where it stopped
built-in data: {", ".join(BUILTIN)}
exit codes: 0 done, 1 a bug of ours, 2 usage, 3 data, 4 checkpoint, 5 diverged,
  6 disk, 129 hang-up, 130 Ctrl-C, 143 SIGTERM
"""


def build_parser() -> Parser:
    parser = Parser("train.py", "[DATA] [options]", DESCRIPTION, EPILOG)

    add = _adder(parser, "data")
    add("data", nargs="?", metavar="DATA", help="CSV, TSV, NPZ, NPY, IDX folder, a name, or - for stdin")
    add("-t", "--target", metavar="NAME", help="column to predict [target, label, class, y, or last]")
    add("--task", choices=("auto", "regression", "classification"))
    add("--val", type=part, metavar="PART", help="fraction, count, 0 or FILE to validate on")
    add("--test", type=part, metavar="PART", help="the same, to test on")
    add("--drop", type=names, metavar="COLS", help="columns not to use: a,b")
    add("--categorical", type=names, metavar="COLS", help="columns to read as categories")
    add("--numeric", type=names, metavar="COLS", help="columns to read as numbers")
    add("--missing-values", type=missing_values, metavar="LIST",
        help='more words for missing; "" for blank cells only [NA,N/A,NaN,nan,null,None,?]')  # fmt: skip
    add("--no-header", action="store_true", help="the first row is data; names are col1, col2, ...")
    add("--sep", metavar="CHAR", help="column separator [found out]")
    add("--encoding", metavar="NAME", help="of the text")
    add("--limit", type=count(1), metavar="N", help="the first N rows only [all]")

    add = _adder(parser, "network")
    add("--arch", choices=("mlp", "linear", "lenet"))
    add("--hidden", type=sizes, metavar="SIZES", help="units of hidden layers; lenet 120,84")
    add("--activation", choices=tuple(ACTIVATIONS))
    add("--dropout", type=number(0, 0.99), metavar="P", help="chance of zeroing a hidden unit")
    add("--batchnorm", action="store_true", help="normalise before each activation")
    add("--sync-batchnorm", action="store_true", help="under mpirun, over all ranks' rows")
    add("--model", metavar="FILE.py:NAME", help="your function NAME(input_shape, output_size, rng)")
    add("--dtype", choices=("float32", "float64"))

    add, positive = _adder(parser, "learning"), number(0, open_low=True)
    add("--loss", choices=LOSSES, help="cross-entropy, hinge; mse, l1, huber [by task]")
    add("--optimizer", choices=tuple(RULES))
    add("--lr", type=positive, metavar="RATE", help=f"learning rate [{usual_rates()}]")
    add("--schedule", choices=SCHEDULES)
    add("--warmup", type=count(0), metavar="STEPS", help="batches over which the rate rises")
    add("--weight-decay", type=number(0), metavar="L2", help="pull of the weights to zero")
    add("--clip-norm", type=positive, metavar="NORM", help="cut the gradient to this norm [off]")
    add("--class-weight", choices=("none", "balanced"))
    add("--batch-size", type=count(1), metavar="N", help="rows of a batch")
    add("--epochs", type=count(1, "; predict.py scores a trained model"), metavar="N", help="at most")
    add("--patience", type=count(0), metavar="N", help="stop after N epochs without a better; 0: never")
    add("--metric", metavar="NAME", help="score that tells the best epoch")
    add("--seed", type=count(0), metavar="N", help="of split, weights and order")

    add = _adder(parser, "output")
    add("--run", type=folder, metavar="DIR", help="the run directory itself [OUT/<data>-NNN]")
    add("--out", type=folder, metavar="DIR", help="where run directories go")
    add("--resume", metavar="RUN", help="go on where that run stopped; see also --epochs, --patience")
    add("--config", metavar="FILE", help="options from a .toml, or a run's config.json; those typed win")
    add("--progress", choices=("auto", "bar", "lines", "none"))
    add("--no-plots", action="store_true", help="draw nothing")
    add("--dry-run", action="store_true", help="read, report and stop; nothing is left behind")
    add("--overfit-batch", action="store_true", help="only see whether one batch can be learnt by heart")
    add("--find-lr", action="store_true", help="only try rates, and suggest one")
    add("--profile", action="store_true", help="only show what each layer's passes take")
    add("--debug", action="store_true", help="show the traceback of an error")
    add("-h", "--help", action="help", help="show this help")
    return parser


def parse(argv: Sequence[str]) -> Options:
    """The options: defaults, over them those of a --config, over them those typed.

    Raises: UsageError for what cannot be, alone or together.
    """
    typed = build_parser().read(argv)
    written = read_config(typed["config"], build_parser()) if "config" in typed else Written({}, frozenset())
    origin = dict.fromkeys(written.given, "file") | dict.fromkeys(typed, "cli")
    options = Options(**{**written.values, **typed}, origin=origin)
    _refuse_idle(options)
    return options


def _adder(parser: Parser, title: str) -> Callable[..., None]:
    """add(...) puts an option into the group; its help ends in its choices and its default."""
    group = parser.add_argument_group(title)

    def add(*flags: str, choices: tuple[str, ...] = (), help: str = "", **how: Any) -> None:
        if choices:
            how |= {"type": choice(*choices), "metavar": "NAME"}
        text = help or ", ".join(choices)
        if not text.endswith("]"):
            text += _default(flags[-1].lstrip("-").replace("-", "_"))
        group.add_argument(*flags, default=argparse.SUPPRESS, help=text, **how)

    return add


def _default(name: str) -> str:
    """ " [32]", or nothing for an option that is off."""
    match getattr(Options, name, None):
        case None | False | ():
            return ""
        case tuple(values):
            return f" [{','.join(map(str, values))}]"
        case float(value):
            return f" [{value:g}]"
        case value:
            return f" [{value}]"


def _refuse_idle(o: Options) -> None:
    """Refuse combinations in which an option would have no effect."""
    for name, other, idle in (
        *((name, "--model", o.model is not None) for name in ("arch", *OF_MLP)),
        *((name, "--arch linear", o.arch == "linear") for name in OF_MLP),
        ("sync_batchnorm", "a network without --batchnorm", o.model is None and not o.batchnorm),
        ("out", "--run, the directory itself", o.run is not None),
        ("metric", "--val 0", o.val == 0 and o.metric != "loss"),
        *(
            (name, "--resume: a run goes on with the options it began with", o.resume is not None)
            for name in sorted(o.given - BESIDE_RESUME)
        ),
    ):
        if idle and name in o.given:
            flag = name.upper() if name == "data" else f"--{name.replace('_', '-')}"
            raise UsageError(f"{flag}: has no meaning with {other}; leave one of them out")
    only = [name for name in ONLY if getattr(o, name)]
    if len(only) > 1:
        flags = " ".join(f"--{name.replace('_', '-')}" for name in only)
        raise UsageError(f"{flags}: each ends with its own answer; leave all but one out")
    fractions = [share for share in (o.val, o.test) if isinstance(share, float) and share < 1]
    if sum(fractions) >= 1:
        raise UsageError(f"--val {o.val:g} --test {o.test:g}: expected a sum below 1; lower one of them")
