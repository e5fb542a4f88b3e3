"""Time of one training step (forward, loss, backward, Adam) in float32, beside PyTorch.

    python benchmarks/steps.py [--rounds 7] [--seconds 1.0]

Each library runs in a process of its own, the processes in turn (A B A B ...), and the ratio is of medians.
PyTorch runs eagerly with the faster of its default and its fused Adam. Needs the extra `peers`.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import time

CASES = {  # sizes, batch
    "MLP 10-32-1, batch 32": ((10, 32, 1), 32),
    "MLP 64-64-32-10, batch 64": ((64, 64, 32, 10), 64),
    "MLP 784-256-128-10, batch 128": ((784, 256, 128, 10), 128),
}


def ours(sizes, batch):
    import numpy as np

    from layers import Affine, ReLU, Sequential
    from losses import MSE, SoftmaxCrossEntropy
    from optim import Adam

    rng = np.random.default_rng(0)
    rows = []
    for features, outputs in itertools.pairwise(sizes[:-1]):
        rows += [Affine(features, outputs, rng=rng), ReLU()]
    model = Sequential(*rows, Affine(*sizes[-2:], rng=rng))
    model.input_grad = False
    x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
    if sizes[-1] == 1:
        loss, target = MSE(), rng.standard_normal((batch, 1)).astype(np.float32)
    else:
        loss, target = SoftmaxCrossEntropy(), rng.integers(sizes[-1], size=batch)
    optimizer = Adam(model.params, lr=1e-3)

    def step():
        scores = model.forward(x)
        loss.forward(scores, target)
        _, grads = model.backward(loss.backward())
        optimizer.step(grads)

    return step


def pytorch(sizes, batch, fused):
    import torch

    torch.manual_seed(0)
    rows = []
    for features, outputs in itertools.pairwise(sizes[:-1]):
        rows += [torch.nn.Linear(features, outputs), torch.nn.ReLU()]
    model = torch.nn.Sequential(*rows, torch.nn.Linear(*sizes[-2:]))
    x = torch.randn(batch, sizes[0])
    if sizes[-1] == 1:
        loss, target = torch.nn.MSELoss(), torch.randn(batch, 1)
    else:
        loss, target = torch.nn.CrossEntropyLoss(), torch.randint(sizes[-1], (batch,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def step():
        optimizer.zero_grad()
        loss(model(x), target).backward()
        optimizer.step()

    return step


LIBRARIES = {
    "pullback": ours,
    "PyTorch": lambda sizes, batch: pytorch(sizes, batch, fused=False),
    "PyTorch, fused Adam": lambda sizes, batch: pytorch(sizes, batch, fused=True),
}


def worker(library, case, seconds):
    """The median time of a step, in microseconds, after a warm-up."""
    step = LIBRARIES[library](*CASES[case])
    end = time.perf_counter() + seconds / 3
    while time.perf_counter() < end:
        step()
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return 1e6 * statistics.median(times)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--worker", nargs=2, metavar=("LIBRARY", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(worker(*options.worker, options.seconds)))
        return
    print(f"{'one training step':<32}{'pullback':>12}{'PyTorch':>12}{'PyTorch / pullback':>22}")
    for case in CASES:
        times = {library: [] for library in LIBRARIES}
        for _ in range(options.rounds):
            for library in LIBRARIES:
                command = [
                    sys.executable,
                    __file__,
                    "--seconds",
                    str(options.seconds),
                    "--worker",
                    library,
                    case,
                ]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                times[library].append(json.loads(done.stdout))
        medians = {library: statistics.median(values) for library, values in times.items()}
        mine = medians.pop("pullback")
        best = min(medians.values())
        print(f"{case:<32}{mine:>9.0f} us{best:>9.0f} us{best / mine:>21.2f}x", flush=True)


if __name__ == "__main__":
    main()
