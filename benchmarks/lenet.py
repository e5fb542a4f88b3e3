"""LeNet on MNIST: accuracy on the 10,000 test images after 2 epochs, and its loss curve beside PyTorch's.

    python benchmarks/lenet.py FOLDER [--epochs 2] [--limit 60000] [--twin-steps 50]

FOLDER holds the four IDX files. The network is that of train.py --arch lenet with ReLU. The twin needs the
extra `peers`; --twin-steps 0 leaves it out.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from twin import copy_weights, print_difference, step_of, twin_step_of

from losses import SoftmaxCrossEntropy
from optim import Adam
from optim.schedules import Cosine
from training.loop import predict
from training.network import lenet
from training.reading.read_arrays import read_idx

BATCH = 64


def network():
    model = lenet((1, 28, 28), 10, np.random.default_rng(0))
    model.input_grad = False
    return model


def twin_of(model):
    import torch
    from torch.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential

    twin = Sequential(
        *(Conv2d(1, 6, 5, padding=2), ReLU(), MaxPool2d(2), Conv2d(6, 16, 5), ReLU(), MaxPool2d(2)),
        *(Flatten(), Linear(400, 120), ReLU(), Linear(120, 84), ReLU(), Linear(84, 10)),
    )
    short = {"weight": "W", "bias": "b"}
    names = {name: f"{name.split('.')[0]}.{short[name.split('.')[1]]}" for name, _ in twin.named_parameters()}
    copy_weights(model, twin, names)
    return twin_step_of(twin, torch.nn.CrossEntropyLoss(), torch.optim.Adam(twin.parameters(), lr=1e-3))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--limit", type=int, default=60_000, help="training images")
    parser.add_argument("--twin-steps", type=int, default=50)
    options = parser.parse_args()

    data = read_idx(options.folder)
    x, x_test = (array.astype(np.float32) / 255 for array in (data.x[: options.limit], data.x_test))
    y, rng = data.y[: options.limit], np.random.default_rng(1)
    steps = options.epochs * -(-len(x) // BATCH)

    model, start = network(), time.perf_counter()
    step = step_of(model, SoftmaxCrossEntropy(), Adam(model.params, Cosine(2e-3, steps)))
    for _ in range(options.epochs):
        order = rng.permutation(len(x))
        for begin in range(0, len(x), BATCH):
            rows = order[begin : begin + BATCH]
            step(x[rows], y[rows])
    seconds = time.perf_counter() - start
    accuracy = (predict(model.eval(), x_test).argmax(axis=1) == data.y_test).mean()
    print(
        f"LeNet on MNIST, {options.epochs} epochs: accuracy {accuracy:.4f} (>= 0.985) after {seconds:.0f} s, "
        f"{options.epochs * len(x) / seconds:,.0f} images/s"
    )

    if options.twin_steps:
        model = network().astype(np.float64)
        chosen = [rng.integers(len(x), size=BATCH) for _ in range(options.twin_steps)]
        batches = [(x[rows].astype(np.float64), y[rows]) for rows in chosen]
        ours = step_of(model, SoftmaxCrossEntropy(), Adam(model.params, lr=1e-3))
        print_difference(ours, twin_of(model), batches)


if __name__ == "__main__":
    main()
