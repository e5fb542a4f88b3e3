"""The adding problem: an LSTM reads 50 numbers, two of them marked, and says the sum of those two.

    python benchmarks/adding.py [--length 50] [--steps 4000] [--twin-steps 50]

It trains on fresh sequences until the mean squared error on 2,000 others, looked at every 100 steps, is below
0.01; always saying 1.0 gives 0.167. The loss curve beside PyTorch's needs the extra `peers`; --twin-steps 0
leaves it out.

Source: Hochreiter & Schmidhuber 1997, section 5.4
"""

import argparse
import time

import numpy as np
from twin import copy_weights, print_difference, step_of, twin_step_of

from layers import LSTM, Affine, LastStep, Sequential
from losses import MSE
from optim import Adam

HIDDEN, BATCH, CLIP = 64, 64, 1.0


def sequences(rng, n, length, dtype=np.float32):
    """x (n, length, 2), a number and its mark at each step, one mark in each half; the sums (n, 1)."""
    marks = np.zeros((n, length))
    for low, high in ((0, length // 2), (length // 2, length)):
        marks[np.arange(n), rng.integers(low, high, size=n)] = 1
    numbers = rng.random((n, length))
    x = np.stack([numbers, marks], axis=-1).astype(dtype)
    return x, (numbers * marks).sum(axis=1, keepdims=True).astype(dtype)


def network():
    rng = np.random.default_rng(0)
    model = Sequential(LSTM(2, HIDDEN, rng=rng), LastStep(), Affine(HIDDEN, 1, init="xavier_normal", rng=rng))
    model.input_grad = False
    return model


def twin_of(model):
    import torch

    class Twin(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.affine = torch.nn.LSTM(2, HIDDEN, batch_first=True), torch.nn.Linear(HIDDEN, 1)

        def forward(self, x):
            return self.affine(self.lstm(x)[0][:, -1])

    twin = Twin()
    names = {"weight_ih_l0": "W_x", "weight_hh_l0": "W_h", "bias_ih_l0": "b_x", "bias_hh_l0": "b_h"}
    ours = {f"lstm.{theirs}": f"0.{name}" for theirs, name in names.items()}
    copy_weights(model, twin, ours | {"affine.weight": "2.W", "affine.bias": "2.b"})
    return twin_step_of(twin, torch.nn.MSELoss(), torch.optim.Adam(twin.parameters(), lr=3e-3), CLIP)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--length", type=int, default=50)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--twin-steps", type=int, default=50)
    options = parser.parse_args()

    rng = np.random.default_rng(1)
    x_test, sums = sequences(rng, 2000, options.length)
    model, start = network(), time.perf_counter()
    step = step_of(model, MSE(), Adam(model.params, lr=3e-3), CLIP)
    error = MSE().forward(model.forward(x_test), sums)
    for done in range(1, options.steps + 1):
        step(*sequences(rng, BATCH, options.length))
        if done % 100 == 0 and (error := MSE().forward(model.forward(x_test), sums)) < 0.01:
            break
    print(
        f"adding problem of length {options.length}: mean squared error {error:.4f} (< 0.01) "
        f"after {done} steps, {time.perf_counter() - start:.0f} s"
    )

    if options.twin_steps:
        model = network().astype(np.float64)
        batches = [sequences(rng, BATCH, options.length, np.float64) for _ in range(options.twin_steps)]
        print_difference(step_of(model, MSE(), Adam(model.params, lr=3e-3), CLIP), twin_of(model), batches)


if __name__ == "__main__":
    main()
