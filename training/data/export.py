"""Write iris.csv, digits.csv.gz and diabetes.csv from the copies in the scikit-learn package.

python training/data/export.py [FOLDER]
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Iterable
from pathlib import Path

from sklearn.datasets import load_diabetes, load_digits, load_iris


def as_csv(names: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A header and rows as CSV; numbers as short as they were measured."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([f"{cell:.10g}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    return file.getvalue().encode("ascii")


def iris() -> bytes:
    data = load_iris()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]
    species = data.target_names[data.target].tolist()
    return as_csv(names, ([*x, y] for x, y in zip(data.data.tolist(), species, strict=True)))


def digits() -> bytes:
    data = load_digits()
    rows = zip(data.data.tolist(), data.target.tolist(), strict=True)
    return as_csv([*data.feature_names, "digit"], ([*x, y] for x, y in rows))


def diabetes() -> bytes:
    data = load_diabetes(scaled=False)
    rows = zip(data.data.tolist(), data.target.tolist(), strict=True)
    return as_csv([*data.feature_names, "progression"], ([*x, y] for x, y in rows))


def main(folder: Path) -> None:
    (folder / "iris.csv").write_bytes(iris())
    (folder / "diabetes.csv").write_bytes(diabetes())
    (folder / "digits.csv.gz").write_bytes(gzip.compress(digits(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
