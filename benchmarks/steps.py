"""Time and memory of one training step (forward, loss, backward, Adam) and of predicting, in float32.

    python benchmarks/steps.py [--only NAME] [--rounds 5] [--seconds 1.0]

Each library runs in a process of its own, the processes in turn (A B C A B C ...), and what is compared is
the median over the rounds of their medians. PyTorch runs eagerly, with the faster of its default and its
fused Adam; JAX with the whole step compiled; scikit-learn by partial_fit. "products" are the matrix products
of an MLP's step and nothing else, in NumPy. Memory is the peak of the whole process, and how far that is
above the one after the imports. --only takes the cases with NAME in their name. The peers are the extra
`peers`; one that is absent is left out.
"""

import argparse
import importlib
import json
import statistics
import subprocess
import sys
import time

CASES = {  # the network, its sizes, and the batch
    "MLP 10-32-1": ("mlp", (10, 32, 1), 32),
    "MLP 64-64-32-10": ("mlp", (64, 64, 32, 10), 64),
    "MLP 784-256-128-10": ("mlp", (784, 256, 128, 10), 128),
    "MLP 784-1024-1024-10": ("mlp", (784, 1024, 1024, 10), 256),
    "LeNet, 28 x 28": ("lenet", (1, 28, 28), 64),
    "ResNet, 32 x 32": ("resnet", (3, 32, 32), 32),
    "LSTM 64-128, T = 50": ("lstm", (50, 64, 128), 32),
    "2 causal blocks, dim 256, T = 128": ("transformer", (128, 256, 8), 8),
}
PREDICTIONS = (1, 1024)  # rows; of the MLPs
LIBRARIES = {  # how it is called: the module here, and what else it is told
    "pullback": ("steps_pullback", {}),
    "PyTorch": ("steps_pytorch", {}),
    "PyTorch, fused": ("steps_pytorch", {"fused": True}),
    "JAX": ("steps_jax", {}),
    "scikit-learn": ("steps_sklearn", {}),
    "products": ("steps_products", {}),
}
COLUMNS = ("pullback", "PyTorch", "JAX", "scikit-learn", "products")


def peak():
    """The most memory that the process has had, in megabytes."""
    import resource  # not on Windows

    per_megabyte = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_megabyte


def worker(library, case, rows, seconds):
    """Of a step, or of predicting so many rows: microseconds, megabytes in all, and above the imports.

    A word if the library is absent, None where it has no such network.
    """
    name, options = LIBRARIES[library]
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        return f"{library}: no module {error.name}"
    kind, sizes, batch = CASES[case]
    before = peak()
    build = module.prediction if rows else module.training
    call = build(kind, sizes, rows or batch, **options)
    if call is None:
        return None  # it has no such network
    times = []
    end = time.perf_counter() + seconds / 3
    while len(times) < 3 or time.perf_counter() < end:  # a warm-up
        times.append(timed(call))
    memory = peak(), peak() - before
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        times.append(timed(call))
    return 1e6 * statistics.median(times), *memory


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def measure(case, rows, options):
    """The medians of what worker returns, by library, of those that are there."""
    figures = {library: [] for library in LIBRARIES}
    for _ in range(options.rounds):
        for library in list(figures):
            if library == "PyTorch, fused" and rows:
                continue  # predicting has no optimizer
            command = [sys.executable, "-W", "ignore", __file__, "--seconds", str(options.seconds)]
            command += ["--worker", library, case, str(rows)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            figure = json.loads(done.stdout)
            if isinstance(figure, str):
                print(figure, file=sys.stderr)
            if isinstance(figure, list):
                figures[library].append(figure)
            else:
                del figures[library]
    medians = {
        library: tuple(map(statistics.median, zip(*values, strict=True)))
        for library, values in figures.items()
        if values
    }
    fused = medians.pop("PyTorch, fused", None)
    if fused:
        medians["PyTorch"] = min(medians["PyTorch"], fused)
    return medians


def line(title, cells, last):
    print(f"{title:<44}" + "".join(f"{cell:>14}" for cell in cells) + f"{last:>12}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="NAME", help="the cases with this in their name")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each library in each round")
    parser.add_argument("--worker", nargs=3, metavar=("LIBRARY", "CASE", "ROWS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        library, case, rows = options.worker
        print(json.dumps(worker(library, case, int(rows), options.seconds)))
        return
    chosen = [case for case in CASES if options.only in case]
    if not chosen:
        parser.error(f"--only: expected a part of one of {', '.join(CASES)}, got {options.only!r}")
    tasks = [(case, f"{case}, batch {CASES[case][2]}", 0) for case in chosen]
    for rows in PREDICTIONS:
        tasks += [(case, f"{case}, predict {rows}", rows) for case in chosen if CASES[case][0] == "mlp"]
    memory = {}
    line("microseconds", COLUMNS, "best peer x")
    for case, title, rows in tasks:
        medians = measure(case, rows, options)
        memory[title] = medians
        peers = [medians[library][0] for library in COLUMNS[1:4] if library in medians]
        ratio = f"{min(peers) / medians['pullback'][0]:.2f}" if peers else "-"
        line(title, [f"{medians[name][0]:,.0f}" if name in medians else "-" for name in COLUMNS], ratio)
    for which, title in enumerate(("megabytes, the whole process", "megabytes above the imports"), start=1):
        print()
        line(title, COLUMNS, "best peer x")
        for case, medians in memory.items():
            cells = {name: figures[which] for name, figures in medians.items()}
            peers = [cells[library] for library in COLUMNS[1:4] if library in cells]
            ratio = f"{min(peers) / max(cells['pullback'], 0.1):.2f}" if peers else "-"
            line(case, [f"{cells[name]:,.1f}" if name in cells else "-" for name in COLUMNS], ratio)


if __name__ == "__main__":
    main()
