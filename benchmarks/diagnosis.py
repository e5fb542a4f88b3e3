"""How many wrong backwards are found, and for how many of them the cause: ours beside other checkers.

    python benchmarks/diagnosis.py [--held-out] [--only FILE] [--verbose]

The corpora are in benchmarks/mutants: layers and losses, each wrong in one way, with the kinds of findings
that may say so, written down before any run. Found is what does not pass; a mutant that expects the warning
`aliasing` is found by that. The cause is right where findings[0], kinks left out, is of an expected kind;
`unknown` says only where the numbers differ; what is left is misleading.

The other checkers see the same layers at the same inputs, every forward on a copy of its own; an exception
is a find. PyTorch's gradcheck runs as it is shipped, on the layer wrapped as an autograd.Function; JAX's and
autograd's are their rules: steps, directions and tolerances. They find; none of them names a cause.

Gradients are made smaller by a smaller upstream, those of a loss by other units of the loss. At other scales
some mistakes are none: a forward that overflows or refuses, and a gradient that agrees there with central
differences in extended precision though it does not at scale 1, are not counted for anyone.
"""

import argparse
import copy
import importlib
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the corpora and the table of layers belong to the tree, not to the packages

from gradcheck import check_layer, check_loss  # noqa: E402

OURS = (
    *("affine", "elementwise", "softmax", "gates", "networks", "losses", "contract", "reductions"),
    *("conv", "pools", "norms", "embedding", "recurrent", "attention", "deep"),
)
HELD_OUT = ("heldout",)
POINTS = {  # the factors of the gradient and of the inputs
    "gradient x 1": (1, 1),
    "x 1e-3": (1e-3, 1),
    "x 1e-6": (1e-6, 1),
    "inputs x 1000": (1, 1e3),
    "x 0.001": (1, 1e-3),
}


class InUnits:
    """A loss times a factor."""

    def __init__(self, loss, factor):
        self.loss, self.factor = loss, factor

    def forward(self, prediction, target):
        return self.factor * self.loss.forward(prediction, target)

    def backward(self, upstream=1.0):
        return self.factor * self.loss.backward(upstream)


class Point:
    """A layer or loss at an x, as a function of its arrays: the float inputs and the params, by gradient."""

    def __init__(self, layer, x, target=None, gradient=1, inputs=1):
        self.target, self.factor = target, gradient if target is None else 1
        self.given = layer if target is None or gradient == 1 else InUnits(layer, gradient)
        self.several = isinstance(x, tuple)
        parts = x if self.several else (x,)
        self.inputs = [part * float(inputs) if part.dtype.kind == "f" else part for part in parts]
        params = getattr(self.given, "params", {})
        memo = {id(param): param.astype(np.float64) for param in params.values()}
        self.layer = copy.deepcopy(self.given, memo)
        self.params = dict(getattr(self.layer, "params", {}))
        names = [f"x[{i}]" for i in range(len(self.inputs))] if self.several else ["x"]
        self.floats = [i for i, part in enumerate(self.inputs) if part.dtype.kind == "f"]
        self.arrays = {f"d{names[i]}": self.inputs[i] for i in self.floats}
        self.arrays |= {f"d{name}": param for name, param in self.params.items()}

    @property
    def x(self):
        return tuple(self.inputs) if self.several else self.inputs[0]

    def forward(self, arrays):
        """A layer of its own after its forward, and the outputs."""
        arrays = [np.array(array) for array in arrays]
        inputs, params = [part.copy() for part in self.inputs], arrays[len(self.floats) :]
        for i, array in zip(self.floats, arrays, strict=False):
            inputs[i] = array
        memo = {id(own): array for own, array in zip(self.params.values(), params, strict=True)}
        layer = copy.deepcopy(self.layer, memo)
        target = () if self.target is None else (copy.deepcopy(self.target),)
        y = layer.forward(tuple(inputs) if self.several else inputs[0], *target)
        self.tupled = isinstance(y, tuple)
        return layer, [self.factor * np.asarray(part) for part in (y if self.tupled else (y,))]

    def backward(self, layer, upstream):
        """The gradients of the arrays."""
        parts = [self.factor * part for part in upstream]
        if self.target is not None:
            return [layer.backward(float(parts[0]) if parts[0].ndim == 0 else parts[0])]
        dx, grads = layer.backward(tuple(parts) if self.tupled else parts[0])
        dx = [dx[i] for i in self.floats] if self.several else [dx] * len(self.floats)
        return dx + [grads[name] for name in self.params]

    def gradients(self, upstream):
        """The gradients, refused where one has another shape than its array."""
        layer, _ = self.forward(self.arrays.values())
        grads = [np.asarray(grad) for grad in self.backward(layer, upstream)]
        for array, grad in zip(self.arrays.values(), grads, strict=True):
            if grad.shape != array.shape:
                raise ValueError(f"a gradient {grad.shape} for {array.shape}")
        return grads

    def slope(self, directions, upstream, step):
        """d/dt sum(upstream * y) along the directions, by central differences."""
        arrays = list(self.arrays.values())
        ends = []
        for sign in (step, -step):
            _, y = self.forward(
                [a if v is None else a + sign * v for a, v in zip(arrays, directions, strict=True)]
            )
            ends.append(sum(np.sum(part * u) for part, u in zip(y, upstream, strict=True)))
        return (ends[0] - ends[1]) / (2 * step)


# The checkers: passes(point), where an exception is no pass.


def report_of(point):
    if point.target is not None:
        return check_loss(point.given, point.x, point.target)
    if point.factor == 1:
        return check_layer(point.given, point.x)
    _, outputs = point.forward(point.arrays.values())
    rng = np.random.default_rng(1)
    upstream = tuple(point.factor * rng.standard_normal(y.shape) for y in outputs)
    return check_layer(point.given, point.x, upstream=upstream if point.tupled else upstream[0])


def jax_rule(point):
    """One joint direction; a step of 1e-4; 1e-5 absolute and relative on the two scalars."""
    rng = np.random.RandomState(0)  # theirs
    directions = [rng.standard_normal(array.shape) for array in point.arrays.values()]
    _, y = point.forward(point.arrays.values())
    upstream = [rng.standard_normal(part.shape) for part in y]
    grads = point.gradients(upstream)
    analytic = sum(np.sum(grad * v) for grad, v in zip(grads, directions, strict=True))
    return bool(np.allclose(analytic, point.slope(directions, upstream, 1e-4), rtol=1e-5, atol=1e-5))


def autograd_rule(point):
    """A direction an argument; a step of 1e-6; 1e-6 absolute or relative to the sum; equal dtypes."""
    rng = np.random.default_rng(0)
    _, y = point.forward(point.arrays.values())
    for i, array in enumerate(point.arrays.values()):
        upstream = [rng.standard_normal(part.shape) for part in y]
        directions = [rng.standard_normal(array.shape) if i == j else None for j in range(len(point.arrays))]
        grad = point.gradients(upstream)[i]
        a, b = np.sum(grad * directions[i]), point.slope(directions, upstream, 1e-6)
        if grad.dtype != array.dtype or not (abs(a - b) < 1e-6 or abs(a - b) / abs(a + b) < 1e-6):
            return False
    return True


def pytorch(fast):
    """torch.autograd.gradcheck, or None where PyTorch is not installed."""
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)

    class Wrapped(torch.autograd.Function):
        @staticmethod
        def forward(ctx, point, *tensors):
            ctx.point = point
            ctx.layer, y = point.forward([tensor.detach().numpy() for tensor in tensors])
            y = tuple(torch.from_numpy(np.array(part)) for part in y)
            return y if len(y) > 1 else y[0]

        @staticmethod
        def backward(ctx, *upstream):
            grads = ctx.point.backward(ctx.layer, [u.numpy() for u in upstream])
            return None, *[None if g is None else torch.from_numpy(np.array(g, order="C")) for g in grads]

    def passes(point):
        tensors = [torch.tensor(array, requires_grad=True) for array in point.arrays.values()]
        return torch.autograd.gradcheck(lambda *t: Wrapped.apply(point, *t), tensors, fast_mode=fast)

    return passes


OTHERS = {
    "PyTorch, slow": pytorch(fast=False),
    "PyTorch, fast": pytorch(fast=True),
    "JAX's rule": jax_rule,
    "autograd's rule": autograd_rule,
}
OTHERS = {name: passes for name, passes in OTHERS.items() if passes}


def found_by(passes, point):
    try:
        return not passes(point)
    except Exception:
        return True


def seconds_of(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, time.perf_counter() - start


# Where a mistake shows at all, by differences that no checker here uses.


def shows(point):
    """Whether a gradient differs from central differences in extended precision; None where y is not finite.

    Along two directions an array, the best of four steps, each of two levels of Richardson's extrapolation.
    """
    rng = np.random.default_rng(2)
    try:
        _, y = point.forward(point.arrays.values())
    except Exception:
        return None
    if not all(np.isfinite(part).all() for part in y):
        return None
    upstream = [rng.standard_normal(part.shape) for part in y]
    try:
        grads = point.gradients(upstream)
    except Exception:
        return True
    wide = copy.copy(point)
    wide.arrays = {name: array.astype(np.longdouble) for name, array in point.arrays.items()}
    size = sum(np.sum(np.abs(part * u)) for part, u in zip(y, upstream, strict=True))
    return any(
        differs(wide, i, grad, upstream, rng.standard_normal(grad.shape), size)
        for i, grad in enumerate(grads)
        for _ in range(2)
    )


def differs(point, i, grad, upstream, v, size):
    arrays = list(point.arrays.values())
    directions = [v if i == j else None for j in range(len(arrays))]
    reach = float(np.max(np.abs(arrays[i]), initial=0)) or 1.0
    analytic, guesses = np.sum(grad * v), []
    for step in (1e-3, 1e-4, 1e-5, 1e-6):
        one, two, four = (point.slope(directions, upstream, reach * step / n) for n in (1, 2, 4))
        coarse, fine = (4 * two - one) / 3, (4 * four - two) / 3
        guesses.append((abs(fine - coarse), (16 * fine - coarse) / 15))
    error, numeric = min(guesses)
    larger, unit = max(abs(numeric), abs(analytic)), size / reach
    tolerance = 1e-9 * larger + 16 * np.finfo(float).eps * unit  # what rounding leaves of backward in float64
    trusted = error <= 1e-6 * larger + 1e-12 * unit
    return not abs(analytic - numeric) <= tolerance + (3 * error if trusted else 0)


# The tables.


@dataclass
class Verdict:
    mutant: object
    found: bool
    cause: str  # right, unknown or misleading
    got: str
    message: str
    ms: float
    forwards: int


def judge(mutant, point):
    try:
        report, seconds = seconds_of(report_of, point)
    except Exception as error:
        return Verdict(mutant, False, "misleading", type(error).__name__, str(error), np.nan, 0)
    findings = [finding for finding in report.findings if finding.kind != "kink"]
    kinds = [finding.kind for finding in findings]
    found = not report.passed or ("aliasing" in mutant.kinds and "aliasing" in kinds)
    got = kinds[0] if kinds else "nothing"
    cause = "right" if got in mutant.kinds else "unknown" if got == "unknown" else "misleading"
    return Verdict(
        mutant, found, cause, got, findings[0].message if findings else "", 1e3 * seconds, report.forwards
    )


def corpus(name):
    return importlib.import_module(f"benchmarks.mutants.{name}").MUTANTS


def point_of(mutant, gradient=1, inputs=1):
    rng = np.random.default_rng(7)

    def draw(x):
        if isinstance(x, np.ndarray):
            return x.copy()
        if all(isinstance(n, int) for n in x):
            return rng.standard_normal(x)
        return tuple(draw(part) for part in x)

    return Point(mutant.build(), draw(mutant.x), mutant.target, gradient, inputs)


def share(n, of):
    return f"{100 * n / of:.1f} %" if of else "-"


def causes(title, names, verbose):
    """The table of causes, file by file."""
    print(
        f"\n{title:<16}{'mutants':>9}{'found':>10}{'right':>10}{'unknown':>10}{'misleading':>12}{'ms':>9}{'max':>7}"
    )
    every = []
    for name in names:
        verdicts = [judge(mutant, point_of(mutant)) for mutant in corpus(name)]
        line(name, verdicts)
        every += verdicts
    if len(names) > 1:
        line("in all", every)
    forwards = [verdict.forwards for verdict in every]
    print(f"forwards with diagnosis: mean {np.mean(forwards):.0f}, max {max(forwards)}")
    for verdict in every:
        if verbose and not (verdict.found and verdict.cause == "right"):
            what = verdict.cause if verdict.found else "MISSED"
            expected = " or ".join(verdict.mutant.kinds)
            print(
                f"  {what:<11}{verdict.mutant.id}: expected {expected}, got {verdict.got}: {verdict.message}"
            )


def line(name, verdicts):
    found = sum(verdict.found for verdict in verdicts)
    counts = {
        cause: sum(v.cause == cause for v in verdicts if v.found)
        for cause in ("right", "unknown", "misleading")
    }
    shares = [share(n, len(verdicts)) for n in (found, *counts.values())]
    ms = [verdict.ms for verdict in verdicts]
    print(
        f"{name:<16}{len(verdicts):>9}{shares[0]:>10}{shares[1]:>10}{shares[2]:>10}{shares[3]:>12}"
        f"{np.nanmean(ms):>9.1f}{np.nanmax(ms):>7.0f}",
        flush=True,
    )


def detection(title, names, verbose):
    """The table of detection at other scales, checker by checker."""
    mutants = [mutant for name in names for mutant in corpus(name)]
    found, left_out = {name: {at: [] for at in POINTS} for name in ("ours", *OTHERS)}, []
    seconds = dict.fromkeys(found, 0.0)
    for mutant in mutants:
        plain = shows(point_of(mutant))
        for at, factors in POINTS.items():
            here = plain if factors == (1, 1) else shows(point_of(mutant, *factors))
            if here is None or (plain and not here):
                left_out.append((at, mutant.id, "no finite forward" if here is None else "right there"))
                continue
            for name in found:
                point = point_of(mutant, *factors)
                start = time.perf_counter()
                one = found_by(OTHERS[name], point) if name in OTHERS else judge(mutant, point).found
                seconds[name] += (time.perf_counter() - start) * (factors == (1, 1))
                found[name][at].append((one, mutant.id))
    print(f"\n{title:<18}" + "".join(f"{at:>15}" for at in POINTS) + f"{'ms':>9}")
    for name, by_point in found.items():
        shares = "".join(f"{share(sum(one for one, _ in all), len(all)):>15}" for all in by_point.values())
        print(f"{name:<18}{shares}{1e3 * seconds[name] / len(mutants):>9.1f}")
    print(f"{'of':<18}" + "".join(f"{len(all):>15}" for all in found["ours"].values()))
    for at in POINTS:
        why = [reason for point, _, reason in left_out if point == at]
        if why:
            print(
                f"{at}: {len(why)} not counted, {why.count('no finite forward')} without a finite forward "
                f"and {why.count('right there')} whose gradient is right there, by extended precision"
            )
    if verbose:
        for at, all in found["ours"].items():
            for id in (id for one, id in all if not one):
                print(f"  MISSED at {at}: {id}")
        for at, id, reason in left_out:
            print(f"  not counted at {at}: {id} ({reason})")


def right_layers():
    """Time and false alarms on the layers of tests/cases.py."""
    from tests.cases import LAYERS

    points = [Point(case.build(), case.x(np.random.default_rng(3))) for case in LAYERS]
    head = f"{len(points)} right layers"
    print(f"\n{head:<18}{'false alarms':>15}{'ms':>9}{'max':>9}{'forwards':>11}{'max':>7}")
    for name in ("ours", *OTHERS):
        passes = OTHERS.get(name, lambda point: report_of(point).passed)
        found_by(passes, points[0])  # the first call imports
        timed = [seconds_of(found_by, passes, point) for point in points]
        alarms, ms = sum(alarm for alarm, _ in timed), [1e3 * seconds for _, seconds in timed]
        text = f"{name:<18}{alarms:>15}{np.mean(ms):>9.1f}{max(ms):>9.1f}"
        if name == "ours":
            forwards = [report_of(point).forwards for point in points]
            text += f"{np.mean(forwards):>11.0f}{max(forwards):>7}"
        print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--held-out", action="store_true", help="the held-out corpus too")
    parser.add_argument("--only", metavar="FILE", choices=OURS + HELD_OUT, help="one file of the corpora")
    parser.add_argument("--verbose", action="store_true", help="list what is missed, unknown and misleading")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    if "PyTorch, slow" not in OTHERS:
        print("PyTorch is not installed (extra: peers): without it")
    if options.only:
        corpora = {options.only: (options.only,)}
    else:
        corpora = {"ours": OURS, **({"held out": HELD_OUT} if options.held_out else {})}
    check_layer(corpus("affine")[0].build(), (3, 5))  # the first check imports
    for title, names in corpora.items():
        causes(title, names, options.verbose)
    right_layers()
    for title, names in corpora.items():
        detection(title, names, options.verbose)


if __name__ == "__main__":
    main()
