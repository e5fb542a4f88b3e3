"""python -m gradcheck: is the backward of every layer in a file right?"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from .check import check_layer, check_loss
from .construct import Built, build, evaluate
from .guess import Example, example_of, fits, takes_target
from .load import UsageError, in_one_line, layers_of, line_of, load_file, place_of, split_spec
from .outcome import Outcome, coloured, duration, summary, wants_colour
from .report import Report
from .selftest import cases
from .subject import Subject

RIGHT, WRONG, USAGE, INTERRUPTED = 0, 1, 2, 130
LARGEST_ID, LARGEST_X = 10**6, 10**8
TOO_LARGE = "out of memory; make --shape smaller"
EPILOG = """\
examples:
  python -m gradcheck my_layers.py                        every layer in the file
  python -m gradcheck my_layers.py:Scale --shape 4,5      one of them, with x of shape (4, 5)
  python -m gradcheck my_layers.py --init "Affine(3, 2)"  one whose constructor takes arguments
  python -m gradcheck my_layers.py:Gate --shape 4,5 --shape 4,5   one with two inputs

A class may name its x itself: example_shape = (4, 5), or [(4, 5), (4, 5)]. For a loss, a second --shape is
the target's.
exit codes: 0 all right, 1 one is wrong, 2 usage: one could not be checked, 130 Ctrl-C
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Check what these arguments name and return the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        options = parse(arguments)
        code = show(self_test(options) if options.self_test else check_files(options), options)
        sys.stdout.flush()
        return code
    except UsageError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        print("gradcheck: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has left, as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return WRONG


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options.   Raises: UsageError in one line."""
    parser = Parser(
        prog="python -m gradcheck",
        description="Is the backward of every layer in a file right, and if not, which mistake is it?",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("files", nargs="*", metavar="FILE.py[:CLASS]", help="the layers to check: all in it, or one")
    add("--shape", action="append", type=_shape, metavar="4,5", help="shape of x; again for each other input")
    add("--ids", type=_whole(1, LARGEST_ID), metavar="N", help="x holds whole numbers from 0 to N - 1")
    add("--init", action="append", metavar="EXPR", help='the layer to check, such as "Affine(3, 2)"')
    add("--level", choices=("auto", "quick", "full"), default="auto", help="how many entries to try")
    add("--seed", type=_whole(0, 2**63), default=0, metavar="N", help="draws x and the directions")
    add("--json", action="store_true", help="print a list of what was found, for programs")
    add("--self-test", action="store_true", help="check every layer and loss of this library")
    add("--debug", action="store_true", help="show the traceback of an error too")
    options = parser.parse_args(list(argv))
    if options.self_test and (options.files or options.shape or options.init or options.ids):
        raise UsageError("--self-test checks this library; leave FILE.py, --shape, --ids and --init out")
    if not options.files and not options.self_test:
        raise UsageError("expected FILE.py, got nothing; for example python -m gradcheck my_layers.py")
    if options.init and len(options.files) > 1:
        raise UsageError(f"--init: expected one FILE.py beside it, got {len(options.files)}; run one by one")
    return options


def check_files(options: argparse.Namespace) -> Iterator[Outcome]:
    """An outcome for every layer of every file, as soon as it is there."""
    for spec in options.files:
        try:
            file, builders = read_file(spec, options)
        except UsageError as error:
            _trace(options)
            yield Outcome(spec, error=str(error), usage=True)
            continue
        for label, make in builders.items():
            yield check_one(label, make, file, options)


def read_file(spec: str, options: argparse.Namespace) -> tuple[str, dict[str, Callable[[], Built]]]:
    """The file of FILE.py[:CLASS], and what builds each of its layers.   Raises: UsageError."""
    file, name = split_spec(spec)
    module = load_file(file)
    if options.init:
        cls = layers_of(module, name)[name] if name else object
        return file, {text: partial(evaluate, module, text, cls) for text in options.init}

    def suits(layer: Any) -> bool:
        return fits(layer, options.shape or [], options.ids, options.seed)

    axes = (options.shape or [()])[0][::-1]
    own = layers_of(module, name)
    return file, {key: partial(build, file, key, value, suits, axes) for key, value in own.items()}


def check_one(label: str, make: Callable[[], Built], file: str, options: argparse.Namespace) -> Outcome:
    """Build a layer, find an x for it, check it."""
    started, name, words, layer = time.perf_counter(), label, "", None

    def outcome(**known: Any) -> Outcome:
        return Outcome(label, words, seconds=time.perf_counter() - started, **known)

    def place(error: BaseException | None) -> str:
        return (error and line_of(error, file)) or place_of(file, type(layer))

    try:
        label, layer = make()
        if not takes_target(layer):
            Subject(layer, [], several=True)  # what can be no layer says so before a guess at its x fails
        try:
            example = example_of(layer, options.shape or [], options.ids, options.seed)
        except UsageError as error:
            raise UsageError(f"{place(error.__cause__)}: {label}: {error}") from error
        words = example.words if options.init or label == name else f"{label} with {example.words}"
        return outcome(report=check(layer, example, options))
    except (UsageError, MemoryError) as error:
        _trace(options)
        return outcome(error=str(error) if isinstance(error, UsageError) else TOO_LARGE, usage=True)
    except (Exception, SystemExit) as error:
        _trace(options)
        told = f"{in_one_line(error)}; {words}" if words else in_one_line(error)
        if not (line_of(error, file) or _is_layers(error)):
            return outcome(
                error=f"{label}: this is a bug of ours: {told}; use --debug, report it", usage=True
            )
        return outcome(error=f"{place(error)}: {told}")  # what a layer raises is what is wrong with it


def check(layer: Any, example: Example, options: argparse.Namespace) -> Report:
    """check_loss for what takes a target, check_layer for the rest."""
    if takes_target(layer):
        return check_loss(layer, example.x, example.target, rng=options.seed)
    return check_layer(layer, example.x, level=options.level, rng=options.seed)


def self_test(options: argparse.Namespace) -> Iterator[Outcome]:
    """An outcome for every layer and loss that this library exports."""
    for name, row in cases():
        started = time.perf_counter()
        if row is None:
            yield Outcome(name, error="expected an export and a row of its name in gradcheck/selftest.py")
            continue
        build, example = row
        try:
            report = check(build(), example, options)
            yield Outcome(name, example.words, report, seconds=time.perf_counter() - started)
        except Exception as error:
            _trace(options)
            yield Outcome(name, error=in_one_line(error), seconds=time.perf_counter() - started)


def show(outcomes: Iterator[Outcome], options: argparse.Namespace) -> int:
    """Print each as it comes, then how many are right; the exit code."""
    done, out, started = list[Outcome](), sys.stdout, time.perf_counter()
    paint: Callable[[str], str] = coloured if wants_colour(out) else str
    # what a user's layer prints must not come between the lines of JSON
    with contextlib.redirect_stdout(sys.stderr) if options.json else contextlib.nullcontext():
        for outcome in outcomes:
            done.append(outcome)
            if outcome.usage:
                _refuse(outcome.error)
            elif not options.json:
                print(paint(outcome.brief if options.self_test else str(outcome)), flush=True)
    if options.json:
        print(json.dumps([one.as_json() for one in done], indent=2, allow_nan=False))
    elif not all(one.usage for one in done):
        took = f" in {duration(time.perf_counter() - started)}" if options.self_test else ""
        print(summary(done) + took)
    if any(one.failed for one in done):
        return WRONG
    return USAGE if any(one.usage for one in done) else RIGHT


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')}; see {self.prog} --help")


def _shape(text: str) -> tuple[int, ...]:
    sizes = text.strip().removeprefix("(").removesuffix(")").rstrip(", ").split(",")
    if not all(re.fullmatch(r"\s*0*[1-9][0-9]{0,6}\s*", size, re.ASCII) for size in sizes):
        raise argparse.ArgumentTypeError(f"expected sizes such as 4,5, got {text!r}")
    shape = tuple(map(int, sizes))
    if math.prod(shape) > LARGEST_X:
        raise argparse.ArgumentTypeError(f"expected at most {LARGEST_X} entries, got {text!r}")
    return shape


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number >= {low}, got {text!r}")
        return int(text)

    return read


def _is_layers(error: BaseException) -> bool:
    """Whether the checker says of an error that a layer raised it, or raised it itself about the layer."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    ours = Path(last.filename).parent == Path(__file__).parent and (last.line or "").startswith("raise ")
    notes: list[str] = getattr(error, "__notes__", [])
    return ours or any(note.startswith("gradcheck: ") for note in notes)


def _refuse(said: str) -> int:
    print(f"gradcheck: error: {said}", file=sys.stderr)
    return USAGE


def _trace(options: argparse.Namespace) -> None:
    if options.debug:
        traceback.print_exc()
