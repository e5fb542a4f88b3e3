"""Time to import layers, losses and optim, beside NumPy alone: whole processes, in turn, ratio of medians.

python benchmarks/import_time.py [--rounds 21]
"""

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {"NumPy alone": "import numpy", "with the three packages": "import numpy, layers, losses, optim"}


def seconds(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
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


if __name__ == "__main__":
    main()
