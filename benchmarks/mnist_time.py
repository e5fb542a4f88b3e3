"""Seconds to a test accuracy of 0.975 on MNIST, whole processes from start to end, beside a PyTorch script.

    python benchmarks/mnist_time.py FOLDER [--accuracy 0.975] [--rounds 3]

FOLDER holds the four IDX files. All train 784-256-128-10 with ReLU and Adam on batches of 128, without
dropout or decay, each for the fewest epochs that reach the accuracy with seed 0; then they run in turn, and
the median counts. The script (--plain, below) does nothing but train at the constant rate 0.001 and score,
with the images in one tensor. train.py also splits off a validation part, scores all parts and writes its
run directory; once at the same rate, and once with the schedule that gets there soonest. The peer is the
extra `peers`.
"""

import argparse
import gzip
import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MOST = 12  # epochs
SCHEDULES = {
    "train.py, the same": ("--schedule", "constant"),
    "train.py, one-cycle": ("--schedule", "one-cycle", "--lr", "0.003"),
}


def plain(folder, epochs):
    """Train with PyTorch and print the test accuracy."""
    import numpy as np
    import torch

    def read(name, offset):
        path = next(folder.glob(f"{name}*"))
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
        return torch.from_numpy(np.frombuffer(data, np.uint8, offset=offset).copy())

    def part(name):
        images = read(f"{name}-images", 16).reshape(-1, 784).float() / 255
        return images, read(f"{name}-labels", 8).long()

    torch.manual_seed(0)
    (x, y), (x_test, y_test) = part("train"), part("t10k")
    model = torch.nn.Sequential(
        *(torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 128), torch.nn.ReLU()),
        torch.nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    loss = torch.nn.CrossEntropyLoss()
    for _ in range(epochs):
        for rows in torch.randperm(len(x)).split(128):
            optimizer.zero_grad()
            loss(model(x[rows]), y[rows]).backward()
            optimizer.step()
    with torch.inference_mode():
        print((model(x_test).argmax(dim=1) == y_test).float().mean().item())


def ours(schedule, folder, epochs):
    """(seconds, test accuracy) of train.py."""
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(scratch) / "run"
        command = [sys.executable, ROOT / "train.py", folder, "--hidden", "256,128", "--batch-size", "128"]
        command += ["--activation", "relu", "--dropout", "0", "--weight-decay", "0", *schedule]
        command += ["--epochs", str(epochs), "--progress", "none", "--no-plots", "--run", run]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        return seconds, json.loads((run / "metrics.json").read_text())["test"]["accuracy"]


def theirs(folder, epochs):
    """(seconds, test accuracy) of the PyTorch script."""
    command = [sys.executable, __file__, folder, "--plain", str(epochs)]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return time.perf_counter() - start, float(done.stdout)


def fewest(name, run, folder, accuracy):
    """The fewest epochs that reach the accuracy."""
    for epochs in range(1, MOST + 1):
        if run(folder, epochs)[1] >= accuracy:
            return epochs
    raise SystemExit(f"{name}: {accuracy} is not reached in {MOST} epochs")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--accuracy", type=float, default=0.975)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--plain", type=int, metavar="EPOCHS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        plain(options.folder, options.plain)
        return
    runs = {name: partial(ours, schedule) for name, schedule in SCHEDULES.items()}
    if importlib.util.find_spec("torch"):
        runs["PyTorch script"] = theirs
    else:
        print("PyTorch is not installed and left out", file=sys.stderr)
    epochs = {name: fewest(name, run, options.folder, options.accuracy) for name, run in runs.items()}
    results = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            results[name].append(run(options.folder, epochs[name]))
    for name, values in results.items():
        seconds, accuracies = zip(*values, strict=True)
        print(
            f"{name:<20}{statistics.median(seconds):>7.1f} s{epochs[name]:>5} epochs"
            f"   test accuracy {min(accuracies):.4f}"
        )


if __name__ == "__main__":
    main()
