"""Cells of a CSV file of numbers that are read in a second, beside pandas and np.loadtxt on the same file.

python benchmarks/reading.py [--rows 50000] [--columns 20] [--rounds 5]

Each reading is a process of its own, in turn. Its processor time counts, without imports; the ratio is that
of medians. pandas may be absent.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np


def reader_of_numbers():
    """Float64 columns; every cell has kept to the grammar, or its line would be named."""
    from training.reading.read_csv import parse_csv

    def read(path):
        table = parse_csv(Path(path).read_bytes(), str(path))
        return np.column_stack([table.numbers(name, frozenset([""])).values for name in table.names])

    return read


def reader_of_inputs():
    """What a network takes: each column judged, standardised, float32."""
    from training.encoding.inputs import TableInputs
    from training.reading.read_csv import parse_csv

    def read(path):
        table = parse_csv(Path(path).read_bytes(), str(path))
        return TableInputs.fit(table, np.arange(len(table))).transform(table)

    return read


def reader_of_pandas():
    import pandas

    return lambda path: pandas.read_csv(path).to_numpy()


def reader_of_loadtxt():
    return lambda path: np.loadtxt(path, delimiter=",", skiprows=1)


READERS = {
    "ours": reader_of_numbers,
    "ours, as inputs": reader_of_inputs,
    "np.loadtxt": reader_of_loadtxt,
    "pandas": reader_of_pandas,
}


def read_once(name, path, size):
    """Print the seconds that one reading takes; "absent" where there is no such library."""
    try:
        read = READERS[name]()
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            raise
        print("absent")
        return
    start = time.process_time()
    table = read(path)
    print(time.process_time() - start)
    if table.size != size:
        raise SystemExit(f"{name} read {table.size} cells, expected {size}")


def seconds(name, path, size):
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--read", name, str(path), str(size)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    return None if said == "absent" else float(said)


def write(path, rows, columns):
    x = np.random.default_rng(0).normal(size=(rows, columns))
    header = ",".join(f"x{i}" for i in range(columns))
    np.savetxt(path, x, fmt="%.6g", delimiter=",", header=header, comments="")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    size, times = asked.rows * asked.columns, {name: [] for name in READERS}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "numbers.csv"
        write(path, asked.rows, asked.columns)
        for _ in range(asked.rounds):
            for name in READERS:
                times[name].append(seconds(name, path, size))
    print(f"{asked.rows} rows of {asked.columns} numbers of 6 digits, {asked.rounds} rounds")
    medians = {name: statistics.median(took) for name, took in times.items() if None not in took}
    for name, median in medians.items():
        print(f"{name:<16}{size / median / 1e6:>8.2f} million cells/s{median / medians['ours']:>8.2f}")
    print("(the last column: time, ours = 1)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--read"]:
        read_once(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
