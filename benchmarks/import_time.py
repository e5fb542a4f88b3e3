"""Time to begin: to import layers, losses and optim beside NumPy alone, and train.py's first lines.

    python benchmarks/import_time.py [--rounds 21]

Whole processes, in turn; medians, and the ratio of the imports' medians.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = Path(__file__).resolve().parent.parent / "train.py"
COMMANDS = {"NumPy alone": "import numpy", "with the three packages": "import numpy, layers, losses, optim"}


def seconds(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def seconds_of_help():
    start = time.perf_counter()
    subprocess.run([sys.executable, TRAIN, "--help"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def seconds_to_first_epoch():
    """From the start of the process to the first line of the table of epochs, on the built-in digits."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, TRAIN, "digits", "--epochs", "2", "--no-plots", "--out", folder]
        start = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            for line in process.stdout:
                if line.split()[:1] == ["1"]:
                    took = time.perf_counter() - start
            return took


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    times = {name: [] for name in COMMANDS}
    for round in range(rounds + 1):
        for name, code in COMMANDS.items():
            took = seconds(code)
            times[name] += [took] if round else []  # the first round fills the disk's cache
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:<26}{1000 * median:>7.0f} ms")
    alone, three = medians.values()
    print(f"{'ratio':<26}{three / alone:>7.2f}")
    for name, clock in (
        ("train.py --help", seconds_of_help),
        ("train.py, first epoch", seconds_to_first_epoch),
    ):
        took = statistics.median(clock() for _ in range(rounds))
        print(f"{name:<26}{1000 * took:>7.0f} ms")


if __name__ == "__main__":
    main()
