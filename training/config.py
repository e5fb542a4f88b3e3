"""What a run writes down about itself: config.json, and what model.npz says beside the weights."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from .options import Options
from .plan import Plan
from .prepare import Prepared
from .reading.builtin import BUILTIN, FILES

UNTOLD = ("given", "debug")


def config(options: Options, prepared: Prepared, plan: Plan, argv: Sequence[str]) -> dict[str, Any]:
    """Everything that this run depends on, in plain JSON values.

    `options` holds what was used, also where the option said "auto" or nothing; `origin` who said so.
    """
    asked = {
        field.name: getattr(options, field.name) for field in fields(options) if field.name not in UNTOLD
    }
    used = {
        "target": prepared.data.target_name,
        "task": prepared.kind.task,
        "loss": plan.loss_name,
        "lr": plan.rate,
        "batch_size": plan.batch_size,
        "patience": plan.patience,
    }
    sources = {"data": options.data, "val": options.val, "test": options.test}
    return {
        "argv": list(argv),
        "options": asked | used,
        "origin": {name: "cli" if name in options.given else "default" for name in asked},
        "rows": {name: len(part) for name, part in prepared.parts.items()},
        "input_shape": list(prepared.inputs.shape),
        **{f"{name}_sha256": sha256(file) for name, file in sources.items() if isinstance(file, str)},
        "versions": versions(),
    }


def model_meta(options: Options, prepared: Prepared, plan: Plan) -> dict[str, Any]:
    """What predict.py needs beside the weights."""
    return {
        "task": prepared.kind.task,
        "network": plan.network,
        "dtype": options.dtype,
        "inputs": prepared.inputs.to_dict(),
        "targets": prepared.kind.targets.to_dict(),
        "target_name": prepared.data.target_name,
        "reading": {
            "sep": options.sep,
            "header": not options.no_header,
            "encoding": options.encoding,
            "missing": list(options.missing_values),
        },
    }


def sha256(source: str) -> str | None:
    """The digest of a data file as sha256sum prints it; of a folder, of its IDX files one after the other.

    None for a generated dataset, which the version of this program settles.
    """
    digest, paths = hashlib.sha256(), data_paths(source)
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest() if paths else None


def data_paths(source: str) -> list[Path]:
    """The files that hold the data, in the order of their names."""
    name = source.partition(":")[0]
    if name in BUILTIN:
        return [Path(str(files("training") / "data" / FILES[name]))] if name in FILES else []
    path = Path(source)
    return sorted(path.glob("*-ubyte*")) if path.is_dir() else [path]


def versions() -> dict[str, str]:
    """Of all that numbers may depend on."""
    from importlib import metadata  # slow to import, and --help has no need of it

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    try:
        ours = metadata.version("pullback")
    except metadata.PackageNotFoundError:
        ours = "a checkout"
    return {
        "pullback": ours,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "platform": platform.platform(),
    }
