"""NetClassifier and NetRegressor beside scikit-learn's MLPs, both as they come, on the same five folds.

    python benchmarks/scores_beside_sklearn.py [--seeds 1] [--data iris,wine] [--set "hidden=(32,)"]

Folds are stratified for classes and shuffled by the seed, which also starts the networks. scikit-learn's MLPs
stand behind a StandardScaler, and their regression target is in units of its deviation, as ours is inside.
The last column is the mean of the differences fold by fold, with the deviation of that mean.
"""

import argparse
import statistics
import sys
import time
import warnings
from ast import literal_eval
from math import sqrt
from pathlib import Path

from sklearn import datasets
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from training.estimators import NetClassifier, NetRegressor
from training.reading.builtin import friedman1, spirals

DATA = {  # name: (load, the score that both are asked for)
    "iris": (datasets.load_iris, "accuracy"),
    "wine": (datasets.load_wine, "accuracy"),
    "cancer": (datasets.load_breast_cancer, "accuracy"),
    "digits": (datasets.load_digits, "accuracy"),
    "diabetes": (datasets.load_diabetes, "r2"),
    "spirals": (lambda return_X_y: spirals(), "accuracy"),
    "friedman1": (lambda return_X_y: friedman1(), "r2"),
}


def pair(score, seed, **ours):
    """(ours, theirs), with their defaults but for what `ours` says."""
    if score == "accuracy":
        theirs = make_pipeline(StandardScaler(), MLPClassifier(random_state=seed))
        return NetClassifier(random_state=seed, **ours), theirs
    theirs = make_pipeline(StandardScaler(), MLPRegressor(random_state=seed))
    theirs = TransformedTargetRegressor(theirs, transformer=StandardScaler())
    return NetRegressor(random_state=seed, **ours), theirs


def scores(name, seeds, options):
    """A list of (ours, theirs), and the seconds of each, fold by fold."""
    load, score = DATA[name]
    X, y = load(return_X_y=True)
    folds = StratifiedKFold if score == "accuracy" else KFold
    values, seconds = [], [0.0, 0.0]
    for seed in range(seeds):
        for rows, held in folds(5, shuffle=True, random_state=seed).split(X, y):
            row = []
            for i, estimator in enumerate(pair(score, seed, **options)):
                start = time.perf_counter()
                row.append(clone(estimator).fit(X[rows], y[rows]).score(X[held], y[held]))
                seconds[i] += time.perf_counter() - start
            values.append(row)
    return values, [total / len(values) for total in seconds]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--data", default=",".join(DATA), metavar="NAMES")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="parameters of ours")
    options = parser.parse_args()
    chosen = {name: literal_eval(value) for name, _, value in (word.partition("=") for word in options.set)}
    warnings.simplefilter("ignore", ConvergenceWarning)  # 200 epochs is what they come with
    print(
        f"{'':<10}{'score':<10}{'ours':>15}{'s/fold':>8}{'scikit-learn':>17}{'s/fold':>8}{'difference':>20}"
    )
    for name in options.data.split(","):
        values, (ours_seconds, theirs_seconds) = scores(name, options.seeds, chosen)
        ours, theirs = zip(*values, strict=True)
        apart = [a - b for a, b in values]
        print(
            f"{name:<10}{DATA[name][1]:<10}"
            f"{statistics.mean(ours):>7.4f} ± {statistics.stdev(ours):.3f}{ours_seconds:>8.2f}"
            f"{statistics.mean(theirs):>9.4f} ± {statistics.stdev(theirs):.3f}{theirs_seconds:>8.2f}"
            f"{statistics.mean(apart):>+12.4f} ± {statistics.stdev(apart) / sqrt(len(apart)):.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
