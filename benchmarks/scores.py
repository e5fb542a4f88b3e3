"""Scores of train.py on the built-in data, each the mean over seeds of a whole run as a user types it.

    python benchmarks/scores.py [--seeds 5] [--mnist FOLDER]

The seed changes the split, the initial weights and the order of the batches. MNIST, a folder of IDX files,
is not part of the house; it is trained once.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

RUNS = [  # data, metric, what it should reach, options
    ("iris", "accuracy", ">= 0.94", []),
    ("digits", "accuracy", ">= 0.97", []),
    ("spirals", "accuracy", ">= 0.98", []),
    ("diabetes", "r2", ">= 0.43", []),
    ("friedman1", "rmse", "<= 1.25", []),
]


def score(data, metric, options, seed):
    """The metric on the test part, and the seconds of the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        quiet = ["--progress", "none", "--no-plots", "--seed", str(seed), "--run", run]
        command = [sys.executable, ROOT / "train.py", data, *quiet, *options]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        return json.loads((run / "metrics.json").read_text())["test"][metric], seconds


def line(name, metric, values, seconds, target, options):
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    mean, took = statistics.mean(values), f"{len(values)} x {statistics.median(seconds):.1f} s"
    text = f"{name:<11}{metric:<10}{mean:>7.3f} ± {spread:.3f}   {target:<9}{took:>12}   {' '.join(options)}"
    print(text.rstrip(), flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="also train on this folder of IDX files")
    options = parser.parse_args()
    for data, metric, target, extra in RUNS:
        results = [score(data, metric, extra, seed) for seed in range(options.seeds)]
        line(data, metric, *zip(*results, strict=True), target, extra)
    if options.mnist:
        extra = ["--hidden", "256,128", "--epochs", "10"]
        result = score(options.mnist, "accuracy", extra, 0)
        line("MNIST", "accuracy", *([value] for value in result), ">= 0.980", extra)


if __name__ == "__main__":
    main()
