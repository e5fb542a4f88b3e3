"""False alarms of gradcheck: how often it complains of a layer or loss that is right.

    python benchmarks/false_alarms.py [--runs 30000] [--seed 0] [--only RUN]

Every run draws a layer or loss of tests/cases.py or benchmarks/mutants/honest.py, params, an x (at scales
from 1e-6 to 1e6, rounded to whole numbers so that entries tie, or saturating), training or evaluation, a
level, and now and then forbids the complex step. A run is of no account where forward or backward raises for
the drawn x or is not finite in float64, as a logarithm at a rounded 0 is not. Prints every alarm, and exits
with 1 if there is one; --only repeats one run and prints its report.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from cases import LAYERS, LOSSES, draw  # noqa: E402

from benchmarks.mutants.honest import HONEST  # noqa: E402
from gradcheck import Report, check_layer, check_loss  # noqa: E402
from gradcheck.complex_step import ComplexStep  # noqa: E402

SETTINGS = ("as drawn", "scaled", "tied", "saturated")
LEVELS = ("auto", "quick", "full")
LARGE = 120  # entries of x beyond which "full" is not drawn


@dataclass(frozen=True)
class Run:
    """What one run checks, and how."""

    name: str
    layer: Any
    x: Any
    target: Any
    setting: str
    level: str
    differences: bool  # whether the complex step is forbidden
    seed: int

    def __str__(self) -> str:
        words = [self.setting, self.level, "by differences" if self.differences else ""]
        words.append("" if getattr(self.layer, "training", True) else "evaluation")
        return f"{self.name} ({', '.join(word for word in words if word)})"

    def counts(self) -> bool:
        """Whether forward and backward are finite."""
        with np.errstate(all="ignore"):
            try:
                x = parts(self.x)
                wide = [part.astype(np.float64) if part.dtype.kind == "f" else part for part in x]
                found = numbers(self, tuple(wide) if isinstance(self.x, tuple) else wide[0])
            except (ValueError, ArithmeticError, np.linalg.LinAlgError):
                return False
        return all(np.isfinite(part).all() for part in found if part is not None)

    def check(self) -> Report:
        with forbidden() if self.differences else allowed():
            if self.target is not None:
                return check_loss(self.layer, self.x, self.target, rng=self.seed)
            return check_layer(self.layer, self.x, level=self.level, rng=self.seed)


def draw_run(seed: int, number: int) -> Run:
    """The run of this number, always the same."""
    rng = np.random.default_rng([seed, number])
    rows = len(LAYERS) + len(LOSSES) + len(HONEST)
    row = int(rng.integers(rows))
    setting = str(rng.choice(SETTINGS, p=[0.4, 0.3, 0.15, 0.15]))
    target = None
    if row < len(LAYERS):
        case = LAYERS[row]
        name, layer, x = case.id, case.build(), case.x(rng)
    elif row < len(LAYERS) + len(LOSSES):
        name, build, shape, draw_target = LOSSES[row - len(LAYERS)]
        reduction = str(rng.choice(["mean", "sum", "none"]))
        layer, x, target = build(reduction=reduction), draw(rng, shape, np.float64), draw_target(rng)
    else:
        name, build, given, *rest = HONEST[row - len(LAYERS) - len(LOSSES)]
        layer, x, target = build(), honest(rng, given), (rest[0] if rest else None)
        if not drawn(given):
            setting = "as given"
    if setting == "scaled":
        power = int(rng.integers(-6, 7))
        setting = f"x 1e{power}"
        x = each(lambda part: part * 10.0**power, x)
    elif setting == "tied":
        x = each(np.round, x)
    elif setting == "saturated":
        x = each(lambda part: part * 50, x)
    if rng.random() < 0.5:
        for array in getattr(layer, "params", {}).values():
            array *= rng.uniform(0.5, 1.5, array.shape).astype(array.dtype)
    if rng.random() < 0.3 and hasattr(layer, "eval"):
        layer.eval()
    size = max(np.size(part) for part in parts(x))
    level = "auto" if target is not None else str(rng.choice(LEVELS, p=[0.6, 0.3, 0.1]))
    if level == "full" and size > LARGE:
        level = "auto"
    return Run(name, layer, x, target, setting, level, bool(rng.random() < 0.2), int(rng.integers(2**31)))


def parts(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def each(change: Callable[[Any], Any], x: Any) -> Any:
    """x with its floating parts changed."""
    if isinstance(x, tuple):
        return tuple(each(change, part) for part in x)
    return np.asarray(change(x)).astype(x.dtype) if x.dtype.kind == "f" else x


def is_shape(x: Any) -> bool:
    return isinstance(x, tuple) and all(isinstance(n, int) for n in x)


def drawn(x: Any) -> bool:
    """Whether a row leaves x to us, at any scale: where it gives an array, that is its domain."""
    return is_shape(x) or (isinstance(x, tuple) and all(is_shape(part) for part in x))


def honest(rng: np.random.Generator, x: Any) -> Any:
    """The x of a row: a shape is drawn from N(0, 1), an array is taken as it is."""
    if is_shape(x):
        return rng.standard_normal(x)
    return tuple(honest(rng, part) for part in x) if isinstance(x, tuple) else x.copy()


def numbers(run: Run, x: Any) -> list[Any]:
    """All that forward and backward give: y, dx and grads."""
    layer = copy.deepcopy(run.layer)
    if run.target is not None:
        return [layer.forward(x, run.target), layer.backward()]
    y = layer.forward(x)
    ones = tuple(np.ones_like(part) for part in y) if isinstance(y, tuple) else np.ones_like(y)
    dx, grads = layer.backward(ones)
    return [*parts(y), *parts(dx), *grads.values()]


@contextmanager
def allowed() -> Iterator[None]:
    yield


@contextmanager
def forbidden() -> Iterator[None]:
    """No complex step: every array goes by differences."""
    kept = ComplexStep.doubt
    ComplexStep.doubt = lambda self, name, rng: "not today"  # type: ignore[method-assign]
    try:
        yield
    finally:
        ComplexStep.doubt = kept  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=30000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="the number of the first run")
    parser.add_argument("--only", type=int, metavar="RUN", help="repeat this run, and print its report")
    parser.add_argument("--times", action="store_true", help="also print the slowest layers")
    options = parser.parse_args()
    if options.only is not None:
        run = draw_run(options.seed, options.only)
        print(run, run.check(), sep="\n")
        return
    counted: Counter[str] = Counter()
    seconds: dict[str, list[float]] = {}
    for number in range(options.start, options.start + options.runs):
        run = draw_run(options.seed, number)
        if not run.counts():
            counted["not finite"] += 1
            continue
        counted["runs"] += 1
        start = time.perf_counter()
        report = run.check()
        seconds.setdefault(run.name, []).append(time.perf_counter() - start)
        if not report.passed:
            counted["alarms"] += 1
            first = report.findings[0]
            print(f"ALARM  run {number}, {run}: {first.kind} {first.array} | {first.message}", flush=True)
    total = [one for many in seconds.values() for one in many]
    print(
        f"{counted['runs']} runs, {counted['alarms']} alarms; {counted['not finite']} left out, not "
        f"finite; {1e3 * float(np.mean(total)):.1f} ms a run, at most {1e3 * max(total):.0f} ms"
    )
    if options.times:
        for name, many in sorted(seconds.items(), key=lambda item: -float(np.mean(item[1])))[:25]:
            print(f"  {1e3 * float(np.mean(many)):7.1f} ms  {name}")
    sys.exit(bool(counted["alarms"]))


if __name__ == "__main__":
    main()
